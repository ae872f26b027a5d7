"""Best ridge of a long AR(1) series: an explicit curve, unique, with two simple ends."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy.polys.fields import field as fraction_field

from .derivation import Claim, Derivation, Identity, Positivity
from .reduction import positive_symbols
from .spectral_means import Means
from .symbols import gamma, kappa, rho


@dataclass(frozen=True)
class AR1OptimalRidge(Derivation):
    r"""Result of :func:`ar1_optimal_ridge`, in ``rho``.

    Attributes
    ----------
    rho : sympy symbol
        Correlation of neighbours.
    ratio, ridge : sympy expression
        :math:`\gamma^*` and :math:`\lambda^*` as functions of kappa.
    few_features_law, many_features_law : sympy expression
        The optimal ridge for :math:`\gamma \to 0` and :math:`\gamma \to \infty`.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`ar1_optimal_ridge` lists it.
    """

    rho: sp.Symbol
    ratio: sp.Expr
    ridge: sp.Expr
    few_features_law: sp.Expr
    many_features_law: sp.Expr
    claims: tuple[Claim, ...]


def ar1_optimal_ridge() -> AR1OptimalRidge:
    r"""Best ridge of a long AR(1) series: an explicit curve, unique, with two simple ends.

    .. math::
        \lambda^* \simeq \gamma\,\frac{4c^3}{c^4 - 1}
        = \gamma\,\frac{(1 + \rho^2)^3(1 - \rho^2)}{2\rho^2(1 + \rho^4)} \;(\gamma \to 0), \qquad
        \lambda^* \simeq \frac{\gamma}{c - 1} = \gamma\,\frac{1 - \rho^2}{2\rho^2}
        \;(\gamma \to \infty)

    The curve is :func:`optimal_ridge_alike` with the closed :math:`r_1 = (1 - 1/W)/\kappa` of
    :func:`ar1`.

    Implements :theorem:`prop-best-ridge-alike`.

    Returns
    -------
    AR1OptimalRidge
        ``claims``: the two ends from the Legendre moments; and that :math:`1/\gamma^*` strictly
        decreases in kappa for every rho in (0, 1), so that there is exactly one optimal ridge for
        every aspect ratio.

    Notes
    -----
    Uniqueness is decided after the substitution that makes W rational,
    :math:`\kappa + c = \eta(T + 1/T)/2`, :math:`W = \eta(T - 1/T)/2` with
    :math:`\eta = 2\rho/(1 - \rho^2)`, :math:`\rho = 1/(1 + p)`, :math:`T = 1 + p + g`: the
    positive quadrant of (p, g) is the strip 0 < rho < 1, kappa > 0, and the derivative becomes a
    quotient of two polynomials, of which every coefficient is positive.
    """
    c = (1 + rho**2) / (1 - rho**2)
    w = sp.sqrt(1 + 2 * (1 + rho**2) / (1 - rho**2) * kappa + kappa**2)
    means = _ar1_means(c, w, kappa)

    cc = sp.Symbol("c", positive=True)
    m1, m2, m3 = (sp.legendre(j, cc) for j in (1, 2, 3))
    mu1, mu2 = sp.legendre(0, cc), sp.legendre(1, cc)
    few = (1 + rho**2) ** 3 * (1 - rho**2) / (2 * rho**2 * (1 + rho**4))
    many = (1 - rho**2) / (2 * rho**2)
    few_general = m1**3 / (m1 * m3 - m2**2)
    return AR1OptimalRidge(
        rho=rho,
        ratio=means.ratio,
        ridge=means.ridge,
        few_features_law=gamma * few,
        many_features_law=gamma * many,
        claims=(
            Identity("few features, in c", few_general, 4 * cc**3 / (cc**4 - 1)),
            Identity("few features, in rho", few_general.subs(cc, c), few),
            Identity("many features", (mu1**3 / (mu2 - mu1**2)).subs(cc, c), many),
            Identity("second mean", means.r2, -sp.diff(means.r1, kappa)),
            Identity("third mean", means.r3, sp.diff(means.r1, kappa, 2) / 2),
            Positivity("the optimal ridge is unique", _ar1_uniqueness()),
        ),
    )


def _ar1_means(c: sp.Expr, w: sp.Expr, k: sp.Expr) -> Means:
    """The means r1, r2, r3 of the AR(1) spectrum; also usable with elements of a field."""
    r1 = (w - 1) / (k * w)
    v = (c + k) / w**3
    r2 = (r1 - v) / k
    r3 = (r2 + (w**2 - 3 * (c + k) ** 2) / w**5 / 2) / k
    return Means(r1, r2, r3)


def _ar1_uniqueness() -> sp.Expr:
    """Minus the derivative of 1/gamma*, as a rational function of two positive parameters."""
    # Arithmetic in the field of rational functions is far faster than on expression trees.
    _, p, g = fraction_field("p, g", sp.QQ)
    rho, big = 1 / (1 + p), 1 + p + g
    c = (1 + rho**2) / (1 - rho**2)
    eta = 2 * rho / (1 - rho**2)
    k, w = eta * (big + 1 / big) / 2 - c, eta * (big - 1 / big) / 2
    means = _ar1_means(c, w, k)
    q = (1 + c * k) / w**3
    t = (3 * (1 + c * k) * (c + k) - c * w**2) / w**5 / 2
    v = (c + k) / w**3
    bias = k * (means.r1 * means.r3 - means.r2**2) / (means.r1 * v)
    # kappa increases with g, so the sign of the derivative in g is that in kappa.
    return positive_symbols((-(q + t / bias).diff(g) / k.diff(g)).as_expr())
