"""Populations, rates and signals that several figures of the page share."""

from __future__ import annotations

import numpy as np

from mssl.covariance import AR1, Covariance, Scaled

__all__ = ["NOISE_RATIO", "RATES", "WORLDS", "equal_world", "unequal_world", "unit_signal"]

#: The rates of the simulations: those of BERT and of masked autoencoders, and one between.
RATES = (0.15, 0.5, 0.75)


def equal_world(d: int) -> Covariance:
    """A stationary chain, every coordinate of variance 1."""
    return AR1(d, 0.8)


def unequal_world(d: int) -> Covariance:
    """The same chain in units that differ from coordinate to coordinate."""
    scales = np.exp(np.random.default_rng(2).normal(0.0, 0.7, d))
    return Scaled(AR1(d, 0.8), scales / np.sqrt(np.mean(scales**2)))


WORLDS = {"equal variances": equal_world, "unequal variances": unequal_world}

NOISE_RATIO = 10.0


def unit_signal(d: int, size: int) -> np.ndarray:
    """The unit vector that is flat on `size` coordinates, every second one, or on all at size 0."""
    u = np.zeros(d)
    u[slice(None) if size == 0 else slice(0, 2 * size, 2)] = 1.0
    return u / np.linalg.norm(u)
