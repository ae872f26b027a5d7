"""Densities, edges and atoms of the matrices that masked regression and PCA learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike
from scipy.fft import dct
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from .._types import Array, Scalar
from ..covariance import Covariance
from ..exceptions import ConvergenceError
from .ensemble import SMALL, Ensemble, Law
from .state import StoredByFields

__all__ = ["Atom", "CoefficientSpectrum", "Edge", "Spectrum"]

# Mass that a density may miss before the search for bulks is made finer.
MASS_TOLERANCE = 2e-6
# How often the search is repeated with points it missed, and steps of one search for bulks.
ROUNDS, MOST_STEPS = 12, 600
# Relative rounding of a place.
ROUNDING = 1e-14
# Relative distance from the end of a bulk that arithmetic can tell from 0.
CLOSE = 4e-15
# Relative error that the first moments, known in advance, may have.
MOMENT_TOLERANCE = 1e-5
# Relative distance to a level with an atom within which the bulks of other levels are looked for,
# and the ratio of successive distances that are tried.
BESIDE, BESIDE_STEP = 0.3, 1.05
# Smallest place that is scanned, as a part of the largest.
LEAST = 1e-14
# Relative width below which a bulk counts as one place.
NARROW = 1e-10
# Relative distance to a level that is shared, within which no point is solved.
AVOIDED = 1e-8


@dataclass(frozen=True)
class Atom:
    """A single eigenvalue that a whole fraction of the eigenvectors share.

    Attributes
    ----------
    position : float
        The eigenvalue.
    mass : float
        Its fraction of all d eigenvalues.
    """

    position: float
    mass: float


class Edge(NamedTuple):
    """End of a bulk: its place, the root s there, and on which side the bulk lies (+1: above)."""

    position: float
    root: float
    inward: int


class _Panel(NamedTuple):
    """Chebyshev series of the density in the angle, between two angles of one bulk."""

    bulk: int
    start: float
    stop: float
    series: Array


@dataclass(frozen=True, eq=False)
class Spectrum(StoredByFields):
    r"""Limiting law of the eigenvalues of a weighted sample covariance M.

    .. math:: \varrho(x) = \frac1\pi\,\mathrm{Im}\,m(x + i0), \qquad
              m(z) = \frac1d \mathrm{Tr}\,(M - z)^{-1} \simeq \frac1d \mathrm{Tr}\,D^{-1}R

    Implements :theorem:`cor-spec-law`.

    Parameters
    ----------
    ensemble : Ensemble
        The matrix and its self-consistent equation.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the support of the density, ascending; `edges.reshape(-1, 2)` has one bulk a row.
        Atoms are not among them.
    atoms : tuple of Atom
        Ascending. A bulk of a relative width below 1e-10 counts as one.
    infinite_mass : float
        Fraction of eigenvalues at infinity, for a shrinkage of zero; else 0.

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

    ensemble: Ensemble

    @property
    def infinite_mass(self) -> float:
        """Fraction of eigenvalues at infinity, for a shrinkage of zero; else 0."""
        return self.ensemble.n_samples / self.ensemble.d if self.ensemble.shrinkage == 0 else 0.0

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """Single eigenvalues that a fraction of the eigenvectors share, ascending.

        Implements :theorem:`prop-spec-atoms`.
        """
        return tuple(Atom(self.ensemble.eigenvalue(a.position), a.mass) for a in self.atom_points)

    @cached_property
    def edges(self) -> Array:
        """Ends of the bulks, ndarray of shape (2 * n_bulks,), ascending.

        Implements :theorem:`thm-spec-edge`.
        """
        return self.ensemble.eigenvalue(self._ends)

    @property
    def atom_points(self) -> tuple[Atom, ...]:
        """The atoms as eigenvalues of the ensemble's own matrix, ascending."""
        return self._support[2]

    @cached_property
    def _frozen_atoms(self) -> tuple[Atom, ...]:
        """Those that no sample moves."""
        return tuple(_atoms(self.ensemble))

    @property
    def edge_points(self) -> tuple[Edge, ...]:
        """The edges of the ensemble's own matrix with the roots s there, ascending."""
        return self._support[0]

    @cached_property
    def _ends(self) -> Array:
        return _frozen([edge.position for edge in self.edge_points])

    @property
    def bulk_places(self) -> Array:
        """The ends of the ensemble's own bulks, ndarray of shape (n_bulks, 2)."""
        return self._ends.reshape(-1, 2)

    @property
    def _panels(self) -> list[_Panel]:
        return self._support[1]

    @cached_property
    def bulk_masses(self) -> Array:
        """Fraction of the eigenvalues in each bulk, ndarray of shape (n_bulks,)."""
        masses = np.zeros(len(self.edge_points) // 2)
        for panel in self._panels:
            masses[panel.bulk] += _integral(panel)
        return _frozen(masses)

    @cached_property
    def _support(self):
        wanted = 1.0 - self.infinite_mass - sum(atom.mass for atom in self._frozen_atoms)
        if wanted < 0.5 / self.ensemble.d:
            return (), [], self._frozen_atoms
        # Small matrices on many threads mostly wait for one another.
        with threadpool_limits(limits=1, user_api="blas"):
            return self._search(wanted)

    def _search(self, wanted: float):
        """Edges, panels and narrow bulks that carry the mass and have the moments that are due."""
        complaint = ""
        known = {}
        for refinement in (1, 4, 16):
            scan = _first_scan(self.ensemble, refinement)
            edges, narrow, panels, mass = [], [], [], 0.0
            for _ in range(ROUNDS):
                edges, narrow = _find_edges(scan), []
                panels, found = _panels(self.ensemble, edges, scan, known)
                mass = sum(_integral(p) for p in panels)
                if found.size == 0 and wanted - mass >= MASS_TOLERANCE:
                    found, narrow = _unseen(scan, self._frozen_atoms)
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

    def _wrong_moment(self, edges: Sequence[Edge], panels: Sequence[_Panel], atoms: Sequence[Atom]):
        """Say which first moment the bulks miss; nothing when they have both."""
        for name, function, due, rounding in self._known_means():

            def mean(f: Callable[[Array], Array]):
                return _expect(f, atoms, [edge.position for edge in edges], panels)

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
        e = self.ensemble
        if e.shrinkage > 0:
            mean = np.mean(e.weights * (e.covariance.diagonal() / e.shrinkage + e.floor))
            yield "eigenvalue", lambda z: z, float(mean), 0.0
        if np.all(np.asarray(e.floor) > 0):
            r = e.resolvent(1.0, e.place(0.0))
            excess = e.shrinkage - 1.0 + r.sigma_trace / e.n_samples
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
        """
        z = np.asarray(z, dtype=complex)
        if not np.isfinite(z).all():
            raise ValueError("z must be finite, but some entries are NaN or infinite.")
        flat = self.ensemble.place(z.ravel())
        upper = np.where(flat.imag < 0, flat.conj(), flat)
        s = self.ensemble.solve(upper)
        m = self.ensemble.unit * self.ensemble.traces(s, upper).stieltjes
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
            Of the shape of x; zero outside the bulks.
        """
        x = _real(x)
        return (self.ensemble.unit * self.own_density(self.ensemble.place(x.ravel()))).reshape(
            x.shape
        )[()]

    def own_density(self, z: Array) -> Array:
        """Density of the eigenvalues of the ensemble's own matrix, for z of shape (n_points,)."""
        law = self.ensemble.law
        if law is not None and law.counts.size == 1:
            return _marchenko_pastur(self.ensemble, law, z)
        result = np.zeros(z.shape)
        if self.ensemble.law is not None:
            # No need to know the edges; next to an atom, where s is zero, lies a gap.
            regular = z > 0
            for atom in self._frozen_atoms:
                regular &= np.abs(z - atom.position) > 1e-9 * atom.position
            if regular.any():
                points = z[regular].astype(complex)
                m = self.ensemble.traces(self.ensemble.solve(points), points).stieltjes
                result[regular] = np.maximum(np.imag(m), 0.0) / np.pi
            return result
        for k, (low, high) in enumerate(self.bulk_places):
            inside = np.flatnonzero((z > low) & (z < high))
            if inside.size:
                angle = _Map(low, high).angle(z[inside])
                value = self._series(k, angle) / _Map(low, high).speed(angle)
                result[inside] = np.maximum(value, 0.0)
        return result

    def _series(self, bulk: int, angle: Array):
        """Value of the series of one bulk at given angles."""
        result = np.zeros(angle.shape)
        for panel in self._panels:
            if panel.bulk == bulk:
                inside = (angle >= panel.start) & (angle <= panel.stop)
                result[inside] = chebyshev.chebval(_local(panel, angle[inside]), panel.series)
        return result

    def cdf(self, x: ArrayLike) -> Array:
        """Fraction of the eigenvalues that are at most x, for real x of any shape."""
        x = _real(x)
        return self.own_cdf(self.ensemble.place(x.ravel())).reshape(x.shape)[()]

    def own_cdf(self, z: Array) -> Array:
        """The same of the ensemble's own matrix, for z of shape (n_points,)."""
        result = np.zeros(z.shape)
        for atom in self.atom_points:
            result += atom.mass * (z >= atom.position * (1.0 - ROUNDING))
        bulks = self.bulk_places
        for panel in self._panels:
            angle = _Map(*bulks[panel.bulk]).angle(z)
            inside = np.clip(angle, panel.start, panel.stop)
            half = 0.5 * (panel.stop - panel.start)
            primitive = chebyshev.chebint(panel.series, lbnd=-1)
            result += half * chebyshev.chebval(_local(panel, inside), primitive)
        return result

    def quantile(self, p: ArrayLike) -> Array:
        """Smallest x with cdf(x) >= p, for p in [0, 1]; infinite within the mass at infinity."""
        return self.ensemble.eigenvalue(self.own_quantile(p))

    def own_quantile(self, p: ArrayLike) -> Array:
        """The same of the ensemble's own matrix."""
        p = _real(p, "p")
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
        return self.own_expect(lambda z: function(self.ensemble.eigenvalue(z)))

    def own_expect(self, function: Callable[[Array], Array]) -> float:
        """The same with a function of the eigenvalues of the ensemble's own matrix."""
        return _expect(function, self.atom_points, self._ends, self._panels)

    def moment(self, k: int) -> float:
        r"""The moment :math:`\int x^k\,\mathrm d\mu(x)`."""
        if k > 0 and self.infinite_mass > 0:
            return np.inf
        return self.expect(lambda x: x**k) + (self.infinite_mass if k == 0 else 0.0)


@dataclass(frozen=True, eq=False)
class CoefficientSpectrum(StoredByFields):
    r"""Limiting law of the eigenvalues of :math:`\hat A = \frac1q(I - QD^{-1})`.

    .. math:: a = \frac1q\Big(1 - \frac1\nu\Big), \qquad
              \varrho_A(a) = q\,\nu^2 \varrho_M(\nu), \qquad
              \frac1d\mathrm{Tr}\,(\hat A - z)^{-1} = q\,\zeta\,(1 + \zeta\,m_M(\zeta)), \quad
              \zeta = \frac{1}{1 - qz}

    with :math:`\nu` an eigenvalue of :math:`M = D^{1/2}(S + \Lambda)D^{1/2}`. Without a mask rate
    q is 1 and :math:`\Lambda` is :math:`\lambda I`. All eigenvalues are real, at most 1/q, and
    their mean is 0. With spikes the law is that of the bulk alone, whose mean is 0 up to a term
    of order 1/d: finitely many eigenvalues outside it have no share in the law.

    Implements :theorem:`prop-spec-map`.

    Parameters
    ----------
    source : Spectrum
        The law of M.
    keep : float, default=1.0
        The probability q that a coordinate is visible.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the support of the density, ascending; `edges.reshape(-1, 2)` has one bulk a row.
        Atoms are not among them.
    atoms : tuple of Atom
        Ascending. For n < d, eigenvalues that no sample has touched; at ridge zero also the n
        eigenvalues at a = 1/q.

    Notes
    -----
    For n < d the atoms belong to the limit in which D is replaced by its equivalent. In a
    finite sample D fluctuates by a relative :math:`n^{-1/2}`, which spreads them by as much.
    """

    source: Spectrum
    keep: float = 1.0

    def eigenvalue(self, nu: Scalar):
        """The eigenvalue of A_hat that belongs to one of M."""
        return (1.0 - 1.0 / nu) / self.keep

    def _coefficient(self, z: Scalar):
        """The same from an eigenvalue of the ensemble's own matrix, which keeps its digits."""
        return self.source.ensemble.coefficient(z) / self.keep

    def _place(self, a: Scalar):
        """The inverse of `_coefficient`, for a below 1/q."""
        return self.source.ensemble.place_of_coefficient(self.keep * a)

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        r"""Atoms as eigenvalues of :math:`\hat A`, ascending."""
        atoms = [Atom(self._coefficient(a.position), a.mass) for a in self.source.atom_points]
        if self.source.infinite_mass:
            atoms.append(Atom(1.0 / self.keep, self.source.infinite_mass))
        return tuple(atoms)

    @cached_property
    def edges(self) -> Array:
        r"""Ends of the bulks of eigenvalues of :math:`\hat A`, ascending."""
        with np.errstate(divide="ignore"):
            return _frozen([self._coefficient(e.position) for e in self.source.edge_points])

    def stieltjes(self, z: ArrayLike) -> Array:
        """The Stieltjes transform at complex z, or on the real axis its limit from above."""
        z = np.asarray(z, dtype=complex)
        if np.any(self.keep * z == 1):
            raise ValueError(
                f"z must not be {1.0 / self.keep:g}, where the eigenvalues of A_hat accumulate."
            )
        inverse = 1.0 / (1.0 - self.keep * z)
        return self.keep * inverse * (1.0 + inverse * self.source.stieltjes(inverse))

    def density(self, a: ArrayLike) -> Array:
        """Density at real points a of any shape; zero outside the bulks and from 1/q on."""
        a = _real(a, "a")
        result = np.zeros(a.shape)
        below = self.keep * a < 1.0
        nu = 1.0 / (1.0 - self.keep * a[below])
        density = self.source.own_density(self._place(a[below]))
        result[below] = self.keep * nu**2 * self.source.ensemble.unit * density
        return result[()]

    def cdf(self, a: ArrayLike) -> Array:
        """Fraction of the eigenvalues that are at most a, for real a of any shape."""
        a = _real(a, "a")
        result = np.ones(a.shape)
        below = self.keep * a < 1.0
        result[below] = self.source.own_cdf(self._place(a[below]))
        return result[()]

    def quantile(self, p: ArrayLike) -> Array:
        """Smallest a with cdf(a) >= p, for p in [0, 1]."""
        z = self.source.own_quantile(p)
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(z), 1.0 / self.keep, self._coefficient(z))[()]

    def expect(self, function: Callable[[Array], Array]) -> float:
        """Mean of a function over the law, atoms counted."""
        top = self.source.infinite_mass
        value = self.source.own_expect(lambda z: function(self._coefficient(z)))
        return value + (top * float(function(np.ones(1) / self.keep)[0]) if top else 0.0)

    def moment(self, k: int) -> float:
        r"""The moment :math:`\int a^k\,\mathrm d\mu(a)` of the bulk.

        Without spikes it is the limit of :math:`\frac1d \mathrm{Tr}\,\hat A^k`, so that the first
        moment is 0. With spikes it leaves the outliers out, and the first moment is of order 1/d.

        Implements :theorem:`prop-spec-moment`.
        """
        return self.expect(lambda a: a**k)


def _marchenko_pastur(ensemble: Ensemble, law: Law, x: Array):
    """White noise in closed form: M = D (v W / rho + beta) for the white Wishart matrix W."""
    gamma = ensemble.d / ensemble.n_samples
    variance, weight = float(law.variances[0]), float(law.weights[0])
    rho, beta = ensemble.shrinkage, float(np.max(ensemble.floor))
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


class _Map:
    """Angle in [0, pi] against place in a bulk; logarithmic unless the bulk starts at zero."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high
        self.log = low > 0
        a, b = (np.log(low), np.log(high)) if self.log else (low, high)
        self.centre, self.half = 0.5 * (a + b), 0.5 * (b - a)

    def place(self, angle: Array):
        y = self.centre - self.half * np.cos(angle)
        return np.clip(np.exp(y) if self.log else y, self.low, self.high)

    def speed(self, angle: Array):
        """dx/dangle."""
        factor = self.place(angle) if self.log else 1.0
        return self.half * np.sin(angle) * factor

    def angle(self, x: Array):
        x = np.clip(x, self.low, self.high)
        y = np.log(x) if self.log else x
        return np.arccos(np.clip((self.centre - y) / self.half, -1.0, 1.0))


def _real(x: ArrayLike, name: str = "x") -> Array:
    x = np.asarray(x)
    if np.iscomplexobj(x) or x.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be real; use stieltjes for points off the real axis.")
    x = x.astype(float, copy=False)
    if not np.isfinite(x).all():
        raise ValueError(f"{name} must be finite, but some entries are NaN or infinite.")
    return x


def _frozen(values: ArrayLike) -> Array:
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array


def _local(panel: _Panel, angle: Array):
    return (2.0 * angle - panel.start - panel.stop) / (panel.stop - panel.start)


def _expect(
    function: Callable[[Array], Array],
    atoms: Sequence[Atom],
    edges: ArrayLike,
    panels: Sequence[_Panel],
):
    """Mean of a function over atoms and bulks."""
    total = 0.0
    for atom in atoms:
        total += atom.mass * float(function(np.array([atom.position]))[0])
    bulks = np.reshape(edges, (-1, 2))
    for panel in panels:
        nodes, weights = np.polynomial.legendre.leggauss(panel.series.size)
        half = 0.5 * (panel.stop - panel.start)
        angle = panel.start + half * (nodes + 1.0)
        value = chebyshev.chebval(nodes, panel.series)
        x = _Map(*bulks[panel.bulk]).place(angle)
        total += half * float(np.sum(weights * value * function(x)))
    return total


def _integral(panel: _Panel):
    half = 0.5 * (panel.stop - panel.start)
    primitive = chebyshev.chebint(panel.series, lbnd=-1)
    return half * float(chebyshev.chebval(1.0, primitive))


# --- atoms -------------------------------------------------------------------------------------


def _groups(ensemble: Ensemble):
    """Coordinates with equal beta D, as a list of index arrays."""
    if not np.any(ensemble.floor):
        return [np.arange(ensemble.d)]
    key = ensemble.levels if ensemble.graded else ensemble.weights
    order = np.argsort(key, kind="stable")
    sorted_ = key[order]
    cut = np.flatnonzero(np.diff(sorted_) > 1e-9 * sorted_[1:]) + 1
    return np.split(order, cut)


def _place(ensemble: Ensemble, group: Array):
    """The common beta D of a group."""
    if ensemble.graded:
        return float(np.mean(ensemble.levels[group]))
    return ensemble.floor * float(np.mean(ensemble.weights[group]))


def _hard_places(ensemble: Ensemble):
    """Places beta D_j shared by exactly n coordinates: the density may diverge there."""
    return [
        float(ensemble.levels[group[0]])
        for group in _groups(ensemble)
        if group.size == ensemble.n_samples
    ]


def _atoms(ensemble: Ensemble):
    r"""Atoms of M: beta D_j, where more coordinates share D_j than samples or rank can lift.

    Vectors on the m coordinates with D_k = D_j that Sigma's samples annihilate are eigenvectors
    of M with eigenvalue beta D_j, and there are m - min(n, rank of Sigma on them).
    """
    d, n = ensemble.d, ensemble.n_samples
    null = _null_weight(ensemble.covariance)
    for group in _groups(ensemble):
        if group.size <= n and null[group].sum() < 0.5:
            continue
        rank = _rank(ensemble.covariance, group, null)
        count = group.size - min(n, rank)
        if count > 0:
            yield Atom(float(_place(ensemble, group)), count / d)


def _null_weight(covariance: Covariance):
    """Diagonal of the projector on the kernel of Sigma."""
    tiny = 1e-13 * covariance.trace() / covariance.d
    return (
        np.clip(tiny * covariance.resolvent(tiny).diagonal, 0.0, 1.0)
        if tiny
        else np.ones(covariance.d)
    )


def _rank(covariance: Covariance, group: Array, null: Array):
    """Rank of Sigma on a group of coordinates."""
    if null.sum() < 0.5:
        return group.size
    if group.size == covariance.d:
        return covariance.d - round(float(null.sum()))
    # All other coordinates are frozen by a huge shift.
    scale = covariance.trace() / covariance.d
    shift = np.full(covariance.d, 1e13 * scale)
    shift[group] = 1e-11 * scale
    part = shift[group] * covariance.resolvent(shift).diagonal[group]
    return group.size - round(float(part.sum()))


# --- edges -------------------------------------------------------------------------------------


def _range(ensemble: Ensemble):
    """Bounds of the support, from below and from above."""
    rho, weights, n = ensemble.shrinkage, ensemble.weights, ensemble.n_samples
    high = ensemble.levels.max()
    if rho > 0:
        high += 1.1 * ensemble.population_top * (1.0 + np.sqrt(ensemble.d / n)) ** 2 / rho
    low = ensemble.levels.min()
    if low == 0:
        low = 1e-9 * high
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = np.sum(ensemble.covariance.resolvent(0.0).diagonal / weights)
        if n > ensemble.d and np.isfinite(inverse) and inverse > 0:
            low = max(low, (1.0 - np.sqrt(ensemble.d / n)) ** 2 / inverse / rho)
    return low * (1 - 1e-6), high * (1 + 1e-6)


class _Scan:
    """Solved points on the real axis, ascending."""

    def __init__(self, ensemble: Ensemble, points: Array):
        self.ensemble = ensemble
        self.levels = _levels(ensemble)
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
        found = self.ensemble.attempt(points, self._guess(points))
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
        """Look closer where the density has a dip, or where a gap is about to close."""
        for _ in range(rounds):
            traces = self.ensemble.traces(self.s, self.z.astype(complex))
            height = np.imag(traces.stieltjes) * self.z
            # s dF/ds is 1 - (s^2/n) Tr (Sigma R)^2 outside: zero where a bulk would open.
            room = np.real(traces.slope * self.s)
            new = [np.empty(0)]
            for k in range(1, self.z.size - 1):
                three = slice(k - 1, k + 2)
                kinds = self.inside[three]
                if kinds.all() != kinds.any():
                    continue  # an edge
                values = height[three] if kinds.all() else np.abs(room[three])
                left, here, right = self.z[three]
                if values[1] <= min(values[0], values[2]) and right - left > 1e-8 * here:
                    new += [np.linspace(left, here, 5)[1:-1], np.linspace(here, right, 5)[1:-1]]
            self.add(np.concatenate(new))


def _first_scan(ensemble: Ensemble, refinement: int):
    """Points over the whole range, closer where something is to be expected."""
    low, high = _range(ensemble)
    cheap = ensemble.law is not None and ensemble.law.counts.size <= 5000
    dear = ensemble.pencil is not None and ensemble.d > SMALL
    count = (500 if cheap else 60 if dear else 130) * refinement
    points = np.geomspace(low, high, count)
    scan = _Scan(ensemble, points[points > 0])
    if np.all(ensemble.floor > 0):
        scan.add(_around_zero(ensemble, low, high, 20 if cheap else 8))
    scan.add(_around_levels(ensemble))
    while scan.inside[-1]:  # the bound was not one, which rounding can do
        scan.add(np.array([2.0 * scan.z[-1]]))
    for _ in range(30):
        if scan.z[0] < LEAST * high or not (scan.inside[0] or _holds_lower(scan)):
            break
        scan.add(np.array([1e-2, 1e-1]) * scan.z[0])
    scan.sharpen(4 if cheap else 1 if dear else 2)
    return scan


def _holds_lower(scan: _Scan):
    """Whether eigenvalues other than atoms lie below the first point of a scan."""
    count = scan.ensemble.below(scan.s[0].real, scan.z[0])
    if count is None:
        return False
    atoms = _atoms(scan.ensemble)
    held = sum(atom.mass for atom in atoms if atom.position < scan.z[0])
    return count > scan.ensemble.d * held + 0.5


def _find_edges(scan: _Scan):
    """The edges between the points of a scan that lie inside and outside."""
    ensemble = scan.ensemble
    edges = []
    if scan.inside[0]:
        edges.append(Edge(0.0, np.nan, +1))  # a hard edge: the density grows like x^-1/2
    for ends, inward in scan.crossings():
        if ends not in scan.edges:
            scan.edges[ends] = _edge(ensemble, *ends, inward)
        edges.append(scan.edges[ends])
    for place in _hard_places(ensemble):
        # Only the nearest edge: the gap's other end may be as close as 1e-5.
        k = int(np.argmin([abs(edge.position - place) for edge in edges]))
        if abs(edges[k].position - place) <= 1e-5 * place:
            edges[k] = Edge(place, np.nan, edges[k].inward)
    return edges


def _mass_between(ensemble: Ensemble, a: tuple[Any, Any], b: tuple[Any, Any]):
    """Fraction of the eigenvalues between two points (z, s) outside the bulks; NaN if unknown."""
    first, last = (ensemble.below(s.real, z) for z, s in (a, b))
    if first is None or last is None:
        return _mass_inside(ensemble, a[0], b[0])
    return (last - first) / ensemble.d


def _mass_inside(ensemble: Ensemble, a: float, b: float):
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
        m = ensemble.traces(ensemble.solve(z), z).stieltjes
        count = -float(np.mean((m * radius * turn).real)) * ensemble.d
        # Exactly separated bulks hold whole numbers of eigenvalues.
        if abs(count - last) < 0.1 and abs(count - round(count)) < 0.1:
            return round(count) / ensemble.d
        last = count
    return np.nan


def _unseen(scan: _Scan, atoms: Sequence[Atom]):
    """What lies between neighbouring points of a scan, both outside.

    Returns
    -------
    ndarray
        Points inside bulks.
    list of Atom
        Bulks that are narrower than a relative 1e-10, of which arithmetic sees the place only.
    """
    ensemble, outside = scan.ensemble, ~scan.inside
    found, narrow = [], []
    starts = np.flatnonzero(outside & ~np.concatenate([[False], outside[:-1]]))
    stops = np.flatnonzero(outside & ~np.concatenate([outside[1:], [False]]))
    points = list(zip(scan.z, scan.s, strict=True))
    todo = [points[a : b + 1] for a, b in zip(starts, stops, strict=True) if b > a]
    # Also between a point and the edge that a bisection from there has found.
    for ends, _ in scan.crossings():
        outer, edge = ends[0], scan.edges[ends]
        place = outer[0] + 0.9 * (edge.position - outer[0])
        s = ensemble.attempt(np.array([place]))[0]
        if s.imag == 0:
            todo.append(sorted([outer, (place, s)]))
    for _ in range(MOST_STEPS):
        if not todo:
            break
        run = todo.pop()
        low, high = run[0][0], run[-1][0]
        due = _mass_between(ensemble, run[0], run[-1])
        due -= sum(atom.mass for atom in atoms if low < atom.position < high)
        if not due >= 0.5 / ensemble.d:
            continue
        if high - low < _least_width(scan, low, high):
            narrow.append(Atom(0.5 * (low + high), due))
            continue
        if len(run) > 2:
            middle = len(run) // 2
            todo += [run[: middle + 1], run[middle:]]
            continue
        place = _middle(low, high, atoms)
        s = ensemble.attempt(np.array([place]))[0]
        if s.imag < 0:
            found.append(place)
        elif s.imag == 0:
            todo += [[run[0], (place, s)], [(place, s), run[1]]]
    return np.array(found), narrow


def _least_width(scan: _Scan, low: float, high: float):
    """Width below which no bulk can be resolved; next to a level no point is solved at all."""
    beside = any(low - AVOIDED * p < p < high + AVOIDED * p for p in scan.levels)
    return (4.0 * AVOIDED if beside else NARROW) * high


def _middle(a: float, b: float, atoms: Sequence[Atom]):
    """A point between a and b, not at an atom."""
    place = np.sqrt(a * b) if b > 4.0 * a > 0.0 else 0.5 * (a + b)
    while any(abs(place - atom.position) < 1e-2 * (b - a) for atom in atoms):
        place += 0.03 * (b - a)
    return place


def _around_zero(ensemble: Ensemble, low: float, high: float, density: int):
    """Points around the eigenvalue 0 of A_hat, where quiet coordinates crowd.

    A coordinate of conditional variance v under the penalty beta has its level at a distance of
    v / (v + beta) from there.
    """
    zero = ensemble.place_of_coefficient(0.0)
    distances = np.abs(zero - ensemble.levels)
    least, most = distances[distances > 0].min(initial=zero), max(high - zero, zero - low)
    if not 0 < 30.0 * least < most:
        return np.empty(0)
    offsets = np.geomspace(0.1 * least, most, int(density * np.log10(10.0 * most / least)))
    points = np.concatenate([zero - offsets, zero + offsets])
    return points[(points > low) & (points < high)]


def _around_levels(ensemble: Ensemble):
    """Points in the gaps next to the places beta D_j that many coordinates share.

    Where their number m is close to n the gap is of relative width (1 - m/n)^2 and ends in sharp
    peaks; for m > n it holds an atom, which no search for an edge must cross. For m = n the gap
    lies on one side of the place only, and a hard edge on the other.
    """
    if not np.any(ensemble.floor):
        return np.empty(0)
    offsets = 10.0 ** np.arange(-7.0, -1.0)
    offsets = np.concatenate([-offsets, offsets])
    around = [level * (1.0 + offsets) for level in _levels(ensemble)]
    return np.concatenate([[], *around, *_beside_atoms(ensemble)])


def _beside_atoms(ensemble: Ensemble):
    """Points where the levels of few coordinates have bulks beside the level of very many.

    With m > n coordinates at a level, a coordinate whose own level is at a distance from it has a
    bulk at about 1 - n/m times that distance, of a width in proportion to it.
    """
    places = [(_place(ensemble, group), group.size) for group in _groups(ensemble)]
    for heavy, size in places:
        if size <= ensemble.n_samples:
            continue
        distances = np.array([place - heavy for place, _ in places])
        for sign in (-1.0, 1.0):
            near = sign * distances
            near = near[(near > 1e-9 * heavy) & (near < BESIDE * heavy)]
            if near.size:
                low = near.min() * (1.0 - ensemble.n_samples / size)
                count = int(np.ceil(np.log(4.0 * near.max() / low) / np.log(BESIDE_STEP)))
                yield heavy + sign * np.geomspace(0.5 * low, 2.0 * near.max(), count)


def _levels(ensemble: Ensemble):
    """Places beta D_j shared by many coordinates, each in a gap of the support or at its end."""
    return [
        _place(ensemble, group)
        for group in _groups(ensemble)
        if group.size >= max(min(2, ensemble.n_samples), ensemble.n_samples // 20)
    ]


def _edge(ensemble: Ensemble, outer: tuple[float, float], inner: tuple[float, float], inward: int):
    """The edge between a point outside and a point inside a bulk."""
    (z_out, s_out), (z_in, s_in) = outer, inner
    for tolerance in (1e-3, 1e-6, 1e-9, 1e-12):
        while abs(z_in - z_out) > tolerance * max(abs(z_in), abs(z_out)):
            middle = 0.5 * (z_in + z_out)
            if middle in (z_in, z_out):
                break
            guess = s_in if np.isfinite(s_in) else s_out
            try:
                s = ensemble.solve(np.array([middle]), np.array([guess]))[0]
            except ConvergenceError:  # an atom, where s is zero: go round it
                middle += 0.2 * (z_out - middle)
                s = ensemble.solve(np.array([middle]), np.array([guess]))[0]
            if s.imag < 0:
                z_in, s_in = middle, s
            else:
                z_out, s_out = middle, s
        found = _stationary(ensemble, z_out, s_out.real, s_in.real)
        # An edge beyond the two points is that of another bulk.
        if found is not None and min(z_out, z_in) <= found[0] <= max(z_out, z_in):
            return Edge(*found, inward)
    # No stationary point: a hard edge, which bisection alone has to find.
    return Edge(0.5 * (z_in + z_out), s_out.real, inward)


def _stationary(ensemble: Ensemble, z: float, s: float, towards: float):
    """Follow the real curve z(s) from (z, s) to where dF/ds changes sign."""
    step = towards - s
    if step == 0:
        return None
    slope = _Slope(ensemble, z)
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

    def __init__(self, ensemble: Ensemble, z: float):
        self.ensemble, self.start, self.place = ensemble, z, z

    def __call__(self, s: float) -> float:
        place, change = self.place, np.inf
        for _ in range(40):
            traces = self.ensemble.traces(np.array([s]), np.array([place]))
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
        return self.ensemble.traces(np.array([s]), np.array([place])).slope[0]


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


# --- the density as a series -------------------------------------------------------------------


def _panels(ensemble: Ensemble, edges: Sequence[Edge], scan: _Scan, known: dict[Any, Any]):
    """Piecewise Chebyshev series of all bulks, and points inside them without density.

    `known` keeps what has been found of each bulk, by its edges.
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
            known[bulk] = _panels_of(ensemble, _Map(*bulk), scan)
        panels, found = known[bulk]
        done += [panel._replace(bulk=index) for panel in panels]
        gaps.append(found)
    return done, np.concatenate(gaps)


def _panels_of(ensemble: Ensemble, place: _Map, scan: _Scan):
    """The same for one bulk."""
    cheap = ensemble.law is not None
    size, tolerance, depth = (32, 1e-9, 34) if cheap else (24, 1e-7, 24)
    if ensemble.pencil is not None and ensemble.d > SMALL:
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
            s = (ensemble.attempt if level else ensemble.solve)(x, scan.between(x))
        gaps.append(_middle_of_gap(x, s))
        m = ensemble.traces(s, x.astype(complex)).stieltjes
        values = np.maximum(m.imag, 0.0) / np.pi * place.speed(angles)
        values, angles = values.reshape(len(todo), size), angles.reshape(len(todo), size)
        for row, angle, (_, _, parent) in zip(values, angles, todo, strict=True):
            lost = np.isnan(row)  # where rounding leaves no root, next to a hard edge
            if lost.any():
                row[lost] = chebyshev.chebval(_local(parent, angle[lost]), parent.series)
        widths = np.array([b - a for a, b, _ in todo])
        largest = max(largest, 0.5 * np.pi * np.max(values.mean(axis=1) * widths))
        following = []
        for (a, b, _), row in zip(todo, values, strict=True):
            series = dct(row, type=2) / size
            series[0] *= 0.5
            tail = np.abs(series[-size // 4 :]).max() * (b - a)
            middle, panel = 0.5 * (a + b), _Panel(0, a, b, series)
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


def _resolved(place: _Map, nodes: Array, panel: tuple[float, float]):
    """Whether no node of a panel is so close to an end of its bulk that rounding moves it."""
    a, b = panel
    x = place.place(a + 0.5 * (b - a) * (nodes[[-1, 0]] + 1.0))
    return x[0] > place.low * (1.0 + CLOSE) and x[1] < place.high * (1.0 - CLOSE)
