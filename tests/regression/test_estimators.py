"""Masked regression against explicit fits, explicit refits, other routes and other packages."""

import inspect
import pickle
import re
import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_sample_images
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mssl.exceptions import AccuracyWarning
from mssl.masks import Exactly
from mssl.regression import (
    MaskedRegression,
    MaskedRegressionCV,
    blas,
    exchange,
    masked_regression,
    solutions,
)
from tests.oracles import Exact

SHAPES = [(60, 20), (21, 20), (20, 20), (15, 30), (2, 7), (9, 1)]


def data(n, d, seed=0):
    """Correlated features of unequal variance."""
    rng = np.random.default_rng([seed, n, d])
    mixing = np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d)
    return rng.standard_normal((n, d)) @ mixing * np.exp(rng.normal(0, 0.3, d))


def explicit(X, ridge):
    """A by the definition: one scikit-learn Ridge a feature."""
    n, d = X.shape
    A = np.zeros((d, d))
    for k in range(d) if d > 1 else ():
        others = np.arange(d) != k
        model = Ridge(alpha=n * ridge, fit_intercept=False, solver="cholesky")
        A[others, k] = model.fit(X[:, others], X[:, k]).coef_
    return A


def explicit_masked(X, ridge, mask_rate):
    """A of the objective averaged over masks, from its normal equations, feature by feature."""
    n, d = X.shape
    q = 1 - mask_rate
    S = X.T @ X / n
    second_moment = q**2 * S + q * (1 - q) * np.diag(S.diagonal())  # of the masked rows
    A = np.zeros((d, d))
    for k in range(d):
        o = np.flatnonzero(np.arange(d) != k)
        penalised = second_moment[np.ix_(o, o)] + ridge * np.eye(d - 1)
        A[o, k] = np.linalg.solve(penalised, q * S[o, k])
    return A


def refits(X, ridge):
    """Leave-one-out by n explicit refits; the penalty n ridge of the sum of squares stays."""
    n = len(X)
    residuals = np.empty_like(X)
    for i in range(n):
        A = explicit(np.delete(X, i, axis=0), ridge * n / (n - 1))
        residuals[i] = X[i] - X[i] @ A
    return residuals


# The estimator --------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("ridge", [0.01, 1.0, 30.0])
def test_equals_separate_ridge_fits(n, d, ridge):
    X = data(n, d)
    model = MaskedRegression(ridge).fit(X)
    A = explicit(X, ridge)
    np.testing.assert_allclose(model.coef_, A, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.coef_.diagonal(), 0.0)
    new = data(11, d, seed=5)
    np.testing.assert_allclose(model.transform(new), new @ A, rtol=0, atol=1e-11)
    np.testing.assert_allclose(model.residual(new), new - new @ A, rtol=0, atol=1e-11)
    assert model.score(new) == pytest.approx(1 - np.sum((new - new @ A) ** 2) / np.sum(new**2))
    train = np.mean((X - X @ A) ** 2, axis=0)
    np.testing.assert_allclose(model.train_error_by_feature_, train, rtol=1e-9)
    assert model.train_error_ == pytest.approx(train.mean(), rel=1e-10)


def test_ridgeless_equals_least_squares():
    X = data(50, 12)
    A = MaskedRegression(0.0).fit(X).coef_
    for k in range(12):
        others = np.arange(12) != k
        expected = np.linalg.lstsq(X[:, others], X[:, k], rcond=None)[0]
        np.testing.assert_allclose(A[others, k], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mask_rate", [None, 0.3])
@pytest.mark.parametrize(("n", "d"), [(15, 30), (30, 31), (40, 300)])
def test_dual_equals_primal(n, d, mask_rate):
    X = data(n, d)
    keep = 1.0 if mask_rate is None else 1 - mask_rate
    primal = solutions._Primal.solve(X, 0.2, keep)
    dual = solutions._Dual.solve(X, 0.2, keep)
    np.testing.assert_allclose(dual.coef, primal.coef, rtol=0, atol=1e-12)
    np.testing.assert_allclose(dual.D, primal.D, rtol=1e-11)
    new = data(6, d, seed=1)
    np.testing.assert_allclose(dual.transform(new), primal.transform(new), rtol=0, atol=1e-11)
    names = ("train",) if mask_rate else ("train", "loo", "gcv")
    for name in names:
        ours, other = getattr(dual.errors, name), getattr(primal.errors, name)
        np.testing.assert_allclose(ours, other, rtol=1e-9, err_msg=name)


def test_orientation_and_symmetrised_form():
    X = data(80, 6)
    model = MaskedRegression(0.1).fit(X)
    A, D = model.coef_, model.D_
    np.testing.assert_allclose(np.linalg.inv(X.T @ X / 80 + 0.1 * np.eye(6)).diagonal(), D)
    assert np.abs(A - A.T).max() > 1e-3
    symmetric = A * np.sqrt(D) / np.sqrt(D)[:, None]  # I - D^-1/2 Q D^-1/2
    np.testing.assert_allclose(symmetric, symmetric.T, rtol=0, atol=1e-13)
    other = A / np.sqrt(D) * np.sqrt(D)[:, None]  # I - D^1/2 Q D^-3/2
    assert np.abs(other - other.T).max() > 1e-3


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(2, 25),
    d=st.integers(2, 25),
    ridge=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_laws(n, d, ridge, seed):
    X = data(n, d, seed)
    model = MaskedRegression(ridge).fit(X)
    A = model.coef_
    # Normal equations: off the diagonal X'(X - XA)/n = ridge A, on it 1/D - ridge.
    gradient = X.T @ (X - X @ A) / n - ridge * A
    np.testing.assert_allclose(
        gradient, np.diag(1 / model.D_ - ridge), rtol=0, atol=1e-10 * (1 + ridge)
    )
    # Reordering features reorders A; scaling X by c is scaling the ridge by 1/c^2.
    order = np.random.default_rng(seed).permutation(d)
    permuted = MaskedRegression(ridge).fit(X[:, order]).coef_
    np.testing.assert_allclose(permuted, A[np.ix_(order, order)], rtol=0, atol=1e-11)
    scaled = MaskedRegression(9 * ridge).fit(3 * X).coef_
    np.testing.assert_allclose(scaled, A, rtol=0, atol=1e-11)
    # A is shorter, and the training error larger, at a larger ridge; LOO exceeds training.
    stronger = MaskedRegression(2 * ridge).fit(X)
    assert np.linalg.norm(stronger.coef_) <= np.linalg.norm(A) * (1 + 1e-12)
    assert stronger.train_error_ >= model.train_error_ * (1 - 1e-9)
    assert np.all(model.loo_error_by_feature_ >= model.train_error_by_feature_ * (1 - 1e-9))
    # The eigenvalues of A are real, below 1, and sum to 0.
    eigenvalues = np.linalg.eigvals(A)
    assert np.abs(eigenvalues.imag).max() < 1e-7
    assert eigenvalues.real.max() < 1
    assert abs(eigenvalues.sum()) < 1e-8 * d


# Leave-one-out ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("ridge", [0.02, 0.5])
def test_leave_one_out_equals_refits(n, d, ridge):
    X = data(n, d, seed=2)
    model = MaskedRegression(ridge).fit(X)
    expected = refits(X, ridge)
    np.testing.assert_allclose(model.loo_residuals(X), expected, rtol=0, atol=1e-10)
    by_feature = np.mean(expected**2, axis=0)
    np.testing.assert_allclose(model.loo_error_by_feature_, by_feature, rtol=1e-10)
    assert model.loo_error_ == pytest.approx(by_feature.mean(), rel=1e-11)


def test_leave_one_out_of_tiny_ridges_stays_exact():
    """In the dual no difference of nearly equal numbers appears; the limit is min-norm."""
    X = data(12, 30)
    model = MaskedRegression(1e-13).fit(X)
    expected = np.empty_like(X)
    for i in range(12):
        rest = np.delete(X, i, axis=0)
        for k in range(30):
            others = np.arange(30) != k
            a = np.linalg.pinv(rest[:, others]) @ rest[:, k]
            expected[i, k] = X[i, k] - X[i, others] @ a
    np.testing.assert_allclose(model.loo_residuals(X), expected, rtol=0, atol=1e-9)


def test_chunks_do_not_matter(monkeypatch):
    X = data(50, 8)
    whole = MaskedRegression(0.1).fit(X)
    expected, left_out = whole.loo_error_by_feature_, whole.loo_residuals(X)
    monkeypatch.setattr(blas, "_CHUNK", 24)  # three rows at a time, the last block of two
    monkeypatch.setattr(blas, "_BLOCK", 3)
    monkeypatch.setattr(solutions, "_BLOCK", 3)
    pieces = MaskedRegression(0.1).fit(X)
    np.testing.assert_allclose(pieces.coef_, whole.coef_, rtol=0, atol=1e-15)
    np.testing.assert_allclose(pieces.loo_error_by_feature_, expected, rtol=1e-13)
    np.testing.assert_allclose(pieces.loo_residuals(X), left_out, rtol=0, atol=1e-13)
    dual = data(7, 10)
    dual_pieces = MaskedRegression(0.1).fit(dual)
    np.testing.assert_allclose(dual_pieces.coef_, explicit(dual, 0.1), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_gcv_replaces_each_leverage_by_its_mean(n, d):
    X = data(n, d)
    ridge = 0.3
    model = MaskedRegression(ridge).fit(X)
    gcv = np.empty(d)
    for k in range(d):
        Z = np.delete(X, k, axis=1)
        hat = Z @ np.linalg.solve(Z.T @ Z + n * ridge * np.eye(d - 1), Z.T)
        residual = X[:, k] - hat @ X[:, k]
        gcv[k] = np.mean(residual**2) / (1 - np.trace(hat) / n) ** 2
    np.testing.assert_allclose(model.gcv_error_by_feature_, gcv, rtol=1e-10)
    assert model.gcv_error_ == pytest.approx(gcv.mean(), rel=1e-11)


def test_leave_one_out_wants_the_training_data():
    X = data(30, 5)
    model = MaskedRegression(0.1).fit(X)
    model.loo_residuals(X.tolist())
    for other in (X[::-1], X[:-1], X + 1e-9):
        with pytest.raises(ValueError, match="needs the data of the fit"):
            model.loo_residuals(other)


def test_leave_one_out_notices_data_changed_in_place():
    X = data(30, 5)
    model = MaskedRegression(0.1).fit(X)
    X *= 2
    for call in (lambda: model.loo_residuals(X), lambda: model.loo_error_):
        with pytest.raises(ValueError, match="changed in place"):
            call()


def shuffle_column(X):
    X[:, 1] = X[::-1, 1].copy()


def flip_column(X):
    X[:, 2] *= -1.0


def exchange_rows(X):
    X[[0, 1]] = X[[1, 0]]


def nudge_a_small_entry(X):
    X[3, 0] += 1e-9 * np.abs(X[3, 0])


@pytest.mark.parametrize(
    "change",
    [
        shuffle_column,
        flip_column,
        exchange_rows,
        nudge_a_small_entry,
        lambda X: np.abs(X, out=X),
        lambda X: np.negative(X, out=X),
        lambda X: X.fill(np.nan),
        lambda X: X.fill(1e300),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_errors_notice_any_change_of_the_data(change, order):
    """At column sizes from 1e-6 to 1e6, in which sums of squares of columns may stay."""
    X = np.asarray(data(30, 5) * 10.0 ** np.arange(-6, 7, 3), order=order)
    copy, model = X.copy(order="K"), MaskedRegression(1e-14).fit(X)
    before = model.transform(copy)
    change(X)
    calls = (lambda: model.loo_error_, lambda: model.loo_residuals(copy))
    for call in calls if np.isfinite(X).all() else calls[:1]:
        with pytest.raises(ValueError, match="changed in place"):
            call()
    np.testing.assert_array_equal(model.transform(copy), before)
    X[...] = copy
    assert model.loo_error_ == MaskedRegression(1e-14).fit(copy).loo_error_


@pytest.mark.parametrize("shape", [(2000, 3), (300, 200), (41, 40)])
def test_unchanged_data_are_never_called_changed(shape):
    X = data(*shape) * 10.0 ** np.random.default_rng(0).uniform(-8, 8, shape[1])
    for order in "CF":
        model = MaskedRegression(1e-20).fit(np.asarray(X, order=order))
        solution = pickle.loads(pickle.dumps(model))._solution
        object.__setattr__(solution, "X", X)  # other sums, of the same numbers
        solution.check_unchanged()


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
@pytest.mark.parametrize("mask_rate", [None, 0.3])
@pytest.mark.parametrize("frame", [False, True])
def test_predictions_do_not_change_with_the_data_of_the_fit(shape, mask_rate, frame):
    X, new = data(*shape), data(5, shape[1], seed=1)
    rows = X.copy()
    given = pytest.importorskip("pandas").DataFrame(rows, copy=False) if frame else rows
    reference = MaskedRegression(0.2, mask_rate).fit(X)
    models = [MaskedRegression(0.2, mask_rate).fit(given)]
    if mask_rate is None:
        models.append(MaskedRegressionCV([0.2]).fit(given))
    if frame:
        given -= 5.0
        new = type(given)(new)
    rows -= 5.0
    for model in models:
        np.testing.assert_array_equal(model.transform(new), reference.transform(new))
        np.testing.assert_array_equal(model.coef_, reference.coef_)
        assert model.score(new) == reference.score(new)
        if shape[0] < shape[1]:
            assert model.train_error_ == reference.train_error_


def test_leave_one_out_refuses_a_singular_remainder():
    X = np.vstack([np.c_[data(20, 3), np.zeros(20)], [[0.3, -1.0, 0.5, 2.0]]])
    model = MaskedRegression(0.0).fit(X)  # only the last row says anything about feature 3
    with pytest.raises(ValueError, match="leave-one-out is undefined"):
        model.loo_residuals(X)
    with pytest.raises(ValueError, match="leave-one-out is undefined"):
        _ = model.loo_error_
    assert np.isfinite(model.gcv_error_)
    np.testing.assert_allclose(MaskedRegression(0.1).fit(X).loo_residuals(X), refits(X, 0.1))


# Mask rate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(60, 12), (8, 20)])
@pytest.mark.parametrize("mask_rate", [0.1, 0.75])
@pytest.mark.parametrize("ridge", [0.0, 0.4])
def test_mask_rate_solves_the_average_over_masks(n, d, mask_rate, ridge):
    X = data(n, d)
    model = MaskedRegression(ridge, mask_rate).fit(X)
    A = explicit_masked(X, ridge, mask_rate)
    np.testing.assert_allclose(model.coef_, A, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(model.coef_.diagonal(), 0.0)
    np.testing.assert_allclose(model.transform(X), X @ A, rtol=0, atol=1e-11)


def test_mask_rate_training_error_is_the_mean_over_all_masks():
    """All 2^5 masks, each with its probability."""
    X, mask_rate = data(40, 5), 0.35
    model = MaskedRegression(0.2, mask_rate).fit(X)
    error = np.zeros(5)
    for bits in range(2**5):
        visible = np.array([bits >> j & 1 for j in range(5)])
        probability = np.prod(np.where(visible, 1 - mask_rate, mask_rate))
        error += probability * np.mean((X - (X * visible) @ model.coef_) ** 2, axis=0)
    np.testing.assert_allclose(model.train_error_by_feature_, error, rtol=1e-12)


def test_small_mask_rate_tends_to_one_coordinate_at_a_time():
    X = data(40, 5)
    masked = MaskedRegression(0.2, 1e-9).fit(X)
    np.testing.assert_allclose(masked.coef_, MaskedRegression(0.2).fit(X).coef_, atol=1e-8)


def test_mask_rate_of_zero_is_none():
    X = data(40, 5)
    none, zero = MaskedRegression(0.2).fit(X), MaskedRegression(0.2, 0.0).fit(X)
    np.testing.assert_array_equal(zero.coef_, none.coef_)
    assert zero.loo_error_ == none.loo_error_


def test_mask_rate_has_no_leave_one_out():
    X = data(40, 5)
    model = MaskedRegression(0.2, 0.5).fit(X)
    with pytest.raises(ValueError, match="no closed form with a mask_rate"):
        model.loo_residuals(X)
    for name in ("loo_error_", "gcv_error_", "loo_error_by_feature_", "gcv_error_by_feature_"):
        assert not hasattr(model, name)


# Rows and columns of very unequal size, and nearly singular data ---------------------------------


def relative(found, expected):
    """Largest distance of each column in units of its largest entry."""
    size = np.abs(expected).max(axis=0)
    return np.max(np.abs(found - expected).max(axis=0) / size)


@pytest.mark.parametrize("mask_rate", [0.0, 0.4])
@pytest.mark.parametrize("factor", [1.0, 1e2, 1e4, 1e6, 1e8, 1e11])
@pytest.mark.parametrize("loud", [[3], [0, 5], [1, 2, 6, 9]])
def test_fewer_rows_than_columns_with_loud_features(loud, factor, mask_rate):
    X, new = data(7, 12), data(4, 12, seed=1)
    X[:, loud] *= factor
    new[:, loud] *= factor
    model, exact = MaskedRegression(0.02, mask_rate).fit(X), Exact(X, 0.02, mask_rate)
    assert relative(model.predict(new), exact.predictions(new)) < 1e-9
    assert relative(model.coef_, exact.coef) < 1e-9
    np.testing.assert_allclose(model.D_, exact.D, rtol=1e-9)
    np.testing.assert_allclose(model.train_error_by_feature_, exact.train, rtol=1e-9)
    if not mask_rate:
        assert relative(model.loo_residuals(X), exact.left_out) < 1e-9
        np.testing.assert_allclose(model.gcv_error_by_feature_, exact.gcv, rtol=1e-9)
        path = MaskedRegressionCV([0.02]).fit(X)
        by_feature = np.mean(exact.left_out**2, axis=0)
        np.testing.assert_allclose(path.loo_errors_by_feature_[0], by_feature, rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 0.3, 1e4])
@pytest.mark.parametrize("factor", [1e-9, 1e2, 3e3, 3e4, 1e5, 1e8, 1e12])
@pytest.mark.parametrize("loud", [[0], [2, 7], list(range(6))])
def test_more_rows_than_columns_with_loud_rows(loud, factor, ridge):
    X = data(14, 4)
    X[loud] *= factor
    exact = Exact(X, ridge)
    by_feature = np.mean(exact.left_out**2, axis=0)
    model, path = MaskedRegression(ridge).fit(X), MaskedRegressionCV(ridge).fit(X)
    assert relative(model.coef_, exact.coef) < 1e-8
    np.testing.assert_allclose(model.D_, exact.D, rtol=1e-8)
    assert relative(model.loo_residuals(X), exact.left_out) < 1e-8
    np.testing.assert_allclose(model.loo_error_by_feature_, by_feature, rtol=1e-8)
    np.testing.assert_allclose(model.train_error_by_feature_, exact.train, rtol=1e-8)
    np.testing.assert_allclose(path.loo_errors_by_feature_[0], by_feature, rtol=1e-8)


@pytest.mark.parametrize("shape", [(3, 3), (8, 5), (5, 8)])
@pytest.mark.parametrize("exponent", range(14))
def test_coefficients_that_predict_next_to_nothing_are_right_too(shape, exponent):
    """A loud feature predicts all there is by a coefficient that is tiny beside the others."""
    X, ridge = data(*shape), 10.0**exponent
    X[0] *= 1e6
    X[:, -1] *= 1e6
    model, exact = MaskedRegression(ridge).fit(X), Exact(X, ridge)
    assert relative(model.coef_, exact.coef) < 1e-6
    np.testing.assert_allclose(model.D_, exact.D, rtol=1e-7)


@pytest.mark.parametrize("distance", [1e-7, 1e-9])
@pytest.mark.parametrize("shape", [(12, 5), (8, 8), (5, 12)])
@pytest.mark.parametrize("ridge", [1.0, 10.0, 100.0])
def test_a_quiet_copy_of_a_loud_feature_keeps_the_digits_of_its_residual(shape, distance, ridge):
    """No coefficient is uncertain here, but next to nothing of the feature is left."""
    X = data(*shape)
    X[:, 0] = X[:, -1] + distance * X[:, 0]
    X[:, 1:] *= 1e5
    model, path, exact = MaskedRegression(ridge).fit(X), MaskedRegressionCV(ridge), Exact(X, ridge)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)  # six hold, barely
        np.testing.assert_allclose(model.train_error_by_feature_, exact.train, rtol=1e-6)
        assert relative(model.loo_residuals(X), exact.left_out) < 1e-6
        by_feature = np.mean(exact.left_out**2, axis=0)
        np.testing.assert_allclose(path.fit(X).loo_errors_by_feature_[0], by_feature, rtol=1e-6)


@pytest.mark.parametrize("distance", [1e-10, 1e-11])
def test_every_error_of_uncertain_data_says_so(distance):
    X, ridge = data(12, 5), 1e-12
    X[:, 2] = X[:, 0] + distance * X[:, 2]
    with pytest.warns(AccuracyWarning, match="coef_ and D_ hold"):
        model = MaskedRegression(ridge).fit(X)
    with pytest.warns(AccuracyWarning, match="errors of generalised cross-validation hold"):
        assert model.gcv_error_ > 0
    with pytest.warns(AccuracyWarning, match="leave-one-out errors hold"):
        assert model.loo_error_ > 0
    with pytest.warns(AccuracyWarning, match=r"leave-one-out errors at ridge = \S+ hold"):
        MaskedRegressionCV([0.1 * ridge, ridge, 1.0, 10.0]).fit(X)


@pytest.mark.parametrize(
    ("change", "said"),
    [(1e-4, "about 4 digits"), (5e-3, "about 2 digits"), (0.05, "one digit"), (2.0, "no digit")],
)
def test_the_digits_that_hold_are_counted(change, said):
    with pytest.warns(AccuracyWarning, match=f"errors hold {said}, because"):
        exchange.warn_of_digits(np.array([1e-9, change]), "errors")


def test_the_long_way_leaves_each_sample_out_of_its_own_prediction():
    X, ridge = data(9, 4), 0.3
    exact = Exact(X, ridge)
    H = X @ np.linalg.solve(X.T @ X / 9 + ridge * np.eye(4), X.T) / 9
    answer = SimpleNamespace(residuals=X - exact.predictions(X), D=exact.D, slack=1.0 - np.diag(H))
    room, left_out = exchange._left_out(answer)
    np.testing.assert_allclose(answer.residuals / room, exact.left_out, rtol=1e-9)
    np.testing.assert_allclose(left_out, np.sum(exact.left_out**2, axis=0), rtol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_data_that_were_spoilt_after_the_fit_are_noticed(value):
    X = data(12, 5)
    model = MaskedRegression(0.1).fit(X)
    X[3, 2] = value
    with pytest.raises(ValueError, match="changed in place after fit"):
        _ = model.loo_error_


def test_a_loud_row_is_not_called_singular():
    X = data(40, 6, seed=1)
    X[0] *= 1e5
    path = MaskedRegressionCV([0.0, *np.logspace(-3, 12, 16)]).fit(X)
    expected = [MaskedRegression(ridge).fit(X).loo_error_ for ridge in path.ridges]
    np.testing.assert_allclose(path.loo_errors_, expected, rtol=1e-8)
    assert path.loo_errors_[3] == pytest.approx(np.mean(Exact(X, path.ridges[3]).left_out ** 2))


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8, 1e-10, 1e-12, 1e-13, 1e-15])
@pytest.mark.parametrize("kind", ["columns", "rows", "in other units"])
def test_nearly_singular_data_are_right_or_warned_of_or_refused(distance, kind):
    """And never silently worse than six digits, nor worse than the warning says."""
    X, ridge = data(12, 5), 0.0
    X[:, 2] = X[:, 0] + distance * X[:, 2]
    if kind == "rows":
        X, ridge = X.T, 1e-40
    if kind == "in other units":
        X = X * [1e-6, 1.0, 1e9, 1e3, 1.0]
    model = MaskedRegression(ridge)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X)
            refused = ""
        except ValueError as error:
            refused = str(error)
    if refused:
        assert "singular to working precision" in refused
        assert distance < 1e-11
        return
    assert distance > 1e-15
    digits = 6
    for each in caught:
        assert each.category is AccuracyWarning
        (found,) = re.findall(r"hold (?:about (\d) digits|one digit),", str(each.message))
        digits = int(found or 1)
        assert digits < 6
        assert distance < 1e-7
    assert caught or distance > 1e-11
    assert relative(model.coef_, Exact(X, ridge).coef) < 10.0**-digits


def test_unequal_units_alone_are_no_reason_for_a_warning():
    X = data(30, 8) * 10.0 ** np.arange(-16, 16, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (X, X[:6]):
            model = MaskedRegression(1e-30).fit(rows)
            assert np.isfinite(model.loo_error_)


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (6, 6)])
@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1.0, 1e12])
@pytest.mark.parametrize("mask_rate", [None, 0.3])
def test_predictions_are_products_with_coefficients_at_any_ridge(shape, scale, mask_rate):
    X, new = scale * data(*shape), scale * data(4, shape[1], seed=1)
    for exponent in range(-4, 30, 4):
        model = MaskedRegression(10.0**exponent, mask_rate).fit(X)
        np.testing.assert_allclose(model.predict(new), new @ model.coef_, rtol=1e-10)
        explained = np.einsum("ik,ik->", new @ model.coef_, 2 * new - new @ model.coef_)
        assert model.score(new) == pytest.approx(explained / np.sum(new**2), rel=1e-10)


@pytest.mark.parametrize("shape", [(5, 12), (12, 5)])
@pytest.mark.parametrize("mask_rate", [None, 0.3])
@pytest.mark.parametrize("loud", [1.0, 1e7])
def test_a_prediction_does_not_depend_on_its_own_entry(shape, mask_rate, loud):
    X, new = data(*shape), data(6, shape[1], seed=1)
    X[:, :2] *= loud
    model = MaskedRegression(0.1, mask_rate).fit(X)
    for k in (0, 3):
        before = model.predict(new)[:, k]
        for size in (1e6, 1e12, 1e20, -1e100):
            changed = new.copy()
            changed[:, k] = size
            np.testing.assert_allclose(model.predict(changed)[:, k], before, rtol=1e-10)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(2, 10),
    d=st.integers(2, 10),
    power=st.integers(-12, 12),
    ridge=st.floats(1e-9, 1e6),
    mask_rate=st.sampled_from([0.0, 0.3]),
    loud=st.sampled_from([1.0, 1e6]),
    seed=st.integers(0, 2**32 - 1),
)
def test_units_do_not_matter(n, d, power, ridge, mask_rate, loud, seed):
    """X times c with the ridge times c^2 is the same problem."""
    X, new, c = data(n, d, seed), data(3, d, seed=1), 10.0**power
    X[0] *= loud
    X[:, -1] *= loud
    one = MaskedRegression(ridge, mask_rate).fit(X)
    two = MaskedRegression(ridge * c * c, mask_rate).fit(X * c)
    assert relative(two.coef_, one.coef_) < 1e-8
    assert relative(two.predict(new * c) / c, one.predict(new)) < 1e-8
    np.testing.assert_allclose(two.D_ * c * c, one.D_, rtol=1e-8)
    found = two.train_error_by_feature_ / c / c
    np.testing.assert_allclose(found, one.train_error_by_feature_, rtol=1e-8)
    if not mask_rate:
        assert relative(two.loo_residuals(X * c) / c, one.loo_residuals(X)) < 1e-8
        paths = [MaskedRegressionCV(r).fit(Z) for r, Z in ((ridge, X), (ridge * c * c, X * c))]
        np.testing.assert_allclose(paths[1].loo_errors_ / c / c, paths[0].loo_errors_, rtol=1e-8)


@pytest.mark.parametrize("shape", [(5, 12), (12, 5)])
@pytest.mark.parametrize("ridge", [1e150, 1e290, 1e300])
def test_huge_ridges_are_quiet(shape, ridge):
    X = data(*shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = MaskedRegressionCV((ridge, ridge)).fit(X).loo_errors_
    np.testing.assert_allclose(found, np.mean(X**2), rtol=1e-12)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
@pytest.mark.parametrize("quiet", [1e-6, 1e-10, 1e-14])
def test_path_keeps_the_digits_of_quiet_features(shape, quiet):
    X = data(*shape)
    X[:, [1, 4]] *= quiet
    X[:, -1] *= 30.0
    path = MaskedRegressionCV([0.3, 1.0, 100.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the best may be an end here
        path.fit(X)
    for j, ridge in enumerate(path.ridges):
        by_feature = MaskedRegression(ridge).fit(X).loo_error_by_feature_
        np.testing.assert_allclose(path.loo_errors_by_feature_[j], by_feature, rtol=1e-8)


@pytest.mark.parametrize("ridge", [1e-100, 1e-170, 1e-280])
def test_tiny_ridges_are_quiet_and_have_all_errors(ridge):
    X, limit = data(5, 12), Exact(data(5, 12), 1e-60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, path = MaskedRegression(ridge).fit(X), MaskedRegressionCV(ridge).fit(X)
        assert model.train_error_ < 1e-99
        for each in (model, path):
            np.testing.assert_allclose(each.gcv_error_by_feature_, limit.gcv, rtol=1e-9)
            assert each.loo_error_ == pytest.approx(np.mean(limit.left_out**2), rel=1e-9)
        assert path.gcv_errors_[0] == pytest.approx(limit.gcv.mean(), rel=1e-9)


def test_a_ridge_whose_inverse_overflows_is_refused():
    with pytest.raises(ValueError, match="1 / ridge overflows at ridge = 1e-310"):
        MaskedRegression(1e-310).fit(data(4, 9))


# Choice of the ridge ---------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_path_equals_single_fits(n, d):
    X = data(n, d)
    ridges = [3.0, 0.05, 0.2, 1000.0, 0.001]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the best may be an end here
        path = MaskedRegressionCV(ridges).fit(X)
    single = [MaskedRegression(ridge).fit(X) for ridge in ridges]
    for j, model in enumerate(single):
        for name in ("loo", "train", "gcv"):
            expected = getattr(model, f"{name}_error_")
            assert getattr(path, f"{name}_errors_")[j] == pytest.approx(expected, rel=1e-11)
        by_feature = path.loo_errors_by_feature_[j]
        np.testing.assert_allclose(by_feature, model.loo_error_by_feature_, rtol=1e-10)
    best = int(np.argmin([model.loo_error_ for model in single]))
    assert path.ridge_ == ridges[best]
    np.testing.assert_array_equal(path.coef_, single[best].coef_)
    assert path.loo_error_ == single[best].loo_error_


@pytest.mark.parametrize(("n", "d"), [(500, 120), (60, 80)])
@pytest.mark.parametrize("spread", ["one large feature", "graded", "one large factor"])
def test_path_equals_single_fits_where_one_eigendecomposition_loses_digits(n, d, spread):
    X = np.random.default_rng(5).standard_normal((n, d))
    if spread == "one large feature":
        X[:, 0] *= 1e7 if n > d else 1e3
    elif spread == "graded":
        X *= np.logspace(-2, 2, d)
    else:
        X += 1e3 * np.random.default_rng(6).standard_normal((n, 1))
    ridges = [1e-6, 1e-3, 1.0, 1e3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the best may be an end here
        path = MaskedRegressionCV(ridges).fit(X)
    for j, ridge in enumerate(ridges):
        single = MaskedRegression(ridge).fit(X)
        np.testing.assert_allclose(
            path.loo_errors_by_feature_[j], single.loo_error_by_feature_, rtol=1e-10
        )
        assert path.gcv_errors_[j] == pytest.approx(single.gcv_error_, rel=1e-10)


@pytest.mark.parametrize("ridge", [1e-12, 1e-20])
def test_path_of_rows_that_share_no_feature_is_quiet(ridge):
    """Such a feature is all that its row says, so ridge D is 0 as a difference from 1."""
    X = np.array([[0.0, 0.0, -2000.0, 0.0], [0.0, 3000.0, 0.0, 0.0]])
    path = MaskedRegressionCV(ridge).fit(X)
    np.testing.assert_allclose(path.loo_errors_by_feature_[0], np.mean(X**2, axis=0), rtol=1e-9)


def test_path_names_the_ridge_that_is_too_small():
    X = data(30, 4)[:, [0, 1, 2, 3, 1]]
    with pytest.raises(ValueError, match=r"at ridge = 1e-30 of ridges, .* linear combinations"):
        MaskedRegressionCV([1.0, 1e-30]).fit(X)


def test_path_includes_the_ridgeless_end_without_warning():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((4000, 1)) + 0.01 * rng.standard_normal((4000, 3))
    model = MaskedRegressionCV([0.0, 0.1, 1.0]).fit(X)
    assert model.ridge_ == 0.0
    assert model.loo_errors_[0] == pytest.approx(MaskedRegression(0.0).fit(X).loo_error_, rel=1e-9)


def test_ridges_may_be_one_number_or_anything_to_iterate_over():
    X = data(25, 20) + 2 * np.random.default_rng(0).standard_normal((25, 1))
    grid = [1e-4, 0.1, 0.3, 1000.0]
    expected = MaskedRegressionCV(grid).fit(X).loo_errors_
    for ridges in (np.array(grid), tuple(grid), dict.fromkeys(grid), iter(grid), map(float, grid)):
        model = MaskedRegressionCV(ridges)
        np.testing.assert_array_equal(model.fit(X).loo_errors_, expected)
        np.testing.assert_array_equal(model.fit(X).loo_errors_, expected)
    for number in (0.1, np.float64(0.1), np.array(0.1)):
        model = MaskedRegressionCV(number).fit(X)
        assert model.ridge_ == 0.1
        np.testing.assert_array_equal(model.loo_errors_, expected[1:2])
    assert clone(MaskedRegressionCV(0.1)).get_params() == {"ridges": 0.1}
    drawn = MaskedRegressionCV(ridge for ridge in grid)
    np.testing.assert_array_equal(clone(drawn).fit(X).loo_errors_, expected)
    np.testing.assert_array_equal(drawn.fit(X).loo_errors_, expected)


@pytest.mark.parametrize(
    ("ridges", "side"), [([10.0, 100.0, 1000.0], "smaller"), ([1e-6, 1e-5, 1e-4], "larger")]
)
def test_path_warns_at_either_end(ridges, side):
    X = data(25, 20)
    with pytest.warns(UserWarning, match=f"end of the grid; add {side} ones"):
        MaskedRegressionCV(ridges).fit(X)


def test_path_is_silent_inside_and_for_a_single_ridge():
    X = data(25, 20) + 2 * np.random.default_rng(0).standard_normal((25, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inside = MaskedRegressionCV([1e-4, 0.1, 0.3, 1000.0]).fit(X)
        MaskedRegressionCV([5.0]).fit(X)
    assert inside.ridge_ in (0.1, 0.3)


# Input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [MaskedRegression(), MaskedRegressionCV()])
@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_names_the_rows_that_are_not_finite(estimator, bad, word):
    X = data(30, 5)
    X[[4, 17], [2, 0]] = bad
    with pytest.raises(ValueError, match=rf"{word}.*rows \[4, 17\]"):
        estimator.fit(X)
    good = clone(MaskedRegression()).fit(data(30, 5))
    with pytest.raises(ValueError, match=rf"{word}.*rows \[4, 17\]"):
        good.transform(X)


@pytest.mark.parametrize("estimator", [MaskedRegression(0.1), MaskedRegressionCV([0.1])])
def test_refuses_entries_hidden_by_a_masked_array(estimator):
    X = data(30, 5)
    hidden = np.ma.masked_array(X, mask=X > 2.0)
    with pytest.raises(ValueError, match=rf"masked array that hides {np.sum(X > 2.0)} of its"):
        estimator.fit(hidden)
    model = estimator.fit(np.ma.masked_array(X, mask=False))
    np.testing.assert_array_equal(model.coef_, clone(estimator).fit(X).coef_)
    for call in (model.predict, model.transform, model.residual, model.score, model.loo_residuals):
        with pytest.raises(ValueError, match="masked array that hides"):
            call(hidden)
    with pytest.raises(ValueError, match="masked array that hides"):
        masked_regression(hidden, Exactly(2), 0.1)


@pytest.mark.parametrize(
    ("model", "X", "sentence"),
    [
        (MaskedRegression(), data(1, 5), "minimum of 2 is required"),
        (MaskedRegression(-1.0), data(9, 5), "ridge must be finite and not negative"),
        (MaskedRegression(np.nan), data(9, 5), "ridge must be finite"),
        (MaskedRegression("1"), data(9, 5), "ridge must be a real number"),
        (MaskedRegression(0.0), data(5, 5), "n_samples = 5 <= n_features = 5"),
        (MaskedRegression(0.0), data(4, 5), "use ridge > 0 or more than 5 samples"),
        (MaskedRegression(1.0, 1.0), data(9, 5), "mask_rate must .* below 1"),
        (MaskedRegression(0.0, 0.0), data(5, 5), "n_samples = 5 <= n_features = 5"),
        (MaskedRegression(1.0, -0.1), data(9, 5), "mask_rate must be finite and not negative"),
        (MaskedRegression(0.0), data(9, 5) * [1, 0, 1, 1, 0], r"features \[1, 4\] are zero"),
        (MaskedRegression(0.0, 0.5), data(9, 5) * [1, 0, 1, 1, 1], r"features \[1\] are zero"),
        (MaskedRegression(0.0), data(30, 4)[:, [0, 1, 2, 3, 1]], "linear combinations of others"),
        (MaskedRegression(), data(9, 5) * 1e200, "squares of X overflow"),
        (MaskedRegression(0.0), data(9, 5) * 1e-160, r"underflow in features \[0, 1, 2, 3, 4\];"),
        (MaskedRegression(1e-310), data(9, 5) * 1e-160, "squares of X underflow"),
        (MaskedRegression(1.0), data(9, 5) * 1e-170, "squares of X underflow"),
        (MaskedRegression(0.0), data(9, 5) * [1, 1, 1e-170, 1, 1], r"underflow in features \[2\]"),
        (MaskedRegression(0.0, 0.5), data(4, 5) * 1e-170, "squares of X underflow"),
        (MaskedRegression(0.0), np.zeros((9, 7)), r"\[0, 1, 2, 3, 4\] and 2 more are zero"),
        (MaskedRegressionCV([0.0, 1.0]), data(9, 5) * 1e-160, "squares of X underflow"),
        (MaskedRegressionCV([]), data(9, 5), "a number or several numbers"),
        (MaskedRegressionCV("0.1"), data(9, 5), "a number or several numbers"),
        (MaskedRegressionCV(None), data(9, 5), "ridges must be a real number"),
        (MaskedRegressionCV(-1.0), data(9, 5), "ridges must be finite and not negative"),
        (MaskedRegressionCV([[0.1, 1.0]]), data(9, 5), r"ridges\[0\] must be a real number"),
        (MaskedRegressionCV([0.1, -2.0]), data(9, 5), r"ridges\[1\] must be finite and not neg"),
        (MaskedRegressionCV([0.0, 1.0]), data(5, 5), "ridge = 0 makes"),
        (MaskedRegressionCV([0.0, 1.0]), data(9, 5) * [1, 0, 1, 1, 1], r"\[1\] are zero"),
        (MaskedRegressionCV([0.0, 1.0]), data(30, 4)[:, [0, 1, 2, 3, 1]], "linear combinations"),
        (MaskedRegressionCV([0.0, 1.0]), np.c_[:5, :5] - 2.0, "linear combinations"),
    ],
)
def test_bad_input_gets_a_sentence(model, X, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.fit(X)
    with pytest.raises(NotFittedError):
        _ = model.coef_


def test_silent_features_are_fine_with_a_ridge():
    X = data(20, 5) * [1, 0, 1, 1, 1]
    for rows in (X, X[:4]):
        A = MaskedRegression(0.1).fit(rows).coef_
        np.testing.assert_allclose(A, explicit(rows, 0.1), rtol=0, atol=1e-13)
        np.testing.assert_array_equal(A[1], 0.0)
        np.testing.assert_array_equal(A[:, 1], 0.0)


def test_a_tiny_feature_among_others_is_fine_with_a_ridge():
    X = data(20, 5)
    tiny = MaskedRegression(0.1).fit(X * [1, 1, 1e-170, 1, 1]).coef_
    zero = MaskedRegression(0.1).fit(X * [1, 1, 0, 1, 1]).coef_
    np.testing.assert_allclose(tiny, zero, rtol=0, atol=1e-15)
    for size in (1e-150, 1e-158, 1e-170):
        MaskedRegression(0.1).fit(X * [1, 1, size, 1, 1])._solution.check_unchanged()
    assert MaskedRegression(1.0).fit(np.zeros((9, 5))).train_error_ == 0.0


def test_unequal_units_are_not_mistaken_for_singularity():
    X = data(50, 6)
    units = 10.0 ** np.arange(-9, 9, 3)
    A = MaskedRegression(0.0).fit(X * units).coef_
    expected = MaskedRegression(0.0).fit(X).coef_ * units / units[:, None]
    np.testing.assert_allclose(A, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_numbers_are_computed_in_double_precision(dtype):
    X = (10 * data(40, 6)).astype(dtype)
    model = MaskedRegression(0.1).fit(X)
    assert model.coef_.dtype == model.transform(X).dtype == np.float64
    expected = MaskedRegression(0.1).fit(X.astype(float)).coef_
    np.testing.assert_array_equal(model.coef_, expected)
    model.loo_residuals(X)


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_memory_order_does_not_matter(shape):
    X = data(*shape)
    wide = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]  # contiguous in no order
    reference = MaskedRegression(0.1).fit(X)
    for same in (np.asfortranarray(X), wide):
        model = MaskedRegression(0.1).fit(same)
        np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=1e-13)
        np.testing.assert_allclose(model.transform(same), reference.transform(X), atol=1e-12)
        np.testing.assert_allclose(model.loo_residuals(same), reference.loo_residuals(X))


# As part of scikit-learn -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the best ridge:UserWarning")
@parametrize_with_checks(
    [
        MaskedRegression(),
        MaskedRegression(ridge=0.1, mask_rate=0.25),
        MaskedRegression(ridge=0.1, mask_rate=0.5, n_masks=6, rng=0),
        MaskedRegressionCV(ridges=(0.1, 1.0, 10.0)),
    ]
)
def test_scikit_learn_suite(estimator, check):
    check(estimator)


def test_search_and_leave_one_out_agree_on_the_error_to_minimise():
    X = data(200, 12)
    ridges = [1e-4, 0.03, 1.0, 100.0]
    search = GridSearchCV(MaskedRegression(), {"ridge": ridges}, cv=10).fit(X)
    assert search.best_params_["ridge"] == MaskedRegressionCV(ridges).fit(X).ridge_


def test_predict_is_transform_without_set_output():
    X = data(20, 5)
    model = MaskedRegression(0.1).fit(X)
    pipeline = make_pipeline(StandardScaler(), MaskedRegression(0.1)).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.transform(X))
    np.testing.assert_array_equal(pipeline.predict(X), pipeline.transform(X))
    assert isinstance(model.set_output(transform="pandas").predict(X), np.ndarray)


def test_predictions_of_a_mask_rate_are_for_masked_rows():
    """On full rows they are about 1/q too large; q of them score as a fit without masks."""
    rng = np.random.default_rng(0)
    X, new = (rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, 30)) for n in (400, 400))
    plain = MaskedRegression(0.01).fit(X).score(new)
    for rate in (0.3, 0.6):
        model = MaskedRegression(0.01, rate).fit(X)
        scaled = 1 - np.sum((new - (1 - rate) * model.predict(new)) ** 2) / np.sum(new**2)
        assert scaled == pytest.approx(plain, abs=0.02)
        assert model.score(new) < plain - 0.1


def test_score_of_nothing_to_predict():
    model = MaskedRegression(0.1).fit(data(9, 4))
    assert model.score(np.zeros((3, 4))) == 1.0


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_pickles_and_listing_attributes_computes_nothing(shape):
    X = data(*shape)
    model = MaskedRegression(0.1).fit(X)
    inspect.getmembers(model)  # what a notebook does in order to show a fitted estimator
    lazy = {"errors", "coef"} & set(vars(model._solution))
    assert lazy == ({"coef"} if shape[0] > shape[1] else set())
    copy = pickle.loads(pickle.dumps(model))
    assert copy.loo_error_ == model.loo_error_
    assert {"loo_error_", "train_error_"} <= set(dir(model))
    with pytest.raises(ValueError, match="read-only"):
        model.coef_[0, 1] = 0.0


@pytest.mark.parametrize("shape", [(900, 300), (100, 900)])
def test_memory(shape):
    """Fit: a square array of the smaller side (in the dual P and a copy, too); errors: chunks."""
    X = data(*shape)
    n, d = shape
    square = 8 * min(n, d) ** 2
    held = 0 if n >= d else 2 * X.nbytes
    MaskedRegression(0.1).fit(X)
    tracemalloc.start()
    try:
        model = MaskedRegression(0.1).fit(X)
        fit_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        _ = model.loo_error_
        loo_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fit_peak < held + 2 * square
    assert loo_peak < held + square + 8 * 8 * blas._CHUNK
    if n < d:
        assert max(fit_peak, loo_peak) < 8 * d * d


# Real data -------------------------------------------------------------------------------------


def test_photograph_patches():
    """Natural patches: neighbours predict a pixel, the border is harder than the centre."""
    gray = load_sample_images().images[0].mean(axis=2) / 255.0
    patches = extract_patches_2d(gray, (8, 8), max_patches=3000, random_state=0)
    X = patches.reshape(3000, 64)
    X -= X.mean()
    model = MaskedRegressionCV(np.logspace(-7, -1, 13)).fit(X)
    held_out = extract_patches_2d(gray, (8, 8), max_patches=3000, random_state=1)
    held_out = held_out.reshape(3000, 64) - patches.reshape(3000, 64).mean()
    assert model.score(held_out) > 0.9
    error = model.loo_error_by_feature_.reshape(8, 8)
    border = np.ones((8, 8), dtype=bool)
    border[1:-1, 1:-1] = False
    assert error[border].mean() > error[~border].mean()
    assert error[[0, 0, -1, -1], [0, -1, 0, -1]].min() > error[~border].max()
    centre = np.abs(model.coef_[:, 3 * 8 + 3].reshape(8, 8))
    assert set(np.argsort(centre.ravel())[-4:]) == {2 * 8 + 3, 4 * 8 + 3, 3 * 8 + 2, 3 * 8 + 4}
    test_error = np.mean(model.residual(held_out) ** 2)
    assert model.loo_error_ == pytest.approx(test_error, rel=0.15)
