"""From a colour on white to one on a dark page that stands out as much and has the same hue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cache
from operator import mul

from mssl.figures.style import colors, linear_light, luminance

WHITE = "#ffffff"
#: Ground of the theme's dark pages.
GROUND = "#121212"

#: The colours of the book but for its greys.
PALETTE = tuple(sorted({color.lower() for color in colors.values() if color[1:3] != color[3:5]}))

Color = tuple[float, float, float]


class Role(Enum):
    """What a colour is for, with the least contrast that it needs on its ground."""

    AREA = 1.0  # as much as it has on white
    MARK = 2.2
    TEXT = 4.5


# Brighter than this glares.
_MOST = 14.0
# What stands out less than this on white is meant not to be seen, and less than that to be faint.
_UNSEEN, _FAINT = 1.02, 1.5
# Contrast of the colours of the book at full strength.
_STRONG = 6.0


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, from 1 to 21.

    Examples
    --------
    >>> contrast("#000000", "#ffffff")
    21.0
    """
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache  # a page of figures asks for a few colours, thousands of times
def on_dark(color: str, role: Role) -> str:
    """Return the colour for a dark page.

    A colour of the book keeps its hue and is lightened where the dark would swallow it; its
    mixtures with white become mixtures with the dark ground, so that faint things stay faint.
    Greys, and colours of no family, get the contrast that they have on white.

    Parameters
    ----------
    color : str
        As in ``#0072b2``.
    role : Role

    Examples
    --------
    >>> on_dark("#ffffff", Role.AREA)
    '#121212'
    >>> on_dark("#e69f00", Role.MARK)  # bright enough as it is
    '#e69f00'
    """
    has = contrast(color, WHITE)
    if has < _UNSEEN:
        return GROUND
    family = _family(color)
    if family is None:
        found = _with_contrast(color, min(has, _MOST))
    else:
        base, share = family
        if role is not Role.AREA:  # lines and points are thin: even the faintest must be seen
            share = 0.3 + 0.7 * share
        found = _mixed(_at_least(base, _STRONG), GROUND, share)
    return _at_least(found, role.value) if has >= _FAINT else found


def _family(color: str) -> tuple[str, float] | None:
    """The colour of the book of which this one is a mixture with white, and its share."""
    best = None
    for base in PALETTE:
        away = [1 - channel for channel in _channels(base)]
        own = [1 - channel for channel in _channels(color)]
        share = min(sum(map(mul, away, own)) / sum(map(mul, away, away)), 1.0)
        miss = max(abs(one - share * whole) for one, whole in zip(own, away, strict=True))
        if miss < 0.02 and (best is None or miss < best[0]):
            best = miss, base, share
    return best and best[1:]


def _mixed(color: str, ground: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(ground), strict=True)
    return _code(share * one + (1 - share) * other for one, other in pairs)


def _at_least(color: str, wanted: float) -> str:
    return color if contrast(color, GROUND) >= wanted else _with_contrast(color, wanted)


def _with_contrast(color: str, wanted: float) -> str:
    """The colour of the same hue that stands out just so much on the dark ground."""
    _, a, b = _oklab(linear_light(color).tolist())
    goal = wanted * (luminance(GROUND) + 0.05) - 0.05
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if luminance(_shown(middle, a, b)) >= goal else (middle, high)
    return _shown(high, a, b)


def _channels(color: str) -> Color:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _code(channels: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


# Björn Ottosson's Oklab, in which lightness and hue can be changed apart.
def _oklab(rgb: Sequence[float]) -> Color:
    red, green, blue = rgb
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _rgb(lightness: float, a: float, b: float) -> Color:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _shown(lightness: float, a: float, b: float) -> str:
    """The sRGB colour, as vivid as the screen can show it."""
    share = 1.0
    while share > 0 and not all(
        -1e-4 <= c <= 1 + 1e-4 for c in _rgb(lightness, share * a, share * b)
    ):
        share -= 0.02
    share = max(share, 0.0)
    return _code(map(_gamma, _rgb(lightness, share * a, share * b)))


def _gamma(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
