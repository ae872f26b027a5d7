"""Mask laws against the average over all masks that there are, and against masks that are drawn."""

import numpy as np
import pytest

from mssl.masks import Bernoulli, ContiguousBlocks, Exactly, ImageSquares
from tests.mask_laws import all_masks, every_law


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


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Bernoulli(1.0), r"mask_rate must lie in \(0, 1\), got 1"),
        (lambda: Bernoulli(0.0), r"mask_rate must lie in \(0, 1\), got 0"),
        (lambda: Exactly(0), "hidden must be an integer of at least 1"),
        (lambda: ImageSquares((2, 3), 3), "side must leave a part of the image"),
        (lambda: ImageSquares(6, 1), "shape must be two integers"),
        (lambda: Bernoulli(0.5).visible_moments(5, 7), "target must be below the number of coord"),
        (lambda: Bernoulli(0.5).visible_moments(5, -1), "target must be an integer of at least 0"),
        (lambda: ContiguousBlocks(2).visible_moments(5, 5), "target must be below the number of"),
        (lambda: ContiguousBlocks(2).visible_moments(5, -1), "target must be an integer of at le"),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()
