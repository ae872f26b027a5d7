"""Which method detects a flat signal in unequal noise: the figure ``map_noise``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.against_pca.maps import (
    border_rows,
    draw_map,
    map_legend,
    map_measured,
    map_table,
    panel_name,
)
from mssl.chapters.against_pca.worlds import GAMMAS, METHODS, best_overlap, curve_of
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.theory.noise_curves import Noise


def _noise_map(rng, *, panel, gamma, ratios, strengths) -> Table:
    tables = []
    for ratio in ratios:
        found = {}
        for method in METHODS:
            grown, overlaps = curve_of(method, Noise.two_levels(ratio), gamma).spread_signal()
            found[method] = np.interp(strengths, grown, best_overlap(overlaps), left=0.0)
            tables.append(border_rows(panel, method, ratio, grown[0]))
        tables.append(map_table(panel, "theory", ratio, np.array(strengths), found))
    return Table.concat(tables)


def compute_map_noise(run: Run) -> Table:
    """Overlaps of three methods with a flat signal, over noise ratio and strength."""
    points = run.pick(test=6, quick=32, paper=80)
    ratios = tuple(np.geomspace(1.0, 30.0, points).round(6).tolist())
    strengths = tuple(np.geomspace(0.5, 50.0, points).round(6).tolist())
    d = run.pick(test=40, quick=150, paper=800)
    trials = run.pick(test=2, quick=3, paper=20)
    marks_x = (1.0, 2.5, 7.0, 20.0)[:: run.pick(test=3, quick=1, paper=1)]
    marks_y = (1.2, 3.0, 8.0, 25.0)[:: run.pick(test=3, quick=1, paper=1)]
    return Table.concat(
        [
            run.map(
                "theory",
                _noise_map,
                [
                    {"panel": panel_name(g), "gamma": g, "ratios": ratios, "strengths": strengths}
                    for g in GAMMAS
                ],
            ),
            run.map(
                "measured",
                map_measured,
                [
                    {
                        "panel": panel_name(g), "gamma": g, "ratio": x, "size": 0, "x": x,
                        "strength": y, "d": d, "trials": trials,
                    }
                    for g in GAMMAS
                    for x in marks_x
                    for y in marks_y
                ],
            ),
        ]
    )  # fmt: skip


@figure(
    "map_noise",
    compute=compute_map_noise,
    title="Which method detects a flat signal in unequal noise",
    alt="Two maps over noise ratio and strength. For more samples than coordinates masked "
    "regression ties with correlation PCA over most of the plane, all three tie at equal noise and "
    "at great strength, and below a line nobody sees the signal. For fewer samples correlation PCA "
    "alone wins a wide band. PCA wins nowhere alone. Measured marks have the colour beneath them "
    "except near borders.",
    caption="Colour: the method or methods with the largest overlap with a flat signal (within "
    "0.02), ridge 0.1, as theory predicts; white: no overlap reaches 0.1. Lines are thresholds. "
    "Marks: the winner in simulation (within 0.02 or two standard errors).",
    chapter="against_pca",
    seed=7004,
    columns={
        "x": "noise ratio",
    },
    missing=("standard_error",),
)
def draw_map_noise(data: Table) -> Figure:
    """Draw one map a ratio d/n."""
    fig = Figure(figsize=(7.2, 4.6))
    axes = fig.subplots(1, 2, sharey=True)
    codes: set[int] = set()
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        draw_map(ax, rows, codes)
        ax.set(xlabel="noise ratio r", title=panel)
        ax.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
        ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
    axes[0].set_ylabel("strength of the signal")
    map_legend(fig, codes)
    return fig
