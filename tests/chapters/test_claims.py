"""Every claim of the book has a check, every check a claim, and every check passes."""

from pathlib import Path

import pytest

from mssl.chapters import PAGES
from mssl.chapters.ledger import Check, Claim, checks_of, claims, report
from mssl.chapters.ledger.report import table

BOOK = Path(__file__).parents[2] / "book"
CHECKS = checks_of()


def test_every_claim_of_the_book_has_a_check_and_no_check_is_left_over():
    labels = [claim.label for claim in claims(BOOK)]
    assert len(labels) == len(set(labels)), "two claims share a label"
    assert set(labels) == set(CHECKS)


@pytest.mark.parametrize("page", PAGES)
def test_a_claim_is_checked_in_the_room_of_its_page(page):
    assert {claim.label for claim in claims(BOOK) if claim.page == page} == set(checks_of(page))


def test_the_report_knows_all_claims_without_the_pages(tmp_path, monkeypatch):
    passed = Check("numerical identity", 0.0, "relative", 1.0, "nothing")
    monkeypatch.setattr(
        report, "checks_of", lambda *pages: dict.fromkeys(checks_of(*pages), lambda: passed)
    )
    with_titles = [claim for claim, _ in report.run(BOOK)]
    alone = [claim for claim, check in report.run(tmp_path) if check is passed]
    assert with_titles == claims(BOOK)
    assert {(c.page, c.kind, c.label) for c in alone} == {
        (c.page, c.kind, c.label) for c in with_titles
    }


@pytest.mark.parametrize("label", sorted(CHECKS))
def test_claim(label):
    check = CHECKS[label]()
    assert check.passed, f"{label}: off by {check.deviation:.3g} {check.unit} ({check.setting})"


def test_the_table_tells_failures_apart_and_keeps_formulas():
    claim = Claim("error", "lemma", "At $a < b$", "lem-a")
    kept = Check("numerical identity", 1e-15, "relative", 1e-10, "4 models")
    off = Check("theory against simulation", 7.0, "standard errors", 4.0, "n < d")
    text = table([(claim, kept), (claim, off)])
    assert text.count("<a href='error.html#lem-a'>Lemma</a>") == 2
    assert "<span class='math'>\\(a &lt; b\\)</span>" in text
    assert "<td>1e-15 relative <small>(1e-10 allowed)</small></td>" in text
    assert "<strong>fails: 7 standard errors" in text


def test_a_claim_without_a_label_is_named(tmp_path):
    (tmp_path / "_toc.yml").write_text("- file: book/a\n")
    (tmp_path / "book").mkdir()
    page = tmp_path / "book" / "a.md"
    page.write_text("```{prf:lemma} One\n:label: lem-one\n```\n")
    assert claims(page.parent) == [Claim("a", "lemma", "One", "lem-one")]
    page.write_text("```{prf:lemma} One\n```\n")
    with pytest.raises(ValueError, match="the claim 'One' has no label"):
        claims(page.parent)
