"""What must happen: deterministic equivalents of masked regression, as numbers."""

from .elliptical import EllipticalRisk, elliptical_risk
from .ensemble import Ensemble
from .equivalents import Equivalent, solve_kappa
from .pca import PCASpike, PCATheory
from .risk import OptimalRidge, SSRTheory, bayes_error_by_coordinate, optimal_ridge
from .spectrum import Atom, CoefficientSpectrum, Spectrum
from .spikes import Outlier, Spike, SpikedEnsemble, split_spikes
from .threshold import critical_strength

__all__ = [
    "Atom",
    "CoefficientSpectrum",
    "EllipticalRisk",
    "Ensemble",
    "Equivalent",
    "OptimalRidge",
    "Outlier",
    "PCASpike",
    "PCATheory",
    "SSRTheory",
    "Spectrum",
    "Spike",
    "SpikedEnsemble",
    "bayes_error_by_coordinate",
    "critical_strength",
    "elliptical_risk",
    "optimal_ridge",
    "solve_kappa",
    "split_spikes",
]
