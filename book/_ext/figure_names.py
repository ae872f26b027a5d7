"""What a figure is called in the book, where it stands, and how its words are set."""

from __future__ import annotations

from docutils import nodes

from mssl.figures import RegisteredFigure
from mssl.figures.words import MATHEMATICS


def label_of(name: str) -> str:
    """The label of a figure.

    Examples
    --------
    >>> label_of("double_descent")
    'fig-double-descent'
    """
    return f"fig-{name.replace('_', '-')}"


def page_of(entry: RegisteredFigure) -> str:
    """The page that shows a figure."""
    return f"book/{entry.chapter}"


def inline(text: str) -> list[nodes.Node]:
    """The nodes of a text with mathematics between dollar signs.

    Examples
    --------
    >>> [node.astext() for node in inline("Entries of $Q$ for $d = n$.")]
    ['Entries of ', 'Q', ' for ', 'd = n', '.']
    """
    parts = MATHEMATICS.split(" ".join(text.split()))
    made = (nodes.math(part, part) if i % 2 else nodes.Text(part) for i, part in enumerate(parts))
    return [node for node in made if node.astext()]
