"""PCA with any weights: against the other theories, draws, and the Bayes limit as its best."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar

from mssl.covariance import AR1, Blocks, Diagonal, Isotropic, Scaled, Spiked
from mssl.theory import (
    PCATheory,
    SSRTheory,
    WeightedPCATheory,
    bayes_limit,
    optimal_readout,
    optimal_weights,
)
from mssl.theory.noise_curves import Noise, threshold

D, SMALL = 100, 40
NOISE = np.tile([0.5, 4.0], D // 2)
FLAT = np.full((D, 1), D**-0.5)


def world(strength):
    return Spiked(Diagonal(NOISE), strength, FLAT)


@pytest.mark.parametrize("n", [60, 150])
@pytest.mark.parametrize("base", [Diagonal(NOISE), AR1(D, 0.5)])
def test_equal_weights_are_pca(base, n):
    model = Spiked(base, 9.0, FLAT)
    ours, pca = WeightedPCATheory(model, n, np.full(D, 2.0)), PCATheory(model, n)
    assert_allclose(ours.edges, 2.0 * pca.edges, rtol=1e-8)
    (a,), (b,) = ours.spikes, pca.spikes
    assert b.detected
    assert_allclose([a.strength, a.threshold], [b.strength, b.threshold], rtol=1e-8)
    assert_allclose(a.eigenvalue, 2.0 * b.eigenvalue, rtol=1e-8)
    for name in ("overlap", "right_overlap", "symmetric_overlap", "left_overlap"):
        assert_allclose(getattr(a, name), b.overlap, rtol=1e-7)
    assert_allclose(ours.density(a.eigenvalue / 2), pca.density(a.eigenvalue / 4) / 2, rtol=1e-6)


@pytest.mark.parametrize("n", [60, 150])
def test_inverse_variances_are_correlation_pca(n):
    model = world(4.0)
    ours = WeightedPCATheory(model, n, 1.0 / model.diagonal(), model.diagonal() ** -0.5)
    correlation = PCATheory(model, n, standardize=True).spikes[0]
    spike = ours.spikes[0]
    assert_allclose(spike.overlap, correlation.overlap, rtol=1e-9)
    assert_allclose(spike.right_overlap, correlation.overlap, rtol=1e-9)
    assert_allclose(spike.threshold, correlation.threshold, rtol=1e-9)
    assert_allclose(spike.eigenvalue, correlation.eigenvalue, rtol=1e-9)


def test_the_weights_of_masked_regression_give_its_overlaps():
    masked = SSRTheory(world(2.0), 150, 1e-7).spikes[0]
    D_ = SSRTheory(world(2.0), 150, 1e-7).spiked_equivalent.weights
    ours = WeightedPCATheory(world(2.0), 150, D_).spikes[0]
    assert masked.detected
    for name in ("right_overlap", "symmetric_overlap", "left_overlap", "threshold"):
        assert_allclose(getattr(ours, name), getattr(masked, name), rtol=1e-6)


def test_a_readout_of_a_power_of_the_weights_is_that_overlap():
    w, flat = np.linspace(0.5, 2.0, SMALL), np.full(SMALL, SMALL**-0.5)
    for base in (Diagonal(NOISE[:SMALL]), AR1(SMALL, 0.4), Blocks([8] * 5, 0.3, 2.0)):
        directions = np.linalg.qr(np.c_[flat, np.arange(SMALL) - 15.0])[0]
        model = Spiked(base, [60.0, 25.0], directions)
        for power, name in ((0.5, "right"), (0.0, "symmetric"), (-0.5, "left")):
            for spike in WeightedPCATheory(model, 50, w, w**power).spikes:
                assert spike.detected
                assert_allclose(spike.overlap, getattr(spike, f"{name}_overlap"), rtol=1e-8)


def test_scaled_rows_are_weighted_rows():
    w = np.linspace(0.5, 2.0, SMALL)
    model = Spiked(AR1(SMALL, 0.4), 30.0, np.full((SMALL, 1), SMALL**-0.5))
    ours = WeightedPCATheory(model, 50, w).spikes[0]
    scaled = PCATheory(Scaled(model, np.sqrt(w)), 50).spikes[0]
    assert_allclose(ours.eigenvalue, scaled.eigenvalue, rtol=1e-7)
    assert_allclose(ours.strength / ours.threshold, scaled.strength / scaled.threshold, rtol=1e-7)


@pytest.mark.parametrize(("n", "strength"), [(36, 12.0), (90, 5.0)])
def test_draws_have_these_eigenvalues_and_overlaps(n, strength):
    """Both sides of n = d, a correlated base, weights and readout that are none of the others'."""
    rng, d, draws = np.random.default_rng(n), 60, 100
    w, t = rng.uniform(0.5, 2.0, d), rng.uniform(0.5, 2.0, d)
    u = rng.standard_normal((d, 1))
    base = Scaled(AR1(d, 0.3), np.sqrt(NOISE[:d] / 2))
    model = Spiked(base, strength, u / np.linalg.norm(u))
    spike, seen = WeightedPCATheory(model, n, w, t).spikes[0], []
    for _ in range(draws):
        rows = model.sample(n, rng) * np.sqrt(w / n)
        value, vector = eigh(rows.T @ rows, subset_by_index=(d - 1, d - 1))
        read = [vector[:, 0] * x for x in (t, w**0.5, np.ones(d), w**-0.5)]
        cosines = [(x @ model.directions[:, 0]) ** 2 / (x @ x) for x in read]
        seen.append([value[0], *cosines])
    expected = np.array(
        [
            spike.eigenvalue,
            spike.overlap,
            spike.right_overlap,
            spike.symmetric_overlap,
            spike.left_overlap,
        ]
    )
    assert spike.detected
    error = np.std(seen, axis=0, ddof=1) / draws**0.5
    # The limit itself is off by about 1/d.
    assert np.all(np.abs(np.mean(seen, axis=0) - expected) < 3 * error + expected / d)


# The best weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.4, 2.5])
def test_the_best_weights_reach_the_bayes_limit_at_every_strength(gamma):
    n = round(D / gamma)
    least = bayes_limit(NOISE, D / n, 1.0).threshold
    for factor in (1.02, 1.5, 10.0):
        limit = bayes_limit(NOISE, D / n, factor * least)
        w = optimal_weights(NOISE, n, factor * least)
        spike = WeightedPCATheory(
            world(factor * least), n, w, optimal_readout(NOISE, n, factor * least)
        ).spikes[0]
        assert_allclose(spike.overlap, limit.overlap, rtol=1e-9)
        assert spike.left_overlap < spike.overlap  # not shrunk
    at = WeightedPCATheory(world(least), n, optimal_weights(NOISE, n, least)).spikes[0]
    assert_allclose(at.threshold, least, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.4, 2.5])
def test_no_weights_have_a_lower_threshold(gamma):
    """Minimised over the ratio of the weights of the two levels."""
    n, model = round(D / gamma), world(1.0)
    least = bayes_limit(NOISE, D / n, 1.0).threshold

    def height(logarithm):
        w = np.exp(np.tile([0.0, logarithm], D // 2))
        return np.log(WeightedPCATheory(model, n, w).spikes[0].threshold)

    found = minimize_scalar(height, bracket=(-4.0, 0.0), tol=1e-4)
    assert_allclose(np.exp(found.fun), least, rtol=1e-6)
    best = optimal_weights(NOISE, n, least)
    assert_allclose(np.exp(found.x), best[1] / best[0], rtol=1e-2)
    for method in ("pca", "correlation_pca"):
        assert threshold(method, Noise([0.5, 4.0], [0.5, 0.5]), gamma) > 1.001 * least


def test_no_weights_and_no_readout_have_a_larger_overlap():
    rng, n, theta = np.random.default_rng(3), 75, 4.0
    limit = bayes_limit(NOISE, D / n, theta)
    for _ in range(8):
        a, b = np.exp(0.3 * np.tile(rng.standard_normal((2, 2)), D // 2))
        w, t = a * optimal_weights(NOISE, n, theta), b * optimal_readout(NOISE, n, theta)
        assert WeightedPCATheory(world(theta), n, w, t).spikes[0].overlap < limit.overlap


def test_a_weak_direction_is_not_detected():
    spike = WeightedPCATheory(world(0.1), 100, np.ones(D), np.ones(D)).spikes[0]
    assert not spike.detected
    assert spike.overlap == spike.left_overlap == 0.0
    assert spike.threshold > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WeightedPCATheory(world(1.0), 100, np.zeros(D)), "weights must be positive"),
        (lambda: WeightedPCATheory(world(1.0), 100, np.ones(3)), "weights must hold one number"),
        (lambda: WeightedPCATheory(world(1.0), 100, FLAT), "weights must be a non-empty vector"),
        (
            lambda: WeightedPCATheory(world(1.0), 100, np.ones(D), -np.ones(D)),
            "readout must be positive",
        ),
        (lambda: WeightedPCATheory(world(1.0), 0, np.ones(D)), "n_samples must be an integer"),
        (lambda: WeightedPCATheory(3, 10, np.ones(D)), "covariance must be a model"),
        (lambda: WeightedPCATheory(Diagonal(np.zeros(4)), 10, np.ones(4)), "must not be zero"),
        (lambda: optimal_weights([1.0, -1.0], 3, 1.0), "noise_variances must be positive"),
        (lambda: optimal_readout([1.0, 1.0], 3, -1.0), "strength must be finite and not negative"),
        (lambda: WeightedPCATheory(Isotropic(4), 10, "a"), "weights must be real numbers"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
