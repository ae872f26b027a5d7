"""Tables that cells show as HTML, as tables of the book."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import islice

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: Letters in a row of text, and between two columns.
WIDE, BETWEEN = 95, 4
#: The class of a table that is set in small letters.
SMALL = "small"

FORMULA = re.compile(r"\\\((.*?)\\\)", re.DOTALL)


@dataclass
class Cell:
    """A cell: what stands in it, how far it reaches, and whether it is a heading."""

    heading: bool
    columns: int = 1
    rows: int = 1
    content: list[nodes.Node] = field(default_factory=list)


@dataclass
class Row:
    """A row of the head or of the body."""

    in_head: bool
    cells: list[Cell] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(cell.content for cell in self.cells)


class TableParser(HTMLParser):
    """The rows of the one table that a text in HTML holds.

    Of what may stand in a cell, links within the book, breaks and formulas stay.
    """

    def __init__(self, text: str):
        super().__init__()
        self.rows: list[Row] = []
        self._in_head, self._cell, self._link = False, None, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("thead", "tbody"):
            self._in_head = tag == "thead"
        elif tag == "tr":
            self.rows.append(Row(self._in_head))
        elif tag in ("th", "td"):
            columns = int(attributes.get("colspan") or 1)
            rows = int(attributes.get("rowspan") or 1)
            self._cell = Cell(tag == "th", columns, rows)
            self.rows[-1].cells.append(self._cell)
        elif tag == "a":
            self._link = attributes.get("href") or ""
        elif tag == "br" and self._cell is not None:
            self._cell.content.append(nodes.Text(": "))

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self._cell = None
        elif tag == "a":
            self._link = ""

    def handle_data(self, data):
        if self._cell is None or not data.strip():
            return
        for i, part in enumerate(FORMULA.split(data)):
            # A number and its error stay on one line.
            text = part.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
            node = nodes.math(part, part) if i % 2 else nodes.Text(text)
            if part:
                self._cell.content.append(linked(node, self._link) if self._link else node)


def linked(node: nodes.Node, address: str) -> nodes.reference:
    """Return a link to a page beside this one, as the writer of LaTeX knows it."""
    page, _, anchor = address.partition(".html#")
    return nodes.reference("", "", node, refuri=f"%book/{page}#{anchor}", internal=True)


def table_of(rows: list[Row]) -> nodes.table:
    """Return the table as Sphinx writes it; a row of the head that says nothing is left out."""
    rows = [row for row in rows if row.cells and not (row.in_head and row.is_empty)]
    width = max(sum(cell.columns for cell in row.cells) for row in rows)
    lengths = lengths_of(rows, width)
    group = nodes.tgroup("", *(nodes.colspec(colwidth=n + BETWEEN) for n in lengths), cols=width)
    for kind, wanted in ((nodes.thead, True), (nodes.tbody, False)):
        if chosen := [row for row in rows if row.in_head == wanted]:
            group += kind("", *map(row_of, chosen))
    # Long words get columns of stated widths; numbers, as much as they need.
    is_wide = sum(lengths) + BETWEEN * width > WIDE
    classes = ["colwidths-given", SMALL] if is_wide else []
    return nodes.table("", group, classes=classes)


def lengths_of(rows: list[Row], width: int) -> list[int]:
    """Return the letters of the longest cell of each column, below cells that reach down too."""
    lengths, busy = [0] * width, [0] * width
    for row in rows:
        free = (column for column in range(width) if not busy[column])
        for cell in row.cells:
            taken = list(islice(free, cell.columns))
            for column in taken:
                busy[column] = cell.rows
            if len(taken) == 1:
                lengths[taken[0]] = max(lengths[taken[0]], length(cell))
        busy = [max(n - 1, 0) for n in busy]
    return lengths


def length(cell: Cell) -> int:
    """How much room a cell needs beside others, in letters; long text is broken into lines."""
    return min(max(sum(len(node.astext()) for node in cell.content), 4), 96)


def row_of(row: Row) -> nodes.row:
    return nodes.row("", *map(entry_of, row.cells))


def entry_of(cell: Cell) -> nodes.entry:
    entry = nodes.entry("", nodes.paragraph("", "", *cell.content))
    if cell.columns > 1:
        entry["morecols"] = cell.columns - 1
    if cell.rows > 1:
        entry["morerows"] = cell.rows - 1
    return entry


def html_of(bundle: nodes.Element) -> str:
    """Return the HTML of an output, if it is a table."""
    pages = [raw.astext() for raw in bundle.findall(nodes.raw) if raw["format"] == "html"]
    return next((page for page in pages if "<table" in page), "")


def bundles(document: nodes.document) -> Iterator[nodes.Element]:
    for node in document.findall(nodes.container):
        if node.get("nb_element") == "mime_bundle":
            yield node


class SetTables(SphinxPostTransform):
    """Put the table in place of the HTML, which LaTeX cannot read."""

    default_priority = 3  # MyST-NB chooses among the kinds of an output at 4
    formats = ("latex",)

    def run(self, **kwargs) -> None:
        for bundle in list(bundles(self.document)):
            if page := html_of(bundle):
                bundle.replace_self(table_of(TableParser(page).rows))
