"""What is no part of the print: pages and sections that only make sense on the web."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: A wall of pictures that are links, and a build's times.
PAGES = frozenset({"book/gallery", "book/execution_times"})
#: What each function takes and returns would be a third of the print; only the map is set.
REFERENCE, SET_OF_REFERENCE = "book/api", "the-house"

_ADDRESS = re.compile(r"[a-z]+:|[#%]")


def is_set(uri: str) -> bool:
    """Tell whether what a link leads to is printed, or stands on another site.

    Examples
    --------
    >>> is_set("%book/error#thm-test-error"), is_set("https://example.org")
    (True, True)
    >>> is_set("%book/gallery#ch-gallery"), is_set("%book/api#mssl.SSRTheory")
    (False, False)
    """
    page, _, anchor = uri.removeprefix("%").partition("#")
    if page == REFERENCE and anchor.removeprefix("module-").startswith("mssl"):
        return False
    return page not in PAGES and bool(_ADDRESS.match(uri))


def unprinted(page: nodes.Element) -> list[nodes.Element]:
    """Return the parts of a page that are not printed."""
    if page["docname"] in PAGES:
        return [page]
    if page["docname"] != REFERENCE:
        return []
    return [
        section
        for section in page.findall(nodes.section)
        if isinstance(section.parent, nodes.section) and SET_OF_REFERENCE not in section["ids"]
    ]


class LeaveOut(SphinxPostTransform):
    """Take these parts out before anything is done with what stands in them."""

    default_priority = 1
    formats = ("latex",)

    def run(self, **kwargs) -> None:
        for page in list(self.document.findall(addnodes.start_of_file)):
            for part in unprinted(page):
                part.parent.remove(part)
