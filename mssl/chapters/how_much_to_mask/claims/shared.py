"""Moments and populations that several checks share."""

from __future__ import annotations

import numpy as np


def moment(d=6, n=15, seed=0):
    """A small sample, and its matrix of second moments."""
    X = np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(0.5, 2.0, d)
    X[:, 1:] += 0.7 * X[:, :-1]
    return X, X.T @ X / n
