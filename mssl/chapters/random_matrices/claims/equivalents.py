"""Deterministic equivalents, at their rates."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad, quad_vec
from scipy.stats import chi2

from mssl.chapters.ledger.checks import bounded, in_standard_errors, relative
from mssl.chapters.random_matrices.claims.shared import (
    complex_population,
    complex_solved,
    mean_and_error,
    population,
    solved,
)
from mssl.covariance import AR1, Blocks, Spiked
from mssl.theory import solve_kappa


def _sampled_resolvents(rng, root, shift, n, trials):
    """Resolvents (X'X/n + shift)^-1 of independent samples of n rows."""
    for _ in range(trials):
        x = rng.standard_normal((n, len(root))) @ root
        yield np.linalg.inv(x.T @ x / n + shift)


def equivalent():
    # Means over eight coordinates sharpen the check; 1/n, the distance of the mean, is then about
    # one standard error of them.
    n, d, trials = 240, 160, 30
    sigma, root, shift = population(d, 12)
    _, r = solved(sigma, shift, n)
    rng = np.random.default_rng(13)
    vectors = rng.standard_normal((d, 4)) / np.sqrt(d)

    def measure(matrix):
        bilinear = (vectors.T @ matrix @ vectors)[np.triu_indices(4)]
        return np.append(bilinear, np.diag(matrix)[:40].reshape(5, 8).mean(axis=1))

    mean, error = mean_and_error(
        [measure(q) for q in _sampled_resolvents(rng, root, shift, n, trials)]
    )
    check = in_standard_errors(
        measure(r),
        mean,
        error,
        "dense shift, n = 240, d = 160, 30 draws, 15 linear functionals; traces and single "
        "entries at n = 12 and 24; C/n and the mean square by quadrature, d = 1",
    )
    excess = [*_excess_of_one_coordinate(), *_rate_excess(_sampled_gaps(0.0))]
    return bounded(check, excess)


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

    t, r = complex_solved(np.array([[beta]]), np.array([[shift]]), n)
    r = r[0, 0]

    # The substitution u = sqrt(chi-square / n) takes the root singularity at n = 1 away.
    def integrand(u):
        q = 1 / (beta * u * u + shift)
        return 2 * u * n * chi2.pdf(n * u * u, n) * np.array([q, abs(q - r) ** 2, q * q])

    mean, square, second = np.asarray(quad_vec(integrand, 0.0, 8.0, points=[1.0], epsabs=1e-13)[0])
    return mean, square.real, second, r, t


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
    sigma, root, shift = population(base, 31)
    other = np.random.default_rng(32).standard_normal((2, base, base))
    if imaginary:
        shift = shift + 1j * imaginary * (np.eye(base) + 0.3 * (other[0] + other[0].T))
    B = np.diag([2.0, 1.0, -1.0, 0.5, 1.0, 3.0]) + 0.2 * (other[1] + other[1].T)
    t, r = complex_solved(sigma, shift, 6)
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
            parts += [np.real(seen), np.imag(seen)] if imaginary else [np.real(seen)]
        gaps.append(mean_and_error(np.concatenate(parts, axis=1)))
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
    mean, error = mean_and_error(seen)
    limit = e.resolvent.diagonal / e.rho
    check = in_standard_errors(
        limit,
        mean,
        error,
        "spiked AR(1), n = 320, d = 200, 40 draws, largest of 200; the bound for white noise",
        4.5,
    )
    # The uniform bound with beta = 1, where it is small against Q; C/n is left out of it.
    white = solve_kappa(AR1(d, 0.0), n, 1.0)
    limit = white.resolvent.diagonal / white.rho
    draws = (rng.standard_normal((n, d)) for _ in range(trials))
    largest = [np.abs(np.diag(np.linalg.inv(x.T @ x / n + np.eye(d))) - limit).max() for x in draws]
    outside = np.mean(np.array(largest) > np.sqrt(4 * np.log(d) / n))
    return bounded(check, [outside - 2 / d, 1 / 2 - limit.min()])


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


def complex_equivalent():
    n, d, trials = 120, 80, 60
    sigma, root, shift = complex_population(d, 40)
    _, r = complex_solved(sigma, shift, n)
    rng = np.random.default_rng(41)
    vectors = (rng.standard_normal((d, 4)) + 1j * rng.standard_normal((d, 4))) / np.sqrt(2 * d)

    def measure(matrix):
        bilinear = (vectors.T @ matrix @ vectors)[np.triu_indices(4)]
        values = np.append(bilinear, np.diag(matrix)[:40].reshape(5, 8).mean(axis=1))
        return np.append(np.real(values), np.imag(values))

    mean, error = mean_and_error(
        [measure(q) for q in _sampled_resolvents(rng, root, shift, n, trials)]
    )
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
    return bounded(check, excess)


def two_resolvents():
    # Means over four coordinates sharpen the check; at 30 draws their standard error is still
    # as large as 1/n, the distance of the mean.
    n, d, trials = 200, 200, 30
    sigma, root, shift = population(d, 17)
    t, r = solved(sigma, shift, n)
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

    draws = _sampled_resolvents(rng, root, shift, n, trials)
    mean, error = mean_and_error([measure(q @ B @ q) for q in draws])
    check = in_standard_errors(
        measure(limit),
        mean,
        error,
        "dense shift, n = d = 200, 30 draws, 12 linear functionals; traces and single entries at "
        "n = 12 and 24; the bound K/n by quadrature, d = 1",
    )
    gaps = [tuple(part[5:] for part in pair) for pair in _sampled_gaps(0.0)]
    return bounded(check, [*_rate_excess(gaps), *_excess_of_one_product()])


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
    r, gain = e.resolvent, e.dkappa_dridge / e.rho**2
    extra = np.sum(r.sigma_sandwich) / n
    limits = [
        gain * r.sigma_sandwich,
        gain * (e.rho * r.square_diagonal + extra * r.diagonal),
    ]
    seen = []
    for _ in range(trials):
        x = model.sample(n, rng)
        q = np.linalg.inv(x.T @ x / n + lam * np.eye(model.d))
        products = np.sum(q * model.apply(q), axis=0), np.sum(q * q, axis=0)
        seen.append([p[:: model.d // 6] for p in products])
    mean, error = mean_and_error(seen)
    expected = [limit[:: model.d // 6] for limit in limits]
    return in_standard_errors(
        expected, mean, error, "blocks, n = 330, d = 180, 30 draws, 6 coordinates of each product"
    )


CLAIMS = {
    "thm-equivalent": equivalent,
    "cor-diagonal": diagonal,
    "thm-marchenko-pastur": marchenko_pastur,
    "cor-equivalent-complex": complex_equivalent,
    "thm-two-resolvents": two_resolvents,
    "cor-sandwich": sandwich,
}
