"""Errors without a ridge, and the peak between."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mssl.chapters.error.claims.measured import (
    BASE,
    COPIES,
    base_covariance,
    eigenvalues,
    fits_of,
    formulas,
    kappa_of,
    sample,
)
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.ledger.checks import NUMERICAL, Check, bounded, in_standard_errors, numerical
from mssl.covariance import AR1, Blocks
from mssl.theory import SSRTheory


def _ridgeless_gaps(limits: dict, ratio: float, trials: int = 250) -> tuple:
    """Extrapolated gaps of fits at ridge 0 to limits, each coordinate, with standard errors."""
    pair = []
    for copies in COPIES:
        fits = fits_of(sample(copies, ratio, trials, 57), 0.0)
        seen = np.stack(
            [fits[k].reshape(trials, copies, BASE).mean(axis=1) - limits[k] for k in limits]
        )
        pair.append((seen.mean(axis=1), seen.std(axis=1, ddof=1) / np.sqrt(trials)))
    (gap, error), (gap2, error2) = pair
    return 2 * gap2 - gap, np.hypot(2 * error2, error)


def ridgeless_over() -> Check:
    """All four limits for n > d: from the formulas, and from least squares on data."""
    gaps, errors, excess = [], [], []
    sigma = base_covariance()
    inverse = np.linalg.inv(sigma)
    bayes, own = 1 / np.diag(inverse), np.diag(inverse @ inverse) / np.diag(inverse) ** 2 - 1
    for ratio in (0.25, 0.6):
        limits = {
            "test": bayes / (1 - ratio),
            "train": (1 - ratio) * bayes,
            "norm": own + ratio * np.mean(np.diag(inverse)) / (1 - ratio) * bayes,
        }
        # The formulas approach them in proportion to the ridge.
        for lam in (1e-6, 1e-9):
            f = formulas(sigma, ratio, lam)
            excess += [np.abs(f[name] / v - 1).max() - 100 * lam for name, v in limits.items()]
            excess.append(abs(f["kappa"] / lam * (1 - ratio) - 1) - 100 * lam)
        gap, error = _ridgeless_gaps(limits, ratio)
        gaps.append(gap.ravel())
        errors.append(error.ravel())
        # kappa from data: the trace of the resolvent of the Gram matrix is n/kappa.
        X = sample(COPIES[0], ratio, 20, 58)
        gram = X @ np.swapaxes(X, 1, 2) / X.shape[1]
        trace = np.trace(np.linalg.inv(gram + 1e-8 * np.eye(X.shape[1])), axis1=1, axis2=2)
        excess.append(np.abs(1e-8 * trace / X.shape[1] - (1 - ratio)).max() - 1e-4)
    check = in_standard_errors(
        np.zeros(sum(gap.size for gap in gaps)),
        np.concatenate(gaps),
        np.concatenate(errors),
        "formulas at ridges 1e-6 and 1e-9; least squares, d/n = 1/4 and 3/5, test and training "
        "error and norm of each coordinate, extrapolated; kappa from the Gram matrix",
    )
    return bounded(check, excess)


def ridgeless_over_exact() -> Check:
    """Mean test and training error of least squares at small sizes, coordinate by coordinate."""
    world, size, trials = uneven_spiked(6), 15, 6000
    d, sigma = world.d, world.dense()
    X = world.sample(size * trials, np.random.default_rng(45)).reshape(trials, size, d)
    q = np.linalg.inv(np.einsum("tik,til->tkl", X, X) / size)
    diagonal = np.einsum("tkk->tk", q)
    test = np.einsum("tjk,jl,tlk->tk", q, sigma, q) / diagonal**2
    train = 1.0 / diagonal
    bayes = 1.0 / np.diag(np.linalg.inv(sigma))
    samples = np.concatenate([test, train], axis=1)
    expected = np.concatenate([bayes * (size - 1) / (size - d), bayes * (size - d + 1) / size])
    return in_standard_errors(
        expected,
        samples.mean(axis=0),
        samples.std(axis=0, ddof=1) / np.sqrt(trials),
        f"d = {d}, n = {size}, {trials} trials, each coordinate, test and training error",
    )


def _implicit_ridge(values: np.ndarray, ratio: float) -> float:
    """The kappa at which df1 is n."""
    return brentq(lambda k: ratio * np.mean(values / (values + k)) - 1, 1e-9, 1e3, xtol=1e-14)


def ridgeless_under() -> Check:
    """Interpolators from the projector on the null space, each coordinate, against the limits."""
    gaps, errors, excess = [], [], []
    sigma = base_covariance()
    values = np.linalg.eigvalsh(sigma)
    for ratio in (1.5, 2.0, 4.0):
        k = _implicit_ridge(values, ratio)
        f = formulas(sigma, ratio, 0.0, k)
        r = np.diag(np.linalg.inv(sigma + k * np.eye(BASE)))
        limits = {"test": f["bias"] / (1 - f["df2"]), "norm": 1 / (k * r) - 1}
        path = [kappa_of(values, ratio, lam) for lam in (0.1, 1e-3, 1e-6, 1e-9)]
        excess += [*np.diff(path), k - path[-1], path[-1] / k - 1 - 1e-7]
        excess.append(formulas(sigma, ratio, 1e-9)["train"].max() - 1e-12)
        gap, error = _ridgeless_gaps(limits, ratio)
        gaps.append(gap.ravel())
        errors.append(error.ravel())
        X = sample(COPIES[0], ratio, 5, 59)
        excess.append(fits_of(X, 0.0)["train"].max() - 1e-12)
    check = in_standard_errors(
        np.zeros(sum(gap.size for gap in gaps)),
        np.concatenate(gaps),
        np.concatenate(errors),
        "d/n = 1.5, 2 and 4, projectors, 250 trials at d = 48 and 96, error and norm of each "
        "coordinate, extrapolated; kappa along four ridges; training errors",
    )
    return bounded(check, excess)


def ridgeless_uniform() -> Check:
    """Fits at small ridges against fits at none: in proportion to the ridge, whatever the size."""
    excess = []
    for ratio in (0.5, 2.0):
        sigma, worst = base_covariance(), []
        values = np.linalg.eigvalsh(sigma)
        start = 0.0 if ratio < 1 else _implicit_ridge(values, ratio)
        limit = formulas(sigma, ratio, 0.0, start)
        for lam in (1e-6, 1e-4, 1e-2, 1.0):
            f = formulas(sigma, ratio, lam)
            kinds = ("test", "train", "norm")
            excess += [np.abs(f[k] - limit[k]).max() / lam - 60.0 for k in kinds]
        for copies in (4, 8, 16):
            X = sample(copies, ratio, 40, 60)
            none, largest = fits_of(X, 0.0), []
            for lam in (1e-6, 1e-4, 1e-2, 1.0):
                some = fits_of(X, lam)
                largest += [
                    np.quantile(np.abs(some[name] - none[name]).max(axis=1) / lam, 0.9)
                    for name in ("test", "train", "norm")
                ]
            worst.append(largest)
        # No factor may grow with n, nor with a falling ridge.
        excess += list(np.array(worst[2]) / np.array(worst[0]) - 1.3)
        finest = np.array([row[:6] for row in worst]).reshape(3, 2, 3)
        excess += list((finest[:, 0] / finest[:, 1] - 1.1).ravel())
    # At n = d it does grow: the claim needs its distance from one.
    rise = []
    for copies in (4, 16):
        X = sample(copies, 1.0, 40, 61)
        none, some = (fits_of(X, lam)["test"].mean(axis=1) for lam in (0.0, 1e-4))
        rise.append(np.median(np.abs(some - none)) / 1e-4)
    excess.append(2.0 - rise[1] / rise[0])
    setting = "d/n = 1/2 and 2, ridges 1e-6 to 1, d = 24, 48 and 96; and n = d, where it fails"
    return Check(NUMERICAL, max(0.0, *excess), "absolute", 0.0, setting)


def peak() -> Check:
    """Height at n = d for a tiny ridge, and the two flanks, for each coordinate."""
    found, expected = [], []
    for world in (AR1(60, 0.7), Blocks([10, 50], [0.5, 0.1], [3.0, 1.0])):
        values = eigenvalues(world)
        bayes = 1.0 / np.diag(np.linalg.inv(world.dense()))
        for lam in (1e-9, 1e-10):
            found.append(SSRTheory(world, world.d, lam).test_error_by_coordinate)
            expected.append(bayes / (2.0 * np.sqrt(lam * np.mean(1.0 / values))))
    world = AR1(40_000, 0.5)
    bayes = SSRTheory(world, 2 * world.d, 1.0).bayes_error_by_coordinate
    for size in (world.d - 4, world.d + 4):
        found.append(SSRTheory(world, size, 0.0).test_error_by_coordinate)
        expected.append(bayes * size / abs(size - world.d))
    ratio = np.concatenate(found) / np.concatenate(expected)
    setting = "n = d with ridges 1e-9 and 1e-10, two worlds; ridge 0 at d = 40000, n = d - 4, d + 4"
    check = numerical(ratio, np.ones_like(ratio), setting + "; each coordinate", tolerance=1e-3)
    # On data: at n = d a tenth of a small ridge raises the error by the square root of ten.
    X = sample(16, 1.0, 60, 62)
    low, high = (fits_of(X, lam)["test"].mean() for lam in (3e-3, 3e-2))
    limits = [formulas(base_covariance(), 1.0, lam)["test"].mean() for lam in (3e-3, 3e-2)]
    return bounded(check, [abs(low / high / (limits[0] / limits[1]) - 1) - 0.1])


CLAIMS = {
    "prop-ridgeless-over": ridgeless_over,
    "prop-ridgeless-exact": ridgeless_over_exact,
    "prop-ridgeless-under": ridgeless_under,
    "prop-ridgeless-uniform": ridgeless_uniform,
    "prop-peak": peak,
}
