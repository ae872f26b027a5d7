"""Populations that several figures of the page share."""

from __future__ import annotations

from mssl.covariance import Blocks

__all__ = ["blocks"]


def blocks(d: int, size: int, correlation: float) -> Blocks:
    """Blocks of equal size with one correlation inside each."""
    return Blocks([size] * (d // size), correlation)
