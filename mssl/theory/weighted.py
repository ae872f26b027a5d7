"""The self-consistent equation behind every spectrum of this package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._types import Array, Points, Scalar
from ..covariance import Circulant, Covariance, Dense
from ..exceptions import ConvergenceError
from .inertia import negative_eigenvalues
from .law import JointSpectrum, LawSums, joint_law, law_moments, law_sums, merged, unscaled
from .pencil import Pencil
from .state import StoredByFields

__all__ = ["WeightedEquivalent"]

# Products of points and atoms that are worked on at once; keeps the arrays inside the cache.
CHUNK = 1 << 16

# Distinct atoms above which a starting point is first found with a coarser law.
FINE = 600

# Largest imaginary part of rho in units of rho, for places where the equation has a pole.
HIGHEST = 1e60

# Newton steps after which a double root may be as far from zero as the traces of a model are noisy.
STALLED, NOISE = 20, 1e-11

# Coordinates up to which dense algebra is faster than any structure.
SMALL = 128


class Traces(NamedTuple):
    """The functionals of R at given points (s, z), each of the shape of the points."""

    excess: Array  # F
    slope: Array  # dF/ds
    drift: Array  # dF/dz
    stieltjes: Array  # (1/d) Tr D^-1 R


@dataclass(frozen=True, eq=False)
class WeightedEquivalent(StoredByFields):
    r"""Deterministic equivalent of a weighted sample covariance.

    .. math::

        M = D^{1/2}\Big(\frac{S}{\rho} + \beta\Big) D^{1/2}, \qquad
        (M - z)^{-1} \simeq D^{-1/2} R\, D^{-1/2}, \qquad
        R = (s\,\Sigma + \beta - z D^{-1})^{-1},

    .. math::

        F(s, z) = \rho\,s - 1 + \frac{s}{n} \mathrm{Tr}\,\Sigma R = 0 .

    Implements :theorem:`thm-spec-equivalent` and :theorem:`lem-spec-diagonal`.

    Parameters
    ----------
    covariance : Covariance
        Population model of the bulk, without spikes.
    n_samples : int
        Number of samples n.
    weights : ndarray of shape (n_features,)
        The diagonal of D, positive.
    offset : float or ndarray of shape (n_features,)
        :math:`\beta \ge 0`; a vector is the diagonal of a matrix that takes the place of
        :math:`\beta I`.
    rho : float
        :math:`\rho \ge 0`. At zero, n eigenvalues of M are infinite and the others are finite.
    depth, unit : float, default=1.0
        The matrix of interest has the eigenvalues :math:`1 - \mathrm{depth} + z/\mathrm{unit}` for
        the eigenvalues z of M. Where all of them are close to 1, as under a large ridge, this M
        is what keeps their digits.

    Notes
    -----
    With :math:`D = \mathrm{diag}(R(0))`, :math:`\beta = \kappa` and :math:`\rho = \lambda/\kappa`,
    M is :math:`D_Q^{1/2}(S + \lambda) D_Q^{1/2}` for :math:`D_Q = \mathrm{diag}(Q)`; in this form
    neither :math:`\lambda \to 0` nor n < d divides by zero. With :math:`\beta = 0` and
    :math:`\rho = 1` it is a sample covariance in the units D.

    **The branch.** For Im z > 0 exactly one root has Im s < 0. On the real axis a root is the
    limit of that one if Im s < 0 (inside the bulk), or if s is real and ds/dz < 0, which is
    :math:`\partial_s F\,\partial_z F > 0` (outside): by the implicit function theorem both kinds
    continue into Im z > 0 with Im s < 0. Every root that is returned has passed this test.

    **Cost.** When Sigma and D commute (diagonal models, or constant D and known eigenvalues) a
    point costs O(number of distinct eigenvalues). A small or dense model costs one real symmetric
    eigendecomposition for each real z, of the pencil in ``mssl.theory.pencil``, and one complex
    inverse for each Newton step elsewhere. Both solve all points at once. Otherwise points are
    solved in turn, and each costs a few resolvents of the model, O(d) for AR1 and Blocks.
    """

    covariance: Covariance
    n_samples: int
    weights: Array
    offset: float | Array
    rho: float
    depth: float = 1.0
    unit: float = 1.0

    def eigenvalue(self, z: Scalar):
        """The eigenvalue of the matrix of interest that belongs to z, one of M."""
        return (1.0 - self.depth) + z / self.unit

    def place(self, nu: Scalar):
        """The inverse of `eigenvalue` at `nu`."""
        return self.unit * (nu - (1.0 - self.depth))

    def coefficient(self, z: Scalar):
        r""":math:`1 - 1/\nu` at :math:`\nu` = `eigenvalue` (z)."""
        excess = z / self.unit - self.depth
        return excess / (1.0 + excess)

    def place_of_coefficient(self, a: Scalar):
        """The inverse of `coefficient` at a."""
        return self.unit * (self.depth + a / (1.0 - a))

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.covariance.d

    @property
    def graded(self) -> bool:
        r"""Whether :math:`\beta` is a vector."""
        return np.ndim(self.offset) > 0

    @property
    def levels(self) -> Array:
        r""":math:`\beta_kD_k`, what an eigenvector on coordinate k that no sample touches has."""
        return self.offset * self.weights

    @cached_property
    def law(self) -> JointSpectrum | None:
        """The joint law of the eigenvalues of Sigma and D, or None when they do not commute."""
        return joint_law(self.covariance, self.weights, self.offset)

    @cached_property
    def sums(self) -> LawSums | None:
        """What the sums over the joint law need at every point, or None without a law."""
        return None if self.law is None else law_sums(self.law)

    @cached_property
    def population_trace(self) -> float:
        r""":math:`\frac1n \mathrm{Tr}\,D\Sigma`."""
        return float(self.weights @ self.covariance.diagonal()) / self.n_samples

    @cached_property
    def population_top(self) -> float:
        r"""Largest eigenvalue of :math:`D^{1/2}\Sigma D^{1/2}`, to a few per cent from below."""
        if self.law is not None:
            return float(np.max(self.law.variances * self.law.weights))
        root = np.sqrt(self.weights)
        x = np.random.default_rng(0).normal(size=self.d)  # any vector that is not special
        top = 0.0
        for _ in range(60):
            x /= np.linalg.norm(x)
            x = root * self.covariance.apply(root * x)
            top = max(top, float(np.linalg.norm(x)))
        return top

    def resolvent(self, s: Scalar, z: Scalar):
        """The model's resolvent R at one point (s, z)."""
        return self.covariance.resolvent(self.offset - z / self.weights, s)

    def traces(self, s: Points, z: Points) -> Traces:
        """All functionals at points s and z of equal shape (n_points,)."""
        s, z = np.atleast_1d(s), np.atleast_1d(z)
        if self.sums is not None:
            return _law_traces(self, self.sums, s, z)
        if self.pencil is not None:
            n, rho = self.n_samples, self.rho
            t1, t2, cross, inverse = self.pencil.traces(s, z)
            with np.errstate(invalid="ignore", over="ignore"):  # at a pole
                excess, slope = rho * s - 1.0 + s * t1 / n, rho + (t1 - s * t2) / n
                return Traces(excess, slope, s * cross / n, inverse / self.d)
        columns = [_model_traces(self, a, b) for a, b in zip(s, z, strict=True)]
        return Traces(*(np.array(c) for c in zip(*columns, strict=True)))

    @cached_property
    def pencil(self) -> Pencil | None:
        """The dense form, for a model that is small or has no faster one."""
        core = unscaled(self.covariance)
        small = self.d <= SMALL or isinstance(core, Dense | Circulant)
        if self.law is not None or not small:
            return None
        return Pencil(self.covariance.dense(), self.weights, self.levels)

    @property
    def dear(self) -> bool:
        """Whether a single point costs the dense algebra of a large matrix."""
        return self.pencil is not None and self.d > SMALL

    def below(self, s: float, z: float) -> int | None:
        r"""Number of eigenvalues of M below a real z outside the bulks, with its root s.

        .. math:: N(z) = i_-\big(s\,\Sigma + \beta - zD^{-1}\big) - n\,[s < 0]

        for the number :math:`i_-` of negative eigenvalues: both sides are the change of
        :math:`-\frac1\pi\arg` along a path through the upper half-plane, from below all
        eigenvalues, of the two sides of

        .. math:: \det(M - z) \simeq \det D\,\det(s\Sigma + \beta - zD^{-1})\,
                  s^{-n}e^{n(\rho s - 1)} .

        None for a model that has no law, no pencil and no count of its own.
        """
        if self.law is not None:
            law = self.law
            signs = s * law.variances + law.offsets - z / law.weights < 0
            negative = int(law.counts[signs].sum())
        elif self.pencil is not None:
            negative = self.pencil.negative(s, z)
        else:
            counted = negative_eigenvalues(self.covariance, s, self.offset - z / self.weights)
            if counted is None:
                return None
            negative = counted
        return negative - (self.n_samples if s < 0 else 0)

    def solve(self, z: Points, guess: Array | None = None) -> Array:
        r"""The root s at each point, on the branch that is analytic in the upper half-plane.

        Implements :theorem:`prop-spec-branch`.

        Parameters
        ----------
        z : ndarray of shape (n_points,)
            Real, meaning the limit from above, or with positive imaginary part.
        guess : ndarray of shape (n_points,), optional
            Starting points; used where they lead to a root on the right branch.

        Returns
        -------
        ndarray of shape (n_points,)
            Complex; real entries are points outside the bulk.

        Raises
        ------
        ConvergenceError
            When Newton's method did not reach the right branch, whatever the steps in Im z.
        """
        z = np.asarray(z, dtype=complex)
        s = self.attempt(z, guess)
        good = ~np.isnan(s)
        if not good.all():
            raise ConvergenceError(
                f"the self-consistent equation was not solved at {int((~good).sum())} of "
                f"{z.size} points, the first z = {z[~good][0]:.6g} (n_samples = {self.n_samples}, "
                f"d = {self.d}): ask for the transform at a larger imaginary part, or raise the "
                "ridge."
            )
        return s

    def attempt(self, z: Points, guess: Array | None = None) -> Array:
        """Like `solve` of z from a guess, with NaN where there is no root."""
        z = np.asarray(z, dtype=complex)
        if self.law is None and self.pencil is None:
            return self._solve_in_turn(z, guess)
        s = np.full(z.shape, np.nan, dtype=complex)
        todo = np.ones(z.shape, dtype=bool)
        if guess is not None:
            s, todo = self._polish(z, np.asarray(guess, dtype=complex))
        for start in self._starts(z):
            if not todo.any():
                break
            s[todo], left = self._polish(z[todo], start(z[todo]))
            todo[todo] = left
        s[todo] = np.nan
        return s

    def _starts(self, z: Points):
        """Ways to a starting point, the cheapest first."""
        law = self.law
        if law is not None and law.counts.size > FINE:
            coarse = replace(self)  # nearby atoms merged
            coarse.__dict__["law"] = merged(law)
            yield coarse.attempt
        real = not np.any(z.imag)
        if self.law is None and real:
            yield self._descend_in_rho
        for factor, last in ((0.25, 1e-6), (0.5, 1e-11), (0.8, 1e-13)):
            yield lambda z, factor=factor, last=last: self._descend(z, factor, last)
        if self.law is not None and real:
            yield self._descend_in_rho

    def _solve_in_turn(self, z: Points, guess: Array | None):
        s = np.empty(z.shape, dtype=complex)
        known = None  # (z, s, ds/dz) of the last point
        for i in np.argsort(-z.real, kind="stable"):
            point = z[i : i + 1]
            starts = [] if guess is None else [complex(guess[i])]
            if known is not None:
                start = known[1] + known[2] * (point[0] - known[0])
                if start.imag >= 0:
                    start = complex(start.real, -abs(known[1].imag) - 1e-3 * abs(known[1]))
                starts.append(start)
            found = self._first_root(point, starts)
            if found is None:
                s[i] = np.nan
                continue
            s[i] = found[0]
            traces = self.traces(found, point)
            known = (point[0], found[0], complex(-traces.drift[0] / traces.slope[0]))
            if not np.isfinite(known[2]):
                known = None
        return s

    def _first_root(self, point: Points, starts: list[complex]) -> Array | None:
        """The root at one point from the first start, or else descent, that leads to one."""
        for start in starts:
            found, left = self._polish(point, np.array([start]), steps=12)
            if not left[0]:
                return found
        for factor, last in ((0.25, 1e-6), (0.5, 1e-11)):
            found, left = self._polish(point, self._descend(point, factor, last))
            if not left[0]:
                return found
        if point[0].imag == 0:
            found, left = self._polish(point, self._descend_in_rho(point))
            if not left[0]:
                return found
        return None

    def _descend(self, z: Points, factor: float, last: float):
        """Homotopy: from a large imaginary part, where the map contracts, down to z."""
        bottom = last * (np.abs(z) + 1e-300)
        top = 10.0 * (np.abs(z) + self.population_trace + np.max(self.levels))
        steps = int(np.ceil(np.max(np.log(top / bottom)) / -np.log(factor)))
        height = top
        s = 1.0 / (self.rho - self.population_trace / (z.real + 1j * top))
        for _ in range(4):
            s = self._contract(s, z.real + 1j * top)
        for k in range(steps + 1):
            height = top * (bottom / top) ** (k / steps)
            point = z.real + 1j * np.maximum(height, z.imag)
            for _ in range(3):
                s = self._half_plane_step(s, point)
        return s

    def _descend_in_rho(self, z: Points):
        """The same at real z, with the imaginary part added to rho instead.

        Both make s -> 1/(rho + (1/n) Tr Sigma R) a contraction of the lower half-plane, and both
        lead to the same root: dF/drho and dF/dz have the sign of s on the real axis.
        """
        scale = 10.0 * (self.rho + (self.d + 1.0) / self.n_samples)
        place = z.real
        middle = self.pencil.median(place) if self.pencil is not None else np.ones(place.shape)
        top = np.maximum(scale, scale * np.minimum(middle, HIGHEST))
        s = 1.0 / (self.rho + 1j * top)
        for height in np.append(0.5 ** np.arange(50), 0.0):
            for _ in range(4):
                s = self._half_plane_step(s, place, 1j * height * top)
        return s

    def _contract(self, s: Points, z: Points):
        """The map s -> 1/(rho + (1/n) Tr Sigma R) of the lower half-plane into itself."""
        excess = self.traces(s, z).excess
        with np.errstate(all="ignore"):
            return 1.0 / ((excess + 1.0) / s)

    def _half_plane_step(self, s: Points, z: Points, lift: Scalar = 0.0):
        """A Newton step, or the contraction where Newton would leave the half-plane.

        `lift` is added to rho. Where neither it nor z has an imaginary part nothing contracts, and
        s stays.
        """
        traces = self.traces(s, z)
        excess, slope = traces.excess + lift * s, traces.slope + lift
        with np.errstate(all="ignore"):
            newton = s - excess / slope
            bad = ~(newton.imag < 0) | ~np.isfinite(newton)
            contracted = s / (excess + 1.0)
        contracts = ((np.imag(z) > 0) | (np.imag(lift) > 0)) & np.isfinite(contracted)
        return np.where(bad, np.where(contracts, contracted, s), newton)

    def _polish(self, z: Points, s: Points, steps: int = 60):
        """Newton's method at z itself; returns the roots and a mask of those not accepted."""
        s = np.array(s, dtype=complex)
        moving = np.isfinite(s)
        converged = np.zeros(z.shape, dtype=bool)
        for done in range(steps):
            index = np.flatnonzero(moving)
            if index.size == 0:
                break
            traces = self.traces(s[index], z[index])
            with np.errstate(all="ignore"):
                step = traces.excess / traces.slope
            step[~np.isfinite(step)] = np.nan
            s[index] -= step
            size = np.abs(s[index])
            # Next to an edge the root is nearly double and the step stalls at rounding; the
            # residual then decides. Elsewhere convergence is quadratic.
            close = np.abs(step) <= 1e-6 * size
            stalled = close & (np.abs(traces.excess) <= (2e-15 if done < STALLED else NOISE))
            small = (np.abs(step) <= 1e-8 * size) | stalled
            converged[index[small]] = True
            moving[index[small | ~np.isfinite(step)]] = False
            # A real place has roots in pairs, of which rounding may show the other.
            flip = index[stalled & (z[index].imag == 0)]
            s[flip] = s[flip].real - 1j * np.abs(s[flip].imag)
        s, right = self._on_branch(z, s, converged)
        return s, ~right

    def _on_branch(self, z: Points, s: Points, converged: Array):
        outside = converged & (z.imag == 0) & (np.abs(s.imag) <= 1e-9 * np.abs(s))
        right = converged & (s.imag < 0) & ~outside
        index = np.flatnonzero(outside)
        if index.size:
            x, root = z[index].real, s[index].real
            good = np.zeros(index.size, dtype=bool)
            for _ in range(3):
                traces = self.traces(root, x)
                with np.errstate(all="ignore"):
                    step = traces.excess / traces.slope
                    good = (traces.slope * traces.drift > 0) & (np.abs(step) < 1e-5 * np.abs(root))
                root = np.where(good, root - step, root)
            s[index] = root
            right[index] = good
        return s, right


def _law_traces(equivalent: WeightedEquivalent, sums: LawSums, s: Points, z: Points) -> Traces:
    rows = max(1, CHUNK // sums.variances.size)
    if s.size <= rows:
        return _law_traces_at_once(equivalent, sums, s, z)
    parts = [slice(start, start + rows) for start in range(0, s.size, rows)]
    pieces = [_law_traces_at_once(equivalent, sums, s[part], z[part]) for part in parts]
    return Traces(*(np.concatenate(column) for column in zip(*pieces, strict=True)))


def _law_traces_at_once(
    equivalent: WeightedEquivalent, sums: LawSums, s: Points, z: Points
) -> Traces:
    n, rho = equivalent.n_samples, equivalent.rho
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        first, second = law_moments(s, z, sums)
        t1, t2, cross = first[:, 0] / n, second[:, 0] / n, second[:, 1] / n
        excess, slope = rho * s - 1.0 + s * t1, rho + t1 - s * t2
        return Traces(excess, slope, s * cross, first[:, 1] / equivalent.d)


def _model_traces(equivalent: WeightedEquivalent, s: Scalar, z: Scalar):
    n, d = equivalent.n_samples, equivalent.d
    if z == 0 or np.imag(z) == 0:
        z = np.real(z)  # a real shift keeps a real resolvent real
    if np.imag(s) == 0:
        s = np.real(s)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        try:
            r = equivalent.resolvent(s, z)
        except np.linalg.LinAlgError:  # the point is a pole; no solver stays there
            return (np.nan,) * 4
        t1, t2 = r.sigma_trace / n, r.sigma_sigma_trace / n
        cross = np.sum(r.sigma_sandwich / equivalent.weights) / n
        stieltjes = np.sum(r.diagonal / equivalent.weights) / d
    rho = equivalent.rho
    return rho * s - 1.0 + s * t1, rho + t1 - s * t2, s * cross, stieltjes
