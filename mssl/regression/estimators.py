"""Estimators, in scikit-learn's way: masked regression at one ridge, and at the best of several."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mssl.validation import (
    as_generator,
    mask_number,
    non_negative,
    open_unit,
    squares_in_range,
)

from . import exchange
from .blas import mean_squares
from .drawn_masks import draw, solve_drawn
from .fitted import MaskedBase
from .path import ridge_grid, ridge_path, warn_at_end, warn_of_path
from .solutions import check_ridge, solve

__all__ = ["MaskedRegression", "MaskedRegressionCV"]


class MaskedRegression(MaskedBase):
    r"""Predict each coordinate from all the others by ridge regression, all at once.

    Data are never centred: subtract the means of the columns first, or put scikit-learn's
    ``StandardScaler`` before it in a pipeline, unless the means are to be predicted too.

    .. math::

       \hat A = \arg\min_{\operatorname{diag} A = 0}
       \tfrac1n \lVert X - XA \rVert_F^2 + \lambda \lVert A \rVert_F^2 = I - Q D^{-1}, \qquad
       Q = (\tfrac1n X^\top X + \lambda I)^{-1}, \quad D = \operatorname{diag}(Q)

    Implements :theorem:`thm-closed-form`, :theorem:`prop-residual`, :theorem:`prop-ease` and
    :theorem:`thm-mask-closed`.

    Parameters
    ----------
    ridge : float, default=1.0
        The penalty :math:`\lambda \ge 0`, in units of X squared; it must be positive when there are
        not more samples than features, unless a mask rate is given.
    mask_rate : float or None, default=None
        None, or 0, hides one coordinate at a time, the one predicted. A number in (0, 1) hides
        each coordinate independently with that probability; see the Notes.
    n_masks : int or None, default=None
        None, or infinity, averages over all masks. A number K draws K masks for each sample, and
        trains each feature on those that hide it; the mask rate must then be positive. See the
        Notes.
    rng : numpy.random.Generator, int or None, default=None
        Source of the drawn masks, or its seed; needed, and used, with `n_masks` alone. A seed gives
        the same masks at each fit, a Generator new ones.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_features)
        :math:`\hat A`; column k predicts feature k, the diagonal is exactly 0. Not symmetric.
        Read-only. With fewer samples than features it is formed on first access.
    D_ : ndarray of shape (n_features,)
        The diagonal of :math:`Q`, in units of one over X squared. AttributeError with `n_masks`.
    train_error_, loo_error_, gcv_error_ : float
        Mean squares of the training residuals, of the exact leave-one-out residuals, and
        generalised cross-validation (which replaces each :math:`h_{ik}` by its mean over i),
        averaged over features, in units of X squared; computed on first access. AttributeError,
        also a ValueError, where there is none: of the last two with a mask rate, of leave-one-out
        where the problem without some row is singular, of all once X was changed in place.
    train_error_by_feature_, loo_error_by_feature_, gcv_error_by_feature_ : ndarray (n_features,)
        The same for each feature.
    n_features_in_ : int
        Number of features of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when X had names.

    See Also
    --------
    MaskedRegressionCV : Chooses the ridge by leave-one-out.

    Notes
    -----
    **Conversions of the ridge.**

    ==============================================  =========================================
    elsewhere                                       equals ``ridge=lam`` on n samples at
    ==============================================  =========================================
    scikit-learn ``Ridge(fit_intercept=False)``     ``alpha = n * lam``
    EASE (item-item recommender)                    regularisation ``n * lam`` on ``X'X``
    Patch2Self with ridge, no intercept             ``alpha = n * lam``
    ==============================================  =========================================

    **Route.** With n >= d: BLAS syrk, then LAPACK potrf and potri, in the one d x d buffer that
    ends as `coef_`. With n < d: the same on n x n, and `transform`, `D_` and the errors form no
    d x d array. Either costs digits where rows or columns of X differ by orders of magnitude or
    nearly depend on one another. This is noticed, and the same is then computed by exchange steps
    (Cholesky with a choice of pivots, in effect) at several to many times the cost, without these
    losses and still without a d x d array if n < d. An `AccuracyWarning` says how many digits of
    the result hold when the data leave fewer than six: rounding X itself then changes the others.
    Integers and float32 are converted to float64.

    **What is kept.** Errors on the training data cost as much as the fit, so they wait for the
    first access. For this the estimator keeps X: with n >= d a reference (if X is a contiguous
    float64 array) and one number a row, by which it notices when X was changed in place
    meanwhile; with n < d, where predictions rest on the rows too, and after exchange steps, a
    copy. So nothing that was fitted changes with X afterwards. Pickles hold X.

    **In a search.** scikit-learn's named scores compare predictions with y, and there is none: give
    X twice, ``GridSearchCV(..., scoring="neg_mean_squared_error").fit(X, X)``. With ``fit(X)``
    alone they are NaN at each ridge and the search picks the first; without `scoring`, `score` is
    used and ``fit(X)`` is right. The ridge has the units of X squared.

    **Mask rate.** Let each coordinate be visible with probability :math:`q` (one minus the mask
    rate), hidden ones be 0, and one :math:`A` serve all masks. Averaging the squared error over
    masks gives, with :math:`\tau = (1-q)/q`,

    .. math::

       \hat A = \tfrac1q (I - Q D^{-1}), \qquad
       Q = (S + \tau \operatorname{diag}(S) + \lambda q^{-2} I)^{-1},

    so masking is a ridge in proportion to the variances. `train_error_` is then the mean over masks
    at that rate of the error on a hidden coordinate. This penalty changes with each row left out,
    hence there is no closed form for leave-one-out. `transform` and `predict` apply :math:`\hat A`
    as it stands, to rows whose hidden entries are 0. On rows without holes their predictions are
    too large by about :math:`1/q`, which `residual` and `score` show as well; multiply them by q
    there, because :math:`q\hat A` is the mean over masks.

    **Drawn masks.** With `n_masks` K, masks :math:`m_{ij}`, j = 1, ..., K, are drawn for each
    sample i, and over the :math:`N_k` pairs that hide k

    .. math::

       a_k = \arg\min_a \frac{1}{N_k}\sum_{(i,j):\,m_{ijk} = 0}
             \big(x_{ik} - (x_i \circ m_{ij})^\top a\big)^2 + \lambda\|a\|^2 .

    This is what training with K fixed masks a sample learns when it is carried to its end, and its
    limit for large K is the mean over all masks. `train_error_` is the mean of these squares.
    Each feature has a matrix of its own, so there is no `D_`, no leave-one-out and no GCV. Masks
    are drawn as K times ``Bernoulli(mask_rate).sample(n_samples, n_features, rng)``, so that those
    of a smaller K are the first of a larger one. All features are solved together by
    preconditioned conjugate gradients, to a relative residual of 1e-10 at least, and one by one by
    Cholesky where that is sooner; the cost is some ten to a hundred times :math:`4nKd^2`. Where
    rows or features are so loud that Gram matrices lose digits, each feature costs a fit.

    References
    ----------
    H. Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019.

    S. Fadnavis, J. Batson, E. Garyfallidis, Patch2Self: denoising diffusion MRI with
    self-supervised learning, NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.regression import MaskedRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 1)) + 0.5 * rng.standard_normal((200, 4))
    >>> model = MaskedRegression(ridge=0.01).fit(X)
    >>> model.coef_.shape, bool(np.all(model.coef_.diagonal() == 0))
    ((4, 4), True)
    >>> bool(model.train_error_ < model.loo_error_ < np.mean(X**2))
    True
    """

    def __init__(self, ridge=1.0, mask_rate=None, n_masks=None, rng=None):
        self.ridge = ridge
        self.mask_rate = mask_rate
        self.n_masks = n_masks
        self.rng = rng

    def fit(self, X, y=None):
        r"""Compute :math:`\hat A`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two samples, one per row.
        y : None
            Ignored.

        Returns
        -------
        self : MaskedRegression
            The fitted estimator.

        Raises
        ------
        ValueError
            If X has NaN, infinite or masked entries or fewer than two rows, if a parameter is out
            of range, if no drawn mask hides one of the features, or if the problem is singular to
            working precision.

        Warns
        -----
        AccuracyWarning
            If fewer than six digits of `coef_` and `D_` hold.
        """
        ridge = non_negative(self.ridge, "ridge")
        rate = 0.0 if self.mask_rate is None else self.mask_rate
        keep = 1.0 - open_unit(rate, "mask_rate", zero_allowed=True)
        n_masks = mask_number(self.n_masks, rate)
        if n_masks is not None:
            rng = as_generator(self.rng)
            X = self._validate(X, reset=True)
            return self._keep(solve_drawn(X, draw(n_masks, X.shape, rate, rng), ridge))
        X = self._validate(X, reset=True)
        if keep == 1.0:
            check_ridge(ridge, X.shape)
        return self._keep(solve(X, ridge, keep))


class MaskedRegressionCV(MaskedBase):
    r"""Masked regression whose ridge has the smallest leave-one-out error.

    Data are never centred: subtract the means of the columns first, or put scikit-learn's
    ``StandardScaler`` before it in a pipeline, unless the means are to be predicted too.

    .. math::

       \hat\lambda = \arg\min_{\lambda} \frac{1}{nd} \sum_{i,k}
       \Big( \frac{P_{ik}/Q_{kk}}{1 - h_{ik}} \Big)^2

    Parameters
    ----------
    ridges : float or iterable of float, default=(0.001, 0.01, 0.1, 1.0, 10.0)
        Penalties :math:`\lambda` to try, in the sense of :class:`MaskedRegression` and in units
        of the data squared.

    Attributes
    ----------
    ridge_ : float
        The chosen penalty, the first of equals.
    loo_errors_, train_errors_, gcv_errors_ : ndarray of shape (n_ridges,)
        Errors at each of `ridges`, in their order; in units of X squared.
    loo_errors_by_feature_ : ndarray of shape (n_ridges, n_features)
        Leave-one-out errors of each feature.
    coef_, D_, train_error_, loo_error_, gcv_error_ :
        As in :class:`MaskedRegression`, at `ridge_`; so are the errors by feature.

    See Also
    --------
    MaskedRegression : The same at one ridge.

    Notes
    -----
    One eigendecomposition, of :math:`S` (n >= d) or of :math:`XX^\top/n` (n < d), serves all
    ridges: :math:`Q = V (s + \lambda)^{-1} V^\top`, after which a ridge costs one matrix product.
    A ridge so small beside the largest eigenvalue that rounding would show, or data with rows or
    columns that would lose digits, have a factorisation of their own, that of
    :class:`MaskedRegression`. The chosen ridge is then fitted by Cholesky, so
    that `coef_` is that of :class:`MaskedRegression` to the last bit. Leave-one-out keeps the
    penalty :math:`n\lambda` of the sum of squares, as in :meth:`MaskedRegression.loo_residuals`.
    A ``UserWarning`` says when the best ridge is an end of the grid, because a better one may lie
    beyond. The default grid suits features of variance about 1; the ridge has the units of the data
    squared, so multiply the grid by ``(X**2).mean()`` for data in other units.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.regression import MaskedRegressionCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 1)) + rng.standard_normal((40, 20))
    >>> model = MaskedRegressionCV(ridges=(0.01, 0.1, 1.0, 10.0, 100.0)).fit(X)
    >>> model.ridge_
    1.0
    >>> model.loo_errors_.shape
    (5,)
    """

    def __init__(self, ridges=(0.001, 0.01, 0.1, 1.0, 10.0)):
        self.ridges = ridges

    def get_params(self, deep=True):
        """Parameters by name; an iterator is read into a tuple, so that it can be read again.

        Parameters
        ----------
        deep : bool, default=True
            Ignored, as no parameter is an estimator.

        Returns
        -------
        params : dict
        """
        if isinstance(self.ridges, Iterator):
            self.ridges = tuple(self.ridges)
        return super().get_params(deep)

    def fit(self, X, y=None):
        r"""Compute the leave-one-out error at each ridge and :math:`\hat A` at the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two samples, one per row.
        y : None
            Ignored.

        Returns
        -------
        self : MaskedRegressionCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or `ridges` are out of range, or if the problem is singular at one of them, with
            all samples or without one.

        Warns
        -----
        UserWarning
            If the best ridge is an end of the grid, and an `AccuracyWarning` if fewer than six
            digits of the leave-one-out errors hold.
        """
        ridges = ridge_grid(self.get_params()["ridges"])
        X = self._validate(X, reset=True)
        for ridge in ridges:
            check_ridge(ridge, X.shape)
        squares_in_range(X, mean_squares(X), min(ridges))
        path = ridge_path(X, ridges)
        self.loo_errors_by_feature_ = np.array(
            [exchange.require_defined(each.loo, each.doubt) for each in path]
        )
        warn_of_path(path, ridges)
        self.loo_errors_ = self.loo_errors_by_feature_.mean(axis=1)
        self.train_errors_ = np.array([each.train.mean() for each in path])
        self.gcv_errors_ = np.array([each.gcv.mean() for each in path])
        self.ridge_ = ridges[int(np.argmin(self.loo_errors_))]
        warn_at_end(self.ridge_, ridges)
        return self._keep(solve(X, self.ridge_))
