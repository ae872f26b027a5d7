r"""The inverse of a tridiagonal matrix near its diagonal, by cyclic reduction without cancellation.

Every second unknown is eliminated at once, which halves the matrix and keeps it tridiagonal, so
that d unknowns take about log2(d) vectorised sweeps and O(d) work.

The matrix is given by its couplings and by what its rows sum to. For positive ones elimination
adds, multiplies and divides positive numbers only, so that every entry of the inverse keeps its
digits, however nearly singular the matrix is. For complex ones whose imaginary part is definite,
all pivots stay away from zero: each is a Schur complement, which inherits the property.
"""

from __future__ import annotations

import numpy as np

from .._types import Array

__all__ = ["inverse_band"]


def inverse_band(excess: Array, coupling: Array) -> tuple[Array, Array, Array]:
    r"""Diagonal of :math:`Z = K^{-1}`, and the ratios of its neighbours to it.

    .. math:: (Kx)_i = e_i x_i + a_i(x_i - x_{i+1}) + a_{i-1}(x_i - x_{i-1})

    Parameters
    ----------
    excess : ndarray of shape (d,)
        The row sums :math:`e_i`, real or complex.
    coupling : ndarray of shape (d - 1,)
        :math:`a_i = -K_{i,i+1}`.

    Returns
    -------
    diagonal : ndarray of shape (d,)
        :math:`Z_{ii}`.
    ahead : ndarray of shape (d - 1,)
        :math:`Z_{i+1,i}/Z_{ii}`.
    behind : ndarray of shape (d - 1,)
        :math:`Z_{i,i+1}/Z_{i+1,i+1}`.
    """
    if excess.size == 1:
        return 1.0 / excess, coupling, coupling

    # Unknown 2j+1 is eliminated; `left` couples it to 2j and `right` to 2j+2.
    lost, kept = excess[1::2], excess[0::2].copy()
    left, right = coupling[0::2], coupling[1::2]
    n_left, n_right = left.size, right.size
    pivot = lost + left
    pivot[:n_right] += right
    inner = pivot[:n_right]
    kept[:n_left] += left * (lost / pivot)
    kept[1 : n_right + 1] += right * (lost[:n_right] / inner)
    z_kept, ahead_kept, behind_kept = inverse_band(kept, left[:n_right] * (right / inner))

    # Row 2j+1 of K Z = I gives the eliminated entries back, as ratios to a kept diagonal entry.
    to_left = left.astype(kept.dtype)
    to_left[:n_right] += right * ahead_kept
    to_left = to_left / pivot
    to_right = (left[:n_right] * behind_kept + right) / inner
    z_left, z_right = z_kept[:n_left] * to_left, z_kept[1 : n_right + 1] * to_right
    z_pivot = 1.0 + left * z_left
    z_pivot[:n_right] += right * z_right
    z_pivot = z_pivot / pivot

    z = np.empty(excess.size, dtype=z_kept.dtype)
    z[0::2], z[1::2] = z_kept, z_pivot
    ahead = np.empty(excess.size - 1, dtype=z_kept.dtype)
    behind = np.empty_like(ahead)
    ahead[0::2], behind[1::2] = to_left, to_right
    # Ratios first: the entries themselves may be too small to write down.
    behind[0::2] = to_left * (z_kept[:n_left] / z_pivot)
    ahead[1::2] = to_right * (z_kept[1 : n_right + 1] / z_pivot[:n_right])
    return z, ahead, behind
