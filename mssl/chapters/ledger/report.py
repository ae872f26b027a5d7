"""The ledger as a table for the book's last page."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from mssl.chapters import PAGES
from mssl.chapters.ledger import Check, Claim, checks_of, claims

__all__ = ["deviation", "inline", "run", "table"]

_KINDS = {"thm": "theorem", "prop": "proposition", "lem": "lemma", "cor": "corollary"}


def run(book: str | Path) -> list[tuple[Claim, Check]]:
    """Run the check of every claim, in the order of the book.

    The titles of the claims are those in the pages of the folder. Where the folder is not that of
    the book, a claim goes by its label.
    """
    checks = checks_of()
    there = (Path(book).resolve().parent / "_toc.yml").is_file()
    return [(claim, checks[claim.label]()) for claim in (claims(book) if there else labelled())]


def labelled() -> list[Claim]:
    """All claims by the labels of their checks, which the package knows without the pages."""
    return [
        Claim(page, _KINDS[label.split("-")[0]], label, label)
        for page in PAGES
        for label in checks_of(page)
    ]


def deviation(check: Check) -> str:
    """How far off a claim was, and how far it may be."""
    if check.unit == "exact":
        return "nothing" if check.deviation == 0 else f"{check.deviation:.0f} terms"
    return f"{check.deviation:.2g} {check.unit} <small>({check.tolerance:.2g} allowed)</small>"


def inline(text: str) -> str:
    """HTML of a title, with its formulas where the page's MathJax looks for them."""
    return re.sub(r"\$([^$]+)\$", r"<span class='math'>\\(\1\\)</span>", escape(text, quote=False))


def table(results: list[tuple[Claim, Check]]) -> str:
    """An HTML table with one row a claim."""
    head = "".join(
        f"<th scope='col'>{word}</th>" for word in ("Claim", "How it was checked", "Off by")
    )
    rows = []
    for claim, check in results:
        link = f"<a href='{claim.page}.html#{claim.label}'>{claim.kind.capitalize()}</a>"
        verdict = deviation(check)
        cells = (
            f"{link}: {inline(claim.title)}",
            f"{escape(check.how)}<br><small>{escape(check.setting)}</small>",
            verdict if check.passed else f"<strong>fails: {verdict}</strong>",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        "<table class='table claims'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
