"""Overlap against strength in unequal noise: the figure ``overlap_methods``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.against_pca.drawing import method_legend
from mssl.chapters.against_pca.worlds import (
    GAMMAS,
    METHODS,
    RATIO,
    best_overlap,
    curve_of,
    flat_direction,
    measure,
    noise_levels,
    strength_table,
)
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.theory.noise_curves import Noise


def _overlap_theory(rng, *, gamma, ratio, strengths) -> Table:
    rows = []
    for method in METHODS:
        strength, overlaps = curve_of(method, Noise.two_levels(ratio), gamma).spread_signal()
        value = np.interp(strengths, strength, best_overlap(overlaps), left=0.0)
        rows.append(strength_table(gamma, "theory", method, strengths, value))
    return Table.concat(rows)


def _overlap_measured(rng, *, gamma, ratio, d, strength, trials) -> Table:
    u = flat_direction(d)
    world = Spiked(Diagonal(noise_levels(d, ratio)), strength, u[:, None])
    methods = (*METHODS, "factor_analysis")
    found = measure(world, u, round(d / gamma), methods, trials, rng)
    return Table.concat(
        strength_table(gamma, "measured", m, strength, *mean_and_error(found[m])) for m in methods
    )


def compute_overlap_methods(run: Run) -> Table:
    """Overlap of each method with a flat signal in unequal noise, against its strength."""
    d = run.pick(test=40, quick=140, paper=1000)
    trials = run.pick(test=2, quick=4, paper=30)
    few = {
        GAMMAS[0]: np.geomspace(0.7, 24.0, run.pick(test=3, quick=5, paper=10)),
        GAMMAS[1]: np.geomspace(1.6, 40.0, run.pick(test=3, quick=5, paper=10)),
    }
    many = np.geomspace(0.5, 50.0, run.pick(test=20, quick=200, paper=400))
    return Table.concat(
        [
            run.map(
                "theory",
                _overlap_theory,
                [{"gamma": g, "ratio": RATIO, "strengths": many} for g in GAMMAS],
            ),
            run.map(
                "measured",
                _overlap_measured,
                [
                    {"gamma": g, "ratio": RATIO, "d": d, "strength": float(s), "trials": trials}
                    for g in GAMMAS
                    for s in few[g]
                ],
            ),
        ]
    )


@figure(
    "overlap_methods",
    compute=compute_overlap_methods,
    title="Overlap against strength in unequal noise",
    alt="Two panels show the overlap with a flat signal against its strength. For more samples "
    "than coordinates masked regression and correlation PCA rise together and PCA far later. For "
    "fewer samples correlation PCA rises first, masked regression second and PCA last. Points of "
    "factor analysis lie near those of correlation PCA, and measured points lie on the lines.",
    caption="Squared cosine between the first direction of each method and a flat signal, noise of "
    "variance 1 on half of the coordinates and 10 on the others, ridge 0.1. Of filter, eigenvector "
    "and pattern each method is credited with the best. Lines are theory, points the mean over "
    "independent trials with one standard error. Factor analysis has no line: it is measured only.",
    chapter="against_pca",
    seed=7002,
    missing=("standard_error",),
)
def draw_overlap_methods(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (gamma, rows) in zip(axes, data.groups("panel"), strict=True):
        _draw_overlaps(ax, rows)
        ax.set(xlabel="strength", title=f"d/n = {gamma:.3g}")
    axes[0].set_ylabel("overlap with the signal")
    method_legend(fig, (*METHODS, "factor_analysis"))
    return fig


def _draw_overlaps(ax, rows: Table) -> None:
    for witness, part in rows.groups("witness"):
        for method, line in part.groups("method"):
            if witness == "theory":
                theory_line(ax, line["strength"], line["overlap"], method)
            else:
                measured(ax, line["strength"], line["overlap"], line["standard_error"], method)
    ax.set(xscale="log", ylim=(-0.02, 1.02))
    low, high = rows["strength"].min(), rows["strength"].max()
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50) if low * 0.99 <= t <= high * 1.01]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
