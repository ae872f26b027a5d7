"""Independent coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array, Number, OneOrEach
from ..validation import positive, positive_integer, positive_vector
from .base import Covariance, Resolvent, columns
from .signal import Signal

__all__ = ["Diagonal", "Isotropic"]


@dataclass(frozen=True, eq=False, repr=False)
class Diagonal(Covariance):
    r"""Uncorrelated coordinates of unequal variance.

    .. math:: \Sigma = \mathrm{diag}(\sigma_1^2, \dots, \sigma_d^2)

    Parameters
    ----------
    variances : array-like of shape (n_features,)
        Variances, not negative.

    Attributes
    ----------
    d : int
        Number of coordinates.

    Raises
    ------
    ValueError
        If `variances` is not a vector of finite numbers that are not negative.

    Examples
    --------
    >>> from mssl.covariance import Diagonal
    >>> Diagonal([1.0, 4.0]).resolvent(1.0).diagonal
    array([0.5, 0.2])
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(self, variances: ArrayLike) -> None: ...

    variances: np.ndarray
    d: int = field(init=False)

    def __post_init__(self) -> None:
        variances = positive_vector(self.variances, "variances", zero_allowed=True)
        object.__setattr__(self, "variances", variances)
        object.__setattr__(self, "d", variances.size)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """Random variances, and a power law."""
        rng = np.random.default_rng(1)
        return [
            cls(np.exp(rng.normal(size=30))),
            cls(1.0 / np.arange(1, 25) ** 1.5),
        ]

    def diagonal(self) -> Array:
        r"""Variances :math:`\sigma_k^2`, ndarray of shape (n_features,)."""
        return self.variances

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\sigma_k^2 x_k`, of the shape of x."""
        return columns(self.variances, x) * x

    def colour(self, z: Array) -> Array:
        r"""Rows :math:`\sigma_k z_k` from white noise z."""
        return z * np.sqrt(self.variances)

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        with np.errstate(divide="ignore"):  # a zero variance at zero shift has R_kk = inf
            r = 1.0 / (scale * self.variances + shift)

        def signal() -> Signal:
            p = scale * self.variances * r
            return Signal(p, p * r, np.sum(p * p), lambda b: np.zeros(self.d))

        return replace(self._by_gains(r, shift, scale), signal_parts=signal)

    def _function(self, function: Callable[[Array], Array]) -> Resolvent:
        return self._by_gains(function(self.variances))

    def _by_gains(self, r: Array, shift: OneOrEach = 0.0, scale: Number = 1.0) -> Resolvent:
        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=r,
            apply=lambda x: columns(r, x) * x,
            sandwich=lambda b: b * r * r,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Isotropic(Covariance):
    r"""White noise.

    .. math:: \Sigma = \sigma^2 I

    Parameters
    ----------
    d : int
        Number of coordinates.
    variance : float, default=1.0
        The common variance, positive.

    Raises
    ------
    ValueError
        If d is not a positive integer, or the variance not positive and finite.
    """

    d: int
    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", positive_integer(self.d, "d"))
        object.__setattr__(self, "variance", positive(self.variance, "variance"))

    @classmethod
    def examples(cls) -> list[Covariance]:
        """Two sizes and variances."""
        return [cls(24), cls(20, 2.5)]

    def diagonal(self) -> Array:
        r"""The variance :math:`\sigma^2` d times, ndarray of shape (n_features,)."""
        return np.full(self.d, self.variance)

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\sigma^2 x` of the shape of x."""
        return self.variance * x

    def colour(self, z: Array) -> Array:
        r"""Rows :math:`\sigma z`."""
        return np.sqrt(self.variance) * z

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        return Diagonal(self.diagonal())._resolvent(shift, scale)
