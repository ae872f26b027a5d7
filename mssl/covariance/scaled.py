"""A change of units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array, Number, OneOrEach
from ..validation import positive_vector, real_copy
from .base import Covariance, Resolvent, columns
from .signal import Signal

__all__ = ["Scaled"]


@dataclass(frozen=True, eq=False, repr=False)
class Scaled(Covariance):
    r"""A base covariance seen in other units.

    .. math:: \Sigma = C\,\Sigma_0\,C, \qquad C = \mathrm{diag}(c_1, \dots, c_d)

    Parameters
    ----------
    base : Covariance
        The model :math:`\Sigma_0`.
    scales : float or array-like of shape (n_features,)
        The factors :math:`c_k`, positive.

    Attributes
    ----------
    d : int
        Number of coordinates.

    Raises
    ------
    ValueError
        If `base` is no covariance model, or `scales` are not positive, one or one a coordinate.

    Notes
    -----
    :math:`(t\,C\Sigma_0C + \Lambda)^{-1} = C^{-1}(t\,\Sigma_0 + C^{-2}\Lambda)^{-1}C^{-1}`, so that
    a scaled model is as cheap as its base under a diagonal shift.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(self, base: Covariance, scales: ArrayLike) -> None: ...

    base: Covariance
    scales: np.ndarray
    d: int = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.base, Covariance):
            raise ValueError(f"base must be a covariance model, got {type(self.base).__name__}.")
        scales = real_copy(self.scales, "scales")
        scales = positive_vector(
            np.full(self.base.d, scales) if scales.ndim == 0 else scales, "scales"
        )
        if scales.size != self.base.d:
            raise ValueError(
                f"scales must be a number or have shape ({self.base.d},), got {scales.shape}."
            )
        object.__setattr__(self, "scales", scales)
        object.__setattr__(self, "d", self.base.d)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """A process and groups, each in random units."""
        from .ar1 import AR1
        from .blocks import Blocks

        scales = np.exp(0.5 * np.random.default_rng(4).normal(size=22))
        return [cls(AR1(22, 0.6), scales), cls(Blocks.examples()[0], scales)]

    @property
    def n_noise(self) -> int:
        """Number of white-noise entries that a sample of the base is made from."""
        return self.base.n_noise

    def diagonal(self) -> Array:
        r"""Variances :math:`c_k^2(\Sigma_0)_{kk}`, ndarray of shape (n_features,)."""
        return self.scales**2 * self.base.diagonal()

    def apply(self, x: Array) -> Array:
        r"""Product :math:`C\,\Sigma_0\,C x`, of the shape of x."""
        return columns(self.scales, x) * self.base.apply(columns(self.scales, x) * x)

    def colour(self, z: Array) -> Array:
        """Rows that the base makes of z, multiplied by the scales."""
        return self.base.colour(z) * self.scales

    def _doubt(self, shift: OneOrEach) -> str | None:
        return self.base._doubt(shift / self.scales**2)

    def _unfolded(self) -> tuple[Covariance, Array, Array]:
        core, scales, loadings = self.base._unfolded()
        return core, self.scales * scales, loadings

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        # A common factor of the scales, a power of 2, is one of t: no square leaves the range.
        unit = 2.0 ** np.round(np.mean(np.log2(self.scales)))
        c = self.scales / unit
        base = self.base.resolvent(shift / c**2, scale * unit * unit)

        def signal() -> Signal:
            s = base.signal
            return Signal(
                diagonal=s.diagonal,
                sandwich=s.sandwich / c**2,
                square=s.square,
                spread=lambda b: s.spread(b / c**2) / c**2,
            )

        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=base.diagonal / c**2,
            apply=lambda x: base.apply(x / columns(c, x)) / columns(c, x),
            sandwich=lambda b: base.sandwich(b / c**2) / c**2,
            signal_parts=signal,
        )
