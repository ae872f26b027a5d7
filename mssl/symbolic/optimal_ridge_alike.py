"""Best ridge when all coordinates are alike: an explicit curve for any spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .reduction import at_zero
from .spectral_means import Means, atom_means
from .symbols import gamma, kappa


@dataclass(frozen=True)
class AlikeOptimalRidge(Derivation):
    r"""Result of :func:`optimal_ridge_alike`.

    Attributes
    ----------
    r : sympy expression
        The undefined function :math:`r_1(\kappa)`.
    test_error : sympy expression
        E, in its terms.
    stationarity : sympy expression
        Has the sign of :math:`dE/d\kappa`.
    ratio, ridge : sympy expression
        The aspect ratio for which kappa is stationary, and the ridge there.
    few_features_law, many_features_law : sympy expression
        The optimal ridge for :math:`\gamma \to 0` and :math:`\gamma \to \infty`, of two variances
        a and b with shares w and 1 - w.
    claims : tuple of Identity
        What was derived, as :func:`optimal_ridge_alike` lists it.
    """

    r: sp.Expr
    test_error: sp.Expr
    stationarity: sp.Expr
    ratio: sp.Expr
    ridge: sp.Expr
    few_features_law: sp.Expr
    many_features_law: sp.Expr
    claims: tuple[Claim, ...]


def optimal_ridge_alike() -> AlikeOptimalRidge:
    r"""Best ridge when all coordinates are alike, solved for the aspect ratio.

    .. math::
        \gamma^*(\kappa) = \frac{B}{t + Bq}, \qquad
        \lambda^*(\kappa) = \kappa\,\frac{v^2}{r_1\,(t + Bq)} > 0, \qquad
        B = \frac{\kappa\,(r_1 r_3 - r_2^2)}{r_1 v}

    with the spectral means :math:`r_j = \langle(s + \kappa)^{-j}\rangle`,
    :math:`v = \langle s(s + \kappa)^{-2}\rangle`, :math:`q = \langle s^2(s + \kappa)^{-2}\rangle`,
    :math:`t = \langle s^2(s + \kappa)^{-3}\rangle`. When diag(R) is constant (stationary,
    exchangeable or block-exchangeable populations) :math:`E = v/(r_1^2(1 - \gamma q))`, and

    .. math:: \frac{1}{2}\frac{d\log E}{d\kappa} = B - \frac{\gamma t}{1 - \gamma q}

    so a larger ridge costs bias at the rate B and saves variance at the rate of the second term.
    The balance is linear in gamma: the curve of optimal ridge against aspect ratio is explicit with
    kappa as its parameter, for any spectrum, though kappa as a function of gamma closes only
    rarely. Its ends are

    .. math::
        \lambda^* \simeq \gamma\,\frac{m_1^3}{m_1m_3 - m_2^2} \;(\gamma \to 0), \qquad
        \lambda^* \simeq \gamma\,\frac{\mu_1^3}{\mu_2 - \mu_1^2} \;(\gamma \to \infty), \qquad
        m_j = \langle s^{-j}\rangle, \; \mu_j = \langle s^j\rangle

    Implements :theorem:`prop-best-ridge-alike`.

    Returns
    -------
    AlikeOptimalRidge
        ``claims``: the rate of E for an arbitrary function :math:`r_1(\kappa)` (hence any
        spectrum); that :math:`\gamma^*` balances it; that
        :math:`\kappa(1 - \gamma^*\langle s/(s+\kappa)\rangle)` is the ridge above, whose numerator
        is a square, so that an optimal ridge is never negative nor zero; that
        :math:`r_1r_3 - r_2^2` is a sum of squares, so B > 0 unless all variances are equal;
        and the two laws, for two generic atoms.

    Notes
    -----
    For positive variances that are not all equal an optimal ridge exists, positive and finite, at
    every aspect ratio: E falls at the ridgeless end, since there
    :math:`\gamma\langle s/(s + \kappa)\rangle` is 1 (or kappa is 0) while it is below 1 at
    :math:`\gamma = \gamma^*(\kappa)`, and rises at the far end, where :math:`\gamma^*` diverges.
    It need not be unique: see :func:`optimal_ridge_two_atoms`.
    """
    r = sp.Function("r", positive=True)(kappa)
    means = Means(r, -sp.diff(r, kappa), sp.diff(r, kappa, 2) / 2)
    test = means.v / (means.r1**2 * (1 - gamma * means.q))
    balance = means.bias - gamma * means.t / (1 - gamma * means.q)

    a, b, w = sp.symbols("a b w", positive=True)
    two = atom_means((a, b), (w, 1 - w))
    minus = [w / a**j + (1 - w) / b**j for j in (1, 2, 3)]
    plus = [w * a**j + (1 - w) * b**j for j in (1, 2)]
    few = minus[0] ** 3 / (minus[0] * minus[2] - minus[1] ** 2)
    many = plus[0] ** 3 / (plus[1] - plus[0] ** 2)
    far = sp.Symbol("u", positive=True)
    # kappa^2 v r_1 and the like cancel: the quotient is what stays finite at both ends.
    quotient = sp.cancel(sp.together(two.ridge / two.ratio))
    values, shares = sp.symbols("s1:4", positive=True), sp.symbols("w1:4", positive=True)
    three = atom_means(values, shares)
    grams = sp.Add(
        *(
            w1 * w2 * (s1 - s2) ** 2 / ((s1 + kappa) * (s2 + kappa)) ** 3
            for (s1, w1), (s2, w2) in combinations(zip(values, shares, strict=True), 2)
        )
    )
    return AlikeOptimalRidge(
        r=r,
        test_error=test,
        stationarity=balance,
        ratio=means.ratio,
        ridge=means.ridge,
        few_features_law=gamma * few,
        many_features_law=gamma * many,
        claims=(
            Identity("rate of the test error", sp.diff(test, kappa) / test, 2 * balance),
            Identity("stationary aspect ratio", balance.subs(gamma, means.ratio), sp.S(0)),
            Identity(
                "the optimal ridge is positive",
                kappa * (1 - means.ratio * (1 - kappa * means.r1)),
                means.ridge,
            ),
            Identity("bias is a sum of squares", three.r1 * three.r3 - three.r2**2, grams),
            Identity("few features per sample", at_zero(quotient, kappa), few),
            Identity("many features per sample", at_zero(quotient.subs(kappa, 1 / far), far), many),
        ),
    )
