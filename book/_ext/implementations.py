"""Which parts of the package implement which theorems, as their docstrings say."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

API = Path(__file__).resolve().parents[1] / "api.md"
ROLE = re.compile(r":theorem:`([\w-]+)`")


def documented() -> Iterator[tuple[str, object]]:
    """Names and objects of the reference: functions, classes, and the classes' own members.

    What a private base gives to a class is its own to a reader.
    """
    for module in re.findall(r"automodule:: (\S+)", API.read_text("utf-8")):
        for name in getattr(importlib.import_module(module), "__all__", ()):
            thing = getattr(importlib.import_module(module), name)
            yield f"{module}.{name}", thing
            for member, value in own_members(thing):
                yield f"{module}.{name}.{member}", value


def own_members(thing: object) -> Iterator[tuple[str, object]]:
    """Public members that a class has not from another public class."""
    for base in inspect.getmro(thing) if inspect.isclass(thing) else ():
        face = getattr(importlib.import_module(base.__module__), "__all__", ())
        private = base.__module__.startswith("mssl.") and base.__name__ not in face
        if base is thing or private:
            yield from ((name, value) for name, value in vars(base).items() if name[0] != "_")


def implementations() -> dict[str, list[str]]:
    """By label of a theorem, the names of what implements it, in the order of the reference."""
    found: dict[str, list[str]] = {}
    for name, thing in documented():
        for label in ROLE.findall(getattr(thing, "__doc__", None) or ""):
            found.setdefault(label, []).append(name)
    return found
