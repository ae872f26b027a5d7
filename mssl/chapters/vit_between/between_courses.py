"""The area that leads at first need not win: the figure ``between_courses``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import train_seeds
from mssl.chapters.vit_between.worlds import BATCH, LOOK, images, weighted
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.vit import mean_field

#: The courses that are followed: (global size, local size, relative weight).
COURSES = {"global first, own later": (60, 5, 3.0), "own first, shared later": (20, 16, 4.0)}

_SHARES = ("attention_own", "attention_global")


def _course_unit(rng, *, name, seeds, steps, rate, every) -> Table:
    globe, local, weight = COURSES[name]
    data = images(globe, local)
    objective = weighted(data, weight)
    runs = train_seeds(
        data,
        objective,
        steps,
        rate,
        BATCH,
        rng,
        seeds,
        freeze_positions=True,
        record_every=every,
        evaluation_batches=6,
    )
    # Records thin out evenly in the logarithm of time.
    moments = np.unique(np.geomspace(1, len(runs[0].times) - 1, 14).round().astype(int))
    times = runs[0].times[moments]
    dense = np.geomspace(times[0] / 2, times[-1] * 4, 50)
    theory = mean_field(data, objective, dense, average_counts=True, batch_size=BATCH, rtol=1e-5)
    tables = []
    for witness, t in (("theory", dense), ("measured", times)):
        columns = {"setting": np.full(len(t), name), "witness": np.full(len(t), witness)}
        columns |= {"gap": np.full(len(t), data.information_gap), "time": t}
        for quantity in _SHARES:
            if witness == "theory":
                columns[quantity] = getattr(theory, quantity)
                columns[f"{quantity}_se"] = np.full(len(t), np.nan)
            else:
                seen = [getattr(r, quantity)[moments] for r in runs]
                columns[quantity], columns[f"{quantity}_se"] = mean_and_error(seen)
        tables.append(Table(columns))
    return Table.concat(tables)


def compute_courses(run: Run) -> Table:
    """Shares of attention along training, positions frozen, beside the mean field."""
    parameters = {
        "seeds": run.pick(test=2, quick=3, paper=16),
        "steps": run.pick(test=24, quick=600, paper=9600),
        "rate": run.pick(test=32.0, quick=32.0, paper=8.0),
        "every": run.pick(test=4, quick=30, paper=40),
    }
    return run.map("courses", _course_unit, [{"name": name, **parameters} for name in COURSES])


@figure(
    "between_courses",
    compute=compute_courses,
    title="The area that leads at first need not win",
    alt="Two panels of attention against time on a logarithmic axis. Left: attention on the "
    "global area rises and that on the own area stays near zero for a long time; then the two "
    "cross and the own area has more. Right: attention on the own area rises to most of the whole "
    "and stays there; later it falls to about half, and attention on the global area, "
    "near zero until then, jumps to a good part of the rest. Points lie on the lines or near.",
    caption="Attention of masked local patches on their own and on the global area under a "
    "weighted sum of both losses, positions frozen: gradient descent (points, bars of one standard "
    "error over runs) and mean field (lines). Left: a large gap and a weight above the critical "
    "one. Right: a negative gap and a weight below the critical one.",
    chapter="vit_between",
    seed=8302,
    missing=tuple(f"{name}_se" for name in _SHARES),
)
def draw_courses(data: Table) -> Figure:
    """Draw the two courses side by side."""
    fig = Figure(figsize=(6.8, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (name, rows) in zip(axes, data.groups("setting"), strict=True):
        theory, points = rows.where(witness="theory"), rows.where(witness="measured")
        for member, kind in LOOK.items():
            quantity = f"attention_{member}"
            theory_line(ax, theory["time"], theory[quantity], kind, line="-", label=member)
            measured(ax, points["time"], points[quantity], points[f"{quantity}_se"], kind)
        ax.set(xscale="log", xlabel="time (steps times rate)", ylim=(-0.03, 1.0))
        ax.set_title(f"$\\Delta$ = {rows['gap'][0]:.2f}, $\\varrho$ = {COURSES[name][2]:g}")
    axes[0].set_ylabel("attention")
    axes[0].legend(loc="upper left")
    return fig
