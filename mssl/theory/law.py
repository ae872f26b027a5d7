"""Commuting Sigma, D and beta: their joint eigenvalues."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

from .._types import Array, Points
from ..covariance import AR1, Blocks, Covariance, Dense, Diagonal, Isotropic, Scaled

__all__ = [
    "JointSpectrum",
    "LawSums",
    "joint_law",
    "law_moments",
    "law_sums",
    "merged",
    "unscaled",
]


def unscaled(covariance: Covariance) -> Covariance:
    """The covariance in the units it was made in."""
    while isinstance(covariance, Scaled):
        covariance = covariance.base
    return covariance


class JointSpectrum(NamedTuple):
    """Commuting Sigma, D and beta: joint eigenvalues with multiplicities.

    Attributes
    ----------
    variances, weights : ndarray of shape (n_values,)
        Eigenvalues of Sigma and of D.
    counts : ndarray of shape (n_values,)
        How often each pair occurs.
    offsets : float or ndarray of shape (n_values,)
        Those of beta.
    """

    variances: Array
    weights: Array
    counts: Array
    offsets: Array | float


class LawSums(NamedTuple):
    """Terms 1/(s v + beta - z w) of the sums over a joint law, and what multiplies them.

    Attributes
    ----------
    variances, inverses : ndarray of shape (n_values,)
        v, and w = 1/D.
    offsets : float or ndarray of shape (n_values,)
        beta.
    table, square_table : ndarray of shape (n_values, 2)
        Columns of multiples of the terms, and of their squares.
    """

    variances: Array
    inverses: Array
    offsets: Array | float
    table: Array
    square_table: Array


def law_sums(law: JointSpectrum) -> LawSums:
    """The part of the sums over a `law` that is the same at all points."""
    v, w, m = law.variances, 1.0 / law.weights, law.counts
    squares = np.stack([v * v * m, v * w * m], axis=1)
    return LawSums(v, w, law.offsets, np.stack([v * m, w * m], axis=1), squares)


def law_moments(s: Points, z: Points, sums: LawSums) -> tuple[Array, Array]:
    """Sums of r and r^2, r = 1/(s v + beta - z w), against the two tables of `sums`.

    Real and imaginary parts are kept apart: NumPy's complex products and quotients are several
    times slower than the same arithmetic on reals.
    """
    v, w, beta, table, square_table = sums
    x = np.multiply.outer(s.real, v)
    x += beta - np.multiply.outer(z.real, w)
    if not (np.iscomplexobj(s) or np.iscomplexobj(z)):
        r = 1.0 / x
        return r @ table, (r * r) @ square_table
    y = np.multiply.outer(s.imag, v)
    if np.iscomplexobj(z) and z.imag.any():
        y -= np.multiply.outer(z.imag, w)
    xx, yy = x * x, y * y
    size = 1.0 / (xx + yy)
    x *= size
    y *= size
    first = x @ table - 1j * (y @ table)
    xy = x * y
    x *= x
    y *= y
    x -= y
    return first, x @ square_table - 2j * (xy @ square_table)


def joint_law(
    covariance: Covariance, weights: Array, offset: Array | float
) -> JointSpectrum | None:
    """The joint law of the eigenvalues of Sigma and D, or None when they do not commute.

    Sigma is the `covariance`, D has the diagonal `weights`, and beta is the `offset`.
    """
    covariance, weights = _absorbed(covariance, weights, offset)
    if isinstance(covariance, Diagonal | Isotropic):
        return _distinct(covariance.diagonal(), weights, offset)
    if np.ndim(offset):
        return None
    if np.ptp(weights) <= 1e-12 * weights[0]:
        values = _eigenvalues(covariance)
        constant = np.full(covariance.d, weights[0])
        return None if values is None else _distinct(values, constant, offset)
    if isinstance(covariance, Dense) and offset == 0:
        root = np.sqrt(weights)
        values = np.linalg.eigvalsh(root[:, None] * covariance.matrix * root)
        return _distinct(np.maximum(values, 0.0), np.ones(covariance.d), offset)
    return None


def _eigenvalues(covariance: Covariance) -> Array | None:
    """All eigenvalues of Sigma, for a model that has them without a matrix of its size."""
    if isinstance(covariance, Blocks):
        size, own = covariance.sizes, covariance.variances * (1.0 - covariance.correlations)
        shared = own + covariance.variances * covariance.correlations * size
        return np.concatenate([np.repeat(own, size - 1), np.maximum(shared, 0.0)])
    if isinstance(covariance, AR1) and covariance.d <= 5000:
        return 1.0 / eigh_tridiagonal(*covariance.precision(), eigvals_only=True)
    values = getattr(covariance, "eigenvalues", None)
    return None if values is None else np.asarray(values)


def _absorbed(
    covariance: Covariance, weights: Array, offset: Array | float
) -> tuple[Covariance, Array]:
    """A model and weights of the same law, without scales where these can be absorbed."""
    while isinstance(covariance, Scaled):
        # C Sigma C with weights D has the spectrum of Sigma with weights C D C, but an offset
        # beta belongs to C^-2; only a plain diagonal model can absorb both.
        base, scales = covariance.base, covariance.scales
        if np.ndim(offset) == 0 and offset == 0:
            covariance, weights = base, scales**2 * weights
        elif not isinstance(base, Diagonal | Isotropic | Scaled):
            break
        elif isinstance(base, Scaled):
            covariance = Scaled(base.base, base.scales * scales)
        else:
            covariance = Diagonal(scales**2 * base.diagonal())
    return covariance, weights


def _distinct(variances: Array, weights: Array, offset: Array | float) -> JointSpectrum:
    rows = [variances, weights] + ([offset] if np.ndim(offset) else [])
    values, counts = np.unique(np.stack(rows), axis=1, return_counts=True)
    offsets = values[2] if np.ndim(offset) else offset
    return JointSpectrum(values[0], values[1], counts.astype(float), offsets)


def merged(law: JointSpectrum, bins: int = 300) -> JointSpectrum:
    """The same law with nearby atoms as one, at their means, in so many `bins`."""
    with np.errstate(divide="ignore"):
        height = np.log(np.maximum(law.variances, law.variances.max() * 1e-12))
    group = np.digitize(height, np.linspace(height.min(), height.max(), bins))
    _, group = np.unique(group, return_inverse=True)
    counts = np.bincount(group, law.counts)

    def mean(values: Array) -> Array:
        return np.bincount(group, law.counts * values) / counts

    offsets = mean(np.asarray(law.offsets)) if np.ndim(law.offsets) else law.offsets
    return JointSpectrum(mean(law.variances), mean(law.weights), counts, offsets)
