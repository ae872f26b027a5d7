r"""How rows are distributed: worlds with a given covariance whose rows are not Gaussian.

Two ways to leave the Gaussian law behave in opposite ways. Independent entries of another law,

.. math:: x = L z, \qquad LL^\top = \Sigma, \qquad z_j \text{ independent, mean 0, variance 1},

keep :math:`x^\top B x / n` close to its mean, and with it the theory of the error. A random scale
that all entries of a row share, :math:`x = \sqrt\tau\,g`, does not.

Every world has the covariance :math:`\Sigma` exactly and offers what a covariance model offers to
:func:`mssl.simulation.simulate_risk`. None is a registered model, since its samples are not
Gaussian.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from ._types import Number, OneOrEach, Seed
from .covariance import Covariance, Spiked
from .covariance.base import Resolvent
from .validation import (
    as_generator,
    covariance_model,
    finite_vector,
    positive_integer,
    positive_vector,
    real_number,
)

__all__ = [
    "EntryLaw",
    "IndependentEntries",
    "MultivariateT",
    "Normal",
    "Rademacher",
    "RowDistribution",
    "ScaleMixture",
    "SparseGaussian",
    "StudentT",
    "TwoClusters",
]


# Laws of one entry ------------------------------------------------------------------------------


class EntryLaw(ABC):
    r"""Law of one entry: mean 0, variance 1, symmetric.

    .. math:: \mathrm E\,z = 0, \qquad \mathrm E\,z^2 = 1, \qquad \chi = \mathrm E\,z^4 - 3

    Attributes
    ----------
    excess : float
        The fourth cumulant :math:`\chi`, at least -2; infinite without a fourth moment.
    """

    @property
    @abstractmethod
    def excess(self) -> float:
        r"""The fourth cumulant :math:`\chi`."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent entries from `rng`, ndarray of the given shape."""


@dataclass(frozen=True)
class Normal(EntryLaw):
    r"""The standard normal law, :math:`\chi = 0`."""

    @property
    def excess(self) -> float:
        r"""The fourth cumulant :math:`\chi`."""
        return 0.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent entries from `rng`, ndarray of the given shape."""
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class Rademacher(EntryLaw):
    r"""Signs: +1 or -1 with equal probability, :math:`\chi = -2`, the least there is."""

    @property
    def excess(self) -> float:
        r"""The fourth cumulant :math:`\chi`."""
        return -2.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent entries from `rng`, ndarray of the given shape."""
        return 2.0 * rng.integers(0, 2, size=shape) - 1.0


@dataclass(frozen=True)
class StudentT(EntryLaw):
    r"""Student's t, scaled to variance one.

    .. math:: z = \sqrt{\frac{\nu-2}{\nu}}\; t_\nu, \qquad
              \chi = \frac{6}{\nu - 4} \ (\nu > 4), \quad \infty \text{ otherwise}

    Parameters
    ----------
    df : float
        Degrees of freedom :math:`\nu`, above 2, as the variance is infinite otherwise.

    Raises
    ------
    ValueError
        If `df` is not finite and above 2.
    """

    df: float

    def __post_init__(self) -> None:
        _check_df(self.df)

    @property
    def excess(self) -> float:
        r"""The fourth cumulant :math:`\chi`."""
        return 6.0 / (self.df - 4.0) if self.df > 4 else np.inf

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent entries from `rng`, ndarray of the given shape."""
        return np.sqrt((self.df - 2.0) / self.df) * rng.standard_t(self.df, size=shape)


@dataclass(frozen=True)
class SparseGaussian(EntryLaw):
    r"""Bernoulli-Gaussian: zero most of the time, Gaussian otherwise.

    .. math:: z = \frac{b\,g}{\sqrt p}, \qquad b \sim \mathrm{Bernoulli}(p),\ g \sim N(0, 1),
              \qquad \chi = \frac3p - 3

    Parameters
    ----------
    density : float
        The probability p, in (0, 1], that the entry is not zero.

    Raises
    ------
    ValueError
        If `density` is not in (0, 1].
    """

    density: float

    def __post_init__(self) -> None:
        if not 0.0 < real_number(self.density, "density") <= 1.0:
            raise ValueError(f"density must lie in (0, 1], got {self.density!r}.")

    @property
    def excess(self) -> float:
        r"""The fourth cumulant :math:`\chi`."""
        return 3.0 / self.density - 3.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent entries from `rng`, ndarray of the given shape."""
        kept = rng.random(shape) < self.density
        return kept * rng.standard_normal(shape) / np.sqrt(self.density)


def _check_df(df) -> None:
    number = real_number(df, "df")
    if not np.isfinite(number) or number <= 2:
        raise ValueError(f"df must be finite and above 2, where the variance exists; got {df!r}.")


# Worlds -----------------------------------------------------------------------------------------


class RowDistribution(ABC):
    """A covariance model together with a law of the rows that is not Gaussian.

    Subclasses have a ``covariance`` and draw rows with exactly that covariance in
    :meth:`sample`; everything else is the covariance model's.
    """

    covariance: Covariance

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.covariance.d

    def sample(self, n: int, rng: Seed) -> np.ndarray:
        """Draw n rows with mean zero.

        Parameters
        ----------
        n : int
            Number of rows.
        rng : numpy.random.Generator or int
            Source of randomness, or its seed.

        Returns
        -------
        ndarray of shape (n, d)

        Raises
        ------
        ValueError
            If n is not a positive integer, or `rng` is neither a Generator nor a seed.
        """
        return self._draw(positive_integer(n, "n"), as_generator(rng))

    @abstractmethod
    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Rows for a checked n and a generator."""

    def dense(self) -> np.ndarray:
        """Return the covariance, ndarray of shape (d, d)."""
        return self.covariance.dense()

    def diagonal(self) -> np.ndarray:
        """Return the variances, ndarray of shape (d,)."""
        return self.covariance.diagonal()

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return the covariance times ``x``, of the shape of ``x``."""
        return self.covariance.apply(x)

    def trace(self) -> float:
        """Return the sum of the variances."""
        return self.covariance.trace()

    def resolvent(self, shift: OneOrEach, scale: Number = 1.0) -> Resolvent:
        r"""The shifted inverse of the covariance, :math:`(t\,\Sigma + \Lambda)^{-1}`.

        `shift`, `scale` and errors are those of :meth:`mssl.covariance.Covariance.resolvent`.
        """
        return self.covariance.resolvent(shift, scale)


def _check_covariance(covariance, name: str = "covariance") -> None:
    # Not another world: its rows are not Gaussian, and `colour` is what none of them has.
    covariance_model(covariance, name, needs=("resolvent", "colour"))


@dataclass(frozen=True, eq=False)
class IndependentEntries(RowDistribution):
    r"""Rows coloured from independent entries of any law.

    .. math:: x = L z, \qquad LL^\top = \Sigma

    Parameters
    ----------
    covariance : Covariance
        :math:`\Sigma`, whose own `colour` is the map :math:`z \mapsto Lz`.
    law : EntryLaw
        Law of the entries of z.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or `law` no :class:`EntryLaw`.

    Notes
    -----
    For an entry law that is not Gaussian the law of x depends on L and not on :math:`\Sigma`
    alone; another square root of the same covariance gives another world.

    Examples
    --------
    >>> from mssl.covariance import Isotropic
    >>> IndependentEntries(Isotropic(3), Rademacher()).sample(2, 0).tolist()
    [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]
    """

    covariance: Covariance
    law: EntryLaw

    def __post_init__(self) -> None:
        _check_covariance(self.covariance)
        if not isinstance(self.law, EntryLaw):
            raise ValueError(
                f"law must be an EntryLaw such as Rademacher(), got {type(self.law).__name__}."
            )

    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.covariance.colour(self.law.draw((n, self.covariance.n_noise), rng))


@dataclass(frozen=True, eq=False)
class ScaleMixture(RowDistribution):
    r"""Gaussian rows with a random scale each, one of several that are equally likely.

    .. math:: x = \sqrt\tau\,g, \qquad g \sim N(0, \Sigma), \qquad \mathrm E\,\tau = 1

    Parameters
    ----------
    covariance : Covariance
        :math:`\Sigma`, that of x.
    values : array_like of shape (n_values,)
        Equally likely values of :math:`\tau`, positive; divided by their mean.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or a value is not positive and finite.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(self, covariance: Covariance, values: ArrayLike) -> None: ...

    covariance: Covariance
    values: np.ndarray

    def __post_init__(self) -> None:
        _check_covariance(self.covariance)
        values = np.array(positive_vector(self.values, "values"))
        values /= values.mean()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def scales(self) -> np.ndarray:
        """Return the equally likely values of tau, as ``elliptical_risk`` takes them."""
        return self.values

    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.covariance.sample(n, rng) * np.sqrt(rng.choice(self.values, n))[:, None]


@dataclass(frozen=True, eq=False)
class MultivariateT(RowDistribution):
    r"""The multivariate t: one random scale for each row.

    .. math:: x = \sqrt\tau\,g, \qquad g \sim N(0, \Sigma), \qquad
              \tau = \frac{\nu - 2}{\chi^2_\nu}, \qquad
              \mathrm{Var}\,\tau = \frac{2}{\nu - 4} \ (\nu > 4)

    Parameters
    ----------
    covariance : Covariance
        The covariance of x itself, not the "scale matrix" of other texts.
    df : float
        Degrees of freedom :math:`\nu`, above 2.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or `df` is not finite and above 2.

    Notes
    -----
    Each coordinate has the law of :class:`StudentT` up to its variance, as it has under
    :class:`IndependentEntries` when the covariance is diagonal; the two worlds then differ only in
    what the coordinates share.
    """

    covariance: Covariance
    df: float

    def __post_init__(self) -> None:
        _check_covariance(self.covariance)
        _check_df(self.df)

    def scales(self, levels: int = 400) -> np.ndarray:
        r"""Return equally likely values of :math:`\tau`, as ``elliptical_risk`` takes them.

        .. math:: \tau_j = \mathrm E[\tau \mid \tau \text{ in the } j\text{th bin}]

        Parameters
        ----------
        levels : int
            Number of bins.

        Returns
        -------
        ndarray of shape (levels,)
            Of mean one. As :math:`c f_\nu(c)^{-1}` is a density of :math:`\chi^2_{\nu-2}` up to a
            factor, the mean of a bin is a difference of its distribution function, without error.

        Raises
        ------
        ValueError
            If `levels` is not a positive integer.
        """
        levels = positive_integer(levels, "levels")
        edges = chi2.ppf(np.arange(levels + 1) / levels, self.df)
        return levels * np.diff(chi2.cdf(edges, self.df - 2.0))

    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        tau = (self.df - 2.0) / rng.chisquare(self.df, n)
        return self.covariance.sample(n, rng) * np.sqrt(tau)[:, None]


@dataclass(frozen=True, eq=False)
class TwoClusters(RowDistribution):
    r"""A mixture of two Gaussian clusters, equally likely, at plus and minus one mean.

    .. math:: x = \pm m + \sqrt{\tau_\pm}\; g, \qquad g \sim N(0, \Sigma_0), \qquad
              \Sigma = \Sigma_0 + m m^\top

    Parameters
    ----------
    within : Covariance
        :math:`\Sigma_0`, the mean of the two clusters' covariances.
    mean : array_like of shape (d,)
        The mean m of the first cluster; the second has minus that.
    scales : tuple of float, default=(1.0, 1.0)
        :math:`\tau_+` and :math:`\tau_-`, divided by their mean.

    Attributes
    ----------
    covariance : Spiked
        The covariance of the mixture: the distance of the clusters is a spike in it.

    Raises
    ------
    ValueError
        If `within` is no covariance model, `mean` is not a finite vector of its length other than
        0, or `scales` are not two positive numbers.
    """

    if TYPE_CHECKING:  # what may be passed; the fields below hold what it was made into

        def __init__(
            self, within: Covariance, mean: ArrayLike, scales: ArrayLike = (1.0, 1.0)
        ) -> None: ...

    within: Covariance
    mean: np.ndarray
    scales: tuple[float, float] = (1.0, 1.0)
    covariance: Covariance = field(init=False)

    def __post_init__(self) -> None:
        _check_covariance(self.within, "within")
        mean = finite_vector(self.mean, "mean")
        length = float(np.linalg.norm(mean))
        if mean.shape != (self.within.d,) or length == 0:
            raise ValueError(
                f"mean must be a vector of {self.within.d} entries that are not all zero, got "
                f"shape {mean.shape} and length {length:g}."
            )
        pair = np.array(positive_vector(self.scales, "scales"))
        if pair.shape != (2,):
            raise ValueError(f"scales must hold two numbers, got {pair.size}.")
        pair /= pair.mean()
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scales", (float(pair[0]), float(pair[1])))
        spiked = Spiked(self.within, [length**2], (mean / length)[:, None])
        object.__setattr__(self, "covariance", spiked)

    def _draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        which = rng.integers(0, 2, n)
        scale = np.sqrt(np.array(self.scales))[which]
        return np.outer(1.0 - 2.0 * which, self.mean) + self.within.sample(n, rng) * scale[:, None]
