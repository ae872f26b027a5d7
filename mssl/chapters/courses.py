"""How training runs are read, averaged and drawn on the pages about attention."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from mssl.figures.style import KINDS, measured
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.vit import PatchData, TrainingHistory, train

__all__ = [
    "LOOK",
    "READ",
    "choose_query",
    "course_rows",
    "draw_free",
    "draw_frozen",
    "largest_gap",
    "read_course",
    "train_seeds",
]

#: Correlations and attention by what they are with; drawn in the look of these kinds.
LOOK = {"own": "masked_regression", "global": "pca", "other": "correlation_pca"}

#: What is read off a run.
READ = ("phi_own", "phi_global", "phi_other", "attention_own", "attention_global", "loss")


def train_seeds(
    data: PatchData, objective, steps: int, rate: float, batch: int, rng, seeds: int, **options
) -> list[TrainingHistory]:
    """Independent runs of :func:`mssl.vit.train`, each with a generator of its own."""
    return [
        train(data, objective, steps, rate, batch, generator, **options)
        for generator in rng.spawn(seeds)
    ]


def read_course(history) -> dict[str, np.ndarray]:
    """All that is read off one run, by name."""
    return {name: getattr(history, name) for name in READ}


def course_rows(name, witness, times, courses) -> Table:
    """Means over runs in long form, with standard errors where there are several runs."""
    columns = {
        "setting": np.full(len(times), name),
        "witness": np.full(len(times), witness),
        "time": times,
    }
    for quantity in READ:
        seen = [course[quantity] for course in courses]
        mean, error = mean_and_error(seen) if len(seen) > 1 else (seen[0], np.nan)
        columns[quantity], columns[f"{quantity}_se"] = mean, np.broadcast_to(error, len(times))
    return Table(columns)


def largest_gap(
    runs: Table, witness: str, quantity: str, against: str = "theory", after: float = 0.0
) -> float:
    r"""Largest relative difference of two witnesses in percent, over all settings.

    .. math:: 100\,\max_{t > t_0} \Big|\frac{x_1(t)}{x_2(t)} - 1\Big|

    Parameters
    ----------
    runs : Table
        With columns ``setting``, ``witness``, ``time`` and the quantity.
    witness, quantity, against : str
    after : float
        Only later times count.

    Returns
    -------
    float
    """
    gaps = []
    for name in runs.unique("setting"):
        one, two = (runs.where(setting=name, witness=w) for w in (witness, against))
        late = one["time"] > after
        gaps.append(np.abs(one[quantity][late] / two[quantity][late] - 1).max())
    return 100 * max(gaps)


def draw_frozen(ax: Axes, rows: Table, quantity: str, kind: str) -> None:
    """Runs with frozen positions, as points."""
    points = rows.where(witness="frozen")
    measured(ax, points["time"], points[quantity], points[f"{quantity}_se"], kind)


def draw_free(ax: Axes, rows: Table, quantity: str, kind: str) -> None:
    """Runs with free positions, as open points."""
    points = rows.where(witness="free")
    style = KINDS[kind]
    ax.plot(
        points["time"],
        points[quantity],
        style.marker,
        color=style.color,
        markerfacecolor="none",
        markersize=4.0,
        markeredgewidth=0.9,
        zorder=2.5,
    )


def choose_query(data: PatchData, images) -> tuple[int, int]:
    """The first image and masked local patch of which about half of the own area is visible."""
    for index in range(len(images)):
        areas, visible = data.areas[images.clusters[index]], images.visible[0, index]
        for m in range(1, data.n_areas):
            inside = areas == m
            size = np.count_nonzero(inside)
            seen = np.count_nonzero(inside & visible)
            if 2 * seen in (size, size - 1):
                return index, int(np.flatnonzero(inside & ~visible)[0])
    raise ValueError("no image has a local area with half of its patches visible; draw more.")
