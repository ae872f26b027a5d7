r"""Diagonal and first off-diagonal of the inverse of a tridiagonal matrix, by cyclic reduction.

Every second unknown is eliminated at once, which halves the matrix and keeps it tridiagonal, so
that d unknowns take about log2(d) vectorised sweeps and O(d) work. For a matrix that is positive
definite, or whose imaginary part is, all pivots stay away from zero: each is a Schur complement,
and Schur complements inherit both properties.
"""

from __future__ import annotations

import numpy as np

__all__ = ["inverse_band"]


def inverse_band(diagonal, off_diagonal):
    r"""Band of :math:`Z = K^{-1}` for a symmetric tridiagonal K.

    Parameters
    ----------
    diagonal : ndarray of shape (d,)
        :math:`K_{ii}`, real or complex.
    off_diagonal : ndarray of shape (d - 1,)
        :math:`K_{i,i+1} = K_{i+1,i}`.

    Returns
    -------
    diagonal : ndarray of shape (d,)
        :math:`Z_{ii}`.
    off_diagonal : ndarray of shape (d - 1,)
        :math:`Z_{i,i+1}`.
    """
    if diagonal.size == 1:
        return 1.0 / diagonal, off_diagonal

    # Unknown 2j+1 is eliminated; `left` couples it to 2j and `right` to 2j+2.
    pivot, kept = diagonal[1::2], diagonal[0::2].copy()
    left, right = off_diagonal[0::2], off_diagonal[1::2]
    n_left, n_right = left.size, right.size
    inner = pivot[:n_right]
    kept[:n_left] -= left * left / pivot
    kept[1 : n_right + 1] -= right * right / inner
    z_kept, z_pair = inverse_band(kept, -left[:n_right] * right / inner)

    # Row 2j+1 of K Z = I gives the eliminated entries back.
    z_left = left * z_kept[:n_left]
    z_left[:n_right] += right * z_pair
    z_left = -z_left / pivot
    z_right = -(left[:n_right] * z_pair + right * z_kept[1 : n_right + 1]) / inner
    z_pivot = 1.0 - left * z_left
    z_pivot[:n_right] -= right * z_right
    z_pivot = z_pivot / pivot

    z = np.empty(diagonal.size, dtype=z_kept.dtype)
    z[0::2], z[1::2] = z_kept, z_pivot
    band = np.empty(diagonal.size - 1, dtype=z_kept.dtype)
    band[0::2], band[1::2] = z_left, z_right
    return z, band
