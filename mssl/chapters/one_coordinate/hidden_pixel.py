"""A hidden pixel and the rule that predicts it: the figure ``hidden_pixel``."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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

#: The part of the photograph, in tiles of twelve pixels, and the side of the square that is shown.
PLACE, SHOWN = (13, 22), 5


def _panel(name: str, image: np.ndarray, target: tuple[int, int]) -> Table:
    rows, columns = np.indices(image.shape)
    return Table(
        {
            "panel": np.full(image.size, name),
            "row": rows.ravel(),
            "column": columns.ravel(),
            "value": image.ravel().round(4),
            "target_row": target[0],
            "target_column": target[1],
        }
    )


def _hidden_unit(rng, *, size, stride) -> Table:
    del rng  # nothing is drawn
    population = patch_population(size)
    model = learned_elsewhere(size, RIDGE, stride)
    tiles = photograph_tiles(size, *PLACE, SHOWN, SHOWN)
    patch = tiles[SHOWN // 2, SHOWN // 2]
    x = (patch.ravel() - population.mean) / population.scale
    guesses = (x @ model.coef_) * population.scale + population.mean
    target = (size // 2, size // 2)
    weights = model.coef_[:, target[0] * size + target[1]]
    panels = {
        "photograph": mosaic(tiles),
        "patch": patch,
        "weights": weights.reshape(size, size),
        "predicted": guesses.reshape(size, size),
    }
    return Table.concat([_panel(name, image, target) for name, image in panels.items()])


def compute_hidden_pixel(run: Run) -> Table:
    """A part of one photograph, a patch of it, and rules that were learned from the other."""
    setting = {
        "size": run.pick(test=5, quick=12, paper=12),
        "stride": run.pick(test=9, quick=4, paper=2),
    }
    return run.map("hidden", _hidden_unit, [setting])


def _image(data: Table, panel: str) -> np.ndarray:
    rows = data.where(panel=panel)
    image = np.zeros((rows["row"].max() + 1, rows["column"].max() + 1))
    image[rows["row"], rows["column"]] = rows["value"]
    return image


def _outline(ax: Axes, row: int, column: int, side: int, color: str) -> None:
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(
        Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=2.0, clip_on=False)
    )


@figure(
    "hidden_pixel",
    compute=compute_hidden_pixel,
    title="A hidden pixel and the rule that predicts it",
    alt="Four pictures in two rows. First a grey part of a photograph of a flower, with a small "
    "square outlined. Second that square enlarged, twelve by twelve pixels, the one in the middle "
    "covered. Third a map of weights: two strong red pixels beside the hidden one and two above "
    "and below it, a few weak blue ones further out, the rest nearly white. Fourth the square with "
    "every pixel predicted: much like the second picture, a little softer at its edges.",
    caption="A part of a photograph with one patch outlined; the patch, with one pixel hidden; the "
    "weights with which the other pixels predict it (red is positive, blue negative); and the "
    "patch as it comes out when every pixel is hidden in turn. The weights were learned from "
    "another photograph.",
    chapter="one_coordinate",
    seed=2004,
    columns={
        "value": "grey level from 0 (black) to 1 (white), or weight in the panel weights",
        "target_row": "row of the hidden pixel within the patch, from 0",
        "target_column": "column of the hidden pixel within the patch, from 0",
    },
)
def draw_hidden_pixel(data: Table) -> Figure:
    """Draw the photograph, the patch, the weights and the predictions."""
    fig = Figure(figsize=(6.4, 6.6))
    (whole, part), (rule, guess) = fig.subplots(2, 2)
    photograph, patch = _image(data, "photograph"), _image(data, "patch")
    weights, predicted = _image(data, "weights"), _image(data, "predicted")
    target = (int(data["target_row"][0]), int(data["target_column"][0]))
    low, high = photograph.min(), photograph.max()
    whole.imshow(photograph, cmap="gray", vmin=low, vmax=high)
    start = (SHOWN // 2) * len(patch)
    _outline(whole, start, start, len(patch), "#D55E00")
    part.imshow(patch, cmap="gray", vmin=low, vmax=high)
    part.add_patch(
        Rectangle((target[1] - 0.5, target[0] - 0.5), 1, 1, facecolor="#D55E00", edgecolor="white")
    )
    end = np.abs(weights).max()
    rule.imshow(weights, cmap="RdBu_r", vmin=-end, vmax=end)
    guess.imshow(predicted, cmap="gray", vmin=low, vmax=high)
    for ax in (rule, guess):
        _outline(ax, *target, 1, "black" if ax is rule else "#D55E00")
    names = {
        whole: ("a photograph", "outlined: one patch"),
        part: ("a patch, one pixel hidden", f"hidden value: {patch[target]:.2f}"),
        rule: ("weights of the other pixels", f"largest weight: {end:.2f}"),
        guess: ("each pixel predicted", f"predicted value: {predicted[target]:.2f}"),
    }
    for ax, (title, below) in names.items():
        bare_frame(ax)
        ax.set(title=title, xlabel=below)
    return fig
