"""What no reader loads or sees is no part of the site: it would be half of its scripts and styles.

Nor is the markup of names, punctuation and spaces in code, which have no colour of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_COLOURLESS = re.compile(r'<span class="(?:n|p|w)">([^<]*)</span>')


def plain(html: str) -> str:
    """The same code, marked only where that shows."""
    return _COLOURLESS.sub(r"\1", html)


def lighten_page(app, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        context["body"] = plain(context["body"])


def unread(static: Path) -> Iterator[Path]:
    """Files of the themes that no page asks for.

    Maps from compressed scripts to their sources, translations into other languages, and icons in
    a format for browsers that are older than the ones that the scripts need.
    """
    yield from static.rglob("*.map")
    yield from (file for file in static.glob("locales/**/*") if file.is_file())
    yield from static.glob("vendor/fontawesome/webfonts/*.ttf")


def lighten(app, exception) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for file in list(unread(Path(app.outdir, "_static"))):
        file.unlink()


def setup(app):
    app.connect("html-page-context", lighten_page)
    app.connect("build-finished", lighten, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
