"""The training error to order 1/n against draws, least squares, and plain linear algebra."""

import numpy as np
import pytest

from mssl.covariance import AR1, Blocks, Diagonal, Isotropic, Spiked
from mssl.theory import SSRTheory, finite_size_train_error, solve_kappa


def drawn(model, n, ridge, trials, seed):
    """Mean and standard error of the training error over draws, each by one inverse."""
    rng, errors = np.random.default_rng(seed), []
    for _ in range(trials):
        X = model.sample(n, rng)
        Q = np.linalg.inv(X.T @ X / n + ridge * np.eye(model.d))
        q, q2 = np.diag(Q), np.einsum("ij,ij->i", Q, Q)
        errors.append(np.mean((q - ridge * q2) / q**2))
    return np.mean(errors), np.std(errors, ddof=1) / np.sqrt(trials)


WORLDS = {
    "white, n < d": (Isotropic(120), 72, 0.3, 500),
    "correlated, n = d": (AR1(80, -0.7), 80, 0.05, 600),
    "two levels, n > d": (Diagonal(np.repeat([0.3, 3.0], 40)), 160, 0.1, 1200),
    "a factor": (Spiked(AR1(60, 0.5), 6.0, np.full((60, 1), 60**-0.5)), 40, 0.3, 1500),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_correction_removes_the_bias_of_order_one_over_n(name):
    model, n, ridge, trials = WORLDS[name]
    seen, error = drawn(model, n, ridge, trials, seed=3)
    limit = SSRTheory(model, n, ridge).train_error
    corrected = finite_size_train_error(model, n, ridge).mean()
    assert abs(seen - corrected) < 4.0 * error + 10.0 * limit / n**2
    assert abs(seen - limit) > 8.0 * error  # the limit alone is told apart from the draws


def test_least_squares_is_exact():
    model, n = Spiked(AR1(20, 0.6), 3.0, np.full((20, 1), 20**-0.5)), 50
    exact = (1.0 - 19.0 / n) / np.diag(np.linalg.inv(model.dense()))
    np.testing.assert_allclose(finite_size_train_error(model, n, 0.0), exact, rtol=1e-10)
    np.testing.assert_allclose(finite_size_train_error(model, n, 1e-9), exact, rtol=1e-6)
    np.testing.assert_array_equal(finite_size_train_error(model, 12, 0.0), 0.0)


@pytest.mark.parametrize("n", [9, 14, 60])
def test_against_the_problem_of_each_coordinate_alone(n):
    """The regression of k on the others, from the mean of their resolvent to order 1/n.

    Its terms of order 1/n^2 differ from those of the formula; four times as many rows, and as many
    copies of the world, must make them sixteen times smaller.
    """
    base, ridge = Blocks([4, 6], [0.5, 0.2], [1.0, 3.0]), 0.2
    gaps = []
    for copies in (1, 4):
        parts = (base.sizes, base.correlations, base.variances)
        model = Blocks(*(np.tile(part, copies) for part in parts))
        rows = n * copies
        by_coordinate = finite_size_train_error(model, rows, ridge)
        sigma = model.dense()
        expected = [one_coordinate(sigma, k, rows, ridge) for k in (0, 4)]
        gaps.append(np.abs(by_coordinate[[0, 4]] / expected - 1.0).max())
    assert gaps[1] < gaps[0] / 8.0
    assert gaps[1] < 5e-3


def one_coordinate(sigma, k, n, ridge):
    """-lam^2 d/dlam of E 1/(lam Q_kk), from the mean of the resolvent of the others."""
    others = np.delete(np.arange(len(sigma)), k)
    block, column = sigma[np.ix_(others, others)], sigma[others, k]
    beta = np.linalg.solve(block, column)
    left = sigma[k, k] - column @ beta
    s, vectors = np.linalg.eigh(block)
    b2 = (vectors.T @ beta) ** 2

    def inverse_entry(lam):
        kappa = lam + s.sum() / n
        for _ in range(200):
            p = s / (s + kappa)
            kappa -= (kappa * (1 - p.sum() / n) - lam) / (1 - (p**2).sum() / n)
        p = s / (s + kappa)
        g = 1.0 / (1.0 - (p**2).sum() / n)
        moved = kappa * (1.0 - g**2 * (p**2 - p**3).sum() / n**2)
        extra = kappa * g / n * (b2 * p**2 / (s + kappa)).sum()
        return left / moved - moved * (b2 / (s + moved)).sum() - extra

    h = 1e-4 * ridge
    return -(ridge**2) * (inverse_entry(ridge + h) - inverse_entry(ridge - h)) / (2.0 * h)


def test_no_unit_and_no_order_of_coordinates_matters():
    model = Diagonal(np.linspace(0.2, 3.0, 12))
    errors = finite_size_train_error(model, 9, 0.1)
    scaled = finite_size_train_error(Diagonal(1e8 * model.variances), 9, 1e7)
    np.testing.assert_allclose(scaled, 1e8 * errors, rtol=1e-9)
    turned = finite_size_train_error(Diagonal(model.variances[::-1]), 9, 0.1)
    np.testing.assert_allclose(turned, errors[::-1], rtol=1e-12)
    # Nothing is fitted at a large ridge, and then nothing is biased.
    np.testing.assert_allclose(finite_size_train_error(model, 9, 1e9), model.variances, rtol=1e-6)


def test_the_attribute_is_the_function():
    theory = SSRTheory(AR1(30, 0.5), 25, 0.2)
    np.testing.assert_array_equal(
        theory.train_error_finite_size_by_coordinate, finite_size_train_error(AR1(30, 0.5), 25, 0.2)
    )
    assert theory.train_error_finite_size == theory.train_error_finite_size_by_coordinate.mean()
    assert theory.train_error_finite_size > theory.train_error
    assert solve_kappa(AR1(30, 0.5), 25, 0.2).kappa == theory.kappa
    with pytest.raises(ValueError, match="known without masks only"):
        _ = SSRTheory(AR1(30, 0.5), 25, 0.2, 0.5).train_error_finite_size
    with pytest.raises(ValueError, match="wrap a matrix in Dense"):
        finite_size_train_error(np.eye(3), 5, 0.1)
