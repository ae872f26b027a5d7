"""When a hidden signal starts to be seen: the figure ``landing_transition``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.transition.worlds import RIDGE, flat_direction
from mssl.covariance import Isotropic, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.simulation import simulate_eigenpairs
from mssl.theory import SSRTheory

SIZE = {"test": 60, "quick": 300, "paper": 1000}
TRIALS = {"test": 3, "quick": 8, "paper": 40}
_row = table_of("witness", "strength", "overlap", "standard_error")


def _theory_unit(rng, *, d, strengths) -> Table:
    del rng  # nothing is drawn
    u = flat_direction(d)
    spikes = [SSRTheory(Spiked(Isotropic(d), s, u), d, RIDGE).spikes[0] for s in strengths]
    threshold = spikes[0].threshold
    return Table.concat(
        [
            _row("threshold", [threshold], [0.0]),
            _row("theory", strengths, [spike.right_overlap for spike in spikes]),
        ]
    )


def _measured_unit(rng, *, d, strength, trials) -> Table:
    u = flat_direction(d)
    model = Spiked(Isotropic(d), strength, u)
    seen = simulate_eigenpairs(model, d, RIDGE, directions=u, trials=trials, rng=rng)
    assert seen.standard_error is not None  # it is measured
    error = seen.standard_error.right_overlaps[0, 0]
    return _row("measured", [strength], [seen.right_overlaps[0, 0]], [error])


def compute_landing_transition(run: Run) -> Table:
    """Overlap of the first eigenvector with the signal, as many samples as coordinates."""
    d = run.pick(**SIZE)
    fine = run.pick(test=7, quick=41, paper=161)
    trials = run.pick(**TRIALS)
    strengths = run.pick(
        test=(0.5, 3.0),
        quick=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0),
        paper=tuple(np.arange(1, 17) / 4),
    )
    line = tuple(np.linspace(0.05, 4.0, fine).round(4))
    settings = [{"d": d, "strength": s, "trials": trials} for s in strengths]
    return Table.concat(
        [
            run.map("line", _theory_unit, [{"d": d, "strengths": line}]),
            run.map("points", _measured_unit, settings),
        ]
    )


@figure(
    "landing_transition",
    compute=compute_landing_transition,
    title="A signal is seen from a certain strength on",
    alt="A curve against the strength of a hidden signal. It lies at zero up to a strength of one, "
    "marked by a dotted line, then bends sharply and rises towards one. Points from simulated data "
    "lie on the curve; just below the bend they are a little above it, just behind it a little "
    "below. The left part is labelled not "
    "visible, the right part visible.",
    caption="A signal along one direction that all coordinates share is hidden in noise of "
    "variance 1, with as many samples as coordinates; with more samples the bend moves to the "
    "left. Strength: the variance of the signal. Height: the squared cosine between its direction "
    "and the first eigenvector of the matrix that masked training learns. Line: theory. Points: "
    f"simulated data, {SIZE['quick']} coordinates, mean over {TRIALS['quick']} draws with one "
    "standard error.",
    chapter="landing",
    seed=1002,
    missing=("standard_error",),
)
def draw_landing_transition(data: Table) -> Figure:
    """Draw the overlap against the strength, with the threshold marked."""
    fig = Figure(figsize=(5.6, 3.4))
    ax = fig.subplots()
    line, points = data.where(witness="theory"), data.where(witness="measured")
    threshold = data.where(witness="threshold")["strength"][0]
    # The corner of the threshold belongs to the curve.
    x, y = np.append(line["strength"], threshold), np.append(line["overlap"], 0.0)
    order = np.argsort(x)
    theory_line(ax, x[order], y[order], "masked_regression")
    measured(
        ax, points["strength"], points["overlap"], points["standard_error"], "masked_regression"
    )
    ax.axvline(threshold, color="#999999", linestyle=":", linewidth=1.4)
    direct_label(ax, threshold, 0.9, "not visible", "reference", offset=(-10, 0), align="right")
    direct_label(ax, threshold, 0.9, "visible", "reference", offset=(10, 0))
    ax.set(
        xlabel="strength of the signal (noise: 1)",
        ylabel="share of the signal",
        xlim=(0, 4.1),
        ylim=(-0.02, 1.0),
    )
    return fig
