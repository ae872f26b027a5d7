"""Which coordinates a spectrum takes apart, and which it takes together."""

import numpy as np
import pytest

from mssl.covariance import AR1, Blocks, Circulant, Dense, Diagonal, Scaled
from mssl.theory import PCATheory, atoms, bulk, optimal_masking, series
from mssl.theory.law import joint_law
from mssl.theory.pencil import Pencil


def test_only_a_chain_of_one_scale_is_stationary():
    chain = AR1(20, 0.5)
    assert bulk.is_stationary(chain, 10)
    assert bulk.is_stationary(Scaled(Scaled(chain, np.full(20, 3.0)), np.full(20, 0.1)), 10)
    assert not bulk.is_stationary(Scaled(chain, np.linspace(1.0, 2.0, 20)), 10)
    assert not bulk.is_stationary(chain, 20)
    assert not bulk.is_stationary(Diagonal(np.ones(20)), 10)


@pytest.mark.parametrize("strength", [1e-3, 0.5, 2.0, 1e3])
def test_a_local_direction_is_seen_at_any_strength(strength):
    directions = np.zeros((200, 3))
    directions[7, 0], directions[:, 1], directions[9, 2] = 1.0, 200**-0.5, 1.0
    found = bulk._local(np.ones(200), np.ones(200), np.array([strength, 1.0, 0.0]), directions)
    np.testing.assert_array_equal(np.flatnonzero(found), [7])


def test_levels_that_nearly_agree_become_one_beside_others_that_do_not():
    near = 1.0 + 1e-5 * np.arange(30)
    settled = bulk.settle(np.concatenate([near, [5.0, 7.0]]), 1.0, 20)
    np.testing.assert_allclose(settled[:30], near.mean(), rtol=1e-15)
    np.testing.assert_array_equal(settled[30:], [5.0, 7.0])
    few = bulk.settle(near, 1.0, 40)
    np.testing.assert_array_equal(few, near)
    # Neighbours nearly agree, the ends do not: they are left as they are.
    chain = 1.0 + 9e-5 * np.arange(30)
    np.testing.assert_array_equal(bulk.settle(chain, 1.0, 20), chain)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_a_rank_is_the_same_in_all_units(unit):
    """Two of five coordinates are copies; of the other group none is."""
    loadings = np.array(
        [[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    )
    model = Dense(unit * loadings @ loadings.T)
    null = atoms._null_weight(model)
    np.testing.assert_allclose(null, [0.5, 0.5, 0.0, 0.0, 0.0], atol=0.02)
    assert atoms._rank(model, np.array([0, 1, 2]), null) == 2
    assert atoms._rank(model, np.array([2, 3, 4]), null) == 3
    assert atoms._rank(model, np.arange(5), null) == 4


@pytest.mark.parametrize("same", [0.3, 0.8])
@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_traces_at_a_level_are_the_same_in_all_units(unit, same):
    """Where B has zeros and Sigma is singular, their sum is not."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 3))
    sigma, weights, levels = root @ root.T, rng.uniform(0.5, 2.0, 6), np.repeat([0.3, same], 3)
    s, z = np.array([0.7 - 0.1j]), np.array([0.3])
    plain = Pencil(sigma, weights, levels).traces(s, z)
    other = Pencil(unit * sigma, weights, unit * levels).traces(s, unit * z)
    np.testing.assert_allclose(other[0], plain[0], rtol=1e-9)
    np.testing.assert_allclose(other[1], plain[1], rtol=1e-9)


@pytest.mark.parametrize(
    "model", [AR1(30, -0.6), Blocks([4, 6, 5], [0.3, 0.9, -0.1]), Circulant([1.0, 0.5, 0.2, 0.5])]
)
def test_a_law_holds_the_eigenvalues_of_models_that_know_them(model):
    law = joint_law(model, np.full(model.d, 2.0), 0.1)
    assert law is not None
    found = np.sort(np.repeat(law.variances, law.counts.astype(int)))
    np.testing.assert_allclose(found, np.linalg.eigvalsh(model.dense()), rtol=1e-10)
    np.testing.assert_array_equal(law.weights, 2.0)
    assert joint_law(model, np.linspace(1.0, 2.0, model.d), 0.1) is None


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e7])
def test_bulks_that_miss_their_mean_are_noticed_in_all_units(unit):
    model = Diagonal(unit * np.repeat([1.0, 4.0], 30))
    spectrum = PCATheory(model, 150).spiked_equivalent.spectrum
    edges, panels, point_masses = spectrum._support
    assert spectrum._wrong_moment(edges, panels, point_masses) == ""
    wrong = [panel._replace(series=1.001 * panel.series) for panel in panels]
    assert spectrum._wrong_moment(edges, wrong, point_masses).startswith("have a mean")


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_best_pair_of_rate_and_ridge_has_the_units_of_the_rows(unit):
    variances = np.geomspace(0.3, 3.0, 24)
    plain = optimal_masking(Scaled(AR1(24, 0.9), variances), 20)
    other = optimal_masking(Scaled(AR1(24, 0.9), unit**0.5 * variances), 20)
    assert other.mask_rate == pytest.approx(plain.mask_rate, abs=1e-4)
    assert other.error / unit == pytest.approx(plain.error, rel=1e-9)
    assert other.ridge / unit == pytest.approx(plain.ridge, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("d", [40, 300])
def test_silent_coordinates_of_a_diagonal_model_lose_their_variance(d):
    excess = np.ones(d)
    excess[[1, 5]] = 1e-9
    quiet = bulk.without_silent(Diagonal(np.linspace(1.0, 2.0, d)), excess)
    assert isinstance(quiet, Diagonal)
    np.testing.assert_array_equal(np.flatnonzero(quiet.diagonal() == 0.0), [1, 5])
    loud = Diagonal(np.linspace(1.0, 2.0, d))
    assert bulk.without_silent(loud, np.ones(d)) is loud


def test_only_what_stands_above_a_jump_is_taken_off():
    variances = np.concatenate([[900.0, 500.0, 2.0], np.linspace(1.9, 1.0, 97)])
    found = bulk.replace_loudest(Diagonal(variances), variances, 1)
    assert found is not None
    rest, strengths, directions = found
    usual = np.median(variances[2:])
    np.testing.assert_allclose(strengths, np.array([900.0, 500.0]) - usual)
    np.testing.assert_array_equal(directions, np.eye(100)[:, :2])
    np.testing.assert_allclose(rest.diagonal()[:2], usual)
    np.testing.assert_array_equal(rest.diagonal()[2:], variances[2:])


def test_the_middle_of_each_gap_inside_a_bulk_is_found():
    x = np.array([3.0, 1.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0])
    inside = np.isin(x, [1.0, 2.0, 6.0, 8.0])
    found = series._middle_of_gap(x, np.where(inside, 1.0 - 0.1j, 1.0))
    np.testing.assert_array_equal(found, [4.0, 7.0])
    assert series._middle_of_gap(x, np.full(8, 1.0 - 0.1j)).size == 0
