"""The best ridge against d/n: the figure ``best_ridge``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import CubicSpline

from mssl.chapters.error.worlds import MODELS, model_of, ridge_grid, sample_sizes
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, log_ticks, measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression, MaskedRegressionCV
from mssl.simulation import run_trials
from mssl.theory import optimal_ridge

BEST_MODELS = ("ar1", "power_law")

# Set without looking at theory, and wide enough that the choice is inside; at an end it would warn.
LOO_GRID = ridge_grid(3e-3, 30.0, 12)


def _best_theory(rng, *, model, d, sizes) -> Table:
    covariance = model_of(model, d)
    best = [optimal_ridge(covariance, n) for n in sizes]
    return Table(
        {
            "model": model,
            "witness": "theory",
            "gamma": [d / n for n in sizes],
            "ridge": [point.ridge for point in best],
            "ridge_factor": np.full(len(sizes), np.nan),
            "error": [point.test_error for point in best],
            "standard_error": np.full(len(sizes), np.nan),
        }
    )


def _loo_ridge(fitted: MaskedRegressionCV) -> float:
    """Ridge of least leave-one-out error, between the points of the grid too, by a cubic spline."""
    logs = np.log(fitted.ridges)
    between = np.linspace(logs[0], logs[-1], 2001)
    return float(np.exp(between[np.argmin(CubicSpline(logs, fitted.loo_errors_)(between))]))


def _best_unit(rng, *, model, d, n, trials) -> Table:
    covariance = model_of(model, d)

    def trial(generator):
        X = covariance.sample(n, generator)
        ridge = _loo_ridge(MaskedRegressionCV(ridges=LOO_GRID).fit(X))
        left = np.eye(d) - MaskedRegression(ridge=ridge).fit(X).coef_
        return np.log(ridge), np.mean(np.sum(left * covariance.apply(left), axis=0))

    logs, errors = np.array(run_trials(trial, trials, rng)).T
    root = np.sqrt(trials)
    return Table(
        {
            "model": model,
            "witness": "measured",
            "gamma": [d / n],
            "ridge": [np.exp(logs.mean())],
            "ridge_factor": [np.exp(logs.std(ddof=1) / root)],
            "error": [errors.mean()],
            "standard_error": [errors.std(ddof=1) / root],
        }
    )


def compute_best_ridge(run: Run) -> Table:
    """The ridge of least test error, from theory and chosen by leave-one-out, against d/n."""
    d = run.pick(test=40, quick=80, paper=600)
    trials = run.pick(test=2, quick=8, paper=40)
    many = sample_sizes(d, 0.1, 8.0, run.pick(test=5, quick=18, paper=80))
    few = sample_sizes(d, 0.125, 8.0, run.pick(test=2, quick=6, paper=11))
    return Table.concat(
        [
            run.map(
                "theory", _best_theory, [{"model": m, "d": d, "sizes": many} for m in BEST_MODELS]
            ),
            run.map(
                "measured",
                _best_unit,
                [{"model": m, "d": d, "n": n, "trials": trials} for m in BEST_MODELS for n in few],
            ),
        ]
    )


@figure(
    "best_ridge",
    compute=compute_best_ridge,
    title="The best ridge against $d/n$",
    alt="Two panels on logarithmic axes against d/n, each with curves for an autoregressive "
    "process and for a power-law spectrum. On the left the ridge of least test error rises with "
    "d/n, and the ridges that leave-one-out chooses on data lie around the curves. On the right "
    "the test error reached rises with d/n, points on the curves.",
    caption="Left: the ridge that minimises the test error, from theory (lines) and as "
    "leave-one-out chooses it from the training rows alone (points: geometric mean over trials, "
    "bars one standard error). Right: the test error it reaches.",
    chapter="error",
    seed=4005,
    columns={
        "ridge_factor": "factor of one standard error of the geometric mean of the ridge",
    },
    missing=("standard_error", "ridge_factor"),
)
def draw_best_ridge(data: Table) -> Figure:
    """Draw the best ridge on the left and its error on the right."""
    fig = Figure(figsize=(7.2, 3.6))
    left, right = fig.subplots(1, 2, sharex=True)
    for model, rows in data.groups("model"):
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        theory_line(left, line["gamma"], line["ridge"], model)
        low = points["ridge"] * (1.0 - 1.0 / points["ridge_factor"])
        high = points["ridge"] * (points["ridge_factor"] - 1.0)
        measured(left, points["gamma"], points["ridge"], np.stack([low, high]), model)
        theory_line(right, line["gamma"], line["error"], model)
        measured(right, points["gamma"], points["error"], points["standard_error"], model)
        at = len(line) // 2
        direct_label(
            left,
            line["gamma"][at],
            line["ridge"][at],
            MODELS[model][0].split(",")[0],
            model,
            offset=(-8, 8) if model == "ar1" else (8, -10),
            align="right" if model == "ar1" else "left",
        )
    left.set(xscale="log", yscale="log", xlabel="d / n", title="best ridge")
    right.set(xscale="log", yscale="log", xlabel="d / n", title="test error at the best ridge")
    for ax in (left, right):
        log_ticks(ax, "x")
    log_ticks(right, "y")
    return fig
