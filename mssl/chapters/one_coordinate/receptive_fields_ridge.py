"""What the ridge does to a receptive field: the figure ``receptive_fields_ridge``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.drawing import draw_filters
from mssl.chapters.one_coordinate.worlds import ALL, field_rows, learned_coef
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table


def _ridge_unit(rng, *, size, source, n, ridges) -> Table:
    # One draw for all ridges, so that a row of the figure differs in the ridge alone.
    draw = rng.integers(2**63)
    middle = size // 2
    return Table.concat(
        [
            field_rows(
                learned_coef(np.random.default_rng(draw), size, n, ridge),
                size,
                middle,
                middle,
                source=source,
                setting=f"ridge {ridge:g}",
                ridge=ridge,
            )
            for ridge in ridges
        ]
    )


def compute_receptive_fields_ridge(run: Run) -> Table:
    """The column of the centre pixel over a grid of ridges and numbers of patches."""
    size = run.pick(test=5, quick=12, paper=12)
    d = size * size
    sources = [(f"n = {2 * d}", 2 * d), (f"n = {40 * d}", 40 * d), (ALL, 0)]
    return run.map(
        "ridge",
        _ridge_unit,
        [
            {"size": size, "source": s, "n": n, "ridges": (0.001, 0.03, 1.0, 30.0)}
            for s, n in sources
        ],
    )


@figure(
    "receptive_fields_ridge",
    compute=compute_receptive_fields_ridge,
    title="What the ridge does to a receptive field",
    alt="A grid of small images of the weights that predict the centre pixel: three rows for few, "
    "many and all patches, four columns for growing ridge. On the left the top row is noise and "
    "the bottom row a small cross with alternating signs. To the right all rows become alike: "
    "first a cross with weaker negative weights, then a broad bright disc, then almost flat.",
    caption="The column of the centre pixel, by ridge (left to right) and number of patches (top "
    "to bottom). Each image has its own colour scale; the number below it is its largest absolute "
    "weight. All images of one row use the same patches.",
    chapter="one_coordinate",
    seed=2002,
)
def draw_receptive_fields_ridge(data: Table) -> Figure:
    """Draw one row a number of patches and one column a ridge, each image on its own scale."""
    sources, settings = data.unique("source"), data.unique("setting")
    fig = Figure(figsize=(6.4, 5.6))
    axes = fig.subplots(len(sources), len(settings), squeeze=False)
    for i, source in enumerate(sources):
        for j, setting in enumerate(settings):
            rows = data.where(source=source, setting=setting)
            limit = float(np.abs(rows["weight"]).max())
            draw_filters([axes[i, j]], rows, "setting", limit)
            axes[i, j].set_xlabel(f"{limit:.2g}", labelpad=2)
            if i > 0:
                axes[i, j].set_title("")
        axes[i, 0].set_ylabel(source)
    return fig
