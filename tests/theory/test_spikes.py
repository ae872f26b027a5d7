"""Outliers, thresholds and overlaps against closed forms, reference values and simulation."""

import numpy as np
import pytest

from mssl.covariance import AR1, Circulant, Dense, Diagonal, Isotropic, Scaled, Spiked
from mssl.simulation import simulate_eigenpairs
from mssl.theory import PCATheory, SSRTheory, critical_strength, split_spikes


def flat(d):
    return np.full((d, 1), d**-0.5)


def gaussian(d, seed=0):
    u = np.random.default_rng(seed).normal(size=d)
    return (u / np.linalg.norm(u))[:, None]


def localised(d, s, step=1):
    u = np.zeros((d, 1))
    u[: s * step : step] = s**-0.5
    return u


def two_level(d, low, high):
    return Diagonal(np.tile([low, high], d // 2))


def closed_form(theta, gamma):
    value = (1 + theta) * (1 + gamma / theta)
    overlap = (1 - gamma / theta**2) / (1 + gamma / theta)
    return value, overlap


@pytest.mark.parametrize("gamma", [0.25, 4.0])
@pytest.mark.parametrize("factor", [1.3, 3.0])
def test_white_noise_is_the_classical_transition(gamma, factor):
    d = 400
    n, theta = round(d / gamma), factor * np.sqrt(gamma)
    value, overlap = closed_form(theta, gamma)
    model = Spiked(Isotropic(d), theta, flat(d))
    spike = PCATheory(model, n).spikes[0]
    assert spike.threshold == pytest.approx(np.sqrt(gamma), rel=1e-10)
    assert spike.eigenvalue == pytest.approx(value, rel=1e-10)
    assert spike.overlap == pytest.approx(overlap, rel=1e-9)
    theory = SSRTheory(model, n, 0.2)
    spike = theory.spikes[0]
    weight = theory.kappa / 0.2 * theory.solution.resolvent.diagonal[0]
    assert spike.threshold == pytest.approx(np.sqrt(gamma), rel=1e-2)  # D feels the spike: O(1/d)
    assert spike.eigenvalue == pytest.approx(1 - 1 / (weight * (value + 0.2)), rel=1e-9)
    for which in ("right", "left", "symmetric"):
        assert getattr(spike, f"{which}_overlap") == pytest.approx(overlap, rel=1e-9)


def test_strength_below_or_at_the_threshold_is_not_detected():
    d = 400
    for theta in (0.0, 0.4, 0.5):  # sqrt(gamma) = .5
        theory = PCATheory(Spiked(Isotropic(d), theta, flat(d)), 4 * d)
        spike = theory.spikes[0]
        assert not spike.detected
        assert spike.overlap == 0.0
        assert spike.eigenvalue == pytest.approx(2.25, rel=1e-9)
        assert spike.strength == theta
    assert PCATheory(Spiked(Isotropic(d), 0.5001, flat(d)), 4 * d).spikes[0].detected


@pytest.mark.parametrize(
    ("noise", "regression", "pca"),
    [(1, ".8165", ".8165"), (2, "1.089", "1.549"), (4, "1.308", "3.235"), (10, "1.488", "8.308"),
     (30, "1.585", "25.21")],
)  # fmt: skip
def test_reference_thresholds(noise, regression, pca):
    d, n = 1000, 1500
    model = Spiked(two_level(d, 1.0, noise), 1e-6, flat(d))
    for theory, text in ((SSRTheory(model, n, 1e-3), regression), (PCATheory(model, n), pca)):
        digits = len(text.split(".")[1])
        assert round(theory.spikes[0].threshold, digits) == float(text)


@pytest.mark.parametrize(
    ("theta", "outlier", "right", "left", "pca"),
    [(1.0, "7.155", ".415", ".266", "0"), (2.0, "9.745", ".544", ".557", "0"),
     (4.0, "15.61", ".589", ".754", ".469")],
)  # fmt: skip
def test_reference_outliers_and_overlaps(theta, outlier, right, left, pca):
    # At d = 1000 the last digits depend on the draw of u. The reference values come from two:
    # eigenvalue and PCA from one, overlaps from another.
    d, n, noise = 1000, 1500, two_level(1000, 0.3, 3.0)

    def printed(value, text):
        digits = len(text.partition(".")[2])
        return round(value, digits) == float(text)

    first = Spiked(noise, theta, gaussian(d, 1))
    assert printed(SSRTheory(first, n, 0.05).outliers[0].position, outlier)
    assert printed(PCATheory(first, n).spikes[0].overlap, pca)
    second = SSRTheory(Spiked(noise, theta, gaussian(d, 3)), n, 0.05).spikes[0]
    assert printed(second.right_overlap, right)
    assert printed(second.left_overlap, left)


def test_small_ridge_reaches_the_oracle_whitened_threshold():
    d, n = 600, 1200
    noise = two_level(d, 0.3, 3.0)
    oracle = np.sqrt(d / n) / np.mean(1 / noise.diagonal())
    model = Spiked(noise, 1e-6, flat(d))
    assert SSRTheory(model, n, 0.0).spikes[0].threshold == pytest.approx(oracle, rel=1e-6)


CASES = {
    "isotropic": (Isotropic(400), gaussian(400), 2.5, 700, 0.1),
    "two-level": (two_level(400, 0.3, 3.0), gaussian(400), 2.0, 700, 0.05),
    "few samples": (two_level(400, 0.3, 3.0), gaussian(400), 8.0, 160, 0.05),
    "ar1": (AR1(400, 0.5), gaussian(400), 7.0, 700, 0.5),
    "local pair": (Isotropic(400), localised(400, 2), 6.0, 800, 0.1),
    "local, unequal noise": (two_level(400, 0.3, 3.0), localised(400, 4, 2), 2.0, 800, 0.05),
    "ring": (
        Circulant(np.exp(-np.minimum(np.arange(200), 200 - np.arange(200)))),
        gaussian(200),
        8.0,
        600,
        0.1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_regression_against_simulation(name):
    base, u, theta, n, lam = CASES[name]
    model = Spiked(base, theta, u)
    theory = SSRTheory(model, n, lam).spikes[0]
    seen = simulate_eigenpairs(model, n, lam, directions=u, trials=24, rng=5)
    assert theory.detected
    error = seen.standard_error
    assert error is not None
    # Corrections are O(1/d) for d = 400, and larger the nearer the threshold.
    assert abs(seen.eigenvalues[0] - theory.eigenvalue) < 3 * error.eigenvalues[0] + 0.01
    for which in ("right", "left", "symmetric"):
        measured = getattr(seen, f"{which}_overlaps")[0, 0]
        spread = getattr(error, f"{which}_overlaps")[0, 0]
        assert abs(measured - getattr(theory, f"{which}_overlap")) < 3 * spread + 0.01


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("name", ["isotropic", "ar1", "local, unequal noise"])
def test_pca_against_simulation(name, standardize):
    base, u, theta, n, _ = CASES[name]
    model = Spiked(base, 3 * theta, u)
    theory = PCATheory(model, n, standardize).spikes[0]
    method = "correlation_pca" if standardize else "pca"
    seen = simulate_eigenpairs(model, n, directions=u, method=method, trials=24, rng=6)
    error = seen.standard_error
    assert error is not None
    assert theory.detected
    assert abs(seen.eigenvalues[0] / theory.eigenvalue - 1) < (
        3 * error.eigenvalues[0] / theory.eigenvalue + 0.01
    )
    assert abs(seen.right_overlaps[0, 0] - theory.overlap) < 3 * error.right_overlaps[0, 0] + 0.01


def test_overlap_with_another_direction():
    d, n = 400, 1200
    u = gaussian(d)
    model = Spiked(two_level(d, 0.3, 3.0), 3.0, u)
    x = u[:, 0] * np.tile([1.0, 0.2], d // 2)
    outlier = SSRTheory(model, n, 0.05).outliers[0]
    seen = simulate_eigenpairs(model, n, 0.05, directions=x[:, None], trials=24, rng=7)
    for which in ("right", "left", "symmetric"):
        measured = getattr(seen, f"{which}_overlaps")[0, 0]
        spread = getattr(seen.standard_error, f"{which}_overlaps")[0, 0]
        assert abs(measured - outlier.overlap(5 * x, which)) < 3 * spread + 0.01


def test_several_spikes_keep_the_order_of_the_model():
    d, n = 400, 1200
    u = np.linalg.qr(np.random.default_rng(0).normal(size=(d, 3)))[0]
    model = Spiked(Isotropic(d), [2.0, 0.1, 6.0], u)
    spikes = SSRTheory(model, n, 0.1).spikes
    assert [s.detected for s in spikes] == [True, False, True]
    assert spikes[2].eigenvalue > spikes[0].eigenvalue > spikes[1].eigenvalue
    for spike, theta in ((spikes[0], 2.0), (spikes[2], 6.0)):
        assert spike.right_overlap == pytest.approx(closed_form(theta, d / n)[1], abs=0.01)


def test_oblique_spikes_are_the_spikes_of_their_sum():
    d, n = 300, 900
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(d, 2)))[0]
    oblique = np.stack([q[:, 0], 0.6 * q[:, 0] + 0.8 * q[:, 1]], axis=1)
    model = Spiked(Isotropic(d), [4.0, 3.0], oblique)
    strengths = np.linalg.eigvalsh(model.dense())[-2:] - 1.0
    positions = [o.position for o in PCATheory(model, n).outliers]
    expected = [closed_form(t, d / n)[0] for t in strengths[::-1]]
    np.testing.assert_allclose(positions, expected, rtol=1e-9)


def test_equal_strengths_share_an_eigenvalue():
    d, n = 400, 800
    u = np.linalg.qr(np.random.default_rng(2).normal(size=(d, 2)))[0]
    value, overlap = closed_form(3.0, d / n)
    for spike in PCATheory(Spiked(Isotropic(d), [3.0, 3.0], u), n).spikes:
        assert spike.eigenvalue == pytest.approx(value, rel=1e-6)
        assert spike.overlap == pytest.approx(overlap, rel=1e-6)


def test_correlated_pair_has_an_eigenvalue_on_either_side():
    # Two strongly correlated coordinates: A_hat predicts one by the other, with eigenvalues of
    # both signs, the lower one along e_1 - e_2.
    d, n = 400, 4000
    theory = SSRTheory(Spiked(Isotropic(d), 20.0, localised(d, 2)), n, 0.05)
    assert [o.side for o in theory.outliers] == ["above", "below"]
    x = np.zeros((d, 1))
    x[:2, 0] = 1.0, -1.0
    low = theory.outliers[1]
    seen = simulate_eigenpairs(
        theory.covariance, n, 0.05, directions=x, lowest=True, trials=24, rng=8
    )
    error = seen.standard_error
    assert error is not None
    assert abs(seen.eigenvalues[0] - (1 - 1 / low.position)) < 3 * error.eigenvalues[0] + 0.01
    assert abs(seen.left_overlaps[0, 0] - low.overlap(x[:, 0], "left")) < (
        3 * error.left_overlaps[0, 0] + 0.01
    )


def test_spike_between_two_bulks_is_an_outlier_but_not_detected():
    d = 400
    theory = PCATheory(Spiked(two_level(d, 0.05, 5.0), 0.6, flat(d)), 8 * d)
    assert [o.side for o in theory.outliers] == ["between"]
    assert not theory.spikes[0].detected
    low, high = theory.edges[1], theory.edges[2]
    assert low < theory.outliers[0].position < high


@pytest.mark.parametrize("n", [45, 180])
def test_dense_base_agrees_with_the_structured_one(n):
    d = 60
    scales = np.exp(0.3 * np.random.default_rng(3).normal(size=d))
    base = Scaled(AR1(d, 0.4), scales)
    a = SSRTheory(Spiked(base, 9.0, gaussian(d)), n, 0.2).spikes[0]
    b = SSRTheory(Spiked(Dense(base.dense()), 9.0, gaussian(d)), n, 0.2).spikes[0]
    for name in ("threshold", "eigenvalue", "right_overlap", "left_overlap"):
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-7)


def test_split_spikes_puts_the_model_together_again():
    u = np.linalg.qr(np.random.default_rng(4).normal(size=(12, 3)))[0]
    scales = np.linspace(0.5, 2.0, 12)
    nested = Scaled(Spiked(Spiked(AR1(12, 0.5), 2.0, u[:, :1]), [1.0, 0.0], u[:, 1:]), scales)
    base, strengths, directions = split_spikes(nested)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1.0)
    np.testing.assert_allclose(
        base.dense() + (directions * strengths) @ directions.T, nested.dense(), atol=1e-12
    )


def test_critical_strength_solves_for_a_direction_that_changes_d():
    d, n = 300, 900
    noise, u = two_level(d, 0.3, 3.0), localised(d, 4, 2)

    def theory_of(model):
        return SSRTheory(model, n, 0.05)

    theta = critical_strength(theory_of, noise, u[:, 0])
    assert not theory_of(Spiked(noise, 0.99 * theta, u)).spikes[0].detected
    assert theory_of(Spiked(noise, 1.01 * theta, u)).spikes[0].detected
    # With n > d and a small ridge a single coordinate never leaves the bulk.
    assert critical_strength(theory_of, noise, localised(d, 1)[:, 0], largest=1e3) == np.inf


@pytest.mark.parametrize("n", [400, 400_000, 4_000_000])
def test_critical_strength_of_white_noise_is_the_root_of_d_over_n(n):
    found = critical_strength(lambda model: PCATheory(model, n), Isotropic(40), flat(40)[:, 0])
    assert found == pytest.approx((40 / n) ** 0.5, rel=1e-9)


@pytest.mark.parametrize("n", [200, 800])
def test_critical_strength_of_a_local_direction_far_below_the_mean_variance(n):
    noise, u = Diagonal(np.repeat([1e-4, 2.0], [60, 40])), localised(100, 4)[:, 0]

    def spike(strength):
        return SSRTheory(Spiked(noise, strength, u[:, None]), n, 1e-6).spikes[0]

    found = critical_strength(lambda model: SSRTheory(model, n, 1e-6), noise, u)
    assert found < 1e-4
    assert spike(found).threshold == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("strength", [0.3, 3.0])
def test_critical_strength_is_searched_up_to_the_largest(strength):
    """White noise has one of .316 for a spread direction, and 12.06 for a single coordinate."""
    spread = critical_strength(
        lambda model: PCATheory(model, 400), Isotropic(40), flat(40)[:, 0], largest=strength
    )
    single = critical_strength(
        lambda model: SSRTheory(model, 20, 0.1), Isotropic(60), np.eye(60)[0], largest=strength
    )
    assert spread == (np.inf if strength < 0.316 else pytest.approx(0.1**0.5))
    assert single == np.inf
    found = critical_strength(lambda model: SSRTheory(model, 20, 0.1), Isotropic(60), np.eye(60)[0])
    assert found == pytest.approx(12.063, abs=1e-3)


@pytest.mark.parametrize("noise", [Isotropic(50), Diagonal(np.linspace(0.5, 2.0, 50))])
def test_without_a_ridge_fewer_samples_than_coordinates_have_no_threshold(noise):
    with pytest.raises(ValueError, match="ridge must be positive for a threshold"):
        critical_strength(lambda model: SSRTheory(model, 20, 0.0), noise, flat(50)[:, 0])


def test_no_spikes_and_bad_input():
    theory = SSRTheory(Isotropic(50), 100, 0.1)
    assert theory.spikes == ()
    assert theory.outliers == ()
    model = Spiked(Isotropic(50), 3.0, flat(50))
    with pytest.raises(ValueError, match="ridge must be positive"):
        _ = SSRTheory(model, 20, 0.0).spikes
    outlier = SSRTheory(model, 100, 0.1).outliers[0]
    with pytest.raises(ValueError, match="which must be one of"):
        outlier.overlap(np.ones(50), "middle")
    with pytest.raises(ValueError, match="x must be a finite, non-zero vector"):
        outlier.overlap(np.zeros(50))
    with pytest.raises(ValueError, match="standardize must be True or False"):
        PCATheory(model, 100, "yes")
    with pytest.raises(ValueError, match="every variance must be positive"):
        PCATheory(Diagonal([0.0, 1.0]), 10, standardize=True)
    with pytest.raises(ValueError, match="wrap a matrix"):
        PCATheory(np.eye(3), 10)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: critical_strength(3, Isotropic(3), [1.0, 0.0, 0.0]), "theory_of must be a funct"),
        (lambda: critical_strength(pca, np.eye(3), [1.0, 0.0, 0.0]), "base must be a model from"),
        (lambda: critical_strength(pca, Isotropic(3), "a"), "direction must be real numbers"),
        (lambda: critical_strength(pca, Isotropic(3), np.ones(2)), "direction must have shape"),
        (lambda: critical_strength(pca, Isotropic(2), [1.0, 0.0], largest=-1.0), "largest must be"),
        (lambda: split_spikes(np.eye(3)), "wrap a matrix in Dense"),
    ],
)
def test_bad_arguments_of_spikes(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def pca(model):
    return PCATheory(model, 10)


def test_loud_coordinates_in_a_direction_count_as_noise():
    """Part of the direction is on coordinates whose own eigenvalues are above the bulk."""
    variances, n = np.arange(1.0, 25) ** -2.6, 441
    u = np.zeros((24, 1))
    u[[1, 2, 23]] = 3**-0.5

    def theory(strength):
        return PCATheory(Spiked(Diagonal(variances), [strength], u), n)

    # At its own threshold, and not before it, the direction adds an eigenvalue.
    critical = critical_strength(lambda model: PCATheory(model, n), Diagonal(variances), u[:, 0])
    below, above = theory(0.97 * critical), theory(1.03 * critical)
    assert not below.spikes[0].detected
    assert above.spikes[0].detected
    assert len(above.outliers) == len(below.outliers) + 1
    # The outliers of PCA are those eigenvalues of Sigma that exceed the one of the edge.
    sigma = [np.diag(variances) + t * (u @ u.T) for t in (0.8 * critical, 1.25 * critical)]
    quiet = variances[12:]
    alpha = np.geomspace(quiet[0] * 1.001, quiet[0] * 3, 20001)
    place = [a * (1 + np.sum(quiet / (a - quiet)) / n) for a in alpha]
    few, more = (np.sum(np.linalg.eigvalsh(s) > alpha[np.argmin(place)]) for s in sigma)
    assert more == few + 1
