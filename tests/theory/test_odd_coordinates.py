"""Worlds in which few coordinates differ from the rest: first moments, units, and one draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssl.covariance import AR1, Blocks, Circulant, Dense, Diagonal, Isotropic, Scaled, Spiked
from mssl.theory import PCATheory, SSRTheory

D = 60
BASES = {
    "white": lambda: Isotropic(D),
    "two levels": lambda: Diagonal(np.tile([0.5, 2.0], D // 2)),
    "AR(1)": lambda: AR1(D, 0.6),
    "ring": lambda: Circulant(np.exp(-np.minimum(np.arange(D), D - np.arange(D)) / 2.0)),
    "blocks": lambda: Blocks([5] * (D // 5), 0.4),
}


def odd_scales(count, size):
    scales = np.ones(D)
    scales[np.linspace(0, D - 1, count).astype(int)] = np.sqrt(size)
    return scales


def coefficient_eigenvalues(model, n, ridge, seed, rate=0.0):
    """Eigenvalues of A_hat for one draw, ascending, by a plain inverse."""
    x = model.sample(n, seed)
    keep = 1.0 - rate
    s = x.T @ x / n
    q = np.linalg.inv(s + np.diag(rate / keep * np.diag(s) + ridge / keep**2))
    root = np.sqrt(np.diag(q))
    return np.sort((1.0 - np.linalg.eigvalsh(q / np.outer(root, root))) / keep)


@pytest.mark.parametrize("count", [1, 3, 4, D // 2, D])
@pytest.mark.parametrize("size", [1e-3, 0.1, 100.0, 1e3])
@pytest.mark.parametrize("name", ["white", "two levels"])
def test_eigenvalues_of_independent_coordinates_sum_to_zero(name, size, count):
    model = Scaled(BASES[name](), odd_scales(count, size))
    for n, rate in ((2 * D, None), (D // 2, None), (2 * D, 0.5)):
        spectrum = SSRTheory(model, n, 0.1, rate).spectrum
        assert abs(spectrum.moment(1)) < 1e-8
        assert spectrum.moment(0) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["AR(1)", "ring", "blocks"])
def test_eigenvalues_of_dependent_coordinates_sum_to_zero(name):
    for count, size, n in ((1, 100.0, 2 * D), (2, 0.01, 2 * D), (1, 10.0, D // 2)):
        spectrum = SSRTheory(Scaled(BASES[name](), odd_scales(count, size)), n, 0.1).spectrum
        assert abs(spectrum.moment(1)) < 1e-7


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    st.sampled_from(sorted(BASES)),
    st.integers(1, D),
    st.floats(-3.0, 3.0),
    st.floats(0.3, 4.0),
)
def test_correlation_pca_never_sees_units(name, count, power, gamma):
    base, n = BASES[name](), round(D / gamma)
    model = Scaled(base, odd_scales(count, 10.0**power))
    ours, plain = (PCATheory(m, n, standardize=True) for m in (model, base))
    np.testing.assert_allclose(ours.edges, plain.edges, rtol=1e-7, atol=1e-12)
    assert ours.spectrum.moment(1) == pytest.approx(1.0, rel=1e-6)
    places = [0.5, 1.0, 2.0]
    np.testing.assert_allclose(ours.density(places), plain.density(places), rtol=1e-4, atol=1e-8)


def test_correlation_pca_of_a_spike_never_sees_units():
    u = np.full((D, 1), D**-0.5)
    plain = Spiked(BASES["two levels"](), 6.0, u)
    for count, size in ((1, 1e3), (4, 1e-3), (30, 1e2)):
        ours = PCATheory(Scaled(plain, odd_scales(count, size)), 2 * D, True).spikes[0]
        theirs = PCATheory(plain, 2 * D, True).spikes[0]
        assert ours.detected
        assert ours.eigenvalue == pytest.approx(theirs.eigenvalue, rel=1e-6)


@pytest.mark.parametrize("zeros", [1, 3, 10])
@pytest.mark.parametrize("rate", [None, 0.5])
def test_a_coordinate_without_variance_has_eigenvalue_zero(zeros, rate):
    model = Dense(np.diag(np.r_[np.zeros(zeros), np.ones(D)]))
    atoms = SSRTheory(model, 3 * D, 0.1, rate).spectrum.atoms
    assert len(atoms) == 1
    assert atoms[0].position == pytest.approx(0.0, abs=1e-12)
    assert atoms[0].mass == pytest.approx(zeros / (D + zeros))


@pytest.mark.parametrize(
    ("model", "n", "ridge", "rate"),
    [
        (Diagonal(np.r_[100.0, np.ones(299)]), 600, 0.1, 0.0),
        (Diagonal(np.r_[0.01, np.ones(299)]), 600, 0.1, 0.0),
        (Diagonal(np.r_[np.full(4, 0.01), np.ones(296)]), 600, 0.1, 0.5),
        (Diagonal(np.r_[0.01, np.ones(299)]), 150, 0.1, 0.0),
        (Diagonal(np.r_[100.0, 30.0, np.ones(298)]), 600, 30.0, 0.0),
        (Scaled(AR1(300, 0.5), np.r_[0.1, 10.0, np.ones(298)]), 600, 0.1, 0.0),
        (Blocks([2] + [1] * 298, [0.9] + [0.0] * 298), 600, 0.1, 0.0),
    ],
)
def test_one_draw_lies_where_the_spectrum_is(model, n, ridge, rate):
    spectrum = SSRTheory(model, n, ridge, rate or None).spectrum
    seen = coefficient_eigenvalues(model, n, ridge, 5, rate)
    places = [spectrum.edges.reshape(-1, 2), *([[a.position] * 2] for a in spectrum.atoms)]
    places = np.concatenate(places)
    away = np.maximum(places[:, :1] - seen, seen - places[:, 1:]).clip(0.0).min(axis=0)
    nu = 1.0 / (1.0 - (1.0 - rate) * seen)
    # Eigenvalues of M at a place of few coordinates fluctuate by a relative n^-1/2.
    assert np.max(away * nu) < 4.0 / np.sqrt(n)
    # An atom at n < d is spread in a sample; on either side of it the shares must agree.
    for place in (*spectrum.edges[[0, -1]], *np.quantile(seen, [0.6, 0.8, 0.9, 0.99])):
        for shifted in (place - 0.02, place + 0.02):
            share = float(spectrum.cdf(shifted))
            assert abs(np.mean(seen <= shifted) - share) < 6.0 / model.d


def spike_of(model, n, ridge):
    return SSRTheory(model, n, ridge).spikes[0]


@pytest.mark.parametrize("ridge", [0.1, 3.0, 30.0])
@pytest.mark.parametrize("n", [400, 120])
def test_odd_coordinates_do_not_hide_a_spike(n, ridge):
    d = 200
    u = np.random.default_rng(0).normal(size=(d, 1))
    u /= np.linalg.norm(u)
    clean = spike_of(Spiked(Isotropic(d), 6.0, u), n, ridge)
    variances = np.ones(d)
    variances[:4] = 100.0, 30.0, 300.0, 1e-3
    spike = spike_of(Spiked(Diagonal(variances), 6.0, u), n, ridge)
    assert spike.detected
    assert spike.threshold == pytest.approx(clean.threshold, rel=0.05)
    assert spike.eigenvalue == pytest.approx(clean.eigenvalue, abs=0.01)
    assert spike.right_overlap == pytest.approx(clean.right_overlap, abs=0.03)


def test_covariance_pca_of_a_spike_beside_a_loud_coordinate():
    d, n = 200, 400
    u = np.full((d, 1), d**-0.5)
    for loud in (20.0, 100.0, 1e3):
        model = Spiked(Diagonal(np.r_[loud, np.ones(d - 1)]), 3.0, u)
        theory = PCATheory(model, n)
        assert theory.spikes[0].eigenvalue == pytest.approx((1 + 3) * (1 + 0.5 / 3), rel=0.01)
        assert theory.spikes[0].threshold == pytest.approx(np.sqrt(0.5), rel=0.01)
        x = model.sample(n, 3)
        first = np.linalg.eigvalsh(x.T @ x / n)[-1]
        assert theory.outliers[0].position == pytest.approx(first, rel=5.0 * np.sqrt(2.0 / n))


def test_levels_that_accumulate_next_to_an_atom_are_found():
    # The two ends of a process have levels of their own, which crowd at that of the interior.
    for rho, n in ((-0.3, 13), (0.6, 13), (0.3, 20)):
        spectrum = SSRTheory(Dense(AR1(26, rho).dense()), n, 0.1).spectrum
        assert spectrum.moment(0) == pytest.approx(1.0, abs=1e-5)
        assert abs(spectrum.moment(1)) < 1e-7
        structured = SSRTheory(AR1(26, rho), n, 0.1).spectrum
        assert spectrum.edges[-1] == pytest.approx(structured.edges[-1], abs=0.02)
