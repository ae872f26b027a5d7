"""Which factor comes first: the figure ``global_local``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.against_pca.drawing import method_legend
from mssl.chapters.against_pca.worlds import (
    GAMMAS,
    METHODS,
    RATIO,
    RIDGE,
    curve_of,
    first_direction,
    flat_direction,
    noise_levels,
)
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory.noise_curves import Noise

SIZE = 10


def _order_theory(rng, *, ratio, gamma, shared) -> Table:
    noise = Noise.two_levels(ratio)
    tables = []
    for method in METHODS:
        curve = curve_of(method, noise, gamma)
        strength = curve.spread_signal()[0]
        place = curve.local_signal(SIZE * np.array(shared), SIZE)[0]
        place = np.where(np.isnan(place), curve.position[0], place)
        # Strength of a flat factor whose eigenvalue is that of the local ones.
        border = np.exp(np.interp(place, curve.position, np.log(strength)))
        tables.append(_order_table(ratio, "theory", method, shared, border))
    return Table.concat(tables)


_order_table = table_of("ratio", "witness", "method", "shared", "strength", "standard_error")


def _order_measured(rng, *, ratio, gamma, shared, method, d, trials, guess) -> Table:
    """Bisection for the strength at which the flat factor becomes the first direction."""
    n = round(d / gamma)
    # Signs that cancel in the group: the two factors are orthogonal, as they are in the limit.
    u = flat_direction(d) * np.where(np.arange(d) // 2 % 2 == 0, 1.0, -1.0)
    group = flat_direction(d, slice(0, 2 * SIZE, 2))
    quiet = Spiked(Diagonal(noise_levels(d, ratio)), SIZE * shared, group[:, None])

    def trial(generator):
        X, scores = quiet.sample(n, generator), generator.standard_normal(n)
        low, high = np.log(guess / 4.0), np.log(guess * 4.0)
        for _ in range(7):  # the bracket shrinks to 2 %
            middle = 0.5 * (low + high)
            data = X + np.exp(0.5 * middle) * np.outer(scores, u)
            first = first_direction(data, method, RIDGE)
            global_first = first.overlaps(u)[1] > first.overlaps(group)[1]
            low, high = (low, middle) if global_first else (middle, high)
        return np.exp(0.5 * (low + high))

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _order_table(ratio, "measured", method, shared, mean, error)


def compute_global_local(run: Run) -> Table:
    """The strength from which a flat factor comes before local ones."""
    d = run.pick(test=80, quick=180, paper=1000)
    trials = run.pick(test=2, quick=2, paper=16)
    shared = np.geomspace(0.1, 10.0, run.pick(test=5, quick=60, paper=120))
    few = run.pick(test=(3.0,), quick=(0.4, 1.3, 4.0), paper=(0.3, 0.6, 1.2, 2.5, 5.0))
    theory = run.map(
        "theory",
        _order_theory,
        [{"ratio": r, "gamma": GAMMAS[0], "shared": shared} for r in (1.0, RATIO)],
    )
    settings = []
    for ratio in (1.0, RATIO):
        for method in METHODS:
            line = theory.where(ratio=ratio, method=method)
            for c in few:
                guess = float(np.exp(np.interp(c, line["shared"], np.log(line["strength"]))))
                if guess < 1.01 * line["strength"][0]:
                    continue  # the local factor is inside the bulk: there is no order to measure
                settings.append(
                    {
                        "ratio": ratio, "gamma": GAMMAS[0], "shared": c, "method": method,
                        "d": d, "trials": trials, "guess": guess,
                    }
                )  # fmt: skip
    return Table.concat([theory, run.map("measured", _order_measured, settings)])


@figure(
    "global_local",
    compute=compute_global_local,
    title="Which factor comes first",
    alt="Two panels, for equal and unequal noise, show the strength that a global factor needs "
    "to come before a local one, against the variance that the local group shares. The line of "
    "correlation PCA levels off. Those of PCA and masked regression go on rising; in equal noise "
    "they nearly coincide. In unequal noise the line of PCA is level for weak local factors and "
    "then rises; that of masked regression lies below its level part and above its rising part. "
    "Measured points lie near the lines.",
    caption="Ten quiet coordinates share a variance (horizontal axis); a global factor runs "
    "through all coordinates. Above its line, a method has the global factor as first direction; "
    "below, the local one. $d/n = 2/3$, ridge 0.1. Lines are theory, points the mean of bisections "
    "on simulated data with one standard error.",
    chapter="against_pca",
    seed=7007,
    columns={
        "shared": "variance that ten quiet coordinates share",
        "strength": "strength at which the global factor comes first",
    },
    missing=("standard_error",),
)
def draw_global_local(data: Table) -> Figure:
    """Draw one panel a noise ratio."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (ratio, rows) in zip(axes, data.groups("ratio"), strict=True):
        for method in METHODS:
            line = rows.where(witness="theory", method=method)
            theory_line(ax, line["shared"], line["strength"], method)
            points = rows.where(witness="measured", method=method)
            measured(ax, points["shared"], points["strength"], points["standard_error"], method)
        title = "equal noise" if ratio == 1 else f"noise ratio {ratio:g}"
        ax.set(xscale="log", yscale="log", xlabel="variance shared in a group", title=title)
        ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        ax.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        ax.minorticks_off()
    axes[0].set_ylabel("strength of the global factor")
    axes[0].text(0.12, 40, "global factor first", color="#444444")
    axes[0].text(9.5, 1.0, "local factor first", color="#444444", ha="right")
    method_legend(fig, METHODS)
    return fig
