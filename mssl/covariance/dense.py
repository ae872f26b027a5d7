"""An arbitrary matrix: the oracle that the structured models are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh, eigvalsh

from .._types import Array, Number, OneOrEach
from ..validation import real_copy
from .base import Covariance, Resolvent, columns, row_products
from .signal import Signal, signal_by_columns
from .singular import ROUNDING, precision_diagonal, settled

__all__ = ["Dense"]


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Covariance):
    r"""Any covariance matrix, by its eigendecomposition.

    .. math:: \Sigma = V\,\mathrm{diag}(\sigma_1^2, \dots, \sigma_d^2)\,V^\top

    Parameters
    ----------
    matrix : array-like of shape (n_features, n_features)
        Symmetric and positive semi-definite.

    Attributes
    ----------
    d : int
        Number of coordinates.
    eigenvalues : ndarray of shape (n_features,)
        :math:`\sigma_i^2`, ascending.
    eigenvectors : ndarray of shape (n_features, n_features)
        V, one a column.

    Raises
    ------
    ValueError
        If `matrix` is not square, finite, symmetric and positive semi-definite.

    Notes
    -----
    Construction costs one symmetric eigendecomposition; a resolvent with a constant shift then
    costs O(d^2), one with any other shift a matrix inverse.

    A matrix does not tell a spike from the rest. A few large eigenvalues are eigenvalues like
    others to the theory: each becomes a tiny bulk of its own in a spectrum, and `spikes` is empty.
    :class:`Spiked` with this model as its base names the directions that are meant as spikes.

    Nor does it tell an eigenvalue of 0 from one that rounding has moved, by about 4e-16 times the
    largest. Where a ridge is so small that this matters in the sixth digit, the theory gives an
    `AccuracyWarning`. A structured model of the same matrix knows its zeros.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(self, matrix: ArrayLike) -> None: ...

    matrix: np.ndarray
    d: int = field(init=False)
    eigenvalues: np.ndarray = field(init=False)
    eigenvectors: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        matrix = real_copy(self.matrix, "matrix")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
            raise ValueError(f"matrix must be square and not empty, got shape {matrix.shape}.")
        if not np.isfinite(matrix).all():
            raise ValueError("matrix must be finite, but some entries are NaN or infinite.")
        gap = np.abs(matrix - matrix.T)
        if gap.max() > 1e-8 * np.abs(matrix).max():
            i, j = np.unravel_index(gap.argmax(), gap.shape)
            raise ValueError(
                f"matrix must be symmetric, but entries ({i}, {j}) and ({j}, {i}) differ by "
                f"{gap.max():.3g}."
            )
        matrix = 0.5 * (matrix + matrix.T)
        eigenvalues, eigenvectors = _eigen(matrix)
        if eigenvalues[0] < -1e-10 * max(eigenvalues[-1], 0.0) or eigenvalues[-1] < 0:
            raise ValueError(
                "matrix must be positive semi-definite, but its smallest eigenvalue is "
                f"{eigenvalues[0]:.3g}."
            )
        eigenvalues = np.maximum(eigenvalues, 0.0)
        for array in (matrix, eigenvalues, eigenvectors):
            array.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "d", len(matrix))
        object.__setattr__(self, "eigenvalues", eigenvalues)
        object.__setattr__(self, "eigenvectors", eigenvectors)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """A sample covariance of 30 rows."""
        factor = np.random.default_rng(2).normal(size=(18, 30))
        return [cls(factor @ factor.T / 30)]

    def dense(self) -> Array:
        """A copy of the matrix, ndarray of shape (n_features, n_features)."""
        return self.matrix.copy()

    def diagonal(self) -> Array:
        r"""Variances :math:`\Sigma_{kk}`, ndarray of shape (n_features,)."""
        return np.diag(self.matrix).copy()

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\Sigma x`, of the shape of x."""
        return self.matrix @ x

    def colour(self, z: Array) -> Array:
        r"""Rows :math:`z\,V\mathrm{diag}(\sigma_i)V^\top`, of the symmetric root."""
        root = (self.eigenvectors * np.sqrt(self.eigenvalues)) @ self.eigenvectors.T
        return z @ root

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        if np.ndim(shift) == 1:
            return self._by_inverse(shift, scale)
        with np.errstate(divide="ignore", invalid="ignore"):  # a zero eigenvalue at zero shift
            gains = 1.0 / (scale * self.eigenvalues + shift)
            resolvent = replace(
                self._by_gains(gains, shift, scale),
                signal_parts=lambda: self._signal(gains, scale * self.eigenvalues * gains, shift),
            )
        if shift == 0 and not settled(self.eigenvalues).all():
            limit = precision_diagonal(self, ROUNDING * self.eigenvalues[-1])
            return replace(resolvent, diagonal=limit / scale)
        return resolvent

    @cached_property
    def _is_singular_in_any_units(self) -> bool:
        """Whether an eigenvalue is positive by rounding alone, also at unit variances."""
        moving = np.flatnonzero(np.diag(self.matrix) > 0.0)
        root = np.sqrt(np.diag(self.matrix)[moving])
        values = eigvalsh(self.matrix[np.ix_(moving, moving)] / root / root[:, None])
        return bool((settled(values) == 0.0).any())

    def _doubt(self, shift: OneOrEach) -> str | None:
        least = 1e6 * (ROUNDING / 8.0) * self.eigenvalues[-1]  # a moved 0 is below the last factor
        smallest = float(np.min(shift))
        if smallest == 0.0 or smallest >= least or not self._is_singular_in_any_units:
            return None
        return (
            "The matrix is singular up to rounding, which decides more than the sixth digit at an "
            f"effective ridge of {smallest:.2g}; use one above {least:.2g} or a structured model "
            "of the same matrix."
        )

    def _by_inverse(self, shift: OneOrEach, scale: Number) -> Resolvent:
        inverse = np.linalg.inv(scale * self.matrix + np.diag(shift))

        def signal() -> Signal:
            rest = signal_by_columns(resolvent, little=0.1)
            image = inverse @ (self.eigenvectors * np.sqrt(self.eigenvalues))
            sandwich = scale * row_products(image, image)
            return Signal(rest.diagonal, sandwich, rest.square, rest.spread)

        resolvent = Resolvent(
            shift=shift,
            scale=scale,
            diagonal=np.diag(inverse).copy(),
            apply=lambda x: inverse @ x,
            sandwich=lambda b: (inverse * inverse) @ (b * np.ones(self.d)),
            signal_parts=signal,
            source=self,
        )
        return resolvent

    def _signal(self, gains: Array, kept: Array, shift: OneOrEach) -> Signal:
        """The Signal at a constant shift, where t Sigma R has the eigenvalues `kept`."""
        v = self.eigenvectors
        diagonal = (v * v) @ kept

        def spread(b: OneOrEach) -> Array:
            # Off the diagonal R is -t Sigma R/shift; the smaller of the two has the digits.
            little = (diagonal < 0.5)[:, None]
            if np.ndim(b) == 0:  # the variance of the eigenvalues of R, as a coordinate weighs them
                kept_off = (v * v * (kept - diagonal[:, None]) ** 2).sum(axis=1) / shift / shift
                centre = (v * v) @ gains
                gains_off = (v * v * (gains - centre[:, None]) ** 2).sum(axis=1)
                return b * np.where(little[:, 0], kept_off, gains_off)
            off = np.where(little, ((v * kept) @ v.T) / shift, (v * gains) @ v.T)
            np.fill_diagonal(off, 0.0)
            return (off * off) @ b

        return Signal(diagonal, (v * v) @ (kept * gains), np.sum(kept * kept), spread)

    def _function(self, function: Callable[[Array], Array]) -> Resolvent:
        return self._by_gains(function(settled(self.eigenvalues)))

    def _by_gains(self, gains: Array, shift: OneOrEach = 0.0, scale: Number = 1.0) -> Resolvent:
        """The matrix with these eigenvalues and the eigenvectors of Sigma."""
        v = self.eigenvectors

        def sandwich(b: OneOrEach) -> Array:
            if np.ndim(b) == 0:
                return b * ((v * v) @ gains**2)
            inverse = (v * gains) @ v.T
            return (inverse * inverse) @ b

        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=(v * v) @ gains,
            apply=lambda x: v @ (columns(gains, x) * (v.T @ x)),
            sandwich=sandwich,
        )


def _eigen(matrix: np.ndarray):
    """Eigenvalues, ascending, and eigenvectors; coordinates without variance are apart, exactly."""
    silent = np.flatnonzero(~matrix.any(axis=0))
    if silent.size == 0:
        return eigh(matrix)
    moving = np.delete(np.arange(len(matrix)), silent)
    if moving.size == 0:
        return np.zeros(len(matrix)), np.eye(len(matrix))
    values, vectors = eigh(matrix[np.ix_(moving, moving)])
    eigenvalues, eigenvectors = np.zeros(len(matrix)), np.zeros(matrix.shape)
    eigenvalues[silent.size :] = values
    eigenvectors[silent, np.arange(silent.size)] = 1.0
    eigenvectors[moving, silent.size :] = vectors
    order = np.argsort(eigenvalues, kind="stable")
    return eigenvalues[order], eigenvectors[:, order]
