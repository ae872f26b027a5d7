"""A base model plus a few strong directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr

from .._types import Array, Number, OneOrEach
from ..validation import positive_vector, real_copy, unit_columns
from .base import Covariance, Resolvent, columns, row_products
from .dense import Dense
from .diagonal import Diagonal, Isotropic
from .signal import Signal, is_positive
from .singular import rescaled, spiked_limit

__all__ = ["Spiked"]

# Share of the base's entry on the diagonal below which a difference from it is not used.
CANCELLED = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class Spiked(Covariance):
    r"""A base covariance plus a matrix of low rank.

    .. math:: \Sigma = \Sigma_0 + \sum_{i=1}^r \theta_i\, u_i u_i^\top

    Parameters
    ----------
    base : Covariance
        The model :math:`\Sigma_0`.
    strengths : float or array-like of shape (r,)
        The strengths :math:`\theta_i`, not negative.
    directions : array-like of shape (n_features, r)
        The unit columns :math:`u_i`. They need not be orthogonal.

    Attributes
    ----------
    d : int
        Number of coordinates.
    loadings : ndarray of shape (n_features, r)
        :math:`\sqrt{\theta_i}\,u_i`, one a column.

    Raises
    ------
    ValueError
        If `base` is no covariance model, a column of `directions` has not the length 1 or the
        number of coordinates of the base, or `strengths` are not one a column, finite and not
        negative.

    Notes
    -----
    The resolvent follows from that of the base by the Woodbury identity; cost and memory are
    those of the base plus O(d r^2). It is a difference: where spikes raise the Bayes error of a
    coordinate by a factor of 10^m, m digits are lost, and up to 2m in squares of its weights.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(
            self, base: Covariance, strengths: ArrayLike, directions: ArrayLike
        ) -> None: ...

    base: Covariance
    strengths: np.ndarray
    directions: np.ndarray
    d: int = field(init=False)
    loadings: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.base, Covariance):
            raise ValueError(f"base must be a covariance model, got {type(self.base).__name__}.")
        directions = unit_columns(self.directions, self.base.d)
        strengths = np.atleast_1d(real_copy(self.strengths, "strengths"))
        if strengths.size:
            strengths = positive_vector(strengths, "strengths", zero_allowed=True)
        if strengths.shape != (directions.shape[1],):
            raise ValueError(
                f"strengths must hold one number for each of the {directions.shape[1]} columns of "
                f"directions, got shape {strengths.shape}."
            )
        # Loadings, not directions, enter below: a strength of zero then needs no special case.
        loadings = directions * np.sqrt(strengths)
        loadings.flags.writeable = False
        object.__setattr__(self, "strengths", strengths)
        object.__setattr__(self, "loadings", loadings)
        object.__setattr__(self, "directions", directions)
        object.__setattr__(self, "d", self.base.d)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """Four bases with one to three directions."""
        from .ar1 import AR1
        from .circulant import Circulant

        rng = np.random.default_rng(3)

        def directions(d: int, r: int) -> Array:
            columns = rng.normal(size=(d, r))
            return columns / np.linalg.norm(columns, axis=0)

        return [
            cls(Isotropic(20), 3.0, directions(20, 1)),
            cls(Diagonal(np.linspace(0.5, 2.0, 22)), [4.0, 1.5], directions(22, 2)),
            cls(AR1(21, 0.5), [2.0, 2.0, 0.0], directions(21, 3)),
            cls(Circulant.examples()[0], 5.0, directions(24, 1)),
        ]

    @property
    def n_noise(self) -> int:
        """Number of white-noise entries of the base, and one more for each direction."""
        return self.base.n_noise + self.strengths.size

    def diagonal(self) -> Array:
        r"""Variances :math:`(\Sigma_0)_{kk} + \sum_i \theta_i u_{ki}^2`, of shape (n_features,)."""
        return self.base.diagonal() + row_products(self.loadings, self.loadings)

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\Sigma_0 x + \sum_i \theta_i u_i u_i^\top x`, of the shape of x."""
        return self.base.apply(x) + self.loadings @ (self.loadings.T @ x)

    def colour(self, z: Array) -> Array:
        r"""Rows of the base plus :math:`\sqrt{\theta_i}\,z\,u_i^\top`, z anew for each i."""
        n_base = self.base.n_noise
        return self.base.colour(z[:, :n_base]) + z[:, n_base:] @ self.loadings.T

    @cached_property
    def _sum(self) -> Dense:
        return Dense(self.dense())

    def _doubt(self, shift: OneOrEach) -> str | None:
        return self._sum._doubt(shift) if self.base._doubt(shift) else None

    @cached_property
    def _small_shifts(self) -> Array | None:
        r"""Shifts, one a coordinate, below which a dense base loses more in the identity.

        With the largest eigenvalue s of a base that is singular up to rounding and the strength
        theta of the spikes, at a shift epsilon, the identity loses about :math:`(s/\epsilon)^2`,
        the sum :math:`(s + \theta)/\epsilon`. None for other bases.
        """
        core, scales, loadings = self._unfolded()
        if not (isinstance(core, Dense) and core.matrix.any() and core._is_singular_in_any_units):
            return None
        largest = float(core.eigenvalues[-1])
        strength = float(np.max(np.sum(loadings**2, axis=0), initial=0.0))
        return scales**2 * (largest**2 / (largest + strength))

    def _unfolded(self) -> tuple[Covariance, Array, Array]:
        core, scales, loadings = self.base._unfolded()
        return core, scales, np.hstack([loadings, self.loadings / scales[:, None]])

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        small = self._small_shifts
        positive = is_positive(shift) and is_positive(scale)
        if small is not None and positive and np.any(shift / scale < small):
            return self._sum.resolvent(shift, scale)
        base = self.base.resolvent(shift, scale)
        if np.ndim(shift) == 0 and shift == 0 and not np.isfinite(base.diagonal).all():
            core, scales, loadings = self._unfolded()
            limit = spiked_limit(core, loadings)
            if limit is not None:
                return rescaled(limit, 1.0 / (scales * np.sqrt(scale)), shift, scale)
        # Independent coordinates have a resolvent without any shift, too.
        free = isinstance(self.base._unfolded()[0], Diagonal | Isotropic) and np.all(shift == 0)
        if positive or (free and is_positive(scale)):
            drowned = self._drowned(scale * base.diagonal)
            if drowned.size:
                return self._lifted(shift, scale, drowned)
        v = base.apply(self.loadings)
        inner = np.linalg.inv(np.eye(self.strengths.size) + scale * (self.loadings.T @ v))
        vm = v @ (scale * inner)

        def spread(b: OneOrEach) -> Array:
            # R_jk = (R_0)_jk - (v vm')_jk without j = k, squared and summed term by term.
            bv = columns(b * np.ones(self.d), v) * v
            cross = row_products(self._off_diagonal(base, bv, scale), vm)
            return base.signal.spread(b) - 2.0 * cross + _other_rows(vm, v, bv)

        def signal() -> Signal:
            vn = v @ inner  # R L
            shifted = columns(shift * np.ones(self.d), v) * v
            image = scale * self.base.apply(v)
            kept = base.signal
            cross = row_products(vm @ (v.T @ image) - 2.0 * base.apply(image), vm)
            mixed = scale * self.base.apply(base.apply(shifted))
            ring = inner @ (v.T @ shifted)
            square = kept.square + 2.0 * scale * np.sum(inner.T * (v.T @ mixed))
            return Signal(
                diagonal=kept.diagonal + scale * shift * row_products(vn, v),
                sandwich=np.maximum(kept.sandwich + cross, 0.0) + scale * row_products(vn, vn),
                square=square + scale**2 * np.sum(ring * ring.T),
                spread=spread,
            )

        return _downdated(base, vm, v, shift=shift, scale=scale, signal_parts=signal)

    def _drowned(self, precision: Array) -> Array:
        r"""Coordinates on which the spikes leave too little of the base's entry for a difference.

        With w_k the loadings in units of the base's entry, they take away the share
        :math:`w_k^\top(I + \sum_j w_jw_j^\top)^{-1}w_k`, the squared length of a row of Q in the QR
        of all w_j and I. The shares sum to r at most: no more than r coordinates are drowned.
        """
        if self.strengths.size == 0:
            return np.empty(0, dtype=int)
        rows = np.vstack([self.loadings * np.sqrt(precision)[:, None], np.eye(self.strengths.size)])
        # The largest rows first, and columns in turn: rows differ by any power of ten.
        order = np.argsort(-np.abs(rows).max(axis=1), kind="stable")
        shares = np.empty(len(rows))
        shares[order] = np.sum(qr(rows[order], mode="economic", pivoting=True)[0] ** 2, axis=1)
        return np.flatnonzero(shares[: self.d] > 1.0 - CANCELLED)

    def _lifted(self, shift: OneOrEach, scale: Number, chosen: Array) -> Resolvent:
        r"""The resolvent where the base has next to no variance on some coordinates.

        .. math:: \Sigma = \Big(\Sigma_0 + \sum_{k \in H} \ell_k\,e_ke_k^\top\Big)
                  + LL^\top - \sum_{k \in H} \ell_k\,e_ke_k^\top, \qquad \ell_k = (LL^\top)_{kk}

        The bracket is the base under a larger shift, whose resolvent is no longer so large on H
        that Woodbury's difference would lose its digits.
        """
        lift = row_products(self.loadings, self.loadings)[chosen]
        raised = shift * np.ones(self.d)
        raised[chosen] += scale * lift
        base = self.base.resolvent(raised, scale)
        own = np.zeros((self.d, chosen.size))
        own[chosen, np.arange(chosen.size)] = np.sqrt(lift)
        frame = np.hstack([self.loadings, own])
        signs = np.repeat([1.0, -1.0], [self.strengths.size, chosen.size])
        v = base.apply(frame)
        vm = v @ np.linalg.inv(np.diag(signs / scale) + frame.T @ v)
        return _downdated(base, vm, v, shift=shift, scale=scale)

    def _off_diagonal(self, base: Resolvent, x: Array, scale: Number) -> Array:
        """R_0 x without the diagonal of R_0, from the smaller of R_0 and t Sigma_0 R_0."""
        product, kept = base.apply(x), base.signal.diagonal
        ones = np.ones(self.d)
        little = (scale * self.base.apply(product) - columns(kept, x) * x) / columns(
            base.shift * ones, x
        )
        large = product - columns(base.diagonal, x) * x
        return np.where(columns(kept < 0.5, x), -little, large)


def _downdated(base: Resolvent, vm: Array, v: Array, **rest: Any) -> Resolvent:
    """The resolvent R_0 - vm v' for a symmetric product, with the other fields as given."""

    def sandwich(b: OneOrEach) -> Array:
        bv = b * v if np.ndim(b) == 0 else columns(np.asarray(b), v) * v
        twice = base.apply(bv) - 0.5 * vm @ (v.T @ bv)
        return base.sandwich(b) - 2.0 * row_products(twice, vm)

    return Resolvent(
        diagonal=base.diagonal - row_products(vm, v),
        apply=lambda x: base.apply(x) - vm @ (v.T @ x),
        sandwich=sandwich,
        **rest,
    )


def _other_rows(left: Array, v: Array, weighted: Array) -> Array:
    """Sum over j != k of (left_k . v_j)(left_k . weighted_j), for each k."""
    total = np.zeros(len(v))
    gram = v.T @ weighted
    for i, j in np.ndindex(*gram.shape):
        # The own row leaves the sum before it is multiplied: it may be nearly all of it.
        total += left[:, i] * (gram[i, j] - v[:, i] * weighted[:, j]) * left[:, j]
    return total
