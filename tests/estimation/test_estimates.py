"""Estimates from one data matrix: against refits, against theory, and what they refuse."""

import numpy as np
import pytest

from mssl import MaskedRegression
from mssl.covariance import AR1, Isotropic, Spiked
from mssl.estimation import (
    estimate_best_ridge,
    estimate_effective_ridge,
    estimate_risk,
    estimate_spikes,
)
from mssl.exceptions import AccuracyWarning
from mssl.rows import MultivariateT, ScaleMixture
from mssl.theory import SSRTheory
from tests.oracles import Exact

SHAPES = [(15, 30), (30, 30), (80, 30)]


def _sample(n, d, seed=0):
    return AR1(d, 0.8).sample(n, seed)


@pytest.mark.parametrize("shape", SHAPES)
def test_errors_are_those_of_the_estimator(shape):
    X = _sample(*shape)
    found = estimate_risk(X, [1.0, 0.01])
    assert found.ridges.tolist() == [0.01, 1.0]
    for j, ridge in enumerate(found.ridges):
        model = MaskedRegression(ridge).fit(X)
        assert found.loo_error[j] == pytest.approx(model.loo_error_, rel=1e-9)
        assert found.gcv_error[j] == pytest.approx(model.gcv_error_, rel=1e-9)
        assert found.train_error[j] == pytest.approx(model.train_error_, rel=1e-9)
        np.testing.assert_allclose(
            found.loo_error_by_coordinate[j], model.loo_error_by_feature_, rtol=1e-9
        )
        losses = np.mean(model.loo_residuals(X) ** 2, axis=1)
        np.testing.assert_allclose(found.row_losses[j], losses, rtol=1e-8)
        naive = losses.std(ddof=1) / np.sqrt(len(X))
        assert found.loo_standard_error[j] == pytest.approx(naive * found.inflation[j], rel=1e-9)


def test_inflation_has_both_limits():
    X = _sample(400, 100)
    low, high = estimate_risk(X, [1e-9, 1e5]).inflation
    assert low == pytest.approx(np.sqrt(1.25 / 0.75), rel=1e-5)
    assert high == pytest.approx(1.0, abs=1e-3)


def test_intervals_hold_about_as_often_as_they_say():
    """Within 4 standard errors of 95 %, in 150 Gaussian samples, for LOO and for GCV."""
    world, inside = AR1(30, 0.8), np.zeros(2)
    for rng in np.random.default_rng(4).spawn(150):
        X = world.sample(60, rng)
        found = estimate_risk(X, 0.1)
        low, high = found.interval()[0]
        rest = np.eye(30) - MaskedRegression(0.1).fit(X).coef_
        truth = np.einsum("ij,ij->", rest, world.apply(rest)) / 30
        off = abs(found.gcv_error[0] - truth)
        inside += low <= truth <= high, off <= 1.96 * found.gcv_standard_error[0]
    assert np.all(abs(inside / 150 - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / 150))


@pytest.mark.parametrize("n", [100, 400])
def test_effective_ridge_of_gaussian_rows(n):
    world = AR1(200, 0.8)
    theory = SSRTheory(world, n, 0.1)
    found = estimate_effective_ridge(world.sample(n, 5), 0.1)
    assert found.kappa == pytest.approx(theory.kappa, abs=4.0 * found.kappa_standard_error)
    assert found.kappa_equal_scales == pytest.approx(theory.kappa, rel=0.02)
    assert found.df1 == pytest.approx(theory.df1, rel=0.02)
    assert found.df2 == pytest.approx(theory.df2, rel=0.05)
    assert found.scales.mean() == pytest.approx(1.0)
    assert found.scale_variance == pytest.approx(found.gaussian_variance, rel=0.5)


@pytest.mark.parametrize("n", [20, 50])
def test_the_equal_scale_estimate_is_the_companion_trace(n):
    X = _sample(n, 30)
    trace = np.trace(np.linalg.inv(X @ X.T / n + 0.2 * np.eye(n))) / n
    assert estimate_effective_ridge(X, 0.2).kappa_equal_scales == pytest.approx(1.0 / trace)


def test_second_degrees_of_freedom_are_a_derivative():
    X, step = _sample(50, 30), 1e-5
    low, high = (estimate_effective_ridge(X, 0.2 + s).kappa_equal_scales for s in (-step, step))
    expected = 50 * (1.0 - 2.0 * step / (high - low))
    assert estimate_effective_ridge(X, 0.2).df2 == pytest.approx(expected, rel=1e-6)


def test_scales_of_the_rows_are_found():
    world, rng = ScaleMixture(AR1(200, 0.6), [0.2, 1.8]), np.random.default_rng(2)
    X = world.sample(300, rng)
    loud = np.sum(X**2, axis=1) > 180
    found = estimate_effective_ridge(X, 0.2)
    assert found.scales[loud].mean() / found.scales[~loud].mean() == pytest.approx(9.0, rel=0.1)
    assert found.scale_variance > 10.0 * found.gaussian_variance
    assert found.kappa_equal_scales < 0.9 * found.kappa


@pytest.mark.parametrize("n", [20, 90])
def test_best_ridge_and_its_interval(n):
    X, ridges = _sample(n, 40, 3), np.geomspace(1e-3, 10.0, 21)
    narrow = estimate_best_ridge(X, ridges)
    wide = estimate_best_ridge(X, ridges, standard_errors=3.0)
    assert narrow.ridge == ridges[np.argmin(narrow.estimate.loo_error)]
    assert wide.low <= narrow.low <= narrow.ridge <= narrow.high <= wide.high
    assert (wide.low, wide.high) != (narrow.low, narrow.high)
    assert not narrow.at_end
    point = estimate_best_ridge(X, ridges, standard_errors=0.0)
    assert point.low == point.ridge == point.high


def test_a_grid_that_is_too_short_is_reported():
    assert estimate_best_ridge(_sample(30, 20), [10.0, 20.0, 40.0]).at_end


@pytest.mark.parametrize("n", [40, 160])
def test_strong_spikes_are_counted(n):
    U = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 2)))[0]
    X = Spiked(Isotropic(60), [40.0, 30.0], U).sample(n, 7)
    found = estimate_spikes(X, 0.1, 1, flips=39)
    assert found.count == 2
    assert found.p_value == pytest.approx(1.0 / 40.0)
    A = MaskedRegression(0.1).fit(X).coef_
    np.testing.assert_allclose(
        found.eigenvalues, np.sort(np.linalg.eigvals(A).real)[::-1], atol=1e-8
    )


def test_false_alarms_are_as_rare_as_allowed():
    """Heavy rows, n < d: the share of alarms at level 0.1 within 4 standard errors."""
    world = MultivariateT(Isotropic(10), 3.0)
    counts = [
        estimate_spikes(world.sample(8, g), 0.1, g, level=0.1, flips=9).count > 0
        for g in np.random.default_rng(8).spawn(300)
    ]
    assert abs(np.mean(counts) - 0.1) < 4.0 * np.sqrt(0.09 / 300)


def test_edge_and_p_value_agree():
    for g in np.random.default_rng(5).spawn(30):
        found = estimate_spikes(Isotropic(6).sample(9, g), 0.1, g, level=0.3, flips=9)
        assert (found.count > 0) == (found.p_value <= 0.3 + 1e-12)


@pytest.mark.parametrize(("n", "d"), [(14, 6), (6, 14), (8, 8)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_ridge_far_above_the_data_is_felt_as_it_is(n, d, scale):
    """kappa/ridge - 1 is Tr Sigma/(n ridge) to leading order, at any ridge."""
    X = scale * np.random.default_rng(0).standard_normal((n, d))
    total = np.sum(X**2) / n
    for factor in (1e6, 1e14, 1e20):
        ridge = factor * total
        found = estimate_effective_ridge(X, ridge)
        exact = Exact(X, ridge)
        zeta = np.array([float(z) for z in exact.zeta])
        assert found.kappa / ridge == pytest.approx(1.0, abs=2e-6)
        assert found.kappa_equal_scales / ridge == pytest.approx(1.0, abs=2e-6)
        assert found.df1 == pytest.approx(1.0 / factor, rel=1e-5)
        assert found.df2 == pytest.approx(exact.spectral[1], rel=1e-9)
        np.testing.assert_allclose(found.scales, zeta / zeta.mean(), rtol=1e-9)


@pytest.mark.parametrize("ridge", [1e-300, 1e-100, 1e-30, 1e-12])
@pytest.mark.parametrize(("n", "d"), [(6, 10), (12, 5)])
def test_tiny_ridges_have_values(n, d, ridge):
    X = _sample(n, d)
    risk, model = estimate_risk(X, ridge), MaskedRegression(ridge).fit(X)
    assert risk.loo_error[0] == pytest.approx(model.loo_error_, rel=1e-9)
    assert risk.gcv_error[0] == pytest.approx(model.gcv_error_, rel=1e-9)
    found, limit = estimate_effective_ridge(X, ridge), np.linalg.inv(X @ X.T / n) if n < d else 0.0
    exact = Exact(X, max(ridge, 1e-40))
    assert found.df1 == pytest.approx(min(n, d), rel=1e-6)
    assert found.df2 == pytest.approx(exact.spectral[1], rel=1e-6)
    if n < d:
        assert found.kappa_equal_scales == pytest.approx(n / np.trace(limit), rel=1e-6)
    assert risk.inflation[0] == pytest.approx(exact.spectral[3], rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(8, 12), (12, 6), (7, 7)])
@pytest.mark.parametrize("loud", ["rows", "columns", "both"])
def test_loud_rows_and_columns_keep_their_digits(n, d, loud):
    X = _sample(n, d)
    X[:2] *= 1e7 if loud != "columns" else 1.0
    X[:, [0, 3]] *= 1e8 if loud != "rows" else 1.0
    exact = Exact(X, 0.1)
    risk, found = estimate_risk(X, 0.1), estimate_effective_ridge(X, 0.1)
    losses = exact.left_out**2
    np.testing.assert_allclose(risk.loo_error_by_coordinate[0], losses.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(risk.row_losses[0], losses.mean(axis=1), rtol=1e-9)
    df1, df2, kappa, inflation = exact.spectral
    for value, truth in (
        (found.df1, df1),
        (found.df2, df2),
        (found.kappa_equal_scales, kappa),
        (risk.inflation[0], inflation),
    ):
        assert value == pytest.approx(truth, rel=1e-9)
    zeta = np.array([float(z) for z in exact.zeta])
    np.testing.assert_allclose(found.scales, zeta / zeta.mean(), rtol=1e-9)
    eigenvalues = np.sort(np.linalg.eigvals(exact.coef * exact.D**0.5 / exact.D[:, None] ** 0.5))
    spikes = estimate_spikes(X, 0.1, 0, flips=19)
    np.testing.assert_allclose(spikes.eigenvalues, eigenvalues.real[::-1], atol=1e-9)


@pytest.mark.parametrize("seed", [134, 228, *range(8)])
def test_features_of_all_sizes_keep_their_digits(seed):
    """The first two are near misses of the singular values, which do not hold enough digits."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-8, 8, d)
    found, squares = estimate_risk(X, 1.0), Exact(X, 1.0).left_out ** 2
    np.testing.assert_allclose(found.loo_error_by_coordinate[0], squares.mean(axis=0), rtol=1e-8)


@pytest.mark.parametrize(("n", "d"), [(5, 9), (9, 5), (6, 6)])
def test_scales_of_quiet_rows_keep_their_digits(n, d):
    X = np.random.default_rng(0).standard_normal((n, d)) * np.logspace(-9, 5, n)[:, None]
    for ridge in (1e4, 1e6, 1e8):
        zeta = np.array([float(z) for z in Exact(X, ridge).zeta])
        found = estimate_effective_ridge(X, ridge).scales
        np.testing.assert_allclose(found, zeta / zeta.mean(), rtol=1e-8)


@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
def test_units_do_not_matter(shape):
    X, ridge = _sample(*shape), 0.1
    risk, felt, spikes = (
        estimate_risk(X, ridge),
        estimate_effective_ridge(X, ridge),
        estimate_spikes(X, ridge, 0, flips=19),
    )
    for c in (1e-12, 1e-5, 1e12):
        square = c * c
        scaled = estimate_risk(c * X, ridge * square)
        np.testing.assert_allclose(scaled.loo_error / square, risk.loo_error, rtol=1e-9)
        np.testing.assert_allclose(
            estimate_risk(c * X).loo_error / square, estimate_risk(X).loo_error, rtol=1e-9
        )
        other = estimate_effective_ridge(c * X, ridge * square)
        assert other.kappa / square == pytest.approx(felt.kappa, rel=1e-9)
        assert other.df2 == pytest.approx(felt.df2, rel=1e-9)
        again = estimate_spikes(c * X, ridge * square, 0, flips=19)
        assert (again.count, again.p_value) == (spikes.count, spikes.p_value)
        np.testing.assert_allclose(again.eigenvalues, spikes.eigenvalues, atol=1e-12)


def test_nearly_singular_data_are_warned_of():
    X = _sample(20, 6)
    X[:, 2] = X[:, 0] + 1e-10 * X[:, 2]
    with pytest.warns(AccuracyWarning, match="hold about [1-5] digits"):
        risk = estimate_risk(X, 1e-30)
    assert risk.loo_error[0] == pytest.approx(np.mean(Exact(X, 1e-30).left_out ** 2), rel=1e-3)
    X[:, 2] = X[:, 0]
    with pytest.raises(ValueError, match="singular to working precision"):
        estimate_risk(X, 1e-40)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: estimate_risk(X[0]), "matrix"),
        (lambda X: estimate_risk(np.ma.masked_array(X, X > 1)), "masked array that hides"),
        (
            lambda X: estimate_effective_ridge(np.ma.masked_array(X, X > 1), 0.1),
            "masked array that hides",
        ),
        (lambda X: estimate_spikes(np.ma.masked_array(X, X > 1), 0.1, 0), "masked array"),
        (lambda X: estimate_risk(X[:1]), "two rows"),
        (lambda X: estimate_risk(X, 0.0), "positive"),
        (lambda X: estimate_risk(X * 1e160, 0.1), "squares of X overflow; rescale X"),
        (lambda X: estimate_risk(X * 1e160), "squares of X overflow; rescale X"),
        (lambda X: estimate_best_ridge(X * 1e160), "squares of X overflow; rescale X"),
        (lambda X: estimate_effective_ridge(X * 1e160, 0.1), "squares of X overflow"),
        (lambda X: estimate_spikes(X * 1e160, 0.1, 0), "squares of X overflow"),
        (lambda X: estimate_risk(X * 1e-170, 0.1), "squares of X underflow"),
        (lambda X: estimate_risk(np.where(X > 1, np.nan, X)), "finite"),
        (lambda X: estimate_risk(X * (np.arange(20) > 0)), "zero in every row"),
        (lambda X: estimate_best_ridge(X, [1.0]), "at least two"),
        (lambda X: estimate_best_ridge(X, standard_errors=-1.0), "not be negative|not negative"),
        (lambda X: estimate_effective_ridge(X, -1.0), "positive"),
        (lambda X: estimate_best_ridge("a"), "X must be real numbers"),
        (lambda X: estimate_best_ridge(X, "a"), "ridges must be real numbers"),
        (lambda X: estimate_risk(0.0 * X), r"\[0, 1, 2, 3, 4\] and 15 more are zero"),
        (lambda X: estimate_effective_ridge(X, [0.1, 1.0]), "one positive and finite number"),
        (lambda X: estimate_spikes(X, None, 0), "one positive and finite number"),
        (lambda X: estimate_spikes(X, 0.1, None), "rng"),
        (lambda X: estimate_spikes(X, 0.1, 0, level=1.5), "strictly between"),
        (lambda X: estimate_spikes(X, 0.1, 0, level=0.01, flips=20), "at least 99 flips"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(_sample(30, 20))
