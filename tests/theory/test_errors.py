"""The deterministic equivalent and the errors that follow from it, against dense linear algebra,
against limits that are known in closed form, and at the boundaries of their domain."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

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
from mssl.exceptions import AccuracyWarning, ConvergenceError
from mssl.theory import (
    PCATheory,
    SSRTheory,
    bayes_error_by_coordinate,
    optimal_masking,
    optimal_ridge,
    solve_kappa,
)
from tests.models import every_model


def dense_errors(model, n, lam):
    """The formulas of the text, with nothing but a root finder and matrix inverses."""
    sigma, eye = model.dense(), np.eye(model.d)

    def excess(log_kappa):
        kappa = np.exp(log_kappa)
        return kappa - kappa / n * np.trace(sigma @ np.linalg.inv(sigma + kappa * eye)) - lam

    kappa = np.exp(brentq(excess, np.log(lam), np.log(lam + np.trace(sigma) / n), xtol=1e-15))
    r = np.linalg.inv(sigma + kappa * eye)
    df2 = np.trace(sigma @ r @ sigma @ r)
    test = np.diag(r @ sigma @ r) / np.diag(r) ** 2 / (1 - df2 / n)
    return kappa, test, (lam / kappa) ** 2 * test


@every_model
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("lam", [1e-2, 1.0, 50.0])
def test_every_model_against_dense_formulas(model, ratio, lam):
    n = max(2, int(ratio * model.d))
    kappa, test, train = dense_errors(model, n, lam)
    theory = SSRTheory(model, n, lam)
    assert theory.kappa == pytest.approx(kappa, rel=1e-9)
    np.testing.assert_allclose(theory.test_error_by_coordinate, test, rtol=1e-7)
    np.testing.assert_allclose(theory.train_error_by_coordinate, train, rtol=1e-7)
    assert theory.risk.test_error == theory.loo_error == theory.gcv_error
    assert theory.train_error == pytest.approx(train.mean(), rel=1e-7)


@every_model
def test_bayes_error(model):
    expected = 1 / np.diag(np.linalg.inv(model.dense()))
    np.testing.assert_allclose(bayes_error_by_coordinate(model), expected, rtol=1e-9)
    assert SSRTheory(model, 10 * model.d, 0.0).bayes_error == pytest.approx(expected.mean())


@settings(max_examples=60, deadline=None)
@given(
    log_lam=st.floats(-12, 6),
    log_gamma=st.floats(-2.5, 2.5),
    rho=st.floats(-0.95, 0.95),
)
def test_kappa_solves_its_equation_and_is_never_below_the_ridge(log_lam, log_gamma, rho):
    d, lam = 60, 10.0**log_lam
    n = max(2, int(d / 10.0**log_gamma))
    solution = solve_kappa(AR1(d, rho), n, lam)
    assert solution.kappa >= lam
    scale = max(solution.kappa, lam)
    assert abs(solution.kappa * (1 - solution.df1 / n) - lam) <= 1e-11 * scale
    assert solution.df2 < solution.df1 < n
    assert solution.dkappa_dridge >= 1.0


@pytest.mark.parametrize("model", [AR1(80, 0.7), Diagonal(np.linspace(0.2, 3.0, 80))])
@pytest.mark.parametrize("n", [30, 200])
def test_derivative_of_kappa(model, n):
    lam, h = 0.3, 1e-5
    slope = (solve_kappa(model, n, lam + h).kappa - solve_kappa(model, n, lam - h).kappa) / (2 * h)
    assert solve_kappa(model, n, lam).dkappa_dridge == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("n", [40, 200])
@pytest.mark.parametrize("model", [AR1(80, 0.7), Spiked.examples()[1], Dense.examples()[0]])
def test_ridgeless_limits_continue_small_ridges(model, n):
    n = n * model.d // 80
    limit, near = SSRTheory(model, n, 0.0), SSRTheory(model, n, 1e-9)
    assert limit.kappa == pytest.approx(near.kappa, rel=1e-6, abs=1e-8)
    assert limit.test_error == pytest.approx(near.test_error, rel=1e-6)
    assert limit.train_error == pytest.approx(near.train_error, rel=1e-6, abs=1e-12)
    assert limit.coef_norm == pytest.approx(near.coef_norm, rel=1e-6)
    if n > model.d:
        expected = limit.bayes_error_by_coordinate / (1 - model.d / n)
        np.testing.assert_allclose(limit.test_error_by_coordinate, expected, rtol=1e-9)
    else:
        assert limit.df1 == pytest.approx(n, rel=1e-9)


def test_isotropic_closed_forms():
    # kappa is the positive root of kappa^2 + kappa (s (1 - gamma) - lam) - lam s = 0.
    for gamma, lam, s in [(0.4, 0.3, 1.0), (2.5, 0.3, 2.0), (1.0, 1e-3, 0.7)]:
        d = 1000
        theory = SSRTheory(Isotropic(d, s), round(d / gamma), lam)
        b = s * (1 - gamma) - lam
        kappa = (-b + np.sqrt(b * b + 4 * lam * s)) / 2
        assert theory.kappa == pytest.approx(kappa, rel=1e-11)
        expected = s / (1 - gamma * (s / (s + kappa)) ** 2)
        assert theory.test_error == pytest.approx(expected, rel=1e-10)
    assert SSRTheory(Isotropic(100), 50, 0.0).kappa == pytest.approx(1.0)


def test_coef_norm_is_the_derivative_of_the_resolvent():
    # (1/d) sum (Q^2)_kk / Q_kk^2 - 1 with Q ~ (kappa/lam) R and Q^2 = -dQ/dlam, by differences.
    model, n, lam, h = Spiked.examples()[1], 15, 0.2, 1e-5

    def q(ridge):
        e = solve_kappa(model, n, ridge)
        return e.kappa / ridge * e.resolvent.diagonal

    squares = -(q(lam + h) - q(lam - h)) / (2 * h)
    assert SSRTheory(model, n, lam).coef_norm == pytest.approx(
        np.mean(squares / q(lam) ** 2) - 1, rel=1e-7
    )


@pytest.mark.parametrize("n", [60, 100, 250])
def test_best_ridge_is_a_minimum(n):
    model = Spiked(AR1(100, 0.5), 4.0, np.full((100, 1), 0.1))
    best = optimal_ridge(model, n)
    assert SSRTheory(model, n, best.ridge).test_error == pytest.approx(best.test_error, rel=1e-9)
    assert SSRTheory(model, n, best.ridge).kappa == pytest.approx(best.kappa, rel=1e-6)
    for factor in (0.3, 0.9, 1.1, 3.0):
        assert SSRTheory(model, n, factor * best.ridge).test_error > best.test_error


def test_best_ridge_of_independent_coordinates_is_infinite():
    model = Diagonal([0.5, 1.0, 2.0])
    best = optimal_ridge(model, 30)
    assert best.ridge == np.inf
    assert best.test_error == pytest.approx(3.5 / 3)


def test_best_ridge_may_be_far_below_the_variances():
    # One factor and hardly any noise: the ridge that helps is of the size of the noise.
    row = np.ones(8)
    row[0] += 1e-9
    model, n = Circulant(row), 4000
    best = optimal_ridge(model, n)
    assert 1e-9 < best.ridge < 1e-6
    assert best.test_error < 0.999 * SSRTheory(model, n, 0.0).test_error
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert SSRTheory(model, n, factor * best.ridge).test_error > best.test_error


def sum_of_two_columns(d=20, n=500):
    Z = np.random.default_rng(0).normal(size=(n, d))
    Z[:, -1] = Z[:, 0] + Z[:, 1]
    return Dense(Z.T @ Z / n)


def test_bayes_error_of_a_coordinate_that_follows_from_others_is_zero():
    model = sum_of_two_columns(120)
    errors = SSRTheory(model, 500, 0.1).bayes_error_by_coordinate
    assert np.flatnonzero(errors == 0.0).tolist() == [0, 1, 119]
    assert errors.mean() == pytest.approx(0.74, abs=0.02)
    # The limit that it is meant to be, at an epsilon that the arithmetic can still bear.
    near = 1.0 / model.resolvent(1e-7).diagonal
    np.testing.assert_allclose(errors, near, atol=1e-6)


@pytest.mark.parametrize("n", [19, 20, 50, 300])
def test_best_ridge_of_a_singular_covariance(n):
    model = sum_of_two_columns()
    best, pair = optimal_ridge(model, n), optimal_masking(model, n)
    assert pair.boundary == "rate 0"
    assert best.test_error == pytest.approx(pair.error, rel=1e-9)
    assert best.ridge == pytest.approx(pair.ridge, rel=1e-5)
    assert best.test_error == pytest.approx(SSRTheory(model, n, best.ridge).test_error, rel=1e-9)


@pytest.mark.parametrize("wrap", [Dense, lambda m: Spiked(Dense(m), 0.0, np.eye(12)[:, :1])])
def test_a_matrix_that_is_singular_up_to_rounding_warns_where_rounding_decides(wrap):
    # A coordinate that two others give: the structured model knows that, the matrix does not.
    known = Blocks([4, 4, 4], 1.0)
    matrix = known.dense() + 0.0
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(12, 12)))[0]
    rounded = wrap(turn @ matrix @ turn.T)
    with pytest.warns(AccuracyWarning, match="singular up to rounding"):
        wrong = SSRTheory(rounded, 40, 1e-16)
    assert wrong.df1 > 3.001
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ridge in (1e-6, 1.0):
            assert SSRTheory(rounded, 40, ridge).df1 == pytest.approx(
                SSRTheory(known, 40, ridge).df1, rel=1e-6
            )
        SSRTheory(Dense(np.diag([1e17, 1.0, 1.0])), 40, 1e-12)  # loud, not singular


@pytest.mark.parametrize("n", [2, 3, 4, 6, 30])
def test_best_ridge_of_copies_and_of_silent_coordinates(n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert optimal_ridge(Diagonal([1.0, 2.0, 0.0]), n).ridge == np.inf
        best = optimal_ridge(Blocks([3, 3], 1.0), n)  # two factors: two samples tell them
    assert (best.ridge, best.kappa, best.test_error) == (0.0, 0.0, 0.0)


def test_no_ridge_is_best_for_a_singular_covariance_with_many_rows():
    # Three copies, and a pair of nearly equal coordinates that no ridge helps.
    model = Dense(
        np.block(
            [[np.ones((3, 3)), np.zeros((3, 2))], [np.zeros((2, 3)), Blocks([2], 0.9).dense()]]
        )
    )
    n = 10**9
    best = optimal_ridge(model, n)
    assert best.ridge == 0.0
    assert best.test_error == pytest.approx(0.4 * 0.19 / (1.0 - 3 / n), rel=1e-12)


def test_best_ridge_below_the_grid_is_its_end_where_the_limit_is_infinite():
    row = np.ones(8)
    row[0] += 1e-9
    best = optimal_ridge(Circulant(row), 8)
    assert 0.0 < best.ridge < 1e-5
    theory = SSRTheory(Circulant(row), 8, best.ridge)
    assert best.test_error == pytest.approx(theory.test_error, rel=1e-4)


@every_model
@pytest.mark.parametrize("rate", [None, 0.3])
def test_a_theory_survives_pickling_and_copying(model, rate):
    theory = SSRTheory(model, 2 * model.d, 0.1, rate)
    expected = theory.risk
    for again in (pickle.loads(pickle.dumps(theory)), copy.deepcopy(theory)):
        assert again.risk.test_error == expected.test_error
        np.testing.assert_array_equal(
            again.risk.bayes_error_by_coordinate, expected.bayes_error_by_coordinate
        )
    for part in (theory.solution, theory.errors):
        again = pickle.loads(pickle.dumps(part))
        np.testing.assert_array_equal(again.resolvent.diagonal, part.resolvent.diagonal)


@pytest.mark.parametrize(
    "kind", [lambda model: SSRTheory(model, 60, 0.1), lambda m: PCATheory(m, 60)]
)
def test_spectra_and_spikes_survive_pickling(kind):
    theory = kind(Spiked(Isotropic(30), 6.0, np.full((30, 1), 30**-0.5)))
    spike = theory.spikes[0]
    assert pickle.loads(pickle.dumps(theory)).spikes[0].eigenvalue == spike.eigenvalue
    assert pickle.loads(pickle.dumps(spike)).eigenvalue == spike.eigenvalue
    for part in (theory.spectrum, theory.spiked_equivalent.spectrum):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)).edges, part.edges)
    for part in (theory.spiked_equivalent, theory):
        again, outlier = pickle.loads(pickle.dumps(part)), part.outliers[0]
        assert again.outliers[0].position == outlier.position
        assert pickle.loads(pickle.dumps(outlier)).position == outlier.position
    # What is stored is the question, not the arrays and closures that answering it has left.
    fields = {"covariance", "n_samples", "ridge", "mask_rate", "n_masks", "standardize"}
    assert set(vars(pickle.loads(pickle.dumps(theory)))) <= fields


def test_a_million_coordinates(reference_model):
    d = 10**6
    model = Diagonal(np.random.default_rng(0).uniform(0.5, 2.0, size=d))
    risk = SSRTheory(model, d // 2, 0.1).risk
    small = SSRTheory(Diagonal(model.variances[:2000]), 1000, 0.1).risk
    assert risk.test_error == pytest.approx(small.test_error, rel=0.02)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SSRTheory(Isotropic(5), 5, 0.0), "ridge must be positive when n_samples equals"),
        (lambda: SSRTheory(Isotropic(5), 5, -1.0), "ridge must be finite and not negative"),
        (lambda: SSRTheory(Isotropic(5), 5, np.nan), "ridge must be finite and not negative"),
        (lambda: SSRTheory(Isotropic(5), 0, 1.0), "n_samples must be an integer of at least 1"),
        (lambda: SSRTheory(Isotropic(5), 2.5, 1.0), "n_samples must be an integer"),
        (lambda: SSRTheory(Diagonal([1.0, 0.0]), 5, 0.0), "the covariance is singular"),
        (lambda: SSRTheory(Dense(np.diag([1.0, 0.0])), 5, 0.0), "the covariance is singular"),
        (lambda: SSRTheory(Diagonal(np.eye(1, 9)[0]), 4, 0.0), "the covariance is singular"),
        (lambda: SSRTheory(np.eye(3), 5, 1.0), "wrap a matrix in Dense"),
        (lambda: SSRTheory(Isotropic, 5, 1.0), "covariance must be a model .* got Isotropic"),
        (lambda: SSRTheory(sum_of_two_columns(), 50, 0.0), "the covariance is singular"),
        (lambda: PCATheory(np.eye(3), 5), "wrap a matrix in Dense"),
        (lambda: optimal_ridge(np.eye(3), 5), "wrap a matrix in Dense"),
        (lambda: optimal_ridge(Diagonal([0.0, 0.0]), 5), "covariance must not be zero"),
        (lambda: bayes_error_by_coordinate(np.eye(3)), "wrap a matrix in Dense"),
        (lambda: solve_kappa(np.eye(3), 5, 1.0), "wrap a matrix in Dense"),
        (lambda: solve_kappa(Isotropic(5), 9, 0.1, max_iter=0), "max_iter must be an"),
        (lambda: solve_kappa(Isotropic(5), 9, 0.1, rtol=-1), "rtol must be positive and finite"),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_solver_that_stops_early_raises_with_advice():
    with pytest.raises(ConvergenceError, match="raise the ridge or max_iter"):
        solve_kappa(AR1(50, 0.9), 50, 1e-8, max_iter=3)


EQUAL_WORLDS = {
    "AR1": AR1(10, 0.5),
    "Dense": Dense(AR1(10, 0.5).dense()),
    "Scaled": Scaled(AR1(10, 0.5), 1.0),
    "Spiked": Spiked(AR1(10, 0.5), 0.0, np.full((10, 1), 10**-0.5)),
}


@pytest.mark.parametrize("name", EQUAL_WORLDS)
@pytest.mark.parametrize("ridge", [1e4, 1e6, 1e8, 1e12, 1e16, 1e18, 1e100, 1e300])
def test_a_large_ridge_predicts_nothing_and_says_how_nearly(name, ridge):
    theory = SSRTheory(EQUAL_WORLDS[name], 20, ridge)
    errors = np.append(theory.test_error_by_coordinate, theory.train_error_by_coordinate)
    np.testing.assert_allclose(errors, 1.0, rtol=10.0 / ridge + 1e-11)
    # To leading order a_k is Sigma_k/ridge off the diagonal, plus noise of variance 1/n in each.
    off = AR1(10, 0.5).dense() - np.eye(10)
    leading = (np.sum(off**2) / 10 + 10 / 20) / ridge / ridge
    assert theory.coef_norm == pytest.approx(leading, rel=20.0 / ridge + 1e-11)
    assert theory.df1 == pytest.approx(10 / ridge, rel=20.0 / ridge + 1e-11)
    squares = AR1(10, 0.5).dense() ** 2
    assert theory.df2 == pytest.approx(np.sum(squares) / ridge / ridge, rel=20.0 / ridge + 1e-11)


@pytest.mark.parametrize("unit", [1e-200, 1e-60, 1e60, 1e200])
def test_any_unit_of_variance(unit):
    theory = SSRTheory(Diagonal(np.full(5, unit)), 10, unit)
    same = SSRTheory(Diagonal(np.ones(5)), 10, 1.0)
    assert theory.kappa == pytest.approx(unit * same.kappa, rel=1e-12)
    assert theory.test_error == pytest.approx(unit * same.test_error, rel=1e-12)
    assert theory.train_error == pytest.approx(unit * same.train_error, rel=1e-12)
    assert theory.coef_norm == pytest.approx(same.coef_norm, rel=1e-12)
    assert (theory.df1, theory.df2) == pytest.approx((same.df1, same.df2), rel=1e-12)


@pytest.mark.parametrize("rate", [None, 0.3])
def test_a_zero_covariance_has_errors_and_no_spectrum(rate):
    theory = SSRTheory(Diagonal([0.0, 0.0, 0.0]), 10, 0.1, rate)
    assert theory.test_error == theory.train_error == theory.bayes_error == 0.0
    assert theory.coef_norm == 0.0
    for name in ("edges", "spikes", "outliers", "spectrum"):
        with pytest.raises(ValueError, match="covariance must not be zero"):
            getattr(theory, name)


def test_a_tiny_ridge_where_n_is_the_rank_is_refused():
    with pytest.raises(ConvergenceError, match=r"has rank n_samples = 2.* raise the ridge"):
        SSRTheory(Blocks([3, 3], 1.0), 2, 1e-30)
    # One sample more, or a ridge that rounding can tell from none, and there is an answer.
    assert SSRTheory(Blocks([3, 3], 1.0), 3, 1e-30).test_error == pytest.approx(0.0, abs=1e-20)
    kappa = SSRTheory(Blocks([3, 3], 1.0), 2, 1e-6).kappa
    assert kappa**2 / (kappa + 3.0) == pytest.approx(1e-6, rel=1e-6)  # kappa (1 - df1/n)


@pytest.mark.parametrize("ridge", [1e-300, 1e-100, 1e-30, 1e-12])
@pytest.mark.parametrize("model", [AR1(6, 0.5), Dense(AR1(6, 0.5).dense())])
def test_as_many_samples_as_coordinates_at_a_tiny_ridge(model, ridge):
    # kappa^2 Tr Sigma^-1 = n ridge to leading order, and 1 - df2/n is twice kappa Tr Sigma^-1/n.
    trace = np.trace(np.linalg.inv(AR1(6, 0.5).dense()))
    theory, kappa = SSRTheory(model, 6, ridge), np.sqrt(6 * ridge / trace)
    assert theory.kappa == pytest.approx(kappa, rel=1e-5)
    expected = theory.bayes_error / (2.0 * kappa * trace / 6)
    assert theory.test_error == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("silent", [1, 3, 4, 5, 21])
def test_spikes_on_silent_coordinates_keep_their_digits(silent):
    # With n above the rank there is a limit without ridge, and all small ridges agree.
    rng = np.random.default_rng(7)
    variances = np.where(np.arange(68) < silent, 0.0, 0.6)
    directions = rng.normal(size=(68, 4))
    directions /= np.linalg.norm(directions, axis=0)
    model = Spiked(Diagonal(variances), [10.0, 0.004, 12.0, 40.0], directions)
    n, rank = 80, 68 - max(silent - 4, 0)
    tiny, small = (SSRTheory(model, n, ridge) for ridge in (1e-12, 1e-10))
    inverse = np.sum(1.0 / np.linalg.eigvalsh(model.dense())[68 - rank :])
    # rank - df1 = kappa Tr Sigma^+ to leading order, here about 1e-8.
    left = tiny.solution.resolvent.signal.diagonal
    assert rank - left.sum() == pytest.approx(tiny.kappa * inverse, rel=1e-4, abs=1e-12)
    assert tiny.kappa == pytest.approx(1e-12 / (1.0 - rank / n), rel=1e-6)
    assert tiny.coef_norm == pytest.approx(small.coef_norm, rel=1e-3)
    least = SSRTheory(model, n, 1e-300)
    assert least.coef_norm == pytest.approx(tiny.coef_norm, rel=1e-3)
    assert least.test_error == pytest.approx(tiny.test_error, rel=1e-6)


def test_a_model_with_no_spikes_is_its_base():
    model = Spiked(Isotropic(5), [], np.zeros((5, 0)))
    assert SSRTheory(model, 9, 0.1).test_error == SSRTheory(Isotropic(5), 9, 0.1).test_error
