"""Simulation: the quantities of the theory, measured over seeded trials."""

from .diagonal import MeasuredReplacement, measure_diagonal_replacement
from .errors import masked_risk_of, simulate_risk
from .explicit_masks import MaskedMoments, explicit_mask_moments, explicit_mask_regression
from .spectra import Eigenpairs, simulate_eigenpairs, simulate_spectrum
from .trials import average_over_trials, run_trials

__all__ = [
    "Eigenpairs",
    "MaskedMoments",
    "MeasuredReplacement",
    "average_over_trials",
    "explicit_mask_moments",
    "explicit_mask_regression",
    "masked_risk_of",
    "measure_diagonal_replacement",
    "run_trials",
    "simulate_eigenpairs",
    "simulate_risk",
    "simulate_spectrum",
]
