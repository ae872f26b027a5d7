"""What predicts a pixel, by law of masks: the figure ``mask_fields``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.drawing import draw_filters
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.masks import Bernoulli, ImageSquares, OneAtATime
from mssl.regression import best_predictor

#: Ridge of the predictors of patches.
FIELD_RIDGE = 0.01


def patch_laws(size: int) -> dict:
    """Three laws of masks on square patches."""
    return {
        "one pixel": OneAtATime(),
        "each with 75 %": Bernoulli(0.75),
        "a square": ImageSquares((size, size), max(2, 5 * size // 12)),
    }


@lru_cache(maxsize=2)
def fitted_laws(size: int = 12) -> dict[str, np.ndarray]:
    """The best predictor of each law from the population of patches."""
    S = patch_population(size).dense()
    return {name: best_predictor(S, law, FIELD_RIDGE) for name, law in patch_laws(size).items()}


def compute_mask_fields(run: Run) -> Table:
    """The column of the centre pixel, law by law."""
    size = run.pick(test=5, quick=12, paper=12)
    row, column = np.divmod(np.arange(size * size), size)
    centre = size // 2
    return Table.concat(
        Table(
            {
                "law": name,
                "row": row,
                "column": column,
                "weight": A[:, centre * size + centre],
                "target_row": centre,
                "target_column": centre,
            }
        )
        for name, A in fitted_laws(size).items()
    )


@figure(
    "mask_fields",
    compute=compute_mask_fields,
    title="What predicts a pixel, by law of masks",
    alt="Three small images of the weights that predict the centre pixel of a patch. Hiding one "
    "pixel at a time gives a small cross with alternating signs; hiding each with probability 75 "
    "per cent gives a broad smooth blob without negative weights beside it; hiding a square gives "
    "a cross with long arms, weak everywhere off the row and the column of the pixel.",
    caption="The column of the centre pixel (outlined) of the best linear predictor, from the "
    f"whole population of patches, ridge {FIELD_RIDGE:g}, for three laws of masks; the square has "
    "a side of five pixels. Each image has its own colour scale: red is positive, blue negative.",
    chapter="how_much_to_mask",
    seed=17001,
)
def draw_mask_fields(data: Table) -> Figure:
    """Draw one image a law."""
    fig = Figure(figsize=(5.6, 2.2))
    axes = fig.subplots(1, 3)
    for ax, (name, rows) in zip(axes, data.groups("law"), strict=True):
        draw_filters([ax], rows, "law")
        ax.set_title(name)
        ax.set_xlabel(f"max {np.abs(rows['weight']).max():.2f}")
    return fig
