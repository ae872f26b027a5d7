"""A frame of a live figure on paper, with everything where the page has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssl.figures.live import Axis, Live, Mark, Panel
from mssl.figures.style import KINDS, histogram, measured, shade, theory_line

__all__ = ["draw_still"]

_Columns = list[np.ndarray]


def draw_still(live: Live, frame: int | None = None) -> Figure:
    """Draw one frame of a live figure.

    Parameters
    ----------
    live : Live
        The figure.
    frame : int, optional
        Index of the frame; the one shown at the start by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    frame = live.first if frame is None else frame
    if live.still is not None:
        return live.still(frame)
    fig = Figure(figsize=live.size)
    lines = -(-len(live.panels) // live.columns)
    axes = fig.subplots(lines, live.columns, squeeze=False).ravel()
    samples: dict[str, list] = {}
    for k, (ax, (panel, marks)) in enumerate(zip(axes, live.frame(frame), strict=False)):
        for mark, columns in marks:
            if columns[0].size:
                _DRAW[mark.shape](ax, mark, columns)
        _dress(ax, panel, inner=k % live.columns > 0 and panel.y == live.panels[k - 1].y)
        for sample, name in zip(*ax.get_legend_handles_labels(), strict=True):
            known = samples.setdefault(name, [])
            if type(sample) not in map(type, known):
                known.append(sample)
    if samples:
        # One entry a name; marks that share it are drawn over each other.
        every = (mark.name for panel in live.panels for mark in panel.marks)
        names = [name for name in dict.fromkeys(every) if name in samples]
        handles: list[Any] = [tuple(samples[name]) for name in names]  # Matplotlib overlays them
        fig.legend(handles, names, loc="outside lower center", ncols=2)
    return fig


def _dress(ax: Axes, panel: Panel, inner: bool) -> None:
    ax.set_title(panel.title)
    for axis, own, name in ((panel.x, ax.xaxis, "x"), (panel.y, ax.yaxis, "y")):
        _dress_axis(ax, axis, own, name)
    if inner:  # the panel before has the same axis
        ax.set_ylabel("")


def _dress_axis(ax: Axes, axis: Axis, own, name: str) -> None:
    ax.set(**{f"{name}scale": "log" if axis.log else "linear"})
    ax.set(**{f"{name}lim": (axis.low, axis.high), f"{name}label": axis.label})
    own.set_ticks(axis.numbers, [f"{tick:g}" for tick in axis.numbers])
    own.set_ticks([], minor=True)


def _line(ax: Axes, mark: Mark, columns: _Columns) -> None:
    x, y = columns
    theory_line(ax, x, y, mark.kind, mark.name, level=mark.level, line=mark.style or None)


def _points(ax: Axes, mark: Mark, columns: _Columns) -> None:
    x, y, *errors = columns
    error = np.where(np.isfinite(errors[0]), errors[0], 0.0) if errors else None
    measured(ax, x, y, error, mark.kind, mark.name, level=mark.level)


def _band(ax: Axes, mark: Mark, columns: _Columns) -> None:
    x, low, high = columns
    color = shade(mark.kind, mark.level)
    ax.fill_between(x, low, high, color=color, alpha=0.22, linewidth=0, label=mark.name, zorder=1)


def _spread(ax: Axes, mark: Mark, columns: _Columns) -> None:
    color = shade(mark.kind, mark.level)
    x, low, high = columns
    ax.vlines(x, low, high, color=color, alpha=0.3, linewidth=7, label=mark.name, zorder=1)


def _bars(ax: Axes, mark: Mark, columns: _Columns) -> None:
    left, right, height = columns
    histogram(ax, left, right, height, mark.kind, mark.name)


def _rule(ax: Axes, mark: Mark, columns: _Columns) -> None:
    style = mark.style or KINDS[mark.kind].line
    for x in columns[0]:
        ax.axvline(x, color=shade(mark.kind, mark.level), linestyle=style, label=mark.name)


def _span(ax: Axes, mark: Mark, columns: _Columns) -> None:
    color = shade(mark.kind, mark.level)
    for left, right in zip(*columns, strict=True):
        ax.axvspan(left, right, color=color, alpha=0.22, linewidth=0, label=mark.name, zorder=0.5)


_DRAW: dict[str, Callable[[Axes, Mark, _Columns], None]] = {
    "line": _line,
    "points": _points,
    "band": _band,
    "spread": _spread,
    "bars": _bars,
    "rule": _rule,
    "span": _span,
}
