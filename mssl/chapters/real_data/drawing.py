"""Axes that several figures of the page share."""

from __future__ import annotations

__all__ = ["plain_ticks"]


def plain_ticks(ax, axis: str, ticks) -> None:
    """Those of the ticks that lie within the axis, as plain numbers, and no minor ones."""
    low, high = sorted(getattr(ax, f"get_{axis}lim")())
    shown = [t for t in ticks if low <= t <= high]
    getattr(ax, f"set_{axis}ticks")(shown, [f"{t:g}" for t in shown])
    ax.minorticks_off()
