r"""Training on drawn masks: each column on the rows that hide it, by one solver for all columns.

Column k minimises, over the :math:`N_k` pairs of a sample and one of its K masks that hide k,

.. math:: \frac1{N_k}\sum_r (x_{rk} - z_r^\top a)^2 + \lambda\|a\|^2, \qquad
          (G_k + \lambda)\,a_k = g_k, \quad G_k = \frac1{N_k}\sum_r z_rz_r^\top,

with the masked rows :math:`z_r`. Each k has a Gram matrix of its own. Applying all of them at once
takes two products of matrices for each mask, so the columns are solved together by conjugate
gradients, with one preconditioner: the inverse of the Gram matrix of all masked rows, without
coordinate k. Columns that this does not solve in the time that their own Cholesky factorisation
would take are factorised; those whose Gram matrix loses digits, because rows or features are loud,
are the column k of :mod:`mssl.regression.exchange` for the rows :math:`z_r` with :math:`x_{rk}` in
place of what is hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpocon, dpotrf, dpotrs

from mssl.masks import Bernoulli
from mssl.validation import first_few, squares_in_range

from . import exchange
from .blas import DigitsLost, half_product, invert, mean_squares, product

__all__ = ["DrawnMasks", "draw", "solve_drawn"]

Array = np.ndarray

_ENTRIES = 1 << 22  # of one block of masked rows
_GOAL, _REACHED = 1e-12, 1e-10  # residual to iterate to, and largest to accept, relative
_EPS = float(np.finfo(float).eps)
_HELD = 1e-7  # largest relative error, of coefficients or residuals, that is not worked on
_TRIAL = 10  # iterations after which it is asked whether enough remain
_FACTOR = 3.0  # how much slower a flop of a Cholesky factorisation is than one of a product


@dataclass(frozen=True, eq=False)
class DrawnMasks:
    """What a fit to drawn masks keeps.

    That is `coef`, the coefficients, `train`, the training error of each feature, and the `doubt`
    about both. There is nothing `pending`.
    """

    coef: Array
    train: Array
    doubt: exchange.Doubt | None

    tau = 1.0  # not 0: there are masks
    promised = "coef_"
    pending: frozenset[str] = frozenset()
    no_left_out = (
        "leave-one-out and GCV are not computed with n_masks, because each feature has a matrix of "
        "its own; hold samples out, or use n_masks=None and mask_rate=None."
    )

    @property
    def D(self) -> Array:
        """`Unavailable`, as no one matrix has it for its diagonal."""
        raise exchange.Unavailable(
            "D_ is the diagonal of one matrix for all features, while with n_masks each feature "
            "has a matrix of its own; use n_masks=None."
        )

    @property
    def errors(self) -> DrawnMasks:
        """Itself, as it holds all errors that there are."""
        return self

    def transform(self, X: Array) -> Array:
        """Predictions of all features of the rows X."""
        return product(X, self.coef)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Data, masks (True where visible, of shape (n_masks, n_samples, n_features)) and ridge."""

    X: Array
    visible: Array
    ridge: float
    counts: Array

    def blocks(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield masked rows, whether they hide each feature, and the rows themselves."""
        n, d = self.X.shape
        step = max(1, _ENTRIES // d)
        for masks in self.visible:
            for start in range(0, n, step):
                rows = slice(start, start + step)
                yield self.X[rows] * masks[rows], ~masks[rows], self.X[rows]

    def gram(self) -> Array:
        """Lower triangle of the Gram matrix of all masked rows, hidden or not."""
        K, n, d = self.visible.shape
        matrix = np.zeros((d, d), order="F")
        for z, _, _ in self.blocks():
            matrix += half_product(z.T, 1.0 / (K * n))
        return matrix

    def right(self) -> Array:
        """The vectors g_k, as columns."""
        sums = np.zeros((self.X.shape[1],) * 2)
        for z, hidden, x in self.blocks():
            sums += product(z.T, x * hidden)
        return sums / self.counts

    def apply(self, vectors: Array, chosen: Array) -> Array:
        """Products of the matrices G_k + ridge of the chosen features with one vector each."""
        sums = np.zeros_like(vectors)
        for z, hidden, _ in self.blocks():
            weights = product(z, vectors)
            weights *= hidden if chosen.size == len(hidden.T) else hidden[:, chosen]
            sums += product(z.T, weights)
        sums /= self.counts[chosen]
        sums += self.ridge * vectors
        return sums

    def check(self, coef: Array) -> tuple[Array, Array]:
        """Training errors of all features, and what is left of their equations."""
        left, train = np.zeros_like(coef), np.zeros(len(coef))
        for z, hidden, x in self.blocks():
            missed = x - product(z, coef)
            missed *= hidden
            train += np.einsum("rk,rk->k", missed, missed)
            left += product(z.T, missed)
        return train / self.counts, left / self.counts - self.ridge * coef

    def alone(self, k: int) -> _Column:
        """One feature, by a factorisation of its own."""
        mask, sample = np.nonzero(~self.visible[:, :, k])
        z, y = self.X[sample] * self.visible[mask, sample], self.X[sample, k]
        try:
            a, missed = _by_cholesky(z, y, self.ridge, k)
        except DigitsLost:
            return _by_exchange(z, y, self.ridge, k)
        return _Column(a, float(missed @ missed / len(y)))

    def patience(self) -> int:
        """Iterations, for all features, that take as long as factorisations."""
        K, n, d = self.visible.shape
        rows = float(np.mean(self.counts))
        size, other = min(rows, d), max(rows, d)
        direct = size * size * other + _FACTOR / 3.0 * size**3
        return int(direct / (4.0 * K * n * d + 2.0 * d * d))


class _Column(NamedTuple):
    """Coefficients and training error of one feature, and the relative errors of both."""

    coef: Array
    train: float
    coef_doubt: float = 0.0
    train_doubt: float = 0.0


def _by_cholesky(z: Array, y: Array, ridge: float, k: int) -> tuple[Array, Array]:
    """Coefficients of y on z, and residuals, by the smaller Gram matrix; else `DigitsLost`."""
    count, d = z.shape
    if count < d - 1:
        matrix = half_product(z, 1.0 / count)
        matrix[np.diag_indices(count)] += ridge
        sizes = np.sqrt(matrix.diagonal())
        weights, noise = _solve(matrix, y / count)
        a, wrong = z.T @ weights, noise * np.max(sizes * np.abs(weights))
        _require(wrong * np.max(np.abs(z) / sizes[:, None]), np.max(np.abs(a)))
        _require(wrong / sizes.min(), _root_mean_square(weights))
        return a, count * ridge * weights
    matrix = half_product(z.T, 1.0 / count)
    matrix[np.diag_indices(d)] += ridge
    matrix[k, k] = 1.0  # it is hidden in all these rows
    sizes = np.sqrt(matrix.diagonal())
    a, noise = _solve(matrix, z.T @ y / count)
    missed = y - z @ a
    felt = np.max(sizes * np.abs(a))
    _require(noise * felt / sizes.min(), np.max(np.abs(a)))
    _require(_EPS * (_root_mean_square(y) + np.sqrt(d) * felt), _root_mean_square(missed))
    return a, missed


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _require(error: float, size: float) -> None:
    """`DigitsLost` if an error is not small beside what it is the error of."""
    if not error <= _HELD * size:
        raise DigitsLost


def _solve(matrix: Array, right: Array) -> tuple[Array, float]:
    """Solve a positive definite system given by its lower triangle, in units of its diagonal.

    Also what rounding changes of the solution, relative to it in these units; `DigitsLost` if much.
    """
    sizes = np.sqrt(matrix.diagonal())
    if not np.all(sizes > 0.0):
        raise DigitsLost
    matrix /= sizes
    matrix /= sizes[:, None]
    norm = float(np.max(np.abs(matrix).sum(axis=0)))  # of one triangle, at least half of both
    factor, info = dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if info != 0:
        raise DigitsLost
    reciprocal, _ = dpocon(factor, 2.0 * norm, uplo="L")
    _require(_EPS, reciprocal)
    solution, _ = dpotrs(factor, right / sizes, lower=1)
    return solution / sizes, _EPS / reciprocal


def _by_exchange(z: Array, y: Array, ridge: float, k: int) -> _Column:
    """The same where rows or features are loud; ValueError where the rows tell no digit."""
    rows = z.copy()
    rows[:, k] = y
    try:
        answer, doubt = exchange.doubted(rows, np.full(len(rows.T), ridge))
        if not doubt.fit[k] <= exchange.UNDETERMINED:
            raise exchange.SingularError
    except exchange.SingularError:
        raise ValueError(
            f"the masked rows leave the problem for feature {k} singular to working precision; "
            "use a larger ridge or n_masks."
        ) from None
    train = float(np.mean(answer.residuals[:, k] ** 2))
    return _Column(answer.columns([k])[:, 0], train, float(doubt.fit[k]), float(doubt.train[k]))


class _Preconditioner:
    """The inverse of the Gram matrix of all masked rows, without the coordinate of each column."""

    def __init__(self, inverse: Array) -> None:
        self.inverse = inverse
        self.columns = inverse / inverse.diagonal()

    def __call__(self, residuals: Array, chosen: Array) -> Array:
        result = product(self.inverse, residuals)
        own = result[chosen, np.arange(chosen.size)]
        result -= self.columns[:, chosen] * own
        result[chosen, np.arange(chosen.size)] = 0.0
        return result


def _dots(left: Array, right: Array) -> Array:
    return np.einsum("ij,ij->j", left, right)


def _iterate(problem: _Problem, right: Array, approximate: _Preconditioner, most: int) -> Array:
    """Coefficients by conjugate gradients, as far as so many steps lead, at `most`."""
    d = len(right)
    coef, live = np.zeros((d, d)), np.arange(d)
    x, r = np.zeros((d, d)), right.copy()
    z = approximate(r, live)
    direction, size = z.copy(), _dots(r, z)
    goal = _GOAL**2 * size
    for done in range(most):
        open_ = size > goal
        if not open_.all():
            coef[:, live[~open_]] = x[:, ~open_]
            live, size, goal = live[open_], size[open_], goal[open_]
            x, r, direction = x[:, open_], r[:, open_], direction[:, open_]
        if live.size == 0 or (done == _TRIAL and _hopeless(size, goal, done, most)):
            break
        image = problem.apply(direction, live)
        step = size / _dots(direction, image)
        x += step * direction
        r -= step * image
        z = approximate(r, live)
        now = _dots(r, z)
        direction = z + (now / size) * direction
        size = now
    coef[:, live] = x
    return coef


def _hopeless(size: Array, goal: Array, done: int, most: int) -> bool:
    """Whether most columns will not reach the goal in time, at the speed so far."""
    gained = np.log(goal / _GOAL**2 / size)
    return bool(np.median(gained) * most < -2.0 * np.log(_GOAL) * done)


def draw(n_masks: int, shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> Array:
    """Masks of a `rate`, bool of shape (n_masks, n_samples, n_features), True where visible.

    `shape` is that of the data, `rng` the source of randomness.
    """
    n, d = shape
    visible = np.empty((n_masks, n, d), dtype=bool)
    for masks in visible:
        # A lone feature, which no law of masks takes, has nothing to be predicted from.
        masks[...] = Bernoulli(rate).sample(n, d, rng) if d > 1 else False
    return visible


def solve_drawn(X: Array, visible: Array, ridge: float) -> DrawnMasks:
    """Train each feature on the masked rows that hide it.

    X has shape (n_samples, n_features); `visible` is bool, True where an entry is visible, of shape
    (n_masks, n_samples, n_features); `ridge` is in squared units of X. ValueError if no mask hides
    a feature, numbers leave the range of floats or the problem of a feature is singular.
    """
    d = X.shape[1]
    squares_in_range(X, mean_squares(X), ridge)
    counts = np.count_nonzero(~visible, axis=(0, 1)).astype(float)
    _check_counts(counts, d, ridge)
    problem = _Problem(X, visible, ridge, counts)
    coef, train, todo = np.zeros((d, d)), np.zeros(d), np.arange(d)
    most = problem.patience()
    if most >= _TRIAL:
        coef, train, todo = _together(problem, most)
    doubts = np.zeros((2, d))
    for k in todo:
        coef[:, k], train[k], *doubts[:, k] = problem.alone(k)
    np.fill_diagonal(coef, 0.0)
    coef.flags.writeable = False
    return DrawnMasks(coef, train, _doubt(*doubts))


def _doubt(coef: Array, train: Array) -> exchange.Doubt | None:
    """What is known of relative errors, or None; there is nothing to leave out."""
    nothing = np.zeros(len(coef))
    return exchange.Doubt(coef, train, nothing, nothing > 0) if coef.any() else None


def _together(problem: _Problem, most: int) -> tuple[Array, Array, Array]:
    """Coefficients and training errors, and the features for which they are not good enough."""
    matrix = problem.gram()
    d = len(matrix)
    matrix[np.diag_indices(d)] += problem.ridge
    sizes = np.sqrt(matrix.diagonal())
    try:
        inverse, inflation = invert(matrix)
    except DigitsLost:
        return np.zeros((d, d)), np.zeros(d), np.arange(d)
    approximate, noise = _Preconditioner(inverse), max(_GOAL, _EPS * float(np.max(inflation)))
    right, everyone = problem.right(), np.arange(d)
    coef = _iterate(problem, right, approximate, most)
    train, left = problem.check(coef)
    size = _dots(right, approximate(right, everyone))
    error = _dots(left, approximate(left, everyone))
    felt = np.max(sizes[:, None] * np.abs(coef), axis=0)
    held = noise * felt / sizes.min() <= _HELD * np.max(np.abs(coef), axis=0)
    held &= _EPS * (sizes + np.sqrt(d) * felt) <= _HELD * np.sqrt(train)
    return coef, train, np.flatnonzero(~(held & (error <= _REACHED**2 * size)))


def _check_counts(counts: Array, d: int, ridge: float) -> None:
    """ValueError for features that no mask hides, or that too few hide to do without a ridge."""
    if np.any(counts == 0):
        raise ValueError(
            f"no mask hides features {first_few(np.flatnonzero(counts == 0))}; use a larger "
            "n_masks, mask_rate or number of samples."
        )
    if ridge == 0.0 and np.min(counts) < d - 1:
        k = int(np.argmin(counts))
        raise ValueError(
            f"ridge must be positive here: {int(counts[k])} masks hide feature {k}, fewer than "
            f"there are other features ({d - 1})."
        )
