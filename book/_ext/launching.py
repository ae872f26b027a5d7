"""Buttons that open the notebook of a chapter on Binder or in Colab.

Both services take notebooks from a repository on GitHub. Its workflow puts those of the published
book, with the wheel and the folder `.binder`, on a branch of their own. The buttons appear once
`_config.yml` says where repository and book are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from known_address import address_of
from plain_notebooks import has_notebook

BRANCH = "notebooks"


def github(repository: str) -> str:
    """Owner and name of a repository on GitHub, or nothing."""
    parts = urlsplit(repository.rstrip("/").removesuffix(".git"))
    place = PurePosixPath(parts.path)
    return "/".join(place.parts[1:]) if parts.netloc == "github.com" else ""


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


def is_launched(config) -> bool:
    """Tell whether repository and book are where the two services find them."""
    return bool(github(config.mssl_repository) and address_of(config))


def say_where_to_run(app, config) -> None:
    """Let the page Rerun name the buttons, after what it says of the first cell."""
    if is_launched(config):
        said = config.myst_substitutions
        words = " The rocket at the top of the page opens the notebook on Binder or in Colab."
        config.myst_substitutions = {**said, "first_cell": said["first_cell"] + words}


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
    # After the words that it adds to.
    app.connect("config-inited", say_where_to_run, priority=501)
    # After the theme has begun the list, and before it is drawn.
    app.connect("html-page-context", offer_launchers, priority=502)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
