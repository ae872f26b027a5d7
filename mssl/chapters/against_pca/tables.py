"""Rows of tables that two figures of the page share."""

from __future__ import annotations

from mssl.figures.table import Table

__all__ = ["strength_table"]


def strength_table(panel, witness, method, strength, overlap, error) -> Table:
    return Table(
        {
            "panel": panel,
            "witness": witness,
            "method": method,
            "strength": strength,
            "overlap": overlap,
            "standard_error": error,
        }
    )
