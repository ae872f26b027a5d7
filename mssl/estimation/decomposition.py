"""One decomposition of the data that serves all ridges, and the checks of what is decomposed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..regression import exchange
from ..regression.exchange import Doubt
from ..validation import data_matrix, first_few, positive_vector, real_array, squares_in_range

_LOST = 1e-9  # relative error from rounding beyond which singular values are not used


def checked_data(X) -> np.ndarray:
    """Return X as a float matrix without a silent feature, or raise ValueError."""
    X = data_matrix(X)
    silent = np.flatnonzero(~X.any(axis=0))
    if silent.size:
        raise ValueError(f"Features {first_few(silent)} are zero in every row; drop them.")
    return X


def check_range(X, ridge):
    """ValueError if squares of X leave the range of floats, or are 0 where the ridge is."""
    squares_in_range(X, np.einsum("ik,ik->k", X, X) / len(X), ridge)


@dataclass(frozen=True, eq=False)
class _AtRidge:
    """What one ridge makes of X.

    `D` is diag Q, `residuals` are P/D, `slack` and `share` are 1 - g/n and g/n of each row;
    `kept` and `lost` are the eigenvalues of W = ridge (XX'/n + ridge)^-1 and of I - W.
    """

    D: np.ndarray
    residuals: np.ndarray
    slack: np.ndarray
    share: np.ndarray
    kept: np.ndarray
    lost: np.ndarray
    doubt: Doubt | None = None

    @property
    def room(self) -> float:
        """1 - df1/n."""
        return float(self.slack.mean())

    @property
    def df1(self) -> float:
        return float(self.share.sum())

    @property
    def df2(self) -> float:
        """n (1 - 1/slope) with the slope of ridge/room, as n^2 var(w) / sum w^2 of W's n w."""
        largest = self.kept.max()
        smaller = self.lost if self.lost.max() < largest else self.kept
        spread = np.var(smaller / largest) / np.sum((self.kept / largest) ** 2)
        return float(len(self.kept) ** 2 * spread)

    @property
    def df2_room(self) -> float:
        """1 - df2/n."""
        scaled = self.kept / self.kept.max()
        return float(scaled.mean() ** 2 / np.mean(scaled**2))

    @property
    def inflation(self) -> float:
        """How much dependence between the rows' losses enlarges the standard error."""
        scaled = self.kept / self.kept.max()
        effective = np.sum(scaled**2) ** 2 / np.sum(scaled**4)
        return float(np.sqrt(len(scaled) / effective * (1.0 + self.df2 / len(scaled))))


@dataclass(frozen=True, eq=False)
class Decomposed:
    r"""X by its singular values: :math:`X = \sqrt n\, U \mathrm{diag}(\sqrt s)\, V^\top`."""

    X: np.ndarray

    @cached_property
    def factors(self):
        """U, s and the transpose of V."""
        U, root, V = np.linalg.svd(self.X / np.sqrt(len(self.X)), full_matrices=False)
        return U, root**2, V

    @cached_property
    def squared_scores(self):
        """Of each row in each direction; in this form a quiet row keeps its digits."""
        return (self.X @ self.factors[2].T) ** 2 / len(self.X)

    def at(self, ridge: float) -> _AtRidge:
        """Return :class:`_AtRidge` at a ridge.

        By the singular values wherever they hold enough digits.
        """
        n, d = self.X.shape
        U, s, V = self.factors
        shrink = 1.0 / (s + ridge)
        # 1 - g/n and lambda Q_kk as sums of positive terms, so that nothing cancels.
        outside_rows = 0.0 if n <= d else np.maximum(1.0 - np.sum(U**2, axis=1), 0.0)
        outside_columns = 0.0 if d <= n else np.maximum(1.0 - np.sum(V**2, axis=0), 0.0)
        slack = outside_rows + U**2 @ (ridge * shrink)
        D = outside_columns / ridge + shrink @ V**2
        difference = min(1.0, slack.min() if n > d else 1.0, ridge * D.min() if d > n else 1.0)
        rounding = np.finfo(float).eps * np.sqrt(s.max() * shrink.max())
        # X Q, so that quiet rows or columns keep their digits, whichever side is longer.
        left, right = (self.X @ V.T, V) if n > d else (U, U.T @ self.X)
        residuals = (left * shrink) @ right / D
        share, squares = self._share(ridge, shrink), np.sum(self.X**2, axis=1) / n
        # Of a unit vector, Q leaves up to max(shrink); of a column or a row it may leave far less.
        size = np.min(D * np.sqrt(np.mean(residuals**2, axis=0) / shrink.max()))
        kept = share[squares > 0.0] / (squares[squares > 0.0] * shrink.max())
        size = min(size, np.sqrt(kept.min()))
        if not rounding <= _LOST * min(difference, 10.0 * size):
            return self._exactly_at(ridge)
        others = np.ones(max(n - d, 0))
        return _AtRidge(
            D,
            residuals,
            slack,
            share,
            np.r_[ridge * shrink, others],
            np.r_[s * shrink, 0.0 * others],
        )

    def _share(self, ridge, shrink):
        """g/n of each row, from its scores so that a quiet row keeps its digits.

        With n < d the directions of quiet rows are not known to all digits, so what a row has
        outside them counts with 1/ridge; for a loud row that is nothing but rounding.
        """
        n, d = self.X.shape
        inside, squares = self.squared_scores, np.sum(self.X**2, axis=1) / n
        outside = np.maximum(squares - inside.sum(axis=1), 0.0)
        quiet = (squares < 1e3 * ridge) & (n < d)
        return inside @ shrink + np.where(quiet, outside / ridge, 0.0)

    def _exactly_at(self, ridge: float) -> _AtRidge:
        n, d = self.X.shape
        answer, doubt = exchange.solve(self.X, np.full(d, ridge))
        kept = np.linalg.eigvalsh(answer.small_matrix(ridge))
        kept = np.r_[np.maximum(kept, 0.0), np.ones(max(n - d, 0))]
        return _AtRidge(
            answer.D, answer.residuals, answer.slack, answer.share, kept, 1.0 - kept, doubt
        )


def ridge_grid(X, ridges) -> np.ndarray:
    """Return the ridges as an increasing vector, or raise ValueError; None means a grid.

    It lies around the mean square of X.
    """
    if ridges is None:
        return np.mean(X**2) * np.geomspace(1e-4, 1e2, 31)
    return np.unique(positive_vector(np.atleast_1d(real_array(ridges, "ridges")), "ridges"))


def one_ridge(ridge) -> float:
    """Return a single positive ridge as a float, or raise ValueError."""
    value = real_array(ridge, "ridge")
    if value.ndim != 0 or not 0.0 < value < np.inf:
        raise ValueError(f"ridge must be one positive and finite number, got {ridge!r}.")
    return float(value)
