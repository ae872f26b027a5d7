"""Which method detects a signal on few coordinates: the figure ``map_local``."""

from __future__ import annotations

from dataclasses import replace

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
from mssl.chapters.against_pca.worlds import GAMMAS, METHODS, RATIO, best_overlap, curve_of
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.theory.noise_curves import Noise


def _local_map(rng, *, panel, gamma, ratio, sizes, strengths) -> Table:
    curves = {m: curve_of(m, Noise.two_levels(ratio), gamma) for m in METHODS}
    strengths = np.array(strengths)
    tables = []
    for size in sizes:
        found = {m: best_overlap(c.local_signal(strengths, size)[1]) for m, c in curves.items()}
        fine = np.geomspace(0.1, 1e3, 2000)
        for method, curve in curves.items():
            # Whether a signal leaves the bulk is decided at the edge, the first two points.
            edge = replace(curve, position=curve.position[:2], root=curve.root[:2], p=curve.p[:2])
            seen = np.isfinite(edge.local_signal(fine, size)[0])
            border = fine[np.argmax(seen)] if seen.any() else np.inf
            tables.append(border_rows(panel, method, size, border))
        tables.append(map_table(panel, "theory", float(size), strengths, found))
    return Table.concat(tables)


LOCAL_PANELS = ((GAMMAS[0], RATIO), (GAMMAS[1], RATIO), (GAMMAS[0], 1.0))


def compute_map_local(run: Run) -> Table:
    """Overlaps of three methods with a signal on few coordinates, over number and strength."""
    sizes = run.pick(test=(1, 2, 8), quick=_SIZES, paper=_SIZES)
    strengths = tuple(
        np.geomspace(0.5, 50.0, run.pick(test=6, quick=60, paper=120)).round(6).tolist()
    )
    d = run.pick(test=40, quick=150, paper=1200)
    trials = run.pick(test=2, quick=3, paper=20)
    marks_x = run.pick(test=(2,), quick=(1, 3, 10), paper=(1, 2, 4, 8, 16))
    marks_y = run.pick(test=(8.0,), quick=(1.2, 3.0, 8.0, 25.0), paper=(1.2, 3.0, 8.0, 25.0))
    settings = [{"panel": panel_name(g, r), "gamma": g, "ratio": r} for g, r in LOCAL_PANELS]
    return Table.concat(
        [
            run.map(
                "theory",
                _local_map,
                [{**s, "sizes": sizes, "strengths": strengths} for s in settings],
            ),
            run.map(
                "measured",
                map_measured,
                [
                    {**s, "size": x, "x": float(x), "strength": y, "d": d, "trials": trials}
                    for s in settings
                    for x in marks_x
                    for y in marks_y
                ],
            ),
        ]
    )


_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20)


@figure(
    "map_local",
    compute=compute_map_local,
    title="Which method detects a signal on few coordinates",
    alt="Three maps over the number of coordinates that carry the signal and its strength. In "
    "unequal noise with more samples than coordinates masked regression wins alone for small "
    "supports of two or more; PCA wins on a single coordinate once it is strong enough. With fewer "
    "samples masked regression wins strong signals and correlation PCA weak ones. In equal noise "
    "PCA wins or ties everywhere.",
    caption="As the map before, for a signal that is flat on few quiet coordinates. Left, middle: "
    "noise of variances 1 and 10, on either side of n = d. Right: equal noise, where standardising "
    "and masking can only harm. Ridge 0.1; marks are simulations.",
    chapter="against_pca",
    seed=7005,
    columns={
        "x": "number of coordinates that carry the signal",
    },
    missing=("standard_error",),
)
def draw_map_local(data: Table) -> Figure:
    """Draw one map a setting."""
    fig = Figure(figsize=(7.6, 4.6))
    axes = fig.subplots(1, 3, sharey=True)
    codes: set[int] = set()
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        draw_map(ax, rows, codes)
        ax.set_title(panel.replace(", ", ",\n"))
        ax.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
    axes[1].set_xlabel("coordinates that carry the signal")
    axes[0].set_ylabel("strength of the signal")
    map_legend(fig, codes)
    return fig
