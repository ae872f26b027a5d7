"""Densities, edges and atoms against closed forms, identities and one draw."""

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
from mssl.simulation import simulate_spectrum
from mssl.theory import PCATheory, Spectrum, SSRTheory, WeightedEquivalent
from tests.models import every_model


def marchenko_pastur(x, gamma):
    low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2
    inside = np.sqrt(np.maximum((high - x) * (x - low), 0.0))
    return inside / (2 * np.pi * gamma * x), low, high


def ring(d, decay):
    distance = np.minimum(np.arange(d), d - np.arange(d))
    return Circulant(np.exp(-distance / decay))


@pytest.mark.parametrize("gamma", [0.2, 0.9, 3.0])
def test_pca_of_white_noise_is_marchenko_pastur(gamma):
    d = 300
    n = round(d / gamma)
    gamma = d / n
    theory = PCATheory(Isotropic(d), n)
    x = np.linspace(0.01, 8.0, 400)
    density, low, high = marchenko_pastur(x, gamma)
    np.testing.assert_allclose(theory.density(x), density, atol=1e-12)
    np.testing.assert_allclose(theory.edges, [low, high], rtol=1e-12)
    assert sum(a.mass for a in theory.spectrum.atoms) == pytest.approx(max(0, 1 - 1 / gamma))


def test_regression_on_white_noise_is_a_moebius_map_of_marchenko_pastur():
    d, n, lam = 200, 500, 0.3
    theory = SSRTheory(Isotropic(d), n, lam)
    weight = theory.solution.resolvent.diagonal[0] * theory.kappa / lam
    _, low, high = marchenko_pastur(1.0, d / n)
    expected = 1.0 - 1.0 / (weight * (np.array([low, high]) + lam))
    np.testing.assert_allclose(theory.edges, expected, rtol=1e-11)
    a = np.linspace(expected[0] + 1e-3, expected[1] - 1e-3, 50)
    s = 1.0 / ((1.0 - a) * weight) - lam
    jacobian = 1.0 / (weight * (1.0 - a) ** 2)
    np.testing.assert_allclose(
        theory.density(a), marchenko_pastur(s, d / n)[0] * jacobian, rtol=1e-10
    )


def test_square_case_reaches_the_hard_edge():
    theory = PCATheory(Isotropic(50), 50)
    np.testing.assert_allclose(theory.edges, [0.0, 4.0], atol=1e-12)
    assert theory.spectrum.cdf(1.0) == pytest.approx(1 / 3 + np.sqrt(3) / (2 * np.pi), abs=1e-9)


def test_three_separate_bulks_carry_their_exact_share():
    theory = PCATheory(Diagonal(np.repeat([1.0, 3.0, 10.0], 100)), 3000)
    edges = theory.edges.reshape(-1, 2)
    assert len(edges) == 3
    gaps = 0.5 * (edges[:-1, 1] + edges[1:, 0])
    np.testing.assert_allclose(theory.spectrum.cdf(gaps), [1 / 3, 2 / 3], atol=1e-9)
    np.testing.assert_allclose(theory.spectrum.cdf(edges[-1, 1]), 1.0, atol=1e-9)


@every_model
@pytest.mark.parametrize("aspect", [0.5, 3.0])
def test_mass_mean_and_branch(model, aspect):
    n = max(1, int(aspect * model.d))
    theory = SSRTheory(model, n, 0.1)
    spectrum = theory.spectrum
    assert spectrum.moment(0) == pytest.approx(1.0, abs=2e-6)
    ensemble = spectrum.source.equivalent
    mean = ensemble.population_trace * n / model.d / ensemble.rho
    mean += np.mean(ensemble.offset * ensemble.weights)
    assert spectrum.source.moment(1) == pytest.approx(ensemble.eigenvalue(mean), rel=1e-5)
    z = np.array([0.3 + 0.5j, -2.0 + 0.3j, 0.9 - 0.4j])
    m = spectrum.stieltjes(z)
    assert np.all(np.imag(m) * np.imag(z) > 0)
    direct = [
        spectrum.expect(lambda a, p=p: np.real(1 / (a - p)))
        + 1j * spectrum.expect(lambda a, p=p: np.imag(1 / (a - p)))
        for p in z
    ]
    np.testing.assert_allclose(m, direct, atol=2e-5)


@pytest.mark.parametrize("lam", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize(
    "model",
    [
        Diagonal(np.exp(np.random.default_rng(0).normal(size=60))),
        Scaled(AR1(60, 0.5), np.exp(0.3 * np.random.default_rng(1).normal(size=60))),
        Blocks([15, 30, 15], [0.5, 0.2, 0.0], [1.0, 2.0, 0.5]),
        ring(60, 2.0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_eigenvalues_of_a_sum_to_zero(model, n, lam):
    # Trace zero holds by construction of A_hat, and only if kappa, D and the law fit together.
    assert SSRTheory(model, n, lam).spectrum.moment(1) == pytest.approx(0.0, abs=3e-6)


@pytest.mark.parametrize("lam", [1e-3, 0.5])
@pytest.mark.parametrize("n", [90, 400])
def test_second_moment_is_the_norm_of_the_symmetric_matrix(n, lam):
    # (1/d) Tr A^2 = mean over j, k of Q_jk^2 / (Q_jj Q_kk), less one; white noise in closed form.
    d = 150
    theory = SSRTheory(Isotropic(d), n, lam)
    assert theory.spectrum.moment(2) == pytest.approx(theory.coef_norm, rel=1e-6)


def test_edges_are_where_the_density_ends():
    for model in (Diagonal(np.tile([0.3, 3.0], 100)), AR1(150, 0.6), ring(90, 3.0)):
        for n in (80, 600):
            theory = SSRTheory(model, n, 0.05)
            for low, high in theory.edges.reshape(-1, 2):
                step = 1e-6 * max(1.0, abs(low), abs(high)) * np.array([-1.0, 1.0])
                outside, inside = theory.density(low + step)
                assert outside == 0.0 < inside
                inside, outside = theory.density(high + step)
                assert outside == 0.0 < inside


@pytest.mark.parametrize("lam", [0.0, 0.05])
def test_dense_model_agrees_with_the_structured_one(lam):
    scales = np.exp(0.4 * np.random.default_rng(1).normal(size=40))
    structured = Scaled(AR1(40, 0.6), scales)
    for n in (30, 100):
        a = np.linspace(-3.0, 0.99, 40)
        ours = SSRTheory(structured, n, lam)
        dense = SSRTheory(Dense(structured.dense()), n, lam)
        np.testing.assert_allclose(ours.edges, dense.edges, rtol=1e-8)
        np.testing.assert_allclose(ours.density(a), dense.density(a), atol=2e-5)


def test_series_agrees_with_points_solved_one_by_one():
    model = Scaled(AR1(80, 0.6), np.exp(0.3 * np.random.default_rng(2).normal(size=80)))
    spectrum = SSRTheory(model, 200, 0.1).spectrum.source
    x = np.geomspace(1.02 * spectrum.edges[0], 0.98 * spectrum.edges[-1], 25)
    np.testing.assert_allclose(
        spectrum.density(x), np.imag(spectrum.stieltjes(x)) / np.pi, atol=1e-6
    )


def test_quantile_inverts_cdf():
    for n in (100, 250):
        spectrum = SSRTheory(Diagonal(np.tile([0.3, 3.0], 100)), n, 0.02).spectrum
        p = np.linspace(0.01, 0.99, 37)
        q = spectrum.quantile(p)
        assert np.all(np.diff(q) >= 0)
        np.testing.assert_allclose(spectrum.cdf(q), p, atol=1e-9)
    assert SSRTheory(Isotropic(100), 40, 0.0).spectrum.quantile(0.9) == 1.0


def test_atoms_for_fewer_samples_than_coordinates():
    # Two levels of 100 coordinates each: every level keeps 100 - 60 untouched directions.
    theory = SSRTheory(Diagonal(np.tile([0.3, 3.0], 100)), 60, 0.1)
    assert [atom.mass for atom in theory.spectrum.atoms] == pytest.approx([0.2, 0.2])
    # D lambda = kappa R_kk at the atoms.
    levels = theory.kappa / (np.array([3.0, 0.3]) + theory.kappa)
    positions = [atom.position for atom in theory.spectrum.atoms]
    np.testing.assert_allclose(positions, 1 - 1 / levels, rtol=1e-12)


# Gaps of a relative width of 1e-4, with an atom in them for n < m or between sharp peaks for n > m.
@pytest.mark.parametrize("lam", [5.35, 0.05])
@pytest.mark.parametrize("n", [476, 498, 502, 520])
def test_narrow_gap_where_nearly_n_coordinates_share_a_level(n, lam):
    theory = SSRTheory(Diagonal(np.repeat([1.0, 7.2], 500)), n, lam)
    masses = [atom.mass for atom in theory.spectrum.atoms]
    assert masses == pytest.approx([(500 - n) / 1000] * 2 if n < 500 else [])
    assert theory.spectrum.moment(0) == pytest.approx(1.0, abs=1e-9)
    assert theory.spectrum.moment(1) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("levels", "n", "lam"),
    [
        ((0.73, 1.51, 2.84), 50, 0.0034),  # two places that n coordinates share
        ((0.26, 0.65, 1.3), 50, 10.8),
        ((1.53, 2.11, 1.17), 100, 0.006),  # a gap of relative width 4e-6 next to the hard edge
    ],
)
def test_a_level_that_exactly_n_coordinates_share(levels, n, lam):
    spectrum = SSRTheory(Diagonal(np.repeat(levels, [100, 50, 50])), n, lam).spectrum
    assert spectrum.moment(0) == pytest.approx(1.0, abs=1e-9)
    # Between the levels lie gaps, so that each bulk holds a whole number of eigenvalues.
    edges = spectrum.edges.reshape(-1, 2)
    gaps = 0.5 * (edges[:-1, 1] + edges[1:, 0])
    held = 200 * spectrum.cdf(gaps)
    np.testing.assert_allclose(held, np.round(held), atol=1e-6)
    assert len(edges) > 2


@pytest.mark.parametrize(("n", "lam"), [(49, 0.0012), (55, 0.05)])
def test_narrow_gap_between_blocks(n, lam):
    correlations = [0.21, 0.45, 0.27, 0.3]
    model = Blocks(np.tile([2, 3, 5, 10], 10), np.tile(correlations, 10))
    spectrum = SSRTheory(model, n, lam).spectrum
    assert spectrum.moment(0) == pytest.approx(1.0, abs=2e-6)
    assert spectrum.moment(1) == pytest.approx(0.0, abs=1e-5)


def test_ridgeless_limits():
    model = Diagonal(np.exp(np.random.default_rng(5).normal(size=100)))
    for n in (50, 300):
        limit, near = SSRTheory(model, n, 0.0), SSRTheory(model, n, 1e-9)
        p = np.linspace(0.05, 0.45, 9)
        np.testing.assert_allclose(limit.spectrum.quantile(p), near.spectrum.quantile(p), rtol=1e-5)
    top = SSRTheory(model, 50, 0.0).spectrum.atoms[-1]
    assert (top.position, top.mass) == (1.0, 0.5)


def test_square_case_with_a_tiny_ridge():
    theory = SSRTheory(Isotropic(100), 100, 1e-9)
    assert theory.spectrum.moment(0) == pytest.approx(1.0, abs=1e-6)
    assert theory.spectrum.moment(1) == pytest.approx(0.0, abs=1e-5)


def test_coordinate_of_zero_variance_has_eigenvalue_zero():
    theory = SSRTheory(Diagonal(np.r_[np.zeros(20), np.ones(60)]), 200, 0.1)
    atom = theory.spectrum.atoms[0]
    assert (atom.position, atom.mass) == (pytest.approx(0.0, abs=1e-12), pytest.approx(0.25))
    assert theory.spectrum.moment(0) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("method", ["masked_regression", "pca", "correlation_pca"])
@pytest.mark.parametrize(
    "model",
    [
        Isotropic(400),
        AR1(400, 0.7),
        Diagonal(np.tile([0.3, 3.0], 200)),
        Diagonal(np.arange(1, 401) ** -1.0),
        Blocks([8] * 50, 0.5),
        ring(400, 2.0),
        Scaled(AR1(400, 0.5), np.exp(0.3 * np.random.default_rng(0).normal(size=400))),
    ],
    ids=["isotropic", "ar1", "two-level", "power", "blocks", "ring", "scaled"],
)
def test_law_against_one_draw(model, method):
    n, lam = 700, 0.1
    if method == "masked_regression":
        law = SSRTheory(model, n, lam).spectrum
        values = simulate_spectrum(model, n, lam, trials=1, rng=0)[0]
    else:
        law = PCATheory(model, n, method == "correlation_pca").spectrum
        values = simulate_spectrum(model, n, method=method, trials=1, rng=0)[0]
    # Rigidity makes the distance a few eigenvalues out of d = 400.
    steps = np.arange(401) / 400
    cdf = law.cdf(values)
    assert max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1])) < 0.015


@pytest.mark.long
@pytest.mark.parametrize("d", [2000])
def test_kolmogorov_distance_at_full_size(d):
    rng = np.random.default_rng(0)
    u = rng.normal(size=(d, 1)) / np.sqrt(d)
    models = [
        Isotropic(d),
        Diagonal(np.exp(rng.normal(size=d))),
        AR1(d, 0.6),
        ring(d, 3.0),
        Blocks([20] * (d // 20), 0.5),
        Scaled(AR1(d, 0.5), np.exp(0.3 * rng.normal(size=d))),
        Spiked(Isotropic(d), 4.0, u / np.linalg.norm(u)),
    ]
    for model in models:
        assert kolmogorov_distance(model) <= 0.01


@pytest.mark.long
def test_kolmogorov_distance_of_a_dense_model_at_full_size():
    d, rng = 2000, np.random.default_rng(0)
    factor = rng.normal(size=(d, 3 * d)) / np.sqrt(3 * d)
    scales = np.exp(0.3 * rng.normal(size=d))
    matrix = factor @ factor.T + 0.5 * AR1(d, 0.6).dense()
    # Some 300 eigendecompositions: seven minutes of one core.
    assert kolmogorov_distance(Dense(scales[:, None] * matrix * scales)) <= 0.01


def kolmogorov_distance(model):
    """Largest difference between the law and the eigenvalues of one draw, n = 3 d / 2."""
    d, n = model.d, 3 * model.d // 2
    law = SSRTheory(model, n, 0.1).spectrum
    values = simulate_spectrum(model, n, 0.1, trials=1, rng=1)[0]
    cdf, steps = law.cdf(values), np.arange(d + 1) / d
    return max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1]))


def test_many_distinct_variances():
    variances = np.exp(np.random.default_rng(0).normal(size=20_000))
    theory = SSRTheory(Diagonal(variances), 30_000, 0.1)
    low, high = theory.edges
    angle = np.pi * (np.arange(300) + 0.5) / 300
    a = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)
    weights = 0.5 * (high - low) * np.sin(angle) * np.pi / 300
    assert theory.density(a) @ weights == pytest.approx(1.0, abs=1e-4)
    assert theory.spectrum.moment(0) == pytest.approx(1.0, abs=2e-6)


def test_roots_are_on_the_branch():
    ensemble = WeightedEquivalent(Diagonal(np.tile([1.0, 5.0], 20)), 100, np.ones(40), 0.0, 1.0)
    x = np.linspace(0.05, 12.0, 200)
    s = ensemble.solve(x)
    traces = ensemble.traces(s, x.astype(complex))
    assert np.max(np.abs(traces.excess)) < 1e-12
    outside = np.imag(s) == 0
    assert outside.any()
    assert (np.imag(s[~outside]) < 0).all()
    assert np.all(np.real(traces.slope * traces.drift)[outside] > 0)
    assert np.all(Spectrum(ensemble).density(x)[outside] == 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.density(0.1 + 0.2j), "a must be real"),
        (lambda t: t.density([0.1, np.nan]), "a must be finite"),
        (lambda t: t.density("x"), "a must be real"),
        (lambda t: t.spectrum.cdf(1j), "a must be real"),
        (lambda t: t.spectrum.quantile(1.5), r"p must lie in \[0, 1\]"),
        (lambda t: t.spectrum.stieltjes(1.0), "z must not be 1"),
        (lambda t: t.spectrum.source.stieltjes(np.inf), "z must be finite"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(SSRTheory(Isotropic(20), 40, 0.1))


def test_density_outside_the_support_is_zero():
    theory = SSRTheory(Isotropic(20), 40, 0.1)
    np.testing.assert_array_equal(theory.density([-50.0, 1.0, 3.0]), 0.0)
    assert np.ndim(theory.density(0.0)) == 0
    assert theory.density(np.zeros((2, 3))).shape == (2, 3)
