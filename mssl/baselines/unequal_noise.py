"""Principal components for noise of unequal variance: without the diagonal, or whitened."""

from __future__ import annotations

import numpy as np

from .._eigenpairs import largest_eigenpairs
from ..exceptions import ConvergenceError
from ..validation import positive, positive_integer
from .directions import Directions, _top_vectors, checked_rank, read_in_units
from .units import checked_rows, noise_of_columns, own_unit, root_mean_squares

__all__ = ["diagonal_deletion", "heteropca", "whitened_pca"]

_LANCZOS = 400  # columns from which a few eigenvectors come cheaper by Lanczos iterations


def diagonal_deletion(X, rank: int = 1) -> tuple[Directions, ...]:
    r"""Principal components of the sample covariance without its diagonal.

    .. math:: S - \mathrm{diag}(S), \qquad S = \tfrac1n X^\top X

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows, one a sample; not centred.
    rank : int, default=1
        Number of directions, below n_features.

    Returns
    -------
    tuple of Directions
        `rank` of them, those of the largest eigenvalues first. `filter`, `symmetric` and `pattern`
        are one vector of length 1.

    Raises
    ------
    ValueError
        If X is not finite or 0, or `rank` out of its range.

    Notes
    -----
    Noise that is independent from coordinate to coordinate adds to the diagonal alone, on average,
    so without it no noise variance biases the components. In the limit these are the
    eigenvectors of masked regression at a large ridge.

    References
    ----------
    C. Cai, G. Li, Y. Chi, H. V. Poor and Y. Chen, Subspace estimation from unbalanced and
    incomplete data matrices, Annals of Statistics 49 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import diagonal_deletion
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 1)) + rng.standard_normal((500, 8)) * np.linspace(0.1, 3, 8)
    >>> bool(diagonal_deletion(X)[0].overlaps(np.ones(8))[0] > 0.9)
    True
    """
    moment, rank = _moment(X, rank)
    np.fill_diagonal(moment, 0.0)
    return _alike(largest_eigenpairs(moment, rank, lanczos_from=_LANCZOS)[1])


def heteropca(
    X, rank: int = 1, *, max_iter: int = 1000, tol: float = 1e-8
) -> tuple[Directions, ...]:
    r"""HeteroPCA: the deleted diagonal is filled with that of the components, again and again.

    .. math:: N_{t+1} = \big(S - \mathrm{diag}(S)\big) + \mathrm{diag}\big(V_t L_t V_t^\top\big)

    with the `rank` largest eigenvalues :math:`L_t` of :math:`N_t` and their eigenvectors
    :math:`V_t`; the first N is S without its diagonal.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows, one a sample; not centred.
    rank : int, default=1
        Number of directions, below n_features.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-8
        Iterations end where no entry of the diagonal moves by more than this part of the largest
        entry of S.

    Returns
    -------
    tuple of Directions
        `rank` of them, those of the largest eigenvalues first. `filter`, `symmetric` and `pattern`
        are one vector of length 1.

    Raises
    ------
    ValueError
        If X is not finite or 0, or an argument is out of its range.
    ConvergenceError
        If the iterations did not converge, as may happen when a direction sits on single
        coordinates.

    Notes
    -----
    Zhang, Cai and Wu take the `rank` largest singular values; here these are eigenvalues, as a
    covariance has no negative ones. For a direction spread over many coordinates the diagonal
    that is filled in is of the order 1/d, and the limit that of :func:`diagonal_deletion`.

    References
    ----------
    A. R. Zhang, T. T. Cai and Y. Wu, Heteroskedastic PCA: algorithm, optimality, and applications,
    Annals of Statistics 50 (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import heteropca
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 1)) + rng.standard_normal((500, 8)) * np.linspace(0.1, 3, 8)
    >>> bool(heteropca(X)[0].overlaps(np.ones(8))[0] > 0.98)
    True
    """
    max_iter, tol = positive_integer(max_iter, "max_iter"), positive(tol, "tol")
    moment, rank = _moment(X, rank)
    size, filled, start = np.abs(moment).max(), np.zeros(len(moment)), None
    for _ in range(max_iter):
        np.fill_diagonal(moment, filled)
        values, vectors = largest_eigenpairs(moment, rank, lanczos_from=_LANCZOS, start=start)
        last, filled, start = filled, vectors**2 @ np.maximum(values, 0.0), vectors.sum(axis=1)
        if np.abs(filled - last).max() <= tol * size:
            return _alike(vectors)
    raise ConvergenceError(
        f"HeteroPCA did not converge in {max_iter} iterations; raise max_iter or tol, or lower the "
        "rank."
    )


def whitened_pca(X, rank: int = 1, *, noise_variances=None) -> tuple[Directions, ...]:
    r"""Principal components of columns divided by the standard deviation of their noise.

    .. math:: G^{-1/2}\,S\,G^{-1/2}, \qquad G = \mathrm{diag}(g) \quad\text{or}\quad
              \mathrm{diag}(S)

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows, one a sample; not centred.
    rank : int, default=1
        Number of directions, at most n_features.
    noise_variances : array-like of shape (n_features,), optional
        g, positive, in squared units of X, as an oracle knows them. By default they are estimated
        by the mean squares of the columns.

    Returns
    -------
    tuple of Directions
        `rank` of them, the strongest first: :math:`G^{-1/2}w` as `filter`, the eigenvector w as
        `symmetric`, and :math:`G^{1/2}w` as `pattern`.

    Raises
    ------
    ValueError
        If X is not finite or an argument is out of its range, if a column is zero and no variances
        are given, or if X has fewer directions than `rank`, to working precision.

    Notes
    -----
    With estimated variances this is correlation PCA; the variance of a direction spread over many
    coordinates adds only 1/d to each of them. A direction u of the rows is :math:`G^{-1/2}u` in
    whitened coordinates, so that the `pattern` is what compares with u. With the variances of the
    noise in squared units of X, X in any other unit has the same directions.

    References
    ----------
    W. Leeb and E. Romanov, Optimal spectral shrinkage and PCA with heteroscedastic noise, IEEE
    Transactions on Information Theory 67 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import whitened_pca
    >>> rng = np.random.default_rng(0)
    >>> noise = np.linspace(0.1, 3, 8)
    >>> X = rng.standard_normal((500, 1)) + rng.standard_normal((500, 8)) * noise**0.5
    >>> bool(whitened_pca(X, noise_variances=noise)[0].overlaps(np.ones(8))[2] > 0.98)
    True
    """
    X = checked_rows(X)
    n, d = X.shape
    rank = checked_rank(rank, d)
    if noise_variances is None:
        scales = root_mean_squares(X, "be whitened")
    else:
        scales = np.sqrt(noise_of_columns(noise_variances, d))
    with np.errstate(over="ignore", under="ignore"):
        white = X / scales
        w = _top_vectors(white / (np.abs(white).max() or 1.0) / np.sqrt(n), rank)
    return read_in_units(w, scales)


def _moment(X, rank) -> tuple[np.ndarray, int]:
    """S in units of the largest entry of X, and the checked rank."""
    X = checked_rows(X)
    n, d = X.shape
    rank = checked_rank(rank, d - 1)
    if not X.any():
        raise ValueError("X is zero, and has no direction.")
    X = X / own_unit(X)
    return X.T @ X / n, rank


def _alike(vectors) -> tuple[Directions, ...]:
    """Directions that are read in one way only."""
    return tuple(Directions(v, v, v) for v in np.ascontiguousarray(vectors.T))
