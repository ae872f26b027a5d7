"""The law of the eigenvalues of the learned matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array, Scalar
from .atoms import Atom
from .spectrum import Spectrum, read_only, real_array
from .state import StoredByFields

__all__ = ["CoefficientSpectrum"]


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

    Implements :theorem:`prop-spec-map` and :theorem:`prop-mask-spectrum`.

    Parameters
    ----------
    source : Spectrum
        The law of M.
    keep : float, default=1.0
        The probability q that a coordinate is visible.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the support of the density, ascending and without a unit; `edges.reshape(-1, 2)` has
        one bulk a row. Atoms are not among them.
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
        """The eigenvalue of A_hat that belongs to `nu`, one of M."""
        return (1.0 - 1.0 / nu) / self.keep

    def _coefficient(self, z: Scalar):
        """The same from an eigenvalue of the equivalent's own matrix, which keeps its digits."""
        return self.source.equivalent.coefficient(z) / self.keep

    def _place(self, a: Scalar):
        """The inverse of `_coefficient`, for a below 1/q."""
        return self.source.equivalent.place_of_coefficient(self.keep * a)

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
            return read_only([self._coefficient(e.position) for e in self.source.edge_points])

    def stieltjes(self, z: ArrayLike) -> Array:
        """The Stieltjes transform at complex z, or on the real axis its limit from above.

        Of the shape of z. ValueError at z = 1/q, or if an entry is not finite.
        """
        z = np.asarray(z, dtype=complex)
        if np.any(self.keep * z == 1):
            raise ValueError(
                f"z must not be {1.0 / self.keep:g}, where the eigenvalues of A_hat accumulate."
            )
        inverse = 1.0 / (1.0 - self.keep * z)
        return self.keep * inverse * (1.0 + inverse * self.source.stieltjes(inverse))

    def density(self, a: ArrayLike) -> Array:
        """Density at real points a of any shape; zero outside the bulks and from 1/q on.

        ValueError unless all are finite and real.
        """
        a = real_array(a, "a")
        result = np.zeros(a.shape)
        below = self.keep * a < 1.0
        nu = 1.0 / (1.0 - self.keep * a[below])
        density = self.source.own_density(self._place(a[below]))
        result[below] = self.keep * nu**2 * self.source.equivalent.unit * density
        return result[()]

    def cdf(self, a: ArrayLike) -> Array:
        """Fraction of the eigenvalues that are at most a, for real a of any shape.

        ValueError unless all are finite and real.
        """
        a = real_array(a, "a")
        result = np.ones(a.shape)
        below = self.keep * a < 1.0
        result[below] = self.source.own_cdf(self._place(a[below]))
        return result[()]

    def quantile(self, p: ArrayLike) -> Array:
        """Smallest a with cdf(a) >= p, for p in [0, 1] of any shape; ValueError for another p."""
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
