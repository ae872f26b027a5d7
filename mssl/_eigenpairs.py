"""The largest eigenvalues of a symmetric matrix, by the cheaper of two ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from ._types import Array

__all__ = ["largest_eigenpairs"]


def largest_eigenpairs(
    matrix: Array | LinearOperator,
    count: int,
    *,
    lanczos_from: int,
    start: Array | None = None,
    whole: Callable[[], Array] | None = None,
) -> tuple[Array, Array]:
    """Return the `count` largest eigenvalues of `matrix`, falling, and their eigenvectors.

    A few pairs of a matrix with `lanczos_from` rows or more are found by Lanczos iterations, which
    begin at `start`, by default all ones. Of a matrix that is known by its products only, `whole`
    gives the matrix where it has to be reduced as a whole.
    """
    d = matrix.shape[0]
    if d >= lanczos_from and 10 * count <= d:
        try:
            start = np.ones(d) if start is None else start
            values, vectors = eigsh(matrix, k=count, which="LA", v0=start, ncv=max(40, 4 * count))
            order = np.argsort(-values)
            return values[order], vectors[:, order]
        except ArpackError:
            pass  # no gap below the last pair: reduce the whole matrix
    reduced = np.asarray(matrix) if whole is None else whole()
    values, vectors = eigh(reduced, subset_by_index=(d - count, d - 1), check_finite=False)
    return values[::-1], vectors[:, ::-1]
