"""From the figure that a cell displays to a numbered figure of the book, with files to keep.

A cell's output holds picture and data inside its HTML, which is right for a notebook. In the book
the figure gets a number and the label ``fig-NAME``, its mathematics is set, and picture and data
become files of the site, ``_static/figures/NAME.svg``, ``.pdf`` and ``.csv``.
"""

from __future__ import annotations

import base64
import re
import shutil
import sys
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
from docutils import nodes
from figure_html import OFFERS, PICTURE, offers, picture
from figure_live import table_for_page
from figure_names import inline, label_of
from figure_svg import for_page
from sphinx.transforms import SphinxTransform

from mssl.figures import FIGURES, RegisteredFigure, Table, render
from mssl.figures.words import readable

ROOT = Path(__file__).resolve().parents[2]

#: Where files of figures are kept between reading and writing, and where they stand in the site.
KEPT, SITE = Path("_build", "figures"), Path("_static", "figures")

_IDENTIFIER = re.compile(r'<figure class="mssl-figure" id="figure-([a-z0-9-]+)"')
_DISPLAY = re.compile(r"""display\(["']\w+["']\)""")


class Shown(HTMLParser):
    """The picture and the data inside the HTML of a displayed figure."""

    def __init__(self, text: str):
        super().__init__()
        self.image: dict[str, str | None] = {}
        self.csv = b""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "img":
            self.image = attributes
        if tag == "a" and "download" in attributes:
            self.csv = content(attributes["href"])


def content(address: str | None) -> bytes:
    """The content of a data address."""
    return base64.b64decode((address or "").partition("base64,")[2])


class NumberFigures(SphinxTransform):
    """Replace the output of each cell that displays a figure by a figure of the book."""

    default_priority = 400  # Sphinx collects labels at 850

    def apply(self, **kwargs) -> None:
        for output in list(self.document.findall(is_figure)):
            assert isinstance(output, nodes.Element)
            page = next(output.findall(nodes.raw)).astext()
            found = _IDENTIFIER.search(page)
            assert found is not None
            entry = FIGURES.get(found[1].replace("-", "_"))
            figure = self.figure(entry, Shown(page))
            if is_nothing_else(output):
                cell = output.parent.parent
                cell.children = []
                cell.attributes.pop("hide_mode", None)
                # No longer a cell to the eye: the figure itself says how it is made.
                cell["classes"] = ["mssl-cell"]
                cell += figure
            else:
                output.replace_self(figure)
            self.document.note_explicit_target(figure)

    def figure(self, entry: RegisteredFigure, shown: Shown) -> nodes.figure:
        """Return the figure, and keep its files."""
        kept = Path(self.app.srcdir, KEPT)
        table = Table.from_csv(shown.csv.decode("utf-8"))
        image = described(entry, shown)
        figures_of(self.env).setdefault(self.env.docname, {})[entry.name] = {
            "files": keep(entry, table, shown, kept),
            "image": image,
        }
        label = label_of(entry.name)
        live = entry.moving(table)
        source = Path(sys.modules[entry.draw.__module__].__file__ or "")
        self.env.note_dependency(str(source))
        caption = nodes.paragraph("", "", *inline(entry.caption))
        return nodes.figure(
            "",
            picture("", name=entry.name, image=image, live=live and table_for_page(live)),
            nodes.caption("", "", *inline(entry.title)),
            nodes.legend(
                "",
                caption,
                offers(
                    "",
                    name=entry.name,
                    seed=entry.seed,
                    path=source.relative_to(ROOT).as_posix(),
                    source=source.read_text("utf-8"),
                ),
            ),
            ids=[label],
            names=[label],
            classes=["mssl-figure"],
        )


def is_figure(node: nodes.Node) -> bool:
    """Tell whether a node is the output of a cell that displays a figure."""
    return (
        isinstance(node, nodes.container)
        and node.get("nb_element") == "mime_bundle"
        and any(_IDENTIFIER.match(raw.astext()) for raw in node.findall(nodes.raw))
    )


def is_nothing_else(output: nodes.Element) -> bool:
    """Tell whether a cell does nothing but display a figure."""
    cell = output.parent.parent
    source = cell.children[0].astext().strip()
    return bool(_DISPLAY.fullmatch(source)) and len(output.parent.children) == 1


def described(entry: RegisteredFigure, shown: Shown) -> dict[str, str]:
    """File, alternative text and size of the picture."""
    said = {key: shown.image[key] or "" for key in ("alt", "width", "height")}
    return {"file": f"{entry.name}.svg"} | said


def keep(entry: RegisteredFigure, table: Table, shown: Shown, folder: Path) -> list[str]:
    """Write the files of a figure; return their names.

    The PDF is drawn here, unless it was drawn before and the picture is still the same.
    """
    files = {f"{entry.name}.svg": for_page(content(shown.image["src"]))}
    print_name = f"{entry.name}.pdf"
    changed = any(not holds(folder / name, data) for name, data in files.items())
    if changed or not (folder / print_name).is_file():
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            files[print_name] = render(entry.figure(table), "pdf", title=readable(entry.title))
    files[f"{entry.name}.csv"] = shown.csv
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sorted({*files, print_name})


def holds(file: Path, data: bytes) -> bool:
    return file.is_file() and file.read_bytes() == data


def figures_of(env) -> dict[str, dict[str, dict]]:
    """The files, and the picture, of each figure of each page."""
    if not hasattr(env, "mssl_figures"):
        env.mssl_figures = {}
    return env.mssl_figures


def files_of(page: dict[str, dict]) -> list[str]:
    """The files of all figures of a page."""
    return [file for figure in page.values() for file in figure["files"]]


def forget(app, env, docname) -> None:
    figures_of(env).pop(docname, None)


def merge(app, env, docnames, other) -> None:
    figures_of(env).update({name: figures_of(other).get(name, {}) for name in docnames})


def unkept(app, env, added, changed, removed) -> list[str]:
    """Pages to be read again, as files of their figures are gone."""
    folder = Path(app.srcdir, KEPT)
    return [
        docname
        for docname, figures in figures_of(env).items()
        if not all((folder / file).is_file() for file in files_of(figures))
    ]


def publish(app, exception) -> None:
    """Put the files of all figures into the site, and take away those of figures that are gone."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir, SITE)
    site.mkdir(parents=True, exist_ok=True)
    wanted = {file for page in figures_of(app.env).values() for file in files_of(page)}
    for old in site.iterdir():
        if old.name not in wanted:
            old.unlink()
    for file in sorted(wanted):
        shutil.copyfile(Path(app.srcdir, KEPT, file), site / file)


def own_digest() -> str:
    """Changes whenever the pages must be read anew because their figures are made otherwise."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def setup(app):
    app.add_config_value("mssl_figures", own_digest(), "env")
    app.add_transform(NumberFigures)
    app.add_node(picture, **PICTURE)
    app.add_node(offers, **OFFERS)
    app.add_css_file("figures.css")
    app.add_css_file("live.css")
    app.add_js_file("figures.js", loading_method="defer")
    app.add_js_file("live.js", loading_method="defer")
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-get-outdated", unkept)
    app.connect("build-finished", publish)
    app.setup_extension("figure_gallery")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
