"""Leave-one-out, cross-validation and theory on one picture: the figure ``loo_gcv_theory``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mssl.chapters.error.drawing import log_axes
from mssl.chapters.error.worlds import ridge_grid, risk_rows, uneven_spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory


def _loo_unit(rng, *, d, gamma, ridges, trials) -> Table:
    n = round(d / gamma)
    covariance = uneven_spiked(d)
    risks = simulate_risk(covariance, n, ridges, trials=trials, rng=rng)
    labels = [{"d": d, "gamma": gamma, "ridge": ridge} for ridge in ridges]
    # Between the measured ridges too, for a smooth line.
    between = np.geomspace(ridges[0], ridges[-1], 4 * len(ridges)).tolist()
    predicted = [
        ({"d": d, "gamma": gamma, "ridge": ridge}, SSRTheory(covariance, n, ridge).risk)
        for ridge in sorted({*ridges, *between})
    ]
    return Table.concat(
        [
            risk_rows("theory", predicted, ("test",)),
            risk_rows("measured", zip(labels, risks, strict=True), ("test", "loo", "gcv")),
        ]
    )


def compute_loo_gcv_theory(run: Run) -> Table:
    """Test error, its two estimates from the training rows, and its limit, against the ridge."""
    d = run.pick(test=40, quick=60, paper=600)
    trials = run.pick(test=2, quick=80, paper=100)
    ridges = ridge_grid(1e-2, 10.0, run.pick(test=3, quick=6, paper=13))
    return run.map(
        "ridges",
        _loo_unit,
        [
            {"d": d, "gamma": gamma, "ridges": ridges, "trials": trials}
            for gamma in (2.0 / 3.0, 2.0)
        ],
    )


@figure(
    "loo_gcv_theory",
    compute=compute_loo_gcv_theory,
    title="Leave-one-out, cross-validation and theory on one picture",
    alt="Two columns, for d/n of two thirds and of two. Above, test error, its leave-one-out and "
    "its generalised cross-validation estimate lie on one U-shaped curve of theory against the "
    "ridge. Below, their differences from theory in percent: leave-one-out stays close to zero; "
    "test error and generalised cross-validation depart by one to three percent at the smallest "
    "ridge, downwards on the left and upwards on the right, and by less at larger ones.",
    caption="Above: error of masked regression on an AR(1) process of unequal variances with a "
    "common factor, from theory (line), as measured on the population (discs), by leave-one-out "
    "(crosses) and by generalised cross-validation (plus signs). Below: the differences from "
    "theory, with one standard error over independent trials; all ridges of a trial share its "
    "rows, so neighbouring points move together. The differences are those of a finite dimension "
    "and shrink as it grows.",
    chapter="error",
    seed=4004,
    missing=("standard_error",),
)
def draw_loo_gcv_theory(data: Table) -> Figure:
    """Draw errors above and relative differences from theory below."""
    fig = Figure(figsize=(7.2, 4.8))
    gammas = data.unique("gamma")
    axes = fig.subplots(
        2, len(gammas), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    names = {"test": "test", "loo": "leave-one-out", "gcv": "GCV"}
    for j, gamma in enumerate(gammas):
        rows = data.where(gamma=gamma)
        line = rows.where(witness="theory", kind="test")
        above, below = axes[:, j]
        theory_line(above, line["ridge"], line["error"], "test", "theory")
        below.axhline(0.0, color=colors["test"], linewidth=1.2)
        for shift, kind in zip((1 / 1.12, 1.0, 1.12), ("loo", "test", "gcv"), strict=True):
            part = rows.where(witness="measured", kind=kind)
            predicted = line["error"][np.isin(line["ridge"], part["ridge"])]
            # Neighbouring points are moved apart along the ridge so that none hides another.
            at = part["ridge"] * shift
            measured(above, at, part["error"], part["standard_error"], kind, names[kind])
            relative = part["error"] / predicted - 1.0
            measured(below, at, relative, part["standard_error"] / predicted, kind)
        above.set(xscale="log", title=f"d/n = {gamma:.3g}")
        below.set_xlabel("ridge")
    axes[0, 0].set_ylabel("error")
    axes[1, 0].set_ylabel("difference")
    axes[1, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes[0, -1].legend(loc="best")
    log_axes(*axes.flat)
    return fig
