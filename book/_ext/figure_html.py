"""How the picture of a figure, and what it offers, are written as HTML and as LaTeX."""

from __future__ import annotations

import html
from pathlib import Path

from docutils import nodes
from sphinx.util.osutil import relative_uri

FOLDER = "_static/figures"


class picture(nodes.General, nodes.Element):
    """The picture of a figure, and the table from which the page draws a live one."""


class offers(nodes.General, nodes.Element):
    """What a reader can take from a figure: its files and the code that makes it."""


def address(writer, file: str) -> str:
    """The address of a file of a figure, as seen from the page that is being written."""
    builder = writer.builder
    return relative_uri(builder.get_target_uri(builder.current_docname), f"{FOLDER}/{file}")


def image_pair(source: str, image: dict, classes: str = "") -> str:
    """The same picture for a light page and for a dark one; the browser loads the one it shows."""
    rest = (
        f'alt="{html.escape(image["alt"])}" width="{image["width"]}" height="{image["height"]}" '
        'loading="lazy" decoding="async"'
    )
    return "".join(
        f'<img class="{classes}only-{ground}" src="{source}{fragment}" {rest}>'
        for ground, fragment in (("light", ""), ("dark", "#dark"))
    )


def visit_picture(self, node) -> None:
    image = node["image"]
    source = address(self, image["file"])
    self.body.append(
        f'<div class="mssl-picture"><a href="{source}" title="Enlarge">'
        f"{image_pair(source, image)}</a></div>\n"
    )
    if node["live"]:  # live.js draws it in place of the picture
        self.body.append(
            f'<script type="application/json" class="mssl-table">{node["live"]}</script>\n'
        )
    raise nodes.SkipNode


def visit_offers(self, node) -> None:
    name = node["name"]
    python = f'from mssl.figures import show\n\nshow("{name}", scale="paper", seed=1)'
    shell = f"python -m mssl figures {name} --scale paper --seed 1"
    kinds = (("SVG", "svg"), ("PDF", "pdf"), ("CSV", "csv"))
    links = "\n".join(
        f'<a href="{address(self, f"{name}.{ending}")}" download>{kind}</a>'
        for kind, ending in kinds
    )
    self.body.append(
        f'<div class="mssl-offers">\n{links}\n<details>\n<summary>Code</summary>\n'
        f"<p>Made again, larger and from other random numbers, in Python or in a shell:</p>\n"
        f"{highlighted(self, python, 'python')}{highlighted(self, shell, 'shell')}"
        f"<p>All of <code>{node['path']}</code>, with seed {node['seed']}:</p>\n"
        f"{highlighted(self, node['source'], 'python')}</details>\n</div>\n"
    )
    raise nodes.SkipNode


def highlighted(self, code: str, language: str) -> str:
    block = self.highlighter.highlight_block(code.rstrip("\n"), language)
    return f'<div class="highlight-{language} notranslate">{block}</div>\n'


def print_picture(self, node) -> None:
    """Put the picture into LaTeX as the PDF that was drawn for print."""
    file = f"{node['name']}.pdf"
    self.builder.images[(Path("_build", "figures") / file).as_posix()] = file
    self.body.append(rf"\noindent\sphinxincludegraphics{{{{{node['name']}}}.pdf}}" + "\n")
    raise nodes.SkipNode


def skip(self, node) -> None:
    raise nodes.SkipNode


PICTURE = {
    "html": (visit_picture, None),
    "latex": (print_picture, None),
    "text": (skip, None),
}
OFFERS = {"html": (visit_offers, None), "latex": (skip, None), "text": (skip, None)}
