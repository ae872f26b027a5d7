"""From a chapter to the notebook that its page offers: plain, executed, and ready to run anywhere.

Text is that of the page (``plain_markdown``), code and outputs are those of the chapter's last run,
and a first cell installs the package where it is missing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.utils import new_document
from installing import requirement, wheel_name
from known_address import address_of
from myst_nb.core.utils import coalesce_streams
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from plain_markdown import REFERENCES, Links, Piece, PlainMarkdown, between_code

GLUED = "application/papermill.record/"
HIDDEN = ("remove-cell", "remove-input", "hide-cell", "hide-input")

INSTALL = """\
# Installs the package of the book where it is missing.
from importlib.util import find_spec

if {missing}:
    %pip install --quiet "{requirement}"
"""
# What tells that an extra of the package is installed. A chapter names those that it needs in its
# header, as `extra: data,tables`.
MODULES = {"": ("mssl",), "data": ("mlxtend", "universal"), "tables": ("pandas",)}


def opening(title: str, book: str, links: Links, extra: str) -> list[nbformat.NotebookNode]:
    """The first two cells: where the notebook comes from, and what it needs."""
    page = links.absolute("")
    name = f"[{title}]({page})" if page else f"*{title}*"
    words = f"This notebook is the page {name} of the book *{book}*, with what its last run gave."
    if not page:
        words += (
            f" To run it, download the file `{wheel_name()}` from the page *Rerun* of the book "
            "into the folder of this notebook; the next cell installs it."
        )
    needed = [module for name in ["", *filter(None, extra.split(","))] for module in MODULES[name]]
    missing = " or ".join(f'find_spec("{module}") is None' for module in needed)
    code = INSTALL.format(missing=missing, requirement=requirement(links.address, extra))
    return [new_markdown_cell(words), new_code_cell(code.rstrip("\n"))]


def text_cells(blocks: Iterable[str]) -> Iterator[nbformat.NotebookNode]:
    """Text between two code cells; each heading after some text begins a cell."""
    waiting: list[str] = []
    for block in blocks:
        if block.startswith("#") and not all(text.startswith("#") for text in waiting):
            yield new_markdown_cell("\n\n".join(waiting))
            waiting = []
        waiting.append(block)
    if waiting:
        yield new_markdown_cell("\n\n".join(waiting))


def cells_of(pieces: Iterable[Piece], code: dict[int, nbformat.NotebookNode]) -> Iterator:
    """The cells of a page: its text, and its code by the place in its own notebook."""
    for text, places in between_code(pieces):
        yield from text_cells(text)
        yield from (code[place] for place in places)


def plain_code(cell: nbformat.NotebookNode, links: Links) -> nbformat.NotebookNode:
    """A code cell with outputs that need no other file, folded where the page folds it."""
    tags = cell.metadata.get("tags", [])
    outputs = coalesce_streams([output for output in cell.outputs if not is_glued(output)])
    folded = {"jupyter": {"source_hidden": True}} if set(tags) & set(HIDDEN) else {}
    return new_code_cell(
        cell.source,
        metadata=folded | ({"tags": tags} if tags else {}),
        outputs=[plain for output in outputs for plain in plain_outputs(output, links)],
    )


def is_glued(output: nbformat.NotebookNode) -> bool:
    """Tell whether an output is a number for the prose, where it stands already."""
    return any(kind.startswith(GLUED) for kind in output.get("data", {}))


def plain_outputs(output: nbformat.NotebookNode, links: Links) -> Iterator[Any]:
    """One output as every Jupyter shows it.

    A figure comes as HTML and as PNG; the PNG stays, which is shown everywhere and needs no trust,
    and the caption follows as text.
    """
    data = dict(output.get("data", {}))
    caption = caption_of(data.pop("text/html")) if {"image/png", "text/html"} <= set(data) else ""
    if "text/html" in data:
        data["text/html"] = linked(data["text/html"], links)
    yield nbformat.from_dict(output | {"data": data} if data else output)
    if caption:
        yield new_output("display_data", {"text/markdown": caption, "text/plain": caption})


def caption_of(page: str) -> str:
    """The caption of a figure in HTML, as Markdown, without the data that it offers."""
    found = re.search(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.DOTALL)
    text = re.sub(r"<a\b[^>]*\bdownload\b.*?</a>", "", found[1] if found else "", flags=re.DOTALL)
    text = re.sub(r"</?strong>", "**", text)
    text = re.sub(r"\\\((.*?)\\\)", r"$\1$", re.sub(r"<[^>]*>", "", text), flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


def linked(page: str, links: Links) -> str:
    """HTML whose links lead to the book, or, without an address, are none."""

    def mend(match: re.Match[str]) -> str:
        target = links.absolute(match[2])
        return f'<a href="{target}">{match[3]}</a>' if target else match[3]

    return re.sub(r"<a\b[^>]*?href=(['\"])(.*?)\1[^>]*>(.*?)</a>", mend, page, flags=re.DOTALL)


def bibliography(page: nodes.document, markdown: PlainMarkdown) -> Iterator[str]:
    """The entries that a page cites, from the page of references."""
    entries = [
        " ".join(markdown.inlines(next(iter(entry.findall(nodes.paragraph)))).split())
        for entry in page.findall(nodes.citation)
        if markdown.cited & set(entry["ids"])
    ]
    if entries:
        yield "## References"
        yield "\n".join(f"- {entry}" for entry in entries)


def references_of(app) -> nodes.document:
    """The page of references, or an empty one in a book that has none."""
    if REFERENCES in app.env.found_docs:
        return app.env.get_and_resolve_doctree(REFERENCES, app.builder)
    return new_document(REFERENCES)


def plain_notebook(app, docname: str, page, source, references) -> nbformat.NotebookNode:
    """Return the plain notebook of a chapter.

    Parameters
    ----------
    app : Sphinx
    docname : str
    page, references : document
        The chapter and the page of references, resolved.
    source : NotebookNode
        The chapter's own notebook, with the outputs of its last run.
    """
    links = Links(address_of(app.config), docname)
    code = {i: cell for i, cell in enumerate(source.cells) if cell.cell_type == "code"}
    shown = {node["cell_index"] for node in page.findall(nodes.container) if "cell_index" in node}
    lines = source.metadata["source_map"]
    hidden = [(lines[place], place) for place in code if place not in shown]
    markdown = PlainMarkdown(app.env, links, hidden)
    pieces = markdown.pieces(page)
    title = app.env.titles[docname].astext()
    cells = opening(title, app.config.html_title, links, app.env.metadata[docname].get("extra", ""))
    plain = {place: plain_code(cell, links) for place, cell in code.items()}
    cells += cells_of([*pieces, *bibliography(references, markdown)], plain)
    return numbered(
        new_notebook(
            cells=cells,
            metadata={
                "kernelspec": source.metadata["kernelspec"],
                "language_info": source.metadata["language_info"],
            },
        )
    )


def numbered(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give cells numbers for names, as the same chapter shall give the same file."""
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index}"
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def has_notebook(app, pagename: str) -> bool:
    """Tell whether a page was made from a chapter with code."""
    return bool(app.env.metadata.get(pagename, {}).get("kernelspec"))


def offer_notebook(app, pagename, templatename, context, doctree) -> None:
    """Let the theme's download button offer the notebook."""
    if has_notebook(app, pagename):
        context["ipynb_source"] = f"{pagename}.ipynb"


def notebook_file(app, docname: str) -> Path:
    return Path(app.outdir, "_sources", f"{docname}.ipynb")


def outdated(app) -> list[str]:
    """Chapters whose page is newer than their notebook."""

    def is_newer(docname: str) -> bool:
        page, notebook = Path(app.builder.get_outfilename(docname)), notebook_file(app, docname)
        return not notebook.is_file() or notebook.stat().st_mtime_ns < page.stat().st_mtime_ns

    chapters = (name for name in sorted(app.env.found_docs) if has_notebook(app, name))
    return [name for name in chapters if is_newer(name)]


def write_notebooks(app, executed: Callable[[Any, str], nbformat.NotebookNode]) -> None:
    """Put the notebooks of changed pages beside their sources."""
    if not (chapters := outdated(app)):
        return
    references = references_of(app)
    for docname in chapters:
        page = app.env.get_and_resolve_doctree(docname, app.builder)
        notebook = plain_notebook(app, docname, page, executed(app, docname), references)
        target = notebook_file(app, docname)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(nbformat.writes(notebook) + "\n", "utf-8")


def setup_notebooks(app, executed: Callable[[Any, str], nbformat.NotebookNode]) -> None:
    """Offer plain notebooks, from what ``executed`` says a chapter gave when it was run."""

    def finish(app, exception) -> None:
        if exception is None and app.builder.format == "html":
            write_notebooks(app, executed)

    app.connect("html-page-context", offer_notebook, priority=100)
    app.connect("build-finished", finish)
