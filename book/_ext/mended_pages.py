"""Corrections of what Sphinx and its theme write, where it keeps a reader from the text.

Each is a rule of the Web Content Accessibility Guidelines that the pages would break; the tests in
``tests/pages`` hold every page against all of them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from sphinx.jinja2glue import BuiltinTemplateLoader

HERE = Path(__file__).resolve().parent
MENDS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    # All text of a page lies in a landmark; the theme forgets the column at the left.
    (
        r'(<div id="pst-primary-sidebar") (class=)',
        r'\1 role="complementary" aria-label="Book" \2',
    ),
    # Who speaks to the computer says what stands on the button.
    (r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"', r"\1"),
    (r'(<i class="theme-switch [^>]*?) title="[^"]*"', r"\1"),
    (r'(<summary) aria-label="Toggle hidden content"', r"\1"),
    # The corner of a table heads nothing.
    (r"<th\b([^>]*)>\s*</th>", r"<td\1></td>"),
    # An index is set in columns, not a table with heads.
    (r'<table class="indextable', r'<table role="presentation" class="indextable'),
    # The entries of a list are its items.
    (r'(<div class="citation"[^>]*?) role="doc-biblioentry"', r'\1 role="listitem"'),
    # A list within a list belongs to one of its items.
    (
        r"(?<=<h1>All modules for which code is available</h1>)(.*?)(?=</article>)",
        lambda match: nested(match[1]),
    ),
]


def nested(lists: str) -> str:
    """Put each inner list into the item before it."""
    inward = lists.replace("</li>\n<ul>", "\n<ul>").replace("</ul>", "</ul></li>")
    head, _, tail = inward.rpartition("</li>")
    return head + tail


def mend(page: str) -> str:
    """Return a page without the faults above."""
    for pattern, replacement in MENDS:
        page = re.sub(pattern, replacement, page, flags=re.DOTALL)
    return page


class MendedTemplates(BuiltinTemplateLoader):
    """The theme's templates, each page mended after it is rendered."""

    def render(self, template: str, context: dict) -> str:
        return mend(super().render(template, context))


def drop_old_sources(app) -> None:
    """Remove pages of source code that are older than what shapes them.

    Sphinx writes such a page again only if the code in it has changed.
    """
    written = Path(app.outdir, "_modules", "index.html")
    shaping = [*HERE.glob("*.py"), Path(app.srcdir, "_config.yml")]
    if written.is_file() and written.stat().st_mtime < max(f.stat().st_mtime for f in shaping):
        shutil.rmtree(written.parent)


def setup(app):
    # Sphinx writes all pages again when this value changes.
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    app.add_config_value("mends", digest, "html", str)
    app.connect("config-inited", use_mended_templates)
    app.connect("builder-inited", drop_old_sources)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def use_mended_templates(app, config) -> None:
    """Let Sphinx render pages by the class above."""
    config.template_bridge = f"{__name__}.{MendedTemplates.__name__}"
