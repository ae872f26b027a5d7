"""The mean field against training, and at extremes."""

from functools import cache
from importlib import import_module

import numpy as np
import pytest

from mssl.exceptions import ConvergenceError
from mssl.vit import (
    MAE,
    Combined,
    Contrastive,
    Objective,
    PatchData,
    leading_order_times,
    mean_field,
    phase_times,
    train,
)
from mssl.vit.flow import Contrast, Reconstruction

POSITIVE = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)
NEGATIVE = PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)
STRONG = PatchData(100, 3, 60, 5, 1e160, 1e160, 0.5)
GAPS = pytest.mark.parametrize("data", [POSITIVE, NEGATIVE], ids=["gap .43", "gap -.09"])


class Unknown(Objective):
    """An objective of a user, of which there is no mean field."""

    def _loss_and_slopes(self, parameters, seen):
        return 0.0, np.zeros(1)


@pytest.mark.parametrize("average_counts", [False, True])
def test_two_local_areas_are_learned(average_counts):
    """Gauss nodes of one count once left no possible value for the next, and all was zero."""
    data = PatchData(100, 3, 60, 20, 0.5, 1.0, 0.5)
    times = np.geomspace(1, 2000, 8)
    history = mean_field(data, MAE(), times, average_counts=average_counts)
    assert (np.diff(history.phi_own) > 0).all()
    assert (np.diff(history.loss) < 0).all()
    assert history.phi_own[-1] > 4
    assert history.attention_own[-1] > 0.85
    for kind in (history.local_patches, history.global_patches):
        assert (kind.attention_own > 0).all()
    measured = train(data, MAE(), 400, 2.0, 32, 0, freeze_positions=True, record_every=40)
    theory = mean_field(data, MAE(), measured.times, average_counts=average_counts)
    assert np.abs(theory.attention_own - measured.attention_own).max() < 0.03


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


def test_many_negatives_are_the_limit_of_large_batches():
    objective, times = Contrastive(0.2, 1e-4), np.linspace(0, 3e4, 5)
    limit = mean_field(POSITIVE, objective, times)
    large = mean_field(POSITIVE, objective, times, batch_size=10**7)
    np.testing.assert_allclose(large.phi_global, limit.phi_global, rtol=1e-4)
    np.testing.assert_allclose(large.loss - np.log(10**7), limit.loss, rtol=1e-4)


LATE = np.geomspace(1e2, 1e7, 12)


@pytest.mark.parametrize("sizes", [(60, 5), (28, 12), (60, 20), (60, 40), (2, 7), (99, 1)])
@pytest.mark.parametrize("objective", [Contrastive(0.1), Contrastive(0.3, 1e-4)])
def test_contrast_keeps_all_patches_alike_for_ever(sizes, objective):
    data = PatchData(100, 3, *sizes, 0.5, 1.0, 0.5)
    history = mean_field(data, objective, LATE, batch_size=32, rtol=1e-6)
    local, globe = history.local_patches, history.global_patches
    assert np.abs(local.phi_global).max() > 1e-3
    np.testing.assert_allclose(local.phi_global, globe.phi_global, rtol=0, atol=1e-10)
    np.testing.assert_allclose(local.phi_own, globe.phi_other, rtol=0, atol=1e-10)
    same = (local.attention_own + local.attention_other, globe.attention_other)
    np.testing.assert_allclose(*same, rtol=0, atol=1e-10)
    for name in ("attention_global", "attention_hidden"):
        np.testing.assert_allclose(getattr(local, name), getattr(globe, name), rtol=0, atol=1e-10)
    if data.n_local <= 2:
        # No sum over areas is approximate: the own one has its share of what all local ones get.
        share = globe.attention_other / data.n_local
        np.testing.assert_allclose(local.attention_own, share, rtol=0, atol=1e-10)
    if data.n_local > 1:
        np.testing.assert_array_equal(local.phi_own, local.phi_other)
    else:
        assert np.isnan(local.phi_other).all()


def test_without_reconstruction_the_sum_is_contrast_alone():
    times = np.geomspace(1e2, 1e6, 9)
    alone = mean_field(NEGATIVE, Contrastive(0.1), 40 * times, batch_size=32)
    weighed = mean_field(NEGATIVE, Combined(0.0, 40.0, 0.1), times, batch_size=32)
    np.testing.assert_allclose(weighed.phi_own, alone.phi_own, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(weighed.phi_own, weighed.phi_other)
    np.testing.assert_allclose(weighed.loss, 40 * alone.loss, rtol=1e-6)
    # A hint of reconstruction goes the way of none, as long as it has no time to part patches.
    hint = mean_field(NEGATIVE, Combined(1e-9, 40.0, 0.1), times[:5], batch_size=32)
    np.testing.assert_allclose(hint.phi_global, weighed.phi_global[:5], rtol=1e-4)


def test_combined_is_the_weighted_sum():
    y = np.array([0.3, -0.2, 0.1, 0.4, -0.1])
    parts = (Reconstruction(POSITIVE, True)(y), Contrast(POSITIVE, Contrastive(0.2, 0.01), 16)(y))
    objective = Combined(0.5, 40.0, 0.2, 0.01)
    tiny = mean_field(POSITIVE, objective, [0.0, 1e-6], average_counts=True, batch_size=16)
    at_zero = (
        Reconstruction(POSITIVE, True)(np.zeros(5)),
        Contrast(POSITIVE, Contrastive(0.2, 0.01), 16)(np.zeros(5)),
    )
    velocity = 0.5 * at_zero[0].velocity + 40 * at_zero[1].velocity
    assert tiny.phi_own[1] / 1e-6 == pytest.approx(velocity[0], rel=1e-4)
    assert tiny.phi_global[1] / 1e-6 == pytest.approx(velocity[1], rel=1e-4)
    assert tiny.loss[0] == pytest.approx(0.5 * at_zero[0].loss + 40 * at_zero[1].loss)
    assert parts[0].loss != parts[1].loss


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
        (lambda: mean_field(POSITIVE, Unknown(), [0, 1]), "knows MAE, Contrastive and Combined"),
        (lambda: mean_field(POSITIVE, object(), [0, 1]), "must be MAE, Contrastive or Combined"),
        (lambda: mean_field(POSITIVE, MAE, [0, 1]), "got the class MAE in place of an object"),
        (lambda: mean_field("data", MAE(), [0, 1]), "data must be a PatchData, got 'data'"),
        (lambda: mean_field(POSITIVE, MAE(), [0, 1], rtol=-1), "rtol must be positive and finite"),
        (
            lambda: mean_field(POSITIVE, MAE(), [0, 1], average_counts="no"),
            "average_counts must be True or False, got 'no'",
        ),
        (
            lambda: mean_field(
                PatchData(20, 2, 10, 1, 0.5, 1, 0.5), MAE(), [0, 1], average_counts=True
            ),
            "areas of at least 2 patches",
        ),
        (
            lambda: mean_field(
                PatchData(10**15, 2, 10**15 - 10, 2, 0.5, 1, 1 - 1e-15),
                MAE(),
                [0, 1],
                average_counts=True,
            ),
            "queries that see their own area",
        ),
        (lambda: mean_field(POSITIVE, Contrastive(1e-6), [0, 1e-6]), "1e-06 is too small for"),
        (lambda: mean_field(POSITIVE, Combined(1, 1, 1e-6), [0, 1e-6]), "1e-06 is too small for"),
        (lambda: mean_field(POSITIVE, MAE(), [0, 1], rtol=1e-15), r"at least 2\.22.*e-14"),
        (lambda: mean_field(STRONG, MAE(), [0, 1]), "strengths of moderate size"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Extremes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 2, 32])
@pytest.mark.parametrize("tau", [1e-300, 1e-6, 1e-3, 0.1, 1e6])
def test_one_strength_takes_any_temperature(tau, batch_size):
    """With one strength the loss at the start is a sum of three logarithms, done by hand."""
    data = PatchData(100, 3, 60, 5, 0.8, 0.8, 0.5)
    history = mean_field(data, Contrastive(tau), [0, 1e-9 * tau], batch_size=batch_size)
    # Attention is even over all patches, so that a negative of the cluster is like the image.
    u = 0.5 * 0.8 * np.array([60, *(5,) * 8]) / 100
    over = u @ u / tau
    negatives = np.logaddexp(np.log1p(-1 / 3) - over, -np.log(3.0))
    expected = negatives
    if batch_size is not None:
        expected = np.logaddexp(0.0, np.log(batch_size - 1.0) + negatives)
    np.testing.assert_allclose(history.loss[0], expected, rtol=1e-9, atol=1e-9)
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("batch_size", [None, 32])
def test_small_temperatures_take_more_nodes(batch_size):
    """At the start, where attention is even: the averages over strengths by fine sums."""
    tau, data = 5e-4, PatchData(100, 3, 28, 12, 0.2, 1.0, 0.5)
    history = mean_field(data, Contrastive(tau), [0, 1e-9], batch_size=batch_size)
    z = 0.2 + 0.8 * (np.arange(20_000) + 0.5) / 20_000
    near = 0.2 + 0.8 * (np.polynomial.legendre.leggauss(24)[0] + 1) / 2
    weight = np.polynomial.legendre.leggauss(24)[1] / 2
    share = 0.5 * np.array([28, 12]) / 100
    mean, square = 0.6, np.mean(z**2)
    local = 6 * share[1] ** 2
    paired = (share[0] ** 2 * near**2 + local * square) / tau
    negative = (share[0] ** 2 * np.outer(near, z) + local * mean**2) / tau
    top = negative.max(axis=1)
    similar = top + np.log(np.mean(np.exp(negative - top[:, None]), axis=1))
    negatives = np.logaddexp(np.log1p(-1 / 3), similar - np.log(3.0))
    if batch_size is not None:
        negatives = np.logaddexp(paired, np.log(batch_size - 1.0) + negatives)
    assert history.loss[0] == pytest.approx(weight @ (negatives - paired), rel=1e-6)


@pytest.mark.parametrize("regularization", [0.0, 1e-300, 1e6])
def test_any_regularization_and_the_shortest_times(regularization):
    objective = Contrastive(0.1, regularization)
    history = mean_field(NEGATIVE, objective, [0, 1e-320, 1e-300])
    assert np.isfinite(history.loss).all()
    rate = mean_field(NEGATIVE, objective, [0, 1e-9]).global_patches.phi_global[1] / 1e-9
    assert history.global_patches.phi_global[2] == pytest.approx(1e-300 * rate, rel=1e-2)


def test_what_cannot_be_integrated_says_so(monkeypatch):
    with pytest.raises(ConvergenceError, match="velocities overflow; end earlier, or"):
        mean_field(NEGATIVE, Contrastive(0.1, 1e300), [0, 1])
    module = import_module("mssl.vit.mean_field")  # the package's own name is the function
    monkeypatch.setattr(module, "_CALLS", 40)
    with pytest.raises(ConvergenceError, match=r"to time 1e\+06 in 40 evaluations; end earlier"):
        mean_field(NEGATIVE, MAE(), [0, 1e6])


@pytest.mark.parametrize("unit", [1e-20, 1e-3, 1e3, 1e20])
@pytest.mark.parametrize("data", [POSITIVE, NEGATIVE], ids=["gap .43", "gap -.09"])
def test_strengths_have_units(data, unit):
    """z times c is Phi over c and time over c^4."""
    theirs = PatchData(100, 3, data.global_size, data.local_size, 0.5 * unit, unit, 0.5)
    times = np.array([0.0, 100.0, 1000.0, 1e4])
    plain, ours = mean_field(data, MAE(), times), mean_field(theirs, MAE(), times / unit**4)
    np.testing.assert_allclose(ours.loss / unit**2, plain.loss, rtol=3e-7)
    np.testing.assert_allclose(
        ours.local_patches.phi_own * unit, plain.local_patches.phi_own, rtol=3e-7
    )
    leading, scaled = leading_order_times(data), leading_order_times(theirs)
    assert scaled.learning * unit**4 == pytest.approx(leading.learning, rel=1e-9)
    assert (scaled.crossing is None) == (leading.crossing is None)
    if leading.crossing is not None:
        assert scaled.crossing * unit**4 == pytest.approx(leading.crossing, rel=1e-9)


@pytest.mark.parametrize("tau", [1e-300, 1e-6, 1e6, 1e300])
@pytest.mark.parametrize("regularization", [0.0, 1e-300, 1e3])
def test_training_takes_any_temperature(tau, regularization):
    data = PatchData(16, 2, 4, 4, 0.2, 1.0, 0.5)
    with np.errstate(all="raise", under="ignore"):
        history = train(data, Contrastive(tau, regularization), 3, 1e-6 * min(tau, 1.0), 4, 0)
    assert np.isfinite(history.loss).all()
