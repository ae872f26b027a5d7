"""Eigenvalues outside the bulk, and how much of a signal their eigenvectors hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import brentq, linear_sum_assignment
from threadpoolctl import threadpool_limits

from .._types import Array
from ..covariance import Covariance
from ..exceptions import ConvergenceError
from .bulk import (
    FEW,
    Units,
    bulk_weights,
    depth_and_unit,
    interior_weights,
    is_silent,
    is_stationary,
    replace_loudest,
    settle,
    split_spikes,
    without_silent,
)
from .edges import Edge
from .outliers import POWERS, Gap, Outlier, Spike, eliminated, separated
from .spectrum import Spectrum
from .state import StoredByFields
from .weighted import WeightedEquivalent

__all__ = ["SpikedEquivalent", "split_spikes"]

# Relative distance from an edge below which an eigenvalue counts as part of the bulk.
TOUCHING = 1e-9


@dataclass(frozen=True, eq=False)
class SpikedEquivalent(StoredByFields):
    r"""An :class:`WeightedEquivalent` plus finitely many directions that are not part of its bulk.

    .. math:: s\,\Sigma + \beta - zD^{-1} = \big(s\,\Sigma_0 + \beta - zD_0^{-1}\big)
              + s\,U\Theta U^\top - z\,(D^{-1} - D_0^{-1})

    Eigenvalues outside the bulk make this matrix singular, with the bulk's own s(z). When
    :math:`\beta` is a vector, that of the bulk differs from it as :math:`D_0` does from D, and
    :math:`\beta - \beta_0` joins the last bracket.

    Implements :theorem:`thm-outlier`.

    Parameters
    ----------
    equivalent : WeightedEquivalent
        The bulk: base model and weights :math:`D_0`.
    weights : ndarray of shape (n_features,)
        D, of the full model.
    strengths : ndarray of shape (r,)
        :math:`\Theta`, in the units of Sigma.
    directions : ndarray of shape (n_features, r)
        The unit columns of U.
    local : ndarray of int
        Coordinates where D differs from :math:`D_0`, or :math:`\beta` from :math:`\beta_0`, by more
        than 5 per cent; each is a perturbation of rank one. Elsewhere the difference enters to
        second order.
    offset : float or ndarray of shape (n_features,), optional
        :math:`\beta` of the full model; by default that of the bulk.
    own : int, optional
        How many of the directions, the first, are spikes of the model; the others are loud
        coordinates. By default all.

    References
    ----------
    J. Baik and J. W. Silverstein, Eigenvalues of large sample covariance matrices of spiked
    population models, Journal of Multivariate Analysis 97 (2006).
    """

    equivalent: WeightedEquivalent
    weights: Array
    strengths: Array
    directions: Array
    local: Array
    offset: float | Array | None = None
    own: int | None = None

    @classmethod
    def build(
        cls,
        covariance: Covariance,
        n_samples: int,
        rho: float,
        units_of: Callable[[Covariance], Units],
    ) -> SpikedEquivalent:
        r"""Split a model into bulk and perturbation.

        Parameters
        ----------
        covariance : Covariance
            The full model.
        n_samples, rho
            As for :class:`WeightedEquivalent`.
        units_of : callable
            Maps a covariance model to D, :math:`\beta` and :math:`1 - \beta D`.

        Returns
        -------
        SpikedEquivalent

        Notes
        -----
        The bulk keeps the D of the base, coordinate by coordinate, so that it goes with what
        Sigma does there and the mean eigenvalue of A_hat is 0. Four things change it.

        * A direction spread over many coordinates moves each D_k by O(1/d), or all by a factor:
          coordinates with equal D in the base keep an equal D, the mean of the full model's. One
          on few coordinates changes few D_k by O(1), which leaves the bulk as it is.
        * An AR1 process has the D of its interior up to its ends. With n < d the ends would split
          the atom of the interior into levels that accumulate there; in the limit they carry no
          mass, and the bulk has the mean D throughout.
        * When there are spikes, a few independent coordinates that are so loud that they make bulks
          of their own above the others are spikes too, so that they hide no other spike.
        * With n < d, levels :math:`\beta D_k` within a per mille of one that more than n
          coordinates share count as that level.

        When all levels are close to 1, as under a large ridge, so are all eigenvalues of M; the
        equivalent is then that of :math:`u(M - (1 - c))`.
        """
        spikes = split_spikes(covariance)
        own = spikes[1].size
        full = units_of(covariance)

        def assemble(base: Covariance, strengths: Array, directions: Array):
            plain = units_of(base) if strengths.size else full
            depth, unit = depth_and_unit(full, plain)
            deep, flat = (u.deeper(depth, unit) if depth < 1.0 else u for u in (full, plain))
            choose = interior_weights if is_stationary(base, n_samples) else bulk_weights
            weights, offset, local = choose(deep, flat, strengths, directions)
            if n_samples < base.d and np.all(offset > 0):
                moving = ~is_silent(plain.excess)
                weights[moving] = settle(weights[moving], offset[moving], n_samples)
            if np.ptp(offset) <= 1e-12 * offset[0]:
                offset = float(offset[0])  # a constant keeps every fast path open
            base = without_silent(base, plain.excess)
            equivalent = WeightedEquivalent(base, n_samples, weights, offset, rho, depth, unit)
            weights, offset, _ = deep
            return cls(equivalent, weights, strengths, directions, local, offset, own)

        found = assemble(*spikes)
        while own and rho > 0:
            loud = found._without_loud()
            if loud is None:
                break
            base, strengths, directions = loud
            strengths = np.append(found.strengths, strengths)
            found = assemble(base, strengths, np.hstack([found.directions, directions]))
        return found

    def _without_loud(self):
        """The base without the few coordinates that make bulks of their own above the others."""
        if not self.spectrum.edge_points:
            return None
        e, top = self.equivalent, self.main_edges[1].position
        beyond = np.array([edge.position >= top for edge in self.spectrum.edge_points[::2]])
        # One such coordinate may have half its mass above the others and half below.
        count = int(np.ceil(float(self.spectrum.bulk_masses[beyond].sum()) * e.d - 1e-3))
        loudness = e.weights * (e.covariance.diagonal() / e.rho + e.offset)
        return replace_loudest(e.covariance, loudness, count)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Limiting law of the bulk, a :class:`Spectrum`."""
        return Spectrum(self.equivalent)

    @cached_property
    def main_edges(self) -> tuple[Edge, Edge]:
        """First and last edge of the bulks that are not made by few coordinates."""
        points, masses = self.spectrum.edge_points, self.spectrum.bulk_masses
        large = np.flatnonzero(masses > FEW)
        if masses[large].sum() < 0.5 * masses.sum():
            large = np.arange(masses.size)  # many small bulks are not a few odd ones
        return points[2 * large[0]], points[2 * large[-1] + 1]

    @cached_property
    def _frame(self):
        """Columns W of the perturbation, and its coefficients as functions of (s, z)."""
        local = np.zeros((self.equivalent.d, self.local.size))
        local[self.local, np.arange(self.local.size)] = 1.0
        difference = 1.0 / self.weights - 1.0 / self.equivalent.weights
        rest = difference.copy()
        rest[self.local] = 0.0
        return np.hstack([self.directions, local]), difference[self.local], rest

    @cached_property
    def _lift(self):
        """The difference in beta at the local coordinates, and elsewhere; None if there is none."""
        if self.offset is None:
            return None
        difference = (self.offset - self.equivalent.offset) * np.ones(self.equivalent.d)
        if not np.any(difference):
            return None
        rest = difference.copy()
        rest[self.local] = 0.0
        return difference[self.local], rest

    def _coefficients(self, s: float, z: float):
        # A strength of zero would make the small matrix singular; this one is as good as zero.
        least = 1e-12 * self.equivalent.covariance.trace() / self.equivalent.d
        local = -z * self._frame[1]
        if self._lift is not None:
            local = local + self._lift[0]
        return np.concatenate([s * np.maximum(self.strengths, least), local])

    def _rest(self, z: float):
        """Minus the small part of the change of beta - z/D, as a column."""
        rest = z * self._frame[2]
        return (rest if self._lift is None else rest - self._lift[1])[:, None]

    def _resolved(self, s: float, z: float):
        """W' R W, and R W on demand, with the small part of the change of D to second order."""
        frame, rest = self._frame[0], self._rest(z)
        apply = self.equivalent.resolvent(s, z).apply
        v = apply(frame)
        small = rest * v
        again = apply(small)
        return (
            frame.T @ v + v.T @ small + small.T @ again,
            lambda: v + again + apply(rest * again),
        )

    def _symbol(self, s: float, z: float):
        r"""Eigenvalues, ascending, of sign(C) + \|C\|^1/2 W'RW \|C\|^1/2, and eigenvectors."""
        c = self._coefficients(s, z)
        root = np.sqrt(np.abs(c))
        matrix = np.diag(np.sign(c)) + root[:, None] * self._resolved(s, z)[0] * root
        return np.linalg.eigh(0.5 * (matrix + matrix.T))

    def _count(self, s: float, z: float):
        return int(np.sum(self._symbol(s, z)[0] > 0))

    def _root(self, z: float, guess: float):
        s = self.equivalent.solve(np.array([z]), np.array([guess], dtype=complex))[0]
        if s.imag != 0:
            raise ConvergenceError(f"z = {z:.12g} lies inside the bulk where a gap was expected.")
        return float(s.real)

    def _gaps(self):
        bulks = self.spectrum.bulk_places
        atoms = [
            Edge(a.position, np.nan, 0)
            for a in self.spectrum.atom_points
            if not np.any((bulks[:, 0] < a.position) & (a.position < bulks[:, 1]))
        ]
        stops = sorted([*self.spectrum.edge_points, *atoms], key=lambda e: e.position)
        if not stops:
            return
        rho = self.equivalent.rho
        for k, left in enumerate([None, *stops]):
            right = stops[k] if k < len(stops) else None
            if (left is not None and left.inward == +1) or (right is not None and right.inward < 0):
                continue  # the inside of a bulk
            if right is not None and right.position == 0:
                continue
            if left is None:
                # M has no eigenvalue below zero; s is 1 there, or 1/rho without an offset.
                low = 1e-9 * stops[0].position
                lifted = np.all(self.equivalent.offset > 0)
                low_root = self._root(low, 1.0 if lifted else 1.0 / rho)
            else:
                low, low_root = self._end(left, +1)
            if right is None:
                high = self._beyond(low, low_root)
                high_root = self._root(high, 1.0 / rho)
            else:
                high, high_root = self._end(right, -1)
            if high > low:
                yield Gap(low, low_root, high, high_root, self._side(low, high))

    def _side(self, low: float, high: float):
        if not self.spectrum.edge_points:
            return "above" if low >= self.spectrum.atom_points[-1].position else "below"
        first, last = self.main_edges
        if low >= last.position:
            return "above"
        return "below" if high <= first.position else "between"

    def _end(self, stop: Edge, direction: int):
        """The end of a gap: an edge itself, or a point next to an atom or a hard edge."""
        if stop.inward and np.isfinite(stop.root):
            return stop.position, stop.root
        place = stop.position * (1.0 + 1e-7 * direction)
        if place == 0:
            place = 1e-9 * min(e.position for e in self.spectrum.edge_points if e.position > 0)
        return place, float(self.equivalent.solve(np.array([place]))[0].real)

    def _beyond(self, low: float, low_root: float):
        """A point to the right of all outliers."""
        final = self.strengths.size + int(np.sum(self._frame[1] < 0))
        high, root = 2.0 * low, low_root
        for _ in range(200):
            root = self._root(high, root)
            if self._count(root, high) == final:
                return high
            high *= 2.0
        raise ConvergenceError("no upper bound of the outliers was found; lower the strengths.")

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        """All eigenvalues outside the bulk, the largest first.

        Implements :theorem:`thm-several-outliers` and :theorem:`thm-gap-outliers`.

        In a gap the matrix above decreases with z, so that the number of its negative
        eigenvalues at the two ends gives the number of outliers between them, and each is the
        only zero of one eigenvalue of a small matrix, found by Brent's method. ConvergenceError if
        it is not; ValueError without a ridge if n < d, where the n largest of A_hat are all 1.
        """
        if self.strengths.size + self.local.size == 0:
            return ()
        if self.equivalent.rho == 0:
            raise ValueError(
                "ridge must be positive when n_samples is below the number of coordinates: at "
                "ridge 0 the n largest eigenvalues of A_hat are all 1, and no single one belongs "
                "to a spike."
            )
        found = []
        with threadpool_limits(limits=1, user_api="blas"):
            for gap in self._gaps():
                for part in self._split(gap):
                    found += self._outliers_in(part)
        return tuple(sorted(found, key=lambda o: -o.position))

    def _split(self, gap: Gap):
        """Cut a gap where a coefficient changes sign, which the count of signs cannot follow."""
        if self._lift is None or self.local.size == 0:
            return [gap]
        with np.errstate(divide="ignore", invalid="ignore"):
            cuts = self._lift[0] / self._frame[1]
        cuts = np.unique(cuts[(cuts > gap.low) & (cuts < gap.high)])
        parts, rest = [], gap
        for cut in cuts:
            below, above = cut * (1.0 - TOUCHING), cut * (1.0 + TOUCHING)
            if below <= rest.low or above >= rest.high:
                continue
            start = rest.low_root if np.isfinite(rest.low_root) else rest.high_root
            root = self._root(below, start)
            parts.append(rest._replace(high=below, high_root=root))
            rest = rest._replace(low=above, low_root=self._root(above, root))
        return [*parts, rest]

    def _outliers_in(self, gap: Gap):
        first, last = self._count(gap.low_root, gap.low), self._count(gap.high_root, gap.high)
        size = self.strengths.size + self.local.size
        roots = []
        for index in range(first, last):
            column = size - 1 - index
            state = {"root": gap.low_root}

            def value(z: float, column: int = column, state: dict[str, float] = state):
                if z <= gap.low * (1.0 + TOUCHING):
                    return self._symbol(gap.low_root, gap.low)[0][column]
                if z >= gap.high * (1.0 - TOUCHING):
                    return self._symbol(gap.high_root, gap.high)[0][column]
                state["root"] = self._root(z, state["root"])
                return self._symbol(state["root"], z)[0][column]

            # At the ends the sign is known by the count; rounding may still say zero.
            if value(gap.low) >= 0 or value(gap.high) <= 0:
                continue
            place = brentq(value, gap.low, gap.high, xtol=1e-14 * gap.high, rtol=1e-14)
            if gap.low * (1.0 + TOUCHING) < place < gap.high * (1.0 - TOUCHING):
                roots.append((float(place), self._root(place, state["root"])))
        groups = []
        for place, root in sorted(roots):
            # Closer than 1/d, the theory cannot tell two eigenvalues apart.
            if groups and place - groups[-1][0][0] <= place / self.equivalent.d:
                groups[-1].append((place, root))
            else:
                groups.append([(place, root)])
        return [
            outlier
            for group in groups
            for outlier in self._describe(group[0][0], group[0][1], len(group), gap.side)
        ]

    def _describe(self, z: float, s: float, multiplicity: int, side: str):
        equivalent = self.equivalent
        values, vectors = self._symbol(s, z)
        null = vectors[:, np.argsort(np.abs(values))[:multiplicity]]
        root = np.sqrt(np.abs(self._coefficients(s, z)))
        y = self._resolved(s, z)[1]() @ (root[:, None] * null)
        loadings = self.directions * np.sqrt(self.strengths)
        sigma_y = equivalent.covariance.apply(y) + loadings @ (loadings.T @ y)
        resolvent = equivalent.resolvent(s, z)
        slope = equivalent.traces(np.array([s]), np.array([z])).slope[0]
        spread = {
            p: float(
                s / equivalent.n_samples
                * np.sum(equivalent.weights ** (p - 1.0) * resolvent.sigma_sandwich) / slope
            )
            for p in POWERS.values()
        }  # fmt: skip
        if multiplicity > 1:
            y, sigma_y = separated(y, sigma_y, spread[0.0], self.weights, self.directions)
        for k in range(multiplicity):
            variance = float(y[:, k] @ sigma_y[:, k])
            nu = float(equivalent.eigenvalue(z))
            yield Outlier(nu, side, y[:, k], self.weights, variance, spread)

    @cached_property
    def thresholds(self) -> Array:
        """Strength above which each spike alone leaves the bulk upwards, of shape (own,).

        In the units of Sigma; ValueError without a ridge if n < d. Implements
        :theorem:`thm-outlier`.
        """
        return self._all_thresholds[: self.own]

    @cached_property
    def _all_thresholds(self) -> Array:
        if self.strengths.size == 0:
            return np.empty(0)
        if self.equivalent.rho == 0 or not self.spectrum.edge_points:
            raise ValueError("ridge must be positive for a threshold when n_samples < d.")
        forms = self._forms(self.main_edges[1])
        if np.any(forms <= 0):  # the base has eigenvalues above that edge along this direction
            forms = np.where(forms > 0, forms, self._forms(self.spectrum.edge_points[-1]))
        with np.errstate(divide="ignore"):
            return np.where(forms > 0, 1.0 / forms, np.inf)

    def _forms(self, edge: Edge) -> Array:
        """The quadratic forms -s u'Ru at an edge, one a direction."""
        matrix = self._resolved(edge.root, edge.position)[0]
        c, own = self._coefficients(edge.root, edge.position), self.own
        forms = -edge.root * eliminated(matrix, c, self.strengths.size)
        if own and own < self.strengths.size:
            # Loud coordinates are noise to the others, unless a direction is mostly on them.
            beside = -edge.root * eliminated(matrix, c, own)
            forms[:own] = np.where(beside > 0, beside, forms[:own])
        return forms

    def describe_spikes(self, eigenvalue_of: Callable[[float], float]) -> tuple[Spike, ...]:
        """One :class:`Spike` for each direction, in the order of the model.

        Parameters
        ----------
        eigenvalue_of : callable
            Maps an eigenvalue of M to the one that is reported.

        Returns
        -------
        tuple of Spike

        Notes
        -----
        The outliers above the bulk are given to directions so that the sum of the overlaps is
        largest; directions left over are not detected. Outliers below the bulk come from
        coordinates whose D has changed; those between bulks are in `outliers` only.
        When eigenvalues coincide, their eigenvectors are arbitrary in a common space; the
        overlaps are then those of the basis of that space that is closest to the directions.
        """
        if self.own == 0 or self.strengths.size == 0:
            return ()
        owner: dict[int, Outlier] = {}
        above = [outlier for outlier in self.outliers if outlier.side == "above"]
        if above:
            overlaps = np.array(
                [[o.overlap(u, "symmetric") for o in above] for u in self.directions.T]
            )
            # Where overlaps tie at zero, strength over threshold decides.
            margin = self.strengths / self._all_thresholds
            rows, columns = linear_sum_assignment(overlaps + 1e-9 * margin[:, None], maximize=True)
            owner = {int(i): above[j] for i, j in zip(rows, columns, strict=True)}
        edge = self.equivalent.eigenvalue(self.main_edges[1].position)
        spikes = []
        for i, (strength, threshold) in enumerate(
            zip(self.strengths[: self.own], self.thresholds, strict=True)
        ):
            u, outlier = self.directions[:, i], owner.get(i)
            place = edge if outlier is None else outlier.position
            spike = Spike(
                strength=float(strength),
                threshold=float(threshold),
                detected=outlier is not None,
                eigenvalue=float(eigenvalue_of(place)),
                right_overlap=0.0,
                left_overlap=0.0,
                symmetric_overlap=0.0,
                direction=u,
            )
            if outlier is not None:
                spike = replace(
                    spike,
                    **{f"{which}_overlap": outlier.overlap(u, which) for which in POWERS},
                )
            spikes.append(spike)
        return tuple(spikes)
