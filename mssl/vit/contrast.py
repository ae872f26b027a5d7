"""Closed forms of contrastive learning: its first velocities and its critical temperature."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from .data import PatchData

__all__ = ["contrast_rates", "critical_temperature", "strength_moments"]


def strength_moments(data: PatchData) -> tuple[float, float, float]:
    r"""First three moments of a strength.

    .. math:: m_j = \mathbb E z^j = \frac{U^{j+1} - L^{j+1}}{(j+1)(U - L)}

    Parameters
    ----------
    data : PatchData
        With strengths uniform between L and U.

    Returns
    -------
    m1, m2, m3 : float
        In powers of the unit of a strength.
    """
    if data.low == data.high:
        return data.low, data.low**2, data.low**3
    k = np.arange(2, 5)
    return tuple((data.high**k - data.low**k) / (k * (data.high - data.low)))


def contrast_rates(data: PatchData, batch_size: int) -> tuple[float, float]:
    r"""Exact velocities at the start of contrastive learning, times a high temperature.

    .. math:: \lim_{\tau\to\infty} \tau\,\dot\Phi_m = \Big(1-\frac1B\Big)\frac{\nu}{KP}
              \Big[c_m a_3(\nu c_m - \chi_{mm}) - a_2 \sum_{m'\ne m} c_{m'}\chi_{mm'}\Big]

    Implements :theorem:`thm-vc-first`.

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.
    batch_size : int
        B, the images of a batch.

    Returns
    -------
    globe, local : float
        For the global and for a local feature; the same for every patch.

    Raises
    ------
    ValueError
        If the local areas differ in size.
    """
    if not isinstance(data.local_size, int):
        raise ValueError(
            f"contrast_rates needs local areas of equal size, got {data.local_size}; give one size."
        )
    P, K, N = data.n_patches, data.n_clusters, data.n_local
    V = P - data.n_hidden
    nu, pair = V / P, V * (V - 1) / (P * (P - 1))
    m1, m2, m3 = strength_moments(data)
    a3, a2 = m3 - m1 * m2 / K, m1 * (m2 - m1**2 / K)
    c, s = data.global_size / P, data.local_size / P

    def rate(own, squares):
        """For an area of share `own`; `squares` sums the squared shares of the others."""
        twice = own * (own - 1 / P) * pair + own * nu / P
        bracket = own * a3 * (nu * own - twice) - a2 * own * pair * squares
        return (1 - 1 / batch_size) * nu / (K * P) * bracket

    return rate(c, N * s**2), rate(s, c**2 + (N - 1) * s**2)


def critical_temperature(low: float, high: float, n_clusters: int) -> float:
    r"""Temperature below which attention cannot stay on the global area alone.

    .. math:: \mathbb E\, e^{L z/\tau_c} \Big(\frac zL - 1\Big) = K - 1

    Implements :theorem:`prop-vc-dim`.

    Parameters
    ----------
    low, high : float
        L and U, with L positive and below U, and :math:`\mathbb E z < K L`.
    n_clusters : int
        K.

    Returns
    -------
    float
        In squared units of the strengths.

    Raises
    ------
    ValueError
        When the strengths are not as above. At or beyond :math:`\mathbb E z = K L` attention cannot
        stay on the global area at any temperature.
    """
    if not 0 < low < high:
        raise ValueError(f"critical_temperature needs 0 < low < high; got {low} and {high}.")
    if low + high >= 2 * n_clusters * low * (1 - 1e-12):
        raise ValueError(
            f"a mean strength of {(low + high) / 2:g} is not below n_clusters * low = "
            f"{n_clusters * low:g}: there is no critical temperature."
        )
    x, w = np.polynomial.legendre.leggauss(60)
    z, w = low + (high - low) * (x + 1) / 2, w / 2

    def excess(warmth):
        # The temperature in units of L U. Scaled by the largest odds, so as not to overflow.
        odds = w * np.exp((z / high - 1) / warmth)
        return odds @ (z / low - 1) - (n_clusters - 1) * np.exp(-1 / warmth)

    return low * high * brentq(excess, 1e-2, 1e6, xtol=1e-12)
