"""Every claim of the book has a check, every check a claim, and every check passes."""

from pathlib import Path

import pytest

from mssl.chapters import PAGES
from mssl.chapters.ledger import checks_of, claims

BOOK = Path(__file__).parents[1] / "book"
CHECKS = checks_of()


def test_every_claim_of_the_book_has_a_check_and_no_check_is_left_over():
    labels = [claim.label for claim in claims(BOOK)]
    assert len(labels) == len(set(labels)), "two claims share a label"
    assert set(labels) == set(CHECKS)


@pytest.mark.parametrize("page", PAGES)
def test_a_claim_is_checked_in_the_room_of_its_page(page):
    assert {claim.label for claim in claims(BOOK) if claim.page == page} == set(checks_of(page))


@pytest.mark.parametrize("label", sorted(CHECKS))
def test_claim(label):
    check = CHECKS[label]()
    assert check.passed, f"{label}: off by {check.deviation:.3g} {check.unit} ({check.setting})"
