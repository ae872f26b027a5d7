"""Noise, draws and methods that several figures of the page share."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import beta

from mssl import WeightedPCA
from mssl.baselines import (
    amp_spike,
    diagonal_deletion,
    heteropca,
    leading_directions,
    whitened_pca,
)
from mssl.exceptions import ConvergenceError
from mssl.simulation import run_trials
from mssl.theory.noise_curves import Noise, noise_curve

__all__ = [
    "METHODS",
    "NAMES",
    "RIDGE",
    "cosine",
    "curve_cosine",
    "draw",
    "estimate",
    "measured_cosines",
    "published",
    "published_law",
    "published_noise",
]

#: The ridge with which masked regression finds directions on this page, in units of the data.
RIDGE = 0.1

#: Methods in the order of the legend.
METHODS = (
    "pca",
    "diagonal_deletion",
    "heteropca",
    "masked_regression",
    "correlation_pca",
    "oracle",
    "amp",
    "weighted_pca",
)

NAMES = {
    "pca": "PCA",
    "diagonal_deletion": "diagonal deletion",
    "heteropca": "HeteroPCA",
    "masked_regression": "masked regression",
    "correlation_pca": "correlation PCA",
    "oracle": "oracle whitening",
    "amp": "message passing",
    "weighted_pca": "weighted PCA",
    "factor_analysis": "factor analysis",
    "bayes": "Bayes limit",
}

# Which reading of a curve is the direction itself.
_READING = {"pca": "symmetric", "masked_regression": "left", "correlation_pca": "left"}

# What the published file calls them.
_PUBLISHED = {
    "pca": "pca",
    "diagonal_deletion": "diagonal_deletion_pca",
    "heteropca": "heteropca",
    "correlation_pca": "estimated_whitening_pca",
    "amp": "amp",
    "bayes": "bayes_theory",
}
_SEEDS = {"amp": 10}


def published_noise(d: int) -> np.ndarray:
    """Variances 0.25 + 2.25 Beta(1, 2) at the quantiles of their law, one a coordinate."""
    return 0.25 + 2.25 * beta(1, 2).ppf((np.arange(d) + 0.5) / d)


@cache
def published_law(points: int = 60) -> Noise:
    """The same law by Gauss quadrature against its density 2 (1 - x)."""
    x, w = np.polynomial.legendre.leggauss(points)
    x, w = 0.5 * (1.0 + x), 0.5 * w
    return Noise(0.25 + 2.25 * x, 2.0 * (1.0 - x) * w)


@cache
def published() -> tuple[tuple[str, float, float, float], ...]:
    """Published cosines: method, samples a coordinate, cosine, standard error (0 for theory)."""
    text = Path(__file__).with_name("published_cosines.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    ours = {theirs: name for name, theirs in _PUBLISHED.items()}
    return tuple(
        (
            ours[row["method"]],
            float(row["alpha"]),
            float(row["cosine"]),
            float(row["sd"] or 0.0) / _SEEDS.get(ours[row["method"]], 20) ** 0.5,
        )
        for row in rows
    )


def draw(noise, strength: float, n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Rows with one Gaussian direction in independent noise, and the direction."""
    d = len(noise)
    u = rng.standard_normal(d) / d**0.5
    rows = rng.standard_normal((n, d))
    rows *= np.sqrt(noise)
    rows += np.sqrt(strength) * rng.standard_normal((n, 1)) * u
    return rows, u


def cosine(x, u) -> float:
    """The absolute cosine of two vectors."""
    return float(abs(x @ u) / np.linalg.norm(x) / np.linalg.norm(u))


def estimate(method: str, rows, noise, strength: float, ridge: float = RIDGE, rng=0):
    """The direction of the rows that a method finds; the last two arguments are for oracles."""
    found = {
        "pca": lambda: leading_directions(rows, "pca")[0].pattern,
        "diagonal_deletion": lambda: diagonal_deletion(rows)[0].pattern,
        "heteropca": lambda: heteropca(rows, tol=1e-6)[0].pattern,
        "masked_regression": lambda: (
            leading_directions(rows, "masked_regression", ridge=ridge)[0].pattern
        ),
        "correlation_pca": lambda: whitened_pca(rows)[0].pattern,
        "oracle": lambda: whitened_pca(rows, noise_variances=noise)[0].pattern,
        "weighted_pca": lambda: WeightedPCA().fit(rows).components_[0],
        "amp": lambda: _message_passing(rows, noise, strength, rng),
    }
    return found[method]()


def measured_cosines(methods, noise, strength: float, n: int, trials: int, rng, ridge=RIDGE):
    """Cosines of the directions that methods find, ndarray of shape (trials, n_methods)."""

    def trial(generator):
        rows, u = draw(noise, strength, n, generator)
        return [cosine(estimate(m, rows, noise, strength, ridge, generator), u) for m in methods]

    return np.array(run_trials(trial, trials, rng, n_jobs=1))


def curve_cosine(method: str, noise: Noise, gamma: float, strength: float, ridge=None, points=600):
    """The limit of the cosine of a method with a curve, at one strength."""
    grown, overlaps = noise_curve(method, noise, gamma, ridge, points=points).spread_signal()
    return float(np.sqrt(np.interp(strength, grown, overlaps[_READING[method]], left=0.0)))


def _message_passing(rows, noise, strength, rng):
    """Message passing, which may wander close to the threshold; its estimate is then no one."""
    try:
        return amp_spike(rows, noise, strength, rng=rng, max_iter=300).pattern
    except ConvergenceError:
        return np.ones(rows.shape[1])
