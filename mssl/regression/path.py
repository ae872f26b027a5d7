"""Leave-one-out errors at many ridges, from one eigendecomposition wherever that is accurate."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from scipy.linalg import eigh

from mssl.validation import non_negative

from . import exchange
from .blas import _LOST, half_product, product, row_blocks
from .solutions import _TRUSTED, _room, _sum_errors, solve


def ridge_grid(ridges):
    """Return the ridges as a list of floats, or raise ValueError."""
    if not isinstance(ridges, Iterable) or getattr(ridges, "ndim", 1) == 0:
        return [non_negative(ridges, "ridges")]
    grid = [] if isinstance(ridges, str) else list(ridges)
    if not grid:
        raise ValueError(f"ridges must be a number or several numbers, got {ridges!r}.")
    return [non_negative(ridge, f"ridges[{j}]") for j, ridge in enumerate(grid)]


def warn_of_path(path, ridges):
    """Say at which of the ridges the fewest digits of the leave-one-out errors of a path hold."""
    worst = [0.0 if each.doubt is None else each.doubt.loo.max() for each in path]
    j = int(np.argmax(worst))
    exchange.warn_of_digits(worst[j], f"leave-one-out errors at ridge = {ridges[j]:g}")


def warn_at_end(best, ridges):
    """Say so when a better ridge than `best` may lie outside ridges; below 0 there is nothing."""
    low, high = min(ridges), max(ridges)
    if low < high and best in (low, high) and best > 0.0:
        side = "smaller" if best == low else "larger"
        warnings.warn(
            f"the best ridge, {best:g}, is an end of the grid; add {side} ones to `ridges`.",
            UserWarning,
            stacklevel=3,
        )


def ridge_path(X, ridges):
    """:class:`_Errors` of X at each of the ridges.

    They come from one eigendecomposition wherever that is accurate.
    """
    dual = len(X) < X.shape[1]
    s, factors = (_dual_factors if dual else _primal_factors)(X)
    rounding = np.finfo(float).eps * s[-1]  # of each eigenvalue

    def errors(ridge):
        relative = rounding / (s[0] + ridge) if ridge > 0.0 or s[0] > 0.0 else np.inf
        if relative <= _TRUSTED:
            D, slack, residuals = factors(ridge)
            # These are differences from 1, so their digits count from there.
            if dual and relative <= _TRUSTED * (ridge * D.min()):
                return _shared_errors(X, D, slack, residuals)
            if not dual and relative <= _LOST * slack.min():
                found = _shared_errors(X, D, slack, residuals)
                # Eigenvectors keep no digits of a feature far below the others.
                kept = D * np.sqrt(found.train)
                size = np.min(kept, where=found.train > 0.0, initial=np.max(kept))
                if np.finfo(float).eps * np.sqrt(s[-1]) <= 10.0 * _LOST * (s[0] + ridge) * size:
                    return found
        return _single_errors(X, ridge)

    return [errors(ridge) for ridge in ridges]


def _shared_errors(X, D, slack, residuals):
    """:class:`_Errors` from what the eigendecomposition says at one ridge."""
    n = len(X)
    blocks = (
        (block, _room(block, D, slack[rows], n))
        for rows in row_blocks(X)
        for block in [residuals(rows)]
    )
    return _sum_errors(blocks, n)


def _single_errors(X, ridge):
    """:class:`_Errors` from a factorisation for this ridge alone."""
    try:
        return solve(X, ridge).errors
    except ValueError as error:
        raise ValueError(f"at ridge = {ridge:g} of ridges, {error}") from None


def _eigh(matrix):
    """Eigenvalues, clipped at 0 as those of a Gram matrix, and vectors of a lower triangle."""
    values, vectors = eigh(matrix, lower=True, overwrite_a=True, check_finite=False)
    return np.maximum(values, 0.0), vectors


def _primal_factors(X):
    """Eigenvalues, and the map of a ridge to (D, 1 - g/n, residuals of rows), by S = V s V'."""
    n = len(X)
    s, V = _eigh(half_product(X.T, 1.0 / n))
    scores, V2 = product(X, V), V * V
    scores2 = scores * scores

    def factors(ridge):
        shrink = 1.0 / (s + ridge)
        D = np.einsum("kj,j->k", V2, shrink)
        to_residuals = (shrink[:, None] * V.T) / D
        slack = 1.0 - np.einsum("ij,j->i", scores2, shrink) / n
        return D, slack, lambda rows: product(scores[rows], to_residuals)

    return s, factors


def _dual_factors(X):
    """The same by XX'/n = U s U'."""
    n = len(X)
    s, U = _eigh(half_product(X, 1.0 / n))
    B = product(U.T, X)
    B2, U2 = B * B, U * U

    def factors(ridge):
        shrink = 1.0 / (s + ridge)
        scaled = 1.0 - np.einsum("j,jk->k", shrink, B2) / n  # ridge * D
        slack = ridge * np.einsum("ij,j->i", U2, shrink)
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 is noticed and goes another way
            right = B / scaled
        left = U * (ridge * shrink)
        return scaled / ridge, slack, lambda rows: product(left[rows], right)

    return s, factors
