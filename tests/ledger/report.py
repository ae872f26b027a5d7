"""The ledger as a table for the book's last page."""

from __future__ import annotations

from html import escape

from tests.claims import CLAIMS
from tests.ledger.book import Claim, claims
from tests.ledger.core import Check


def run() -> list[tuple[Claim, Check]]:
    """Run the check of every claim, in the order of the book."""
    return [(claim, CLAIMS[claim.label]()) for claim in claims()]


def deviation(check: Check) -> str:
    """How far off a claim was, in words."""
    if check.unit == "exact":
        return "0, exactly" if check.deviation == 0 else f"{check.deviation:.0f} terms left"
    return f"{check.deviation:.2g} {check.unit}"


def table(results: list[tuple[Claim, Check]]) -> str:
    """An HTML table with one row a claim."""
    head = "".join(
        f"<th scope='col'>{word}</th>"
        for word in ("Claim", "How it was checked", "Off by", "Allowed", "Setting", "Holds")
    )
    rows = []
    for claim, check in results:
        link = f"<a href='{claim.page}.html#{claim.label}'>{claim.kind.capitalize()}</a>"
        allowed = "0" if check.unit == "exact" else f"{check.tolerance:.2g} {check.unit}"
        cells = (
            f"{link}: {escape(claim.title)}",
            escape(check.how),
            deviation(check),
            allowed,
            escape(check.setting),
            "yes" if check.passed else "<strong>no</strong>",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        "<div class='table-wrapper'><table class='table claims'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
