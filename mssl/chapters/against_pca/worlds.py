"""Methods, noise and signals that several figures of the page share."""

from __future__ import annotations

import numpy as np

from mssl.baselines import Directions, leading_directions
from mssl.chapters.worlds import power_law
from mssl.covariance import AR1, Blocks, Covariance, Diagonal, Scaled, Spiked
from mssl.data import patch_population
from mssl.figures.table import table_of
from mssl.simulation import run_trials
from mssl.theory.noise_curves import noise_curve

__all__ = [
    "GAMMAS",
    "METHODS",
    "NAMES",
    "RATIO",
    "RIDGE",
    "WORLDS",
    "best_overlap",
    "curve_of",
    "first_direction",
    "flat_direction",
    "measure",
    "noise_levels",
    "reconstruction_world",
    "strength_table",
]

#: d/n on either side of n = d.
GAMMAS = (2.0 / 3.0, 2.0)

#: The ridge of masked regression in the maps, in units of the quiet noise.
RIDGE = 0.1

#: Ratio of loud to quiet noise where it does not vary.
RATIO = 10.0

METHODS = ("masked_regression", "correlation_pca", "pca")

NAMES = {
    "masked_regression": "masked regression",
    "correlation_pca": "correlation PCA",
    "pca": "PCA",
    "factor_analysis": "factor analysis",
    "oracle": "oracle",
}


def curve_of(method, noise, gamma, ridge=RIDGE):
    """The curve of a method, with a ridge where it takes one."""
    return noise_curve(method, noise, gamma, ridge if method == "masked_regression" else None)


def best_overlap(overlaps) -> np.ndarray:
    """The best of the three eigenvectors."""
    return np.max(list(overlaps.values()), axis=0)


def noise_levels(d: int, ratio: float) -> np.ndarray:
    """Noise that is quiet on even and loud on odd coordinates."""
    return np.where(np.arange(d) % 2 == 0, 1.0, ratio)


def flat_direction(d: int, on=None) -> np.ndarray:
    """The unit vector with equal entries on some coordinates, or on all."""
    u = np.zeros(d)
    u[slice(None) if on is None else on] = 1.0
    return u / np.linalg.norm(u)


def first_direction(X: np.ndarray, method: str, ridge: float) -> Directions:
    """The first direction that a method finds, with a ridge where it takes one."""
    if method == "masked_regression":
        return leading_directions(X, method, ridge=ridge)[0]
    return leading_directions(X, method)[0]


def measure(world: Covariance, u, n, methods, trials, rng, ridge=RIDGE) -> dict[str, np.ndarray]:
    """Best squared cosine of the first direction of each method with u, of every trial."""

    def trial(generator):
        X = world.sample(n, generator)
        return [first_direction(X, method, ridge).overlaps(u).max() for method in methods]

    columns = np.array(run_trials(trial, trials, rng)).T
    return dict(zip(methods, columns, strict=True))


def _spread_factor(d: int) -> Covariance:
    return Spiked(Diagonal(noise_levels(d, RATIO)), 20.0, flat_direction(d)[:, None])


def _equal_factor(d: int) -> Covariance:
    return Spiked(Diagonal(np.ones(d)), 10.0, flat_direction(d)[:, None])


def _local_factors(d: int) -> Covariance:
    groups = d // 4
    scales = np.where(np.arange(groups) % 2 == 0, 1.0, np.sqrt(RATIO))
    return Scaled(Blocks([4] * groups, 0.8, 1.0), np.repeat(scales, 4))


#: World of each panel of the comparison of reconstruction errors.
WORLDS = {
    "one factor, equal noise": _equal_factor,
    "one factor, unequal noise": _spread_factor,
    "groups of four": _local_factors,
    "AR(1), correlation 0.8": lambda d: AR1(d, 0.8),
    "power-law spectrum": power_law,
    "photographs": lambda d: patch_population(round(np.sqrt(d))),
}


def reconstruction_world(name: str, d: int):
    """One of the worlds of the comparison, at d coordinates."""
    return WORLDS[name](d)


#: Overlaps against the strength of a signal.
strength_table = table_of("panel", "witness", "method", "strength", "overlap", "standard_error")
