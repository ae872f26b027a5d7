"""Checks of the claims of the chapter "When the signal appears"."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq, minimize_scalar

from mssl import symbolic
from mssl.covariance import Diagonal, Isotropic, Spiked
from mssl.figures.transition import critical_on_few, flat_direction, two_level
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory, solve_kappa
from tests.ledger.core import (
    NUMERICAL,
    SIMULATION,
    SYMPY,
    Check,
    in_standard_errors,
    numerical,
)

RIDGE = 0.05


class _Bulk:
    """phi, K and the functions of the chapter, written out for diagonal noise."""

    def __init__(self, noise, weights, n, ridge):
        self.noise, self.weights, self.n, self.ridge = noise, weights, n, ridge

    @classmethod
    def of(cls, model, n, ridge):
        e = solve_kappa(model, n, ridge)
        weights = e.kappa / ridge * model.resolvent(e.kappa).diagonal
        return cls(model.base.diagonal(), weights, n, ridge)

    def k(self, t, z):
        return 1.0 / (z / self.weights - self.ridge - t * self.noise)

    def phi(self, t, z):
        return t - t * np.sum(self.noise * self.k(t, z)) / self.n

    def place(self, t):
        """z(t), the only z above all poles with phi = 1."""
        pole = np.max(self.weights * (self.ridge + t * self.noise))
        return brentq(lambda z: self.phi(t, z) - 1, pole * (1 + 1e-12), pole * 1e6, xtol=1e-13)

    @property
    def edge(self):
        found = minimize_scalar(
            self.place, bounds=(1.001, 20), method="bounded", options={"xatol": 1e-9}
        )
        return found.x, found.fun

    def outlier(self, strengths, directions):
        """t, z and y of the largest outlier of any number of spikes."""
        top, _ = self.edge
        root = np.sqrt(strengths)

        def largest(t):
            k = self.k(t, self.place(t))
            form = root[:, None] * (directions.T @ (k[:, None] * directions)) * root
            return t * np.linalg.eigvalsh(form)[-1] - 1

        t = brentq(largest, 1 + 1e-6, top, xtol=1e-13)
        z = self.place(t)
        k = self.k(t, z)
        form = root[:, None] * (directions.T @ (k[:, None] * directions)) * root
        y = k * (directions @ (root * np.linalg.eigh(form)[1][:, -1]))
        return t, z, y

    def overlap(self, t, z, y, sigma_y, x, b):
        k = self.k(t, z)
        tau = t**2 * np.sum((self.noise * k) ** 2) / self.n
        c = t**2 * np.sum(self.noise * k * b * k) / self.n / (1 - tau)
        return (x @ y) ** 2 / (y @ (b * y) + c * (y @ sigma_y))


@cache
def _draws(strength, d=300, trials=40, second=0.0):
    """Top eigenvalue of M, overlaps and score over draws: right, left, symmetric, score."""
    u = flat_direction(d)
    directions, strengths = u, np.array([strength])
    if second:
        other = np.cos(1.1) * u + np.sin(1.1) * u * np.tile([1, 1, -1, -1], d // 4)[:, None]
        directions, strengths = np.hstack([u, other]), np.array([strength, second])
    model, n = Spiked(two_level(d), strengths, directions), 3 * d // 2
    rows = []
    for generator in np.random.default_rng(61).spawn(trials):
        x = model.sample(n, generator)
        weights = MaskedRegression(ridge=RIDGE).fit(x).D_
        m = x * np.sqrt(weights / n)
        m = m.T @ m + RIDGE * np.diag(weights)
        nu, w = eigh(m, subset_by_index=(d - 1, d - 1))
        w, root = w[:, 0], np.sqrt(weights)
        v = {"right": root * w, "left": w / root, "symmetric": w}
        cosines = [(u[:, 0] @ v[name]) ** 2 / (v[name] @ v[name]) for name in v]
        right = v["right"]
        score = strength * (u[:, 0] @ right) ** 2 / (right @ model.apply(right))
        rows.append([nu[0], *cosines, score])
    rows = np.array(rows)
    return model, n, rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(trials)


def _prediction(model, n):
    bulk = _Bulk.of(model, n, RIDGE)
    t, z, y = bulk.outlier(model.strengths, model.directions)
    sigma_y, d, u = model.apply(y), bulk.weights, model.directions[:, 0]
    overlaps = [
        bulk.overlap(t, z, y, sigma_y, x, b)
        for x, b in ((u, np.ones_like(d)), (u / d, d**-2), (u / np.sqrt(d), 1 / d))
    ]
    tau = t**2 * np.sum((bulk.noise * bulk.k(t, z)) ** 2) / n
    score = (1 - tau) * model.strengths[0] * (u @ y) ** 2 / (y @ sigma_y)
    return z, overlaps, score


def pencil():
    x = two_level(30).sample(50, 1)
    model = MaskedRegression(ridge=0.2).fit(x)
    s, d = x.T @ x / 50 + 0.2 * np.eye(30), model.D_
    nu, r = eigh(s, np.diag(1 / d))
    found = np.stack([model.coef_ @ r, (model.coef_.T @ (r / d[:, None])) * d[:, None]])
    a = 1 - 1 / nu
    return numerical(found, np.stack([r * a, r * a]), "right and left eigenvectors, d = 30, n = 50")


def frozen_weights():
    largest = []
    excess = 0.0
    for d, trials in ((60, 6), (240, 6), (960, 1)):
        n, noise = 3 * d // 2, two_level(d)
        e = solve_kappa(noise, n, RIDGE)
        limit = e.kappa / RIDGE * noise.resolvent(e.kappa).diagonal
        seen = []
        for generator in np.random.default_rng(62).spawn(trials):
            x = noise.sample(n, generator)
            true = MaskedRegression(ridge=RIDGE).fit(x).D_
            seen.append(np.abs(true / limit - 1).max())
            if d < 500:
                s = x.T @ x / n + RIDGE * np.eye(d)
                nu = [eigh(s * np.sqrt(np.outer(w, w)), eigvals_only=True) for w in (true, limit)]
                excess = max(excess, np.abs(nu[0] / nu[1] - 1).max() - seen[-1])
        largest.append(np.mean(seen))
    falls = largest[0] > 1.4 * largest[1] > 1.4 * 1.4 * largest[2]
    return Check(
        SIMULATION, max(0.0, excess) if falls else np.inf, "absolute", 1e-10,
        "eigenvalues within the largest error of D, d = 60, 240; that error falls up to d = 960",
    )  # fmt: skip


def upper_edge():
    found, expected = [], []
    for ridge, n in ((RIDGE, 450), (1.0, 450), (0.3, 150)):
        model = Spiked(two_level(300), 1e-9, flat_direction(300))
        bulk = _Bulk.of(model, n, ridge)
        t, z = bulk.edge
        found.append(z)
        expected.append(SSRTheory(two_level(300), n, ridge).spiked_ensemble.spectrum.edges[-1])
        # The smaller root exceeds 1 and falls as z grows, with tau < 1 above the edge.
        roots = [
            brentq(lambda s, z=z, f=f, bulk=bulk: bulk.phi(s, f * z) - 1, 1, t)
            for f in (1.001, 1.05, 1.5, 4.0, 50.0)
        ]
        k = bulk.k(roots[0], 1.001 * z)
        tau = roots[0] ** 2 * np.sum((bulk.noise * k) ** 2) / n
        if not (np.all(np.diff([t, *roots]) < 0) and roots[-1] > 1 and 0.8 < tau < 1):
            return Check(NUMERICAL, np.inf, "relative", 0.0, "the smaller root above the edge")
        # phi reaches 1 above the edge, and does not below.
        grid = np.linspace(1, 3 * t, 4000)
        for factor, exists in ((1.02, True), (0.98, False)):
            safe = grid[np.max(bulk.weights * bulk.ridge) + 0 * grid < factor * z]
            safe = safe[[np.all(bulk.k(s, factor * z) > 0) for s in safe]]
            if np.any([bulk.phi(s, factor * z) >= 1 for s in safe]) != exists:
                return Check(NUMERICAL, np.inf, "relative", 0.0, "roots of phi beside the edge")
    return numerical(found, expected, "minimum of z(t) against the edge of the density", 1e-7)


def above_bulk():
    d, n, trials = 300, 450, 24
    noise, u = two_level(d), flat_direction(d)[:, 0]
    bulk = _Bulk.of(Spiked(noise, 1e-9, u[:, None]), n, RIDGE)
    t_edge, edge = bulk.edge
    z = 1.3 * edge
    t = brentq(lambda s: bulk.phi(s, z) - 1, 1, t_edge)
    k, sigma = bulk.k(t, z), bulk.noise
    b = np.linspace(0.5, 2.0, d)
    tau = t**2 * np.sum((sigma * k) ** 2) / n
    c = t**2 * np.sum(sigma * k * b * k) / n / (1 - tau)
    expected = np.array([-u @ (k * u), 1 - t, u @ ((k * b * k + c * k * sigma * k) * u), c])
    seen = []
    for generator in np.random.default_rng(63).spawn(trials):
        x = noise.sample(n, generator)
        s = x.T @ x / n
        q = np.linalg.inv(s + RIDGE * np.eye(d) - np.diag(z / bulk.weights))
        qbq = (q * b) @ q
        seen.append([u @ q @ u, np.sum(s * q) / n, u @ qbq @ u, np.sum(s * qbq) / n])
    deviation = np.abs(np.mean(seen, axis=0) / expected - 1).max()
    return Check(
        SIMULATION, deviation, "relative", 0.02,
        "two forms and two traces at z = 1.3 edge, d = 300, n = 450, 24 draws",
    )  # fmt: skip


def outlier():
    model, n, mean, error = _draws(1.5)
    z, _, _ = _prediction(model, n)
    check = in_standard_errors(z, mean[0], error[0], "strength 1.5, d = 300, n = 450, 40 draws")
    # Below the threshold the largest eigenvalue stays at the edge, up to d^(-2/3).
    weak, n, low, _ = _draws(0.2, trials=10)
    _, edge = _Bulk.of(weak, n, RIDGE).edge
    stays = abs(low[0] / edge - 1) < 2 * weak.d ** (-2 / 3)
    if not stays:
        return Check(SIMULATION, np.inf, "relative", 0.0, "below the threshold")
    return check if _pencil_falls() else Check(SIMULATION, np.inf, "sign", 0.0, "pencil G(z)")


def _pencil_falls():
    """Whether G(z) = t Sigma + lambda - z/D falls in z and counts the outlier, spread and local."""
    d, n = 120, 180
    local = np.zeros((d, 1))
    local[:6:2] = 3**-0.5
    for u, strength in ((flat_direction(d), 0.4), (flat_direction(d), 1.5), (local, 0.3),
                        (local, 1.5)):  # fmt: skip
        model = Spiked(two_level(d), strength, u)
        bulk = _Bulk.of(model, n, RIDGE)
        top, edge = bulk.edge
        places = edge * np.array([1.0, 1.01, 1.1, 2.0, 20.0])
        roots = [top]
        for z in places[1:]:
            roots.append(brentq(lambda s, z=z, bulk=bulk: bulk.phi(s, z) - 1, 1, top))
        sigma = model.apply(np.eye(d))
        pencils = [
            t * sigma + np.diag(RIDGE - z / bulk.weights)
            for t, z in zip(roots, places, strict=True)
        ]
        falls = [np.linalg.eigvalsh(b - a)[-1] < 0 for a, b in pairwise(pencils)]
        k = bulk.k(top, edge)
        seen = strength * top * np.sum(u[:, 0] ** 2 * k) > 1
        positive = np.sum(np.linalg.eigvalsh(pencils[0]) > 0)
        if not (all(falls) and positive == seen and np.linalg.eigvalsh(pencils[-1])[-1] < 0):
            return False
    return True


def overlaps():
    model, n, mean, error = _draws(1.5)
    _, expected, _ = _prediction(model, n)
    setting = "right, left, symmetric; strength 1.5, d = 300, n = 450, 40 draws"
    return in_standard_errors(expected, mean[1:4], error[1:4], setting)


def score():
    model, n, mean, error = _draws(1.5)
    _, _, expected = _prediction(model, n)
    best = 1.5 * np.mean(1 / model.base.diagonal())
    if not expected < best / (1 + best):
        return Check(SIMULATION, np.inf, "absolute", 0.0, "score above the best linear score")
    return in_standard_errors(expected, mean[4], error[4], "strength 1.5, d = 300, 40 draws")


def several():
    model, n, mean, error = _draws(3.0, second=1.5)
    z, expected, _ = _prediction(model, n)
    setting = "strengths 3 and 1.5 at 63 degrees, first eigenvalue and overlaps, 40 draws"
    check = in_standard_errors([z, *expected], mean[:4], error[:4], setting)
    theory = SSRTheory(model, n, RIDGE)
    bulk = _Bulk.of(model, n, RIDGE)
    t, edge = bulk.edge
    root, x = np.sqrt(model.strengths), model.directions
    form = root[:, None] * (x.T @ (bulk.k(t, edge)[:, None] * x)) * root
    count = int(np.sum(t * np.linalg.eigvalsh(form) > 1))
    above = sum(o.side == "above" for o in theory.outliers)
    return check if count == above == 2 else Check(SIMULATION, np.inf, "count", 0.0, "number")


def critical_powers():
    d, n = 300, 450
    model = Spiked(two_level(d), 1.0, flat_direction(d))
    bulk = _Bulk.of(model, n, RIDGE)
    t, edge = bulk.edge
    u = model.directions[:, 0]
    critical = 1 / (t * np.sum(u**2 * bulk.k(t, edge)))
    values = []
    for epsilon in (0.02, 0.01):
        strength = np.array([critical * (1 + epsilon)])
        root, z, y = bulk.outlier(strength, model.directions)
        sigma_y = bulk.noise * y + strength * u * (u @ y)
        values.append([z - edge, bulk.overlap(root, z, y, sigma_y, u, np.ones(d))])
    powers = np.log2(np.array(values[0]) / np.array(values[1]))
    deviation = float(np.abs(powers - [2, 1]).max())
    return Check(NUMERICAL, deviation, "absolute", 0.05, "powers between 2 % and 1 % above")


def _claims(result, setting):
    left = sum(not claim.holds() for claim in result.claims)
    return Check(SYMPY, float(left), "exact", 0.0, setting)


def isotropic_spike():
    return _claims(symbolic.isotropic_spike(), "all claims of isotropic_spike()")


def two_level_threshold():
    form = symbolic.two_level_threshold()
    check = _claims(form, "all claims, and one root against the theory")
    d, n, ridge = 600, 900, 0.1
    model = Spiked(Diagonal(np.tile([1.0, 4.0], d // 2)), 1e-9, flat_direction(d))
    theory = SSRTheory(model, n, ridge)
    root = form.threshold(1, 4, "1/2", "1/2", "2/3", repr(float(theory.kappa)))
    gap = abs(float(root) / theory.spiked_ensemble.thresholds[0] - 1)
    return check if gap < 1e-7 else Check(SYMPY, gap, "relative", 1e-7, "root against theory")


def whitened():
    rng = np.random.default_rng(64)
    variances = np.exp(rng.normal(size=400))
    u = rng.standard_normal(400)
    u /= np.linalg.norm(u)
    found = SSRTheory(Spiked(Diagonal(variances), 1e-9, u[:, None]), 600, 1e-8)
    limit = np.sqrt(400 / 600) / np.sum(u**2 / variances)
    setting = "400 log-normal variances, ridge 1e-8"
    return numerical(found.spiked_ensemble.thresholds, [limit], setting, 1e-5)


def few_coordinates():
    d, n = 8000, 12000
    noise = SSRTheory(two_level(d), n, RIDGE)
    found, expected = [], []
    for count, offset, variance in ((2, 0, 0.3), (5, 1, 3.0)):
        strength = critical_on_few(noise, variance, count)
        u = np.zeros((d, 1))
        u[offset : offset + 2 * count : 2] = count**-0.5
        model = Spiked(two_level(d), strength, u)
        # The strength must be its own threshold.
        found.append(SSRTheory(model, n, RIDGE).spiked_ensemble.thresholds[0])
        expected.append(strength)
    single = critical_on_few(noise, 0.3, 1)
    loud = critical_on_few(SSRTheory(Isotropic(d), n, 10.0), 1.0, 1)
    if not (np.isinf(single) and np.isfinite(loud)):
        return Check(NUMERICAL, np.inf, "absolute", 0.0, "one coordinate")
    return numerical(found, expected, "m = 2 and 5 of d = 8000, against the solver", 2e-3)


CLAIMS = {
    "lem-pencil": pencil,
    "lem-frozen-weights": frozen_weights,
    "prop-upper-edge": upper_edge,
    "lem-above-bulk": above_bulk,
    "thm-outlier": outlier,
    "thm-outlier-overlap": overlaps,
    "cor-critical-powers": critical_powers,
    "cor-isotropic-spike": isotropic_spike,
    "prop-score": score,
    "prop-whitened-threshold": whitened,
    "prop-two-level-threshold": two_level_threshold,
    "thm-several-outliers": several,
    "prop-few-coordinates": few_coordinates,
}
