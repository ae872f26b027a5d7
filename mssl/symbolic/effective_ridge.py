"""The effective ridge kappa: how it moves with the ridge, and why Newton finds it."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity, Positivity
from .populations import SymbolicPopulation, atoms
from .symbols import kappa, lam, n


@dataclass(frozen=True)
class RidgeDerivative(Derivation):
    r"""Result of :func:`ridge_derivative`, as functions of kappa and the spectrum.

    Attributes
    ----------
    fixed_point : sympy expression
        :math:`F(\kappa, \lambda)`, which vanishes at the effective ridge.
    derivative : sympy expression
        :math:`d\kappa/d\lambda`.
    df1, df2 : sympy expression
        Degrees of freedom.
    claims : tuple of Identity
        What was derived, as :func:`ridge_derivative` lists it.
    """

    fixed_point: sp.Expr
    derivative: sp.Expr
    df1: sp.Expr
    df2: sp.Expr
    claims: tuple[Claim, ...]


def ridge_derivative(population: SymbolicPopulation | None = None) -> RidgeDerivative:
    r"""Derivative of the effective ridge by implicit differentiation.

    .. math::
        \frac{d\kappa}{d\lambda} = \frac{1}{1 - \mathrm{df}_2/n}, \qquad
        \mathrm{df}_1 = \operatorname{Tr}\Sigma R, \quad
        \mathrm{df}_2 = \operatorname{Tr}(\Sigma R)^2, \quad R = (\Sigma + \kappa I)^{-1}

    With :math:`F(\kappa, \lambda) = \kappa - \kappa\,\mathrm{df}_1(\kappa)/n - \lambda` the
    derivative is :math:`-F_\lambda/F_\kappa`.

    Implements :theorem:`cor-kappa-derivative`.

    Parameters
    ----------
    population : SymbolicPopulation, optional
        Three generic atoms by default.

    Returns
    -------
    RidgeDerivative
        ``claims``: the derivative; :math:`\mathrm{df}_2 = d(\kappa\,\mathrm{df}_1)/d\kappa`.
    """
    population = atoms() if population is None else population
    df1, df2 = population.df1(), population.df2()
    fixed_point = kappa - kappa * df1 / n - lam
    derivative = -sp.diff(fixed_point, lam) / sp.diff(fixed_point, kappa)
    return RidgeDerivative(
        fixed_point=fixed_point,
        derivative=derivative,
        df1=df1,
        df2=df2,
        claims=(
            Identity("derivative of kappa", derivative, 1 / (1 - df2 / n)),
            Identity("df2 from df1", sp.diff(kappa * df1, kappa), df2),
        ),
    )


@dataclass(frozen=True)
class KappaNewton(Derivation):
    """Result of :func:`kappa_newton`, as functions of kappa and of m atoms.

    Attributes
    ----------
    function, slope, curvature : sympy expression
        :math:`F`, :math:`F'` and :math:`F''`.
    start : sympy expression
        Where the iteration starts, to the right of the root.
    step : sympy expression
        Where it goes from kappa.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`kappa_newton` lists it.
    """

    function: sp.Expr
    slope: sp.Expr
    curvature: sp.Expr
    start: sp.Expr
    step: sp.Expr
    claims: tuple[Claim, ...]


def kappa_newton(m: int = 3) -> KappaNewton:
    r"""Why Newton's method from the right cannot fail for kappa.

    .. math::
        F(\kappa) = \kappa - \frac{\kappa}{n}\mathrm{df}_1(\kappa) - \lambda, \qquad
        F' = 1 - \frac{\mathrm{df}_2}{n}, \qquad
        F'' = \frac{2}{n}\operatorname{Tr}\Sigma^2(\Sigma + \kappa I)^{-3} > 0

    F is convex with :math:`F(0) = -\lambda < 0`, so it has one positive root and a positive slope
    there and beyond. From :math:`\kappa^{(0)} = \lambda + \frac1n\operatorname{Tr}\Sigma`, where F
    is positive, Newton's iterates decrease to the root and never pass it.

    Implements :theorem:`prop-newton`.

    Parameters
    ----------
    m : int
        Number of generic atoms.

    Returns
    -------
    KappaNewton
        ``claims``: value at zero, slope, curvature, sign at the start, and that the gap between
        chord and slope, :math:`\kappa F' - (F + \lambda)`, is positive (so the slope is positive
        wherever :math:`F + \lambda` is, the root included).

    Raises
    ------
    ValueError
        If m is not a positive integer.
    """
    population = atoms(m)
    function = kappa - kappa * population.df1() / n - lam
    slope, curvature = sp.diff(function, kappa), sp.diff(function, kappa, 2)
    start = lam + population.trace(population.matrix) / n
    third = population.resolvent() ** 3 * population.matrix**2
    return KappaNewton(
        function=function,
        slope=slope,
        curvature=curvature,
        start=start,
        step=kappa - function / slope,
        claims=(
            Identity("value at zero", function.subs(kappa, 0), -lam),
            Identity("slope", slope, 1 - population.df2() / n),
            Identity("curvature", curvature, 2 * population.trace(third) / n),
            Positivity("convex", curvature),
            Positivity("positive at the start", function.subs(kappa, start)),
            Positivity("slope exceeds chord", kappa * slope - function - lam),
        ),
    )
