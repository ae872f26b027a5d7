"""Areas, hidden patches and a query: the figure ``vit_areas``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mssl.chapters.courses import choose_query
from mssl.chapters.drawing import AREA_COLORS, HATCH, draw_areas
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table


def _areas_unit(rng, *, name) -> Table:
    data = setting(name, "contiguous")
    images = data.draw(20, rng)
    index, query = choose_query(data, images)
    return Table(
        {
            "setting": np.full(data.n_patches, name),
            "patch": np.arange(data.n_patches),
            "area": data.areas[images.clusters[index]],
            "visible": images.visible[0, index].astype(int),
            "query": np.full(data.n_patches, query),
        }
    )


def compute_areas(run: Run) -> Table:
    """One image of each setting: its areas, its mask, and a hidden patch of a local area."""
    return run.map("areas", _areas_unit, [{"name": name} for name in SETTINGS])


@figure(
    "vit_areas",
    compute=compute_areas,
    title="Areas, hidden patches and a query",
    alt="Two grids of ten by ten patches with the borders of the areas drawn. On the left more "
    "than half of the grid is one grey area and the rest is cut into small areas of five patches. "
    "On the right the grey area is smaller and the others have twelve patches. In each grid one of "
    "the small areas is blue, a cross marks a hidden patch in it, and about half of all patches "
    "are hatched because they are hidden.",
    caption="One image of either data set. Grey: the global area. Blue: the local area to which "
    "the query (cross) belongs. White: the other local areas. Hatched patches are masked. The "
    "query has to be filled in, and can do so only from the visible patches of the blue area, as "
    "all patches of an area show the same. In the computations areas are scattered over the image.",
    chapter="vit_mae",
    seed=8006,
)
def draw_vit_areas(data: Table) -> Figure:
    """Draw both images side by side, with a legend below."""
    fig = Figure(figsize=(6.4, 4.2))
    axes = fig.subplots(1, 2)
    for ax, (name, rows) in zip(axes, data.groups("setting"), strict=True):
        area, query = rows["area"], int(rows["query"][0])
        draw_areas(ax, area.reshape(10, 10), rows["visible"].reshape(10, 10), query)
        sizes = (np.count_nonzero(area == 0), np.count_nonzero(area == area[query]))
        ax.set(title=name, xlabel=f"$C_g$ = {sizes[0]}, $C_s$ = {sizes[1]}")
    handles = [
        *(Patch(facecolor=color, edgecolor="#444444", label=f"{kind} area")
          for kind, color in AREA_COLORS.items()),
        Patch(facecolor="white", edgecolor="#444444", hatch=HATCH, label="masked"),
        Line2D([], [], color="black", marker="x", linestyle="none", markeredgewidth=2.0,
               label="query"),
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig
