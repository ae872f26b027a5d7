"""What is stored of an object that computes most of itself on demand."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any, ClassVar

__all__ = ["StoredByFields"]


class StoredByFields:
    """A dataclass that is pickled by its fields; what it has cached is computed again.

    Caches hold closures, which cannot be pickled, and large arrays.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # given by `dataclass`

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
