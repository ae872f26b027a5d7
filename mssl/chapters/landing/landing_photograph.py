"""A photograph, its mask, and what is filled in: the figure ``landing_photograph``."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from mssl.chapters.drawing import bare_frame
from mssl.chapters.one_coordinate.worlds import (
    RIDGE,
    learned_elsewhere,
    mosaic,
    photograph_tiles,
)
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.imputation import conditional_fill, drop_at_random, regression_precision

#: The part of the photograph, in tiles of twelve pixels: its upper left corner, height and width.
PLACE = (10, 18, 6, 8)

#: Share of the pixels that are hidden.
MASK_RATE = 2 / 3


def _photograph_unit(rng, *, size, stride) -> Table:
    population = patch_population(size)
    model = learned_elsewhere(size, RIDGE, stride)
    tiles = photograph_tiles(size, *PLACE)
    rows = (tiles.reshape(-1, population.d) - population.mean) / population.scale
    seen = drop_at_random(rows, MASK_RATE, rng)
    filled = conditional_fill(seen, regression_precision(model))
    filled = filled * population.scale + population.mean
    images = [mosaic(x.reshape(tiles.shape)) for x in (np.isnan(seen).astype(int), filled)]
    row, column = np.indices(images[0].shape)
    return Table(
        {
            "row": row.ravel(),
            "column": column.ravel(),
            "grey": mosaic(tiles).ravel().round(4),
            "hidden": images[0].ravel(),
            "filled": images[1].ravel().round(4),
        }
    )


def compute_landing_photograph(run: Run) -> Table:
    """A part of one photograph, a random mask, and the filling that the other one taught."""
    setting = {
        "size": run.pick(test=5, quick=12, paper=12),
        "stride": run.pick(test=9, quick=4, paper=2),
    }
    return run.map("photograph", _photograph_unit, [setting])


@figure(
    "landing_photograph",
    compute=compute_landing_photograph,
    title="A photograph, its mask, and what is filled in",
    alt="Three pictures side by side. The first is a grey part of a photograph of a flower. In the "
    "second most pixels are covered by one plain colour, so that the flower can only be guessed. "
    "In the third the covered pixels are filled in, and the flower is there again, softer than in "
    "the first and with the borders of small squares.",
    caption="Left: a part of a photograph. Middle: two thirds of its pixels, chosen at random, "
    "are hidden. Right: a linear rule fills in the hidden ones from the visible ones, in squares "
    "of twelve by twelve pixels, whose borders show. The rule was learned on squares of "
    "another photograph, by hiding one pixel at a time; nobody labelled anything.",
    chapter="landing",
    seed=1001,
    columns={
        "grey": "grey level, from 0 (black) to 1 (white)",
        "hidden": "1 where the pixel is hidden, 0 where it is visible",
        "filled": "grey level after filling in, from 0 (black) to 1 (white)",
    },
)
def draw_landing_photograph(data: Table) -> Figure:
    """Draw the photograph, what is seen of it, and the filling."""
    shape = (data["row"].max() + 1, data["column"].max() + 1)
    grey, hidden, filled = (data[name].reshape(shape) for name in ("grey", "hidden", "filled"))
    fig = Figure(figsize=(7.2, 2.05))
    axes = fig.subplots(1, 3)
    titles = ("photograph", "what is visible", "filled in")
    low, high = grey.min(), grey.max()
    for ax, image, title in zip(axes, (grey, grey, filled), titles, strict=True):
        ax.imshow(image, cmap="gray", vmin=low, vmax=high)
        bare_frame(ax)
        ax.set_title(title)
    cover = np.ma.masked_equal(hidden, 0)
    axes[1].imshow(cover, cmap=ListedColormap(["#56B4E9"]))
    return fig
