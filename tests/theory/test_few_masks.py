"""K drawn masks a sample: against matrices, identities, limits, and masks that are drawn."""

import pickle

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import binom

from mssl.covariance import AR1, Dense, Diagonal, Isotropic, Scaled, Spiked
from mssl.exceptions import ConvergenceError
from mssl.results import MaskedRisk
from mssl.simulation import simulate_risk
from mssl.theory import (
    SSRTheory,
    optimal_few_masks,
    optimal_mask_rate,
    optimal_masked_ridge,
    solve_few_masks,
    solve_kappa,
    solve_masked,
    solve_two_scalars,
)
from tests.models import every_model

SETTINGS = [(0.5, 0.02, 0.2, 2), (1.0, 1.0, 0.5, 3), (3.0, 1e-3, 0.75, 5)]


def least_loss(sigma, n, lam, p, K, penalty):
    """Limit of the least loss of each coordinate with a further penalty, a full matrix.

    The K x K matrices of a sample stand as they are, and insertion goes on until nothing moves.
    """
    q, N, V, eye = 1 - p, n * K * p, np.diag(np.diag(sigma)), np.eye(len(sigma))
    kinds = [(k, n / N * binom.pmf(k, K, p), np.ones((k, k))) for k in range(1, K + 1)]

    def system(a, b):
        M = [np.linalg.inv((1 + a) * np.eye(k) + b * ones) for k, _, ones in kinds]
        together = q**2 * sum(w * m.sum() for (_, w, _), m in zip(kinds, M, strict=True))
        apart = p * q * sum(w * np.trace(m) for (_, w, _), m in zip(kinds, M, strict=True))
        return together, together * sigma + apart * V + lam * eye + penalty

    a, b, before = 0.0, 0.0, np.inf
    while a != before:
        Q, before = np.linalg.inv(system(a, b)[1]), a
        a, b = (a + p * q / N * np.trace(V @ Q)) / 2, (b + q**2 / N * np.trace(sigma @ Q)) / 2
    together, matrix = system(a, b)
    explained = np.zeros(len(sigma))
    for k in range(len(sigma)):
        o = np.arange(len(sigma)) != k
        explained[k] = sigma[k, o] @ np.linalg.solve(matrix[np.ix_(o, o)], sigma[o, k])
    return together / q**2 * (np.diag(sigma) - together * explained)


def square(sigma, n, lam, p, K, B):
    """Mean of a'Ba, by central differences of the least loss in the penalty B."""
    h = 1e-3 * lam / np.abs(B).max()
    losses = [least_loss(sigma, n, lam, p, K, x * h * B) for x in (-2, -1, 1, 2)]
    return (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)


@pytest.mark.parametrize("model", [AR1(12, 0.7), Scaled(AR1(10, -0.5), np.linspace(0.5, 2, 10))])
@pytest.mark.parametrize(("ratio", "lam", "p", "K"), SETTINGS)
def test_errors_are_derivatives_of_the_least_loss(model, ratio, lam, p, K):
    n = int(ratio * model.d)
    sigma, errors = model.dense(), solve_few_masks(model, n, lam, p, K)
    V = np.diag(np.diag(sigma))
    R = np.linalg.inv(sigma + np.diag(errors.solution.penalty))
    linear = (np.diag(sigma) - np.diag(sigma @ R) / np.diag(R)) / (1 - p)
    inputs, noise, norm = (square(sigma, n, lam, p, K, B) for B in (sigma, V, np.eye(model.d)))
    for rate in (p, 0.0, 0.4):
        q = 1 - rate
        error = np.diag(sigma) - 2 * q * linear + q * q * inputs + rate * q * noise
        np.testing.assert_allclose(errors.error_at(rate), error, rtol=1e-5)
    np.testing.assert_allclose(errors.test, errors.error_at(p), rtol=1e-13)
    train = least_loss(sigma, n, lam, p, K, 0.0) - lam * norm
    np.testing.assert_allclose(errors.train, train, rtol=1e-5, atol=1e-9)
    assert errors.coef_norm == pytest.approx(norm.mean(), rel=1e-6)


@every_model
@pytest.mark.parametrize(("ratio", "lam", "p", "K"), SETTINGS)
def test_the_least_loss_is_of_first_order(model, ratio, lam, p, K):
    n, q = max(2, int(ratio * model.d)), 1 - p
    errors = solve_few_masks(model, n, lam, p, K)
    norm = errors.weighted_norm(np.ones(model.d)) / q**2
    loss = errors.solution.c_S / q**2 * errors.alignment
    np.testing.assert_allclose(errors.train + lam * norm, loss, rtol=1e-9, atol=1e-12)


@every_model
@pytest.mark.parametrize(("ratio", "lam", "p", "K"), SETTINGS)
def test_scalars_solve_their_equations_in_matrices(model, ratio, lam, p, K):
    n, q = max(2, int(ratio * model.d)), 1 - p
    s = solve_two_scalars(model, n, lam, p, K)
    sigma = model.dense()
    V, N = np.diag(np.diag(sigma)), n * K * p
    Q = np.linalg.inv(s.c_S * sigma + s.c_D * V + lam * np.eye(model.d))
    assert s.a == pytest.approx(p * q / N * np.trace(V @ Q), rel=1e-9)
    assert s.b == pytest.approx(q * q / N * np.trace(sigma @ Q), rel=1e-9)
    assert s.n_rows == pytest.approx(N)
    # Degrees of freedom: what the ridge leaves of d is what the samples lose of their rows.
    k = np.arange(1, K + 1)
    kept = binom.pmf(k, K, p) @ (1 / (1 + s.a + s.b * k) + (k - 1) / (1 + s.a))
    assert model.d - lam * np.trace(Q) == pytest.approx(N - n * kept, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("ratio", "lam", "p", "K"), SETTINGS)
def test_the_second_order_rule_is_the_jacobian_of_the_first(ratio, lam, p, K):
    model = Scaled(AR1(40, 0.6), np.linspace(0.5, 2.0, 40))
    s = solve_two_scalars(model, int(ratio * 40), lam, p, K)

    def image(scalars):
        response = s.law.respond(scalars[0], scalars[1], s.unit)
        floor = s.ridge if s.unit == 1.0 else 1.0
        penalty = (response.apart * s.variances + floor) / response.together
        r = model.resolvent(penalty)
        factors = np.array([p * (1 - p), (1 - p) ** 2]) / (s.n_rows * response.together)
        return factors * [np.sum(s.variances * r.diagonal), r.sigma_trace]

    np.testing.assert_allclose(image(s.scalars), s.scalars, rtol=1e-11)
    np.testing.assert_allclose(s.image, s.scalars, rtol=1e-11)
    steps = 1e-6 * s.scalars
    np.testing.assert_allclose(approx_fprime(s.scalars, image, steps), s.gain, rtol=1e-4)
    assert np.all(s.gain > 0)
    assert np.max(np.abs(np.linalg.eigvals(s.gain))) < 1


@pytest.mark.parametrize("n", [30, 60, 200])
def test_one_mask_is_ridge_regression_on_masked_rows(n):
    """Rows of covariance q^2 Sigma + pq V, np of them, and one scalar."""
    model, lam, p = Scaled(AR1(40, 0.6), np.linspace(0.5, 2.0, 40)), 0.05, 0.4
    q, sigma = 0.6, model.dense()
    rows = q * q * sigma + p * q * np.diag(np.diag(sigma))
    one = solve_kappa(Dense(rows), round(n * p), lam)
    R = np.linalg.inv(rows + one.kappa * np.eye(40))
    errors = solve_few_masks(model, n, lam, p, 1)
    for k in (0, 17):
        s = np.delete(q * sigma[:, k], k)
        others = np.delete(np.delete(rows, k, 0), k, 1)
        a = np.linalg.solve(others + one.kappa * np.eye(39), s)
        alone = sigma[k, k] - 2 * s @ a + a @ others @ a
        df2 = np.trace(rows @ R @ rows @ R) / round(n * p)
        assert errors.test[k] == pytest.approx(alone / (1 - df2), rel=1e-9)
    assert errors.train.mean() == pytest.approx(one.rho**2 * errors.test.mean(), rel=1e-9)


@pytest.mark.parametrize("model", [AR1(60, 0.7), Diagonal(np.linspace(0.5, 2.0, 60))])
@pytest.mark.parametrize(("n", "lam", "p"), [(60, 0.1, 0.4), (150, 0.0, 0.75), (30, 0.5, 0.15)])
def test_many_masks_are_all_masks_at_the_rate_of_one_over_their_number(model, n, lam, p):
    _, limit = solve_masked(model, n, lam, p)
    many, more, vast = (solve_few_masks(model, n, lam, p, K) for K in (10**3, 10**4, 10**8))
    for rate in (p, 0.0):
        end = limit.error_at(rate)
        far, near = (1e3 * (many.error_at(rate) - end), 1e4 * (more.error_at(rate) - end))
        np.testing.assert_allclose(far, near, rtol=0.05, atol=1e-3 * np.abs(near).max())
        np.testing.assert_allclose(vast.error_at(rate), end, rtol=1e-6)
    np.testing.assert_allclose(vast.train, limit.train, rtol=1e-6)
    assert vast.coef_norm == pytest.approx(limit.coef_norm, rel=1e-6)
    s = more.solution
    b = s.b * 1e4 * p  # the first terms in 1/K, as the derivation has them
    a, q = s.a * 1e4 * p, 1 - p
    first = q * q * (1 / (1 + b) - (a / (1 + b) ** 2 + q * b / (1 + b) ** 3) / (1e4 * p))
    assert s.c_S == pytest.approx(first, rel=1e-6)
    assert s.c_D == pytest.approx(p * q * (1 - (a + b / (1 + b)) / (1e4 * p)), rel=1e-6)


@pytest.mark.parametrize(("n", "K"), [(40, 1), (40, 3), (110, 1), (30, 2)])
def test_no_ridge_is_the_limit_of_a_small_one(n, K):
    model = AR1(40, 0.6)
    none, tiny = (solve_few_masks(model, n, lam, 0.4, K) for lam in (0.0, 1e-9))
    np.testing.assert_allclose(none.test, tiny.test, rtol=1e-6)
    np.testing.assert_allclose(none.train, tiny.train, rtol=1e-6, atol=1e-12)
    interpolates = n * K * 0.4 < 40
    assert (none.train.max() == 0.0) == interpolates
    assert (none.solution.a == np.inf) == interpolates


def test_without_a_ridge_the_error_peaks_where_rows_are_as_many_as_coordinates():
    model, p = AR1(80, 0.7), 0.4
    means = [SSRTheory(model, 80, 1e-4, p, K).test_error for K in (1, 2, 4, 16)]
    assert means[0] < means[1] > means[2] > means[3]  # 32, 64, 128, 512 rows
    near = [solve_few_masks(model, n, 0.0, 0.5, 2).test.mean() for n in (76, 79, 81, 84)]
    assert near[0] < near[1]
    assert near[2] > near[3]
    assert min(near[1:3]) > 1.7 * max(near[0], near[3])
    with pytest.raises(ValueError, match="equals the number of coordinates"):
        solve_few_masks(model, 80, 0.0, 0.5, 2)


def test_the_theory_carries_them():
    model = Spiked(AR1(40, 0.5), 5.0, np.full((40, 1), 40**-0.5))
    theory = SSRTheory(model, 50, 0.1, 0.4, n_masks=3)
    errors = solve_few_masks(model, 50, 0.1, 0.4, 3)
    np.testing.assert_array_equal(theory.test_error_by_coordinate, errors.test)
    np.testing.assert_array_equal(theory.errors.error_at(0.0), errors.error_at(0.0))
    assert theory.train_error == errors.train.mean()
    assert theory.rescaled_error == errors.rescaled.mean()
    assert theory.coef_norm == errors.coef_norm
    assert theory.loo_error == theory.test_error
    risk = theory.risk
    assert type(risk) is MaskedRisk
    assert risk.full_view_error == theory.full_view_error == errors.evaluate("full")
    assert np.isnan(risk.gcv_error)
    assert risk.bayes_error == SSRTheory(model, 50, 0.1, 0.4).bayes_error
    assert pickle.loads(pickle.dumps(theory)).test_error == theory.test_error
    again = pickle.loads(pickle.dumps(theory.errors))
    np.testing.assert_array_equal(again.error_at(0.3), errors.error_at(0.3))


@pytest.mark.parametrize("name", ["edges", "spikes", "outliers", "spectrum"])
def test_the_spectrum_is_refused(name):
    theory = SSRTheory(AR1(40, 0.5), 50, 0.1, 0.4, n_masks=3)
    with pytest.raises(ValueError, match="spectrum is known for the mean over all masks only"):
        getattr(theory, name)


@pytest.mark.parametrize("name", ["kappa", "df1", "df2", "solution"])
def test_there_is_no_kappa(name):
    theory = SSRTheory(AR1(40, 0.5), 50, 0.1, 0.4, n_masks=3)
    with pytest.raises(ValueError, match="two scalars take the place of kappa"):
        getattr(theory, name)
    with pytest.raises(ValueError, match="divides by one number"):
        _ = theory.gcv_error


@pytest.mark.parametrize("n_masks", [None, np.inf])
def test_infinitely_many_masks_are_the_mean_over_all(n_masks):
    model = AR1(40, 0.5)
    theory = SSRTheory(model, 50, 0.1, 0.4, n_masks=n_masks)
    _, errors = solve_masked(model, 50, 0.1, 0.4)
    np.testing.assert_array_equal(theory.test_error_by_coordinate, errors.test)
    assert theory.n_masks is None
    assert theory.edges.size == 2


@pytest.mark.parametrize("n_masks", [0, -1, 1.5, True, "three", np.nan])
def test_bad_numbers_of_masks_are_refused(n_masks):
    with pytest.raises(ValueError, match="n_masks must be an integer of at least 1"):
        SSRTheory(AR1(40, 0.5), 50, 0.1, 0.4, n_masks=n_masks)


def test_what_has_no_limit_is_refused():
    for rate in (None, 0.0):
        with pytest.raises(ValueError, match="mask_rate must be positive for n_masks = 2"):
            SSRTheory(AR1(40, 0.5), 50, 0.1, rate, n_masks=2)
    silent = Diagonal([0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"coordinates \[0\] have no variance"):
        solve_few_masks(silent, 50, 0.0, 0.4, 2)
    assert solve_few_masks(silent, 50, 0.1, 0.4, 2).test[0] == 0.0
    with pytest.raises(ValueError, match="covariance must not be zero"):
        solve_few_masks(Diagonal(np.zeros(3)), 50, 0.1, 0.4, 2)
    with pytest.raises(ConvergenceError, match="did not converge in 1 steps"):
        solve_two_scalars(AR1(40, 0.5), 50, 0.1, 0.4, 2, max_iter=1)


def test_few_steps_solve_any_setting():
    rng = np.random.default_rng(0)
    for _ in range(60):
        d, n, K = (int(rng.integers(low, high)) for low, high in ((4, 40), (2, 150), (1, 20)))
        scales = np.exp(rng.normal(0.0, rng.uniform(0.0, 2.0), d))
        model = Scaled(AR1(d, rng.uniform(-0.95, 0.95)), scales)
        lam, p = 10 ** rng.uniform(-12.0, 6.0), rng.uniform(0.01, 0.99)
        s = solve_two_scalars(model, n, lam, p, K, max_iter=15)
        np.testing.assert_allclose(s.image, s.scalars, rtol=1e-9)


def test_units_do_not_matter():
    model, unit = Scaled(AR1(40, 0.6), np.linspace(0.5, 2.0, 40)), 1e-40
    errors = solve_few_masks(model, 30, 0.1, 0.4, 3)
    small = solve_few_masks(Scaled(model, unit**0.5), 30, 0.1 * unit, 0.4, 3)
    np.testing.assert_allclose(small.test, unit * errors.test, rtol=1e-10)
    np.testing.assert_allclose(small.train, unit * errors.train, rtol=1e-10)


def test_structured_models_stay_structured():
    theory = SSRTheory(AR1(40_000, 0.7), 40_000, 0.1, 0.4, n_masks=4)
    small = SSRTheory(AR1(2000, 0.7), 2000, 0.1, 0.4, n_masks=4)
    assert theory.test_error == pytest.approx(small.test_error, rel=1e-3)


@pytest.mark.parametrize("evaluation", ["rescaled", 0.2])
def test_the_best_rate_and_ridge_are_minima(evaluation):
    model = Scaled(AR1(20, 0.6), np.linspace(0.5, 2.0, 20))

    def error(rate, ridge):
        return solve_few_masks(model, 20, ridge, rate, 2).evaluate(evaluation)

    rate = optimal_few_masks(model, 20, 2, ridge=0.1, evaluation=evaluation)
    ridge = optimal_few_masks(model, 20, 2, mask_rate=0.5, evaluation=evaluation)
    pair = optimal_few_masks(model, 20, 2, evaluation=evaluation)
    for found, given in ((rate, (None, 0.1)), (ridge, (0.5, None)), (pair, (None, None))):
        p, lam = found.mask_rate, found.ridge
        assert found.error == pytest.approx(error(p, lam), rel=1e-12)
        assert given[0] is None or given[0] == pytest.approx(p, rel=1e-12)
        assert given[1] is None or given[1] == pytest.approx(lam, rel=1e-12)
        rates = [p] if given[0] else 1 / (1 + np.exp([-3, -0.01, 0.01, 3]) * (1 / p - 1))
        ridges = [lam] if given[1] else lam * np.exp([-3, -0.01, 0.01, 3])
        assert found.error < min(error(a, b) for a in rates for b in ridges)
        assert found.boundary == ("rate 1" if p > 0.997 else "")
    assert pair.error <= min(rate.error, ridge.error)


def test_the_best_of_many_masks_is_the_best_of_all():
    model = Scaled(AR1(20, 0.6), np.linspace(0.5, 2.0, 20))
    limit = optimal_masked_ridge(model, 20, 0.5)
    found = optimal_few_masks(model, 20, 10**4, mask_rate=0.5, evaluation="same")
    assert (found.ridge, found.error) == pytest.approx((limit.ridge, limit.error), rel=2e-3)
    limit = optimal_mask_rate(model, 20, 0.01)
    found = optimal_few_masks(model, 20, 10**4, ridge=0.01)
    assert found.error == pytest.approx(limit.error, rel=1e-3)
    assert found.mask_rate == pytest.approx(limit.mask_rate, rel=1e-2)


def test_the_ends_of_the_search_are_said():
    best = optimal_few_masks(Isotropic(30, 2.0), 30, 2)
    assert (best.ridge, best.error, best.boundary) == (np.inf, 2.0, "ridge infinite")
    best = optimal_few_masks(Isotropic(30, 2.0), 300, 4, ridge=0.0, evaluation="same")
    assert best.boundary == "rate 1"
    best = optimal_few_masks(AR1(30, 0.7), 300, 16, mask_rate=0.6)
    assert best.boundary == "ridge 0"
    with pytest.raises(ValueError, match="leaves nothing to choose"):
        optimal_few_masks(AR1(30, 0.9), 30, 4, mask_rate=0.3, ridge=0.1)
    with pytest.raises(ValueError, match="evaluation must be one of"):
        optimal_few_masks(AR1(30, 0.9), 30, 4, evaluation="best")


def check_against_draws(model, n, lam, p, K, trials, tolerance):
    seen = simulate_risk(model, n, lam, mask_rate=p, n_masks=K, trials=trials, rng=K, n_jobs=1)
    theory = SSRTheory(model, n, lam, p, K).risk
    for name in ("test_error", "rescaled_error", "full_view_error", "coef_norm"):
        expected, error = getattr(theory, name), getattr(seen.standard_error, name)
        gap, bias = abs(getattr(seen, name) - expected), 2 if name == "coef_norm" else 1
        assert gap < max(3 * error, bias * tolerance * expected), name
    return seen, theory


@pytest.mark.parametrize(
    ("model", "n", "lam", "p", "K"),
    [
        (AR1(100, 0.7), 100, 0.3, 0.4, 2),
        (Diagonal(np.tile([0.5, 2.0], 50)), 150, 0.1, 0.75, 3),
        (Scaled(AR1(100, 0.5), np.exp(np.linspace(-0.5, 0.5, 100))), 66, 0.3, 0.3, 4),
        (Isotropic(100, 2.0), 150, 0.3, 0.5, 1),
    ],
)
def test_draws_agree(model, n, lam, p, K):
    seen, theory = check_against_draws(model, n, lam, p, K, trials=6, tolerance=0.015)
    gap = np.abs(seen.train_error - theory.train_error)
    assert gap < 4 * seen.standard_error.train_error + 6.0 / 100 * theory.train_error


@pytest.mark.long
@pytest.mark.parametrize(("n", "d"), [(400, 400), (600, 900), (900, 600)])
@pytest.mark.parametrize("p", [0.2, 0.5, 0.75])
@pytest.mark.parametrize("K", [1, 2, 4, 16])
def test_draws_agree_at_size(n, d, p, K):
    rng = np.random.default_rng(5)
    u = rng.normal(size=(d, 1))
    for model in (
        AR1(d, 0.7),
        Scaled(AR1(d, 0.5), np.exp(rng.normal(0.0, 0.4, d))),
        Spiked(Diagonal(np.tile([0.5, 2.0], d // 2)), 15.0, u / np.linalg.norm(u)),
    ):
        check_against_draws(model, n, 0.1, p, K, trials=3, tolerance=0.01)
