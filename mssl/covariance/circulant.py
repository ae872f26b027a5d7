"""Stationary processes on a ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array, Number, OneOrEach
from ..validation import finite_vector
from .base import Covariance, Resolvent
from .dense import Dense
from .signal import Signal
from .singular import settled

__all__ = ["Circulant"]

# Above this size a diagonal shift that is not constant, which has no fast form, is refused.
LARGEST_DENSE = 4000


@dataclass(frozen=True, eq=False, repr=False)
class Circulant(Covariance):
    r"""Stationary covariance on a ring of d sites.

    .. math:: \Sigma_{ij} = c_{(j - i) \bmod d}, \qquad
              \sigma_k^2 = \sum_j c_j\, e^{-2\pi i jk/d}

    with eigenvalues :math:`\sigma_k^2`; everything with a constant shift is a Fourier transform.

    Parameters
    ----------
    first_row : array-like of shape (n_features,)
        The row c, with :math:`c_j = c_{d-j}` and a non-negative Fourier transform.

    Attributes
    ----------
    d : int
        Number of sites.
    eigenvalues : ndarray of shape (n_features,)
        :math:`\sigma_k^2`, in the order of the frequencies k.

    Raises
    ------
    ValueError
        If `first_row` is not finite or not symmetric, or its Fourier transform is negative
        somewhere.

    Notes
    -----
    A shift that is not constant breaks the symmetry: such a resolvent is computed with a (d, d)
    array, and refused above d = 4000.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(self, first_row: ArrayLike) -> None: ...

    first_row: np.ndarray
    d: int = field(init=False)
    eigenvalues: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        row = finite_vector(self.first_row, "first_row")
        size = np.abs(row).max()
        mirrored = np.roll(row[::-1], 1)
        if np.abs(row - mirrored).max() > 1e-10 * size:
            raise ValueError(
                "first_row must be symmetric, first_row[j] == first_row[d - j]; "
                f"it differs at j = {int(np.abs(row - mirrored).argmax())}."
            )
        eigenvalues = np.fft.fft(0.5 * (row + mirrored)).real
        if eigenvalues.min() < -1e-10 * np.abs(eigenvalues).max():
            raise ValueError(
                "first_row must give a positive semi-definite matrix, but its Fourier transform "
                f"reaches {eigenvalues.min():.3g}."
            )
        eigenvalues = np.maximum(eigenvalues, 0.0)
        eigenvalues.flags.writeable = False
        object.__setattr__(self, "first_row", row)
        object.__setattr__(self, "d", row.size)
        object.__setattr__(self, "eigenvalues", eigenvalues)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """An even and an odd ring."""

        def ring(d: int, decay: float) -> Array:
            distance = np.minimum(np.arange(d), d - np.arange(d))
            return np.exp(-distance / decay)

        return [cls(ring(24, 2.0)), cls(ring(25, 1.0))]

    def diagonal(self) -> Array:
        """The constant :math:`c_0`, ndarray of shape (n_features,)."""
        return np.full(self.d, self.first_row[0])

    def _filter(self, gains: Array, x: OneOrEach) -> Array:
        x = np.asarray(x)
        shape = (-1,) + (1,) * (x.ndim - 1)
        y = np.fft.ifft(gains.reshape(shape) * np.fft.fft(x, axis=0), axis=0)
        return y if np.iscomplexobj(x) or np.iscomplexobj(gains) else y.real

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\Sigma x` by Fourier transforms, of the shape of x."""
        return self._filter(self.eigenvalues, x)

    def colour(self, z: Array) -> Array:
        """Rows of the symmetric root times z, by Fourier transforms."""
        return self._filter(np.sqrt(self.eigenvalues), z.T).T

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        if np.ndim(shift) == 1:
            if self.d > LARGEST_DENSE:
                raise ValueError(
                    f"A circulant model with d = {self.d} > {LARGEST_DENSE} takes only a constant "
                    "shift; use a smaller d, or AR1 or Blocks, which take any diagonal shift."
                )
            return Dense(self.dense())._resolvent(shift, scale)
        eigenvalues = settled(self.eigenvalues) if shift == 0 else self.eigenvalues
        with np.errstate(divide="ignore"):  # a zero eigenvalue at zero shift
            gains = 1.0 / (scale * eigenvalues + shift)
        return replace(
            self._by_gains(gains, shift, scale),
            signal_parts=lambda: self._signal(gains, scale * eigenvalues * gains, shift),
        )

    def _signal(self, gains: Array, kept: Array, shift: OneOrEach) -> Signal:
        """The Signal, where t Sigma R has the eigenvalues `kept`."""
        share = np.mean(kept)
        # Off the diagonal R is -t Sigma R/shift; the smaller of the two has the digits.
        off = np.fft.ifft(-kept / shift if share < 0.5 else gains).real[1:] ** 2
        squares = np.fft.fft(np.append(0.0, off)).real
        return Signal(
            diagonal=np.full(self.d, share),
            sandwich=np.full(self.d, np.mean(kept * gains)),
            square=np.sum(kept * kept),
            spread=lambda b: (
                np.full(self.d, b * np.sum(off)) if np.ndim(b) == 0 else self._filter(squares, b)
            ),
        )

    def _function(self, function: Callable[[Array], Array]) -> Resolvent:
        return self._by_gains(function(settled(self.eigenvalues)))

    def _by_gains(self, gains: Array, shift: OneOrEach = 0.0, scale: Number = 1.0) -> Resolvent:
        """The circulant matrix with these eigenvalues."""

        def sandwich(b: OneOrEach) -> Array:
            if np.ndim(b) == 0:
                return np.full(self.d, b * np.mean(gains**2))
            row = np.fft.ifft(gains)
            if np.iscomplexobj(gains):
                return self._filter(np.fft.fft(row**2), b)
            return self._filter(np.fft.fft(row.real**2).real, b)  # an even row: a real transform

        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=np.full(self.d, np.mean(gains)),
            apply=lambda x: self._filter(gains, x),
            sandwich=sandwich,
        )
