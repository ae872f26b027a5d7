"""Thresholds and overlaps in independent noise at a mask rate, explicitly.

The same second route as :mod:`mssl.theory.noise_curves`, with the ridge replaced by the penalty
of random masks, which grows with the variance of a coordinate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..validation import non_negative, open_unit, positive, positive_integer
from .noise_curves import Noise, NoiseCurve

__all__ = ["local_threshold", "masked_noise_curve", "spread_threshold"]


def _checked(gamma: float, ridge: float, rate: float) -> tuple[float, float, float]:
    """The three numbers, or a sentence about the one that cannot be."""
    gamma, ridge = positive(gamma, "gamma"), non_negative(ridge, "ridge")
    rate = open_unit(rate, "rate", zero_allowed=True)
    if ridge == rate == 0.0 and gamma >= 1.0:
        raise ValueError(
            f"gamma = {gamma:g} is not below 1, so a fit needs one of ridge and rate positive."
        )
    return gamma, ridge, rate


def _penalty(noise: Noise, gamma: float, ridge: float, rate: float) -> tuple[float, np.ndarray]:
    """t and the penalty K that the population feels."""
    keep = 1.0 - rate
    penalty = rate / keep * noise.variances + ridge / keep**2

    def excess(t: float) -> float:
        share = noise.mean(t * noise.variances / (t * noise.variances + penalty))
        return float(t + gamma * share - 1.0)

    t = brentq(excess, 0.0, 1.0, xtol=1e-15)
    return t, penalty / t


def _edge(
    noise: Noise, gamma: float, ridge: float, rate: float
) -> tuple[float, float, float, Callable[[float], float]]:
    """b at the edge, with what its equation is made of."""
    t, _ = _penalty(noise, gamma, ridge, rate)
    keep, v = 1.0 - rate, noise.variances
    alpha, beta = rate / keep / t, ridge / keep**2 / t
    top = (1.0 + alpha) / beta

    def amplitude(b: float) -> float:
        return float(1.0 / np.sqrt(gamma * noise.mean((v / (1.0 + b * v)) ** 2)))

    def excess(b: float) -> float:
        A = amplitude(b)
        return float(b - top + A * (1.0 - t / (1.0 + gamma * A * noise.mean(v / (1.0 + b * v)))))

    low = -(1.0 - 1e-12) / v.max()
    return brentq(excess, low, top, xtol=1e-15, rtol=1e-14), top, t, amplitude


def spread_threshold(
    noise: Noise, gamma: float, ridge: float, rate: float, on: ArrayLike | None = None
) -> float:
    r"""Threshold of a spread signal in independent noise, at a mask rate.

    .. math:: \frac1{\theta_c} = \Big\langle\frac{A}{1 + bv}\Big\rangle_u, \qquad
              b + A\Big(1 - \frac{t}{1 + \gamma\langle p\rangle}\Big) = \frac{1 + \alpha}{\beta}

    Implements :theorem:`prop-mask-spread`.

    Parameters
    ----------
    noise : Noise
        Variances of the coordinates.
    gamma, ridge, rate : float
        d/n, the ridge in the units of the variances, and the mask rate in [0, 1). Without a ridge,
        any rate that leaves a fit (gamma below 1, or a positive rate) has the same threshold.
    on : array-like of shape (n_levels,), optional
        Part of the squared length of the signal on each level; the shares, for a flat signal.

    Returns
    -------
    float
        In the units of the variances.

    Raises
    ------
    ValueError
        When a number is out of range, or there is neither a ridge nor a mask where gamma is 1 or
        more.
    """
    gamma, ridge, rate = _checked(gamma, ridge, rate)
    on = noise.shares if on is None else np.asarray(on, dtype=float)
    if ridge == 0.0:
        return float(np.sqrt(gamma) / (on @ (1.0 / noise.variances)))
    b, _, _, amplitude = _edge(noise, gamma, ridge, rate)
    return float(1.0 / (on @ (amplitude(b) / (1.0 + b * noise.variances))))


def masked_noise_curve(noise: Noise, gamma: float, ridge: float, rate: float) -> NoiseCurve:
    r"""Everything above the edge, with b as the parameter, on which all else depends explicitly.

    .. math:: p(v) = \frac{A\,v}{1 + b\,v}, \qquad
              b + A\Big(1 - \frac{t}{1 + \gamma\langle p\rangle}\Big) \le \frac{1 + \alpha}{\beta}

    Implements :theorem:`prop-mask-spread`.

    Parameters
    ----------
    noise : Noise
        Variances of the coordinates.
    gamma, ridge, rate : float
        d/n, the ridge in the units of the variances, which must be positive, and the mask rate in
        [0, 1).

    Returns
    -------
    NoiseCurve
        Its ``floor`` is the penalty of each level.

    Raises
    ------
    ValueError
        When a number is out of range.
    """
    gamma, ridge, rate = _checked(gamma, positive(ridge, "ridge"), rate)
    start, top, t, _ = _edge(noise, gamma, ridge, rate)
    _, penalty = _penalty(noise, gamma, ridge, rate)
    b = top - (top - start) * np.geomspace(1.0, 1e-4, 800)
    v = noise.variances
    shape = v / (1.0 + b[:, None] * v)
    m, c = gamma * noise.mean(shape), top - b
    half = 1.0 - t - c * m
    A = (-half + np.sqrt(half**2 + 4.0 * m * c)) / (2.0 * m)
    s = (1.0 + A * m) / t
    beta = ridge / (1.0 - rate) ** 2 / t
    z = 1.0 + s / (A * beta)
    return NoiseCurve(noise, gamma, penalty, "masked_regression", z, s, A[:, None] * shape)


def local_threshold(size: int, gamma: float, rate: float) -> float:
    r"""Threshold, in units of its noise, of a signal on few coordinates, without a ridge.

    .. math:: D_m\,(s\ell + \alpha) = \frac{s(1 + \sqrt\gamma) + \alpha}{1 + \alpha}

    Implements :theorem:`prop-mask-local`.

    Parameters
    ----------
    size : int
        Number m of coordinates, at least 2.
    gamma, rate : float
        d/n, and the mask rate in [0, 1).

    Returns
    -------
    float
        Infinity when no strength is enough.

    Raises
    ------
    ValueError
        When a number is out of range, or nothing is masked where gamma is 1 or more.
    """
    size = positive_integer(size, "size", minimum=2)
    gamma, _, rate = _checked(gamma, 0.0, rate)
    tau, root = rate / (1.0 - rate), np.sqrt(gamma)
    half = 1.0 - gamma - tau  # tau = t alpha and t = 1 - gamma/(1 + alpha)
    alpha = 0.5 * (-half + np.sqrt(half**2 + 4.0 * tau))
    s = (1.0 + root) / (1.0 - gamma / (1.0 + alpha))
    right = (s * (1.0 + root) + alpha) / (1.0 + alpha)

    def excess(c: float) -> float:
        strong = 1.0 + (size - 1) * c
        weight = (1.0 - 1.0 / size) / (1.0 - c + alpha) + 1.0 / size / (strong + alpha)
        return weight * (s * strong + alpha) - right

    last = 1.0 - 1e-12
    if excess(last) < 0.0:
        return np.inf
    c = brentq(excess, 0.0, last, xtol=1e-15)
    return size * c / (1.0 - c)
