"""Forms in the resolvent, and errors with rows of unequal scale, measured beside theory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.not_gaussian.worlds import exact_errors
from mssl.covariance import AR1, Covariance, Diagonal, Spiked
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.rows import IndependentEntries, MultivariateT, Rademacher, StudentT
from mssl.simulation import run_trials
from mssl.theory import SSRTheory

__all__ = [
    "SPECTRAL_WORLDS",
    "FormMoments",
    "resolvent_forms",
    "scaled_row_errors",
    "spectrum_against_theory",
]


class FormMoments(NamedTuple):
    """Means and scatters of two forms, with their standard errors; each an array of two.

    The means are of Q_kk and (Q Sigma Q)_kk averaged over k, the scatters those of the same two
    entries at k = d/2.
    """

    mean: np.ndarray
    mean_error: np.ndarray
    scatter: np.ndarray
    scatter_error: np.ndarray


def resolvent_forms(law, d: int, n: int, ridge: float, draws: int, rng) -> FormMoments:
    """Measure forms of the resolvent of rows with independent entries, AR(1) with 0.8.

    Parameters
    ----------
    law : EntryLaw
    d, n : int
    ridge : float
    draws : int
    rng : int or numpy.random.Generator

    Returns
    -------
    FormMoments
    """
    covariance = AR1(d, 0.8)
    x = IndependentEntries(covariance, law).sample(draws * n, rng).reshape(draws, n, d)
    q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + ridge * np.eye(d))
    product = q @ covariance.dense() @ q
    means = [np.trace(m, axis1=1, axis2=2) / d for m in (q, product)]
    forms = [m[:, d // 2, d // 2] for m in (q, product)]
    mean, mean_error = mean_and_error(np.transpose(means))
    squares = (forms - np.mean(forms, axis=1, keepdims=True)) ** 2
    variance, error = mean_and_error(squares.T)
    scatter = np.sqrt(variance)
    return FormMoments(mean, mean_error, scatter, error / (2.0 * scatter))


def scaled_row_errors(
    covariance: Covariance, n: int, ridge: float, scales, trials: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Measure errors of fits to rows of fixed scales, each scale for an equal share of the rows.

    Parameters
    ----------
    covariance : Covariance
    n : int
    ridge : float
    scales : array_like of shape (n_scales,)
        Ascending; divided by their mean.
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    mean, standard_error : ndarray of shape (5,)
        Test, training, leave-one-out and GCV error, and the training error of the loudest rows.
    """
    tau = np.resize(np.asarray(scales, dtype=float), n)
    tau = tau / tau.mean()
    loud = tau == tau.max()

    def trial(generator):
        x = covariance.sample(n, generator) * np.sqrt(tau)[:, None]
        model = MaskedRegression(ridge=ridge).fit(x)
        residuals = x - x @ model.coef_
        return [
            exact_errors(x, ridge, covariance).mean(),
            model.train_error_,
            model.loo_error_,
            model.gcv_error_,
            np.mean(residuals[loud] ** 2),
        ]

    return mean_and_error(run_trials(trial, trials, rng, n_jobs=1))


#: Rows for which the eigenvalues and the outlier are compared with the theory of Gaussian rows.
SPECTRAL_WORLDS = {
    "Gaussian": lambda c: c,
    "random signs": lambda c: IndependentEntries(c, Rademacher()),
    "independent t, 5 df": lambda c: IndependentEntries(c, StudentT(5.0)),
    "multivariate t, 5 df": lambda c: MultivariateT(c, 5.0),
}


def spectrum_against_theory(d: int, n: int, ridge: float, trials: int, rng) -> Table:
    """Compare eigenvalues, outlier and overlaps of one factor with the theory of Gaussian rows.

    Parameters
    ----------
    d, n : int
    ridge : float
    trials : int
    rng : int
        The same seed for all worlds.

    Returns
    -------
    Table
        For each of ``SPECTRAL_WORLDS`` the Kolmogorov-Smirnov distance of the eigenvalues below
        the outlier, and the outlier and the right and left overlap over their predictions, each
        with its standard error.
    """
    u = np.full((d, 1), d**-0.5)
    noise = Diagonal(np.geomspace(0.25, 4.0, d))
    threshold = SSRTheory(Spiked(noise, [1.0], u), n, ridge).spikes[0].threshold
    covariance = Spiked(noise, [3.0 * threshold], u)
    theory = SSRTheory(covariance, n, ridge)
    spike = theory.spikes[0]

    def trial(generator, population):
        fit = MaskedRegression(ridge=ridge).fit(population.sample(n, generator))
        root = np.sqrt(fit.D_)
        values, vectors = np.linalg.eigh(fit.coef_ * (root / root[:, None]))
        w = vectors[:, -1]
        right, left = w * root, w / root
        overlaps = [(u[:, 0] @ v) ** 2 / (v @ v) for v in (right, left)]
        return [
            kolmogorov_distance(values[:-1], theory.spectrum.cdf),
            values[-1] / spike.eigenvalue,
            overlaps[0] / spike.right_overlap,
            overlaps[1] / spike.left_overlap,
        ]

    columns = {}
    for name, make in SPECTRAL_WORLDS.items():
        population = make(covariance)
        found = run_trials(lambda g, p=population: trial(g, p), trials, rng, n_jobs=1)
        columns[name] = mean_and_error(found)
    return Table(
        {
            "world": np.repeat(list(columns), 4),
            "quantity": np.tile(["law", "outlier", "right", "left"], len(columns)),
            "mean": np.concatenate([mean for mean, _ in columns.values()]),
            "standard_error": np.concatenate([error for _, error in columns.values()]),
        }
    )
