"""Legends that several figures of the page share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from matplotlib.lines import Line2D

from mssl.chapters.how_near_the_limit.worlds import NAMES
from mssl.figures.style import KINDS

__all__ = ["legend_of"]


def legend_of(
    fig,
    methods: Sequence[str],
    lines: Sequence[str] = (),
    names: Mapping[str, str] = MappingProxyType(NAMES),
    columns: int = 3,
) -> None:
    """One legend for all panels: a mark a method, and a line where theory has one of its own.

    Parameters
    ----------
    fig : Figure
    methods : sequence of str
    lines : sequence of str
        Those that have a line.
    names : mapping of str to str
        What they are called.
    columns : int
    """
    handles = []
    for method in methods:
        kind = KINDS[method]
        handles.append(
            Line2D(
                [], [], color=kind.color, label=names[method],
                linestyle=kind.line if method in lines else "none",
                marker=kind.marker if method != "bayes" else "none",
            )
        )  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2)
