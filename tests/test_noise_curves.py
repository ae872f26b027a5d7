"""Explicit curves in independent noise against the package's general theory."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mssl.covariance import Diagonal, Spiked
from mssl.figures.noise_curves import METHODS, Noise, noise_curve, threshold
from mssl.theory import PCATheory, SSRTheory

D, RIDGE = 800, 0.1


def _outlier(method, model, n):
    theory = (
        SSRTheory(model, n, RIDGE)
        if method == "masked_regression"
        else PCATheory(model, n, standardize=method == "correlation_pca")
    )
    above = [o for o in theory.outliers if o.side == "above"]
    return above[0] if above else None


def _curve(method, gamma):
    ridge = RIDGE if method == "masked_regression" else None
    return noise_curve(method, Noise.two_levels(10.0), gamma, ridge)


@pytest.mark.parametrize("gamma", [2 / 3, 2.0])
@pytest.mark.parametrize("method", METHODS)
def test_overlaps_of_a_spread_signal_are_those_of_the_theory(method, gamma):
    u = np.full(D, D**-0.5)
    strengths, overlaps = _curve(method, gamma).spread_signal()
    for factor in (1.3, 4.0):
        strength = factor * strengths[0]
        model = Spiked(Diagonal(np.tile([1.0, 10.0], D // 2)), strength, u[:, None])
        outlier = _outlier(method, model, round(D / gamma))
        assert outlier is not None
        for which, values in overlaps.items():
            found = np.interp(strength, strengths, values)
            assert abs(found - outlier.overlap(u, which)) < 0.01


@pytest.mark.parametrize("gamma", [2 / 3, 2.0])
@pytest.mark.parametrize("method", METHODS)
def test_overlaps_of_a_local_signal_are_those_of_the_theory(method, gamma):
    u = np.zeros(D)
    u[:12:2] = 6**-0.5
    for strength in (3.0, 9.0, 40.0):
        position, overlaps = _curve(method, gamma).local_signal([strength], 6)
        model = Spiked(Diagonal(np.tile([1.0, 10.0], D // 2)), strength, u[:, None])
        outlier = _outlier(method, model, round(D / gamma))
        if outlier is None or outlier.overlap(u, "symmetric") == 0:
            assert not np.isfinite(position[0])
        else:
            assert_allclose(position[0], outlier.position, rtol=5e-3)
            for which, values in overlaps.items():
                assert abs(values[0] - outlier.overlap(u, which)) < 0.01


def test_thresholds_are_those_of_the_reference_table():
    expected = {2: (1.089, 1.549), 4: (1.308, 3.235), 10: (1.488, 8.308), 30: (1.585, 25.21)}
    for ratio, (own, pca) in expected.items():
        noise = Noise.two_levels(ratio)
        assert threshold("masked_regression", noise, 2 / 3, 1e-3) == pytest.approx(own, abs=6e-4)
        assert threshold("pca", noise, 2 / 3) == pytest.approx(pca, abs=6e-3)


def test_bad_input_is_answered_with_a_sentence():
    with pytest.raises(ValueError, match="method must be one of"):
        noise_curve("ica", Noise.two_levels(2.0), 1.0)
    with pytest.raises(ValueError, match="ridge must be given"):
        noise_curve("masked_regression", Noise.two_levels(2.0), 1.0)
    with pytest.raises(ValueError, match="ridge must be given"):
        noise_curve("pca", Noise.two_levels(2.0), 1.0, 0.1)
