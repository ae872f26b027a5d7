"""Checks of the claims of the chapter on the error of a masked predictor.

The theory is a limit. At a finite size the mean of a measurement differs from it by about c/n,
which is as large as the scatter of one trial. So the checks measure the gap at n and at 2n and
look at ``2 gap(2n) - gap(n)``, in which c/n cancels, in units of its standard error. Copies of one
small population stand for larger sizes: kappa and the limit of each coordinate are then the same at
n and at 2n. The formulas of the chapter are evaluated here from the matrix, without the package.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import sympy as sp
from scipy import special
from scipy.optimize import brentq

from mssl import symbolic
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.worlds import power_law
from mssl.covariance import AR1, Blocks, Covariance, Dense, Diagonal, Isotropic, Scaled
from mssl.regression import MaskedRegression
from mssl.simulation import simulate_risk
from mssl.symbolic import kappa, n
from mssl.theory import SSRTheory, optimal_ridge, solve_kappa
from tests.ledger.core import NUMERICAL, Check, identity, in_standard_errors, numerical

RATIOS = (2.0 / 3.0, 2.0)
RIDGES = (0.05, 0.3, 2.0)


def _extrapolated(measure, predict, settings, setting: str) -> Check:
    """Largest extrapolated gap between measurement and theory, in standard errors.

    ``measure(d, *s)`` returns means and standard errors, ``predict(d, *s)`` the theory.
    """
    gaps, errors = [], []
    for s in settings:
        pair = []
        for d in (100, 200):
            mean, error = measure(d, *s)
            pair.append((np.asarray(mean) - np.asarray(predict(d, *s)), np.asarray(error)))
        (gap, error), (gap2, error2) = pair
        gaps.append(2.0 * gap2 - gap)
        errors.append(np.hypot(2.0 * error2, error))
    gaps, errors = np.concatenate(gaps), np.concatenate(errors)
    return in_standard_errors(np.zeros_like(gaps), gaps, errors, setting)


def _risk(quantity: str, trials: int = 16, seed: int = 41) -> Check:
    """One field of :class:`mssl.results.Risk` on an uneven spiked AR(1) world."""

    def measure(d, ratio):
        size = round(d / ratio)
        risks = simulate_risk(uneven_spiked(d), size, RIDGES, trials=trials, rng=seed)
        return (
            [getattr(r, quantity) for r in risks],
            [getattr(r.standard_error, quantity) for r in risks],
        )

    def predict(d, ratio):
        world = uneven_spiked(d)
        return [getattr(SSRTheory(world, round(d / ratio), lam), quantity) for lam in RIDGES]

    return _extrapolated(
        measure,
        predict,
        [(ratio,) for ratio in RATIOS],
        f"uneven spiked AR(1), d/n = 2/3 and 2, ridges {RIDGES}, {trials} trials at d = 100 and "
        "200, extrapolated in 1/n",
    )


def _eigenvalues(covariance: Covariance) -> np.ndarray:
    return np.linalg.eigvalsh(covariance.dense())


BASE = 6
COPIES = (8, 16)
GRID = tuple((ratio, lam) for ratio in RATIOS for lam in RIDGES)


def _base(seed: int = 51) -> np.ndarray:
    """A covariance of six coordinates without structure and with unequal variances."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((BASE, BASE + 2)) * np.linspace(0.6, 1.6, BASE)[:, None]
    return factor @ factor.T / BASE + 0.2 * np.eye(BASE)


def _kappa(values: np.ndarray, ratio: float, lam: float) -> float:
    """Root of the equation of kappa for a spectrum (each value equally often) and d/n."""

    def excess(k):
        return k - k * ratio * np.mean(values / (values + k)) - lam

    return brentq(excess, 1e-14, 1.0 + lam + ratio * values.mean() * 2.0, xtol=1e-15, rtol=1e-15)


def _formulas(sigma: np.ndarray, ratio: float, lam: float, kappa_: float | None = None) -> dict:
    """The limit formulas of the chapter for copies of ``sigma`` with d/n = ratio."""
    d, k = len(sigma), _kappa(np.linalg.eigvalsh(sigma), ratio, lam) if kappa_ is None else kappa_
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


def _fits(X: np.ndarray, lam: float, sigma: np.ndarray | None = None) -> dict:
    """What fits to X of shape (trials, n, d) measure, each entry of shape (trials, d).

    The population is copies of ``sigma``. A ridge of zero means its limit: least squares, or for
    n < d the projector on the null space.
    """
    sigma = _base() if sigma is None else sigma
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
        "product": np.sum(_weights(d)[:, None] * q**2, axis=1) / diagonal**2,
    }
    if lam > 0.0:
        h = (np.sum(P * X, axis=2)[:, :, None] - P**2 / diagonal[:, None, :]) / n
        out["h"] = h
        out["hbar"] = h.mean(axis=1)
        out["gcv"] = out["train"] / (1 - out["hbar"]) ** 2
        out["loo"] = np.mean((P / (1 - h)) ** 2, axis=1) / diagonal**2
    return out


def _weights(d: int) -> np.ndarray:
    """Diagonal of a matrix B that has no sign, the same in every copy."""
    return np.tile([1.0, -2.0, 0.5, 3.0, 1.0, -0.5], d // BASE)


def _sample(copies: int, ratio: float, trials: int, seed: int) -> np.ndarray:
    """Rows of copies of the base population, of shape (trials, n, d)."""
    d, root = copies * BASE, np.linalg.cholesky(_base()).T
    z = np.random.default_rng(seed).standard_normal((trials, round(d / ratio), copies, BASE))
    return (z @ root).reshape(trials, -1, d)


@cache
def _measured(ratio: float, copies: int, trials: int = 300, seed: int = 52) -> list[dict]:
    """Fits at every ridge on the same rows; arrays of shape (trials, copies, base)."""
    X = _sample(copies, ratio, trials, seed)
    found = []
    for lam in RIDGES:
        fits = _fits(X, lam)
        h = fits.pop("h") - _formulas(_base(), ratio, lam)["df1"]
        # The first copy stands for all; the maximum is over the rows.
        entry = {name: v.reshape(trials, copies, BASE) for name, v in fits.items()}
        entry["h"] = h[:, :, :BASE]
        found.append(entry)
    return found


def _gap(name: str, limits: list, copies: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of measurement minus limit and its standard error, for each setting and coordinate."""
    gaps, errors = [], []
    for (ratio, lam), limit in zip(GRID, limits, strict=True):
        seen = _measured(ratio, copies)[RIDGES.index(lam)][name].mean(axis=1) - limit
        gaps.append(seen.mean(axis=0))
        errors.append(seen.std(axis=0, ddof=1) / np.sqrt(len(seen)))
    return np.array(gaps), np.array(errors)


def _power(sizes: list[np.ndarray], trials: int) -> tuple[np.ndarray, float]:
    """The power of 1/n in which a spread falls from n to 2n, and its standard error."""
    small, large = (np.asarray(v) for v in sizes)
    return np.log2(small / large), np.log2(np.e) / np.sqrt(trials)


def _every_coordinate(name: str, limits: list, setting: str) -> Check:
    """One quantity, every coordinate: the limit, a bias of order 1/n, and both kinds of scatter."""
    (gap, error), (gap2, error2) = (_gap(name, limits, copies) for copies in COPIES)
    left = 2.0 * gap2 - gap
    check = in_standard_errors(np.zeros_like(left), left, np.hypot(2.0 * error2, error), setting)
    return _and(check, [*_scatter_excess(name), *_quadrature_excess(name)])


def _scatter_excess(name: str) -> list[float]:
    """One coordinate scatters by n^(-1/2), the mean over coordinates by (nd)^(-1/2).

    Corrections of higher order make the spread fall faster at a small ridge and small n, so the
    power is measured from both sides at the largest ridge only.
    """
    excess = []
    for ratio, lam in GRID:
        at = [_measured(ratio, copies)[RIDGES.index(lam)][name] for copies in COPIES]
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
def _two_coordinates(size: int, lam: float) -> tuple[dict, dict]:
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
    f = _formulas(sigma, 2 / size, lam)
    r = np.linalg.inv(sigma + f["kappa"] * np.eye(2))
    trace = np.trace(sigma @ r @ np.diag(B) @ r) / size / (1 - f["df2"])
    f["product"] = np.diag(r @ np.diag(B) @ r + trace * r @ sigma @ r) / np.diag(r) ** 2
    gaps = {name: w @ (v - f[name]) for name, v in seen.items()}
    return gaps, {name: w @ (v - f[name]) ** 2 for name, v in seen.items()}


def _left_out_gap(size: int, lam: float) -> np.ndarray:
    """The bias of leave-one-out: it is the mean of a fit to a row less, with the ridge kept."""
    sigma, less = np.array([[1.0, 0.6], [0.6, 2.0]]), size / (size - 1) * lam
    limits = [_formulas(sigma, 2 / n_, at)["test"] for n_, at in ((size - 1, less), (size, lam))]
    return _two_coordinates(size - 1, less)[0]["test"] + limits[0] - limits[1]


def _quadrature_excess(name: str) -> list[float]:
    """The powers for d = 2, free of noise: n times the bias and the mean square settle."""
    excess = []
    for lam in (0.1, 1.0):
        sizes = (64, 128, 256)
        if name == "loo":
            parts = [[n_ * _left_out_gap(n_, lam) for n_ in sizes]]
        else:
            runs = [_two_coordinates(n_, lam) for n_ in sizes]
            parts = [
                [n_ * run[k][name] for n_, run in zip(sizes, runs, strict=True)] for k in (0, 1)
            ]
        for k, scaled in enumerate(parts):
            steps = [b / a - 1 for a, b in pairwise(scaled)]
            excess += [float(np.max(step)) - 0.05 for step in steps]
            if k == 0:
                excess += [float(np.max(-step)) - 0.05 for step in steps]
    return excess


def _and(check: Check, excess) -> Check:
    """The check, failed if one of several excesses over a bound is positive."""
    return replace(check, deviation=np.inf) if max(excess) > 0.0 else check


def _limits(name: str) -> list:
    return [_formulas(_base(), ratio, lam)[name] for ratio, lam in GRID]


COORDINATES = (
    f"each of six coordinates at 6 ridges and ratios, d = {COPIES[0] * BASE} and "
    f"{COPIES[1] * BASE}, extrapolated; powers of the scatter; powers by quadrature at d = 2; "
)


def _worse(*checks: Check) -> Check:
    """Several checks in standard errors as one: the farthest off, with all settings."""
    worst = max(checks, key=lambda check: check.deviation)
    return replace(worst, setting="; ".join(check.setting for check in checks))


def shrinkage() -> Check:
    """lambda/kappa against 1 - df1/n with df1 from the eigenvalues, and both chains of bounds."""
    found, expected, excess = [], [], []
    for world in (AR1(40, 0.7), Blocks([5, 20], [0.5, 0.1], [3.0, 1.0]), uneven_spiked(40)):
        values = _eigenvalues(world)
        for size in (20, 60):
            for lam in (1e-3, 0.1, 10.0):
                k = solve_kappa(world, size, lam).kappa
                df1, df2 = (np.sum((values / (values + k)) ** j) / size for j in (1, 2))
                excess += [lam - k, df1 - 1.0, df2 - df1, -df2]
                found.append(lam / k)
                expected.append(1.0 - df1)
    check = numerical(found, expected, "three worlds, n below and above d, three ridges")
    return _and(check, excess)


def quotient() -> Check:
    """A combination of Q and QBQ over the square of Q_kk; and the floor under Q_kk."""
    limits = []
    for ratio, lam in GRID:
        sigma, share = _base(), ratio / BASE
        f = _formulas(sigma, ratio, lam)
        r = np.linalg.inv(sigma + f["kappa"] * np.eye(BASE))
        B = np.diag(_weights(BASE))
        trace = share * np.trace(sigma @ r @ B @ r) / (1 - f["df2"])
        limits.append(np.diag(r @ B @ r + trace * r @ sigma @ r) / np.diag(r) ** 2)
    check = _every_coordinate("product", limits, COORDINATES + "a matrix B of no sign")
    X = _sample(8, 2.0, 50, 53)
    S = np.swapaxes(X, 1, 2) @ X / X.shape[1]
    q = np.linalg.inv(S + 0.05 * np.eye(S.shape[1]))
    floor = 1 / np.einsum("tkk->tk", q) - np.einsum("tkk->tk", S) - 0.05
    # With a large ridge Q is nearly diagonal and the floor is nearly met.
    met = 1 / np.einsum("tkk->tk", np.linalg.inv(S + 1e6 * np.eye(S.shape[1]))) - 1e6
    return _and(check, [floor.max(), np.abs(met / np.einsum("tkk->tk", S) - 1).max() - 1e-3])


def test_error() -> Check:
    single = _every_coordinate("test", _limits("test"), COORDINATES)
    return _worse(single, _risk("test_error"))


def train_error() -> Check:
    single = _every_coordinate("train", _limits("train"), COORDINATES)
    return _worse(single, _risk("train_error"))


def _corrected_train(sigma: np.ndarray, ratio: float, size: int, lam: float) -> np.ndarray:
    """Training error with its term of order 1/n; derivatives in kappa by complex steps."""
    k, share = _kappa(np.linalg.eigvalsh(sigma), ratio, lam), ratio / len(sigma)

    def terms(k):
        r = np.linalg.inv(sigma + k * np.eye(len(sigma)))
        product, one = sigma @ r, np.diag(r)
        df2, df3 = (share * np.trace(np.linalg.matrix_power(product, j)) for j in (2, 3))
        sandwich, square, cube = np.diag(r @ product), np.diag(r @ r), np.diag(r @ r @ r)
        slope = 2 * k * (cube * one - square**2) / one**3
        g, v = 1 / (1 - df2), sandwich / one**2
        c = g / size * ((sandwich / one + g * (df2 - df3)) * v - k / 2 * slope)
        return g, v, c

    g, v, c = terms(k)
    rise = terms(k + 1e-30j)[2].imag / 1e-30
    return (lam / k) ** 2 * g * (v + c - k * rise)


def finite_size() -> Check:
    """Fits against the corrected formula, each coordinate; the limit alone must fail."""
    mean, error, formula, excess = [], [], [], []
    for copies, ratio, lam in ((16, 0.6, 0.05), (16, 1.0, 0.3), (16, 2.0, 2.0)):
        X = _sample(copies, ratio, 400, 65)
        seen = _fits(X, lam)["train"].reshape(-1, copies, BASE).mean(axis=1)
        mean.append(seen.mean(axis=0))
        error.append(seen.std(axis=0, ddof=1) / np.sqrt(len(seen)))
        formula.append(_corrected_train(_base(), ratio, X.shape[1], lam))
        whole = Dense(np.kron(np.eye(copies), _base()))
        package = SSRTheory(whole, X.shape[1], lam).train_error_finite_size_by_coordinate
        excess.append(np.abs(package.reshape(copies, BASE) / formula[-1] - 1).max() - 1e-6)
        away = np.abs(_formulas(_base(), ratio, lam)["train"] - mean[-1]) / error[-1]
        excess.append(6.0 - away.max())
    check = in_standard_errors(
        np.concatenate(formula),
        np.concatenate(mean),
        np.concatenate(error),
        "each of six coordinates at d = 96, three ratios and ridges, 400 trials, where the limit "
        "is 6 standard errors off; the order of what is left by quadrature at d = 2",
    )
    sigma = np.array([[1.0, 0.6], [0.6, 2.0]])
    for lam in (0.1, 1.0):
        left = []
        for size in (32, 64, 128):
            limit = _formulas(sigma, 2 / size, lam)["train"]
            gap = _two_coordinates(size, lam)[0]["train"]
            left.append(size**2 * (gap + limit - _corrected_train(sigma, 2 / size, size, lam)))
        excess += [np.abs(b / a - 1).max() - 0.25 for a, b in pairwise(left)]
    return _and(check, excess)


def gcv() -> Check:
    """Each coordinate; the mean leverage and the difference to the scaled training error."""
    excess = []
    for ratio, lam in GRID:
        shrunk = 1 - _formulas(_base(), ratio, lam)["df1"]
        at = [_measured(ratio, copies)[RIDGES.index(lam)] for copies in COPIES]
        # Moments of order two and four, each over its power of n.
        for order in (2, 4):
            lever = [np.mean((v["hbar"] - 1 + shrunk) ** order) ** (1 / order) for v in at]
            excess.append(0.9 - np.log2(lever[0] / lever[1]))
        apart = [np.sqrt(np.mean((v["gcv"] - v["train"] / shrunk**2) ** 2)) for v in at]
        excess.append(0.85 - np.log2(apart[0] / apart[1]))
    check = _every_coordinate("gcv", _limits("gcv"), COORDINATES + "mean leverage")
    return _worse(_and(check, excess), _risk("gcv_error"))


def leave_one_out() -> Check:
    """Each coordinate; single leverages in the fourth mean, and their largest."""
    excess = []
    for ratio, lam in GRID:
        at = [_measured(ratio, copies)[RIDGES.index(lam)]["h"] for copies in COPIES]
        fourth = [np.mean(h**4) ** 0.25 for h in at]
        largest = [np.abs(h).max(axis=1).mean() for h in at]
        excess += [0.45 - np.log2(fourth[0] / fourth[1]), 0.25 - np.log2(largest[0] / largest[1])]
    check = _every_coordinate("loo", _limits("loo"), COORDINATES + "leverages of all rows")
    return _worse(_and(check, excess), _risk("loo_error", seed=43))


def norm() -> Check:
    single = _every_coordinate("norm", _limits("norm"), COORDINATES)
    # Both forms of the limit, and the exact formula against the entries of the weights.
    excess = []
    for ratio, lam in GRID:
        sigma, f = _base(), _formulas(_base(), ratio, lam)
        r = np.linalg.inv(sigma + f["kappa"] * np.eye(BASE))
        m = ratio / BASE * np.trace(sigma @ r @ r)
        second = (lam / f["kappa"] * np.diag(r @ r) + m * np.diag(r)) / np.diag(r) ** 2
        excess.append(np.abs(second / (1 - f["df2"]) - 1 - f["norm"]).max() - 1e-10)
    X = _sample(2, 2.0, 1, 54)
    A = MaskedRegression(ridge=0.3).fit(X[0]).coef_
    exact = _fits(X, 0.3)["norm"][0]
    excess.append(np.abs(np.sum(A**2, axis=0) - exact).max() - 1e-10)
    return _worse(_and(single, excess), _risk("coef_norm"))


def _residual_error(sigma: np.ndarray, k: int, ridge):
    """Error on the population of its own ridge predictor of coordinate k, by normal equations."""
    others = np.arange(len(sigma)) != k
    inner = sigma[np.ix_(others, others)]
    a = np.linalg.solve(inner + ridge * np.eye(len(inner)), sigma[others, k])
    return sigma[k, k] - 2 * sigma[k, others] @ a + a @ inner @ a


def population_ridge() -> Check:
    """V_k by normal equations: start, slope by complex steps, sign, and when it is flat."""
    population = symbolic.correlated_pair()
    r = population.resolvent()
    squared, cubed = r * r, r * r * r
    residuals = []
    for k in range(population.size):
        error = (r * population.matrix * r)[k, k] / r[k, k] ** 2
        rate = 2 * kappa * (cubed[k, k] * r[k, k] - squared[k, k] ** 2) / r[k, k] ** 3
        bayes = 1 / population.matrix.inv()[k, k]
        residuals += [sp.diff(error, kappa) - rate, error.subs(kappa, 0) - bayes]
    alone = _base(55)
    alone[0, 1:] = alone[1:, 0] = 0.0  # coordinate 0 is uncorrelated with all others
    nearly = alone.copy()
    nearly[0, 1] = nearly[1, 0] = 0.01
    wrong = 0
    for sigma, flat in ((_base(), ()), (_base(56), ()), (alone, (0,)), (nearly, ())):
        bayes = 1 / np.diag(np.linalg.inv(sigma))
        for k in range(BASE):
            wrong += not np.isclose(_residual_error(sigma, k, 0.0), bayes[k], rtol=1e-10)
            for ridge in (1e-3, 0.1, 1.0, 30.0):
                found = _residual_error(sigma, k, ridge + 1e-30j).imag / 1e-30
                inverse = np.linalg.inv(sigma + ridge * np.eye(BASE))
                one, two, three = (np.linalg.matrix_power(inverse, j)[k, k] for j in (1, 2, 3))
                slope = 2 * ridge * (three * one - two**2) / one**3
                scale = 2 * ridge * three / one**2
                wrong += abs(found - slope) > 1e-9 * scale
                wrong += (found < 1e-10 * scale) != (k in flat)
    return identity(
        [*(sp.cancel(e) for e in residuals), sp.Integer(wrong)],
        "a generic correlated pair; normal equations of four populations of six coordinates, four "
        "ridges each, one coordinate uncorrelated",
    )


def _held(claims) -> list[sp.Expr]:
    """0 for each claim that holds, 1 for each that does not."""
    return [sp.Integer(0 if claim.holds() else 1) for claim in claims]


def _ridgeless_gaps(limits: dict, ratio: float, trials: int = 250) -> tuple:
    """Extrapolated gaps of fits at ridge 0 to limits, each coordinate, with standard errors."""
    pair = []
    for copies in COPIES:
        fits = _fits(_sample(copies, ratio, trials, 57), 0.0)
        seen = np.stack(
            [fits[k].reshape(trials, copies, BASE).mean(axis=1) - limits[k] for k in limits]
        )
        pair.append((seen.mean(axis=1), seen.std(axis=1, ddof=1) / np.sqrt(trials)))
    (gap, error), (gap2, error2) = pair
    return 2 * gap2 - gap, np.hypot(2 * error2, error)


def ridgeless_over() -> Check:
    """All four limits for n > d: from the formulas, and from least squares on data."""
    gaps, errors, excess = [], [], []
    sigma = _base()
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
            f = _formulas(sigma, ratio, lam)
            excess += [np.abs(f[name] / v - 1).max() - 100 * lam for name, v in limits.items()]
            excess.append(abs(f["kappa"] / lam * (1 - ratio) - 1) - 100 * lam)
        gap, error = _ridgeless_gaps(limits, ratio)
        gaps.append(gap.ravel())
        errors.append(error.ravel())
        # kappa from data: the trace of the resolvent of the Gram matrix is n/kappa.
        X = _sample(COPIES[0], ratio, 20, 58)
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
    return _and(check, excess)


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
    sigma = _base()
    values = np.linalg.eigvalsh(sigma)
    for ratio in (1.5, 2.0, 4.0):
        k = _implicit_ridge(values, ratio)
        f = _formulas(sigma, ratio, 0.0, k)
        r = np.diag(np.linalg.inv(sigma + k * np.eye(BASE)))
        limits = {"test": f["bias"] / (1 - f["df2"]), "norm": 1 / (k * r) - 1}
        path = [_kappa(values, ratio, lam) for lam in (0.1, 1e-3, 1e-6, 1e-9)]
        excess += [*np.diff(path), k - path[-1], path[-1] / k - 1 - 1e-7]
        excess.append(_formulas(sigma, ratio, 1e-9)["train"].max() - 1e-12)
        gap, error = _ridgeless_gaps(limits, ratio)
        gaps.append(gap.ravel())
        errors.append(error.ravel())
        X = _sample(COPIES[0], ratio, 5, 59)
        excess.append(_fits(X, 0.0)["train"].max() - 1e-12)
    check = in_standard_errors(
        np.zeros(sum(gap.size for gap in gaps)),
        np.concatenate(gaps),
        np.concatenate(errors),
        "d/n = 1.5, 2 and 4, projectors, 250 trials at d = 48 and 96, error and norm of each "
        "coordinate, extrapolated; kappa along four ridges; training errors",
    )
    return _and(check, excess)


def ridgeless_uniform() -> Check:
    """Fits at small ridges against fits at none: in proportion to the ridge, whatever the size."""
    excess = []
    for ratio in (0.5, 2.0):
        sigma, worst = _base(), []
        values = np.linalg.eigvalsh(sigma)
        start = 0.0 if ratio < 1 else _implicit_ridge(values, ratio)
        limit = _formulas(sigma, ratio, 0.0, start)
        for lam in (1e-6, 1e-4, 1e-2, 1.0):
            f = _formulas(sigma, ratio, lam)
            for name in ("test", "train", "norm"):
                excess.append(np.abs(f[name] - limit[name]).max() / lam - 60.0)
        for copies in (4, 8, 16):
            X = _sample(copies, ratio, 40, 60)
            none, largest = _fits(X, 0.0), []
            for lam in (1e-6, 1e-4, 1e-2, 1.0):
                some = _fits(X, lam)
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
        X = _sample(copies, 1.0, 40, 61)
        none, some = (_fits(X, lam)["test"].mean(axis=1) for lam in (0.0, 1e-4))
        rise.append(np.median(np.abs(some - none)) / 1e-4)
    excess.append(2.0 - rise[1] / rise[0])
    setting = "d/n = 1/2 and 2, ridges 1e-6 to 1, d = 24, 48 and 96; and n = d, where it fails"
    return Check(NUMERICAL, max(0.0, *excess), "absolute", 0.0, setting)


def peak() -> Check:
    """Height at n = d for a tiny ridge, and the two flanks, for each coordinate."""
    found, expected = [], []
    for world in (AR1(60, 0.7), Blocks([10, 50], [0.5, 0.1], [3.0, 1.0])):
        values = _eigenvalues(world)
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
    X = _sample(16, 1.0, 60, 62)
    low, high = (_fits(X, lam)["test"].mean() for lam in (3e-3, 3e-2))
    limits = [_formulas(_base(), 1.0, lam)["test"].mean() for lam in (3e-3, 3e-2)]
    return _and(check, [abs(low / high / (limits[0] / limits[1]) - 1) - 0.1])


def large_ridge() -> Check:
    """Series of the test error in 1/kappa, for a generic covariance of three coordinates."""
    matrix = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"S{min(i, j) + 1}{max(i, j) + 1}", real=True))
    u = sp.Symbol("u", positive=True)
    shifted = sp.eye(3) + u * matrix
    # kappa R = adj/det in u = 1/kappa; the determinant cancels in the ratio.
    scaled = shifted.adjugate()
    df2 = u**2 * (matrix * scaled * matrix * scaled).trace() / shifted.det() ** 2
    residuals = []
    for k in range(3):
        error = (scaled * matrix * scaled)[k, k] / scaled[k, k] ** 2 / (1 - df2 / n)
        off = sum(matrix[j, k] ** 2 for j in range(3) if j != k)
        residuals += [
            sp.expand(error.subs(u, 0) - matrix[k, k]),
            sp.expand(sp.diff(error, u).subs(u, 0) + 2 * off),
        ]
    return identity(residuals, "a generic covariance of three coordinates, to first order")


def best_ridge() -> Check:
    """All three parts: on the formulas coordinate by coordinate, and on data."""
    population = symbolic.correlated_pair()
    r, inverse = population.resolvent(), population.matrix.inv()
    ratio = population.d / n
    residuals = []
    for k in range(population.size):
        error = (r * population.matrix * r)[k, k] / r[k, k] ** 2 / (1 - population.df2() / n)
        slope = sp.diff(error, kappa).subs(kappa, 0)
        expected = -2 / inverse[k, k] * population.trace(inverse) / n / (1 - ratio) ** 2
        residuals.append(sp.cancel(slope - expected))
    correlated = (AR1(30, 0.3), power_law(30), Blocks([3, 40], [0.2, 0.0]))
    diagonal = (Isotropic(30), Diagonal(np.geomspace(0.1, 10.0, 30)))
    for worlds, finite in ((correlated, True), (diagonal, False)):
        for world in worlds:
            for size in (60, 15):
                ridge = optimal_ridge(world, size).ridge
                right = (np.isfinite(ridge) and (size < world.d or ridge > 0)) == finite
                residuals.append(sp.Integer(0 if right else 1))
    wrong = _uncorrelated_violations() + _correlated_violations()
    return identity(
        [*residuals, sp.Integer(wrong)],
        "slope at 0 for a generic pair and six coordinates; finite or not for five worlds at two "
        "n; every coordinate along the ridge, formulas and fits, n < d, n = d and n > d",
    )


def _uncorrelated_violations() -> int:
    """Diagonal covariance: each error falls with the ridge, to the variance."""
    sigma, wrong = np.diag(np.geomspace(0.2, 5.0, BASE)), 0
    for ratio in (0.5, 1.0, 2.0):
        ridges = np.geomspace(1e-3, 1e5, 60)
        path = np.array([_formulas(sigma, ratio, lam)["test"] for lam in ridges])
        wrong += int(np.sum(np.diff(path, axis=0) >= 0.0))
        wrong += int(np.sum(np.abs(path[-1] / np.diag(sigma) - 1) > 1e-4))
        # Fits to the same rows at every ridge, averaged over draws and copies.
        rng = np.random.default_rng(63)
        X = rng.standard_normal((60, round(48 / ratio), 48)) * np.tile(np.sqrt(np.diag(sigma)), 8)
        fits = np.array(
            [
                _fits(X, lam, sigma)["test"].reshape(60, 8, BASE).mean(axis=(0, 1))
                for lam in (0.01, 0.1, 1.0, 10.0, 100.0)
            ]
        )
        wrong += int(np.sum(np.diff(fits, axis=0) >= 0.0)) + int(np.sum(fits <= np.diag(sigma)))
    return wrong


def _correlated_violations() -> int:
    """A finite ridge beats an infinite one, and for n >= d a positive one beats none."""
    wrong = 0
    for sigma in (_base(), np.diag(np.geomspace(0.2, 5.0, BASE)) + 0.05):
        variance = np.diag(sigma)
        for ratio in (0.5, 1.0, 2.0):
            path = [_formulas(sigma, ratio, lam)["test"].mean() for lam in np.geomspace(1, 1e5, 40)]
            wrong += not min(path) < variance.mean()
            if ratio > 1:
                continue
            # Each coordinate falls near a ridge of zero, for n < d not always.
            start = np.array([_formulas(sigma, ratio, lam)["test"] for lam in (1e-9, 1e-7, 1e-5)])
            wrong += int(np.sum(np.diff(start, axis=0) >= 0.0))
            if ratio < 1:
                k = np.array([1e-7, 2e-7])
                error = np.array([_formulas(sigma, ratio, 0.0, v)["test"] for v in k])
                inverse = np.linalg.inv(sigma)
                bayes = 1 / np.diag(inverse)
                slope = -2 * bayes * ratio * np.mean(np.diag(inverse)) / (1 - ratio) ** 2
                wrong += int(np.sum(np.abs(np.diff(error, axis=0)[0] / 1e-7 / slope - 1) > 1e-4))
    # On data, for n > d and n = d: a small ridge lowers every error, a finite one the mean.
    for ratio in (0.8, 1.0):
        X = _sample(8, ratio, 200, 64)
        errors = np.array(
            [
                _fits(X, lam)["test"].reshape(200, 8, BASE).mean(axis=(0, 1))
                for lam in (0.003, 0.01, 0.03, 1.0, 1e4)
            ]
        )
        wrong += int(np.sum(np.diff(errors[:3], axis=0) >= 0.0))
        wrong += not errors[3].mean() < errors[4].mean()
    return wrong


def tuned() -> Check:
    """Along n, the tuned error must fall and the best kappa must not rise; count violations."""
    violations = 0
    sizes = np.unique(np.round(np.geomspace(8, 400, 13)).astype(int))
    scaled = Scaled(AR1(40, 0.6), np.geomspace(0.3, 3.0, 40))
    for world in (AR1(40, 0.8), power_law(40), scaled, uneven_spiked(40)):
        best = [optimal_ridge(world, int(size)) for size in sizes]
        violations += int(np.sum(np.diff([b.test_error for b in best]) >= 0.0))
        kappas = np.array([b.kappa for b in best])
        violations += int(np.sum(kappas[1:] > kappas[:-1] * (1.0 + 1e-6)))
    return Check(
        NUMERICAL, float(violations), "exact", 0.0, f"four worlds, {len(sizes)} values of n each"
    )


def isotropic() -> Check:
    return identity(_held(symbolic.isotropic_risk().claims), "closed forms in lambda, gamma, s")


def alike() -> Check:
    """Stationarity for coordinates that are alike: any spectrum, and a circulant matrix."""
    wrong, sides = 0, set()
    sigma = power_law(24).dense()
    values = np.linalg.eigvalsh(sigma)
    for k in np.geomspace(0.03, 30.0, 9):
        r = [np.mean((values + k) ** -float(j)) for j in range(4)]
        v, q, t = (np.mean(values**a / (values + k) ** b) for a, b in ((1, 2), (2, 2), (2, 3)))
        B = k * (r[1] * r[3] - r[2] ** 2) / (r[1] * v)
        ratio, lam = B / (t + B * q), k * v**2 / (r[1] * (t + B * q))
        sides.add(ratio > 1)
        test = [_formulas(sigma, ratio, 0.0, at)["test"] for at in (k, 0.999 * k, 1.001 * k)]
        wrong += not np.allclose(test[0], v / (r[1] ** 2 * (1 - ratio * q)), rtol=1e-10)
        other = [_formulas(sigma, 0.9 * ratio, 0.0, at)["test"] for at in (0.999 * k, 1.001 * k)]
        slope, elsewhere = (np.abs(b / a - 1).max() for a, b in (test[1:], other))
        wrong += not slope < 0.02 * elsewhere
        wrong += not (lam > 0 and np.isclose(_kappa(values, ratio, lam), k, rtol=1e-9))
    wrong += sides != {True, False}
    return identity(
        [*_held(symbolic.best_ridge().claims[:4]), sp.Integer(wrong)],
        "an arbitrary spectral mean r(kappa); a ring of 24 along the curve, n < d and n > d",
    )


CLAIMS = {
    "prop-shrinkage": shrinkage,
    "lem-quotient": quotient,
    "thm-test-error": test_error,
    "lem-population-ridge": population_ridge,
    "thm-train-error": train_error,
    "prop-err-finite-size": finite_size,
    "cor-gcv": gcv,
    "prop-loo": leave_one_out,
    "prop-norm": norm,
    "prop-ridgeless-over": ridgeless_over,
    "prop-ridgeless-exact": ridgeless_over_exact,
    "prop-ridgeless-under": ridgeless_under,
    "prop-ridgeless-uniform": ridgeless_uniform,
    "prop-peak": peak,
    "prop-isotropic": isotropic,
    "prop-large-ridge": large_ridge,
    "prop-best-ridge": best_ridge,
    "prop-tuned": tuned,
    "prop-best-ridge-alike": alike,
}
