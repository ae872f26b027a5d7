"""Estimators, in scikit-learn's way: masked regression at one ridge, and at the best of several."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import dgemm, dsyrk
from scipy.linalg.lapack import dpotrf, dpotri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from mssl.masking import MaskLaw, best_predictor
from mssl.validation import (
    UNDERFLOW,
    first_few,
    no_masked_entries,
    non_negative,
    open_unit,
    squares_in_range,
)

from . import exchange

__all__ = ["MaskedRegression", "MaskedRegressionCV", "masked_regression"]

_CHUNK = 1 << 17  # entries of one block of rows: 1 MB, which stays in cache
_BLOCK = 128  # columns mirrored at a time
_TRUSTED = 1e-11  # what rounding may change of 1/(s + ridge) in the shared eigendecomposition
_LOST = 1e-9  # relative error from rounding beyond which the short way is left
_ENOUGH = 1e-6  # relative error that is worth a warning
_LAZY_COEF = frozenset({"coef_"})
_LAZY_ERRORS = frozenset(
    f"{name}_error{suffix}_" for name in ("train", "loo", "gcv") for suffix in ("", "_by_feature")
)


# Linear algebra in one buffer ------------------------------------------------------------------


# NumPy and SciPy wheels each bring a BLAS with a thread pool of its own, and going back and forth
# between the two was seen to cost about a factor of two on two cores. So all products here go
# through SciPy's, as its LAPACK must.


def _fortran(a):
    """`a` as BLAS wants it without a copy: (array in Fortran order, whether to transpose it)."""
    return (a, 0) if a.flags.f_contiguous else (a.T, 1)


def _product(a, b):
    """``a @ b`` in the memory order of `a`."""
    if not a.flags.c_contiguous:
        (left, trans_a), (right, trans_b) = _fortran(a), _fortran(b)
        return dgemm(1.0, left, right, trans_a=trans_a, trans_b=trans_b)
    (left, trans_a), (right, trans_b) = _fortran(b.T), _fortran(a.T)
    return dgemm(1.0, left, right, trans_a=trans_a, trans_b=trans_b).T


def _half_product(a, alpha):
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


class _DigitsLost(Exception):
    """The short way would lose digits that the data hold."""


def _invert(matrix):
    """Overwrite a positive definite matrix, given by its lower triangle, by its inverse.

    A diagonal entry times that of the inverse, the second result, is the inverse of the part of
    the entry that the other rows do not explain. Rounding errors are as many times larger. The
    product does not change when features are rescaled.
    """
    diagonal = matrix.diagonal().copy()
    factor, info = dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if info != 0:
        raise _DigitsLost
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    inflation = diagonal * inverse.diagonal()
    if not np.max(inflation) * np.finfo(float).eps <= _LOST:
        raise _DigitsLost
    return _mirror(inverse), inflation


def _energies(X):
    """Mean square of each column, the diagonal of S, without a temporary of X's size."""
    return np.einsum("ik,ik->k", X, X) / len(X)


def _projections(X, energies):
    """One number a row that any change of the row would change, a fingerprint of X.

    The weights are random, so that neither flipped signs nor exchanged entries cancel, and in
    units of the columns, so that no column drowns in the rounding of another.
    """
    weights = np.random.default_rng(0).uniform(1.0, 2.0, X.shape[1])
    weights /= np.sqrt(np.where(energies > UNDERFLOW, energies, 1.0))
    return np.einsum("ik,k->i", X, weights), weights


def _row_blocks(X):
    """Slices that cut X into blocks of about `_CHUNK` entries."""
    step = max(1, _CHUNK // X.shape[1])
    return [slice(start, start + step) for start in range(0, len(X), step)]


# Errors on the training data -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Errors:
    """Mean squares by feature: training, leave-one-out, generalised cross-validation.

    The last two are NaN with masks, which leave them undefined.
    """

    train: np.ndarray
    loo: np.ndarray
    gcv: np.ndarray
    doubt: exchange.Doubt | None = None


def _divide(residuals, room):
    """Leave-one-out residuals, not finite where 1 - h is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return residuals / room


def _sum_errors(blocks, n_samples):
    """Gather :class:`_Errors` in one pass over blocks of (residuals, 1 - h)."""
    train = loo = mean_room = scale = np.float64(0.0)
    for residuals, room in blocks:
        if not scale:  # squares of what a tiny ridge leaves of both would underflow
            scale = max(room.max(), UNDERFLOW) if room.max() < np.sqrt(UNDERFLOW) else 1.0
        scaled = residuals if scale == 1.0 else residuals / scale
        train = train + np.einsum("ik,ik->k", scaled, scaled)
        mean_room = mean_room + room.sum(axis=0) / n_samples
        left_out = _divide(residuals, room)
        loo = loo + np.einsum("ik,ik->k", left_out, left_out)
    train, loo = train / n_samples, loo / n_samples
    return _Errors(train * scale**2, loo, train / (mean_room / scale) ** 2)


def _room(residuals, D, slack, n_samples):
    """``1 - h`` from residuals R = P/D: (1 - g/n) + R^2 D/n, both positive."""
    room = residuals * (residuals * D)  # this order keeps tiny residuals from underflowing
    room /= n_samples
    room += slack[:, None]
    return room


# The three routes --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Solution(ABC):
    """What all routes share: the data, the penalty and sums over the training rows.

    ``keep`` is the probability q that a coordinate is visible (1 without masking) and ``tau`` is
    (1 - q)/q. Errors are those of ``q A``, which acts on q times fewer coordinates.
    """

    X: np.ndarray
    energies: np.ndarray
    keep: float
    tau: float
    D: np.ndarray

    @property
    def doubt(self) -> exchange.Doubt | None:
        """How many digits of the answer hold, where that was measured."""
        return None

    @abstractmethod
    def training_blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield rows, their residuals and their 1 - g/n."""

    @abstractmethod
    def coef_blocks(self) -> Iterator[tuple[slice | np.ndarray, np.ndarray]]:
        """Yield some columns and what A holds in them."""

    def check_unchanged(self) -> None:
        """Refuse what needs the training data if they are no longer those of the fit."""
        return

    def left_out_blocks(self):
        for rows, residuals, slack in self.training_blocks():
            yield rows, residuals, _room(residuals, self.D, slack, len(self.X))

    def left_out(self):
        """Leave-one-out residuals, and the doubt about them."""
        left_out = np.empty_like(self.X)
        for rows, residuals, room in self.left_out_blocks():
            left_out[rows] = _divide(residuals, room)
        return left_out, self.doubt

    @cached_property
    def errors(self):
        """:class:`_Errors` of the training data; averaged over the masks if there are any."""
        self.check_unchanged()
        if not self.tau:
            blocks = ((residuals, room) for _, residuals, room in self.left_out_blocks())
            return replace(_sum_errors(blocks, len(self.X)), doubt=self.doubt)
        train = np.zeros(self.X.shape[1])
        for _, residuals, _ in self.training_blocks():
            train = train + np.einsum("ik,ik->k", residuals, residuals) / len(self.X)
        # Hidden inputs add noise of variance tau S_jj to input j of the mean predictor q A.
        for columns, block in self.coef_blocks():
            squares = (self.keep * block) ** 2
            train[columns] += self.tau * np.einsum("j,jk->k", self.energies, squares)
        undefined = np.full_like(train, np.nan)
        return _Errors(train, undefined, undefined, self.doubt)

    @property
    def pending(self):
        """Public attributes that a first access would have to compute."""
        lazy = {"coef": _LAZY_COEF, "errors": _LAZY_ERRORS}
        return frozenset().union(*(v for k, v in lazy.items() if k not in self.__dict__))


@dataclass(frozen=True, eq=False)
class _Primal(_Solution):
    r"""A itself, made in place in the buffer that held S, then Q."""

    coef: np.ndarray
    projections: np.ndarray
    ridge: float

    @classmethod
    def solve(cls, X, ridge, keep):
        tau = (1.0 - keep) / keep
        matrix = _half_product(X.T, 1.0 / len(X))
        energies = matrix.diagonal().copy()
        squares_in_range(X, energies, ridge)
        np.einsum("kk->k", matrix)[...] += _penalties(energies, ridge, keep)
        matrix, inflation = _invert(matrix)
        D = matrix.diagonal().copy()
        matrix /= -keep * D
        np.fill_diagonal(matrix, 0.0)
        matrix.flags.writeable = D.flags.writeable = False  # the lazy errors rest on them
        projections, _ = _projections(X, energies)
        solution = cls(X, energies, keep, tau, D, matrix, projections, ridge)
        coupled = _coupled(inflation)
        _check_coefficients(solution, inflation, coupled * np.sqrt(D), coupled / np.sqrt(D))
        return solution

    def check_unchanged(self):
        with np.errstate(all="ignore"):  # the data may hold anything by now
            now, weights = _projections(self.X, self.energies)
            change = np.abs(now - self.projections)
            lengths = np.sqrt(np.einsum("ik,ik,k->i", self.X, self.X, weights**2))
        # |x|'|w| <= sqrt(d) |x w|, of which a scalar product loses at most d eps, twice here.
        rounding = 2.0 * self.X.shape[1] ** 1.5 * np.finfo(float).eps * lengths
        if not (np.isfinite(lengths).all() and np.all(change <= rounding)):
            raise exchange.Unavailable(
                "the training data changed in place after fit, so errors on them are no longer "
                "defined; fit a copy (X.copy()) or fit again."
            )

    @cached_property
    def _exact(self):
        """The long way, for what the short one says of samples that little else is like."""
        return _Graded.solve(self.X, self.ridge, self.keep)

    @cached_property
    def errors(self):
        try:
            return super().errors
        except _DigitsLost:
            return self._exact.errors

    def left_out(self):
        try:
            return super().left_out()
        except _DigitsLost:
            return self._exact.left_out()

    def transform(self, X):
        return _product(X, self.coef)

    def training_blocks(self):
        missed = 0.0
        for rows in _row_blocks(self.X):
            X = self.X[rows]
            residuals = _product(X, self.coef)
            residuals *= -self.keep
            residuals += X
            g = np.einsum("ik,k->i", residuals * X, self.D)  # sum_k P_ik x_ik
            slack = 1.0 - g / len(self.X)
            if not self.tau and slack.min() < 0.1:
                self._check_slack(X, residuals, slack)
            missed = missed + np.einsum("ik,ik->k", residuals, residuals)
            yield rows, residuals, slack
        if not self.tau:
            self._check_residuals(missed / len(self.X))

    @property
    def _sizes(self):
        """The diagonal of S + T."""
        return self.energies + _penalties(self.energies, self.ridge, self.keep)

    def _check_residuals(self, missed):
        """Leave if the mean squares of residuals are not large beside rounding errors of X A."""
        inflation = self._sizes * self.D
        rounding = np.finfo(float).eps * np.max(inflation) * _coupled(inflation)
        if np.any((rounding > 0.1 * _ENOUGH * np.sqrt(self.D * missed)) & (self.energies > 0.0)):
            raise _DigitsLost

    def _check_slack(self, X, residuals, slack):
        """The same as `_check_shares`, for 1 - g/n of some samples."""
        sizes = self._sizes
        spread = np.einsum("ik,ik,k->i", X, X, self.D)
        spread += np.einsum("ik,ik,k->i", residuals, residuals, sizes * self.D**2)
        _check_digits(slack, spread / len(self.X))

    def coef_blocks(self):
        for start in range(0, len(self.D), _BLOCK):
            columns = slice(start, start + _BLOCK)
            yield columns, self.coef[:, columns]


class _ByColumns(_Solution):
    """A is formed when it is asked for, from `columns`."""

    @abstractmethod
    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """Some columns of A, given by their numbers."""

    def coef_blocks(self):
        d = len(self.D)
        for start in range(0, d, _BLOCK):
            columns = np.arange(start, min(start + _BLOCK, d))
            yield columns, self.columns(columns)

    @cached_property
    def coef(self):
        matrix = np.empty((len(self.D), len(self.D)), order="F")
        for columns, block in self.coef_blocks():
            matrix[:, columns] = block
        matrix.flags.writeable = False
        return matrix


@dataclass(frozen=True, eq=False)
class _Dual(_ByColumns):
    """The same through n x n, with a copy of X because predictions rest on its rows.

    The penalty is s C with a number s (`scale`) and a diagonal C (`weights`). Then, with
    G = (X C^-1 X'/n + s I)^-1, P = X Q = G X C^-1 and s Q = C^-1 - C^-1 X' P / n.
    """

    P: np.ndarray
    slack: np.ndarray
    scale: float
    weights: np.ndarray
    own: np.ndarray

    @classmethod
    def solve(cls, X, ridge, keep):
        n, tau = len(X), (1.0 - keep) / keep
        energies = _energies(X)
        squares_in_range(X, energies, ridge)
        X = X.copy(order="K")
        X.flags.writeable = False
        if tau:
            scale, weights = 1.0, _penalties(energies, ridge, keep)
            matrix = _half_product(X / np.sqrt(weights), 1.0 / n)
        else:
            scale, weights = ridge, np.ones(X.shape[1])
            matrix = _half_product(X, 1.0 / n)
        np.einsum("ii->i", matrix)[...] += scale
        sizes = matrix.diagonal().copy()
        G, inflation = _invert(matrix)
        P = _product(G.T if X.flags.c_contiguous else G, X)  # G = G'; P in the order of X
        diagonal = G.diagonal().copy()
        del matrix, G
        if tau:
            P /= weights
        own = np.einsum("ik,ik->k", X, P) / n
        shares = 1.0 - own  # s c_k Q_kk
        with np.errstate(over="ignore"):
            D = shares / (scale * weights)
        D.flags.writeable = False
        # 1 - g_i/n = s G_ii has no cancellation, so leave-one-out stays exact for tiny ridges.
        slack = scale * diagonal
        solution = cls(X, energies, keep, tau, D, P, slack, scale, weights, own)
        _check_shares(solution, diagonal, sizes)
        own = np.sqrt(np.maximum(own, 0.0) / weights)
        _check_coefficients(solution, inflation, own, weights * own / shares)
        return solution

    def transform(self, X):
        inputs = X / self.weights
        others = _product(_product(inputs, self.X.T), self.P)
        others /= len(self.X)
        inputs *= self.own
        others -= inputs
        alone = exchange.drowned(inputs, others)
        others /= self.keep * self.scale * self.D
        return exchange.predict_alone(others, X, self.columns, alone)

    def training_blocks(self):
        for rows in _row_blocks(self.X):
            yield rows, self.P[rows] / self.D, self.slack[rows]

    def columns(self, chosen):
        """Some columns of A, given by their numbers."""
        right = self.P[:, chosen] / (len(self.X) * self.keep * self.scale * self.D[chosen])
        block = _others(self.X, right, chosen)
        block /= self.weights[:, None]
        return block


def _others(X, columns, chosen):
    """X' times some columns of X Q, without what a feature says of itself."""
    products = _product(X.T, columns)
    products[chosen, np.arange(len(chosen))] = 0.0
    return products


def _check_shares(solution, G, sizes):
    """Leave if s c_k Q_kk = 1 - x_k'G x_k/(n c_k) is left with rounding errors alone.

    Those of G, in units of the roots of its diagonal entries, enter by X; those of the inverted
    matrix, in units of the roots of its own, by P = GXC^-1.
    """
    X, P, spread = solution.X, solution.P, 0.0
    for rows in _row_blocks(X):
        spread = spread + np.einsum("ik,ik,i->k", X[rows], X[rows], G[rows]) / solution.weights
        spread += np.einsum("ik,ik,i->k", P[rows], P[rows], sizes[rows]) * solution.weights
    _check_digits(1.0 - solution.own, spread / len(X))


def _coupled(inflation):
    """Correlation of each feature with all others; 0, as are its errors, if a penalty drowns it."""
    return np.sqrt(np.where(inflation > 1.0 + _TRUSTED, 1.0 - 1.0 / inflation, 0.0))


def _check_coefficients(solution, inflation, left, right):
    """Leave if rounding errors of size left_j right_k in A_jk are much for all of column k.

    In units of the features they are not; but where these differ much, the largest coefficients
    may be ones that predict next to nothing.
    """
    rounding = np.finfo(float).eps * np.max(inflation)
    largest = np.max(left)
    if rounding * largest <= 0.1 * _LOST * np.min(left, where=left > 0.0, initial=largest):
        return
    probes = np.random.default_rng(0).uniform(1.0, 2.0, (3, len(right)))
    probes[1:] *= np.random.default_rng(1).choice([-1.0, 1.0], (2, len(right)))
    sizes = np.abs(solution.transform(probes)).max(axis=0)
    if np.any(rounding * largest * right > 0.1 * _ENOUGH * sizes):
        raise _DigitsLost


def _check_digits(difference, spread):
    """Leave if a difference from 1 is not large beside rounding errors, of 1 and of `spread`."""
    if not np.all((1.0 + spread) * np.finfo(float).eps <= _LOST * difference):
        raise _DigitsLost


@dataclass(frozen=True, eq=False)
class _Graded(_ByColumns):
    """The long way of ``mssl.regression.exchange``, for any shape."""

    answer: exchange.Answer
    measured: exchange.Doubt

    @property
    def doubt(self) -> exchange.Doubt:
        return self.measured

    @classmethod
    def solve(cls, X, ridge, keep):
        energies = _energies(X)
        squares_in_range(X, energies, ridge)
        X = X.copy(order="K")
        X.flags.writeable = False
        answer, doubt = exchange.solve(X, _penalties(energies, ridge, keep))
        answer.D.flags.writeable = False
        return cls(X, energies, keep, (1.0 - keep) / keep, answer.D, answer, doubt)

    def transform(self, X):
        return self.answer.predictions(X) / self.keep

    def training_blocks(self):
        for rows in _row_blocks(self.X):
            yield rows, self.answer.residuals[rows], self.answer.slack[rows]

    def columns(self, chosen):
        return self.answer.columns(chosen) / self.keep


def _penalties(energies, ridge, keep):
    """The diagonal that is added to S."""
    return (1.0 - keep) / keep * energies + ridge / keep**2


def _solve(X, ridge, keep=1.0):
    """Choose the route by shape, or the long way where the short one would lose digits."""
    try:
        solution = (_Dual if X.shape[0] < X.shape[1] else _Primal).solve(X, ridge, keep)
    except _DigitsLost:
        solution = _Graded.solve(X, ridge, keep)
    if not np.isfinite(solution.D).all():
        raise ValueError(
            f"1 / ridge overflows at ridge = {ridge:g}; rescale X and the ridge to values of "
            "moderate size."
        )
    return solution


def _check_ridge(ridge, shape, name="ridge"):
    """Refuse ridge = 0 where it leaves S singular."""
    if ridge == 0.0 and shape[0] <= shape[1]:
        raise ValueError(
            f"{name} = 0 makes S + ridge I singular with n_samples = {shape[0]} <= n_features = "
            f"{shape[1]}; use {name} > 0 or more than {shape[1]} samples."
        )


# Estimators ------------------------------------------------------------------------------------


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


class _MaskedBase(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Everything that a fitted masked regression can do, whichever way its ridge was chosen."""

    def _validate(self, X, reset):
        """scikit-learn's validation to float64, and one sentence about rows that are not finite."""
        no_masked_entries(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float64,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        _check_finite(X)
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
        if solution.tau:
            raise exchange.Unavailable(
                "leave-one-out and GCV have no closed form with a mask_rate, because the masks' "
                "penalty tau diag(S) changes with the row left out; use mask_rate=None or refit."
            )
        return solution

    @property
    def coef_(self):
        """ndarray of shape (n_features, n_features): column k predicts feature k."""
        return self._fitted.coef

    @property
    def D_(self):
        """ndarray of shape (n_features,): the diagonal of Q; 1/D_kk - ridge is x_k'r_k/n.

        Implements :theorem:`cor-minimum`.
        """
        return self._fitted.D

    @property
    def train_error_by_feature_(self):
        """ndarray of shape (n_features,): mean squared training residual of each feature."""
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
        """ndarray of shape (n_features,): mean squared leave-one-out residual of each feature."""
        errors = self._unmasked.errors
        return self._trusted(errors.loo, errors.doubt)

    @property
    def loo_error_(self):
        """float: mean of `loo_error_by_feature_`."""
        return float(self.loo_error_by_feature_.mean())

    @property
    def gcv_error_by_feature_(self):
        """ndarray of shape (n_features,): training error over the squared mean of 1 - h_ik.

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
            exchange.warn_of_digits(solution.doubt.fit, "coef_ and D_")
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
            all rows but i.

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


class MaskedRegression(_MaskedBase):
    r"""Predict each coordinate from all the others by ridge regression, all at once.

    Data are never centred: subtract the means of the columns first, or put scikit-learn's
    ``StandardScaler`` before it in a pipeline, unless the means are to be predicted too.

    .. math::

       \hat A = \arg\min_{\operatorname{diag} A = 0}
       \tfrac1n \lVert X - XA \rVert_F^2 + \lambda \lVert A \rVert_F^2 = I - Q D^{-1}, \qquad
       Q = (\tfrac1n X^\top X + \lambda I)^{-1}, \quad D = \operatorname{diag}(Q)

    Implements :theorem:`thm-closed-form`, :theorem:`prop-residual` and
    :theorem:`thm-mask-closed`.

    Parameters
    ----------
    ridge : float, default=1.0
        The penalty :math:`\lambda \ge 0`; it must be positive when there are not more samples
        than features, unless a mask rate is given.
    mask_rate : float or None, default=None
        None, or 0, hides one coordinate at a time, the one predicted. A number in (0, 1) hides
        each coordinate independently with that probability; see the Notes.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_features)
        :math:`\hat A`; column k predicts feature k, the diagonal is exactly 0. Not symmetric.
        Read-only. With fewer samples than features it is formed on first access.
    D_ : ndarray of shape (n_features,)
        The diagonal of :math:`Q`.
    train_error_, loo_error_, gcv_error_ : float
        Mean squares of the training residuals, of the exact leave-one-out residuals, and
        generalised cross-validation (which replaces each :math:`h_{ik}` by its mean over i),
        averaged over features; computed on first access.
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

    so masking is a ridge shaped by the data. `train_error_` is then the mean over masks at that
    rate of the error on a hidden coordinate. This penalty changes with each row left out, hence
    there is no closed form for leave-one-out. `transform` and `predict` apply :math:`\hat A` as
    it stands, to rows whose hidden entries are 0. On rows without holes their predictions are too
    large by about :math:`1/q`, which `residual` and `score` show as well; multiply them by q
    there, because :math:`q\hat A` is the mean over masks.

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

    def __init__(self, ridge=1.0, mask_rate=None):
        self.ridge = ridge
        self.mask_rate = mask_rate

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
            of range, or if the problem is singular to working precision.

        Warns
        -----
        AccuracyWarning
            If fewer than six digits of `coef_` and `D_` hold.
        """
        ridge = non_negative(self.ridge, "ridge")
        rate = 0.0 if self.mask_rate is None else self.mask_rate
        keep = 1.0 - open_unit(rate, "mask_rate", zero_allowed=True)
        X = self._validate(X, reset=True)
        if keep == 1.0:
            _check_ridge(ridge, X.shape)
        return self._keep(_solve(X, ridge, keep))


def masked_regression(X, law: MaskLaw, ridge: float = 1.0) -> np.ndarray:
    r"""Learn the best linear predictor of hidden coordinates, for any law of masks.

    .. math:: (S \circ W_k + \lambda I)\,a_k = s_k \circ w_k, \qquad S = \tfrac1n X^\top X

    Implements :theorem:`prop-mask-normal` and :theorem:`thm-mask-closed`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        At least two samples, one per row.
    law : MaskLaw
        What is hidden, from :mod:`mssl.masking`.
    ridge : float, default=1.0
        The penalty :math:`\lambda \ge 0`.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts feature k from the visible ones, the hidden ones being 0.

    Notes
    -----
    A law with moments :math:`w^{(1)}, w^{(2)}` that are the same for all coordinates (see
    :mod:`mssl.masking`) is fitted by :class:`MaskedRegression`, at the rate
    :math:`1 - w^{(2)}/w^{(1)}` and the ridge :math:`\lambda w^{(2)}/w^{(1)2}`, by whichever route
    is shorter; other laws column by column.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.masking import ContiguousBlocks, Exactly
    >>> from mssl.regression import masked_regression
    >>> X = np.random.default_rng(0).standard_normal((30, 6))
    >>> masked_regression(X, Exactly(2), ridge=0.1).shape
    (6, 6)
    >>> A = masked_regression(X, ContiguousBlocks(2), ridge=0.1)
    >>> bool(np.all(A.diagonal() == 0))
    True
    """
    ridge = non_negative(ridge, "ridge")
    model = MaskedRegression(ridge)
    X = model._validate(X, reset=True)
    d = X.shape[1]
    if not isinstance(law, MaskLaw):
        raise ValueError(
            f"law must be a mask law such as Bernoulli(0.5), got {type(law).__name__}."
        )
    moments = law.exchangeable_moments(law.check(d))
    if moments is None or moments[1] == 0.0:
        return best_predictor(X.T @ X / len(X), law, ridge)
    once, twice = moments
    if once == twice:
        return model.fit(X).coef_
    return MaskedRegression(ridge * twice / once**2, 1.0 - twice / once).fit(X).coef_


class MaskedRegressionCV(_MaskedBase):
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
        Errors at each of `ridges`, in their order.
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
        ridges = _ridge_grid(self.get_params()["ridges"])
        X = self._validate(X, reset=True)
        for ridge in ridges:
            _check_ridge(ridge, X.shape)
        squares_in_range(X, _energies(X), min(ridges))
        path = _ridge_path(X, ridges)
        self.loo_errors_by_feature_ = np.array(
            [exchange.require_defined(each.loo, each.doubt) for each in path]
        )
        _warn_of_path(path, ridges)
        self.loo_errors_ = self.loo_errors_by_feature_.mean(axis=1)
        self.train_errors_ = np.array([each.train.mean() for each in path])
        self.gcv_errors_ = np.array([each.gcv.mean() for each in path])
        self.ridge_ = ridges[int(np.argmin(self.loo_errors_))]
        _warn_at_end(self.ridge_, ridges)
        return self._keep(_solve(X, self.ridge_))


def _ridge_grid(ridges):
    """Return the grid as a list of floats, or raise ValueError."""
    if not isinstance(ridges, Iterable) or getattr(ridges, "ndim", 1) == 0:
        return [non_negative(ridges, "ridges")]
    grid = [] if isinstance(ridges, str) else list(ridges)
    if not grid:
        raise ValueError(f"ridges must be a number or several numbers, got {ridges!r}.")
    return [non_negative(ridge, f"ridges[{j}]") for j, ridge in enumerate(grid)]


def _warn_of_path(path, ridges):
    """Say at which ridge the fewest digits of the leave-one-out errors hold."""
    worst = [0.0 if each.doubt is None else each.doubt.loo.max() for each in path]
    j = int(np.argmax(worst))
    exchange.warn_of_digits(worst[j], f"leave-one-out errors at ridge = {ridges[j]:g}")


def _warn_at_end(best, ridges):
    """Say so when a better ridge may lie outside the grid; below 0 there is nothing."""
    low, high = min(ridges), max(ridges)
    if low < high and best in (low, high) and best > 0.0:
        side = "smaller" if best == low else "larger"
        warnings.warn(
            f"the best ridge, {best:g}, is an end of the grid; add {side} ones to `ridges`.",
            UserWarning,
            stacklevel=3,
        )


def _ridge_path(X, ridges):
    """:class:`_Errors` at each ridge, from one eigendecomposition wherever that is accurate."""
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
        for rows in _row_blocks(X)
        for block in [residuals(rows)]
    )
    return _sum_errors(blocks, n)


def _single_errors(X, ridge):
    """:class:`_Errors` from a factorisation for this ridge alone."""
    try:
        return _solve(X, ridge).errors
    except ValueError as error:
        raise ValueError(f"at ridge = {ridge:g} of ridges, {error}") from None


def _eigh(matrix):
    """Eigenvalues, clipped at 0 as those of a Gram matrix, and vectors of a lower triangle."""
    values, vectors = eigh(matrix, lower=True, overwrite_a=True, check_finite=False)
    return np.maximum(values, 0.0), vectors


def _primal_factors(X):
    """Eigenvalues, and the map of a ridge to (D, 1 - g/n, residuals of rows), by S = V s V'."""
    n = len(X)
    s, V = _eigh(_half_product(X.T, 1.0 / n))
    scores, V2 = _product(X, V), V * V
    scores2 = scores * scores

    def factors(ridge):
        shrink = 1.0 / (s + ridge)
        D = np.einsum("kj,j->k", V2, shrink)
        to_residuals = (shrink[:, None] * V.T) / D
        slack = 1.0 - np.einsum("ij,j->i", scores2, shrink) / n
        return D, slack, lambda rows: _product(scores[rows], to_residuals)

    return s, factors


def _dual_factors(X):
    """The same by XX'/n = U s U'."""
    n = len(X)
    s, U = _eigh(_half_product(X, 1.0 / n))
    B = _product(U.T, X)
    B2, U2 = B * B, U * U

    def factors(ridge):
        shrink = 1.0 / (s + ridge)
        scaled = 1.0 - np.einsum("j,jk->k", shrink, B2) / n  # ridge * D
        slack = ridge * np.einsum("ij,j->i", U2, shrink)
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 is noticed and goes another way
            right = B / scaled
        left = U * (ridge * shrink)
        return scaled / ridge, slack, lambda rows: _product(left[rows], right)

    return s, factors
