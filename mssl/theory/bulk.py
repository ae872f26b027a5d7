"""What belongs to the bulk of a population, and what is a perturbation of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import Array
from ..covariance import AR1, Covariance, Dense, Diagonal, Isotropic, Scaled, Spiked
from ..validation import covariance_model
from .law import unscaled
from .weighted import SMALL

__all__ = ["split_spikes"]

# Relative change of D, and share of a direction, above which a coordinate is treated one by one.
LOCAL = 5e-2
# Share times d that a random direction has on one coordinate in twenty.
CHANCE = 4.0
# Relative distance of the levels beta D_k below which they are one, as rounding moves them.
EQUAL = 1e-9
# Largest 1 - beta D_k, as a part of the largest of all, that counts as 0.
SILENT = 1e-7
# The same distance next to a level that more than n coordinates share. A sample moves D by n^-1/2.
INDISTINCT, MOST = 1e-3, 3
# Largest fraction of the coordinates that count as few, and a number that always does.
FEW, MANY = 0.05, 20
# Number of quotients of D, with and without spikes, up to which each keeps its own mean.
SEVERAL = 10
# Largest 1 - beta D_k, of all k, below which the part 1 of the eigenvalues is taken off.
SHALLOW = 0.5
# Ratios of successive variances, and mean squares in the units D, above which the few coordinates
# before them are louder than the rest.
JUMP, RISE = 2.0, 1.05


def split_spikes(covariance: Covariance) -> tuple[Covariance, Array, Array]:
    """Take the spikes off a model.

    Parameters
    ----------
    covariance : Covariance
        Any model; spiked ones may be nested or scaled.

    Returns
    -------
    base : Covariance
        The model without spikes.
    strengths : ndarray of shape (r,)
        In squared units of the rows.
    directions : ndarray of shape (n_features, r)
        Their unit columns.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model.
    """
    covariance_model(covariance)
    if isinstance(covariance, Spiked):
        base, strengths, directions = split_spikes(covariance.base)
        return (
            base,
            np.concatenate([covariance.strengths, strengths]),
            np.hstack([covariance.directions, directions]),
        )
    if isinstance(covariance, Scaled):
        base, strengths, directions = split_spikes(covariance.base)
        if strengths.size:
            columns = covariance.scales[:, None] * directions
            lengths = np.linalg.norm(columns, axis=0)
            return Scaled(base, covariance.scales), strengths * lengths**2, columns / lengths
    return covariance, np.empty(0), np.empty((covariance.d, 0))


def replace_loudest(base: Covariance, loudness: Array, count: int):
    r"""Take the loudest of independent coordinates off, each as a spike of its own.

    .. math:: \mathrm{diag}(v) = \mathrm{diag}(v') + \sum_{k \in L} (v_k - v'_k)\,e_ke_k^\top

    with the median variance of the others for :math:`v'_k` on the set L, which has `count` members,
    or those few above a jump of the variances if they are more.

    `loudness` orders them: it is that of each coordinate of the base.

    Returns
    -------
    tuple of (Covariance, strengths, directions) or None
        None when the coordinates are not independent, or none of them is louder than the others.
    """
    if not isinstance(unscaled(base), Diagonal | Isotropic):
        return None
    variances = base.diagonal()
    order = np.argsort(-loudness, kind="stable")
    few = order[: int(FEW * base.d) + 1]
    jumps = np.flatnonzero(
        (variances[few[:-1]] > JUMP * variances[few[1:]])
        & (loudness[few[:-1]] > RISE * loudness[few[1:]])
    )
    count = max(count, jumps[-1] + 1 if jumps.size else 0)
    loud = order[:count]
    usual = float(np.median(np.delete(variances, loud))) if count < base.d else 0.0
    loud = loud[variances[loud] > usual]
    if loud.size == 0 or usual == 0:
        return None
    rest = variances.copy()
    rest[loud] = usual
    directions = np.zeros((base.d, loud.size))
    directions[loud, np.arange(loud.size)] = 1.0
    return Diagonal(rest), variances[loud] - usual, directions


def is_silent(excess: Array) -> Array:
    r"""Where the excess :math:`1 - \beta D_k` is all but 0, as it is without variance."""
    return excess <= SILENT * np.max(excess)


def without_silent(base: Covariance, excess: Array) -> Covariance:
    r"""A diagonal or dense or small base, with variance 0 where the `excess` is all but 0.

    The excess is :math:`1 - \beta D_k`. Eigenvalues of A_hat that belong there are below 1e-7 of
    others; arithmetic cannot tell them apart.
    """
    silent = is_silent(excess)
    if np.any(silent) and isinstance(unscaled(base), Diagonal):
        return Diagonal(np.where(silent, 0.0, base.diagonal()))
    if np.any(silent) and (isinstance(unscaled(base), Dense) or base.d <= SMALL):
        return Dense(np.where(silent | silent[:, None], 0.0, base.dense()))
    return base


def is_stationary(base: Covariance, n_samples: int):
    """Whether D is to be that of the interior: of a process with ends, with fewer samples than d.

    The process is the `base`, the samples are `n_samples`.
    """
    while isinstance(base, Scaled) and np.all(base.scales == base.scales[0]):
        base = base.base
    return isinstance(base, AR1) and n_samples < base.d


def _equal_values(values: Array, gap: float = EQUAL):
    """Number of the group of equal values that each coordinate belongs to."""
    order = np.argsort(values, kind="stable")
    new = np.concatenate([[False], np.diff(values[order]) > gap * values[order][1:]])
    group = np.empty(values.size, dtype=int)
    group[order] = np.cumsum(new)
    return group


def _group_means(group: Array, values: Array, counted: Array):
    """Mean over the counted coordinates of the group of each; 1 where none counts."""
    counts = np.bincount(group, counted)
    sums = np.bincount(group, counted * values)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), 1.0)[group]


def _local(change: Array, base: Array, strengths: Array, directions: Array):
    """Coordinates whose D a direction changes because much of it lies on them.

    A direction that is spread evenly moves D by O(1/d) everywhere, or by as much everywhere.
    """
    weighted = directions[:, strengths > 0] ** 2 * base[:, None]
    share = weighted / np.sum(weighted, axis=0)
    much = max(LOCAL, CHANCE / base.size)
    return (change > LOCAL) & np.any(share > much, axis=1)


class Units(NamedTuple):
    r"""What a model gives to the matrix M: D, beta, and :math:`1 - \beta_kD_k` with all its digits.

    The last is 1 without a ridge, and small when the ridge is far above the variances.
    """

    weights: Array
    offset: Array
    excess: Array

    def deeper(self, depth: float, unit: float) -> Units:
        r"""The same for :math:`u(M - (1 - c))`, whose eigenvalues are of order one.

        The `depth` is c, the `unit` u.

        .. math:: D' = uD, \qquad \beta'_k = \beta_k - (1 - c)/D_k = (c - (1 - \beta_kD_k))/D_k
        """
        offset = (depth - self.excess) / self.weights
        weights = unit * self.weights
        return Units(weights, offset, 1.0 - offset * weights)


def depth_and_unit(*units: Units) -> tuple[float, float]:
    """How far below 1 to start, and the unit of the rest.

    The first is twice as far as any level of `units` lies.
    """
    deepest = max(float(np.max(u.excess)) for u in units)
    if not 0.0 < deepest < SHALLOW:
        return 1.0, 1.0
    return deepest / SHALLOW, 1.0 / float(np.mean(units[0].weights))


def bulk_weights(full: Units, base: Units, strengths: Array, directions: Array):
    r"""D and beta of the bulk, and the coordinates that differ from it.

    .. math:: D_{0,k} = D_k(\Sigma_0)\,\overline{D(\Sigma)/D(\Sigma_0)}

    with the mean over the coordinates of one level :math:`\beta D_k(\Sigma_0)` that are not local,
    where the factor is 1; the same for beta. Where the quotients of one level differ by more than
    5 per cent they stay as they are.

    Parameters
    ----------
    full, base : Units
        Of the model with and without its spikes.
    strengths, directions : ndarray of shape (r,) and (n_features, r)

    Returns
    -------
    weights, offset : ndarray of shape (n_features,)
    local : ndarray of int
    """
    ratio, rise = full.weights / base.weights, _quotient(full.offset, base.offset)
    change = np.maximum(np.abs(ratio - 1.0), np.abs(rise - 1.0))
    local = _local(change, base.weights, strengths, directions)
    group, alike = _equal_values(base.weights * base.offset), _equal_values(ratio)
    if alike.max() < SEVERAL:  # quotients that are few, as of a flat direction, stay apart
        group = np.unique(np.stack([group, alike]), axis=1, return_inverse=True)[1].reshape(-1)
    regular = (~local).astype(float)

    def applied(values: Array, quotient: Array):
        mean = _group_means(group, quotient, regular)
        uneven = np.any(regular * np.abs(quotient / mean - 1.0) > LOCAL)
        return values * np.where(local, 1.0, quotient if uneven else mean)

    offset = applied(base.offset, rise)
    return applied(base.weights, ratio), offset, np.flatnonzero(local)


def _quotient(full: Array, base: Array):
    """full / base, 1 where both are 0."""
    return np.divide(full, base, out=np.ones(base.size), where=base != 0)


def interior_weights(full: Units, base: Units, strengths: Array, directions: Array):
    """The same for a process with ends, whose bulk has one D, and one beta, throughout.

    `full`, `base`, `strengths` and `directions` are those of :func:`bulk_weights`.
    """
    _, _, spiked = bulk_weights(full, base, strengths, directions)
    weights, offset = (np.full(base.weights.size, np.mean(np.delete(v, spiked))) for v in full[:2])
    change = np.zeros(weights.size)
    for own, common, before in zip(full, (weights, offset), base, strict=False):
        change = np.maximum(change, np.abs(_quotient(own, common) - 1.0))
        change = np.maximum(change, np.abs(_quotient(own, before) - 1.0))
    local = np.flatnonzero(change > LOCAL)
    largest = max(MANY, int(FEW * weights.size))
    return weights, offset, np.sort(local[np.argsort(-change[local], kind="stable")[:largest]])


def settle(weights: Array, offset: Array | float, n_samples: int):
    """Give coordinates whose levels nearly agree one level, where they are more than `n_samples`.

    Either they stand apart from all others, or at least a third of them agree already. The mean of
    D^-1 diag(R), and so the first moment of A_hat, stays as it is. Returned is D, in place
    of `weights`, at the settled levels, for the same `offset`.
    """
    levels = weights * offset
    group = _equal_values(levels, 0.1 * INDISTINCT)
    for many in np.flatnonzero(np.bincount(group) > n_samples):
        near = group == many
        if np.ptp(levels[near]) <= INDISTINCT * np.max(levels[near]):
            levels = np.where(near, np.mean(levels[near]), levels)
    group = _equal_values(levels)
    counts = np.bincount(group)
    for heavy in np.flatnonzero(MOST * counts > n_samples):
        place = np.mean(levels[group == heavy])
        near = np.abs(levels - place) <= INDISTINCT * place
        if n_samples < np.sum(near) <= MOST * counts[heavy]:
            levels = np.where(near, np.mean(levels[near]), levels)
    return levels / offset
