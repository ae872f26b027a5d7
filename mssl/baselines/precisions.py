"""Matrices that play the part of a precision matrix, and the predictors that they stand for."""

from __future__ import annotations

import numpy as np
from scipy.linalg import svd

from ..validation import covariance_model, first_few, real_copy, true_or_false
from .factors import _LEAST_NOISE, factor_model
from .units import _BEYOND_RANGE, _ROUNDING, checked_rows, own_unit, root_mean_squares

__all__ = ["factor_precision", "masked_predictor", "pca_precision", "precision_error"]


def masked_predictor(precision) -> np.ndarray:
    r"""Predictor of each coordinate from all others that a precision matrix stands for.

    .. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}

    Implements :theorem:`prop-pca-fill-in`.

    Parameters
    ----------
    precision : array-like of shape (n_features, n_features)
        Q, symmetric, with a positive diagonal; its unit cancels.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k; the diagonal is zero.

    Raises
    ------
    ValueError
        If Q is not a finite, square matrix, or its diagonal not positive, or next to nothing beside
        other entries.

    Examples
    --------
    >>> from mssl.baselines import masked_predictor
    >>> masked_predictor([[2.0, -1.0], [-1.0, 4.0]])
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """
    predictor = -_residual_map(precision)
    np.fill_diagonal(predictor, 0.0)
    return predictor


def precision_error(precision, covariance) -> np.ndarray:
    r"""Mean squared error of each hidden coordinate under a known population.

    .. math:: \mathcal E_k = \frac{(Q\Sigma Q)_{kk}}{Q_{kk}^2}

    Parameters
    ----------
    precision : array-like of shape (n_features, n_features)
        Q, symmetric, with a positive diagonal.
    covariance : Covariance or PatchPopulation
        The population; anything with ``apply`` and ``d``.

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of Sigma.

    Raises
    ------
    ValueError
        As :func:`masked_predictor`, or if `covariance` is no population of as many coordinates.
    """
    residual = _residual_map(precision)
    covariance_model(covariance, needs=("apply",))
    if covariance.d != len(residual):
        raise ValueError(
            f"precision has {len(residual)} coordinates, but covariance has d = {covariance.d}."
        )
    return np.einsum("ij,ij->j", residual, covariance.apply(residual))


def pca_precision(X, rank: int, *, standardize: bool = False, noise: bool = True) -> np.ndarray:
    r"""Precision matrix of a probabilistic PCA of given rank.

    .. math:: Q = W\,\mathrm{diag}(1/\ell)\,W^\top + \frac{1}{\sigma^2}\,(I - WW^\top), \qquad
              \sigma^2 = \frac{1}{d-r}\sum_{i>r} \ell_i

    with the r largest eigenvalues of S (or of the correlation matrix) in :math:`\ell` and their
    eigenvectors in W.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Not centred.
    rank : int
        r, at least 0 and below both n_samples and n_features.
    standardize : bool, default=False
        Whether to divide every coordinate by its root mean square first; the result is then
        translated back to the units of X.
    noise : bool, default=True
        False for the limit of no noise, :math:`Q = I - WW^\top`: a hidden coordinate is then
        filled in with the least-squares fit of r components to the others.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        In units of one over those of X squared: that of cX is :math:`Q/c^2`. Without noise and
        without `standardize` it has no unit, and is the same for cX.

    Raises
    ------
    ValueError
        If X is not finite or r not in its range; if r components leave no noise, to working
        precision, and `noise` is True; if X has fewer than r of them; or if a column is zero and
        `standardize` is True.

    Notes
    -----
    A coordinate that is itself one of the components cannot be filled in from the others without
    noise; its row of Q is then exactly 0, which :func:`masked_predictor` refuses.

    References
    ----------
    M. E. Tipping and C. M. Bishop, Probabilistic principal component analysis, Journal of the
    Royal Statistical Society B 61 (1999).
    """
    standardize, noise = true_or_false(standardize, "standardize"), true_or_false(noise, "noise")
    X = checked_rows(X)
    n, d = X.shape
    rank = _rank(rank, n, d)
    scales = root_mean_squares(X, "standardize") if standardize else own_unit(X)
    values, v = svd(X / scales / np.sqrt(n), full_matrices=True)[1:]
    _require_room(values, rank, max(n, d), noise)
    w, rest = v[:rank].T, v[rank:].T
    if noise:
        level = np.sum(values[rank:] ** 2) / (d - rank)
        # A sum of squares on the diagonal, which no rounding can turn negative.
        q = (w / values[:rank] ** 2) @ w.T + rest @ rest.T / level
    else:
        rest[np.linalg.norm(rest, axis=1) <= d * _ROUNDING] = 0.0
        q = rest @ rest.T
        scales = scales if standardize else np.ones(d)
    return _to_units(q, scales)


def factor_precision(
    X, rank: int, *, max_iter: int = 5000, tol: float = 1e-8, least_noise: float = _LEAST_NOISE
) -> np.ndarray:
    r"""Precision matrix of a maximum-likelihood factor analysis.

    .. math:: Q = (LL^\top + \Psi)^{-1}, \qquad L \in \mathbb R^{d\times r},\ \Psi\ \text{diagonal}

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows, one a sample.
    rank : int
        r, at least 1 and below both n_samples and n_features.
    max_iter : int, default=5000
        Largest number of iterations.
    tol : float, default=1e-8
        Iterations end where no derivative of :math:`-\frac2n \log` likelihood in the standard
        deviations :math:`(\Psi_{kk} / \mathrm{Var}\,x_k)^{1/2}` exceeds it, or earlier, where
        rounding hides any further rise.
    least_noise : float, default=1e-9
        Smallest share of the variance of a coordinate that may be noise,
        :math:`\Psi_{kk} \ge \texttt{least\_noise}\; \mathrm{Var}\,x_k`; see the Notes.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        In units of one over those of X squared.

    Raises
    ------
    ValueError
        If X is not finite, a column is constant, an argument is out of range, or the likelihood has
        no bound; see the Notes.
    ConvergenceError
        If the iterations did not converge.

    Notes
    -----
    The mean of every column is subtracted; the other methods here do not do that. For data of
    mean zero the difference is of order 1/n.

    The likelihood knows no units: each column of X may be multiplied by a number of its own, and Q
    changes as the inverse of a covariance does. It is maximised in :math:`\Psi`, the best L being
    known for each (Joreskog 1967), from two starts of which the better result is kept; it may
    have several maxima.

    Where a coordinate is a factor itself, the likelihood grows until its noise is 0 (a Heywood
    case, usual when r is large). The noise is then held at `least_noise` times the variance, which
    changes Q by terms of that order. Where r factors explain columns that determine one another,
    such as a column and its copy, without noise, the likelihood has no bound: that is refused.

    References
    ----------
    K. G. Joreskog, Some contributions to maximum likelihood factor analysis, Psychometrika 32
    (1967).
    """
    X = checked_rows(X)
    rank = _rank(rank, *X.shape, least=1)
    scales, noise, values, v = factor_model(X, rank, max_iter, tol, least_noise)
    # Psi^1/2 Q Psi^1/2 has the eigenvalues 1/values on the first rows of v, and 1 on the rest.
    w, rest = v[:rank].T, v[rank:].T
    q = (w / values) @ w.T + rest @ rest.T
    return _to_units(q, scales * np.sqrt(noise))


def _require_room(values, rank, size, noise):
    """Refuse a rank of which the data leave nothing for the noise, or have fewer components."""
    if not values[0]:
        raise ValueError("X is zero, and nothing can be learned from it.")
    found = int(np.sum(values > size * _ROUNDING * values[0]))
    if rank > found:
        raise ValueError(
            f"rank must be at most {found}, the number of components of X that are not rounding "
            f"noise, got {rank}."
        )
    if noise and rank == found:
        raise ValueError(
            f"no noise is left, as rank = {rank} explains X to working precision; use noise=False "
            "or a lower rank."
        )


def _to_units(q, scales):
    """Divide entry (j, k) by scales j and k."""
    with np.errstate(over="ignore", under="ignore"):
        q = q / scales / scales[:, None]
    if not np.isfinite(q).all() or (np.diagonal(q) == 0).all():
        raise ValueError(_BEYOND_RANGE)
    return q


def _residual_map(precision):
    """I - A = Q diag(Q)^-1 of a precision matrix, checked."""
    q = real_copy(precision, "precision")
    if q.ndim != 2 or q.shape[0] != q.shape[1] or not q.size:
        raise ValueError(f"precision must be a square matrix, got shape {q.shape}.")
    if not np.isfinite(q).all():
        raise ValueError("precision must be finite, but it holds NaN or infinite entries.")
    low = np.flatnonzero(np.diagonal(q) <= 0)
    if low.size:
        raise ValueError(
            f"precision must have a positive diagonal, but entries {first_few(low)} are not "
            "positive."
        )
    with np.errstate(over="ignore", under="ignore"):
        residual = q / np.diagonal(q)
    if not np.isfinite(residual).all():
        raise ValueError("precision must not have a diagonal that vanishes beside other entries.")
    return residual


def _rank(rank, n, d, least=0) -> int:
    whole = isinstance(rank, int | np.integer) and not isinstance(rank, bool)
    if not whole or not least <= rank < min(n, d):
        raise ValueError(
            f"rank must be an integer from {least} to {min(n, d) - 1}, below both the number of "
            f"rows and of columns, got {rank!r}."
        )
    return int(rank)
