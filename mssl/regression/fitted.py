"""What a fitted masked regression can do, whichever way its ridge was chosen."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from mssl.validation import first_few, no_masked_entries

from . import exchange


def _check_finite(X):
    """Say which rows hold NaN or infinity; the sum is finite in the usual case and costs little."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):
            return
    for kind, test in (("NaN", np.isnan), ("infinity (inf)", np.isinf)):
        rows = np.flatnonzero([test(row).any() for row in X])
        if rows.size:
            raise ValueError(
                f"X contains {kind} in rows {first_few(rows)}; "
                "every entry must be a finite number, so remove or impute them."
            )


def validated(estimator, X, reset):
    """X in float64, by scikit-learn's validation for an `estimator`, which `reset` begins anew.

    ValueError where that finds one, for masked entries, and in one sentence about rows that are not
    finite.
    """
    no_masked_entries(X)
    X = validate_data(
        estimator,
        X,
        reset=reset,
        dtype=np.float64,
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
    )
    _check_finite(X)
    return X


class MaskedBase(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Everything that a fitted masked regression can do, whichever way its ridge was chosen."""

    def _validate(self, X, reset):
        X = validated(self, X, reset)
        if not (X.flags.c_contiguous or X.flags.f_contiguous):
            X = np.ascontiguousarray(X)
        return X

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_solution")

    def __dir__(self):
        # Notebooks show every attribute that dir() lists, and scikit-learn's dir() tries each of
        # them: either would compute all lazy ones.
        pending = self._solution.pending if self.__sklearn_is_fitted__() else frozenset()
        return [
            name for name in object.__dir__(self) if name not in pending and hasattr(self, name)
        ]

    @property
    def _fitted(self):
        check_is_fitted(self)
        return self._solution

    @property
    def _unmasked(self):
        solution = self._fitted
        if solution.no_left_out:
            raise exchange.Unavailable(solution.no_left_out)
        return solution

    @property
    def coef_(self):
        """ndarray of shape (n_features, n_features): column k predicts feature k.

        In units of feature k over those of the row's feature.
        """
        return self._fitted.coef

    @property
    def D_(self):
        """ndarray of shape (n_features,): the diagonal of Q; 1/D_kk - ridge is x_k'r_k/n.

        In units of one over X squared.

        Implements :theorem:`cor-minimum`.
        """
        return self._fitted.D

    @property
    def train_error_by_feature_(self):
        """ndarray of shape (n_features,): mean squared training residual of each feature.

        In units of X squared; with a mask rate the mean over masks. AttributeError, also a
        ValueError, if X was changed in place since the fit.
        """
        errors = self._fitted.errors
        if errors.doubt is not None:
            exchange.warn_of_digits(errors.doubt.train, "training errors")
        return errors.train

    @property
    def train_error_(self):
        """float: mean of `train_error_by_feature_`."""
        return float(self.train_error_by_feature_.mean())

    @property
    def loo_error_by_feature_(self):
        """ndarray of shape (n_features,): mean squared leave-one-out residual of each feature.

        In units of X squared. AttributeError, also a ValueError, if there is none: with a mask
        rate, where the problem without some row is singular, or when X was changed in place.
        """
        errors = self._unmasked.errors
        return self._trusted(errors.loo, errors.doubt)

    @property
    def loo_error_(self):
        """float: mean of `loo_error_by_feature_`."""
        return float(self.loo_error_by_feature_.mean())

    @property
    def gcv_error_by_feature_(self):
        """ndarray of shape (n_features,): training error over the squared mean of 1 - h_ik.

        In units of X squared. AttributeError, also a ValueError, with a mask rate or when X was
        changed in place.

        Implements :theorem:`prop-gcv`.

        References
        ----------
        G. H. Golub, M. Heath and G. Wahba, Generalized cross-validation as a method for
        choosing a good ridge parameter, Technometrics 21 (1979).
        """
        errors = self._unmasked.errors
        if errors.doubt is not None:
            exchange.warn_of_digits(errors.doubt.train, "errors of generalised cross-validation")
        return errors.gcv

    @property
    def gcv_error_(self):
        """float: mean of `gcv_error_by_feature_`."""
        return float(self.gcv_error_by_feature_.mean())

    @staticmethod
    def _trusted(left_out, doubt):
        """Leave-one-out values, refused if undefined, with a warning if few digits hold."""
        exchange.require_defined(left_out, doubt)
        if doubt is not None:
            exchange.warn_of_digits(doubt.loo, "leave-one-out errors", stacklevel=5)
        return left_out

    def _keep(self, solution):
        """Store a solution, with a warning if few of its digits hold."""
        if solution.doubt is not None:
            exchange.warn_of_digits(solution.doubt.fit, solution.promised)
        self._solution = solution
        return self

    def transform(self, X):
        r"""Predict each coordinate from all the others.

        .. math:: \hat X = X \hat A

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict. With a mask rate, hidden entries are passed as 0.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            Predictions; entry (i, k) does not depend on entry (i, k) of `X`, however large it is.

        Raises
        ------
        ValueError
            If the estimator is not fitted (`NotFittedError`, which is one), or X has another number
            of features than the fit, or NaN, infinite or masked entries.
        """
        return self._predictions(X)

    def predict(self, X):
        """Do the same as `transform`, under the name that pipelines look for at their end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict. With a mask rate, hidden entries are passed as 0.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            Always an array: `set_output` is for `transform` alone.

        Raises
        ------
        ValueError
            If the estimator is not fitted (`NotFittedError`, which is one), or X has another number
            of features than the fit, or NaN, infinite or masked entries.
        """
        return self._predictions(X)

    def _predictions(self, X):
        solution = self._fitted
        return solution.transform(self._validate(X, reset=False))

    def residual(self, X):
        r"""What the other coordinates do not predict.

        .. math:: X - X \hat A

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        residuals : ndarray of shape (n_samples, n_features)
            Observed minus predicted values.

        Raises
        ------
        ValueError
            If the estimator is not fitted (`NotFittedError`, which is one), or X has another number
            of features than the fit, or NaN, infinite or masked entries.
        """
        solution = self._fitted
        X = self._validate(X, reset=False)
        return X - solution.transform(X)

    def score(self, X, y=None):
        r"""Share of the mean square of `X` that is predicted, the larger the better.

        .. math:: 1 - \lVert X - X \hat A \rVert_F^2 / \lVert X \rVert_F^2

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict, preferably not those of the fit.
        y : None
            Ignored.

        Returns
        -------
        score : float
            1 for perfect prediction, 0 for predicting 0 everywhere, possibly negative.

        Raises
        ------
        ValueError
            If the estimator is not fitted (`NotFittedError`, which is one), or X has another number
            of features than the fit, or NaN, infinite or masked entries.

        Notes
        -----
        An :math:`R^2` pooled over features and about 0 rather than about the mean, because the
        model does not centre: data with a mean far from 0 score close to 1 for the mean alone.
        Pooling makes its order that of the mean squared error, so a search over ridges by `score`
        and one by squared error choose the same.

        With a mask rate, `score` and `residual` still show all other coordinates, while
        :math:`\hat A` is made for a share :math:`q` of them and so too large by about
        :math:`1/q`. The score is then low, even negative, and must not be compared between mask
        rates; for rows without holes multiply the predictions by q, one minus the mask rate.
        """
        solution = self._fitted
        X = self._validate(X, reset=False)
        total = np.einsum("ik,ik->", X, X)
        predicted = solution.transform(X)
        # |x|^2 - |x - p|^2 = p'(2x - p), which keeps its digits where p is small.
        return float(np.einsum("ik,ik->", predicted, 2.0 * X - predicted) / total if total else 1.0)

    def loo_residuals(self, X):
        r"""Leave-one-out residuals of the training data, exactly and without a refit.

        .. math::

           \frac{P_{ik}/Q_{kk}}{1 - h_{ik}}, \qquad
           h_{ik} = \frac{g_i - P_{ik}^2/Q_{kk}}{n}, \qquad
           P = XQ, \quad g_i = x_i^\top Q x_i

        Implements :theorem:`thm-loo`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of the fit, rows in the same order.

        Returns
        -------
        residuals : ndarray of shape (n_samples, n_features)
            Entry (i, k) is :math:`x_{ik} - x_i^\top a_k^{(-i)}`, with :math:`a_k^{(-i)}` fitted to
            all rows but i; in the units of X.

        Raises
        ------
        ValueError
            If `X` is not the training data, if the estimator was fitted with a mask rate, or if
            the problem without some row is singular.

        Notes
        -----
        The problem without row i minimises :math:`\sum_{j \ne i} (x_{jk} - x_j^\top a)^2 + n
        \lambda \lVert a \rVert^2`: the penalty of the sum of squares stays :math:`n\lambda`. A
        refit by :class:`MaskedRegression` on the n - 1 rows therefore takes
        ``ridge * n / (n - 1)``.

        References
        ----------
        D. M. Allen, The relationship between variable selection and data agumentation and a
        method for prediction, Technometrics 16 (1974).
        """
        solution = self._unmasked
        X = self._validate(X, reset=False)
        solution.check_unchanged()
        if X.shape != solution.X.shape or not np.array_equal(X, solution.X):
            raise ValueError(
                "loo_residuals needs the data of the fit, rows in the same order; "
                "for other data use residual(X)."
            )
        return self._trusted(*solution.left_out())
