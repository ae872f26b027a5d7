"""Overlap against the ridge: the figure ``overlap_ridge``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from mssl.baselines import leading_directions
from mssl.chapters.against_pca.worlds import (
    GAMMAS,
    METHODS,
    NAMES,
    RATIO,
    best_overlap,
    curve_of,
    flat_direction,
    noise_levels,
)
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured, shade, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import optimal_ridge
from mssl.theory.noise_curves import Noise

READINGS = ("right", "symmetric", "left")


_reading_table = table_of(
    "gamma", "strength", "witness", "method", "which", "ridge", "overlap", "standard_error"
)


def _ridge_theory(rng, *, gamma, strength, ridges) -> Table:
    noise = Noise.two_levels(RATIO)
    rows = []
    for ridge in ridges:
        grown, overlaps = curve_of("masked_regression", noise, gamma, ridge).spread_signal()
        for which in READINGS:
            value = float(np.interp(strength, grown, overlaps[which], left=0.0))
            rows.append(("masked_regression", which, ridge, value))
    for method in METHODS[1:]:
        grown, overlaps = curve_of(method, noise, gamma).spread_signal()
        value = float(np.interp(strength, grown, best_overlap(overlaps), left=0.0))
        rows += [(method, "best", ridge, value) for ridge in (ridges[0], ridges[-1])]
    return _reading_table(gamma, strength, "theory", *zip(*rows, strict=True))


def _ridge_measured(rng, *, gamma, strength, ridges, d, trials) -> Table:
    u = flat_direction(d)
    world = Spiked(Diagonal(noise_levels(d, RATIO)), strength, u[:, None])

    def trial(generator):
        X = world.sample(round(d / gamma), generator)
        return [leading_directions(X, "masked_regression", ridge=r)[0].overlaps(u) for r in ridges]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    rows = [
        ("masked_regression", which, ridge, mean[i, j], error[i, j])
        for i, ridge in enumerate(ridges)
        for j, which in enumerate(READINGS)
    ]
    best = optimal_ridge(world, round(d / gamma)).ridge
    rows.append(("masked_regression", "best for prediction", best, 0.0, np.nan))
    return _reading_table(gamma, strength, "measured", *zip(*rows, strict=True))


def compute_overlap_ridge(run: Run) -> Table:
    """Overlap of masked regression against its ridge, beside the methods without one."""
    d = run.pick(test=40, quick=240, paper=1000)
    trials = run.pick(test=2, quick=4, paper=30)
    many = tuple(np.geomspace(1e-3, 1e3, run.pick(test=5, quick=41, paper=121)).tolist())
    few = tuple(np.geomspace(3e-3, 3e2, run.pick(test=2, quick=6, paper=11)).tolist())
    settings = [{"gamma": GAMMAS[0], "strength": 4.0}, {"gamma": GAMMAS[1], "strength": 10.0}]
    return Table.concat(
        [
            run.map("theory", _ridge_theory, [{**s, "ridges": many} for s in settings]),
            run.map(
                "measured",
                _ridge_measured,
                [{**s, "ridges": few, "d": d, "trials": trials} for s in settings],
            ),
        ]
    )


@figure(
    "overlap_ridge",
    compute=compute_overlap_ridge,
    title="Overlap against the ridge",
    alt="Two panels show the overlap of masked regression with a flat signal against the ridge, "
    "for filter, eigenvector and pattern, beside horizontal lines of correlation PCA and PCA. The "
    "curves start flat, near correlation PCA for more samples than coordinates and below it for "
    "fewer, and fall to zero, where PCA is, near a ridge of one or ten. A vertical line marks the "
    "ridge that predicts best; it lies to the right of the fall.",
    caption="Squared cosine with a flat signal (strength 4 and 10) against the ridge, in noise of "
    "variances 1 and 10. Solid: filter; dashed: eigenvector; dotted: pattern of masked regression. "
    "Lines are theory, points measurements with one standard error. Grey: the ridge of the "
    "least test error, where nothing is detected.",
    chapter="against_pca",
    seed=7003,
    missing=("standard_error",),
)
def draw_overlap_ridge(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    styles = {"right": "-", "symmetric": "--", "left": ":"}
    for ax, (gamma, rows) in zip(axes, data.groups("gamma"), strict=True):
        theory = rows.where(witness="theory")
        for method in METHODS[1:]:
            line = theory.where(method=method)
            theory_line(ax, line["ridge"], line["overlap"], method)
        own = rows.where(method="masked_regression")
        for k, which in enumerate(READINGS):
            line = own.where(witness="theory", which=which)
            level = 1.0 - 0.3 * k
            theory_line(
                ax, line["ridge"], line["overlap"], "masked_regression",
                line=styles[which], level=level,
            )  # fmt: skip
            points = own.where(witness="measured", which=which)
            measured(
                ax, points["ridge"], points["overlap"], points["standard_error"],
                "masked_regression", level=level,
            )  # fmt: skip
        chosen = own.where(which="best for prediction")["ridge"][0]
        ax.axvline(chosen, color=colors["reference"], linewidth=1.2, zorder=1)
        ax.set(
            xscale="log", xlabel="ridge", ylim=(-0.02, 1.02),
            title=f"d/n = {gamma:.3g}, strength {rows['strength'][0]:g}",
        )  # fmt: skip
        ax.set_xlim(7e-4, 8e3)
        ax.set_xticks([1e-2, 1, 1e2], ["0.01", "1", "100"])
        ax.minorticks_off()
    axes[0].set_ylabel("overlap with the signal")
    styles_shown: list[tuple[str, LineStyleType, float]] = [
        ("filter", "-", 1.0),
        ("eigenvector", "--", 0.7),
        ("pattern", ":", 0.4),
    ]
    handles = [
        Line2D([], [], color=shade("masked_regression", level), linestyle=line, label=name)
        for name, line, level in styles_shown
    ]
    handles += [Line2D([], [], color=colors[m], label=NAMES[m]) for m in METHODS[1:]]
    handles.append(Line2D([], [], color=colors["reference"], label="best for prediction"))
    fig.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return fig
