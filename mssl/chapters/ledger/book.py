"""The claims as they stand in the book's pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DIRECTIVE = re.compile(
    r"^(?:`{3,}|:{3,})\{prf:(?P<kind>theorem|proposition|lemma|corollary)\}(?P<title>[^\n]*)\n"
    r"(?P<options>(?::[\w-]+:[^\n]*\n)*)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Claim:
    """A theorem, proposition, lemma or corollary of the book."""

    page: str
    kind: str
    title: str
    label: str


def claims(book: str | Path) -> list[Claim]:
    """Return all claims of the book, page by page in the order of the table of contents.

    Parameters
    ----------
    book : path
        The folder of the pages, beside the table of contents.

    Returns
    -------
    list of Claim

    Raises
    ------
    ValueError
        If a claim has no label.
    """
    book = Path(book).resolve()
    order = re.findall(r"file:\s*book/(\S+)", (book.parent / "_toc.yml").read_text("utf-8"))
    found = []
    for page in book.glob("*.md"):
        for match in DIRECTIVE.finditer(page.read_text(encoding="utf-8")):
            label = re.search(r"^:label:\s*(\S+)", match["options"], re.MULTILINE)
            if label is None:
                raise ValueError(f"{page.name}: the claim '{match['title'].strip()}' has no label")
            found.append(Claim(page.stem, match["kind"], match["title"].strip(), label[1]))
    return sorted(found, key=lambda c: order.index(c.page) if c.page in order else len(order))
