"""The best predictor of a law of masks against least squares over all masks that there are."""

import numpy as np
import pytest

from mssl.masks import Bernoulli, ContiguousBlocks, Exactly, ImageSquares, OneAtATime
from mssl.regression import MaskedRegression, best_predictor, hidden_error, masked_regression
from tests.mask_laws import all_masks, every_law


def data(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d)


def brute_force(X, law, ridge):
    """Least squares over all samples and all masks that hide the target, and its error."""
    n, d = X.shape
    A, errors = np.zeros((d, d)), np.zeros(d)
    for k in range(d):
        pairs = [(m, w) for m, w in all_masks(law, d) if m[k] == 0]
        total = sum(w for _, w in pairs)
        gram = sum(w * (X * m).T @ (X * m) for m, w in pairs) / n / total
        cross = sum(w * (X * m).T @ X[:, k] for m, w in pairs) / n / total
        seen = gram.diagonal() > 0
        matrix = gram[np.ix_(seen, seen)] + ridge * np.eye(seen.sum())
        A[seen, k] = np.linalg.solve(matrix, cross[seen])
        errors[k] = sum(w * np.mean((X[:, k] - (X * m) @ A[:, k]) ** 2) for m, w in pairs) / total
    return A, errors


@every_law
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_best_predictor_is_that_of_all_masks(law, d, ridge):
    X = data(30, d)
    A, errors = brute_force(X, law, ridge)
    S = X.T @ X / len(X)
    np.testing.assert_allclose(best_predictor(S, law, ridge), A, atol=1e-11)
    np.testing.assert_allclose(masked_regression(X, law, ridge), A, atol=1e-11)
    np.testing.assert_allclose(hidden_error(A, S, law), errors, rtol=1e-11)
    assert np.all(best_predictor(S, law, ridge).diagonal() == 0)


@pytest.mark.parametrize("law", [Exactly(4), Bernoulli(0.4), OneAtATime()])
def test_fewer_samples_than_features_share_the_dual_route(law):
    X = data(9, 20)
    expected = best_predictor(X.T @ X / 9, law, 0.2)
    np.testing.assert_allclose(masked_regression(X, law, 0.2), expected, atol=1e-11)


def test_independent_masks_are_masked_regression():
    X = data(40, 8)
    expected = MaskedRegression(0.2, 0.3).fit(X)
    np.testing.assert_allclose(masked_regression(X, Bernoulli(0.3), 0.2), expected.coef_)
    errors = hidden_error(expected.coef_, X.T @ X / 40, Bernoulli(0.3))
    np.testing.assert_allclose(errors, expected.train_error_by_feature_, rtol=1e-11)


def test_one_hidden_of_d_is_one_at_a_time():
    X = data(40, 8)
    expected = MaskedRegression(0.2).fit(X).coef_
    for law in (OneAtATime(), Exactly(1), ContiguousBlocks(1), ImageSquares((2, 4), 1)):
        np.testing.assert_allclose(masked_regression(X, law, 0.2), expected, atol=1e-12)


def test_exactly_h_of_d_tends_to_independent_masks():
    X = data(300, 40)
    gaps = []
    for d in (10, 40):
        A = masked_regression(X[:, :d], Exactly(d // 2), 0.1)
        gaps.append(np.abs(A - masked_regression(X[:, :d], Bernoulli(0.5), 0.1)).max())
    assert gaps[1] < 0.5 * gaps[0]


X = data(10, 6)
SKEW = np.eye(3) + np.diag([0.1, 0.0], 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: masked_regression(X, Exactly(6)), "hidden must be below the number of coord"),
        (lambda: masked_regression(X, ContiguousBlocks(6)), "length must be below the number"),
        (lambda: masked_regression(X, ImageSquares((2, 4), 1)), "has 8 pixels, not 6"),
        (lambda: masked_regression(X, 0.5), "law must be a mask law such as"),
        (lambda: masked_regression(X, Bernoulli(0.5), -1.0), "ridge must be finite and not neg"),
        (lambda: best_predictor(X, Bernoulli(0.5)), "second_moment must be a finite, square"),
        (lambda: best_predictor(np.zeros((3, 3)), Bernoulli(0.5)), "singular to working prec"),
        (lambda: best_predictor(np.zeros((3, 3)), Exactly(2)), "ridge must be positive when"),
        (lambda: best_predictor(np.ones((4, 4)), ContiguousBlocks(2)), "singular to working"),
        (lambda: best_predictor(SKEW, Bernoulli(0.5)), r"must be symmetric, but entries \(0, 1\)"),
        (lambda: hidden_error(np.eye(3), SKEW, Bernoulli(0.5)), "second_moment must be symmetric"),
        (lambda: best_predictor("a", Bernoulli(0.5)), "second_moment must be real numbers"),
        (lambda: hidden_error(np.eye(3), X.T @ X, OneAtATime()), "coef must have shape"),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_moment_is_symmetric_up_to_rounding():
    moment = np.diag([1.0, 2.0, 3.0])
    exact = best_predictor(moment, Bernoulli(0.5))
    moment[0, 1] = 1e-17
    np.testing.assert_allclose(best_predictor(moment, Bernoulli(0.5)), exact, atol=1e-16)
