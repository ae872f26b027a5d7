"""Limits of errors at a positive ridge, and estimates of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mssl.chapters.error.claims.measured import (
    BASE,
    COORDINATES,
    COPIES,
    GRID,
    RATIOS,
    RIDGES,
    base_covariance,
    every_coordinate,
    fits_of,
    formulas,
    measured_fits,
    sample,
)
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.ledger.checks import Check, bounded, in_standard_errors
from mssl.regression import MaskedRegression
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory


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


def risk_limits(quantity: str, trials: int = 16, seed: int = 41) -> Check:
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


def _limits(name: str) -> list:
    return [formulas(base_covariance(), ratio, lam)[name] for ratio, lam in GRID]


def worse_of(*checks: Check) -> Check:
    """Several checks in standard errors as one: the farthest off, with all settings."""
    worst = max(checks, key=lambda check: check.deviation)
    return replace(worst, setting="; ".join(check.setting for check in checks))


def test_error() -> Check:
    single = every_coordinate("test", _limits("test"), COORDINATES)
    return worse_of(single, risk_limits("test_error"))


def train_error() -> Check:
    single = every_coordinate("train", _limits("train"), COORDINATES)
    return worse_of(single, risk_limits("train_error"))


def gcv() -> Check:
    """Each coordinate; the mean leverage and the difference to the scaled training error."""
    excess = []
    for ratio, lam in GRID:
        shrunk = 1 - formulas(base_covariance(), ratio, lam)["df1"]
        at = [measured_fits(ratio, copies)[RIDGES.index(lam)] for copies in COPIES]
        # Moments of order two and four, each over its power of n.
        for order in (2, 4):
            lever = [np.mean((v["hbar"] - 1 + shrunk) ** order) ** (1 / order) for v in at]
            excess.append(0.9 - np.log2(lever[0] / lever[1]))
        apart = [np.sqrt(np.mean((v["gcv"] - v["train"] / shrunk**2) ** 2)) for v in at]
        excess.append(0.85 - np.log2(apart[0] / apart[1]))
    check = every_coordinate("gcv", _limits("gcv"), COORDINATES + "mean leverage")
    return worse_of(bounded(check, excess), risk_limits("gcv_error"))


def leave_one_out() -> Check:
    """Each coordinate; single leverages in the fourth mean, and their largest."""
    excess = []
    for ratio, lam in GRID:
        at = [measured_fits(ratio, copies)[RIDGES.index(lam)]["h"] for copies in COPIES]
        fourth = [np.mean(h**4) ** 0.25 for h in at]
        largest = [np.abs(h).max(axis=1).mean() for h in at]
        excess += [0.45 - np.log2(fourth[0] / fourth[1]), 0.25 - np.log2(largest[0] / largest[1])]
    check = every_coordinate("loo", _limits("loo"), COORDINATES + "leverages of all rows")
    return worse_of(bounded(check, excess), risk_limits("loo_error", seed=43))


def norm() -> Check:
    single = every_coordinate("norm", _limits("norm"), COORDINATES)
    # Both forms of the limit, and the exact formula against the entries of the weights.
    excess = []
    for ratio, lam in GRID:
        sigma, f = base_covariance(), formulas(base_covariance(), ratio, lam)
        r = np.linalg.inv(sigma + f["kappa"] * np.eye(BASE))
        m = ratio / BASE * np.trace(sigma @ r @ r)
        second = (lam / f["kappa"] * np.diag(r @ r) + m * np.diag(r)) / np.diag(r) ** 2
        excess.append(np.abs(second / (1 - f["df2"]) - 1 - f["norm"]).max() - 1e-10)
    X = sample(2, 2.0, 1, 54)
    A = MaskedRegression(ridge=0.3).fit(X[0]).coef_
    exact = fits_of(X, 0.3)["norm"][0]
    excess.append(np.abs(np.sum(A**2, axis=0) - exact).max() - 1e-10)
    return worse_of(bounded(single, excess), risk_limits("coef_norm"))


CLAIMS = {
    "thm-test-error": test_error,
    "thm-train-error": train_error,
    "cor-gcv": gcv,
    "prop-loo": leave_one_out,
    "prop-norm": norm,
}
