"""Baselines: precision matrices, predictors made from them, and leading directions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mssl import MaskedRegression
from mssl.baselines import (
    METHODS,
    factor_precision,
    hidden_error,
    leading_directions,
    masked_predictor,
    pca_precision,
)
from mssl.covariance import AR1, Diagonal, Spiked
from mssl.exceptions import ConvergenceError
from mssl.theory import SSRTheory, bayes_error_by_coordinate

RNG = np.random.default_rng(7)
X = AR1(12, 0.7).sample(40, RNG) * np.linspace(0.5, 2.0, 12)


def _sample_covariance(x):
    return x.T @ x / len(x)


def test_the_predictor_of_the_sample_resolvent_is_masked_regression():
    q = np.linalg.inv(_sample_covariance(X) + 0.3 * np.eye(12))
    assert_allclose(masked_predictor(q), MaskedRegression(ridge=0.3).fit(X).coef_, atol=1e-12)


def test_the_error_is_that_of_the_predictor_and_no_precision_beats_the_true_one():
    world = AR1(12, 0.7)
    bayes = hidden_error(np.linalg.inv(world.dense()), world)
    assert_allclose(bayes, bayes_error_by_coordinate(world), rtol=1e-10)
    for q in (pca_precision(X, 3), pca_precision(X, 3, standardize=True), factor_precision(X, 3)):
        residual = np.eye(12) - masked_predictor(q)
        by_hand = np.diag(residual.T @ world.dense() @ residual)
        assert_allclose(hidden_error(q, world), by_hand, rtol=1e-10)
        assert np.all(hidden_error(q, world) > bayes)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_precision_is_the_inverse_of_the_model_of_probabilistic_pca(standardize):
    scales = np.sqrt(np.mean(X**2, axis=0)) if standardize else np.ones(12)
    values, vectors = np.linalg.eigh(_sample_covariance(X / scales))
    kept = np.where(np.arange(12) >= 9, values, values[:9].mean())
    model = scales[:, None] * (vectors * kept) @ vectors.T * scales
    q = pca_precision(X, 3, standardize=standardize)
    assert_allclose(q @ model, np.eye(12), atol=1e-11)


@pytest.mark.parametrize("standardize", [False, True])
def test_without_noise_a_hidden_coordinate_is_filled_in_by_least_squares(standardize):
    predictor = masked_predictor(pca_precision(X, 3, standardize=standardize, noise=False))
    scales = np.sqrt(np.mean(X**2, axis=0)) if standardize else np.ones(12)
    basis = np.linalg.eigh(_sample_covariance(X / scales))[1][:, 9:]
    x = RNG.normal(size=12)
    for k in (0, 5, 11):
        seen = np.arange(12) != k
        score = np.linalg.lstsq(basis[seen], (x / scales)[seen], rcond=None)[0]
        assert_allclose(x @ predictor[:, k], scales[k] * basis[k] @ score, rtol=1e-9)


def test_a_factor_analysis_of_much_data_finds_the_true_precision():
    world = Spiked(Diagonal([0.5, 1.0, 2.0, 1.0, 0.7, 1.3]), 4.0, np.full((6, 1), 6**-0.5))
    q = factor_precision(world.sample(40_000, np.random.default_rng(1)), 1)
    assert_allclose(q, np.linalg.inv(world.dense()), atol=0.05)


def test_directions_are_the_eigenvectors_of_the_matrices():
    fitted = MaskedRegression(ridge=0.3).fit(X)
    first, second = leading_directions(X, "regression", ridge=0.3, count=2)
    values = []
    for direction in (first, second):
        image = fitted.coef_ @ direction.filter
        values.append(image @ direction.filter / (direction.filter @ direction.filter))
        assert_allclose(image, values[-1] * direction.filter, atol=1e-10)
        assert_allclose(
            fitted.coef_.T @ direction.pattern, values[-1] * direction.pattern, atol=1e-10
        )
    assert values[0] > values[1]
    pca = leading_directions(X, "pca")[0]
    assert_allclose(pca.filter, pca.pattern)
    correlation = leading_directions(X, "correlation")[0]
    scales = np.sqrt(np.mean(X**2, axis=0))
    assert_allclose(correlation.filter * scales, correlation.pattern / scales, rtol=1e-10)


def test_every_method_finds_a_strong_direction():
    world = Spiked(Diagonal(np.tile([0.3, 3.0], 20)), 60.0, np.full((40, 1), 40**-0.5))
    data = world.sample(400, np.random.default_rng(2))
    u = world.directions[:, 0]
    for method in METHODS:
        ridge = 0.1 if method == "regression" else None
        overlaps = leading_directions(data, method, ridge=ridge)[0].overlaps(u)
        assert overlaps.max() > 0.97
        assert np.all((overlaps >= 0) & (overlaps <= 1 + 1e-12))


def test_the_measured_overlap_is_that_of_the_theory():
    world = Spiked(Diagonal(np.tile([0.3, 3.0], 150)), 3.0, np.full((300, 1), 300**-0.5))
    rng, u = np.random.default_rng(3), np.full(300, 300**-0.5)
    seen = np.array(
        [
            leading_directions(world.sample(450, rng), "regression", ridge=0.05)[0].overlaps(u)
            for _ in range(12)
        ]
    )
    spike = SSRTheory(world, 450, 0.05).spikes[0]
    expected = [spike.right_overlap, spike.symmetric_overlap, spike.left_overlap]
    assert np.all(np.abs(seen.mean(0) - expected) < 3 * seen.std(0, ddof=1) / 12**0.5 + 0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pca_precision(X, 12), "rank must be an integer from 0 to 11"),
        (lambda: pca_precision(X, "a"), "rank must be an integer from 0 to 11"),
        (lambda: pca_precision("a", 1), "X must be real numbers"),
        (lambda: pca_precision(X, 1, standardize="no"), "standardize must be True or False"),
        (lambda: factor_precision(X, 1, max_iter="a"), "max_iter must be an integer"),
        (lambda: leading_directions(X, "pca", count="a"), "count must be an integer"),
        (lambda: masked_predictor("a"), "precision must be real numbers"),
        (
            lambda: pca_precision(np.hstack([X, np.zeros((40, 7))]), 1, standardize=True),
            r"columns \[12, 13, 14, 15, 16\] and 2 more are zero",
        ),
        (lambda: factor_precision(X, 0), "rank must be an integer from 1 to 11"),
        (lambda: pca_precision(X[:, 0], 1), "at least two rows and two columns"),
        (lambda: pca_precision(np.where(X > 3, np.nan, X), 1), "NaN or infinite"),
        (
            lambda: pca_precision(np.hstack([X, np.zeros((40, 1))]), 1, standardize=True),
            r"columns \[12\] are zero",
        ),
        (lambda: masked_predictor(np.zeros((3, 3))), "positive diagonal"),
        (lambda: hidden_error(np.eye(3), AR1(4, 0.5)), "covariance has d = 4"),
        (lambda: leading_directions(X, "ica"), "method must be one of"),
        (lambda: leading_directions(X, "regression"), "ridge must be given"),
        (lambda: leading_directions(X, "pca", ridge=1.0), "ridge has no meaning"),
        (lambda: leading_directions(X, "pca", count=13), "count must lie between 1 and 12"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_factor_analysis_that_does_not_converge_says_so():
    with pytest.raises(ConvergenceError, match="did not converge in 1 iterations"):
        factor_precision(X, 3, max_iter=1)
