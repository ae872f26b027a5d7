"""What temperature, negatives and regularisation change: the figure ``contrastive_conditions``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import LOOK, read_course, train_seeds
from mssl.chapters.vit_contrastive.worlds import BATCH, PENALTY, TEMPERATURE
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.vit import Contrastive, mean_field

#: What is varied, and where the lines are computed.
_KNOBS = {
    "temperature": np.geomspace(0.05, 2.0, 9),
    "batch": np.array([2.0, 4.0, 16.0, 256.0]),
    "penalty": np.array([1e-6, 1e-5, 1e-4, 2e-4, 4e-4, 1e-3, 3e-3]),
}

_EARLY = 4e4


def _objective(knob, value) -> tuple[Contrastive, int]:
    chosen = {"temperature": TEMPERATURE, "penalty": PENALTY, "batch": BATCH, knob: value}
    return Contrastive(chosen["temperature"], chosen["penalty"]), int(chosen["batch"])


_CONDITION = ("attention_global", "attention_own")


def _knob_line(rng, *, name, knob, values, late) -> Table:
    del rng  # nothing is drawn
    found = []
    for value in values:
        objective, batch = _objective(knob, value)
        course = read_course(
            mean_field(setting(name), objective, [0.0, _EARLY, late], batch_size=batch, rtol=1e-6)
        )
        for when, i in (("early", 1), ("late", 2)):
            found.append([when, value, *(course[q][i] for q in _CONDITION)])
    return _knob_rows(name, knob, "theory", found, np.zeros((len(found), 2)))


def _knob_rows(name, knob, witness, found, errors) -> Table:
    when, value, globe, own = zip(*found, strict=True)
    n = len(found)
    return Table(
        {
            "setting": np.full(n, name),
            "knob": np.full(n, knob),
            "witness": np.full(n, witness),
            "when": list(when),
            "x": np.array(value, dtype=float),
            "attention_global": globe,
            "attention_own": own,
            "attention_global_se": errors[:, 0],
            "attention_own_se": errors[:, 1],
        }
    )


def _knob_unit(rng, *, name, knob, value, seeds, steps) -> Table:
    objective, batch = _objective(knob, value)
    batches = 128 // batch  # as many images to look at whatever the batch
    runs = train_seeds(
        setting(name), objective, steps, _EARLY / steps, batch, rng, seeds,
        record_every=steps, evaluation_batches=batches,
    )  # fmt: skip
    ends = [[getattr(run, q)[-1] for q in _CONDITION] for run in runs]
    mean, error = mean_and_error(ends)
    return _knob_rows(name, knob, "measured", [["early", value, *mean]], error[None])


def compute_conditions(run: Run) -> Table:
    """Attention at an early and a late time over temperature, batch size and regularisation."""
    points = run.pick(
        test={"temperature": (0.1, 1.0), "batch": (4,), "penalty": (1e-3,)},
        quick={"temperature": (0.05, 0.2, 2.0), "batch": (4, 48), "penalty": (1e-5, 1e-3)},
        paper={
            "temperature": (0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0),
            "batch": (2, 4, 8, 16, 32, 64, 128, 256),
            "penalty": (1e-6, 1e-5, 1e-4, 3e-4, 1e-3),
        },
    )
    fixed = {
        "seeds": run.pick(test=2, quick=2, paper=8),
        "steps": run.pick(test=20, quick=40, paper=400),
    }
    lines = [
        {"name": n, "knob": k, "values": tuple(values), "late": 1e6}
        for n in SETTINGS
        for k, values in _KNOBS.items()
    ]
    units = [
        {"name": n, "knob": k, "value": v, **fixed}
        for n in SETTINGS
        for k, values in points.items()
        for v in values
    ]
    return Table.concat([run.map("lines", _knob_line, lines), run.map("points", _knob_unit, units)])


@figure(
    "contrastive_conditions",
    compute=compute_conditions,
    title="What temperature, negatives and regularisation change",
    alt="Two rows of three panels of attention on a logarithmic axis, for a positive gap above and "
    "a negative gap below, against temperature, batch size and regularisation. Attention on the "
    "global area is high at middle temperatures, little changed by batches of more than about ten "
    "images, and falls back to its start at strong regularisation; attention on the own area does "
    "the opposite. At high temperature and a negative gap both are still near their start at the "
    "earlier time. The dashed lines of the later time differ from the solid ones there and at the "
    "weakest regularisation, where attention on the own area ends above its start.",
    caption="Attention of masked local patches on the global area (squares) and on their own area "
    "(circles) after time 40000. Points: training with positions free, bars of one standard "
    "error. Lines: mean field then (solid) and at time a million (dashed). Dotted: where "
    "attention starts. Where nothing else is varied, the temperature is 0.1, the batch 32 and the "
    "regularisation 0.0001.",
    chapter="vit_contrastive",
    seed=8105,
    columns={
        "knob": "what is varied",
        "x": "temperature, batch size or regularisation, as knob says",
    },
)
def draw_conditions(data: Table) -> Figure:
    """Draw one row a setting and one column a knob."""
    fig = Figure(figsize=(7.2, 5.2))
    axes = fig.subplots(2, 3, sharey=True, sharex="col")
    words = {"temperature": "temperature", "batch": "batch size", "penalty": "regularisation"}
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        start = setting(name).expected_visible() / setting(name).n_patches
        for ax, knob in zip(line, words, strict=True):
            part = rows.where(knob=knob)
            for quantity, at in (("global", start[0]), ("own", start[1])):
                kind, column = LOOK[quantity], f"attention_{quantity}"
                for when, style in (("early", "-"), ("late", "--")):
                    curve = part.where(witness="theory", when=when)
                    theory_line(ax, curve["x"], curve[column], kind, line=style)
                points = part.where(witness="measured")
                measured(ax, points["x"], points[column], points[f"{column}_se"], kind)
                ax.axhline(at, color=KINDS[kind].color, linestyle=":", linewidth=1.2, zorder=1)
            ax.set(xscale="log", yscale="log")
            if top == 1:
                ax.set_xlabel(words[knob])
        line[0].set_ylabel(f"attention, {name}")
    for ax in axes.flat:
        ax.set_ylim(0.006, 1.1)
        ax.set_yticks([0.01, 0.03, 0.1, 0.3, 1], ["0.01", "0.03", "0.1", "0.3", "1"])
        ax.minorticks_off()
    for quantity, y in (("global", 0.7), ("own", 0.0066)):
        axes[0, 1].text(
            0.5, y, quantity, color=KINDS[LOOK[quantity]].color, ha="center", va="bottom",
            transform=axes[0, 1].get_yaxis_transform(),
        )  # fmt: skip
    return fig
