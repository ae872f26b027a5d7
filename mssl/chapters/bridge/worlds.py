"""Linear images, on which attention and regression can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mssl.covariance import Diagonal, Spiked
from mssl.vit import PatchData

__all__ = ["LinearImages"]


@dataclass(frozen=True, eq=False)
class LinearImages:
    r"""Images of one cluster as vectors of one number a patch, with noise.

    .. math:: x_p = z_{a(p)} - \mathbb E z + \varepsilon_p, \qquad
              \Sigma = \sigma_z^2 \sum_m 1_m 1_m^\top + \mathrm{diag}(v_p)

    Attributes
    ----------
    images : PatchData
        Areas and strengths; its first cluster is used.
    noise : ndarray of shape (n_patches,)
        The variances v.
    """

    images: PatchData
    noise: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """Area of each patch, ndarray of int of shape (n_patches,)."""
        return self.images.areas[0]

    @property
    def strength_variance(self) -> float:
        r""":math:`\sigma_z^2 = (U - L)^2/12`."""
        return (self.images.high - self.images.low) ** 2 / 12

    @property
    def directions(self) -> np.ndarray:
        r""":math:`1_m/\sqrt{C_m}` as columns, ndarray of shape (n_patches, n_areas)."""
        inside = self.areas[:, None] == np.arange(self.images.n_areas)
        return inside / np.sqrt(self.images.sizes)

    @property
    def covariance(self) -> Spiked:
        """The population model."""
        strengths = self.strength_variance * self.images.sizes
        return Spiked(Diagonal(self.noise), strengths, self.directions)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n images, ndarray of shape (n, n_patches)."""
        middle = (self.images.low + self.images.high) / 2
        shape = (n, self.images.n_areas)
        strengths = rng.uniform(self.images.low, self.images.high, shape) - middle
        return strengths[:, self.areas] + rng.normal(size=(n, len(self.noise))) * self.noise**0.5
