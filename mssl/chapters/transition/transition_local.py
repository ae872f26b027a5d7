"""Signals on few coordinates: the figure ``transition_local``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.transition.drawing import LOOK, VECTORS
from mssl.chapters.transition.samples import second_moments, squared_cosines, top_eigenvectors
from mssl.chapters.transition.worlds import RIDGE, critical_on_few
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory


def _few(d, count) -> np.ndarray:
    """Unit vector that is flat on the first quiet coordinates."""
    u = np.zeros((d, 1))
    u[: 2 * count : 2] = count**-0.5
    return u


def _few_unit(rng, *, d, n, strength, count, trials) -> Table:
    u = _few(d, count)
    model = Spiked(two_level(d), strength, u)

    def trial(generator):
        _, w, weights = top_eigenvectors(second_moments(model.sample(n, generator)), RIDGE)
        return [squared_cosines(w, weights, u)[v][0, 0] for v in ("right", "left")]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return Table(
        {
            "witness": "measured",
            "quantity": ["right", "left"],
            "count": count,
            "value": mean,
            "standard_error": error,
        }
    )


def _few_lines(rng, *, d, n, strength, counts) -> Table:
    spikes = [
        SSRTheory(Spiked(two_level(d), strength, _few(d, m)), n, RIDGE).spikes[0] for m in counts
    ]
    return Table(
        {
            "witness": "theory",
            "quantity": ["right"] * len(counts) + ["left"] * len(counts),
            "count": list(counts) * 2,
            "value": [s.right_overlap for s in spikes] + [s.left_overlap for s in spikes],
            "standard_error": 0.0,
        }
    )


def _few_thresholds(rng, *, d, n, counts) -> Table:
    noise = SSRTheory(two_level(d), n, RIDGE)
    return Table(
        {
            "witness": "theory",
            "quantity": ["quiet"] * len(counts) + ["loud"] * len(counts),
            "count": list(counts) * 2,
            "value": [critical_on_few(noise, v, m) for v in (0.3, 3.0) for m in counts],
            "standard_error": np.zeros(2 * len(counts)),
        }
    )


def compute_transition_local(run: Run) -> Table:
    """Threshold and overlaps of a signal on few coordinates."""
    d = run.pick(test=120, quick=300, paper=1600)
    trials = run.pick(test=3, quick=8, paper=40)
    n, counts = 3 * d // 2, (1, 2, 3, 4, 8, 16, 50)
    if run.scale == "test":
        counts = (1, 4, 50)
    lines = run.pick(test=(2, 4, 50), quick=(*range(2, 13), *range(14, 51, 4)),
                     paper=tuple(range(2, 51)))  # fmt: skip
    thresholds = {"d": d, "n": n, "counts": lines}
    fixed = {"d": d, "n": n, "strength": 1.5}
    return Table.concat(
        [
            run.map("thresholds", _few_thresholds, [thresholds]),
            run.map("lines", _few_lines, [{**fixed, "counts": (1, *lines)}]),
            run.map("counts", _few_unit, [{**fixed, "trials": trials, "count": m} for m in counts]),
        ]
    )


@figure(
    "transition_local",
    compute=compute_transition_local,
    title="Signals on few coordinates",
    alt="Two panels against the number of coordinates that carry the signal, on a logarithmic "
    "axis. Above, the threshold falls as the number grows: on quiet coordinates from 0.63 at two "
    "coordinates to 0.35, on loud ones from about 4 to 2. Below, at strength 1.5 on quiet "
    "coordinates, the overlaps of the right and left eigenvector are zero on one coordinate, then "
    "jump to about 0.7 and 0.4 on two coordinates and rise slowly to 0.9 and 0.5.",
    caption="A signal that is flat on $m$ of the quiet (variance 0.3) or loud (variance 3) "
    "coordinates, $d/n = 2/3$, ridge 0.05. Above: the strength at which it leaves the bulk, from "
    "theory. Below: overlaps at strength 1.5 on quiet coordinates, theory (lines) and means over "
    "draws with one standard error (points). At this number of samples and this small ridge a "
    "signal on a single coordinate is not seen; with fewer samples or a larger ridge it can be.",
    chapter="transition",
    seed=6004,
    columns={
        "count": "number of coordinates that carry the signal",
        "value": "threshold for the quantities quiet and loud, squared cosines for the others",
    },
)
def draw_transition_local(data: Table) -> Figure:
    """Draw thresholds above and overlaps below, against the number of coordinates."""
    fig = Figure(figsize=(5.2, 6.0))
    above, below = fig.subplots(2, 1, sharex=True)
    for name, level in (("quiet", 1.0), ("loud", 0.3)):
        curve = data.where(quantity=name)
        theory_line(above, curve["count"], curve["value"], LOOK, level=level)
        direct_label(above, curve["count"][-1], curve["value"][-1], name, LOOK, level=level,
                     offset=(0, 10), align="right")  # fmt: skip
    above.set(yscale="log", ylabel="threshold")
    above.set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    above.minorticks_off()
    for name in ("right", "left"):
        level, style = VECTORS[name]
        curve = data.where(witness="theory", quantity=name)
        # There is nothing between one coordinate and two: the curve begins at two.
        one, curve = curve.where(count=1), Table({k: v[1:] for k, v in curve.columns.items()})
        at_one = [0.94, 1.06], np.repeat(one["value"], 2)
        theory_line(below, *at_one, LOOK, level=level)
        points = data.where(witness="measured", quantity=name)
        theory_line(below, curve["count"], curve["value"], LOOK, name, level=level, line=style)
        measured(
            below, points["count"], points["value"], points["standard_error"], LOOK, level=level
        )
    below.legend(loc="lower right")
    below.set(
        xscale="log", xlabel="coordinates that carry the signal", ylabel="overlap with signal"
    )
    ticks = (1, 2, 4, 8, 16, 50)
    below.set_xticks(ticks, [str(t) for t in ticks])
    below.minorticks_off()
    return fig
