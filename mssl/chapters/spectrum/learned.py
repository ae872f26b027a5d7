"""What a data set's learned matrix tells of the population, and how far theory is from draws."""

from __future__ import annotations

import numpy as np

from mssl.covariance import Covariance, Isotropic
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials, simulate_spectrum
from mssl.theory import SSRTheory, solve_kappa

__all__ = ["learned_population", "reach_beyond_end", "resolvent_deviations"]


def learned_population(covariance: Covariance, n_samples: int, ridge: float) -> np.ndarray:
    r"""Eigenvalues of the matrix that :math:`\hat A` approaches entry by entry.

    .. math:: A_\kappa = I - R\,\mathrm{diag}(R)^{-1}, \qquad R = (\Sigma + \kappa I)^{-1}

    Parameters
    ----------
    covariance : Covariance
    n_samples : int
    ridge : float

    Returns
    -------
    ndarray of shape (n_features,)
        Ascending.

    Examples
    --------
    >>> learned_population(Isotropic(3), 10, 0.1)
    array([0., 0., 0.])
    """
    resolvent = solve_kappa(covariance, n_samples, ridge).resolvent
    r = resolvent.apply(np.eye(covariance.d))
    root = np.sqrt(resolvent.diagonal)
    return np.sort(1.0 - np.linalg.eigvalsh(r / root / root[:, None]))


def resolvent_deviations(
    covariance: Covariance, n_samples: int, ridge: float, z: complex, limit, trials: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    r"""Deviation of :math:`(\hat A - z)^{-1}` from a limit, as root mean squares over draws.

    Parameters
    ----------
    covariance : Covariance
    n_samples : int
    ridge : float
    z : complex
        Not an eigenvalue of any draw.
    limit : ndarray of shape (n_features, n_features)
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    size, standard_error : ndarray of shape (4,)
        Entry (0, 1), entry (d/2, d/2), the form in the flat unit vector, and the trace over d.
    """
    d = covariance.d
    u = np.full(d, d**-0.5)

    def trial(generator):
        a = MaskedRegression(ridge=ridge).fit(covariance.sample(n_samples, generator)).coef_
        f = np.linalg.inv(a - z * np.eye(d)) - limit
        return np.abs([f[0, 1], f[d // 2, d // 2], u @ f @ u, np.trace(f) / d]) ** 2

    squares, errors = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    return np.sqrt(squares), errors / (2.0 * np.sqrt(squares))


def reach_beyond_end(d: int, gamma: float, ridge: float, trials: int, rng) -> tuple[float, float]:
    """How far the lowest eigenvalue of a draw of white noise lies beyond the end of the limit.

    Parameters
    ----------
    d : int
    gamma : float
        d/n.
    ridge : float
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    mean, standard_error : float
        Relative to the lowest point of the limit, an edge or an atom; negative inside.
    """
    n = round(d / gamma)
    law = SSRTheory(Isotropic(d), n, ridge).spectrum
    end = min([law.edges[0], *(atom.position for atom in law.atoms)])
    values = simulate_spectrum(Isotropic(d), n, ridge, trials=trials, rng=rng, n_jobs=1)
    mean, error = mean_and_error(values[:, 0] / end - 1.0)
    return float(mean), float(error)
