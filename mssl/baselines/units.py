"""Rows that can be used, and the units in which they are."""

from __future__ import annotations

import numpy as np

from ..validation import data_matrix, first_few, positive_vector, real_copy

_ROUNDING = 10.0 * np.finfo(float).eps  # times a size: below it a singular value may be noise
_BEYOND_RANGE = (
    "the result leaves the range of floating-point numbers in the units of X; rescale X to values "
    "of moderate size."
)


def own_unit(X):
    """Largest entry of X in size, 1 if all are 0, once a column."""
    return np.full(X.shape[1], np.abs(X).max() or 1.0)


def root_mean_squares(X, purpose):
    """Root mean square of each column of X, at any size.

    ValueError if a column is zero, where it must vary to do what `purpose` says.
    """
    peaks = np.abs(X).max(axis=0)
    if not np.all(peaks > 0):
        raise ValueError(
            f"every column of X must vary to {purpose}, but columns "
            f"{first_few(np.flatnonzero(peaks == 0))} are zero; leave them out."
        )
    return peaks * np.sqrt(np.mean((X / peaks) ** 2, axis=0))


def noise_of_columns(noise_variances, d):
    """The `noise_variances`, or ValueError unless they are positive, one for each of d columns."""
    g = positive_vector(noise_variances, "noise_variances")
    if g.shape != (d,):
        raise ValueError(f"noise_variances must hold one variance for each of {d} columns of X.")
    return g


def checked_rows(X):
    """X as a finite matrix, or ValueError.

    Hidden entries of a masked array are refused: they would be read as if they were visible.
    """
    if np.ma.is_masked(X):
        raise ValueError(
            "X is a masked array with hidden entries, which are needed here; fill them first, for "
            "example with mssl.imputation.MaskedImputer."
        )
    return data_matrix(real_copy(X, "X"))
