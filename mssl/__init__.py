"""The theory of masked self-supervised learning, as formulas, numbers and measurements."""

from importlib import import_module
from typing import TYPE_CHECKING

# For editors and type checkers only; at run time __getattr__ fetches the same names.
if TYPE_CHECKING:
    from . import baselines as baselines
    from . import chapters as chapters
    from . import covariance as covariance
    from . import data as data
    from . import estimation as estimation
    from . import exceptions as exceptions
    from . import figures as figures
    from . import imputation as imputation
    from . import masks as masks
    from . import regression as regression
    from . import results as results
    from . import rows as rows
    from . import simulation as simulation
    from . import symbolic as symbolic
    from . import theory as theory
    from . import validation as validation
    from . import vit as vit
    from . import weighted_pca as weighted_pca
    from .estimation import estimate_best_ridge, estimate_risk, estimate_spikes
    from .exceptions import AccuracyWarning, ConvergenceError
    from .imputation import MaskedImputer
    from .regression import MaskedRegression, MaskedRegressionCV, masked_regression
    from .results import MaskedRisk, Risk
    from .simulation import simulate_risk, simulate_spectrum
    from .theory import (
        PCATheory,
        SSRTheory,
        elliptical_risk,
        optimal_masked_ridge,
        optimal_masking,
        optimal_ridge,
        solve_kappa,
    )
    from .weighted_pca import WeightedPCA

__all__ = [
    "AccuracyWarning",
    "ConvergenceError",
    "MaskedImputer",
    "MaskedRegression",
    "MaskedRegressionCV",
    "MaskedRisk",
    "PCATheory",
    "Risk",
    "SSRTheory",
    "WeightedPCA",
    "__version__",
    "elliptical_risk",
    "estimate_best_ridge",
    "estimate_risk",
    "estimate_spikes",
    "masked_regression",
    "optimal_masked_ridge",
    "optimal_masking",
    "optimal_ridge",
    "simulate_risk",
    "simulate_spectrum",
    "solve_kappa",
]

__version__ = "0.1.0"

_HOMES = {
    "AccuracyWarning": "exceptions",
    "ConvergenceError": "exceptions",
    "MaskedImputer": "imputation",
    "MaskedRegression": "regression",
    "MaskedRegressionCV": "regression",
    "MaskedRisk": "results",
    "PCATheory": "theory",
    "Risk": "results",
    "SSRTheory": "theory",
    "WeightedPCA": "weighted_pca",
    "elliptical_risk": "theory",
    "estimate_best_ridge": "estimation",
    "estimate_risk": "estimation",
    "estimate_spikes": "estimation",
    "masked_regression": "regression",
    "optimal_masked_ridge": "theory",
    "optimal_masking": "theory",
    "optimal_ridge": "theory",
    "simulate_risk": "simulation",
    "simulate_spectrum": "simulation",
    "solve_kappa": "theory",
}


def __getattr__(name: str) -> object:
    """Import on first use: one part of the package need not wait for what another one needs."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if not name.startswith("_"):
        try:
            return import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what a reader may use: the face, every part, and what each module has."""
    from pkgutil import iter_modules

    parts = (part.name for part in iter_modules(__path__))
    own = (name for name in globals() if name.startswith("__") and name.endswith("__"))
    return sorted({*__all__, *own, *(part for part in parts if not part.startswith("_"))})
