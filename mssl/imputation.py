r"""Imputation: what one masked regression says when any set of entries is missing.

.. math::

    \hat x_h = -Q_{hh}^{-1} Q_{hv}\, x_v = \big[(S_{vv} + \lambda)^{-1} S_{vh}\big]^\top x_v, \qquad
    Q = (S + \lambda)^{-1}

with h the hidden and v the visible coordinates of a row. The first form takes the matrix that was
learned with one coordinate hidden at a time; the second is the ridge regression of the hidden on
the visible coordinates. They are the same for every pattern of holes.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv, dpotrf, dpotri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .regression import MaskedRegression, MaskedRegressionCV
from .validation import (
    as_generator,
    first_few,
    non_negative,
    open_unit,
    positive_integer,
    real_copy,
    true_or_false,
)

__all__ = [
    "MaskedImputer",
    "conditional_fill",
    "drop_at_random",
    "expected_moments",
    "regression_precision",
    "single_fill",
]


_TOO_LARGE = "the squares of X overflow; rescale X to values of moderate size."


def _with_nan(X):
    """X with NaN in place of what a masked array hides, or pandas calls missing."""
    if isinstance(X, np.ma.MaskedArray):
        return np.ma.filled(X.astype(float) if X.dtype.kind in "biuf" else X, np.nan)
    if hasattr(X, "notna") and hasattr(X, "where"):
        return X.where(X.notna(), np.nan)
    return X


def _rows_with_missing(X):
    """Return a copy of X, a float matrix in which NaN marks a hole, or raise ValueError."""
    X = real_copy(_with_nan(X), "X")
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(f"X must be a matrix, an array of two axes, got shape {X.shape}.")
    if np.isinf(X).any():
        rows = np.flatnonzero(np.isinf(X).any(axis=1))
        raise ValueError(
            f"X must be finite where it has no hole (NaN), but rows {first_few(rows)} hold "
            "infinite entries."
        )
    return X


def _square_for(X, matrix, name):
    """Return `matrix` as a finite float array with one row and column a column of X, or raise."""
    if np.ma.is_masked(matrix):
        raise ValueError(f"{name} must not hide entries under a mask.")
    matrix = real_copy(matrix, name)
    if matrix.shape != (X.shape[1],) * 2:
        raise ValueError(
            f"{name} must be square with one row a column of X, got shape {matrix.shape} for X of "
            f"shape {X.shape}."
        )
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must be finite, but it holds NaN or infinite entries.")
    return matrix


def regression_precision(model: MaskedRegression) -> np.ndarray:
    r"""Return the matrix Q behind a fitted masked regression.

    .. math:: Q = (I - \hat A)\,D = (S + \lambda I)^{-1}

    Parameters
    ----------
    model : MaskedRegression or MaskedRegressionCV
        Fitted without a mask rate.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        In units of one over X squared.

    Raises
    ------
    ValueError
        If `model` is neither, not fitted, or fitted with a mask rate.
    """
    if not isinstance(model, MaskedRegression | MaskedRegressionCV):
        raise ValueError(
            "model must be a fitted MaskedRegression or MaskedRegressionCV, got "
            f"{type(model).__name__}."
        )
    if getattr(model, "mask_rate", None):
        raise ValueError("Q belongs to a fit without a mask rate; use mask_rate=None.")
    return (np.eye(len(model.D_)) - model.coef_) * model.D_


def drop_at_random(X, mask_rate: float, rng: np.random.Generator | int) -> np.ndarray:
    """Return a copy of X with entries missing at random, each with the same probability.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        May have holes.
    mask_rate : float
        Probability of each entry to be missing, in (0, 1).
    rng : Generator or int
        Source of randomness, or its seed.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        With NaN in the holes. Every row keeps at least one entry: a row that would lose all keeps
        a random one.

    Raises
    ------
    ValueError
        If the rate is not in (0, 1), X is no matrix or has infinite entries, or `rng` is no seed.

    Examples
    --------
    >>> drop_at_random(np.zeros((2, 4)), 0.5, 0)
    array([[ 0., nan, nan, nan],
           [ 0.,  0.,  0.,  0.]])
    """
    rate, rng = open_unit(mask_rate, "mask_rate"), as_generator(rng)
    X_missing = _rows_with_missing(X)
    hidden = rng.random(X_missing.shape) < rate
    spared = rng.integers(X_missing.shape[1], size=len(X_missing))
    empty = np.flatnonzero(hidden.all(axis=1))
    hidden[empty, spared[empty]] = False
    X_missing[hidden] = np.nan
    return X_missing


def conditional_fill(X, precision) -> np.ndarray:
    r"""Fill the holes of each row with their conditional mean given the rest of the row.

    .. math:: \hat x_h = -Q_{hh}^{-1} Q_{hv}\, x_v

    Implements :theorem:`thm-fill-all` and :theorem:`prop-fill-best`, by one symmetric solve a row,
    of the size of the number of its holes.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        NaN marks a hole. Of mean zero.
    precision : array-like of shape (n_features, n_features)
        Q, symmetric and positive definite; in any unit, which cancels.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        Visible entries are returned as they are; a row without any visible entry becomes zero.

    Raises
    ------
    ValueError
        If the shapes do not fit, or an entry is infinite or not a number where it must be one.
    numpy.linalg.LinAlgError
        If Q is not positive definite on the holes of a row.

    Examples
    --------
    >>> conditional_fill([[np.nan, 2.0]], [[2.0, -1.0], [-1.0, 4.0]])
    array([[1., 2.]])
    """
    filled = _rows_with_missing(X)
    q = _square_for(filled, precision, "precision")
    hidden = np.isnan(filled)
    filled[hidden] = 0.0
    towards = _product(filled, q)  # Q_hv x_v, as hidden entries are zero here
    for i in np.flatnonzero(hidden.any(axis=1)):
        h = np.flatnonzero(hidden[i])
        _, solution, failed = dposv(q[np.ix_(h, h)], towards[i, h])
        if failed:
            raise np.linalg.LinAlgError(f"precision is not positive definite on row {i}'s holes.")
        filled[i, h] = -solution
    return filled


def _product(X, matrix):
    """X times a matrix; refuse products beyond the range of floating-point numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = X @ matrix
    if not np.isfinite(product).all():
        raise ValueError(
            "the weighted sums of entries of X overflow; rescale X to values of moderate size."
        )
    return product


def single_fill(X, coef) -> np.ndarray:
    r"""Fill the holes with one linear map, whatever is hidden.

    .. math:: \hat x_h = \big[A^\top (m \circ x)\big]_h, \qquad m_k = 1\ \text{if visible, else}\ 0

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        NaN marks a hole. Of mean zero.
    coef : array-like of shape (n_features, n_features)
        A, for example of a :class:`~mssl.regression.MaskedRegression` with a mask rate.

    Returns
    -------
    ndarray of shape (n_rows, n_features)

    Raises
    ------
    ValueError
        As :func:`conditional_fill`, of A in place of Q.
    """
    filled = _rows_with_missing(X)
    coef = _square_for(filled, coef, "coef")
    hidden = np.isnan(filled)
    filled[hidden] = 0.0
    filled[hidden] = _product(filled, coef)[hidden]
    return filled


def expected_moments(X, precision) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean and second moments of rows with holes, under the Gaussian law of given precision.

    .. math::

        \mathrm{E}[x \mid x_v] = \hat x, \qquad
        \mathrm{E}[x x^\top \mid x_v] = \hat x \hat x^\top + (Q_{hh})^{-1}\ \text{on}\ h \times h

    Implements :theorem:`prop-em-rounds`.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        NaN marks a hole. Of mean zero under the law.
    precision : array-like of shape (n_features, n_features)
        Q, in units of one over X squared.

    Returns
    -------
    mean : ndarray of shape (n_features,)
        Mean over the rows of the first.
    moment : ndarray of shape (n_features, n_features)
        Mean over the rows of the second.

    Raises
    ------
    ValueError
        As :func:`conditional_fill`, or if X has no row, or squares that overflow.
    numpy.linalg.LinAlgError
        As :func:`conditional_fill`.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, Maximum likelihood from incomplete data via the
    EM algorithm, Journal of the Royal Statistical Society B 39 (1977).
    """
    X = _rows_with_missing(X)
    if not len(X):
        raise ValueError("X must have at least one row, to take means over its rows.")
    filled = conditional_fill(X, precision)
    q = _square_for(X, precision, "precision")
    with np.errstate(over="ignore", invalid="ignore"):
        moment = filled.T @ filled
    if not np.isfinite(moment).all():
        raise ValueError(_TOO_LARGE)
    for row in np.isnan(X):
        if row.any():
            h = np.flatnonzero(row)
            moment[np.ix_(h, h)] += np.linalg.inv(q[np.ix_(h, h)])
    return filled.mean(axis=0), moment / len(X)


def _check_columns(X):
    """Refuse columns of which nothing is known."""
    empty = np.flatnonzero(np.isnan(X).all(axis=0))
    if empty.size:
        raise ValueError(
            f"X has no observed entry in columns {first_few(empty)}; leave these columns out."
        )


def _lone_ridge(ridges, rounds, n_complete):
    """Return the one ridge that learning without complete rows needs, or say what to do."""
    if rounds == 0 or np.ndim(ridges) != 0:
        raise ValueError(
            f"X has {n_complete} rows without holes, and at least 2 are needed to learn from them "
            "or to choose a ridge; pass one ridge and several rounds, such as "
            "MaskedImputer(ridges=0.1, rounds=20), to learn from rows with holes alone."
        )
    ridge = non_negative(ridges, "ridges")
    if ridge == 0.0:
        raise ValueError(
            f"ridges must be positive when X has {n_complete} rows without holes, got 0."
        )
    return ridge


def _column_start(X, ridge, center):
    """Mean and precision of independent columns, from what is observed of each."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.nanmean(X, axis=0) if center else np.zeros(X.shape[1])
        variances = np.nanmean((X - mean) ** 2, axis=0)
    if not np.isfinite(variances).all():
        raise ValueError(_TOO_LARGE)
    return mean, np.diag(1.0 / (variances + ridge))


def _inverse(moment, ridge):
    """Inverse of second moments with the ridge on their diagonal, or raise ValueError.

    A Cholesky pivot is what the rows before leave of a diagonal entry, in any units of the rows.
    """
    factor, info = dpotrf(moment, lower=1)
    pivots = np.diagonal(factor)
    if info or np.any(pivots**2 <= len(moment) * np.finfo(float).eps * np.diagonal(moment)):
        raise ValueError(
            f"the expected second moments plus ridge = {ridge:g} are singular to working "
            "precision: some columns of X are linear combinations of others, or a row is far "
            "larger than the rest; use a larger ridge, or leave these columns or rows out."
        )
    lower = np.tril(dpotri(factor, lower=1)[0])
    return lower + np.tril(lower, -1).T


class MaskedImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Fill holes with a masked regression learned from the complete rows.

    .. math:: \hat x_h = \bar x_h - Q_{hh}^{-1} Q_{hv}\,(x_v - \bar x_v), \qquad
              Q = (S + \lambda I)^{-1}

    Implements :theorem:`thm-fill-all` and :theorem:`prop-em-rounds`.

    Parameters
    ----------
    ridges : float or sequence of float
        One ridge, or several of which leave-one-out on the complete rows chooses. With fewer than
        two complete rows it must be one positive number, and `rounds` at least 1. In units of X
        squared: what suits X with a ridge suits cX with :math:`c^2` times it.
    center : bool, default=True
        Whether to subtract the mean of the rows.
    rounds : int, default=0
        How often to learn again from all rows, those with holes included; see the Notes. Most
        tables with holes all over need it, and one ridge: ``MaskedImputer(ridges=0.1, rounds=20)``
        for columns of variance near 1.

    Attributes
    ----------
    ridge_ : float
        The ridge that was used.
    mean_ : ndarray of shape (n_features,)
        What was subtracted.
    precision_ : ndarray of shape (n_features, n_features)
        Q, in units of one over X squared.
    n_complete_ : int
        Number of complete rows, those that it learned from (at first, if there are rounds).

    Notes
    -----
    With ``rounds=0`` rows with holes are not learned from. A round replaces mean and second
    moments of the n complete rows by their expectations over all N rows given what is visible
    (:func:`expected_moments`), with the penalty of the sum of squares, n times the ridge, as it
    was. Rounds are the steps of the EM algorithm for the Gaussian likelihood with the penalty
    :math:`\frac{n\lambda}{2}\mathrm{Tr}\,Q`, which none of them lowers. `ridge_` becomes
    :math:`\lambda n/N`, that of all rows.

    A hole is NaN, an entry that a numpy masked array hides, or a missing value of pandas; what
    stands under a mask is not looked at. What is returned is an array without any mask.

    Complete rows are rare when there are many columns: with 5 % of the entries missing, one row in
    500 of 120 columns. With fewer than two, rounds start from independent columns, from the mean
    and the variance of the observed entries of each, and the ridge is that of all rows from the
    outset. It cannot be chosen by leave-one-out then; try several on entries hidden on purpose
    (:func:`drop_at_random`). Without rounds such data are refused, and so is a column without any
    observed entry.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, Maximum likelihood from incomplete data via the
    EM algorithm, Journal of the Royal Statistical Society B 39 (1977).

    Examples
    --------
    >>> X = np.array([[1.0, 1.1], [-1.0, -0.9], [2.0, 2.1], [-2.0, -2.2], [1.5, np.nan]])
    >>> MaskedImputer(ridges=0.01).fit_transform(X)[-1].round(1)
    array([1.5, 1.6])
    """

    def __init__(self, ridges=(0.001, 0.01, 0.1, 1.0, 10.0), center=True, rounds=0):
        self.ridges = ridges
        self.center = center
        self.rounds = rounds

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        """Learn Q from the complete rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN marks a hole, and so does the mask of a masked array.
        y : None
            Ignored.

        Returns
        -------
        self : MaskedImputer

        Raises
        ------
        ValueError
            If X has a single row or infinite entries, if a column is all holes, if fewer than two
            rows are complete and `rounds` is 0 or there are several ridges, or if a parameter is
            out of range.
        """
        rounds = positive_integer(self.rounds, "rounds", minimum=0)
        center = true_or_false(self.center, "center")
        X = validate_data(
            self,
            _with_nan(X),
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
        )
        _check_columns(X)
        complete = X[~np.isnan(X).any(axis=1)]
        self.n_complete_ = len(complete)
        if len(complete) < 2:
            self.ridge_ = _lone_ridge(self.ridges, rounds, len(complete))
            self.mean_, self.precision_ = _column_start(X, self.ridge_, center)
        else:
            self._learn_complete(complete, center)
            if rounds:
                self.ridge_ *= len(complete) / len(X)
        for _ in range(rounds):
            step, moment = expected_moments(X - self.mean_, self.precision_)
            if center:
                self.mean_ = self.mean_ + step
                moment -= np.outer(step, step)
            moment[np.diag_indices_from(moment)] += self.ridge_
            self.precision_ = _inverse(moment, self.ridge_)
        return self

    def _learn_complete(self, complete, center):
        """Set mean, ridge and precision from rows without holes."""
        self.mean_ = complete.mean(axis=0) if center else np.zeros(complete.shape[1])
        complete = complete - self.mean_
        if np.ndim(self.ridges) == 0:
            self.ridge_ = non_negative(self.ridges, "ridges")
            model = MaskedRegression(ridge=self.ridge_).fit(complete)
        else:
            model = MaskedRegressionCV(ridges=self.ridges).fit(complete)
            self.ridge_ = model.ridge_
        self.precision_ = regression_precision(model)

    def transform(self, X):
        """Fill the holes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN marks a hole, and so does the mask of a masked array.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Observed entries are returned as they are, to the last bit.

        Raises
        ------
        ValueError
            If the imputer is not fitted, or X has another number of columns or infinite entries.
        """
        check_is_fitted(self)
        X = validate_data(
            self, _with_nan(X), dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        filled = conditional_fill(X - self.mean_, self.precision_) + self.mean_
        return np.where(np.isnan(X), filled, X)
