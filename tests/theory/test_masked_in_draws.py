"""Theory at a mask rate against training on masks that are really drawn, d = 600 and n = 900.

Each draw has 64 masks a sample. A finite number M of masks adds a multiple of 1/M to each error;
the two halves and the whole of the masks give it at 32 and at 64, and the error for all masks by
extrapolation, 2 E(64) - E(32).
"""

import numpy as np
import pytest

from mssl.covariance import AR1, Diagonal
from mssl.simulation import explicit_mask_moments, masked_risk_of, run_trials
from mssl.theory import SSRTheory

D, N, HALF, TRIALS = 600, 900, 32, 3
RATES, RIDGES = (0.15, 0.5, 0.75), (0.01, 0.1, 1.0)
KINDS = ("test_error", "full_view_error", "rescaled_error")
MODELS = {
    "AR(1)": lambda reference: AR1(D, 0.6),
    "scaled AR(1), one spike": lambda reference: reference,
    "two levels": lambda reference: Diagonal(np.tile([0.3, 3.0], D // 2)),
}


def explicit_errors(model, rate, trials=TRIALS, half=HALF, n=N, rng=21):
    """Errors of shape (trials, ridges, kinds): extrapolated, and as they are at 2 * half masks."""

    def errors(moments):
        fits = [masked_risk_of(moments.solve(ridge), model, rate) for ridge in RIDGES]
        return np.array([[np.mean(fit[kind]) for kind in KINDS] for fit in fits])

    def trial(generator):
        X = model.sample(n, generator)
        parts = [explicit_mask_moments(X, rate, half, generator) for _ in range(2)]
        whole = errors(parts[0] + parts[1])
        return 2.0 * whole - 0.5 * (errors(parts[0]) + errors(parts[1])), whole

    return [np.array(v) for v in zip(*run_trials(trial, trials, rng, n_jobs=1), strict=True)]


def predicted_errors(model, rate, n=N):
    theories = [SSRTheory(model, n, ridge, rate) for ridge in RIDGES]
    return np.array([[getattr(theory, kind) for kind in KINDS] for theory in theories])


@pytest.mark.long
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", MODELS)
def test_theory_is_within_one_per_cent_of_explicit_masks(name, rate, reference_model):
    model = MODELS[name](reference_model)
    theory = predicted_errors(model, rate)
    measured = explicit_errors(model, rate)[0].mean(axis=0)
    np.testing.assert_allclose(measured, theory, rtol=0.01)
