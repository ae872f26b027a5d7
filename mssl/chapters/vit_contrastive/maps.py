"""Attention as pictures, for the figures that show it at several moments."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssl.chapters.drawing import bare_frame, outline_areas
from mssl.chapters.vit_contrastive.worlds import BATCH
from mssl.figures.table import Table
from mssl.vit import attend, train

__all__ = ["cells_of", "color_scale", "picture", "states_of"]


def cells_of(name, data, images, index, queries, courses, moments) -> Table:
    """Rows of attention of some queries in one image, for each course of states."""
    tables, P = [], data.n_patches
    areas = data.areas[images.clusters[index]]
    for objective, states in courses.items():
        for frame, (time, state) in enumerate(zip(moments[objective], states, strict=True)):
            matrix = attend(data, state, images).matrix(index)
            for kind, query in queries.items():
                tables.append(
                    Table(
                        {
                            "setting": np.full(P, name),
                            "objective": np.full(P, objective),
                            "query": np.full(P, kind),
                            "frame": np.full(P, frame),
                            "time": np.full(P, float(time)),
                            "place": np.full(P, query),
                            "patch": np.arange(P),
                            "area": areas,
                            "attention": matrix[query],
                        }
                    )
                )
    return Table.concat(tables)


def picture(ax: Axes, cell: Table):
    """One map of attention relative to uniform, with borders of areas and a cross."""
    relative = np.log10(len(cell) * cell["attention"]).reshape(10, 10)
    shown = ax.imshow(relative, cmap="PuOr_r", vmin=-1.0, vmax=1.0)
    outline_areas(ax, cell["area"].reshape(10, 10), colors="#444444", linewidths=0.8)
    i, j = divmod(int(cell["place"][0]), 10)
    ax.plot(j, i, "x", color="white", markersize=7, markeredgewidth=3.6)
    ax.plot(j, i, "x", color="black", markersize=6, markeredgewidth=2.0)
    bare_frame(ax)
    return shown


def color_scale(fig: Figure, shown, **place) -> None:
    """A colour bar in multiples of uniform attention."""
    bar = fig.colorbar(
        shown,
        orientation="horizontal",
        label="attention relative to uniform",
        extend="both",
        **place,
    )
    bar.set_ticks([-1.0, -0.5, 0.0, 0.5, 1.0], labels=["0.1", "0.3", "1", "3", "10"])


def states_of(data, objective, rate, steps, rng):
    """Parameters at the given steps of one training run."""
    run = train(
        data, objective, max(steps), rate, BATCH, rng,
        record_every=max(steps), evaluation_batches=1, snapshots=steps,
    )  # fmt: skip
    return [run.snapshots[step] for step in steps]
