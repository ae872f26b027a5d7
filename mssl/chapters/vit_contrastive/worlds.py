"""Temperature, penalty and batch size wherever the page says nothing else."""

from __future__ import annotations

__all__ = ["BATCH", "PENALTY", "TEMPERATURE"]

#: Temperature, regularisation and batch size wherever nothing else is said.
TEMPERATURE, PENALTY, BATCH = 0.1, 1e-4, 32
