"""Best ridge of strong factors in noise: a fourth root, and a cubic without noise."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity, Positivity
from .reduction import at_zero
from .spectral_means import atom_means
from .symbols import gamma, kappa


@dataclass(frozen=True)
class FactorOptimalRidge(Derivation):
    """Result of :func:`optimal_ridge_factors`.

    Attributes
    ----------
    a, b, w : sympy symbol
        Variance of a factor with its noise and of the noise, and the share of factors.
    kappa, ridge : sympy expression
        The optimal ones to leading order, for strong factors.
    cubic : sympy expression
        Vanishes at the optimal kappa for factors without noise.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`optimal_ridge_factors` lists it.
    """

    a: sp.Symbol
    b: sp.Symbol
    w: sp.Symbol
    kappa: sp.Expr
    ridge: sp.Expr
    cubic: sp.Expr
    claims: tuple[Claim, ...]


def optimal_ridge_factors() -> FactorOptimalRidge:
    r"""Isotropic noise plus many equally strong factors: where the optimal ridge closes.

    .. math::
        \kappa^* \simeq \left(\frac{\gamma(1-w)^2}{w(1-\gamma w)}\,a\,b^3\right)^{1/4},
        \qquad \lambda^* \simeq (1 - \gamma w)\,\kappa^* \qquad (a/b \to \infty,\; \gamma w < 1)

    A share w of the directions has variance a (factor plus noise), the rest has variance b
    (noise), and the diagonal is constant. With fewer factors than samples the optimal ridge grows
    only as the fourth root of the strength. Without noise (b = 0) the condition drops to a cubic,

    .. math::
        (1-w)\,x\,(x^2 - ga^2) = g\,a\,\kappa\,\big(\kappa + (1-w)a\big),
        \qquad x = a + \kappa, \; g = \gamma w

    whose root is the optimal ridge when there are more factors than samples (g > 1); for g < 1 no
    ridge is best, since factors without noise are then predicted without error.

    Returns
    -------
    FactorOptimalRidge
        ``claims``: both, as limits of the stationarity condition of :func:`optimal_ridge_alike`;
        and, for g > 1, that the cubic is negative at the ridgeless end
        :math:`\kappa_0 = a(g - 1)` and has a positive leading coefficient, so that a root with a
        positive ridge exists.
    """
    a, b, w, k, big = sp.symbols("a b w k A", positive=True)
    means = atom_means((a, b), (w, 1 - w))
    balance = means.bias * (1 - gamma * means.q) - gamma * means.t

    # kappa = b A k with a = b A^4 is the scale on which bias and variance balance.
    scaled = balance.subs({a: b / big**4, kappa: b * k / big}, simultaneous=True)
    leading = at_zero(scaled * b / big**3, big)
    expected = k * w * (1 - gamma * w) / (1 - w) - gamma * (1 - w) / k**3
    fourth_power = sp.solve(sp.expand(expected * k**3).subs(k**4, k), k)[0]
    effective = (gamma * (1 - w) ** 2 / (w * (1 - gamma * w)) * a * b**3) ** sp.Rational(1, 4)

    x, g = a + kappa, gamma * w
    cubic = (1 - w) * x * (x**2 - g * a**2) - g * a * kappa * (kappa + (1 - w) * a)
    noiseless = at_zero(balance, b)
    multiple = a / (x**3 * kappa * (kappa + (1 - w) * a))

    e, p = sp.symbols("e p", positive=True)
    ends = {gamma: (1 + e) * (1 + p), w: 1 / (1 + p), kappa: a * e}
    return FactorOptimalRidge(
        a=a,
        b=b,
        w=w,
        kappa=effective,
        ridge=(1 - gamma * w) * effective,
        cubic=cubic,
        claims=(
            Identity("leading balance for strong factors", leading, expected),
            Identity("strong factors: the root", effective**4, a * b**3 * fourth_power),
            Identity("cubic without noise", noiseless, cubic * multiple),
            Positivity(
                "more factors than samples: ridgeless is not best",
                -cubic.subs(ends, simultaneous=True),
            ),
            Positivity(
                "the cubic turns positive",
                sp.Poly(sp.expand(cubic), kappa).LC().subs(w, 1 / (1 + p)),
            ),
        ),
    )
