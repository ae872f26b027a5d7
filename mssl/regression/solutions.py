"""The routes to one matrix of coefficients: d x d, n x n, and the long one by exchange steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mssl.validation import UNDERFLOW, squares_in_range

from . import exchange
from .blas import (
    _LOST,
    DigitsLost,
    fingerprint,
    half_product,
    invert,
    mean_squares,
    product,
    row_blocks,
)

_TRUSTED = 1e-11  # what rounding may change of 1/(s + ridge) in the shared eigendecomposition
_ENOUGH = 1e-6  # relative error that is worth a warning
_BLOCK = 128  # columns of coefficients at a time
_LAZY_COEF = frozenset({"coef_"})
_LAZY_ERRORS = frozenset(
    f"{name}_error{suffix}_" for name in ("train", "loo", "gcv") for suffix in ("", "_by_feature")
)


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

    promised = "coef_ and D_"  # what `doubt.fit` is about

    @property
    def no_left_out(self) -> str:
        """Why there is no leave-one-out, or nothing where there is."""
        if not self.tau:
            return ""
        return (
            "leave-one-out and GCV have no closed form with a mask_rate, because the masks' "
            "penalty tau diag(S) changes with the row left out; use mask_rate=None or refit."
        )

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
        matrix = half_product(X.T, 1.0 / len(X))
        energies = matrix.diagonal().copy()
        squares_in_range(X, energies, ridge)
        np.einsum("kk->k", matrix)[...] += _penalties(energies, ridge, keep)
        matrix, inflation = invert(matrix)
        D = matrix.diagonal().copy()
        matrix /= -keep * D
        np.fill_diagonal(matrix, 0.0)
        matrix.flags.writeable = D.flags.writeable = False  # the lazy errors rest on them
        projections, _ = fingerprint(X, energies)
        solution = cls(X, energies, keep, tau, D, matrix, projections, ridge)
        coupled = _coupled(inflation)
        _check_coefficients(solution, inflation, coupled * np.sqrt(D), coupled / np.sqrt(D))
        return solution

    def check_unchanged(self):
        with np.errstate(all="ignore"):  # the data may hold anything by now
            now, weights = fingerprint(self.X, self.energies)
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
        except DigitsLost:
            return self._exact.errors

    def left_out(self):
        try:
            return super().left_out()
        except DigitsLost:
            return self._exact.left_out()

    def transform(self, X):
        return product(X, self.coef)

    def training_blocks(self):
        missed = 0.0
        for rows in row_blocks(self.X):
            X = self.X[rows]
            residuals = product(X, self.coef)
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
            raise DigitsLost

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
        energies = mean_squares(X)
        squares_in_range(X, energies, ridge)
        X = X.copy(order="K")
        X.flags.writeable = False
        if tau:
            scale, weights = 1.0, _penalties(energies, ridge, keep)
            matrix = half_product(X / np.sqrt(weights), 1.0 / n)
        else:
            scale, weights = ridge, np.ones(X.shape[1])
            matrix = half_product(X, 1.0 / n)
        np.einsum("ii->i", matrix)[...] += scale
        sizes = matrix.diagonal().copy()
        G, inflation = invert(matrix)
        P = product(G.T if X.flags.c_contiguous else G, X)  # G = G'; P in the order of X
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
        others = product(product(inputs, self.X.T), self.P)
        others /= len(self.X)
        inputs *= self.own
        others -= inputs
        alone = exchange.drowned(inputs, others)
        others /= self.keep * self.scale * self.D
        return exchange.predict_alone(others, X, self.columns, alone)

    def training_blocks(self):
        for rows in row_blocks(self.X):
            yield rows, self.P[rows] / self.D, self.slack[rows]

    def columns(self, chosen):
        """Some columns of A, given by their numbers."""
        right = self.P[:, chosen] / (len(self.X) * self.keep * self.scale * self.D[chosen])
        block = _others(self.X, right, chosen)
        block /= self.weights[:, None]
        return block


def _others(X, columns, chosen):
    """X' times some columns of X Q, without what a feature says of itself."""
    products = product(X.T, columns)
    products[chosen, np.arange(len(chosen))] = 0.0
    return products


def _check_shares(solution, G, sizes):
    """Leave if s c_k Q_kk = 1 - x_k'G x_k/(n c_k) is left with rounding errors alone.

    Those of G, in units of the roots of its diagonal entries, enter by X; those of the inverted
    matrix, in units of the roots of its own, by P = GXC^-1.
    """
    X, P, spread = solution.X, solution.P, 0.0
    for rows in row_blocks(X):
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
        raise DigitsLost


def _check_digits(difference, spread):
    """Leave if a difference from 1 is not large beside rounding errors, of 1 and of `spread`."""
    if not np.all((1.0 + spread) * np.finfo(float).eps <= _LOST * difference):
        raise DigitsLost


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
        energies = mean_squares(X)
        squares_in_range(X, energies, ridge)
        X = X.copy(order="K")
        X.flags.writeable = False
        answer, doubt = exchange.solve(X, _penalties(energies, ridge, keep))
        answer.D.flags.writeable = False
        return cls(X, energies, keep, (1.0 - keep) / keep, answer.D, answer, doubt)

    def transform(self, X):
        return self.answer.predictions(X) / self.keep

    def training_blocks(self):
        for rows in row_blocks(self.X):
            yield rows, self.answer.residuals[rows], self.answer.slack[rows]

    def columns(self, chosen):
        return self.answer.columns(chosen) / self.keep


def _penalties(energies, ridge, keep):
    """The diagonal that is added to S."""
    return (1.0 - keep) / keep * energies + ridge / keep**2


def solve(X, ridge, keep=1.0):
    """Masked regression of X at a ridge, by the route that the shape of X chooses.

    It is the long way where the short one would lose digits. ValueError if numbers leave the range
    of floats or the problem is singular; `keep` is the probability that a coordinate is visible.
    """
    try:
        solution = (_Dual if X.shape[0] < X.shape[1] else _Primal).solve(X, ridge, keep)
    except DigitsLost:
        solution = _Graded.solve(X, ridge, keep)
    if not np.isfinite(solution.D).all():
        raise ValueError(
            f"1 / ridge overflows at ridge = {ridge:g}; rescale X and the ridge to values of "
            "moderate size."
        )
    return solution


def check_ridge(ridge, shape, name="ridge"):
    """ValueError about `name` if the ridge is 0 where data of this `shape` leave S singular."""
    if ridge == 0.0 and shape[0] <= shape[1]:
        raise ValueError(
            f"{name} = 0 makes S + ridge I singular with n_samples = {shape[0]} <= n_features = "
            f"{shape[1]}; use {name} > 0 or more than {shape[1]} samples."
        )
