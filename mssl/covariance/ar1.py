"""A first-order autoregressive process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded
from scipy.signal import lfilter

from ..validation import positive_integer, real_number
from .base import Covariance, Resolvent, columns
from .tridiagonal import inverse_band

__all__ = ["AR1"]


@dataclass(frozen=True, eq=False, repr=False)
class AR1(Covariance):
    r"""Autoregressive process of order one with unit variance.

    .. math:: \Sigma_{ij} = \rho^{|i-j|}

    Its inverse T is tridiagonal, and everything is computed from
    :math:`R = (t\,T^{-1} + \Lambda)^{-1} = T\,(T + t\Lambda^{-1})^{-1}\Lambda^{-1}` in O(d).

    Parameters
    ----------
    d : int
        Number of coordinates, at least 2.
    rho : float
        Correlation of neighbours, in (-1, 1).
    """

    d: int
    rho: float

    def __post_init__(self):
        object.__setattr__(self, "d", positive_integer(self.d, "d", minimum=2))
        rho = real_number(self.rho, "rho")
        if not -1.0 < rho < 1.0:
            raise ValueError(f"rho must lie strictly between -1 and 1, got {rho:g}.")
        object.__setattr__(self, "rho", rho)

    @classmethod
    def examples(cls):
        return [cls(31, 0.6), cls(26, -0.3), cls(2, 0.9)]

    @property
    def n_noise(self):
        return self.d

    def diagonal(self):
        return np.ones(self.d)

    def apply(self, x):
        x = np.asarray(x, dtype=np.result_type(x, float))
        ahead = lfilter([1.0], [1.0, -self.rho], x, axis=0)  # sum over j <= i of rho^(i-j) x_j
        behind = lfilter([1.0], [1.0, -self.rho], x[::-1], axis=0)[::-1]
        return ahead + behind - x

    def colour(self, z):
        innovations = np.sqrt(1.0 - self.rho**2) * z
        innovations[:, 0] = z[:, 0]
        return lfilter([1.0], [1.0, -self.rho], innovations, axis=1)

    def precision(self):
        """Diagonal, of shape (d,), and off-diagonal, of shape (d - 1,), of the inverse T."""
        diagonal = np.full(self.d, 1.0 + self.rho**2)
        diagonal[[0, -1]] = 1.0
        scale = 1.0 / (1.0 - self.rho**2)
        return scale * diagonal, np.full(self.d - 1, -scale * self.rho)

    def _resolvent(self, shift, scale):
        t_diagonal, t_off = self.precision()
        if np.ndim(shift) == 0 and shift == 0:
            return Resolvent(
                shift=shift,
                scale=scale,
                diagonal=t_diagonal / scale,
                apply=lambda x: _tridiagonal_product(t_diagonal, t_off, x) / scale,
                sandwich=lambda b: _tridiagonal_product(
                    (t_diagonal / scale) ** 2, (t_off / scale) ** 2, b * np.ones(self.d)
                ),
            )
        shift_vector = shift * np.ones(self.d)
        k_diagonal = t_diagonal + scale / shift_vector
        z, z_off = inverse_band(k_diagonal, t_off.astype(k_diagonal.dtype))
        diagonal = t_diagonal * z
        diagonal[:-1] += t_off * z_off
        diagonal[1:] += t_off * z_off
        diagonal = diagonal / shift_vector

        def apply(x):
            solved = solve_banded(
                (1, 1), _bands(k_diagonal, t_off), x / columns(shift_vector, x), check_finite=False
            )
            return _tridiagonal_product(t_diagonal, t_off, solved)

        def sandwich(b):
            # Off the diagonal R_ik = -t Z_ik / (L_i L_k), and Z_ik = Z_i,i+1 Z_i+1,k / Z_i+1,i+1
            # for i < k, so that the sums over k obey first-order recurrences in i.
            weights = b / shift_vector**2
            right = _running_sum(weights, (z_off / z[:-1]) ** 2)
            left = _running_sum(weights[::-1], (z_off / z[1:])[::-1] ** 2)[::-1]
            total = diagonal**2 * b
            total[:-1] += (scale * z_off / shift_vector[:-1]) ** 2 * right[1:]
            total[1:] += (scale * z_off / shift_vector[1:]) ** 2 * left[:-1]
            return total

        return Resolvent(
            shift=shift, scale=scale, diagonal=diagonal, apply=apply, sandwich=sandwich
        )


def _bands(diagonal, off_diagonal):
    """The three bands in the layout of scipy.linalg.solve_banded."""
    bands = np.zeros((3, diagonal.size), dtype=np.result_type(diagonal, off_diagonal))
    bands[0, 1:] = bands[2, :-1] = off_diagonal
    bands[1] = diagonal
    return bands


def _tridiagonal_product(diagonal, off_diagonal, x):
    product = columns(diagonal, x) * x
    product[:-1] += columns(off_diagonal, x) * x[1:]
    product[1:] += columns(off_diagonal, x) * x[:-1]
    return product


def _running_sum(source, factor):
    """Solve F_i = source_i + factor_i F_{i+1}, with F_{d+1} = 0, as a bidiagonal system."""
    bands = np.ones((2, source.size), dtype=np.result_type(source, factor))
    bands[0, 1:] = -factor
    return solve_banded((0, 1), bands, source, check_finite=False)
