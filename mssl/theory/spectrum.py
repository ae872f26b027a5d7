"""The law of the eigenvalues of a weighted sample covariance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from .._types import Array
from ..exceptions import ConvergenceError
from .atoms import Atom, frozen_atoms
from .edges import Edge
from .law import JointSpectrum
from .series import AngleMap, Panel, expect, find_panels, integral, local_angle
from .state import StoredByFields
from .support import ROUNDS, find_edges, first_scan, unseen
from .weighted import WeightedEquivalent

__all__ = ["Spectrum"]

# Mass that a density may miss before the search for bulks is made finer.
MASS_TOLERANCE = 2e-6

# Relative rounding of a place.
ROUNDING = 1e-14

# Relative error that the first moments, known in advance, may have.
MOMENT_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Spectrum(StoredByFields):
    r"""Limiting law of the eigenvalues of a weighted sample covariance M.

    .. math:: \varrho(x) = \frac1\pi\,\mathrm{Im}\,m(x + i0), \qquad
              m(z) = \frac1d \mathrm{Tr}\,(M - z)^{-1} \simeq \frac1d \mathrm{Tr}\,D^{-1}R

    Implements :theorem:`cor-spec-law`.

    Parameters
    ----------
    equivalent : WeightedEquivalent
        The matrix and its self-consistent equation.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the support of the density, in the units of M and ascending; `edges.reshape(-1, 2)`
        has one bulk a row. Atoms are not among them.
    atoms : tuple of Atom
        Ascending. A bulk of a relative width below 1e-10 counts as one.
    infinite_mass : float
        Fraction of eigenvalues at infinity, for a rho of zero; else 0.

    Notes
    -----
    An edge is a stationary point of the curve z(s) of real roots, found by Brent's method on
    :math:`\partial_s F = 0`, so that its accuracy is that of the arithmetic and not the square
    root of it. The bulks are found by a scan, and the scan is made finer until the mass of all
    bulks and atoms is one.

    Within each bulk the density is also kept as a piecewise Chebyshev series in the angle
    :math:`\varphi`, :math:`\log x = c - h\cos\varphi`, in which square-root edges are smooth; the
    distribution function, quantiles and moments are exact integrals of that series. Where Sigma
    and D do not commute, `density` reads the series too; a dense model then takes some 300
    eigendecompositions, half a minute at 500 coordinates, however many points are asked.

    References
    ----------
    J. W. Silverstein and Z. Bai, On the empirical distribution of eigenvalues of a class of
    large dimensional random matrices, Journal of Multivariate Analysis 54 (1995).

    J. W. Silverstein and S.-I. Choi, Analysis of the limiting spectral distribution of large
    dimensional random matrices, Journal of Multivariate Analysis 54 (1995).
    """

    equivalent: WeightedEquivalent

    @property
    def infinite_mass(self) -> float:
        """Fraction of eigenvalues at infinity, for a rho of zero; else 0."""
        return self.equivalent.n_samples / self.equivalent.d if self.equivalent.rho == 0 else 0.0

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """Single eigenvalues that a fraction of the eigenvectors share, ascending.

        Implements :theorem:`prop-spec-atoms`.
        """
        return tuple(Atom(self.equivalent.eigenvalue(a.position), a.mass) for a in self.atom_points)

    @cached_property
    def edges(self) -> Array:
        """Ends of the bulks, ndarray of shape (2 * n_bulks,), ascending.

        Implements :theorem:`thm-spec-edge`.
        """
        return self.equivalent.eigenvalue(self._ends)

    @property
    def atom_points(self) -> tuple[Atom, ...]:
        """The atoms as eigenvalues of the equivalent's own matrix, ascending."""
        return self._support[2]

    @cached_property
    def _frozen_atoms(self) -> tuple[Atom, ...]:
        """Those that no sample moves."""
        return tuple(frozen_atoms(self.equivalent))

    @property
    def edge_points(self) -> tuple[Edge, ...]:
        """The edges of the equivalent's own matrix with the roots s there, ascending."""
        return self._support[0]

    @cached_property
    def _ends(self) -> Array:
        return read_only([edge.position for edge in self.edge_points])

    @property
    def bulk_places(self) -> Array:
        """The ends of the equivalent's own bulks, ndarray of shape (n_bulks, 2)."""
        return self._ends.reshape(-1, 2)

    @property
    def _panels(self) -> list[Panel]:
        return self._support[1]

    @cached_property
    def bulk_masses(self) -> Array:
        """Fraction of the eigenvalues in each bulk, ndarray of shape (n_bulks,)."""
        masses = np.zeros(len(self.edge_points) // 2)
        for panel in self._panels:
            masses[panel.bulk] += integral(panel)
        return read_only(masses)

    @cached_property
    def _support(self):
        wanted = 1.0 - self.infinite_mass - sum(atom.mass for atom in self._frozen_atoms)
        if wanted < 0.5 / self.equivalent.d:
            return (), [], self._frozen_atoms
        # Small matrices on many threads mostly wait for one another.
        with threadpool_limits(limits=1, user_api="blas"):
            return self._search(wanted)

    def _search(self, wanted: float):
        """Edges, panels and narrow bulks that carry the mass and have the moments that are due."""
        complaint = ""
        known = {}
        for refinement in (1, 4, 16):
            scan = first_scan(self.equivalent, refinement, self._frozen_atoms)
            edges, narrow, panels, mass = [], [], [], 0.0
            for _ in range(ROUNDS):
                edges, narrow = find_edges(scan), []
                panels, found = find_panels(self.equivalent, edges, scan, known)
                mass = sum(integral(p) for p in panels)
                if found.size == 0 and wanted - mass >= MASS_TOLERANCE:
                    found, narrow = unseen(scan, self._frozen_atoms)
                if found.size == 0:
                    break
                scan.add(found)  # gaps inside what seemed one bulk, or bulks not yet seen
            mass += sum(atom.mass for atom in narrow)
            if abs(wanted - mass) >= MASS_TOLERANCE:
                complaint = f"carry a mass of {mass:.8f} where {wanted:.8f} is due"
                continue
            atoms = tuple(sorted([*self._frozen_atoms, *narrow], key=lambda a: a.position))
            complaint = self._wrong_moment(edges, panels, atoms)
            if not complaint:
                return tuple(edges), panels, atoms
        raise ConvergenceError(
            f"the bulks that were found {complaint}: some bulk is too narrow for the scan; ask for "
            "the density at single points, or spread eigenvalues that nearly coincide less finely."
        )

    def _wrong_moment(self, edges: Sequence[Edge], panels: Sequence[Panel], atoms: Sequence[Atom]):
        """Say which first moment the bulks miss; nothing when they have both."""
        for name, function, due, rounding in self._known_means():

            def mean(f: Callable[[Array], Array]):
                return expect(f, atoms, [edge.position for edge in edges], panels)

            found, size = mean(function), mean(lambda z, f=function: np.abs(f(z)))
            ends = np.abs(function(np.array([edge.position for edge in edges])))
            room = MOMENT_TOLERANCE * size + MASS_TOLERANCE * np.max(ends, initial=0.0) + rounding
            if not abs(found - due) <= room:
                return f"have a mean {name} of {found:.8g} where {due:.8g} is due"
        return ""

    def _known_means(self):
        r"""The means of :math:`\nu` and :math:`1 - 1/\nu` where they are known in advance.

        .. math:: \int x\,\mathrm d\mu = \frac1d \mathrm{Tr}\,D(\Sigma/\rho + \beta), \qquad
                  \int x^{-1}\,\mathrm d\mu = \frac1d \mathrm{Tr}\,D^{-1}R \quad(s = 1, \nu = 0)

        The second gives the mean eigenvalue of A_hat. It holds where s is 1 at 0, as for masked
        regression.
        """
        e = self.equivalent
        if e.rho > 0:
            mean = np.mean(e.weights * (e.covariance.diagonal() / e.rho + e.offset))
            yield "eigenvalue", lambda z: z, float(mean), 0.0
        if np.all(np.asarray(e.offset) > 0):
            r = e.resolvent(1.0, e.place(0.0))
            excess = e.rho - 1.0 + r.sigma_trace / e.n_samples
            if abs(excess) < 1e-9:
                away = np.mean(r.diagonal * (e.unit / e.weights) - 1.0)
                due = -float(away) - self.infinite_mass
                yield "eigenvalue of A_hat", e.coefficient, due, ROUNDING  # of quotients near 1

    def stieltjes(self, z: ArrayLike) -> Array:
        r"""The Stieltjes transform :math:`m(z)`.

        Parameters
        ----------
        z : complex or array-like
            Points off the support; a real point of the support means its limit from above.

        Returns
        -------
        complex or ndarray
            Of the shape of z. Eigenvalues at infinity contribute zero.

        Raises
        ------
        ValueError
            If an entry of z is not finite.
        """
        z = np.asarray(z, dtype=complex)
        if not np.isfinite(z).all():
            raise ValueError("z must be finite, but some entries are NaN or infinite.")
        flat = self.equivalent.place(z.ravel())
        upper = np.where(flat.imag < 0, flat.conj(), flat)
        s = self.equivalent.solve(upper)
        m = self.equivalent.unit * self.equivalent.traces(s, upper).stieltjes
        m = np.where(flat.imag < 0, m.conj(), m).reshape(z.shape)
        return m[()]

    def density(self, x: ArrayLike) -> Array:
        """Density at real points; atoms are not part of it.

        Parameters
        ----------
        x : float or array-like
            Real points.

        Returns
        -------
        float or ndarray
            Of the shape of x, in one over its unit; zero outside the bulks.

        Raises
        ------
        ValueError
            If an entry of x is not finite and real.
        """
        x = real_array(x)
        return (self.equivalent.unit * self.own_density(self.equivalent.place(x.ravel()))).reshape(
            x.shape
        )[()]

    def own_density(self, z: Array) -> Array:
        """Density of the eigenvalues of the equivalent's own matrix, for z of shape (n_points,)."""
        law = self.equivalent.law
        if law is not None and law.counts.size == 1:
            return _marchenko_pastur(self.equivalent, law, z)
        result = np.zeros(z.shape)
        if self.equivalent.law is not None:
            # No need to know the edges; next to an atom, where s is zero, lies a gap.
            regular = z > 0
            for atom in self._frozen_atoms:
                regular &= np.abs(z - atom.position) > 1e-9 * atom.position
            if regular.any():
                points = z[regular].astype(complex)
                m = self.equivalent.traces(self.equivalent.solve(points), points).stieltjes
                result[regular] = np.maximum(np.imag(m), 0.0) / np.pi
            return result
        for k, (low, high) in enumerate(self.bulk_places):
            inside = np.flatnonzero((z > low) & (z < high))
            if inside.size:
                angle = AngleMap(low, high).angle(z[inside])
                value = self._series(k, angle) / AngleMap(low, high).speed(angle)
                result[inside] = np.maximum(value, 0.0)
        return result

    def _series(self, bulk: int, angle: Array):
        """Value of the series of one bulk at given angles."""
        result = np.zeros(angle.shape)
        for panel in self._panels:
            if panel.bulk == bulk:
                inside = (angle >= panel.start) & (angle <= panel.stop)
                result[inside] = chebyshev.chebval(local_angle(panel, angle[inside]), panel.series)
        return result

    def cdf(self, x: ArrayLike) -> Array:
        """Fraction of the eigenvalues that are at most x, for real x of any shape.

        ValueError unless all are finite and real.
        """
        x = real_array(x)
        return self.own_cdf(self.equivalent.place(x.ravel())).reshape(x.shape)[()]

    def own_cdf(self, z: Array) -> Array:
        """The same of the equivalent's own matrix, for z of shape (n_points,)."""
        result = np.zeros(z.shape)
        for atom in self.atom_points:
            result += atom.mass * (z >= atom.position * (1.0 - ROUNDING))
        bulks = self.bulk_places
        for panel in self._panels:
            angle = AngleMap(*bulks[panel.bulk]).angle(z)
            inside = np.clip(angle, panel.start, panel.stop)
            half = 0.5 * (panel.stop - panel.start)
            primitive = chebyshev.chebint(panel.series, lbnd=-1)
            result += half * chebyshev.chebval(local_angle(panel, inside), primitive)
        return result

    def quantile(self, p: ArrayLike) -> Array:
        """Smallest x with cdf(x) >= p, for p in [0, 1]; infinite within the mass at infinity.

        ValueError for another p.
        """
        return self.equivalent.eigenvalue(self.own_quantile(p))

    def own_quantile(self, p: ArrayLike) -> Array:
        """The same of the equivalent's own matrix; ValueError unless p is in [0, 1]."""
        p = real_array(p, "p")
        if np.any((p < 0) | (p > 1)):
            raise ValueError("p must lie in [0, 1].")
        flat = np.minimum(p.ravel(), 1.0 - 1e-14)
        places = [atom.position for atom in self.atom_points] + list(self._ends)
        result = np.full(flat.shape, np.inf)
        open_ = np.flatnonzero(flat <= 1.0 - self.infinite_mass)
        target = flat[open_]
        low = np.full(target.shape, min(places))
        high = np.full(target.shape, max(places))
        low -= 1e-9 * np.abs(low) + 1e-300
        for _ in range(70):
            middle = np.where(low > 0, np.sqrt(np.maximum(low * high, 0.0)), 0.5 * (low + high))
            reached = self.own_cdf(middle) >= target - 1e-13
            high, low = np.where(reached, middle, high), np.where(reached, low, middle)
        result[open_] = high
        return result.reshape(p.shape)[()]

    def expect(self, function: Callable[[Array], Array]) -> float:
        """Mean of a function over the law: bulks and finite atoms, not the mass at infinity."""
        return self.own_expect(lambda z: function(self.equivalent.eigenvalue(z)))

    def own_expect(self, function: Callable[[Array], Array]) -> float:
        """The same with a function of the eigenvalues of the equivalent's own matrix."""
        return expect(function, self.atom_points, self._ends, self._panels)

    def moment(self, k: int) -> float:
        r"""The moment :math:`\int x^k\,\mathrm d\mu(x)`."""
        if k > 0 and self.infinite_mass > 0:
            return np.inf
        return self.expect(lambda x: x**k) + (self.infinite_mass if k == 0 else 0.0)


def _marchenko_pastur(equivalent: WeightedEquivalent, law: JointSpectrum, x: Array):
    """White noise in closed form: M = D (v W / rho + beta) for the white Wishart matrix W."""
    gamma = equivalent.d / equivalent.n_samples
    variance, weight = float(law.variances[0]), float(law.weights[0])
    rho, beta = equivalent.rho, float(np.max(equivalent.offset))
    if rho == 0 or variance == 0:
        return np.zeros(x.shape)
    slope = rho / (weight * variance)
    y = slope * x
    if beta:
        y -= beta * rho / variance
    # Inside the bulk (y - low)(high - y) = 4 gamma - (y - 1 - gamma)^2.
    square = y - (1.0 + gamma)
    square *= square
    np.subtract(4.0 * gamma, square, out=square)
    np.maximum(square, 0.0, out=square)
    np.sqrt(square, out=square)
    y *= 2.0 * np.pi * gamma / slope
    return np.divide(square, y, out=square, where=square > 0)  # y > 0 inside the bulk


def real_array(x: ArrayLike, name: str = "x") -> Array:
    """Return x as a float array; ValueError about `name` unless all entries are finite and real."""
    x = np.asarray(x)
    if np.iscomplexobj(x) or x.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be real; use stieltjes for points off the real axis.")
    x = x.astype(float, copy=False)
    if not np.isfinite(x).all():
        raise ValueError(f"{name} must be finite, but some entries are NaN or infinite.")
    return x


def read_only(values: ArrayLike) -> Array:
    """Return the values as a float array that cannot be written to."""
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array
