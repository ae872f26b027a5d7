"""Looks that several figures of the page share."""

from __future__ import annotations

__all__ = ["LOOK", "VECTORS"]

LOOK = "masked_regression"

#: Shade and line of the three eigenvectors.
VECTORS = {"right": (1.0, "-"), "left": (0.45, "--"), "symmetric": (0.0, ":")}
