"""How long each chapter took to run, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util.docutils import SphinxDirective


class ExecutionTimes(nodes.General, nodes.Element):
    """The place of the table: it is filled when all chapters have run."""


class PlaceOfTheTable(SphinxDirective):
    """``{execution-times}``: one row a chapter, in the order of the book, and their sum."""

    def run(self) -> list[nodes.Node]:
        self.env.metadata[self.env.docname]["has_execution_times"] = True
        return [ExecutionTimes()]


def seconds(env) -> Iterator[tuple[str, float]]:
    """Names of chapters and the seconds that their last run took, in the order of the book."""
    order = [env.config.root_doc, *env.toctree_includes.get(env.config.root_doc, ())]
    for docname in order:
        run = NbMetadataCollector.get_exec_data(env, docname)
        if run is not None and run["runtime"] is not None:
            yield docname, float(run["runtime"])


def table(rows: list[tuple[nodes.Node, str]], foot: tuple[str, str]) -> nodes.table:
    """Return a table of two columns with a head and a foot."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (4, 1)), cols=2)
    head = (nodes.Text("Chapter"), "Seconds")
    body = [*rows, (nodes.Text(foot[0]), foot[1])]
    group += nodes.thead("", row(*head))
    group += nodes.tbody("", *(row(*cells) for cells in body))
    return nodes.table("", group, classes=["execution-times"])


def row(title: nodes.Node, number: str) -> nodes.row:
    """Return one row of the table."""
    cells = (nodes.paragraph("", "", title), nodes.paragraph("", number))
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def fill(app, doctree, docname) -> None:
    """Put the table where the directive stands."""
    for place in list(doctree.findall(ExecutionTimes)):
        times = list(seconds(app.env))
        rows = []
        for chapter, time in times:
            link = nodes.reference("", app.env.titles[chapter].astext(), internal=True)
            link["refuri"] = app.builder.get_relative_uri(docname, chapter)
            rows.append((link, f"{time:.1f}"))
        total = f"{sum(time for _, time in times):.0f}"
        place.replace_self(table(rows, ("All chapters, one after the other", total)))


def write_again(app, env) -> list[str]:
    """Name the pages that show the table, when a chapter has run since they were written."""
    if not NbMetadataCollector.new_exec_data(env):
        return []
    return [name for name, data in env.metadata.items() if data.get("has_execution_times")]


def setup(app):
    app.add_node(ExecutionTimes)
    app.add_directive("execution-times", PlaceOfTheTable)
    app.connect("env-updated", write_again)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
