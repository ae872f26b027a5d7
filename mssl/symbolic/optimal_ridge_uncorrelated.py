"""Best ridge of uncorrelated coordinates: none is finite."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity, Positivity
from .errors import risk_equivalents
from .populations import atoms
from .reduction import at_zero
from .symbols import kappa


@dataclass(frozen=True)
class DiagonalOptimalRidge(Derivation):
    """Result of :func:`optimal_ridge_diagonal`; one entry a kind of coordinate, functions of kappa.

    Attributes
    ----------
    test_error : tuple of sympy expression
        E of each.
    slope : tuple of sympy expression
        Its derivative in kappa.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`optimal_ridge_diagonal` lists it.
    """

    test_error: tuple[sp.Expr, ...]
    slope: tuple[sp.Expr, ...]
    claims: tuple[Claim, ...]


def optimal_ridge_diagonal(m: int = 3) -> DiagonalOptimalRidge:
    r"""Uncorrelated coordinates: no finite ridge is best.

    .. math::
        E_k = \frac{s_k}{1 - \mathrm{df}_2/n}, \qquad
        \frac{dE_k}{d\kappa} = -\frac{2E_k^2}{n s_k}\sum_j \frac{d_j s_j^2}{(s_j + \kappa)^3} < 0

    The best predictor is zero, so the test error falls towards :math:`s_k` as the ridge grows,
    whatever the variances. Isotropic noise is the case m = 1.

    Implements :theorem:`prop-best-ridge`.

    Parameters
    ----------
    m : int
        Number of distinct variances.

    Returns
    -------
    DiagonalOptimalRidge
        ``claims``: :math:`-dE_k/d\kappa` over :math:`E_k^2` is positive for each coordinate (kappa
        increases with the ridge by :func:`ridge_derivative`), and the limit of a large ridge.

    Raises
    ------
    ValueError
        If m is not a positive integer.
    """
    population = atoms(m)
    test = risk_equivalents(population).test_error
    slopes = tuple(sp.diff(e, kappa) for e in test)
    far = sp.Symbol("u", positive=True)
    claims: list[Claim] = []
    for k in range(m):
        variance = population.matrix[k, k]
        claims += [
            Positivity(f"error {k + 1} falls", sp.cancel(-slopes[k] / test[k] ** 2)),
            Identity(f"limit {k + 1}", at_zero(test[k].subs(kappa, 1 / far), far), variance),
        ]
    return DiagonalOptimalRidge(test, slopes, tuple(claims))
