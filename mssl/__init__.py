"""The theory of masked self-supervised learning, as formulas, numbers and measurements."""

from .regression import MaskedRegression, MaskedRegressionCV
from .theory import PCATheory, SSRTheory

__all__ = ["MaskedRegression", "MaskedRegressionCV", "PCATheory", "SSRTheory", "__version__"]

__version__ = "0.1.0"
