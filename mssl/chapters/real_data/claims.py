"""Checks of the claims of the chapter on real data.

None of them needs the optional data packages: the claims are identities, or limits that are
checked on Gaussian rows.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mssl.chapters.ledger.checks import NUMERICAL, Check, in_standard_errors, numerical
from mssl.covariance import AR1, Scaled, Spiked
from mssl.estimation import learning_curve
from mssl.imputation import conditional_fill, expected_moments
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory


def _uneven(d: int) -> Spiked:
    u = np.ones((d, 1)) / np.sqrt(d)
    return Spiked(Scaled(AR1(d, 0.6), np.linspace(0.5, 1.5, d)), 4.0, u)


def split_loo() -> Check:
    """All splits of a small heavy-tailed table: mean leave-one-out against mean held-out error."""
    total, d, n, ridge = 9, 3, 5, 0.2
    table = np.random.default_rng(91).standard_t(2, size=(total, d))
    loo = np.mean(
        [
            MaskedRegression(ridge).fit(table[list(rows)]).loo_error_by_feature_
            for rows in combinations(range(total), n)
        ],
        axis=0,
    )
    held = []
    for rows in combinations(range(total), n - 1):
        rest = np.setdiff1d(np.arange(total), rows)
        model = MaskedRegression(ridge * n / (n - 1)).fit(table[list(rows)])
        held.append(np.mean(model.residual(table[rest]) ** 2, axis=0))
    return numerical(
        loo,
        np.mean(held, axis=0),
        f"every choice of {n} and of {n - 1} rows out of {total}, Student t with two degrees of "
        "freedom, each coordinate",
    )


def fill_all() -> Check:
    """Conditional filling, ridge regression for the pattern, and the self-consistent point."""
    rng = np.random.default_rng(92)
    d, n, ridge = 9, 14, 0.3
    X = _uneven(d).sample(n, rng)
    S = X.T @ X / n
    model = MaskedRegression(ridge).fit(X)
    q = np.linalg.inv(S + ridge * np.eye(d))
    found, expected = [], []
    for size in (1, 3, 5, 8):
        h = np.sort(rng.choice(d, size, replace=False))
        v = np.setdiff1d(np.arange(d), h)
        x = _uneven(d).sample(1, rng)[0]
        X_missing = x.copy()
        X_missing[h] = np.nan
        filled = conditional_fill(X_missing[None], q)[0]
        # The ridge regression is solved as least squares on stacked rows, without any inverse.
        tall = np.vstack([X[:, v] / np.sqrt(n), np.sqrt(ridge) * np.eye(len(v))])
        target = np.vstack([X[:, h] / np.sqrt(n), np.zeros((len(v), size))])
        weights = np.linalg.lstsq(tall, target, rcond=None)[0]
        found += [*filled[h], *filled[h]]
        expected += [*(x[v] @ weights), *(filled @ model.coef_)[h]]
    return numerical(found, expected, "d = 9, n = 14, patterns of 1, 3, 5 and 8 holes")


def fill_rounds() -> Check:
    """Rounds of one-at-a-time predictions reach the conditional filling."""
    rng = np.random.default_rng(93)
    d = 12
    X = _uneven(d).sample(30, rng)
    model = MaskedRegression(0.1).fit(X)
    q = np.linalg.inv(X.T @ X / 30 + 0.1 * np.eye(d))
    worst = 0.0
    for size in (2, 6, 11):
        h = rng.choice(d, size, replace=False)
        x = _uneven(d).sample(1, rng)[0]
        x[h] = np.nan
        limit = conditional_fill(x[None], q)[0]
        x[h] = 10.0 * rng.standard_normal(size)
        energy = [x @ q @ x]
        for _ in range(3000):
            for k in h:
                x[k] = x @ model.coef_[:, k]
            energy.append(x @ q @ x)
        if np.any(np.diff(energy) > 1e-9 * energy[0]):
            return Check(NUMERICAL, np.inf, "relative", 0.0, "a round raised x'Qx")
        worst = max(worst, float(np.abs(x - limit).max() / np.abs(limit).max()))
    return Check(NUMERICAL, worst, "relative", 1e-8, "d = 12, 2, 6 and 11 holes, random starts")


def fill_best() -> Check:
    """With Sigma known: the gap of any rule is its distance from the conditional mean."""
    rng = np.random.default_rng(94)
    d = 8
    sigma = _uneven(d).dense()
    q = np.linalg.inv(sigma)
    found, expected = [], []
    for size in (1, 3, 6):
        h = np.sort(rng.choice(d, size, replace=False))
        v = np.setdiff1d(np.arange(d), h)
        best = -np.linalg.solve(q[np.ix_(h, h)], q[np.ix_(h, v)]).T
        other = rng.standard_normal((len(v), size))

        def error(weights, h=h, v=v):
            cross = weights.T @ sigma[np.ix_(v, h)]
            quadratic = weights.T @ sigma[np.ix_(v, v)] @ weights
            return sigma[np.ix_(h, h)] - cross - cross.T + quadratic

        found += [np.trace(error(best)), np.trace(error(other) - error(best))]
        gap = other - best
        expected += [
            np.trace(np.linalg.inv(q[np.ix_(h, h)])),
            np.trace(gap.T @ sigma[np.ix_(v, v)] @ gap),
        ]
    return numerical(found, expected, "d = 8, 1, 3 and 6 holes, a random linear rule each")


def em_rounds() -> Check:
    """No round lowers the penalised likelihood; the largest drop, relative to the whole rise."""
    rng = np.random.default_rng(95)
    d, n, strength = 6, 40, 3.0
    X = _uneven(d).sample(n, rng)
    X[rng.random(X.shape) < 0.35] = np.nan

    def value(q):
        sigma, total = np.linalg.inv(q), 0.0
        for row in X:
            v = np.flatnonzero(~np.isnan(row))
            if v.size:
                block = sigma[np.ix_(v, v)]
                total -= 0.5 * np.linalg.slogdet(block)[1]
                total -= 0.5 * row[v] @ np.linalg.solve(block, row[v])
        return total - 0.5 * strength * np.trace(q)

    q, values = np.eye(d), []
    for _ in range(25):
        values.append(value(q))
        _, moment = expected_moments(X, q)
        q = np.linalg.inv(moment + strength / n * np.eye(d))
    rise = values[-1] - values[0]
    deviation = max(0.0, float(-np.diff(values).min())) / rise if rise > 0 else np.inf
    return Check(NUMERICAL, deviation, "relative", 1e-10, "d = 6, 40 rows, a third hidden")


def curve() -> Check:
    """The curve foretold from N Gaussian rows against the theory that knows the covariance."""
    d, trials = 60, 40
    settings = [(30, 0.2), (90, 0.05), (90, 1.0), (150, 0.2)]
    gaps = {}
    for total in (300, 600):  # everything doubles, so that c/N cancels in the extrapolation
        factor = total // 300
        model = _uneven(d * factor)
        exact = [SSRTheory(model, n * factor, r).test_error for n, r in settings]
        rows = []
        for rng in np.random.default_rng(96).spawn(trials // factor):
            X = model.sample(total, rng)
            rows.append([learning_curve(X, n * factor, r).test_errors[0] for n, r in settings])
        rows = np.array(rows) / exact - 1.0
        gaps[total] = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    (gap, error), (gap2, error2) = gaps[300], gaps[600]
    return in_standard_errors(
        np.zeros(len(settings)),
        2.0 * gap2 - gap,
        np.hypot(2.0 * error2, error),
        "uneven spiked AR(1), d/N = 1/5, n/N = 0.1, 0.3 and 0.5, N = 300 and 600, extrapolated",
    )


CLAIMS = {
    "prop-split-loo": split_loo,
    "prop-learning-curve": curve,
    "thm-fill-all": fill_all,
    "prop-fill-rounds": fill_rounds,
    "prop-fill-best": fill_best,
    "prop-em-rounds": em_rounds,
}
