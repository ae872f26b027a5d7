"""The whole book as one PDF: what LaTeX needs to be told beyond what Sphinx tells it.

``make pdf`` asks for it. Pages that only make sense on the web are left out, numbers are those of
the web pages, and what would be cut at the margin is made to fit.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from sphinx_exercise.nodes import exercise_enumerable_node, solution_node
from sphinx_proof.nodes import NODE_TYPES

from in_print.left_out import LeaveOut
from in_print.sources import PlaceSources
from in_print.tables import SetTables
from in_print.translator import CLAIMS, BookTranslator

ROOT = Path(__file__).resolve().parents[3]
PREAMBLE = Path(__file__).with_name("preamble.tex")
TITLE_PAGE = Path(__file__).with_name("title_page.tex")


def elements(year: str) -> dict[str, str]:
    """What Sphinx puts into the head of the LaTeX file."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return {
        "papersize": "a4paper",
        "pointsize": "10pt",
        "extraclassoptions": "oneside,openany",
        "fontpkg": "",  # the preamble chooses fonts, after the packages that Sphinx loads
        "fncychap": "",
        # Symbols in the headings of chapters are symbols in the bookmarks too.
        "passoptionstopackages": r"\PassOptionsToPackage{psdextra}{hyperref}",
        "figure_align": "htbp",
        "geometry": r"\usepackage[a4paper,hmargin=25mm,top=25mm,bottom=27mm]{geometry}",
        "sphinxsetup": (
            "verbatimwithframe=false,VerbatimColor={HTML}{F4F6F8},verbatimforcewraps=true,"
            "TitleColor={HTML}{12486B},InnerLinkColor={HTML}{12486B},OuterLinkColor={HTML}{12486B}"
        ),
        "fvset": r"\fvset{fontsize=\footnotesize}",
        "preamble": PREAMBLE.read_text("utf-8"),
        "maketitle": TITLE_PAGE.read_text("utf-8")
        .replace("VERSION", version)
        .replace("YEAR", year),
        "tableofcontents": r"\sphinxtableofcontents\listoffigures",
        # An index would hold the names of the package alone, which stand in its reference anyway.
        "makeindex": "",
        "printindex": "",
    }


def configure(app, config) -> None:
    """Choose the engine and what it is told."""
    config.latex_engine = "xelatex"
    config.latex_toplevel_sectioning = "chapter"
    config.latex_domain_indices = False
    config.latex_show_urls = "no"
    config.latex_use_xindy = False
    config.latex_elements = elements(config.copyright.split(",")[0]) | config.latex_elements


def translate(app) -> None:
    """Register the translator with LaTeX only; the theme would take any for one of its own."""
    if app.builder.format == "latex":
        app.set_translator(app.builder.name, BookTranslator)


def setup(app):
    app.setup_extension("sphinx_proof")
    app.setup_extension("sphinx_exercise")
    app.connect("config-inited", configure)
    app.connect("builder-inited", translate)
    app.add_post_transform(LeaveOut)
    app.add_post_transform(SetTables)
    app.add_post_transform(PlaceSources)
    claim = BookTranslator.visit_claim, BookTranslator.depart_claim
    for name in CLAIMS:
        app.add_node(NODE_TYPES[name], override=True, latex=claim)
    exercise = BookTranslator.visit_exercise, BookTranslator.depart_exercise
    for kind in (exercise_enumerable_node, solution_node):
        app.add_node(kind, override=True, latex=exercise)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
