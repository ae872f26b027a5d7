"""Checks of the claims of the chapter "Random matrices in one chapter"."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi2

from mssl import symbolic
from mssl.covariance import AR1, Blocks, Dense, Spiked
from mssl.theory import solve_kappa
from tests.ledger.core import (
    NUMERICAL,
    SYMPY,
    Check,
    in_standard_errors,
    numerical,
    relative,
)


def _population(d, seed=0):
    """A covariance without structure, its symmetric root, and a shift that is not diagonal."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((d, 2 * d))
    sigma = factor @ factor.T / (2 * d)
    values, vectors = np.linalg.eigh(sigma)
    other = rng.standard_normal((d, d))
    shift = 0.3 * np.eye(d) + other @ other.T / (4 * d)
    return sigma, (vectors * np.sqrt(values)) @ vectors.T, shift


def _equivalent(sigma, shift, n):
    """t and R_t by bisection, without the solver of the package."""

    def g(t):
        return t * (1 + np.trace(np.linalg.solve(t * sigma + shift, sigma)) / n) - 1

    t = brentq(g, 0.0, 1.0, xtol=1e-15)
    return t, np.linalg.inv(t * sigma + shift)


def _mean_and_error(values):
    values = np.asarray(values)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _excess(found, bound):
    """By how much the largest of several values passes its bound, relative to the bound."""
    return float(np.max(np.asarray(found) / np.asarray(bound)) - 1.0)


def _and(check, excess):
    """The check, failed if one of several excesses over a bound is positive."""
    return replace(check, deviation=np.inf) if max(excess) > 0.0 else check


def quadratic_form():
    # Gauss-Hermite quadrature with 6 nodes is exact up to degree 11, so these are not estimates.
    d = 3
    sigma, root, _ = _population(d, 1)
    rng = np.random.default_rng(2)
    M, N = rng.standard_normal((2, d, d))
    symmetric = M + M.T
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    z = np.stack(np.meshgrid(*[nodes] * d), axis=-1).reshape(-1, d)
    w = np.prod(np.stack(np.meshgrid(*[weights] * d), axis=-1), axis=-1).ravel()
    w /= w.sum()
    x = z @ root

    def form(matrix):
        return np.einsum("ni,ij,nj->n", x, matrix, x)

    product = sigma @ symmetric
    mean, covariance = w @ form(M), w @ (form(M) * form(N)) - (w @ form(M)) * (w @ form(N))
    fourth = w @ (form(symmetric) - np.trace(product)) ** 4
    square = product @ product
    found = [mean, covariance, fourth]
    expected = [
        np.trace(sigma @ M),
        np.trace(sigma @ M @ sigma @ N) + np.trace(sigma @ M @ sigma @ N.T),
        12 * np.trace(square) ** 2 + 48 * np.trace(square @ square),
    ]
    worst = max(abs(f / e - 1) for f, e in zip(found, expected, strict=True))
    bound = max(0.0, _excess(fourth, 60 * np.trace(square) ** 2))
    return Check(NUMERICAL, max(worst, bound), "relative", 1e-10, "Gauss-Hermite quadrature, d = 3")


def sample_covariance():
    n, d, trials = 60, 40, 400
    sigma, root, _ = _population(d, 3)
    x = np.random.default_rng(4).standard_normal((trials, n, d)) @ root
    s = x.transpose(0, 2, 1) @ x / n
    mean, error = _mean_and_error(np.sum((s - sigma) ** 2, axis=(1, 2)))
    expected = (np.trace(sigma) ** 2 + np.trace(sigma @ sigma)) / n
    return in_standard_errors(expected, mean, error, "dense, n = 60, d = 40, 400 draws")


def resolvent_bounds():
    # Both bounds are attained: at S = 0, and where S equals the shift.
    _, _, shift = _population(6, 5)
    inverse = np.linalg.inv(shift)
    rng = np.random.default_rng(6)
    excess = []
    for scale in (0.0, 0.01, 1.0, 100.0):
        factor = rng.standard_normal((6, 9))
        s = scale * factor @ factor.T
        q = np.linalg.inv(s + shift)
        excess += [
            np.linalg.eigvalsh(q - inverse)[-1],
            np.linalg.eigvalsh(q @ s @ q - inverse / 4)[-1],
        ]
    q = np.linalg.inv(2 * shift)
    excess.append(np.abs(q @ shift @ q - inverse / 4).max())
    return Check(
        NUMERICAL, max(0.0, *excess), "absolute", 1e-10, "four random S and S = Lambda, d = 6"
    )


def inversion():
    # An atom at the left end, one inside, and a uniform part that sticks out at the right.
    eta = 1e-6

    def im_m(s):
        z = s + 1j * eta
        uniform = np.log((2.0 - z) / (1.0 - z))
        return (0.3 / (0.5 - z) + 0.2 / (0.8 - z) + 0.5 * uniform).imag

    # The integrand has peaks of width eta, so the break points close in on the atoms.
    steps = np.concatenate([-np.geomspace(0.2, eta / 10, 30), np.geomspace(eta / 10, 0.2, 30)])
    points = np.unique(np.concatenate([0.5 + steps, 0.8 + steps, 1.0 + steps, [0.5, 1.7]]))
    points = points[(points >= 0.5) & (points <= 1.7)]
    total = sum(quad(im_m, *pair)[0] for pair in pairwise(points))
    expected = 0.3 / 2 + 0.2 + 0.5 * 0.7
    found = [total / np.pi, eta * im_m(0.5)]
    return numerical(found, [expected, 0.3], "atoms and a density, eta = 1e-6", tolerance=1e-4)


def removed_row():
    n, d = 12, 8
    _, root, shift = _population(d, 7)
    X = np.random.default_rng(8).standard_normal((n, d)) @ root
    q = np.linalg.inv(X.T @ X / n + shift)
    q_less = np.linalg.inv(X[1:].T @ X[1:] / n + shift)
    u = q_less @ X[0]
    zeta = X[0] @ u / n
    found = np.column_stack([q, q @ X[0]])
    expected = np.column_stack([q_less - np.outer(u, u) / n / (1 + zeta), u / (1 + zeta)])
    return numerical(found, expected, "dense, n = 12, d = 8")


def fixed_point():
    excess = []
    populations = [(n, *_population(20, n)[::2]) for n in (5, 20, 80)]
    populations.append((1, 0.05 * np.eye(20), np.eye(20)))  # t is near its lower bound
    for n, sigma, shift in populations:
        low = np.linalg.eigvalsh(shift)[0]
        t, _ = _equivalent(sigma, shift, n)
        beta, gamma = np.linalg.norm(sigma, 2) / low, 20 / n
        grid = np.linspace(0.0, 1.0, 201)
        r_sigma = np.linalg.solve(grid[:, None, None] * sigma + shift, sigma)
        g = grid * (1 + np.trace(r_sigma, axis1=1, axis2=2) / n) - 1
        excess += [
            float(np.max(1 - np.diff(g) / np.diff(grid))),  # slope at least one
            float(np.max(np.abs(grid - t) - np.abs(g))),  # stability
            1 / (1 + gamma * beta) - t,
            abs(np.sum(np.diff(np.sign(g)) > 0) - 1.0),  # one crossing
        ]
    return Check(
        NUMERICAL,
        max(0.0, *excess),
        "absolute",
        1e-10,
        "dense shift, d = 20, n = 5, 20, 80; weak white noise, n = 1, near the lower bound",
    )


def newton():
    left = sum(not claim.holds() for claim in symbolic.kappa_newton().claims)
    rng = np.random.default_rng(9)
    for n, lam in ((10, 0.01), (30, 1e-4), (90, 0.5), (10, 8.0)):
        s = rng.exponential(size=30)
        root = solve_kappa(Dense(np.diag(s)), n, lam)
        kappa, factor = lam + s.sum() / n, root.df2 / (n - root.df2)
        for _ in range(60):
            before = kappa / root.kappa - 1
            df1, df2 = np.sum(s / (s + kappa)), np.sum((s / (s + kappa)) ** 2)
            kappa -= (kappa - kappa * df1 / n - lam) / (1 - df2 / n)
            after = kappa / root.kappa - 1
            left += not (-1e-10 <= after <= before + 1e-10)
            left += after > factor * before**2 + 1e-10
    return Check(
        SYMPY, float(left), "exact", 0.0, "value, slope, convexity; each iterate at four spectra"
    )


def kappa_derivative():
    claims = (
        *symbolic.ridge_derivative().claims,
        *symbolic.ridge_derivative(symbolic.correlated_pair()).claims,
        symbolic.isotropic_kappa().claims[-1],
    )
    left = sum(not claim.holds() for claim in claims)
    # And against a difference of two solutions, which knows no formula for the derivative.
    model, h = AR1(50, 0.6), 1e-4
    up, down = (solve_kappa(model, 40, 0.2 + e).kappa for e in (h, -h))
    slope = solve_kappa(model, 40, 0.2).dkappa_dridge
    left += abs((up - down) / (2 * h) / slope - 1) > 1e-6
    return Check(SYMPY, float(left), "exact", 0.0, "three atoms, a correlated pair, white noise")


def variance():
    # The gradient formula of the proof, entry by entry, by complex steps.
    n, d, step = 9, 6, 1e-30
    _, root, shift = _population(d, 10)
    rng = np.random.default_rng(11)
    a, b = (v / np.linalg.norm(v) for v in rng.standard_normal((2, d)))
    z = rng.standard_normal((n, d))
    moved = z + 1j * step * np.eye(n * d).reshape(n * d, n, d)
    x = moved @ root
    gradient = (a @ np.linalg.inv(np.swapaxes(x, 1, 2) @ x / n + shift) @ b).imag / step
    x = z @ root
    q = np.linalg.inv(x.T @ x / n + shift)
    formula = -(np.outer(x @ q @ b, root @ q @ a) + np.outer(x @ q @ a, root @ q @ b)) / n
    off = np.abs(gradient - formula.ravel()).max() / np.abs(formula).max()
    excess = [*_variance_excess(*_population(d, 10), n), *_variance_excess(*_one_near(1.0), n)]
    return Check(
        NUMERICAL,
        max(0.0, off, *excess),
        "relative",
        1e-10,
        "gradients at n = 9, d = 6, and d = 1 near the bounds; second and fourth moments over "
        "20000 draws, also with a row less",
    )


def _one_near(shift):
    """d = 1 at a size where the squared gradients reach a quarter to a half of their bounds."""
    return np.array([[1 / 3]]), np.array([[3**-0.5]]), np.array([[shift]])


def _variance_excess(sigma, root, shift, n):
    """Squared gradients and moments of three bilinear quantities and a trace over their bounds."""
    d, low, step = len(sigma), np.linalg.eigvalsh(shift.real)[0], 1e-6
    beta, gamma = np.linalg.norm(sigma, 2) / low, d / n
    rng = np.random.default_rng(36)
    a, b = rng.standard_normal((2, d)) + np.iscomplexobj(shift) * 1j * rng.standard_normal((2, d))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    B = rng.standard_normal((d, d))
    B += B.T
    size = np.linalg.norm(B, 2)
    bounds = np.array(
        [
            beta / (n * low**2),
            gamma * beta * size**2 / (n * low) ** 2,
            4 * beta * size**2 / (n * low**4),
            gamma * beta**3 / n**2,
        ]
    )

    def parts(z):
        x = z @ root
        q = np.linalg.inv(np.swapaxes(x, -1, -2) @ x / n + shift)
        return np.stack(
            [
                np.einsum("i,...ij,j->...", a, q, b),
                np.einsum("ij,...ji->...", B, q) / n,
                np.einsum("i,...ij,jk,...kl,l->...", a, q, B, q, b, optimize=True),
                np.einsum("ij,...ji->...", sigma, q) / n,
            ]
        )

    excess = []
    moves = step * np.eye(n * d).reshape(n * d, n, d)
    for scale in (0.3, 1.0, 3.0):
        z = scale * rng.standard_normal((n, d))
        gradient = (parts(z + moves) - parts(z - moves)) / (2 * step)
        excess.append(_excess(np.sum(np.abs(gradient) ** 2, axis=1), bounds))
    draws = rng.standard_normal((20000, n, d))
    for z in (draws, draws[:, 1:]):
        f = parts(z)
        f -= f.mean(axis=1, keepdims=True)
        excess += [
            _excess(np.mean(np.abs(f) ** 2, axis=1), bounds),
            _excess(np.mean(np.abs(f) ** 4, axis=1), 5 * bounds**2),
        ]
    return excess


def equivalent():
    # Means over eight coordinates sharpen the check; 1/n, the distance of the mean, is then about
    # one standard error of them.
    n, d, trials = 240, 160, 30
    sigma, root, shift = _population(d, 12)
    _, r = _equivalent(sigma, shift, n)
    rng = np.random.default_rng(13)
    vectors = rng.standard_normal((d, 4)) / np.sqrt(d)

    def measure(matrix):
        bilinear = (vectors.T @ matrix @ vectors)[np.triu_indices(4)]
        return np.append(bilinear, np.diag(matrix)[:40].reshape(5, 8).mean(axis=1))

    seen = []
    for _ in range(trials):
        x = rng.standard_normal((n, d)) @ root
        seen.append(measure(np.linalg.inv(x.T @ x / n + shift)))
    mean, error = _mean_and_error(seen)
    check = in_standard_errors(
        measure(r),
        mean,
        error,
        "dense shift, n = 240, d = 160, 30 draws, 15 linear functionals; traces and single "
        "entries at n = 12 and 24; C/n and the mean square by quadrature, d = 1",
    )
    excess = [*_excess_of_one_coordinate(), *_rate_excess(_sampled_gaps(0.0))]
    return _and(check, excess)


def _constants(beta, gamma, low):
    """c_1, C and the constant for complex shifts of the chapter."""
    c1 = 3 * beta**2 + gamma**0.5 * beta**3 + 28 * gamma * beta**3 + 9 * gamma * beta**4
    gain = 2 * (1 + gamma * beta) ** 2
    return (
        ((1 + gamma * beta**2) * c1 + beta**2) / low,
        ((1 + gain * gamma * beta**2) * c1 + gain * beta**2) / low,
    )


def _one_coordinate(n, beta, shift):
    """E Q, E |Q - R|^2, E Q^2 and R, t for d = 1, Sigma = beta, by an integral over chi-square."""

    def mean(f):
        # The substitution takes the root singularity at n = 1 away.
        def integrand(u):
            return 2 * u * n * chi2.pdf(n * u * u, n) * f(1 / (beta * u * u + shift))

        def integral(part):
            return quad(lambda u: part(integrand(u)), 0.0, 8.0, points=[1.0], epsabs=1e-13)[0]

        return integral(np.real) + 1j * integral(np.imag)

    t, r = _complex_equivalent(np.array([[beta]]), np.array([[shift]]), n)
    r = r[0, 0]
    return mean(lambda q: q), mean(lambda q: abs(q - r) ** 2).real, mean(lambda q: q * q), r, t


def _excess_of_one_coordinate():
    """For d = 1: the bound C/n and the rate 1/n of the mean, and the mean square."""
    excess = []
    for beta in (0.01, 0.3, 2.0):
        scaled = []
        for n in (1, 4, 64, 256):
            mean, square, _, r, _ = _one_coordinate(n, beta, 1.0)
            c, _ = _constants(beta, 1 / n, 1.0)
            scaled.append(n * abs(mean - r))
            excess += [scaled[-1] / c - 1.0, square / (beta / n + (c / n) ** 2) - 1.0]
        excess.append(abs(scaled[-1] / scaled[-2] - 1.0) - 0.1)
    return excess


def _sampled_gaps(imaginary, trials=16000):
    """Distance of sample means from the equivalent at n = 12 and 24, with standard errors.

    Two copies of one population stand for twice the size: per coordinate the equivalent is the
    same. Returns a trace with a matrix B, and four diagonal entries; for a real shift also those
    of QBQ.
    """
    base, gaps = 6, []
    sigma, root, shift = _population(base, 31)
    other = np.random.default_rng(32).standard_normal((2, base, base))
    if imaginary:
        shift = shift + 1j * imaginary * (np.eye(base) + 0.3 * (other[0] + other[0].T))
    B = np.diag([2.0, 1.0, -1.0, 0.5, 1.0, 3.0]) + 0.2 * (other[1] + other[1].T)
    t, r = _complex_equivalent(sigma, shift, 6)
    limits = [r]
    if not imaginary:
        numerator = t**2 / 6 * np.trace(sigma @ r @ B @ r)
        c = numerator / (1 - t**2 / 6 * np.trace(sigma @ r @ sigma @ r))
        limits.append(r @ B @ r + c * r @ sigma @ r)

    def measure(q):
        trace = np.einsum("...ij,ji->...", q, B) / base
        return np.concatenate([trace[..., None], np.einsum("...kk->...k", q)[..., :4]], axis=-1)

    for copies in (2, 4):
        n, rng = 6 * copies, np.random.default_rng(33)
        large, together = np.kron(np.eye(copies), shift), np.kron(np.eye(copies), B)
        x = (rng.standard_normal((trials, n, copies, base)) @ root).reshape(trials, n, -1)
        q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + large)
        parts = []
        for matrix, limit in zip([q, q @ together @ q], limits, strict=False):
            blocks = matrix.reshape(trials, copies, base, copies, base)
            seen = measure(np.einsum("tcicj->tij", blocks) / copies) - measure(limit)
            parts += [seen.real, seen.imag] if imaginary else [seen.real]
        gaps.append(_mean_and_error(np.concatenate(parts, axis=1)))
    return gaps


def _rate_excess(gaps):
    """Twice the second gap is the first one if the gap is of order 1/n; and it must be seen."""
    (first, error1), (second, error2) = gaps
    off = np.abs(2 * second - first) / np.hypot(2 * error2, error1)
    # A gap of order n^(-1/2) would leave this many standard errors.
    seen = 0.41 * np.abs(first) / np.hypot(2 * error2, error1)
    return [off.max() - 4.0, 5.0 - seen.max()]


def diagonal():
    # The largest of 200 deviations; each is in standard errors of its own mean over the draws.
    n, d, trials = 320, 200, 40
    model, rng = Spiked(AR1(d, 0.5), 5.0, np.full((d, 1), d**-0.5)), np.random.default_rng(14)
    e = solve_kappa(model, n, 0.4)
    seen = [
        np.diag(np.linalg.inv(x.T @ x / n + 0.4 * np.eye(d)))
        for x in (model.sample(n, rng) for _ in range(trials))
    ]
    mean, error = _mean_and_error(seen)
    limit = e.resolvent.diagonal / e.shrinkage
    check = in_standard_errors(
        limit,
        mean,
        error,
        "spiked AR(1), n = 320, d = 200, 40 draws, largest of 200; the bound for white noise",
        4.5,
    )
    # The uniform bound with beta = 1, where it is small against Q; C/n is left out of it.
    white = solve_kappa(AR1(d, 0.0), n, 1.0)
    limit = white.resolvent.diagonal / white.shrinkage
    draws = (rng.standard_normal((n, d)) for _ in range(trials))
    largest = [np.abs(np.diag(np.linalg.inv(x.T @ x / n + np.eye(d))) - limit).max() for x in draws]
    outside = np.mean(np.array(largest) > np.sqrt(4 * np.log(d) / n))
    return _and(check, [outside - 2 / d, 1 / 2 - limit.min()])


def marchenko_pastur():
    # Counts of eigenvalues scatter by about one whatever d is, so that shares of 300 eigenvalues
    # are good to a third of a percent; their bias is of the same order, hence no standard errors.
    theory, means = [], []
    rng = np.random.default_rng(15)
    for n, d in ((600, 300), (150, 300)):
        gamma = d / n
        low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2

        def density(s, gamma=gamma, low=low, high=high):
            return np.sqrt(max((high - s) * (s - low), 0.0)) / (2 * np.pi * gamma * s)

        points = low + (high - low) * np.array([0.2, 0.4, 0.6, 0.8])
        theory += [max(0.0, 1 - 1 / gamma) + quad(density, low, p)[0] for p in points]
        counts = []
        for _ in range(10):
            x = rng.standard_normal((n, d))
            eigenvalues = np.linalg.eigvalsh(x.T @ x / n)
            counts.append([np.mean(eigenvalues < p) for p in points])
        means += list(np.mean(counts, axis=0))
    return relative(
        theory, means, "distribution function, d = 300, n = 600 and 150, 10 draws, 4 points each"
    )


def _landau_bound(size, bend, reach):
    return max(np.sqrt(2 * size * bend), 2 * size / reach)


def landau():
    # Arcs of parabolas meet the bound, so that no smaller constant would pass.
    eta, m = 0.7, 3.0
    h = np.sqrt(2 * eta / m)
    x = np.linspace(-2 * h, 2 * h, 2001)
    arcs = np.sign(x) * (eta - m * (h - np.abs(x)) ** 2 / 2)
    slope = 2 * arcs[1001] / x[1001] - arcs[1002] / x[1002]  # exact for arcs from zero
    excess = [_excess(slope, _landau_bound(eta, m, 2 * h)), np.abs(arcs).max() - eta]
    rng = np.random.default_rng(16)
    for h0 in (0.05, 0.5, 3.0):
        grid = np.linspace(-h0, h0, 2001)
        for _ in range(100):
            c, w, p = rng.standard_normal(4), 4 * rng.random(4), 6 * rng.random(4)
            phase = np.outer(grid, w) + p
            size = np.max(np.abs(np.sin(phase) @ c))
            bend = np.max(np.abs(np.sin(phase) @ (c * w**2)))
            excess.append(_excess(abs(np.cos(p) @ (c * w)), _landau_bound(size, bend, h0)))
    return Check(
        NUMERICAL,
        max(0.0, *excess),
        "relative",
        1e-6,
        "arcs of a parabola, which attain the bound, and 300 trigonometric sums",
    )


def _complex_equivalent(sigma, shift, n):
    """t and R_t for a complex shift: damped iteration of the map whose fixed point is delta."""
    delta = 0.0
    for _ in range(500):
        r = np.linalg.inv(sigma / (1 + delta) + shift)
        delta = (delta + np.trace(sigma @ r) / n) / 2
    t = 1 / (1 + delta)
    return t, np.linalg.inv(t * sigma + shift)


def cauchy():
    # Powers of the variable meet the bound; a small sine with a large slope is no counterexample,
    # as it is large in the disc.
    rng, excess = np.random.default_rng(34), []
    circle = np.exp(2j * np.pi * np.arange(512) / 512)
    for h in (0.1, 1.0, 5.0):
        for order in range(5):
            coefficients = rng.standard_normal((20, 9)) + 1j * rng.standard_normal((20, 9))
            power = np.zeros((1, 9))
            power[0, order] = 1.0
            for c in (*coefficients, *power):
                size = np.abs(np.polynomial.polynomial.polyval(h * circle, c)).max()
                slope = math.factorial(order) * abs(c[order])
                excess.append(_excess(slope, math.factorial(order) * size / h**order))
    attained = abs(max(excess))
    excess.append(_excess(1.0, 0.01 * np.sinh(1.0 / 0.01)))
    return Check(
        NUMERICAL,
        max(0.0, attained, *excess),
        "relative",
        1e-10,
        "derivatives of 300 polynomials, orders 0 to 4, and powers, which attain the bound",
    )


def _complex_population(d, seed):
    """A covariance, its root and a complex shift whose parts do not commute."""
    sigma, root, real = _population(d, seed)
    other = np.random.default_rng(seed + 100).standard_normal((d, d))
    return sigma, root, real + 0.4j * (np.eye(d) + (other + other.T) / np.sqrt(2 * d))


def complex_shift():
    excess = [
        *_complex_bounds(),
        *_variance_excess(*_complex_population(6, 10), 9),
        *_variance_excess(*_one_near(1.0 + 0.1j), 9),
        *_complex_fixed_points(),
    ]
    return Check(
        NUMERICAL,
        max(0.0, *excess),
        "relative",
        1e-8,
        "dense complex shifts, d = 6: bounds (attained at d = 1), gradients by differences, "
        "moments over 20000 draws; roots counted for polynomials; stability at 300 points; "
        "derivative in epsilon by Cauchy's integral",
    )


def _complex_bounds():
    rng, excess = np.random.default_rng(35), []
    for seed in range(4):
        _, _, shift = _complex_population(6, seed)
        low = np.linalg.eigvalsh(shift.real)[0]
        for scale in (0.0, 0.05, 1.0, 50.0):
            factor = rng.standard_normal((6, 9))
            s = scale * factor @ factor.T
            q = np.linalg.inv(s + shift)
            real, adjoint = (q + q.conj().T) / 2, q.conj().T
            excess += [
                low * np.linalg.norm(q, 2) - 1,
                np.abs(real - adjoint @ (s + shift.real) @ q).max(),
                np.abs(real - q @ (s + shift.real) @ adjoint).max(),
                -np.linalg.eigvalsh(real)[0],
                -np.linalg.eigvalsh(real - low * adjoint @ q)[0],
                4 * low * np.linalg.eigvalsh(adjoint @ s @ q)[-1] - 1,
            ]
    # d = 1, shift 1: size 1 at s = 0 and s |q|^2 = 1/4 at s = 1, so no smaller constant holds.
    return [*excess, abs(1 / 4 - 1.0 * abs(1 / (1.0 + 1.0)) ** 2)]


def _complex_fixed_points():
    rng, excess = np.random.default_rng(37), []
    # Diagonal matrices: all solutions are roots of a polynomial in 1 + delta.
    for n in (2, 6, 30):
        for _ in range(20):
            s, low = rng.exponential(size=5), 0.2 + rng.exponential(size=5)
            lam = low + 3j * rng.standard_normal(5)
            whole = np.polynomial.polynomial.polyfromroots(-s / lam) * np.prod(lam)
            right = np.zeros(6, dtype=complex)
            for j in range(5):
                others = np.arange(5) != j
                rest = np.polynomial.polynomial.polyfromroots(-(s / lam)[others])
                right[1:] += s[j] * rest * np.prod(lam[others]) / n
            equation = np.append(-whole, 0) + np.append(0, whole) - np.append(right, 0)
            delta = np.polynomial.polynomial.polyroots(equation) - 1
            inside = delta[delta.real >= 0]
            t, r = _complex_equivalent(np.diag(s), np.diag(lam), n)
            excess += [
                abs(len(inside) - 1.0),
                abs(inside[0] - (1 / t - 1)),
                abs(inside[0]) / (s.max() / low.min() * 5 / n) - 1,
                abs(t) - 1,
                -t.real,
                np.linalg.norm(r, 2) * low.min() - 1,
            ]
    sigma, _, shift = _complex_population(6, 38)
    low = np.linalg.eigvalsh(shift.real)[0]
    for n in (3, 12):
        size = np.linalg.norm(sigma, 2) / low * 6 / n
        delta = 1 / _complex_equivalent(sigma, shift, n)[0] - 1
        for _ in range(150):
            angle = np.pi * (rng.random() - 0.5)
            near = delta + 0.1 * rng.random() * np.exp(2j * np.pi * rng.random())
            for other in (size * rng.random() * np.exp(1j * angle), near):
                if other.real < 0:
                    continue
                r = np.linalg.inv(sigma / (1 + other) + shift)
                omega = other - np.trace(sigma @ r) / n
                excess.append(_excess(abs(other - delta), 2 * (1 + size) ** 2 * abs(omega)))
    excess += _complex_derivative()
    return excess


def _complex_derivative():
    """t as a function of epsilon: Cauchy's integral against the derivative at a real shift."""
    n, d = 8, 6
    sigma, _, shift = _population(d, 39)
    B = np.diag([1.0, -1.0, 0.5, 2.0, 0.0, -0.3])
    radius = 0.9 * np.linalg.eigvalsh(shift)[0] / np.linalg.norm(B, 2)
    circle = np.exp(2j * np.pi * np.arange(128) / 128)
    values = [_complex_equivalent(sigma, shift + radius * w * B, n)[0] for w in circle]
    found = np.mean(values / circle) / radius
    t, r = _equivalent(sigma, shift, n)
    numerator = t**2 / n * np.trace(sigma @ r @ B @ r)
    c = numerator / (1 - t**2 / n * np.trace(sigma @ r @ sigma @ r))
    # Without an imaginary part it is the t of the real theory.
    return [abs(found - c) / abs(c), abs(np.mean(values) - t)]


def complex_equivalent():
    n, d, trials = 120, 80, 60
    sigma, root, shift = _complex_population(d, 40)
    _, r = _complex_equivalent(sigma, shift, n)
    rng = np.random.default_rng(41)
    vectors = (rng.standard_normal((d, 4)) + 1j * rng.standard_normal((d, 4))) / np.sqrt(2 * d)

    def measure(matrix):
        bilinear = (vectors.T @ matrix @ vectors)[np.triu_indices(4)]
        values = np.append(bilinear, np.diag(matrix)[:40].reshape(5, 8).mean(axis=1))
        return np.append(values.real, values.imag)

    seen = []
    for _ in range(trials):
        x = rng.standard_normal((n, d)) @ root
        seen.append(measure(np.linalg.inv(x.T @ x / n + shift)))
    mean, error = _mean_and_error(seen)
    check = in_standard_errors(
        measure(r),
        mean,
        error,
        "dense complex shift, n = 120, d = 80, 60 draws, 15 functionals; traces and single entries "
        "at n = 12 and 24; the bound by quadrature, d = 1",
    )
    excess = _rate_excess(_sampled_gaps(0.3))
    for beta in (0.01, 0.3, 2.0):
        for turn in (0.2, 1.0, 6.0):
            scaled = []
            for size in (1, 4, 64, 256):
                average, _, _, limit, _ = _one_coordinate(size, beta, 1.0 + 1j * turn)
                scaled.append(size * abs(average - limit))
                excess.append(scaled[-1] / _constants(beta, 1 / size, 1.0)[1] - 1.0)
            excess.append(abs(scaled[-1] / scaled[-2] - 1.0) - 0.1)
    return _and(check, excess)


def two_resolvents():
    # Means over four coordinates sharpen the check; at 30 draws their standard error is still
    # as large as 1/n, the distance of the mean.
    n, d, trials = 200, 200, 30
    sigma, root, shift = _population(d, 17)
    t, r = _equivalent(sigma, shift, n)
    rng = np.random.default_rng(18)
    B = np.diag(rng.choice([-0.5, 1.0, 3.0], size=d))  # symmetric, of no sign, not diagonal
    B[:50, 50:100] += 0.3 * np.eye(50)
    B[50:100, :50] += 0.3 * np.eye(50)
    numerator = t**2 / n * np.trace(sigma @ r @ B @ r)
    c = numerator / (1 - t**2 / n * np.trace(sigma @ r @ sigma @ r))
    limit = r @ B @ r + c * r @ sigma @ r
    vectors = rng.standard_normal((d, 3)) / np.sqrt(d)

    def measure(matrix):
        bilinear = (vectors.T @ matrix @ vectors)[np.triu_indices(3)]
        return np.append(bilinear, np.diag(matrix)[:24].reshape(6, 4).mean(axis=1))

    seen = []
    for _ in range(trials):
        x = rng.standard_normal((n, d)) @ root
        q = np.linalg.inv(x.T @ x / n + shift)
        seen.append(measure(q @ B @ q))
    mean, error = _mean_and_error(seen)
    check = in_standard_errors(
        measure(limit),
        mean,
        error,
        "dense shift, n = d = 200, 30 draws, 12 linear functionals; traces and single entries at "
        "n = 12 and 24; the bound K/n by quadrature, d = 1",
    )
    gaps = [tuple(part[5:] for part in pair) for pair in _sampled_gaps(0.0)]
    return _and(check, [*_rate_excess(gaps), *_excess_of_one_product()])


def _excess_of_one_product():
    """For d = 1, B = 1: the mean of Q^2 against its equivalent, the bound K/n and the rate."""
    excess = []
    for beta in (0.01, 0.3, 2.0):
        scaled = []
        for n in (1, 4, 64, 256):
            _, _, mean, r, t = _one_coordinate(n, beta, 1.0)
            tail = t**2 * beta * r**2 / n
            limit = r**2 + tail / (1 - beta * tail) * beta * r**2
            scaled.append(n * abs(mean - limit))
            _, c = _constants(2 * beta, 1 / n, 0.5)
            excess.append(scaled[-1] / (2 * c) - 1.0)
        excess.append(abs(scaled[-1] / scaled[-2] - 1.0) - 0.1)
    return excess


def sandwich():
    n, trials, lam = 330, 30, 0.4
    model = Blocks([60, 30, 90], [0.5, 0.2, 0.8], [1.0, 2.0, 0.5])
    rng = np.random.default_rng(19)
    e = solve_kappa(model, n, lam)
    r, gain = e.resolvent, e.dkappa_dridge / e.shrinkage**2
    extra = np.sum(r.sigma_sandwich) / n
    limits = [
        gain * r.sigma_sandwich,
        gain * (e.shrinkage * r.square_diagonal + extra * r.diagonal),
    ]
    seen = []
    for _ in range(trials):
        x = model.sample(n, rng)
        q = np.linalg.inv(x.T @ x / n + lam * np.eye(model.d))
        products = np.sum(q * model.apply(q), axis=0), np.sum(q * q, axis=0)
        seen.append([p[:: model.d // 6] for p in products])
    mean, error = _mean_and_error(seen)
    expected = [limit[:: model.d // 6] for limit in limits]
    return in_standard_errors(
        expected, mean, error, "blocks, n = 330, d = 180, 30 draws, 6 coordinates of each product"
    )


CLAIMS = {
    "lem-quadratic-form": quadratic_form,
    "prop-sample-covariance": sample_covariance,
    "lem-resolvent-bounds": resolvent_bounds,
    "lem-inversion": inversion,
    "lem-sherman-morrison": removed_row,
    "prop-fixed-point": fixed_point,
    "prop-newton": newton,
    "cor-kappa-derivative": kappa_derivative,
    "lem-variance": variance,
    "thm-equivalent": equivalent,
    "cor-diagonal": diagonal,
    "thm-marchenko-pastur": marchenko_pastur,
    "lem-cauchy": cauchy,
    "lem-landau": landau,
    "lem-complex-shift": complex_shift,
    "cor-equivalent-complex": complex_equivalent,
    "thm-two-resolvents": two_resolvents,
    "cor-sandwich": sandwich,
}
