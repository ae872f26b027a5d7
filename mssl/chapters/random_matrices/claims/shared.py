"""Populations and solutions that several checks share."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq


def population(d, seed=0):
    """A covariance without structure, its symmetric root, and a shift that is not diagonal."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((d, 2 * d))
    sigma = factor @ factor.T / (2 * d)
    values, vectors = np.linalg.eigh(sigma)
    other = rng.standard_normal((d, d))
    shift = 0.3 * np.eye(d) + other @ other.T / (4 * d)
    return sigma, (vectors * np.sqrt(values)) @ vectors.T, shift


def solved(sigma, shift, n):
    """t and R_t by bisection, without the solver of the package."""

    def g(t):
        return t * (1 + np.trace(np.linalg.solve(t * sigma + shift, sigma)) / n) - 1

    t = brentq(g, 0.0, 1.0, xtol=1e-15)
    return t, np.linalg.inv(t * sigma + shift)


def mean_and_error(values):
    """Mean over the first axis, and its standard error."""
    values = np.asarray(values)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def excess_of(found, bound):
    """By how much the largest of several values passes its bound, relative to the bound."""
    return float(np.max(np.asarray(found) / np.asarray(bound)) - 1.0)


def one_near(shift):
    """d = 1 at a size where the squared gradients reach a quarter to a half of their bounds."""
    return np.array([[1 / 3]]), np.array([[3**-0.5]]), np.array([[shift]])


def variance_excess(sigma, root, shift, n):
    """Squared gradients and moments of three bilinear quantities and a trace over their bounds."""
    d, low, step = len(sigma), np.linalg.eigvalsh(shift.real)[0], 1e-6
    beta, gamma = np.linalg.norm(sigma, 2) / low, d / n
    rng = np.random.default_rng(36)
    a, b = rng.standard_normal((2, d)) + np.iscomplexobj(shift) * 1j * rng.standard_normal((2, d))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    B = rng.standard_normal((d, d))
    B += B.T
    size = np.linalg.norm(B, 2)
    bounds = np.array(
        [
            beta / (n * low**2),
            gamma * beta * size**2 / (n * low) ** 2,
            4 * beta * size**2 / (n * low**4),
            gamma * beta**3 / n**2,
        ]
    )

    def parts(z):
        x = z @ root
        q = np.linalg.inv(np.swapaxes(x, -1, -2) @ x / n + shift)
        return np.stack(
            [
                np.einsum("i,...ij,j->...", a, q, b),
                np.einsum("ij,...ji->...", B, q) / n,
                np.einsum("i,...ij,jk,...kl,l->...", a, q, B, q, b, optimize=True),
                np.einsum("ij,...ji->...", sigma, q) / n,
            ]
        )

    excess = []
    moves = step * np.eye(n * d).reshape(n * d, n, d)
    for scale in (0.3, 1.0, 3.0):
        z = scale * rng.standard_normal((n, d))
        gradient = (parts(z + moves) - parts(z - moves)) / (2 * step)
        excess.append(excess_of(np.sum(np.abs(gradient) ** 2, axis=1), bounds))
    draws = rng.standard_normal((20000, n, d))
    for z in (draws, draws[:, 1:]):
        f = parts(z)
        f -= f.mean(axis=1, keepdims=True)
        excess += [
            excess_of(np.mean(np.abs(f) ** 2, axis=1), bounds),
            excess_of(np.mean(np.abs(f) ** 4, axis=1), 5 * bounds**2),
        ]
    return excess


def complex_solved(sigma, shift, n):
    """t and R_t for a complex shift: damped iteration of the map whose fixed point is delta."""
    delta = 0.0
    for _ in range(500):
        r = np.linalg.inv(sigma / (1 + delta) + shift)
        delta = (delta + np.trace(sigma @ r) / n) / 2
    t = 1 / (1 + delta)
    return t, np.linalg.inv(t * sigma + shift)


def complex_population(d, seed):
    """A covariance, its root and a complex shift whose parts do not commute."""
    sigma, root, real = population(d, seed)
    other = np.random.default_rng(seed + 100).standard_normal((d, d))
    return sigma, root, real + 0.4j * (np.eye(d) + (other + other.T) / np.sqrt(2 * d))
