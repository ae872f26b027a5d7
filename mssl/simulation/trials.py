"""What a computer experiment sees: the quantities of the theory, measured over seeded trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TypeVar, overload

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .._types import Seed
from ..covariance.base import Population, conditional_variances
from ..regression import MaskedRegression
from ..results import Risk, mean_and_error
from ..validation import as_generator, covariance_model, non_negative, positive_integer

__all__ = ["average_over_trials", "run_trials", "simulate_risk"]

T = TypeVar("T")
AnyRisk = TypeVar("AnyRisk", bound=Risk)


def job_count(n_jobs: object) -> int | None:
    """Return a number of jobs as joblib knows it, or raise ValueError."""
    if n_jobs is None:
        return None
    if not isinstance(n_jobs, int | np.integer) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            f"n_jobs must be an integer other than 0, -1 for one job a core, got {n_jobs!r}."
        )
    return int(n_jobs)


def run_trials(
    trial: Callable[[np.random.Generator], T],
    trials: int,
    rng: Seed,
    *,
    n_jobs: int | None = -1,
    progress: bool = False,
    label: str = "trials",
) -> list[T]:
    """Run a seeded experiment several times, in parallel.

    Parameters
    ----------
    trial : callable
        Takes a numpy.random.Generator and returns the outcome of one experiment.
    trials : int
        Number of experiments.
    rng : numpy.random.Generator or int
        Parent of one independent generator for each experiment.
    n_jobs : int, default=-1
        Experiments at the same time; -1 means one for each core.
    progress : bool, default=False
        Show a progress bar on standard error.
    label : str, default="trials"
        Its text.

    Returns
    -------
    list
        Outcomes in the order of the experiments.

    Notes
    -----
    Each experiment has a generator of its own and one thread of linear algebra, so that outcomes
    do not depend on `n_jobs`. Threads, not processes, run side by side: the linear algebra
    releases the interpreter, and nothing has to be copied.
    """
    if not callable(trial):
        raise ValueError(f"trial must be a function of a Generator, got {type(trial).__name__}.")
    trials, n_jobs = positive_integer(trials, "trials"), job_count(n_jobs)
    generators = as_generator(rng).spawn(trials)
    with threadpool_limits(limits=1):
        outcomes = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
            delayed(trial)(generator) for generator in generators
        )
        bar = tqdm(outcomes, total=trials, desc=label, disable=not progress, leave=False)
        return list(bar)


@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> Risk: ...
@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: Iterable[float],
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> list[Risk]: ...
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: float | Iterable[float],
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> Risk | list[Risk]:
    r"""Measure the errors of a masked regression.

    Each trial draws n rows, fits :class:`mssl.regression.MaskedRegression` at every ridge and
    records

    .. math::

        \mathcal E_k^{\rm train} = \frac1n\|(X - X\hat A)_{\cdot k}\|^2, \qquad
        \mathcal E_k^{\rm test} = \big[(I-\hat A)^\top \Sigma\,(I-\hat A)\big]_{kk} .

    Parameters
    ----------
    covariance : Covariance
        Population model, or any object with its `sample`, `apply`, `resolvent` and `d`.
    n_samples : int
        Number of training rows n of a trial.
    ridges : float or iterable of float
        One ridge or several; all ridges of a trial see the same rows.
    trials : int
        Number of trials, at least 2, as one gives no standard error.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    n_jobs : int, default=-1
        Trials at the same time; the result does not depend on it.
    progress : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    Risk or list of Risk
        Means over the trials, with `standard_error`; a list when `ridges` is one.

    Notes
    -----
    The test error given the fitted matrix is exact, not an average over test rows, so that the
    scatter between trials is that of the training rows alone.
    """
    return average_over_trials(
        lambda X, ridge, bayes: _measure(covariance, X, ridge, bayes),
        covariance,
        n_samples,
        ridges,
        trials=trials,
        rng=rng,
        n_jobs=n_jobs,
        progress=progress,
    )


def average_over_trials(
    measure: Callable[[np.ndarray, float, np.ndarray], AnyRisk],
    covariance: Population,
    n_samples: int,
    ridges: float | Iterable[float],
    *,
    trials: int,
    rng: Seed,
    mask_rate: float = 0.0,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> AnyRisk | list[AnyRisk]:
    """Average what is measured on random rows, for one ridge or several.

    Parameters
    ----------
    measure : callable
        Takes the rows of a trial, of shape (n_samples, n_features), a ridge and the Bayes error
        by coordinate; returns a :class:`mssl.results.Risk`, or a kind of it.
    covariance, n_samples, ridges, trials, rng, n_jobs, progress
        As for :func:`simulate_risk`.
    mask_rate : float, default=0.0
        Rate, in [0, 1), at which the Bayes error is taken.

    Returns
    -------
    Risk or list of Risk
        Of the kind that `measure` returns, with `standard_error`; a list when `ridges` is one.
    """
    needs = ("sample", "apply", "resolvent", *(["diagonal"] if mask_rate else []))
    covariance_model(covariance, needs=needs)
    n = positive_integer(n_samples, "n_samples", minimum=2)
    trials, n_jobs = positive_integer(trials, "trials", minimum=2), job_count(n_jobs)
    if isinstance(ridges, Iterable) and getattr(ridges, "ndim", 1) > 0:
        scalar, grid = False, [non_negative(ridge, "ridge") for ridge in ridges]
    else:
        scalar, grid = True, [non_negative(ridges, "ridge")]
    if not grid:
        raise ValueError("ridges must hold at least one ridge.")
    noise = mask_rate / (1.0 - mask_rate) * covariance.diagonal() if mask_rate else 0.0
    bayes = conditional_variances(covariance, noise)

    def trial(generator):
        X = covariance.sample(n, generator)
        return [measure(X, ridge, bayes) for ridge in grid]

    outcomes = run_trials(trial, trials, rng, n_jobs=n_jobs, progress=progress)
    risks = [_average(measured) for measured in zip(*outcomes, strict=True)]
    return risks[0] if scalar else risks


def _measure(covariance, X, ridge, bayes) -> Risk:
    """All errors of one fit."""
    model = MaskedRegression(ridge=ridge).fit(X)
    residual_map = np.eye(covariance.d) - model.coef_
    test = np.einsum("ij,ij->j", residual_map, covariance.apply(residual_map))
    return Risk(
        train_error=model.train_error_,
        test_error=float(np.mean(test)),
        loo_error=model.loo_error_,
        gcv_error=model.gcv_error_,
        bayes_error=float(np.mean(bayes)),
        coef_norm=float(np.sum(model.coef_**2) / covariance.d),
        train_error_by_coordinate=model.train_error_by_feature_,
        test_error_by_coordinate=test,
        bayes_error_by_coordinate=bayes,
    )


def _average(measured: tuple[AnyRisk, ...]) -> AnyRisk:
    """Mean over trials, with its standard error."""
    kind = type(measured[0])
    names = [f.name for f in fields(kind) if f.name != "standard_error"]
    found = [mean_and_error([getattr(m, name) for m in measured]) for name in names]
    means, errors = (dict(zip(names, values, strict=True)) for values in zip(*found, strict=True))
    return kind(**means, standard_error=kind(**errors))
