"""Images with a global and several local areas: the figure ``vit_images``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.drawing import bare_frame, outline_areas
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table


def _images_unit(rng, *, name) -> Table:
    data = setting(name, "contiguous")
    images = data.draw(8, rng)
    index = int(np.flatnonzero(images.clusters == 0)[0])
    cluster = int(images.clusters[index])
    whole, seen = data.render(images, index), data.render(images, index, view=0)
    rows, columns = np.indices(whole.shape)
    tile = data.tile
    patch = (rows // tile) * data.grid[1] + columns // tile
    return Table(
        {
            "setting": np.full(whole.size, name),
            "row": rows.ravel(),
            "column": columns.ravel(),
            "tile": np.full(whole.size, tile),
            "area": data.areas[cluster][patch.ravel()],
            "other_area": data.areas[(cluster + 1) % data.n_clusters][patch.ravel()],
            "value": whole.ravel(),
            "visible": (~np.isnan(seen)).astype(int).ravel(),
        }
    )


def compute_images(run: Run) -> Table:
    """Pixels of one image a setting, with the areas of its cluster and its mask."""
    return run.map("images", _images_unit, [{"name": name} for name in SETTINGS])


def _grid(rows: Table, column: str) -> np.ndarray:
    """A column of pixels as an image."""
    image = np.zeros((rows["row"].max() + 1, rows["column"].max() + 1))
    image[rows["row"], rows["column"]] = rows[column]
    return image


@figure(
    "vit_images",
    compute=compute_images,
    title="Images with a global and several local areas",
    alt="Two rows of three pictures. The first picture of a row maps the areas of one cluster on a "
    "grid of ten by ten patches: one large grey area and many small coloured ones in the top row, "
    "one middle-sized grey area and a few large coloured ones in the bottom row. The second is an "
    "image: all patches of one area carry the same pattern, stronger in some areas than in others. "
    "The third is the same image with half of the patches hidden, scattered at random.",
    caption="Top: a large global area and small local ones, a positive information gap. Bottom: a "
    "smaller global area and larger local ones, a negative gap. Left: the areas of a cluster, the "
    "global one grey. Middle: an image of that cluster, each feature painted as a small cosine "
    "pattern. Right: what the model sees of it. Areas are laid out contiguously for the eye.",
    chapter="vit_images",
    seed=8001,
    columns={
        "value": "value of the pixel",
        "other_area": "the area of the pixel in the layout of another cluster",
    },
)
def draw_images(data: Table) -> Figure:
    """Draw the areas, a whole image and a masked one for each setting."""
    fig = Figure(figsize=(6.6, 4.7))
    axes = fig.subplots(2, 3)
    titles = ("areas", "image", "what is seen")
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        tile = int(rows["tile"][0])
        areas = _grid(rows, "area")[::tile, ::tile].astype(int)
        # Neighbouring labels get distant colours; the global area is grey.
        palette = np.array([[0.45, 0.45, 0.45, 1.0]] + [_pastel(m) for m in range(areas.max())])
        line[0].imshow(palette[areas])
        outline_areas(line[0], areas, colors="white", linewidths=1.2)
        limit = np.abs(rows["value"]).max()
        values, visible = _grid(rows, "value"), _grid(rows, "visible") > 0
        line[1].imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        masked = np.where(visible, values, np.nan)
        line[2].set_facecolor("#333333")
        line[2].imshow(masked, cmap="RdBu_r", vmin=-limit, vmax=limit)
        for ax, title in zip(line, titles, strict=True):
            bare_frame(ax)
            if top == 0:
                ax.set_title(title)
        line[0].set_ylabel(name)
    return fig


def _pastel(m: int) -> tuple[float, ...]:
    """Colour of the local area m + 1, in Okabe and Ito's hues."""
    hues = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#882255")
    color = hues[m % len(hues)].lstrip("#")
    return (*(int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)), 1.0)
