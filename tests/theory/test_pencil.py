"""Dense models at many places at once, and the exact count of eigenvalues below a gap."""

import numpy as np
import pytest

from mssl.covariance import (
    AR1,
    Blocks,
    Circulant,
    Dense,
    Diagonal,
    Isotropic,
    Scaled,
    Spiked,
)
from mssl.theory import PCATheory, Spectrum, SSRTheory, WeightedEquivalent, split_spikes
from mssl.theory.pencil import Pencil
from tests.models import every_model


def functionals(sigma, weights, levels, s, z):
    """The four traces by one plain inverse, in the units in which D is 1."""
    scale = np.sqrt(weights)
    sigma = sigma * scale[:, None] * scale
    r = np.linalg.inv(s * sigma + np.diag(levels - z))
    product = sigma @ r
    return [np.trace(product), np.trace(product @ product), np.trace(r @ product), np.trace(r)]


@pytest.mark.parametrize("rank", [12, 7])
@pytest.mark.parametrize("imaginary", [0.0, -0.4])
@pytest.mark.parametrize("height", [0.0, 0.3])
def test_traces_of_both_forms_are_those_of_a_plain_inverse(rank, imaginary, height):
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(12, rank))
    sigma, weights = factor @ factor.T / 12, rng.uniform(0.5, 2.0, 12)
    levels = 0.7 * weights
    pencil = Pencil(sigma, weights, levels)
    s = np.array([0.3, 1.1, 0.8]) + 1j * imaginary
    z = np.array([0.2, 1.9, 5.0]) + 1j * height
    found = np.array(pencil.traces(s, z)).T
    for row, a, b in zip(found, s, z, strict=True):
        np.testing.assert_allclose(row, functionals(sigma, weights, levels, a, b), rtol=1e-9)


def test_a_graded_singular_matrix_keeps_its_digits():
    """Sigma on two coordinates of twelve, with variances 1 and 1e-10, has a known resolvent."""
    variances = np.zeros(12)
    variances[[2, 9]] = 1.0, 1e-10
    pencil = Pencil(np.diag(variances), np.ones(12), np.full(12, 0.5))
    s, z = np.array([1.0 - 2.0j]), np.array([0.5 - 3e-10])
    r = 1.0 / (s * variances + 0.5 - z)
    expected = [np.sum(variances * r), np.sum((variances * r) ** 2), np.sum(variances * r * r)]
    np.testing.assert_allclose(np.array(pencil.traces(s, z))[:3, 0], expected, rtol=1e-6)


@every_model
@pytest.mark.parametrize("n", [0.5, 3.0])
def test_the_count_below_a_gap_is_the_mass_below_it(model, n):
    model = split_spikes(model)[0]
    weights = 1.0 / (0.2 + model.diagonal())
    ensemble = WeightedEquivalent(model, int(n * model.d), weights, 0.3, 0.8)
    spectrum = Spectrum(ensemble)
    edges = spectrum.edges
    places = np.r_[0.9 * edges[0], 0.5 * (edges[1:-1:2] + edges[2:-1:2]), 1.1 * edges[-1]]
    atoms = np.array([atom.position for atom in spectrum.atoms])
    for z in places:
        if np.any(np.abs(atoms - z) < 1e-6):
            continue
        root = ensemble.solve(np.array([z]))[0].real
        count = ensemble.below(root, z)
        assert count is not None
        assert count == pytest.approx(model.d * spectrum.cdf(z), abs=1e-3)


def test_the_count_is_that_of_the_eigenvalues_of_a_draw():
    """Exact separation: far enough from the bulks no eigenvalue is on the wrong side."""
    variances = np.repeat([0.1, 1.0, 20.0], [60, 100, 40])
    model, n = Diagonal(variances), 1200
    theory = PCATheory(model, n)
    x = model.sample(n, 0)
    values = np.linalg.eigvalsh(x.T @ x / n)
    ensemble = theory.spiked_equivalent.equivalent
    gaps = theory.edges[1:-1].reshape(-1, 2)
    assert len(gaps) == 2
    for z in gaps.mean(axis=1):
        root = ensemble.solve(np.array([z]))[0].real
        assert ensemble.below(root, z) == np.sum(values < z)


@pytest.mark.parametrize("d", [40, pytest.param(60, marks=pytest.mark.long)])
def test_a_dense_model_has_the_spectrum_of_the_structured_one(d):
    model = Scaled(AR1(d, -0.8), np.linspace(0.7, 1.6, d))
    for n in (d // 2, 40 * d):
        first, second = SSRTheory(model, n, 0.2), SSRTheory(Dense(model.dense()), n, 0.2)
        np.testing.assert_allclose(first.edges, second.edges, rtol=1e-8)


def test_a_badly_conditioned_matrix_with_one_sample_has_a_spectrum():
    u = np.zeros((30, 1))
    u[[3, 11, 20], 0] = 3**-0.5
    model = Spiked(Diagonal(np.geomspace(1.0, 1e-12, 30)), [40.0], u)
    theory = SSRTheory(Dense(model.dense()), 1, 2.0)
    assert theory.spectrum.moment(0) == pytest.approx(1.0, abs=3e-6)
    assert theory.spectrum.moment(1) == pytest.approx(0.0, abs=1e-5)


def test_bulks_narrower_than_arithmetic_count_as_one_place():
    """So many samples leave each variance of the population a bulk of relative width 1e-11."""
    n = 10**23
    theory = PCATheory(Diagonal([1.0, 2.0, 5.0]), n)
    found = sorted((atom.position, atom.mass) for atom in theory.spectrum.atoms)
    np.testing.assert_allclose(found, [(v, 1.0 / 3.0) for v in (1.0, 2.0, 5.0)], rtol=1e-9)
    assert theory.edges.size == 0


def test_the_far_end_of_a_bulk_beside_many_levels_is_its_end():
    """Brent's method may end at a pole, where a change of sign is no edge."""
    theory = SSRTheory(Diagonal(np.arange(1.0, 116) ** -0.946), 12, 6.37)
    for low, high in theory.edges.reshape(-1, 2):
        assert np.all(theory.density(low + (high - low) * np.array([0.01, 0.5, 0.99])) > 0)


def test_an_atom_inside_a_bulk_is_in_no_gap():
    """A coordinate that only a spike moves has its place among the eigenvalues of others."""
    variances = np.r_[np.geomspace(1.0, 1e-3, 40), np.zeros(8)]
    u = np.zeros((48, 1))
    u[[2, 7, 19, 42], 0] = 0.5
    theory = SSRTheory(Spiked(Diagonal(variances), [0.003], u), 30, 0.03, 0.3)
    bulks = theory.edges.reshape(-1, 2)
    assert all(spike.threshold > 0 for spike in theory.spikes)
    for outlier in theory.outliers:
        place = theory.spectrum.eigenvalue(outlier.position)
        assert not np.any((bulks[:, 0] < place) & (place < bulks[:, 1]))


def test_a_silent_coordinate_stays_at_zero_beside_a_crowd_of_quiet_ones():
    variances = np.arange(1.0, 149) ** -2.78
    variances[70] = 0.0
    theory = SSRTheory(Diagonal(variances), 47, 0.4)
    at_zero = sum(atom.mass for atom in theory.spectrum.atoms if abs(atom.position) < 1e-12)
    assert at_zero == pytest.approx(1.0 / 148.0)
    crowd = [atom for atom in theory.spectrum.atoms if atom.position < -1e-12]
    assert crowd


def test_correlation_pca_where_a_spike_is_all_the_variance_of_a_coordinate():
    variances = np.full(30, 2.0)
    variances[4] = 0.0
    model = Spiked(Diagonal(variances), [8.0], np.full((30, 1), 30**-0.5))
    theory = PCATheory(model, 60, True)
    expected = np.mean(variances / model.diagonal())
    assert theory.spectrum.moment(1) == pytest.approx(expected, rel=1e-5)


def test_a_large_penalty_with_many_masks_has_the_mean_zero_to_rounding():
    """Eigenvalues of A_hat of size 1e-12 are below the rounding of the quotients they come from."""
    variances = np.geomspace(1.0, 1e-7, 48)
    variances[5] = 0.0
    theory = SSRTheory(Diagonal(variances), 2306, 1e7, 0.962)
    assert abs(theory.spectrum.moment(1)) < 1e-16


def test_blocks_and_white_noise_agree_where_they_are_the_same():
    first, second = SSRTheory(Blocks([1] * 40, 0.0), 70, 0.3), SSRTheory(Isotropic(40), 70, 0.3)
    np.testing.assert_allclose(first.edges, second.edges, rtol=1e-9)


def test_a_silent_coordinate_of_a_matrix_stays_apart_from_the_others():
    """An eigenvector that mixes 1e-12 of it into others would be divided by the penalty."""
    rng = np.random.default_rng(36)
    factor = rng.normal(size=(29, 28)) * np.exp(rng.normal(size=28))
    factor[:, 11] = 0.0
    sigma = factor.T @ factor / 29
    some = np.delete(np.arange(28), 11)
    whole = SSRTheory(Dense(sigma), 2536, 3e-10)
    part = SSRTheory(Dense(sigma[np.ix_(some, some)]), 2536, 3e-10)
    assert whole.coef_norm == pytest.approx(part.coef_norm * 27 / 28, rel=1e-6)
    at_zero = [atom.mass for atom in whole.spectrum.atoms if abs(atom.position) < 1e-12]
    assert sum(at_zero) == pytest.approx(1 / 28)


@pytest.mark.parametrize("kind", ["ring", "blocks"])
def test_a_spike_along_a_loud_direction_of_the_base_has_a_threshold(kind):
    """One eigenvector of the base has its own bulk; the spike has to leave that one."""
    d, n = 36, 80
    distance = np.minimum(np.arange(d), d - np.arange(d))
    base = Circulant(np.exp(-distance / 8.0)) if kind == "ring" else Blocks([d], 0.3)
    u = np.full((d, 1), d**-0.5)
    threshold = SSRTheory(Spiked(base, [1.0], u), n, 0.01).spikes[0].threshold
    assert 0.0 < threshold < np.inf
    for factor in (0.8, 1.25):
        spike = SSRTheory(Spiked(base, [factor * threshold], u), n, 0.01).spikes[0]
        assert spike.detected == (spike.strength > spike.threshold)


def test_a_long_chain_of_near_levels_is_not_one_place():
    """Each of them is near the next, the first and the last are not near each other."""
    variances = np.geomspace(1.0, 2e-11, 60)
    variances[[7, 31, 50]] = 0.0
    atoms = SSRTheory(Diagonal(variances), 6, 0.008, 0.856).spectrum.atoms
    assert sum(atom.mass for atom in atoms if abs(atom.position) <= 1e-9) >= 3 / 60 - 1e-12


def test_one_sample_of_scaled_white_noise_meets_no_division_without_a_value():
    scales = np.exp(1.68 * np.random.default_rng(556).standard_normal(55))
    theory = SSRTheory(Scaled(Isotropic(55, 22.73), scales), 1, 1.074e-5)
    assert theory.spectrum.moment(1) == pytest.approx(0.0, abs=1e-9)
