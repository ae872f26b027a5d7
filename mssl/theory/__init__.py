"""Theory: deterministic equivalents of masked regression, as numbers."""

from .atoms import Atom
from .bayes_limit import BayesSpike, bayes_limit, bayes_spike, bayes_spikes, state_evolution
from .best import (
    OptimalMasking,
    OptimalRidge,
    optimal_mask_rate,
    optimal_masked_ridge,
    optimal_masking,
    optimal_ridge,
)
from .best_few_masks import optimal_few_masks
from .coefficients import CoefficientSpectrum
from .diagonal_replacement import DiagonalReplacement, diagonal_replacement_bound
from .elliptical import EllipticalRisk, elliptical_risk
from .errors import SSRTheory, bayes_error_by_coordinate
from .few_masks import FewMasksSolution, solve_two_scalars
from .few_masks_errors import FewMasksErrors, solve_few_masks
from .finite_size import finite_size_train_error
from .kappa import KappaSolution, solve_kappa
from .masked import (
    MaskedErrors,
    equivalent_ridge,
    mask_penalty,
    masked_bayes_error_by_coordinate,
    solve_masked,
)
from .outliers import Outlier, Spike
from .pca import PCASpike, PCATheory
from .spectrum import Spectrum
from .spikes import SpikedEquivalent, split_spikes
from .threshold import critical_strength
from .weighted import WeightedEquivalent
from .weighted_pca import (
    WeightedPCASpike,
    WeightedPCATheory,
    optimal_readout,
    optimal_weights,
)

__all__ = [
    "Atom",
    "BayesSpike",
    "CoefficientSpectrum",
    "DiagonalReplacement",
    "EllipticalRisk",
    "FewMasksErrors",
    "FewMasksSolution",
    "KappaSolution",
    "MaskedErrors",
    "OptimalMasking",
    "OptimalRidge",
    "Outlier",
    "PCASpike",
    "PCATheory",
    "SSRTheory",
    "Spectrum",
    "Spike",
    "SpikedEquivalent",
    "WeightedEquivalent",
    "WeightedPCASpike",
    "WeightedPCATheory",
    "bayes_error_by_coordinate",
    "bayes_limit",
    "bayes_spike",
    "bayes_spikes",
    "critical_strength",
    "diagonal_replacement_bound",
    "elliptical_risk",
    "equivalent_ridge",
    "finite_size_train_error",
    "mask_penalty",
    "masked_bayes_error_by_coordinate",
    "optimal_few_masks",
    "optimal_mask_rate",
    "optimal_masked_ridge",
    "optimal_masking",
    "optimal_readout",
    "optimal_ridge",
    "optimal_weights",
    "solve_few_masks",
    "solve_kappa",
    "solve_masked",
    "solve_two_scalars",
    "split_spikes",
    "state_evolution",
]
