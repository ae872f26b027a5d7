"""Limits from the matrix, and measurements extrapolated to them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from scipy import special
from scipy.optimize import brentq

from mssl.chapters.ledger.checks import Check, bounded, in_standard_errors
from mssl.covariance import Covariance

RATIOS = (2.0 / 3.0, 2.0)

RIDGES = (0.05, 0.3, 2.0)


def eigenvalues(covariance: Covariance) -> np.ndarray:
    """Eigenvalues of the dense matrix."""
    return np.linalg.eigvalsh(covariance.dense())


BASE = 6

COPIES = (8, 16)

GRID = tuple((ratio, lam) for ratio in RATIOS for lam in RIDGES)


def base_covariance(seed: int = 51) -> np.ndarray:
    """A covariance of six coordinates without structure and with unequal variances."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((BASE, BASE + 2)) * np.linspace(0.6, 1.6, BASE)[:, None]
    return factor @ factor.T / BASE + 0.2 * np.eye(BASE)


def kappa_of(values: np.ndarray, ratio: float, lam: float) -> float:
    """Root of the equation of kappa for a spectrum (each value equally often) and d/n."""

    def excess(k):
        return k - k * ratio * np.mean(values / (values + k)) - lam

    return brentq(excess, 1e-14, 1.0 + lam + ratio * values.mean() * 2.0, xtol=1e-15, rtol=1e-15)


def formulas(sigma: np.ndarray, ratio: float, lam: float, kappa_: float | None = None) -> dict:
    """The limit formulas of the chapter for copies of ``sigma`` with d/n = ratio."""
    d, k = len(sigma), kappa_of(np.linalg.eigvalsh(sigma), ratio, lam) if kappa_ is None else kappa_
    r = np.linalg.inv(sigma + k * np.eye(d))
    share = ratio / d  # 1/n, for a trace over one copy
    df1, df2 = share * np.trace(sigma @ r), share * np.trace(sigma @ r @ sigma @ r)
    m, diagonal = share * np.trace(sigma @ r @ r), np.diag(r)
    bias = np.diag(r @ sigma @ r) / diagonal**2
    norm = (np.diag(r @ r) + m / (1 - df2) * np.diag(r @ sigma @ r)) / diagonal**2 - 1
    test = bias / (1 - df2)
    return {
        "kappa": k,
        "df1": df1,
        "df2": df2,
        "bias": bias,
        "test": test,
        "train": (1 - df1) ** 2 * test,
        "norm": norm,
        "loo": test,
        "gcv": test,
    }


def fits_of(X: np.ndarray, lam: float, sigma: np.ndarray | None = None) -> dict:
    """What fits to X of shape (trials, n, d) measure, each entry of shape (trials, d).

    The population is copies of ``sigma``. A ridge of zero means its limit: least squares, or for
    n < d the projector on the null space.
    """
    sigma = base_covariance() if sigma is None else sigma
    trials, n, d = X.shape
    if lam == 0.0 and n < d:
        q = np.eye(d) - np.linalg.pinv(X) @ X  # lambda Q, and the factor cancels
    else:
        q = np.linalg.inv(np.swapaxes(X, 1, 2) @ X / n + lam * np.eye(d))
    diagonal, P = np.einsum("tkk->tk", q), X @ q
    product = (sigma @ q.reshape(trials, -1, len(sigma), d)).reshape(q.shape)
    out = {
        "test": np.sum(q * product, axis=1) / diagonal**2,
        "train": np.mean(P**2, axis=1) / diagonal**2,
        "norm": np.sum(q**2, axis=1) / diagonal**2 - 1,
        "product": np.sum(weights(d)[:, None] * q**2, axis=1) / diagonal**2,
    }
    if lam > 0.0:
        h = (np.sum(P * X, axis=2)[:, :, None] - P**2 / diagonal[:, None, :]) / n
        out["h"] = h
        out["hbar"] = h.mean(axis=1)
        out["gcv"] = out["train"] / (1 - out["hbar"]) ** 2
        out["loo"] = np.mean((P / (1 - h)) ** 2, axis=1) / diagonal**2
    return out


def weights(d: int) -> np.ndarray:
    """Diagonal of a matrix B that has no sign, the same in every copy."""
    return np.tile([1.0, -2.0, 0.5, 3.0, 1.0, -0.5], d // BASE)


def sample(copies: int, ratio: float, trials: int, seed: int) -> np.ndarray:
    """Rows of copies of the base population, of shape (trials, n, d)."""
    d, root = copies * BASE, np.linalg.cholesky(base_covariance()).T
    z = np.random.default_rng(seed).standard_normal((trials, round(d / ratio), copies, BASE))
    return (z @ root).reshape(trials, -1, d)


@cache
def measured_fits(ratio: float, copies: int, trials: int = 300, seed: int = 52) -> list[dict]:
    """Fits at every ridge on the same rows; arrays of shape (trials, copies, base)."""
    X = sample(copies, ratio, trials, seed)
    found = []
    for lam in RIDGES:
        fits = fits_of(X, lam)
        h = fits.pop("h") - formulas(base_covariance(), ratio, lam)["df1"]
        # The first copy stands for all; the maximum is over the rows.
        entry = {name: v.reshape(trials, copies, BASE) for name, v in fits.items()}
        entry["h"] = h[:, :, :BASE]
        found.append(entry)
    return found


def _gap(name: str, limits: list, copies: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of measurement minus limit and its standard error, for each setting and coordinate."""
    gaps, errors = [], []
    for (ratio, lam), limit in zip(GRID, limits, strict=True):
        seen = measured_fits(ratio, copies)[RIDGES.index(lam)][name].mean(axis=1) - limit
        gaps.append(seen.mean(axis=0))
        errors.append(seen.std(axis=0, ddof=1) / np.sqrt(len(seen)))
    return np.array(gaps), np.array(errors)


def _power(sizes: list[np.ndarray], trials: int) -> tuple[np.ndarray, float]:
    """The power of 1/n in which a spread falls from n to 2n, and its standard error."""
    small, large = (np.asarray(v) for v in sizes)
    return np.log2(small / large), np.log2(np.e) / np.sqrt(trials)


def every_coordinate(name: str, limits: list, setting: str) -> Check:
    """One quantity, every coordinate: the limit, a bias of order 1/n, and both kinds of scatter."""
    (gap, error), (gap2, error2) = (_gap(name, limits, copies) for copies in COPIES)
    left = 2.0 * gap2 - gap
    check = in_standard_errors(np.zeros_like(left), left, np.hypot(2.0 * error2, error), setting)
    return bounded(check, [*_scatter_excess(name), *_quadrature_excess(name)])


def _scatter_excess(name: str) -> list[float]:
    """One coordinate scatters by n^(-1/2), the mean over coordinates by (nd)^(-1/2).

    Corrections of higher order make the spread fall faster at a small ridge and small n, so the
    power is measured from both sides at the largest ridge only.
    """
    excess = []
    for ratio, lam in GRID:
        at = [measured_fits(ratio, copies)[RIDGES.index(lam)][name] for copies in COPIES]
        single = [np.sqrt(v.var(axis=0, ddof=1).mean(axis=0)) for v in at]
        mean = [v.mean(axis=(1, 2)).std(ddof=1) for v in at]
        draws = len(at[0])  # of the mean; a single coordinate has that many in each copy
        for sizes, power, count in ((single, 0.5, COPIES[0] * draws), (mean, 1.0, draws)):
            found, error = _power(sizes, count)
            slack = 3.0 * error + 0.05
            excess.append(float(np.max(power - found)) - slack)
            if lam == RIDGES[-1]:
                excess.append(float(np.max(found - power)) - slack)
    return excess


@cache
def two_coordinates(size: int, lam: float) -> tuple[dict, dict]:
    """Means and mean squares of gaps for d = 2, by quadrature over the triangular factor of S."""
    sigma = np.array([[1.0, 0.6], [0.6, 2.0]])
    axes = [special.roots_hermitenorm(24)]
    for freedom in (size, size - 1):
        nodes, weights = special.roots_genlaguerre(24, freedom / 2 - 1)
        axes.append((np.sqrt(2 * nodes), weights))
    (normal, one, two) = (v.ravel() for v in np.meshgrid(*(a[0] for a in axes), indexing="ij"))
    w = np.einsum("i,j,k->ijk", *(a[1] / a[1].sum() for a in axes)).ravel()
    factor = np.stack([np.stack([one, 0 * one], -1), np.stack([normal, two], -1)], 1)
    half = np.linalg.cholesky(sigma) @ factor
    S = half @ np.swapaxes(half, 1, 2) / size
    q = np.linalg.inv(S + lam * np.eye(2))
    diagonal = np.einsum("tkk->tk", q)
    square = np.einsum("tjk,tjk->tk", q, q)
    trace = np.trace(q, axis1=1, axis2=2)[:, None]
    hbar = (2 - lam * trace - 1 + lam * square / diagonal) / size
    B = np.array([1.0, -2.0])
    seen = {
        "test": np.einsum("tjk,jl,tlk->tk", q, sigma, q) / diagonal**2,
        "train": np.einsum("tjk,tjk->tk", q, S @ q) / diagonal**2,
        "norm": square / diagonal**2 - 1,
        "product": np.einsum("tjk,tjk->tk", q, B[:, None] * q) / diagonal**2,
    }
    seen["gcv"] = seen["train"] / (1 - hbar) ** 2
    f = formulas(sigma, 2 / size, lam)
    r = np.linalg.inv(sigma + f["kappa"] * np.eye(2))
    trace = np.trace(sigma @ r @ np.diag(B) @ r) / size / (1 - f["df2"])
    f["product"] = np.diag(r @ np.diag(B) @ r + trace * r @ sigma @ r) / np.diag(r) ** 2
    gaps = {name: w @ (v - f[name]) for name, v in seen.items()}
    return gaps, {name: w @ (v - f[name]) ** 2 for name, v in seen.items()}


def _left_out_gap(size: int, lam: float) -> np.ndarray:
    """The bias of leave-one-out: it is the mean of a fit to a row less, with the ridge kept."""
    sigma, less = np.array([[1.0, 0.6], [0.6, 2.0]]), size / (size - 1) * lam
    limits = [formulas(sigma, 2 / n_, at)["test"] for n_, at in ((size - 1, less), (size, lam))]
    return two_coordinates(size - 1, less)[0]["test"] + limits[0] - limits[1]


def _quadrature_excess(name: str) -> list[float]:
    """The powers for d = 2, free of noise: n times the bias and the mean square settle."""
    excess = []
    for lam in (0.1, 1.0):
        sizes = (64, 128, 256)
        if name == "loo":
            parts = [[n_ * _left_out_gap(n_, lam) for n_ in sizes]]
        else:
            runs = [two_coordinates(n_, lam) for n_ in sizes]
            parts = [
                [n_ * run[k][name] for n_, run in zip(sizes, runs, strict=True)] for k in (0, 1)
            ]
        for k, scaled in enumerate(parts):
            steps = [b / a - 1 for a, b in pairwise(scaled)]
            excess += [float(np.max(step)) - 0.05 for step in steps]
            if k == 0:
                excess += [float(np.max(-step)) - 0.05 for step in steps]
    return excess


COORDINATES = (
    f"each of six coordinates at 6 ridges and ratios, d = {COPIES[0] * BASE} and "
    f"{COPIES[1] * BASE}, extrapolated; powers of the scatter; powers by quadrature at d = 2; "
)
