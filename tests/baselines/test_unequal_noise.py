"""Baselines for noise of unequal variance: definitions, limits, published cosines, bad input."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import beta

import mssl
from mssl.baselines import (
    amp_spike,
    diagonal_deletion,
    heteropca,
    leading_directions,
    whitened_pca,
)
from mssl.covariance import Diagonal, Spiked
from mssl.exceptions import ConvergenceError
from mssl.theory import SSRTheory, bayes_limit, state_evolution

ROOM = Path(mssl.__file__).parent / "chapters" / "how_near_the_limit"
FILE = ROOM / "published_cosines.csv"
RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 1)) + RNG.standard_normal((30, 6)) * np.linspace(0.3, 2.0, 6)
ZERO = np.hstack([X, np.zeros((30, 1))])


def published(method):
    lines = [x for x in FILE.read_text("utf-8").splitlines() if not x.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if row["method"] == method]
    return [(float(r["alpha"]), float(r["cosine"]), float(r["sd"] or 0.0)) for r in rows]


def published_world(d, alpha, seed):
    """Rows, noise variances and direction of the model of the file."""
    rng = np.random.default_rng([seed, d])
    g = 0.25 + 2.25 * beta(1, 2).ppf((rng.permutation(d) + 0.5) / d)
    u, n = rng.standard_normal(d) / d**0.5, round(alpha * d)
    rows = rng.standard_normal((n, d))
    rows *= np.sqrt(g)
    rows += rng.standard_normal((n, 1)) * u
    return rows, g, u


def cosine(direction, u, which=2):
    return direction.overlaps(u)[which] ** 0.5


OURS = {
    "diagonal_deletion_pca": lambda rows, _g, u: cosine(diagonal_deletion(rows)[0], u),
    "heteropca": lambda rows, _g, u: cosine(heteropca(rows, tol=1e-6)[0], u),
    "estimated_whitening_pca": lambda rows, _g, u: cosine(whitened_pca(rows)[0], u),
    "amp": lambda rows, g, u: cosine(amp_spike(rows, g, 1.0, rng=0), u),
}
CASES = [(method, *row) for method in OURS for row in published(method)]


def test_every_published_row_has_a_method():
    assert len(CASES) == 5 + 4 + 5 + 5


@pytest.mark.long
@pytest.mark.parametrize(("method", "alpha", "expected", "sd"), CASES)
def test_at_full_size_all_methods_have_the_published_cosines(method, alpha, expected, sd):
    """d = 2000 and 20 draws, as in the file; the error of both means counts."""
    found = [OURS[method](*published_world(2000, alpha, seed)) for seed in range(20)]
    theirs = sd**2 / (10 if method == "amp" else 20)
    assert abs(np.mean(found) - expected) < 3 * (np.var(found, ddof=1) / 20 + theirs) ** 0.5


@pytest.mark.parametrize("method", OURS)
def test_in_few_coordinates_they_are_near(method):
    """Far above the thresholds, where a mean is off by O(1/d): doubling d shows how much."""
    alpha, expected, sd = published(method)[-1]
    small, large = (
        [OURS[method](*published_world(d, alpha, seed)) for seed in range(count)]
        for d, count in ((60, 24), (120, 16))
    )
    error = (np.var(large, ddof=1) / 16 + np.var(small, ddof=1) / 24 + sd**2 / 10) ** 0.5
    assert abs(2 * np.mean(large) - np.mean(small) - expected) < 3 * 2 * error
    assert abs(np.mean(large) - expected) < 0.02


# Message passing ---------------------------------------------------------------------------------


def test_each_step_of_message_passing_follows_the_state_evolution():
    rows, g, u = published_world(1500, 2.0, 1)
    told = 0.05  # of u, at the start
    start = told * u + np.sqrt(told * (1 - told)) * RNG.standard_normal(1500) / 1500**0.5
    found = amp_spike(rows, g, 1.0, start=start)
    s = told * np.mean(1.0 / g)
    theory = state_evolution(g, 0.5, 1.0, found.n_iter - 1, s / (1 + s))
    assert found.n_iter > 8
    assert np.abs(found.path - theory).max() < 3 / 1500**0.5
    assert found.path[-1] == found.overlap
    assert theory[0] < 0.3 < theory[-1]
    assert abs(found.overlaps(u)[2] - bayes_limit(g, 0.5, 1.0).overlap) < 3 / 1500**0.5


def test_where_message_passing_stands_still_it_is_weighted_pca():
    rows, g, u = published_world(400, 4.0, 2)
    found = amp_spike(rows, g, 1.0, rng=1, tol=1e-10)
    w = 1.0 / (g * (g + 4.0))
    vector = np.linalg.svd(rows * np.sqrt(w), full_matrices=False)[2][0]
    estimate = np.sqrt(g / (g + 4.0)) * vector
    assert found.overlaps(estimate)[2] > 0.9995
    assert found.overlaps(u)[2] > 0.6
    assert_allclose(found.filter * g, found.pattern)
    assert_allclose(found.symmetric * np.sqrt(g), found.pattern)
    # The scores are what a posterior mean is: of variance q, which is their overlap.
    limit = bayes_limit(g, 0.25, 1.0)
    assert np.mean(found.scores**2) == pytest.approx(limit.score_overlap, abs=0.05)
    assert abs(np.corrcoef(found.scores, rows @ found.filter)[0, 1]) > 0.9999


def test_message_passing_forgets_its_start():
    rows, g, u = published_world(400, 4.0, 3)
    one, two = (amp_spike(rows, g, 1.0, rng=seed, tol=1e-9) for seed in (0, 1))
    informed = amp_spike(rows, g, 1.0, start=0.5 * u, tol=1e-9)
    for other in (two, informed):
        assert one.overlaps(other.pattern)[2] == pytest.approx(1.0, abs=1e-9)
        assert other.overlap == pytest.approx(one.overlap, rel=1e-6)


def test_below_the_threshold_message_passing_dies_out():
    rng, g = np.random.default_rng(4), np.full(300, 2.0)
    found = amp_spike(rng.standard_normal((300, 300)) * 2**0.5, g, 1.0, rng=0)
    assert found.overlap == 0.0
    assert found.path[-1] < 1e-9


# The others --------------------------------------------------------------------------------------


def _rows_of(moment):
    """Rows whose S is a given matrix, to rounding."""
    return np.linalg.cholesky(moment).T * len(moment) ** 0.5


def test_heteropca_removes_what_noise_adds_to_the_diagonal():
    u, noise = np.linspace(1.0, 2.0, 8), np.array([0.1, 5.0, 1.0, 3.0, 0.2, 0.5, 4.0, 2.0])
    rows = _rows_of(np.outer(u, u) + np.diag(noise))
    exact = heteropca(rows, tol=1e-13)[0]
    assert exact.overlaps(u)[0] == pytest.approx(1.0, abs=1e-12)
    assert diagonal_deletion(rows)[0].overlaps(u)[0] < 0.999
    assert leading_directions(rows, "pca")[0].overlaps(u)[0] < 0.995


def test_several_directions_are_eigenvectors_of_the_completed_matrix():
    u = np.linalg.qr(RNG.standard_normal((12, 2)))[0]
    signal = u * [60.0, 25.0] @ u.T
    rows = _rows_of(signal + np.diag(np.linspace(0.5, 3.0, 12)))
    found = heteropca(rows, 2, tol=1e-13)
    for direction, column in zip(found, u.T, strict=True):
        assert direction.overlaps(column)[1] == pytest.approx(1.0, abs=1e-9)
    S = signal + np.diag(np.linspace(0.5, 3.0, 12))
    off = S - np.diag(np.diagonal(S))
    values = np.linalg.eigvalsh(off)
    for direction, value in zip(diagonal_deletion(rows, 2), values[:-3:-1], strict=True):
        assert_allclose(off @ direction.filter, value * direction.filter, atol=1e-9)
        assert np.linalg.norm(direction.filter) == pytest.approx(1.0)


def test_diagonal_deletion_is_masked_regression_at_a_large_ridge():
    rows, g, _ = published_world(300, 6.0, 5)
    ours = diagonal_deletion(rows)[0]
    masked = leading_directions(rows, "masked_regression", ridge=1e5)[0]
    assert masked.overlaps(ours.filter)[0] > 0.99999
    world = Spiked(Diagonal(g), 1.0, np.full((300, 1), 300**-0.5))
    assert SSRTheory(world, 1800, 1000.0).spikes[0].detected


def test_estimated_whitening_is_correlation_pca():
    theirs = leading_directions(X, "correlation_pca", rank=2)
    for a, b in zip(whitened_pca(X, 2), theirs, strict=True):
        for name in ("filter", "symmetric", "pattern"):
            assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9)


def test_an_oracle_that_whitens_does_as_in_white_noise():
    ratio, seen, strengths = 0.5, [], []
    for seed in range(12):
        rows, g, u = published_world(150, 1 / ratio, seed)
        direction = whitened_pca(rows, noise_variances=g)[0]
        assert_allclose(direction.pattern, direction.filter * g)
        seen.append(direction.overlaps(u / np.sqrt(g))[1])
        strengths.append(np.mean(1.0 / g))
    strength = np.mean(strengths)
    expected = (1 - ratio / strength**2) / (1 + ratio / strength)
    assert abs(np.mean(seen) - expected) < 3 * np.std(seen, ddof=1) / 12**0.5


@pytest.mark.parametrize("method", [diagonal_deletion, heteropca])
def test_iterations_for_many_columns_find_what_a_full_reduction_finds(method):
    rows, _, _ = published_world(420, 2.0, 6)
    ours = method(rows)[0].filter
    off = rows.T @ rows / len(rows)
    filled, vectors = np.zeros(420), np.eye(420)
    for _ in range(1 if method is diagonal_deletion else 12):
        np.fill_diagonal(off, filled)
        values, vectors = np.linalg.eigh(off)
        filled = values[-1] * vectors[:, -1] ** 2
    assert abs(ours @ vectors[:, -1]) == pytest.approx(1.0, abs=1e-9)


def test_what_does_not_converge_says_so():
    with pytest.raises(ConvergenceError, match="HeteroPCA did not converge in 1 iterations"):
        heteropca(X, max_iter=1)
    with pytest.raises(ConvergenceError, match="message passing did not converge in 2 iterations"):
        amp_spike(X, np.ones(6), 6.0, rng=0, max_iter=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diagonal_deletion(X, 6), "rank must lie between 1 and 5"),
        (lambda: diagonal_deletion(np.zeros((4, 3))), "X is zero"),
        (lambda: diagonal_deletion(np.ma.masked_greater(X, 2.0)), "masked array with hidden"),
        (lambda: diagonal_deletion(X[:, 0]), "at least two rows and two columns"),
        (lambda: heteropca(X, 0), "rank must lie between 1 and 5"),
        (lambda: heteropca(X, "a"), "rank must be an integer"),
        (lambda: heteropca(X, tol=0.0), "tol must be positive"),
        (lambda: heteropca(X, max_iter=0), "max_iter must be an integer"),
        (lambda: heteropca(np.where(X > 2, np.nan, X)), "NaN or infinite"),
        (lambda: heteropca(np.ma.masked_greater(X, 2.0)), "masked array with hidden"),
        (lambda: whitened_pca(X, 7), "rank must lie between 1 and 6"),
        (lambda: whitened_pca(ZERO), r"columns \[6\] are zero; leave"),
        (lambda: whitened_pca(X, noise_variances=np.ones(5)), "one variance for each of 6"),
        (lambda: whitened_pca(X, noise_variances=np.zeros(6)), "noise_variances must be positive"),
        (lambda: whitened_pca(np.ma.masked_greater(X, 2.0)), "masked array with hidden"),
        (lambda: whitened_pca(0 * X, noise_variances=np.ones(6)), "X is zero"),
        (lambda: amp_spike(X, np.ones(5), 1.0, rng=0), "one variance for each of 6"),
        (lambda: amp_spike(X, np.ones(6), 0.0, rng=0), "strength must be positive"),
        (lambda: amp_spike(X, np.ones(6), 1.0), "give one of rng, for a random start, and start"),
        (lambda: amp_spike(X, np.ones(6), 1.0, rng=0, start=X[0]), "give one of rng"),
        (lambda: amp_spike(X, np.ones(6), 1.0, start=np.zeros(6)), "start must hold 6 numbers"),
        (lambda: amp_spike(X, np.ones(6), 1.0, rng="a"), "rng must be a numpy.random.Generator"),
        (lambda: amp_spike(X, np.ones(6), 1.0, rng=0, tol=-1.0), "tol must be positive"),
        (lambda: amp_spike(X, np.full(6, 1e-320), 1e300, rng=0), "differ too much in size"),
        (lambda: amp_spike(np.ma.masked_greater(X, 2.0), np.ones(6), 1.0, rng=0), "masked array"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
