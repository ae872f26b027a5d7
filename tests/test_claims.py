"""Every claim of the book has a check, every check a claim, and every check passes."""

import pytest

from tests.claims import CLAIMS
from tests.ledger.book import claims


def test_every_claim_of_the_book_has_a_check_and_no_check_is_left_over():
    labels = [claim.label for claim in claims()]
    assert len(labels) == len(set(labels)), "two claims share a label"
    assert set(labels) == set(CLAIMS)


@pytest.mark.parametrize("label", sorted(CLAIMS))
def test_claim(label):
    check = CLAIMS[label]()
    assert check.passed, f"{label}: off by {check.deviation:.3g} {check.unit} ({check.setting})"
