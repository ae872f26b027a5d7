"""Checks of the claims of the chapter that holds masked regression against PCA.

The formulas of the chapter stand in :mod:`mssl.figures.noise_curves` or are typed here; what they
are held against is the package's general theory, which knows nothing of them, or a simulation.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mssl.baselines import leading_directions, masked_predictor, pca_precision
from mssl.covariance import Circulant, Diagonal, Spiked
from mssl.figures.noise_curves import METHODS, Noise, noise_curve, threshold
from mssl.theory import PCATheory, SSRTheory
from tests.ledger.core import NUMERICAL, SIMULATION, Check, numerical

GAMMAS = (2.0 / 3.0, 2.0)


def _theory(method, model, n, ridge):
    if method == "masked_regression":
        return SSRTheory(model, n, ridge)
    return PCATheory(model, n, standardize=method == "correlation_pca")


def _threshold(method, noise, gamma, ridge, on=None):
    return threshold(method, noise, gamma, ridge if method == "masked_regression" else None, on)


def _violation(amount, setting: str) -> Check:
    """An inequality: how far it is violated at worst."""
    return Check(NUMERICAL, float(max(amount, 0.0)), "absolute", 1e-12, setting)


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
            general = _theory(method, model, round(d / gamma), 0.2)
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
    return _violation(worst, "500 random laws of noise and pairs of shapes")


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
    return _violation(worst, "150 random noises, d/n from 0.2 to 5, ridges from 0.007 to 20")


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
        lambda k: gamma * noise.mean(noise.variances / (noise.variances + k)) - 1, 1e-9, 99
    )
    if not slope < 1 / root:
        return _violation(1.0, "the bound on b for n < d fails")
    whitened, plain = (threshold(m, noise, gamma) for m in METHODS[1:])
    own = [threshold("masked_regression", noise, gamma, ridge) for ridge in (1e-9, 1e9)]
    if not (own[0] > 1.05 * whitened and own[1] < 0.99 * plain):
        return _violation(1.0, "a gap of a flat signal is missing")
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
                    return _violation(1.0, "the lower bound fails")
                bound = np.sqrt(gamma) / (1 - share)
                if threshold("masked_regression", noise, gamma, 1e-6) > bound:
                    return _violation(1.0, "the upper bound fails")
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


def local() -> Check:
    """The package's threshold of a signal on few coordinates whose strength is the formula's."""
    d, n, ratio = 1200, 1800, 10.0
    root = np.sqrt(d / n)
    variances = np.where(np.arange(d) % 2 == 0, 1.0, ratio)
    place = brentq(lambda w: (d / n) * np.mean((variances / (w - variances)) ** 2) - 1, 10.001, 1e3)
    found, expected = [], []
    for size in (2, 4, 8):
        u = np.zeros(d)
        u[: 2 * size : 2] = size**-0.5
        strengths = (root * size / (size - 1), root * size / (size - 1 - root), place - 1.0)
        for method, strength in zip(METHODS, strengths, strict=True):
            model = Spiked(Diagonal(variances), strength, u[:, None])
            found.append(_theory(method, model, n, 1e-6).spiked_ensemble.thresholds[0])
            expected.append(strength)
    return numerical(found, expected, "2, 4 and 8 quiet coordinates, d = 1200, n = 1800", 1e-4)


def first() -> Check:
    """Positions of a global and a local outlier, from the package, against z(l)."""
    d, n, size, shared = 3600, 5400, 6, 2.0
    gamma = d / n
    variances = np.where(np.arange(d) % 2 == 0, 1.0, 4.0)
    signs = np.where(np.arange(d) // 2 % 2 == 0, 1.0, -1.0)
    group = np.zeros(d)
    group[: 2 * size : 2] = size**-0.5
    directions = np.stack([signs / np.sqrt(d), group], axis=1)
    model = Spiked(Diagonal(variances), [5.0, size * shared], directions)
    wide = 1.0 + 5.0 * np.mean(1.0 / variances)
    narrow = (1.0 + (size - 1) * shared, (1.0 + size * shared) / (1.0 + shared))
    found, expected = [], []
    theories = (SSRTheory(model, n, 1e-7), PCATheory(model, n, True))
    for theory, top in zip(theories, narrow, strict=True):
        found += [o.position for o in theory.outliers[:2]]
        expected += sorted((ell * (1 + gamma / (ell - 1)) for ell in (wide, top)), reverse=True)
    found[:2] = np.array(found[:2]) * (1 - gamma)  # M is scaled by 1/rho, and rho = 1 - gamma
    return numerical(found, expected, "six coordinates share 2, flat factor 5, d = 3600", 2e-3)


def tie() -> Check:
    """Overlaps of three methods in a stationary world, simulated on the same rows."""
    d, n, trials = 300, 450, 12
    distance = np.minimum(np.arange(d), d - np.arange(d))
    u = np.random.default_rng(5).choice([-1.0, 1.0], d) / np.sqrt(d)
    world = Spiked(Circulant(0.6**distance), 15.0, u[:, None])
    rng, gaps = np.random.default_rng(6), []
    for _ in range(trials):
        X = world.sample(n, rng)
        calls = (("regression", 0.1), ("correlation", None), ("pca", None))
        overlaps = [leading_directions(X, m, ridge=r)[0].overlaps(u)[1] for m, r in calls]
        gaps.append([overlaps[0] - overlaps[2], overlaps[1] - overlaps[2]])
    spike = PCATheory(world, n).spikes[0]
    own = SSRTheory(world, n, 0.1).spikes[0]
    gap = max(np.abs(np.mean(gaps, axis=0)).max(), abs(own.right_overlap - spike.overlap))
    setting = f"AR(1) on a ring, d = 300, n = 450, {trials} trials and theory"
    return Check(SIMULATION, float(gap), "absolute", 0.01, setting)


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
    "thm-pca-local": local,
    "prop-pca-first": first,
    "prop-pca-tie": tie,
    "prop-pca-fill-in": one_formula,
}
