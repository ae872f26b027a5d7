"""The legend of methods that several figures of the page share."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.lines import Line2D

from mssl.chapters.against_pca.worlds import METHODS, NAMES
from mssl.figures.style import colors

__all__ = ["SYMBOLS", "method_legend"]

SYMBOLS = {"masked_regression": "o", "correlation_pca": "D", "pca": "s", "factor_analysis": "^"}


def method_legend(fig, methods: Sequence[str], lines: bool = True) -> None:
    """One legend for all panels: a colour and a mark a method, and lines for theory."""
    handles = [
        Line2D(
            [], [], color=colors[m], marker=SYMBOLS.get(m, "v"),
            linestyle="-" if lines and m in METHODS else "none", label=NAMES[m],
        )
        for m in methods
    ]  # fmt: skip
    columns = 2 if len(handles) == 4 else len(handles)
    fig.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2)
