"""Populations, samples and limits that several checks share."""

from __future__ import annotations

import numpy as np

from mssl.covariance import AR1, Scaled
from mssl.theory import solve_kappa


def uneven(d: int) -> Scaled:
    """An AR(1) chain whose variances differ."""
    return Scaled(AR1(d, 0.5), np.geomspace(0.5, 2.0, d))


def sample(world, n, lam, rng):
    """S, Q, its diagonal and A_hat of one draw, by plain linear algebra."""
    x = world.sample(n, rng)
    s = x.T @ x / n
    q = np.linalg.inv(s + lam * np.eye(world.d))
    diagonal = np.diag(q).copy()
    return s, q, diagonal, np.eye(world.d) - q / diagonal


def limit_diagonal(world, n, lam):
    """The limit of D."""
    e = solve_kappa(world, n, lam)
    return e.resolvent.diagonal / e.rho


def units_of(world, n, lam):
    """The limit of D, the population in units of it, and the penalty in them."""
    weights = limit_diagonal(world, n, lam)
    root = np.sqrt(weights)
    return weights, root[:, None] * world.dense() * root, np.diag(lam * weights)
