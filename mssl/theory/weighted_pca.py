r"""PCA with weights on the coordinates, and the weights that no other can beat.

In noise of variances g that is independent from coordinate to coordinate, a weighting stands for a
positive function p of :class:`~mssl.theory.noise_curves.NoiseCurve` in its place, with

.. math:: \frac1\theta = \Big\langle\frac pg\Big\rangle, \qquad
          \langle p^2\rangle \le \alpha \text{ with equality at the edge}, \qquad
          \frac1{\theta_c} \le \sqrt{\alpha\,\langle g^{-2}\rangle}

by the inequality of Cauchy and Schwarz: the Bayes threshold, met by p in proportion to 1/g alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array
from ..covariance import Covariance
from ..validation import (
    covariance_model,
    non_negative,
    positive_integer,
    positive_vector,
)
from .bulk import Units
from .outliers import Outlier, Spike
from .spectrum import Spectrum
from .spikes import SpikedEquivalent
from .state import StoredByFields

__all__ = ["WeightedPCASpike", "WeightedPCATheory", "optimal_readout", "optimal_weights"]


@dataclass(frozen=True, eq=False)
class WeightedPCASpike:
    r"""What weighted PCA makes of one direction :math:`\theta\,uu^\top` of the population.

    Attributes
    ----------
    strength, threshold : float
        :math:`\theta`, and the strength above which it leaves the bulk; in squared units of the
        rows.
    detected : bool
        Whether an eigenvalue outside the bulk belongs to it.
    eigenvalue : float
        That eigenvalue of :math:`W^{1/2}SW^{1/2}`; the upper edge of the bulk when there is none.
    overlap : float
        Squared cosine between u and the estimate :math:`T\,v`, for the eigenvector v and the
        `readout` T; 0 when not detected.
    right_overlap, symmetric_overlap, left_overlap : float
        The same for :math:`W^{1/2}v`, v and :math:`W^{-1/2}v`.
    direction : ndarray of shape (n_features,)
        u.
    """

    strength: float
    threshold: float
    detected: bool
    eigenvalue: float
    overlap: float
    right_overlap: float
    symmetric_overlap: float
    left_overlap: float
    direction: Array


@dataclass(frozen=True, eq=False)
class WeightedPCATheory(StoredByFields):
    r"""Principal components of weighted coordinates in the proportional limit.

    .. math:: W^{1/2} S\,W^{1/2}, \quad W = \mathrm{diag}(w), \qquad
              \hat u = T\,v, \quad T = \mathrm{diag}(t) \text{ or } W^{-1/2}

    Implements :theorem:`thm-near-weights`, and for noise of any covariance :theorem:`thm-outlier`
    and :theorem:`thm-outlier-overlap`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of rows n.
    weights : array-like of shape (n_features,)
        w, positive and fixed: what they are estimated from must not change them in the limit.
    readout : array-like of shape (n_features,), optional
        t, positive, which takes the eigenvector v back to the coordinates of the rows; by default
        :math:`w^{-1/2}`.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the bulks, ascending; in the unit of the weights times squared units of the rows.
    spikes : tuple of WeightedPCASpike
        One for each direction of the model, in its order.
    outliers : tuple of Outlier
        All eigenvalues outside the bulk, the largest first.
    spectrum : Spectrum
        The law of the eigenvalues.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or is zero; if the weights or the readout are not
        positive, one for each coordinate; if `n_samples` is no positive integer.
    ConvergenceError
        By what describes the spectrum, if one of its equations is not solved.

    Notes
    -----
    Weights 1 are those of PCA, the inverse variances those of correlation PCA, and the D of masked
    regression, as the ridge goes to 0 with n > d, those of masked regression. A readout t has the
    overlap

    .. math:: \frac{(u^\top T W^{-1/2} y)^2}{s_T\,y^\top\Sigma y + y^\top W^{-1/2}T^2W^{-1/2}y},
              \qquad s_T = \frac sn\,\frac{\mathrm{Tr}\,\Sigma R\,W^{-1/2}T^2W^{-1/2}R}
              {\partial_s F}

    with y, R, s and F of :class:`~mssl.theory.Outlier`.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.covariance import Diagonal, Spiked
    >>> from mssl.theory import WeightedPCATheory, bayes_limit, optimal_readout, optimal_weights
    >>> noise, u = np.tile([0.5, 4.0], 100), np.full((200, 1), 200**-0.5)
    >>> model = Spiked(Diagonal(noise), 2.0, u)
    >>> theory = WeightedPCATheory(
    ...     model, 300, optimal_weights(noise, 300, 2.0), optimal_readout(noise, 300, 2.0)
    ... )
    >>> bool(abs(theory.spikes[0].overlap - bayes_limit(noise, 200 / 300, 2.0).overlap) < 1e-6)
    True
    """

    covariance: Covariance
    n_samples: int
    weights: Array
    readout: Array | None = None

    def __post_init__(self):
        covariance_model(self.covariance)
        object.__setattr__(self, "n_samples", positive_integer(self.n_samples, "n_samples"))
        object.__setattr__(self, "weights", self._for_each(self.weights, "weights"))
        if self.readout is not None:
            object.__setattr__(self, "readout", self._for_each(self.readout, "readout"))
        if not self.covariance.diagonal().any():
            raise ValueError("covariance must not be zero.")

    def _for_each(self, values: ArrayLike, name: str) -> Array:
        values = positive_vector(values, name)
        if values.shape != (self.covariance.d,):
            raise ValueError(
                f"{name} must hold one number for each of {self.covariance.d} coordinates, got "
                f"{values.size}."
            )
        return values

    @cached_property
    def spiked_equivalent(self) -> SpikedEquivalent:
        """Bulk and perturbation, a :class:`SpikedEquivalent`."""

        def units_of(model: Covariance):
            return Units(np.array(self.weights), np.zeros(model.d), np.ones(model.d))

        return SpikedEquivalent.build(self.covariance, self.n_samples, 1.0, units_of)

    @property
    def spectrum(self) -> Spectrum:
        """Limiting law of the eigenvalues, a :class:`Spectrum`."""
        return self.spiked_equivalent.spectrum

    def density(self, s: ArrayLike):
        """Density of the eigenvalues at real points s of any shape, of that shape.

        In one over the unit of s. ValueError unless all are finite and real.
        """
        return self.spectrum.density(s)

    @property
    def edges(self) -> Array:
        """Ends of the bulks of eigenvalues, ndarray of shape (2 * n_bulks,), ascending."""
        return self.spectrum.edges

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """All eigenvalues outside the bulks, the largest first."""
        return self.spiked_equivalent.outliers

    @cached_property
    def spikes(self) -> tuple[WeightedPCASpike, ...]:
        """A :class:`WeightedPCASpike` for each direction of the model, in its order."""
        return tuple(
            WeightedPCASpike(
                strength=spike.strength,
                threshold=spike.threshold,
                detected=spike.detected,
                eigenvalue=spike.eigenvalue,
                overlap=self._overlap(spike),
                right_overlap=spike.right_overlap,
                symmetric_overlap=spike.symmetric_overlap,
                left_overlap=spike.left_overlap,
                direction=spike.direction,
            )
            for spike in self.spiked_equivalent.describe_spikes(lambda nu: nu)
        )

    def _overlap(self, spike: Spike) -> float:
        """The overlap of the readout with the direction of a spike."""
        if self.readout is None or not spike.detected:
            return spike.left_overlap
        u, equivalent = spike.direction, self.spiked_equivalent.equivalent
        outlier = min(
            self.outliers,
            key=lambda o: (abs(o.position - spike.eigenvalue), -o.overlap(u, "symmetric")),
        )
        y, w = outlier.signal, self.weights
        z = np.array([equivalent.place(outlier.position)])
        s = np.real(equivalent.solve(z))
        slope = float(np.real(equivalent.traces(s, z).slope[0]))
        squares = self.readout**2 / w
        resolvent = equivalent.resolvent(float(s[0]), float(z[0]))
        spread = s[0] / self.n_samples * np.sum(squares * resolvent.sigma_sandwich) / slope
        variance = y @ self.covariance.apply(y)
        top = (u @ (self.readout / np.sqrt(w) * y)) ** 2 / (u @ u)
        return float(top / (spread * variance + squares @ y**2))


def optimal_weights(noise_variances: ArrayLike, n_samples: int, strength: float) -> Array:
    r"""The weights with which PCA comes nearest to a spike in independent noise.

    .. math:: w_k = \frac{1}{g_k\,(g_k + \alpha\theta)}, \qquad \alpha = n/d

    Implements :theorem:`thm-near-optimal`.

    Parameters
    ----------
    noise_variances : array-like of shape (n_features,)
        g, positive, in squared units of the rows.
    n_samples : int
        Number of rows n.
    strength : float
        :math:`\theta \ge 0`, in the same units; the threshold of
        :func:`~mssl.theory.bayes_limit` gives the weights that detect the weakest spike.

    Returns
    -------
    ndarray of shape (n_features,)
        In one over the squared units of g.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    The estimate with a readout is best when each coordinate is shrunk by its own noise. For the
    best readout its squared cosine is :math:`\langle\mu/(g + \mu)\rangle` with

    .. math:: \mu = \frac{\alpha - \langle p^2\rangle}{\langle p^2/g\rangle + 1/\theta}, \qquad
              \Big\langle\frac pg\Big\rangle = \frac1\theta .

    The largest :math:`\mu` over all p has :math:`p = \lambda/(g + \mu)` with
    :math:`\lambda = \alpha\theta - \mu`, which is the equation of :func:`~mssl.theory.bayes_limit`
    for :math:`\mu = \alpha\theta q`; and this p belongs to the weights above. So weighted PCA with
    these weights and the readout of :func:`optimal_readout` has the overlap that no method
    exceeds, at every d/n.
    """
    g, c = _noise_and_shift(noise_variances, n_samples, strength)
    return 1.0 / (g * (g + c))


def optimal_readout(noise_variances: ArrayLike, n_samples: int, strength: float) -> Array:
    r"""What takes an eigenvector of optimally weighted coordinates to the best estimate.

    .. math:: t_k = \Big(\frac{g_k}{g_k + \alpha\theta}\Big)^{1/2}

    Parameters
    ----------
    noise_variances, n_samples, strength
        As for :func:`optimal_weights`.

    Returns
    -------
    ndarray of shape (n_features,)
        Without a unit.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    g, c = _noise_and_shift(noise_variances, n_samples, strength)
    return np.sqrt(g / (g + c))


def _noise_and_shift(
    noise_variances: ArrayLike, n_samples: int, strength: float
) -> tuple[Array, float]:
    g = positive_vector(noise_variances, "noise_variances")
    n = positive_integer(n_samples, "n_samples")
    return g, n / g.size * non_negative(strength, "strength")
