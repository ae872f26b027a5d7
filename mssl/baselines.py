r"""Other ways to learn a direction, or a predictor of a hidden coordinate, from the same data.

Whatever the method, once it has arrived at a matrix Q that plays the part of a precision matrix,
coordinate k is predicted from the others by the same formula:

.. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}, \qquad
          \mathcal E_k = \frac{(Q\Sigma Q)_{kk}}{Q_{kk}^2} .

Masked regression has :math:`Q = (S + \lambda)^{-1}`, the best linear predictor
:math:`Q = \Sigma^{-1}`.
"""

from __future__ import annotations

import numbers
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning

from .exceptions import ConvergenceError
from .regression import MaskedRegression
from .validation import (
    data_matrix,
    first_few,
    non_negative,
    positive_integer,
    real_array,
    true_or_false,
)

__all__ = [
    "METHODS",
    "Directions",
    "factor_precision",
    "hidden_error",
    "leading_directions",
    "masked_predictor",
    "pca_precision",
]

#: Names of the methods that :func:`leading_directions` knows.
METHODS = ("regression", "pca", "correlation", "factor")


def masked_predictor(precision) -> np.ndarray:
    r"""Predictor of each coordinate from all others that a precision matrix stands for.

    .. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}

    Parameters
    ----------
    precision : array-like of shape (n_features, n_features)
        Q, symmetric, with a positive diagonal.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k; the diagonal is zero.

    Examples
    --------
    >>> from mssl.baselines import masked_predictor
    >>> masked_predictor([[2.0, -1.0], [-1.0, 4.0]])
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """
    q = _precision(precision)
    predictor = -q / np.diagonal(q)
    np.fill_diagonal(predictor, 0.0)
    return predictor


def hidden_error(precision, covariance) -> np.ndarray:
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
    """
    q = _precision(precision)
    if covariance.d != len(q):
        raise ValueError(
            f"precision has {len(q)} coordinates, but covariance has d = {covariance.d}."
        )
    return np.einsum("ij,ij->j", q, covariance.apply(q)) / np.diagonal(q) ** 2


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

    References
    ----------
    M. E. Tipping and C. M. Bishop, Probabilistic principal component analysis, Journal of the
    Royal Statistical Society B 61 (1999).
    """
    standardize, noise = true_or_false(standardize, "standardize"), true_or_false(noise, "noise")
    X = data_matrix(X)
    n, d = X.shape
    rank = _rank(rank, n, d)
    scales = np.sqrt(np.mean(X * X, axis=0)) if standardize else np.ones(d)
    if not np.all(scales > 0):
        where = first_few(np.flatnonzero(scales == 0))
        raise ValueError(
            f"every column of X must vary to standardize, but columns {where} are zero; leave "
            "them out."
        )
    scaled = X / scales
    covariance = scaled.T @ scaled / n
    q = np.eye(d)
    level = np.trace(covariance) / d
    if rank:
        values, w = eigh(covariance, subset_by_index=(d - rank, d - 1))
        level = (np.trace(covariance) - values.sum()) / (d - rank)
        shrink = 1.0 - level / values if noise else np.ones(rank)
        q -= (w * shrink) @ w.T
    if noise:
        q /= level
    return q / np.multiply.outer(scales, scales)


def factor_precision(X, rank: int, *, max_iter: int = 5000) -> np.ndarray:
    r"""Precision matrix of a maximum-likelihood factor analysis.

    .. math:: Q = (LL^\top + \Psi)^{-1}, \qquad L \in \mathbb R^{d\times r},\ \Psi\ \text{diagonal}

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    rank : int
        r, at least 1 and below both n_samples and n_features.
    max_iter : int, default=5000
        Largest number of iterations of scikit-learn's FactorAnalysis.

    Returns
    -------
    ndarray of shape (n_features, n_features)

    Raises
    ------
    ConvergenceError
        If the iterations did not converge.

    Notes
    -----
    FactorAnalysis subtracts the mean of every column, the other methods here do not. For data of
    mean zero the difference is of order 1/n.
    """
    return _factor_model(data_matrix(X), rank, max_iter).get_precision()


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
        """Squared cosines of filter, symmetric vector and pattern with x, of shape (3,)."""
        x = np.asarray(x, dtype=float)
        vectors = np.stack([self.filter, self.symmetric, self.pattern])
        return (vectors @ x) ** 2 / np.sum(vectors**2, axis=1) / (x @ x)


def leading_directions(
    X, method: str, *, ridge: float | None = None, count: int = 1, max_iter: int = 5000
) -> tuple[Directions, ...]:
    r"""The strongest directions that a method finds.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    method : {"regression", "pca", "correlation", "factor"}
        Eigenvectors of A_hat, of S, of the correlation matrix, or the columns of the loadings of
        a maximum-likelihood factor analysis with `count` factors, the strongest first.
    ridge : float, optional
        Needed for "regression", and for it alone.
    count : int, default=1
        Number of directions.
    max_iter : int, default=5000
        For "factor" only.

    Returns
    -------
    tuple of Directions

    Notes
    -----
    The weights D are :math:`\mathrm{diag}(Q)` for masked regression, the inverse of the sample
    variances for the correlation matrix, :math:`\Psi^{-1}` for factor analysis and 1 for PCA.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import leading_directions
    >>> X = np.random.default_rng(0).normal(size=(400, 5)) + np.arange(400)[:, None] / 100
    >>> direction = leading_directions(X, "pca")[0]
    >>> bool(direction.overlaps(np.ones(5))[0] > 0.99)
    True
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    X = data_matrix(X)
    n, d = X.shape
    if method == "regression":
        if ridge is None:
            raise ValueError("ridge must be given for method='regression'.")
        weights = MaskedRegression(ridge=non_negative(ridge, "ridge")).fit(X).D_
    elif ridge is not None:
        raise ValueError(f"ridge has no meaning for method={method!r}; leave it out.")
    elif method == "correlation":
        weights = n / np.einsum("ij,ij->j", X, X)
    else:
        weights = np.ones(d)
    if method == "factor":
        model = _factor_model(X, count, max_iter)
        weights = 1.0 / model.noise_variance_
        w = model.components_.T * np.sqrt(weights)[:, None]
        w = w[:, np.argsort(-np.sum(w * w, axis=0))]
    else:
        if positive_integer(count, "count", minimum=0) not in range(1, d + 1):
            raise ValueError(f"count must lie between 1 and {d}, got {count}.")
        scaled = X * np.sqrt(weights / n)
        matrix = scaled.T @ scaled
        if method == "regression":
            matrix[np.diag_indices(d)] += ridge * weights
        w = eigh(matrix, subset_by_index=(d - count, d - 1))[1][:, ::-1]
    root = np.sqrt(weights)
    return tuple(Directions(root * column, column.copy(), column / root) for column in w.T)


def _factor_model(X, rank, max_iter):
    rank = _rank(rank, *X.shape, least=1)
    max_iter = positive_integer(max_iter, "max_iter")
    model = FactorAnalysis(rank, svd_method="lapack", max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return model.fit(X)
        except ConvergenceWarning:
            raise ConvergenceError(
                f"factor analysis did not converge in {max_iter} iterations; raise max_iter or "
                "lower the rank."
            ) from None


def _precision(q):
    q = real_array(q, "precision")
    if q.ndim != 2 or q.shape[0] != q.shape[1] or not np.all(np.diagonal(q) > 0):
        raise ValueError(
            f"precision must be a square matrix with a positive diagonal, got shape {q.shape}."
        )
    return q


def _rank(rank, n, d, least=0):
    whole = isinstance(rank, numbers.Integral) and not isinstance(rank, bool)
    if not whole or not least <= rank < min(n, d):
        raise ValueError(
            f"rank must be an integer from {least} to {min(n, d) - 1}, below both the number of "
            f"rows and of columns, got {rank!r}."
        )
    return int(rank)
