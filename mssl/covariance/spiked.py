"""A base model plus a few strong directions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..validation import positive_vector, real_copy, unit_columns
from .base import Covariance, Resolvent, columns, row_products
from .singular import rescaled, spiked_limit

__all__ = ["Spiked"]


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

    Notes
    -----
    The resolvent follows from that of the base by the Woodbury identity; cost and memory are
    those of the base plus O(d r^2).
    """

    base: Covariance
    strengths: np.ndarray
    directions: np.ndarray
    d: int = field(init=False)
    loadings: np.ndarray = field(init=False)

    def __post_init__(self):
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
    def examples(cls):
        from .ar1 import AR1
        from .circulant import Circulant
        from .diagonal import Diagonal, Isotropic

        rng = np.random.default_rng(3)

        def directions(d, r):
            columns = rng.normal(size=(d, r))
            return columns / np.linalg.norm(columns, axis=0)

        return [
            cls(Isotropic(20), 3.0, directions(20, 1)),
            cls(Diagonal(np.linspace(0.5, 2.0, 22)), [4.0, 1.5], directions(22, 2)),
            cls(AR1(21, 0.5), [2.0, 2.0, 0.0], directions(21, 3)),
            cls(Circulant.examples()[0], 5.0, directions(24, 1)),
        ]

    @property
    def n_noise(self):
        return self.base.n_noise + self.strengths.size

    def diagonal(self):
        return self.base.diagonal() + row_products(self.loadings, self.loadings)

    def apply(self, x):
        return self.base.apply(x) + self.loadings @ (self.loadings.T @ x)

    def colour(self, z):
        n_base = self.base.n_noise
        return self.base.colour(z[:, :n_base]) + z[:, n_base:] @ self.loadings.T

    def _unfolded(self):
        core, scales, loadings = self.base._unfolded()
        return core, scales, np.hstack([loadings, self.loadings / scales[:, None]])

    def _resolvent(self, shift, scale):
        base = self.base.resolvent(shift, scale)
        if np.ndim(shift) == 0 and shift == 0 and not np.isfinite(base.diagonal).all():
            core, scales, loadings = self._unfolded()
            limit = spiked_limit(core, loadings)
            if limit is not None:
                return rescaled(limit, 1.0 / (scales * np.sqrt(scale)), shift, scale)
        v = base.apply(self.loadings)
        middle = scale * np.linalg.inv(np.eye(self.strengths.size) + scale * (self.loadings.T @ v))
        vm = v @ middle

        def apply(x):
            return base.apply(x) - vm @ (v.T @ x)

        def sandwich(b):
            bv = b * v if np.ndim(b) == 0 else columns(b, v) * v
            twice = base.apply(bv) - 0.5 * vm @ (v.T @ bv)
            return base.sandwich(b) - 2.0 * row_products(twice, vm)

        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=base.diagonal - row_products(vm, v),
            apply=apply,
            sandwich=sandwich,
        )
