"""The weights at which the first step changes: the figure ``between_critical``."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.vit_between.first_step import start_velocities
from mssl.chapters.vit_between.worlds import (
    BATCH,
    FAMILIES,
    TEMPERATURE,
    critical_weights,
    images,
    unit_weight,
)
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.vit import PatchData


def _ratios(mean: np.ndarray) -> np.ndarray:
    """The two critical ratios from mean velocities (own, global) of both losses."""
    x, y, x_c, y_c = mean
    return np.array([-y / y_c, (x - y) / (y_c - x_c)])


def _critical_unit(rng, *, globe, local, batches) -> Table:
    data = images(globe, local)
    rows = start_velocities(data, rng, batches)[0]
    n = len(rows)
    # Jackknife: the ratios with one batch left out.
    left_out = np.array([_ratios((n * rows.mean(0) - row) / (n - 1)) for row in rows])
    error = np.sqrt((n - 1) * left_out.var(axis=0))
    unit = unit_weight(data, TEMPERATURE, BATCH)
    own_share = 100**-data.information_gap / (1 - data.mask_rate)
    return Table(
        {
            "panel": np.full(2, "one size"),
            "setting": np.full(2, "fixed global area"),
            "kind": ["turning", "critical"],
            "n_patches": np.full(2, 100),
            "gap": np.full(2, data.information_gap),
            "leading": np.array([1.0, 1.0 + own_share]) * unit,
            "theory": critical_weights(data),
            "measured": _ratios(rows.mean(axis=0)),
            "standard_error": error,
        }
    )


@cache
def _growing(name: str, n_patches: int) -> tuple[float, float]:
    return critical_weights(_large(name, n_patches))


def _large(name: str, n_patches: int) -> PatchData:
    return PatchData.from_exponents(n_patches, 3, *FAMILIES[name], 0.5, 1.0, 0.5)


def _growing_unit(rng, *, name, n_patches) -> Table:
    del rng  # nothing is drawn
    data = _large(name, n_patches)
    gap = data.information_gap  # of the rounded sizes
    unit = unit_weight(data, TEMPERATURE, BATCH)
    return Table(
        {
            "panel": np.full(2, "many sizes"),
            "setting": np.full(2, name),
            "kind": ["turning", "critical"],
            "n_patches": np.full(2, n_patches),
            "gap": np.full(2, gap),
            "leading": np.array([1.0, 1.0 + n_patches**-gap / (1 - data.mask_rate)]) * unit,
            "theory": _growing(name, n_patches),
            "measured": np.full(2, np.nan),
            "standard_error": np.full(2, np.nan),
        }
    )


def compute_critical(run: Run) -> Table:
    """Critical weights: measured at one size, and in the mean field at many."""
    locals_ = run.pick(
        test=(4, 12), quick=(3, 4, 6, 8, 12, 18, 24), paper=(2, 3, 4, 6, 8, 9, 12, 18, 24)
    )
    batches = run.pick(test=20, quick=160, paper=20000)
    powers = run.pick(test=(3, 5), quick=range(3, 9), paper=np.arange(3, 8.1, 0.25))
    one = [{"globe": 28, "local": s, "batches": batches} for s in locals_]
    many = [{"name": n, "n_patches": round(10.0**p)} for n in FAMILIES for p in powers]
    return Table.concat([run.map("one", _critical_unit, one), run.map("many", _growing_unit, many)])


@figure(
    "between_critical",
    compute=compute_critical,
    title="The weights at which the first step changes",
    alt="Top: two curves of the ratio of weights against the information gap on a logarithmic "
    "axis, with measured points on or slightly below them. The lower one is nearly level; the "
    "upper one falls steeply and comes close to the lower one at large gaps. Dashed leading orders "
    "run below each. Bottom: the same ratios divided by the number of patches, against that "
    "number: the critical ratio of the negative gap rises steadily, the others level off together.",
    caption="Top: 100 patches, global area of 28. Ratio of the contrastive to the reconstruction "
    "weight at which a local patch's first velocity towards the global feature is zero "
    "(turning), and at which it equals that towards its own feature (critical). Points: measured "
    "gradients, bars of one standard error; lines: mean field; dashed: leading order. Bottom: mean "
    "field (points) and leading order (lines, dashed for the negative gap), divided by the number "
    "of patches, for growing images.",
    chapter="vit_between",
    seed=8301,
    columns={
        "kind": "turning or critical ratio",
        "leading": "ratio of weights to leading order in the number of patches",
        "theory": "ratio of weights in the mean field",
        "measured": "ratio of weights, measured gradients",
    },
    missing=("measured", "standard_error"),
)
def draw_critical(data: Table) -> Figure:
    """Draw critical weights against the gap and against the number of patches."""
    fig = Figure(figsize=(6.8, 7.2))
    top, bottom = fig.subplots(2, 1)
    look = {"turning": "pca", "critical": "test"}
    one = data.where(panel="one size")
    for kind, rows in one.groups("kind"):
        order = np.argsort(rows["gap"])
        gap = rows["gap"][order]
        theory_line(top, gap, rows["theory"][order], look[kind], line="-")
        theory_line(top, gap, rows["leading"][order], look[kind], line="--", level=0.4)
        measured(top, rows["gap"], rows["measured"], rows["standard_error"], look[kind])
        place = {"turning": (0, 10), "critical": (12, 6)}[kind]
        direct_label(top, gap[1], rows["theory"][order][1], kind, look[kind], offset=place)
    top.set(
        yscale="log",
        xlabel=r"information gap $\Delta$",
        ylabel=r"ratio of weights $\beta/\alpha$",
        title="100 patches",
    )
    top.set_yticks([20, 50, 100, 200, 500], labels=["20", "50", "100", "200", "500"])
    top.minorticks_off()
    many = data.where(panel="many sizes")
    places = {
        ("turning", "positive gap"): (0, 0.12, "turning, both"),
        ("critical", "positive gap"): (3, 0.3, "critical, positive gap"),
        ("critical", "negative gap"): (2, 12.0, "critical, negative gap"),
    }
    for (name, family), line in zip(many.groups("setting"), ("-", "--"), strict=True):
        for kind, rows in family.groups("kind"):
            n = rows["n_patches"].astype(float)
            theory_line(bottom, n, rows["leading"] / n, look[kind], line=line)
            measured(bottom, n, rows["theory"] / n, None, look[kind])
            if (kind, name) in places:
                index, height, text = places[kind, name]
                index = min(index, len(n) - 1)
                direct_label(bottom, n[index], height, text, look[kind])
    bottom.set_ylim(bottom=0.1)
    bottom.set(
        xscale="log",
        yscale="log",
        xlabel="patches P",
        ylabel=r"$\beta/(\alpha P)$",
        title="growing images",
    )
    bottom.yaxis.set_minor_formatter("")
    return fig
