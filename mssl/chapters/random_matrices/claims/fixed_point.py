"""The fixed point, its derivative, its continuation."""

from __future__ import annotations

import numpy as np

from mssl import symbolic
from mssl.chapters.ledger.checks import NUMERICAL, SYMPY, Check
from mssl.chapters.random_matrices.claims.shared import (
    complex_population,
    complex_solved,
    excess_of,
    one_near,
    population,
    solved,
    variance_excess,
)
from mssl.covariance import AR1, Dense
from mssl.theory import solve_kappa


def fixed_point():
    excess = []
    populations = [(n, *population(20, n)[::2]) for n in (5, 20, 80)]
    populations.append((1, 0.05 * np.eye(20), np.eye(20)))  # t is near its lower bound
    for n, sigma, shift in populations:
        low = np.linalg.eigvalsh(shift)[0]
        t, _ = solved(sigma, shift, n)
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


def complex_shift():
    excess = [
        *_complex_bounds(),
        *variance_excess(*complex_population(6, 10), 9),
        *variance_excess(*one_near(1.0 + 0.1j), 9),
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
        _, _, shift = complex_population(6, seed)
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
            t, r = complex_solved(np.diag(s), np.diag(lam), n)
            excess += [
                abs(len(inside) - 1.0),
                abs(inside[0] - (1 / t - 1)),
                abs(inside[0]) / (s.max() / low.min() * 5 / n) - 1,
                abs(t) - 1,
                -t.real,
                np.linalg.norm(r, 2) * low.min() - 1,
            ]
    sigma, _, shift = complex_population(6, 38)
    low = np.linalg.eigvalsh(shift.real)[0]
    for n in (3, 12):
        size = np.linalg.norm(sigma, 2) / low * 6 / n
        delta = 1 / complex_solved(sigma, shift, n)[0] - 1
        for _ in range(150):
            angle = np.pi * (rng.random() - 0.5)
            near = delta + 0.1 * rng.random() * np.exp(2j * np.pi * rng.random())
            for other in (size * rng.random() * np.exp(1j * angle), near):
                if other.real < 0:
                    continue
                r = np.linalg.inv(sigma / (1 + other) + shift)
                omega = other - np.trace(sigma @ r) / n
                excess.append(excess_of(abs(other - delta), 2 * (1 + size) ** 2 * abs(omega)))
    excess += _complex_derivative()
    return excess


def _complex_derivative():
    """t as a function of epsilon: Cauchy's integral against the derivative at a real shift."""
    n, d = 8, 6
    sigma, _, shift = population(d, 39)
    B = np.diag([1.0, -1.0, 0.5, 2.0, 0.0, -0.3])
    radius = 0.9 * np.linalg.eigvalsh(shift)[0] / np.linalg.norm(B, 2)
    circle = np.exp(2j * np.pi * np.arange(128) / 128)
    values = [complex_solved(sigma, shift + radius * w * B, n)[0] for w in circle]
    found = np.mean(values / circle) / radius
    t, r = solved(sigma, shift, n)
    numerator = t**2 / n * np.trace(sigma @ r @ B @ r)
    c = numerator / (1 - t**2 / n * np.trace(sigma @ r @ sigma @ r))
    # Without an imaginary part it is the t of the real theory.
    return [abs(found - c) / abs(c), abs(np.mean(values) - t)]


CLAIMS = {
    "prop-fixed-point": fixed_point,
    "prop-newton": newton,
    "cor-kappa-derivative": kappa_derivative,
    "lem-complex-shift": complex_shift,
}
