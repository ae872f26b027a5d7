"""Spread signals: thresholds, their order, their limits."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mssl.baselines import masked_predictor, pca_precision
from mssl.chapters.against_pca.claims.shared import theory_of
from mssl.chapters.ledger.checks import Check, numerical, violation
from mssl.covariance import Diagonal, Spiked
from mssl.theory import PCATheory, SSRTheory
from mssl.theory.noise_curves import METHODS, Noise, noise_curve, threshold

GAMMAS = (2.0 / 3.0, 2.0)


def _threshold(method, noise, gamma, ridge, on=None):
    return threshold(method, noise, gamma, ridge if method == "masked_regression" else None, on)


def shares() -> Check:
    """Thresholds from the package's general solver, with a spike too weak to change D."""
    d, found, expected = 240, [], []
    variances = np.where(np.arange(d) % 3 == 0, 5.0, 0.7)
    noise = Noise(np.array([0.7, 5.0]), np.array([2.0, 1.0]) / 3.0)
    u = np.where(np.arange(d) % 3 == 0, 1.0, 2.0)
    u /= np.linalg.norm(u)
    on = np.array([u[variances < 1] @ u[variances < 1], u[variances > 1] @ u[variances > 1]])
    for gamma in GAMMAS:
        for method in METHODS:
            model = Spiked(Diagonal(variances), 1e-7, u[:, None])
            general = theory_of(method, model, round(d / gamma), 0.2)
            found.append(_threshold(method, noise, gamma, 0.2, on))
            expected.append(general.spikes[0].threshold)
    return numerical(
        found, expected, "two levels of noise, an uneven spread signal, d/n = 2/3 and 2", 1e-7
    )


def crossing() -> Check:
    """Random increasing f and g with equal mean square and a decreasing ratio."""
    rng, worst = np.random.default_rng(1), -np.inf
    for _ in range(500):
        v = np.sort(rng.lognormal(0, 1.5, 6))
        share = rng.dirichlet(np.ones(6))
        low, high = np.sort(rng.uniform(-0.99 / v.max(), 3.0, 2))
        g, f = v / (1 + low * v), v / (1 + high * v)
        f *= np.sqrt(share @ g**2 / (share @ f**2))
        worst = max(worst, share @ (g / v) - share @ (f / v), share @ g - share @ f)
    return violation(worst, "500 random laws of noise and pairs of shapes")


def order() -> Check:
    """Correlation PCA, masked regression and PCA in order, over random noises and settings."""
    rng, worst = np.random.default_rng(2), -np.inf
    for _ in range(150):
        levels = rng.integers(2, 6)
        noise = Noise(rng.lognormal(0, 1.5, levels), rng.dirichlet(np.ones(levels)))
        gamma, ridge = np.exp(rng.uniform(-1.6, 1.6)), np.exp(rng.uniform(-5, 3))
        own, best, plain = (_threshold(m, noise, gamma, ridge) for m in METHODS)
        whitened = np.sqrt(gamma) / noise.mean(1.0 / noise.variances)
        worst = max(worst, best - own, own - plain, abs(best / whitened - 1.0) - 1e-12)
    return violation(worst, "150 random noises, d/n from 0.2 to 5, ridges from 0.007 to 20")


def edge() -> Check:
    """The edge from the scalar equation against the package's scan of the real axis."""
    d, found, expected = 120, [], []
    variances = np.tile([0.5, 1.0, 6.0], d // 3)
    noise = Noise(np.array([0.5, 1.0, 6.0]), np.ones(3) / 3)
    for gamma in (0.5, 2.0):
        for ridge in (1e-2, 1.0, 30.0):
            curve = noise_curve("masked_regression", noise, gamma, ridge)
            general = SSRTheory(Diagonal(variances), round(d / gamma), ridge)
            found.append(1.0 - 1.0 / curve.position[0])
            expected.append(general.edges[-1])
    return numerical(found, expected, "three levels of noise, three ridges, d/n = 1/2 and 2", 1e-8)


def _deleted(noise, gamma, on):
    """Threshold of S - diag(S): the shape at 1/kappa = 0 and rho = 1."""
    v = noise.variances

    def amplitude(b):
        return 1.0 / np.sqrt(gamma * noise.mean((v / (1 + b * v)) ** 2))

    def psi(b):
        p = amplitude(b) * v / (1 + b * v)
        return b + amplitude(b) * (1 - 1 / (1 + gamma * noise.mean(p)))

    b = brentq(psi, -(1 - 1e-12) / v.max(), 0.0, xtol=1e-15)
    return 1.0 / ((amplitude(b) / (1 + b * v)) @ on)


def limits() -> Check:
    """The three limits; for n < d and for a large ridge also the strict gaps of a flat signal."""
    noise, on = Noise.two_levels(10.0), np.array([0.3, 0.7])
    (low, high), gamma = noise.variances, 2.0
    few = noise_curve("masked_regression", noise, gamma, 1e-9)
    ratio = few.p[0, 0] / few.p[0, 1]  # v(1 + bv') / (v'(1 + bv))
    slope = (ratio / low - 1 / high) / (1 - ratio)
    root = brentq(
        lambda k: float(gamma * noise.mean(noise.variances / (noise.variances + k)) - 1), 1e-9, 99
    )
    if not slope < 1 / root:
        return violation(1.0, "the bound on b for n < d fails")
    whitened, plain = (threshold(m, noise, gamma) for m in METHODS[1:])
    own = [threshold("masked_regression", noise, gamma, ridge) for ridge in (1e-9, 1e9)]
    if not (own[0] > 1.05 * whitened and own[1] < 0.99 * plain):
        return violation(1.0, "a gap of a flat signal is missing")
    found = [
        threshold("masked_regression", noise, 2 / 3, 1e-9, on),
        threshold("masked_regression", noise, 2 / 3, 1e9, on),
        threshold("masked_regression", noise, 2.0, 1e9, on),
    ]
    expected = [
        np.sqrt(2 / 3) / (on @ (1 / noise.variances)),
        _deleted(noise, 2 / 3, on),
        _deleted(noise, 2.0, on),
    ]
    return numerical(found, expected, "noise 1 and 10, ridges 1e-9 and 1e9", 1e-6)


def unbounded() -> Check:
    """The limit of PCA's threshold over r, and the two bounds on the way."""
    found, expected = [], []
    for gamma in (0.3, 2 / 3):
        for share in (0.2, 0.5):
            root = np.sqrt(gamma * share)
            noise = Noise.two_levels(1e7, share)
            found.append(threshold("pca", noise, gamma) / 1e7)
            expected.append(1 / ((1 - share) / (1 + root) + share / root))
            for ratio in (3.0, 30.0):
                noise = Noise.two_levels(ratio, share)
                if threshold("pca", noise, gamma) < ratio * root:
                    return violation(1.0, "the lower bound fails")
                bound = np.sqrt(gamma) / (1 - share)
                if threshold("masked_regression", noise, gamma, 1e-6) > bound:
                    return violation(1.0, "the upper bound fails")
    return numerical(found, expected, "d/n = 0.3 and 2/3, loud shares 0.2 and 0.5", 1e-5)


def loud() -> Check:
    """A signal on loud coordinates alone, from the package's general solver at r = 1e4."""
    d, gamma, ratio = 200, 2 / 3, 1e4
    variances = np.where(np.arange(d) % 4 == 0, ratio, 1.0)
    u = np.where(variances > 1, 1.0, 0.0) / np.sqrt(d / 4)
    model = Spiked(Diagonal(variances), 1e-4, u[:, None])
    values = [
        PCATheory(model, round(d / gamma), standardize).spikes[0].threshold / ratio
        for standardize in (False, True)
    ]
    expected = [np.sqrt(gamma / 4), np.sqrt(gamma)]
    return numerical(values, expected, "a quarter of the coordinates loud, r = 10000", 1e-3)


def one_formula() -> Check:
    """Least-squares fill-in, coordinate by coordinate, against the formula."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(40, 15)) * np.linspace(0.5, 3.0, 15)
    found, expected = [], []
    for standardize in (False, True):
        scales = np.sqrt(np.mean(X**2, axis=0)) if standardize else np.ones(15)
        basis = np.linalg.eigh((X / scales).T @ (X / scales))[1][:, -4:]
        predictor = masked_predictor(pca_precision(X, 4, standardize=standardize, noise=False))
        x = rng.normal(size=15)
        for k in range(15):
            seen = np.arange(15) != k
            score = np.linalg.lstsq(basis[seen], (x / scales)[seen], rcond=None)[0]
            expected.append(scales[k] * basis[k] @ score)
            found.append(x @ predictor[:, k])
    return numerical(found, expected, "rank 4 of 15 coordinates, PCA of both kinds")


CLAIMS = {
    "lem-pca-shares": shares,
    "lem-pca-crossing": crossing,
    "thm-pca-order": order,
    "prop-pca-edge": edge,
    "prop-pca-limits": limits,
    "prop-pca-unbounded": unbounded,
    "prop-pca-loud": loud,
    "prop-pca-fill-in": one_formula,
}
