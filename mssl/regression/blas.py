"""Products, inverses and sums by BLAS and LAPACK, in as few buffers as they need."""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk
from scipy.linalg.lapack import dpotrf, dpotri

from mssl.validation import UNDERFLOW

_CHUNK = 1 << 17  # entries of one block of rows: 1 MB, which stays in cache
_BLOCK = 128  # columns mirrored at a time
_LOST = 1e-9  # relative error from rounding beyond which the short way is left


# NumPy and SciPy wheels each bring a BLAS with a thread pool of its own, and going back and forth
# between the two was seen to cost about a factor of two on two cores. So all products here go
# through SciPy's, as its LAPACK must.


def _fortran(a):
    """`a` as BLAS wants it without a copy: (array in Fortran order, whether to transpose it)."""
    return (a, 0) if a.flags.f_contiguous else (a.T, 1)


def product(a, b):
    """``a @ b`` in the memory order of `a`."""
    if not a.flags.c_contiguous:
        (left, trans_a), (right, trans_b) = _fortran(a), _fortran(b)
        return dgemm(1.0, left, right, trans_a=trans_a, trans_b=trans_b)
    (left, trans_a), (right, trans_b) = _fortran(b.T), _fortran(a.T)
    return dgemm(1.0, left, right, trans_a=trans_a, trans_b=trans_b).T


def half_product(a, alpha):
    """Lower triangle of ``alpha * a @ a.T`` in one Fortran-ordered buffer (BLAS syrk)."""
    if a.flags.f_contiguous:
        return dsyrk(alpha, a, trans=0, lower=1)
    return dsyrk(alpha, a.T, trans=1, lower=1)


def _mirror(matrix):
    """Copy the lower triangle onto the upper one, block by block and in place."""
    m = len(matrix)
    for start in range(0, m, _BLOCK):
        stop = min(start + _BLOCK, m)
        corner = matrix[start:stop, start:stop]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
    return matrix


class DigitsLost(Exception):
    """The short way would lose digits that the data hold."""


def invert(matrix):
    """Overwrite a positive definite matrix, given by its lower triangle, by its inverse.

    `DigitsLost` if rounding would take too much of it.

    A diagonal entry times that of the inverse, the second result, is the inverse of the part of
    the entry that the other rows do not explain. Rounding errors are as many times larger. The
    product does not change when features are rescaled.
    """
    diagonal = matrix.diagonal().copy()
    factor, info = dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if info != 0:
        raise DigitsLost
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    inflation = diagonal * inverse.diagonal()
    if not np.max(inflation) * np.finfo(float).eps <= _LOST:
        raise DigitsLost
    return _mirror(inverse), inflation


def mean_squares(X):
    """Mean square of each column, the diagonal of S, without a temporary of X's size."""
    return np.einsum("ik,ik->k", X, X) / len(X)


def fingerprint(X, energies):
    """One number a row of X that any change of the row would change, with the weights of columns.

    The weights are random, so that neither flipped signs nor exchanged entries cancel, and in
    units of the columns, whose mean squares are `energies`, so that no column drowns in the
    rounding of another.
    """
    weights = np.random.default_rng(0).uniform(1.0, 2.0, X.shape[1])
    weights /= np.sqrt(np.where(energies > UNDERFLOW, energies, 1.0))
    return np.einsum("ik,k->i", X, weights), weights


def row_blocks(X):
    """Slices that cut X into blocks of about `_CHUNK` entries."""
    step = max(1, _CHUNK // X.shape[1])
    return [slice(start, start + step) for start in range(0, len(X), step)]
