"""Axes and curves that several figures of the page share."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.ticker import LogLocator, NullFormatter

from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table

__all__ = ["draw_errors", "log_axes"]


def log_axes(*axes) -> None:
    """Two minor ticks in a decade of every logarithmic axis; eight would say no more."""
    for ax in axes:
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log":
                axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
                axis.set_minor_formatter(NullFormatter())


def draw_errors(ax, data: Table, x: str, kinds: Iterable[str], *, label: bool = False) -> None:
    """Theory as lines and measurements as points, for each kind of error in one panel."""
    names = {"test": "test", "train": "training", "bayes": "Bayes", "loo": "LOO", "gcv": "GCV"}
    for kind in kinds:
        rows = data.where(kind=kind)
        for witness, part in rows.groups("witness"):
            text = f"{names[kind]}, {witness}" if label else None
            if witness == "theory":
                theory_line(ax, part[x], part["error"], kind, text)
            else:
                measured(ax, part[x], part["error"], part["standard_error"], kind, text)
