"""What predicts a pixel: the figure ``receptive_fields``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.drawing import draw_filters
from mssl.chapters.one_coordinate.worlds import ALL, RIDGE, field_rows, learned_coef
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table


def _fields_unit(rng, *, size, source, n, ridge) -> Table:
    coef = learned_coef(rng, size, n, ridge)
    middle = size // 2
    pixels = (("centre", middle, middle), ("edge", 0, middle), ("corner", 0, 0))
    return Table.concat(
        [field_rows(coef, size, top, left, source=source, pixel=name) for name, top, left in pixels]
    )


def compute_receptive_fields(run: Run) -> Table:
    """Columns of the coefficient matrix for three pixels, from few, many and all patches."""
    size = run.pick(test=5, quick=12, paper=12)
    d = size * size
    sources = [(f"n = {2 * d}", 2 * d), (f"n = {40 * d}", 40 * d), (ALL, 0)]
    return run.map(
        "fields",
        _fields_unit,
        [{"size": size, "source": s, "n": n, "ridge": RIDGE} for s, n in sources],
    )


@figure(
    "receptive_fields",
    compute=compute_receptive_fields,
    title="What predicts a pixel",
    alt="A grid of small images: three rows for a pixel at the centre, at the edge and in the "
    "corner of a patch, three columns for few, many and all patches. Each image shows the "
    "weights of all other pixels in the prediction: noisy with few patches; with all patches "
    "strong and positive on the direct neighbours, negative two pixels away, and small elsewhere.",
    caption=f"Columns of the coefficient matrix as images, ridge {RIDGE:g}: the weights with which "
    "the outlined pixel is predicted from all other pixels of its patch. From left to right the "
    "number of training patches grows up to the whole population.",
    chapter="one_coordinate",
    seed=2001,
)
def draw_receptive_fields(data: Table) -> Figure:
    """Draw one row a pixel and one column a number of patches."""
    sources, pixels = data.unique("source"), data.unique("pixel")
    fig = Figure(figsize=(6.4, 6.2))
    axes = fig.subplots(len(pixels), len(sources), squeeze=False)
    # The population's largest weight, so that noise does not set the colours.
    limit = float(np.abs(data.where(source=sources[-1])["weight"]).max())
    shown = None
    for i, pixel in enumerate(pixels):
        shown = draw_filters(axes[i], data.where(pixel=pixel), "source", limit)
        axes[i, 0].set_ylabel(pixel)
        if i > 0:
            for ax in axes[i]:
                ax.set_title("")
    assert shown is not None  # a table has a row
    fig.colorbar(shown, ax=axes, shrink=0.6, label="weight", extend="both")
    return fig
