"""No method sees the units: each follows when X is multiplied by a number, or its columns are."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mssl import MaskedImputer, MaskedRegression, MaskedRegressionCV, WeightedPCA
from mssl.baselines import (
    amp_spike,
    diagonal_deletion,
    factor_precision,
    heteropca,
    leading_directions,
    masked_predictor,
    pca_precision,
    precision_error,
    whitened_pca,
)
from mssl.covariance import Dense
from mssl.estimation import (
    estimate_best_ridge,
    estimate_effective_ridge,
    estimate_risk,
    estimate_spikes,
    learning_curve,
)
from mssl.imputation import drop_at_random, expected_moments
from mssl.masks import Bernoulli
from mssl.regression import masked_regression

UNITS = st.floats(-12.0, 12.0).map(lambda power: 10.0**power)
SEEDS = st.integers(0, 999)
SHAPES = st.sampled_from([(40, 8), (10, 8), (9, 14)])

# Rounding, of about eps times the condition of these tables.
TOLERANCE = {"rtol": 1e-8, "atol": 1e-10}


def few(examples):
    return settings(derandomize=True, deadline=None, max_examples=examples)


def table(seed, shape):
    """A common factor, unequal noise and unequal columns."""
    n, d = shape
    rng = np.random.default_rng([seed, n, d])
    factor = rng.standard_normal((n, 1)) * rng.uniform(0.5, 1.5, d)
    return (factor + rng.standard_normal((n, d))) * rng.uniform(0.5, 2.0, d)


def columns(seed, d):
    """A unit for each column, over twelve decades."""
    return 10.0 ** np.random.default_rng([7, seed]).uniform(-6.0, 6.0, d)


def assert_same(ours, expected):
    """Equal up to rounding, in units of the largest entry."""
    expected = np.asarray(expected)
    size = np.abs(expected).max() or 1.0
    assert_allclose(np.asarray(ours) / size, expected / size, **TOLERANCE)


def balanced(q):
    """A precision matrix in units in which its diagonal is 1."""
    root = np.sqrt(np.diagonal(q))
    return q / root / root[:, None]


# Baselines --------------------------------------------------------------------------------------

PRECISIONS = {
    "pca": lambda X: pca_precision(X, 2),
    "correlation_pca": lambda X: pca_precision(X, 2, standardize=True),
    "correlation without noise": lambda X: pca_precision(X, 2, standardize=True, noise=False),
    "factor_analysis": lambda X: factor_precision(X, 1),
    "two factors": lambda X: factor_precision(X, 2),
}


@pytest.mark.parametrize("kind", PRECISIONS)
@few(12)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_a_precision_is_in_units_of_one_over_x_squared(kind, seed, shape, unit):
    X, of = table(seed, shape), PRECISIONS[kind]
    assert_same(of(unit * X) * unit**2, of(X))
    assert_same(masked_predictor(of(unit * X)), masked_predictor(of(X)))
    world = Dense(np.cov(X.T) + np.eye(shape[1]))
    theirs = Dense(unit**2 * world.dense())
    assert_same(precision_error(of(unit * X), theirs) / unit**2, precision_error(of(X), world))


@few(12)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_components_without_noise_have_no_unit(seed, shape, unit):
    X = table(seed, shape)
    assert_same(pca_precision(unit * X, 2, noise=False), pca_precision(X, 2, noise=False))


@pytest.mark.parametrize("kind", [k for k in PRECISIONS if k != "pca"])
@few(12)
@given(seed=SEEDS, shape=SHAPES)
def test_what_standardises_does_not_see_the_units_of_columns(kind, seed, shape):
    X, own = table(seed, shape), columns(seed, shape[1])
    ours, expected = PRECISIONS[kind](X * own) * np.multiply.outer(own, own), PRECISIONS[kind](X)
    assert_same(balanced(ours), balanced(expected))
    assert_allclose(np.diagonal(ours), np.diagonal(expected), **TOLERANCE)


@pytest.mark.parametrize(
    "method", ["masked_regression", "pca", "correlation_pca", "factor_analysis"]
)
@few(12)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_directions_do_not_turn(method, seed, shape, unit):
    X = table(seed, shape)
    option = [{"ridge": 0.2 * u**2} if method == "masked_regression" else {} for u in (1.0, unit)]
    plain = leading_directions(X, method, rank=2, **option[0])
    ours = leading_directions(unit * X, method, rank=2, **option[1])
    factor = 1.0 if method == "pca" else unit
    for a, b in zip(plain, ours, strict=True):
        for name, change in (("filter", factor), ("symmetric", 1.0), ("pattern", 1 / factor)):
            one, two = getattr(a, name), getattr(b, name) * change
            assert_same(two * np.sign(one @ two), one)
        assert_same(b.overlaps(np.ones(shape[1])), a.overlaps(np.ones(shape[1])))


@pytest.mark.parametrize("method", ["correlation_pca", "factor_analysis"])
@few(12)
@given(seed=SEEDS, shape=SHAPES)
def test_directions_follow_the_units_of_columns(method, seed, shape):
    X, own = table(seed, shape), columns(seed, shape[1])
    plain, ours = (leading_directions(x, method)[0] for x in (X, X * own))
    sign = np.sign(plain.symmetric @ ours.symmetric)
    assert_same(sign * ours.filter * own, plain.filter)
    assert_same(sign * ours.symmetric, plain.symmetric)
    assert_same(sign * ours.pattern / own, plain.pattern)


@pytest.mark.parametrize("kind", PRECISIONS)
@few(8)
@given(seed=SEEDS, shape=SHAPES)
def test_neither_rows_nor_columns_have_an_order(kind, seed, shape):
    X, of = table(seed, shape), PRECISIONS[kind]
    rng = np.random.default_rng(seed)
    rows, order = rng.permutation(shape[0]), rng.permutation(shape[1])
    assert_same(of(X[rows][:, order]), of(X)[np.ix_(order, order)])


# Of each method, the powers of the unit that filter, symmetric and pattern are divided by.
UNEQUAL_NOISE = {
    "diagonal deletion": ((0, 0, 0), lambda X, _unit: diagonal_deletion(X, 2)),
    "heteropca": ((0, 0, 0), lambda X, _unit: heteropca(X, 1, tol=1e-10)),
    "whitened": ((1, 0, -1), lambda X, _unit: whitened_pca(X, 2)),
    "oracle": (
        (1, 0, -1),
        lambda X, unit: whitened_pca(X, 2, noise_variances=unit**2 * np.linspace(1, 2, 8)),
    ),
    "message passing": (
        (2, 1, 0),
        lambda X, unit: [
            amp_spike(X, unit**2 * np.linspace(1, 2, 8), 8 * unit**2, rng=0, tol=1e-12)
        ],
    ),
}


@pytest.mark.parametrize("kind", UNEQUAL_NOISE)
@few(8)
@given(seed=SEEDS, unit=UNITS)
def test_directions_in_unequal_noise_do_not_turn(kind, seed, unit):
    X, (powers, of) = table(seed, (60, 8)), UNEQUAL_NOISE[kind]
    for a, b in zip(of(X, 1.0), of(unit * X, unit), strict=True):
        for name, power in zip(("filter", "symmetric", "pattern"), powers, strict=True):
            one, two = getattr(a, name), getattr(b, name) * unit**power
            assert_same(two * np.sign(one @ two), one)


@few(8)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_weighted_components_do_not_turn(seed, shape, unit):
    X = table(seed, shape)
    plain, ours = WeightedPCA(2).fit(X), WeightedPCA(2).fit(unit * X)
    assert_same(ours.components_, plain.components_)
    assert_same(ours.noise_variance_by_feature_ / unit**2, plain.noise_variance_by_feature_)
    assert_same(ours.strengths_ / unit**2, plain.strengths_)
    assert_same(ours.weights_ * unit**4, plain.weights_)
    assert_same(ours.transform(unit * X) / unit, plain.transform(X))


# Regression and what rests on it ----------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 0.3])
@few(15)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_a_masked_regression_follows_with_its_ridge(rate, seed, shape, unit):
    X = table(seed, shape)
    plain = MaskedRegression(0.2, rate).fit(X)
    ours = MaskedRegression(0.2 * unit**2, rate).fit(unit * X)
    assert_same(ours.coef_, plain.coef_)
    assert_same(ours.D_ * unit**2, plain.D_)
    assert_same(ours.predict(unit * X) / unit, plain.predict(X))
    assert_same(ours.train_error_ / unit**2, plain.train_error_)
    if rate is None:
        assert_same(ours.loo_error_by_feature_ / unit**2, plain.loo_error_by_feature_)
        assert_same(ours.gcv_error_ / unit**2, plain.gcv_error_)


@few(10)
@given(seed=SEEDS, unit=UNITS)
def test_without_a_ridge_columns_may_have_any_units(seed, unit):
    X, own = table(seed, (40, 8)), unit * columns(seed, 8)
    plain, ours = MaskedRegression(0.0).fit(X), MaskedRegression(0.0).fit(X * own)
    assert_same(ours.coef_ * own[:, None] / own, plain.coef_)
    assert_allclose(ours.loo_error_by_feature_ / own**2, plain.loo_error_by_feature_, **TOLERANCE)


@few(10)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_explicit_masks_follow(seed, shape, unit):
    X, law = table(seed, shape), Bernoulli(0.4)
    ours = masked_regression(unit * X, law, 0.2 * unit**2)
    assert_same(ours, masked_regression(X, law, 0.2))


@few(6)
@given(seed=SEEDS, shape=SHAPES, unit=UNITS)
def test_estimates_follow(seed, shape, unit):
    X, ridges = table(seed, shape), np.array([0.05, 0.2, 1.0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the best ridge")
        chosen, theirs = (MaskedRegressionCV(tuple(u**2 * ridges)).fit(u * X) for u in (1.0, unit))
    assert_allclose(theirs.ridge_ / unit**2, chosen.ridge_, rtol=1e-12)
    assert_same(theirs.loo_errors_ / unit**2, chosen.loo_errors_)
    plain, ours = estimate_risk(X, ridges), estimate_risk(unit * X, unit**2 * ridges)
    assert_same(ours.loo_error / unit**2, plain.loo_error)
    # The grid is the data's own.
    plain, ours = estimate_best_ridge(X), estimate_best_ridge(unit * X)
    assert_allclose(ours.ridge / unit**2, plain.ridge, rtol=1e-7)
    plain = estimate_effective_ridge(X, 0.2)
    ours = estimate_effective_ridge(unit * X, 0.2 * unit**2)
    assert_same(ours.kappa / unit**2, plain.kappa)
    assert_same(ours.scales, plain.scales)
    plain = estimate_spikes(X, 0.2, 5, flips=19)
    ours = estimate_spikes(unit * X, 0.2 * unit**2, 5, flips=19)
    assert ours.count == plain.count
    assert_same(ours.eigenvalues, plain.eigenvalues)


@few(10)
@given(seed=SEEDS, unit=UNITS)
def test_a_foretold_learning_curve_follows(seed, unit):
    X, ridges = table(seed, (40, 8)), np.array([0.05, 0.5])
    plain, ours = learning_curve(X, 20, ridges), learning_curve(unit * X, 20, unit**2 * ridges)
    assert_same(ours.matched_ridges / unit**2, plain.matched_ridges)
    assert_same(ours.test_errors / unit**2, plain.test_errors)


@pytest.mark.parametrize("rounds", [0, 5])
@pytest.mark.parametrize("rate", [0.05, 0.4])
@few(10)
@given(seed=SEEDS, unit=UNITS, center=st.booleans())
def test_filled_holes_follow(rounds, rate, seed, unit, center):
    X = drop_at_random(table(seed, (40, 8)) + 2.0, rate, seed)
    complete = int(np.sum(~np.isnan(X).any(axis=1)))
    if rounds == 0 and complete < 2:
        X = np.vstack([X, table(seed, (10, 8))])
    plain = MaskedImputer(0.2, center=center, rounds=rounds).fit(X)
    ours = MaskedImputer(0.2 * unit**2, center=center, rounds=rounds).fit(unit * X)
    assert_same(ours.transform(unit * X) / unit, plain.transform(X))
    assert_same(ours.precision_ * unit**2, plain.precision_)
    mean, moment = expected_moments(unit * X, ours.precision_)
    their_mean, their_moment = expected_moments(X, plain.precision_)
    assert_same(mean / unit, their_mean)
    assert_same(moment / unit**2, their_moment)
