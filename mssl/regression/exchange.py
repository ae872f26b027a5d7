r"""Masked regression of data whose rows or columns differ by many orders of magnitude.

The Gram matrix squares what is unequal in the data, and digits are lost for good. Here no Gram
matrix of loud entries is formed. With a penalty :math:`t_k` on feature k, the rows of

.. math:: M = \begin{pmatrix} X/\sqrt n \\ \operatorname{diag}(\sqrt{t}) \end{pmatrix}, \qquad
          M^\top M = Q^{-1},

are n samples and d features, linear functions of the coefficients. Choose d of these n + d
functions as a basis b and write the other n as :math:`F b`. At first the basis is the features
and :math:`F = X/\sqrt{n t}`. As long as F has a large entry, its row and its column change places
(an exchange step, also known as a sweep), the largest first; each step multiplies the volume of
the basis by that entry, so it ends. Loud features have then left the basis, loud samples have
entered it, F is small, and :math:`B = (I + F^\top F)^{-1}` and :math:`A = (I + F F^\top)^{-1}`
are well conditioned. With the basis first,

.. math:: \Pi = M Q M^\top = \begin{pmatrix} B & B F^\top \\ F B & I - A \end{pmatrix},
          \qquad F B = A F, \qquad I - A = F B F^\top, \qquad I - B = F^\top A F .

Its entries are leverages between two samples, :math:`\sqrt{t_j t_k}\,Q_{jk}` between two features
and :math:`\sqrt{t_k/n}\,(XQ)_{ik}` between a sample and a feature. An entry (r, j) of F keeps its
digits however loud or quiet r and j are, as what is subtracted from it is of its own size, and the
forms above keep those of :math:`\Pi` and of its distances from I.

How many digits the data leave is measured: the steps are done again for data that differ in their
last digits, which also shows what rounding does on the way.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dger, idamax
from scipy.linalg.lapack import dpotrf, dtrtri

from ..exceptions import AccuracyWarning

__all__: list[str] = []

_LARGE = 8.0  # entries of F above this are exchanged
_NOTHING = 1e-100  # stands for the root of a penalty of 0, in units of the column
_SHAKEN = 8.0 * np.finfo(float).eps  # relative change of the data that tells the digits
_TWINS = 2  # how often they are changed
_MARGIN = 4.0  # by which an error may exceed the largest change of the answer that is seen
_PROBES = 4  # rows, in each of two units, at which predictions are compared
UNDETERMINED = 0.1  # doubt beyond which no digit holds
_ENOUGH = 1e-6  # relative change that is worth a warning
_NIL = 1e-7  # predictions below this share of a feature's size are compared with this share
_DROWNED = 1e5  # own terms beyond this many times the others' are not subtracted but left out
_BLOCK = 128  # columns of coefficients at a time


class SingularError(ValueError):
    """The data determine no digit of the answer."""

    def __init__(self):
        super().__init__(
            "X'X/n plus the penalty is singular to working precision: some features (or samples) "
            "are linear combinations of others; use a larger ridge or drop the redundant ones."
        )


class Unavailable(AttributeError, ValueError):
    """An attribute that these settings do not define (an AttributeError, so hasattr works)."""


# Exchange steps -----------------------------------------------------------------------------------


def _exchange(F, r, j):
    """Let the functions of row r and of column j change places, in place."""
    pivot = F[r, j]
    if pivot == 0.0 or not np.isfinite(pivot):
        raise SingularError
    row, column = F[r] / pivot, F[:, j].copy()
    dger(-1.0, row, column, a=F.T, overwrite_a=1)
    F[:, j] = column / pivot
    F[r] = -row
    F[r, j] = 1.0 / pivot


def _sweep(F):
    """Exchange in place until F is small; return the steps."""
    flat, steps = F.reshape(-1), []
    while True:
        r, j = divmod(int(idamax(flat)), F.shape[1])
        if abs(F[r, j]) <= _LARGE:
            return steps
        _exchange(F, r, j)
        steps.append((r, j))


def _factored(E, right):
    """For ``K = inv(I + E @ E.T)`` and Z = `right`: a root Y of Z'KZ, KZ and K's diagonal."""
    H = E @ E.T
    np.einsum("ii->i", H)[...] += 1.0
    root, info = dpotrf(H, lower=1, clean=1)
    if info:
        raise SingularError
    Y = solve_triangular(root, right, lower=True, check_finite=False)
    inverse, _ = dtrtri(root, lower=1)
    product = solve_triangular(root, Y, lower=True, trans=1, check_finite=False)
    return Y, product, np.einsum("ji,ji->i", inverse, inverse)


class _Tableau:
    """F with the names of its rows and columns, and the units of what stands in it.

    Functions are named 0 to n - 1 (samples) and n to n + d - 1 (features). `scale` brings the
    rows of loud features from units of their penalty, which may be nearly 0, to those of the
    column; `unit` converts entries of Pi between features to entries of Q.
    """

    def __init__(self, X, penalties, sizes, steps=None):
        n, d = X.shape
        roots = np.where(penalties > 0.0, np.sqrt(penalties), _NOTHING * sizes)
        F = np.ascontiguousarray(X / np.sqrt(n) / roots)
        if steps is None:
            steps = _sweep(F)
        else:
            for r, j in steps:
                _exchange(F, r, j)
        if not np.isfinite(F).all():
            raise SingularError
        rows, columns = np.arange(n), n + np.arange(d)
        for r, j in steps:
            rows[r], columns[j] = columns[j], rows[r]
        self.F, self.steps, self.rows, self.columns = F, steps, rows, columns
        self.loud_rows, self.quiet_rows = np.flatnonzero(rows >= n), np.flatnonzero(rows < n)
        self.quiet, self.swapped = np.flatnonzero(columns >= n), np.flatnonzero(columns < n)
        loud = rows[self.loud_rows] - n
        self.scale, self.unit = np.ones(n), 1.0 / roots
        self.scale[self.loud_rows] = sizes[loud] / roots[loud]
        self.unit[loud] = 1.0 / sizes[loud]
        self.loud_features, self.quiet_features = loud, columns[self.quiet] - n
        self.out = F * self.scale[:, None]
        if np.count_nonzero(penalties[loud] == 0.0) < np.count_nonzero(penalties == 0.0):
            raise SingularError
        F[self.loud_rows[penalties[loud] == 0.0]] = 0.0
        self.where = np.empty(n + d, dtype=int)
        self.where[rows], self.where[columns] = np.arange(n), np.arange(d)
        self.in_rows = np.zeros(n + d, dtype=bool)
        self.in_rows[rows] = True


# What follows from F ------------------------------------------------------------------------------


class Answer(ABC):
    """Q and what it says about the samples, from a tableau.

    Attributes: `D` the diagonal of Q; `residuals` X Q D^-1; `slack` and `share`, 1 - g/n and g/n
    of each sample.
    """

    _FB: np.ndarray

    def __init__(self, X, tableau):
        n, d = X.shape
        self.tableau, self.shape = tableau, (n, d)
        self._theta = np.empty(d)  # the diagonal of Q in units
        self.slack, self.share = np.empty(n), np.empty(n)
        self._fill()
        self._weights = self._theta * tableau.unit
        self.D = self._weights * tableau.unit
        self.residuals = self._between(np.arange(n)) * (np.sqrt(n) / self._weights)

    @abstractmethod
    def _fill(self) -> None:
        """Set `_theta`, `share`, `slack` and `_FB` from the tableau."""

    @abstractmethod
    def _distance(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Entries of I - B (or of I - F'AF), given by the columns of the tableau."""

    @abstractmethod
    def small_matrix(self, ridge: float) -> np.ndarray:
        """With one ridge, the smaller of ridge Q and ridge (XX'/n + ridge)^-1."""

    @abstractmethod
    def predictions(self, X: np.ndarray) -> np.ndarray:
        """X times `columns` of all features."""

    def _between(self, names):
        """Entries of Pi, in units, of any functions with all features but themselves."""
        t, out = self.tableau, np.empty((len(names), self.shape[1]))
        quiet, loud = t.quiet_features, t.loud_features
        inside = t.in_rows[names]
        rows, columns = np.flatnonzero(inside), np.flatnonzero(~inside)
        of_rows = self._FB[t.where[names[rows]]]
        out[np.ix_(rows, quiet)] = of_rows[:, t.quiet]
        out[np.ix_(rows, loud)] = of_rows @ t.out[t.loud_rows].T
        basis = t.where[names[columns]]
        out[np.ix_(columns, quiet)] = -self._distance(basis, t.quiet)
        out[np.ix_(columns, loud)] = self._FB[np.ix_(t.loud_rows, basis)].T
        return out

    def columns(self, chosen):
        """Some columns of I - Q D^-1, `chosen` by their numbers."""
        products = self._between(self.shape[0] + np.asarray(chosen)).T
        products = products * self.tableau.unit[:, None]
        products /= -self._weights[chosen]
        products[chosen, np.arange(len(chosen))] = 0.0
        return products


class _Tall(Answer):
    """n >= d: everything through the d x d matrix B."""

    def _fill(self):
        t = self.tableau
        Y, BF, B = _factored(t.F.T, t.out.T)
        self._FB = BF.T
        self._I_B = t.F.T @ (BF.T / t.scale[:, None])
        forms = np.einsum("jr,jr->r", Y, Y)
        self._theta[t.quiet_features] = B[t.quiet]
        self._theta[t.loud_features] = forms[t.loud_rows]
        samples, swapped = t.rows[t.quiet_rows], t.columns[t.swapped]
        self.share[samples], self.slack[samples] = forms[t.quiet_rows], 1.0 - forms[t.quiet_rows]
        self.share[swapped], self.slack[swapped] = B[t.swapped], self._I_B.diagonal()[t.swapped]

    def _distance(self, some, others):
        return self._I_B[np.ix_(some, others)]

    @cached_property
    def coef(self):
        return self.columns(np.arange(self.shape[1]))

    def predictions(self, X):
        return X @ self.coef

    def small_matrix(self, ridge):
        matrix = -self.coef * (ridge * self.D)
        np.fill_diagonal(matrix, ridge * self.D)
        return matrix


class _Wide(Answer):
    """n < d: everything through the n x n matrix A."""

    def _fill(self):
        t = self.tableau
        self._Y, AF, A = _factored(t.F, t.F)
        self._FB = AF * t.scale[:, None]
        forms = np.einsum("rj,rj->j", self._Y, self._Y)
        rest = np.einsum("rj,rj->r", t.out, self._FB)
        self._theta[t.quiet_features] = 1.0 - forms[t.quiet]
        self._theta[t.loud_features] = rest[t.loud_rows]
        samples, swapped = t.rows[t.quiet_rows], t.columns[t.swapped]
        self.share[samples], self.slack[samples] = rest[t.quiet_rows], A[t.quiet_rows]
        self.share[swapped], self.slack[swapped] = 1.0 - forms[t.swapped], forms[t.swapped]
        self._own = forms[t.quiet]

    def _distance(self, some, others):
        return self._Y[:, some].T @ self._Y[:, others]

    def small_matrix(self, ridge):
        matrix = -self._between_samples()
        np.fill_diagonal(matrix, self.slack)
        return matrix

    def _between_samples(self):
        """Entries of Pi between samples; those of the diagonal mean nothing."""
        t, out = self.tableau, np.empty((self.shape[0],) * 2)
        quiet, swapped = t.rows[t.quiet_rows], t.columns[t.swapped]
        F, AF = t.F[t.quiet_rows], self._FB[t.quiet_rows]
        out[np.ix_(quiet, quiet)] = F @ AF.T
        out[np.ix_(quiet, swapped)] = AF[:, t.swapped]
        out[np.ix_(swapped, quiet)] = AF[:, t.swapped].T
        out[np.ix_(swapped, swapped)] = -self._distance(t.swapped, t.swapped)
        return out

    def predictions(self, X):
        """X times `columns` of all features, without forming these."""
        t, out = self.tableau, np.empty_like(X)
        quiet, loud = t.quiet_features, t.loud_features
        inputs, Y = X * t.unit, self._Y[:, t.quiet]
        own = inputs[:, quiet] * self._own
        others = (inputs[:, quiet] @ Y.T) @ Y
        others -= inputs[:, loud] @ self._FB[np.ix_(t.loud_rows, t.quiet)]
        others -= own
        out[:, quiet] = others / self._weights[quiet]
        return predict_alone(out, X, self.columns, np.r_[loud, quiet[drowned(own, others)]])


def drowned(own, others):
    """Columns in which the term `own`, subtracted again, took the digits of the `others`."""
    return np.flatnonzero((np.abs(own) > _DROWNED * np.abs(others)).any(axis=0))


def predict_alone(out, X, columns, chosen):
    """Replace the `chosen` columns of predictions by products of X with coefficients.

    `columns` gives those of the coefficients; `out` is changed in place.
    """
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        out[:, block] = X @ columns(block)
    return out


# How many digits hold -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Doubt:
    """Relative errors of the answer, seen by its changes when the last digits of the data change.

    By feature: `fit` is that of D and of predictions, `train` and `loo` those of the errors;
    `undefined` says for which features the leave-one-out problem of some sample is singular.
    """

    fit: np.ndarray
    train: np.ndarray
    loo: np.ndarray
    undefined: np.ndarray


def _change(one, two):
    """Relative difference, 0 between two zeros and infinite where either is not finite."""
    with np.errstate(all="ignore"):
        change = np.abs(two - one) / np.abs(one)
    change[one == two] = 0.0
    return np.where(np.isnan(change), np.inf, change)


def _left_out(answer):
    R, n = answer.residuals, len(answer.slack)
    room = answer.slack[:, None] + R * (R * answer.D) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return room, ((R / room) ** 2).sum(axis=0)


def _predictions_change(one, two, sizes):
    """Relative change of the predictions of each feature, for rows in two units."""
    normal, worst = np.random.default_rng(0).standard_normal((_PROBES, len(sizes))), np.zeros(1)
    for units in (sizes, np.ones(len(sizes))):
        first, second = one.predictions(normal * units), two.predictions(normal * units)
        nil = _NIL * sizes * np.max(units / sizes)
        change = np.abs(second - first).max(axis=0)
        worst = np.maximum(worst, change / np.maximum(np.abs(first).max(axis=0), nil))
    return worst


def _doubt(one, two, sizes):
    fit = np.maximum(_predictions_change(one, two, sizes), _change(one.D, two.D))
    train = _change(*(np.einsum("ik,ik->k", a.residuals, a.residuals) for a in (one, two)))
    (room, loo), (other_room, other_loo) = _left_out(one), _left_out(two)
    loo = _change(loo, other_loo)
    undefined = (_change(room, other_room).max(axis=0) > 0.1) & (loo > 0.1)
    return Doubt(_MARGIN * fit, _MARGIN * train, _MARGIN * loo, undefined)


def _sizes(X):
    """Root mean square of each column, 1 for columns of zeros."""
    largest = np.abs(X).max(axis=0)
    largest[largest == 0.0] = 1.0
    sizes = largest * np.sqrt(np.mean((X / largest) ** 2, axis=0))
    return np.where(sizes > 0.0, sizes, 1.0)


def answer(X, penalties):
    """Return the answer of `solve` for X and its penalties, without the doubt about it."""
    return _answer(X, penalties, _sizes(X))


def _answer(X, penalties, sizes, steps=None):
    kind = _Wide if X.shape[0] < X.shape[1] else _Tall
    return kind(X, _Tableau(X, penalties, sizes, steps))


def solve(X, penalties):
    """Return the answer and the :class:`Doubt` about it.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    penalties : ndarray of shape (d,)
        Not negative; 0 only with n >= d.

    Raises
    ------
    SingularError
        If the data determine no digit of Q.
    """
    found, doubt = doubted(X, penalties)
    if not np.all(doubt.fit <= UNDETERMINED):
        raise SingularError
    return found, doubt


def doubted(X, penalties):
    """Return what `solve` does of X and penalties, also where it leaves a feature no digit."""
    sizes = _sizes(X)
    found = _answer(X, penalties, sizes)
    doubts = []
    for rng in np.random.default_rng(0).spawn(_TWINS):
        shaken = X * (1.0 + _SHAKEN * rng.uniform(-1.0, 1.0, X.shape))
        twin = _answer(shaken, penalties, sizes, found.tableau.steps)
        doubts.append(_doubt(found, twin, sizes))
    doubt = Doubt(
        np.max([each.fit for each in doubts], axis=0),
        np.max([each.train for each in doubts], axis=0),
        np.max([each.loo for each in doubts], axis=0),
        np.any([each.undefined for each in doubts], axis=0),
    )
    return found, doubt


def require_defined(left_out, doubt):
    """Return the leave-one-out values `left_out`, or raise `Unavailable` where they are noise.

    That is what rounding or a division by zero has made of them, and what `doubt` says is
    undefined.
    """
    undefined = ~np.isfinite(np.atleast_2d(left_out)).all(axis=0)
    if doubt is not None:
        undefined |= doubt.undefined
    if undefined.any():
        raise Unavailable(
            "leave-one-out is undefined here: without one of the samples the problem for feature "
            f"{np.flatnonzero(undefined)[0]} is singular to working precision; use a larger ridge "
            "or more samples."
        )
    return left_out


def warn_of_digits(change, what, stacklevel=4):
    """Say how many digits of `what` hold if the last digits of the data change it that much.

    A warning, given at the level `stacklevel` of the stack, where they are fewer than six.
    """
    worst = np.max(change)
    if worst > _ENOUGH:
        digits = int(-np.log10(min(worst, 1.0)))
        count = f"about {digits} digits" if digits > 1 else ("one digit", "no digit")[digits < 1]
        warnings.warn(
            f"{what} hold {count}, because the rounding of X changes the others: some features "
            "(or samples) are nearly linear combinations of others; use a larger ridge or drop "
            "the redundant ones.",
            AccuracyWarning,
            stacklevel=stacklevel,
        )
