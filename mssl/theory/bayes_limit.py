r"""The best that any method can do: one Gaussian spike in independent noise of unequal variance.

With rows :math:`N(0, \mathrm{diag}(g) + \theta uu^\top)`, a direction u of independent Gaussian
entries and :math:`\alpha = n/d` samples a coordinate, everything follows from one number q,

.. math:: q = \frac{s}{1 + s}, \qquad
          s = \theta\,\Big\langle \frac{\alpha\theta q}{g\,(g + \alpha\theta q)} \Big\rangle,

the part of the variance of the samples' scores that the data tell. Message passing attains it,
and so does PCA with the right weights (:func:`mssl.theory.optimal_weights`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from .._types import Array
from ..covariance import Covariance, Diagonal, Isotropic
from ..exceptions import ConvergenceError
from ..validation import non_negative, positive, positive_integer, positive_vector
from .bulk import split_spikes
from .law import unscaled
from .noise_curves import Noise

__all__ = ["BayesSpike", "bayes_limit", "bayes_spike", "bayes_spikes", "state_evolution"]

_CLOSE = 1e-9  # relative residual of the fixed point that is accepted


@dataclass(frozen=True)
class BayesSpike:
    r"""What the data tell of one spike, whatever is done with them.

    Attributes
    ----------
    strength : float
        :math:`\theta`, in squared units of the rows.
    threshold : float
        :math:`(\alpha\langle g^{-2}\rangle)^{-1/2}`, the strength below which nothing can be
        learned of the direction; in squared units of the rows.
    critical_samples : float
        :math:`1/(\theta^2\langle g^{-2}\rangle)`, the samples a coordinate below which this
        strength cannot be seen; infinity for a strength of 0.
    detected : bool
        Whether the strength is above the threshold.
    overlap : float
        :math:`\langle \alpha\theta q/(g + \alpha\theta q)\rangle`, the squared cosine with u of the
        best estimate, the posterior mean of u.
    score_overlap : float
        q, the squared correlation of the best estimate of a score :math:`v_i` with the score.
    n_iter : int
        Steps that the solver of the fixed point took.
    """

    strength: float
    threshold: float
    critical_samples: float
    detected: bool
    overlap: float
    score_overlap: float
    n_iter: int


def bayes_limit(noise: Noise | ArrayLike, gamma: float, strength: float) -> BayesSpike:
    r"""The largest possible squared cosine with a Gaussian spike, and its threshold.

    .. math:: \cos^2 = \Big\langle\frac{\alpha\theta q}{g + \alpha\theta q}\Big\rangle, \qquad
              1 + s = \alpha\theta^2\,\Big\langle\frac{1}{g\,(g + \alpha\theta q)}\Big\rangle,
              \quad q = \frac{s}{1+s}, \qquad
              \alpha\,\theta_c^2\,\langle g^{-2}\rangle = 1

    Implements :theorem:`prop-near-fixed-point`.

    Parameters
    ----------
    noise : Noise or array-like of shape (n_features,)
        Variances g with the share of the coordinates that each has, or those of all coordinates;
        positive, in squared units of the rows.
    gamma : float
        :math:`1/\alpha = d/n`.
    strength : float
        :math:`\theta \ge 0`, in squared units of the rows.

    Returns
    -------
    BayesSpike

    Raises
    ------
    ValueError
        If a variance is not positive or a number out of its range.
    ConvergenceError
        If the fixed point is not solved to nine digits.

    Notes
    -----
    The left side of the equation for s rises and the right side falls, so that there is one root,
    positive above the threshold and found by Brent's method between 0 and the right side at
    :math:`q = 0`; below the threshold s is 0. With one fixed point there is no gap between what
    can be known and what message passing finds.

    The noise variances and the strength count as known.

    The formula for the information in one spike is proved (Behne and Reeves 2022; Guionnet, Ko,
    Krzakala and Zdeborova 2025), for noise of finitely many levels and smooth limits of such.

    References
    ----------
    J. K. Behne and G. Reeves, Fundamental limits for rank-one matrix estimation with groupwise
    heteroskedasticity, AISTATS 2022.

    A. Guionnet, J. Ko, F. Krzakala and L. Zdeborova, Low-rank matrix estimation with inhomogeneous
    noise, Information and Inference 14 (2025).

    Examples
    --------
    >>> from mssl.theory import bayes_limit
    >>> from mssl.theory.noise_curves import Noise
    >>> limit = bayes_limit(Noise.two_levels(4.0), gamma=0.5, strength=2.0)
    >>> round(limit.threshold, 4), round(limit.overlap, 4)
    (0.9701, 0.4557)
    """
    noise, alpha = _as_noise(noise), 1.0 / positive(gamma, "gamma")
    theta = non_negative(strength, "strength")
    g = noise.variances
    least = float(g.min())  # a unit in which squares stay in range
    unit = least / np.sqrt(float(noise.mean((least / g) ** 2)))
    threshold = unit / np.sqrt(alpha)
    ratio = theta / unit
    critical = 1.0 / ratio**2 if ratio > 0 else np.inf
    s, steps = _signal(Noise(g / unit, noise.shares), alpha, ratio)
    q = s / (1.0 + s)
    x = alpha * ratio * q
    return BayesSpike(
        strength=theta,
        threshold=float(threshold),
        critical_samples=float(critical),
        detected=bool(s > 0),
        overlap=float(noise.mean(x / (g / unit + x))),
        score_overlap=float(q),
        n_iter=steps,
    )


def _signal(noise: Noise, alpha: float, theta: float) -> tuple[float, int]:
    """The root s, and the steps to it; 0 below the threshold."""
    g = noise.variances

    def right(s: float) -> float:
        x = alpha * theta * s / (1.0 + s)
        return float(alpha * theta**2 * noise.mean(1.0 / (g * (g + x))))

    top = right(0.0)
    if not top > 1.0:
        return 0.0, 0
    s, report = brentq(
        lambda s: 1.0 + s - right(s), 0.0, top, xtol=1e-15 * top, rtol=1e-14, full_output=True
    )
    if not abs(1.0 + s - right(s)) <= _CLOSE * (1.0 + s):
        raise ConvergenceError(
            "the fixed point of the Bayes limit was not solved to nine digits; rescale the "
            "variances and the strength to moderate size."
        )
    return float(s), int(report.iterations)


def state_evolution(
    noise: Noise | ArrayLike, gamma: float, strength: float, steps: int, start: float
) -> Array:
    r"""Squared cosine with the spike after each step of message passing.

    .. math:: q_{t+1} = \frac{s_t}{1 + s_t}, \qquad
              s_t = \theta\,\Big\langle \frac{\alpha\theta q_t}{g(g + \alpha\theta q_t)}\Big\rangle,
              \qquad
              m_t = \Big\langle \frac{\alpha\theta q_t}{g + \alpha\theta q_t} \Big\rangle

    Parameters
    ----------
    noise, gamma, strength
        As for :func:`bayes_limit`.
    steps : int
        How many.
    start : float
        :math:`q_0` in (0, 1].

    Returns
    -------
    ndarray of shape (steps + 1,)
        :math:`m_0, m_1, \dots`; the limit is the overlap of :func:`bayes_limit`.

    Raises
    ------
    ValueError
        If a variance is not positive or a number out of its range.
    """
    noise, alpha = _as_noise(noise), 1.0 / positive(gamma, "gamma")
    theta, steps = positive(strength, "strength"), positive_integer(steps, "steps")
    q = positive(start, "start")
    if q > 1.0:
        raise ValueError(f"start must lie in (0, 1], got {q:g}.")
    g, overlaps = noise.variances, []
    for _ in range(steps + 1):
        share = alpha * theta * q / (g + alpha * theta * q)
        overlaps.append(float(noise.mean(share)))
        s = theta * float(noise.mean(share / g))
        q = s / (1.0 + s)
    return np.array(overlaps)


def bayes_spike(covariance: Covariance, n_samples: int) -> BayesSpike:
    r"""The Bayes limit for a model with one spike in independent noise.

    .. math:: \Sigma = \mathrm{diag}(g) + \theta\,uu^\top

    Parameters
    ----------
    covariance : Covariance
        :class:`~mssl.covariance.Spiked` on a diagonal or isotropic base, with one direction.
    n_samples : int
        Number of rows n.

    Returns
    -------
    BayesSpike

    Raises
    ------
    ValueError
        If the model is another one, has a coordinate without noise, or n is no positive integer.
    ConvergenceError
        As :func:`bayes_limit`.

    Notes
    -----
    The direction counts as one draw of a Gaussian vector: that it is flat, or sits on few
    coordinates, is taken as not known.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.covariance import Isotropic, Spiked
    >>> from mssl.theory import bayes_spike
    >>> limit = bayes_spike(Spiked(Isotropic(100), 2.0, np.full((100, 1), 0.1)), 100)
    >>> round(limit.threshold, 6), round(limit.overlap, 6)
    (1.0, 0.5)
    """
    limit, *others = bayes_spikes(covariance, n_samples)
    if others:
        raise ValueError(
            f"covariance has {1 + len(others)} spikes; use bayes_spikes, or keep one of them."
        )
    return limit


def bayes_spikes(covariance: Covariance, n_samples: int) -> tuple[BayesSpike, ...]:
    r"""The Bayes limit of each of several spikes in independent noise.

    .. math:: \Sigma = \mathrm{diag}(g) + \sum_j \theta_j\,u_ju_j^\top

    Parameters
    ----------
    covariance : Covariance
        :class:`~mssl.covariance.Spiked` on a diagonal or isotropic base.
    n_samples : int
        Number of rows n.

    Returns
    -------
    tuple of BayesSpike
        One for each direction, in the order of the model.

    Raises
    ------
    ValueError
        If the model is another one, has a coordinate without noise, or n is no positive integer.
    ConvergenceError
        As :func:`bayes_limit`.

    Notes
    -----
    The directions count as draws of independent Gaussian vectors. Message passing for r of them
    follows a matrix Q of size r,

    .. math:: Q' = S(I + S)^{-1}, \quad
              S = \Theta^{1/2}\,\langle g^{-1}\,H(I + H)^{-1}\rangle\,\Theta^{1/2}, \quad
              H = \alpha\,\Theta^{1/2} Q\,\Theta^{1/2}/g ,

    and a diagonal Q stays diagonal: each spike then follows its own scalar equation, as if it were
    alone. That this fixed point is the one that message passing reaches, and the Bayes limit, is
    proved here for one spike only; for several it is heuristic, and iterations from random starts
    lead to it. With two equal strengths only the plane of the two directions can be known, and the
    overlap is that of each of them with the plane.
    """
    n = positive_integer(n_samples, "n_samples")
    base, strengths, _ = split_spikes(covariance)
    if not isinstance(unscaled(base), Diagonal | Isotropic) or strengths.size == 0:
        raise ValueError(
            "covariance must be a Spiked model on a Diagonal or Isotropic base, got "
            f"{type(covariance).__name__} on {type(unscaled(base)).__name__}."
        )
    noise = _as_noise(base.diagonal())
    return tuple(bayes_limit(noise, covariance.d / n, float(t)) for t in strengths)


def _as_noise(noise: Noise | ArrayLike | Iterable[float]) -> Noise:
    """Levels and shares of a vector of variances."""
    if isinstance(noise, Noise):
        return noise
    values, counts = np.unique(positive_vector(noise, "noise"), return_counts=True)
    return Noise(values, counts / counts.sum())
