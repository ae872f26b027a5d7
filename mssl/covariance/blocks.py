"""Groups of coordinates that share a factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array, Number, OneOrEach
from ..validation import finite_vector, positive_vector, real_copy
from .base import Covariance, Resolvent, columns
from .signal import Signal
from .singular import ROUNDING, precision_diagonal

__all__ = ["Blocks"]

# The default variance, which becomes a vector as any number does.
ONE: Any = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class Blocks(Covariance):
    r"""Equicorrelated groups of unequal size.

    .. math:: \Sigma = \mathrm{blockdiag}(\Sigma_1, \dots, \Sigma_B), \qquad
              \Sigma_b = v_b\,[(1 - \rho_b) I + \rho_b \mathbf 1 \mathbf 1^\top]

    Parameters
    ----------
    sizes : array-like of int of shape (n_blocks,)
        Number of coordinates in each group.
    correlations : float or array-like of shape (n_blocks,)
        The correlation :math:`\rho_b` inside each group, in :math:`[-1/(m_b - 1), 1]` for a group
        of size :math:`m_b`.
    variances : float or array-like of shape (n_blocks,), default=1.0
        The variance :math:`v_b` of the coordinates of each group, positive.

    Attributes
    ----------
    d : int
        Number of coordinates.
    group : ndarray of int of shape (n_features,)
        Group of each coordinate.

    Raises
    ------
    ValueError
        If `sizes` are not positive integers, the other two do not fit them, a correlation is out of
        its range or a variance is not positive.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(
            self, sizes: ArrayLike, correlations: ArrayLike, variances: ArrayLike = 1.0
        ) -> None: ...

    sizes: np.ndarray
    correlations: np.ndarray
    variances: np.ndarray = ONE
    d: int = field(init=False)
    group: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        sizes = np.array(self.sizes)
        if sizes.ndim != 1 or sizes.size == 0 or sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise ValueError(f"sizes must be a vector of positive integers, got {self.sizes!r}.")
        correlations = finite_vector(
            _for_each(self.correlations, sizes.size, "correlations"), "correlations"
        )
        variances = positive_vector(_for_each(self.variances, sizes.size, "variances"), "variances")
        lowest = -1.0 / np.maximum(sizes - 1, 1)
        wrong = np.flatnonzero((correlations < lowest) | (correlations > 1.0))
        if wrong.size:
            b = int(wrong[0])
            raise ValueError(
                f"correlations must lie in [-1/(size - 1), 1] to be positive semi-definite, but "
                f"group {b} of size {sizes[b]} has {correlations[b]:g}."
            )
        sizes.flags.writeable = False
        group = np.repeat(np.arange(sizes.size), sizes)
        group.flags.writeable = False
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "correlations", correlations)
        object.__setattr__(self, "variances", variances)
        object.__setattr__(self, "d", int(sizes.sum()))
        object.__setattr__(self, "group", group)

    @classmethod
    def examples(cls) -> list[Covariance]:
        """Groups of several sizes, and a negative correlation."""
        return [cls([2, 7, 1, 12], [0.5, 0.2, 0.0, 0.8], [1.0, 2.0, 0.5, 1.5]), cls([3, 4], -0.2)]

    def _group_sum(self, x: Array) -> Array:
        return np.add.reduceat(x, np.concatenate([[0], np.cumsum(self.sizes)[:-1]]), axis=0)

    def diagonal(self) -> Array:
        """Variances :math:`v_b`, ndarray of shape (n_features,)."""
        return self.variances[self.group]

    def apply(self, x: Array) -> Array:
        r"""Product :math:`v_b[(1-\rho_b)x + \rho_b \mathbf 1\mathbf 1^\top x]` in each group."""
        own = (self.variances * (1.0 - self.correlations))[self.group]
        shared = self.variances * self.correlations
        sums = self._group_sum(x)
        return columns(own, x) * x + (columns(shared, sums) * sums)[self.group]

    def colour(self, z: Array) -> Array:
        """Rows of the symmetric root of each group times z."""
        # The symmetric root acts as one factor on group means and as another on deviations.
        deviation = np.sqrt(self.variances * (1.0 - self.correlations))
        common = np.sqrt(self.variances * (1.0 + (self.sizes - 1) * self.correlations))
        means = self._group_sum(z.T) / self.sizes[:, None]
        mixed = ((common - deviation)[:, None] * means)[self.group]
        return z * deviation[self.group] + mixed.T

    def _eigenvalues(self):
        """Those of each group, of shape (2, n_blocks): of deviations from its mean, of the mean."""
        deviation = np.where(self.sizes == 1, 1.0, 1.0 - self.correlations)
        common = np.where(self.sizes == 1, 1.0, 1.0 + (self.sizes - 1) * self.correlations)
        # -1/(size - 1) is rounded; 1 is not.
        common = np.where(common <= ROUNDING, 0.0, common)
        return self.variances * np.stack([deviation, common])

    def _function(self, function: Callable[[Array], Array]) -> Resolvent:
        own, mean = function(self._eigenvalues())
        shared = (mean - own) / self.sizes  # each group has own I + shared 11'
        own, shared = own[self.group], shared[self.group]

        def sums(x: Array) -> Array:
            return self._group_sum(x)[self.group]

        return Resolvent(
            shift=0.0,
            scale=1.0,
            diagonal=own + shared,
            apply=lambda x: columns(own, x) * x + columns(shared, x) * sums(x),
            sandwich=lambda b: (
                own * (own + 2.0 * shared) * b + shared**2 * sums(b * np.ones(self.d))
            ),
        )

    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        if np.ndim(shift) == 0 and shift == 0 and not np.all(self._eigenvalues()):
            with np.errstate(divide="ignore", invalid="ignore"):
                resolvent = self._by_sums(shift, scale)
            return replace(resolvent, diagonal=precision_diagonal(self) / scale)
        return self._by_sums(shift, scale)

    def _by_sums(self, shift: OneOrEach, scale: Number) -> Resolvent:
        # Within a group of one there is no correlation.
        correlations = np.where(self.sizes == 1, 0.0, self.correlations)
        own = scale * (self.variances * (1.0 - correlations))[self.group]
        shared = scale * self.variances * correlations
        common = scale * self._eigenvalues()[1]
        r = 1.0 / (own + shift)
        # Within a group R = diag(r) - c r r', c = shared/(1 + shared sum(r)), and 1 + shared sum(r)
        # is `excess`, a mean of positive terms; R 1 = r/excess. Products are ordered so that no
        # factor leaves the range of numbers before the whole does.
        excess = (self._group_sum(r * (common[self.group] + shift)) / self.sizes)[self.group]
        shared, size = shared[self.group], self.sizes[self.group]
        cr = shared * r / excess
        diagonal = r - cr * r

        def sums(x: Array) -> Array:
            return self._group_sum(x)[self.group]

        def apply(x: Array) -> Array:
            rx = columns(r, x) * x
            return rx - columns(cr, x) * sums(rx)

        def sandwich(b: OneOrEach) -> Array:
            weighted = r * r * b
            return weighted - cr * (2.0 * weighted - cr * sums(weighted))

        def spread(b: OneOrEach) -> Array:
            weighted = r * r * b
            return np.where(size == 1, 0.0, cr * (cr * (sums(weighted) - weighted)))

        def signal() -> Signal:
            gap = r - sums(r) / size
            # Column k of R, taken apart into its mean over the group and the deviations from it.
            ratio = shared * gap / excess
            deviations = 1.0 - 1.0 / size - 2.0 * ratio + sums(ratio**2)
            filtered, pull = own * r, cr * (r * shift)
            return Signal(
                diagonal=filtered + pull,
                sandwich=r * r * own * deviations + (r / excess) ** 2 * common[self.group] / size,
                square=np.sum(filtered * (filtered + 2.0 * pull)) + np.sum(pull * sums(pull)),
                spread=spread,
            )

        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=diagonal,
            apply=apply,
            sandwich=sandwich,
            signal_parts=signal,
        )


def _for_each(values: object, count: int, name: str) -> Array:
    """One number for each of the groups, from one number for all or from a vector."""
    values = real_copy(values, name)
    if values.shape not in ((), (1,), (count,)):
        raise ValueError(f"{name} must be a number or have shape ({count},), got {values.shape}.")
    return values * np.ones(count)
