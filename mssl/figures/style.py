"""How things look: one colour for one thing, lines for theory, points for measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.typing import ColorType, LineStyleType
from numpy.typing import ArrayLike

__all__ = [
    "FREE_LAYOUT",
    "KINDS",
    "STYLE_SHEET",
    "Kind",
    "colors",
    "direct_label",
    "histogram",
    "linear_light",
    "log_ticks",
    "luminance",
    "measured",
    "shade",
    "theory_line",
]

#: The style sheet that every figure is drawn and saved with.
STYLE_SHEET = str(Path(__file__).with_name("mssl.mplstyle"))

#: Layout of a figure whose axes are placed by hand. Matplotlib takes it, its annotations do not.
FREE_LAYOUT: Any = "none"

# Okabe and Ito's eight colours, told apart with any common colour vision.
_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_YELLOW, _BLUE, _VERMILLION, _PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"


@dataclass(frozen=True)
class Kind:
    """How one kind of quantity is drawn; never by colour alone.

    Attributes
    ----------
    color : str
        Of lines and of markers.
    line : str
        Matplotlib's style of a line.
    marker : str
        Matplotlib's marker of a point.
    """

    color: str
    line: LineStyleType = "-"
    marker: str = "o"


#: From the meaning of a curve to its look. Methods (the last group) never meet errors in a panel.
KINDS = MappingProxyType(
    {
        "test": Kind(_BLUE, "-", "o"),
        "train": Kind(_ORANGE, "-", "s"),
        "bayes": Kind(_BLACK, ":", "_"),
        "loo": Kind(_VERMILLION, "-", "x"),
        "gcv": Kind(_PURPLE, "-.", "+"),
        "best_ridge": Kind(_GREEN, "-", "D"),
        "density": Kind(_BLUE, "-", "o"),
        "reference": Kind("#666666", "--", "o"),
        "masked_regression": Kind(_BLUE, "-", "o"),
        "pca": Kind(_ORANGE, "-", "s"),
        "correlation_pca": Kind(_GREEN, "-", "D"),
        "factor_analysis": Kind(_PURPLE, "-.", "^"),
        "oracle": Kind(_BLACK, ":", "v"),
        "diagonal_deletion": Kind(_SKY, "--", "s"),
        "heteropca": Kind(_SKY, "--", "^"),
        "amp": Kind(_PURPLE, "--", "x"),
        "weighted_pca": Kind(_VERMILLION, "-", "P"),
        "gaussian": Kind(_SKY, "--", "s"),
        "isotropic": Kind(_SKY, "-", "o"),
        "ar1": Kind(_VERMILLION, "-", "s"),
        "power_law": Kind(_GREEN, "-", "D"),
    }
)

#: Colour of each kind.
colors = MappingProxyType({name: kind.color for name, kind in KINDS.items()})


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f"There is no kind {name!r}; there are {', '.join(KINDS)}.")
    return KINDS[name]


def shade(kind: str, level: float) -> str:
    """Return the colour of a kind mixed with white, for a family of curves of one kind.

    Parameters
    ----------
    kind : str
        A key of ``KINDS``.
    level : float
        1 is the full colour; 0 is the lightest that still shows on white.

    Returns
    -------
    str
        The colour, as Matplotlib and HTML read it.

    Raises
    ------
    ValueError
        If there is no such kind, or the level is not between 0 and 1.

    Examples
    --------
    >>> shade("test", 1.0)
    '#0072b2'
    """
    if not 0.0 <= level <= 1.0:
        raise ValueError(f"The level of a shade is {level}; it must lie between 0 and 1.")
    weight = 0.35 + 0.65 * level
    rgb = np.array(to_rgb(_kind(kind).color))
    return to_hex(tuple(weight * rgb + (1 - weight)))


def theory_line(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    kind: str,
    label: str | None = None,
    *,
    level: float = 1.0,
    line: LineStyleType | str | None = None,
) -> None:
    """Draw a value from theory: always a line without markers.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x, y : array_like of shape (n_points,)
        The points.
    kind : str
        A key of ``KINDS``; it fixes the colour.
    label : str, optional
        Entry in the legend.
    level : float
        Shade of the colour, from 0 to 1.
    line : str, optional
        Another line style, to tell several curves of one kind apart.

    Raises
    ------
    ValueError
        If there is no such kind, or the level is not between 0 and 1.
    """
    style = _kind(kind)
    ax.plot(x, y, color=shade(kind, level), linestyle=line or style.line, label=label, zorder=2)


def measured(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    yerr: ArrayLike | None,
    kind: str,
    label: str | None = None,
    *,
    level: float = 1.0,
) -> None:
    """Draw a measurement: always points, with bars of one standard error, never joined.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x, y : array_like of shape (n_points,)
        The points.
    yerr : array_like of shape (n_points,) or None
        Standard errors; ``None`` for a single deterministic measurement.
    kind : str
        A key of ``KINDS``; it fixes colour and marker.
    label : str, optional
        Entry in the legend.
    level : float
        Shade of the colour, from 0 to 1.

    Raises
    ------
    ValueError
        If there is no such kind, or the level is not between 0 and 1.
    """
    style = _kind(kind)
    ax.errorbar(
        x,
        y,
        yerr=yerr,
        fmt=style.marker,
        color=shade(kind, level),
        markerfacecolor=shade(kind, level),
        markeredgecolor="white" if style.marker in "osD^vP" else shade(kind, level),
        markeredgewidth=0.6 if style.marker in "osD^vP" else 1.6,
        elinewidth=1.2,
        linestyle="none",
        label=label,
        zorder=3,
    )


def histogram(
    ax: Axes,
    left: ArrayLike,
    right: ArrayLike,
    height: ArrayLike,
    kind: str,
    label: str | None = None,
) -> None:
    """Draw a measured density: always light filled bars behind the line of the theory.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    left, right, height : array_like of shape (n_bins,)
        Edges and heights of the bars.
    kind : str
        A key of ``KINDS``.
    label : str, optional
        Entry in the legend.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    ax.bar(
        left,
        height,
        width=np.asarray(right) - np.asarray(left),
        align="edge",
        color=shade(kind, 0.0),
        edgecolor="white",
        linewidth=0.4,
        label=label,
        zorder=1,
    )


def direct_label(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    kind: str,
    *,
    offset: tuple[float, float] = (4.0, 0.0),
    align: str = "left",
    level: float = 1.0,
) -> None:
    """Write the name of a curve beside it, in a dark shade of its colour.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x, y : float
        The point of the curve, in data coordinates.
    text : str
        The name.
    kind : str
        A key of ``KINDS``.
    offset : tuple of float
        Shift in points.
    align : {"left", "center", "right"}
        Which end of the text, or its middle, stands at the point.
    level : float
        Shade of the curve; the text itself is darkened so that it can be read on white.

    Raises
    ------
    ValueError
        If there is no such kind, or the level is not between 0 and 1.
    """
    rgb = np.array(to_rgb(shade(kind, level)))
    # Light Okabe-Ito colours fail the contrast of 4.5 that small text needs on white.
    while 1.05 / (luminance(tuple(rgb)) + 0.05) < 4.5:
        rgb = rgb * 0.95
    ax.annotate(
        text,
        (x, y),
        xytext=offset,
        textcoords="offset points",
        ha=align,
        va="center",
        color=to_hex(tuple(rgb)),
        annotation_clip=False,
    )


def linear_light(color: ColorType) -> np.ndarray:
    """Red, green and blue of a `color` of Matplotlib as amounts of light, each from 0 to 1.

    The inverse of the transfer function of sRGB; ndarray of shape (3,).
    """
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(color: ColorType) -> float:
    """Relative luminance of a `color`, from 0 to 1, as the accessibility guidelines define it.

    Examples
    --------
    >>> luminance("white"), luminance("#000000")
    (1.0, 0.0)
    """
    red, green, blue = linear_light(color).tolist()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def log_ticks(ax, axis: str) -> None:
    """Put plain numbers on a logarithmic axis that spans about two decades or less.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    axis : {"x", "y"}
        Which of its axes.
    """
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 3.0, 5.0) if axis == "y" else (1.0, 2.0, 5.0))
    )
    which.set_major_formatter(lambda value, _: f"{value:g}")
    which.set_minor_formatter(NullFormatter())
