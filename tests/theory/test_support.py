"""What the search for bulks falls back on where a model has no count of its own."""

import numpy as np
import pytest

from mssl.covariance import AR1, Dense, Diagonal
from mssl.theory import support
from mssl.theory.weighted import WeightedEquivalent

TWO = np.repeat([1.0, 30.0], [30, 20])


def sample_covariance(model, n):
    return WeightedEquivalent(model, n, np.ones(model.d), 0.0, 1.0)


@pytest.mark.parametrize(("low", "high", "share"), [(0.1, 5.0, 0.6), (5.0, 60.0, 0.4)])
def test_a_circle_around_bulks_counts_their_eigenvalues(low, high, share):
    equivalent = sample_covariance(Diagonal(TWO), 2000)
    assert support._mass_inside(equivalent, low, high) == share
    roots = np.real(equivalent.solve(np.array([low, high])))
    points = list(zip((low, high), roots, strict=True))
    assert support._mass_between(equivalent, *points) == share


def test_no_count_is_made_on_a_circle_through_a_bulk():
    assert np.isnan(support._mass_inside(sample_covariance(Diagonal(TWO), 2000), 0.5, 1.0))


def test_beside_a_level_no_bulk_is_looked_for_where_no_point_is_solved():
    equivalent = WeightedEquivalent(Diagonal(TWO), 400, np.ones(50), 3.0, 0.5)
    scan = support.Scan(equivalent, np.array([70.0, 80.0]))
    (level,) = scan.levels
    assert level == 3.0
    narrow = 50.0 * support.NARROW
    assert support._least_width(scan, 49.0, 50.0) == narrow
    for low, high in ((level, 3.5), (2.5, level), (2.0, 4.0)):
        assert support._least_width(scan, low, high) == 4.0 * support.AVOIDED * high
    beyond = level * (1.0 + 2.0 * support.AVOIDED)
    assert support._least_width(scan, beyond, 4.0) == 4.0 * support.NARROW


@pytest.mark.parametrize("ends", [(1.0, 2.0), (1.0, 100.0), (-1.0, 1.0)])
def test_a_middle_is_inside_and_at_no_atom(ends):
    class Atom:
        def __init__(self, position):
            self.position = position

    plain = support._middle(*ends, [])
    beside = support._middle(*ends, [Atom(plain), Atom(plain + 0.03 * (ends[1] - ends[0]))])
    assert ends[0] < plain < beside < ends[1]
    assert beside == pytest.approx(plain + 0.06 * (ends[1] - ends[0]))


def test_small_and_dense_models_are_decomposed():
    weights = np.linspace(0.5, 2.0, 40)
    assert WeightedEquivalent(AR1(40, 0.5), 80, weights, 0.1, 1.0).pencil is not None
    large = AR1(200, 0.5)
    weights = np.linspace(0.5, 2.0, 200)
    assert WeightedEquivalent(large, 80, weights, 0.1, 1.0).pencil is None
    assert WeightedEquivalent(Dense(large.dense()), 80, weights, 0.1, 1.0).pencil is not None
    assert WeightedEquivalent(Diagonal(weights), 80, weights, 0.1, 1.0).pencil is None


def test_functionals_at_a_complex_root_of_a_real_place():
    equivalent = sample_covariance(Diagonal(TWO), 100)
    z = np.array([0.7, 1.3, 25.0])
    s = np.array([0.4 - 0.2j, 1.1 - 1.0j, 0.9 - 0.1j])
    for real, whole in zip(equivalent.traces(s, z), equivalent.traces(s, z + 0j), strict=True):
        np.testing.assert_array_equal(real, whole)
    r = 1.0 / (s[0] * TWO - z[0])
    found = equivalent.traces(s, z)
    assert found.excess[0] == pytest.approx(s[0] - 1.0 + s[0] * np.sum(TWO * r) / 100)
    assert found.slope[0] == pytest.approx(
        1.0 + np.sum(TWO * r) / 100 - s[0] * np.sum((TWO * r) ** 2) / 100
    )
    assert found.drift[0] == pytest.approx(s[0] * np.sum(TWO * r * r) / 100)
    assert found.stieltjes[0] == pytest.approx(np.mean(r))
