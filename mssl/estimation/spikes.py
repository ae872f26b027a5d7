"""How many directions stand out of what rows without any correlation would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..regression import exchange
from ..validation import as_generator, non_negative, positive_integer
from .decomposition import _LOST, check_range, checked_data, one_ridge

__all__ = ["SpikeEstimate", "estimate_spikes"]

_ENTRIES = 1 << 18  # entries of the flipped matrices that are in memory at once


@dataclass(frozen=True, eq=False)
class SpikeEstimate:
    """Eigenvalues of the learned matrix that stand out of what uncorrelated rows would show.

    Attributes
    ----------
    count : int
        Number of eigenvalues above the edge.
    edge : float
        The edge: the largest eigenvalue under random signs exceeds it with probability `level`.
    eigenvalues : ndarray of shape (n_features,)
        Eigenvalues of A_hat, largest first; all below one, and without a unit.
    p_value : float
        For the hypothesis that there is no correlation at all.
    level : float
        Probability of a false alarm that was allowed.
    null_maxima : ndarray of shape (n_flips,)
        The largest eigenvalue of A_hat after each draw of random signs, increasing.
    """

    count: int
    edge: float
    eigenvalues: np.ndarray
    p_value: float
    level: float
    null_maxima: np.ndarray


def estimate_spikes(X, ridge: float, rng, *, level: float = 0.05, flips: int = 99) -> SpikeEstimate:
    r"""Count the eigenvalues of the learned matrix above an edge found by random signs.

    .. math::

        T(X) = \lambda_{\max}(\hat A), \qquad
        p = \frac{1 + \#\{b : T(X \circ \varepsilon_b) \ge T(X)\}}{1 + B}

    with :math:`\varepsilon_b` independent matrices of random signs.

    Implements :theorem:`prop-ng-signs`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Independent rows of mean zero.
    ridge : float
        :math:`\lambda > 0`, in squared units of X.
    rng : numpy.random.Generator or int
        Source of the signs, or its seed.
    level : float, default=0.05
        Probability of a false alarm that is allowed.
    flips : int, default=99
        The number B of draws; at least ``1 / level - 1``.

    Returns
    -------
    SpikeEstimate

    Raises
    ------
    ValueError
        As :func:`estimate_risk`, or if `level` is not in (0, 1) or needs more flips.

    Notes
    -----
    If the law of X does not change under independent signs of its entries (given their sizes, the
    signs are independent and fair; rows and columns may have any scale), X and the
    flipped matrices are exchangeable and the probability of any alarm is at most `level`, at every
    n and d. Noise that is itself correlated is *not* of this kind: then the edge is too low and
    eigenvalues of the noise are counted. All eigenvalues are compared with the edge of the largest
    one, and the variance of the spikes stays in the flipped matrices; both make the count cautious.

    References
    ----------
    D. Hong, Y. Sheng and E. Dobriban, Selecting the number of components in PCA via random
    signflips (2020).
    """
    X = checked_data(X)
    ridge = one_ridge(ridge)
    generator = as_generator(rng)
    level, flips = non_negative(level, "level"), positive_integer(flips, "flips")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level:g}.")
    allowed = int(np.floor(level * (flips + 1) * (1.0 + 1e-12)))  # rank of the edge from above
    if allowed < 1:
        raise ValueError(
            f"level {level:g} needs at least {int(np.ceil(1.0 / level)) - 1} flips, got {flips}."
        )
    check_range(X, ridge)
    values = _coefficient_eigenvalues(X, ridge)
    at_once = max(1, _ENTRIES // X.size)
    null = np.sort(
        np.concatenate(
            [
                _coefficient_eigenvalues(
                    X * _signs((min(at_once, flips - start), *X.shape), generator), ridge
                )[:, 0]
                for start in range(0, flips, at_once)
            ]
        )
    )
    edge = float(null[-allowed])
    above = int(np.sum(null >= values[0]))
    return SpikeEstimate(
        count=int(np.sum(values > edge)),
        edge=edge,
        eigenvalues=values,
        p_value=(1.0 + above) / (flips + 1.0),
        level=level,
        null_maxima=null,
    )


def _signs(shape, rng) -> np.ndarray:
    return 1.0 - 2.0 * rng.integers(0, 2, size=shape)


def _coefficient_eigenvalues(X: np.ndarray, ridge: float) -> np.ndarray:
    """Eigenvalues of A_hat, largest first, from the symmetric D^-1/2 Q D^-1/2.

    X may be a stack of matrices of shape (..., n, d).
    """
    n, d = X.shape[-2:]
    root, V = np.linalg.svd(X / np.sqrt(n), full_matrices=False)[1:]
    s, V2 = root**2, V**2
    kept, lost = ridge / (s + ridge), s / (s + ridge)
    outside = 0.0 if d <= n else np.maximum(1.0 - V2.sum(axis=-2), 0.0)
    D = outside + np.einsum("...jk,...j->...k", V2, kept)  # ridge Q_kk
    rounding = np.finfo(float).eps * np.sqrt(s[..., 0] / (s[..., -1] + ridge))
    if (np.any(rounding > _LOST * D.min(axis=-1)) and d > n) or np.any(rounding > _LOST):
        return _exact_eigenvalues(X, ridge)
    # The smaller of both forms of what Q holds off the diagonal.
    weights = lost if n < d or np.all(ridge > s[..., :1]) else -kept
    A = V.swapaxes(-1, -2) @ (weights[..., None] * V)
    return _symmetric_eigenvalues(A, np.sqrt(D))


def _symmetric_eigenvalues(A, roots):
    """Eigenvalues, largest first, of what A, over `roots` on both sides, holds off the diagonal."""
    A = A / (roots[..., :, None] * roots[..., None, :])
    np.einsum("...kk->...k", A)[...] = 0.0
    return np.linalg.eigvalsh(A)[..., ::-1]


def _exact_eigenvalues(X, ridge):
    """The same for data whose rows or columns differ by many orders of magnitude."""
    if X.ndim > 2:
        return np.array([_exact_eigenvalues(each, ridge) for each in X])
    d = X.shape[1]
    answer = exchange.answer(X, np.full(d, ridge))
    A, root = answer.columns(np.arange(d)), np.sqrt(answer.D)
    # D^1/2 (I - Q D^-1) D^-1/2 twice, as A may be exact in one triangle where the other rounds.
    A = A * (root / root[:, None])
    return np.linalg.eigvalsh((A + A.T) / 2.0)[::-1]
