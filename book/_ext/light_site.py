"""What no reader loads or sees is no part of the site: it would be half of its scripts and styles.

Nor is the markup of names, punctuation and spaces in code, which have no colour of their own; nor
are the two thousand icons of the theme that no page shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# An icon in the theme's script: name: [width, height, [other names], "code", "drawing"],
_ICON = re.compile(
    r'(?P<name>"[a-z0-9-]+"|\w+):\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+",'
    r'(?:"[^"]*"|\["[^"]*"(?:,"[^"]*")*\])\],?'
)
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


def few_icons(script: str, wanted: set[str]) -> str:
    """The script that draws icons, with no others than those of these names."""

    def kept(icon: re.Match[str]) -> str:
        names = {icon["name"].strip('"'), *re.findall(r'"([^"]+)"', icon["others"])}
        return icon[0] if names & wanted else ""

    return _ICON.sub(kept, script)


def lighten(app, exception) -> None:
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for file in list(unread(site / "_static")):
        file.unlink()
    icons = site / "_static" / "scripts" / "fontawesome.js"
    readers = [*site.rglob("*.html"), *(f for f in site.rglob("*.js") if f != icons)]
    wanted = {
        name for f in readers for name in re.findall(r"fa-([a-z0-9-]+)", f.read_text("utf-8"))
    }
    icons.write_text(few_icons(icons.read_text("utf-8"), wanted), "utf-8")


def setup(app):
    app.connect("html-page-context", lighten_page)
    app.connect("build-finished", lighten, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
