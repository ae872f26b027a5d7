"""Training on masks that are really drawn, in place of the mean over all masks."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..masks import Bernoulli, MaskLaw
from ..validation import as_generator, data_matrix, non_negative, positive_integer, real_copy

__all__ = ["MaskedMoments", "explicit_mask_moments", "explicit_mask_regression"]

Array = np.ndarray

# Floats in one stack of masked Gram matrices, and in one block of masked rows.
STACK, ROWS = 1 << 24, 1 << 21


@dataclass(frozen=True, eq=False)
class MaskedMoments:
    r"""What training on explicit independent masks needs of data and masks.

    .. math:: G = \frac1{nM}\sum_{i,m} z_{im}z_{im}^\top, \qquad
              C = \frac1{nM}\sum_{i,m} z_{im}x_i^\top, \qquad z_{im} = x_i \circ m_{im}

    Attributes
    ----------
    gram, cross : ndarray of shape (n_features, n_features)
        G and C, in squared units of the data.
    n_masks : int
        M, the masks drawn for each sample.
    """

    gram: Array
    cross: Array
    n_masks: int

    def __add__(self, other: MaskedMoments) -> MaskedMoments:
        """The moments of both sets of masks together."""
        total = self.n_masks + other.n_masks
        own, theirs = self.n_masks / total, other.n_masks / total
        return MaskedMoments(
            own * self.gram + theirs * other.gram, own * self.cross + theirs * other.cross, total
        )

    def solve(self, ridge: float) -> Array:
        r"""The matrix with diagonal 0 that minimises the mean loss plus the penalty.

        .. math:: A = HC_0 - H\,\mathrm{diag}(HC_0)\,\mathrm{diag}(H)^{-1}, \qquad
                  H = (G + \lambda)^{-1}, \quad C_0 = C - \mathrm{diag}(C)

        Column k is the solution of the system without row and column k.

        Parameters
        ----------
        ridge : float
            :math:`\lambda \ge 0`, in squared units of the data.

        Returns
        -------
        ndarray of shape (n_features, n_features)

        Raises
        ------
        ValueError
            If the ridge is negative, or the system singular.
        """
        d, ridge = len(self.gram), non_negative(ridge, "ridge")
        try:
            H = cho_solve(cho_factor(self.gram + ridge * np.eye(d), lower=True), np.eye(d))
        except np.linalg.LinAlgError:
            raise ValueError(
                f"the moments of the masked rows plus ridge = {ridge:g} are singular; use a larger "
                "ridge, or more rows or masks."
            ) from None
        cross = self.cross.copy()
        np.fill_diagonal(cross, 0.0)
        A = H @ cross
        A -= H * (A.diagonal() / H.diagonal())
        np.fill_diagonal(A, 0.0)
        return A


def _rows(X):
    """X as a finite real matrix whose squares are finite, or raise ValueError."""
    X = data_matrix(real_copy(X, "X"), 1)
    if np.abs(X).max() > np.sqrt(np.finfo(float).max / X.size):
        raise ValueError("the squares of X overflow; rescale X to values of moderate size.")
    return X


def explicit_mask_moments(X: Array, mask_rate: float, n_masks: int, rng) -> MaskedMoments:
    """Accumulate the moments of M independent masks for each row, :class:`MaskedMoments`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    mask_rate : float
        Probability p that an entry is hidden, in (0, 1).
    n_masks : int
        M.
    rng : numpy.random.Generator or int
        Source of the masks, or its seed.

    Returns
    -------
    MaskedMoments

    Raises
    ------
    ValueError
        If X is not a finite, real matrix whose squares are finite, or another argument is out of
        range.

    Notes
    -----
    Independent masks say nothing about coordinate k once its own mask is taken out. So every mask
    serves every target, hidden or not, as long as x_k is not an input to its own prediction, and
    one d x d matrix is enough. Masked rows exist in blocks only.
    """
    X, law = _rows(X), Bernoulli(mask_rate)
    n_masks, rng = positive_integer(n_masks, "n_masks"), as_generator(rng)
    n, d = X.shape
    gram, seen = np.zeros((d, d)), np.zeros((n, d))
    step = max(1, ROWS // (n * d))
    for start in range(0, n_masks, step):
        count = min(step, n_masks - start)
        visible = law.sample(n * count, d, rng).reshape(count, n, d)
        seen += visible.sum(axis=0)
        rows = (X * visible).reshape(-1, d)
        gram += rows.T @ rows
    return MaskedMoments(gram / (n * n_masks), (X * seen).T @ X / (n * n_masks), n_masks)


def explicit_mask_regression(X: Array, law: MaskLaw, ridge: float, n_masks: int, rng) -> Array:
    r"""Train on masks that are drawn, M for each sample, counting hidden targets only.

    .. math:: a_k = \arg\min_a \frac{1}{N_k}\sum_{(i,m):\,m_k = 0}
              \big(x_{ik} - (x_i \circ m_{im})^\top a\big)^2 + \lambda\|a\|^2

    with :math:`N_k` the number of pairs of a sample and a mask that hide k.

    Implements :theorem:`prop-mask-explicit`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    law : MaskLaw
        What is hidden.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of X.
    n_masks : int
        M.
    rng : numpy.random.Generator or int
        Source of the masks, or its seed.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Its distance to :func:`mssl.regression.best_predictor` of the same law falls as
        :math:`M^{-1/2}`.

    Raises
    ------
    ValueError
        If X is not a finite, real matrix whose squares are finite, `law` is no mask law or does not
        fit it, a number is out of range, no mask hides one of the coordinates, or the problem of
        one is singular.

    Notes
    -----
    Each target has a Gram matrix of its own. They are made for some targets at a time, and the
    same masks are drawn again for the next ones, so that memory stays bounded; the cost is about
    :math:`nMd^3` times the fraction that is hidden. For independent masks and many coordinates,
    :func:`explicit_mask_moments` has the same limit at a d-th of the cost.
    """
    X, ridge = _rows(X), non_negative(ridge, "ridge")
    if not isinstance(law, MaskLaw):
        raise ValueError(
            f"law must be a law of masks such as Bernoulli(0.5), got {type(law).__name__}."
        )
    n, d = X.shape
    law.check(d)
    n_masks, rng = positive_integer(n_masks, "n_masks"), as_generator(rng)
    A = np.zeros((d, d))
    group = max(1, STACK // d**2)
    for start in range(0, d, group):
        targets = np.arange(start, min(start + group, d))
        replay = rng if targets[-1] == d - 1 else deepcopy(rng)
        gram, cross = np.zeros((targets.size, d, d)), np.zeros((targets.size, d))
        counts = np.zeros(targets.size)
        for _ in range(n_masks):
            visible = law.sample(n, d, replay)
            for t, k in enumerate(targets):
                hidden = ~visible[:, k]
                z = X[hidden] * visible[hidden]
                gram[t] += z.T @ z
                cross[t] += z.T @ X[hidden, k]
                counts[t] += len(z)
        for t, k in enumerate(targets):
            if counts[t] == 0:
                raise ValueError(f"no mask hides coordinate {k}; use a larger n_masks.")
            seen = gram[t].diagonal() > 0.0
            matrix = gram[t][np.ix_(seen, seen)] / counts[t] + ridge * np.eye(int(seen.sum()))
            try:
                A[seen, k] = np.linalg.solve(matrix, cross[t][seen] / counts[t])
            except np.linalg.LinAlgError:
                raise ValueError(
                    f"the masked samples leave the problem for coordinate {k} singular; "
                    "use a larger ridge or n_masks."
                ) from None
    return A
