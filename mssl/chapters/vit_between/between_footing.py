"""Weights measured by the norms of the two gradients: the figure ``between_footing``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.vit_between.between_diagram import DIAGRAM_SEED, diagram
from mssl.chapters.vit_between.first_step import start_velocities
from mssl.chapters.vit_between.worlds import BATCH, TEMPERATURE, images, unit_weight
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, measured, theory_line
from mssl.figures.table import Table


def footing_unit(rng, *, globe, local, batches) -> Table:
    """Ratio of the sizes of the two gradients at the start."""
    data = images(globe, local)
    rows, (one, two) = start_velocities(data, rng, batches)
    del rows
    # Products of independent halves: squared norms without the noise of the batches.
    norms = [np.sqrt(max(a @ b, 0.0)) / (batches // 2) for a, b in zip(one, two, strict=True)]
    return Table({"global_size": [globe], "local_size": [local], "ratio": [norms[0] / norms[1]]})


def compute_footing(run: Run) -> Table:
    """The late runs of the diagram, with weights in units of the gradients' norms."""
    runs = diagram(run.scale, DIAGRAM_SEED, run.store)
    late = runs.where(moment="late")
    sizes = list(dict.fromkeys(zip(late["global_size"], late["local_size"], strict=True)))
    batches = run.pick(test=20, quick=100, paper=4000)
    norms = run.map(
        "norms",
        footing_unit,
        [{"globe": int(g), "local": int(s), "batches": batches} for g, s in sizes],
    )
    ratio = dict(zip(norms["global_size"], norms["ratio"], strict=True))
    unit = unit_weight(images(60, 5), TEMPERATURE, BATCH)
    beta = runs["weight"] * unit / np.array([ratio[g] for g in runs["global_size"]])
    return Table(
        {
            **{name: runs[name] for name in ("gap", "weight", "moment", "time", "global_size")},
            "norm_ratio": np.array([ratio[g] for g in runs["global_size"]]),
            "share": beta / (1 + beta),
            "attention_own": runs["attention_own"],
            "attention_global": runs["attention_global"],
            "attention_own_theory": runs["attention_own_theory"],
            "attention_global_theory": runs["attention_global_theory"],
            "nmi": runs["nmi"],
        }
    )


@figure(
    "between_footing",
    compute=compute_footing,
    title="Weights measured by the norms of the two gradients",
    alt="Two panels against the share of the contrastive loss in the initial gradient, after a "
    "long training. Left: the attention on the own area falls from near one as the share grows; "
    "the curves of the gaps lie in one broad band, the largest gap on its upper side. Right: "
    "normalised mutual information starts below one half and falls in the same way.",
    caption="The runs of the diagram after long training, with the weight normalised so that at a "
    "share of one half the two gradients have equal norms at the start. Left: attention of masked "
    "local patches on their own area, points, and the mean field with positions frozen, lines. "
    "Right: normalised mutual information of query and key, thin lines join the runs of one gap.",
    chapter="vit_between",
    seed=8304,
    columns={
        "weight": "weight of the contrastive loss relative to reconstruction, varrho",
        "share": "share of the contrastive loss in the norm of the gradient at the start",
    },
)
def draw_footing(data: Table) -> Figure:
    """Draw own attention and mutual information against the normalised weight."""
    fig = Figure(figsize=(6.8, 4.2))
    left, right = fig.subplots(1, 2)
    late = data.where(moment="late")
    kinds = ("test", "train", "power_law", "gcv", "ar1", "isotropic", "bayes")
    for (_, rows), kind in zip(late.groups("global_size"), kinds, strict=False):
        label = f"$\\Delta$ = {rows['gap'][0]:.2f}"
        theory_line(left, rows["share"], rows["attention_own_theory"], kind, line="-")
        measured(left, rows["share"], rows["attention_own"], None, kind, label)
        style = KINDS[kind]
        right.plot(rows["share"], rows["nmi"], color=style.color, linewidth=0.8, zorder=2)
        measured(right, rows["share"], rows["nmi"], None, kind)
    for ax in (left, right):
        ax.set(xlim=(0, 1), xlabel="contrastive share $w$")
    left.set(title="attention on own area", ylim=(0, 1.02))
    right.set(title="mutual information", ylim=(0, 0.5))
    handles, labels = left.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig
