"""Attention at several moments of training, for the figures that show it."""

from __future__ import annotations

import numpy as np

from mssl.chapters.vit_contrastive.worlds import BATCH
from mssl.figures.table import Table
from mssl.vit import attend, train

__all__ = ["cells_of", "states_of"]


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


def states_of(data, objective, rate, steps, rng):
    """Parameters at the given steps of one training run."""
    run = train(
        data, objective, max(steps), rate, BATCH, rng,
        record_every=max(steps), evaluation_batches=1, snapshots=steps,
    )  # fmt: skip
    return [run.snapshots[step] for step in steps]
