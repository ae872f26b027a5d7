"""What the checks of the limits and of what is learned share."""

from __future__ import annotations

import numpy as np

from mssl.chapters.how_near_the_limit.worlds import cosine, draw
from mssl.covariance import Diagonal, Spiked
from mssl.results import mean_and_error

__all__ = ["SIDES", "levels", "measured", "shares_of", "top", "world_of"]

#: Samples a coordinate, on either side of n = d.
SIDES = (2.0, 0.5)


def levels(d: int, *values: float) -> np.ndarray:
    """Noise that takes these values in turn."""
    return np.tile(values, d // len(values))


def world_of(noise, strength: float) -> Spiked:
    """The model with a flat direction, whose sums over the coordinates are means."""
    d = len(noise)
    return Spiked(Diagonal(noise), strength, np.full((d, 1), d**-0.5))


def shares_of(shares, noise) -> np.ndarray:
    """Weights that have given shares."""
    return shares / (noise * (1.0 + shares))


def top(rows, weights) -> tuple[float, np.ndarray]:
    """Largest eigenvalue of the weighted sample covariance, and the filter."""
    scaled = rows * np.sqrt(weights / len(rows))
    value, vector = np.linalg.eigh(scaled.T @ scaled)
    return float(value[-1]), vector[:, -1] * np.sqrt(weights)


def measured(noise, strength, samples, estimate_of, draws, seed):
    """Mean and standard error of the squared cosine of an estimate, over draws."""
    n = round(samples * len(noise))
    seen = []
    for generator in np.random.default_rng(seed).spawn(draws):
        rows, u = draw(noise, strength, n, generator)
        seen.append(cosine(estimate_of(rows), u) ** 2)
    return mean_and_error(np.array(seen))
