"""What all figures are made with: a computation and a drawing each, with data and words.

``python -m mssl figures`` writes them all; in a notebook ``mssl.figures.display(name)`` shows one.
"""

from mssl.figures.output import FigureDisplay, data, display, glue, render, show, write
from mssl.figures.registry import FIGURES, FigureRegistry, RegisteredFigure, figure
from mssl.figures.runs import SCALES, Run
from mssl.figures.table import Table, table_of

__all__ = [
    "FIGURES",
    "SCALES",
    "FigureDisplay",
    "FigureRegistry",
    "RegisteredFigure",
    "Run",
    "Table",
    "data",
    "display",
    "figure",
    "glue",
    "render",
    "show",
    "table_of",
    "write",
]
