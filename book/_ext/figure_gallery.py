"""The gallery: every figure of the book as a small picture with its number, page by page."""

from __future__ import annotations

from itertools import groupby

from cross_references import cross_reference
from docutils import nodes
from figure_html import image_pair
from figure_names import inline, label_of, page_of
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from mssl.figures import FIGURES, RegisteredFigure
from mssl.figures.words import readable


class thumbnail(nodes.General, nodes.Element):
    """A small picture that leads to the figure; its file is known once all pages are read."""


class Gallery(SphinxDirective):
    """``{figure-gallery}``: all figures, in the order of the book."""

    def run(self) -> list[nodes.Node]:
        vars(self.env)["mssl_gallery"] = self.env.docname
        in_order = sorted(FIGURES, key=lambda entry: entry.chapter != "landing")
        made: list[nodes.Node] = []
        for page, entries in groupby(in_order, key=page_of):
            heading = self.reference("std:doc", f"/{page}", nodes.inline())
            made.append(nodes.rubric("", "", heading))
            items = (self.item(entry) for entry in entries)
            made.append(nodes.container("", *items, classes=["mssl-gallery"]))
        return made

    def item(self, entry: RegisteredFigure) -> nodes.container:
        number = self.reference("std:numref", label_of(entry.name), nodes.literal("", "Figure"))
        title = nodes.paragraph("", "", number, nodes.Text(". "), *inline(entry.title))
        return nodes.container("", thumbnail("", name=entry.name), title)

    def reference(self, role: str, target: str, shown: nodes.Element) -> addnodes.pending_xref:
        return cross_reference(role, target, shown, self.env.docname, own_words=False)


def visit_thumbnail(self, node) -> None:
    builder = self.builder
    entry = FIGURES.get(node["name"])
    figure = builder.env.mssl_figures[page_of(entry)][entry.name]
    here = builder.get_target_uri(builder.current_docname)
    target = relative_uri(here, builder.get_target_uri(page_of(entry)))
    image = figure["image"] | {"alt": readable(entry.title)}
    source = relative_uri(here, f"_static/figures/{image['file']}")
    self.body.append(f'<a href="{target}#{label_of(entry.name)}">{image_pair(source, image)}</a>\n')
    raise nodes.SkipNode


def skip(self, node) -> None:
    raise nodes.SkipNode


def renew(app, env) -> list[str]:
    """Write the gallery anew whenever a page was read: numbers and pictures may have changed."""
    name = vars(env).get("mssl_gallery")
    return [name] if name in env.found_docs else []


def setup(app):
    app.add_directive("figure-gallery", Gallery)
    app.add_node(thumbnail, html=(visit_thumbnail, None), latex=(skip, None), text=(skip, None))
    app.connect("env-updated", renew)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
