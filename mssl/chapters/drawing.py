"""Pictures that several pages draw: weights as images, areas of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from mssl.figures.table import Table

__all__ = [
    "AREA_COLORS",
    "HATCH",
    "attention_scale",
    "bare_frame",
    "draw_areas",
    "draw_attention",
    "draw_attention_rows",
    "draw_filters",
    "outline_areas",
]

#: Colours of areas as a query sees them, and the hatching of masked patches.
AREA_COLORS = {"global": "#c4c4c4", "own": "#7db8dc", "other": "#ffffff"}
HATCH = "/////"


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


def draw_areas(ax: Axes, areas: np.ndarray, visible: np.ndarray, query: int) -> None:
    """Draw the areas of an image as one masked patch sees them.

    Parameters
    ----------
    ax : Axes
    areas : ndarray of shape (height, width)
        Area of each patch, 0 for the global one.
    visible : ndarray of shape (height, width)
        1 where a patch is visible, 0 where it is masked and hatched.
    query : int
        Place of the patch, row after row; it is marked by a cross.
    """
    own = areas == areas.ravel()[query]
    colors = np.where(own, AREA_COLORS["own"], AREA_COLORS["other"])
    colors = np.where(areas == 0, AREA_COLORS["global"], colors)
    for i, j in np.ndindex(areas.shape):
        hidden = visible[i, j] == 0
        ax.add_patch(
            Rectangle(
                (j - 0.5, i - 0.5),
                1,
                1,
                facecolor=colors[i, j],
                edgecolor="#999999",
                linewidth=0.3,
                hatch=HATCH if hidden else None,
            )
        )
    outline_areas(ax, areas, colors="#222222", linewidths=1.4)
    _mark_query(ax, *divmod(query, areas.shape[1]))
    ax.set_aspect("equal")
    bare_frame(ax)


def _mark_query(ax: Axes, row: int, column: int) -> None:
    """A black cross with a white rim."""
    ax.plot(column, row, "x", color="white", markersize=7, markeredgewidth=3.6)
    ax.plot(column, row, "x", color="black", markersize=6, markeredgewidth=2.0)


def draw_attention(ax: Axes, cell: Table, query: str) -> AxesImage:
    """Draw attention on ten by ten patches relative to uniform, with borders and a cross.

    Against uniform attention, looking away and looking at have two colours.

    Parameters
    ----------
    ax : Axes
    cell : Table
        With columns ``attention`` and ``area``, a row a patch.
    query : str
        Column with the place of the patch that looks.

    Returns
    -------
    AxesImage
        For :func:`attention_scale`.
    """
    relative = np.log10(len(cell) * cell["attention"]).reshape(10, 10)
    shown = ax.imshow(relative, cmap="PuOr_r", vmin=-1.0, vmax=1.0)
    outline_areas(ax, cell["area"].reshape(10, 10), colors="#444444", linewidths=0.8)
    _mark_query(ax, *divmod(int(cell[query][0]), 10))
    bare_frame(ax)
    return shown


def attention_scale(fig: Figure, shown: AxesImage, **place) -> None:
    """A colour bar in multiples of uniform attention."""
    bar = fig.colorbar(
        shown,
        orientation="horizontal",
        label="attention relative to uniform",
        extend="both",
        **place,
    )
    bar.set_ticks([-1.0, -0.5, 0.0, 0.5, 1.0], labels=["0.1", "0.3", "1", "3", "10"])


def draw_attention_rows(data: Table, query: str) -> Figure:
    """Draw maps of attention, one row a ``setting`` and one column a ``time``."""
    times = data.unique("time")
    fig = Figure(figsize=(7.2, 3.5))
    axes = fig.subplots(2, len(times))
    shown = None
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        for ax, (time, cell) in zip(line, rows.groups("time"), strict=True):
            shown = draw_attention(ax, cell, query)
            if top == 0:
                ax.set_title(f"t = {time:g}")
        line[0].set_ylabel(name)
    assert shown is not None  # a table has a row
    attention_scale(fig, shown, ax=axes, aspect=40, shrink=0.7)
    return fig
