"""The Bayes limit against published values, white noise, and its own iterations."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import mssl
from mssl.covariance import AR1, Diagonal, Isotropic, Scaled, Spiked
from mssl.theory import bayes_limit, bayes_spike, bayes_spikes, state_evolution
from mssl.theory.noise_curves import Noise

ROOM = Path(mssl.__file__).parent / "chapters" / "how_near_the_limit"
FILE = ROOM / "published_cosines.csv"
U = np.full((60, 1), 60**-0.5)


def published(method):
    lines = [x for x in FILE.read_text("utf-8").splitlines() if not x.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if row["method"] == method]
    return [(float(r["alpha"]), float(r["cosine"]), float(r["sd"] or 0.0)) for r in rows]


def published_noise():
    """0.25 + 2.25 Beta(1, 2), by Gauss quadrature against its density 2 (1 - x)."""
    x, w = np.polynomial.legendre.leggauss(100)
    x, w = (1.0 + x) / 2.0, w / 2.0
    return Noise(0.25 + 2.25 * x, 2.0 * (1.0 - x) * w)


def test_the_file_has_the_rows():
    assert len(published("bayes_theory")) == 2
    assert len(published("amp")) == 5


@pytest.mark.parametrize(("samples", "cosine", "_sd"), published("bayes_theory"))
def test_it_is_the_published_curve(samples, cosine, _sd):
    assert abs(bayes_limit(published_noise(), 1.0 / samples, 1.0).overlap ** 0.5 - cosine) < 1e-8


@pytest.mark.parametrize(("samples", "cosine", "sd"), published("amp"))
def test_published_message_passing_is_there(samples, cosine, sd):
    limit = bayes_limit(published_noise(), 1.0 / samples, 1.0)
    assert abs(limit.overlap**0.5 - cosine) < 3 * sd / 10**0.5


def test_the_threshold_in_samples_is_that_of_the_integral():
    """E g^-2 = 2/2.25^2 (2.25/.25 - log 10): by hand."""
    limit = bayes_limit(published_noise(), 1.0, 1.0)
    by_hand = 2.25**2 / 2.0 / (2.25 / 0.25 - np.log(10.0))
    assert limit.critical_samples == pytest.approx(by_hand, rel=1e-10)
    assert limit.critical_samples == pytest.approx(0.378, abs=5e-4)
    assert limit.threshold == pytest.approx(by_hand**0.5, rel=1e-10)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 4.0])
def test_in_white_noise_pca_is_best(gamma):
    for theta in (1.01 * gamma**0.5, 2 * gamma**0.5, 30.0):
        limit = bayes_limit(np.full(7, 2.0), gamma, 2.0 * theta)
        assert_allclose(
            limit.overlap, (1 - gamma / theta**2) / (1 + gamma / theta), rtol=1e-9, atol=1e-12
        )
        assert limit.threshold == pytest.approx(2.0 * gamma**0.5)
        assert limit.detected
    below = bayes_limit(np.full(7, 2.0), gamma, 1.999 * gamma**0.5)
    assert (below.overlap, below.score_overlap, below.detected) == (0.0, 0.0, False)


def test_the_fixed_point_solves_its_equation_and_the_iterations_reach_it():
    noise, gamma, theta = Noise.two_levels(10.0), 1.5, 4.0
    limit = bayes_limit(noise, gamma, theta)
    x = theta / gamma * limit.score_overlap
    s = theta * noise.mean(x / noise.variances / (noise.variances + x))
    assert limit.score_overlap == pytest.approx(s / (1 + s), rel=1e-12)
    for start in (1e-3, 1.0):
        path = state_evolution(noise, gamma, theta, 400, start)
        assert path[-1] == pytest.approx(limit.overlap, rel=1e-9)
        assert np.all(np.diff(path) * (1 if start < 0.5 else -1) > -1e-14)
    below = state_evolution(noise, gamma, 0.9 * limit.threshold, 400, 1.0)
    assert below[-1] < 1e-9


def test_the_share_of_a_level_counts_not_its_order_and_units_cancel():
    g, theta, gamma = np.tile([0.5, 3.0, 0.5], 40), 1.4, 0.8
    plain = bayes_limit(g, gamma, theta)
    levels = bayes_limit(Noise([3.0, 0.5], [1 / 3, 2 / 3]), gamma, theta)
    for unit in (1e-200, 1e-9, 1e200):
        scaled = bayes_limit(unit * g, gamma, unit * theta)
        for name in ("overlap", "score_overlap", "critical_samples"):
            assert getattr(scaled, name) == pytest.approx(getattr(plain, name), rel=1e-9)
        assert scaled.threshold / unit == pytest.approx(plain.threshold, rel=1e-9)
    assert levels.overlap == pytest.approx(plain.overlap, rel=1e-12)


def test_it_is_a_limit_for_a_model_and_takes_its_scales():
    g = np.tile([0.5, 3.0], 30)
    model = Spiked(Diagonal(g), 2.0, U)
    assert bayes_spike(model, 90) == bayes_limit(g, 60 / 90, 2.0)
    scaled = Spiked(Scaled(Diagonal(g / 4.0), np.full(60, 2.0)), 2.0, U)
    assert bayes_spike(scaled, 90).overlap == pytest.approx(bayes_spike(model, 90).overlap)


def _matrix_evolution(g, alpha, strengths, q, steps):
    root, eye = np.diag(np.sqrt(strengths)), np.eye(len(strengths))
    for _ in range(steps):
        told = alpha * root @ q @ root
        mean = np.mean([np.linalg.solve(eye + told / v, told / v) / v for v in g], axis=0)
        s = root @ mean @ root
        q = np.linalg.solve(eye + s, s)
        q = (q + q.T) / 2.0
    return q


@pytest.mark.parametrize("strengths", [(3.0, 1.2), (3.0, 1.5, 0.4)])
def test_several_spikes_separate_from_any_start(strengths):
    g, rng, r = np.tile([0.5, 3.0], 30), np.random.default_rng(5), len(strengths)
    model = Spiked(Diagonal(g), strengths, np.linalg.qr(rng.standard_normal((60, r)))[0])
    limits = bayes_spikes(model, 120)
    for _ in range(3):
        start = rng.standard_normal((r, r))
        start = start @ start.T / 20.0
        q = _matrix_evolution(g, 2.0, strengths, start, 600)
        assert_allclose(q, np.diag([limit.score_overlap for limit in limits]), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bayes_limit([1.0, 0.0], 1.0, 1.0), "noise must be positive"),
        (lambda: bayes_limit([1.0], 0.0, 1.0), "gamma must be positive"),
        (lambda: bayes_limit([1.0], 1.0, -1.0), "strength must be finite and not negative"),
        (lambda: bayes_limit("a", 1.0, 1.0), "noise must be real numbers"),
        (lambda: state_evolution([1.0], 1.0, 1.0, 5, 1.5), r"start must lie in \(0, 1\]"),
        (lambda: state_evolution([1.0], 1.0, 1.0, 0, 1.0), "steps must be an integer"),
        (lambda: bayes_spike(Isotropic(60), 30), "Spiked model on a Diagonal .* got Isotropic"),
        (lambda: bayes_spike(Spiked(AR1(60, 0.5), 1.0, U), 30), "got Spiked on AR1"),
        (lambda: bayes_spike(Spiked(Isotropic(60), 1.0, U), 0), "n_samples must be an integer"),
        (
            lambda: bayes_spike(Spiked(Isotropic(4), [1.0, 2.0], np.eye(4)[:, :2]), 30),
            "2 spikes; use bayes_spikes",
        ),
        (lambda: bayes_spike(3, 30), "covariance must be a model"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
