"""What masks do to the predictor and to its errors."""

from __future__ import annotations

from itertools import product

import numpy as np

from mssl.chapters.how_much_to_mask.claims.shared import moment
from mssl.chapters.ledger.checks import Check, in_standard_errors, numerical, relative, violation
from mssl.covariance import AR1, Scaled, Spiked
from mssl.masks import Bernoulli, ContiguousBlocks, Exactly
from mssl.regression import MaskedRegression, best_predictor, hidden_error
from mssl.simulation import explicit_mask_moments
from mssl.theory import DiagonalReplacement, SSRTheory, diagonal_replacement_bound


def _world(d):
    rng = np.random.default_rng(2)
    u = rng.normal(size=(d, 1))
    scales = np.exp(rng.normal(0.0, 0.4, size=d))
    return Spiked(Scaled(AR1(d, 0.6), scales), 6.0, u / np.linalg.norm(u))


def normal() -> Check:
    """Least squares over all masks, listed one by one with their probabilities."""
    X, S = moment()
    n, d, ridge = *X.shape, 0.1
    bernoulli = [(m, 0.4 ** (d - sum(m)) * 0.6 ** sum(m)) for m in product((0, 1), repeat=d)]
    blocks = [([int((i - s) % d >= 3) for i in range(d)], 1 / d) for s in range(d)]
    found, expected = [], []
    for law, masks in ((Bernoulli(0.4), bernoulli), (ContiguousBlocks(3), blocks)):
        A = best_predictor(S, law, ridge)
        for k in range(d):
            hiding = [(np.array(m), w) for m, w in masks if m[k] == 0]
            total = sum(w for _, w in hiding)
            rows = [np.sqrt(w / total / n) * X * m for m, w in hiding]
            targets = [np.sqrt(w / total / n) * X[:, k] for _, w in hiding]
            rows.append(np.sqrt(ridge) * np.eye(d))
            targets.append(np.zeros(d))
            a = np.linalg.lstsq(np.vstack(rows), np.concatenate(targets), rcond=None)[0]
            found.append(A[:, k])
            expected.append(a)
    return numerical(found, expected, "all masks of 6 coordinates listed, independent and blocks")


def closed() -> Check:
    """The closed form, typed here, against the columns solved one by one."""
    _, S = moment()
    d, ridge, found, expected = len(S), 0.1, [], []
    once, twice = (d - 3) / (d - 1), (d - 3) * (d - 4) / (d - 1) / (d - 2)
    for law, w1, w2 in ((Bernoulli(0.4), 0.6, 0.36), (Exactly(3), once, twice)):
        q = w2 / w1
        Q = np.linalg.inv(S + (1 - q) / q * np.diag(np.diag(S)) + ridge / w2 * np.eye(d))
        found.append((np.eye(d) - Q / np.diag(Q)) / q)
        A = np.zeros((d, d))
        for k in range(d):
            W, o = law.visible_moments(d, k), np.arange(d) != k
            matrix = (S * W + ridge * np.eye(d))[np.ix_(o, o)]
            A[o, k] = np.linalg.solve(matrix, S[o, k] * np.diag(W)[o])
        expected.append(A)
    return numerical(found, expected, "independent masks and exactly 3 of 6")


def ridge_iff() -> Check:
    """Equality for equal variances; a gap for every ridge otherwise."""
    X, _ = moment()
    p, q, lam = 0.3, 0.7, 0.1
    alike = X / np.sqrt(np.mean(X**2, axis=0)) * 1.3
    ours = q * MaskedRegression(lam, p).fit(alike).coef_
    theirs = MaskedRegression(p / q * 1.3**2 + lam / q**2).fit(alike).coef_
    unlike = q * MaskedRegression(lam, p).fit(X).coef_
    gap = min(
        np.abs(unlike - MaskedRegression(r).fit(X).coef_).max() for r in np.geomspace(1e-3, 1e3, 61)
    )
    if gap < 0.01:
        return violation(1.0, "a ridge does what masks do with unequal variances")
    return numerical(ours, theirs, "15 samples of 6 coordinates; unequal: 61 ridges, none equal")


def units() -> Check:
    """Masks without a ridge against a ridge on standardised samples."""
    X, _ = moment()
    scale, p, q = np.sqrt(np.mean(X**2, axis=0)), 0.6, 0.4
    corr = MaskedRegression(p / q).fit(X / scale).coef_
    ours = MaskedRegression(0.0, p).fit(X).coef_
    return numerical(ours, corr / scale[:, None] * scale / q, "15 samples of 6 coordinates")


def diagonal() -> Check:
    """The deterministic part on every draw; the probability over many draws."""
    d, n, ridge, p = 40, 120, 0.05, 0.5
    model, q, worst, beyond = _world(d), 0.5, -np.inf, 0
    V = model.diagonal()
    bound = diagonal_replacement_bound(V, n, ridge, p)
    for seed in range(60):
        X = model.sample(n, seed)
        S = X.T @ X / n
        fits = []
        for diagonal in (np.diag(S), V):
            penalty = p / q * diagonal + ridge / q**2
            Q = np.linalg.inv(S + np.diag(penalty))
            D = np.diag(Q)
            fits.append((penalty, Q, D, np.linalg.eigvalsh(Q / np.sqrt(np.outer(D, D)))))
        (penalty, Q, D, nu), (penalty0, Q0, D0, nu0) = fits
        changed = np.abs(np.diag(S) / V - 1).max()
        beyond += changed > bound.variance
        own = DiagonalReplacement.of(changed, np.abs(penalty / penalty0 - 1).max())
        root = np.sqrt(D0)
        matrix = np.linalg.norm((Q / D - Q0 / D0) * root / root[:, None], 2) / nu0[-1]
        worst = max(worst, np.abs(nu / nu0 - 1).max() - own.eigenvalue, matrix - own.coefficient)
    worst = max(worst, beyond / 60 - 0.05)
    return violation(worst, "60 draws, d = 40, n = 120, rate 1/2")


def error() -> Check:
    """Errors at the training rate, at rate 0.4, with all visible, and of the rescaled matrix."""
    d, trials = 240, 4
    model = _world(d)
    sigma, found, expected = model.dense(), [], []
    few = (160, 0.0, 0.5)
    for n, ridge, p in ((360, 0.1, 0.15), (360, 0.1, 0.5), (360, 0.1, 0.75), few):
        theory = SSRTheory(model, n, ridge, p)
        K, q = theory.kappa * theory.penalty, 1 - p
        R = np.linalg.inv(sigma + np.diag(K))
        V, r = np.diag(sigma), np.diag(R)
        room = 1 - np.trace(sigma @ R @ sigma @ R) / n
        u = np.diag(R @ sigma @ R) / r**2 / room
        noise = np.diag((R * V) @ R) / r**2 - V
        noise += np.trace(sigma @ (R * V) @ R) / n * u
        v = 1 / r - K
        for other in (p, 0.4, 0.0):
            c = (1 - other) / q
            by_hand = c**2 * u + 2 * c * (1 - c) * v + (1 - c) ** 2 * V
            expected.append(np.mean(by_hand + other * (1 - other) / q**2 * noise))
        expected.append(np.mean(u))
        fits = [
            MaskedRegression(ridge, p).fit(model.sample(n, seed)).coef_ for seed in range(trials)
        ]
        found += [
            np.mean([hidden_error(A, sigma, Bernoulli(other)) for A in fits]) for other in (p, 0.4)
        ]
        for scale in (1.0, q):
            rests = [np.eye(d) - scale * A for A in fits]
            found.append(np.mean([np.einsum("jk,jk->k", B, sigma @ B) for B in rests]))
    return relative(expected, found, "d = 240; n = 360, rates .15, .5, .75; n = 160, no ridge")


def train() -> Check:
    """Training error, exactly in the sample and in the limit."""
    d, n, ridge, worst = 240, 360, 0.1, 0.0
    model, found, expected = _world(d), [], []
    for p in (0.15, 0.5, 0.75):
        q, seen = 1 - p, []
        for seed in range(4):
            X = model.sample(n, seed)
            S = X.T @ X / n
            fit = MaskedRegression(ridge, p).fit(X)
            own = hidden_error(fit.coef_, S, Bernoulli(p))
            Q = np.linalg.inv(S + np.diag(p / q * np.diag(S) + ridge / q**2))
            r = np.diag(Q)
            exact = 1 / r - ridge / q**2 * np.diag(Q @ Q) / r**2 - p / q * np.diag(S)
            worst = max(worst, np.abs(own / exact - 1).max())
            seen.append(own.mean())
        found.append(np.mean(seen))
        theory = SSRTheory(model, n, ridge, p)
        t, e = 1 / theory.kappa, theory.errors
        expected.append(np.mean(t**2 * e.rescaled + p / q * e.noise))
    if worst > 1e-9:
        return violation(worst, "the exact formula of the sample fails")
    return relative(expected, found, "d = 240, n = 360, rates .15, .5, .75, four draws")


def _linear_part(X, A, ridge, q, count, rng):
    """What one mask a row adds to the deviation, to first order, of shape (count, d, d)."""
    n, d = X.shape
    masks = rng.random((count, n, d)) < q
    seen = X * masks
    G = np.einsum("mij,mik->mjk", seen, seen) / n
    C = np.einsum("mij,ik->mjk", seen, X) / n
    S = X.T @ X / n
    mean = q**2 * S + (q - q**2) * np.diag(np.diag(S)) + ridge * np.eye(d)
    found = np.zeros((count, d, d))
    for k in range(d):
        o = np.arange(d) != k
        rest = C[:, o, k] - G[:, o][:, :, o] @ A[o, k] - ridge * A[o, k]
        found[:, o, k] = np.linalg.solve(mean[np.ix_(o, o)], rest.T).T
    return found


def explicit() -> Check:
    """Mean zero, the covariance of the linearised system and no third and fourth cumulant."""
    X, _ = moment(6, 20)
    exact, rng = MaskedRegression(0.1, 0.5).fit(X).coef_, np.random.default_rng(3)
    off, draws = ~np.eye(6, dtype=bool), 1000
    linear = _linear_part(X, exact, 0.1, 0.5, 40000, rng)[:, off]
    # Single entries and sums of all with random weights, in units of their predicted spread.
    weights = np.hstack([np.eye(30), rng.normal(size=(30, 10))])
    weights /= (linear @ weights).std(axis=0)
    found = []
    for count in (256, 1024):
        away = [
            np.sqrt(count) * (explicit_mask_moments(X, 0.5, count, rng).solve(0.1) - exact)[off]
            for _ in range(draws)
        ]
        away = np.array(away) @ weights
        found += [away.mean(axis=0) * np.sqrt(draws), (away.var(axis=0) - 1) * np.sqrt(draws / 2)]
    normal = (away - away.mean(axis=0)) / away.std(axis=0)
    found += [np.mean(normal**3, axis=0) * np.sqrt(draws / 6)]
    found += [(np.mean(normal**4, axis=0) - 3) * np.sqrt(draws / 24)]
    setting = (
        "6 coordinates, 20 samples, 1000 draws of 256 and of 1024 masks a row: mean and variance "
        "of 30 entries and 10 sums; skewness and kurtosis at 1024"
    )
    return in_standard_errors(np.zeros(np.size(found)), np.ravel(found), 1.0, setting)


CLAIMS = {
    "prop-mask-normal": normal,
    "thm-mask-closed": closed,
    "prop-mask-ridge": ridge_iff,
    "prop-mask-units": units,
    "lem-mask-diagonal": diagonal,
    "thm-mask-error": error,
    "prop-mask-train": train,
    "prop-mask-explicit": explicit,
}
