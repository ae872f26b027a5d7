"""Checks of the claims of the chapter on the spectrum of the learned matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import sympy as sp
from scipy.integrate import trapezoid
from scipy.optimize import brentq, minimize_scalar

from mssl import symbolic
from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.spectrum.learned import learned_population
from mssl.chapters.worlds import two_level
from mssl.covariance import AR1, Blocks, Circulant, Diagonal, Isotropic, Scaled
from mssl.regression import MaskedRegression
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, solve_kappa
from tests.ledger.core import NUMERICAL, SIMULATION, Check, in_standard_errors, numerical


def _uneven(d: int) -> Scaled:
    return Scaled(AR1(d, 0.5), np.geomspace(0.5, 2.0, d))


def _uneven_blocks() -> Blocks:
    return Blocks([10, 20, 30], [0.5, 0.2, 0.0], [1.0, 2.0, 0.5])


def _sample(world, n, lam, rng):
    """S, Q, its diagonal and A_hat of one draw, by plain linear algebra."""
    x = world.sample(n, rng)
    s = x.T @ x / n
    q = np.linalg.inv(s + lam * np.eye(world.d))
    diagonal = np.diag(q).copy()
    return s, q, diagonal, np.eye(world.d) - q / diagonal


def _eigenvalues(world, n, lam, rng):
    """Eigenvalues of A_hat of one draw, ascending, from the symmetrised matrix."""
    x = world.sample(n, rng)
    q = np.linalg.inv(x.T @ x / n + lam * np.eye(world.d))
    root = np.sqrt(np.diag(q))
    return 1.0 - np.linalg.eigvalsh(q / root / root[:, None])[::-1]


def _limit_diagonal(world, n, lam):
    e = solve_kappa(world, n, lam)
    return e.resolvent.diagonal / e.shrinkage


def _solve_t(sigma_d, floor, n, zeta, start=1.0):
    """Root of the equation for t at one complex zeta, by the iteration of the chapter."""
    t, eye = complex(start), np.eye(len(sigma_d))
    for _ in range(4000):
        delta = np.trace(sigma_d @ np.linalg.inv(t * sigma_d + floor - zeta * eye)) / n
        new = 1.0 / (1.0 + delta)
        if abs(new - t) < 1e-13:
            return new
        t = new
    return np.nan


def _units(world, n, lam):
    weights = _limit_diagonal(world, n, lam)
    root = np.sqrt(weights)
    return weights, root[:, None] * world.dense() * root, np.diag(lam * weights)


def resolvent_map() -> Check:
    rng, lam, found, expected = np.random.default_rng(51), 0.2, [], []
    for n in (20, 7):
        s, q, diagonal, a = _sample(_uneven(12), n, lam, rng)
        root = np.sqrt(diagonal)
        m = root[:, None] * (s + lam * np.eye(12)) * root
        found.append(np.sort(np.linalg.eigvals(a).real))
        expected.append(1.0 - 1.0 / np.linalg.eigvalsh(m))
        for z in (0.3 + 0.4j, -1.5 + 0.01j, 1.7):
            zeta = 1.0 / (1.0 - z)
            inner = zeta * np.eye(12) + zeta**2 * np.linalg.inv(m - zeta * np.eye(12))
            found.append(np.linalg.inv(a - z * np.eye(12)).ravel())
            expected.append((root[:, None] * inner / root).ravel())
        partial = -q / np.sqrt(np.outer(diagonal, diagonal))
        np.fill_diagonal(partial, 0.0)
        found.append((a / root[:, None] * root).ravel())
        expected.append(partial.ravel())
    return numerical(
        np.concatenate(found),
        np.concatenate(expected),
        "d = 12, n = 20 and 7, three complex points",
    )


def units() -> Check:
    rng = np.random.default_rng(52)
    x = AR1(15, 0.6).sample(40, rng)
    factors = rng.choice([-1.0, 1.0], 15) * np.exp(2.0 * rng.normal(size=15))
    found, expected = (
        np.sort(np.linalg.eigvals(MaskedRegression(ridge=0.0).fit(y).coef_).real)
        for y in (x * factors, x)
    )
    return numerical(found, expected, "d = 15, n = 40, units over four decades", 1e-7)


def replaced_diagonal() -> Check:
    """Largest ratio of a deviation to its bound; at most one if the lemma holds."""
    ratios, rng = [], np.random.default_rng(53)
    for world, n in ((two_level(40), 80), (_uneven(40), 30), (Blocks([4] * 10, 0.5), 60)):
        lam = 0.3
        limit = _limit_diagonal(world, n, lam)
        beta = np.linalg.eigvalsh(world.dense())[-1] / lam
        for _ in range(10):
            _, q, diagonal, a = _sample(world, n, lam, rng)
            epsilon = np.max(np.abs(limit / diagonal - 1.0))
            values = np.sort(np.linalg.eigvals(a).real)
            inverse = q / np.sqrt(np.outer(limit, limit))
            others = np.sort(1.0 - np.linalg.eigvalsh(inverse))
            ratios.append(np.max(np.abs(values - others) / (epsilon * (1.0 - others))))
            ratios.append(np.max((1.0 - others) / (1.0 + beta)))
            gap = np.linalg.norm(q / np.sqrt(np.outer(diagonal, diagonal)) - inverse, 2)
            ratios.append(gap / (epsilon * (2.0 + epsilon) * (1.0 + beta)))
    setting = "largest ratio of deviation to bound, three worlds at d = 40, 10 draws each"
    return Check(NUMERICAL, float(max(ratios)), "of the bound", 1.0, setting)


def alike() -> Check:
    """Distance from a function of S against its bound, for white noise and a ring."""
    ratios, rng, lam = [], np.random.default_rng(54), 0.3
    distance = np.minimum(np.arange(48), 48 - np.arange(48))
    for world in (Isotropic(48), Circulant(0.6**distance)):
        beta = np.linalg.eigvalsh(world.dense())[-1] / lam
        for n in [70] * 10 + [30] * 10:
            limit = _limit_diagonal(world, n, lam)
            if np.ptp(limit) > 1e-9 * limit[0]:
                return numerical(limit, limit[0], "coordinates are not alike")
            s, q, diagonal, a = _sample(world, n, lam, rng)
            epsilon = np.max(np.abs(limit / diagonal - 1.0))
            root = np.sqrt(diagonal)
            symmetric = a / root[:, None] * root
            gap = np.linalg.norm(symmetric - (np.eye(48) - q / limit[0]), 2)
            ratios.append(gap / (epsilon * (2.0 + epsilon) * (1.0 + beta)))
            mapped = 1.0 - 1.0 / (limit[0] * (np.linalg.eigvalsh(s) + lam))
            shift = np.abs(np.sort(np.linalg.eigvals(a).real) - mapped)
            ratios.append(np.max(shift / (epsilon * (1.0 - mapped))))
    setting = (
        "largest ratio of deviation to bound, two worlds, d = 48, n = 70 and 30, 10 draws each"
    )
    return Check(NUMERICAL, float(max(ratios)), "of the bound", 1.0, setting)


def branch() -> Check:
    """The iteration from many starts reaches the root of the package, in the right half-plane."""
    found, expected, rng = [], [], np.random.default_rng(55)
    for world, n in ((two_level(10), 6), (_uneven(12), 30)):
        lam = 0.4
        e = solve_kappa(world, n, lam)
        ensemble = SSRTheory(world, n, lam).spectrum.source.ensemble
        _, sigma_d, floor = _units(world, n, lam)
        for zeta in (0.5 + 0.5j, 2.0 + 0.7j, -1.0 + 0.1j, 6.0 + 1.0j):
            root = ensemble.solve(np.array([zeta]))[0] * e.shrinkage
            g = np.linalg.inv(root * sigma_d + floor - zeta * np.eye(world.d))
            bound = min(1.0 / zeta.imag, -1.0 / zeta.real if zeta.real < 0 else np.inf)
            if not root.imag < 0 or np.linalg.norm(g, 2) > bound:
                return numerical(root.imag, -1.0, "wrong half-plane, or G above its bound")
            for start in (1.0, 5.0 - 0.1j, *(rng.normal(size=3) - 2j * rng.random(3))):
                found.append(_solve_t(sigma_d, floor, n, zeta, start))
                expected.append(root)
    setting = "two worlds, four complex points, five starts each, against Newton's method"
    return numerical(found, expected, setting, 1e-9)


def _root_of_t(sigma, shift, n):
    """t and (t Sigma + shift)^-1 for a complex diagonal shift, by the iteration of the chapter."""
    t = 1.0 + 0.0j
    for _ in range(4000):
        r = np.linalg.inv(t * sigma + np.diag(shift))
        new = 1.0 / (1.0 + np.trace(sigma @ r) / n)
        if abs(new - t) < 1e-13:
            return new, r
        t = new
    return np.nan, np.full_like(sigma, np.nan, dtype=complex)


def _entries(matrix, d):
    """Five means over lines of the matrix, a form in the flat vector, and three entries."""
    m, ramp = matrix, np.linspace(-1.0, 2.0, d)
    return np.array(
        [
            np.trace(m) / d,
            np.diagonal(m) @ ramp / d,
            np.diagonal(m, 1) @ ramp[1:] / d,
            np.diagonal(m, -1) @ ramp[1:] / d,
            np.diagonal(m, 2) @ ramp[2:] / d,
            m.sum() / d,
            m[d // 2, d // 2],
            m[d // 2, d // 2 + 1],
            m[d - 1, d - 2],
        ]
    )


def _complex_check(measure, limit, sizes, trials, seed, setting, powers) -> Check:
    """Means of complex forms in standard errors, for n > d and n < d, and powers of the scatter.

    `powers` names the proved power of 1/d of each form's root mean square deviation; one that is
    off by more than 0.2 counts as 100 standard errors.
    """
    found, spread = [], []
    for aspect in (1.5, 0.5):
        gaps, errors, sizes_seen = [], [], []
        for d in sizes:
            n = round(aspect * d)
            rng = np.random.default_rng(seed)
            expected = np.array([_entries(m, d) for m in limit(_uneven(d), n)])
            seen = np.array([measure(_uneven(d), n, g) for g in rng.spawn(trials)])
            off = seen - expected
            gaps.append(off.mean(axis=0))
            sizes_seen.append(np.sqrt(np.mean(np.abs(off) ** 2, axis=0)))
            errors.append(off.std(axis=0, ddof=1) / np.sqrt(2.0 * trials))
        gap = (8.0 * gaps[2] - 6.0 * gaps[1] + gaps[0]) / 3.0
        error = np.sqrt(64 * errors[2] ** 2 + 36 * errors[1] ** 2 + errors[0] ** 2) / 3.0
        # A real z leaves no imaginary part; each part is held against the error of both.
        found += [gap.real.ravel(), gap.imag.ravel()]
        spread += [1.5 * error.ravel()] * 2
        slope = np.log2(sizes_seen[0] / sizes_seen[2]).mean(axis=0) / 2.0
        wrong = np.abs(slope - powers) > 0.2
        found.append(np.resize(np.where(wrong, 100.0, 0.0), found[-1].size))
        spread.append(np.ones_like(found[-1]))
    return in_standard_errors(np.zeros_like(found), found, spread, setting)


HALF_OR_ONE = np.array([1.0] * 5 + [0.5] * 4)


def equivalent() -> Check:
    """Bilinear forms and trace of (M - zeta)^-1."""
    points, lam = (0.6 + 0.3j, 1.5 + 0.5j, -0.5 + 0.1j), 0.3

    def limit(world, n):
        weights = _limit_diagonal(world, n, lam)
        root = np.sqrt(weights)
        sigma_d = root[:, None] * world.dense() * root
        return [_root_of_t(sigma_d, lam * weights - z, n)[1] for z in points]

    def measure(world, n, rng):
        s, _, diagonal, _ = _sample(world, n, lam, rng)
        root = np.sqrt(diagonal)
        m = root[:, None] * (s + lam * np.eye(world.d)) * root
        return [_entries(np.linalg.inv(m - z * np.eye(world.d)), world.d) for z in points]

    return _complex_check(
        measure,
        limit,
        (24, 48, 96),
        200,
        56,
        "uneven AR(1), n = 1.5 d and d/2, 3 complex points, five means over lines and 4 bilinear "
        "forms, real and imaginary parts, 200 draws at d = 24, 48, 96, extrapolated in 1/n; powers",
        HALF_OR_ONE,
    )


def definite_imaginary_part() -> Check:
    """(S + Lambda)^-1 where only the imaginary part of the shift is definite."""
    points, lam = (4.0 + 1.5j, 1.0 + 0.7j), 0.3

    def limit(world, n):
        weights = _limit_diagonal(world, n, lam)
        found = []
        for zeta in points:
            shift = lam - zeta / weights
            if shift.real.min() > 0:
                return [np.full((world.d, world.d), np.nan)] * len(points)
            t, r = _root_of_t(world.dense(), shift, n)
            bounded = np.linalg.norm(r, 2) <= 1.0 / (zeta.imag * lam)
            found.append(r if t.imag < 0 and bounded else np.full_like(r, np.nan))
        return found

    def measure(world, n, rng):
        s, *_ = _sample(world, n, lam, rng)
        weights = _limit_diagonal(world, n, lam)
        found = []
        for zeta in points:
            q = np.linalg.inv(s + np.diag(lam - zeta / weights))
            # A singular value costs more than all else, so the bound is checked where d is small.
            too_large = world.d < 30 and np.linalg.norm(q, 2) > 1.0 / (zeta.imag * lam)
            found.append(_entries(np.nan * q if too_large else q, world.d))
        return found

    return _complex_check(
        measure,
        limit,
        (24, 48, 96),
        300,
        71,
        "uneven AR(1), n = 1.5 d and d/2, two points, five means over lines and 4 bilinear forms, "
        "300 draws at d = 24, 48 and 96, extrapolated in 1/n; powers and bounds",
        HALF_OR_ONE,
    )


def learned_resolvent() -> Check:
    """(A_hat - z)^-1 itself: in the bulk off the axis, left of the spectrum and right of it."""
    lam = 0.3

    def points(world):
        beta = np.linalg.eigvalsh(world.dense())[-1] / lam
        return (0.2 + 0.5j, -1.0 + 0.6j, -beta - 1.0, 1.6)

    def limit(world, n):
        weights, eye = _limit_diagonal(world, n, lam), np.eye(world.d)
        found = []
        for z in points(world):
            t, _ = _root_of_t(world.dense(), lam - 1.0 / (1.0 - z) / weights, n)
            a_z = eye - np.linalg.inv(t * world.dense() + lam * eye) / weights
            found.append(np.linalg.inv(a_z - z * eye))
        return found

    def measure(world, n, rng):
        _, q, diagonal, a = _sample(world, n, lam, rng)
        inverse = np.linalg.eigvalsh(q / np.sqrt(np.outer(diagonal, diagonal)))
        inside = points(world)[2] + 0.5 <= 1.0 - inverse[-1] and inverse[0] > 0.0
        a = a if inside else np.full_like(a, np.nan)
        found = [np.linalg.inv(a - z * np.eye(world.d)) for z in points(world)]
        return [_entries(m, world.d) for m in found]

    return _complex_check(
        measure,
        limit,
        (24, 48, 96),
        250,
        72,
        "uneven AR(1), n = 1.5 d and d/2, two complex z, one real on each side of the spectrum, "
        "five means over lines and 4 bilinear forms, 250 draws at d = 24, 48 and 96, extrapolated "
        "in 1/n; powers",
        HALF_OR_ONE,
    )


def law() -> Check:
    """Counting function of one draw, n > d and n < d, and the density over single intervals."""
    distances = []
    for world, n in (
        (two_level(400), 700),
        (Blocks([8] * 50, 0.5), 700),
        (Isotropic(400), 500),
        (_uneven(400), 200),
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

    for world, n in ((two_level(60), 90), (Blocks([4] * 15, 0.5), 40), (_uneven(40), 60)):
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
                *_, a = _sample(_uneven(d), n, lam, rng)
                return np.sum(a * a.T) / d

            seen = np.array(run_trials(trial, trials, 58, n_jobs=1))
            gap = seen.mean() - formula(_uneven(d), n)
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


def isotropic() -> Check:
    """SymPy for the limits at zero ridge; the package for edges, atom and large ridge."""
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
    failed = sum(1 for x in residuals if sp.simplify(x) != 0)
    if failed:
        return Check(NUMERICAL, float(failed), "exact", 0.0, "limits at zero ridge")
    found, expected, variance, d = [], [], 1.7, 100
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
    check = numerical(found, expected, "package at d = 100, n = 250 and 40", 1e-4)
    if not check.passed:
        return check
    # Both ends and the atom in draws, whose distance from the limit falls like d^-2/3.
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
    setting = (
        "SymPy at zero ridge, package at d = 100; ends and atom of draws at d = 100 and 400, "
        "n = 2d and d/2, extrapolated in d^-2/3"
    )
    return Check(SIMULATION, float(max(far)), "of the width", 0.015, setting)


def support() -> Check:
    """Real points are gaps exactly where a real root falls: count the disagreements."""
    wrong, rng = 0, np.random.default_rng(62)
    for sizes, n, lam in ((40, 200, 0.05), (40, 500, 0.3), (40, 30, 0.3)):
        world = Diagonal(np.repeat([0.3, 1.0, 6.0], sizes))
        theory = SSRTheory(world, n, lam)
        weights = _limit_diagonal(world, n, lam)
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
            real = total.roots[np.abs(total.roots.imag) < 1e-9].real
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
        (_uneven(60), 90, 0.1),
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
        near = theory.ensemble.solve(np.array([best.fun - below + 0j]))[0] * e.shrinkage
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
            curve = _real_curve(_uneven(d), n, 0.2)
            end = minimize_scalar(curve, bounds=(1.005, 12.0), method="bounded").fun
            top = [_eigenvalues(_uneven(d), n, 0.2, rng)[-1] for _ in range(trials)]
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
    root = np.sqrt(e.resolvent.diagonal / e.shrinkage)
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
    x = _uneven(12).sample(20, rng)
    s = x.T @ x / 20
    lam = 1e7
    found = [lam * MaskedRegression(ridge=lam).fit(x).coef_]
    expected = [s - np.diag(np.diag(s))]
    x = _uneven(12).sample(5, rng)
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
    weights, sigma_d, floor = _units(world, n, lam)
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
    "prop-spec-map": resolvent_map,
    "prop-spec-units": units,
    "lem-spec-diagonal": replaced_diagonal,
    "cor-spec-pca": alike,
    "prop-spec-branch": branch,
    "thm-spec-equivalent": equivalent,
    "lem-spec-complex": definite_imaginary_part,
    "thm-spec-resolvent": learned_resolvent,
    "cor-spec-law": law,
    "prop-spec-moment": moment,
    "prop-spec-isotropic": isotropic,
    "prop-spec-support": support,
    "thm-spec-edge": edge,
    "prop-spec-ridge": ridge_ends,
    "prop-spec-atoms": atoms,
}
