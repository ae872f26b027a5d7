"""Checks of the claims of the chapter on the error of a masked predictor.

The theory is a limit. At a finite size the mean of a measurement differs from it by about c/n,
which is as large as the scatter of one trial. So the checks measure the gap at n and at 2n and
look at ``2 gap(2n) - gap(n)``, in which c/n cancels, in units of its standard error.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from mssl import symbolic
from mssl.covariance import AR1, Blocks, Covariance, Diagonal, Isotropic, Scaled
from mssl.figures.error import power_law, uneven_spiked
from mssl.simulation import run_trials, simulate_risk
from mssl.symbolic import kappa, n
from mssl.theory import SSRTheory, optimal_ridge, solve_kappa
from tests.ledger.core import NUMERICAL, Check, identity, in_standard_errors, numerical

RATIOS = (2.0 / 3.0, 2.0)
RIDGES = (0.05, 0.3, 2.0)


def _extrapolated(measure, predict, settings, setting: str) -> Check:
    """Largest extrapolated gap between measurement and theory, in standard errors.

    ``measure(d, *s)`` returns means and standard errors, ``predict(d, *s)`` the theory.
    """
    gaps, errors = [], []
    for s in settings:
        pair = []
        for d in (100, 200):
            mean, error = measure(d, *s)
            pair.append((np.asarray(mean) - np.asarray(predict(d, *s)), np.asarray(error)))
        (gap, error), (gap2, error2) = pair
        gaps.append(2.0 * gap2 - gap)
        errors.append(np.hypot(2.0 * error2, error))
    gaps, errors = np.concatenate(gaps), np.concatenate(errors)
    return in_standard_errors(np.zeros_like(gaps), gaps, errors, setting)


def _risk(quantity: str, trials: int = 16, seed: int = 41) -> Check:
    """One field of :class:`mssl.results.Risk` on an uneven spiked AR(1) world."""

    def measure(d, ratio):
        size = round(d / ratio)
        risks = simulate_risk(uneven_spiked(d), size, RIDGES, trials=trials, rng=seed)
        return (
            [getattr(r, quantity) for r in risks],
            [getattr(r.standard_error, quantity) for r in risks],
        )

    def predict(d, ratio):
        world = uneven_spiked(d)
        return [getattr(SSRTheory(world, round(d / ratio), lam), quantity) for lam in RIDGES]

    return _extrapolated(
        measure,
        predict,
        [(ratio,) for ratio in RATIOS],
        f"uneven spiked AR(1), d/n = 2/3 and 2, ridges {RIDGES}, {trials} trials at d = 100 and "
        "200, extrapolated in 1/n",
    )


def _eigenvalues(covariance: Covariance) -> np.ndarray:
    return np.linalg.eigvalsh(covariance.dense())


def shrinkage() -> Check:
    """lambda/kappa against 1 - df1/n with df1 from the eigenvalues, and 0 < lambda < kappa."""
    found, expected = [], []
    for world in (AR1(40, 0.7), Blocks([5, 20], [0.5, 0.1], [3.0, 1.0]), uneven_spiked(40)):
        values = _eigenvalues(world)
        for size in (20, 60):
            for lam in (1e-3, 0.1, 10.0):
                k = solve_kappa(world, size, lam).kappa
                if not lam < k:
                    return numerical(lam, k, "kappa is not above the ridge")
                found.append(lam / k)
                expected.append(1.0 - np.sum(values / (values + k)) / size)
    return numerical(found, expected, "three worlds, n below and above d, three ridges")


def test_error() -> Check:
    return _risk("test_error")


def train_error() -> Check:
    return _risk("train_error")


def gcv() -> Check:
    return _risk("gcv_error")


def leave_one_out() -> Check:
    return _risk("loo_error", seed=43)


def norm() -> Check:
    return _risk("coef_norm")


def population_ridge() -> Check:
    """Derivative of the error of the population's own ridge, for a correlated pair."""
    population = symbolic.correlated_pair()
    r = population.resolvent()
    squared, cubed = r * r, r * r * r
    residuals = []
    for k in range(population.size):
        error = (r * population.matrix * r)[k, k] / r[k, k] ** 2
        rate = 2 * kappa * (cubed[k, k] * r[k, k] - squared[k, k] ** 2) / r[k, k] ** 3
        bayes = 1 / population.matrix.inv()[k, k]
        residuals += [sp.diff(error, kappa) - rate, error.subs(kappa, 0) - bayes]
    return identity([sp.cancel(e) for e in residuals], "a generic correlated pair")


def _held(claims) -> list[sp.Expr]:
    """0 for each claim that holds, 1 for each that does not."""
    return [sp.Integer(0 if claim.holds() else 1) for claim in claims]


def ridgeless_over() -> Check:
    """Limits for n > d, from the general formulas as kappa goes to 0."""
    population = symbolic.correlated_pair()
    ratio = population.d / n
    inverse = population.matrix.inv()
    r, residuals = population.resolvent(), []
    for k in range(population.size):
        shape = (r * population.matrix * r)[k, k] / r[k, k] ** 2
        error = sp.cancel(shape / (1 - population.df2() / n)).subs(kappa, 0)
        residuals.append(sp.cancel(error - 1 / inverse[k, k] / (1 - ratio)))
    return identity(residuals, "copies of a generic correlated pair, n > d")


def ridgeless_over_exact() -> Check:
    """Mean test and training error of least squares at small sizes, coordinate by coordinate."""
    world, size, trials = uneven_spiked(6), 15, 6000
    d, sigma = world.d, world.dense()
    X = world.sample(size * trials, np.random.default_rng(45)).reshape(trials, size, d)
    q = np.linalg.inv(np.einsum("tik,til->tkl", X, X) / size)
    diagonal = np.einsum("tkk->tk", q)
    test = np.einsum("tjk,jl,tlk->tk", q, sigma, q) / diagonal**2
    train = 1.0 / diagonal
    bayes = 1.0 / np.diag(np.linalg.inv(sigma))
    samples = np.concatenate([test, train], axis=1)
    expected = np.concatenate([bayes * (size - 1) / (size - d), bayes * (size - d + 1) / size])
    return in_standard_errors(
        expected,
        samples.mean(axis=0),
        samples.std(axis=0, ddof=1) / np.sqrt(trials),
        f"d = {d}, n = {size}, {trials} trials, each coordinate, test and training error",
    )


def ridgeless_under() -> Check:
    """Interpolators from the projector on the null space, against the theory at ridge 0."""

    def measure(d, ratio):
        world, size = uneven_spiked(d), round(d / ratio)

        def trial(rng):
            X = world.sample(size, rng)
            null = np.eye(d) - np.linalg.pinv(X) @ X
            residual_map = null / np.diag(null)
            if not np.allclose(X @ residual_map, 0.0, atol=1e-8):
                return [np.inf]
            return [np.mean(np.sum(residual_map * world.apply(residual_map), axis=0))]

        values = np.array(run_trials(trial, 16, 46))
        return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))

    def predict(d, ratio):
        return [SSRTheory(uneven_spiked(d), round(d / ratio), 0.0).test_error]

    return _extrapolated(
        measure,
        predict,
        [(1.5,), (2.0,), (4.0,)],
        "uneven spiked AR(1), d/n = 1.5, 2 and 4, 16 trials at d = 100 and 200, extrapolated",
    )


def peak() -> Check:
    """Height at n = d for a tiny ridge, and the two flanks, against their leading terms."""
    found, expected = [], []
    for world in (AR1(60, 0.7), Blocks([10, 50], [0.5, 0.1], [3.0, 1.0])):
        values, bayes = _eigenvalues(world), SSRTheory(world, 2 * world.d, 1.0).bayes_error
        for lam in (1e-9, 1e-10):
            found.append(SSRTheory(world, world.d, lam).test_error)
            expected.append(bayes / (2.0 * np.sqrt(lam * np.mean(1.0 / values))))
    world = AR1(40_000, 0.5)
    bayes = SSRTheory(world, 2 * world.d, 1.0).bayes_error
    for size in (world.d - 4, world.d + 4):
        found.append(SSRTheory(world, size, 0.0).test_error)
        expected.append(bayes * size / abs(size - world.d))
    found, expected = np.array(found), np.array(expected)
    setting = "n = d with ridges 1e-9 and 1e-10, two worlds; ridge 0 at d = 40000, n = d - 4, d + 4"
    return numerical(found / expected, np.ones_like(found), setting, tolerance=1e-3)


def large_ridge() -> Check:
    """Series of the test error in 1/kappa, for a generic covariance of three coordinates."""
    matrix = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"S{min(i, j) + 1}{max(i, j) + 1}", real=True))
    u = sp.Symbol("u", positive=True)
    shifted = sp.eye(3) + u * matrix
    # kappa R = adj/det in u = 1/kappa; the determinant cancels in the ratio.
    scaled = shifted.adjugate()
    df2 = u**2 * (matrix * scaled * matrix * scaled).trace() / shifted.det() ** 2
    residuals = []
    for k in range(3):
        error = (scaled * matrix * scaled)[k, k] / scaled[k, k] ** 2 / (1 - df2 / n)
        off = sum(matrix[j, k] ** 2 for j in range(3) if j != k)
        residuals += [
            sp.expand(error.subs(u, 0) - matrix[k, k]),
            sp.expand(sp.diff(error, u).subs(u, 0) + 2 * off),
        ]
    return identity(residuals, "a generic covariance of three coordinates, to first order")


def best_ridge() -> Check:
    """Slope at ridge 0 for n > d; a finite best ridge is found unless Sigma is diagonal."""
    population = symbolic.correlated_pair()
    r, inverse = population.resolvent(), population.matrix.inv()
    ratio = population.d / n
    residuals = []
    for k in range(population.size):
        error = (r * population.matrix * r)[k, k] / r[k, k] ** 2 / (1 - population.df2() / n)
        slope = sp.diff(error, kappa).subs(kappa, 0)
        expected = -2 / inverse[k, k] * population.trace(inverse) / n / (1 - ratio) ** 2
        residuals.append(sp.cancel(slope - expected))
    correlated = (AR1(30, 0.3), power_law(30), Blocks([3, 40], [0.2, 0.0]))
    diagonal = (Isotropic(30), Diagonal(np.geomspace(0.1, 10.0, 30)))
    for worlds, finite in ((correlated, True), (diagonal, False)):
        for world in worlds:
            for size in (60, 15):
                ridge = optimal_ridge(world, size).ridge
                right = (np.isfinite(ridge) and (size < world.d or ridge > 0)) == finite
                residuals.append(sp.Integer(0 if right else 1))
    return identity(
        residuals, "slope at 0 for a generic pair; finite or not for five worlds at two n"
    )


def tuned() -> Check:
    """Along n, the tuned error must fall and the best kappa must not rise; count violations."""
    violations = 0
    sizes = np.unique(np.round(np.geomspace(8, 400, 13)).astype(int))
    scaled = Scaled(AR1(40, 0.6), np.geomspace(0.3, 3.0, 40))
    for world in (AR1(40, 0.8), power_law(40), scaled, uneven_spiked(40)):
        best = [optimal_ridge(world, int(size)) for size in sizes]
        violations += int(np.sum(np.diff([b.test_error for b in best]) >= 0.0))
        kappas = np.array([b.kappa for b in best])
        violations += int(np.sum(kappas[1:] > kappas[:-1] * (1.0 + 1e-6)))
    return Check(
        NUMERICAL, float(violations), "exact", 0.0, f"four worlds, {len(sizes)} values of n each"
    )


def isotropic() -> Check:
    return identity(_held(symbolic.isotropic_risk().claims), "closed forms in lambda, gamma, s")


def alike() -> Check:
    """Stationarity for coordinates that are alike, and its solution, for an arbitrary spectrum."""
    return identity(_held(symbolic.best_ridge().claims[:4]), "an arbitrary spectral mean r(kappa)")


CLAIMS = {
    "prop-shrinkage": shrinkage,
    "thm-test-error": test_error,
    "lem-population-ridge": population_ridge,
    "thm-train-error": train_error,
    "cor-gcv": gcv,
    "prop-loo": leave_one_out,
    "prop-norm": norm,
    "prop-ridgeless-over": ridgeless_over,
    "prop-ridgeless-exact": ridgeless_over_exact,
    "prop-ridgeless-under": ridgeless_under,
    "prop-peak": peak,
    "prop-isotropic": isotropic,
    "prop-large-ridge": large_ridge,
    "prop-best-ridge": best_ridge,
    "prop-tuned": tuned,
    "prop-best-ridge-alike": alike,
}
