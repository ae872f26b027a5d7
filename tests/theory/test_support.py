"""What the search for bulks falls back on where a model has no count of its own."""

import numpy as np
import pytest

from mssl.covariance import AR1, Dense, Diagonal, Isotropic
from mssl.theory import support
from mssl.theory.edges import find_edge
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


@pytest.mark.parametrize(("ends", "middle"), [((1.0, 3.9), 2.45), ((1.0, 4.41), 2.1)])
def test_a_middle_is_geometric_where_the_ends_are_far_apart(ends, middle):
    assert support._middle(*ends, []) == pytest.approx(middle)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_points_beside_a_level_come_near_and_keep_away(unit):
    equivalent = WeightedEquivalent(Diagonal(unit * TWO), 400, np.ones(50), 3.0 * unit, 0.5)
    offsets = support._around_levels(equivalent) / (3.0 * unit) - 1.0
    expected = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
    np.testing.assert_allclose(np.sort(np.abs(offsets)), np.repeat(expected, 2), rtol=1e-8)
    assert np.sum(offsets > 0) == 6


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_points_beside_an_atom_cover_the_bulks_of_the_levels_around(unit):
    """400 coordinates at one level, more than the samples; two and three at levels near it."""
    levels = unit * np.repeat([1.0, 1.01, 1.2, 2.0], [400, 2, 3, 95])
    equivalent = WeightedEquivalent(Diagonal(unit * np.ones(500)), 100, np.ones(500), levels, 1.0)
    (beside,) = support._beside_atoms(equivalent)
    distances = beside / unit - 1.0
    # From half of (1 - n/m) times the nearest level to twice the farthest that is below 1.3.
    assert distances[0] == pytest.approx(0.5 * 0.75 * 0.01)
    assert distances[-1] == pytest.approx(2.0 * 0.2)
    np.testing.assert_allclose(np.diff(np.log(distances)), np.log(support.BESIDE_STEP), rtol=0.02)


def test_a_hard_edge_is_found_by_bisection_alone():
    """As many coordinates at a level as samples: the density diverges there."""
    equivalent = WeightedEquivalent(Isotropic(50), 50, np.ones(50), 3.0, 1.0)
    ends = [(z, complex(equivalent.solve(np.array([z]))[0])) for z in (2.9, 3.1)]
    edge = find_edge(equivalent, *ends, +1)
    assert edge.position == pytest.approx(3.0, rel=3e-12)
    assert edge.inward == 1
