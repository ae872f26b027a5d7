"""Pictures that several pages draw: weights as images, areas of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from mssl.figures.table import Table

__all__ = ["bare_frame", "draw_filters", "outline_areas"]


def draw_filters(
    axes: Sequence[Axes], data: Table, name: str, limit: float | None = None
) -> AxesImage:
    """Draw weights as images, the hidden pixel outlined, one an axes for each value of a column.

    Parameters
    ----------
    axes : sequence of Axes
    data : Table
        With columns ``row``, ``column``, ``weight``, ``target_row`` and ``target_column``.
    name : str
        Column whose values tell the images apart; they become the titles.
    limit : float, optional
        Weight at the ends of the colour scale; the largest by default.

    Returns
    -------
    AxesImage
        The last image, for a colour bar.
    """
    end = np.abs(data["weight"]).max() if limit is None else limit
    shown = None
    for ax, (title, rows) in zip(axes, data.groups(name), strict=True):
        image = np.zeros((rows["row"].max() + 1, rows["column"].max() + 1))
        image[rows["row"], rows["column"]] = rows["weight"]
        shown = ax.imshow(image, cmap="RdBu_r", vmin=-end, vmax=end)
        corner = (rows["target_column"][0] - 0.5, rows["target_row"][0] - 0.5)
        ax.add_patch(
            Rectangle(corner, 1, 1, fill=False, edgecolor="black", linewidth=1.4, clip_on=False)
        )
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color="#bbbbbb")
    assert shown is not None  # a table has a row
    return shown


def outline_areas(ax: Axes, areas: np.ndarray, **look) -> None:
    """Draw the borders between areas of an image of labels."""
    height, width = areas.shape
    upright = np.argwhere(areas[:, 1:] != areas[:, :-1])
    level = np.argwhere(areas[1:] != areas[:-1])
    lines = [[(j + 0.5, i - 0.5), (j + 0.5, i + 0.5)] for i, j in upright]
    lines += [[(j - 0.5, i + 0.5), (j + 0.5, i + 0.5)] for i, j in level]
    ax.add_collection(LineCollection(lines, **look))
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def bare_frame(ax: Axes) -> None:
    """A thin frame without ticks."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="#bbbbbb")
