"""Maps of who sees a signal: their tables, their colours and their winners."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import LineStyleType

from mssl.chapters.against_pca.worlds import METHODS, NAMES, flat_direction, measure, noise_levels
from mssl.covariance import Diagonal, Spiked
from mssl.figures.style import colors
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error

__all__ = [
    "FAINT",
    "TIE",
    "border_rows",
    "draw_map",
    "map_grid",
    "map_legend",
    "map_marks",
    "map_measured",
    "map_table",
    "overlap_table",
    "panel_name",
    "winners",
]

#: Overlaps closer than this count as equal, and below FAINT nothing is seen.
TIE, FAINT = 0.02, 0.1


overlap_table = table_of("panel", "witness", "method", "x", "strength", "overlap", "standard_error")


def map_table(panel, witness, x, strength, found, errors=None) -> Table:
    """Overlaps of all methods, found and their errors by method."""
    errors = errors or dict.fromkeys(METHODS, np.nan)
    # Six digits, in a file of thousands of rows that every reader may download.
    return Table.concat(
        overlap_table(panel, witness, m, x, strength, np.round(found[m], 6), errors[m])
        for m in METHODS
    )


def map_measured(rng, *, panel, gamma, ratio, size, x, strength, d, trials) -> Table:
    """Measured overlaps at one place of a map; size 0 stands for a flat signal."""
    u = flat_direction(d, slice(0, 2 * size, 2) if size else None)
    world = Spiked(Diagonal(noise_levels(d, ratio)), strength, u[:, None])
    values = measure(world, u, round(d / gamma), METHODS, trials, rng)
    pairs = {m: mean_and_error(values[m]) for m in METHODS}
    return map_table(
        panel, "measured", x, strength,
        {m: p[0] for m, p in pairs.items()}, {m: p[1] for m, p in pairs.items()},
    )  # fmt: skip


def border_rows(panel, method, x, strength) -> Table:
    """A threshold: the strength from which a method sees anything, infinite if it never does."""
    return overlap_table(panel, "threshold", method, [float(x)], float(strength), 0.0)


def panel_name(gamma: float, ratio: float | None = None) -> str:
    """What a panel says above itself."""
    return f"d/n = {gamma:.3g}" + ("" if ratio is None else f", r = {ratio:g}")


def winners(overlaps: np.ndarray, errors: np.ndarray | None = None) -> np.ndarray:
    """Which methods share the first place: a bit for each; 0 where nobody sees the signal.

    Parameters
    ----------
    overlaps : ndarray of shape (3, ...)
    errors : ndarray of shape (3, ...), optional
        Standard errors; a gap of less than two of them is a tie too.

    Returns
    -------
    ndarray of int
        Sum of 1, 2 and 4 for masked regression, correlation PCA and PCA.
    """
    best = overlaps.max(axis=0)
    band = np.full(best.shape, TIE)
    if errors is not None:
        band = np.maximum(band, 2.0 * np.hypot(errors, np.take_along_axis(
            errors, np.argmax(overlaps, axis=0)[None], axis=0)))  # fmt: skip
    code = ((overlaps >= best - band) * np.array([1, 2, 4]).reshape(-1, *[1] * best.ndim)).sum(0)
    return np.where(best < FAINT, 0, code)


def _blend(code: int, strength: float) -> str:
    """Colour of a set of methods, mixed with white."""
    if code == 0:
        return "#ffffff"
    if code == 7:
        rgb = np.full(3, 0.55)
    else:
        rgb = np.mean([to_rgb(colors[m]) for k, m in enumerate(METHODS) if code >> k & 1], axis=0)
    return to_hex(tuple(strength * rgb + (1 - strength)))


_STYLES: dict[str, LineStyleType] = {"masked_regression": "-", "correlation_pca": "--", "pca": "-."}
_MARKS = {0: "x", 1: "o", 2: "D", 4: "s"}
_WINNERS = {
    0: "nobody",
    1: "masked regression",
    2: "correlation PCA",
    3: "masked and correlation",
    4: "PCA",
    5: "masked and PCA",
    6: "correlation and PCA",
    7: "all three",
}


def map_grid(rows: Table):
    """Axes and overlaps of the theory part of a map, of shape (3, n_y, n_x)."""
    theory = rows.where(witness="theory")
    x, y = np.array(theory.unique("x")), np.array(theory.unique("strength"))
    values = np.stack(
        [theory.where(method=m)["overlap"].reshape(len(x), len(y)).T for m in METHODS]
    )
    return x, y, values


def map_marks(rows: Table):
    """Places, overlaps and standard errors of the measured part of a map."""
    points = [rows.where(witness="measured", method=m) for m in METHODS]
    overlaps = np.stack([p["overlap"] for p in points])
    errors = np.stack([p["standard_error"] for p in points])
    return points[0]["x"], points[0]["strength"], overlaps, errors


def draw_map(ax, rows: Table, codes: set[int]) -> None:
    """Colours of the winners, borders of what each method sees, and measured marks."""
    x, y, values = map_grid(rows)
    code = winners(values)
    seen = sorted(set(code.ravel().tolist()))
    codes.update(seen)
    picture = np.array([[to_rgb(_blend(c, 0.4)) for c in row] for row in code])
    ax.pcolormesh(x, y, picture, shading="nearest", rasterized=True, zorder=0)
    borders = rows.where(witness="threshold")
    for method, line in borders.groups("method"):
        # Black: the areas have the colours of the methods already.
        ax.plot(
            line["x"], line["strength"], color="black", linewidth=1.5, linestyle=_STYLES[method]
        )
    px, py, overlaps, errors = map_marks(rows)
    for a, b, c in zip(px, py, winners(overlaps, errors), strict=True):
        codes.add(int(c))
        marker = _MARKS.get(int(c), "h")
        ax.plot(
            a, b, marker, markersize=8, markeredgecolor="white" if c else "#444444",
            markeredgewidth=0.9 if c else 1.6, color=_blend(c, 1.0), zorder=3, clip_on=False,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", ylim=(0.5, 50.0))


def map_legend(fig, codes: set[int]) -> None:
    """The areas that occur, with the mark of a simulation in each, and the lines of thresholds."""
    areas = []
    for c in sorted(codes):
        area = Patch(facecolor=_blend(c, 0.4), edgecolor="#999999", linewidth=0.6)
        mark = Line2D(
            [], [], linestyle="none", marker=_MARKS.get(c, "h"), markersize=7,
            color=_blend(c, 1.0) if c else "#444444", markeredgecolor="white" if c else "#444444",
        )  # fmt: skip
        areas.append(((area, mark), f"{_WINNERS[c]} best" if c else "seen by nobody"))
    lines = [
        (
            Line2D([], [], color="black", linewidth=1.5, linestyle=_STYLES[m]),
            f"threshold, {NAMES[m]}",
        )
        for m in METHODS
    ]
    handles, labels = zip(*areas, *lines, strict=True)
    fig.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1.5,
               handler_map={tuple: HandlerTuple(ndivide=1)}, fontsize=10)  # fmt: skip
