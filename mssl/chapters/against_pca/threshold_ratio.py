"""Threshold against the noise ratio: the figure ``threshold_ratio``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.against_pca.worlds import GAMMAS, METHODS, NAMES
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import theory_line
from mssl.figures.table import Table, table_of
from mssl.theory.noise_curves import Noise, threshold

RIDGES = (1e-3, 0.1, 10.0)


_threshold_table = table_of("gamma", "method", "ridge", "ratio", "threshold")


def _threshold_unit(rng, *, gamma, ratios) -> Table:
    rows = []
    for ratio in ratios:
        noise = Noise.two_levels(ratio)
        unit = np.sqrt(gamma)
        rows += [(m, 0.0, ratio, threshold(m, noise, gamma) / unit) for m in METHODS[1:]]
        for ridge in RIDGES:
            value = threshold("masked_regression", noise, gamma, ridge) / unit
            rows.append(("masked_regression", ridge, ratio, value))
    return _threshold_table(gamma, *zip(*rows, strict=True))


def compute_threshold_ratio(run: Run) -> Table:
    """Thresholds of a flat signal for all methods against the ratio of loud to quiet noise."""
    ratios = tuple(np.geomspace(1.0, 100.0, run.pick(test=5, quick=41, paper=81)).tolist())
    return run.map("theory", _threshold_unit, [{"gamma": g, "ratios": ratios} for g in GAMMAS])


@figure(
    "threshold_ratio",
    compute=compute_threshold_ratio,
    title="Threshold against the noise ratio",
    alt="Two panels on logarithmic axes, for fewer and for more coordinates than samples. The "
    "threshold of PCA rises in proportion to the noise ratio. That of correlation PCA levels off "
    "at two. Masked regression lies between them: on correlation PCA for the smallest ridge when "
    "samples outnumber coordinates, between the two otherwise, and nearer PCA for a large ridge.",
    caption="Threshold of a flat signal over the threshold at $r = 1$, when half of the "
    "coordinates have noise of variance 1 and half of variance $r$. All lines are theory. The line "
    "of correlation PCA is also that of whitening with the known variances.",
    chapter="against_pca",
    seed=7001,
    columns={
        "threshold": "threshold over that at ratio 1",
    },
)
def draw_threshold_ratio(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 4.6))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (gamma, rows) in zip(axes, data.groups("gamma"), strict=True):
        for method, part in rows.groups("method"):
            for k, (ridge, line) in enumerate(part.groups("ridge")):
                level = 1.0 - 0.45 * k
                name = NAMES[method] + (f", ridge {ridge:g}" if ridge else "")
                theory_line(ax, line["ratio"], line["threshold"], method, name, level=level)
        ax.set(xscale="log", yscale="log", xlabel="noise ratio r", title=f"d/n = {gamma:.3g}")
        ax.set_yticks([1, 2, 5, 10, 20, 50], [f"{v}" for v in (1, 2, 5, 10, 20, 50)])
        ax.set_xticks([1, 10, 100], ["1", "10", "100"])
        ax.minorticks_off()
        ax.set_ylim(0.9, 130)
    axes[0].set_ylabel(r"threshold / $\sqrt{d/n}$")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig
