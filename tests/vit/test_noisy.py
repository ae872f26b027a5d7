"""The network on noisy patches: without noise it is the package's own, step by step."""

from functools import cached_property

import numpy as np
import pytest

from mssl.vit import MAE, Contrastive, Images, Parameters, PatchData, noisy_attention
from mssl.vit.model import attend, position_weights

STEPS, BATCH = 6, 5
CASES = {"mae": (MAE(), 3.0), "contrastive": (Contrastive(0.2, 1e-3), 40.0)}


class Recorded(PatchData):
    """Keeps what it draws."""

    @cached_property
    def drawn(self) -> list[Images]:
        return []

    def draw(self, n_images, rng, *, views=1):
        images = super().draw(n_images, rng, views=views)
        self.drawn.append(images)
        return images


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fresh", [False, True])
def test_without_noise_it_takes_the_steps_of_the_package(name, fresh):
    objective, rate = CASES[name]
    data = Recorded(12, 2, 5, (4, 3), 0.5, 1.0, 0.5)
    attention, areas, visible, positions = noisy_attention(
        data, np.zeros(12), name, steps=STEPS, rate=rate, batch=BATCH,
        rng=np.random.default_rng(3), fresh=fresh, temperature=0.2, regularization=1e-3,
        evaluated=7,
    )  # fmt: skip
    *batches, last = data.drawn
    assert [len(images) for images in data.drawn] == [BATCH] * STEPS + [7]

    state = Parameters.zeros(data)  # the steps of mssl.vit.train
    for images in batches:
        gradient = objective.loss_and_gradient(data, state, images)[1]
        state = Parameters(state.phi - rate * gradient.phi, state.upsilon - rate * gradient.upsilon)
    assert np.abs(state.phi).max() > 0.1
    assert np.abs(state.upsilon).max() > 0.01

    seen = attend(data, state, last)
    expected = np.array([seen.matrix(b) for b in range(len(last))])
    np.testing.assert_allclose(attention, expected, rtol=1e-10)
    weights = position_weights(state)
    np.testing.assert_allclose(positions, weights / weights.sum(axis=1, keepdims=True), rtol=1e-10)
    np.testing.assert_array_equal(areas, data.areas[last.clusters])
    np.testing.assert_array_equal(visible, last.visible[0])


def test_noise_and_its_second_draw_change_the_outcome():
    data, results = PatchData(12, 2, 5, (4, 3), 0.5, 1.0, 0.5), []
    for noise, fresh in ((0.0, False), (0.1, False), (0.1, True)):
        results.append(
            noisy_attention(
                data, np.full(12, noise), "contrastive", steps=2, rate=40.0, batch=BATCH,
                rng=np.random.default_rng(3), fresh=fresh,
            )[3]
        )  # fmt: skip
    assert np.abs(results[0] - results[1]).max() > 1e-6
    assert np.abs(results[1] - results[2]).max() > 1e-6


@pytest.mark.parametrize(
    ("noise", "objective", "message"),
    [
        (np.zeros(12), "supervised", "objective must be 'mae' or 'contrastive'"),
        (np.zeros(11), "mae", "one variance a patch, 12, but it has 11"),
        (np.full(12, -1.0), "mae", "noise must be non-negative"),
    ],
)
def test_bad_arguments(noise, objective, message):
    data = PatchData(12, 2, 5, (4, 3), 0.5, 1.0, 0.5)
    with pytest.raises(ValueError, match=message):
        noisy_attention(
            data, noise, objective, steps=1, rate=1.0, batch=2, rng=np.random.default_rng(0)
        )
