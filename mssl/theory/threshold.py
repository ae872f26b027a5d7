"""The strength at which a direction becomes visible, when the direction itself changes D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..covariance import Covariance, Spiked
from ..validation import covariance_model, positive, real_copy
from .spikes import SpikedEquivalent

__all__ = ["critical_strength"]


class HasSpikes(Protocol):
    """A theory that knows the thresholds of its directions."""

    @property
    def spiked_equivalent(self) -> SpikedEquivalent: ...


def critical_strength(
    theory_of: Callable[[Covariance], HasSpikes],
    base: Covariance,
    direction: ArrayLike,
    *,
    largest: float = 1e6,
) -> float:
    r"""Solve for the strength that equals its own threshold.

    .. math:: \theta_c = \frac{-1}{s\,u^\top R_{\theta_c} u}

    Implements :theorem:`thm-outlier`.

    Parameters
    ----------
    theory_of : callable
        Maps a spiked model to an :class:`SSRTheory` or a :class:`PCATheory`.
    base : Covariance
        The model without the spike.
    direction : array-like of shape (n_features,)
        The vector u, of length 1.
    largest : float, default=1e6
        Strength, in units of the mean variance, up to which is searched.

    Returns
    -------
    float
        In squared units of the rows. Infinity when the direction stays inside the bulk up to
        `largest`.

    Raises
    ------
    ValueError
        If `theory_of` cannot be called, `base` is no covariance model, `direction` is not a vector
        of its size and of length 1, or `largest` is not positive.

    Notes
    -----
    For a direction spread over many coordinates the threshold of a weak spike is already the
    answer. One on few coordinates raises their variance and so lowers their D, and the threshold
    moves with the strength. The first crossing on a grid of four points a decade is refined.

    A single coordinate of white noise of variance 1 has (:theorem:`cor-single-coordinate`), with
    :math:`\gamma = d/n`,

    .. math:: \theta_c = \frac{(1+\sqrt\gamma)(1+\kappa)^2}{\kappa^2-1-\sqrt\gamma}

    for :class:`SSRTheory` if :math:`\kappa^2 > 1+\sqrt\gamma`, and no threshold otherwise. With
    fewer rows than coordinates the effective ridge :math:`\kappa` is large at every ridge: a small
    one gives :math:`\gamma^{3/2}/(\gamma-\sqrt\gamma-1)` for :math:`\gamma > 2.618`.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.covariance import Isotropic
    >>> from mssl.theory import SSRTheory, critical_strength
    >>> u = np.full(100, 0.1)
    >>> round(critical_strength(lambda model: SSRTheory(model, 400, 1e-3), Isotropic(100), u), 2)
    0.5
    """
    if not callable(theory_of):
        raise ValueError(
            f"theory_of must be a function from a model to its theory, got {theory_of!r}; "
            "use lambda model: SSRTheory(model, n_samples, ridge)."
        )
    covariance_model(base, "base")
    largest = positive(largest, "largest")
    u = real_copy(direction, "direction")
    if u.shape != (base.d,):
        raise ValueError(f"direction must have shape ({base.d},), got {u.shape}.")

    def excess(log_strength: float):
        strength = np.exp(log_strength)
        threshold = theory_of(Spiked(base, strength, u[:, None])).spiked_equivalent.thresholds[0]
        return log_strength - np.log(threshold)

    scale = base.trace() / base.d
    grid = np.log(scale) + np.log(10.0) * np.arange(-2.0, np.log10(largest) + 0.1, 0.25)
    last = grid[0]
    if excess(last) >= 0:
        return float(np.exp(brentq(excess, last - 30.0, last, xtol=1e-12)))
    for place in grid[1:]:
        if excess(place) >= 0:
            return float(np.exp(brentq(excess, last, place, xtol=1e-12)))
        last = place
    return np.inf
