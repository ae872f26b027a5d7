"""Forms in the resolvent, for independent entries and for rows of unequal scale."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mssl.chapters.ledger.checks import NUMERICAL, SIMULATION, Check, in_standard_errors, numerical
from mssl.chapters.not_gaussian.claims.shared import SCALES, FixedScales, exact_law
from mssl.covariance import AR1, Scaled
from mssl.rows import IndependentEntries, Rademacher, SparseGaussian
from mssl.theory import elliptical_risk


def quadratic_form() -> Check:
    """Mean, variance and fourth moment of a linear form by summing over all outcomes."""
    rng = np.random.default_rng(1)
    found, expected = [], []
    for p in (1.0, 0.5, 0.1):
        z, weights, excess = exact_law(p, 5)
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


def fourth_moment() -> Check:
    """Fourth central moment over its bound: forms of many shapes, and no growth with d."""
    rng, worst = np.random.default_rng(2), 0.0
    for p in (1.0, 0.5, 0.1):
        z, weights, _ = exact_law(p, 5)
        eighth = float(p**-3)
        for _ in range(20):
            left, form = rng.standard_normal((4, 5)), rng.standard_normal((4, 4))
            b = rng.choice([form + form.T, np.diag(np.diagonal(form)), np.outer(form[0], form[0])])
            x, sigma_b = z @ left.T, left @ left.T @ b
            moment = weights @ (np.einsum("ij,jk,ik->i", x, b, x) - np.trace(sigma_b)) ** 4
            worst = max(worst, moment / np.trace(sigma_b @ sigma_b) ** 2 / (12.0 + 4.0 * eighth))
    for law, eighth in ((Rademacher(), 1.0), (SparseGaussian(0.2), 105.0 / 0.2**3)):
        ratios = []
        for d in (8, 128):
            a = rng.standard_normal((d, d))
            b, draws = a + a.T, law.draw((6000, d), rng)
            deviations = np.einsum("ij,ij->i", draws @ b, draws) - np.trace(b)
            ratios.append(np.mean(deviations**4) / np.sum(b * b) ** 2)
        worst = max(worst, ratios[1] / (12.0 + 4.0 * eighth), ratios[1] / (1.5 * ratios[0] + 12.0))
    return Check(
        NUMERICAL,
        worst,
        "of the bound",
        1.0,
        "all outcomes of 5 entries of three laws with 60 forms; draws at d = 8 and 128",
    )


def _weights(n):
    """Weights of rows, neither equal nor a function of their three scales."""
    return np.resize([2.0, 0.3, 0.7, 1.0, 0.0, 1.5], n)


def _probe(d):
    """A symmetric B that is neither Sigma nor the identity, of bounded norm."""
    return np.diag(np.linspace(-1.0, 2.0, d)) + 0.3 * (np.eye(d, k=1) + np.eye(d, k=-1))


def _world(d):
    return Scaled(AR1(d, 0.6), np.geomspace(0.7, 1.4, d))


def _means(vectors):
    """Two weighted means over the coordinates, so that no coordinate is like another."""
    d = vectors.shape[-1]
    return [vectors @ w / d for w in (np.ones(d), np.linspace(-1.0, 2.0, d))]


def _forms(q, products):
    """Weighted means of the diagonals and next to them, of Q, Q B Q and Q Sigma Q."""
    lines = (np.diagonal(m, k, -2, -1) for m in (q, *products) for k in (0, 1))
    return [mean for line in lines for mean in _means(line)]


def _measured_forms(world, n, ridge, draws, rng):
    """Forms, errors, and single entries of each, for many draws, by plain linear algebra."""
    d, sigma, b = world.d, world.dense(), _probe(world.d)
    x = np.stack([world.sample(n, g) for g in rng.spawn(draws)])
    q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + ridge * np.eye(d))
    diagonal = np.einsum("tkk->tk", q)
    residuals = x @ q / diagonal[:, None, :]
    leverage = np.einsum("tij,tij->ti", x @ q, x)[:, :, None] / n
    leverage = leverage - residuals**2 * diagonal[:, None, :] / n
    left_out = np.mean((residuals / (1.0 - leverage)) ** 2, axis=1)
    products = (q @ b @ q, q @ sigma @ q)
    test = np.einsum("tkk->tk", products[1]) / diagonal**2
    train = np.mean(residuals**2, axis=1)
    weighted = np.mean(_weights(n)[:, None] * residuals**2, axis=1)
    gcv = train / (1.0 - leverage.mean(axis=1)) ** 2
    errors = [mean for e in (test, train, weighted, left_out, gcv) for mean in _means(e)]
    k = d // 2
    entries = [m[:, k, j] for m in (q, *products) for j in (k, k + 1)]
    entries += [e[:, k] for e in (test, train, weighted, left_out, gcv)]
    return np.transpose(_forms(q, products) + errors), np.transpose(entries)


def _limits(covariance, n, ridge, tau):
    """The same from the equations of the chapter, solved by bisection on dense matrices."""
    d, sigma, b = covariance.d, covariance.dense(), _probe(covariance.d)

    def r_at(delta):
        t = np.mean(tau / (1.0 + tau * delta))
        return np.linalg.inv(t * sigma + ridge * np.eye(d))

    delta = brentq(lambda x: np.sum(sigma * r_at(x)) / n - x, 1e-9, 1e6, xtol=1e-14)
    r, share = r_at(delta), 1.0 / (1.0 + tau * delta)
    t2 = np.mean((tau * share) ** 2)
    s2 = np.trace(sigma @ r @ sigma @ r) / n
    spread = r @ sigma @ r
    products = [
        r @ m @ r + t2 * np.trace(sigma @ r @ m @ r) / n / (1.0 - s2 * t2) * spread
        for m in (b, sigma)
    ]
    test = np.diagonal(spread) / np.diagonal(r) ** 2 / (1.0 - s2 * t2)
    train = np.mean(tau * share**2)
    weighted = np.mean(_weights(n) * tau * share**2)
    factors = (1.0, train, weighted, 1.0, train / share.mean() ** 2)
    errors = [mean for f in factors for mean in _means(f * test)]
    return np.array(_forms(r, products) + errors)


N_FORMS = 12  # of which two each belong to one line of one matrix; two more for each error


def _against_limits(make, scales, part, trials, seed, setting) -> Check:
    """Means extrapolated in 1/n, for n > d and n < d, and the power of the scatter.

    The deviation is in standard errors. A scatter of single entries and errors that does not fall
    like n^-1/2 from d to 4d, by more than a tenth in the power, counts as 100 standard errors.
    """
    found, spread = [], []
    for aspect in (1.5, 0.5):
        gaps, errors, scatters = [], [], []
        for d in (24, 48, 96):
            n = round(aspect * d)
            tau = np.resize(scales / np.mean(scales), n)
            rng = np.random.default_rng(seed)
            seen, entries = _measured_forms(make(d), n, 0.3, trials, rng)
            gaps.append(seen.mean(axis=0)[part] - _limits(_world(d), n, 0.3, tau)[part])
            errors.append(seen.std(axis=0, ddof=1)[part] / np.sqrt(trials))
            scatters.append(entries.std(axis=0, ddof=1))
        # From d, 2d, 4d the terms in 1/n and 1/n^2 cancel.
        found.append((8.0 * gaps[2] - 6.0 * gaps[1] + gaps[0]) / 3.0)
        spread.append(np.sqrt(64.0 * errors[2] ** 2 + 36.0 * errors[1] ** 2 + errors[0] ** 2) / 3.0)
        power = np.mean(np.log2(scatters[0] / scatters[2])) / 2.0
        if abs(power - 0.5) > 0.1:
            found.append(100.0 * spread[-1])
            spread.append(spread[-1])
    return in_standard_errors(np.zeros_like(found), found, spread, setting)


LAWS = (Rademacher(), SparseGaussian(0.5))


def universal() -> Check:
    """Forms of Q, QBQ and both errors; a gap of 1/n for sparse entries, a scatter of n^-1/2."""
    checks = [
        _against_limits(
            lambda d, law=law: IndependentEntries(_world(d), law),
            np.ones(1),
            slice(0, N_FORMS + 4),
            400,
            5 + i,
            "random signs and sparse entries, uneven AR(1), n = 1.5 d and d/2, 12 forms of Q, QBQ "
            "and Q Sigma Q, weighted means of test and training error, 400 draws at d = 24, 48 "
            "and 96, extrapolated in 1/n; powers of gap and scatter",
        )
        for i, law in enumerate(LAWS)
    ]
    gaps = []
    for d in (16, 64):
        law, n = SparseGaussian(0.2), 3 * d // 2
        world, rng = IndependentEntries(_world(d), law), np.random.default_rng(7)
        seen, _ = _measured_forms(world, n, 0.5, 24000 // d, rng)
        gaps.append(abs(seen.mean(axis=0) - _limits(_world(d), n, 0.5, np.ones(n)))[[0, 8]])
    power = np.log2(np.array(gaps[0]) / gaps[1]) / 2.0
    if np.any(abs(power - 1.0) > 0.25):
        return Check(SIMULATION, float(abs(power - 1.0).max()), "power", 0.25, "gap of the mean")
    return max(checks, key=lambda check: check.deviation)


def elliptical() -> Check:
    return _against_limits(
        lambda d: FixedScales(_world(d), SCALES),
        SCALES,
        slice(0, N_FORMS + 2),
        500,
        9,
        "three fixed scales, uneven AR(1), n = 1.5 d and d/2, 12 forms of Q, QBQ and Q Sigma Q, "
        "weighted means of the test error, 500 draws at d = 24, 48 and 96, extrapolated in 1/n; "
        "power of the scatter",
    )


def elliptical_train() -> Check:
    """Training, weighted, left-out and GCV error; the package against the text."""
    for n in (90, 30):
        covariance = _world(60)
        risk = elliptical_risk(covariance, n, 0.3, SCALES)
        limits = _limits(covariance, n, 0.3, np.resize(SCALES / SCALES.mean(), n))[N_FORMS:]
        by_scale = np.mean(np.resize(risk.train_error_by_scale, n) * _weights(n))
        means = (risk.test_error, by_scale, risk.loo_error, risk.gcv_error)
        test, weighted, left_out, gcv = (
            _means(m / risk.test_error * risk.test_error_by_coordinate) for m in means
        )
        train = _means(risk.train_error_by_coordinate)
        package = np.concatenate([test, train, weighted, left_out, gcv])
        check = numerical(package, limits, "elliptical_risk against the equations", 1e-9)
        if not check.passed:
            return check
    return _against_limits(
        lambda d: FixedScales(_world(d), SCALES),
        SCALES,
        slice(N_FORMS, None),
        500,
        19,
        "three fixed scales, uneven AR(1), n = 1.5 d and d/2, weighted means over coordinates of "
        "test, training, weighted training, leave-one-out and GCV error, 500 draws at d = 24, 48 "
        "and 96, extrapolated in 1/n; power of the scatter",
    )


CLAIMS = {
    "lem-ng-quadratic": quadratic_form,
    "lem-ng-fourth": fourth_moment,
    "thm-ng-universal": universal,
    "thm-ng-elliptical": elliptical,
    "thm-ng-train": elliptical_train,
}
