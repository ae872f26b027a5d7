"""Covariances with symbols in them: a few kinds of coordinates, any number of each."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .reduction import inverted
from .symbols import kappa, n


@dataclass(frozen=True)
class SymbolicPopulation:
    r"""A covariance with symbols in it: a small matrix and how often each coordinate occurs.

    .. math::
        \operatorname{Tr} f(\Sigma) = \sum_k c_k \, f(\Sigma_0)_{kk}, \qquad d = \sum_k c_k

    Parameters
    ----------
    matrix : sympy matrix of shape (m, m)
        :math:`\Sigma_0`, symmetric.
    counts : tuple of sympy expressions, length m
        :math:`c_k`, the number of coordinates of each kind. Unless the matrix is diagonal all
        counts are the same number, that of independent copies of the matrix.

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric, or the counts do not fit it.
    """

    matrix: sp.ImmutableMatrix
    counts: tuple[sp.Expr, ...]

    def __post_init__(self) -> None:
        if self.matrix.rows != self.matrix.cols or self.matrix != self.matrix.T:
            raise ValueError("matrix must be square and symmetric")
        if len(self.counts) != self.matrix.rows:
            raise ValueError(
                f"counts must have one entry per coordinate: got {len(self.counts)} "
                f"for {self.matrix.rows} coordinates"
            )
        if not self.matrix.is_diagonal() and len(set(self.counts)) > 1:
            raise ValueError("counts must all be equal when the matrix is not diagonal")

    @property
    def size(self) -> int:
        """Number of kinds of coordinates."""
        return self.matrix.rows

    @property
    def d(self) -> sp.Expr:
        """Dimension, the sum of the counts."""
        return sp.Add(*self.counts)

    def trace(self, matrix: sp.MatrixBase) -> sp.Expr:
        """Trace of a matrix over all coordinates, each kind counted as often as it occurs."""
        return sp.Add(*(c * matrix[k, k] for k, c in enumerate(self.counts)))

    def resolvent(self) -> sp.ImmutableMatrix:
        r""":math:`R = (\Sigma_0 + \kappa I)^{-1}`."""
        return inverted(self.matrix + kappa * sp.eye(self.size))

    def df1(self) -> sp.Expr:
        r""":math:`\operatorname{Tr} \Sigma R`."""
        return self.trace(self.matrix * self.resolvent())

    def df2(self) -> sp.Expr:
        r""":math:`\operatorname{Tr} (\Sigma R)^2`."""
        return self.trace((self.matrix * self.resolvent()) ** 2)

    def ridge(self) -> sp.Expr:
        r""":math:`\lambda(\kappa) = \kappa\,(1 - \mathrm{df}_1(\kappa)/n)`, the fixed point solved
        for the ridge."""
        return kappa * (1 - self.df1() / n)


def atoms(m: int = 3) -> SymbolicPopulation:
    r"""Diagonal population with m distinct variances.

    .. math:: \Sigma = \operatorname{diag}(s_1 I_{d_1}, \dots, s_m I_{d_m})

    Parameters
    ----------
    m : int
        Number of distinct variances, at least 1.

    Returns
    -------
    SymbolicPopulation
        With positive symbols ``s1, ..., sm`` and ``d1, ..., dm``.

    Raises
    ------
    ValueError
        If m is not a positive integer.

    Notes
    -----
    Traces are sums over atoms, so an identity that holds atom by atom for m = 3 holds for all m.
    """
    if not isinstance(m, int) or m < 1:
        raise ValueError(f"m must be a positive integer, got {m!r}")
    variances = sp.symbols(f"s1:{m + 1}", positive=True)
    counts = sp.symbols(f"d1:{m + 1}", positive=True)
    return SymbolicPopulation(sp.ImmutableMatrix(sp.diag(*variances)), tuple(counts))


def correlated_pair() -> SymbolicPopulation:
    r"""Many independent copies of one generic pair of correlated coordinates.

    .. math:: \Sigma_0 = \begin{pmatrix} a & c \\ c & b \end{pmatrix}, \qquad d = 2m

    Returns
    -------
    SymbolicPopulation
        With symbols ``a``, ``b`` (positive), ``c`` (real) and m copies.
    """
    a, b, m = sp.symbols("a b m", positive=True)
    c = sp.Symbol("c", real=True)
    return SymbolicPopulation(sp.ImmutableMatrix([[a, c], [c, b]]), (m, m))
