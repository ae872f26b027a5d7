"""The ledger: every theorem, proposition, lemma and corollary of the book, with its check.

The checks stand in the rooms of their pages, in ``claims``: a mapping ``CLAIMS`` from the label in
the book to a function without arguments that returns a :class:`Check`.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from mssl.chapters import PAGES
from mssl.chapters.ledger.book import Claim, claims
from mssl.chapters.ledger.checks import Check

__all__ = ["Check", "Claim", "checks_of", "claims"]


def checks_of(*pages: str) -> dict[str, Callable[[], Check]]:
    """Return the checks of some pages, or of all, by the labels of the claims.

    Parameters
    ----------
    *pages : str
        Names of pages; all that have claims by default.

    Returns
    -------
    dict of str to callable

    Raises
    ------
    ValueError
        If two pages check the same label.
    """
    found: dict[str, Callable[[], Check]] = {}
    for page in pages or PAGES:
        name = f"mssl.chapters.{page}.claims"
        if find_spec(name) is None:
            continue
        new = import_module(name).CLAIMS
        if twice := found.keys() & new.keys():
            raise ValueError(f"The label {min(twice)!r} is checked on two pages; rename one.")
        found.update(new)
    return found
