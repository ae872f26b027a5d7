"""Weighted PCA: the noise it measures, its fixed point, and how near it comes to the limit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import beta
from sklearn.utils.estimator_checks import parametrize_with_checks

from mssl import MaskedRegression, WeightedPCA
from mssl.baselines import leading_directions, whitened_pca
from mssl.chapters.how_near_the_limit.limit_worlds import random_world, squared_cosines
from mssl.covariance import Diagonal, Spiked
from mssl.exceptions import ConvergenceError
from mssl.theory import WeightedPCATheory, bayes_limit, optimal_readout, optimal_weights
from mssl.weighted_pca import _LANCZOS, _measured_noise


def published_noise(d):
    return 0.25 + 2.25 * beta(1, 2).ppf((np.arange(d) + 0.5) / d)


def draw(noise, theta, n, seed):
    """Rows with one Gaussian direction in independent noise, and the direction."""
    d = len(noise)
    rng = np.random.default_rng([seed, n, d])
    u, rows = rng.standard_normal(d) / d**0.5, rng.standard_normal((n, d))
    rows *= np.sqrt(noise)
    rows += np.sqrt(theta) * rng.standard_normal((n, 1)) * u
    return rows, u


def cosine(x, u):
    return abs(x @ u) / np.linalg.norm(x) / np.linalg.norm(u)


@parametrize_with_checks([WeightedPCA(), WeightedPCA(n_components=2, ridge=1.0)])
def test_scikit_learn_suite(estimator, check):
    check(estimator)


# The noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.1, 10.0])
@pytest.mark.parametrize("n", [100, 200, 500])
def test_independent_noise_is_measured_on_both_sides_of_n_equals_d(n, ridge):
    noise = np.tile([0.4, 6.0], 100)
    found = [_measured_noise(draw(noise, 0.5, n, seed)[0], ridge)[0] for seed in range(6)]
    ratio = np.mean(found, axis=0) / noise
    for level in (ratio[::2], ratio[1::2]):
        assert abs(level.mean() - 1.0) < 4 * level.std(ddof=1) / 10.0 + 0.01


def test_without_a_ridge_the_noise_is_the_residual_variance_over_its_degrees_of_freedom():
    rows, _ = draw(np.tile([0.4, 6.0], 20), 1.0, 100, 0)
    found, freedom = _measured_noise(rows, 0.0)
    residuals = MaskedRegression(0.0).fit(rows).residual(rows)
    assert_allclose(found, np.sum(residuals**2, axis=0) / (100 - 39), rtol=1e-9)
    assert freedom == pytest.approx(60.0)
    found, freedom = _measured_noise(rows, 1e6)
    assert_allclose(found, np.mean(rows**2, axis=0), rtol=1e-4)
    assert freedom == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(("n", "ridge"), [(100, 0.1), (300, 0.1), (150, 1.0)])
def test_the_scatter_of_the_noise_is_that_of_its_degrees_of_freedom(n, ridge):
    """Logarithms of 160 variances in 6 draws; the scatter of a variance of 960 numbers is 5 %."""
    rng = np.random.default_rng(n)
    found = [_measured_noise(rng.standard_normal((n, 160)), ridge) for _ in range(6)]
    scatter = np.mean([np.var(np.log(v)) for v, _ in found])
    assert scatter == pytest.approx(2.0 / np.mean([f for _, f in found]), rel=0.15)


def test_equal_noise_leaves_nearly_equal_weights():
    rows, _ = draw(np.full(200, 3.0), 1e-12, 150, 9)
    found = WeightedPCA().fit(rows).noise_variance_by_feature_
    assert np.std(np.log(found)) < 0.05
    assert np.std(np.log(np.mean(rows**2, axis=0))) > 0.1


def test_strong_common_factors_are_no_noise():
    rng = np.random.default_rng(1)
    noise = np.tile([0.5, 2.0], 20)
    loadings = 2.0 * rng.standard_normal((3, 40))
    rows = rng.standard_normal((400, 3)) @ loadings + rng.standard_normal((400, 40)) * noise**0.5
    found = WeightedPCA(ridge=1e-3).fit(rows).noise_variance_by_feature_
    assert np.abs(np.log(found / noise)).mean() < 0.2
    assert np.mean(np.mean(rows**2, axis=0) / noise) > 5


# The fixed point -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(300, 100), (80, 120), (500, 420), (410, 500)])
def test_weights_direction_and_strength_belong_together(n, d):
    rows, u = draw(np.tile([0.5, 4.0], d // 2), 6.0, n, 1)
    model = WeightedPCA(tol=1e-10).fit(rows)
    v, theta = model.noise_variance_by_feature_, model.strengths_[0]
    w = 1.0 / (v * (v + n / d * theta))
    assert_allclose(model.weights_[0], w, rtol=1e-8)
    scaled = rows * np.sqrt(w / n)
    value, vector = (x[..., -1] for x in np.linalg.eigh(scaled.T @ scaled))
    estimate = np.sqrt(v / (v + n / d * theta)) * vector
    assert cosine(model.components_[0], estimate) == pytest.approx(1.0, abs=1e-9)
    assert np.linalg.norm(model.components_[0]) == pytest.approx(1.0)
    assert model.components_[0][np.argmax(np.abs(model.components_[0]))] > 0
    # The theory of these weights puts the outlier of that strength there.
    flat = np.full((d, 1), d**-0.5)
    spike = WeightedPCATheory(Spiked(Diagonal(v), theta, flat), n, w, np.sqrt(v / (v * v * w)) * v)
    assert spike.spikes[0].eigenvalue == pytest.approx(value, rel=1e-6)
    assert model.overlaps_[0] == pytest.approx(bayes_limit(v, d / n, theta).overlap, abs=1e-6)
    assert cosine(model.components_[0], u) > 0.6
    assert max(n, d) < _LANCZOS or min(n, d) >= _LANCZOS


def test_next_to_nothing_stands_out_of_noise():
    found, n, d = [], 100, 150
    for seed in range(12):
        rows, _ = draw(np.tile([0.5, 4.0], d // 2), 1e-12, n, seed)
        model = WeightedPCA().fit(rows)
        v = model.noise_variance_by_feature_
        least = bayes_limit(v, d / n, 1.0).threshold
        found.append(model.strengths_[0] / least)
        if not model.strengths_[0]:
            assert model.overlaps_[0] == 0.0
            assert_allclose(model.weights_[0], optimal_weights(v, n, least), rtol=1e-9)
    assert 0.0 in found
    assert max(found) < 2.0


def test_several_components_have_their_own_weights_and_strengths():
    rng = np.random.default_rng(5)
    noise = np.tile([0.5, 4.0], 100)
    u = np.linalg.qr(rng.standard_normal((200, 2)))[0]
    rows = Spiked(Diagonal(noise), [30.0, 8.0], u).sample(600, rng)
    model = WeightedPCA(3).fit(rows)
    assert np.abs(model.strengths_ / [30.0, 8.0, 1.0] - 1.0)[:2].max() < 0.3
    assert model.strengths_[2] == 0.0
    for found, column in zip(model.components_, u.T, strict=False):
        assert cosine(found, column) > 0.9
    scores = rng.standard_normal((5, 3))
    assert_allclose(model.transform(model.inverse_transform(scores)), scores, atol=1e-10)
    assert model.get_feature_names_out().tolist() == [f"weightedpca{k}" for k in range(3)]


def test_scores_are_those_of_weighted_least_squares():
    rows, _ = draw(np.tile([0.5, 4.0], 20), 9.0, 200, 6)
    model = WeightedPCA(2).fit(rows)
    root = np.sqrt(model.noise_variance_by_feature_)[:, None]
    expected = np.linalg.lstsq(model.components_.T / root, (rows / root.T).T, rcond=None)[0].T
    assert_allclose(model.transform(rows), expected, atol=1e-9)


# The limit -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "theta"), [(2.0, 1.0), (0.5, 3.0)])
def test_it_comes_near_the_limit_in_few_hundred_coordinates(alpha, theta):
    noise, seen = published_noise(300), []
    n = round(alpha * 300)
    for seed in range(8):
        rows, u = draw(noise, theta, n, seed)
        w = optimal_weights(noise, n, theta)
        vector = np.linalg.svd(rows * np.sqrt(w), full_matrices=False)[2][0]
        oracle = optimal_readout(noise, n, theta) * vector
        pca = leading_directions(rows, "correlation_pca")[0].pattern
        ours = WeightedPCA().fit(rows).components_[0]
        seen.append([cosine(x, u) for x in (ours, oracle, pca)])
    ours, oracle, pca = np.mean(seen, axis=0)
    limit = bayes_limit(noise, 300 / n, theta).overlap ** 0.5
    error = np.std(seen, axis=0, ddof=1) / 8**0.5
    assert abs(oracle - limit) < 3 * error[1] + 0.01
    assert ours > oracle - 0.03
    assert ours > pca - 0.02


@pytest.mark.long
@pytest.mark.parametrize(("alpha", "theta"), [(2.0, 0.6), (1.4, 0.7), (3.16, 1.0)])
def test_at_four_thousand_coordinates_it_is_at_the_limit(alpha, theta):
    """The mean of six draws, less what the same weights miss in them with the true noise."""
    noise, n = published_noise(4000), round(alpha * 4000)
    limit = bayes_limit(noise, 4000 / n, theta).overlap ** 0.5
    short = []
    for seed in range(6):
        rows, u = draw(noise, theta, n, seed)
        given = 1.0 / optimal_weights(noise, n, theta)
        vector = whitened_pca(rows, noise_variances=given)[0].symmetric
        best = cosine(optimal_readout(noise, n, theta) * vector, u)
        short.append([best - cosine(WeightedPCA().fit(rows).components_[0], u), limit - best])
    assert np.mean(short, axis=0)[0] < 0.01
    assert abs(np.mean(short, axis=0)[1]) < 3 * np.std(short, axis=0, ddof=1)[1] / 6**0.5 + 0.005


@pytest.mark.long
def test_in_random_worlds_it_loses_little_to_any_other():
    """Forty, with correlated noise and directions on part of the features among them.

    Where none of the methods finds the direction, and all overlaps are below 0.1, the largest of
    the others says nothing.
    """
    short = []
    for seed in range(40):
        _, world, n = random_world(seed)
        draws = np.random.default_rng([18, seed]).spawn(40)
        ours, *others = np.mean([squared_cosines(world, n, rng) for rng in draws], axis=0)
        if max(ours, *others) > 0.1:
            short.append(max(others) - ours)
    assert len(short) > 25
    assert max(short) < 0.02
    assert np.mean(short) < -0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WeightedPCA(0), "n_components must lie between 1 and 6"),
        (lambda: WeightedPCA(7), "n_components must lie between 1 and 6, the smaller side"),
        (lambda: WeightedPCA("a"), "n_components must be an integer"),
        (lambda: WeightedPCA(ridge=-1.0), "ridge must be finite and not negative"),
        (lambda: WeightedPCA(tol=0.0), "tol must be positive"),
        (lambda: WeightedPCA(max_iter=0), "max_iter must be an integer"),
    ],
)
def test_parameters_that_make_no_sense_end_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call().fit(np.random.default_rng(0).standard_normal((9, 6)))


def test_rows_that_make_no_sense_end_in_a_sentence():
    X = np.random.default_rng(0).standard_normal((9, 6))
    with pytest.raises(ValueError, match="masked array that hides"):
        WeightedPCA().fit(np.ma.masked_greater(X, 1.0))
    with pytest.raises(ValueError, match="X contains NaN in rows"):
        WeightedPCA().fit(np.where(X > 1, np.nan, X))
    with pytest.raises(ValueError, match=r"features \[6\] are zero in every sample"):
        WeightedPCA().fit(np.c_[X, np.zeros(9)])
    with pytest.raises(ValueError, match="X has 1 directions that are not"):
        WeightedPCA(2).fit(np.outer(X[:, 0], X[0]))
    with pytest.raises(ValueError, match="ridge = 0 makes S"):
        WeightedPCA(ridge=0.0).fit(X[:4])
    with pytest.raises(ConvergenceError, match="component 0 did not come to rest in 1 iter"):
        WeightedPCA(max_iter=1).fit(X + 3.0)
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 1\)"):
        WeightedPCA().fit(X).inverse_transform(X)
