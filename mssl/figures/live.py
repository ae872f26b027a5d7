"""What a live figure shows at each place of its sliders, said once for page and paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from mssl.figures.style import KINDS, shade
from mssl.figures.table import Table

__all__ = [
    "CELLS",
    "Axis",
    "Choice",
    "Live",
    "Mark",
    "Panel",
    "band",
    "bars",
    "cells",
    "line",
    "points",
    "rule",
    "span",
    "spread",
]

#: What can be seen: a share of a linear axis, digits on a logarithmic one.
_SEEN, _DIGITS = 1 / 4000, 4

#: Matplotlib's name of the colours of a map.
CELLS = "PuOr_r"

#: From a kind of mark to how many of its columns, from the first, lie along x, and along y.
_ALONG = {
    "line": (1, 1),
    "points": (1, 2),
    "band": (1, 2),
    "bars": (2, 1),
    "rule": (1, 0),
    "span": (2, 0),
    "spread": (1, 2),
    "cells": (0, 3),
}


@dataclass(frozen=True)
class Choice:
    """What a reader moves: a slider along numbers, or a list of words.

    Parameters
    ----------
    column : str
        Column of the data whose values are chosen among.
    label : str
        What it is, with its symbol and unit, such as ``"ridge λ"``.
    values : sequence
        The values, in order.
    first : int
        Index of the value at the start.
    texts : sequence of str, optional
        How each value is said; by default with three digits.

    Raises
    ------
    ValueError
        If there are fewer than two values, no such first one, or not a text for each.
    """

    column: str
    label: str
    values: Sequence[float | str]
    first: int = 0
    texts: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(
                f"The choice {self.label!r} has {len(self.values)} values; it needs at least two."
            )
        if not 0 <= self.first < len(self.values):
            raise ValueError(
                f"The choice {self.label!r} begins with value {self.first}, but has "
                f"{len(self.values)} of them; count from 0."
            )
        if self.texts and len(self.texts) != len(self.values):
            raise ValueError(
                f"The choice {self.label!r} has {len(self.values)} values but {len(self.texts)} "
                "texts; give one for each."
            )

    @property
    def says(self) -> list[str]:
        """How each value is said."""
        return list(self.texts) or [v if isinstance(v, str) else f"{v:.3g}" for v in self.values]


@dataclass(frozen=True)
class Axis:
    """One axis, the same at all frames.

    Parameters
    ----------
    label : str
        What it measures, in words and letters that need no mathematics.
    low, high : float
        Its ends.
    log : bool
        Whether it is logarithmic.
    ticks : sequence of float, optional
        Where it has numbers; by default at a few round ones.

    Raises
    ------
    ValueError
        If its ends are not in order, or a logarithmic one begins at zero or below.
    """

    label: str
    low: float
    high: float
    log: bool = False
    ticks: Sequence[float] = ()

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(
                f"The axis {self.label!r} goes from {self.low:g} to {self.high:g}; "
                "its low end must be below the high one."
            )
        if self.log and self.low <= 0:
            raise ValueError(f"The logarithmic axis {self.label!r} must begin above zero.")

    @property
    def numbers(self) -> list[float]:
        """Where the axis has numbers."""
        if len(self.ticks):
            return [float(tick) for tick in self.ticks]
        if not self.log:
            found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        else:
            few = self.high / self.low < 200
            locator = LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=7)
            found = locator.tick_values(self.low, self.high)
        slack = 1e-9
        low, high = self.low * (1 - slack), self.high * (1 + slack)
        return [float(f"{t:.10g}") for t in found if low - slack <= t <= high]

    def rounded(self, values: Iterable[float]) -> list[float | None]:
        """Return `values` as far as they are seen on the axis; None for what is not finite."""
        return [self._rounded(float(value)) for value in values]

    def _rounded(self, value: float) -> float | None:
        if not math.isfinite(value):
            return None
        if self.log:
            short = float(f"{value:.{_DIGITS}g}")
        else:
            places = math.ceil(-math.log10(_SEEN * (self.high - self.low)))
            short = round(value, places)
        return int(short) if short == int(short) else short


@dataclass(frozen=True)
class Mark:
    """One thing in a panel: where its numbers stand in the data, and how it looks.

    ``line``, ``points``, ``spread``, ``band``, ``bars``, ``rule``, ``span`` and ``cells`` make one.

    Parameters
    ----------
    shape : str
        The name of the function that made it.
    rows : Table
        Its rows, of all frames.
    columns : tuple of str
        Columns of the rows, in the order in which the shape takes them.
    kind : str
        A key of ``KINDS``.
    name : str
        Entry in the legend; marks of one name share it.
    level : float
        Shade of the colour, from 0 to 1.
    style : str
        Matplotlib's style of a line; that of the kind if empty.
    fixed : bool
        Whether it is the same at all frames, even where it has a column that a slider moves.
    """

    shape: str
    rows: Table
    columns: tuple[str, ...]
    kind: str
    name: str = ""
    level: float = 1.0
    style: str = ""
    fixed: bool = False

    @property
    def color(self) -> str:
        """Its colour on white."""
        return shade(self.kind, self.level).lower()

    def at(self, chosen: Mapping[str, object]) -> list[np.ndarray]:
        """Its columns at one frame, where each choice has the value `chosen`."""
        keep = np.ones(len(self.rows), dtype=bool)
        for column, value in chosen.items():
            if column in self.rows.names and not self.fixed:
                keep &= self.rows[column] == value
        return [self.rows[column][keep] for column in self.columns]


def line(rows: Table, x: str, y: str, kind: str, name: str = "", **look) -> Mark:
    """Return a value from theory: columns `x` and `y` of `rows`, joined in their order.

    `kind` and `name`, and what else gives the `look`, are as for :class:`Mark`.
    """
    return Mark("line", rows, (x, y), kind, name, **look)


def points(
    rows: Table, x: str, y: str, error: str | None, kind: str, name: str = "", **look
) -> Mark:
    """Return a measurement: columns `x` and `y` of `rows`, with bars of its standard `error`.

    `error` is None for a single draw; `kind`, `name` and what else gives the `look` are as for
    :class:`Mark`.
    """
    return Mark("points", rows, (x, y) if error is None else (x, y, error), kind, name, **look)


def band(rows: Table, x: str, low: str, high: str, kind: str, name: str = "", **look) -> Mark:
    """Return where single draws of this size lie: from column `low` to column `high` over `x`.

    `rows`, `kind` and `name`, and what else gives the `look`, are as for :class:`Mark`.
    """
    return Mark("band", rows, (x, low, high), kind, name, **look)


def spread(rows: Table, x: str, low: str, high: str, kind: str, name: str = "", **look) -> Mark:
    """Return where single draws of this size lie, point by point: from `low` to `high` at each `x`.

    All three are columns of `rows`; `kind`, `name` and what else gives the `look` are as for
    :class:`Mark`. Where the points are close, a ``band`` joins them.
    """
    return Mark("spread", rows, (x, low, high), kind, name, **look)


def bars(rows: Table, left: str, right: str, height: str, kind: str, name: str = "") -> Mark:
    """Return a measured density: bars from column `left` to column `right`, of a `height`.

    `rows`, `kind` and `name` are as for :class:`Mark`.
    """
    return Mark("bars", rows, (left, right, height), kind, name, level=0.0)


def rule(rows: Table, x: str, kind: str, name: str = "", **look) -> Mark:
    """Return a predicted place: an upright line at column `x`.

    `rows`, `kind` and `name`, and what else gives the `look`, are as for :class:`Mark`.
    """
    return Mark("rule", rows, (x,), kind, name, **look)


def span(rows: Table, left: str, right: str, kind: str, name: str = "", **look) -> Mark:
    """Return a range of places in which single draws lie, from column `left` to column `right`.

    `rows`, `kind` and `name`, and what else gives the `look`, are as for :class:`Mark`.
    """
    return Mark("span", rows, (left, right), kind, name, **look)


def cells(rows: Table, value: str, area: str, place: str) -> Mark:
    """Return a square map: colours of `value`, borders between `area`, a cross at `place`.

    `rows`, row after row, are as for :class:`Mark`. The y axis of the panel is the
    scale of the colours ``CELLS``.
    """
    return Mark("cells", rows, (value, area, place), "reference")


@dataclass(frozen=True)
class Panel:
    """Axes with marks; later ones lie above earlier ones.

    Parameters
    ----------
    x, y : Axis
    marks : sequence of Mark
    title : str
        Written above it.
    """

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    title: str = ""


@dataclass(frozen=True)
class Live:
    """A figure whose frames are drawn from one table, in the page and on paper.

    Parameters
    ----------
    choices : sequence of Choice
        One slider or list each; the last one moves fastest in the order of the frames.
    panels : sequence of Panel
    notes : sequence of str, optional
        What is to be said of each frame, in the order of the frames.
    columns : int
        Panels side by side where there is room.
    size : tuple of float
        Width and height of the still picture, in inches.
    still : callable, optional
        ``still(index)`` draws the frame of an index on paper, where the marks do not say all that
        paper needs; a figure with ``cells`` must have one.

    Raises
    ------
    ValueError
        If there is nothing to choose, not a note for each frame, or a mark without a row.
    """

    choices: Sequence[Choice]
    panels: Sequence[Panel]
    notes: Sequence[str] = ()
    columns: int = 1
    size: tuple[float, float] = (6.4, 4.2)
    still: Callable[[int], Figure] | None = field(default=None, repr=False)
    _frames: list[Mapping[str, object]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("A live figure needs something to choose; give it a Choice.")
        names = [choice.column for choice in self.choices]
        values = product(*(choice.values for choice in self.choices))
        found = [dict(zip(names, chosen, strict=True)) for chosen in values]
        object.__setattr__(self, "_frames", found)
        if self.notes and len(self.notes) != len(found):
            raise ValueError(
                f"The figure has {len(found)} frames but {len(self.notes)} notes; give one each."
            )
        for panel in self.panels:
            for mark in panel.marks:
                if not any(mark.at(chosen)[0].size for chosen in found):
                    raise ValueError(
                        f"The mark {mark.name or mark.shape!r} has no row at any frame; are its "
                        "rows those that the choices name?"
                    )

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def first(self) -> int:
        """Index of the frame that is shown at the start, and on paper."""
        index = 0
        for choice in self.choices:
            index = index * len(choice.values) + choice.first
        return index

    def frame(self, index: int) -> Iterator[tuple[Panel, list[tuple[Mark, list[np.ndarray]]]]]:
        """Yield each panel with its marks and their columns at the frame of an `index`."""
        chosen = self._frames[index]
        for panel in self.panels:
            yield panel, [(mark, mark.at(chosen)) for mark in panel.marks]

    def says(self, index: int) -> str:
        """Return in words what is chosen at the frame of an `index`."""
        words, rest = [], index
        for choice in reversed(self.choices):
            rest, own = divmod(rest, len(choice.values))
            words.append(f"{choice.label}: {choice.says[own]}")
        return ", ".join(reversed(words))

    def table(self) -> dict[str, Any]:
        """Return all that the page needs to draw it, as JSON has it; numbers as far as seen."""
        return {
            "choices": [
                {
                    "label": choice.label,
                    "texts": choice.says,
                    "first": choice.first,
                    "words": isinstance(choice.values[0], str),
                }
                for choice in self.choices
            ],
            "panels": [self._panel(panel) for panel in self.panels],
            "notes": list(self.notes),
            "columns": self.columns,
            "colors": self._colors(),
        }

    def _colors(self) -> list[str]:
        """The colours of maps, from the low end of their scale to the high one."""
        if not any(mark.shape == "cells" for panel in self.panels for mark in panel.marks):
            return []
        return [to_hex(matplotlib.colormaps[CELLS](share)) for share in np.linspace(0, 1, 41)]

    def _panel(self, panel: Panel) -> dict[str, Any]:
        return {
            "title": panel.title,
            "x": _axis(panel.x),
            "y": _axis(panel.y),
            "marks": [self._mark(mark, panel) for mark in panel.marks],
        }

    def _mark(self, mark: Mark, panel: Panel) -> dict[str, Any]:
        kind = KINDS[mark.kind]
        along, _ = _ALONG[mark.shape]
        by_frame = [mark.at(chosen) for chosen in self._frames]
        columns = []
        for k in range(len(mark.columns)):
            axis = panel.x if k < along else panel.y
            if mark.shape == "points" and k == 2:  # a length, which may be far below the axis
                frames = [_short(found[k]) for found in by_frame]
            elif mark.shape == "cells" and k > 0:  # areas and places are numbers of patches
                frames = [found[k].tolist() for found in by_frame]
            elif mark.shape == "cells":  # of which there are many, in a few colours
                frames = [_short(found[k], 3) for found in by_frame]
            else:
                frames = [axis.rounded(found[k]) for found in by_frame]
            columns.append(frames[:1] if all(frame == frames[0] for frame in frames) else frames)
        return {
            "shape": mark.shape,
            "color": mark.color,
            "style": mark.style or kind.line,
            "marker": kind.marker,
            "name": mark.name,
            "columns": columns,
        }


def _short(values: np.ndarray, digits: int = 2) -> list[float | None]:
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in values.tolist()]


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "label": axis.label,
        "low": axis.low,
        "high": axis.high,
        "log": axis.log,
        "ticks": [[tick, f"{tick:g}"] for tick in axis.numbers],
    }
