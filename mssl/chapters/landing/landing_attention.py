"""Where a patch looks after two kinds of training: the figure ``landing_attention``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import choose_query
from mssl.chapters.drawing import attention_scale, draw_areas, draw_attention
from mssl.chapters.vit_contrastive.maps import cells_of, states_of
from mssl.chapters.vit_contrastive.worlds import PENALTY, TEMPERATURE
from mssl.chapters.worlds import setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.vit import MAE, Contrastive

#: Names of the two objectives, for a reader who has not met them.
TITLES = {"mae": "trained to fill in", "contrast": "trained to tell apart"}


def _attention_unit(rng, *, name, steps, rates) -> Table:
    data = setting(name, "contiguous")
    *training, drawing = rng.spawn(3)
    objectives = {"mae": MAE(), "contrast": Contrastive(TEMPERATURE, PENALTY)}
    states = {
        key: states_of(data, objective, rates[key], (steps[key],), generator)
        for (key, objective), generator in zip(objectives.items(), training, strict=True)
    }
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    times = {key: np.array([steps[key] * rates[key]]) for key in objectives}
    cells = cells_of(name, data, images, index, {"local": query}, states, times)
    visible = np.tile(images.visible[0, index].astype(int), len(objectives))
    return Table({**cells.columns, "visible": visible})


def compute_landing_attention(run: Run) -> Table:
    """Attention of one masked patch of a small area at the end of training, twice."""
    steps = run.pick(
        test={"mae": 20, "contrast": 10},
        quick={"mae": 400, "contrast": 200},
        paper={"mae": 1600, "contrast": 800},
    )
    rates = run.pick(
        test={"mae": 8.0, "contrast": 200.0},
        quick={"mae": 8.0, "contrast": 200.0},
        paper={"mae": 2.0, "contrast": 50.0},
    )
    return run.map(
        "maps", _attention_unit, [{"name": "positive gap", "steps": steps, "rates": rates}]
    )


@figure(
    "landing_attention",
    compute=compute_landing_attention,
    title="What is learned depends on the task",
    alt="Three maps of ten by ten patches. The first shows the areas of an image: one large grey "
    "area, several small ones, one of them blue with a cross on a hidden patch. In the second, "
    "after training to fill in hidden patches, the visible patches of the blue area are dark "
    "orange, for much attention, and all others purple. In the third, after training to tell "
    "images apart, the large area is orange and the blue one is not.",
    caption="Where a hidden patch (cross) looks in its image, after the same network was trained "
    "in two ways. Left: the areas of the image, its own in blue; hatched patches are hidden. "
    "Middle: trained to fill in hidden patches, it looks at the visible part of its own small "
    "area. Right: trained to tell images apart, it looks at the large area. Colours: attention "
    "relative to looking everywhere alike; below, its share on the visible part of either area.",
    chapter="landing",
    seed=1003,
)
def draw_landing_attention(data: Table) -> Figure:
    """Draw the areas and the two maps of attention."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 3)
    first = data.where(objective="mae")
    grid = {name: first[name].reshape(10, 10) for name in ("area", "visible")}
    draw_areas(axes[0], grid["area"], grid["visible"], int(first["place"][0]))
    axes[0].set(title="an image", xlabel="grey: large area")
    shown = None
    for ax, (objective, cell) in zip(axes[1:], data.groups("objective"), strict=True):
        shown = draw_attention(ax, cell, "place")
        seen = cell["visible"] == 1
        own = cell["area"] == cell["area"][cell["place"][0]]
        on_own = cell["attention"][seen & own].sum()
        on_large = cell["attention"][seen & (cell["area"] == 0)].sum()
        ax.set(title=TITLES[objective], xlabel=f"own {on_own:.0%}, large {on_large:.0%}")
    assert shown is not None  # a table has a row
    attention_scale(fig, shown, ax=axes, aspect=40, shrink=0.7)
    return fig
