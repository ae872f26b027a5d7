"""The estimators against brute force over shapes, scales of rows and columns, and penalties.

The data are few and wild: whatever a reader may feed in, an answer is right to six digits, or a
warning says how many digits hold and they do, or a refusal is true. Thousands more behind `long`.
"""

import re
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV

from mssl.estimation import estimate_effective_ridge, estimate_risk
from mssl.exceptions import AccuracyWarning
from mssl.regression import MaskedRegression, MaskedRegressionCV
from tests.oracles import Exact, refits, with_mpmath

ENOUGH = 1e-6


# What may be claimed ----------------------------------------------------------------------------


def distance(found, expected):
    """Of each column in units of its largest entry; a vector is a row of numbers."""
    found, expected = np.atleast_2d(found), np.atleast_2d(expected)
    size = np.abs(expected).max(axis=0)
    gap = np.abs(found - expected).max(axis=0)
    return float(np.max(np.where(gap == 0.0, 0.0, gap / np.where(size > 0.0, size, 1e-300))))


def promised(caught):
    """The relative error that the warnings allow; 1e-6 when there are none."""
    allowed = ENOUGH
    for each in caught:
        assert issubclass(each.category, AccuracyWarning), each.message
        text = str(each.message)
        count = re.search(r"hold (?:about (\d+) digits|one digit|no digit),", text)
        assert count, text
        digits = int(count[1] or ("one digit" in count[0]))
        allowed = max(allowed, 10.0**-digits if digits else np.inf)
    return allowed


def silent(call):
    """The result of a call and what its warnings allow."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, promised([w for w in caught if "end of the grid" not in str(w.message)])


def last_digits_matter(X, ridge, rate, quantity):
    """Whether the quantity changes by more than a hundredth when the last digits of X do."""
    reference = None
    for seed in range(4):
        shaken = X * (
            1 + 8 * np.finfo(float).eps * np.random.default_rng(seed).uniform(-1, 1, X.shape)
        )
        try:
            value = quantity(Exact(shaken, ridge, rate))
        except ZeroDivisionError:
            return True
        if not np.isfinite(value).all():
            return True
        reference = value if reference is None else reference
        if distance(value, reference) > 1e-2:
            return True
    return False


# Wild data --------------------------------------------------------------------------------------


def wild(seed, n, d, row_decades, column_decades, kind):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if kind == "sparse":
        X[rng.random((n, d)) < 0.4] = 0.0
    if kind == "near" and d > 1:
        X[:, 0] = X[:, -1] + 10.0 ** rng.uniform(-9, -2) * X[:, 0]
    if kind == "near rows":
        X[0] = X[-1] + 10.0 ** rng.uniform(-9, -2) * X[0]
    if kind == "factor":
        X += 10.0 ** rng.uniform(1, 4) * rng.standard_normal((n, 1))
    rows, columns = np.ones(n), np.ones(d)
    loud = slice(None) if kind != "few" else slice(0, 2)
    rows[loud] = 10.0 ** rng.uniform(-row_decades, row_decades, n)[loud]
    columns[loud] = 10.0 ** rng.uniform(-column_decades, column_decades, d)[loud]
    return X * rows[:, None] * columns


KINDS = ["plain", "few", "sparse", "near", "near rows", "factor"]
CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "n": st.integers(2, 12),
    "d": st.integers(2, 12),
    "row_decades": st.sampled_from([0, 0, 2, 5, 8]),
    "column_decades": st.sampled_from([0, 0, 2, 5, 8]),
    "kind": st.sampled_from(KINDS),
    "exponent": st.one_of(st.floats(-12, 8), st.none()),
}


def check_fit(X, ridge, rate):
    """Everything that MaskedRegression says, against `Exact`."""
    exact = Exact(X, ridge, rate)
    try:
        model, allowed = silent(lambda: MaskedRegression(ridge, rate).fit(X))
    except ValueError as error:
        check_refusal(str(error), X, ridge, rate)
        return
    sizes = np.sqrt(np.mean(X**2, axis=0))
    new = np.random.default_rng(1).standard_normal((3, X.shape[1])) * np.where(sizes > 0, sizes, 1)
    truth = exact.predictions(new)
    coef = model.coef_
    assert np.all(coef.diagonal() == 0.0)
    assert distance(model.D_[None], exact.D[None]) <= allowed
    # What is nothing beside the feature is noise of the data: a product of independent columns.
    nothing = 1e-7 * sizes
    effects, expected = coef * sizes[:, None], exact.coef * sizes[:, None]
    gap = np.abs(effects - expected).max(axis=0)
    assert np.all(gap <= allowed * np.maximum(np.abs(expected).max(axis=0), nothing))
    seen = np.abs(expected).max(axis=0) > nothing
    if seen.any():
        assert distance(coef[:, seen], exact.coef[:, seen]) <= allowed
    for predicted in (model.predict(new), model.transform(new), new - model.residual(new)):
        gap = np.abs(predicted - truth).max(axis=0)
        rounding = 4 * np.finfo(float).eps * np.abs(new).max(axis=0)
        assert np.all(gap <= allowed * np.maximum(np.abs(truth).max(axis=0), nothing) + rounding)
    scored = exact.score(new)
    assert abs(model.score(new) - scored) <= 10 * allowed * max(abs(scored), 1.0)
    train, allowed_train = silent(lambda: model.train_error_by_feature_)
    assert distance(train[None], exact.train[None]) <= max(allowed, allowed_train)
    if not rate:
        gcv, allowed_gcv = silent(lambda: model.gcv_error_by_feature_)
        assert distance(gcv[None], exact.gcv[None]) <= max(allowed, allowed_gcv)
        check_left_out(model, exact, allowed)


def check_left_out(model, exact, allowed):
    X, truth = exact.X, exact.left_out
    try:
        left_out, allowed_loo = silent(lambda: model.loo_residuals(X))
        errors, _ = silent(lambda: model.loo_error_by_feature_)
    except ValueError as error:
        (k,) = re.findall(
            r"leave-one-out is undefined.*feature (\d+) is singular to working precision",
            str(error),
        )
        assert last_digits_matter(X, exact.ridge, 0.0, lambda e: e.left_out[:, [int(k)]])
        return
    assert np.isfinite(truth).all()
    allowed = max(allowed, allowed_loo)
    assert distance(left_out, truth) <= allowed
    assert distance(errors[None], np.mean(truth**2, axis=0)[None]) <= 2 * allowed


def check_refusal(text, X, ridge, rate):
    """A sentence that refuses must be true."""
    if "are zero in every sample" in text or "Features" in text:
        assert not X.any(axis=0).all()
    elif "= 0 makes" in text:
        assert ridge == 0.0
        assert len(X) <= X.shape[1]
    else:
        assert "singular to working precision" in text
        assert last_digits_matter(X, ridge, rate, lambda e: np.c_[e.D, e.predictions(np.eye(e.d))])


def penalty(exponent):
    return 0.0 if exponent is None else 10.0**exponent


def one_fit(exponent, rate, **case):
    check_fit(wild(**case), penalty(exponent), rate)


def one_path(exponent, second, **case):
    """Two ridges at once, and what `mssl.estimation` says of the first."""
    X, ridge = wild(**case), penalty(exponent)
    ridges = [ridge, 10.0**second]
    try:
        path, allowed = silent(lambda: MaskedRegressionCV(ridges).fit(X))
    except ValueError as error:
        if "leave-one-out is undefined" in str(error):
            assert any(last_digits_matter(X, each, 0.0, lambda e: e.left_out) for each in ridges)
        else:
            at = re.search(r"at ridge = (\S+) of ridges", str(error))
            check_refusal(str(error), X, float(at[1]) if at else min(ridges), 0.0)
        return
    for j, each in enumerate(ridges):
        exact = Exact(X, each)
        by_feature = np.mean(exact.left_out**2, axis=0)
        assert distance(path.loo_errors_by_feature_[j][None], by_feature[None]) <= 2 * allowed
        assert path.loo_errors_[j] == pytest.approx(by_feature.mean(), rel=2 * allowed)
        assert path.train_errors_[j] == pytest.approx(exact.train.mean(), rel=2 * allowed)
        assert path.gcv_errors_[j] == pytest.approx(exact.gcv.mean(), rel=2 * allowed)


def one_estimate(exponent, **case):
    X, ridge = wild(**case), 10.0 ** (0.0 if exponent is None else exponent)
    exact = Exact(X, ridge)
    n = len(X)
    df1, df2, kappa, inflation = exact.spectral
    try:
        risk, allowed = silent(lambda: estimate_risk(X, ridge))
        found, allowed_ridge = silent(lambda: estimate_effective_ridge(X, ridge))
    except ValueError as error:
        if "leave-one-out is undefined" in str(error):
            assert last_digits_matter(X, ridge, 0.0, lambda e: e.left_out)
        else:
            check_refusal(str(error), X, ridge, 0.0)
        return
    squares = exact.left_out**2
    losses = squares.mean(axis=1)

    def near(value, truth, rel=2 * allowed):
        return value == pytest.approx(truth, rel=rel, abs=0)

    assert near(risk.loo_error[0], losses.mean())
    assert near(risk.gcv_error[0], exact.gcv.mean())
    assert near(risk.train_error[0], exact.train.mean())
    assert distance(risk.loo_error_by_coordinate, squares.mean(axis=0)[None]) <= 2 * allowed
    assert near(risk.inflation[0], inflation)
    spread = losses.std(ddof=1) / np.sqrt(n)
    assert near(risk.loo_standard_error[0], inflation * spread, 2 * allowed * losses.max() / spread)
    zeta = np.array([float(z) for z in exact.zeta])
    share = zeta / (1.0 + zeta)
    assert distance(found.scales[None], (zeta / zeta.mean())[None]) <= 2 * allowed_ridge
    for value, truth in (
        (found.df1, df1),
        (found.df2, df2),
        (found.delta, zeta.mean()),
        (found.kappa, ridge * zeta.mean() / share.mean()),
        (found.kappa_equal_scales, kappa),
    ):
        assert near(value, truth, 2 * allowed_ridge)


@settings(max_examples=60, deadline=None, derandomize=True)
@example(
    seed=21499,
    n=5,
    d=5,
    row_decades=0,
    column_decades=0,
    kind="sparse",
    exponent=-11.663477827770667,
    rate=0.0,
)
@example(
    seed=262142, n=11, d=9, row_decades=2, column_decades=5, kind="near", exponent=1.0, rate=0.0
)
@given(rate=st.sampled_from([0.0, 0.0, 0.1, 0.6]), **CASES)
def test_fits(**case):
    one_fit(**case)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(second=st.floats(-12, 8), **CASES)
def test_paths(**case):
    one_path(**case)


@settings(max_examples=60, deadline=None, derandomize=True)
@example(
    seed=5945, n=6, d=9, row_decades=8, column_decades=0, kind="plain", exponent=3.8219834681873266
)
@example(
    seed=6494,
    n=5,
    d=7,
    row_decades=5,
    column_decades=0,
    kind="near rows",
    exponent=-4.561079051179352,
)
@example(seed=564, n=4, d=4, row_decades=0, column_decades=8, kind="plain", exponent=None)
@given(**CASES)
def test_estimates(**case):
    one_estimate(**case)


@pytest.mark.long
@settings(max_examples=4000, deadline=None, derandomize=True)
@given(rate=st.sampled_from([0.0, 0.0, 0.1, 0.6]), **CASES)
def test_thousands_of_fits(**case):
    one_fit(**case)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(second=st.floats(-12, 8), **CASES)
def test_thousands_of_paths(**case):
    one_path(**case)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(**CASES)
def test_thousands_of_estimates(**case):
    one_estimate(**case)


# The oracles themselves, and others' --------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(9, 5), (5, 9), (6, 6), (2, 3), (4, 2)])
def test_the_oracles_agree(n, d):
    X, ridge = wild(n, n, d, 2, 2, "plain"), 0.1
    exact = Exact(X, ridge)
    coef, left_out = refits(X, ridge)
    assert distance(coef, exact.coef) < 1e-9
    assert distance(left_out, exact.left_out) < 1e-9
    assert distance(with_mpmath(X, ridge), exact.coef) < 1e-14


@pytest.mark.parametrize(("n", "d"), [(40, 6), (6, 40), (30, 30)])
@pytest.mark.parametrize("loud", ["row", "column", "nothing"])
def test_scikit_learn_agrees_column_by_column(n, d, loud):
    X, ridge = wild(3, n, d, 0, 0, "plain"), 0.05
    if loud == "row":
        X[:2] *= 3e3
    if loud == "column":
        X[:, :2] *= 3e3
    model = MaskedRegression(ridge).fit(X)
    path, _ = silent(lambda: MaskedRegressionCV([ridge, 1.0]).fit(X))
    new = wild(4, 5, d, 0, 0, "plain") * np.abs(X).max(axis=0)
    coef, predicted = model.coef_, model.predict(new)
    for k in range(0, d, 3):
        others = np.arange(d) != k
        peer = Ridge(alpha=n * ridge, fit_intercept=False, solver="svd")
        peer.fit(X[:, others], X[:, k])
        np.testing.assert_allclose(
            coef[others, k], peer.coef_, atol=1e-7 * np.abs(peer.coef_).max()
        )
        expected = peer.predict(new[:, others])
        np.testing.assert_allclose(predicted[:, k], expected, atol=1e-6 * np.abs(expected).max())
        cv = RidgeCV(
            alphas=[n * ridge, n * 1.0], fit_intercept=False, gcv_mode="svd", store_cv_results=True
        ).fit(X[:, others], X[:, k])
        error = cv.cv_results_.reshape(n, 2).mean(axis=0)
        assert model.loo_error_by_feature_[k] == pytest.approx(error[0], rel=1e-6)
        np.testing.assert_allclose(path.loo_errors_by_feature_[:, k], error, rtol=1e-6)
