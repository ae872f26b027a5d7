"""Where a masked patch looks under contrast, at five moments."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import choose_query
from mssl.chapters.drawing import draw_attention_rows
from mssl.chapters.vit_contrastive.maps import cells_of, states_of
from mssl.chapters.vit_contrastive.worlds import PENALTY, TEMPERATURE
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.vit import Contrastive


def _maps_unit(rng, *, name, rate, steps) -> Table:
    data = setting(name, "contiguous")
    training, drawing = rng.spawn(2)
    states = states_of(data, Contrastive(TEMPERATURE, PENALTY), rate, steps, training)
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    times = {"contrast": np.array(steps) * rate}
    return cells_of(name, data, images, index, {"local": query}, {"contrast": states}, times)


def compute_maps(run: Run) -> Table:
    """Attention of one masked local patch on all patches of one image, at five moments."""
    rate = run.pick(test=200.0, quick=200.0, paper=50.0)
    steps = tuple(round(t / rate) for t in (0, 1000, 4000, 10000, 40000))
    if run.scale == "test":
        steps = (0, 2, 5, 10, 20)
    fixed = {"rate": rate, "steps": steps}
    return run.map("maps", _maps_unit, [{"name": n, **fixed} for n in SETTINGS])


@figure(
    "contrastive_attention_maps",
    compute=compute_maps,
    title="Where a masked patch looks under contrast, at five moments",
    alt="Two rows of five small maps of attention on ten by ten patches, with the borders of the "
    "areas drawn and the query, a patch of a small area, marked by a cross. In both rows the map "
    "is even at first; then the visible patches of the large global area turn orange, for more "
    "attention, and all others purple, for less, those of the query's own area among them.",
    caption="Attention of one masked local patch (cross) on the patches of one image under "
    "contrastive training, positions free, at five times, relative to uniform attention: purple "
    "is less, orange is more. Lines: borders of the areas. Top: positive gap. Bottom: negative "
    "gap. Every other patch of the image has the same map.",
    chapter="vit_contrastive",
    seed=8103,
)
def draw_maps(data: Table) -> Figure:
    """Draw one row a setting and one column a moment."""
    return draw_attention_rows(data, "place")
