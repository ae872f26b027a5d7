"""The best that any method can do, and PCA with any weights."""

from __future__ import annotations

import numpy as np

from mssl.baselines import amp_spike
from mssl.chapters.how_near_the_limit.claims.shared import (
    SIDES,
    levels,
    measured,
    shares_of,
    top,
    world_of,
)
from mssl.chapters.how_near_the_limit.worlds import draw
from mssl.chapters.ledger.checks import (
    Check,
    bounded,
    in_standard_errors,
    numerical,
    tightest,
    violation,
)
from mssl.covariance import Diagonal, Spiked
from mssl.results import mean_and_error
from mssl.theory import WeightedPCATheory, bayes_limit, bayes_spikes


def _told(noise, alpha, strength):
    """mu of the equation by hand, by bisection, and the overlap."""
    low, high, mu = 0.0, alpha * strength, 0.0
    for _ in range(200):
        mu = (low + high) / 2.0
        left = (alpha * strength - mu) * strength * np.mean(1.0 / (noise * (noise + mu)))
        low, high = (mu, high) if left > 1.0 else (low, mu)
    return mu, float(np.mean(mu / (noise + mu)))


def fixed_point() -> Check:
    """Iterates from both ends, the equation by hand, and message passing on draws."""
    rng, found, expected, excess = np.random.default_rng(0), [], [], []
    for _ in range(20):
        noise, alpha = rng.lognormal(0, 1, 7), np.exp(rng.uniform(-1.5, 1.5))
        least = (alpha * np.mean(noise**-2.0)) ** -0.5
        for factor in (0.9, 1.5, 6.0):
            theta = factor * least
            limit = bayes_limit(noise, 1.0 / alpha, theta)
            for start in (1e-4, 1.0):
                path = [start]
                for _ in range(1500):
                    x = alpha * theta * path[-1]
                    s = theta * np.mean(x / (noise * (noise + x)))
                    path.append(s / (1.0 + s))
                steps = np.diff(path) * np.sign(limit.score_overlap - start)
                excess.append(-steps.min() - 1e-15)
                found.append(path[-1])
                expected.append(limit.score_overlap)
            if factor > 1.0:
                mu, overlap = _told(noise, alpha, theta)
                found += [mu / (alpha * theta), overlap]
                expected += [limit.score_overlap, limit.overlap]
    equation = bounded(numerical(found, expected, "iterates", 1e-9), excess)
    noise, limits, means, errors = levels(400, 0.5, 4.0), [], [], []
    for alpha in SIDES:
        theta = 2.5 * bayes_limit(noise, 1.0 / alpha, 1.0).threshold
        mean, error = measured(
            noise, theta, alpha, lambda x, t=theta: amp_spike(x, noise, t, rng=0).pattern, 10, 1
        )
        limits.append(bayes_limit(noise, 1.0 / alpha, theta).overlap)
        means.append(mean)
        errors.append(error)
    data = in_standard_errors(limits, means, errors, "message passing")
    setting = (
        "iterates from 0.0001 and 1 in 20 random noises at 0.9, 1.5 and 6 thresholds; message "
        "passing at d = 400, n = 800 and 200, ten draws each"
    )
    return tightest(setting, equation, data)


def shares() -> Check:
    """Edges of random weightings from the general solver, and where the draws end."""
    rng, noise, found, expected = np.random.default_rng(2), levels(120, 0.5, 1.0, 4.0), [], []
    for alpha in SIDES:
        for _ in range(4):
            p = np.tile(np.exp(0.7 * rng.standard_normal(3)), 40)
            p *= np.sqrt(alpha / np.mean(p**2))
            theory = WeightedPCATheory(Diagonal(noise), round(alpha * 120), shares_of(p, noise))
            found.append(theory.edges[-1])
            expected.append(1.0 + p.mean() / alpha)
    edge = numerical(found, expected, "edges", 1e-7)
    big, ends = levels(600, 0.5, 1.0, 4.0), []
    for alpha in SIDES:
        p = np.tile([1.0, 2.0, 0.5], 200)
        p *= np.sqrt(alpha / np.mean(p**2))
        rows = np.random.default_rng(3).standard_normal((round(alpha * 600), 600)) * np.sqrt(big)
        ends.append(abs(top(rows, shares_of(p, big))[0] / (1.0 + p.mean() / alpha) - 1.0) - 0.05)
    setting = (
        "8 random weightings of three levels, n/d = 2 and 1/2, against the scan of the real axis; "
        "largest eigenvalues of draws at d = 600 within 5 %"
    )
    return tightest(setting, bounded(edge, ends))


def _overlap(noise, alpha, strength, p, readout):
    """Both sides of the bound of the theorem on any weights."""
    mu = (alpha - np.mean(p**2)) / (np.mean(p**2 / noise) + 1.0 / strength)
    a = readout * p / noise
    return np.mean(a) ** 2 / np.mean(a**2 * (1.0 + noise / mu)), np.mean(mu / (noise + mu)), mu


def any_weights() -> Check:
    """The formula against the general theory, its bound, and draws."""
    rng, noise, found, expected, excess = (
        np.random.default_rng(4),
        levels(120, 0.5, 4.0),
        [],
        [],
        [],
    )
    limits, means, errors = [], [], []
    for alpha in SIDES:
        for _ in range(5):
            p = np.tile(np.exp(0.7 * rng.standard_normal(2)), 60)
            p *= np.sqrt(rng.uniform(0.2, 0.7) * alpha / np.mean(p**2))
            theta, w = 1.0 / np.mean(p / noise), shares_of(p, noise)
            readout = np.tile(np.exp(0.5 * rng.standard_normal(2)), 60)
            value, most, mu = _overlap(noise, alpha, theta, p, readout)
            best = _overlap(noise, alpha, theta, p, noise / (p * (noise + mu)))[0]
            excess += [value - most, abs(best - most) - 1e-12]
            spike = WeightedPCATheory(
                world_of(noise, theta), round(alpha * 120), w, readout * np.sqrt(w)
            ).spikes[0]
            found += [value, 1.0 + p.mean() / alpha]
            expected += [spike.overlap, spike.eigenvalue]
        big, p = levels(400, 0.5, 4.0), np.tile([1.0, 0.6], 200)
        p *= np.sqrt(0.25 * alpha / np.mean(p**2))
        theta, w, readout = 1.0 / np.mean(p / big), shares_of(p, big), levels(400, 1.0, 3.0)
        limits.append(_overlap(big, alpha, theta, p, readout)[0])
        mean, error = measured(big, theta, alpha, lambda x, w=w, b=readout: b * top(x, w)[1], 12, 5)
        means.append(mean)
        errors.append(error)
    setting = (
        "10 random weightings and read-outs of two levels against the general theory; draws at "
        "d = 400, n = 800 and 200"
    )
    general = bounded(numerical(found, expected, "general theory", 1e-6), excess)
    return tightest(setting, general, in_standard_errors(limits, means, errors, "draws"))


def lowest_threshold() -> Check:
    """Random weights never lie below the Bayes threshold; the optimal ones lie on it."""
    rng, worst, off = np.random.default_rng(6), -np.inf, []
    for alpha in SIDES:
        for _ in range(4):
            noise = np.tile(rng.lognormal(0, 1, 3), 20)
            n = round(alpha * 60)
            least = bayes_limit(noise, 60 / n, 1.0).threshold
            w = np.tile(rng.lognormal(0, 1, 3), 20)
            spike = WeightedPCATheory(world_of(noise, 1e-3 * least), n, w).spikes[0]
            worst = max(worst, 1.0 - spike.threshold / least)
            w = 1.0 / (noise * (noise + n / 60 * least))
            spike = WeightedPCATheory(world_of(noise, 1e-3 * least), n, w).spikes[0]
            off.append(abs(spike.threshold / least - 1.0) - 1e-7)
    # Draws at 0.5 and 2.5 thresholds: nothing, and most of the limit.
    noise, seen = levels(300, 0.5, 4.0), []
    for alpha in SIDES:
        least = bayes_limit(noise, 1.0 / alpha, 1.0).threshold
        w = 1.0 / (noise * (noise + alpha * least))
        low, high = (
            measured(noise, f * least, alpha, lambda x, w=w: noise * top(x, w)[1], 6, 7)[0]
            for f in (0.5, 2.5)
        )
        seen += [low - 0.05, 0.25 - high]
    setting = (
        "8 random noises and weights, n/d = 2 and 1/2; draws at half and at 2.5 times the "
        "threshold, d = 300"
    )
    return bounded(violation(worst, setting, 1e-9), [*off, *seen])


def optimal() -> Check:
    """Overlap of the optimal weights against the Bayes limit: general theory and draws."""
    noise, big, found, expected = levels(120, 0.5, 4.0), levels(400, 0.5, 4.0), [], []
    limits, means, errors = [], [], []
    for alpha in SIDES:
        n = round(alpha * 120)
        for factor in (1.05, 2.0, 8.0):
            theta = factor * bayes_limit(noise, 1.0 / alpha, 1.0).threshold
            limit = bayes_limit(noise, 1.0 / alpha, theta)
            w, mu = 1.0 / (noise * (noise + alpha * theta)), alpha * theta * limit.score_overlap
            p = (alpha * theta - mu) / (noise + mu)
            spike = WeightedPCATheory(world_of(noise, theta), n, w, noise * np.sqrt(w)).spikes[0]
            found += [spike.overlap, spike.eigenvalue * (alpha * theta - mu)]
            expected += [limit.overlap, 1.0 + p.mean() / alpha]
        theta = 2.5 * bayes_limit(big, 1.0 / alpha, 1.0).threshold
        w = 1.0 / (big * (big + alpha * theta))
        mean, error = measured(big, theta, alpha, lambda x, w=w: big * top(x, w)[1], 12, 8)
        limits.append(bayes_limit(big, 1.0 / alpha, theta).overlap)
        means.append(mean)
        errors.append(error)
    setting = (
        "two levels of noise at 1.05, 2 and 8 thresholds against the general theory; draws at "
        "d = 400, n = 800 and 200"
    )
    general = numerical(found, expected, "general theory", 1e-7)
    return tightest(setting, general, in_standard_errors(limits, means, errors, "draws"))


def message_passing() -> Check:
    """Where it stands still in draws, the eigenvector equation and its weights."""
    worst, shifts, noise = [], [], levels(300, 0.5, 4.0)
    for alpha in SIDES:
        theta = 3.0 * bayes_limit(noise, 1.0 / alpha, 1.0).threshold
        rows, _ = draw(noise, theta, round(alpha * 300), np.random.default_rng(9))
        found = amp_spike(rows, noise, theta, rng=0, tol=1e-13)
        u = found.pattern * np.sqrt(found.overlap)
        s, q = theta * np.sum(u**2 / noise), np.mean(found.scores**2)
        c = alpha * theta * (q + 1.0 / (1.0 + s))
        z = (1.0 + s) / (alpha * theta) + np.mean(1.0 / (noise + alpha * theta * q)) / alpha
        r = u / noise
        left, right = rows.T @ (rows @ r) / len(rows), z * noise * (noise + c) * r
        worst.append(np.abs(left - right).max() / np.abs(left).max())
        shifts.append(abs(c / (alpha * theta) - 1.0) - 0.1)
    setting = "draws at d = 300, n = 600 and 150, three thresholds; c within 10 % of its limit"
    return bounded(violation(max(worst), setting, 1e-9), shifts)


def several() -> Check:
    """Two directions whose products within each level vanish, and draws of Gaussian ones."""
    found, expected, noise = [], [], levels(240, 0.5, 4.0)
    u = np.stack([np.ones(240), np.where(np.arange(240) // 2 % 2 == 0, 1.0, -1.0)], axis=1)
    for alpha in SIDES:
        n, least = round(alpha * 240), bayes_limit(noise, 1.0 / alpha, 1.0).threshold
        model = Spiked(Diagonal(noise), [4.0 * least, 2.0 * least], u / 240**0.5)
        for j, limit in enumerate(bayes_spikes(model, n)):
            w = 1.0 / (noise * (noise + alpha * limit.strength))
            spike = WeightedPCATheory(model, n, w, noise * np.sqrt(w)).spikes[j]
            found.append(spike.overlap)
            expected.append(limit.overlap)
    general = numerical(found, expected, "general theory", 1e-7)
    means, errors, limits, big = [], [], [], levels(400, 0.5, 4.0)
    for alpha in SIDES:
        least, seen = bayes_limit(big, 1.0 / alpha, 1.0).threshold, []
        strengths = (6.0 * least, 3.0 * least)
        for generator in np.random.default_rng(10).spawn(10):
            rows, first = draw(big, strengths[0], round(alpha * 400), generator)
            second = generator.standard_normal(400) / 20.0
            rows += strengths[1] ** 0.5 * generator.standard_normal((len(rows), 1)) * second
            seen.append(
                [
                    _read(rows, big, alpha, t, j, v)
                    for j, (t, v) in enumerate(zip(strengths, (first, second), strict=True))
                ]
            )
        mean, error = mean_and_error(np.array(seen))
        means += list(mean)
        errors += list(error)
        limits += [bayes_limit(big, 1.0 / alpha, t).overlap for t in strengths]
    setting = (
        "two orthogonal directions against the general theory; two Gaussian ones in ten draws, "
        "d = 400, n = 800 and 200"
    )
    return tightest(setting, general, in_standard_errors(limits, means, errors, "draws"))


def _read(rows, noise, alpha, strength, j, u) -> float:
    """Squared cosine with u of the read-out of the j-th eigenvector of its own weights."""
    w = 1.0 / (noise * (noise + alpha * strength))
    scaled = rows * np.sqrt(w)
    vector = np.linalg.eigh(scaled.T @ scaled)[1][:, -1 - j] * np.sqrt(w) * noise
    return (vector @ u) ** 2 / (vector @ vector) / (u @ u)


CLAIMS = {
    "prop-near-fixed-point": fixed_point,
    "lem-near-shares": shares,
    "thm-near-weights": any_weights,
    "cor-near-threshold": lowest_threshold,
    "thm-near-optimal": optimal,
    "prop-near-amp": message_passing,
    "prop-near-several": several,
}
