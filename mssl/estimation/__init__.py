r"""What one data matrix says about the theory, without the population covariance.

The theory needs :math:`\Sigma` through a few numbers. Each has an estimator that is a function of
the data alone: the test error (leave-one-out), the ridge that the population feels (two ways, of
which one survives rows of unequal scale), the best ridge, and the number of directions that stand
out of what rows without any correlation would show. Each comes with an error bar or an error rate.
The error of a fit on fewer rows is foretold from the fit on all.
"""

from .estimates import (
    BestRidge,
    EffectiveRidge,
    RiskEstimate,
    estimate_best_ridge,
    estimate_effective_ridge,
    estimate_risk,
)
from .learning_curve import LearningCurve, learning_curve
from .spikes import SpikeEstimate, estimate_spikes

__all__ = [
    "BestRidge",
    "EffectiveRidge",
    "LearningCurve",
    "RiskEstimate",
    "SpikeEstimate",
    "estimate_best_ridge",
    "estimate_effective_ridge",
    "estimate_risk",
    "estimate_spikes",
    "learning_curve",
]
