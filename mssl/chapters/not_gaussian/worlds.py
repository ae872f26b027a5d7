"""Laws of rows that several figures of the page share, and what they are measured by."""

from __future__ import annotations

import numpy as np

from mssl.covariance import AR1, Covariance
from mssl.data import patch_population
from mssl.results import mean_and_error
from mssl.rows import (
    IndependentEntries,
    MultivariateT,
    Rademacher,
    SparseGaussian,
    StudentT,
    TwoClusters,
)
from mssl.simulation import run_trials

__all__ = ["RIDGE", "WORLDS", "exact_errors", "measured_error", "world"]

RIDGE = 0.1


def _clusters(covariance: Covariance, scales: tuple[float, float]) -> TwoClusters:
    d = covariance.d
    return TwoClusters(covariance, np.full(d, 2.0 / np.sqrt(d)), scales)


#: Name in figures and tables, and the world made from a covariance model.
WORLDS = {
    "gaussian": ("Gaussian", lambda c: c),
    "rademacher": ("random signs", lambda c: IndependentEntries(c, Rademacher())),
    "sparse": ("sparse, one in ten", lambda c: IndependentEntries(c, SparseGaussian(0.1))),
    "t3": ("independent t, 3 df", lambda c: IndependentEntries(c, StudentT(3.0))),
    "clusters": ("two clusters, equal scales", lambda c: _clusters(c, (1.0, 1.0))),
    "unequal": ("two clusters, scales 1 : 19", lambda c: _clusters(c, (0.1, 1.9))),
    "multivariate_t": ("multivariate t, 6 df", lambda c: MultivariateT(c, 6.0)),
}


def world(name: str, d: int):
    """Return one of ``WORLDS`` on an AR(1) process with correlation 0.8.

    Parameters
    ----------
    name : str
        A key of ``WORLDS``, or ``"patches"`` for image patches of d pixels.
    d : int

    Returns
    -------
    object
        With what :func:`mssl.simulation.simulate_risk` asks of a population.
    """
    if name == "patches":
        return patch_population(round(d**0.5))
    return WORLDS[name][1](AR1(d, 0.8))


def exact_errors(X: np.ndarray, ridge: float, population) -> np.ndarray:
    r"""Test error of the fit to X by coordinate, :math:`(Q\Sigma Q)_{kk}/Q_{kk}^2`."""
    n, d = X.shape
    Q = np.linalg.inv(X.T @ X / n + ridge * np.eye(d))
    residual = Q / Q.diagonal()
    return np.einsum("ij,ij->j", residual, population.apply(residual))


def measured_error(population, n, trials, rng) -> tuple[float, float]:
    """Mean test error over fresh samples of n rows, and its standard error."""
    errors = run_trials(
        lambda g: exact_errors(population.sample(n, g), RIDGE, population).mean(),
        trials,
        rng,
        n_jobs=1,
    )
    mean, error = mean_and_error(errors)
    return float(mean), float(error)
