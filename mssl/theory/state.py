"""What is stored of an object that computes most of itself on demand."""

from __future__ import annotations

from dataclasses import fields

__all__ = ["StoredByFields"]


class StoredByFields:
    """A dataclass that is pickled by its fields; what it has cached is computed again.

    Caches hold closures, which cannot be pickled, and large arrays.
    """

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}
