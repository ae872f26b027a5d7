r"""How many eigenvalues of :math:`s\,\Sigma + B` are negative, for structured Sigma and diagonal B.

Sylvester's law and Schur complements: for a symmetric block matrix both complements, each with its
block, have the inertia of the whole, so that

.. math:: i_-(B + sT^{-1}) + i_-(-T/s) = i_-(B) + i_-(-T/s - B^{-1}),

where the right side is tridiagonal if T is.
"""

from __future__ import annotations

import numpy as np

from .._types import Array
from ..covariance import AR1, Blocks, Covariance

__all__ = ["negative_eigenvalues"]


def negative_eigenvalues(covariance: Covariance, s: float, shift: Array) -> int | None:
    r"""The number :math:`i_-(s\,\Sigma + B)`, in O(d); None for other models.

    Parameters
    ----------
    covariance : Covariance
        `AR1` or `Blocks`, in any units.
    s : float
        Not zero.
    shift : ndarray of shape (n_features,)
        The diagonal of B, without zeros.

    Returns
    -------
    int or None
    """
    core, scales, loadings = covariance._unfolded()
    if loadings.size:
        return None
    shift = np.asarray(shift) / scales**2
    if isinstance(core, AR1):
        return _chain(core, s, shift)
    if isinstance(core, Blocks):
        return _groups(core, s, shift)
    return None


def _chain(core: AR1, s: float, shift: Array) -> int:
    diagonal, off = core.precision()
    with np.errstate(divide="ignore"):
        pivots = _negative_pivots(-diagonal / s - 1.0 / shift, -off / s)
    return int(np.sum(shift < 0)) + pivots - (core.d if s > 0 else 0)


def _negative_pivots(diagonal: Array, off: Array) -> int:
    """Negative eigenvalues of a tridiagonal matrix: negative pivots of its elimination."""
    count, pivot, least = 0, np.inf, float(np.finfo(float).tiny)
    for here, before in zip(diagonal.tolist(), [0.0, *(off * off).tolist()], strict=True):
        pivot = here - before / pivot
        if abs(pivot) < least:
            pivot = least
        count += int(pivot < 0)
    return count


def _groups(core: Blocks, s: float, shift: Array) -> int:
    """Each group is diag(D) + w 11', with one negative eigenvalue more or less than diag(D)."""
    own, mean = core._eigenvalues()
    d, w = shift + s * own[core.group], s * (mean - own) / core.sizes
    sums = np.bincount(core.group, 1.0 / d, minlength=len(core.sizes))
    with np.errstate(divide="ignore"):
        moved = (-1.0 / w - sums < 0).astype(int) - (w > 0)
    return int(np.sum(d < 0) + np.sum(moved[w != 0]))
