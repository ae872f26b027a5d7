"""What no reader loads is no part of the site: it would be half of its scripts and styles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


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
    app.connect("build-finished", lighten, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
