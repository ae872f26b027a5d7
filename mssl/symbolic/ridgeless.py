"""The limit of no ridge, on both sides of n = d."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity, Positivity
from .errors import risk_equivalents
from .isotropic import isotropic_kappa, isotropic_risk
from .populations import SymbolicPopulation, atoms
from .reduction import at_zero, inverted
from .symbols import gamma, kappa, lam, n, s


@dataclass(frozen=True)
class RidgelessManySamples(Derivation):
    r"""Result of :func:`ridgeless_many_samples`: limits, one entry per kind of coordinate.

    Attributes
    ----------
    kappa_over_ridge : sympy expression
        :math:`\kappa/\lambda`.
    bayes_error, test_error, coef_norm : tuple of sympy expression
        :math:`1/(\Sigma^{-1})_{kk}`, :math:`E_k` and :math:`\|a_k\|^2`.
    claims : tuple of Identity
        What was derived, as :func:`ridgeless_many_samples` lists it.
    """

    kappa_over_ridge: sp.Expr
    bayes_error: tuple[sp.Expr, ...]
    test_error: tuple[sp.Expr, ...]
    coef_norm: tuple[sp.Expr, ...]
    claims: tuple[Claim, ...]


def ridgeless_many_samples(population: SymbolicPopulation | None = None) -> RidgelessManySamples:
    r"""The limit of no ridge with more samples than coordinates.

    .. math::
        \frac{\kappa}{\lambda} \to \frac{1}{1 - \gamma}, \qquad
        E_k \to \frac{1}{1 - \gamma}\,\frac{1}{(\Sigma^{-1})_{kk}}, \qquad
        \|a_k\|^2 \to \|a^*_k\|^2
        + \frac{\frac1n\operatorname{Tr}\Sigma^{-1}}{1 - \gamma}\,\frac{1}{(\Sigma^{-1})_{kk}}

    where :math:`1/(\Sigma^{-1})_{kk}` is the Bayes error and
    :math:`\|a^*_k\|^2 = (\Sigma^{-2})_{kk}/(\Sigma^{-1})_{kk}^2 - 1` the norm of the Bayes
    predictor: the norm is a bias-free part plus the noise that fitting adds.

    Implements :theorem:`prop-ridgeless-over`.

    Parameters
    ----------
    population : SymbolicPopulation, optional
        Two generic atoms by default.

    Returns
    -------
    RidgelessManySamples
        ``claims``: the limits, taken of the expressions of :func:`risk_equivalents` as kappa goes
        to zero (which the ridge does at the same time, since gamma < 1); they are compared with
        the right-hand sides above.

    Notes
    -----
    Valid for n > d and a nonsingular covariance. Uncorrelated coordinates of equal variance have
    :math:`\|a_k\|^2 \to \gamma/(1 - \gamma)` although their best predictor is zero.

    References
    ----------
    T. Hastie, A. Montanari, S. Rosset and R. J. Tibshirani, Surprises in high-dimensional
    ridgeless least squares interpolation, Annals of Statistics 50 (2022).
    """
    population = atoms(2) if population is None else population
    size = population.size
    risk = risk_equivalents(population)
    ratio = population.d / n
    inverse = inverted(population.matrix)
    squared = inverse * inverse

    factor = at_zero(kappa / risk.ridge, kappa)
    test = tuple(at_zero(e, kappa) for e in risk.test_error)
    norm = tuple(at_zero(e, kappa) for e in risk.coef_norm)
    bayes = tuple(sp.cancel(1 / inverse[k, k]) for k in range(size))

    claims: list[Claim] = [Identity("kappa against the ridge", factor, 1 / (1 - ratio))]
    for k in range(size):
        bayes_norm = squared[k, k] / inverse[k, k] ** 2 - 1
        added = population.trace(inverse) / n / (1 - ratio) * bayes[k]
        claims += [
            Identity(f"test error of coordinate {k + 1}", test[k], bayes[k] / (1 - ratio)),
            Identity(f"norm of column {k + 1}", norm[k], bayes_norm + added),
        ]
    return RidgelessManySamples(factor, bayes, test, norm, tuple(claims))


@dataclass(frozen=True)
class RidgelessFewSamples(Derivation):
    """Result of :func:`ridgeless_few_samples`.

    Attributes
    ----------
    kappa, test_error, coef_norm : sympy expression
        The isotropic limits, in ``gamma`` and the variance ``s``.
    peak : sympy expression
        The test error at n = d for a small ridge.
    a, b, w : sympy symbol
        Two variances, and the share of the first.
    two_atom_kappa : sympy expression
        Their limit of kappa.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`ridgeless_few_samples` lists it.
    """

    kappa: sp.Expr
    test_error: sp.Expr
    coef_norm: sp.Expr
    peak: sp.Expr
    a: sp.Symbol
    b: sp.Symbol
    w: sp.Symbol
    two_atom_kappa: sp.Expr
    claims: tuple[Claim, ...]


def ridgeless_few_samples() -> RidgelessFewSamples:
    r"""The limit of no ridge with fewer samples than coordinates, and the peak between.

    .. math::
        \mathrm{df}_1(\kappa_0) = n; \qquad
        \Sigma = sI: \quad \kappa_0 = s(\gamma - 1), \quad
        E \to \frac{s\gamma}{\gamma - 1}, \quad
        \frac1d\|\hat A\|_F^2 \to \frac{1}{\gamma - 1}

    For any covariance :math:`\|a_k\|^2 \to 1/(\kappa_0 R_{kk}) - 1` and the training error tends
    to zero: put :math:`\lambda/\kappa \to 0` into the formulas of :func:`risk_equivalents`, where
    the test error stays finite. At n = d both sides diverge and
    a small ridge leaves :math:`E \simeq \tfrac12 s\sqrt{s/\lambda}`. With two distinct variances
    :math:`\kappa_0` is the positive root of a quadratic; the product of its roots is
    :math:`ab(1 - \gamma) < 0`, so there is exactly one.

    Implements :theorem:`prop-ridgeless-under` and :theorem:`prop-peak`.

    Returns
    -------
    RidgelessFewSamples
        ``claims``: isotropic limits from the closed form of :func:`isotropic_risk`; the peak; the
        quadratic for two atoms, and the sign of the product of its roots.

    Notes
    -----
    Valid for gamma > 1; the claims substitute :math:`\gamma = 1 + e` with :math:`e > 0`.

    References
    ----------
    T. Hastie, A. Montanari, S. Rosset and R. J. Tibshirani, Surprises in high-dimensional
    ridgeless least squares interpolation, Annals of Statistics 50 (2022).
    """
    e = sp.Symbol("e", positive=True)
    risk, effective = isotropic_risk(), isotropic_kappa().kappa
    above = {gamma: 1 + e}
    start = sp.simplify(effective.subs(above).subs(lam, 0))

    kappa_zero = s * (gamma - 1)
    test_error = s * gamma / (gamma - 1)
    coef_norm = 1 / (gamma - 1)

    # At n = d the natural small quantity is the square root of the ridge.
    small = sp.Symbol("epsilon", positive=True)
    at_peak = risk.test_error.subs({gamma: 1, lam: small**2})
    peak = s * sp.sqrt(s / lam) / 2

    a, b, w = sp.symbols("a b w", positive=True)
    half = (gamma * (w * a + (1 - w) * b) - a - b) / 2
    two_atoms = half + sp.sqrt(half**2 + a * b * (gamma - 1))
    conjugate = half - sp.sqrt(half**2 + a * b * (gamma - 1))
    share = w * a / (a + two_atoms) + (1 - w) * b / (b + two_atoms)
    return RidgelessFewSamples(
        kappa=kappa_zero,
        test_error=test_error,
        coef_norm=coef_norm,
        peak=peak,
        a=a,
        b=b,
        w=w,
        two_atom_kappa=two_atoms,
        claims=(
            Identity("kappa stays positive", start, kappa_zero.subs(above)),
            Identity(
                "test error",
                sp.simplify(risk.test_error.subs(above).subs(lam, 0)),
                test_error.subs(above),
            ),
            Identity(
                "norm",
                sp.limit(risk.coef_norm.subs(above), lam, 0, "+"),
                coef_norm.subs(above),
            ),
            Identity(
                "height of the peak",
                sp.limit(at_peak * small, small, 0, "+"),
                sp.limit(peak.subs(lam, small**2) * small, small, 0, "+"),
            ),
            Identity("two atoms: df1 = n", gamma * share, sp.S(1)),
            Positivity(
                "two atoms: the roots have opposite signs",
                sp.expand(-two_atoms * conjugate).subs(above),
            ),
        ),
    )
