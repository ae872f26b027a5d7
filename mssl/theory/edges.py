"""The ends of a bulk: stationary points of the curve of real roots."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from .weighted import WeightedEquivalent

__all__ = ["Edge", "find_edge"]


class Edge(NamedTuple):
    """End of a bulk.

    Attributes
    ----------
    position : float
        Its place z.
    root : float
        The root s there.
    inward : int
        On which side the bulk lies, +1 where it is above.
    """

    position: float
    root: float
    inward: int


def find_edge(
    equivalent: WeightedEquivalent,
    outer: tuple[float, float],
    inner: tuple[float, float],
    inward: int,
):
    """The edge of a bulk of an `equivalent`, between a point outside and a point inside.

    `outer` and `inner` are these points, as (z, s); `inward` is +1 where the bulk lies above.
    """
    (z_out, s_out), (z_in, s_in) = outer, inner
    for tolerance in (1e-3, 1e-6, 1e-9, 1e-12):
        while abs(z_in - z_out) > tolerance * max(abs(z_in), abs(z_out)):
            middle = 0.5 * (z_in + z_out)
            if middle in (z_in, z_out):
                break
            guess = s_in if np.isfinite(s_in) else s_out
            s = equivalent.attempt(np.array([middle]), np.array([guess]))[0]
            if np.isnan(s):  # an atom, where s is zero: go round it
                middle += 0.2 * (z_out - middle)
                s = equivalent.solve(np.array([middle]), np.array([guess]))[0]
            if s.imag < 0:
                z_in, s_in = middle, s
            else:
                z_out, s_out = middle, s
        found = _stationary(equivalent, z_out, s_out.real, s_in.real)
        # An edge beyond the two points is that of another bulk.
        if found is not None and min(z_out, z_in) <= found[0] <= max(z_out, z_in):
            return Edge(*found, inward)
    # No stationary point: a hard edge, which bisection alone has to find.
    return Edge(0.5 * (z_in + z_out), s_out.real, inward)


def _stationary(equivalent: WeightedEquivalent, z: float, s: float, towards: float):
    """Follow the real curve z(s) from (z, s) to where dF/ds changes sign."""
    step = towards - s
    if step == 0:
        return None
    slope = _Slope(equivalent, z)
    start = slope(s)
    if not np.isfinite(start) or start == 0:
        return None if start != 0 else (slope.place, s)
    ends = _sign_change(slope, start, s, step)
    if ends is None:
        return None
    try:
        root = brentq(slope, *ends, xtol=1e-15 * abs(s), rtol=1e-14)
    except (ValueError, RuntimeError):  # rounding hides the change of sign
        return None
    if not abs(slope(root)) <= 1e-3 * abs(start):  # the sign has changed at a pole
        return None
    return float(slope.place), float(root)


class _Slope:
    """dF/ds as a function of s along the real curve z(s); `place` is z at the last s."""

    def __init__(self, equivalent: WeightedEquivalent, z: float):
        self.equivalent, self.start, self.place = equivalent, z, z

    def __call__(self, s: float) -> float:
        place, change = self.place, np.inf
        for _ in range(40):
            traces = self.equivalent.traces(np.array([s]), np.array([place]))
            with np.errstate(divide="ignore", invalid="ignore"):
                change = traces.excess[0] / traces.drift[0]
            if not np.isfinite(change):
                return np.nan
            place -= change
            if abs(change) <= 4e-16 * abs(place):
                break
            if abs(change) > 0.5 * abs(self.start):
                return np.nan
        else:
            if abs(change) > 1e-12 * abs(place):
                return np.nan
        self.place = place
        return self.equivalent.traces(np.array([s]), np.array([place])).slope[0]


def _sign_change(
    slope: Callable[[float], float], start: float, s: float, step: float
) -> tuple[float, float] | None:
    """Two values of s, further and further from the first, between which the slope changes sign."""
    last = s
    for factor in (0.5, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0):
        here = s + factor * step
        value = slope(here)
        if not np.isfinite(value):
            return None
        if np.sign(value) != np.sign(start):
            return last, here
        last = here
    return None
