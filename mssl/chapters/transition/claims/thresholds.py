"""Thresholds: powers at them, closed forms, the limit without a ridge."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from mssl import symbolic
from mssl.chapters.ledger.checks import (
    NUMERICAL,
    SYMPY,
    Check,
    failed,
    held,
    in_standard_errors,
    numerical,
    tightest,
)
from mssl.chapters.transition.claims.shared import RIDGE, Bulk, pairs, values
from mssl.chapters.transition.worlds import flat_direction
from mssl.chapters.worlds import two_level
from mssl.covariance import Diagonal, Spiked
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory


def critical_powers():
    d, n = 300, 450
    model = Spiked(two_level(d), 1.0, flat_direction(d))
    bulk = Bulk.of(model, n, RIDGE)
    t, edge = bulk.edge
    u = model.directions[:, 0]
    critical = 1 / (t * np.sum(u**2 * bulk.k(t, edge)))
    values = []
    for epsilon in (0.02, 0.01):
        strength = np.array([critical * (1 + epsilon)])
        found = bulk.outlier(strength, model.directions)
        if found is None:
            return failed("no outlier above its threshold")
        root, z, y = found
        sigma_y = bulk.noise * y + strength * u * (u @ y)
        values.append([z - edge, bulk.overlap(root, z, y, sigma_y, u, np.ones(d))])
    powers = np.log2(np.array(values[0]) / np.array(values[1]))
    deviation = float(np.abs(powers - [2, 1]).max())
    return Check(NUMERICAL, deviation, "absolute", 0.05, "powers between 2 % and 1 % above")


def isotropic_spike():
    return held(symbolic.isotropic_spike().claims, "all claims of isotropic_spike()")


def two_level_threshold():
    form = symbolic.two_level_threshold()
    check = held(form.claims, "all claims, and one root against the theory")
    d, n, ridge = 600, 900, 0.1
    model = Spiked(Diagonal(np.tile([1.0, 4.0], d // 2)), 1e-9, flat_direction(d))
    theory = SSRTheory(model, n, ridge)
    root = form.threshold(1, 4, "1/2", "1/2", "2/3", repr(float(theory.kappa)))
    gap = abs(float(root) / theory.spiked_equivalent.thresholds[0] - 1)
    return check if gap < 1e-7 else Check(SYMPY, gap, "relative", 1e-7, "root against theory")


def _ridgeless(strength, noise, u, gamma):
    """Position of M, right and left overlap of a spread signal without a ridge, n > d."""
    variances, u = noise.diagonal(), u[:, 0]
    omega = strength * np.sum(u**2 / variances)
    tau = gamma / omega**2
    length = tau / (1 - tau) * omega * (1 + omega) / strength
    first, second = np.sum(u**2 / variances), np.sum(u**2 / variances**2)
    return [
        (1 + omega) * (1 + gamma / omega) / (1 - gamma),
        first**2 / (second + length * np.mean(1 / variances)),
        1 / (1 + length * np.mean(variances)),
    ]


def _whitened_data(noise, u, gamma, ridge, draws):
    """The ridgeless position and overlaps at 2.5 of the threshold; nothing at 0.4 of it."""
    critical = gamma**0.5 / np.sum(u[:, 0] ** 2 / noise.diagonal())
    n = round(noise.d / gamma)
    expected = _ridgeless(2.5 * critical, noise, u, gamma)
    mean, error = pairs(Spiked(noise, 2.5 * critical, u), n, ridge, draws, 79)
    low, _ = pairs(Spiked(noise, 0.4 * critical, u), n, ridge, draws // 2, 80)
    edge = (1 + gamma**0.5) ** 2 / (1 - gamma)
    if not (low[0, 0] < 1.01 * edge and low[0, 2] < 0.1 * mean[0, 2]):
        return failed("seen below the threshold")
    return in_standard_errors(expected, mean[0, :3], error[0, :3], "above the threshold")


def whitened():
    rng = np.random.default_rng(64)
    variances = np.exp(rng.normal(size=400))
    u = rng.standard_normal(400)
    u /= np.linalg.norm(u)
    found = SSRTheory(Spiked(Diagonal(variances), 1e-9, u[:, None]), 600, 1e-8)
    limit = np.sqrt(400 / 600) / np.sum(u**2 / variances)
    package = numerical(found.spiked_equivalent.thresholds, [limit], "the package", 1e-5)
    # Sorted apart, so that quiet coordinates carry other parts of the signal than loud ones.
    noise, v = Diagonal(np.geomspace(0.2, 4.0, 300)), np.linspace(1.5, 0.5, 300)[:, None]
    data = _whitened_data(noise, v / np.linalg.norm(v), 0.5, 1e-4, 40)
    setting = (
        "400 log-normal variances at ridge 1e-8 against the package; draws at 2.5 and 0.4 of the "
        "threshold, 300 variances, n = 600, ridge 1e-4"
    )
    return tightest(setting, data) if package.passed else package


def limits_commute():
    """The fit without any ridge obeys the limit of small ridges; the slope in the ridge."""
    check = _whitened_data(two_level(300), flat_direction(300), 0.5, 0.0, 40)
    slopes = []
    for size, draws in ((40, 12), (80, 6), (320, 2)):
        steepest = 0.0
        for generator in np.random.default_rng(81).spawn(draws):
            x = Spiked(two_level(size), 1.5, flat_direction(size)).sample(2 * size, generator)
            ridges = [0.0, 1e-4, 1e-2, 0.1, 0.5, 1.0]
            fits = [MaskedRegression(ridge=r).fit(x).coef_ for r in ridges]
            nus = [1 / (1 - values(x, r)) for r in ridges]
            for (r, a, nu), (q, b, mu) in pairwise(zip(ridges, fits, nus, strict=True)):
                change = max(np.linalg.norm(b - a, 2), np.abs(mu - nu).max())
                steepest = max(steepest, change / (q - r))
        slopes.append(steepest)
    if not slopes[2] < 1.2 * slopes[0]:
        return failed("the slope in the ridge grows with the size")
    setting = (
        "ridge 0 on both sides of the threshold, d = 300, n = 600, 40 draws; slopes in the ridge "
        "from 0 to 1 at d = 40 to 320"
    )
    return replace(check, setting=setting)


CLAIMS = {
    "cor-critical-powers": critical_powers,
    "cor-isotropic-spike": isotropic_spike,
    "prop-whitened-threshold": whitened,
    "prop-limits-commute": limits_commute,
    "prop-two-level-threshold": two_level_threshold,
}
