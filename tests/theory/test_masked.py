"""Theory at a mask rate: against dense formulas, limits, simulation, and masks that are drawn."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2

from mssl.covariance import AR1, Blocks, Dense, Diagonal, Isotropic, Scaled, Spiked
from mssl.masks import Bernoulli
from mssl.regression import MaskedRegression, best_predictor, hidden_error
from mssl.results import MaskedRisk, Risk
from mssl.simulation import masked_risk_of, measure_diagonal_replacement, simulate_risk
from mssl.theory import (
    DiagonalReplacement,
    MaskedErrors,
    PCATheory,
    SSRTheory,
    WeightedEquivalent,
    diagonal_replacement_bound,
    equivalent_ridge,
    mask_penalty,
    masked_bayes_error_by_coordinate,
    optimal_mask_rate,
    optimal_masked_ridge,
    optimal_masking,
    optimal_ridge,
    solve_masked,
)
from tests.models import every_model

from .test_masked_in_draws import explicit_errors, predicted_errors

D = 300


def two_levels(d=D):
    return Diagonal(np.tile([0.3, 3.0], d // 2))


def scaled_spiked(d=D):
    rng = np.random.default_rng(2)
    u = rng.normal(size=(d, 1))
    scales = np.exp(rng.normal(0.0, 0.4, size=d))
    return Spiked(Scaled(AR1(d, 0.6), scales), 6.0, u / np.linalg.norm(u))


def dense_errors(model, n, lam, p, rate):
    """Matrices and a root finder: error of A_hat at another rate, and its training error."""
    q, d = 1 - p, model.d
    sigma, eye = model.dense(), np.eye(d)
    V = np.diag(np.diag(sigma))
    penalty = p / q * V + lam / q**2 * eye

    def excess(t):  # t = 1/(1 + delta), delta = (1/n) Tr Sigma (t Sigma + Lambda)^-1
        return t * (1 + np.trace(sigma @ np.linalg.inv(t * sigma + penalty)) / n) - 1

    t = brentq(excess, 1e-9, 1.0, xtol=1e-15)
    R = np.linalg.inv(t * sigma + penalty)
    df2 = t**2 * np.trace(sigma @ R @ sigma @ R) / n

    def sandwich(B):
        return R @ B @ R + t**2 * np.trace(sigma @ R @ B @ R) / n / (1 - df2) * R @ sigma @ R

    def form(B):
        return np.diag(sandwich(B)) / np.diag(R) ** 2

    # e - (q'/q)(e - b) = c b + (1 - c) e, and the variance of the masks at rate p'.
    kept, variances = 1 - rate, np.diag(sigma)
    c = kept / q
    error = c**2 * form(sigma) + 2 * c * (1 - c) * np.diag(sigma @ R) / np.diag(R)
    error += (1 - c) ** 2 * variances + kept * rate / q**2 * (form(V) - variances)
    train = 1 / np.diag(R) - lam / q**2 * form(eye) - p / q * variances
    return t, error, train, (form(eye) - 1).mean() / q**2


@every_model
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("lam", "p"), [(0.02, 0.15), (1.0, 0.5), (0.0, 0.75)])
def test_every_model_against_dense_formulas(model, ratio, lam, p):
    n = max(2, int(ratio * model.d))
    theory = SSRTheory(model, n, lam, p)
    for rate, ours in [
        (p, theory.test_error_by_coordinate),
        (0.0, theory.full_view_error_by_coordinate),
        (0.4, theory.errors.error_at(0.4)),
    ]:
        t, expected, train, norm = dense_errors(model, n, lam, p, rate)
        np.testing.assert_allclose(ours, expected, rtol=1e-7)
    assert 1 / theory.kappa == pytest.approx(t, rel=1e-9)
    assert 1 / theory.kappa == pytest.approx(1 - theory.df1 / n, rel=1e-9)
    assert isinstance(theory.errors, MaskedErrors)
    assert theory.df2 == pytest.approx(theory.errors.df2, rel=1e-8)
    # The training error closes in two ways: through Q^2, and through the residual.
    np.testing.assert_allclose(theory.train_error_by_coordinate, train, rtol=1e-7, atol=1e-9)
    assert theory.coef_norm == pytest.approx(norm, rel=1e-7, abs=1e-12)
    np.testing.assert_array_equal(theory.penalty, mask_penalty(model.diagonal(), lam, p))


@every_model
def test_bayes_error_is_that_of_the_best_predictor(model):
    sigma = model.dense()
    A = best_predictor(sigma, Bernoulli(0.4))
    expected = hidden_error(A, sigma, Bernoulli(0.4))
    ours = masked_bayes_error_by_coordinate(model, 0.4)
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(masked_risk_of(A, model, 0.4)["test_error"], expected, rtol=1e-8)
    many = SSRTheory(model, 10**7, 0.0, 0.4)
    np.testing.assert_allclose(many.test_error_by_coordinate, expected, rtol=1e-4)
    assert many.bayes_error == pytest.approx(expected.mean(), rel=1e-8)


def test_a_coordinate_without_variance_has_no_error_and_helps_nobody():
    rest = AR1(3, 0.5)
    sigma = np.zeros((4, 4))
    sigma[:3, :3] = rest.dense()
    for rate in (0.0, 0.2):
        expected = np.append(masked_bayes_error_by_coordinate(rest, rate), 0.0)
        ours = masked_bayes_error_by_coordinate(Dense(sigma), rate)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    risk = simulate_risk(Dense(sigma), 9, 0.1, mask_rate=0.2, trials=2, rng=0, n_jobs=1)
    np.testing.assert_allclose(risk.bayes_error_by_coordinate, expected, rtol=1e-12)
    spiked = Spiked(Diagonal([0.0, 1.0, 2.0]), 1.0, np.array([[0.0], [0.6], [0.8]]))
    alone = Spiked(Diagonal([1.0, 2.0]), 1.0, np.array([[0.6], [0.8]]))
    ours = masked_bayes_error_by_coordinate(spiked, 0.2)
    expected = np.append(0.0, masked_bayes_error_by_coordinate(alone, 0.2))
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


@pytest.mark.parametrize("model", [AR1(60, 0.6), two_levels(60)])
@pytest.mark.parametrize("n", [40, 100])
def test_a_rate_of_zero_is_one_coordinate_at_a_time(model, n):
    plain, zero, tiny = (SSRTheory(model, n, 0.1, p) for p in (None, 0.0, 1e-7))
    assert type(plain.risk) is type(zero.risk) is Risk
    assert type(tiny.risk) is MaskedRisk
    for name in ("test_error", "train_error", "bayes_error", "coef_norm"):
        assert getattr(zero, name) == getattr(plain, name)
        assert getattr(tiny, name) == pytest.approx(getattr(plain, name), rel=1e-5)
    assert plain.full_view_error == pytest.approx(plain.test_error, rel=1e-12)
    np.testing.assert_allclose(plain.errors.train, plain.train_error_by_coordinate, rtol=1e-9)
    assert plain.errors.coef_norm == pytest.approx(plain.coef_norm, rel=1e-9)
    np.testing.assert_allclose(tiny.edges, plain.edges, rtol=1e-4)


@pytest.mark.parametrize("model", [Isotropic(D, 2.0), AR1(D, 0.6), Blocks([5] * (D // 5), 0.4)])
@pytest.mark.parametrize("n", [200, 450])
def test_equal_variances_make_masks_a_ridge(model, n):
    lam, p = 0.1, 0.4
    s, q = model.diagonal()[0], 0.6
    ridge = equivalent_ridge(s, lam, p)
    masked, plain = SSRTheory(model, n, lam, p), SSRTheory(model, n, ridge)
    rescaled = masked.rescaled_error_by_coordinate
    np.testing.assert_allclose(rescaled, plain.test_error_by_coordinate, rtol=1e-9)
    assert q**2 * masked.coef_norm == pytest.approx(plain.coef_norm, rel=1e-9)
    expected = plain.test_error + p / q * s * plain.coef_norm
    assert masked.test_error == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(q * masked.edges, plain.edges, rtol=1e-6)
    assert masked.full_view_error != pytest.approx(plain.test_error, rel=1e-3)


def test_unequal_variances_make_masks_a_ridge_on_standardised_data():
    base, p, n = AR1(60, 0.6), 0.3, 90
    scales = np.exp(0.5 * np.random.default_rng(0).normal(size=60))
    masked, plain = SSRTheory(Scaled(base, scales), n, 0.0, p), SSRTheory(base, n, p / (1 - p))
    expected = scales**2 * plain.test_error_by_coordinate
    np.testing.assert_allclose(masked.rescaled_error_by_coordinate, expected, rtol=1e-9)
    np.testing.assert_allclose((1 - p) * masked.edges, plain.edges, rtol=1e-3)  # ends of AR(1)
    # And no ridge does the same.
    best = optimal_ridge(Scaled(base, scales), n)
    errors = SSRTheory(Scaled(base, scales), n, best.ridge).test_error_by_coordinate
    assert np.abs(errors / masked.rescaled_error_by_coordinate - 1).max() > 0.01
    # The same holds for the matrices themselves, on any rows.
    X = base.sample(n, 3)
    X /= np.sqrt(np.mean(X**2, axis=0))
    ours = MaskedRegression(0.0, p).fit(X * scales).coef_
    theirs = MaskedRegression(p / (1 - p)).fit(X).coef_
    np.testing.assert_allclose((1 - p) * ours * scales[:, None] / scales, theirs, atol=1e-12)


@pytest.mark.parametrize("model", [AR1(D, 0.6), two_levels(), scaled_spiked()])
@pytest.mark.parametrize("n", [200, 450])
@pytest.mark.parametrize("p", [0.15, 0.75])
def test_theory_meets_the_closed_form_on_random_rows(model, n, p):
    ridges = [0.01, 1.0]
    names = (
        "train_error",
        "test_error",
        "loo_error",
        "gcv_error",
        "bayes_error",
        "coef_norm",
        "full_view_error",
        "rescaled_error",
    )
    seen = simulate_risk(model, n, ridges, mask_rate=p, trials=6, rng=1, n_jobs=1)
    for ridge, risk in zip(ridges, seen, strict=True):
        theory = SSRTheory(model, n, ridge, p).risk
        for name in names:
            value, spread = getattr(risk, name), getattr(risk.standard_error, name)
            expected = getattr(theory, name)
            assert abs(value - expected) <= 4 * spread + 0.005 * expected, (ridge, name)
        for name in ("train_error", "test_error", "full_view_error", "rescaled_error"):
            each = f"{name}_by_coordinate"
            ratio = getattr(risk, each) / getattr(theory, each)
            assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.12, (ridge, name)


def test_one_ridge_gives_one_result():
    many = simulate_risk(AR1(20, 0.5), 30, [0.1], mask_rate=0.3, trials=2, rng=0, n_jobs=1)
    one = simulate_risk(AR1(20, 0.5), 30, 0.1, mask_rate=0.3, trials=2, rng=0, n_jobs=1)
    assert isinstance(one, MaskedRisk)
    assert one.test_error == many[0].test_error


def test_theory_is_near_explicit_masks():
    # The large version, at 1 % and nine settings, is in the long tests.
    model = AR1(150, 0.6)
    measured = explicit_errors(model, 0.5, trials=6, half=24, n=225, rng=4)[0].mean(axis=0)
    np.testing.assert_allclose(measured, predicted_errors(model, 0.5, n=225), rtol=0.02)


def test_leave_one_out_with_the_penalty_held_is_near_the_true_one():
    # Refit without each row: its penalty holds the diagonal of the remaining rows.
    model, n, lam, p = scaled_spiked(40), 60, 0.1, 0.3
    q = 1 - p
    X = model.sample(n, 5)
    noise = np.zeros(40)
    residual = 0.0
    for i in range(n):
        rest = np.delete(X, i, axis=0)
        # Sums of squares keep their penalties, so that the ridge grows by n/(n - 1).
        A = MaskedRegression(lam * n / (n - 1), p).fit(rest).coef_
        residual += np.mean((X[i] - q * X[i] @ A) ** 2) / n
        noise += p / q * X[i] ** 2 @ (q * A) ** 2 / n
    exact = residual + noise.mean()

    class Fixed:
        d, sample, apply = 40, staticmethod(lambda n, rng: X), staticmethod(model.apply)
        diagonal, resolvent = staticmethod(model.diagonal), staticmethod(model.resolvent)

    held = simulate_risk(Fixed, n, lam, mask_rate=p, trials=2, rng=0, n_jobs=1)
    assert held.loo_error == pytest.approx(exact, rel=0.03)
    assert held.train_error < 0.9 * exact


# Spectrum --------------------------------------------------------------------------------------


def few(d, where):
    u = np.zeros((d, 1))
    u[where] = len(where) ** -0.5
    return u


SPECTRA = {
    "isotropic": (Isotropic(D), 450),
    "two levels": (two_levels(), 450),
    "two levels, n < d": (two_levels(), 120),
    "isotropic, n < d": (Isotropic(D), 120),
    "scaled AR(1)": (scaled_spiked(100).base, 150),
}


@pytest.mark.parametrize("p", [0.2, 0.75])
@pytest.mark.parametrize("name", SPECTRA)
def test_spectrum_has_mass_one_and_mean_zero_and_is_that_of_samples(name, p):
    model, n = SPECTRA[name]
    theory = SSRTheory(model, n, 0.05, p)
    law, q = theory.spectrum, 1 - p
    assert law.moment(0) == pytest.approx(1.0, abs=2e-6)
    assert law.moment(1) == pytest.approx(0.0, abs=2e-6)
    assert law.edges[-1] < 1 / q
    A = MaskedRegression(0.05, p).fit(model.sample(n, 3)).coef_
    values = np.sort(np.linalg.eigvals(A).real)
    assert law.moment(2) == pytest.approx(np.mean(values**2), rel=0.03)
    if not law.atoms:
        place = (np.arange(model.d) + 0.5) / model.d
        assert np.abs(law.cdf(values) - place).max() < 4 / model.d + 0.01
    a = np.array([0.2, 0.5])
    slope = (law.cdf(a + 1e-5) - law.cdf(a - 1e-5)) / 2e-5
    np.testing.assert_allclose(theory.density(a), slope, rtol=1e-4, atol=1e-9)
    z = 0.4 + 0.3j
    parts = [law.expect(lambda x, f=f: f(1 / (x - z))) for f in (np.real, np.imag)]
    assert law.stieltjes(z) == pytest.approx(complex(*parts), rel=1e-5)


@pytest.mark.parametrize("n", [120, 450])
@pytest.mark.parametrize("model", [two_levels(), scaled_spiked(80), Dense(AR1(40, 0.5).dense())])
def test_a_vector_floor_is_a_change_of_units(model, n):
    # M = D^1/2 (S + Lambda) D^1/2 = (D Lambda)^1/2 (S' + 1)(D Lambda)^1/2 in units of Lambda.
    n = n * model.d // D
    scales = np.linspace(0.5, 2.0, model.d)
    penalty, weights, kappa = scales**2, 1.0 / (1.0 + scales**3), 1.7
    ours = WeightedEquivalent(model, n, weights, kappa * penalty, 1 / kappa)
    theirs = WeightedEquivalent(Scaled(model, 1 / scales), n, weights * penalty, kappa, 1 / kappa)
    z = np.array([0.3 + 0.2j, 1.1 + 0.01j, 4.0 + 1.0j])
    s = ours.solve(z)
    np.testing.assert_allclose(s, theirs.solve(z), rtol=1e-8)
    m, m2 = ours.traces(s, z), theirs.traces(s, z)
    np.testing.assert_allclose(m.stieltjes, m2.stieltjes, rtol=1e-7)
    np.testing.assert_allclose(m.slope, m2.slope, rtol=1e-7)


@pytest.mark.parametrize("p", [0.3, 0.75])
@pytest.mark.parametrize(
    "model",
    [
        Spiked(Isotropic(400), 8.0, few(400, [3, 50, 77, 200])),
        Spiked(two_levels(400), 6.0, few(400, [2, 52, 76, 200])),
        Spiked(two_levels(400), 6.0, np.full((400, 1), 0.05)),
    ],
    ids=["few", "few, quiet", "flat"],
)
def test_spike_at_a_mask_rate(model, p):
    n, lam, trials = 600, 0.05, 6
    spike = SSRTheory(model, n, lam, p).spikes[0]
    assert spike.detected
    assert spike.strength > spike.threshold
    u, values, right, left = spike.direction, [], [], []
    for seed in range(trials):
        fit = MaskedRegression(lam, p).fit(model.sample(n, seed))
        root = np.sqrt(fit.D_)
        B = (fit.coef_ * root) / root[:, None]
        w, v = np.linalg.eigh(0.5 * (B + B.T))
        values.append(w[-1])
        for vector, out in ((root * v[:, -1], right), (v[:, -1] / root, left)):
            out.append((vector @ u) ** 2 / (vector @ vector))
    assert np.mean(values) == pytest.approx(spike.eigenvalue, rel=0.03)
    assert np.mean(right) == pytest.approx(spike.right_overlap, abs=0.06)
    assert np.mean(left) == pytest.approx(spike.left_overlap, abs=0.06)


def test_threshold_moves_continuously_with_the_rate():
    model = Spiked(two_levels(), 4.0, np.full((D, 1), D**-0.5))
    thresholds = [
        SSRTheory(model, 450, 0.05, p).spikes[0].threshold for p in (None, 1e-6, 0.3, 0.6)
    ]
    assert thresholds[1] == pytest.approx(thresholds[0], rel=1e-4)
    assert max(abs(np.diff(thresholds[1:]))) > 0.02
    # As the rate tends to 1 at ridge 0, D weighs by marginal variances: correlation PCA.
    correlation = PCATheory(model, 450, standardize=True).spikes[0].threshold
    far = [SSRTheory(model, 450, 0.0, p).spikes[0].threshold for p in (0.99, 0.9999)]
    assert abs(far[1] - correlation) < 0.1 * abs(far[0] - correlation)
    assert far[1] == pytest.approx(correlation, rel=1e-3)


# Best rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("evaluation", ["same", "full", "rescaled", 0.2])
def test_best_rate_and_best_ridge_are_minima(evaluation):
    model, n = scaled_spiked(60), 60

    def error(lam, p):
        return solve_masked(model, n, lam, p)[1].evaluate(evaluation)

    best = optimal_mask_rate(model, n, 0.01, evaluation=evaluation)
    assert best.boundary == ""
    assert 0 < best.mask_rate < 1
    assert error(0.01, best.mask_rate) == pytest.approx(best.error, rel=1e-12)
    odds = best.mask_rate / (1 - best.mask_rate)
    for factor in (0.8, 1.25):
        assert error(0.01, factor * odds / (1 + factor * odds)) > best.error
    best = optimal_masked_ridge(model, n, 0.1, evaluation=evaluation)
    for factor in (0.8, 1.25):
        assert error(factor * best.ridge, 0.1) > best.error


def test_best_pair_beats_both_edges():
    model, n = scaled_spiked(60), 90
    pair = optimal_masking(model, n)
    plain = optimal_ridge(model, n)
    masks = optimal_mask_rate(model, n, 0.0)
    assert pair.error <= min(plain.test_error, masks.error) * (1 + 1e-9)
    if pair.boundary == "":
        theory = SSRTheory(model, n, pair.ridge, pair.mask_rate)
        assert theory.rescaled_error == pytest.approx(pair.error, rel=1e-8)
    rng = np.random.default_rng(0)
    for _ in range(30):
        lam, p = np.exp(rng.uniform(-6, 1)), rng.uniform(0.01, 0.9)
        assert SSRTheory(model, n, lam, p).rescaled_error >= pair.error * (1 - 1e-9)


def test_best_pair_at_equal_variances_needs_no_masks():
    model = AR1(60, 0.6)
    pair, plain = optimal_masking(model, 60), optimal_ridge(model, 60)
    assert (pair.mask_rate, pair.boundary) == (0.0, "rate 0")
    assert pair.ridge == pytest.approx(plain.ridge, rel=1e-3)
    assert pair.error == pytest.approx(plain.test_error, rel=1e-8)


def test_ends_of_the_range_are_told():
    # Independent coordinates: the best prediction is 0.
    assert optimal_masking(two_levels(40), 30).boundary == "ridge infinite"
    assert optimal_masked_ridge(two_levels(40), 30, 0.5).boundary == "ridge infinite"
    assert optimal_mask_rate(two_levels(40), 30, 0.0).boundary == "rate 1"
    # Plenty of rows: whatever hides inputs only hurts.
    assert optimal_mask_rate(AR1(20, 0.6), 10**7, 0.0).boundary == "rate 0"
    assert optimal_masked_ridge(AR1(20, 0.6), 10**9, 0.5).boundary in ("", "ridge 0")


# diag(S) for diag(Sigma) -----------------------------------------------------------------------


@pytest.mark.parametrize("model", [AR1(60, 0.6), scaled_spiked(60)])
@pytest.mark.parametrize(("lam", "p"), [(0.0, 0.5), (0.3, 0.2)])
def test_replacing_the_diagonal_stays_within_its_bounds(model, lam, p):
    n = 2000
    bound = diagonal_replacement_bound(model.diagonal(), n, lam, p)
    seen = measure_diagonal_replacement(model, n, lam, p, trials=10, rng=0, n_jobs=1)
    assert 0.3 * bound.variance < seen.variance <= bound.variance
    for name in ("penalty", "eigenvalue", "coefficient"):
        assert 0 < getattr(seen, name) <= getattr(bound, name)
    assert abs(seen.error) < 0.05 * seen.penalty
    # The inequality itself, draw by draw: from the measured change of the penalty.
    sharp = type(bound).of(seen.variance, seen.penalty)
    assert seen.eigenvalue <= sharp.eigenvalue
    assert seen.coefficient <= sharp.coefficient


def test_replacing_the_diagonal_matters_less_with_more_rows():
    bounds = [diagonal_replacement_bound(np.ones(100), n, 0.0, 0.5) for n in (10**4, 10**6)]
    assert bounds[1].variance == pytest.approx(0.1 * bounds[0].variance, rel=0.1)
    assert diagonal_replacement_bound(np.ones(100), 5, 0.0, 0.5).eigenvalue == np.inf
    assert diagonal_replacement_bound(np.ones(9), 50, 1.0, 0.0).penalty == 0.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SSRTheory(Isotropic(5), 9, 0.1, 1.0), r"mask_rate must lie in \[0, 1\), got 1"),
        (lambda: SSRTheory(Isotropic(5), 9, 0.1, -0.1), "mask_rate must be finite and not neg"),
        (lambda: SSRTheory(Diagonal([1.0, 0.0]), 9, 0.0, 0.5), "coordinates \\[1\\] have no var"),
        (
            lambda: simulate_risk(Isotropic(5), 9, 0.1, mask_rate=1.0, trials=2, rng=0),
            "mask_rate must lie in",
        ),
        (lambda: simulate_risk(Isotropic(5), 9, [], mask_rate=0.5, trials=2, rng=0), "ridges must"),
        (lambda: optimal_masking(Isotropic(5), 9, evaluation="best"), "evaluation must be one of"),
        (lambda: optimal_masked_ridge(Isotropic(5), 9, 1.5), "mask_rate must lie in"),
        (lambda: optimal_masked_ridge(np.eye(5), 9, 0.5), "wrap a matrix in Dense"),
        (lambda: optimal_mask_rate(np.eye(5), 9, 0.5), "wrap a matrix in Dense"),
        (lambda: optimal_masking(np.eye(5), 9), "wrap a matrix in Dense"),
        (lambda: solve_masked(np.eye(5), 9, 0.1, 0.5), "wrap a matrix in Dense"),
        (lambda: masked_bayes_error_by_coordinate(np.eye(5), 0.5), "wrap a matrix in Dense"),
        (lambda: simulate_risk(np.eye(5), 9, 0.1, mask_rate=0.5, trials=2, rng=0), "wrap a matrix"),
        (lambda: masked_risk_of(np.eye(5), np.eye(5), 0.5), "wrap a matrix in Dense"),
        (
            lambda: measure_diagonal_replacement(np.eye(5), 9, 0.1, 0.5, trials=2, rng=0),
            "wrap a matrix in Dense",
        ),
        (lambda: diagonal_replacement_bound([1.0, -1.0], 9, 0.1, 0.5), "variances must be posit"),
        (lambda: SSRTheory(Isotropic(5), 9, 0.1, 0.5).error_at(1.0), "mask_rate must lie in"),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_result_names_its_errors():
    errors = SSRTheory(AR1(30, 0.5), 60, 0.1, 0.3).errors
    assert isinstance(errors, MaskedErrors)
    assert errors.evaluate(0.3) == pytest.approx(errors.evaluate("same"), rel=1e-12)
    assert errors.evaluate(0.0) == pytest.approx(errors.evaluate("full"), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 40, 3000])
@pytest.mark.parametrize("d", [1, 30, 10**6])
def test_the_bound_on_sample_variances_holds_and_is_not_idle(n, d):
    failure = 0.05
    bound = diagonal_replacement_bound(np.ones(d), n, 0.1, 0.5, failure=failure).variance
    # n S_kk/Sigma_kk is chi-squared; all d ratios, both sides, in exact tails.
    missed = d * (chi2.sf(n * (1 + bound), n) + chi2.cdf(n * (1 - bound), n))
    assert missed <= failure
    x = np.log(2 * d / failure)
    assert bound == pytest.approx(2 * np.sqrt(x / n) + 2 * x / n)
    tight = 0.45 * bound  # half of the bound is too little
    assert d * chi2.sf(n * (1 + tight), n) > failure or d == 1


@pytest.mark.parametrize("penalty", [0.0, 0.01, 0.2, 0.5, 0.9])
def test_the_bound_on_the_matrix_is_that_of_its_proof(penalty):
    bound = DiagonalReplacement.of(0.95, penalty)
    # (1 + e)/(1 - e) - 1 for the eigenvalues; e (1 + e)/(1 - e) + e for the matrix.
    assert bound.eigenvalue == pytest.approx((1 + penalty) / (1 - penalty) - 1)
    assert bound.coefficient == pytest.approx(penalty * (1 + penalty) / (1 - penalty) + penalty)
    assert (bound.variance, bound.penalty) == (0.95, penalty)
