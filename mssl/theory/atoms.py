"""Eigenvalues that a whole fraction of the eigenvectors share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._types import Array
from ..covariance import Covariance
from .bulk import EQUAL
from .weighted import WeightedEquivalent

__all__ = ["Atom", "frozen_atoms", "hard_places", "level_groups", "level_place", "shared_levels"]


@dataclass(frozen=True)
class Atom:
    """A single eigenvalue that a whole fraction of the eigenvectors share.

    Attributes
    ----------
    position : float
        The eigenvalue.
    mass : float
        Its fraction of all d eigenvalues.
    """

    position: float
    mass: float


def level_groups(equivalent: WeightedEquivalent):
    """Coordinates of an equivalent with equal beta D, as a list of index arrays."""
    if not np.any(equivalent.offset):
        return [np.arange(equivalent.d)]
    key = equivalent.levels if equivalent.graded else equivalent.weights
    order = np.argsort(key, kind="stable")
    sorted_ = key[order]
    cuts = np.flatnonzero(np.diff(sorted_) > EQUAL * sorted_[1:]) + 1
    starts, ends = np.append(0, cuts), np.append(cuts, key.size)
    # A long chain of near neighbours is not one level: none lies further than that from its first.
    widest = 1.0 + EQUAL
    more = []
    for chain in np.flatnonzero(sorted_[ends - 1] > widest * sorted_[starts]):
        start, values = starts[chain], sorted_[: ends[chain]]
        while (start := np.searchsorted(values, widest * values[start], "right")) < values.size:
            more.append(start)
    return np.split(order, np.sort(np.append(cuts, more).astype(int)))


def level_place(equivalent: WeightedEquivalent, group: Array):
    """The common beta D of a group of coordinates of an equivalent."""
    if equivalent.graded:
        return float(np.mean(equivalent.levels[group]))
    return equivalent.offset * float(np.mean(equivalent.weights[group]))


def hard_places(equivalent: WeightedEquivalent):
    """Places beta D_j of an equivalent that exactly n coordinates share.

    The density may diverge there.
    """
    return [
        float(equivalent.levels[group[0]])
        for group in level_groups(equivalent)
        if group.size == equivalent.n_samples
    ]


def frozen_atoms(equivalent: WeightedEquivalent):
    """Atoms of M: beta D_j, where more coordinates share D_j than samples or rank can lift.

    Vectors on the m coordinates with D_k = D_j that Sigma's samples annihilate are eigenvectors
    of the M of an `equivalent` with eigenvalue beta D_j, and there are m - min(n, rank of Sigma on
    them).
    """
    d, n = equivalent.d, equivalent.n_samples
    null = _null_weight(equivalent.covariance)
    for group in level_groups(equivalent):
        if group.size <= n and null[group].sum() < 0.5:
            continue
        rank = _rank(equivalent.covariance, group, null)
        count = group.size - min(n, rank)
        if count > 0:
            yield Atom(float(level_place(equivalent, group)), count / d)


def _null_weight(covariance: Covariance):
    """Diagonal of the projector on the kernel of Sigma."""
    tiny = 1e-13 * covariance.trace() / covariance.d
    return (
        np.clip(tiny * covariance.resolvent(tiny).diagonal, 0.0, 1.0)
        if tiny
        else np.ones(covariance.d)
    )


def _rank(covariance: Covariance, group: Array, null: Array):
    """Rank of Sigma on a group of coordinates."""
    if null.sum() < 0.5:
        return group.size
    if group.size == covariance.d:
        return covariance.d - round(float(null.sum()))
    # All other coordinates are frozen by a huge shift.
    scale = covariance.trace() / covariance.d
    shift = np.full(covariance.d, 1e13 * scale)
    shift[group] = 1e-11 * scale
    part = shift[group] * covariance.resolvent(shift).diagonal[group]
    return group.size - round(float(part.sum()))


def shared_levels(equivalent: WeightedEquivalent):
    """Places beta D_j of an equivalent that many coordinates share.

    Each lies in a gap of the support or at its end.
    """
    return [
        level_place(equivalent, group)
        for group in level_groups(equivalent)
        if group.size >= max(min(2, equivalent.n_samples), equivalent.n_samples // 20)
    ]
