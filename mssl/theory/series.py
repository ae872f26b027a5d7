"""The density of each bulk as a piecewise Chebyshev series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from scipy.fft import dct

from .._types import Array
from ..exceptions import ConvergenceError
from .atoms import Atom
from .edges import Edge
from .support import Scan
from .weighted import WeightedEquivalent

__all__ = ["AngleMap", "Panel", "expect", "find_panels", "integral", "local_angle"]

# Relative distance from the end of a bulk that arithmetic can tell from 0.
CLOSE = 4e-15


class Panel(NamedTuple):
    """Chebyshev series of the density in the angle, between two angles of one bulk.

    Attributes
    ----------
    bulk : int
        Which bulk, from 0 on.
    start, stop : float
        The two angles.
    series : ndarray of shape (n_terms,)
        Coefficients, in the angle scaled to [-1, 1].
    """

    bulk: int
    start: float
    stop: float
    series: Array


class AngleMap:
    """Angle in [0, pi] against place in a bulk; logarithmic unless the bulk starts at zero.

    The bulk lies between `low` and `high`.
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high
        self.log = low > 0
        a, b = (np.log(low), np.log(high)) if self.log else (low, high)
        self.centre, self.half = 0.5 * (a + b), 0.5 * (b - a)

    def place(self, angle: Array):
        """The place x at an angle, inside the bulk."""
        y = self.centre - self.half * np.cos(angle)
        return np.clip(np.exp(y) if self.log else y, self.low, self.high)

    def speed(self, angle: Array):
        """dx/dangle at an angle."""
        factor = self.place(angle) if self.log else 1.0
        return self.half * np.sin(angle) * factor

    def angle(self, x: Array):
        """The angle at a place x; 0 and pi outside the bulk."""
        x = np.clip(x, self.low, self.high)
        y = np.log(x) if self.log else x
        return np.arccos(np.clip((self.centre - y) / self.half, -1.0, 1.0))


# Panels come in a few sizes, and a spectrum may have hundreds of them.
_gauss_legendre = cache(np.polynomial.legendre.leggauss)


def local_angle(panel: Panel, angle: Array):
    """The angle in units in which a panel is [-1, 1]."""
    return (2.0 * angle - panel.start - panel.stop) / (panel.stop - panel.start)


def expect(
    function: Callable[[Array], Array],
    atoms: Sequence[Atom],
    edges: ArrayLike,
    panels: Sequence[Panel],
):
    """Mean of a function over atoms and bulks.

    The bulks lie between the `edges`, and their density is that of the `panels`.
    """
    total = 0.0
    for atom in atoms:
        total += atom.mass * float(function(np.array([atom.position]))[0])
    bulks = np.reshape(edges, (-1, 2))
    for panel in panels:
        nodes, weights = _gauss_legendre(panel.series.size)
        half = 0.5 * (panel.stop - panel.start)
        angle = panel.start + half * (nodes + 1.0)
        value = chebyshev.chebval(nodes, panel.series)
        x = AngleMap(*bulks[panel.bulk]).place(angle)
        total += half * float(np.sum(weights * value * function(x)))
    return total


def integral(panel: Panel):
    """The mass of a panel."""
    half = 0.5 * (panel.stop - panel.start)
    primitive = chebyshev.chebint(panel.series, lbnd=-1)
    return half * float(chebyshev.chebval(1.0, primitive))


def find_panels(
    equivalent: WeightedEquivalent, edges: Sequence[Edge], scan: Scan, known: dict[Any, Any]
):
    """Piecewise Chebyshev series of all bulks, and points inside them without density.

    The bulks of an `equivalent` lie between its `edges`; `scan` gives starting points, and `known`
    keeps what has been found of each bulk, by its edges. ConvergenceError if the edges do not pair
    up.
    """
    places = [edge.position for edge in edges]
    if len(places) % 2:
        raise ConvergenceError(
            "the edges of the density do not pair up: a bulk touches another; change the ridge or "
            "n_samples by a per mille."
        )
    done, gaps = [], [np.empty(0)]
    for index, bulk in enumerate(zip(places[::2], places[1::2], strict=True)):
        if bulk not in known:
            known[bulk] = _panels_of(equivalent, AngleMap(*bulk), scan)
        panels, found = known[bulk]
        done += [panel._replace(bulk=index) for panel in panels]
        gaps.append(found)
    return done, np.concatenate(gaps)


def _panels_of(equivalent: WeightedEquivalent, place: AngleMap, scan: Scan):
    """The same for one bulk."""
    cheap = equivalent.law is not None
    size, tolerance, depth = (32, 1e-9, 34) if cheap else (24, 1e-7, 24)
    if equivalent.dear:
        size, tolerance = 40, 1e-6
    nodes = np.cos(np.pi * (np.arange(size) + 0.5) / size)
    done, gaps = [], [np.empty(0)]
    todo: list[tuple[float, float, Any]] = [(0.0, np.pi, None)]
    largest = 0.0  # the largest mass of a panel
    for level in range(depth + 1):
        if not todo:
            break
        angles = np.concatenate([a + 0.5 * (b - a) * (nodes + 1.0) for a, b, _ in todo])
        x = place.place(angles)
        with np.errstate(invalid="ignore"):
            s = (equivalent.attempt if level else equivalent.solve)(x, scan.between(x))
        gaps.append(_middle_of_gap(x, s))
        m = equivalent.traces(s, x.astype(complex)).stieltjes
        values = np.maximum(m.imag, 0.0) / np.pi * place.speed(angles)
        values, angles = values.reshape(len(todo), size), angles.reshape(len(todo), size)
        for row, angle, (_, _, parent) in zip(values, angles, todo, strict=True):
            lost = np.isnan(row)  # where rounding leaves no root, next to a hard edge
            if lost.any():
                row[lost] = chebyshev.chebval(local_angle(parent, angle[lost]), parent.series)
        widths = np.array([b - a for a, b, _ in todo])
        largest = max(largest, 0.5 * np.pi * np.max(values.mean(axis=1) * widths))
        following = []
        for (a, b, _), row in zip(todo, values, strict=True):
            series = dct(row, type=2) / size
            series[0] *= 0.5
            tail = np.abs(series[-size // 4 :]).max() * (b - a)
            middle, panel = 0.5 * (a + b), Panel(0, a, b, series)
            enough = tail <= tolerance * max(largest, 1e-300) or level == depth
            if enough or not all(_resolved(place, nodes, h) for h in ((a, middle), (middle, b))):
                done.append(panel)
            else:
                following += [(a, middle, panel), (middle, b, panel)]
        todo = following
    return sorted(done, key=lambda panel: panel.start), np.concatenate(gaps)


def _middle_of_gap(x: Array, s: Array):
    """One point in each run of real roots with complex ones on either side."""
    order = np.argsort(x)
    outside = np.concatenate([[False], np.imag(s[order]) == 0, [False]])
    starts = np.flatnonzero(outside[1:] & ~outside[:-1])
    stops = np.flatnonzero(~outside[1:] & outside[:-1])
    # Next to the ends of a bulk, rounding may make a root real.
    inner = (starts > 0) & (stops < x.size)
    starts, stops = starts[inner], stops[inner]
    if starts.size == 0:
        return np.empty(0)
    return x[order][[(a + b - 1) // 2 for a, b in zip(starts, stops, strict=True)]]


def _resolved(place: AngleMap, nodes: Array, panel: tuple[float, float]):
    """Whether no node of a panel is so close to an end of its bulk that rounding moves it."""
    a, b = panel
    x = place.place(a + 0.5 * (b - a) * (nodes[[-1, 0]] + 1.0))
    return x[0] > place.low * (1.0 + CLOSE) and x[1] < place.high * (1.0 - CLOSE)
