"""Explicit curves in independent noise against the package's general theory."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from mssl.covariance import Diagonal, Spiked
from mssl.theory import PCATheory, SSRTheory
from mssl.theory.masked_noise import local_threshold, masked_noise_curve, spread_threshold
from mssl.theory.noise_curves import METHODS, Noise, noise_curve, threshold

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
    with pytest.raises(ValueError, match="shares must be one for each of the 2 variances"):
        Noise([1.0, 2.0], [0.5, 0.6])
    with pytest.raises(ValueError, match="variances must be positive"):
        Noise([1.0, 0.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="gamma must be positive"):
        noise_curve("pca", Noise.two_levels(2.0), -1.0)


# At a mask rate ----------------------------------------------------------------------------------


MANY = 8000  # the curve is the limit; positions differ from it by order 1/d


def spread_model(strength):
    u = np.full((MANY, 1), MANY**-0.5)
    return Spiked(Diagonal(np.tile([1.0, 10.0], MANY // 2)), strength, u)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.8])
@pytest.mark.parametrize("gamma", [2 / 3, 2.0])
def test_masked_threshold_and_overlaps_are_those_of_the_theory(gamma, rate):
    noise, n = Noise.two_levels(10.0), round(MANY / gamma)
    critical = spread_threshold(noise, gamma, RIDGE, rate)
    below = SSRTheory(spread_model(0.97 * critical), n, RIDGE, rate or None)
    above = SSRTheory(spread_model(1.03 * critical), n, RIDGE, rate or None)
    assert not below.spikes[0].detected
    assert above.spikes[0].detected
    curve = masked_noise_curve(noise, gamma, RIDGE, rate)
    strengths, overlaps = curve.spread_signal()
    assert strengths[0] == pytest.approx(critical, rel=1e-9)
    for factor in (1.3, 4.0):
        model = spread_model(factor * critical)
        outliers = SSRTheory(model, n, RIDGE, rate or None).outliers
        outlier = max(outliers, key=lambda found: found.position)
        position = np.interp(factor * critical, strengths, curve.position)
        assert position == pytest.approx(outlier.position, rel=1e-3)
        for which, values in overlaps.items():
            found = np.interp(factor * critical, strengths, values)
            assert abs(found - outlier.overlap(model.directions[:, 0], which)) < 1e-3


def test_without_masks_the_threshold_is_the_other_curve_s():
    noise = Noise(np.array([0.5, 1.0, 7.0]), np.array([0.2, 0.5, 0.3]))
    on = (0.0, 0.3, 0.7)
    found = spread_threshold(noise, 1.5, RIDGE, 0.0, on)
    assert found == pytest.approx(threshold("masked_regression", noise, 1.5, RIDGE, on), rel=1e-9)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_a_local_signal_leaves_the_bulk_at_its_threshold(rate):
    d, size = 1200, 4
    u = np.zeros((d, 1))
    u[:size] = size**-0.5
    critical = local_threshold(size, 2 / 3, rate)
    for factor, seen in ((0.93, False), (1.07, True)):
        model = Spiked(Diagonal(np.ones(d)), factor * critical, u)
        assert SSRTheory(model, 3 * d // 2, 1e-6, rate).spikes[0].detected == seen
    assert local_threshold(2, 3.0, rate) == np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: local_threshold(1, 0.5, 0.2), "size must be an integer of at least 2"),
        (lambda: local_threshold(4, 2.0, 0.0), "gamma = 2 is not below 1"),
        (
            lambda: spread_threshold(Noise.two_levels(2.0), 2.0, 0.0, 0.0),
            "needs one of ridge and rate",
        ),
        (lambda: spread_threshold(Noise.two_levels(2.0), 2.0, 0.1, 1.0), "rate must lie in"),
        (lambda: masked_noise_curve(Noise.two_levels(2.0), 2.0, 0.0, 0.5), "ridge must be pos"),
    ],
)
def test_bad_numbers_at_a_mask_rate(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("variances", "shares", "gamma", "ridge", "rate"),
    [
        ([1.563, 0.6372, 29.67], [0.4647, 0.5303, 0.005], 3.35, 58.4, 0.95),
        ([0.0017, 0.008], [0.996, 0.004], 0.44, 0.36, 0.3),
        ([1.0, 9.0], [0.7, 0.3], 0.5, 0.1, 0.5),
    ],
)
def test_few_loud_coordinates_leave_the_edge_on_the_branch_where_all_terms_are_positive(
    variances, shares, gamma, ridge, rate
):
    v, share, keep = np.array(variances), np.array(shares), 1.0 - rate
    penalty = rate / keep * v + ridge / keep**2
    t = brentq(
        lambda x: x - 1.0 + gamma * share @ (x * v / (x * v + penalty)), 0.0, 1.0, xtol=1e-15
    )
    top = (1.0 + rate / keep / t) * t * keep**2 / ridge
    # 1 + bv > 0 for all v; every place from there to the top is looked at.
    b = np.geomspace(1e-9, top + 1.0 / v.max(), 200_001) - 1.0 / v.max()
    terms = v / (1.0 + b[:, None] * v)
    amplitude = 1.0 / np.sqrt(gamma * (terms**2 @ share))
    excess = b - top + amplitude * (1.0 - t / (1.0 + gamma * amplitude * (terms @ share)))
    (place,) = np.flatnonzero(np.diff(np.sign(excess)))
    expected = 1.0 / (amplitude[place] * (terms[place] / v @ share))
    found = spread_threshold(Noise(v, share), gamma, ridge, rate)
    assert found == pytest.approx(expected, rel=1e-3)
