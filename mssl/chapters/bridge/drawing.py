"""Points that several figures of the page share."""

from __future__ import annotations

from mssl.figures.style import KINDS, shade

__all__ = ["open_points"]


def open_points(ax, x, y, error, kind: str, level: float = 1.0) -> None:
    """Measurements as open points, so that two kinds can be told apart."""
    ax.errorbar(
        x, y, yerr=error, fmt=KINDS[kind].marker,
        color=shade(kind, level), markerfacecolor="white", markeredgecolor=shade(kind, level),
        markeredgewidth=1.4, elinewidth=1.2, linestyle="none", zorder=3,
    )  # fmt: skip
