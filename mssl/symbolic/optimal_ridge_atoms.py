"""Best ridge of a spectrum of two variances: a polynomial, and when its root is unique."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.polys.fields import field as fraction_field

from .derivation import Claim, Derivation, Identity, Positivity
from .reduction import positive_symbols
from .spectral_means import atom_means
from .symbols import gamma, kappa


@dataclass(frozen=True)
class TwoAtomOptimalRidge(Derivation):
    r"""Result of :func:`optimal_ridge_two_atoms`.

    Attributes
    ----------
    a, b, w : sympy symbol
        The two variances, and the share of the first.
    ratio, ridge : sympy expression
        :math:`\gamma^*` and :math:`\lambda^*` as functions of kappa.
    polynomial : sympy.Poly
        Vanishes at the stationary kappa, given ``gamma`` and the symbols above.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`optimal_ridge_two_atoms` lists it.
    """

    a: sp.Symbol
    b: sp.Symbol
    w: sp.Symbol
    ratio: sp.Expr
    ridge: sp.Expr
    polynomial: sp.Poly
    claims: tuple[Claim, ...]

    def stationary(self, a: sp.Rational, b: sp.Rational, w: sp.Rational, ratio: sp.Rational) -> int:
        """Number of stationary points of the test error over positive ridges, counted exactly.

        Parameters
        ----------
        a, b : rational
            The two variances, positive and distinct.
        w : rational
            Share of variance a, strictly between 0 and 1.
        ratio : rational
            The aspect ratio gamma.

        Returns
        -------
        int
            By Sturm's theorem, so that no numerical root is judged.

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        a, b, w, ratio = (sp.Rational(value) for value in (a, b, w, ratio))
        if a <= 0 or b <= 0 or a == b:
            raise ValueError(f"a and b must be positive and distinct, got {a} and {b}")
        if not 0 < w < 1:
            raise ValueError(f"w must lie strictly between 0 and 1, got {w}")
        if ratio <= 0:
            raise ValueError(f"ratio must be positive, got {ratio}")
        values = {self.a: a, self.b: b, self.w: w, gamma: ratio}
        polynomial = sp.Poly(self.polynomial.as_expr().subs(values), kappa)
        # A positive root has ratio = gamma*(kappa): its ridge is positive, as the general law says.
        return polynomial.count_roots(0, sp.oo)


def optimal_ridge_two_atoms() -> TwoAtomOptimalRidge:
    r"""Best ridge for a spectrum of two variances: a polynomial, and when its root is unique.

    .. math::
        \kappa\,w(1-w)(a-b)^2\,xy\,\big(x^2y^2 - \gamma(wa^2y^2 + (1-w)b^2x^2)\big)
        = \gamma\,\big(wa^2y^3 + (1-w)b^2x^3\big)\big(wy + (1-w)x\big)\big(way^2 + (1-w)bx^2\big)

    with :math:`x = a + \kappa`, :math:`y = b + \kappa`, and a share w of variance a. Groups of m
    equicorrelated unit-variance coordinates (correlation :math:`\rho`) are of this kind with
    :math:`a = 1 + (m-1)\rho`, :math:`b = 1 - \rho`, :math:`w = 1/m`, and have a constant diagonal.

    Implements :theorem:`prop-best-ridge-alike`.

    Returns
    -------
    TwoAtomOptimalRidge
        ``claims``: the polynomial has the zeros of :math:`\gamma^*(\kappa) = \gamma`; and
        :math:`1/\gamma^*` strictly decreases in kappa whenever the larger variance has a share of
        at most one half, so that the optimal ridge is then unique for every gamma.

    Notes
    -----
    The polynomial has degree seven in kappa and does not factor over the rational functions of
    its parameters: no closed root is offered. For w > 1/2 the optimal ridge need not be unique:
    variances 10 and 1 with share 9/10 at gamma = 9/20 have three stationary points,
    two minima with a maximum between.

    Examples
    --------
    >>> two = optimal_ridge_two_atoms()
    >>> two.polynomial.degree()
    7
    >>> two.stationary(10, 1, "1/2", "9/20"), two.stationary(10, 1, "9/10", "9/20")
    (1, 3)
    """
    a, b, w = sp.symbols("a b w", positive=True)
    means = atom_means((a, b), (w, 1 - w))
    x, y = a + kappa, b + kappa
    v = w * a * y**2 + (1 - w) * b * x**2
    q = w * a**2 * y**2 + (1 - w) * b**2 * x**2
    t = w * a**2 * y**3 + (1 - w) * b**2 * x**3
    mixed = w * y + (1 - w) * x
    gain = kappa * w * (1 - w) * (a - b) ** 2 * x * y
    condition = gain * (x**2 * y**2 - gamma * q) - gamma * t * mixed * v
    # The same condition solved for 1/gamma.
    inverse_ratio = q / (x * y) ** 2 + t * mixed * v / (gain * (x * y) ** 2)

    return TwoAtomOptimalRidge(
        a=a,
        b=b,
        w=w,
        ratio=means.ratio,
        ridge=means.ridge,
        polynomial=sp.Poly(sp.expand(condition), kappa),
        claims=(
            Identity("polynomial condition", inverse_ratio, 1 / means.ratio),
            Positivity(
                "unique if the larger variance has share below 1/2",
                _two_atom_uniqueness(lambda p: 1 / (2 + p)),
            ),
            Positivity(
                "unique if the larger variance has share 1/2",
                _two_atom_uniqueness(lambda p: sp.QQ(1, 2) * p**0),
            ),
        ),
    )


def _two_atom_uniqueness(share: Callable) -> sp.Expr:
    """Minus the derivative in kappa of 1/gamma*, for variances 1 + g and 1."""
    _, k, g, p = fraction_field("kappa, g, p", sp.QQ)
    w = share(p)
    x, y = 1 + g + k, 1 + k
    gain = k * w * (1 - w) * g**2 * x * y
    q = w * (1 + g) ** 2 * y**2 + (1 - w) * x**2
    t = w * (1 + g) ** 2 * y**3 + (1 - w) * x**3
    rest = (w * y + (1 - w) * x) * (w * (1 + g) * y**2 + (1 - w) * x**2)
    return positive_symbols(-((q + t * rest / gain) / (x * y) ** 2).diff(k).as_expr())
