"""What must happen: deterministic equivalents of masked regression, as numbers."""

from .atoms import Atom
from .best import (
    OptimalMasking,
    OptimalRidge,
    optimal_mask_rate,
    optimal_masked_ridge,
    optimal_masking,
    optimal_ridge,
)
from .coefficients import CoefficientSpectrum
from .diagonal_replacement import DiagonalReplacement, diagonal_replacement_bound
from .elliptical import EllipticalRisk, elliptical_risk
from .ensemble import Ensemble
from .equivalents import Equivalent, solve_kappa
from .finite_size import finite_size_train_error
from .masked import (
    MaskedErrors,
    equivalent_ridge,
    mask_penalty,
    masked_bayes_error_by_coordinate,
    solve_masked,
)
from .outliers import Outlier, Spike
from .pca import PCASpike, PCATheory
from .risk import SSRTheory, bayes_error_by_coordinate
from .spectrum import Spectrum
from .spikes import SpikedEnsemble, split_spikes
from .threshold import critical_strength

__all__ = [
    "Atom",
    "CoefficientSpectrum",
    "DiagonalReplacement",
    "EllipticalRisk",
    "Ensemble",
    "Equivalent",
    "MaskedErrors",
    "OptimalMasking",
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
    "diagonal_replacement_bound",
    "elliptical_risk",
    "equivalent_ridge",
    "finite_size_train_error",
    "mask_penalty",
    "masked_bayes_error_by_coordinate",
    "optimal_mask_rate",
    "optimal_masked_ridge",
    "optimal_masking",
    "optimal_ridge",
    "solve_kappa",
    "solve_masked",
    "split_spikes",
]
