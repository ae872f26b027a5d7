"""Seeded experiments, one after the other or at the same time, and their means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .._types import Seed
from ..covariance.base import Population, conditional_variances
from ..results import Risk, mean_and_error
from ..validation import as_generator, covariance_model, non_negative, positive_integer

__all__ = ["average_over_trials", "run_trials"]

T = TypeVar("T")
AnyRisk = TypeVar("AnyRisk", bound=Risk)


def job_count(n_jobs: object) -> int | None:
    """Return `n_jobs` as joblib knows it, None or an int other than 0, or raise ValueError."""
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
        Text of the bar.

    Returns
    -------
    list
        Outcomes in the order of the experiments.

    Raises
    ------
    ValueError
        If `trial` cannot be called, `trials` is not a positive integer, `n_jobs` is no integer
        other than 0, or `rng` is neither a Generator nor a seed. What a trial raises passes
        through.

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


def average_over_trials(
    measure: Callable[..., AnyRisk],
    covariance: Population,
    n_samples: int,
    ridges: float | Iterable[float],
    *,
    trials: int,
    rng: Seed,
    mask_rate: float = 0.0,
    seeded: bool = False,
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
    seeded : bool, default=False
        Whether `measure` takes a seed as well, last; all ridges of a trial have the same.

    Returns
    -------
    Risk or list of Risk
        Of the kind that `measure` returns, with `standard_error`; a list when `ridges` is one.

    Raises
    ------
    ValueError
        As :func:`simulate_risk`.
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
        seed = (int(generator.integers(2**62)),) if seeded else ()
        return [measure(X, ridge, bayes, *seed) for ridge in grid]

    outcomes = run_trials(trial, trials, rng, n_jobs=n_jobs, progress=progress)
    risks = [_average(measured) for measured in zip(*outcomes, strict=True)]
    return risks[0] if scalar else risks


def _average(measured: tuple[AnyRisk, ...]) -> AnyRisk:
    """Mean over trials, with its standard error."""
    kind = type(measured[0])
    names = [f.name for f in fields(kind) if f.name != "standard_error"]
    found = [mean_and_error([getattr(m, name) for m in measured]) for name in names]
    means, errors = (dict(zip(names, values, strict=True)) for values in zip(*found, strict=True))
    return kind(**means, standard_error=kind(**errors))
