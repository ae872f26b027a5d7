r"""Thresholds and overlaps in independent noise, explicitly and for all strengths at once.

A second route beside :class:`~mssl.theory.SSRTheory`, for maps that need thousands of points. With
noise of variance v and the weights D of a method, every position z above the bulk belongs to one
function of v,

.. math:: p(v) = \frac{A\,v}{1 + b\,v}, \qquad \gamma\,\langle p^2\rangle < 1,

and the edge to :math:`\gamma\langle p^2\rangle = 1`; see the chapter on masked regression against
PCA. With random masks in place of one coordinate at a time: :mod:`mssl.theory.masked_noise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..validation import positive, positive_integer, positive_vector

__all__ = ["METHODS", "POWERS", "Noise", "NoiseCurve", "noise_curve", "threshold"]

#: What a curve can be of.
METHODS = ("masked_regression", "correlation_pca", "pca")
#: Power of D by which each eigenvector differs from the symmetric one.
POWERS = {"right": 1.0, "symmetric": 0.0, "left": -1.0}


@dataclass(frozen=True, eq=False)
class Noise:
    """Variances of independent noise, and the share of the coordinates that each has.

    Attributes
    ----------
    variances, shares : ndarray of shape (n_levels,)
        Positive, in squared units of the rows; the shares sum to one.

    Raises
    ------
    ValueError
        When they are not.
    """

    variances: np.ndarray
    shares: np.ndarray

    def __post_init__(self) -> None:
        variances = positive_vector(self.variances, "variances")
        shares = positive_vector(self.shares, "shares")
        if variances.shape != shares.shape or abs(shares.sum() - 1.0) > 1e-9:
            raise ValueError(
                f"shares must be one for each of the {variances.size} variances and sum to 1, got "
                f"{shares.size} with the sum {shares.sum():g}."
            )
        object.__setattr__(self, "variances", variances)
        object.__setattr__(self, "shares", shares)

    @classmethod
    def two_levels(cls, ratio: float, share: float = 0.5) -> Noise:
        """Variance 1, and variance `ratio` on a `share` of the coordinates.

        ValueError unless the ratio is positive and the share in (0, 1).
        """
        return cls(np.array([1.0, float(ratio)]), np.array([1.0 - share, share]))

    def mean(self, values: ArrayLike) -> np.ndarray:
        """Mean over the coordinates of values on the last axis, one a level."""
        return np.asarray(values) @ self.shares


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """Positions above the bulk, from the edge upwards, and what belongs to them.

    Attributes
    ----------
    noise : Noise
        Variances v of the coordinates.
    gamma : float
        d/n.
    floor : float or ndarray of shape (n_levels,)
        kappa for masked regression, 0 for PCA; the penalty of each level at a mask rate.
    method : str
        One of ``METHODS``.
    position, root : ndarray of shape (n_points,)
        The eigenvalue z of the weighted sample covariance, and s of
        :class:`~mssl.theory.WeightedEquivalent` there.
    p : ndarray of shape (n_points, n_levels)
        The function p(v) at z, one a level.
    """

    noise: Noise
    gamma: float
    floor: float | np.ndarray
    method: str
    position: np.ndarray
    root: np.ndarray
    p: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """D of each level, without a signal."""
        return _weight(self.method, self.noise.variances, self.floor)

    def _spread(self, power: float) -> np.ndarray:
        """s_p of :class:`~mssl.theory.Outlier`."""
        p, mean = self.p, self.noise.mean
        sharp = np.maximum(1.0 - self.gamma * mean(p**2), 1e-14)
        factor = self.weights ** (power - 1.0) / self.noise.variances
        return self.gamma * mean(factor * p**2) / sharp

    def spread_signal(
        self, on: ArrayLike | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        r"""Strength that puts a spread signal at each position, and its overlaps there.

        .. math:: \frac1\theta = \Big\langle\frac pv\Big\rangle_u

        Implements :theorem:`thm-outlier` and :theorem:`thm-outlier-overlap`.

        Parameters
        ----------
        on : array-like of shape (n_levels,), optional
            Part of :math:`\|u\|^2` on each level; the shares, for a flat signal.

        Returns
        -------
        strength : ndarray of shape (n_points,)
            Ascending, in the units of the variances.
        overlaps : dict
            Squared cosines "right", "symmetric" and "left", each of shape (n_points,).
        """
        on = self.noise.shares if on is None else np.asarray(on, dtype=float)
        v, q = self.noise.variances, self.p / self.noise.variances
        strength = 1.0 / (q @ on)
        overlaps = {}
        for which, power in POWERS.items():
            w = self.weights
            top = ((q * w ** (0.5 * (power - 1.0))) @ on) ** 2
            variance = (v * q**2) @ on + q @ on
            bottom = self._spread(power) * variance + (w ** (power - 1.0) * q**2) @ on
            overlaps[which] = top / bottom
        return strength, overlaps

    def local_signal(
        self, strengths: ArrayLike, size: int, level: int = 0
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        r"""Positions and overlaps of a signal that is flat on few coordinates of one level.

        .. math:: s\,(v + \theta) + \kappa = \frac zD

        with the `floor` :math:`\kappa`, and the D of a coordinate that carries its part of the
        signal.

        Implements :theorem:`thm-outlier` and :theorem:`thm-outlier-overlap`.

        Parameters
        ----------
        strengths : array-like of shape (n_strengths,)
            :math:`\theta`, in the units of the variances.
        size : int
            Number of coordinates it sits on.
        level : int, default=0
            Which of the levels of noise they have.

        Returns
        -------
        position : ndarray of shape (n_strengths,)
            NaN where the signal stays inside the bulk.
        overlaps : dict
            Squared cosines "right", "symmetric" and "left", each of shape (n_strengths,); 0 inside
            the bulk.
        """
        strengths = np.asarray(strengths, dtype=float)
        v = self.noise.variances[level]
        w = _weight(self.method, v, self.floor, strengths, size)
        gap = self.root * (v + strengths[:, None]) + self.floor - self.position / w[:, None]
        out = gap[:, 0] > 0
        last = np.argmax(gap <= 0, axis=1)  # gap falls with the position
        last = np.where(out & (last > 0), last, 1)
        row = np.arange(strengths.size)
        high, low = gap[row, last - 1], gap[row, last]
        share = np.where(out, high / np.where(high > low, high - low, 1.0), 0.0)
        place = (1 - share) * self.position[last - 1] + share * self.position[last]
        overlaps = {}
        for which, power in POWERS.items():
            spread = self._spread(power)
            spread = (1 - share) * spread[last - 1] + share * spread[last]
            own = w ** (power - 1.0)
            overlaps[which] = np.where(out, own / (spread * (v + strengths) + own), 0.0)
        return np.where(out, place, np.nan), overlaps


def _weight(
    method: str,
    v: np.ndarray,
    floor: float | np.ndarray,
    strength: np.ndarray | float = 0.0,
    size: float = np.inf,
) -> np.ndarray:
    """D of a coordinate of noise v that carries 1/size of a signal."""
    if method == "masked_regression":
        total = v + floor
        return (1.0 - strength / size / (total + strength)) / total
    if method == "correlation_pca":
        return 1.0 / (v + strength / size)
    return np.ones_like(v * strength if np.ndim(strength) else v)


def _kappa(noise: Noise, gamma: float, ridge: float) -> float:
    def excess(kappa: float) -> float:
        return float(kappa - ridge - kappa * gamma * noise.mean(_share(noise, kappa)))

    high = float(ridge + gamma * noise.mean(noise.variances))
    return float(brentq(excess, ridge, 2.0 * high, xtol=1e-15, rtol=1e-14))


def _share(noise: Noise, kappa: float) -> np.ndarray:
    return noise.variances / (noise.variances + kappa)


def noise_curve(
    method: str, noise: Noise, gamma: float, ridge: float | None = None, points: int = 600
) -> NoiseCurve:
    r"""The curve of one method, from its edge to far above it.

    .. math:: p(v) = \frac{A\,v}{1 + b\,v}, \qquad \gamma\,\langle p^2\rangle \le 1

    Implements :theorem:`prop-pca-edge`.

    Parameters
    ----------
    method : {"masked_regression", "correlation_pca", "pca"}
        Whose weights D the noise gets.
    noise : Noise
        Variances of the coordinates.
    gamma : float
        d/n.
    ridge : float, optional
        Positive, in the units of the variances; for masked regression, and for it alone.
    points : int, default=600
        How many positions, at least 4.

    Returns
    -------
    NoiseCurve

    Raises
    ------
    ValueError
        For another method, a ridge that is missing or not wanted, or a number out of range.
    """
    gamma, points = positive(gamma, "gamma"), positive_integer(points, "points", minimum=4)
    if ridge is not None:
        ridge = positive(ridge, "ridge")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if (method == "masked_regression") != (ridge is not None):
        raise ValueError("ridge must be given for masked_regression, and for it alone.")
    v = noise.variances
    # 1 at the edge, 0 at infinity; fine at both ends.
    near = np.geomspace(1e-8, 0.5, points // 2)
    height = np.concatenate([[1.0], 1.0 - near, near[-2::-1]])
    if method == "correlation_pca":
        root_gamma = np.sqrt(gamma)
        height = height / root_gamma
        p = np.repeat(height[:, None], v.size, axis=1)
        s = 1.0 + gamma * height
        return NoiseCurve(noise, gamma, 0.0, method, s * (1.0 + 1.0 / height), s, p)
    if ridge is None:
        kappa, rho, top = 0.0, 1.0, 0.0
    else:
        kappa = _kappa(noise, gamma, ridge)
        rho, top = ridge / kappa, 1.0 / kappa

    def shape(e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        f = v / (1.0 + (top - e)[..., None] * v)
        m = gamma * noise.mean(f)
        if method == "pca":
            return e, f, m
        # The positive root of m A^2 + (1 - rho - m e) A - e = 0, e = 1/kappa - b > 0.
        half = 0.5 * (1.0 - rho - m * e)
        return e / (half + np.sqrt(half**2 + m * e)), f, m

    def excess(x: float) -> float:
        a, f, _ = shape(np.array(np.exp(x)))
        return float(np.log(gamma * noise.mean((a * f) ** 2)))

    widest = np.log(top + 1.0 / v.max())
    edge = np.exp(brentq(excess, widest - 60.0, widest + np.log1p(-1e-13), xtol=1e-14))
    e = edge * height
    a, f, m = shape(e)
    s = (1.0 + a * m) / rho
    z = s / a if method == "pca" else s * (1.0 + (top - e) / a)
    return NoiseCurve(noise, gamma, kappa, method, z, s, a[:, None] * f)


def threshold(
    method: str,
    noise: Noise,
    gamma: float,
    ridge: float | None = None,
    on: ArrayLike | None = None,
) -> float:
    r"""Strength from which a spread signal leaves the bulk.

    .. math:: \frac1{\theta_c} = \Big\langle\frac{A}{1 + bv}\Big\rangle_u
              \quad\text{at}\quad \gamma\langle p^2\rangle = 1

    Parameters
    ----------
    method, noise, gamma, ridge
        As for :func:`noise_curve`.
    on : array-like of shape (n_levels,), optional
        Part of :math:`\|u\|^2` on each level; the shares, for a flat signal.

    Returns
    -------
    float
        In the units of the variances.

    Raises
    ------
    ValueError
        As for :func:`noise_curve`.
    """
    return float(noise_curve(method, noise, gamma, ridge, points=4).spread_signal(on)[0][0])
