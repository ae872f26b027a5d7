"""Baselines: precision matrices, predictors made from them, and leading directions."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA, FactorAnalysis

from mssl import MaskedRegression
from mssl.baselines import (
    METHODS,
    factor_precision,
    leading_directions,
    masked_predictor,
    pca_precision,
    precision_error,
)
from mssl.covariance import AR1, Diagonal, Spiked
from mssl.exceptions import ConvergenceError
from mssl.theory import SSRTheory, bayes_error_by_coordinate

RNG = np.random.default_rng(7)
X = AR1(12, 0.7).sample(40, RNG) * np.linspace(0.5, 2.0, 12)
ZERO = np.hstack([X, np.zeros((40, 1))])
SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def _sample_covariance(x):
    return x.T @ x / len(x)


def test_the_predictor_of_the_sample_resolvent_is_masked_regression():
    q = np.linalg.inv(_sample_covariance(X) + 0.3 * np.eye(12))
    assert_allclose(masked_predictor(q), MaskedRegression(ridge=0.3).fit(X).coef_, atol=1e-12)


def test_the_error_is_that_of_the_predictor_and_no_precision_beats_the_true_one():
    world = AR1(12, 0.7)
    bayes = precision_error(np.linalg.inv(world.dense()), world)
    assert_allclose(bayes, bayes_error_by_coordinate(world), rtol=1e-10)
    for q in (pca_precision(X, 3), pca_precision(X, 3, standardize=True), factor_precision(X, 3)):
        residual = np.eye(12) - masked_predictor(q)
        by_hand = np.diag(residual.T @ world.dense() @ residual)
        assert_allclose(precision_error(q, world), by_hand, rtol=1e-10)
        assert np.all(precision_error(q, world) > bayes)


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
    first, second = leading_directions(X, "masked_regression", ridge=0.3, rank=2)
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
    correlation = leading_directions(X, "correlation_pca")[0]
    scales = np.sqrt(np.mean(X**2, axis=0))
    assert_allclose(correlation.filter * scales, correlation.pattern / scales, rtol=1e-10)


def test_every_method_finds_a_strong_direction():
    world = Spiked(Diagonal(np.tile([0.3, 3.0], 20)), 60.0, np.full((40, 1), 40**-0.5))
    data = world.sample(400, np.random.default_rng(2))
    u = world.directions[:, 0]
    for method in METHODS:
        ridge = 0.1 if method == "masked_regression" else None
        overlaps = leading_directions(data, method, ridge=ridge)[0].overlaps(u)
        assert overlaps.max() > 0.97
        assert np.all((overlaps >= 0) & (overlaps <= 1 + 1e-12))


def test_the_measured_overlap_is_that_of_the_theory():
    world = Spiked(Diagonal(np.tile([0.3, 3.0], 150)), 3.0, np.full((300, 1), 300**-0.5))
    rng, u = np.random.default_rng(3), np.full(300, 300**-0.5)
    seen = np.array(
        [
            leading_directions(world.sample(450, rng), "masked_regression", ridge=0.05)[0].overlaps(
                u
            )
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
        (lambda: leading_directions(X, "pca", rank="a"), "rank must be an integer"),
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
        (lambda: masked_predictor(np.zeros((3, 3))), r"entries \[0, 1, 2\] are not positive"),
        (lambda: masked_predictor(np.zeros((3, 2))), r"a square matrix, got shape \(3, 2\)"),
        (lambda: masked_predictor([[1.0, np.inf], [0.0, 1.0]]), "NaN or infinite"),
        (lambda: masked_predictor([[1e-300, 1e9], [1e9, 1e-300]]), "vanishes beside other"),
        (lambda: masked_predictor(np.eye(3) + 1j), "complex"),
        (lambda: precision_error(np.eye(3), np.eye(3)), r"wrap a matrix in Dense\(matrix\)"),
        (lambda: pca_precision(X + 1j, 1), "complex"),
        (lambda: leading_directions(X, X), "method must be one of .* got ndarray"),
        (lambda: leading_directions(X, "pca", rank=0), "rank must lie between 1 and 12"),
        (
            lambda: leading_directions(X, "factor_analysis", rank=12),
            "rank must lie between 1 and 11",
        ),
        (lambda: leading_directions(X[:3], "pca", rank=4), "rank must be at most 3"),
        (lambda: leading_directions(X[:3], "correlation_pca", rank=4), "rank must be at most 3"),
        (lambda: leading_directions(np.zeros((5, 4)), "pca"), "X is zero"),
        (lambda: pca_precision(np.zeros((5, 4)), 1), "X is zero"),
        (lambda: leading_directions(ZERO, "correlation_pca"), r"columns \[12\] are zero; leave"),
        (
            lambda: leading_directions(ZERO, "factor_analysis"),
            r"columns \[12\] are constant; leave",
        ),
        (lambda: factor_precision(ZERO, 1), r"columns \[12\] are constant; leave"),
        (lambda: factor_precision(np.c_[X, np.full(40, 0.1)], 1), r"\[12\] are constant"),
        (lambda: factor_precision(np.c_[X, X[:, 3]], 2), r"columns \[3, 12\] of X no more noise"),
        (lambda: factor_precision(X, 1, tol=0.0), "tol must be positive"),
        (lambda: factor_precision(X, 1, least_noise=1.0), "strictly between 0 and 1"),
        (lambda: factor_precision(X, 1, least_noise=1e-13), "least_noise must be at least 1e-12"),
        (
            lambda: leading_directions(np.eye(4)[:, :2] - 0.25, "factor_analysis", rank=3),
            "1 and 1",
        ),
        (lambda: leading_directions(SIGNS, "factor_analysis"), "fewer factors than rank = 1"),
        (lambda: pca_precision(np.ma.masked_greater(X, 2.0), 1), "masked array with hidden"),
        (lambda: factor_precision(X * 1e-170, 1), "rescale X"),
        (lambda: leading_directions(X, "pca")[0].overlaps(np.ones(3)), "vector of 12 entries"),
        (lambda: leading_directions(X, "pca")[0].overlaps(np.zeros(12)), "not all 0"),
        (lambda: precision_error(np.eye(3), AR1(4, 0.5)), "covariance has d = 4"),
        (lambda: leading_directions(X, "ica"), "method must be one of"),
        (lambda: leading_directions(X, "masked_regression"), "ridge must be given"),
        (lambda: leading_directions(X, "pca", ridge=1.0), "ridge has no meaning"),
        (lambda: leading_directions(X, "pca", rank=13), "rank must lie between 1 and 12"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_factor_analysis_that_does_not_converge_says_so():
    with pytest.raises(ConvergenceError, match="did not converge in 1 iterations"):
        factor_precision(X, 3, max_iter=1)


# Factor analysis: the best of the likelihood -----------------------------------------------------


def _deviance(q, moment):
    """-2/n log likelihood of rows with these second moments, but for a constant."""
    return np.sum(q * moment) - np.linalg.slogdet(q)[1]


def _standardized(data):
    data = data - data.mean(axis=0)
    return data / np.sqrt(np.mean(data**2, axis=0))


@pytest.mark.parametrize(("n", "rank", "held"), [(40, 1, 0), (40, 5, 1), (12, 1, 0), (9, 2, 1)])
def test_no_loading_and_no_noise_near_it_is_more_likely(n, rank, held):
    """The slopes in all entries of L and Psi, by hand; for noise at its bound only a sign."""
    data = X[:n] * 10.0 ** np.arange(-6, 6)
    moment = np.cov(data.T, bias=True)
    scales = np.sqrt(np.diagonal(moment))
    moment /= np.multiply.outer(scales, scales)
    q = factor_precision(data, rank) * np.multiply.outer(scales, scales)
    found = np.linalg.inv(q)
    # L L' = found - Psi has rank r: the noise is what makes the smallest eigenvalues vanish.
    slope = q - q @ moment @ q  # of the deviance in the model's covariance
    direction = leading_directions(data, "factor_analysis", rank=rank)
    loadings = np.stack([f.pattern for f in direction], axis=1) / scales[:, None]
    noise = np.diagonal(found - loadings @ loadings.T)
    assert_allclose(found, loadings @ loadings.T + np.diag(noise), atol=1e-8)
    assert_allclose(slope @ loadings, 0.0, atol=1e-6)
    at_bound = noise < 1.1e-9
    assert at_bound.sum() == held
    assert_allclose((np.diagonal(slope) * noise)[~at_bound], 0.0, atol=1e-8)
    assert np.all(np.diagonal(slope)[at_bound] > 0)


@pytest.mark.parametrize(("n", "rank"), [(400, 1), (400, 3), (40, 1), (40, 4), (10, 3)])
def test_factor_analysis_is_at_least_as_likely_as_that_of_scikit_learn(n, rank):
    data = AR1(12, 0.7).sample(n, np.random.default_rng(n + rank))
    data = _standardized(data)
    peer = FactorAnalysis(rank, svd_method="lapack", tol=1e-10, max_iter=2000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it creeps where some noise goes to 0
        peer.fit(data)
    ours, moment = factor_precision(data, rank), data.T @ data / n
    assert _deviance(ours, moment) < _deviance(peer.get_precision(), moment) + 1e-8
    if peer.n_iter_ < 2000:
        assert_allclose(ours, peer.get_precision(), atol=2e-4 * np.abs(ours).max())
        assert n == 400 or rank == 1


@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1e-7, 1e-6, 1e-3, 7.0, 1e12, 1e100])
def test_factor_analysis_does_not_see_the_units(scale):
    world = Spiked(Diagonal(np.linspace(0.5, 2.0, 10)), 4.0, np.full((10, 1), 10**-0.5))
    data = world.sample(400, np.random.default_rng(0))
    q = factor_precision(data, 1)
    assert_allclose(factor_precision(data * scale, 1) * scale**2, q, rtol=1e-10, atol=1e-12)
    own = 10.0 ** np.linspace(-9, 9, 10)
    back = factor_precision(data * own, 1) * np.multiply.outer(own, own)
    assert_allclose(back, q, rtol=1e-10, atol=1e-12)
    plain, scaled = (leading_directions(d, "factor_analysis")[0] for d in (data, data * scale))
    assert_allclose(scaled.pattern / scale, plain.pattern, rtol=1e-9)
    assert_allclose(scaled.filter * scale, plain.filter, rtol=1e-9)


def test_noise_that_vanishes_does_not_matter_where_it_is_held():
    """A Heywood case: one coordinate is the factor. Its row of Q stays finite."""
    rng = np.random.default_rng(4)
    factor = rng.standard_normal(60)
    data = np.c_[factor, 0.6 * factor[:, None] + rng.standard_normal((60, 4))]
    data[:, 0] += 1e-9 * rng.standard_normal(60)
    data = _standardized(data)
    few, fewer = (factor_precision(data, 1, least_noise=at) for at in (1e-7, 1e-11))
    assert_allclose(few, fewer, rtol=1e-5, atol=1e-6)
    regressions = [np.mean(data[:, 0] * data[:, k]) for k in range(1, 5)]
    assert_allclose(masked_predictor(fewer)[0, 1:], regressions, atol=1e-6)
    assert_allclose(masked_predictor(fewer)[1:, 1:], 0.0, atol=1e-6)


# Principal components ----------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_probabilistic_pca_is_that_of_scikit_learn(rank):
    data = X - X.mean(axis=0)
    peer = PCA(rank, svd_solver="full").fit(data)
    ours = pca_precision(data, rank)
    # scikit-learn divides by n - 1.
    assert_allclose(ours * 39 / 40, peer.get_precision(), rtol=1e-9, atol=1e-12)
    first = leading_directions(data, "pca", rank=rank)
    for direction, component in zip(first, peer.components_, strict=True):
        assert_allclose(abs(direction.filter @ component), 1.0, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e9])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("n", "d"), [(30, 8), (6, 20)])
def test_data_of_low_rank_leave_no_noise(n, d, standardize, unit):
    for seed in range(25):
        rng = np.random.default_rng(seed)
        rank = 1 + seed % 4
        data = unit * rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
        with pytest.raises(ValueError, match=f"no noise is left, as rank = {rank}"):
            pca_precision(data, rank, standardize=standardize)
        with pytest.raises(ValueError, match=f"rank must be at most {rank}"):
            pca_precision(data, rank + 1, standardize=standardize)
        with pytest.raises(ValueError, match=f"rank must be at most {rank}"):
            pca_precision(data, rank + 1, standardize=standardize, noise=False)
        below = pca_precision(data, rank - 1, standardize=standardize)
        assert np.linalg.eigvalsh(below * unit**2)[0] > 0
        # Least squares on the others recover a hidden coordinate without any error.
        q = pca_precision(data, rank, standardize=standardize, noise=False)
        assert_allclose(data @ masked_predictor(q), data, atol=1e-9 * unit)


def test_faint_noise_beside_a_loud_component_keeps_its_digits():
    rng = np.random.default_rng(8)
    loud = rng.standard_normal((50, 1)) @ rng.standard_normal((1, 6))
    faint = rng.standard_normal((50, 6))
    q = pca_precision(loud + 1e-8 * faint, 1)
    direction = loud[0] / np.linalg.norm(loud[0])
    left = faint - np.outer(faint @ direction, direction)
    left -= np.outer(loud[:, 0], loud[:, 0] @ left) / (loud[:, 0] @ loud[:, 0])
    level = np.sum(left**2) / 50 / 5 * 1e-16
    assert_allclose(np.trace(q), 5.0 / level, rtol=1e-5)
    assert np.all(np.diagonal(q) > 0)


def test_a_coordinate_that_is_a_component_cannot_be_filled_in():
    alone = np.zeros((20, 4))
    alone[:, 2], alone[:, [0, 1, 3]] = 50.0, 0.1
    alone[:10, 2] *= -1
    q = pca_precision(alone, 1, noise=False)
    with pytest.raises(ValueError, match=r"entries \[2\] are not positive"):
        masked_predictor(q)


@pytest.mark.parametrize("method", ["pca", "correlation_pca"])
def test_a_direction_far_below_the_first_keeps_its_digits(method):
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    left = np.linalg.qr(rng.standard_normal((30, 6)))[0]
    sizes = np.array([1.0, 1e-5, 1e-10, 1e-12, 1e-12, 1e-12])
    data = left * sizes @ basis.T
    third = leading_directions(data, method, rank=3)[2]
    scales = np.sqrt(np.mean(data**2, axis=0)) if method == "correlation_pca" else np.ones(6)
    reference = np.linalg.svd(data / scales)[2][2]
    assert_allclose(abs(third.symmetric @ reference), 1.0, rtol=1e-6)
    if method == "pca":
        assert abs(third.symmetric @ basis[:, 2]) > 1 - 1e-6
