r"""Symbolic forms: SymPy derivations of the theory of masked regression.

Each function here carries one derivation out with symbols and returns a small frozen object. Its
fields are the expressions that a chapter prints; its ``claims`` are the statements that were
derived, each with both sides kept apart, so that a reader can have the machine subtract them:

>>> result = isotropic_kappa()
>>> result.kappa
gamma*s/2 + lambda/2 - s/2 + sqrt(4*lambda*s + (gamma*s + lambda - s)**2)/2
>>> [claim.name for claim in result.claims if not claim.holds()]
[]

One of them is picked by its name:

>>> result.claim("the roots have opposite signs").right
-lambda*s

Two kinds of claim exist: :class:`Identity` (two expressions are equal) and :class:`Positivity`
(an expression is positive wherever its symbols are). Both are decided exactly, without numbers.

Deterministic equivalents are limits; what is proved here is the algebra that leads from
:math:`(S + \lambda I)^{-1} \sim (\kappa/\lambda)\,(\Sigma + \kappa I)^{-1}` to errors, norms and
limits, not that equivalence itself. The symbols are those of the text: ``lam`` is the ridge of
:math:`\frac1n\|X - XA\|_F^2 + \lambda\|A\|_F^2`, ``gamma`` is :math:`d/n`.
"""

from .autoregression import AR1Equivalent, ar1
from .derivation import Derivation, Identity, Positivity
from .effective_ridge import KappaNewton, RidgeDerivative, kappa_newton, ridge_derivative
from .errors import RiskEquivalents, risk_equivalents
from .estimator import ClosedForm, closed_form
from .isotropic import IsotropicKappa, IsotropicRisk, isotropic_kappa, isotropic_risk
from .left_out import LeaveOneOut, leave_one_out
from .optimal_ridge_alike import AlikeOptimalRidge, optimal_ridge_alike
from .optimal_ridge_atoms import TwoAtomOptimalRidge, optimal_ridge_two_atoms
from .optimal_ridge_series import AR1OptimalRidge, ar1_optimal_ridge
from .optimal_ridge_strong import FactorOptimalRidge, optimal_ridge_factors
from .optimal_ridge_uncorrelated import DiagonalOptimalRidge, optimal_ridge_diagonal
from .populations import SymbolicPopulation, atoms, correlated_pair
from .registry import derivations
from .ridgeless import (
    RidgelessFewSamples,
    RidgelessManySamples,
    ridgeless_few_samples,
    ridgeless_many_samples,
)
from .symbols import gamma as gamma  # importable, but not in a star import
from .symbols import kappa as kappa
from .symbols import lam as lam
from .symbols import n as n
from .symbols import s as s
from .transition import IsotropicSpike, TwoLevelThreshold, isotropic_spike, two_level_threshold

__all__ = [
    "AR1Equivalent",
    "AR1OptimalRidge",
    "AlikeOptimalRidge",
    "ClosedForm",
    "Derivation",
    "DiagonalOptimalRidge",
    "FactorOptimalRidge",
    "Identity",
    "IsotropicKappa",
    "IsotropicRisk",
    "IsotropicSpike",
    "KappaNewton",
    "LeaveOneOut",
    "Positivity",
    "RidgeDerivative",
    "RidgelessFewSamples",
    "RidgelessManySamples",
    "RiskEquivalents",
    "SymbolicPopulation",
    "TwoAtomOptimalRidge",
    "TwoLevelThreshold",
    "ar1",
    "ar1_optimal_ridge",
    "atoms",
    "closed_form",
    "correlated_pair",
    "derivations",
    "isotropic_kappa",
    "isotropic_risk",
    "isotropic_spike",
    "kappa_newton",
    "leave_one_out",
    "optimal_ridge_alike",
    "optimal_ridge_diagonal",
    "optimal_ridge_factors",
    "optimal_ridge_two_atoms",
    "ridge_derivative",
    "ridgeless_few_samples",
    "ridgeless_many_samples",
    "risk_equivalents",
    "two_level_threshold",
]
