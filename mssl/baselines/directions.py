"""The strongest directions that a method finds in data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from ..regression import MaskedRegression
from ..validation import finite_vector, positive_integer, ridge_of_method
from .factors import _LEAST_NOISE, factor_model
from .units import _BEYOND_RANGE, _ROUNDING, checked_rows, own_unit, root_mean_squares

__all__ = ["METHODS", "Directions", "leading_directions"]

#: Names of the methods that :func:`leading_directions` knows.
METHODS = ("masked_regression", "pca", "correlation_pca", "factor_analysis")
_FAR_BELOW = 1e-6  # an eigenvalue below this share of the largest loses digits in a Gram matrix


@dataclass(frozen=True, eq=False)
class Directions:
    r"""One learned direction, in the three ways in which it can be read.

    .. math:: D^{1/2}w, \qquad w, \qquad D^{-1/2}w

    Attributes
    ----------
    filter : ndarray of shape (n_features,)
        Maps a sample to its score; the right eigenvector of A_hat.
    symmetric : ndarray of shape (n_features,)
        The eigenvector in weighted coordinates.
    pattern : ndarray of shape (n_features,)
        What a sample gains per unit of score; the left eigenvector of A_hat, and the loadings of
        a factor analysis.
    """

    filter: np.ndarray
    symmetric: np.ndarray
    pattern: np.ndarray

    def overlaps(self, x) -> np.ndarray:
        """Squared cosines of filter, symmetric vector and pattern with x, of shape (3,).

        ValueError unless x is a finite vector of shape (n_features,) other than 0.
        """
        x = finite_vector(x, "x")
        if x.shape != self.filter.shape or not x.any():
            raise ValueError(
                f"x must be a vector of {len(self.filter)} entries that are not all 0, got shape "
                f"{x.shape}."
            )
        x, *vectors = (_unit_length(v) for v in (x, self.filter, self.symmetric, self.pattern))
        return (np.stack(vectors) @ x) ** 2


def leading_directions(
    X,
    method: str,
    *,
    ridge: float | None = None,
    rank: int = 1,
    max_iter: int = 5000,
    tol: float = 1e-8,
) -> tuple[Directions, ...]:
    r"""The strongest directions that a method finds.

    Implements :theorem:`prop-symmetrised`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows, one a sample.
    method : {"masked_regression", "pca", "correlation_pca", "factor_analysis"}
        Eigenvectors of A_hat, of S, of the correlation matrix, or the columns of the loadings of
        a maximum-likelihood factor analysis with `rank` factors, the strongest first.
    ridge : float, optional
        Needed for "masked_regression", and for it alone; in units of X squared.
    rank : int, default=1
        Number of directions.
    max_iter : int, default=5000
        For "factor_analysis" only, as `tol` is: see :func:`factor_precision`.
    tol : float, default=1e-8
        For "factor_analysis" only.

    Returns
    -------
    tuple of Directions
        `rank` of them, the strongest first.

    Raises
    ------
    ValueError
        If X has fewer directions than `rank`, to working precision; if a column is zero
        ("correlation_pca") or constant ("factor_analysis"); or if X is not finite or an argument is
        out of range.
    ConvergenceError
        If the iterations of "factor_analysis" did not converge.

    Notes
    -----
    The weights D are :math:`\mathrm{diag}(Q)` for masked regression, the inverse of the sample
    variances for the correlation matrix, :math:`\Psi^{-1}` for factor analysis and 1 for PCA.

    A change of units, cX, leaves all directions as they are but for a common factor of `filter`
    and one of `pattern`; for "masked_regression" the ridge has to be multiplied by :math:`c^2`.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import leading_directions
    >>> X = np.random.default_rng(0).normal(size=(400, 5)) + np.arange(400)[:, None] / 100
    >>> direction = leading_directions(X, "pca")[0]
    >>> bool(direction.overlaps(np.ones(5))[0] > 0.99)
    True
    """
    ridge, X = ridge_of_method(method, ridge, METHODS), checked_rows(X)
    n, d = X.shape
    most = min(n, d) - 1 if method == "factor_analysis" else d
    rank = checked_rank(rank, most)
    if method == "factor_analysis":
        scales, noise, values, v = factor_model(X, rank, max_iter, tol, _LEAST_NOISE)
        if not values[-1] - 1.0 > d * _ROUNDING:
            raise ValueError(
                f"the columns of X share fewer factors than rank = {rank}, to working precision; "
                "lower rank."
            )
        w, scales = v[:rank].T * np.sqrt(values - 1.0), scales * np.sqrt(noise)
    elif method == "masked_regression":
        scales = 1.0 / np.sqrt(MaskedRegression(ridge=ridge).fit(X).D_)
        w = _top_vectors(X / scales / np.sqrt(n), rank, ridge / scales**2)
    elif method == "correlation_pca":
        scales = root_mean_squares(X, "compute correlations")
        w = _top_vectors(X / scales / np.sqrt(n), rank)
    else:
        w, scales = _top_vectors(X / own_unit(X) / np.sqrt(n), rank), np.ones(d)
    return read_in_units(w, scales)


def read_in_units(w, scales) -> tuple[Directions, ...]:
    """The columns of w, eigenvectors of coordinates that were divided by `scales`, in three ways.

    ValueError if they leave the range of numbers.
    """
    with np.errstate(over="ignore", under="ignore"):
        filters, patterns = w.T / scales, w.T * scales
    if not (np.isfinite(filters).all() and filters.any(axis=1).all()):
        raise ValueError(_BEYOND_RANGE)
    return tuple(map(Directions, filters, np.ascontiguousarray(w.T), patterns))


def checked_rank(rank, most: int) -> int:
    """The `rank` as an int, or ValueError unless it lies between 1 and `most`."""
    if positive_integer(rank, "rank", minimum=0) not in range(1, most + 1):
        raise ValueError(f"rank must lie between 1 and {most}, got {rank}.")
    return int(rank)


def _top_vectors(scaled, rank, penalty=None):
    """Eigenvectors of Z'Z + diag(penalty) with the largest eigenvalues, the largest first."""
    n, d = scaled.shape
    matrix = scaled.T @ scaled
    if penalty is not None:
        matrix[np.diag_indices(d)] += penalty
    values, vectors = eigh(matrix, subset_by_index=(d - rank, d - 1))
    if penalty is not None or values[0] > _FAR_BELOW * values[-1]:
        return vectors[:, ::-1]
    values, v = svd(scaled, full_matrices=False)[1:]
    found = int(np.sum(values > max(n, d) * _ROUNDING * values[0]))
    if not found:
        raise ValueError("X is zero, and has no direction.")
    if rank > found:
        raise ValueError(
            f"rank must be at most {found}, the number of directions of X that are not rounding "
            f"noise, got {rank}."
        )
    return v[:rank].T


def _unit_length(vector):
    vector = vector / np.abs(vector).max()
    return vector / np.linalg.norm(vector)
