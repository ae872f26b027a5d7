"""The error curve from one sample: the figure ``estimated_errors``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.not_gaussian.worlds import exact_errors, world
from mssl.estimation import estimate_best_ridge
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, log_ticks, measured, theory_line
from mssl.figures.table import Table

SAMPLES = {
    "gaussian": ("Gaussian, n = {n}", 0.75),
    "multivariate_t": ("multivariate t, n = {n}", 1.5),
    "patches": ("patches, n = {n}", 3.0),
}


def _sample_unit(rng, *, name, d, ratio, points) -> Table:
    population, n = world(name, d), round(d * ratio)
    X = population.sample(n, rng)
    ridges = np.mean(X**2) * np.geomspace(1e-3, 3.0, points)
    best = estimate_best_ridge(X, ridges)
    found = best.estimate
    return Table(
        {
            "world": name,
            "n": n,
            "ridge": ridges,
            "test": [exact_errors(X, ridge, population).mean() for ridge in ridges],
            "loo": found.loo_error,
            "loo_standard_error": found.loo_standard_error,
            "gcv": found.gcv_error,
            "best": best.ridge,
            "low": best.low,
            "high": best.high,
        }
    )


def compute_estimated_errors(run: Run) -> Table:
    """Leave-one-out with its error bar, GCV and the true test error of one sample each."""
    d = run.pick(test=16, quick=64, paper=144)
    points = run.pick(test=5, quick=13, paper=25)
    settings = [
        {"name": name, "d": d, "ratio": ratio, "points": points}
        for name, (_, ratio) in SAMPLES.items()
    ]
    return run.map("sample", _sample_unit, settings)


@figure(
    "estimated_errors",
    compute=compute_estimated_errors,
    title="The error curve from one sample",
    alt="Three panels of test error against ridge, one sample each. The bars of the "
    "leave-one-out crosses reach the true error. Generalised cross-validation follows it "
    "for Gaussian rows, falls below it for the multivariate t and far below it at small ridges "
    "for image patches. A shaded band marks the ridges that cannot be told from the best.",
    caption="One sample of each world. Line: test error of the fit, computed from the covariance. "
    "Crosses: leave-one-out, with bars of 1.96 standard errors. Plus signs: generalised "
    "cross-validation. Shaded: ridges whose leave-one-out error is within one standard error of "
    "the difference from the best.",
    chapter="not_gaussian",
    seed=9103,
    columns={
        "low": "lower end of the bar of loo, in squared units of the data",
        "high": "upper end of the bar of loo, in squared units of the data",
    },
)
def draw_estimated_errors(data: Table) -> Figure:
    """Draw one panel a sample."""
    fig = Figure(figsize=(6.8, 3.2), layout="constrained")
    axes = fig.subplots(1, 3)
    for ax, (name, rows) in zip(axes, data.groups("world"), strict=True):
        first = ax is axes[0]
        step = np.sqrt(rows["ridge"][1] / rows["ridge"][0])  # half a step of the grid
        low, high = rows["low"][0] / step, rows["high"][0] * step
        ax.axvspan(low, high, color=colors["best_ridge"], alpha=0.15, linewidth=0)
        theory_line(ax, rows["ridge"], rows["test"], "test", "true test error" if first else None)
        measured(ax, rows["ridge"], rows["gcv"], None, "gcv", "GCV" if first else None)
        bars = 1.96 * rows["loo_standard_error"]
        measured(ax, rows["ridge"], rows["loo"], bars, "loo", "LOO, 95 % bars" if first else None)
        ax.set(xscale="log", yscale="log", xlabel="ridge")
        log_ticks(ax, "y")
        ax.set_title(SAMPLES[name][0].format(n=rows["n"][0]))
    axes[0].set_ylabel("error")
    fig.legend(loc="outside lower center", ncols=3)
    return fig
