"""Docstrings name theorems that the book has, and the book names what implements them."""

import re
from pathlib import Path

from implementations import ROLE, implementations

ROOT = Path(__file__).resolve().parents[1]
LABEL = re.compile(r"\{prf:\w+\}.*\n(?::[\w-]+:.*\n)*?:label: (\S+)")
LABELS = {
    found for page in (ROOT / "book").glob("*.md") for found in LABEL.findall(page.read_text())
}


def test_every_theorem_that_the_package_names_is_in_the_book():
    named = {
        label
        for file in (ROOT / "mssl").rglob("*.py")
        for label in ROLE.findall(file.read_text("utf-8"))
    }
    assert named
    assert named <= LABELS


def test_every_named_theorem_is_named_by_something_in_the_reference():
    # Or else the book could not name it back.
    named = {
        label
        for file in (ROOT / "mssl").rglob("*.py")
        for label in ROLE.findall(file.read_text("utf-8"))
    }
    assert named == set(implementations())
