"""Mask laws against the average over all masks that there are, and against masks that are drawn."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from mssl.masks import Bernoulli, ContiguousBlocks, Exactly, ImageSquares, OneAtATime
from mssl.regression import MaskedRegression, best_predictor, hidden_error, masked_regression
from mssl.simulation import explicit_mask_moments, explicit_mask_regression

LAWS = [
    (OneAtATime(), 5),
    (OneAtATime(), 2),
    (Bernoulli(0.35), 6),
    (Exactly(1), 6),
    (Exactly(3), 6),
    (Exactly(5), 6),
    (ContiguousBlocks(2), 6),
    (ContiguousBlocks(3, copies=2), 6),
    (ContiguousBlocks(2, cyclic=False), 5),
    (ImageSquares((2, 3), 1, copies=2), 6),
    (ImageSquares((2, 3), 2), 6),
]
every_law = pytest.mark.parametrize(("law", "d"), LAWS, ids=lambda v: str(v))


def runs(d, length, cyclic):
    starts = range(d if cyclic else d - length + 1)
    return [frozenset((s + j) % d for j in range(length)) for s in starts]


def squares(shape, side):
    return [
        frozenset((r + i) * shape[1] + c + j for i in range(side) for j in range(side))
        for r in range(shape[0] - side + 1)
        for c in range(shape[1] - side + 1)
    ]


def probability(law, hidden, d):
    """Probability that exactly this set is hidden, each law in its own words."""
    if isinstance(law, OneAtATime):
        return float(len(hidden) == 1) / d
    if isinstance(law, Bernoulli):
        return law.mask_rate ** len(hidden) * (1 - law.mask_rate) ** (d - len(hidden))
    if isinstance(law, Exactly):
        sets = binom.pmf(law.hidden, d, 0.5) * 2**d  # d choose h
        return float(len(hidden) == law.hidden) / sets
    if isinstance(law, ContiguousBlocks):
        places = runs(d, law.length, law.cyclic)
    else:
        places = squares(law.shape, law.side)
    unions = [frozenset().union(*parts) for parts in product(places, repeat=law.copies)]
    return sum(union == hidden for union in unions) / len(unions)


def all_masks(law, d):
    """Every mask with its probability."""
    for visible in product([0.0, 1.0], repeat=d):
        hidden = frozenset(np.flatnonzero(np.array(visible) == 0.0).tolist())
        weight = probability(law, hidden, d)
        if weight > 0:
            yield np.array(visible), weight


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
def test_probabilities_of_the_brute_force_sum_to_one(law, d):
    assert sum(w for _, w in all_masks(law, d)) == pytest.approx(1.0, abs=1e-12)


@every_law
def test_moments_are_those_of_all_masks(law, d):
    for k in range(d):
        pairs = [(m, w) for m, w in all_masks(law, d) if m[k] == 0]
        expected = sum(w * np.outer(m, m) for m, w in pairs) / sum(w for _, w in pairs)
        np.testing.assert_allclose(law.visible_moments(d, k), expected, atol=1e-13)


@every_law
def test_samples_have_these_moments(law, d):
    n = 40_000
    visible = law.sample(n, d, 3)
    assert visible.shape == (n, d)
    assert visible.dtype == bool
    expected = sum(w * np.outer(m, m) for m, w in all_masks(law, d))
    np.testing.assert_allclose(visible.T.astype(float) @ visible / n, expected, atol=5 / n**0.5 / 2)
    np.testing.assert_array_equal(law.sample(9, d, 3), law.sample(9, d, 3))


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


@pytest.mark.parametrize("law", [Bernoulli(0.5), Exactly(3), ContiguousBlocks(2)])
def test_drawn_masks_approach_the_closed_form_as_the_root_of_their_number(law):
    X = data(25, 6)
    exact = masked_regression(X, law, 0.1)
    numbers = np.array([8, 32, 128, 512])
    distances = [
        np.sqrt(
            np.mean(
                [
                    np.sum((explicit_mask_regression(X, law, 0.1, m, seed) - exact) ** 2)
                    for seed in range(12)
                ]
            )
        )
        for m in numbers.tolist()
    ]
    exponent = np.polyfit(np.log(numbers), np.log(distances), 1)[0]
    assert exponent == pytest.approx(-0.5, abs=0.08)


def test_moments_of_drawn_masks_give_the_same_limit():
    X = data(25, 6)
    exact = masked_regression(X, Bernoulli(0.5), 0.1)
    numbers = np.array([16, 128, 1024])
    distances = []
    for m in numbers.tolist():
        fits = [explicit_mask_moments(X, 0.5, m, seed).solve(0.1) for seed in range(16)]
        distances.append(np.sqrt(np.mean([np.sum((A - exact) ** 2) for A in fits])))
    assert np.polyfit(np.log(numbers), np.log(distances), 1)[0] == pytest.approx(-0.5, abs=0.08)


def test_moments_solve_each_column_without_its_own_row():
    X = data(12, 5)
    one, two = (explicit_mask_moments(X, 0.4, m, seed) for m, seed in ((3, 1), (5, 2)))
    both = one + two
    assert both.n_masks == 8
    A = both.solve(0.2)
    for k in range(5):
        rest = np.delete(np.arange(5), k)
        gram = both.gram[np.ix_(rest, rest)] + 0.2 * np.eye(4)
        np.testing.assert_allclose(A[rest, k], np.linalg.solve(gram, both.cross[rest, k]))


def test_grouped_targets_see_the_same_masks(monkeypatch):
    X, law = data(10, 6), ContiguousBlocks(2)
    whole = explicit_mask_regression(X, law, 0.1, 4, 5)
    monkeypatch.setattr("mssl.simulation.explicit_masks.STACK", 36 * 2)
    np.testing.assert_array_equal(explicit_mask_regression(X, law, 0.1, 4, 5), whole)


X = data(10, 6)
SKEW = np.eye(3) + np.diag([0.1, 0.0], 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Bernoulli(1.0), r"mask_rate must lie in \(0, 1\), got 1"),
        (lambda: Bernoulli(0.0), r"mask_rate must lie in \(0, 1\), got 0"),
        (lambda: Exactly(0), "hidden must be an integer of at least 1"),
        (lambda: masked_regression(X, Exactly(6)), "hidden must be below the number of coord"),
        (lambda: masked_regression(X, ContiguousBlocks(6)), "length must be below the number"),
        (lambda: masked_regression(X, ImageSquares((2, 4), 1)), "has 8 pixels, not 6"),
        (lambda: ImageSquares((2, 3), 3), "side must leave a part of the image"),
        (lambda: ImageSquares(6, 1), "shape must be two integers"),
        (lambda: masked_regression(X, 0.5), "law must be a mask law such as"),
        (lambda: masked_regression(X, Bernoulli(0.5), -1.0), "ridge must be finite and not neg"),
        (lambda: best_predictor(X, Bernoulli(0.5)), "second_moment must be a finite, square"),
        (lambda: best_predictor(np.zeros((3, 3)), Bernoulli(0.5)), "singular to working prec"),
        (lambda: best_predictor(np.zeros((3, 3)), Exactly(2)), "ridge must be positive when"),
        (lambda: best_predictor(np.ones((4, 4)), ContiguousBlocks(2)), "singular to working"),
        (lambda: best_predictor(SKEW, Bernoulli(0.5)), r"must be symmetric, but entries \(0, 1\)"),
        (lambda: hidden_error(np.eye(3), SKEW, Bernoulli(0.5)), "second_moment must be symmetric"),
        (lambda: best_predictor("a", Bernoulli(0.5)), "second_moment must be real numbers"),
        (lambda: Bernoulli(0.5).visible_moments(5, 7), "target must be below the number of coord"),
        (lambda: Bernoulli(0.5).visible_moments(5, -1), "target must be an integer of at least 0"),
        (lambda: ContiguousBlocks(2).visible_moments(5, 5), "target must be below the number of"),
        (lambda: ContiguousBlocks(2).visible_moments(5, -1), "target must be an integer of at le"),
        (lambda: hidden_error(np.eye(3), X.T @ X, OneAtATime()), "coef must have shape"),
        (lambda: explicit_mask_regression(X[0], OneAtATime(), 0.1, 2, 0), "array of two axes"),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()
