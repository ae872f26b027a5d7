"""Where local areas are learned: the figure ``between_diagram``."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.vit_between.worlds import (
    BATCH,
    LOOK,
    TEMPERATURE,
    critical_weights,
    images,
    unit_weight,
    weighted,
)
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, theory_line
from mssl.figures.table import Table
from mssl.vit import (
    Parameters,
    PatchData,
    attend,
    attention_distance,
    attention_entropy,
    mean_field,
    normalized_mutual_information,
    train,
)

_MEASURES = ("attention_own", "attention_global")


def _diagram_unit(rng, *, globe, local, weight, steps, early, rate) -> Table:
    data = images(globe, local)
    objective = weighted(data, weight)
    training, drawing = rng.spawn(2)
    run = train(
        data,
        objective,
        steps,
        rate,
        BATCH,
        training,
        record_every=early,
        evaluation_batches=6,
        snapshots=(early, steps),
    )
    moments = [early, steps]
    index = [int(np.flatnonzero(run.steps == step)[0]) for step in moments]
    batch = data.draw(6, drawing)
    theory = mean_field(
        data,
        objective,
        rate * np.array(moments),
        average_counts=True,
        batch_size=BATCH,
        rtol=1e-4,
    )
    critical = np.array(critical_weights(data)) / unit_weight(data, TEMPERATURE, BATCH)
    nmi = [diversity(data, run.snapshots[step], batch)["nmi"] for step in moments]
    columns = {
        "global_size": np.full(2, globe),
        "local_size": np.full(2, local),
        "gap": np.full(2, data.information_gap),
        "weight": np.full(2, weight),
        "moment": ["early", "late"],
        "time": rate * np.array(moments, dtype=float),
        "turning": np.full(2, critical[0]),
        "critical": np.full(2, critical[1]),
        "nmi": nmi,
    }
    for name in _MEASURES:
        columns[name] = getattr(run, name)[index]
        columns[f"{name}_theory"] = getattr(theory, name)
    return Table(columns)


def diversity(data: PatchData, state: Parameters, batch) -> dict[str, float]:
    """Mean diversity of the attention on a batch of images."""
    seen = attend(data, state, batch)
    rows = [seen.matrix(index) for index in range(len(batch))]
    return {
        "nmi": float(np.mean([float(normalized_mutual_information(a)) for a in rows])),
        "entropy": float(np.mean([float(attention_entropy(a)) for a in rows])),
        "distance": float(np.mean([float(attention_distance(a, data.positions)) for a in rows])),
    }


@cache
def diagram(scale: str, seed: int, store) -> Table:
    """The data of the diagram, computed once a scale for the two figures that need them."""
    run = Run(scale, seed, store=store)
    sizes = run.pick(
        test=((28, 12), (60, 5)),
        quick=((20, 16), (28, 12), (40, 10), (60, 5)),
        paper=((20, 16), (28, 18), (28, 12), (40, 10), (52, 8), (60, 5), (64, 4)),
    )
    weights = run.pick(
        test=(0.5, 8.0),
        quick=(1.0, 2.0, 4.0, 8.0),
        paper=tuple(2.0 ** np.arange(-1.5, 3.6, 0.5)),
    )
    parameters = {
        "steps": run.pick(test=16, quick=300, paper=9600),
        "early": run.pick(test=4, quick=50, paper=400),
        "rate": run.pick(test=32.0, quick=64.0, paper=8.0),
    }
    return run.map(
        "runs",
        _diagram_unit,
        [
            {"globe": g, "local": s, "weight": float(w), **parameters}
            for g, s in sizes
            for w in weights
        ],
    )


DIAGRAM_SEED = 8303


def compute_diagram(run: Run) -> Table:
    """Where masked local patches look after a short and after a long training, positions free."""
    return diagram(run.scale, DIAGRAM_SEED, run.store)


def _boundary(rows: Table, suffix: str = "_theory") -> float:
    """Relative weight at which attention on own and global area is equal; NaN if not met."""
    lead = rows[f"attention_own{suffix}"] - rows[f"attention_global{suffix}"]
    if lead[0] < 0 or lead[-1] > 0:
        return np.nan
    last = int(np.flatnonzero(lead < 0)[0])
    a, b = lead[last - 1], lead[last]
    x, y = np.log(rows["weight"][last - 1 : last + 1])
    return float(np.exp(x + (y - x) * a / (a - b)))


@figure(
    "between_diagram",
    compute=compute_diagram,
    title="Where local areas are learned",
    alt="Two panels, after a short and after a long training, of the relative weight on a "
    "logarithmic axis against the information gap, with a mark for each run: blue circles where "
    "the own area has more attention, below, and orange squares where the global area has more, "
    "above. Left, the border between them falls with the gap, along a line of the mean field that "
    "meets the dashed critical weight at large gaps and lies below it at small ones. Right, the "
    "border lies higher for large gaps and is flatter.",
    caption="Each mark is a run of gradient descent, positions free: circles where masked local "
    "patches attend more to their own area than to the global one, squares where less; the "
    "size of the mark is the attention on the winner. Solid line: equal attention in the mean "
    "field with positions frozen, at the same time. Dashed: critical weight of the first step. "
    "Dotted: weight at which the first velocity towards the global feature turns.",
    chapter="vit_between",
    seed=DIAGRAM_SEED,
    columns={
        "weight": "weight of the contrastive loss relative to reconstruction, varrho",
        "turning": "turning value of varrho, mean field",
        "critical": "critical value of varrho, mean field",
    },
)
def draw_diagram(data: Table) -> Figure:
    """Draw the runs by winner, with the boundaries from theory."""
    fig = Figure(figsize=(6.8, 4.4))
    axes = fig.subplots(1, 2, sharey=True)
    low, high = data["weight"].min() / 1.6, data["weight"].max() * 1.9
    for ax, (_, rows) in zip(axes, data.groups("moment"), strict=True):
        groups = sorted((float(gap), family) for gap, family in rows.groups("gap"))
        gaps = np.array([gap for gap, _ in groups])
        border = np.array([_boundary(family) for _, family in groups])
        theory_line(ax, gaps, border, "gaussian", line="-")
        for name, line in (("critical", "--"), ("turning", ":")):
            values = np.array([family[name][0] for _, family in groups])
            theory_line(ax, gaps, values, "reference", line=line)
        if ax is axes[1]:
            direct_label(ax, 0.13, 6.9, "mean field", "test")
            direct_label(ax, 0.19, 3.0, "critical", "reference")
            direct_label(ax, 0.12, 1.2, "turning", "reference")
        wins = rows["attention_own"] > rows["attention_global"]
        for won, member in ((wins, "own"), (~wins, "global")):
            style, share = KINDS[LOOK[member]], rows[f"attention_{member}"][won]
            ax.scatter(
                rows["gap"][won],
                rows["weight"][won],
                s=20 + 110 * share**2,
                marker=style.marker,
                color=style.color,
                edgecolor="white",
                linewidth=0.6,
                zorder=3,
                label=member,
            )
        ax.set(yscale="log", ylim=(low, high), xlabel=r"information gap $\Delta$")
        ax.set_title(f"time {rows['time'][0]:.0f}")
        ticks = data.unique("weight")[:: 1 if len(data.unique("weight")) < 7 else 2]
        ax.set_yticks(ticks, labels=[f"{w:.2g}" for w in ticks])
        ax.minorticks_off()
    axes[0].set_ylabel(r"relative weight $\varrho$")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(
        handles, labels, loc="outside lower center", ncols=2, title="more attention on the area"
    )
    return fig
