"""Where a masked patch looks, at five moments: the figure ``vit_attention_maps``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import choose_query
from mssl.chapters.drawing import draw_attention_rows
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.vit import MAE, attend, train


def _maps_unit(rng, *, name, steps, rate, moments) -> Table:
    data = setting(name, "contiguous")
    training, drawing = rng.spawn(2)
    run = train(
        data,
        MAE(),
        steps,
        rate,
        32,
        training,
        record_every=steps,
        evaluation_batches=1,
        snapshots=moments,
    )
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    tables = []
    for step in moments:
        row = attend(data, run.snapshots[step], images).matrix(index)[query]
        areas = data.areas[images.clusters[index]]
        tables.append(
            Table(
                {
                    "setting": np.full(data.n_patches, name),
                    "time": np.full(data.n_patches, step * rate),
                    "query": np.full(data.n_patches, query),
                    "patch": np.arange(data.n_patches),
                    "area": areas,
                    "visible": images.visible[0, index].astype(int),
                    "attention": row,
                }
            )
        )
    return Table.concat(tables)


def compute_attention_maps(run: Run) -> Table:
    """Attention of one masked local patch on all patches of one image, at five moments."""
    steps = run.pick(test=40, quick=400, paper=1600)
    rate = run.pick(test=8.0, quick=8.0, paper=2.0)
    moments = tuple(round(f * steps) for f in (0, 1 / 20, 1 / 8, 1 / 4, 1))
    return run.map(
        "maps",
        _maps_unit,
        [{"name": n, "steps": steps, "rate": rate, "moments": moments} for n in SETTINGS],
    )


@figure(
    "vit_attention_maps",
    compute=compute_attention_maps,
    title="Where a masked patch looks, at five moments",
    alt="Two rows of five small maps of attention on ten by ten patches, with the borders of the "
    "areas drawn and the query marked by a cross. In the top row the map is even at first, then "
    "the visible patches of the large global area turn purple, for less attention, while the "
    "visible patches of the query's own small area turn orange, for more, and win late; at the end "
    "all else is purple. In the bottom row the own area turns orange early.",
    caption="Attention of one masked local patch (cross) on the patches of one image, positions "
    "free, at five times of training, relative to uniform attention: purple is less, orange is "
    "more. Lines: borders of the areas. Top: positive gap; the visible patches of the global area "
    "lose attention while the own area still has a small share. Bottom: negative gap; the own area "
    "gains earlier.",
    chapter="vit_mae",
    seed=8004,
)
def draw_attention_maps(data: Table) -> Figure:
    """Draw one row a setting and one column a moment."""
    return draw_attention_rows(data, "query")
