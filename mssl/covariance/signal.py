r"""What a resolvent makes of the covariance itself, with all digits at any shift.

For a shift far above the variances, :math:`t\,\Sigma R = I - \Lambda R` is a small difference of
numbers near one. A model that knows its eigenvectors, or a root of its covariance, writes the same
quantities as sums of positive terms; for others they are computed column by column, but only where
the difference would lose digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .._types import Array, Number, OneOrEach

if TYPE_CHECKING:
    from .base import Resolvent

__all__ = [
    "AnySignal",
    "Signal",
    "in_unit",
    "is_positive",
    "signal_by_columns",
    "signal_by_differences",
]

# Diagonal entries of t Sigma R below which the difference is not used: it has lost three digits, of
# squares six, and columns cost far more than what a structured model takes else.
LITTLE = 1e-3
# Columns that are computed at once.
CHUNK = 256


@dataclass(frozen=True, eq=False)
class Signal:
    r"""The functionals of :math:`R = (t\Sigma + \Lambda)^{-1}` that contain Sigma, or no diagonal.

    Attributes
    ----------
    diagonal : ndarray of shape (n_features,)
        :math:`(t\,\Sigma R)_{kk}`.
    sandwich : ndarray of shape (n_features,)
        :math:`(R\,t\Sigma\,R)_{kk}`.
    square : float or complex
        :math:`\mathrm{Tr}\,(t\,\Sigma R)^2`.
    spread : callable
        Maps b, a scalar or an ndarray of shape (n_features,), to
        :math:`\sum_{j \ne k} b_j R_{jk}^2`.
    """

    diagonal: Array
    sandwich: Array
    square: Number
    spread: Callable[[OneOrEach], Array]


def in_unit(signal: AnySignal, unit: float) -> Signal:
    """The `signal` for R divided by a unit of variance."""
    return Signal(
        diagonal=signal.diagonal,
        sandwich=signal.sandwich / unit,
        square=signal.square,
        spread=lambda b: signal.spread(b) / unit / unit,
    )


def is_positive(values: OneOrEach) -> bool:
    """Whether `values`, a number or all entries of an array, are real and positive."""
    return not np.iscomplexobj(values) and bool(np.all(np.greater(values, 0.0)))


class _Differences:
    """A `Signal` from the identity, each part computed when it is asked for."""

    def __init__(self, resolvent: Resolvent) -> None:
        self._resolvent = resolvent

    @cached_property
    def diagonal(self) -> Array:
        r = self._resolvent
        return 1.0 - r.shift * r.diagonal

    @cached_property
    def sandwich(self) -> Array:
        r = self._resolvent
        constant = np.ndim(r.shift) == 0
        return r.diagonal - (r.shift * r.square_diagonal if constant else r.sandwich(r.shift))

    @cached_property
    def square(self) -> Number:
        return np.sum(self.diagonal) - np.sum(self._resolvent.shift * self.sandwich)

    def spread(self, b: OneOrEach) -> Array:
        return self._resolvent.sandwich(b) - b * self._resolvent.diagonal**2


AnySignal = Signal | _Differences


def signal_by_differences(resolvent: Resolvent) -> AnySignal:
    r"""By :math:`t\,\Sigma R = I - \Lambda R`.

    For a resolvent at a shift that is zero, negative or complex.
    """
    return _Differences(resolvent)


def signal_by_columns(resolvent: Resolvent, little: float = LITTLE) -> AnySignal:
    r"""By differences, and from columns of R where these lose digits.

    These are the coordinates of which :math:`(t\,\Sigma R)_{kk}` of the resolvent is below
    `little`.

    .. math:: R_{jk} = -(t\,\Sigma R)_{jk}/\Lambda_j \quad (j \ne k), \qquad
              (t\,\Sigma R)_{kj} = (t\,\Sigma R)_{jk}\,\Lambda_k/\Lambda_j
    """
    rough, model = _Differences(resolvent), resolvent.source
    few = np.flatnonzero(rough.diagonal < little)
    if model is None or few.size == 0:
        return rough
    shift = resolvent.shift * np.ones(model.d)
    diagonal, sandwich = rough.diagonal.copy(), rough.sandwich.copy()
    squares = diagonal - shift * sandwich  # the diagonal of (t Sigma R)^2

    def pieces() -> Iterator[tuple[Array, Array, Array]]:
        for start in range(0, few.size, CHUNK):
            k = few[start : start + CHUNK]
            unit = np.zeros((model.d, k.size))
            unit[k, np.arange(k.size)] = 1.0
            column = resolvent.apply(unit)
            yield k, column, resolvent.scale * model.apply(column)

    for k, column, product in pieces():
        own = np.arange(k.size)
        diagonal[k] = product[k, own]
        sandwich[k] = np.einsum("ij,ij->j", column, product)
        squares[k] = shift[k] * np.sum(product**2 / shift[:, None], axis=0)

    def weighted(b: OneOrEach) -> Array:
        total = rough.spread(b)
        for k, _, product in pieces():
            product[k, np.arange(k.size)] = 0.0
            total[k] = (b * np.ones(model.d)) @ (product / shift[:, None]) ** 2
        return total

    return Signal(diagonal, sandwich, np.sum(squares), weighted)
