"""Principal components of the same data, described like the learned matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..covariance import Covariance
from ..validation import covariance_model, first_few, positive_integer
from .bulk import Units
from .outliers import Outlier
from .spectrum import Spectrum
from .spikes import SpikedEquivalent
from .state import StoredByFields

__all__ = ["PCASpike", "PCATheory"]


@dataclass(frozen=True, eq=False)
class PCASpike:
    r"""What PCA makes of one direction :math:`\theta\,uu^\top` of the population.

    Attributes
    ----------
    strength, threshold : float
        :math:`\theta`, and the strength above which it leaves the bulk; in squared units of the
        rows.
    detected : bool
        Whether an eigenvalue outside the bulk belongs to it.
    eigenvalue : float
        That eigenvalue; the upper edge of the bulk when there is none. In squared units of the rows
        for PCA, without a unit for correlation PCA.
    overlap : float
        Squared cosine between u and the vector that maps a row of X to its score: w for PCA and
        :math:`D^{1/2}w` for correlation PCA, w being the eigenvector. 0 when not detected.
    direction : ndarray of shape (n_features,)
        u.
    """

    strength: float
    threshold: float
    detected: bool
    eigenvalue: float
    overlap: float
    direction: np.ndarray


@dataclass(frozen=True, eq=False)
class PCATheory(StoredByFields):
    r"""Principal component analysis in the proportional limit.

    .. math:: S = \tfrac1n X^\top X \qquad\text{or}\qquad
              C = D^{1/2} S D^{1/2}, \quad D = \mathrm{diag}(\Sigma)^{-1}

    Implements :theorem:`cor-spec-pca` and :theorem:`thm-outlier`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of rows n.
    standardize : bool, default=False
        True for the correlation matrix.

    Attributes
    ----------
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the bulks, ascending; in squared units of the rows, without a unit if standardized.
    spikes : tuple of PCASpike
        One for each direction of the model, in its order.
    outliers : tuple of Outlier
        All eigenvalues outside the bulk, the largest first.
    spectrum : Spectrum
        The law of the eigenvalues: distribution function, quantiles, moments, atoms.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or is zero, or has a coordinate without variance and
        is to be standardized; if another argument is not what it should be.
    ConvergenceError
        By what describes the spectrum, if one of its equations is not solved.

    References
    ----------
    V. A. Marchenko and L. A. Pastur, Distribution of eigenvalues for some sets of random
    matrices, Mathematics of the USSR-Sbornik 1 (1967).

    J. Baik, G. Ben Arous and S. Péché, Phase transition of the largest eigenvalue for nonnull
    complex sample covariance matrices, Annals of Probability 33 (2005).

    D. Paul, Asymptotics of sample eigenstructure for a large dimensional spiked covariance
    model, Statistica Sinica 17 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.covariance import Isotropic, Spiked
    >>> from mssl.theory import PCATheory
    >>> u = np.full((100, 1), 0.1)
    >>> theory = PCATheory(Spiked(Isotropic(100), 2.0, u), n_samples=100)
    >>> spike = theory.spikes[0]
    >>> round(spike.threshold, 6), round(spike.eigenvalue, 6), round(spike.overlap, 6)
    (1.0, 4.5, 0.5)
    """

    covariance: Covariance
    n_samples: int
    standardize: bool = False

    def __post_init__(self):
        covariance_model(self.covariance)
        object.__setattr__(self, "n_samples", positive_integer(self.n_samples, "n_samples"))
        if not isinstance(self.standardize, bool | np.bool_):
            raise ValueError(f"standardize must be True or False, got {self.standardize!r}.")
        variances = self.covariance.diagonal()
        if self.standardize and np.any(variances <= 0):
            where = first_few(np.flatnonzero(variances <= 0))
            raise ValueError(
                f"every variance must be positive to standardize, but coordinates {where} have "
                "variance zero; leave them out."
            )
        if not variances.any():
            raise ValueError("covariance must not be zero.")

    @cached_property
    def spiked_equivalent(self) -> SpikedEquivalent:
        """Bulk and perturbation, a :class:`SpikedEquivalent`."""

        full = self.covariance.diagonal()

        def units_of(model: Covariance):
            # Where a spike is all there is, the base takes the unit from it.
            own = np.where(model.diagonal() > 0, model.diagonal(), full)
            weights = 1.0 / own if self.standardize else np.ones(model.d)
            return Units(weights, np.zeros(model.d), np.ones(model.d))

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
    def edges(self) -> np.ndarray:
        """Ends of the bulks of eigenvalues, ndarray of shape (2 * n_bulks,), ascending."""
        return self.spectrum.edges

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """All eigenvalues outside the bulks, the largest first."""
        return self.spiked_equivalent.outliers

    @cached_property
    def spikes(self) -> tuple[PCASpike, ...]:
        """A :class:`PCASpike` for each direction of the model, in its order."""
        return tuple(
            PCASpike(
                strength=spike.strength,
                threshold=spike.threshold,
                detected=spike.detected,
                eigenvalue=spike.eigenvalue,
                overlap=spike.right_overlap,  # D is the identity for covariance PCA
                direction=spike.direction,
            )
            for spike in self.spiked_equivalent.describe_spikes(lambda nu: nu)
        )
