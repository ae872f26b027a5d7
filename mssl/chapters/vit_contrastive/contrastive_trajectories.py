"""Both signs of the gap end on the global area: the figure ``contrastive_trajectories``."""

from __future__ import annotations

from matplotlib.figure import Figure

from mssl.chapters.courses import (
    LOOK,
    READ,
    course_rows,
    draw_free,
    draw_frozen,
    read_course,
    train_seeds,
)
from mssl.chapters.vit_contrastive.worlds import BATCH, PENALTY, TEMPERATURE
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, theory_line
from mssl.figures.table import Table
from mssl.vit import Contrastive, mean_field


def _trajectory_unit(rng, *, name, seeds, steps, rate, records) -> Table:
    data, objective, tables = setting(name), Contrastive(TEMPERATURE, PENALTY), []
    for witness, frozen in (("frozen", True), ("free", False)):
        runs = train_seeds(
            data,
            objective,
            steps,
            rate,
            BATCH,
            rng,
            seeds,
            freeze_positions=frozen,
            record_every=max(1, steps // records),
            evaluation_batches=2,
        )
        tables.append(course_rows(name, witness, runs[0].times, [read_course(run) for run in runs]))
    times = runs[0].times
    course = read_course(mean_field(data, objective, times, batch_size=BATCH))
    return Table.concat([*tables, course_rows(name, "theory", times, [course])])


def compute_trajectories(run: Run) -> Table:
    """Contrastive training, positions frozen and free, beside its mean field."""
    parameters = {
        "seeds": run.pick(test=2, quick=3, paper=16),
        "steps": run.pick(test=8, quick=105, paper=800),
        "rate": run.pick(test=400.0, quick=400.0, paper=50.0),
        "records": run.pick(test=4, quick=15, paper=20),
    }
    return run.map("runs", _trajectory_unit, [{"name": n, **parameters} for n in SETTINGS])


@figure(
    "contrastive_trajectories",
    compute=compute_trajectories,
    title="Both signs of the gap end on the global area",
    alt="Two columns of three panels, left for a positive and right for a negative information "
    "gap, alike in both. Top: the correlation with the global feature rises to a plateau; those "
    "with the own and with other local features lie on each other, slightly below zero. Middle: "
    "attention on the global area rises steeply and levels off; attention on the own area, small "
    "from the start, falls. Bottom: the loss falls to a plateau. Points lie close to the lines.",
    caption="Contrastive training (points, mean over runs; the bars of one standard error are "
    "mostly within the points) and its mean field (lines), positions frozen; temperature 0.1, "
    "regularisation 0.0001, batches of 32. Top: correlation of a local patch with its own, the "
    "global and any other local feature. Middle: its attention when it is masked and its own area "
    "has a visible patch. Bottom: the loss. Open points: positions free.",
    chapter="vit_contrastive",
    seed=8102,
    missing=tuple(f"{name}_se" for name in READ),
)
def draw_trajectories(data: Table) -> Figure:
    """Draw correlations, attention and loss, one column a setting."""
    fig = Figure(figsize=(6.8, 7.4))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    panels = (
        ("phi_global", "phi_other", "phi_own"),
        ("attention_global", "attention_own"),
        ("loss",),
    )
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        theory = rows.where(witness="theory")
        for ax, quantities in zip(column, panels, strict=True):
            for quantity in quantities:
                kind = LOOK.get(quantity.rpartition("_")[2], "test")
                theory_line(ax, theory["time"] / 1e3, theory[quantity], kind, line="-")
                for part, draw in (("free", draw_free), ("frozen", draw_frozen)):
                    draw(ax, _in_thousands(rows.where(witness=part)), quantity, kind)
        column[0].set_title(f"{name}, $\\Delta$ = {setting(name).information_gap:.2f}")
        column[2].set_xlabel("time (thousands)")
    for ax, label in zip(axes[:, 0], (r"correlation $\Phi$", "attention", "loss"), strict=True):
        ax.set_ylabel(label)
    last = data.where(setting="positive gap", witness="theory")
    i = int(0.7 * len(last))
    for ax, quantity, word, shift in (
        (axes[0, 0], "phi_global", "global", -18),
        (axes[0, 0], "phi_own", "own and other", 12),
        (axes[1, 0], "attention_global", "global", -18),
        (axes[1, 0], "attention_own", "own", 12),
    ):
        kind = LOOK[quantity.rpartition("_")[2]]
        at = last["time"][i] / 1e3, last[quantity][i]
        direct_label(ax, *at, word, kind, offset=(0, shift), align="center")
    return fig


def _in_thousands(rows: Table) -> Table:
    """The same rows with time in thousands."""
    return Table({**rows.columns, "time": rows["time"] / 1e3})
