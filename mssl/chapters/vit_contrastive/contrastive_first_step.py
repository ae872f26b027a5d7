"""The gap decides only how local features start: the figure ``contrastive_first_step``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.vit_contrastive.worlds import BATCH, TEMPERATURE
from mssl.chapters.worlds import setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.vit import Contrastive, Parameters, PatchData
from mssl.vit.contrast import contrast_rates, strength_moments


def _measured_step(data, objective, rng, batches) -> tuple[np.ndarray, np.ndarray]:
    """Mean over batches of the first velocities (global, local), and covariance of the mean."""
    start, rows = Parameters.zeros(data), []
    for generator in rng.spawn(batches):
        batch = data.draw(BATCH, generator, views=2)
        slope = objective.loss_and_gradient(data, start, batch, positions=False)[1].phi[0]
        rows.append([-slope[:, 0].mean(), -slope[:, 1:].mean()])
    rows = np.array(rows)
    return rows.mean(axis=0), np.cov(rows.T) / batches


def _step_unit(rng, *, globe, local, batches) -> Table:
    data = PatchData(100, 3, globe, local, 0.5, 1.0, 0.5)
    scale = (globe / local) ** 2
    big, small = contrast_rates(data, BATCH)
    found = [("exact", np.inf, scale * small / big, 0.0)]
    for temperature, generator in zip((10.0, TEMPERATURE), rng.spawn(2), strict=True):
        mean, covariance = _measured_step(data, Contrastive(temperature), generator, batches)
        ratio = mean[1] / mean[0]
        slope = np.array([-ratio, 1.0]) / mean[0]
        error = float(np.sqrt(slope @ covariance @ slope))
        found.append(("measured", temperature, scale * ratio, scale * error))
    n = len(found)
    return Table(
        {
            "global_size": np.full(n, globe),
            "local_size": np.full(n, local),
            "gap": np.full(n, data.information_gap),
            "witness": [f[0] for f in found],
            "temperature": [f[1] for f in found],
            "value": [f[2] for f in found],
            "standard_error": [f[3] for f in found],
        }
    )


def compute_step(run: Run) -> Table:
    """The first velocities of local and global feature, exact and measured, over sizes."""
    sizes = run.pick(
        test=((60, (5, 20)), (28, (4, 12))),
        quick=((60, (4, 5, 8, 10, 20)), (28, (4, 6, 9, 12, 18, 24))),
        paper=((60, (4, 5, 8, 10, 20)), (28, (4, 6, 9, 12, 18, 24))),
    )
    batches = run.pick(test=20, quick=30, paper=3000)
    return run.map(
        "first",
        _step_unit,
        [{"globe": g, "local": s, "batches": batches} for g, locals_ in sizes for s in locals_],
    )


@figure(
    "contrastive_first_step",
    compute=compute_step,
    title="The gap decides only how local features start",
    alt="Ratio of the first velocities of a local and of the global feature, each divided by the "
    "squared share of its area, against the information gap. Two falling curves, one for each "
    "size of the global area, run through their closed points. They are positive at negative gaps, "
    "cross zero at a small positive gap and fall far below zero at large ones. A dashed curve, the "
    "leading order, has the same course. Open points lie close to the closed ones.",
    caption="First velocity of a local feature over that of the global feature, each divided by "
    "the squared share of its area, for 100 patches, half masked. Lines: exact at high "
    "temperature. Closed points: gradients at temperature 10, with bars of one standard error; "
    "open points: at temperature 0.1. Dashed: the leading order in the number of patches. Below "
    "zero the local features fall from the start. The global one always rises.",
    chapter="vit_contrastive",
    seed=8101,
    columns={
        "value": "ratio of velocities, each over the squared share of its area",
    },
)
def draw_step(data: Table) -> Figure:
    """Draw the scaled ratio of the first velocities against the gap."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    gap = np.linspace(data["gap"].min(), data["gap"].max(), 100)
    m1, m2, m3 = strength_moments(setting("positive gap"))
    part = 0.5 * m1 * (m2 - m1**2 / 3) / (m3 - m1 * m2 / 3)
    theory_line(ax, gap, 1 - part * (1 + 100.0**gap), "reference")
    ax.axhline(0.0, color="#999999", linestyle=":", linewidth=1.2, zorder=1)
    for (size, rows), kind in zip(data.groups("global_size"), ("test", "ar1"), strict=True):
        line = rows.where(witness="exact")
        theory_line(ax, line["gap"], line["value"], kind, f"global area of {size}")
        warm, cold = (rows.where(temperature=t) for t in (10.0, TEMPERATURE))
        measured(ax, warm["gap"], warm["value"], warm["standard_error"], kind)
        look = KINDS[kind]
        ax.errorbar(
            cold["gap"],
            cold["value"],
            cold["standard_error"],
            fmt=look.marker,
            color=look.color,
            markerfacecolor="white",
            markersize=7.5,
            zorder=1.5,
        )
    direct_label(
        ax, gap[55], 1 - part * (1 + 100.0 ** gap[55]), "leading order", "reference",
        offset=(-10, -14), align="right",
    )  # fmt: skip
    ax.set(
        xlabel=r"information gap $\Delta$",
        ylabel=r"$(\dot\Phi_{\mathrm{local}}/s^2)\,/\,(\dot\Phi_{\mathrm{global}}/c^2)$",
    )
    ax.legend(loc="lower left")
    return fig
