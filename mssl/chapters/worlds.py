"""Populations and images that several pages share."""

from __future__ import annotations

from functools import cache

import numpy as np

from mssl.covariance import Circulant, Diagonal
from mssl.data import patch_population
from mssl.vit import PatchData

__all__ = ["PATCH", "SETTINGS", "patch_scales", "power_law", "setting", "two_level"]

#: Side of a photograph's patch, in pixels.
PATCH = 12


def power_law(d: int, exponent: float = 1.5) -> Circulant:
    r"""Return a stationary process on a ring whose spectrum falls like a power.

    .. math:: \sigma_f^2 \propto (1 + \min(f, d - f))^{-\alpha}, \qquad \Sigma_{kk} = 1

    Parameters
    ----------
    d : int
    exponent : float
        :math:`\alpha`.

    Returns
    -------
    Circulant

    Examples
    --------
    >>> float(power_law(10).diagonal()[0])
    1.0
    """
    frequency = np.minimum(np.arange(d), d - np.arange(d))
    row = np.fft.ifft((1.0 + frequency) ** -exponent).real
    row = 0.5 * (row + np.roll(row[::-1], 1))
    return Circulant(row / row[0])


@cache
def patch_scales(size: int = PATCH, levels: int = 200, stride: int = 7) -> np.ndarray:
    r"""Return how unequal in scale the patches are, as equally likely values.

    .. math:: \tau = \frac1d\, x^\top \Sigma^{-1} x

    Parameters
    ----------
    size : int
        Side of a patch.
    levels : int
        Number of values; each is the mean of :math:`\tau` over an equal share of the patches.
    stride : int
        Every so many of the population's patches are looked at; neighbours are almost the same.

    Returns
    -------
    ndarray of shape (levels,)
        Increasing, of mean one.
    """
    population = patch_population(size)
    precision = np.linalg.inv(population.dense())
    tau = np.concatenate(
        [
            np.einsum("ij,ij->i", block @ precision, block) / population.d
            for block in (whole[::stride] for whole in population.blocks())
        ]
    )
    tau.sort()
    values = np.array([part.mean() for part in np.array_split(tau, levels)])
    return values / values.mean()


def two_level(d: int, quiet: float = 0.3, loud: float = 3.0) -> Diagonal:
    """Return independent noise whose variance alternates between two values.

    Parameters
    ----------
    d : int
        Even.
    quiet, loud : float
        The variances.

    Returns
    -------
    Diagonal

    Examples
    --------
    >>> two_level(4).diagonal()
    array([0.3, 3. , 0.3, 3. ])
    """
    return Diagonal(np.tile([quiet, loud], d // 2))


#: The two data sets of these chapters: (global size, local size) of 100 patches.
SETTINGS = {"positive gap": (60, 5), "negative gap": (28, 12)}


def setting(name: str, arrangement: str = "scattered") -> PatchData:
    """Return one of the two data sets: 100 patches, 3 clusters, half of the patches masked.

    Parameters
    ----------
    name : {"positive gap", "negative gap"}
    arrangement : {"scattered", "contiguous"}

    Returns
    -------
    PatchData
    """
    return PatchData(100, 3, *SETTINGS[name], 0.5, 1.0, 0.5, arrangement=arrangement)
