"""Masked regression on drawn masks: against one least-squares fit a column, by both ways."""

import re
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest

from mssl.covariance import AR1
from mssl.exceptions import AccuracyWarning
from mssl.masks import Bernoulli
from mssl.regression import MaskedRegression, drawn_masks
from mssl.simulation import explicit_mask_regression
from tests.oracles import decimals, gram, solve


def data(n, d, seed=0, spread=0.7):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 1)) + rng.standard_normal((n, d))
    return X * np.exp(spread * rng.standard_normal(d))


def by_columns(X, rate, n_masks, ridge, seed):
    """Each column by least squares on its rows, with the roots of the ridge below them."""
    rng, (n, d) = np.random.default_rng(seed), X.shape
    visible = np.concatenate([Bernoulli(rate).sample(n, d, rng) for _ in range(n_masks)])
    targets = np.tile(X, (n_masks, 1))
    coef, train = np.zeros((d, d)), np.zeros(d)
    for k in range(d):
        hidden, others = ~visible[:, k], np.arange(d) != k
        z, y = (targets * visible)[hidden][:, others], targets[hidden, k]
        below = np.sqrt(len(y) * ridge) * np.eye(d - 1)
        a = np.linalg.lstsq(np.vstack([z, below]), np.append(y, np.zeros(d - 1)), rcond=None)[0]
        coef[others, k], train[k] = a, np.mean((y - z @ a) ** 2)
    return coef, train


SETTINGS = [
    (30, 12, 3, 0.5, 0.1),
    (10, 40, 4, 0.5, 0.05),
    (60, 50, 8, 0.4, 0.01),
    (60, 50, 8, 0.4, 0.0),
    (90, 30, 1, 0.75, 0.3),
    (40, 20, 16, 0.15, 1e-4),
]


@pytest.mark.parametrize("iterations", [None, 0, 400])
@pytest.mark.parametrize(("n", "d", "n_masks", "rate", "ridge"), SETTINGS)
def test_each_column_is_a_fit_of_its_own(n, d, n_masks, rate, ridge, iterations, monkeypatch):
    factorised = []
    alone = drawn_masks._Problem.alone
    monkeypatch.setattr(
        drawn_masks._Problem, "alone", lambda p, k: (factorised.append(k), alone(p, k))[1]
    )
    if iterations is not None:
        monkeypatch.setattr(drawn_masks._Problem, "patience", lambda _: iterations)
    X = data(n, d)
    coef, train = by_columns(X, rate, n_masks, ridge, 7)
    model = MaskedRegression(ridge, rate, n_masks, 7).fit(X)
    np.testing.assert_allclose(model.coef_, coef, rtol=0, atol=1e-10 * np.abs(coef).max())
    np.testing.assert_allclose(model.train_error_by_feature_, train, rtol=1e-9, atol=1e-13)
    assert model.train_error_ == pytest.approx(train.mean(), rel=1e-9)
    np.testing.assert_array_equal(model.coef_.diagonal(), 0.0)
    np.testing.assert_allclose(model.transform(X), X @ coef, rtol=0, atol=1e-8)
    assert len(factorised) == (0 if iterations == 400 else d)


def test_masks_drawn_in_a_simulation_give_the_same():
    X = data(40, 15)
    expected = explicit_mask_regression(X, Bernoulli(0.4), 0.05, 5, 3)
    coef = MaskedRegression(0.05, 0.4, 5, 3).fit(X).coef_
    np.testing.assert_allclose(coef, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_large_problems_are_iterated_and_hopeless_ones_factorised(monkeypatch):
    X = AR1(60, 0.7).sample(30, 0)
    steps, apply = [], drawn_masks._Problem.apply

    def counted(problem, vectors, chosen):
        steps.append(chosen.size)
        return apply(problem, vectors, chosen)

    monkeypatch.setattr(drawn_masks._Problem, "apply", counted)
    monkeypatch.setattr(drawn_masks._Problem, "patience", lambda _: 40)
    model = MaskedRegression(0.1, 0.75, 16, 0).fit(X)  # 360 rows for 60 coordinates
    assert 10 < len(steps) <= 40
    assert steps[0] == 60
    assert steps[-1] < 60  # columns that are done take no further part
    coef, _ = by_columns(X, 0.75, 16, 0.1, 0)
    np.testing.assert_allclose(model.coef_, coef, rtol=0, atol=1e-10)
    steps.clear()
    monkeypatch.setattr(drawn_masks._Problem, "patience", lambda _: 25)
    model = MaskedRegression(1e-4, 0.2, 2, 0).fit(X)  # 12 rows for 60 coordinates
    assert len(steps) == 10
    coef, _ = by_columns(X, 0.2, 2, 1e-4, 0)
    np.testing.assert_allclose(model.coef_, coef, rtol=0, atol=1e-9)


def test_patience_is_the_time_of_the_factorisations():
    def patience(n, d, n_masks, rate):
        X, visible = np.zeros((n, d)), np.ones((n_masks, n, d), dtype=bool)
        return drawn_masks._Problem(X, visible, 0.1, np.full(d, n * n_masks * rate)).patience()

    assert patience(30, 50, 4, 0.5) == int((60 * 50**2 + 50**3) / (4 * 120 * 50 + 2 * 50**2))
    assert patience(8, 50, 4, 0.5) == int((16**2 * 50 + 16**3) / (4 * 32 * 50 + 2 * 50**2))


def test_masks_of_a_smaller_number_are_the_first_of_a_larger():
    rng = np.random.default_rng(3)
    few, many = (drawn_masks.draw(K, (20, 6), 0.4, np.random.default_rng(3)) for K in (2, 5))
    np.testing.assert_array_equal(few, many[:2])
    np.testing.assert_array_equal(few[0], Bernoulli(0.4).sample(20, 6, rng))
    X = data(40, 8)
    first, again = (MaskedRegression(0.1, 0.5, 3, 1).fit(X).coef_ for _ in range(2))
    np.testing.assert_array_equal(first, again)
    source = np.random.default_rng(1)
    model = MaskedRegression(0.1, 0.5, 3, source)
    np.testing.assert_array_equal(model.fit(X).coef_, first)
    assert np.abs(model.fit(X).coef_ - first).max() > 1e-3


def test_many_masks_are_the_mean_over_all():
    X = data(60, 8, spread=0.3)
    mean = MaskedRegression(0.1, 0.5).fit(X)
    gaps = [
        np.abs(MaskedRegression(0.1, 0.5, K, 0).fit(X).coef_ - mean.coef_).mean()
        for K in (10, 160, 2560)
    ]
    assert gaps[0] / 3 > gaps[1] > 2.5 * gaps[2]  # a square root of 16 each time
    same = MaskedRegression(0.1, 0.5, np.inf).fit(X)
    np.testing.assert_array_equal(same.coef_, mean.coef_)
    assert same.D_.shape == (8,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("D_", "each feature has a matrix of its own; use n_masks=None"),
        ("loo_error_", "not computed with n_masks"),
        ("gcv_error_by_feature_", "not computed with n_masks"),
    ],
)
def test_what_there_is_not_is_said(name, message):
    X = data(40, 8)
    model = MaskedRegression(0.1, 0.5, 3, 1).fit(X)
    with pytest.raises(AttributeError, match=message):
        getattr(model, name)
    assert not hasattr(model, name)
    assert name not in dir(model)
    assert "train_error_" in dir(model)
    with pytest.raises(ValueError, match="hold samples out"):
        model.loo_residuals(X)


def test_bad_settings_are_refused_before_any_work():
    X = data(40, 8)
    for rate in (None, 0.0):
        with pytest.raises(ValueError, match="mask_rate must be positive for n_masks = 3"):
            MaskedRegression(0.1, rate, 3, 0).fit(X)
    for number in (0, 2.5, True):
        with pytest.raises(ValueError, match="n_masks must be an integer of at least 1"):
            MaskedRegression(0.1, 0.5, number, 0).fit(X)
    for rng in (None, "seed", np.random):
        with pytest.raises(ValueError, match=r"rng must be a .*Generator or an integer seed"):
            MaskedRegression(0.1, 0.5, 3, rng).fit(X)
    MaskedRegression(0.1, 0.5, None, "unused").fit(X)


def test_masks_that_leave_nothing_are_refused():
    X = data(6, 8)
    with pytest.raises(ValueError, match=r"no mask hides features \[.*use a larger n_masks"):
        MaskedRegression(0.1, 0.05, 1, 0).fit(X)
    with pytest.raises(ValueError, match="ridge must be positive here: 3 masks hide feature"):
        MaskedRegression(0.0, 0.4, 2, 0).fit(X)
    silent = data(50, 4)
    silent[:, 3] = 0.0
    with pytest.raises(ValueError, match="are zero in every sample"):
        MaskedRegression(0.0, 0.5, 2, 0).fit(silent)
    with pytest.raises(ValueError, match="squares of X overflow"):
        MaskedRegression(0.1, 0.5, 2, 0).fit(1e200 * X)


def test_a_singular_problem_is_named():
    X = np.ones((1, 3)) * data(50, 1)
    X[:, 2] = 0.0
    X[0] = 0.0
    X[0, 2] = 1.0  # seen in one row, where the masks may hide it from others
    with pytest.raises(ValueError, match="singular to working precision; use a larger ridge"):
        MaskedRegression(0.0, 0.9, 1, 1).fit(X)


def test_units_of_features_do_not_matter():
    X = data(60, 20, spread=0.0)
    units = 10.0 ** np.linspace(-4, 4, 20)
    plain = MaskedRegression(0.0, 0.5, 8, 0).fit(X)
    scaled = MaskedRegression(0.0, 0.5, 8, 0).fit(X * units)
    coef = scaled.coef_ * units[:, None] / units
    np.testing.assert_allclose(coef, plain.coef_, rtol=0, atol=1e-10)


def test_one_feature_is_predicted_by_nothing():
    model = MaskedRegression(0.1, 0.5, 2, 0).fit(data(10, 1))
    np.testing.assert_array_equal(model.coef_, [[0.0]])


def exactly(X, rate, n_masks, ridge, seed):
    """What `by_columns` returns, with many digits."""
    rng, (n, d) = np.random.default_rng(seed), X.shape
    visible = np.concatenate([Bernoulli(rate).sample(n, d, rng) for _ in range(n_masks)])
    targets = np.tile(X, (n_masks, 1))
    coef, train = np.zeros((d, d)), np.zeros(d)
    with localcontext(prec=120):
        for k in range(d):
            hidden, others = ~visible[:, k], np.arange(d) != k
            z = decimals((targets * visible)[hidden][:, others])
            y = decimals(targets[hidden, k][:, None])
            matrix = gram(z, z)
            for j in range(d - 1):
                matrix[j][j] += len(y) * Decimal(ridge)
            a = solve(matrix, gram(z, y))
            missed = [
                own - sum((p * q[0] for p, q in zip(row, a, strict=True)), Decimal(0))
                for row, (own,) in zip(z, y, strict=True)
            ]
            coef[others, k] = [float(value) for (value,) in a]
            train[k] = float(sum(value**2 for value in missed) / len(y))
    return coef, train


def promised(caught, what):
    """Largest relative error that the warnings allow."""
    allowed = 1e-6
    for each in caught:
        found = re.match(
            rf"{what} hold (?:about (\d+) digits|(one digit)|no digit),", str(each.message)
        )
        if found:
            allowed = 10.0 ** -(int(found[1]) if found[1] else bool(found[2]))
            allowed = np.inf if allowed == 1.0 else 10.0 * allowed
    return allowed


def assert_right(X, rate, n_masks, ridge, seed):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = MaskedRegression(ridge, rate, n_masks, seed).fit(X)
        train = model.train_error_by_feature_
    coef, expected = exactly(X, rate, n_masks, ridge, seed)
    # Predictions of a feature, in units of the features that it is made of.
    sizes = np.abs(X).max(axis=0)[:, None]
    wrong, felt = (
        np.max(np.abs(model.coef_ - coef) * sizes, axis=0),
        np.max(np.abs(coef) * sizes, 0),
    )
    assert np.all(wrong <= promised(caught, "coef_") * felt)
    assert np.all(np.abs(train - expected) <= promised(caught, "training errors") * expected)


@pytest.mark.parametrize("exponent", [2, 5, 6, 7, 8, 10])
@pytest.mark.parametrize("loud", ["row", "feature", "two features", "row and feature"])
@pytest.mark.parametrize("shape", [(12, 5), (4, 9)])
def test_loud_rows_and_features_keep_the_digits_of_the_others(shape, loud, exponent):
    X = data(*shape)
    if "row" in loud:
        X[1] *= 10.0**exponent
    if "feature" in loud:
        X[:, -1 if loud != "two features" else slice(-2, None)] *= 10.0**exponent
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        assert_right(X, 0.5, 4, 0.1, 3)


def test_wild_data_are_right_or_warned_of_or_refused():
    rng, seen, refusals = np.random.default_rng(0), 0, []
    for seed in range(150):
        n, d = rng.integers(3, 10, 2)
        X = rng.standard_normal((n, d))
        X *= 10.0 ** (rng.integers(-8, 9, (n, 1)) * rng.integers(2))
        X *= 10.0 ** (rng.integers(-8, 9, d) * rng.integers(2))
        if rng.integers(3) == 0:
            X[:, -1] = X[:, 0] + 10.0 ** -rng.integers(2, 13) * X[:, -1]
        try:
            assert_right(X, 0.6, 3, 10.0 ** float(rng.integers(-12, 9)), seed)
            seen += 1
        except ValueError as error:
            refusals.append(str(error))
    assert seen > 100
    assert all(re.search("no mask hides|singular to working", refusal) for refusal in refusals)


def test_few_digits_are_said():
    X = data(40, 3)
    X[:, 2] = X[:, 0] + 1e-10 * X[:, 2]  # no mask that hides feature 1 hides one of them
    with pytest.warns(AccuracyWarning, match=r"coef_ hold about \d digits"):
        MaskedRegression(1e-25, 0.1, 1, 2).fit(X)


@pytest.mark.long
@pytest.mark.parametrize("rate", [0.15, 0.5, 0.75])
def test_a_thousand_features(rate):
    """Minutes on two cores at most; `make bench` tells the seconds."""
    X = AR1(1000, 0.7).sample(1500, 0)
    model = MaskedRegression(0.1, rate, 8, 0).fit(X)
    rng = np.random.default_rng(0)
    visible = np.concatenate([Bernoulli(rate).sample(1500, 1000, rng) for _ in range(8)])
    for k in (0, 500, 999):
        hidden = ~visible[:, k]
        z, y = (np.tile(X, (8, 1)) * visible)[hidden], np.tile(X[:, k], 8)[hidden]
        gram = z.T @ z / len(y) + 0.1 * np.eye(1000)
        expected = np.linalg.solve(gram, z.T @ y / len(y))
        np.testing.assert_allclose(model.coef_[:, k], expected, rtol=0, atol=1e-10)
