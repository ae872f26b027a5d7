"""Training: seeded, resumable, safe when it diverges, and what the two objectives learn."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from mssl.exceptions import ConvergenceError
from mssl.vit import (
    MAE,
    Combined,
    Contrastive,
    DivergenceError,
    Parameters,
    PatchData,
    Readout,
    area_attention,
    attend,
    train,
)

SMALL = PatchData(20, 2, 8, 4, 0.5, 1.0, 0.5)
POSITIVE = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)
NEGATIVE = PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)
GAPS = pytest.mark.parametrize("data", [POSITIVE, NEGATIVE], ids=["gap .43", "gap -.09"])


@cache
def reconstruction(data):
    return train(data, MAE(), steps=1500, learning_rate=2.0, batch_size=32, rng=0, record_every=25)


@cache
def contrast(data):
    return train(data, Contrastive(0.1, 1e-4), 400, 200.0, batch_size=32, rng=0)


def same(one, two):
    """Whether two histories agree bit by bit."""
    for name in ("times", "loss", "steps", "upsilon_own", "upsilon_global", "batch_losses"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for kind in ("local_patches", "global_patches"):
        for field in fields(Readout):
            a, b = (getattr(getattr(h, kind), field.name) for h in (one, two))
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.parameters.phi, two.parameters.phi)
    np.testing.assert_array_equal(one.parameters.upsilon, two.parameters.upsilon)
    assert one.snapshots.keys() == two.snapshots.keys()
    for step, kept in one.snapshots.items():
        np.testing.assert_array_equal(kept.phi, two.snapshots[step].phi)
    return True


@GAPS
def test_reconstruction_ends_with_attention_on_the_own_area(data):
    history = reconstruction(data)
    assert history.attention_own[-1] >= 0.9
    seen = area_attention(data, history.parameters, data.draw(600, 1))
    assert seen.on_own[seen.is_local].min() >= 0.9
    assert history.global_patches.attention_own[-1] >= 0.9
    assert data.mae_floor <= history.loss[-1] <= data.mae_floor + 0.03 * history.loss[0]


def test_a_positive_gap_has_two_phases():
    history = reconstruction(POSITIVE)
    down, up = -np.diff(history.phi_global), np.diff(history.phi_own)
    first = history.times[1:] <= 100
    assert (down[first] > 1.5 * up[first]).all()
    second = (history.times[1:] >= 400) & (history.times[1:] <= 1000)
    assert (up[second] > 2 * np.abs(down[second])).all()
    # The own feature is learned after the global one is unlearned.
    assert history.phi_global[np.argmax(history.phi_own > 1)] < -0.9


def test_a_negative_gap_has_the_second_phase_alone():
    history = reconstruction(NEGATIVE)
    assert (history.phi_own[1:] > 2 * np.abs(history.phi_global[1:])).all()
    assert history.phi_global[np.argmax(history.phi_own > 1)] > -0.5


@GAPS
def test_contrast_moves_every_patch_to_the_global_area(data):
    history = contrast(data)
    images = data.draw(1500, 2)
    start = area_attention(data, Parameters.zeros(data), images)
    end = area_attention(data, history.parameters, images)
    local = start.is_local
    assert (end.on_global > start.on_global).all()
    assert (end.on_own[local] < start.on_own[local]).all()
    assert history.attention_global[-1] > 0.5
    assert history.attention_own[-1] < 0.7 * history.attention_own[0]


def test_history_reads_the_parameters():
    history = train(SMALL, MAE(), 40, 2.0, 16, rng=3, record_every=10, evaluation_batches=3)
    np.testing.assert_array_equal(history.steps, [0, 10, 20, 30, 40])
    np.testing.assert_array_equal(history.times, 2.0 * history.steps)
    phi, upsilon, areas = history.parameters.phi, history.parameters.upsilon, SMALL.areas
    pairs = [(p, k) for p in range(20) for k in range(2)]
    local = [(p, k) for p, k in pairs if areas[k, p] > 0]
    own = [phi[p, k, areas[k, p]] for p, k in local]
    others = [phi[p, k, m] for p, k in local for m in range(1, 4) if m != areas[k, p]]
    assert history.phi_own[-1] == pytest.approx(np.mean(own))
    assert history.phi_global[-1] == pytest.approx(np.mean([phi[p, k, 0] for p, k in local]))
    assert history.phi_other[-1] == pytest.approx(np.mean(others))
    near = [
        upsilon[p, q] for p, k in local for q in range(20) if p != q and areas[k, p] == areas[k, q]
    ]
    far = [upsilon[p, q] for p, k in local for q in range(20) if areas[k, q] == 0]
    assert history.upsilon_own[-1] == pytest.approx(np.mean(near))
    assert history.upsilon_global[-1] == pytest.approx(np.mean(far))
    globe = history.global_patches
    np.testing.assert_array_equal(globe.phi_own, globe.phi_global)
    np.testing.assert_array_equal(globe.attention_own, globe.attention_global)
    total = globe.attention_own + globe.attention_other + globe.attention_hidden
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    reads = history.local_patches
    total = reads.attention_own + reads.attention_global + reads.attention_other
    np.testing.assert_allclose(total + reads.attention_hidden, 1.0, rtol=1e-12)
    evaluation = np.random.default_rng(3).spawn(2)[0]
    batches = [SMALL.draw(16, evaluation) for _ in range(3)]
    losses = [MAE().loss(SMALL, history.parameters, images) for images in batches]
    assert history.loss[-1] == pytest.approx(np.mean(losses))
    values = []
    for images in batches:
        shares = attend(SMALL, history.parameters, images).shares
        for b, k in enumerate(images.clusters):
            for p in range(20):
                m, visible = areas[k, p], images.visible[0, b]
                if m > 0 and not visible[p] and visible[areas[k] == m].any():
                    values.append(shares[m, b, p])
    assert history.attention_own[-1] == pytest.approx(np.mean(values))


def test_a_step_is_minus_the_learning_rate_times_the_gradient():
    history = train(SMALL, MAE(), 1, 0.5, 16, rng=4)
    images = SMALL.draw(16, np.random.default_rng(4).spawn(2)[1])
    loss, gradient = MAE().loss_and_gradient(SMALL, Parameters.zeros(SMALL), images)
    np.testing.assert_allclose(history.parameters.phi, -0.5 * gradient.phi, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(
        history.parameters.upsilon, -0.5 * gradient.upsilon, rtol=1e-10, atol=1e-15
    )
    assert history.batch_losses == pytest.approx([loss])


@pytest.mark.parametrize("objective", [MAE(), Contrastive(0.2, 1e-3), Combined(1.0, 5.0, 0.2)])
def test_seeds_fix_the_run(objective):
    one, two = (train(SMALL, objective, 20, 1.0, 8, rng=5) for _ in range(2))
    assert same(one, two)
    other = train(SMALL, objective, 20, 1.0, 8, rng=6)
    assert not np.array_equal(one.parameters.phi, other.parameters.phi)


@pytest.mark.parametrize("objective", [MAE(), Contrastive(0.2)])
def test_the_data_are_asked_for_each_batch_once(monkeypatch, objective):
    placed, place = [], PatchData.place

    def counted(self, images):
        placed.append(len(images))
        return place(self, images)

    monkeypatch.setattr(PatchData, "place", counted)
    train(SMALL, objective, 5, 2.0, 8, rng=3, evaluation_batches=3, record_every=1)
    assert placed == [8] * (3 + 5 + 1)  # to watch, to step, and to see the last loss


def test_frozen_positions_stay_at_zero():
    history = train(SMALL, MAE(), 20, 2.0, 8, rng=7, freeze_positions=True)
    assert not history.parameters.upsilon.any()
    assert history.parameters.phi.any()


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
@pytest.mark.parametrize("interrupted_at", [1, 23, 37])
def test_an_interrupted_run_continues_to_the_identical_trajectory(
    tmp_path, monkeypatch, bits, interrupted_at
):
    def run(**options):
        rng = np.random.Generator(bits(8))
        return train(SMALL, MAE(), 50, 2.0, 8, rng=rng, snapshots=(0, 20, 50), **options)

    path, whole, calls = tmp_path / "deep" / "run.npz", run(), []
    exact = MAE.slope

    def failing(self, *arguments, positions=True, **options):
        calls.append(1)
        if len(calls) > interrupted_at:
            raise KeyboardInterrupt
        return exact(self, *arguments, positions=positions, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MAE, "slope", failing)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint=path, checkpoint_every=10)
    assert path.exists()
    assert same(whole, run(checkpoint=path, checkpoint_every=10))
    # A finished run is read back without a step.
    assert same(whole, run(checkpoint=path))
    assert list(path.parent.iterdir()) == [path]


def test_a_checkpoint_can_be_carried_further(tmp_path):
    path = tmp_path / "run.npz"
    train(SMALL, MAE(), 20, 2.0, 8, rng=9, record_every=5, checkpoint=path)
    further = train(SMALL, MAE(), 40, 2.0, 8, rng=9, record_every=5, checkpoint=path)
    assert same(further, train(SMALL, MAE(), 40, 2.0, 8, rng=9, record_every=5))


def carried(path, steps, **options):
    return train(SMALL, MAE(), steps, 2.0, 8, rng=9, checkpoint=path, **options)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"steps": 40}, {"steps": 400}),  # records 1 apart, then 4 apart
        ({"steps": 45, "record_every": 10}, {"steps": 80, "record_every": 20}),
        ({"steps": 45, "record_every": 15}, {"steps": 80, "record_every": 30, "snapshots": [45]}),
        ({"steps": 40, "snapshots": [0, 10, 40]}, {"steps": 40, "snapshots": [10]}),
    ],
)
def test_a_run_carried_further_has_the_records_and_snapshots_of_a_whole_one(tmp_path, first, then):
    path = tmp_path / "run.npz"
    carried(path, **first)
    whole = carried(tmp_path / "whole.npz", **then)
    assert same(carried(path, **then), whole)
    assert list(whole.snapshots) == then.get("snapshots", [])


def test_what_a_checkpoint_does_not_hold_is_refused_before_any_work(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    carried(path, 60, record_every=6, snapshots=[30])
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(MAE, "slope", None)
        for snapshots in ([5], [30, 50, 100]):
            with pytest.raises(ValueError, match="is at step 60 and holds no snapshot of step 5"):
                carried(path, 100, record_every=6, snapshots=snapshots)
        for spacing in ({}, {"record_every": 4}, {"record_every": 9}):
            with pytest.raises(ValueError, match=r"no record of step .* record_every = 6 or a mu"):
                carried(path, 100, **spacing)
    assert path.read_bytes() == before
    assert same(
        carried(path, 100, record_every=12, snapshots=[60, 100]),
        train(SMALL, MAE(), 100, 2.0, 8, rng=9, record_every=12, snapshots=[60, 100]),
    )
    # What was kept before and not asked for since is still there.
    assert list(carried(path, 100, record_every=12, snapshots=[30]).snapshots) == [30]


def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(MAE, "slope", None)
    with pytest.raises(ValueError, match="is a folder; name a file"):
        carried(tmp_path, 10)
    with pytest.raises(ValueError, match=r"cannot be written: .*; name another file"):
        carried(tmp_path / "file" / "run.npz", 10)


def test_a_foreign_or_broken_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(SMALL, MAE(), 20, 2.0, 8, rng=10, checkpoint=path)
    for change in ({"rng": 11}, {"learning_rate": 1.0}, {"batch_size": 9}):
        arguments = {"steps": 20, "learning_rate": 2.0, "batch_size": 8, "rng": 10} | change
        with pytest.raises(ValueError, match="other arguments or another seed"):
            train(SMALL, MAE(), **arguments, checkpoint=path)
    with pytest.raises(ValueError, match="at step 20, beyond steps = 10"):
        train(SMALL, MAE(), 10, 2.0, 8, rng=10, checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="cannot be read; delete it"):
        train(SMALL, MAE(), 20, 2.0, 8, rng=10, checkpoint=path)


@pytest.mark.parametrize("rate", [1e3, 1e200])
def test_a_diverging_run_keeps_its_last_good_state(tmp_path, monkeypatch, rate):
    path, objective = tmp_path / "run.npz", Contrastive(0.2, regularization=0.5)
    with pytest.raises(DivergenceError, match="lower the learning rate") as caught:
        train(SMALL, objective, 500, rate, 8, rng=12, record_every=1, checkpoint=path)
    assert isinstance(caught.value, ConvergenceError)
    kept = caught.value.history
    assert np.isfinite(kept.loss).all()
    assert kept.parameters.is_finite()
    assert np.isfinite(objective.loss(SMALL, kept.parameters, SMALL.draw(8, 0, views=2)))
    with np.load(path) as file:
        np.testing.assert_array_equal(file["phi"], kept.parameters.phi)
        assert int(file["step"]) == kept.steps[-1]
    # A state just read back that fails has nothing before it; it is not spoilt.
    with monkeypatch.context() as patch:
        patch.setattr(Contrastive, "slope", lambda *a, **o: (np.nan, kept.parameters))
        with pytest.raises(DivergenceError) as stuck:
            train(SMALL, objective, 500, rate, 8, rng=12, record_every=1, checkpoint=path)
    assert same(kept, stuck.value.history)
    with np.load(path) as file:
        assert int(file["step"]) == kept.steps[-1]
    # From there it diverges again, in the same way.
    with pytest.raises(DivergenceError) as again:
        train(SMALL, objective, 500, rate, 8, rng=12, record_every=1, checkpoint=path)
    assert same(kept, again.value.history)


def test_progress_goes_to_standard_error(capsys):
    train(SMALL, MAE(), 3, 1.0, 4, rng=0, progress=True)
    captured = capsys.readouterr()
    assert "training" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be an integer of at least 1"),
        ({"learning_rate": 0}, "learning_rate must be positive and finite, got 0"),
        ({"learning_rate": -1}, "learning_rate must be positive and finite, got -1"),
        ({"learning_rate": np.inf}, "learning_rate must be positive and finite, got inf"),
        ({"learning_rate": "a"}, "learning_rate must be a real number"),
        ({"data": np.eye(3)}, "data must be a PatchData, got array"),
        ({"data": PatchData}, "data must be a PatchData, got the class PatchData in place"),
        ({"objective": "mae"}, "must be an objective such as .*, got 'mae'"),
        ({"objective": MAE}, "must be an objective such as .*, got the class MAE in place"),
        ({"checkpoint": 3}, "checkpoint must be the path of a file, got 3"),
        ({"freeze_positions": "no"}, "freeze_positions must be True or False, got 'no'"),
        ({"progress": "yes"}, "progress must be True or False, got 'yes'"),
        ({"rng": -1}, "seed given as rng must be an integer of at least 0, got -1"),
        ({"snapshots": 3}, "snapshots must be a list of steps, got 3"),
        ({"snapshots": [-1]}, "each entry of snapshots must be an integer of at least 0"),
        ({"batch_size": 0}, "batch_size must be an integer"),
        ({"batch_size": 1, "objective": Contrastive(0.1)}, "at least 2 for a contrastive"),
        ({"batch_size": 1, "objective": Combined(1, 1, 0.1)}, "at least 2 for a contrastive"),
        ({"rng": None}, "rng must be a numpy.random.Generator"),
        ({"snapshots": [11]}, "must not lie beyond step 10, got 11"),
        ({"record_every": 0}, "record_every must be"),
    ],
)
def test_bad_input(change, message):
    good = {"data": SMALL, "objective": MAE(), "steps": 10, "learning_rate": 1.0, "rng": 0}
    with pytest.raises(ValueError, match=message):
        train(**(good | {"batch_size": 4} | change))
