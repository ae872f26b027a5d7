"""Inequalities and identities that the proofs use."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import quad

from mssl.chapters.ledger.checks import NUMERICAL, Check, in_standard_errors, numerical
from mssl.chapters.random_matrices.claims.shared import (
    excess_of,
    mean_and_error,
    one_near,
    population,
    variance_excess,
)


def quadratic_form():
    # Gauss-Hermite quadrature with 6 nodes is exact up to degree 11, so these are not estimates.
    d = 3
    sigma, root, _ = population(d, 1)
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
    bound = max(0.0, excess_of(fourth, 60 * np.trace(square) ** 2))
    return Check(NUMERICAL, max(worst, bound), "relative", 1e-10, "Gauss-Hermite quadrature, d = 3")


def sample_covariance():
    n, d, trials = 60, 40, 400
    sigma, root, _ = population(d, 3)
    x = np.random.default_rng(4).standard_normal((trials, n, d)) @ root
    s = x.transpose(0, 2, 1) @ x / n
    mean, error = mean_and_error(np.sum((s - sigma) ** 2, axis=(1, 2)))
    expected = (np.trace(sigma) ** 2 + np.trace(sigma @ sigma)) / n
    return in_standard_errors(expected, mean, error, "dense, n = 60, d = 40, 400 draws")


def resolvent_bounds():
    # Both bounds are attained: at S = 0, and where S equals the shift.
    _, _, shift = population(6, 5)
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
    _, root, shift = population(d, 7)
    X = np.random.default_rng(8).standard_normal((n, d)) @ root
    q = np.linalg.inv(X.T @ X / n + shift)
    q_less = np.linalg.inv(X[1:].T @ X[1:] / n + shift)
    u = q_less @ X[0]
    zeta = X[0] @ u / n
    found = np.column_stack([q, q @ X[0]])
    expected = np.column_stack([q_less - np.outer(u, u) / n / (1 + zeta), u / (1 + zeta)])
    return numerical(found, expected, "dense, n = 12, d = 8")


def variance():
    # The gradient formula of the proof, entry by entry, by complex steps.
    n, d, step = 9, 6, 1e-30
    _, root, shift = population(d, 10)
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
    excess = [*variance_excess(*population(d, 10), n), *variance_excess(*one_near(1.0), n)]
    return Check(
        NUMERICAL,
        max(0.0, off, *excess),
        "relative",
        1e-10,
        "gradients at n = 9, d = 6, and d = 1 near the bounds; second and fourth moments over "
        "20000 draws, also with a row less",
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
    excess = [excess_of(slope, _landau_bound(eta, m, 2 * h)), np.abs(arcs).max() - eta]
    rng = np.random.default_rng(16)
    for h0 in (0.05, 0.5, 3.0):
        grid = np.linspace(-h0, h0, 2001)
        for _ in range(100):
            c, w, p = rng.standard_normal(4), 4 * rng.random(4), 6 * rng.random(4)
            phase = np.outer(grid, w) + p
            size = np.max(np.abs(np.sin(phase) @ c))
            bend = np.max(np.abs(np.sin(phase) @ (c * w**2)))
            excess.append(excess_of(abs(np.cos(p) @ (c * w)), _landau_bound(size, bend, h0)))
    return Check(
        NUMERICAL,
        max(0.0, *excess),
        "relative",
        1e-6,
        "arcs of a parabola, which attain the bound, and 300 trigonometric sums",
    )


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
                excess.append(excess_of(slope, math.factorial(order) * size / h**order))
    attained = abs(max(excess))
    excess.append(excess_of(1.0, 0.01 * np.sinh(1.0 / 0.01)))
    return Check(
        NUMERICAL,
        max(0.0, attained, *excess),
        "relative",
        1e-10,
        "derivatives of 300 polynomials, orders 0 to 4, and powers, which attain the bound",
    )


CLAIMS = {
    "lem-quadratic-form": quadratic_form,
    "prop-sample-covariance": sample_covariance,
    "lem-resolvent-bounds": resolvent_bounds,
    "lem-inversion": inversion,
    "lem-sherman-morrison": removed_row,
    "lem-variance": variance,
    "lem-cauchy": cauchy,
    "lem-landau": landau,
}
