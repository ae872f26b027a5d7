"""Images, objectives and weights that several figures of the page share."""

from __future__ import annotations

import numpy as np

from mssl.vit import MAE, Combined, Contrastive, PatchData, mean_field

__all__ = [
    "BATCH",
    "FAMILIES",
    "LOOK",
    "TEMPERATURE",
    "critical_weights",
    "images",
    "unit_weight",
    "weighted",
]

#: Temperature and batch size of all runs of the chapter.
TEMPERATURE, BATCH = 0.2, 8

#: Exponents (global, local) of two families of growing images.
FAMILIES = {"positive gap": (0.9, 0.6), "negative gap": (0.6, 0.4)}

# Own and global, as in the chapter on masked autoencoding.
LOOK = {"own": "masked_regression", "global": "pca"}


def images(globe: int, local: int, arrangement: str = "scattered") -> PatchData:
    """Return 100 patches in 3 clusters, half of them masked, with areas of the given sizes.

    Parameters
    ----------
    globe, local : int
        Sizes of the global and of each local area.
    arrangement : {"scattered", "contiguous"}

    Returns
    -------
    PatchData
    """
    return PatchData(100, 3, globe, local, 0.5, 1.0, 0.5, arrangement=arrangement)


def unit_weight(data: PatchData, temperature: float, batch_size: int | None = None) -> float:
    r"""The ratio of weights at which the two losses pull equally at the global feature.

    .. math:: r_0 = \frac{\mu P \tau}{\lambda}, \qquad
              \lambda = \Big(1 - \frac1B\Big)\Big(1 - \frac{m_1 m_2}{K m_3}\Big), \qquad
              m_j = \mathbb E z^j

    Parameters
    ----------
    data : PatchData
    temperature : float
    batch_size : int, optional
        B; many negatives by default.

    Returns
    -------
    float
        The leading order for many patches in small areas, at the start of training.
    """
    powers = np.arange(1, 4)
    if data.high > data.low:
        spread = (powers + 1) * (data.high - data.low)
        m1, m2, m3 = (data.high ** (powers + 1) - data.low ** (powers + 1)) / spread
    else:
        m1, m2, m3 = data.high**powers
    pull = 1.0 - m1 * m2 / (data.n_clusters * m3)
    if batch_size is not None:
        pull *= 1.0 - 1.0 / batch_size
    return data.n_hidden * temperature / pull


def weighted(
    data: PatchData, weight: float, temperature: float = TEMPERATURE, batch_size: int = BATCH
) -> Combined:
    r"""The combined objective of a relative weight.

    .. math:: \alpha = \frac1{1 + \varrho}, \qquad \beta = \frac{\varrho\, r_0}{1 + \varrho}

    Parameters
    ----------
    data : PatchData
    weight : float
        :math:`\varrho = \beta/(\alpha r_0)`; infinity leaves contrast alone.
    temperature, batch_size
        As for :func:`unit_weight`.

    Returns
    -------
    Combined
    """
    alpha = 1.0 / (1.0 + weight)
    return Combined(alpha, (1.0 - alpha) * unit_weight(data, temperature, batch_size), temperature)


def critical_weights(
    data: PatchData, temperature: float = TEMPERATURE, batch_size: int | None = BATCH
) -> tuple[float, float]:
    r"""Ratios of weights at which the first step changes character, in the mean field.

    .. math:: r_y:\ \dot\Phi_{\mathrm{global}} = 0, \qquad
              r_c:\ \dot\Phi_{\mathrm{global}} = \dot\Phi_{\mathrm{own}}
              \qquad\text{at } \Phi = 0

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.
    temperature : float
    batch_size : int, optional
        Many negatives by default of :func:`mssl.vit.mean_field`, when None.

    Returns
    -------
    turning, critical : float
        :math:`r_y` and :math:`r_c`, for a local patch, counts at their means.
    """
    x, y = _first_velocities(data, MAE(), 1e-4)
    contrast = Contrastive(temperature)
    x_c, y_c = _first_velocities(data, contrast, 1e-4 * data.n_patches, batch_size)
    return -y / y_c, (x - y) / (y_c - x_c)


def _first_velocities(data, objective, time, batch_size=None) -> tuple[float, float]:
    """Velocities of Phi own and Phi global, from a time too short for them to change."""
    look = mean_field(data, objective, [time], batch_size=batch_size, rtol=1e-10)
    return float(look.phi_own[0]) / time, float(look.phi_global[0]) / time
