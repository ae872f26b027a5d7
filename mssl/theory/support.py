"""Where a spectrum has mass: a scan of the real axis, and a count of what it may have missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._types import Array
from .atoms import Atom, hard_places, level_groups, level_place, shared_levels
from .edges import Edge, find_edge
from .weighted import WeightedEquivalent

__all__ = ["Scan", "find_edges", "first_scan", "unseen"]

# How often the search is repeated with points it missed, and steps of one search for bulks.
ROUNDS, MOST_STEPS = 12, 600

# Relative distance to a level with an atom within which the bulks of other levels are looked for,
# and the ratio of successive distances that are tried.
BESIDE, BESIDE_STEP = 0.3, 1.05

# Smallest place that is scanned, as a part of the largest.
LEAST = 1e-14

# Relative width below which a bulk counts as one place.
NARROW = 1e-10

# Relative distance to a level that is shared, within which no point is solved.
AVOIDED = 1e-8


def _range(equivalent: WeightedEquivalent):
    """Bounds of the support, from below and from above."""
    rho, weights, n = equivalent.rho, equivalent.weights, equivalent.n_samples
    high = equivalent.levels.max()
    if rho > 0:
        high += 1.1 * equivalent.population_top * (1.0 + np.sqrt(equivalent.d / n)) ** 2 / rho
    low = equivalent.levels.min()
    if low == 0:
        low = 1e-9 * high
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = np.sum(equivalent.covariance.resolvent(0.0).diagonal / weights)
        if n > equivalent.d and np.isfinite(inverse) and inverse > 0:
            low = max(low, (1.0 - np.sqrt(equivalent.d / n)) ** 2 / inverse / rho)
    return low * (1 - 1e-6), high * (1 + 1e-6)


class Scan:
    """Solved points of an equivalent on the real axis, ascending."""

    def __init__(self, equivalent: WeightedEquivalent, points: Array):
        self.equivalent = equivalent
        self.levels = shared_levels(equivalent)
        self.z = np.empty(0)
        self.s = np.empty(0, dtype=complex)
        self.edges = {}  # known edges, by the points beside them
        self.add(points)

    def add(self, points: Array):
        """Solve at further points; those at which there is no root are left out."""
        points = np.setdiff1d(points, self.z)
        for level in self.levels:  # at an atom the root is zero, which no solver reaches
            points = points[np.abs(points - level) > AVOIDED * level]
        if points.size == 0:
            return
        found = self.equivalent.attempt(points, self._guess(points))
        good = ~np.isnan(found)
        z = np.concatenate([self.z, points[good]])
        s = np.concatenate([self.s, found[good]])
        order = np.argsort(z)
        self.z, self.s = z[order], s[order]

    def _guess(self, points: Array):
        if self.z.size == 0:
            return None
        nearest = np.clip(np.searchsorted(self.z, points), 0, self.z.size - 1)
        # A real start could never leave the real axis.
        guess = self.s[nearest]
        return np.where(np.imag(guess) < 0, guess, guess - 1e-3j * np.abs(guess))

    @property
    def inside(self):
        """Which points lie in a bulk."""
        return np.imag(self.s) < 0

    def crossings(self):
        """Neighbouring points (z, s) outside and inside, and on which side of the first it is."""
        inside = self.inside
        for k in np.flatnonzero(inside[1:] != inside[:-1]):
            inward = +1 if inside[k + 1] else -1
            outer, inner = (k, k + 1) if inward > 0 else (k + 1, k)
            yield ((self.z[outer], self.s[outer]), (self.z[inner], self.s[inner])), inward

    def between(self, points: Array):
        """Starting points for the roots at other points, which lie inside bulks."""
        inside = self.inside
        if not inside.any():
            return None
        z, s = self.z[inside], self.s[inside]
        return np.interp(points, z, np.real(s)) + 1j * np.interp(points, z, np.imag(s))

    def sharpen(self, rounds: int):
        """Look closer where the density has a dip, or where a gap is about to close.

        So many `rounds`, each at the points of the one before.
        """
        for _ in range(rounds):
            traces = self.equivalent.traces(self.s, self.z.astype(complex))
            height = np.imag(traces.stieltjes) * self.z
            # s dF/ds is 1 - (s^2/n) Tr (Sigma R)^2 outside: zero where a bulk would open.
            room = np.real(traces.slope * self.s)
            inside = self.inside
            alike = (inside[:-2] == inside[1:-1]) & (inside[1:-1] == inside[2:])  # no edge
            values = np.where(inside, height, np.abs(room))
            low = values[1:-1] <= np.minimum(values[:-2], values[2:])
            apart = self.z[2:] - self.z[:-2] > 1e-8 * self.z[1:-1]
            k = 1 + np.flatnonzero(alike & low & apart)
            left, here, right = self.z[k - 1], self.z[k], self.z[k + 1]
            halves = np.linspace(left, here, 5)[1:-1], np.linspace(here, right, 5)[1:-1]
            self.add(np.concatenate(halves).ravel())


def first_scan(equivalent: WeightedEquivalent, refinement: int, atoms: Sequence[Atom]):
    """Points over the whole range of an `equivalent`, closer where something is to be expected.

    That is beside its `atoms`, say; there are `refinement` times as many as at first.
    """
    low, high = _range(equivalent)
    cheap = equivalent.law is not None and equivalent.law.counts.size <= 5000
    count = (500 if cheap else 60 if equivalent.dear else 130) * refinement
    points = np.geomspace(low, high, count)
    scan = Scan(equivalent, points[points > 0])
    if np.all(equivalent.offset > 0):
        scan.add(_around_zero(equivalent, low, high, 20 if cheap else 8))
    scan.add(_around_levels(equivalent))
    while scan.inside[-1]:  # the bound was not one, which rounding can do
        scan.add(np.array([2.0 * scan.z[-1]]))
    for _ in range(30):
        if scan.z[0] < LEAST * high or not (scan.inside[0] or _holds_lower(scan, atoms)):
            break
        scan.add(np.array([1e-2, 1e-1]) * scan.z[0])
    scan.sharpen(4 if cheap else 1 if equivalent.dear else 2)
    return scan


def _holds_lower(scan: Scan, atoms: Sequence[Atom]):
    """Whether eigenvalues other than atoms lie below the first point of a scan."""
    count = scan.equivalent.below(scan.s[0].real, scan.z[0])
    if count is None:
        return False
    held = sum(atom.mass for atom in atoms if atom.position < scan.z[0])
    return count > scan.equivalent.d * held + 0.5


def find_edges(scan: Scan):
    """The edges between the points of a scan that lie inside and outside."""
    equivalent = scan.equivalent
    edges = []
    if scan.inside[0]:
        edges.append(Edge(0.0, np.nan, +1))  # a hard edge: the density grows like x^-1/2
    for ends, inward in scan.crossings():
        if ends not in scan.edges:
            scan.edges[ends] = find_edge(equivalent, *ends, inward)
        edges.append(scan.edges[ends])
    for place in hard_places(equivalent):
        # Only the nearest edge: the gap's other end may be as close as 1e-5.
        k = int(np.argmin([abs(edge.position - place) for edge in edges]))
        if abs(edges[k].position - place) <= 1e-5 * place:
            edges[k] = Edge(place, np.nan, edges[k].inward)
    return edges


def _mass_between(equivalent: WeightedEquivalent, a: tuple[Any, Any], b: tuple[Any, Any]):
    """Fraction of the eigenvalues between two points (z, s) outside the bulks; NaN if unknown."""
    first, last = (equivalent.below(s.real, z) for z, s in (a, b))
    if first is None or last is None:
        return _mass_inside(equivalent, a[0], b[0])
    return (last - first) / equivalent.d


def _mass_inside(equivalent: WeightedEquivalent, a: float, b: float):
    r"""The same, to the nearest 1/d, from the transform alone.

    .. math:: -\frac{1}{2\pi i}\oint m(z)\,\mathrm dz

    over the circle through both, by the trapezoidal rule, which converges geometrically; NaN where
    a bulk is too close to the circle.
    """
    centre, radius = 0.5 * (a + b), 0.5 * (b - a)
    last = np.nan
    for nodes in 8 * 2 ** np.arange(8):
        turn = np.exp(1j * np.pi * (np.arange(nodes) + 0.5) / nodes)
        z = centre + radius * turn
        m = equivalent.traces(equivalent.solve(z), z).stieltjes
        count = -float(np.mean((m * radius * turn).real)) * equivalent.d
        # Exactly separated bulks hold whole numbers of eigenvalues.
        if abs(count - last) < 0.1 and abs(count - round(count)) < 0.1:
            return round(count) / equivalent.d
        last = count
    return np.nan


def unseen(scan: Scan, atoms: Sequence[Atom]):
    """What lies between neighbouring points of a scan, both outside; `atoms` are those known.

    Returns
    -------
    ndarray
        Points inside bulks.
    list of Atom
        Bulks that are narrower than a relative 1e-10, of which arithmetic sees the place only.
    """
    equivalent, outside = scan.equivalent, ~scan.inside
    found, narrow = [], []
    starts = np.flatnonzero(outside & ~np.concatenate([[False], outside[:-1]]))
    stops = np.flatnonzero(outside & ~np.concatenate([outside[1:], [False]]))
    points = list(zip(scan.z, scan.s, strict=True))
    todo = [points[a : b + 1] for a, b in zip(starts, stops, strict=True) if b > a]
    # Also between a point and the edge that a bisection from there has found.
    for ends, _ in scan.crossings():
        outer, edge = ends[0], scan.edges[ends]
        place = outer[0] + 0.9 * (edge.position - outer[0])
        s = equivalent.attempt(np.array([place]))[0]
        if s.imag == 0:
            todo.append(sorted([outer, (place, s)]))
    for _ in range(MOST_STEPS):
        if not todo:
            break
        run = todo.pop()
        low, high = run[0][0], run[-1][0]
        due = _mass_between(equivalent, run[0], run[-1])
        due -= sum(atom.mass for atom in atoms if low < atom.position < high)
        if not due >= 0.5 / equivalent.d:
            continue
        if high - low < _least_width(scan, low, high):
            narrow.append(Atom(0.5 * (low + high), due))
            continue
        if len(run) > 2:
            middle = len(run) // 2
            todo += [run[: middle + 1], run[middle:]]
            continue
        place = _middle(low, high, atoms)
        s = equivalent.attempt(np.array([place]))[0]
        if s.imag < 0:
            found.append(place)
        elif s.imag == 0:
            todo += [[run[0], (place, s)], [(place, s), run[1]]]
    return np.array(found), narrow


def _least_width(scan: Scan, low: float, high: float):
    """Width below which no bulk can be resolved; next to a level no point is solved at all."""
    beside = any(low - AVOIDED * p < p < high + AVOIDED * p for p in scan.levels)
    return (4.0 * AVOIDED if beside else NARROW) * high


def _middle(a: float, b: float, atoms: Sequence[Atom]):
    """A point between a and b, not at an atom."""
    place = np.sqrt(a * b) if b > 4.0 * a > 0.0 else 0.5 * (a + b)
    while any(abs(place - atom.position) < 1e-2 * (b - a) for atom in atoms):
        place += 0.03 * (b - a)
    return place


def _around_zero(equivalent: WeightedEquivalent, low: float, high: float, density: int):
    """Points around the eigenvalue 0 of A_hat, where quiet coordinates crowd.

    A coordinate of conditional variance v under the penalty beta has its level at a distance of
    v / (v + beta) from there.
    """
    zero = equivalent.place_of_coefficient(0.0)
    distances = np.abs(zero - equivalent.levels)
    least, most = distances[distances > 0].min(initial=zero), max(high - zero, zero - low)
    if not 0 < 30.0 * least < most:
        return np.empty(0)
    offsets = np.geomspace(0.1 * least, most, int(density * np.log10(10.0 * most / least)))
    points = np.concatenate([zero - offsets, zero + offsets])
    return points[(points > low) & (points < high)]


def _around_levels(equivalent: WeightedEquivalent):
    """Points in the gaps next to the places beta D_j that many coordinates share.

    Where their number m is close to n the gap is of relative width (1 - m/n)^2 and ends in sharp
    peaks; for m > n it holds an atom, which no search for an edge must cross. For m = n the gap
    lies on one side of the place only, and a hard edge on the other.
    """
    if not np.any(equivalent.offset):
        return np.empty(0)
    offsets = 10.0 ** np.arange(-7.0, -1.0)
    offsets = np.concatenate([-offsets, offsets])
    around = [level * (1.0 + offsets) for level in shared_levels(equivalent)]
    return np.concatenate([[], *around, *_beside_atoms(equivalent)])


def _beside_atoms(equivalent: WeightedEquivalent):
    """Points where the levels of few coordinates have bulks beside the level of very many.

    With m > n coordinates at a level, a coordinate whose own level is at a distance from it has a
    bulk at about 1 - n/m times that distance, of a width in proportion to it.
    """
    places = [(level_place(equivalent, group), group.size) for group in level_groups(equivalent)]
    for heavy, size in places:
        if size <= equivalent.n_samples:
            continue
        distances = np.array([place - heavy for place, _ in places])
        for sign in (-1.0, 1.0):
            near = sign * distances
            near = near[(near > 1e-9 * heavy) & (near < BESIDE * heavy)]
            if near.size:
                low = near.min() * (1.0 - equivalent.n_samples / size)
                count = int(np.ceil(np.log(4.0 * near.max() / low) / np.log(BESIDE_STEP)))
                yield heavy + sign * np.geomspace(0.5 * low, 2.0 * near.max(), count)
