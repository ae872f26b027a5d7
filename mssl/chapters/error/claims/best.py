"""The best ridge."""

from __future__ import annotations

import numpy as np
import sympy as sp

from mssl import symbolic
from mssl.chapters.error.claims.measured import (
    BASE,
    base_covariance,
    fits_of,
    formulas,
    kappa_of,
    sample,
)
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.ledger.checks import NUMERICAL, Check, identity
from mssl.chapters.worlds import power_law
from mssl.covariance import AR1, Blocks, Diagonal, Isotropic, Scaled
from mssl.symbolic import kappa, n
from mssl.theory import optimal_ridge


def _held(claims) -> list[sp.Expr]:
    """0 for each claim that holds, 1 for each that does not."""
    return [sp.Integer(0 if claim.holds() else 1) for claim in claims]


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
    """All three parts: on the formulas coordinate by coordinate, and on data."""
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
    wrong = _uncorrelated_violations() + _correlated_violations()
    return identity(
        [*residuals, sp.Integer(wrong)],
        "slope at 0 for a generic pair and six coordinates; finite or not for five worlds at two "
        "n; every coordinate along the ridge, formulas and fits, n < d, n = d and n > d",
    )


def _uncorrelated_violations() -> int:
    """Diagonal covariance: each error falls with the ridge, to the variance."""
    sigma, wrong = np.diag(np.geomspace(0.2, 5.0, BASE)), 0
    for ratio in (0.5, 1.0, 2.0):
        ridges = np.geomspace(1e-3, 1e5, 60)
        path = np.array([formulas(sigma, ratio, lam)["test"] for lam in ridges])
        wrong += int(np.sum(np.diff(path, axis=0) >= 0.0))
        wrong += int(np.sum(np.abs(path[-1] / np.diag(sigma) - 1) > 1e-4))
        # Fits to the same rows at every ridge, averaged over draws and copies.
        rng = np.random.default_rng(63)
        X = rng.standard_normal((60, round(48 / ratio), 48)) * np.tile(np.sqrt(np.diag(sigma)), 8)
        fits = np.array(
            [
                fits_of(X, lam, sigma)["test"].reshape(60, 8, BASE).mean(axis=(0, 1))
                for lam in (0.01, 0.1, 1.0, 10.0, 100.0)
            ]
        )
        wrong += int(np.sum(np.diff(fits, axis=0) >= 0.0)) + int(np.sum(fits <= np.diag(sigma)))
    return wrong


def _correlated_violations() -> int:
    """A finite ridge beats an infinite one, and for n >= d a positive one beats none."""
    wrong = 0
    for sigma in (base_covariance(), np.diag(np.geomspace(0.2, 5.0, BASE)) + 0.05):
        variance = np.diag(sigma)
        for ratio in (0.5, 1.0, 2.0):
            path = [formulas(sigma, ratio, lam)["test"].mean() for lam in np.geomspace(1, 1e5, 40)]
            wrong += not min(path) < variance.mean()
            if ratio > 1:
                continue
            # Each coordinate falls near a ridge of zero, for n < d not always.
            start = np.array([formulas(sigma, ratio, lam)["test"] for lam in (1e-9, 1e-7, 1e-5)])
            wrong += int(np.sum(np.diff(start, axis=0) >= 0.0))
            if ratio < 1:
                k = np.array([1e-7, 2e-7])
                error = np.array([formulas(sigma, ratio, 0.0, v)["test"] for v in k])
                inverse = np.linalg.inv(sigma)
                bayes = 1 / np.diag(inverse)
                slope = -2 * bayes * ratio * np.mean(np.diag(inverse)) / (1 - ratio) ** 2
                wrong += int(np.sum(np.abs(np.diff(error, axis=0)[0] / 1e-7 / slope - 1) > 1e-4))
    # On data, for n > d and n = d: a small ridge lowers every error, a finite one the mean.
    for ratio in (0.8, 1.0):
        X = sample(8, ratio, 200, 64)
        errors = np.array(
            [
                fits_of(X, lam)["test"].reshape(200, 8, BASE).mean(axis=(0, 1))
                for lam in (0.003, 0.01, 0.03, 1.0, 1e4)
            ]
        )
        wrong += int(np.sum(np.diff(errors[:3], axis=0) >= 0.0))
        wrong += not errors[3].mean() < errors[4].mean()
    return wrong


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
    """Stationarity for coordinates that are alike: any spectrum, and a circulant matrix."""
    wrong, sides = 0, set()
    sigma = power_law(24).dense()
    values = np.linalg.eigvalsh(sigma)
    for k in np.geomspace(0.03, 30.0, 9):
        r = [np.mean((values + k) ** -float(j)) for j in range(4)]
        v, q, t = (np.mean(values**a / (values + k) ** b) for a, b in ((1, 2), (2, 2), (2, 3)))
        B = k * (r[1] * r[3] - r[2] ** 2) / (r[1] * v)
        ratio, lam = B / (t + B * q), k * v**2 / (r[1] * (t + B * q))
        sides.add(ratio > 1)
        test = [formulas(sigma, ratio, 0.0, at)["test"] for at in (k, 0.999 * k, 1.001 * k)]
        wrong += not np.allclose(test[0], v / (r[1] ** 2 * (1 - ratio * q)), rtol=1e-10)
        other = [formulas(sigma, 0.9 * ratio, 0.0, at)["test"] for at in (0.999 * k, 1.001 * k)]
        slope, elsewhere = (np.abs(b / a - 1).max() for a, b in (test[1:], other))
        wrong += not slope < 0.02 * elsewhere
        wrong += not (lam > 0 and np.isclose(kappa_of(values, ratio, lam), k, rtol=1e-9))
    wrong += sides != {True, False}
    return identity(
        [*_held(symbolic.optimal_ridge_alike().claims[:4]), sp.Integer(wrong)],
        "an arbitrary spectral mean r(kappa); a ring of 24 along the curve, n < d and n > d",
    )


CLAIMS = {
    "prop-isotropic": isotropic,
    "prop-large-ridge": large_ridge,
    "prop-best-ridge": best_ridge,
    "prop-tuned": tuned,
    "prop-best-ridge-alike": alike,
}
