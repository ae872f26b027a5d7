"""Averages over counts of visible patches against their law."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from mssl.vit import PatchData
from mssl.vit.averages import gauss_counts, visible_counts, whole_counts

SIZES = [
    (100, 60, 5, 0.5),
    (100, 28, 12, 0.5),
    (100, 60, 20, 0.5),
    (100, 60, 40, 0.5),
    (100, 2, 49, 0.5),
    (100, 4, 48, 0.9),
    (100, 60, 20, 0.01),
    (100, 60, 20, 0.04),
    (100, 60, 20, 0.15),
    (100, 60, 20, 0.85),
    (100, 60, 20, 0.99),
    (200, 50, 50, 0.07),
    (200, 20, 60, 0.9),
    (1000, 400, 20, 0.99),
    (1000, 400, 300, 0.98),
    (10**8, 9 * 10**7, 1000, 0.5),
    (10**8, 9 * 10**7, 10**7, 0.5),
    (10**8, 10**4, 10**8 - 10**4, 0.999999),
]


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(("P", "globe", "size", "rate"), SIZES)
def test_counts_have_the_moments_of_their_law(P, globe, size, rate, local):
    data = PatchData(P, 3, globe, size, 0.5, 1.0, rate)
    p, counts, left = visible_counts(data, local)
    V, others = P - data.n_hidden, P - 1
    areas = {"globe": globe - (not local), "rest": left}
    if local:
        areas["own"] = size - 1
    if data.n_local > local:
        areas["other"] = size
    assert set(areas) == set(counts)
    assert p.sum() == pytest.approx(1, rel=1e-12)
    assert (p > 0).all()
    assert len(p) < 5000
    np.testing.assert_allclose(sum(counts.values()), V, rtol=1e-12)
    odds = V * (P - 1 - V) / (others * max(others - 1, 1))
    for i, (one, a) in enumerate(areas.items()):
        assert (counts[one] >= -1e-9 * V).all(), one
        assert (counts[one] <= a + 1e-9 * V).all(), one
        centre = a * V / others
        assert p @ counts[one] == pytest.approx(centre, rel=1e-9, abs=1e-9), one
        for other, b in list(areas.items())[i:]:
            share = a / others
            expected = odds * a * (1 - share if one == other else -b / others)
            found = p @ ((counts[one] - centre) * (counts[other] - b * V / others))
            # Of 14 hidden patches an unlikely node leaves less than one to the last areas, where
            # three nodes are too many for a probability; there the variance is not exact.
            close = 2e-4 if (P, rate) == (200, 0.07) else 1e-7
            assert found == pytest.approx(expected, rel=close, abs=close), (one, other)


def test_rules_hold_high_moments_and_whole_counts_are_probabilities():
    size, rest, draws = 40, 59, np.array([50.0])
    law = hypergeom(99, 40, 50)
    n, p = whole_counts(size, rest, draws)
    np.testing.assert_allclose(p[0], law.pmf(n[0]), rtol=1e-10, atol=1e-15)
    x, w = gauss_counts(size, rest, draws, 5)
    for power in range(10):
        expected = p[0] @ (n[0] - 20) ** power
        assert w[0] @ (x[0] - 20) ** power == pytest.approx(expected, rel=1e-9), power
    # Two visible patches leave three values, which are then the nodes.
    x, w = gauss_counts(size, rest, np.array([2.0]), 5)
    order = np.argsort(x[0][w[0] > 0])
    np.testing.assert_allclose(x[0][w[0] > 0][order], [0, 1, 2], atol=1e-12)
    np.testing.assert_allclose(
        w[0][w[0] > 0][order], hypergeom(99, 40, 2).pmf([0, 1, 2]), rtol=1e-10
    )
