"""What must hold for the errors of every covariance model, at any ridge, rate, ratio and unit.

The oracle is independent of the package: eigenvalues of the exact covariance in several hundred
digits, built here from the parameters of a model, or those of `dense` where rounding does no harm.
"""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mssl.covariance import (
    AR1,
    Blocks,
    Circulant,
    Covariance,
    Dense,
    Diagonal,
    Isotropic,
    Resolvent,
    Scaled,
    Spiked,
)
from mssl.theory import (
    SSRTheory,
    elliptical_risk,
    optimal_mask_rate,
    optimal_masked_ridge,
    optimal_masking,
    optimal_ridge,
)
from tests.models import every_model

DIGITS = 420


def quick(examples):
    return settings(max_examples=examples, deadline=None, derandomize=True)


# Random instances ------------------------------------------------------------------------------


def unit_columns(draw, d, r):
    columns = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=(d, r))
    return columns / np.linalg.norm(columns, axis=0)


@st.composite
def plain_models(draw):
    """A model that is not made of others, of two to six coordinates."""
    d, seed = draw(st.integers(2, 6)), draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["isotropic", "diagonal", "AR1", "ring", "blocks", "dense"]))
    if kind == "isotropic":
        return Isotropic(d, float(10.0 ** rng.uniform(-3, 3)))
    if kind == "diagonal":
        return Diagonal(10.0 ** rng.uniform(-6, 6, size=d))
    if kind == "AR1":
        near_one = 1.0 - 10.0 ** rng.uniform(-9, 0)
        return AR1(d, float(rng.choice([-1, 1]) * near_one))
    if kind == "ring":
        row = np.fft.ifft(np.resize(10.0 ** rng.uniform(-1, 1, size=d // 2 + 1), d)).real
        row = np.abs(row)
        row = 0.5 * (row + np.roll(row[::-1], 1))
        row[0] += row[1:].sum()
        return Circulant(row)
    if kind == "blocks":
        sizes = rng.integers(1, 4, size=2)
        lowest = -0.95 / np.maximum(sizes - 1, 1)
        return Blocks(
            sizes, rng.uniform(lowest, 1.0 - 10.0 ** rng.uniform(-9, 0)), 10.0 ** rng.uniform(-2, 2)
        )
    factor = rng.normal(size=(d, 2 * d))
    return Dense(factor @ factor.T / (2 * d))


@st.composite
def models(draw):
    """Any kind of model: a plain one, seen in other units or with a strong direction, or both."""
    model = draw(plain_models())
    if draw(st.booleans()):
        strengths = 10.0 ** draw(st.floats(-3, 4)), 0.5
        model = Spiked(model, strengths, unit_columns(draw, model.d, 2))
    if draw(st.booleans()):
        model = Scaled(model, 10.0 ** (2 * unit_columns(draw, model.d, 1)[:, 0]))
    return model


def exact(model):
    """Sigma in many digits, from the parameters."""
    d, number = model.d, lambda x: mp.mpf(float(x))
    if isinstance(model, Scaled):
        c, inner = [number(x) for x in model.scales], exact(model.base)
        return mp.matrix([[c[i] * inner[i, j] * c[j] for j in range(d)] for i in range(d)])
    if isinstance(model, Spiked):
        total = exact(model.base)
        for strength, direction in zip(model.strengths, model.directions.T, strict=True):
            u = mp.matrix([number(x) for x in direction])
            total += number(strength) * u * u.T
        return total
    if isinstance(model, AR1):
        return mp.matrix([[number(model.rho) ** abs(i - j) for j in range(d)] for i in range(d)])
    if isinstance(model, Blocks):

        def entry(i, j):
            b = model.group[i]
            correlation = 1 if i == j else number(model.correlations[b])
            return number(model.variances[b]) * correlation if b == model.group[j] else mp.mpf(0)

        return mp.matrix([[entry(i, j) for j in range(d)] for i in range(d)])
    if isinstance(model, Circulant):
        c = [number(x) for x in model.first_row]
        even = [(c[j] + c[-j]) / 2 for j in range(d)]
        return mp.matrix([[even[(j - i) % d] for j in range(d)] for i in range(d)])
    dense = model.dense()
    return mp.matrix([[number(x) for x in row] for row in dense])


# The oracle ------------------------------------------------------------------------------------


def solve(sigma, n, ridge, penalty):
    """Kappa by bisection and Newton, and everything by sums over eigenvectors."""
    d = sigma.rows
    scaled = mp.matrix(
        [[sigma[i, j] / mp.sqrt(penalty[i] * penalty[j]) for j in range(d)] for i in range(d)]
    )
    s, v = mp.eigsy(scaled)
    s = [max(x, mp.mpf(0)) for x in s]
    low, high = mp.log(ridge) - 1, mp.log(ridge + sum(s) / n)

    def excess(kappa):
        return kappa * (1 - sum(x / (x + kappa) for x in s) / n) - ridge

    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(mp.exp(middle)) > 0 else (middle, high)
    kappa = mp.exp(high)
    for _ in range(40):
        step = excess(kappa) / (1 - sum((x / (x + kappa)) ** 2 for x in s) / n)
        kappa -= step
        if abs(step) < mp.mpf(10) ** -60 * kappa:
            break
    p = [x / (x + kappa) for x in s]
    df1, df2 = sum(p), sum(x * x for x in p)
    root = [mp.sqrt(x) for x in penalty]

    def form(gains, i, j):
        return sum(v[i, a] * v[j, a] * gains[a] for a in range(d)) / root[i] / root[j]

    inverse = [1 / (x + kappa) for x in s]
    r = [[form(inverse, i, j) for j in range(d)] for i in range(d)]
    filtered = [x * y for x, y in zip(p, inverse, strict=True)]
    sandwich = [form(filtered, i, i) for i in range(d)]
    residual = [sandwich[i] / r[i][i] ** 2 / (1 - df2 / n) for i in range(d)]

    def norm(b):
        spread = sum(b[j] * sandwich[j] for j in range(d)) / n
        return [
            sum(b[j] * (r[i][j] / r[i][i]) ** 2 for j in range(d) if j != i) + spread * residual[i]
            for i in range(d)
        ]

    return kappa, df1, df2, r, residual, norm


def expected_outputs(model, n, ridge, rate):
    """The attributes of SSRTheory by the formulas of the text."""
    with mp.workdps(DIGITS):
        sigma, d = exact(model), model.d
        variances, lam = [sigma[k, k] for k in range(d)], mp.mpf(ridge)
        if not rate:
            kappa, df1, df2, _, residual, norm = solve(sigma, n, lam, [mp.mpf(1)] * d)
            weights = norm([mp.mpf(1)] * d)
            train = [(lam / kappa) ** 2 * e for e in residual]
            values = {"test": residual, "train": train, "norm": [sum(weights) / d]}
        else:
            q = 1 - mp.mpf(rate)
            tau = mp.mpf(rate) / q
            penalty = [tau * v + lam / q**2 for v in variances]
            kappa, df1, df2, r, residual, norm = solve(sigma, n, mp.mpf(1), penalty)
            noise, weights = norm(variances), norm([mp.mpf(1)] * d)
            known = [1 / r[k][k] - kappa * penalty[k] for k in range(d)]
            values = {
                "test": [residual[k] + tau * noise[k] for k in range(d)],
                "train": [residual[k] / kappa**2 + tau * noise[k] for k in range(d)],
                "norm": [sum(weights) / d / q**2],
                "rescaled": residual,
                "full": [
                    (u + 2 * (q - 1) * v + (q - 1) ** 2 * w) / q**2
                    for u, v, w in zip(residual, known, variances, strict=True)
                ],
            }
        values |= {"kappa": [kappa], "df1": [df1], "df2": [df2]}
        return values


def outputs(theory):
    values = {
        "test": theory.test_error_by_coordinate,
        "train": theory.train_error_by_coordinate,
        "norm": [theory.coef_norm],
        "kappa": [theory.kappa],
        "df1": [theory.df1],
        "df2": [theory.df2],
    }
    if theory.mask_rate:
        values["rescaled"] = theory.rescaled_error_by_coordinate
        values["full"] = theory.full_view_error_by_coordinate
    return values


def assert_outputs(theory, expected, rtol):
    for name, values in outputs(theory).items():
        for value, right in zip(values, expected[name], strict=True):
            if abs(right) < mp.mpf(10) ** -290:  # too small to write down with all digits
                assert abs(value) < 1e-285, name
            else:
                with mp.workdps(50):
                    off = abs(mp.mpf(float(value)) / right - 1)
                assert off < rtol, (name, value, mp.nstr(right, 17))


ridges = st.one_of(st.floats(-3, 3), st.floats(-20, 20), st.floats(-290, 290))
ratios = st.floats(-2, 2)
rates = st.one_of(st.none(), st.floats(0.01, 0.99))


def samples(d, ratio):
    return max(1, round(d / 10.0**ratio))


def check_exact(model, ratio, log_ridge, rate):
    n, ridge = samples(model.d, ratio), 10.0**log_ridge
    # A matrix of floating-point numbers is known up to rounding of its largest eigenvalue, so that
    # a fit to its smallest ones is known less well.
    s = np.linalg.eigvalsh(model.dense())
    rounded = any(isinstance(part, Dense | Circulant) for part in parts(model))
    # A spike that raises the error of a coordinate far above that of its base costs digits.
    spiked = [part for part in parts(model) if isinstance(part, Spiked)]
    raised = max([np.max(known(part) / known(part.base)) for part in spiked], default=1.0)
    assume(s[0] > 1e-6 * s[-1] or not (rounded or spiked))
    assume(raised < 1e4)
    expected = expected_outputs(model, n, ridge, rate)
    # Full view at a rate near 1 is a difference of numbers 1/q^2 times as large.
    keep = 1.0 - (rate or 0.0)
    lost = 1e-14 * s[-1] / s[0] if rounded or raised > 1.0 else 0.0
    lost += 1e-14 * raised**2 if raised > 1.0 else 0.0
    assert_outputs(SSRTheory(model, n, ridge, rate), expected, (1e-10 + lost) / keep**2)


def known(model):
    """Bayes errors, roughly."""
    return 1.0 / np.diag(np.linalg.inv(model.dense()))


def parts(model):
    while True:
        yield model
        if not hasattr(model, "base"):
            return
        model = model.base


@quick(60)
@given(models(), ratios, ridges)
def test_every_output_has_its_digits(model, ratio, log_ridge):
    check_exact(model, ratio, log_ridge, None)


@quick(40)
@given(models(), ratios, ridges, st.floats(0.01, 0.99))
def test_every_output_has_its_digits_under_masks(model, ratio, log_ridge, rate):
    check_exact(model, ratio, log_ridge, rate)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, derandomize=True)
@given(models(), ratios, ridges, rates)
def test_every_output_has_its_digits_at_length(model, ratio, log_ridge, rate):
    check_exact(model, ratio, log_ridge, rate)


class Bare(Covariance):
    """A model that supplies the three old functionals only, as a reader's own model does."""

    def __init__(self, model):
        self.model, self.d, self.n_noise_ = model, model.d, model.n_noise

    @classmethod
    def examples(cls):
        return [cls(AR1(6, 0.5))]

    def diagonal(self):
        return self.model.diagonal()

    def apply(self, x):
        return self.model.apply(x)

    def colour(self, z):
        return self.model.colour(z)

    def _resolvent(self, shift, scale):
        r = self.model._resolvent(shift, scale)
        return Resolvent(
            shift=shift, scale=scale, diagonal=r.diagonal, apply=r.apply, sandwich=r.sandwich
        )


Covariance._registered.remove(Bare)  # no model of the package


@pytest.mark.parametrize("rate", [None, 0.3, 0.99])
@pytest.mark.parametrize("ridge", [0.1, 1e3, 1e6, 1e9, 1e15, 1e250])
@pytest.mark.parametrize(
    "model", [AR1(6, 0.5), Spiked(Diagonal([0.2, 1.0, 5.0]), 9.0, np.full((3, 1), 3**-0.5))]
)
def test_a_model_with_the_old_functionals_alone(model, ridge, rate):
    expected = expected_outputs(model, 9, ridge, rate)
    assert_outputs(SSRTheory(Bare(model), 9, ridge, rate), expected, 1e-8)


# Plain linear algebra on every registered example ----------------------------------------------


@every_model
@pytest.mark.parametrize("rate", [None, 0.01, 0.4, 0.99])
@pytest.mark.parametrize("ratio", [0.05, 0.7, 1.0, 30.0])
def test_kappa_solves_its_equation(model, ratio, rate):
    n, sigma = max(1, int(ratio * model.d)), model.dense()
    for ridge in (1e-8, 1e-3, 1.0, 1e4, 1e12):
        theory = SSRTheory(model, n, ridge, rate)
        q = 1.0 - (rate or 0.0)
        penalty = (1.0 - q) / q * np.diag(sigma) + ridge / q**2
        # Both equations at once: with masks kappa multiplies a penalty, and its ridge is 1.
        root = np.sqrt(penalty if rate else np.ones(model.d))
        s = np.linalg.eigvalsh(sigma / root[:, None] / root)
        s, lam = np.maximum(s, 0.0), 1.0 if rate else ridge
        residual = theory.kappa - theory.kappa / n * np.sum(s / (s + theory.kappa)) - lam
        assert abs(residual) < 1e-10 * theory.kappa
        assert theory.df1 == pytest.approx(np.sum(s / (s + theory.kappa)), rel=1e-7)
        assert theory.df2 == pytest.approx(np.sum((s / (s + theory.kappa)) ** 2), rel=1e-7)
        assert lam <= theory.kappa
        assert 0.0 < theory.df2 < theory.df1 < n


@every_model
@pytest.mark.parametrize("rate", [None, 0.3])
@pytest.mark.parametrize("ratio", [0.4, 1.0, 3.0])
def test_a_model_is_its_matrix(model, ratio, rate):
    n, matrix = max(1, int(ratio * model.d)), Dense(model.dense())
    for ridge in (1e-6, 0.1, 10.0, 1e8):
        own, same = SSRTheory(model, n, ridge, rate), SSRTheory(matrix, n, ridge, rate)
        for name, values in outputs(own).items():
            np.testing.assert_allclose(values, outputs(same)[name], rtol=1e-7, err_msg=name)


@every_model
@pytest.mark.parametrize("unit", [1e-200, 1e-100, 1e-12, 1e-3, 1e7, 1e12, 1e100])
def test_the_unit_of_the_data_does_not_matter(model, unit):
    n = max(1, model.d // 2)
    scaled = Scaled(model, unit**0.5)
    for ridge, rate in ((1e-6, None), (0.3, None), (1e5, None), (0.3, 0.2), (0.0, 0.6)):
        own, other = SSRTheory(model, n, ridge, rate), SSRTheory(scaled, n, ridge * unit, rate)
        # With masks kappa is a number without a unit.
        factor = {"norm": 1.0, "df1": 1.0, "df2": 1.0, "kappa": 1.0 if rate else unit}
        for name, values in outputs(own).items():
            values = np.array(values) * factor.get(name, unit)
            np.testing.assert_allclose(outputs(other)[name], values, rtol=1e-9, err_msg=name)
    bayes = SSRTheory(scaled, n, unit).bayes_error_by_coordinate
    np.testing.assert_allclose(bayes, unit * SSRTheory(model, n, 1.0).bayes_error_by_coordinate)


@quick(25)
@given(models(), ratios, st.floats(-8, 8), rates, st.randoms())
def test_the_order_of_coordinates_does_not_matter(model, ratio, log_ridge, rate, random):
    sigma = model.dense()
    s = np.linalg.eigvalsh(sigma)
    assume(s[0] > 1e-4 * s[-1])
    order = list(range(model.d))
    random.shuffle(order)
    n = samples(model.d, ratio)
    own = outputs(SSRTheory(Dense(sigma), n, 10.0**log_ridge, rate))
    turned = outputs(SSRTheory(Dense(sigma[np.ix_(order, order)]), n, 10.0**log_ridge, rate))
    for name, values in own.items():
        values = np.array(values)[order] if len(values) == model.d else values
        np.testing.assert_allclose(turned[name], values, rtol=1e-8, err_msg=name)


# Order, monotonicity, limits -------------------------------------------------------------------


@quick(60)
@given(models(), ratios, ridges, rates)
def test_training_error_test_error_and_bayes_error_are_in_order(model, ratio, log_ridge, rate):
    theory = SSRTheory(model, samples(model.d, ratio), 10.0**log_ridge, rate)
    train, test = theory.train_error_by_coordinate, theory.test_error_by_coordinate
    assert np.all(train >= 0.0)
    assert np.all(train <= test * (1.0 + 1e-12))
    assert np.all(theory.bayes_error_by_coordinate <= test * (1.0 + 1e-9))
    assert theory.coef_norm >= 0.0


@quick(25)
@given(models(), ratios)
def test_kappa_and_training_error_grow_with_the_ridge(model, ratio):
    n = samples(model.d, ratio)
    theories = [SSRTheory(model, n, 10.0**e) for e in (-250, -60, -9, -3, -1, 0, 1, 3, 9, 60, 250)]
    assert np.all(np.diff([t.kappa for t in theories]) >= 0.0)
    train = np.array([t.train_error_by_coordinate for t in theories])
    assert np.all(np.diff(train, axis=0) >= -1e-9 * train[1:])
    norms = np.array([t.coef_norm for t in theories])
    assert np.all(np.diff(norms) <= 1e-9 * norms[:-1])


@quick(12)
@given(models())
def test_more_samples_never_hurt_where_the_ridge_is_tuned(model):
    best = [optimal_ridge(model, n).test_error for n in (1, 3, 6, 12, 50, 1000)]
    assert np.all(np.diff(best) <= 1e-8 * np.array(best[:-1]))
    assert best[-1] >= SSRTheory(model, 5, 1.0).bayes_error * (1.0 - 1e-9)
    kappas = [SSRTheory(model, n, 0.1).kappa for n in (1, 3, 6, 12, 50, 1000)]
    assert np.all(np.diff(kappas) <= 0.0)


@every_model
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_no_ridge_is_the_limit_of_a_small_one(model, ratio):
    n = max(1, int(ratio * model.d))
    none = SSRTheory(model, n, 0.0)
    for ridge in (1e-11, 1e-100, 1e-290):
        near = SSRTheory(model, n, ridge)
        np.testing.assert_allclose(
            near.test_error_by_coordinate, none.test_error_by_coordinate, rtol=1e-7
        )
        assert near.coef_norm == pytest.approx(none.coef_norm, rel=1e-7)
        assert near.df2 == pytest.approx(none.df2, rel=1e-7)
        assert near.train_error == pytest.approx(none.train_error, rel=1e-7, abs=1e-15)


@every_model
def test_a_large_ridge_leaves_the_variances(model):
    variances = model.diagonal()
    for n in (1, model.d, 50 * model.d):
        for ridge in (1e12, 1e30, 1e140, 1e290):
            theory = SSRTheory(model, n, ridge)
            for errors in (theory.test_error_by_coordinate, theory.train_error_by_coordinate):
                np.testing.assert_allclose(errors, variances, rtol=1e-9)
            if ridge > 1e140:
                continue  # the weights are too small for their squares to be written down
            # Column k is Sigma_k/ridge off the diagonal, plus noise.
            weights = np.sum((model.dense() - np.diag(variances)) ** 2) + variances.sum() ** 2 / n
            expected = weights / model.d / ridge / ridge
            assert theory.coef_norm == pytest.approx(expected, rel=1e-8)


@every_model
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_a_small_mask_rate_hides_one_coordinate_and_a_large_one_all(model, ratio):
    n = max(1, int(ratio * model.d))
    for ridge in (1e-3, 1.0):
        none, few = SSRTheory(model, n, ridge), SSRTheory(model, n, ridge, 1e-11)
        for name in ("test_error", "train_error", "bayes_error"):
            np.testing.assert_allclose(
                getattr(few, f"{name}_by_coordinate"),
                getattr(none, f"{name}_by_coordinate"),
                rtol=1e-6,
                atol=1e-9,
            )
        assert few.coef_norm == pytest.approx(none.coef_norm, rel=1e-6)
        most = SSRTheory(model, n, ridge, 1.0 - 1e-7)
        for errors in (most.test_error_by_coordinate, most.bayes_error_by_coordinate):
            np.testing.assert_allclose(errors, model.diagonal(), rtol=1e-4)


# One odd coordinate ----------------------------------------------------------------------------


def world(d, odd=None):
    """A factor on d uneven coordinates, and one coordinate more that has no part in it."""
    variances = np.tile([0.5, 1.0, 2.0, 4.0], d // 4)
    loadings = np.full(d, d**-0.5)
    if odd is not None:
        variances, loadings = np.append(variances, odd), np.append(loadings, 0.0)
    return Spiked(Diagonal(variances), 0.3 * d, loadings[:, None])


@pytest.mark.parametrize("rate", [None, 0.3])
@pytest.mark.parametrize("odd", [0.0, 1e-3, 1.0, 1e3, 1e6])
def test_an_odd_coordinate_moves_the_others_by_one_part_in_d(odd, rate):
    for d in (200, 2000):
        for n in (d // 2, 2 * d):
            for ridge in (0.01, 1.0):
                own = outputs(SSRTheory(world(d), n, ridge, rate))
                more = outputs(SSRTheory(world(d, odd), n, ridge, rate))
                for name in ("test", "train"):
                    change = np.abs(np.array(more[name])[:d] / own[name] - 1.0)
                    assert np.max(change) < 12.0 / d, (name, d, n, ridge)
                assert abs(more["kappa"][0] / own["kappa"][0] - 1.0) < 12.0 / d


# Rows of unequal scale -------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("ridge", [1e-12, 1e-3, 1.0, 1e6, 1e14, 1e100])
def test_equal_scales_are_no_scales(model, ridge):
    for n in (max(1, model.d // 2), 2 * model.d):
        theory, risk = SSRTheory(model, n, ridge), elliptical_risk(model, n, ridge, np.ones(3))
        np.testing.assert_allclose(
            risk.test_error_by_coordinate, theory.test_error_by_coordinate, rtol=1e-8
        )
        np.testing.assert_allclose(
            risk.train_error_by_coordinate, theory.train_error_by_coordinate, rtol=1e-8
        )
        uneven = elliptical_risk(model, n, ridge, [0.2, 1.8])
        assert 0.0 <= uneven.train_error <= uneven.test_error


# The best ridge and the best mask rate ---------------------------------------------------------

FLAT = np.full((12, 1), 12**-0.5)
# Two local minima; which of them is the better one depends on the number of rows.
TWO_MINIMA = Blocks([9] * 9 + [2], [0.996] * 9 + [0.02], [1.0] * 9 + [450.0])
UNEVEN = {
    "a strong factor on little noise": (Spiked(AR1(12, 0.6), 1e10, FLAT), 40),
    "noise far below the signal": (Spiked(Diagonal(np.full(12, 1e-7)), 3.0, FLAT), 6),
    "two scales": (Blocks([6, 6], 0.6, [1.0, 1e8]), 40),
    "a loud coordinate": (Scaled(AR1(12, 0.6), np.append(1e3, np.ones(11))), 40),
    "smooth": (AR1(12, 1.0 - 1e-7), 30),
    "four scales": (Blocks([4] * 4, 0.9, [1.0, 1e3, 1e6, 1e9]), 20),
    "many factors and a loud pair": (TWO_MINIMA, 120),
    "the same with few rows": (TWO_MINIMA, 40),
}


@pytest.mark.parametrize("name", UNEVEN)
def test_no_ridge_and_no_rate_beats_the_best(name):
    model, n = UNEVEN[name]
    mean = model.trace() / model.d
    ridges = mean * np.geomspace(1e-14, 1e8, 90)
    plain = np.min([SSRTheory(model, n, r).test_error for r in ridges])
    best = optimal_ridge(model, n)
    assert best.test_error <= plain
    assert SSRTheory(model, n, best.ridge).test_error == pytest.approx(best.test_error, rel=1e-6)
    rated = optimal_masked_ridge(model, n, 0.1, evaluation="rescaled")
    tried = [SSRTheory(model, n, r, 0.1).rescaled_error for r in [0.0, *ridges[::3]]]
    assert rated.error <= np.min(tried) * (1.0 + 1e-9)
    rates = np.geomspace(1e-12, 1e3, 30)
    masked = optimal_mask_rate(model, n, 0.0)
    tried = [SSRTheory(model, n, 0.0, t / (1.0 + t)).rescaled_error for t in rates]
    assert masked.error <= np.min(tried) * (1.0 + 1e-9)
    pair = optimal_masking(model, n)
    assert pair.error <= min(best.test_error, masked.error) * (1.0 + 1e-6)


def test_the_better_of_two_local_minima_is_taken():
    sides = set()
    for n in (20, 30, 40, 60, 90, 120):
        model = TWO_MINIMA
        ridges = np.geomspace(1e-2, 1e6, 161)
        errors = np.array([SSRTheory(model, n, r).test_error for r in ridges])
        inner = errors[1:-1]
        places = 1 + np.flatnonzero((inner < errors[:-2]) & (inner < errors[2:]))
        best = optimal_ridge(model, n)
        assert best.test_error <= errors.min()
        assert best.test_error == pytest.approx(errors.min(), rel=1e-3)
        if places.size == 2:
            sides.add(bool(errors[places[0]] < errors[places[1]]))
    assert sides == {False, True}


@pytest.mark.parametrize("quiet", [1e-6, 1e-9, 1e-12])
def test_a_spike_on_one_quiet_coordinate_is_its_variance(quiet):
    """All coordinates are independent, so that none of them is predicted."""
    variances = np.geomspace(1.0, quiet, 12)
    u = np.eye(12)[:, [9, 11]]
    model = Spiked(Diagonal(variances), [65.87, 3.0], u)
    found = SSRTheory(model, 20, 0.1).bayes_error_by_coordinate
    np.testing.assert_allclose(found, model.diagonal(), rtol=1e-12)
