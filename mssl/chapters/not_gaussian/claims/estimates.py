"""Eigenvalues with rows of unequal scale, and what the data tell of errors."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mssl.chapters.ledger.checks import SIMULATION, Check, in_standard_errors, numerical
from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.not_gaussian.claims.shared import SCALES, FixedScales, exact_law
from mssl.covariance import AR1, Diagonal, Isotropic, Scaled
from mssl.estimation import estimate_effective_ridge, estimate_spikes
from mssl.rows import IndependentEntries, MultivariateT, Rademacher, StudentT
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, elliptical_risk, solve_kappa


def _transform(covariance, n, ridge, tau, points):
    """m(-x) of the chapter, on dense matrices."""
    d, sigma = covariance.d, covariance.dense()

    def r_at(shift):
        def r(delta):
            t = np.mean(tau / (1.0 + tau * delta))
            return np.linalg.inv(t * sigma + np.diag(shift))

        root = brentq(lambda x: np.sum(sigma * r(x)) / n - x, 1e-9, 1e6, xtol=1e-14)
        return r(root)

    weights = np.diagonal(r_at(np.full(d, ridge)))
    return [np.mean(np.diagonal(r_at(ridge + x / weights)) / weights) for x in points]


def eigenvalue_law() -> Check:
    """Transform of the true M under scales, and the law itself for quiet rows, n > d and n < d."""
    points, ridge, trials = (0.2, 1.0, 4.0), 0.2, 150
    found, spread, far = [], [], 0.0
    for aspect in (1.5, 0.5):
        gaps, errors = [], []
        for d in (40, 80):
            world, n = Scaled(AR1(d, 0.5), np.geomspace(0.5, 2.0, d)), round(aspect * d)
            tau = np.resize(SCALES / SCALES.mean(), n)

            def trial(rng, world=world, n=n, d=d):
                x = FixedScales(world, SCALES).sample(n, rng)
                q = np.linalg.inv(x.T @ x / n + ridge * np.eye(d))
                root = np.sqrt(np.diagonal(q))
                nu = 1.0 / np.linalg.eigvalsh(q / root / root[:, None])
                return [np.mean(1.0 / (nu + x)) for x in points]

            seen = np.array(run_trials(trial, trials, 31, n_jobs=1))
            gaps.append(seen.mean(axis=0) - _transform(world, n, ridge, tau, points))
            errors.append(seen.std(axis=0, ddof=1) / np.sqrt(trials))
        found.append(2.0 * gaps[1] - gaps[0])
        spread.append(np.hypot(2.0 * errors[1], errors[0]))
        covariance = Diagonal(np.geomspace(0.25, 4.0, 400))
        n = round(400 * aspect)
        cdf = SSRTheory(covariance, n, ridge).spectrum.cdf
        for law in (Rademacher(), StudentT(5.0)):
            x = IndependentEntries(covariance, law).sample(n, np.random.default_rng(32))
            q = np.linalg.inv(x.T @ x / n + ridge * np.eye(400))
            root = np.sqrt(np.diagonal(q))
            values = 1.0 - np.linalg.eigvalsh(q / root / root[:, None])[::-1]
            far = max(far, kolmogorov_distance(values, cdf))
    if far > 0.02:
        return Check(SIMULATION, far, "absolute", 0.02, "signs and t entries, d = 400, one draw")
    return in_standard_errors(
        np.zeros_like(found),
        found,
        spread,
        "three scales, uneven AR(1), n = 1.5 d and d/2, transform of M at three points, 150 draws "
        "at d = 40 and 80, extrapolated in 1/n; counting functions of signs and t entries, "
        "d = 400, within 0.02",
    )


def larger_ridge() -> Check:
    """kappa with scales is not below kappa without, and both are those of the draws."""
    laws = (SCALES, np.array([0.9, 1.1]), MultivariateT(Isotropic(2), 3.0).scales())
    for covariance in (Isotropic(40), AR1(40, 0.8)):
        for n in (20, 90):
            for ridge in (1e-3, 0.1, 3.0):
                kappa = solve_kappa(covariance, n, ridge).kappa
                for scales in laws:
                    larger = ridge / elliptical_risk(covariance, n, ridge, scales).t
                    if larger < kappa * (1.0 - 1e-10):
                        return numerical(larger, kappa, "a kappa below that of equal scales")
    ridge, trials, found, spread = 0.2, 400, [], []
    for aspect in (1.5, 0.5):
        gaps, errors = [], []
        for d in (24, 48):
            covariance, n = AR1(d, 0.8), round(aspect * d)
            kappas = (
                solve_kappa(covariance, n, ridge).kappa,
                ridge / elliptical_risk(covariance, n, ridge, SCALES).t,
            )
            limits = [k / ridge * covariance.resolvent(k).diagonal.sum() / d for k in kappas]
            worlds, seen = (covariance, FixedScales(covariance, SCALES)), []
            for world in worlds:
                x = np.stack([world.sample(n, g) for g in np.random.default_rng(8).spawn(trials)])
                q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + ridge * np.eye(d))
                seen.append(np.trace(q, axis1=1, axis2=2) / d)
            if np.mean(seen[1] - seen[0]) <= 0:
                return numerical(0.0, 1.0, "scales do not enlarge the resolvent of the draws")
            gaps.append(np.mean(seen, axis=1) - limits)
            errors.append(np.std(seen, axis=1, ddof=1) / np.sqrt(trials))
        found.append(2.0 * gaps[1] - gaps[0])
        spread.append(np.hypot(2.0 * errors[1], errors[0]))
    return in_standard_errors(
        np.zeros_like(found),
        found,
        spread,
        "two worlds, n below and above d, three laws of tau; trace of the resolvent of draws with "
        "and without scales, AR(1) 0.8, n = 1.5 d and d/2, extrapolated in 1/n",
    )


def estimators() -> Check:
    """Exact identities at small n, then each estimate under three scales against its limit."""
    rng, ridge = np.random.default_rng(13), 0.2
    for n in (9, 30):
        x = MultivariateT(AR1(15, 0.6), 5.0).sample(n, rng)
        companion = np.trace(np.linalg.inv(x @ x.T / n + ridge * np.eye(n))) / n
        identity = numerical(
            1.0 / estimate_effective_ridge(x, ridge).kappa_equal_scales, companion, "companion"
        )
        if not identity.passed:
            return identity
    found, spread = [], []
    # The mean of zeta_i is that of Tr Sigma Q_-i / n at every n and for any one law.
    covariance, trials = AR1(4, 0.6), 4000
    for n in (3, 6):
        x = MultivariateT(covariance, 5.0).sample(trials * n, rng).reshape(trials, n, 4)
        q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + ridge * np.eye(4))
        eta = np.einsum("tj,tjk,tk->t", x[:, 0], q, x[:, 0]) / n
        rest = np.linalg.inv(x[:, 1:].transpose(0, 2, 1) @ x[:, 1:] / n + ridge * np.eye(4))
        trace = np.einsum("jk,tkj->t", covariance.dense(), rest) / n
        off = eta / (1.0 - eta) - trace
        found.append([np.mean(off)] * 3)
        spread.append([np.std(off, ddof=1) / np.sqrt(trials)] * 3)
    for aspect in (1.5, 0.5):
        gaps, errors = [], []
        for d, trials in ((24, 1200), (48, 800), (96, 500)):
            covariance, n = AR1(d, 0.8), round(aspect * d)
            world = FixedScales(covariance, SCALES)
            t = elliptical_risk(covariance, n, ridge, SCALES).t
            delta = covariance.resolvent(ridge, t).sigma_trace / n
            tau = SCALES / SCALES.mean()
            limits = np.array([ridge / t, ridge / np.mean(1.0 / (1.0 + tau * delta)), delta])
            seen = []
            for generator in np.random.default_rng(9).spawn(trials):
                e = estimate_effective_ridge(world.sample(n, generator), ridge)
                seen.append([e.kappa, e.kappa_equal_scales, e.delta])
            gaps.append(np.mean(seen, axis=0) - limits)
            errors.append(np.std(seen, axis=0, ddof=1) / np.sqrt(trials))
        found.append((8.0 * gaps[2] - 6.0 * gaps[1] + gaps[0]) / 3.0)
        spread.append(np.sqrt(64 * errors[2] ** 2 + 36 * errors[1] ** 2 + errors[0] ** 2) / 3.0)
    return in_standard_errors(
        np.zeros_like(found),
        found,
        spread,
        "companion trace exactly; mean of zeta, multivariate t, d = 4, n = 3 and 6; limits under "
        "three fixed scales, AR(1) 0.8, n = 1.5 d and d/2, d = 24, 48 and 96, extrapolated in 1/n",
    )


def row_loss() -> Check:
    """Variance of the loss of a fresh row, exactly: three laws, with and without a scale."""
    rng = np.random.default_rng(3)
    d, tau = 5, np.array([0.2, 1.8])
    found, expected = [], []
    for p in (1.0, 0.5, 0.1):
        z, weights, excess = exact_law(p, d)
        L, A = rng.standard_normal((d, d)), rng.standard_normal((d, d))
        np.fill_diagonal(A, 0.0)
        Sigma, C = L @ L.T, (np.eye(d) - A) @ (np.eye(d) - A).T
        x = z @ L.T
        loss = np.einsum("ij,jk,ik->i", x, C, x) / d
        mean = weights @ loss
        scaled = np.mean([weights @ (v * loss) ** 2 for v in tau]) - mean**2
        found += [weights @ (loss - mean) ** 2, scaled]
        diagonal = np.diagonal(L.T @ C @ L)
        plain = (2.0 * np.trace(Sigma @ C @ Sigma @ C) + excess * np.sum(diagonal**2)) / d**2
        error = np.trace(Sigma @ C) / d
        expected += [plain, np.mean(tau**2) * plain + tau.var() * error**2]
    return numerical(found, expected, "all outcomes of five entries of three laws, two scales")


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
    together = ((gcv - n / m) ** 2 - 2.0 * n**2 / m**3) * off**2
    samples = np.stack([gcv, (gcv - n / m) ** 2, off**2, given, (gcv - n / m) * off, together])
    moment = 2.0 * p * (n - 1) / (m * (m - 1) * (m - 3))
    expected = [n / m, 2.0 * n**2 / m**3, moment, moment, 0.0, 0.0]
    # The leading order of the sum, from the two variances at a very large n.
    for gamma in (0.1, 0.5, 0.9):
        size = 1e7
        rows = size * (1.0 - gamma)
        total = 2.0 * size**2 / rows**3 + 2.0 * gamma * size**2 / rows**3
        exact = 2.0 * size**2 / (rows + 1) ** 3 + 2.0 * (gamma * size - 1) * (size - 1) / (
            (rows + 1) * rows * (rows - 2)
        )
        leading = 2.0 / size * (1.0 + gamma) / (1.0 - gamma)
        check = numerical([total, exact], leading / (1.0 - gamma) ** 2, "leading order", 1e-4)
        if not check.passed:
            return check
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
    "thm-ng-spectrum": eigenvalue_law,
    "cor-ng-larger-ridge": larger_ridge,
    "prop-ng-estimators": estimators,
    "cor-ng-loss": row_loss,
    "prop-ng-least-squares": least_squares,
    "prop-ng-signs": random_signs,
}
