"""What a population model must supply, and everything that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from .._types import Array, Number, OneOrEach, Scalar, Seed
from ..validation import as_generator, positive_integer
from .signal import (
    AnySignal,
    in_unit,
    is_positive,
    signal_by_columns,
    signal_by_differences,
)

__all__ = ["Covariance", "Population", "Resolvent"]

# Shifts within this factor of 1 need no other unit.
MODERATE = 1e60


@dataclass(frozen=True, eq=False)
class Resolvent:
    r"""The shifted inverse of a population covariance.

    .. math:: R = (t\,\Sigma + \Lambda)^{-1}, \qquad
              \Lambda = \mathrm{diag}(\lambda_1, \dots, \lambda_d)

    A model supplies `diagonal`, `apply` and `sandwich`; the rest of what the theory needs is in
    `signal`, which follows from :math:`t\,\Sigma R = I - \Lambda R` when the model does not supply
    it.

    Attributes
    ----------
    shift : float, complex or ndarray of shape (n_features,)
        The diagonal of :math:`\Lambda`, in the units of :math:`t\,\Sigma`; R has one over these.
    scale : float or complex
        The factor :math:`t`.
    diagonal : ndarray of shape (n_features,)
        :math:`R_{kk}`.
    apply : callable
        Maps an array x of shape (n_features, ...) to :math:`R x`.
    sandwich : callable
        Maps b, a scalar or an ndarray of shape (n_features,), to the diagonal of
        :math:`R\,\mathrm{diag}(b)\,R`, which is minus the derivative of `diagonal` along b.
    signal_parts : callable or None
        Without arguments; returns the ``Signal`` at a shift that is real and positive. A model
        that has it keeps all digits at any shift, at its own cost.
    source : Covariance or None
        The model it came from, which makes it again when a copy is read from a file.
    core : tuple of Resolvent and float, or None
        The same in a unit u of variance, :math:`(t\Sigma/u + \Lambda/u)^{-1}`, and u, where squares
        of R would leave the range of numbers.

    Notes
    -----
    At a shift of zero and a singular Sigma, `diagonal` is the limit of that of small positive
    shifts: infinite where a coordinate follows from the others exactly, finite elsewhere. There is
    no such limit of `apply` and `sandwich`.
    """

    shift: OneOrEach
    scale: Number
    diagonal: Array
    apply: Callable[[Array], Array]
    sandwich: Callable[[OneOrEach], Array]
    signal_parts: Callable[[], AnySignal] | None = None
    source: Covariance | None = None
    core: tuple[Resolvent, float] | None = None

    def __reduce__(self):
        # The maps are closures, which cannot be stored; model, shift and scale determine them.
        if self.source is None:
            raise TypeError("a Resolvent can be pickled only if a covariance model has made it.")
        return self.source.resolvent, (self.shift, self.scale)

    @cached_property
    def signal(self) -> AnySignal:
        r"""What it makes of :math:`t\,\Sigma`."""
        if self.core is not None:
            core, unit = self.core
            return in_unit(core.signal, unit)
        if not (is_positive(self.shift) and is_positive(self.scale)):
            return signal_by_differences(self)
        if self.signal_parts is not None:
            return self.signal_parts()
        return signal_by_columns(self)

    @property
    def sigma_trace(self) -> Scalar:
        r""":math:`\mathrm{Tr}\,\Sigma R`."""
        return np.sum(self.signal.diagonal) / self.scale

    @cached_property
    def square_diagonal(self) -> Array:
        """Diagonal of :math:`R^2`, of shape (n_features,)."""
        return self.sandwich(1.0)

    @cached_property
    def sigma_sandwich(self) -> Array:
        r"""Diagonal of :math:`R \Sigma R`, of shape (n_features,)."""
        return self.signal.sandwich / self.scale

    @property
    def sigma_sigma_trace(self) -> Scalar:
        r""":math:`\mathrm{Tr}\,(\Sigma R)^2`."""
        return self.signal.square / self.scale**2

    @cached_property
    def sigma_shift_trace(self) -> Scalar:
        r""":math:`\mathrm{Tr}\,\Sigma R\Lambda R`, which is Tr Sigma R less t Tr (Sigma R)^2."""
        r = self if self.core is None else self.core[0]
        return np.sum(r.shift * r.signal.sandwich) / self.scale

    @cached_property
    def population_error(self) -> Array:
        r""":math:`(R\Sigma R)_{kk}/R_{kk}^2`, of shape (n_features,).

        The error of each column of :math:`I - R\,\mathrm{diag}(R)^{-1}`.
        """
        r, unit = (self, 1.0) if self.core is None else self.core
        return unit / self.scale * (r.signal.sandwich / r.diagonal / r.diagonal)

    @property
    def noise_left(self) -> Array:
        r""":math:`1/R_{kk} - \Lambda_{kk} = t(\Sigma R)_{kk}/R_{kk}`, a conditional variance."""
        return self.signal.diagonal / self.diagonal

    def weight_norm(self, b: OneOrEach) -> Array:
        r""":math:`\sum_{j \ne k} b_j (R_{jk}/R_{kk})^2`, b a scalar or of shape (n_features,)."""
        r = self if self.core is None else self.core[0]
        return r.signal.spread(b) / r.diagonal / r.diagonal


class Population(Protocol):
    r"""What an experiment needs of a population: rows, and products with their covariance.

    A :class:`Covariance` has all of it, and so does whatever else draws rows whose covariance
    :math:`\Sigma` is known.
    """

    @property
    def d(self) -> int:
        """Number of coordinates."""
        ...

    def diagonal(self) -> Array:
        r"""Variances :math:`\Sigma_{kk}`, ndarray of shape (n_features,)."""
        ...

    def apply(self, x: Array) -> Array:
        r"""Product :math:`\Sigma x` for x of shape (n_features,) or (n_features, m)."""
        ...

    def sample(self, n: int, rng: Seed) -> Array:
        """Draw n rows of mean 0 from `rng` with this covariance, ndarray of shape (n, d)."""
        ...

    def resolvent(self, shift: OneOrEach, scale: Number = 1.0) -> Resolvent:
        r"""The shifted inverse :math:`(t\,\Sigma + \Lambda)^{-1}`.

        `shift` is the diagonal of :math:`\Lambda`, `scale` the factor t.
        """
        ...


class Covariance(ABC):
    r"""A population covariance :math:`\Sigma`, symmetric and positive semi-definite.

    A model is immutable and small. It supplies

    * ``d``, the number of coordinates,
    * :meth:`diagonal` and :meth:`apply`, which is :math:`x \mapsto \Sigma x`,
    * :meth:`colour`, which turns white noise into data with this covariance,
    * ``_resolvent``, the shifted inverse (see :class:`Resolvent`),
    * ``examples``, a few small instances on which every registered test runs;

    all theory follows. No structured model forms a (d, d) array, except in :meth:`dense`. Entries
    have the units of the data squared, and so have ridges and errors.
    """

    _registered: list[type[Covariance]] = []  # noqa: RUF012 - shared by all subclasses on purpose

    d: int

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        Covariance._registered.append(cls)

    @staticmethod
    def registry() -> tuple[type[Covariance], ...]:
        """All models defined so far, in the order of their definition."""
        return tuple(Covariance._registered)

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence[Covariance]:
        """Small instances of the model, for tests."""

    @abstractmethod
    def diagonal(self) -> Array:
        r"""Variances :math:`\Sigma_{kk}`, ndarray of shape (n_features,)."""

    @abstractmethod
    def apply(self, x: Array) -> Array:
        r"""Product :math:`\Sigma x` for x of shape (n_features,) or (n_features, m)."""

    @abstractmethod
    def colour(self, z: Array) -> Array:
        r"""Turn white noise into data: rows of shape (n_noise,) to rows with covariance Sigma.

        Linear in z, which has shape (n_samples, `n_noise`) and uncorrelated entries of mean 0 and
        variance 1; returns an array of shape (n_samples, n_features).
        """

    @abstractmethod
    def _resolvent(self, shift: OneOrEach, scale: Number) -> Resolvent:
        """The shifted inverse, for a shift that is a scalar or a vector that is not constant."""

    def _function(self, function: Callable[[Array], Array]) -> Resolvent | None:
        """The function of Sigma with the given values at its eigenvalues, as a Resolvent.

        Eigenvalues that rounding cannot tell from zero are zero. None for a model that is always
        regular, or made of another (see `_unfolded`).
        """
        return None

    def _unfolded(self) -> tuple[Covariance, Array, Array]:
        """A core, scales c and loadings L such that Sigma is C (core + L L') C."""
        return self, np.ones(self.d), np.empty((self.d, 0))

    @property
    def n_noise(self) -> int:
        """Number of white-noise entries that one sample is made from."""
        return self.d

    def dense(self) -> Array:
        r"""The matrix :math:`\Sigma`, ndarray of shape (n_features, n_features)."""
        return self.apply(np.eye(self.d))

    def trace(self) -> float:
        r""":math:`\mathrm{Tr}\,\Sigma`."""
        return float(np.sum(self.diagonal()))

    def sample(self, n: int, rng: Seed) -> Array:
        """Draw n Gaussian rows with mean 0 and this covariance.

        Parameters
        ----------
        n : int
            Number of samples.
        rng : numpy.random.Generator or int
            Source of randomness, or its seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If n is not a positive integer, or `rng` is neither a Generator nor a seed.
        """
        n = positive_integer(n, "n")
        return self.colour(as_generator(rng).standard_normal((n, self.n_noise)))

    def resolvent(self, shift: OneOrEach, scale: Number = 1.0) -> Resolvent:
        r"""The shifted inverse :math:`R = (t\,\Sigma + \Lambda)^{-1}`.

        Parameters
        ----------
        shift : float, complex or ndarray of shape (n_features,)
            Diagonal of :math:`\Lambda`, in the units of :math:`t\,\Sigma`. Either zero or nowhere
            zero.
        scale : float or complex, default=1.0
            The factor t.

        Returns
        -------
        Resolvent

        Raises
        ------
        ValueError
            If `shift` has another shape, or is not constant and the model takes no other: a
            :class:`Circulant` of d above 4000.
        """
        values = np.asarray(shift)
        if values.ndim == 1 and values.shape != (self.d,):
            raise ValueError(
                f"shift must be a scalar or have shape ({self.d},), got shape {values.shape}."
            )
        if values.ndim == 1 and np.all(values == values[0]):
            values = values[0]  # a constant diagonal keeps every fast path open
        shift = values[()]
        unit = self._unit(shift, scale)
        if unit == 1.0:
            return replace(self._resolvent(shift, scale), source=self)
        core = replace(self._resolvent(shift / unit, scale / unit), source=self)
        return Resolvent(
            shift=shift,
            scale=scale,
            diagonal=core.diagonal / unit,
            apply=lambda x: core.apply(x) / unit,
            sandwich=lambda b: core.sandwich(b) / unit / unit,
            source=self,
            core=(core, unit),
        )

    def _doubt(self, shift: OneOrEach) -> str | None:
        """What leaves a resolvent at a positive shift with fewer than six digits, and advice."""
        return None

    def _unit(self, shift: OneOrEach, scale: Number) -> float:
        """A power of 2, the unit of variance in which squares of R neither vanish nor overflow."""
        if not (is_positive(scale) and (is_positive(shift) or np.all(shift == 0))):
            return 1.0
        largest = float(np.max(shift))
        if 1.0 / MODERATE < largest < MODERATE:
            return 1.0
        variance = abs(scale) * float(np.max(self.diagonal()))
        # R lies between 1/(variance + shift) and 1/shift.
        middle = np.sqrt(largest) * np.sqrt(max(largest, variance))
        unit = middle if largest > 0.0 else variance
        if unit == 0.0 or 1.0 / MODERATE < unit < MODERATE:
            return 1.0
        return float(2.0 ** np.round(np.log2(unit)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(d={self.d})"


def conditional_variances(model: Population, noise: Array | float = 0.0) -> Array:
    r"""Error of the best linear prediction of each coordinate from all, with noise on all.

    .. math:: \frac{1}{[(\Sigma + N)^{-1}]_{kk}} - N_k

    Parameters
    ----------
    model : Covariance
        Population model, or any object with its `resolvent`.
    noise : float or ndarray of shape (n_features,), default=0.0
        :math:`N_k`, zero throughout or only where the variance is.

    Returns
    -------
    ndarray of shape (n_features,)
        For a singular Sigma the limit of a vanishing noise.
    """
    silent = np.equal(noise, 0.0)
    if np.all(silent):
        return 1.0 / model.resolvent(0.0).diagonal
    # A coordinate without variance is uncorrelated with all others: any noise on it will do.
    left = model.resolvent(np.where(silent, np.max(noise), noise)).noise_left
    return np.where(silent, 0.0, left)


def row_products(a: Array, b: Array) -> Array:
    """Inner products of the rows of a with those of b, which NumPy's sum does slowly."""
    return np.einsum("ij,ij->i", a, b)


def columns(v: Array, like: Array) -> Array:
    """The vector v shaped to multiply the rows of `like`, an array of one or two axes."""
    return v if like.ndim == 1 else v[:, None]
