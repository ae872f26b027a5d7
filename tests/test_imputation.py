"""Filling holes, in every form in which they come; the imputer as an estimator of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import parametrize_with_checks

from mssl import MaskedImputer, MaskedRegression
from mssl.covariance import AR1, Scaled
from mssl.imputation import (
    conditional_fill,
    drop_at_random,
    expected_moments,
    regression_precision,
    single_fill,
)


@pytest.fixture(scope="module")
def tables():
    """Rows of one common factor, and the same with holes all over."""
    rng = np.random.default_rng(11)
    full = rng.standard_normal((60, 1)) + 0.5 * rng.standard_normal((60, 5))
    X_missing = drop_at_random(full, 0.1, rng)
    assert 10 < np.isnan(X_missing).any(axis=1).sum() < 50
    return full, X_missing


@pytest.mark.filterwarnings("ignore:the best ridge:UserWarning")
@parametrize_with_checks(
    [
        MaskedImputer(),
        MaskedImputer(ridges=0.1, center=False),
        MaskedImputer(ridges=0.1, rounds=3),
    ]
)
def test_scikit_learn_suite(estimator, check):
    check(estimator)


# Holes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [0, 4])
@pytest.mark.parametrize("under", [1e6, np.nan, np.inf, 0.0])
def test_what_a_mask_hides_is_a_hole(tables, rounds, under):
    _, X_missing = tables
    hidden = np.isnan(X_missing)
    masked = np.ma.masked_array(np.where(hidden, under, X_missing), hidden)
    imputer, plain = (MaskedImputer(ridges=0.1, rounds=rounds) for _ in range(2))
    filled = imputer.fit_transform(masked)
    assert_array_equal(filled, plain.fit_transform(X_missing))
    assert not isinstance(filled, np.ma.MaskedArray)
    assert imputer.n_complete_ == np.sum(~hidden.any(axis=1))
    assert_array_equal(plain.transform(masked), filled)


def test_the_functions_take_masks_as_well(tables):
    _, X_missing = tables
    masked = np.ma.masked_array(np.where(np.isnan(X_missing), 1e6, X_missing), np.isnan(X_missing))
    q = MaskedImputer(ridges=0.1).fit(X_missing).precision_
    for function in (conditional_fill, single_fill, expected_moments):
        for ours, expected in zip(function(masked, q), function(X_missing, q), strict=True):
            assert_array_equal(ours, expected)
    assert_array_equal(np.isnan(drop_at_random(masked, 1e-9, 0)), np.isnan(X_missing))


@pytest.mark.parametrize("kind", ["int", "uint8", "bool", "float32", "object", "no mask"])
def test_masked_arrays_of_any_numbers(tables, kind):
    full, X_missing = tables
    hidden = np.isnan(X_missing)
    values = np.round(10 * np.abs(full)).astype(float if kind == "no mask" else kind)
    masked = np.ma.masked_array(values, False if kind == "no mask" else hidden)
    expected = np.where(np.ma.getmaskarray(masked), np.nan, values.astype(float))
    ours = MaskedImputer(ridges=0.1).fit_transform(masked)
    assert_array_equal(ours, MaskedImputer(ridges=0.1).fit_transform(expected))


@pytest.mark.parametrize("kind", ["float", "nullable", "object NA", "object None", "array None"])
def test_missing_values_of_pandas_are_holes(tables, kind):
    _, X_missing = tables
    frame = pd.DataFrame(X_missing, columns=list("abcde"))
    given = {
        "float": frame,
        "nullable": frame.convert_dtypes(),
        "object NA": frame.astype(object).where(frame.notna(), pd.NA),
        "object None": frame.astype(object).where(frame.notna(), None),
        "array None": np.where(np.isnan(X_missing), None, X_missing),
    }[kind]
    imputer = MaskedImputer(ridges=0.1).fit(given)
    assert_array_equal(imputer.transform(given), MaskedImputer(ridges=0.1).fit_transform(X_missing))
    assert hasattr(imputer, "feature_names_in_") == (kind != "array None")


# Sentences --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda X: MaskedImputer(ridges=0.1).fit(X[:1]), "1 sample"),
        (lambda X: MaskedImputer(ridges=0.1, rounds=2).fit(X[:1]), "1 sample"),
        (lambda X: MaskedImputer(ridges=0.1, rounds=2).fit(1e160 * X), "overflow"),
        (lambda X: conditional_fill(X + 1j, np.eye(5)), "complex"),
        (lambda X: conditional_fill(X, np.eye(5) + 1j), "complex"),
        (lambda X: conditional_fill(X, np.ma.masked_equal(np.eye(5), 0.0)), "under a mask"),
        (lambda X: conditional_fill(1e200 * X, np.full((5, 5), 1e200)), "overflow"),
        (lambda X: single_fill(1e200 * X, np.full((5, 5), 1e200)), "overflow"),
        (lambda X: expected_moments(1e160 * X, np.eye(5)), "overflow"),
        (lambda X: expected_moments(X[:0], np.eye(5)), "at least one row"),
        (lambda X: conditional_fill(X, -np.eye(5)), "not positive definite on row"),
    ],
)
def test_bad_requests_end_in_a_sentence(tables, act, message):
    X_missing = tables[1].copy()
    X_missing[np.arange(60), np.arange(60) % 5] = np.nan
    with pytest.raises(ValueError, match=message):
        act(X_missing)


def test_rounds_refuse_moments_that_they_cannot_invert(tables):
    full, _ = tables
    table = np.vstack([full, 1e10 * full[:1]])
    table[-1, 2] = np.nan
    with pytest.raises(ValueError, match=r"moments plus ridge = .* are singular to"):
        MaskedImputer(ridges=0.1, rounds=2).fit(table)


def test_rounds_reach_the_best_of_a_constant_column():
    """Its variance is v = r + m v, the ridge and what its missing share m may be."""
    rng = np.random.default_rng(3)
    X = np.c_[rng.standard_normal((40, 3)), np.full(40, 2.0)]
    X[np.arange(40), np.arange(40) % 4] = np.nan
    imputer = MaskedImputer(ridges=1e-3, rounds=200).fit(X)
    assert_allclose(imputer.precision_[3, 3], (1.0 - 10 / 40) / 1e-3, rtol=1e-9)
    assert_allclose(imputer.transform(X)[:, 3], 2.0, rtol=1e-9)


# Filling holes ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def X_missing():
    world = Scaled(AR1(8, 0.7), np.linspace(0.5, 2.0, 8))
    rng = np.random.default_rng(5)
    X, full = world.sample(60, rng), world.sample(50, rng)
    return world, X, full, drop_at_random(full, 0.4, rng)


def test_one_hole_is_the_masked_regression(X_missing):
    _, X, full, _ = X_missing
    model = MaskedRegression(0.2).fit(X)
    q = regression_precision(model)
    np.testing.assert_allclose(q, np.linalg.inv(X.T @ X / 60 + 0.2 * np.eye(8)), rtol=1e-9)
    for k in range(8):
        one = full.copy()
        one[:, k] = np.nan
        np.testing.assert_allclose(conditional_fill(one, q)[:, k], model.transform(full)[:, k])


def test_visible_entries_stay_and_no_hole_is_left(X_missing):
    _, X, _, holes = X_missing
    seen = ~np.isnan(holes)
    model = MaskedRegression(0.2, mask_rate=0.4).fit(X)
    for filled in (MaskedImputer().fit(X).transform(holes), single_fill(holes, model.coef_)):
        np.testing.assert_allclose(filled[seen], holes[seen], rtol=1e-12)
        assert np.isfinite(filled).all()


@pytest.mark.parametrize("center", [True, False])
def test_observed_entries_come_back_to_the_last_bit(X_missing, center):
    _, X, _, holes = X_missing
    seen = ~np.isnan(holes)
    imputer = MaskedImputer(ridges=1.0, center=center).fit(X / 3.0 + 1e3)
    for given in (holes, X):
        kept = imputer.transform(given)
        np.testing.assert_array_equal(kept[~np.isnan(given)], given[~np.isnan(given)])
    assert np.isfinite(imputer.transform(holes)[~seen]).all()
    large = np.array([[1e17, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [5.0, np.nan]])
    filled = MaskedImputer(ridges=1.0, center=center).fit_transform(large)
    np.testing.assert_array_equal(filled[:, 0], large[:, 0])


def test_rows_with_holes_alone_are_enough_with_rounds():
    """Not one complete row: better than the columns' means, nearly as good as as many full rows."""
    rng = np.random.default_rng(3)
    full, others = (
        rng.standard_normal((200, 1))
        + 0.5 * rng.standard_normal((200, 60))
        + np.linspace(-3.0, 3.0, 60)
        for _ in range(2)
    )
    X = drop_at_random(full, 0.2, rng)
    hidden = np.isnan(X)
    assert hidden.any(axis=1).all()
    imputer = MaskedImputer(ridges=0.1, rounds=15)
    error = np.mean((imputer.fit_transform(X) - full)[hidden] ** 2)
    of_means = np.mean((np.nanmean(X, axis=0) - full)[hidden] ** 2)
    of_full = np.mean((MaskedImputer(ridges=0.1).fit(others).transform(X) - full)[hidden] ** 2)
    assert imputer.n_complete_ == 0
    assert imputer.ridge_ == 0.1
    assert error < 0.35 * of_means
    assert error < 1.1 * of_full
    about_zero = MaskedImputer(ridges=0.1, rounds=15, center=False).fit(X)
    np.testing.assert_array_equal(about_zero.mean_, 0.0)
    assert np.mean((about_zero.transform(X) - full)[hidden] ** 2) < 0.35 * of_means


def penalised_likelihood(X, imputer):
    """Gaussian log-likelihood of what is observed, less N ridge Tr Q / 2."""
    covariance = np.linalg.inv(imputer.precision_)
    value = -len(X) * imputer.ridge_ / 2.0 * np.trace(imputer.precision_)
    for row in X:
        v = np.flatnonzero(~np.isnan(row))
        value += multivariate_normal.logpdf(row[v], imputer.mean_[v], covariance[np.ix_(v, v)])
    return value


def test_rounds_from_columns_never_lower_the_likelihood(X_missing):
    X = X_missing[2].copy()
    X[np.arange(50), np.arange(50) % 8] = np.nan
    values = [
        penalised_likelihood(X, MaskedImputer(ridges=0.2, rounds=r).fit(X)) for r in range(1, 7)
    ]
    assert np.all(np.diff(values) > 0)


def test_a_row_of_holes_becomes_the_mean(X_missing):
    _, X, _, _ = X_missing
    imputer = MaskedImputer(ridges=0.1).fit(X + 3.0)
    np.testing.assert_allclose(imputer.transform(np.full((1, 8), np.nan))[0], imputer.mean_)
    np.testing.assert_allclose(imputer.mean_, X.mean(axis=0) + 3.0)


def test_punched_holes_have_the_rate_and_leave_something():
    holes = np.isnan(drop_at_random(np.zeros((4000, 10)), 0.3, 1))
    assert abs(holes.mean() - 0.3) < 5 * np.sqrt(0.21 / 40_000)
    assert not np.isnan(drop_at_random(np.zeros((500, 2)), 0.95, 1)).all(axis=1).any()


def test_expected_moments_against_conditional_draws(X_missing):
    world, _, _, holes = X_missing
    sigma = world.dense()
    q = np.linalg.inv(sigma)
    mean, moment = expected_moments(holes, q)
    rng = np.random.default_rng(6)
    draws = np.empty((4000, *holes.shape))
    for i, row in enumerate(holes):
        h, v = np.flatnonzero(np.isnan(row)), np.flatnonzero(~np.isnan(row))
        draws[:, i, v] = row[v]
        weights = np.linalg.solve(sigma[np.ix_(v, v)], sigma[np.ix_(v, h)])
        spread = sigma[np.ix_(h, h)] - sigma[np.ix_(h, v)] @ weights
        draws[:, i, h] = rng.multivariate_normal(row[v] @ weights, spread, size=4000)
    each = np.einsum("rik,ril->rkl", draws, draws) / holes.shape[0]
    error = each.std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(each.mean(axis=0) - moment) < 5 * error + 1e-12)
    error = draws.mean(axis=1).std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(draws.mean(axis=(0, 1)) - mean) < 5 * error + 1e-12)


def test_rounds_learn_from_rows_with_holes(X_missing):
    world, X, full, holes = X_missing
    few = X[:12]
    hidden = np.isnan(holes)
    stack = np.vstack([few, holes])
    errors = []
    for rounds in (0, 8):
        imputer = MaskedImputer(ridges=0.05, rounds=rounds).fit(stack)
        errors.append(np.mean((imputer.transform(holes) - full)[hidden] ** 2))
        assert imputer.n_complete_ == 12 + np.sum(~hidden.any(axis=1))
    assert errors[1] < 0.9 * errors[0]
    best = conditional_fill(holes, np.linalg.inv(world.dense()))
    assert np.mean((best - full)[hidden] ** 2) < errors[1]


def test_rounds_change_nothing_without_holes(X_missing):
    _, X, _, _ = X_missing
    plain, again = (MaskedImputer(ridges=0.3, rounds=r).fit(X) for r in (0, 3))
    np.testing.assert_allclose(again.precision_, plain.precision_, rtol=1e-9)
    assert again.ridge_ == plain.ridge_ == 0.3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: drop_at_random(np.zeros((2, 2)), 1.0, 0), "strictly between 0 and 1"),
        (lambda: conditional_fill(np.zeros((2, 3)), np.eye(2)), "one row a column of X"),
        (lambda: MaskedImputer().fit([[1.0, np.nan], [np.nan, 1.0]]), "0 rows without holes"),
        (lambda: MaskedImputer().fit([[1.0, np.nan], [np.nan, 1.0]]), "ridges=0.1, rounds=20"),
        (
            lambda: MaskedImputer(0.0, rounds=2).fit([[1.0, np.nan], [np.nan, 1.0]]),
            "ridges must be positive when X has 0 rows",
        ),
        (
            lambda: MaskedImputer().fit([[1.0, np.nan, 2.0], [0.0, np.nan, 1.0]]),
            r"no observed entry in columns \[1\]; leave",
        ),
        (lambda: MaskedImputer(rounds=1.5).fit(np.eye(3)), "rounds must be an integer"),
        (lambda: MaskedImputer(rounds="a").fit(np.eye(3)), "rounds must be an integer"),
        (lambda: MaskedImputer(center="no").fit(np.eye(3)), "center must be True or False"),
        (lambda: drop_at_random(np.eye(3), "a", 0), "rate must be a real number"),
        (lambda: drop_at_random(np.zeros(3), 0.1, 0), "X must be a matrix"),
        (lambda: conditional_fill(np.eye(2), np.full((2, 2), np.nan)), "precision must be finite"),
        (lambda: conditional_fill([[np.inf, 1.0]], np.eye(2)), r"rows \[0\] hold infinite"),
        (lambda: expected_moments("a", np.eye(2)), "X must be real numbers"),
        (lambda: single_fill(np.zeros((2, 3)), np.eye(2)), "coef must be square with one row a"),
        (lambda: single_fill(np.zeros((2, 3)), np.zeros(3)), "coef must be square with one row a"),
        (lambda: regression_precision(np.eye(2)), "model must be a fitted MaskedReg.*ndarray"),
        (lambda: MaskedImputer(ridges=-1.0).fit(np.eye(3)), "ridges"),
        (
            lambda: regression_precision(MaskedRegression(mask_rate=0.5).fit(np.eye(3))),
            "without a mask rate",
        ),
    ],
)
def test_bad_requests(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_the_ridge_is_chosen_by_leave_one_out(X_missing):
    _, X, _, _ = X_missing
    ridges = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    centred = X - X.mean(axis=0)
    errors = [MaskedRegression(r).fit(centred).loo_error_ for r in ridges]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert MaskedImputer(ridges).fit(X).ridge_ == ridges[int(np.argmin(errors))]
