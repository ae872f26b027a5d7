"""The best mask rate and ridge for K drawn masks a sample, when the covariance is known."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import minimize

from .._types import Array
from ..covariance import Covariance
from ..validation import covariance_model, non_negative, open_unit, positive_integer
from .best import ABOVE, BELOW, OptimalMasking, check_evaluation, log_grid, spectral_range
from .few_masks_errors import solve_few_masks

__all__ = ["optimal_few_masks"]

# Ends of the search over p/q, and points to a decade of it and of the ridge.
RATES, RATE_POINTS, RIDGE_POINTS = (1e-3, 1e3), 1.5, 1.0


def optimal_few_masks(
    covariance: Covariance,
    n_samples: int,
    n_masks: int,
    *,
    ridge: float | None = None,
    mask_rate: float | None = None,
    evaluation: str | float = "rescaled",
) -> OptimalMasking:
    r"""Find the mask rate, the ridge or the pair that is best for K drawn masks a sample.

    .. math:: \min_{0 < p < 1,\; \lambda > 0} \mathcal E_K(p, \lambda)

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    n_masks : int
        K, masks drawn for each sample.
    ridge, mask_rate : float or None, default=None
        The one that is given stays as it is; the ridge is in squared units of the rows.
    evaluation : {"rescaled", "full", "same"} or float, default="rescaled"
        What is minimised, as in :func:`optimal_mask_rate`.

    Returns
    -------
    OptimalMasking
        "ridge infinite", with the error of predicting nothing, where no pair is better, and "rate
        1", "rate 0" or "ridge 0" where the best lies within a step of that end of the search.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or zero, `evaluation` is none of the above, ridge and
        rate are both given, or a number is out of its range.

    Notes
    -----
    A grid over p/q from 0.001 to 1000 and over the ridge, from far below what any direction of the
    covariance needs to far above all variance, then Nelder-Mead from its best point.
    """
    covariance_model(covariance)
    n, K = positive_integer(n_samples, "n_samples"), positive_integer(n_masks, "n_masks")
    evaluation = check_evaluation(evaluation)
    least, most = spectral_range(covariance)
    odds = _axis(_odds(mask_rate), RATES, RATE_POINTS)
    ridges = _axis(_ridge(ridge), (BELOW * least, ABOVE * most), RIDGE_POINTS)
    axes, free = (odds, ridges), [i for i, axis in enumerate((odds, ridges)) if axis.size > 1]
    if not free:
        raise ValueError("ridge and mask_rate are both given, which leaves nothing to choose.")

    def error(place: Array) -> float:
        ratio, penalty = np.exp(np.clip(place, [odds[0], ridges[0]], [odds[-1], ridges[-1]]))
        errors = solve_few_masks(covariance, n, float(penalty), float(ratio / (1.0 + ratio)), K)
        return errors.evaluate(evaluation)

    start = np.array(min(product(*axes), key=lambda place: error(np.array(place))))

    def moved(part: Array) -> Array:
        place = start.copy()
        place[free] = part
        return place

    steps = np.array([0.5 * (axes[i][1] - axes[i][0]) for i in free])
    simplex = start[free] + np.vstack([np.zeros(len(free)), np.diag(steps)])
    found = minimize(
        lambda part: error(moved(part)),
        start[free],
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-14 * most, "initial_simplex": simplex},
    )
    ratio, penalty = np.exp(moved(found.x))
    best, nothing = float(found.fun), covariance.trace() / covariance.d
    if ridge is None and best > nothing * (1.0 - 1e-9):
        return OptimalMasking(float(ratio / (1.0 + ratio)), np.inf, nothing, "ridge infinite")
    ends = [
        name
        for i, (low, high) in enumerate((("rate 0", "rate 1"), ("ridge 0", "ridge infinite")))
        for name, end in ((low, axes[i][0]), (high, axes[i][-1]))
        if i in free and abs(moved(found.x)[i] - end) < axes[i][1] - axes[i][0]
    ]
    return OptimalMasking(
        float(ratio / (1.0 + ratio)), float(penalty), best, ends[0] if ends else ""
    )


def _axis(given: float | None, ends: tuple[float, float], per_decade: float) -> Array:
    """Logarithms to try: of what is given, or from end to end."""
    return log_grid(*ends, per_decade) if given is None else np.log([given])


def _odds(mask_rate: float | None) -> float | None:
    if mask_rate is None:
        return None
    rate = open_unit(mask_rate, "mask_rate")
    return rate / (1.0 - rate)


def _ridge(ridge: float | None) -> float | None:
    return None if ridge is None else max(non_negative(ridge, "ridge"), np.finfo(float).tiny)
