"""Coverage of the error bars: the figure ``estimation_coverage``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.not_gaussian.worlds import RIDGE, WORLDS, exact_errors, world
from mssl.estimation import estimate_risk
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors
from mssl.figures.table import Table

COVERED = ("gaussian", "rademacher", "t3", "multivariate_t", "patches")

BARS = {
    "independent": ("LOO, rows as independent", "reference"),
    "loo": ("LOO, corrected", "loo"),
    "coordinate": ("LOO, corrected, one coordinate", "test"),
    "gcv": ("GCV", "gcv"),
}


def _coverage_unit(rng, *, name, d, ratio, trials) -> Table:
    population, n = world(name, d), round(d * ratio)
    inside = {bar: [] for bar in BARS}
    for generator in rng.spawn(trials):
        X = population.sample(n, generator)
        found, truth = estimate_risk(X, RIDGE), exact_errors(X, RIDGE, population)
        off = abs(found.loo_error[0] - truth.mean())
        half = 1.96 * found.loo_standard_error[0]
        inside["independent"].append(off <= half / found.inflation[0])
        inside["loo"].append(off <= half)
        inside["coordinate"].append(
            abs(found.loo_error_by_coordinate[0, 0] - truth[0])
            <= 1.96 * found.loo_standard_error_by_coordinate[0, 0]
        )
        inside["gcv"].append(
            abs(found.gcv_error[0] - truth.mean()) <= 1.96 * found.gcv_standard_error[0]
        )
    share = np.array([np.mean(hits) for hits in inside.values()])
    # Agresti and Coull's centre keeps the error bar away from zero when all or none are inside.
    centre = (share * trials + 2.0) / (trials + 4.0)
    return Table(
        {
            "world": name,
            "n": n,
            "d": d,
            "bar": list(inside),
            "coverage": share,
            "standard_error": np.sqrt(centre * (1.0 - centre) / (trials + 4.0)),
        }
    )


def compute_estimation_coverage(run: Run) -> Table:
    """Share of samples in which a 95 % interval holds the true test error of the fit."""
    d = run.pick(test=16, quick=36, paper=144)
    trials = run.pick(test=5, quick=150, paper=2000)
    settings = [
        {"name": name, "d": d, "ratio": ratio, "trials": trials}
        for ratio in (2.0 / 3.0, 2.0)
        for name in COVERED
    ]
    return run.map("coverage", _coverage_unit, settings)


@figure(
    "estimation_coverage",
    compute=compute_estimation_coverage,
    title="Coverage of the error bars",
    alt="Share of 95 per cent intervals that hold the true test error, for five worlds, fewer rows "
    "than coordinates on the left, more on the right. Intervals that treat the rows' losses as "
    "independent fall short. Corrected leave-one-out intervals are near the nominal value for "
    "Gaussian rows and random signs; those for one coordinate are short for heavy tails and image "
    "patches. Intervals from generalised cross-validation fall short for heavy tails and fail for "
    "patches.",
    caption="Coverage of intervals of 1.96 standard errors at ridge 0.1; the dashed line "
    "is the nominal 95 %. Left: two rows for three coordinates; right: two rows for one. Bars are "
    "one standard error of the share.",
    chapter="not_gaussian",
    seed=9104,
    columns={
        "bar": "how the error bar is made",
        "coverage": "share of intervals that hold the test error",
    },
)
def draw_estimation_coverage(data: Table) -> Figure:
    """Draw one panel a number of rows."""
    fig = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    names = {**{key: text for key, (text, _) in WORLDS.items()}, "patches": "image patches"}
    for ax, (n, rows) in zip(axes, data.groups("n"), strict=True):
        for offset, (bar, (text, kind)) in zip(
            (-0.24, -0.08, 0.08, 0.24), BARS.items(), strict=True
        ):
            part = rows.where(bar=bar)
            ax.errorbar(
                part["coverage"],
                np.arange(len(part)) + offset,
                xerr=part["standard_error"],
                fmt={"reference": "v", "loo": "x", "test": "o", "gcv": "+"}[kind],
                color=colors[kind],
                linestyle="none",
                elinewidth=1.2,
                label=text if ax is axes[0] else None,
            )
        ax.axvline(0.95, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
        ax.set(xlabel="coverage", xlim=(-0.04, 1.04))
        ax.set_title(f"{n} rows, {rows['d'][0]} coordinates")
    axes[0].set_yticks(range(len(COVERED)), [names[name] for name in COVERED])
    axes[0].invert_yaxis()
    fig.legend(loc="outside lower center", ncols=2)
    return fig
