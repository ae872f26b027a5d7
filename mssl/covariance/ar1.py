"""A first-order autoregressive process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded
from scipy.signal import lfilter

from .._types import Array, Number, OneOrEach
from ..validation import positive_integer, real_number
from .base import Covariance, Resolvent, columns
from .signal import Signal, is_positive
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

    Raises
    ------
    ValueError
        If d is not an integer of at least 2, or `rho` not in (-1, 1).
    """

    d: int
    rho: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", positive_integer(self.d, "d", minimum=2))
        rho = real_number(self.rho, "rho")
        if not -1.0 < rho < 1.0:
            raise ValueError(f"rho must lie strictly between -1 and 1, got {rho:g}.")
        object.__setattr__(self, "rho", rho)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """Small processes, one of them with alternating signs."""
        return [cls(31, 0.6), cls(26, -0.3), cls(2, 0.9)]

    @property
    def n_noise(self) -> int:
        """Number of white-noise entries that one sample is made from, d."""
        return self.d

    def diagonal(self) -> Array:
        """Ones, ndarray of shape (n_features,)."""
        return np.ones(self.d)

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\sum_j \rho^{|i-j|} x_j`, by two recurrences, of the shape of x."""
        x = np.asarray(x, dtype=np.result_type(x, float))
        ahead = lfilter([1.0], [1.0, -self.rho], x, axis=0)  # sum over j <= i of rho^(i-j) x_j
        behind = lfilter([1.0], [1.0, -self.rho], x[::-1], axis=0)[::-1]
        return ahead + behind - x

    def colour(self, z: Array) -> Array:
        r"""Rows :math:`x_i = \rho x_{i-1} + \sqrt{1-\rho^2}\,z_i` from the noise z.

        The first entry is :math:`x_1 = z_1`.
        """
        innovations = np.sqrt(1.0 - self.rho**2) * z
        innovations[:, 0] = z[:, 0]
        return lfilter([1.0], [1.0, -self.rho], innovations, axis=1)

    def precision(self) -> tuple[Array, Array]:
        """Diagonal, of shape (d,), and off-diagonal, of shape (d - 1,), of the inverse T."""
        diagonal = np.full(self.d, 1.0 + self.rho**2)
        diagonal[[0, -1]] = 1.0
        scale = 1.0 / (1.0 - self.rho**2)
        return scale * diagonal, np.full(self.d - 1, -scale * self.rho)

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
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
        return _Chain(self, shift, scale).resolvent()


class _Chain:
    r"""The shifted inverse by :math:`Z = (T + W)^{-1}` with :math:`W = t\Lambda^{-1}`.

    .. math:: R = T Z \Lambda^{-1}, \qquad t\Sigma R = Z W, \qquad
              Z_{ik} = Z_{kk} \prod_j \frac{Z_{j+1,j}}{Z_{jj}} \quad (i > k)

    Sums over i of a column of Z therefore obey first-order recurrences, one to each side of k. With
    :math:`\rho` made positive, which changes signs off the diagonal only, T and Z are made of
    positive terms: T couples neighbours with a and has row sums e, and the flow
    :math:`a(Z_{ik} - Z_{i+1,k})` is what all rows after i take in,
    :math:`\sum_{j>i}(e_j + W_j)Z_{jk}`.
    """

    def __init__(self, model: AR1, shift: OneOrEach, scale: Number) -> None:
        self.model, self.shift, self.scale = model, shift, scale
        size, rho = model.d, abs(model.rho)
        self.lam = shift * np.ones(size)
        self.w = scale / self.lam
        self.a = rho / ((1.0 - rho) * (1.0 + rho))
        self.e = np.full(size, (1.0 - rho) / (1.0 + rho))
        self.e[[0, -1]] = 1.0 / (1.0 + rho)
        taken = self.e + self.w
        self.z, self.ahead, self.behind = inverse_band(taken, np.full(size - 1, self.a))
        if is_positive(shift) and is_positive(scale):
            self.after = self.sums_ahead(taken)
            self.before = self.sums_behind(taken)
            # Lambda R = I - W Z, a sum of what the other coordinates take in.
            rest = self.e + self.beside(self.after, self.before)
        else:
            rest = self.e.astype(self.z.dtype)
            rest[:-1] += self.a * (1.0 - self.ahead)
            rest[1:] += self.a * (1.0 - self.behind)
        self.diagonal = self.z * rest / self.lam

    def sums_ahead(self, source: Array, factor: Array | float = 1.0) -> Array:
        """F with F_i = source_i + factor_i (Z_i+1,i / Z_ii) F_i+1."""
        return _running_sum(source, self.ahead * factor)

    def sums_behind(self, source: Array, factor: Array | float = 1.0) -> Array:
        return _running_sum(source[::-1], (self.behind * factor)[::-1])[::-1]

    def beside(self, after: Array, before: Array) -> Array:
        """The two sums next to each coordinate, as its column of Z weighs them."""
        total = np.zeros(self.z.shape, dtype=np.result_type(self.z, after))
        total[:-1] += self.ahead * after[1:]
        total[1:] += self.behind * before[:-1]
        return total

    def spread(self, b: OneOrEach) -> Array:
        # R_ik = -t Z_ik / (L_i L_k); sums in units of L_k, so that no square leaves the range.
        b = b * np.ones(self.z.size)
        ratio = self.lam[:-1] / self.lam[1:]
        after = _running_sum(b, (self.ahead * ratio) ** 2)
        before = _running_sum(b[::-1], ((self.behind / ratio) ** 2)[::-1])[::-1]
        total = np.zeros(self.z.size, dtype=np.result_type(self.z, b))
        total[:-1] += (self.ahead / self.lam[1:]) ** 2 * after[1:]
        total[1:] += (self.behind / self.lam[:-1]) ** 2 * before[:-1]
        return (self.w * self.z) ** 2 * total

    def signal(self) -> Signal:
        kept = self.w * self.z
        # (Z T Z)_kk = sum of e_i Z_ik^2 and of the flows squared over a, in units of Z_kk^2.
        flows = np.zeros((2, self.z.size))
        if self.a > 0.0:
            flows[0, :-1] = (self.ahead * self.after[1:]) ** 2 / self.a
            flows[1, 1:] = (self.behind * self.before[:-1]) ** 2 / self.a
        after = self.sums_ahead(self.e + flows[0], self.ahead)
        before = self.sums_behind(self.e + flows[1], self.behind)
        form = after + (before - self.e)
        reach = self.sums_ahead(self.w, self.ahead)
        square = np.sum(kept * kept)
        square += 2.0 * np.sum(kept[:-1] * (self.z[:-1] * self.ahead) * (self.ahead * reach[1:]))
        return Signal(
            diagonal=kept,
            sandwich=self.scale * (self.z / self.lam) ** 2 * form,
            square=square,
            spread=self.spread,
        )

    def solve(self, x: Array) -> Array:
        """Z x, by one running sum to each side; x of one axis or two."""
        signs = np.ones(self.z.size)
        signs[1::2] = -1.0 if self.model.rho < 0.0 else 1.0
        own = columns(signs * self.z, x) * x
        from_before = _running_sum(own[::-1], self.ahead[::-1])[::-1]
        return columns(signs, x) * (from_before + _running_sum(own, self.behind) - own)

    def apply(self, x: Array) -> Array:
        t_diagonal, t_off = self.model.precision()
        solved = self.solve(x / columns(self.lam, x))
        # Two forms of one product; the one whose terms are smaller keeps the digits.
        little = columns(np.abs(t_diagonal * self.z) > 0.5, x)
        return np.where(
            little,
            (x - self.scale * solved) / columns(self.lam, x),
            _tridiagonal_product(t_diagonal, t_off, solved),
        )

    def resolvent(self) -> Resolvent:
        return Resolvent(
            shift=self.shift,
            scale=self.scale,
            diagonal=self.diagonal,
            apply=self.apply,
            sandwich=lambda b: self.diagonal**2 * b + self.spread(b),
            signal_parts=self.signal,
        )


def _tridiagonal_product(diagonal: Array, off_diagonal: Array, x: Array) -> Array:
    product = columns(diagonal, x) * x
    product[:-1] += columns(off_diagonal, x) * x[1:]
    product[1:] += columns(off_diagonal, x) * x[:-1]
    return product


def _running_sum(source: Array, factor: Array | float) -> Array:
    """Solve F_i = source_i + factor_i F_{i+1}, with F_{d+1} = 0, as a bidiagonal system."""
    bands = np.ones((2, len(source)), dtype=np.result_type(source, factor))
    bands[0, 1:] = -factor
    return solve_banded((0, 1), bands, source, check_finite=False)
