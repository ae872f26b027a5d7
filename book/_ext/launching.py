"""Buttons that open the notebook of a chapter on Binder or in Colab.

Both services take notebooks from a repository on GitHub. Its workflow puts those of the published
book, with the wheel and the folder `.binder`, on a branch of their own. The buttons appear once
`_config.yml` says where repository and book are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from known_address import github, is_launched
from plain_notebooks import has_notebook

BRANCH = "notebooks"


def launchers(place: str, pagename: str) -> Iterator[dict[str, str]]:
    """The buttons of one page, as the theme's list of buttons takes them."""
    notebook = f"{PurePosixPath(pagename).name}.ipynb"
    for text, tooltip, url in (
        (
            "Binder",
            "Run this chapter on Binder, without an account",
            f"https://mybinder.org/v2/gh/{place}/{BRANCH}?urlpath=lab%2Ftree%2F{notebook}",
        ),
        (
            "Colab",
            "Run this chapter in Google Colab",
            f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/{notebook}",
        ),
    ):
        yield {
            "type": "link",
            "text": text,
            "tooltip": tooltip,
            "url": url,
            "icon": "fas fa-play",
            "label": f"launch-{text.lower()}",
        }


def offer_launchers(app, pagename, templatename, context, doctree) -> None:
    """Put the buttons before the others at the top of a page with code."""
    if not (is_launched(app.config) and has_notebook(app, pagename)):
        return
    place = github(app.config.mssl_repository)
    group = {
        "type": "group",
        "tooltip": "Run this chapter",
        "icon": "fas fa-rocket",
        "buttons": list(launchers(place, pagename)),
        "label": "launch-buttons",
    }
    context["header_buttons"].insert(0, group)


def setup(app):
    # After the theme has begun the list, and before it is drawn.
    app.connect("html-page-context", offer_launchers, priority=502)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
