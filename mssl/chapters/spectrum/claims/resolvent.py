"""The resolvent of the learned matrix and its equivalent."""

from __future__ import annotations

import numpy as np

from mssl.chapters.ledger.checks import NUMERICAL, Check, in_standard_errors, numerical
from mssl.chapters.spectrum.claims.shared import limit_diagonal, sample, uneven, units_of
from mssl.chapters.worlds import two_level
from mssl.covariance import AR1, Blocks, Circulant, Isotropic
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory, solve_kappa


def _solve_t(sigma_d, floor, n, zeta, start: complex = 1.0):
    """Root of the equation for t at one complex zeta, by the iteration of the chapter."""
    t, eye = complex(start), np.eye(len(sigma_d))
    for _ in range(4000):
        delta = np.trace(sigma_d @ np.linalg.inv(t * sigma_d + floor - zeta * eye)) / n
        new = 1.0 / (1.0 + delta)
        if abs(new - t) < 1e-13:
            return new
        t = new
    return np.nan


def resolvent_map() -> Check:
    rng, lam, found, expected = np.random.default_rng(51), 0.2, [], []
    for n in (20, 7):
        s, q, diagonal, a = sample(uneven(12), n, lam, rng)
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
    for world, n in ((two_level(40), 80), (uneven(40), 30), (Blocks([4] * 10, 0.5), 60)):
        lam = 0.3
        limit = limit_diagonal(world, n, lam)
        beta = np.linalg.eigvalsh(world.dense())[-1] / lam
        for _ in range(10):
            _, q, diagonal, a = sample(world, n, lam, rng)
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
            limit = limit_diagonal(world, n, lam)
            if np.ptp(limit) > 1e-9 * limit[0]:
                return numerical(limit, limit[0], "coordinates are not alike")
            s, q, diagonal, a = sample(world, n, lam, rng)
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
    for world, n in ((two_level(10), 6), (uneven(12), 30)):
        lam = 0.4
        e = solve_kappa(world, n, lam)
        ensemble = SSRTheory(world, n, lam).spectrum.source.equivalent
        _, sigma_d, floor = units_of(world, n, lam)
        for zeta in (0.5 + 0.5j, 2.0 + 0.7j, -1.0 + 0.1j, 6.0 + 1.0j):
            root = ensemble.solve(np.array([zeta]))[0] * e.rho
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


RIDGE = 0.3


def _complex_check(measure, limit, sizes, trials, seed, setting, powers) -> Check:
    """Means of complex forms in standard errors, for n > d and n < d, and powers of the scatter.

    Both functions are given a world, the number of its samples and the limit of its D at RIDGE.

    `powers` names the proved power of 1/d of each form's root mean square deviation; one that is
    off by more than 0.2 counts as 100 standard errors.
    """
    found, spread = [], []
    for aspect in (1.5, 0.5):
        gaps, errors, sizes_seen = [], [], []
        for d in sizes:
            n = round(aspect * d)
            world, rng = uneven(d), np.random.default_rng(seed)
            weights = limit_diagonal(world, n, RIDGE)
            expected = np.array([_entries(m, d) for m in limit(world, n, weights)])
            seen = np.array([measure(world, n, weights, g) for g in rng.spawn(trials)])
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
    points, lam = (0.6 + 0.3j, 1.5 + 0.5j, -0.5 + 0.1j), RIDGE

    def limit(world, n, weights):
        root = np.sqrt(weights)
        sigma_d = root[:, None] * world.dense() * root
        return [_root_of_t(sigma_d, lam * weights - z, n)[1] for z in points]

    def measure(world, n, _, rng):
        s, _, diagonal, _ = sample(world, n, lam, rng)
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
    points, lam = (4.0 + 1.5j, 1.0 + 0.7j), RIDGE

    def limit(world, n, weights):
        found = []
        for zeta in points:
            shift = lam - zeta / weights
            if shift.real.min() > 0:
                return [np.full((world.d, world.d), np.nan)] * len(points)
            t, r = _root_of_t(world.dense(), shift, n)
            bounded = np.linalg.norm(r, 2) <= 1.0 / (zeta.imag * lam)
            found.append(r if t.imag < 0 and bounded else np.full_like(r, np.nan))
        return found

    def measure(world, n, weights, rng):
        s, *_ = sample(world, n, lam, rng)
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
    lam = RIDGE

    def points(world):
        beta = np.linalg.eigvalsh(world.dense())[-1] / lam
        return (0.2 + 0.5j, -1.0 + 0.6j, -beta - 1.0, 1.6)

    def limit(world, n, weights):
        eye, found = np.eye(world.d), []
        for z in points(world):
            t, _ = _root_of_t(world.dense(), lam - 1.0 / (1.0 - z) / weights, n)
            a_z = eye - np.linalg.inv(t * world.dense() + lam * eye) / weights
            found.append(np.linalg.inv(a_z - z * eye))
        return found

    def measure(world, n, _, rng):
        _, q, diagonal, a = sample(world, n, lam, rng)
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


CLAIMS = {
    "prop-spec-map": resolvent_map,
    "prop-spec-units": units,
    "lem-spec-diagonal": replaced_diagonal,
    "cor-spec-pca": alike,
    "prop-spec-branch": branch,
    "thm-spec-equivalent": equivalent,
    "lem-spec-complex": definite_imaginary_part,
    "thm-spec-resolvent": learned_resolvent,
}
