"""Checks of the claims of the chapter on other distributions and unknown covariances."""

from __future__ import annotations

from itertools import product

import numpy as np

from mssl.covariance import AR1, Isotropic
from mssl.distributions import (
    IndependentEntries,
    MultivariateT,
    Rademacher,
    ScaleMixture,
    SparseGaussian,
)
from mssl.estimation import estimate_effective_ridge, estimate_spikes
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory, elliptical_risk, solve_kappa
from tests.ledger.core import NUMERICAL, Check, in_standard_errors, numerical

SCALES = np.array([0.1, 0.4, 2.5])


def _all_entries(values, d):
    """All vectors of d entries from `values`, one a row."""
    return np.array(list(product(values, repeat=d)))


def _exact_law(p, d):
    """Entries 0 or plus, minus 1/sqrt(p) with p in all: points, probabilities, fourth cumulant."""
    z = _all_entries((0.0, p**-0.5, -(p**-0.5)), d)
    weights = np.prod(np.where(z == 0.0, 1.0 - p, 0.5 * p), axis=1)
    return z, weights, 1.0 / p - 3.0


def quadratic_form() -> Check:
    """Mean, variance and fourth moment of a linear form by summing over all outcomes."""
    rng = np.random.default_rng(1)
    found, expected = [], []
    for p in (1.0, 0.5, 0.1):
        z, weights, excess = _exact_law(p, 5)
        L, B = rng.standard_normal((4, 5)), rng.standard_normal((4, 4))
        B, Sigma, a = B + B.T, L @ L.T, rng.standard_normal(4)
        x = z @ L.T
        forms = np.einsum("ij,jk,ik->i", x, B, x)
        mean = weights @ forms
        linear = L.T @ a
        found += [mean, weights @ (forms - mean) ** 2, weights @ (x @ a) ** 4]
        diagonal = np.diagonal(L.T @ B @ L)
        expected += [
            np.trace(Sigma @ B),
            2.0 * np.trace(Sigma @ B @ Sigma @ B) + excess * np.sum(diagonal**2),
            3.0 * (a @ Sigma @ a) ** 2 + excess * np.sum(linear**4),
        ]
    return numerical(found, expected, "all outcomes of 5 entries of three laws, L of shape 4 x 5")


class _FixedScales(ScaleMixture):
    """Scales as in the theorem: fixed numbers, each value for a third of the rows."""

    def _draw(self, n, rng):
        return self.covariance.sample(n, rng) * np.sqrt(np.resize(self.values, n))[:, None]


def _extrapolated(makers, predict, trials, seed, setting) -> Check:
    """2 gap(2d) - gap(d), in which a gap of c/n cancels, in standard errors."""
    found, spread = [], []
    for make in makers:
        gaps, errors = [], []
        for d in (60, 120):
            risks = simulate_risk(make(d), 3 * d // 2, (0.05, 0.5), trials=trials, rng=seed)
            theory = np.array([predict(d, ridge) for ridge in (0.05, 0.5)])
            gaps.append(np.array([r.test_error for r in risks]) / theory - 1.0)
            errors.append(np.array([r.standard_error.test_error for r in risks]) / theory)
        found.append(2.0 * gaps[1] - gaps[0])
        spread.append(np.hypot(2.0 * errors[1], errors[0]))
    return in_standard_errors(np.zeros_like(found), found, spread, setting)


def universal() -> Check:
    return _extrapolated(
        [
            lambda d, law=law: IndependentEntries(AR1(d, 0.8), law)
            for law in (Rademacher(), SparseGaussian(0.2))
        ],
        lambda d, ridge: SSRTheory(AR1(d, 0.8), 3 * d // 2, ridge).test_error,
        200,
        5,
        "random signs and sparse entries, AR(1) 0.8, n = 1.5 d, two ridges, 200 trials at d = 60 "
        "and 120, extrapolated in 1/n",
    )


def elliptical() -> Check:
    return _extrapolated(
        [lambda d: _FixedScales(AR1(d, 0.8), SCALES)],
        lambda d, ridge: elliptical_risk(AR1(d, 0.8), 3 * d // 2, ridge, SCALES).test_error,
        300,
        9,
        "three fixed scales, AR(1) 0.8, n = 1.5 d, two ridges, 300 trials at d = 60 and 120, "
        "extrapolated in 1/n",
    )


def larger_ridge() -> Check:
    """kappa with scales over kappa without, minus one, must not be negative."""
    short = 0.0
    laws = (SCALES, np.array([0.9, 1.1]), MultivariateT(Isotropic(2), 3.0).scales())
    for covariance in (Isotropic(40), AR1(40, 0.8)):
        for n in (20, 90):
            for ridge in (1e-3, 0.1, 3.0):
                kappa = solve_kappa(covariance, n, ridge).kappa
                for scales in laws:
                    larger = ridge / elliptical_risk(covariance, n, ridge, scales).t
                    short = max(short, 1.0 - larger / kappa)
    return Check(
        NUMERICAL, short, "relative", 1e-10, "two worlds, n below and above d, three laws of tau"
    )


def estimators() -> Check:
    """Both estimates of the effective ridge under three scales, each against its own limit."""
    ridge, trials, gaps, errors = 0.2, 600, [], []
    for d in (40, 80):
        covariance, n = AR1(d, 0.8), 3 * d // 2
        world = _FixedScales(covariance, SCALES)
        t = elliptical_risk(covariance, n, ridge, SCALES).t
        delta = covariance.resolvent(ridge, t).sigma_trace / n
        tau = SCALES / SCALES.mean()
        limits = np.array([ridge / t, ridge / np.mean(1.0 / (1.0 + tau * delta)), delta])
        found = []
        for rng in np.random.default_rng(9).spawn(trials):
            e = estimate_effective_ridge(world.sample(n, rng), ridge)
            found.append([e.kappa, e.kappa_equal_scales, e.delta])
        gaps.append(np.mean(found, axis=0) - limits)
        errors.append(np.std(found, axis=0, ddof=1) / np.sqrt(trials))
    return in_standard_errors(
        np.zeros(3),
        2.0 * gaps[1] - gaps[0],
        np.hypot(2.0 * errors[1], errors[0]),
        "three fixed scales, AR(1) 0.8, n = 1.5 d, 600 trials at d = 40 and 80, "
        "extrapolated in 1/n",
    )


def row_loss() -> Check:
    """Variance of the loss of a fresh row, exactly: signs, with and without a two-valued scale."""
    rng = np.random.default_rng(3)
    d = 6
    L, A = rng.standard_normal((d, d)), rng.standard_normal((d, d))
    np.fill_diagonal(A, 0.0)
    Sigma, C = L @ L.T, (np.eye(d) - A) @ (np.eye(d) - A).T
    g = _all_entries((-1.0, 1.0), d) @ L.T
    loss = np.einsum("ij,jk,ik->i", g, C, g) / d
    tau = np.array([0.2, 1.8])
    scaled = np.outer(tau, loss)
    diagonal = np.diagonal(L.T @ C @ L)
    plain = (2.0 * np.trace(Sigma @ C @ Sigma @ C) - 2.0 * np.sum(diagonal**2)) / d**2
    error = np.trace(Sigma @ C) / d
    return numerical(
        [loss.var(), scaled.var()],
        [plain, np.mean(tau**2) * plain + tau.var() * error**2],
        "all 64 sign vectors of six entries, two scales",
    )


def least_squares() -> Check:
    """Both conditional variances and their independence, one coordinate on p others."""
    n, p, trials = 30, 10, 20000
    m = n - p
    rng = np.random.default_rng(12)
    Z, noise = rng.standard_normal((trials, n, p)), rng.standard_normal((trials, n, 1))
    gram = Z.transpose(0, 2, 1) @ Z
    move = np.linalg.solve(gram, Z.transpose(0, 2, 1) @ noise)
    gcv = n * np.sum((noise - Z @ move) ** 2, axis=(1, 2)) / m**2
    # Var(E_hat | Z) and the mean of E_hat given Z come from the inverse of Z'Z.
    inverse = np.linalg.inv(gram)
    conditional = 1.0 + np.trace(inverse, axis1=1, axis2=2)
    off = 1.0 + np.sum(move**2, axis=(1, 2)) - conditional
    # 2 Tr (Z'Z)^-2 is the variance given Z, and scatters far less than `off` squared.
    given = 2.0 * np.sum(inverse**2, axis=(1, 2))
    samples = np.stack([gcv, (gcv - n / m) ** 2, off**2, given, (gcv - n / m) * off])
    moment = 2.0 * p * (n - 1) / (m * (m - 1) * (m - 3))
    expected = [n / m, 2.0 * n**2 / m**3, moment, moment, 0.0]
    return in_standard_errors(
        expected,
        samples.mean(axis=1),
        samples.std(axis=1, ddof=1) / np.sqrt(trials),
        "n = 30 rows, 10 other coordinates, 20000 samples",
    )


def random_signs() -> Check:
    """p-values of samples with signs at random are uniform, with rows of any scale, n < d too."""
    flips, trials, found, errors, expected = 9, 400, [], [], []
    for n in (8, 20):
        world = MultivariateT(Isotropic(12), 3.0)
        p = np.array(
            [
                estimate_spikes(world.sample(n, g), 0.1, g, level=0.1, flips=flips).p_value
                for g in np.random.default_rng(20 + n).spawn(trials)
            ]
        )
        for level in (0.1, 0.3):
            found.append(np.mean(p <= level + 1e-12))
            errors.append(np.sqrt(level * (1.0 - level) / trials))
            expected.append(level)
    return in_standard_errors(
        expected, found, errors, "multivariate t, 3 df, d = 12, n = 8 and 20, 400 samples, 9 draws"
    )


CLAIMS = {
    "lem-ng-quadratic": quadratic_form,
    "thm-ng-universal": universal,
    "thm-ng-elliptical": elliptical,
    "cor-ng-larger-ridge": larger_ridge,
    "prop-ng-estimators": estimators,
    "cor-ng-loss": row_loss,
    "prop-ng-least-squares": least_squares,
    "prop-ng-signs": random_signs,
}
