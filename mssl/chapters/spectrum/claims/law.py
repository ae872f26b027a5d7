"""The law of the eigenvalues: moments, support, edges, atoms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import sympy as sp
from scipy.integrate import trapezoid
from scipy.optimize import brentq, minimize_scalar

from mssl import symbolic
from mssl.chapters.ledger.checks import NUMERICAL, SIMULATION, Check, in_standard_errors, numerical
from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.spectrum.claims.shared import limit_diagonal, sample, uneven, units_of
from mssl.chapters.spectrum.learned import learned_population
from mssl.chapters.worlds import two_level
from mssl.covariance import Blocks, Diagonal, Isotropic
from mssl.regression import MaskedRegression
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, solve_kappa


def _uneven_blocks() -> Blocks:
    return Blocks([10, 20, 30], [0.5, 0.2, 0.0], [1.0, 2.0, 0.5])


def _eigenvalues(world, n, lam, rng):
    """Eigenvalues of A_hat of one draw, ascending, from the symmetrised matrix."""
    x = world.sample(n, rng)
    q = np.linalg.inv(x.T @ x / n + lam * np.eye(world.d))
    root = np.sqrt(np.diag(q))
    return 1.0 - np.linalg.eigvalsh(q / root / root[:, None])[::-1]


def law() -> Check:
    """Counting function of one draw, n > d and n < d, and the density over single intervals."""
    distances = []
    for world, n in (
        (two_level(400), 700),
        (Blocks([8] * 50, 0.5), 700),
        (Isotropic(400), 500),
        (uneven(400), 200),
    ):
        theory = SSRTheory(world, n, 0.1)
        values = _eigenvalues(world, n, 0.1, np.random.default_rng(57))
        distances.append(kolmogorov_distance(values, theory.spectrum.cdf))
        for low, high in theory.edges.reshape(-1, 2):
            cuts = low + (high - low) * np.array([0.05, 0.35, 0.7, 0.95])
            for x, y in pairwise(cuts):
                grid = np.linspace(x, y, 400)
                mass = trapezoid(theory.density(grid), grid)
                distances.append(abs(np.mean((values > x) & (values <= y)) - mass))
    setting = (
        "counting function and mass of intervals of one draw at d = 400, four worlds, one with "
        "n = d/2"
    )
    return Check(SIMULATION, float(max(distances)), "absolute", 0.015, setting)


def moment() -> Check:
    """Mean square of the eigenvalues: from the law, and extrapolated from draws."""
    lam, trials = 0.3, 60

    def formula(world, n):
        e = solve_kappa(world, n, lam)
        r = e.resolvent.diagonal
        spread = np.sum(e.resolvent.sigma_sandwich / r) / n
        population = np.mean(learned_population(world, n, lam) ** 2)
        return population + e.dkappa_dridge * spread**2 * n / world.d

    for world, n in ((two_level(60), 90), (Blocks([4] * 15, 0.5), 40), (uneven(40), 60)):
        from_law = SSRTheory(world, n, lam).spectrum.moment(2)
        check = numerical(from_law, formula(world, n), "moment of the law", 1e-5)
        if not check.passed:
            return check
    gaps, errors = [], []
    for d in (60, 120):
        values = []
        for aspect in (2 / 3, 2.0):
            n = round(d / aspect)

            def trial(rng, d=d, n=n):
                *_, a = sample(uneven(d), n, lam, rng)
                return np.sum(a * a.T) / d

            seen = np.array(run_trials(trial, trials, 58, n_jobs=1))
            gap = seen.mean() - formula(uneven(d), n)
            values.append((gap, seen.std(ddof=1) / np.sqrt(trials)))
        gaps.append([v[0] for v in values])
        errors.append([v[1] for v in values])
    gaps, errors = np.array(gaps), np.array(errors)
    return in_standard_errors(
        np.zeros(2),
        2.0 * gaps[1] - gaps[0],
        np.hypot(2.0 * errors[1], errors[0]),
        "uneven AR(1), d/n = 2/3 and 2, 60 draws at d = 60 and 120, extrapolated in 1/n; the "
        "law's second moment to 1e-5 in three worlds",
    )


def _isotropic_limits() -> int:
    """How many of the limits at zero ridge SymPy does not confirm."""
    r, var = sp.symbols("r s", positive=True)
    c = 1 / (var * (1 - r**2))
    residuals = [
        sp.simplify(1 - 1 / (c * var * (1 + sign * r) ** 2) - sign * 2 * r / (1 + sign * r))
        for sign in (1, -1)
    ]
    shape = symbolic.isotropic_kappa()
    gamma, lam, s = symbolic.gamma, symbolic.lam, symbolic.s
    weight = shape.kappa / (lam * (s + shape.kappa))
    at = {gamma: sp.Rational(1, 4), s: 3}
    residuals.append(
        sp.limit(sp.simplify(weight.subs(at)), lam, 0, "+") - c.subs({var: 3, r: sp.Rational(1, 2)})
    )
    return sum(1 for x in residuals if sp.simplify(x) != 0)


def _isotropic_package(variance: float, d: int = 100) -> Check:
    """Edges, atom and large ridge by the package."""
    found, expected = [], []
    for n in (250, 40):
        aspect = d / n
        ends = variance * (1 + np.array([-1, 1]) * np.sqrt(aspect)) ** 2
        for lam_ in (0.01, 0.5, 1e6):
            theory = SSRTheory(Isotropic(d, variance), n, lam_)
            w = theory.kappa / (lam_ * (variance + theory.kappa))
            found += list(theory.edges * max(lam_, 1.0))
            expected += list((1.0 - 1.0 / (w * (ends + lam_))) * max(lam_, 1.0))
            if lam_ == 1e6:
                found += list(theory.edges * lam_)
                expected += list(ends - variance)
            if n < d:
                atom = theory.spectrum.atoms[0]
                found += [atom.position, atom.mass]
                expected += [-variance / theory.kappa, 1.0 - n / d]
    for n in (400, 50):
        theory = SSRTheory(Isotropic(d, variance), n, 1e-11)
        root = np.sqrt(d / n)
        if n > d:
            found += list(theory.edges)
            expected += [-2 * root / (1 - root), 2 * root / (1 + root)]
        else:
            found += [theory.edges[0], theory.spectrum.atoms[0].position]
            expected += [1.0, -1.0 / (root**2 - 1.0)]
    return numerical(found, expected, "package at d = 100, n = 250 and 40", 1e-4)


def _isotropic_draws(variance: float) -> float:
    """Both ends and the atom in draws, whose distance from the limit falls like d^-2/3."""
    rng, far = np.random.default_rng(61), []
    for aspect, ridge in ((2.0, 0.3), (0.5, 0.3)):
        off = []
        for d in (100, 400):
            n = round(aspect * d)
            ends = variance * (1 + np.array([-1, 1]) * np.sqrt(d / n)) ** 2
            e = solve_kappa(Isotropic(d, variance), n, ridge)
            c = e.kappa / (ridge * (variance + e.kappa))
            limits = [1.0 - 1.0 / (c * (end + ridge)) for end in ends]
            places, seen = [limits[1], limits[0]], []
            if n < d:
                places.append(-variance / e.kappa)
            for _ in range(3200 // d):
                values = _eigenvalues(Isotropic(d, variance), n, ridge, rng)
                row = [values[-1], values[-n] if n < d else values[0]]
                seen.append([*row, *([values[: d - n].mean()] if n < d else [])])
            off.append(np.mean(seen, axis=0) - places)
        weight = 4.0 ** (2.0 / 3.0)
        gap = (weight * off[1] - off[0]) / (weight - 1.0)
        far.append(np.max(np.abs(gap)) / (limits[1] - limits[0] if n > d else 1.0))
    return float(max(far))


def isotropic() -> Check:
    """SymPy for the limits at zero ridge; the package for edges, atom and large ridge; draws."""
    if left := _isotropic_limits():
        return Check(NUMERICAL, float(left), "exact", 0.0, "limits at zero ridge")
    variance = 1.7
    check = _isotropic_package(variance)
    if not check.passed:
        return check
    setting = (
        "SymPy at zero ridge, package at d = 100; ends and atom of draws at d = 100 and 400, "
        "n = 2d and d/2, extrapolated in d^-2/3"
    )
    return Check(SIMULATION, _isotropic_draws(variance), "of the width", 0.015, setting)


def support() -> Check:
    """Real points are gaps exactly where a real root falls: count the disagreements."""
    wrong, rng = 0, np.random.default_rng(62)
    for sizes, n, lam in ((40, 200, 0.05), (40, 500, 0.3), (40, 30, 0.3)):
        world = Diagonal(np.repeat([0.3, 1.0, 6.0], sizes))
        theory = SSRTheory(world, n, lam)
        weights = limit_diagonal(world, n, lam)
        w, floor = weights * world.diagonal(), lam * weights
        values, index = np.unique(w, return_index=True)
        floors, count = floor[index], sizes
        top = 1.2 / (1.0 - theory.edges[-1])
        for zeta in np.geomspace(0.05, top, 120):
            # F(t) (t w + floor - zeta) ... = 0 is a polynomial in t of degree 4.
            factors = [np.poly1d([v, f - zeta]) for v, f in zip(values, floors, strict=True)]
            product = factors[0] * factors[1] * factors[2]
            total = np.poly1d([1.0, -1.0]) * product
            for i, v in enumerate(values):
                others = np.poly1d([1.0])
                for j, factor in enumerate(factors):
                    if j != i:
                        others = others * factor
                total = total + np.poly1d([count * v / n, 0.0]) * others
            real = np.real(total.roots[np.abs(np.imag(total.roots)) < 1e-9])
            falling = False
            for t in real:
                g = 1.0 / (t * w + floor - zeta)
                slope_t = 1.0 + np.sum(w * g) / n - t * np.sum((w * g) ** 2) / n
                slope_zeta = t * np.sum(w * g * g) / n
                falling |= bool(-slope_zeta / slope_t < 0)
            wrong += falling != (theory.density(1.0 - 1.0 / zeta) == 0.0)
    # Eigenvalues of draws: those of the blocks' means above the gap, the others below it.
    for sizes, n, lam in (([6] * 50, 1800, 0.1), ([6] * 50, 900, 0.3)):
        theory = SSRTheory(Blocks(sizes, 0.8), n, lam)
        values = _eigenvalues(Blocks(sizes, 0.8), n, lam, rng)
        _, low, high, top = theory.edges
        middle = theory.edges[0] + np.array([0.02, -0.02])  # around the lower end
        slack = 0.25 * (high - low)
        inner = values[[-len(sizes) - 1, -len(sizes)]]  # on both sides of the gap
        wrong += int(np.sum(np.abs(inner - [low, high]) > 0.5 * slack))
        wrong += int(np.sum((values > low + slack) & (values < high - slack)))
        wrong += abs(int(np.sum((values > high - slack) & (values < top + slack))) - len(sizes))
        wrong += int(theory.density(middle[1]) > 0.0) + int(theory.density(middle[0]) == 0.0)
    setting = "three variances, 360 real points; two draws of blocks on both sides of a gap"
    return Check(SIMULATION, float(wrong), "points", 0.0, setting)


def edge() -> Check:
    """Minimum of zeta(t) from eigenvalues alone against the package; zeta must be convex."""
    found, expected, rough = [], [], 0
    for world, n, lam in (
        (uneven(60), 90, 0.1),
        (two_level(60), 25, 0.3),
        (_uneven_blocks(), 200, 0),
    ):
        e, zeta = solve_kappa(world, n, lam), _real_curve(world, n, lam)
        grid = np.linspace(1.02, 4.0, 60)
        curve = np.array([zeta(t) for t in grid])
        rough += int(np.sum(np.diff(curve, 2) <= 0.0))
        best = minimize_scalar(zeta, bounds=(1.005, 6.0), method="bounded", options={"xatol": 1e-9})
        found.append(1.0 - 1.0 / best.fun)
        expected.append(SSRTheory(world, n, lam).edges[-1])
        # The density just below the edge grows like a square root.
        theory = SSRTheory(world, n, lam).spectrum.source
        steps = best.fun * (1.0 - np.array([1e-4, 4e-4]))
        heights = theory.density(steps)
        if abs(heights[1] / heights[0] - 2.0) > 0.01:
            rough += 1
        # The constant in front of the square root of Im t, from the curvature at the minimum.
        h, below = 1e-3, 1e-6 * best.fun
        bend = (zeta(best.x + h) - 2.0 * best.fun + zeta(best.x - h)) / h**2
        near = theory.equivalent.solve(np.array([best.fun - below + 0j]))[0] * e.rho
        if abs(near.imag / -np.sqrt(2.0 * below / bend) - 1.0) > 1e-3:
            rough += 1
    if rough:
        return Check(NUMERICAL, float(rough), "violations", 0.0, "convexity or square root")
    check = numerical(found, expected, "minimum against the package", 1e-8)
    if not check.passed:
        return check
    # The largest eigenvalue of draws, n > d and n < d, whose distance falls like d^-2/3.
    found, spread, weight = [], [], 4.0 ** (2.0 / 3.0)
    for aspect in (1.5, 0.5):
        off, error = [], []
        for d, trials in ((60, 400), (240, 100)):
            n, rng = round(aspect * d), np.random.default_rng(63)
            curve = _real_curve(uneven(d), n, 0.2)
            end = minimize_scalar(curve, bounds=(1.005, 12.0), method="bounded").fun
            top = [_eigenvalues(uneven(d), n, 0.2, rng)[-1] for _ in range(trials)]
            ratios = 1.0 / (1.0 - np.array(top)) / end
            off.append(ratios.mean() - 1.0)
            error.append(ratios.std(ddof=1) / np.sqrt(trials))
        found.append((weight * off[1] - off[0]) / (weight - 1.0))
        spread.append(np.hypot(weight * error[1], error[0]) / (weight - 1.0))
    return in_standard_errors(
        np.zeros(2),
        found,
        spread,
        "three worlds at d = 60, minimum against the package; largest eigenvalue of draws at "
        "d = 60 and 240, n = 1.5 d and d/2, extrapolated in d^-2/3",
    )


def _real_curve(world, n, lam):
    """zeta(t) for t > 1, from the eigenvalues of t Sigma_D + lam D."""
    e = solve_kappa(world, n, lam)
    root = np.sqrt(e.resolvent.diagonal / e.rho)
    sigma_d = root[:, None] * world.dense() * root
    floor = np.diag(e.kappa * e.resolvent.diagonal)

    def zeta(t):
        values, vectors = np.linalg.eigh(t * sigma_d + floor)
        mass = np.einsum("ji,jk,ki->i", vectors, sigma_d, vectors, optimize=True) / n
        return brentq(
            lambda z: np.sum(mass / (z - values)) - 1.0 + 1.0 / t,
            values[-1] * (1 + 1e-12),
            values[-1] * 1e5,
            xtol=1e-13,
        )

    return zeta


def ridge_ends() -> Check:
    rng = np.random.default_rng(59)
    x = uneven(12).sample(20, rng)
    s = x.T @ x / 20
    lam = 1e7
    found = [lam * MaskedRegression(ridge=lam).fit(x).coef_]
    expected = [s - np.diag(np.diag(s))]
    x = uneven(12).sample(5, rng)
    p = np.eye(12) - np.linalg.pinv(x) @ x
    limit = np.eye(12) - p / np.diag(p)
    found.append(MaskedRegression(ridge=1e-8).fit(x).coef_)
    expected.append(limit)
    values = np.sort(np.linalg.eigvals(limit).real)
    found.append(values[-5:])
    expected.append(np.ones(5))
    if values[-6] > 1e-9:
        return numerical(values[-6], 0.0, "another eigenvalue than the n ones is positive")
    return numerical(
        np.concatenate([f.ravel() for f in found]),
        np.concatenate([f.ravel() for f in expected]),
        "d = 12, n = 20 at ridge 1e7 and n = 5 at ridge 1e-8",
        1e-5,
    )


def atoms() -> Check:
    """Multiplicity in a sample with the limit of D, and the mass just above the real axis."""
    found, expected = [], []
    world, n, lam = two_level(60), 12, 0.2
    weights, sigma_d, floor = units_of(world, n, lam)
    e = solve_kappa(world, n, lam)
    x = world.sample(n, np.random.default_rng(60))
    root = np.sqrt(weights)
    values = np.linalg.eigvalsh(root[:, None] * (x.T @ x / n + lam * np.eye(60)) * root)
    package = sorted(a.position for a in SSRTheory(world, n, lam).spectrum.atoms)
    places = np.unique(np.round(lam * weights, 12))
    for place, listed in zip(places, package, strict=True):
        found.append(np.mean(np.abs(values / place - 1.0) < 1e-9))
        expected.append((30 - n) / 60)
        height = 1e-7
        t = _solve_small(sigma_d, floor, n, place + 1j * height, height)
        g = np.linalg.inv(t * sigma_d + floor - (place + 1j * height) * np.eye(60))
        found.append(height * np.trace(g).imag / 60)
        expected.append((30 - n) / 60)
        k = int(np.argmin(np.abs(lam * weights - place)))
        share = world.diagonal()[k] * e.resolvent.diagonal[k]
        found.append(listed)
        expected.append(-share / (e.kappa * e.resolvent.diagonal[k]))
    setting = "two variances, d = 60, n = 12: one draw, the limit near the axis, the package"
    return numerical(found, expected, setting, 1e-4)


def _solve_small(sigma_d, floor, n, zeta, height):
    """Newton's method for t close to an atom, from the left of its concave rise."""
    t, eye = -1e-6j * height, np.eye(len(sigma_d))
    for _ in range(200):
        sg = sigma_d @ np.linalg.inv(t * sigma_d + floor - zeta * eye)
        value = t - 1.0 + t * np.trace(sg) / n
        slope = 1.0 + np.trace(sg) / n - t * np.sum(sg * sg.T) / n
        t = t - value / slope
        if abs(value) < 1e-10:
            return t if t.imag < 0 else np.nan
    return np.nan


CLAIMS = {
    "cor-spec-law": law,
    "prop-spec-moment": moment,
    "prop-spec-isotropic": isotropic,
    "prop-spec-support": support,
    "thm-spec-edge": edge,
    "prop-spec-ridge": ridge_ends,
    "prop-spec-atoms": atoms,
}
