"""Training on masks that are drawn, against the average over all of them."""

import numpy as np
import pytest

from mssl.masks import Bernoulli, ContiguousBlocks, Exactly, OneAtATime
from mssl.regression import masked_regression
from mssl.simulation import explicit_mask_moments, explicit_mask_regression


def data(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d)


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


def test_a_single_row_that_is_no_matrix_gets_one_clear_sentence():
    with pytest.raises(ValueError, match="array of two axes"):
        explicit_mask_regression(data(10, 6)[0], OneAtATime(), 0.1, 2, 0)
