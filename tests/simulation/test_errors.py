"""Measurements: seeded, independent of the number of jobs, and in agreement with the theory."""

from functools import partial

import numpy as np
import pytest

from mssl.covariance import AR1, Blocks, Isotropic
from mssl.regression import MaskedRegression
from mssl.results import MaskedRisk
from mssl.simulation import average_over_trials, masked_risk_of, run_trials, simulate_risk
from mssl.theory import SSRTheory

SCALARS = ("train_error", "test_error", "loo_error", "gcv_error", "coef_norm")


def test_outcomes_do_not_depend_on_the_number_of_jobs():
    model = AR1(30, 0.5)
    one = simulate_risk(model, 40, [0.1, 1.0], trials=4, rng=3, n_jobs=1)
    two = simulate_risk(model, 40, [0.1, 1.0], trials=4, rng=3, n_jobs=2)
    for a, b in zip(one, two, strict=True):
        for name in SCALARS:
            assert getattr(a, name) == getattr(b, name)
            assert getattr(a.standard_error, name) == getattr(b.standard_error, name)
        np.testing.assert_array_equal(a.test_error_by_coordinate, b.test_error_by_coordinate)


def test_a_scalar_ridge_returns_one_result():
    model = AR1(20, 0.5)
    alone = simulate_risk(model, 30, 0.5, trials=3, rng=0)
    listed = simulate_risk(model, 30, [0.5], trials=3, rng=0)
    assert alone.test_error == listed[0].test_error


def test_test_error_is_that_of_fresh_rows():
    model, rng = AR1(25, 0.6), np.random.default_rng(5)
    measured = simulate_risk(model, 60, 0.3, trials=2, rng=7)
    fits = [
        MaskedRegression(ridge=0.3).fit(model.sample(60, g))
        for g in np.random.default_rng(7).spawn(2)
    ]
    fresh = model.sample(200_000, rng)
    errors = [np.mean((fresh - m.transform(fresh)) ** 2) for m in fits]
    assert measured.test_error == pytest.approx(np.mean(errors), rel=0.01)


def test_standard_error_is_that_of_the_mean():
    values = run_trials(lambda g: g.normal(), 50, 1)
    assert values == run_trials(lambda g: g.normal(), 50, 1, n_jobs=1)
    model = Isotropic(10)
    few = simulate_risk(model, 20, 0.5, trials=10, rng=1)
    singles = [
        simulate_risk(model, 20, 0.5, trials=2, rng=g).test_error
        for g in np.random.default_rng(2).spawn(60)
    ]
    # The spread of means of 2 trials foretells the standard error of a mean of 10.
    assert few.standard_error is not None
    assert few.standard_error.test_error == pytest.approx(np.std(singles) / np.sqrt(5), rel=0.6)


def test_theory_is_within_one_percent_of_five_trials(reference_model):
    n, ridges = 900, [0.01, 0.1, 1.0]
    measured = simulate_risk(reference_model, n, ridges, trials=5, rng=1)
    for ridge, m in zip(ridges, measured, strict=True):
        theory = SSRTheory(reference_model, n, ridge).risk
        for name in ("test_error", "train_error", "loo_error", "gcv_error", "coef_norm"):
            assert getattr(m, name) == pytest.approx(getattr(theory, name), rel=0.01), (ridge, name)
        ratio = m.test_error_by_coordinate / theory.test_error_by_coordinate
        # One coordinate fluctuates by a few percent, as its error depends on n rows alone.
        assert np.abs(ratio - 1.0).max() < 0.2
        assert np.abs(np.mean(ratio) - 1.0) < 0.01


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_what_is_left_at_finite_size_falls_as_one_over_d(gamma):
    # ratio(d) = 1 + c/d + ..., so that (3 ratio(3d) - ratio(d)) / 2 is 1 up to noise and 1/d^2.
    names = ("test_error", "train_error", "coef_norm")
    ratios, errors = [], []
    for d, trials in ((50, 240), (150, 80)):
        model, n = AR1(d, 0.7), int(d / gamma)
        measured = simulate_risk(model, n, 0.2, trials=trials, rng=4)
        theory = SSRTheory(model, n, 0.2).risk
        ratios.append([getattr(measured, k) / getattr(theory, k) for k in names])
        errors.append([getattr(measured.standard_error, k) / getattr(theory, k) for k in names])
    extrapolated = (3 * np.array(ratios[1]) - ratios[0]) / 2
    noise = np.hypot(3 * np.array(errors[1]), errors[0]) / 2
    np.testing.assert_array_less(np.abs(extrapolated - 1), 4 * noise)
    assert noise.max() < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 1}, "trials must be an integer of at least 2"),
        ({"ridges": []}, "ridges must hold at least one"),
        ({"ridges": -1.0}, "ridge must be finite and not negative"),
        ({"n_samples": 1}, "n_samples must be an integer of at least 2"),
        ({"rng": None}, "rng must be a numpy.random.Generator or an integer seed"),
    ],
)
def test_bad_input_gets_one_clear_sentence(arguments, message):
    settings = {"n_samples": 20, "ridges": 0.1, "trials": 2, "rng": 0} | arguments
    with pytest.raises(ValueError, match=message):
        simulate_risk(AR1(10, 0.5), **settings)


def test_drawn_masks_are_those_of_a_seed_for_each_trial():
    model = AR1(12, 0.6)
    settings = {"mask_rate": 0.5, "n_masks": 3, "trials": 3, "rng": 4}
    one, two = simulate_risk(model, 20, [0.1, 1.0], n_jobs=1, **settings)
    again = simulate_risk(model, 20, [1.0], n_jobs=2, **settings)[0]
    assert two.test_error == again.test_error
    assert type(one) is MaskedRisk
    tests, trains = [], []
    for generator in np.random.default_rng(4).spawn(3):
        X = model.sample(20, generator)
        fit = MaskedRegression(0.1, 0.5, 3, int(generator.integers(2**62))).fit(X)
        tests.append(masked_risk_of(fit.coef_, model, 0.5)["test_error"])
        trains.append(fit.train_error_by_feature_)
    np.testing.assert_allclose(one.test_error_by_coordinate, np.mean(tests, axis=0))
    np.testing.assert_allclose(one.train_error_by_coordinate, np.mean(trains, axis=0))
    assert one.test_error == pytest.approx(np.mean(tests))
    assert np.isnan(one.loo_error)
    assert np.isnan(one.gcv_error)
    every = simulate_risk(model, 20, 0.1, **settings | {"n_masks": np.inf})
    mean = simulate_risk(model, 20, 0.1, **settings | {"n_masks": None})
    assert every.test_error == mean.test_error
    assert mean.gcv_error > 0
    for rate in (None, 0.0):
        with pytest.raises(ValueError, match="mask_rate must be positive for n_masks = 3"):
            simulate_risk(model, 20, 0.1, **settings | {"mask_rate": rate})


def test_a_matrix_in_place_of_a_model():
    for function in (simulate_risk, partial(average_over_trials, lambda X, ridge: None)):
        with pytest.raises(ValueError, match="wrap a matrix in Dense"):
            function(np.eye(10), 20, 0.1, trials=2, rng=0)


def test_bayes_error_of_copies_is_zero():
    risk = simulate_risk(Blocks([3, 2], [1.0, 0.2]), 9, 0.1, trials=2, rng=0, n_jobs=1)
    expected = [0.0, 0.0, 0.0, 0.96, 0.96]
    np.testing.assert_allclose(risk.bayes_error_by_coordinate, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("simulate", "wrong", "message"),
    [
        (simulate_risk, {"n_samples": 1}, "n_samples"),
        (simulate_risk, {"ridges": -1.0}, "ridge"),
        (partial(simulate_risk, mask_rate=0.5), {"trials": 1}, "trials"),
    ],
)
def test_all_arguments_are_checked_before_the_bayes_error_is_computed(simulate, wrong, message):
    class Untouched:
        model = Isotropic(10)
        d, sample, apply, diagonal = model.d, model.sample, model.apply, model.diagonal

        def resolvent(self, shift, scale=1.0):
            raise AssertionError("computed before the arguments were checked")

    arguments = {"n_samples": 20, "ridges": 0.1, "trials": 2, "rng": 0, **wrong}
    with pytest.raises(ValueError, match=message):
        simulate(Untouched(), **arguments)


def test_a_mask_rate_of_zero_is_none():
    plain = simulate_risk(AR1(10, 0.5), 20, 0.1, trials=2, rng=0, n_jobs=1)
    zero = simulate_risk(AR1(10, 0.5), 20, 0.1, mask_rate=0.0, trials=2, rng=0, n_jobs=1)
    assert type(zero) is type(plain)
    assert zero.test_error == plain.test_error
    assert zero.loo_error == plain.loo_error
