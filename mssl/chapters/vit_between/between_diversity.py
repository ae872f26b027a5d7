"""How different the rows of attention become: the figure ``between_diversity``."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssl.chapters.vit_between.between_diagram import diversity
from mssl.chapters.vit_between.between_footing import footing_unit
from mssl.chapters.vit_between.worlds import BATCH, TEMPERATURE, unit_weight, weighted
from mssl.chapters.worlds import SETTINGS
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, measured
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.vit import PatchData, train

_DIVERSITY = ("nmi", "entropy", "distance")


def _diversity_unit(rng, *, name, share, ratio, seeds, steps, rate, moments) -> Table:
    data = PatchData(100, 3, *SETTINGS[name], 0.5, 1.0, 0.5, arrangement="contiguous")
    weight = np.inf if share == 1 else share / (1 - share) * ratio
    weight /= unit_weight(data, TEMPERATURE, BATCH)
    values = []
    for generator in rng.spawn(seeds):
        training, drawing = generator.spawn(2)
        run = train(
            data,
            weighted(data, weight),
            steps,
            rate,
            BATCH,
            training,
            record_every=steps,
            evaluation_batches=1,
            snapshots=moments,
        )
        batch = data.draw(6, drawing)
        looks = [diversity(data, run.snapshots[step], batch) for step in moments]
        values.append([[look[m] for m in _DIVERSITY] for look in looks])
    mean, error = mean_and_error(values)
    n = len(moments)
    columns = {
        "setting": np.full(n, name),
        "share": np.full(n, float(share)),
        "time": np.array(moments) * rate,
    }
    for j, measure in enumerate(_DIVERSITY):
        columns[measure], columns[f"{measure}_se"] = mean[:, j], error[:, j]
    return Table(columns)


def compute_diversity(run: Run) -> Table:
    """Three measures of diversity along training, for three weights and two gaps."""
    steps = run.pick(test=16, quick=200, paper=3200)
    batches = run.pick(test=20, quick=100, paper=4000)
    norms = run.map(
        "norms",
        footing_unit,
        [{"globe": g, "local": s, "batches": batches} for g, s in SETTINGS.values()],
    )
    moments = np.unique(np.geomspace(max(1, steps // 100), steps, 9).round().astype(int))
    parameters = {
        "seeds": run.pick(test=2, quick=2, paper=8),
        "steps": steps,
        "rate": run.pick(test=32.0, quick=32.0, paper=8.0),
        "moments": (0, *(int(m) for m in moments)),
    }
    return run.map(
        "diversity",
        _diversity_unit,
        [
            {"name": n, "share": share, "ratio": float(ratio), **parameters}
            for n, ratio in zip(SETTINGS, norms["ratio"], strict=True)
            for share in (0.0, 0.5, 1.0)
        ],
    )


@figure(
    "between_diversity",
    compute=compute_diversity,
    title="How different the rows of attention become",
    alt="Three rows of two panels against time: mutual information, entropy and attention "
    "distance, for reconstruction alone, equal shares, and contrast alone. Mutual information "
    "rises for reconstruction, stays at zero for contrast and rises late for equal shares. "
    "Entropy falls for all, most for reconstruction. Distance falls for reconstruction and changes "
    "little for contrast. A dotted line in each panel is the value of uniform attention.",
    caption="Diversity of attention along training, areas contiguous, positions free; means over "
    "runs and images, bars of one standard error over runs, joined for the eye. Share 0 is "
    "reconstruction alone, 1 contrast alone, 0.5 equal initial gradient norms. Dotted: uniform "
    "attention, where all three measures are known exactly.",
    chapter="vit_between",
    seed=8305,
    columns={
        "share": "share of the contrastive loss in the norm of the gradient at the start",
        "distance": "mean distance of attention, in patches",
    },
)
def draw_diversity(data: Table) -> Figure:
    """Draw the three measures, one row each, one column a gap."""
    fig = Figure(figsize=(6.8, 7.6))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    look = {0.0: "masked_regression", 0.5: "correlation_pca", 1.0: "pca"}
    names = ("mutual information", "entropy (nats)", "distance (patches)")
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        for ax, measure, label in zip(column, _DIVERSITY, names, strict=True):
            for share, curve in rows.groups("share"):
                kind = look[share]
                _joined(ax, curve, measure, kind, f"share {share:g}")
            start = rows[measure][rows["time"] == 0].mean()
            ax.axhline(start, color="#999999", linestyle=":", linewidth=1.2, zorder=1)
            if column is axes[:, 0] or name == next(iter(SETTINGS)):
                ax.set_ylabel(label)
        column[0].set_title(name)
        column[2].set(xlabel="time (steps times rate)")
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlim(right=1.3 * data["time"].max())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def _joined(ax: Axes, curve: Table, measure: str, kind: str, label: str) -> None:
    later = curve["time"] > 0
    time, value, error = (curve[n][later] for n in ("time", measure, f"{measure}_se"))
    ax.plot(time, value, color=KINDS[kind].color, linewidth=0.8, zorder=2)
    measured(ax, time, value, error, kind, label)
