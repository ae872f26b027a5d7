"""Checks of arguments that several functions here share, each ending in one clear sentence."""

from __future__ import annotations

import reprlib
from types import UnionType

from ..validation import positive_integer

__all__ = [
    "entries_of",
    "of_kind",
    "step_set",
    "view_index",
]


def of_kind(value: object, kind: type | UnionType, name: str, wanted: str) -> None:
    """Raise ValueError unless `value` is an instance of `kind`; a class is told from its object.

    The sentence says that `name` must be what `wanted` says.
    """
    if isinstance(value, kind):
        return
    if isinstance(value, type):
        got = f"the class {value.__name__} in place of an object of it"
    else:
        got = " ".join(reprlib.repr(value).split())
    raise ValueError(f"{name} must be {wanted}, got {got}.")


def entries_of(values, name: str, wanted: str) -> list:
    """Return the entries of the iterable `values`, or raise ValueError when it is none.

    The sentence says that `name` must be what `wanted` says.
    """
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{name} must be {wanted}, got {values!r}.") from None


def step_set(values, name: str) -> frozenset[int]:
    """Return the distinct step numbers in `values`, or raise ValueError about `name`."""
    steps = entries_of(values, name, "a list of steps")
    return frozenset(positive_integer(s, f"each entry of {name}", minimum=0) for s in steps)


def view_index(view, n_views: int) -> int:
    """Return `view` as the index of one of `n_views` masks, or raise ValueError."""
    view = positive_integer(view, "view", minimum=0)
    if view >= n_views:
        raise ValueError(
            f"view must be below the number of masks, but view = {view} was asked for and each "
            f"image has {n_views}."
        )
    return view
