r"""Small patches of two photographs, as a finite population.

The population of the book's real example is every :math:`s \times s` patch of scikit-learn's two
sample photographs, each equally likely. It is finite, so that its covariance, and every error of a
linear predictor under it, are exact sums and not estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from sklearn.datasets import load_sample_images

from mssl.covariance import Covariance, Dense
from mssl.rows import RowDistribution
from mssl.validation import positive_integer

__all__ = [
    "PatchPopulation",
    "border_distance",
    "image_patches",
    "patch_covariance",
    "patch_population",
    "sample_patches",
]

# Weights of red, green and blue in the luma of ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114])
_ROWS_AT_ONCE = 32  # rows of patch positions in memory at once: about 20 MB at size 12


@lru_cache(maxsize=1)
def _photographs() -> np.ndarray:
    """Both photographs in grey, float in [0, 1], read-only, of shape (2, height, width)."""
    grey = np.stack([image @ _LUMA for image in load_sample_images().images]) / 255.0
    grey.flags.writeable = False
    return grey


@dataclass(frozen=True, eq=False, repr=False)
class PatchPopulation(RowDistribution):
    r"""All patches of the two photographs, each equally likely: a finite, non-Gaussian world.

    .. math::

        x = \frac{p - \bar p}{s}, \qquad \bar p = \mathrm{E}\,p, \qquad
        s^2 = \frac1d\, \mathrm{E}\,\|p - \bar p\|^2, \qquad \Sigma = \mathrm{E}\,x x^\top

    with :math:`p` the grey values of a patch in :math:`[0, 1]`, so that
    :math:`\mathrm{Tr}\,\Sigma = d` and every error is in units of the mean variance of a pixel.

    Parameters
    ----------
    size : int
        Side of a patch, at least 2; ``d = size**2`` features, row after row.

    Attributes
    ----------
    d : int
        Number of pixels of a patch.
    n_patches : int
        Number of patches in the population (stride 1, both photographs).
    mean : ndarray of shape (d,)
        Mean of each pixel over the population, in grey values.
    scale : float
        The one factor that all pixels are divided by, in grey values.
    covariance : Dense
        The population's exact covariance.

    Raises
    ------
    ValueError
        If `size` is below 2 or does not fit into the photographs.

    Notes
    -----
    The mean of each *pixel over patches* is removed, not the mean of each *patch over pixels*: a
    patch of mean zero has one pixel that is minus the sum of the others, so its covariance is
    singular and masked prediction is trivially perfect. All pixels share one scale, so that the
    variances of border and centre keep their ratio.

    The object offers what a covariance model offers, with `sample` drawing real patches, so
    that theory and simulation take the same object; it is not a registered model because its
    samples are not Gaussian.
    """

    size: int
    n_patches: int = field(init=False)
    mean: np.ndarray = field(init=False)
    scale: float = field(init=False)
    covariance: Covariance = field(init=False)

    def __post_init__(self) -> None:
        size = positive_integer(self.size, "size", minimum=2)
        _, height, width = _photographs().shape
        if size > min(height, width) // 2:
            raise ValueError(
                f"size is {size}, but the photographs have {height} x {width} pixels; "
                f"take at most {min(height, width) // 2}."
            )
        d = size * size
        total = 2 * (height - size + 1) * (width - size + 1)
        object.__setattr__(self, "n_patches", total)
        # Moments about a point near the mean, so that nothing is lost in the subtraction below.
        centre = _photographs().mean()
        first, second = np.zeros(d), np.zeros((d, d))
        for block in self._grey_blocks():
            block = block - centre
            first += block.sum(axis=0)
            second += block.T @ block
        shift = first / total
        matrix = second / total - np.outer(shift, shift)
        scale = float(np.sqrt(np.trace(matrix) / d))
        mean = centre + shift
        mean.flags.writeable = False
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "covariance", Dense(matrix / scale**2))

    def __repr__(self) -> str:
        return f"PatchPopulation(size={self.size})"

    def _grey_blocks(self) -> Iterator[np.ndarray]:
        """All patches in grey values, a few rows of positions at a time."""
        for photograph in _photographs():
            windows = np.lib.stride_tricks.sliding_window_view(photograph, (self.size, self.size))
            for start in range(0, windows.shape[0], _ROWS_AT_ONCE):
                yield windows[start : start + _ROWS_AT_ONCE].reshape(-1, self.size**2)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the whole population in blocks of shape (n_block, d), centred and scaled."""
        for block in self._grey_blocks():
            yield (block - self.mean) / self.scale

    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Patches at random, with replacement."""
        grey = _photographs()
        photograph = rng.integers(len(grey), size=n)
        top = rng.integers(grey.shape[1] - self.size + 1, size=n)
        left = rng.integers(grey.shape[2] - self.size + 1, size=n)
        step = np.arange(self.size)
        rows = top[:, None, None] + step[:, None]
        columns = left[:, None, None] + step
        patches = grey[photograph[:, None, None], rows, columns].reshape(n, self.d)
        return (patches - self.mean) / self.scale


_population = lru_cache(maxsize=4)(PatchPopulation)


def patch_population(size: int = 12) -> PatchPopulation:
    """Return the population of all ``size x size`` patches, made once a process.

    Parameters
    ----------
    size : int
        Side of a patch, at least 2.

    Returns
    -------
    PatchPopulation

    Raises
    ------
    ValueError
        If ``size`` is below 2 or does not fit into the photographs.

    Examples
    --------
    >>> population = patch_population(6)
    >>> population.d, population.n_patches
    (36, 535940)
    >>> round(population.trace(), 9)
    36.0
    """
    return _population(positive_integer(size, "size", minimum=2))


def patch_covariance(size: int = 12) -> Covariance:
    """Return the exact covariance of all patches, centred and scaled as the population is.

    Parameters
    ----------
    size : int
        Side of a patch, at least 2.

    Returns
    -------
    Dense
        Of trace d: in units of the mean variance of a pixel.

    Raises
    ------
    ValueError
        As :func:`patch_population`.
    """
    return patch_population(size).covariance


def sample_patches(n: int, rng: np.random.Generator | int, size: int = 12) -> np.ndarray:
    """Draw patches at random, with replacement, centred and scaled as the population is.

    Parameters
    ----------
    n : int
        Number of patches.
    rng : Generator or int
        Source of randomness, or its seed.
    size : int
        Side of a patch, at least 2.

    Returns
    -------
    ndarray of shape (n, size**2)

    Raises
    ------
    ValueError
        As :func:`patch_population`, or if n is not a positive integer or `rng` no seed.

    Examples
    --------
    >>> sample_patches(5, 0).shape
    (5, 144)
    """
    return patch_population(size).sample(n, rng)


def image_patches(size: int = 12, stride: int = 1) -> np.ndarray:
    """Return patches on a regular grid, the first photograph before the second.

    Parameters
    ----------
    size : int
        Side of a patch, at least 2.
    stride : int
        Distance of neighbouring patches. At stride 1 this is the whole population, 600 MB at
        size 12; larger strides give fewer patches that overlap less.

    Returns
    -------
    ndarray of shape (n_patches, size**2)
        Centred and scaled by the moments of the whole population, whatever the stride.

    Raises
    ------
    ValueError
        As :func:`patch_population`, or if `stride` is not a positive integer.

    Examples
    --------
    >>> image_patches(12, stride=24).shape
    (972, 144)
    """
    stride = positive_integer(stride, "stride")
    population = patch_population(size)
    windows = np.lib.stride_tricks.sliding_window_view(_photographs(), (size, size), axis=(1, 2))
    patches = windows[:, ::stride, ::stride].reshape(-1, population.d)
    return (patches - population.mean) / population.scale


def border_distance(size: int = 12) -> np.ndarray:
    """Return for each pixel of a patch how many pixels lie between it and the nearest border.

    Parameters
    ----------
    size : int
        Side of a patch.

    Returns
    -------
    ndarray of int of shape (size**2,)
        In pixels, row after row.

    Raises
    ------
    ValueError
        If `size` is not a positive integer.

    Examples
    --------
    >>> border_distance(4)
    array([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    """
    size = positive_integer(size, "size")
    along = np.minimum(np.arange(size), size - 1 - np.arange(size))
    return np.minimum(along[:, None], along[None, :]).ravel()
