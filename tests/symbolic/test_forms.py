"""Symbolic derivations: each claim reduces exactly, and each formula meets its numbers."""

from functools import cache
from typing import Any, cast

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

from mssl import symbolic
from mssl.symbolic import Identity, Positivity, derivations, gamma, kappa, lam, n, s

SEED = 20260201


@cache
def derived(name):
    return cast("Any", derivations()[name]())  # each kind has its own fields


def function(expression, *symbols):
    return sp.lambdify(symbols, expression, "numpy")


# Claims ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", derivations())
def test_every_claim_holds_exactly(name):
    claims = derived(name).claims
    assert claims
    assert len({claim.name for claim in claims}) == len(claims)
    assert [claim.name for claim in claims if not claim.holds()] == []


@pytest.mark.parametrize("name", derivations())
def test_every_claim_holds_at_random_rationals(name):
    """A second decision, blind to how residuals are reduced."""
    rng = np.random.default_rng(SEED)
    for claim in derived(name).claims:
        if isinstance(claim, Identity):
            left, right = sp.Matrix([claim.left]), sp.Matrix([claim.right])
        else:
            left = right = sp.Matrix([claim.expression])
        # Any spectrum will do for the undefined r(kappa); this one has two atoms.
        trial = sp.Rational(1, 4) / (1 + kappa) + sp.Rational(3, 4) / (2 + kappa)
        for unknown in left.atoms(sp.core.function.AppliedUndef):
            left, right = (e.subs(unknown, trial).doit() for e in (left, right))
        symbols = left.free_symbols | right.free_symbols
        values = {v: sp.Rational(int(rng.integers(1, 60)), 61) for v in sorted(symbols, key=str)}
        if isinstance(claim, Identity):
            for a, b in zip(left.subs(values), right.subs(values), strict=True):
                assert abs(sp.N(a - b, 40)) <= 1e-25 * (1 + abs(sp.N(a, 40))), claim.name
        else:
            assert sp.N(left[0].subs(values), 40) > 0, claim.name


@pytest.mark.parametrize("name", derivations())
def test_a_disturbed_identity_is_refused(name):
    for claim in derived(name).claims[:3]:
        if isinstance(claim, Identity):
            one = sp.ones(*claim.right.shape) if isinstance(claim.right, sp.MatrixBase) else 1
            assert not Identity("off by one", claim.left, claim.right + one).holds()


def test_identity_with_a_square_root():
    root = sp.sqrt(1 + kappa)
    assert Identity("conjugate", 1 / (1 + root), (root - 1) / kappa).holds()
    wrong = Identity("sign", 1 / (1 + root), (root + 1) / kappa)
    assert not wrong.holds()
    value = {kappa: sp.Rational(1, 3)}
    difference = (wrong.left - wrong.right).subs(value) - wrong.residual().subs(value)
    assert abs(sp.N(difference, 30)) < 1e-25


def test_positivity_needs_a_certificate():
    assert Positivity("square", (s + kappa) ** 2 / n).holds()
    assert Positivity("cancels", (s**2 - kappa**2) / (s - kappa)).holds()
    assert not Positivity("indefinite", s - kappa).holds()
    assert not Positivity("negative", -s / kappa).holds()
    assert not Positivity("unsigned symbol", sp.Symbol("t")).holds()
    assert Positivity("number", sp.Integer(2)).holds()
    assert not Positivity("zero", sp.S(0)).holds()


def test_equations_are_not_evaluated():
    claim = Identity("sum", s + kappa, s + kappa)
    assert isinstance(claim.equation, sp.Eq)
    assert claim.equation.lhs == s + kappa
    assert isinstance(Positivity("s", s).equation, sp.Gt)


@pytest.mark.parametrize("name", derivations())
def test_a_claim_is_picked_by_its_name(name):
    result = derived(name)
    assert [result.claim(claim.name) for claim in result.claims] == list(result.claims)


def test_an_unknown_claim_is_refused_with_the_names_there_are():
    result = derived("ridge_derivative")
    with pytest.raises(KeyError, match="no claim is named 'df3'") as refused:
        result.claim("df3")
    assert all(repr(claim.name) in refused.value.args[0] for claim in result.claims)


# Bad input ---------------------------------------------------------------------------------------


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="m must be a positive integer"):
        symbolic.atoms(0)
    with pytest.raises(ValueError, match="at least 2"):
        symbolic.closed_form(1)
    one = sp.ImmutableMatrix([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="symmetric"):
        symbolic.SymbolicPopulation(one, (n, n))
    symmetric = sp.ImmutableMatrix([[2, 1], [1, 2]])
    with pytest.raises(ValueError, match="one entry per coordinate"):
        symbolic.SymbolicPopulation(symmetric, (n,))
    with pytest.raises(ValueError, match="all be equal"):
        symbolic.SymbolicPopulation(symmetric, (n, s))
    two = derived("optimal_ridge_two_atoms")
    for arguments, message in [
        ((1, 1, "1/2", 1), "distinct"),
        ((-1, 1, "1/2", 1), "positive"),
        ((2, 1, 1, 1), "between 0 and 1"),
        ((2, 1, "1/2", 0), "ratio must be positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            two.stationary(*arguments)


# Estimator ---------------------------------------------------------------------------------------


def numeric_predictor(x, penalty):
    """Column by column, with solves only: X'X plus the penalty, n lam."""
    d = x.shape[1]
    coefficients = np.zeros((d, d))
    for k in range(d):
        rest = np.delete(np.arange(d), k)
        gram = x[:, rest].T @ x[:, rest] + penalty * np.eye(d - 1)
        coefficients[rest, k] = np.linalg.solve(gram, x[:, rest].T @ x[:, k])
    return coefficients


def test_closed_form_meets_solves():
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((7, 3)) @ rng.standard_normal((3, 3))
    gram, ridge = x.T @ x / 7, 0.3
    result = derived("closed_form")
    entries = [result.gram[i, j] for i in range(3) for j in range(i, 3)]
    closed = function(result.closed_form, *entries, lam)
    values = [gram[i, j] for i in range(3) for j in range(i, 3)]
    expected = numeric_predictor(x, 7 * ridge)
    np.testing.assert_allclose(closed(*values, ridge), expected, rtol=0, atol=1e-12)


def test_leave_one_out_meets_refits_at_any_size():
    rng = np.random.default_rng(SEED)
    size, d, ridge = 9, 5, 0.2
    x = rng.standard_normal((size, d)) @ rng.standard_normal((d, d))
    q = np.linalg.inv(x.T @ x / size + ridge * np.eye(d))
    result = derived("leave_one_out")
    formula = function(result.residual, result.g, result.p, result.q, n)
    g = np.einsum("ij,jk,ik->i", x, q, x)
    closed = formula(g[:, None], x @ q, np.diag(q), size)
    for i in range(size):
        kept = np.delete(x, i, axis=0)
        refit = x[i] - x[i] @ numeric_predictor(kept, size * ridge)
        np.testing.assert_allclose(closed[i], refit, rtol=1e-10)


# Isotropic noise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_isotropic_kappa_meets_the_fixed_point(ratio):
    ridge, variance = 0.2, 1.7
    result = derived("isotropic_kappa")
    closed = function(result.kappa, lam, gamma, s)(ridge, ratio, variance)
    root = brentq(lambda k: k - ridge - k * ratio * variance / (variance + k), 1e-9, 50, xtol=1e-14)
    assert closed == pytest.approx(root, rel=1e-11)
    assert function(result.other_root, lam, gamma, s)(ridge, ratio, variance) < 0


@pytest.mark.parametrize("ratio", [0.3, 2.5])
def test_density_has_the_mass_and_the_transform(ratio):
    ridge, variance = 0.2, 1.7
    result = derived("isotropic_kappa")
    density = function(result.density, result.x, gamma, s)
    low, high = (function(e, gamma, s)(ratio, variance) for e in result.edges)

    def integral(weight):
        # x = low + (high - low) sin^2 removes both square-root ends.
        def integrand(t):
            x = low + (high - low) * np.sin(t) ** 2
            return weight(x) * density(x, ratio, variance) * (high - low) * np.sin(2 * t)

        return quad(integrand, 0, np.pi / 2, epsabs=1e-12)[0]

    atom = max(0.0, 1 - 1 / ratio)
    assert integral(lambda x: 1.0) + atom == pytest.approx(1, abs=1e-9)
    transform = function(result.stieltjes, lam, gamma, s)(ridge, ratio, variance)
    assert integral(lambda x: 1 / (x + ridge)) + atom / ridge == pytest.approx(transform, rel=1e-9)


def isotropic_measurements(d, ratio, ridge, variance, trials, rng):
    """Test error, training error and norm of each trial, shape (trials, 3)."""
    size = round(d / ratio)
    measured = []
    for _ in range(trials):
        x = np.sqrt(variance) * rng.standard_normal((size, d))
        q = np.linalg.inv(x.T @ x / size + ridge * np.eye(d))
        residual = q / np.diag(q)
        measured.append(
            [
                variance * (residual**2).sum() / d,
                ((x @ residual) ** 2).sum() / size / d,
                ((np.eye(d) - residual) ** 2).sum() / d,
            ]
        )
    return np.array(measured)


def test_isotropic_risk_meets_simulation():
    """The finite-size error is of order 1/d (4/d for training), so two sizes extrapolate it away.

    What remains agrees within four standard errors and the square of that correction.
    """
    ratio, ridge, variance, trials = 1.25, 0.3, 1.5, 60
    rng = np.random.default_rng(SEED)
    small, large = (
        isotropic_measurements(d, ratio, ridge, variance, trials, rng) for d in (100, 200)
    )
    result = derived("isotropic_risk")
    theory = np.array(
        [
            function(e, lam, gamma, s)(ridge, ratio, variance)
            for e in (result.test_error, result.train_error, result.coef_norm)
        ]
    )
    limit = (2 * large.mean(axis=0) - small.mean(axis=0)) / theory
    spread = np.sqrt(4 * large.var(axis=0, ddof=1) + small.var(axis=0, ddof=1)) / theory
    error = spread / np.sqrt(trials)
    assert np.all(error < 0.004)
    assert np.all(np.abs(limit - 1) < 4 * error + (4 / 100) ** 2)


def test_large_ridge_series_converges_at_its_order():
    result = derived("isotropic_risk")
    gap = function(result.test_error - result.large_ridge, lam, gamma, s)
    gaps = np.abs([gap(ridge, 0.8, 1.0) for ridge in (20.0, 40.0, 80.0)])
    orders = np.log2(gaps[:-1] / gaps[1:])
    # the first neglected term is of fourth order
    assert np.all(np.abs(orders - 4) < 0.5)
    assert abs(orders[1] - 4) < abs(orders[0] - 4)


# Correlated coordinates --------------------------------------------------------------------------


def pair_functions(expressions):
    a, b, c, m = (
        symbolic.correlated_pair().matrix[0, 0],
        symbolic.correlated_pair().matrix[1, 1],
        symbolic.correlated_pair().matrix[0, 1],
        symbolic.correlated_pair().counts[0],
    )
    return function(list(expressions), kappa, n, a, b, c, m)


def test_risk_of_correlated_pairs_meets_simulation():
    """Five draws at d = 400, mean over draws within four standard errors and 0.5 %."""
    copies, size, ridge = 200, 600, 0.1
    block = np.array([[1.0, 0.8], [0.8, 2.0]])
    sigma = np.kron(np.eye(copies), block)
    root = np.kron(np.eye(copies), np.linalg.cholesky(block))
    rng = np.random.default_rng(SEED)
    trials = []
    for _ in range(5):
        x = rng.standard_normal((size, 2 * copies)) @ root.T
        q = np.linalg.inv(x.T @ x / size + ridge * np.eye(2 * copies))
        residual = q / np.diag(q)
        test = np.einsum("ij,ik,kj->j", residual, sigma, residual, optimize=True)
        train = ((x @ residual) ** 2).mean(axis=0)
        norm = ((np.eye(2 * copies) - residual) ** 2).sum(axis=0)
        trials.append([v.reshape(copies, 2).mean(axis=0) for v in (test, train, norm)])
    trials = np.array(trials)

    result = derived("risk_equivalents_pair")
    values = (size, 1.0, 2.0, 0.8, copies)
    ridge_of = pair_functions([result.ridge])
    root_kappa = brentq(lambda k: ridge_of(k, *values)[0] - ridge, 1e-6, 10, xtol=1e-14)
    theory = np.array(
        [
            pair_functions(e)(root_kappa, *values)
            for e in (result.test_error, result.train_error, result.coef_norm)
        ]
    )
    error = trials.std(axis=0, ddof=1) / np.sqrt(len(trials))
    assert np.all(np.abs(trials.mean(axis=0) - theory) < 4 * error + 0.005 * theory)


def test_derivative_of_kappa_meets_differences():
    result = derived("ridge_derivative_pair")
    values = (300, 1.0, 2.0, 0.8, 100)
    ridge_of = pair_functions([symbolic.correlated_pair().ridge()])

    def solve(ridge):
        return brentq(lambda k: ridge_of(k, *values)[0] - ridge, 1e-6, 10, xtol=1e-15)

    step = 1e-5
    difference = (solve(0.2 + step) - solve(0.2 - step)) / (2 * step)
    assert pair_functions([result.derivative])(solve(0.2), *values)[0] == pytest.approx(
        difference, rel=1e-7
    )


def test_ridgeless_pairs_meet_linear_algebra():
    result = derived("ridgeless_many_samples_pair")
    block, copies, size = np.array([[1.0, 0.8], [0.8, 2.0]]), 100, 300
    precision = np.linalg.inv(block)
    factor = 1 / (1 - 2 * copies / size)
    values = (np.nan, size, 1.0, 2.0, 0.8, copies)  # kappa must no longer occur
    bayes = pair_functions(result.bayes_error)(*values)
    np.testing.assert_allclose(bayes, 1 / np.diag(precision), rtol=1e-13)
    test = pair_functions(result.test_error)(*values)
    np.testing.assert_allclose(test, factor / np.diag(precision), rtol=1e-13)
    # regression on the other coordinate plus estimation noise spread over all d
    noise = factor * copies / size * np.trace(precision) / np.diag(precision)
    slopes = np.array([0.8 / 2.0, 0.8 / 1.0])
    norm = pair_functions(result.coef_norm)(*values)
    np.testing.assert_allclose(norm, slopes**2 + noise, rtol=1e-12)


def test_ridgeless_few_samples_are_the_limit_of_small_ridges():
    result, risk = derived("ridgeless_few_samples"), derived("isotropic_risk")
    ratio, variance, tiny = 2.5, 1.7, 1e-7
    for limit, expression in (
        (result.kappa, derived("isotropic_kappa").kappa),
        (result.test_error, risk.test_error),
        (result.coef_norm, risk.coef_norm),
    ):
        expected = function(expression, lam, gamma, s)(tiny, ratio, variance)
        assert function(limit, gamma, s)(ratio, variance) == pytest.approx(expected, rel=1e-5)
    at_peak = function(risk.test_error, lam, gamma, s)(tiny, 1.0, variance)
    assert function(result.peak, lam, s)(tiny, variance) == pytest.approx(at_peak, rel=1e-3)


def test_two_atom_kappa_meets_bisection():
    result = derived("ridgeless_few_samples")
    a, b, w, ratio = 3.0, 0.2, 0.3, 1.6
    closed = function(result.two_atom_kappa, result.a, result.b, result.w, gamma)(a, b, w, ratio)
    root = brentq(lambda k: w * a / (a + k) + (1 - w) * b / (b + k) - 1 / ratio, 1e-9, 100)
    assert closed == pytest.approx(root, rel=1e-10)


# Best ridge --------------------------------------------------------------------------------------


def error_and_ridge_of(values, shares, ratio):
    """Test error against log kappa for a constant-diagonal spectrum, and the ridge."""
    values, shares = np.asarray(values), np.asarray(shares)

    def mean(f):
        return float(shares @ f)

    def error(k):
        x = values + k
        q = mean((values / x) ** 2)
        return mean(values / x**2) / mean(1 / x) ** 2 / (1 - ratio * q)

    def ridge(k):
        return k * (1 - ratio * mean(values / (values + k)))

    return error, ridge


def minimal_kappa(error, low, high):
    result = minimize_scalar(
        lambda t: error(np.exp(t)), bounds=np.log([low, high]), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return np.exp(result.x)


@pytest.mark.parametrize("ratio", [0.4, 0.95, 3.0])
def test_two_atom_curve_meets_minimisation(ratio):
    two = derived("optimal_ridge_two_atoms")
    a, b, w = 1.6, 0.4, 0.5  # pairs with correlation 0.6
    error, ridge = error_and_ridge_of([a, b], [w, 1 - w], ratio)
    low = brentq(ridge, 1e-6, 100) if ratio > 1 else 1e-6
    best = minimal_kappa(error, low, 1e3)
    at = (best, a, b, w)
    symbols = (kappa, two.a, two.b, two.w)
    assert function(two.ratio, *symbols)(*at) == pytest.approx(ratio, rel=1e-5)
    assert function(two.ridge, *symbols)(*at) == pytest.approx(ridge(best), rel=1e-5)
    polynomial = two.polynomial.as_expr().subs({two.a: a, two.b: b, two.w: w, gamma: ratio})
    positive = [r.real for r in np.roots([float(v) for v in sp.Poly(polynomial, kappa).coeffs()])
                if abs(r.imag) < 1e-9 and r.real > 0]  # fmt: skip
    assert positive == pytest.approx([best], rel=1e-5)


def test_best_ridge_need_not_be_unique():
    two = derived("optimal_ridge_two_atoms")
    assert two.stationary(10, 1, "9/10", "9/20") == 3
    assert two.stationary(10, 1, "1/2", "9/20") == 1
    error, _ = error_and_ridge_of([10, 1], [0.9, 0.1], 0.45)
    values = np.array([error(k) for k in np.logspace(-2, 3, 4000)])
    turns = np.diff(np.sign(np.diff(values)))
    assert (turns > 0).sum() == 2
    assert (turns < 0).sum() == 1


def test_two_atom_polynomial_has_no_factor():
    """Irreducible of full degree at one rational point, hence irreducible in its parameters."""
    two = derived("optimal_ridge_two_atoms")
    values = {two.a: 10, two.b: 1, two.w: sp.Rational(1, 3), gamma: sp.Rational(1, 2)}
    special = sp.Poly(two.polynomial.as_expr().subs(values), kappa)
    assert two.polynomial.degree() == special.degree() == 7
    assert special.is_irreducible


def test_general_laws_of_best_ridge():
    """Both ends of the curve, for two atoms by brute force."""
    law = derived("optimal_ridge_alike")
    a, b, w = sp.symbols("a b w", positive=True)
    at = (1.6, 0.4, 0.3)
    for ratio, expression in ((1e-5, law.few_features_law), (1e5, law.many_features_law)):
        error, ridge = error_and_ridge_of(at[:2], [at[2], 1 - at[2]], ratio)
        closed = function(expression, gamma, a, b, w)(ratio, *at)

        # Near the minimum the error is too flat to bisect on; its slope is not.
        def slope(t, error=error):
            return error(np.exp(t + 1e-3)) - error(np.exp(t - 1e-3))

        middle = np.log(closed + (ratio * 0.9 if ratio > 1 else 0))
        best = np.exp(brentq(slope, middle - 0.3, middle + 0.3))
        assert ridge(best) == pytest.approx(closed, rel=1e-2)


def test_strong_factors_and_noiseless_factors():
    factors = derived("optimal_ridge_factors")
    symbols = (factors.a, factors.b, factors.w, gamma)
    a, b, w, ratio = 1e12, 1.0, 0.2, 1.5
    error, _ = error_and_ridge_of([a, b], [w, 1 - w], ratio)
    best = minimal_kappa(error, 10, 1e5)
    assert function(factors.kappa, *symbols)(a, b, w, ratio) == pytest.approx(best, rel=1e-2)

    a, w, ratio = 2.0, 0.6, 3.0
    error, ridge = error_and_ridge_of([a, 0.0], [w, 1 - w], ratio)
    best = minimal_kappa(error, a * (ratio * w - 1) * (1 + 1e-9), 1e3)
    coefficients = sp.Poly(factors.cubic.subs({factors.a: a, factors.w: w, gamma: ratio}), kappa)
    roots = np.roots([float(v) for v in coefficients.all_coeffs()])
    assert ridge(best) > 0
    assert np.min(np.abs(roots - best)) < 1e-5 * best


def test_uncorrelated_coordinates_want_an_infinite_ridge():
    result = derived("optimal_ridge_diagonal")
    population = symbolic.atoms(3)
    values = dict(zip(population.matrix.diagonal(), (0.5, 1.0, 4.0), strict=True))
    values |= dict(zip(population.counts, (20, 30, 50), strict=True)) | {n: 150}
    for error, slope, variance in zip(
        result.test_error, result.slope, (0.5, 1.0, 4.0), strict=True
    ):
        curve = function(error.subs(values), kappa)(np.logspace(-3, 5, 200))
        assert np.all(np.diff(curve) < 0)
        assert curve[-1] == pytest.approx(variance, rel=1e-4)
        assert float(slope.subs(values).subs(kappa, 0.7)) < 0


# Newton ------------------------------------------------------------------------------------------


def test_newton_from_the_right_descends():
    result = derived("kappa_newton")
    population = symbolic.atoms(3)
    values = dict(zip(population.matrix.diagonal(), (0.01, 1.0, 40.0), strict=True))
    values |= dict(zip(population.counts, (200, 300, 50), strict=True)) | {n: 150, lam: 1e-4}
    step = function(result.step.subs(values), kappa)
    f = function(result.function.subs(values), kappa)
    path = [float(result.start.subs(values))]
    for _ in range(60):
        path.append(float(step(path[-1])))
    root = brentq(f, 1e-9, path[0], xtol=1e-14)
    assert path[-1] == pytest.approx(root, rel=1e-9)
    assert np.all(np.diff(path) <= 1e-12 * path[0])


# AR(1) -------------------------------------------------------------------------------------------


def ar1_matrix(d, rho):
    return rho ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))


def test_ar1_meets_a_long_dense_series():
    result = derived("ar1")
    rho, k, d, ratio = 0.6, 0.37, 400, 0.8
    middle = d // 2
    sigma = ar1_matrix(d, rho)
    r = np.linalg.inv(sigma + k * np.eye(d))
    rsr = r @ sigma @ r

    def value(expression):
        return float(expression.subs({result.rho: rho, kappa: k, gamma: ratio}))

    assert value(result.resolvent_diagonal) == pytest.approx(r[middle, middle], rel=1e-12)
    assert value(result.resolvent_border) == pytest.approx(r[0, 0], rel=1e-12)
    variance = 1 - ratio * value(result.df2_per_dimension)
    for expression, i in ((result.test_error, middle), (result.test_error_border, 0)):
        assert value(expression) == pytest.approx(rsr[i, i] / r[i, i] ** 2 / variance, rel=1e-12)
    for distance in (1, 2, 5):
        weight = value(result.coefficient.subs(result.lag, distance))
        assert weight == pytest.approx(-r[middle + distance, middle] / r[middle, middle], rel=1e-9)
    # borders add O(1/d) to traces
    assert value(result.df1_per_dimension) == pytest.approx(np.trace(sigma @ r) / d, abs=2 / d)
    assert value(result.df2_per_dimension) == pytest.approx(
        np.trace(sigma @ r @ sigma @ r) / d, abs=2 / d
    )
    precision = np.diag(np.linalg.inv(sigma))
    assert value(result.bayes_error) == pytest.approx(1 / precision[middle], rel=1e-12)
    assert value(result.bayes_error_border) == pytest.approx(1 / precision[0], rel=1e-12)


def test_ar1_integral_meets_quadrature():
    result = derived("ar1")
    rho, k = 0.85, 0.05
    omega = 2 * np.pi * np.arange(4096) / 4096  # the trapezoid rule converges geometrically here
    spectrum = (1 - rho**2) / (1 - 2 * rho * np.cos(omega) + rho**2)
    for expression, values in (
        (result.resolvent_diagonal, 1 / (spectrum + k)),
        (result.df1_per_dimension, spectrum / (spectrum + k)),
        (result.df2_per_dimension, (spectrum / (spectrum + k)) ** 2),
    ):
        assert function(expression, result.rho, kappa)(rho, k) == pytest.approx(
            values.mean(), rel=1e-11
        )


@pytest.mark.parametrize(("rho", "ratio"), [(0.3, 0.5), (0.8, 0.5), (0.8, 4.0)])
def test_ar1_optimal_ridge_meets_minimisation(rho, ratio):
    series, result = derived("ar1"), derived("ar1_optimal_ridge")
    error = function(series.test_error, kappa, series.rho, gamma)
    ridge = function(series.ridge, kappa, series.rho, gamma)
    low = brentq(lambda k: ridge(k, rho, ratio), 1e-6, 1e3) if ratio > 1 else 1e-5
    best = minimal_kappa(lambda k: error(k, rho, ratio), low * (1 + 1e-9), 1e4)
    assert function(result.ratio, kappa, result.rho)(best, rho) == pytest.approx(ratio, rel=1e-4)
    assert function(result.ridge, kappa, result.rho)(best, rho) == pytest.approx(
        ridge(best, rho, ratio), rel=1e-4
    )


def test_ar1_ends_of_the_best_ridge():
    result = derived("ar1_optimal_ridge")
    rho = sp.Rational(3, 5)
    for at, law in (
        (sp.Rational(1, 10**6), result.few_features_law),
        (sp.Integer(10**6), result.many_features_law),
    ):
        values = {result.rho: rho, kappa: at}
        ratio, ridge = (sp.N(e.subs(values), 60) for e in (result.ratio, result.ridge))
        closed = law.subs({result.rho: rho, gamma: ratio})
        assert float(ridge / closed) == pytest.approx(1, abs=1e-4)
