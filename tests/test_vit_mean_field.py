"""The mean field against exact averages, against training, and against its own leading order."""

from functools import cache
from importlib import import_module
from itertools import combinations, product

import numpy as np
import pytest

from mssl.exceptions import ConvergenceError
from mssl.vit import (
    MAE,
    Combined,
    Contrastive,
    Images,
    Parameters,
    PatchData,
    PhaseTimes,
    leading_order_times,
    mean_field,
    phase_exponents,
    phase_times,
    train,
)
from mssl.vit.mean_field import _Contrast, _count_nodes, _Reconstruction

POSITIVE = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)
NEGATIVE = PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)
GAPS = pytest.mark.parametrize("data", [POSITIVE, NEGATIVE], ids=["gap .43", "gap -.09"])


def symmetric(data, y):
    """Parameters in which every patch is like every other of its kind."""
    at = Parameters.zeros(data)
    for p, k in product(range(data.n_patches), range(data.n_clusters)):
        own = data.areas[k, p]
        at.phi[p, k] = y[2] if own else y[4]
        at.phi[p, k, 0] = y[1] if own else y[3]
        if own:
            at.phi[p, k, own] = y[0]
    return at


def read(data, phi):
    """The five numbers of a symmetric gradient."""
    areas = data.areas.T
    local = areas > 0
    own = np.take_along_axis(phi, areas[:, :, None], axis=2)[:, :, 0]
    others = phi[:, :, 1:].sum(axis=2)
    n = data.n_local
    return np.array(
        [
            own[local].mean(),
            phi[:, :, 0][local].mean(),
            (others - own)[local].mean() / (n - 1),
            own[~local].mean(),
            others[~local].mean() / n,
        ]
    )


def test_with_counts_averaged_reconstruction_is_exact_for_two_local_areas():
    """Every mask of every cluster, one strength: nothing is left to approximate."""
    data = PatchData(8, 2, 4, 2, 0.9, 0.9, 0.375)
    masks = []
    for hidden in combinations(range(8), data.n_hidden):
        masks.append(np.ones(8, dtype=bool))
        masks[-1][list(hidden)] = False
    n = 2 * len(masks)
    images = Images(np.repeat([0, 1], len(masks)), np.full((n, 3), 0.9), np.array([masks * 2]))
    flow = _Reconstruction(data, average_counts=True)
    for seed in range(3):
        y = np.random.default_rng(seed).normal(size=5)
        loss, gradient = MAE().loss_and_gradient(data, symmetric(data, y), images)
        look = flow(y)
        np.testing.assert_allclose(look.velocity, -read(data, gradient.phi), rtol=1e-11)
        assert look.loss == pytest.approx(loss, rel=1e-12)


def test_strengths_are_averaged():
    """Against a large sample of images at fixed parameters."""
    y = np.array([1.5, -0.7, -0.2, 0.8, -0.3])
    at, flow = symmetric(POSITIVE, y), _Reconstruction(POSITIVE, average_counts=True)
    batches = [
        MAE().loss_and_gradient(POSITIVE, at, POSITIVE.draw(400, rng), positions=False)
        for rng in np.random.default_rng(1).spawn(10)
    ]
    rows = np.array([[loss, *-read(POSITIVE, g.phi)] for loss, g in batches])
    look = flow(y)
    expected = np.array([look.loss, *look.velocity])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(axis=0) - expected) < 4 * error + 2e-3 * np.abs(expected)).all()


@cache
def frozen(data):
    return train(
        data, MAE(), steps=800, learning_rate=2.0, batch_size=32, rng=0, freeze_positions=True
    )


@GAPS
def test_reconstruction_follows_training_within_a_tenth(data):
    measured = frozen(data)
    theory = mean_field(data, MAE(), measured.times, average_counts=True)
    late = measured.times >= 100
    for name in ("phi_own", "phi_global"):
        one, two = (getattr(h, name)[late] for h in (theory, measured))
        assert np.abs(one / two - 1).max() < 0.1
    assert np.abs(theory.attention_own - measured.attention_own).max() < 0.03
    globe = theory.global_patches.phi_own[late] / measured.global_patches.phi_own[late]
    assert np.abs(globe - 1).max() < 0.1
    assert np.abs(theory.loss - measured.loss).max() < 0.05 * measured.loss[0]


def test_counts_matter_when_areas_are_small():
    measured = frozen(POSITIVE)
    plain = mean_field(POSITIVE, MAE(), measured.times)
    averaged = mean_field(POSITIVE, MAE(), measured.times, average_counts=True)
    gaps = [np.abs(h.phi_own - measured.phi_own).max() for h in (plain, averaged)]
    assert gaps[0] > 5 * gaps[1]
    # In large areas they do not.
    large = PatchData.from_exponents(10**6, 3, 0.9, 0.6, 0.5, 1.0, 0.5)
    times = np.linspace(0, 2 * phase_times(large).learning, 20)
    one, two = (mean_field(large, MAE(), times, average_counts=a) for a in (False, True))
    np.testing.assert_allclose(one.phi_own, two.phi_own, rtol=0.01, atol=1e-3)


@GAPS
def test_contrast_follows_training_within_a_tenth(data):
    objective = Contrastive(0.1, 1e-4)
    measured = train(data, objective, 300, 200.0, batch_size=32, rng=0, freeze_positions=True)
    theory = mean_field(data, objective, measured.times, batch_size=32)
    late = measured.times > 600
    for kind in ("local_patches", "global_patches"):
        one, two = (getattr(h, kind).phi_global[late] for h in (theory, measured))
        assert np.abs(one / two - 1).max() < 0.1
    assert np.abs(theory.attention_global - measured.attention_global).max() < 0.05
    assert theory.attention_own[-1] < theory.attention_own[0]
    assert np.abs(theory.loss - measured.loss).max() < 0.02 * measured.loss[0]


def test_contrast_descends_its_own_loss():
    """With the second branch fixed, the velocity is minus the gradient of the mean-field loss.

    Through both branches the loss changes twice as fast, as similarities are symmetric.
    """
    data = PatchData.from_exponents(10**6, 3, 0.9, 0.6, 0.7, 0.7, 0.5)
    flow = _Contrast(data, Contrastive(0.3), None)
    y = np.array([0.2, 0.5, -0.1, 0.6, -0.2])
    look, sizes = flow(y), np.array([1.0, 1.0, data.n_local - 1, 1.0, data.n_local])
    n_local = data.n_patches - data.global_size
    sizes *= data.n_clusters * np.array([n_local] * 3 + [data.global_size] * 2)
    step = 1e-4
    for i in (1, 3):
        moved = [y + sign * step * np.eye(5)[i] for sign in (1, -1)]
        slope = (flow(moved[0]).loss - flow(moved[1]).loss) / (2 * step)
        assert -2 * sizes[i] * look.velocity[i] == pytest.approx(slope, rel=1e-3)


def test_many_negatives_are_the_limit_of_large_batches():
    objective, times = Contrastive(0.2, 1e-4), np.linspace(0, 3e4, 5)
    limit = mean_field(POSITIVE, objective, times)
    large = mean_field(POSITIVE, objective, times, batch_size=10**7)
    np.testing.assert_allclose(large.phi_global, limit.phi_global, rtol=1e-4)
    np.testing.assert_allclose(large.loss - np.log(10**7), limit.loss, rtol=1e-4)


def test_combined_is_the_weighted_sum():
    y = np.array([0.3, -0.2, 0.1, 0.4, -0.1])
    parts = (_Reconstruction(POSITIVE, True)(y), _Contrast(POSITIVE, Contrastive(0.2, 0.01), 16)(y))
    objective = Combined(0.5, 40.0, 0.2, 0.01)
    tiny = mean_field(POSITIVE, objective, [0.0, 1e-6], average_counts=True, batch_size=16)
    at_zero = (
        _Reconstruction(POSITIVE, True)(np.zeros(5)),
        _Contrast(POSITIVE, Contrastive(0.2, 0.01), 16)(np.zeros(5)),
    )
    velocity = 0.5 * at_zero[0].velocity + 40 * at_zero[1].velocity
    assert tiny.phi_own[1] / 1e-6 == pytest.approx(velocity[0], rel=1e-4)
    assert tiny.phi_global[1] / 1e-6 == pytest.approx(velocity[1], rel=1e-4)
    assert tiny.loss[0] == pytest.approx(0.5 * at_zero[0].loss + 40 * at_zero[1].loss)
    assert parts[0].loss != parts[1].loss


@pytest.mark.parametrize("size", [3, 8, 40])
def test_count_nodes_have_hypergeometric_moments(size):
    n, p = _count_nodes(size, 99.0, 50.0)
    mean = size * 50 / 99
    assert np.sum(p) == pytest.approx(1)
    assert np.sum(p * n) == pytest.approx(mean, rel=1e-12)
    variance = mean * (49 / 99) * (99 - size) / 98
    assert np.sum(p * (n - mean) ** 2) == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("local_exponent", [0.3, 0.5])
def test_exponents_of_phase_times(local_exponent):
    """Fitted over the largest sizes, where powers of P have taken over."""
    found = phase_exponents([10**6, 10**7, 10**8], 3, 0.9, local_exponent, 0.5, 1.0, 0.5)
    for name, exponent in found.derived.items():
        assert found.fitted[name] == pytest.approx(exponent, abs=0.02), name


def test_phase_times_approach_their_leading_order():
    gaps = []
    for P in (10**4, 10**6, 10**8):
        data = PatchData.from_exponents(P, 3, 0.85, 0.3, 0.5, 1.0, 0.5)
        exact, leading = phase_times(data), leading_order_times(data)
        names = ("unlearning", "crossing", "learning")
        gaps.append([getattr(exact, n) / getattr(leading, n) - 1 for n in names])
    gaps = np.abs(gaps)
    assert (gaps[-1] < 0.05).all()
    assert (gaps[-1] < gaps[0]).all()


def test_leading_order_has_its_closed_form_at_one_strength():
    data = PatchData.from_exponents(10**6, 3, 0.9, 0.4, 0.8, 0.8, 0.25)
    mask, z = data.n_hidden / 10**6, 0.8
    b = mask * (1 - mask) * data.local_size / (3 * 10**6)
    a = mask * (1 - mask) ** 2 * data.global_size**2 / (3 * 10**12)
    found = leading_order_times(data)
    assert found.learning == pytest.approx(1 / (b * z**4), rel=1e-9)
    assert found.unlearning == pytest.approx((np.exp(2 * z) - 1) / (2 * a * z**4), rel=1e-9)
    assert found.crossing == pytest.approx((a - b) / (3 * a * b * z**4), rel=1e-6)


def test_a_negative_gap_has_no_first_phase():
    assert phase_times(NEGATIVE).crossing is None
    assert leading_order_times(NEGATIVE).crossing is None
    assert phase_times(POSITIVE).crossing > 0


def test_size_costs_nothing():
    data = PatchData.from_exponents(10**8, 3, 0.9, 0.5, 0.5, 1.0, 0.5)
    history = mean_field(data, MAE(), np.linspace(0, 2 * phase_times(data).learning, 50))
    assert history.attention_own[-1] > 0.8
    assert "areas" not in vars(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: mean_field(PatchData(30, 2, 10, (15, 5), 0.5, 1, 0.5), MAE(), [0, 1]),
            "equal size",
        ),
        (lambda: mean_field(POSITIVE, MAE(), [0, 2, 1]), "increase strictly"),
        (lambda: mean_field(POSITIVE, MAE(), [-1, 2]), "start at 0 or later"),
        (lambda: mean_field(POSITIVE, MAE(), [0, 1], batch_size=8), "batch_size has no effect"),
        (lambda: mean_field(POSITIVE, Contrastive(0.1), [0, 1], batch_size=1), "at least 2"),
        (
            lambda: mean_field(POSITIVE, Contrastive(0.1), [0, 1], average_counts=True),
            "masked reconstruction only",
        ),
        (lambda: mean_field(POSITIVE, object(), [0, 1]), "knows MAE, Contrastive and Combined"),
        (
            lambda: mean_field(
                PatchData(20, 2, 10, 1, 0.5, 1, 0.5), MAE(), [0, 1], average_counts=True
            ),
            "areas of at least 2 patches",
        ),
        (lambda: phase_exponents([100], 3, 0.9, 0.4, 0.5, 1, 0.5), "at least two sizes"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_phase_that_does_not_come_in_time_is_reported(monkeypatch):
    soon = PhaseTimes(unlearning=None, crossing=None, learning=1e-3)
    module = import_module("mssl.vit.mean_field")  # the package's own name is the function
    monkeypatch.setattr(module, "leading_order_times", lambda data: soon)
    with pytest.raises(ConvergenceError, match=r"did not reach one half by time 0\.1"):
        phase_times(NEGATIVE)
