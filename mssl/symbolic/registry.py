"""Every derivation of the package by name, so that tests and readers can run them all."""

from __future__ import annotations

from collections.abc import Callable

from .autoregression import ar1
from .derivation import Derivation
from .effective_ridge import kappa_newton, ridge_derivative
from .errors import risk_equivalents
from .estimator import closed_form
from .isotropic import isotropic_kappa, isotropic_risk
from .left_out import leave_one_out
from .optimal_ridge_alike import optimal_ridge_alike
from .optimal_ridge_atoms import optimal_ridge_two_atoms
from .optimal_ridge_series import ar1_optimal_ridge
from .optimal_ridge_strong import optimal_ridge_factors
from .optimal_ridge_uncorrelated import optimal_ridge_diagonal
from .populations import correlated_pair
from .ridgeless import ridgeless_few_samples, ridgeless_many_samples
from .transition import isotropic_spike, two_level_threshold


def derivations() -> dict[str, Callable[[], Derivation]]:
    """Every derivation of this package, by name, each callable without arguments.

    Returns
    -------
    dict
        Functions whose result has ``claims``, a tuple of :class:`Identity` and
        :class:`Positivity`. Some appear twice, once for a diagonal and once for a correlated
        population.

    Examples
    --------
    >>> sorted(derivations())[:3]
    ['ar1', 'ar1_optimal_ridge', 'closed_form']
    """
    return {
        "closed_form": closed_form,
        "leave_one_out": leave_one_out,
        "isotropic_kappa": isotropic_kappa,
        "ridge_derivative": ridge_derivative,
        "ridge_derivative_pair": lambda: ridge_derivative(correlated_pair()),
        "risk_equivalents": risk_equivalents,
        "risk_equivalents_pair": lambda: risk_equivalents(correlated_pair()),
        "ridgeless_many_samples": ridgeless_many_samples,
        "ridgeless_many_samples_pair": lambda: ridgeless_many_samples(correlated_pair()),
        "ridgeless_few_samples": ridgeless_few_samples,
        "isotropic_risk": isotropic_risk,
        "optimal_ridge_diagonal": optimal_ridge_diagonal,
        "optimal_ridge_alike": optimal_ridge_alike,
        "optimal_ridge_two_atoms": optimal_ridge_two_atoms,
        "optimal_ridge_factors": optimal_ridge_factors,
        "kappa_newton": kappa_newton,
        "ar1": ar1,
        "ar1_optimal_ridge": ar1_optimal_ridge,
        "isotropic_spike": isotropic_spike,
        "two_level_threshold": two_level_threshold,
    }
