"""What it changes that the penalty of masking has the diagonal of S in place of that of Sigma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigvalsh

from .._types import Seed
from ..covariance.base import Population
from ..results import mean_and_error
from ..validation import covariance_model, non_negative, open_unit, positive_integer
from .errors import masked_risk_of
from .trials import run_trials

__all__ = ["MeasuredReplacement", "measure_diagonal_replacement"]


@dataclass(frozen=True)
class MeasuredReplacement:
    """Effects of diag(Sigma) for diag(S) in the masks' penalty; largest or mean over the trials.

    All are relative changes, without a unit.

    Attributes
    ----------
    variance, penalty, eigenvalue, coefficient : float
        Largest values of what :class:`mssl.theory.DiagonalReplacement` bounds.
    error : float
        Mean over the trials of the test error at the training rate with diag(S), over that with
        diag(Sigma), minus 1.
    error_standard_error : float
        Its standard error.
    """

    variance: float
    penalty: float
    eigenvalue: float
    coefficient: float
    error: float
    error_standard_error: float


def measure_diagonal_replacement(
    covariance: Population,
    n_samples: int,
    ridge: float,
    mask_rate: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
) -> MeasuredReplacement:
    r"""Fit with diag(S) and with diag(Sigma) on the same rows, and compare.

    .. math:: \Lambda = \tau\,\mathrm{diag}(S) + \lambda q^{-2} I \quad\text{and}\quad
              \tau\,\mathrm{diag}(\Sigma) + \lambda q^{-2} I

    Implements :theorem:`lem-mask-diagonal`.

    Parameters
    ----------
    covariance : Covariance
        Population model.
    n_samples : int
        Number of training rows of a trial.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of the rows.
    mask_rate : float
        p in (0, 1).
    trials : int
        Number of trials, at least 2.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    n_jobs : int, default=-1
        Trials at the same time.

    Returns
    -------
    MeasuredReplacement

    Raises
    ------
    ValueError
        If `covariance` is no population or has coordinates without variance, or a number is out of
        its range.
    """
    covariance_model(covariance, needs=("sample", "apply", "diagonal"))
    n = positive_integer(n_samples, "n_samples")
    trials = positive_integer(trials, "trials", minimum=2)
    ridge, rate = non_negative(ridge, "ridge"), open_unit(mask_rate, "mask_rate")
    keep, variances, eye = 1.0 - rate, covariance.diagonal(), np.eye(covariance.d)
    if not np.all(variances > 0):
        raise ValueError("covariance must not have coordinates without variance.")
    tau = rate / keep

    def trial(generator):
        X = covariance.sample(n, generator)
        S = X.T @ X / n
        fits = []
        for diagonal in (S.diagonal(), variances):
            penalty = tau * diagonal + ridge / keep**2
            Q = cho_solve(cho_factor(S + np.diag(penalty), lower=True), eye)
            D = Q.diagonal()
            nu = eigvalsh(Q / np.sqrt(D) / np.sqrt(D)[:, None])
            error = np.mean(masked_risk_of((eye - Q / D) / keep, covariance, rate)["test_error"])
            fits.append((penalty, Q, D, nu, error))
        (penalty, Q, D, nu, error), (penalty0, Q0, D0, nu0, error0) = fits
        root = np.sqrt(D0)
        change = (Q / D - Q0 / D0) * (root / root[:, None])
        return (
            np.max(np.abs(S.diagonal() / variances - 1.0)),
            np.max(np.abs(penalty / penalty0 - 1.0)),
            np.max(np.abs(nu / nu0 - 1.0)),
            np.linalg.norm(change, 2) / nu0[-1],
            error / error0 - 1.0,
        )

    outcomes = np.array(run_trials(trial, trials, rng, n_jobs=n_jobs))
    largest = outcomes[:, :4].max(axis=0)
    return MeasuredReplacement(*map(float, (*largest, *mean_and_error(outcomes[:, 4]))))
