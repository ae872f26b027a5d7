"""Lemmas on shrinkage and quotients, and the correction at a finite size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import sympy as sp

from mssl import symbolic
from mssl.chapters.error.claims.measured import (
    BASE,
    COORDINATES,
    GRID,
    base_covariance,
    eigenvalues,
    every_coordinate,
    fits_of,
    formulas,
    kappa_of,
    sample,
    two_coordinates,
    weights,
)
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.ledger.checks import Check, bounded, identity, in_standard_errors, numerical
from mssl.covariance import AR1, Blocks, Dense
from mssl.symbolic import kappa
from mssl.theory import SSRTheory, solve_kappa


def shrinkage() -> Check:
    """lambda/kappa against 1 - df1/n with df1 from the eigenvalues, and both chains of bounds."""
    found, expected, excess = [], [], []
    for world in (AR1(40, 0.7), Blocks([5, 20], [0.5, 0.1], [3.0, 1.0]), uneven_spiked(40)):
        values = eigenvalues(world)
        for size in (20, 60):
            for lam in (1e-3, 0.1, 10.0):
                k = solve_kappa(world, size, lam).kappa
                df1, df2 = (np.sum((values / (values + k)) ** j) / size for j in (1, 2))
                excess += [lam - k, df1 - 1.0, df2 - df1, -df2]
                found.append(lam / k)
                expected.append(1.0 - df1)
    check = numerical(found, expected, "three worlds, n below and above d, three ridges")
    return bounded(check, excess)


def quotient() -> Check:
    """A combination of Q and QBQ over the square of Q_kk; and the floor under Q_kk."""
    limits = []
    for ratio, lam in GRID:
        sigma, share = base_covariance(), ratio / BASE
        f = formulas(sigma, ratio, lam)
        r = np.linalg.inv(sigma + f["kappa"] * np.eye(BASE))
        B = np.diag(weights(BASE))
        trace = share * np.trace(sigma @ r @ B @ r) / (1 - f["df2"])
        limits.append(np.diag(r @ B @ r + trace * r @ sigma @ r) / np.diag(r) ** 2)
    check = every_coordinate("product", limits, COORDINATES + "a matrix B of no sign")
    X = sample(8, 2.0, 50, 53)
    S = np.swapaxes(X, 1, 2) @ X / X.shape[1]
    q = np.linalg.inv(S + 0.05 * np.eye(S.shape[1]))
    floor = 1 / np.einsum("tkk->tk", q) - np.einsum("tkk->tk", S) - 0.05
    # With a large ridge Q is nearly diagonal and the floor is nearly met.
    met = 1 / np.einsum("tkk->tk", np.linalg.inv(S + 1e6 * np.eye(S.shape[1]))) - 1e6
    return bounded(check, [floor.max(), np.abs(met / np.einsum("tkk->tk", S) - 1).max() - 1e-3])


def _corrected_train(sigma: np.ndarray, ratio: float, size: int, lam: float) -> np.ndarray:
    """Training error with its term of order 1/n; derivatives in kappa by complex steps."""
    k, share = kappa_of(np.linalg.eigvalsh(sigma), ratio, lam), ratio / len(sigma)

    def terms(k):
        r = np.linalg.inv(sigma + k * np.eye(len(sigma)))
        product, one = sigma @ r, np.diag(r)
        df2, df3 = (share * np.trace(np.linalg.matrix_power(product, j)) for j in (2, 3))
        sandwich, square, cube = np.diag(r @ product), np.diag(r @ r), np.diag(r @ r @ r)
        slope = 2 * k * (cube * one - square**2) / one**3
        g, v = 1 / (1 - df2), sandwich / one**2
        c = g / size * ((sandwich / one + g * (df2 - df3)) * v - k / 2 * slope)
        return g, v, c

    g, v, c = terms(k)
    rise = terms(k + 1e-30j)[2].imag / 1e-30
    return (lam / k) ** 2 * g * (v + c - k * rise)


def finite_size() -> Check:
    """Fits against the corrected formula, each coordinate; the limit alone must fail."""
    mean, error, formula, excess = [], [], [], []
    for copies, ratio, lam in ((16, 0.6, 0.05), (16, 1.0, 0.3), (16, 2.0, 2.0)):
        X = sample(copies, ratio, 400, 65)
        seen = fits_of(X, lam)["train"].reshape(-1, copies, BASE).mean(axis=1)
        mean.append(seen.mean(axis=0))
        error.append(seen.std(axis=0, ddof=1) / np.sqrt(len(seen)))
        formula.append(_corrected_train(base_covariance(), ratio, X.shape[1], lam))
        whole = Dense(np.kron(np.eye(copies), base_covariance()))
        package = SSRTheory(whole, X.shape[1], lam).train_error_finite_size_by_coordinate
        excess.append(np.abs(package.reshape(copies, BASE) / formula[-1] - 1).max() - 1e-6)
        away = np.abs(formulas(base_covariance(), ratio, lam)["train"] - mean[-1]) / error[-1]
        excess.append(6.0 - away.max())
    check = in_standard_errors(
        np.concatenate(formula),
        np.concatenate(mean),
        np.concatenate(error),
        "each of six coordinates at d = 96, three ratios and ridges, 400 trials, where the limit "
        "is 6 standard errors off; the order of what is left by quadrature at d = 2",
    )
    sigma = np.array([[1.0, 0.6], [0.6, 2.0]])
    for lam in (0.1, 1.0):
        left = []
        for size in (32, 64, 128):
            limit = formulas(sigma, 2 / size, lam)["train"]
            gap = two_coordinates(size, lam)[0]["train"]
            left.append(size**2 * (gap + limit - _corrected_train(sigma, 2 / size, size, lam)))
        excess += [np.abs(b / a - 1).max() - 0.25 for a, b in pairwise(left)]
    return bounded(check, excess)


def _residual_error(sigma: np.ndarray, k: int, ridge):
    """Error on the population of its own ridge predictor of coordinate k, by normal equations."""
    others = np.arange(len(sigma)) != k
    inner = sigma[np.ix_(others, others)]
    a = np.linalg.solve(inner + ridge * np.eye(len(inner)), sigma[others, k])
    return sigma[k, k] - 2 * sigma[k, others] @ a + a @ inner @ a


def population_ridge() -> Check:
    """V_k by normal equations: start, slope by complex steps, sign, and when it is flat."""
    population = symbolic.correlated_pair()
    r = population.resolvent()
    squared, cubed = r * r, r * r * r
    residuals = []
    for k in range(population.size):
        error = (r * population.matrix * r)[k, k] / r[k, k] ** 2
        rate = 2 * kappa * (cubed[k, k] * r[k, k] - squared[k, k] ** 2) / r[k, k] ** 3
        bayes = 1 / population.matrix.inv()[k, k]
        residuals += [sp.diff(error, kappa) - rate, error.subs(kappa, 0) - bayes]
    alone = base_covariance(55)
    alone[0, 1:] = alone[1:, 0] = 0.0  # coordinate 0 is uncorrelated with all others
    nearly = alone.copy()
    nearly[0, 1] = nearly[1, 0] = 0.01
    wrong = 0
    for sigma, flat in (
        (base_covariance(), ()),
        (base_covariance(56), ()),
        (alone, (0,)),
        (nearly, ()),
    ):
        bayes = 1 / np.diag(np.linalg.inv(sigma))
        for k in range(BASE):
            wrong += not np.isclose(_residual_error(sigma, k, 0.0), bayes[k], rtol=1e-10)
            for ridge in (1e-3, 0.1, 1.0, 30.0):
                found = _residual_error(sigma, k, ridge + 1e-30j).imag / 1e-30
                inverse = np.linalg.inv(sigma + ridge * np.eye(BASE))
                one, two, three = (np.linalg.matrix_power(inverse, j)[k, k] for j in (1, 2, 3))
                slope = 2 * ridge * (three * one - two**2) / one**3
                scale = 2 * ridge * three / one**2
                wrong += abs(found - slope) > 1e-9 * scale
                wrong += (found < 1e-10 * scale) != (k in flat)
    return identity(
        [*(sp.cancel(e) for e in residuals), sp.Integer(wrong)],
        "a generic correlated pair; normal equations of four populations of six coordinates, four "
        "ridges each, one coordinate uncorrelated",
    )


CLAIMS = {
    "prop-shrinkage": shrinkage,
    "lem-quotient": quotient,
    "lem-population-ridge": population_ridge,
    "prop-err-finite-size": finite_size,
}
