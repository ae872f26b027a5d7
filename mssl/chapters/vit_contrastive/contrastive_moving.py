"""Two patches, two objectives: the figure ``contrastive_moving``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import choose_query
from mssl.chapters.drawing import attention_scale, draw_attention
from mssl.chapters.vit_contrastive.maps import cells_of, states_of
from mssl.chapters.vit_contrastive.worlds import PENALTY, TEMPERATURE
from mssl.chapters.worlds import setting
from mssl.figures.live import Axis, Choice, Live, Panel, cells
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import FREE_LAYOUT
from mssl.figures.table import Table
from mssl.vit import MAE, Contrastive

_COURSES = {"reconstruction": (MAE(), 8.0), "contrast": (Contrastive(TEMPERATURE, PENALTY), 100.0)}
_QUERIES = ("local", "global")


def _moving_unit(rng, *, steps) -> Table:
    name = "positive gap"
    data = setting(name, "contiguous")
    *training, drawing = rng.spawn(3)
    courses, moments = {}, {}
    for (word, (objective, rate)), generator in zip(_COURSES.items(), training, strict=True):
        courses[word] = states_of(data, objective, rate, steps[word], generator)
        moments[word] = np.array(steps[word]) * rate
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    inside = data.areas[images.clusters[index]] == 0
    other = int(np.flatnonzero(inside & ~images.visible[0, index])[0])
    queries = {"local": query, "global": other}
    return cells_of(name, data, images, index, queries, courses, moments)


def compute_moving(run: Run) -> Table:
    """Attention of a local and of a global patch along training, for both objectives."""
    steps = {
        "reconstruction": (0, 8, 16, 32, 48, 64, 90, 120, 170, 250, 400),
        "contrast": (0, 4, 8, 14, 20, 28, 40, 60, 90, 140, 200),
    }
    if run.scale == "test":
        steps = {"reconstruction": (0, 4, 8), "contrast": (0, 3, 6)}
    return run.map("moving", _moving_unit, [{"steps": steps}])


def _draw_moment(data: Table, frame: int) -> Figure:
    """Draw one moment: both patches under both objectives."""
    fig = Figure(figsize=(4.6, 5.4), layout=FREE_LAYOUT)
    axes = fig.subplots(2, 2)
    fig.subplots_adjust(left=0.09, right=0.98, bottom=0.17, top=0.94, wspace=0.06, hspace=0.06)
    shown = None
    for column, word in zip(axes.T, _COURSES, strict=True):
        for ax, query in zip(column, _QUERIES, strict=True):
            cell = data.where(objective=word, query=query, frame=data.unique("frame")[frame])
            shown = draw_attention(ax, cell, "place")
        column[0].set_title(word)
    axes[0, 0].set_ylabel("local patch")
    axes[1, 0].set_ylabel("global patch")
    assert shown is not None  # there are two courses
    attention_scale(fig, shown, cax=fig.add_axes((0.2, 0.115, 0.67, 0.022)))
    return fig


@figure(
    "contrastive_moving",
    compute=compute_moving,
    title="Two patches, two objectives",
    alt="Four maps of attention that follow a slider on training time: a local patch above and a "
    "global one below, reconstruction on the left and contrast on the right. All four are even at "
    "first. On the left the two maps part: the local patch first turns away from the global area "
    "and then to its own small area, while the global patch turns to the global area. On the "
    "right both maps are the same at every time, and both turn to the global area.",
    caption="Attention of a masked local patch (above) and of a masked global patch (below) of "
    "one image, each marked by a cross, along training by masked reconstruction (left) and by "
    "contrast (right), positive gap, positions free. Purple is less than uniform, orange more. "
    "Times differ: a unit of time is worth less in contrast. Without the slider: the end.",
    chapter="vit_contrastive",
    seed=8104,
    live=True,
)
def live_moving(data: Table) -> Live:
    """Both patches under both objectives, at one moment after the other."""
    frames = data.unique("frame")
    uniform = len(data.where(frame=frames[0], objective="contrast", query="local"))
    relative = Table({**data.columns, "attention": uniform * data["attention"]})
    scale = Axis("attention relative to uniform", 0.1, 10.0, log=True, ticks=(0.1, 0.3, 1, 3, 10))
    panels = [
        Panel(
            Axis("patches", 0.0, 1.0),
            scale,
            [cells(relative.where(objective=word, query=query), "attention", "area", "place")],
            title=f"{query}: {word}",
        )
        for query in _QUERIES
        for word in _COURSES
    ]
    times = [data.where(objective=word).unique("time") for word in _COURSES]
    choice = Choice(
        "frame",
        "time t of training, steps times learning rate",
        frames,
        len(frames) - 1,
        [f"{a:g} of reconstruction, {b:g} of contrast" for a, b in zip(*times, strict=True)],
    )
    return Live([choice], panels, columns=2, still=lambda frame: _draw_moment(data, frame))
