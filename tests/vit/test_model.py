"""The sums over keys and their transpose against dense arrays, and the paths of large scores."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from mssl.vit import MAE, Parameters, PatchData, attend, model
from mssl.vit.keys import Keys

from .test_objectives import state

DATA = {
    "equal": PatchData(12, 2, 6, 3, 0.5, 1.0, 0.5),
    "unequal": PatchData(13, 3, 5, (4, 3, 1), 0.5, 1.0, 0.3),
    "one local area": PatchData(9, 2, 6, 3, 0.5, 1.0, 0.4),
    "one patch each": PatchData(7, 2, 1, 1, 0.5, 1.0, 0.8),
}
datas = pytest.mark.parametrize("data", DATA.values(), ids=DATA)


def dense_keys(data, images, view):
    """1 where a patch is visible in an area, or masked for the last one: (areas + 1, images, P)."""
    keys = np.zeros((data.n_areas + 1, len(images), data.n_patches))
    for b, k in enumerate(images.clusters):
        for q in range(data.n_patches):
            keys[data.areas[k, q] if images.visible[view, b, q] else -1, b, q] = 1.0
    return keys


@datas
@pytest.mark.parametrize("view", [0, 1])
def test_sums_over_keys_and_their_transpose(data, view):
    images, rng = data.draw(8, 1, views=2), np.random.default_rng(2)
    keys, dense = Keys.of(data.place(images), view), dense_keys(data, images, view)
    weights = rng.normal(size=(data.n_patches, data.n_patches))
    slopes = rng.normal(size=dense.shape)
    np.testing.assert_allclose(
        keys.sums(weights), np.einsum("mbq,qp->mbp", dense, weights), rtol=1e-13, atol=1e-14
    )
    np.testing.assert_allclose(
        keys.pull_back(slopes), np.einsum("mbq,mbp->qp", dense, slopes), rtol=1e-13, atol=1e-14
    )


@datas
def test_shifted_and_unshifted_scores_give_the_same(data, monkeypatch):
    images, at = data.draw(8, 3), state(data, 4, 3.0)
    plain, loss, gradient = attend(data, at, images), *MAE().loss_and_gradient(data, at, images)
    monkeypatch.setattr(model, "SAFE_SCORE", 0.0)
    shifted = attend(data, at, images)
    np.testing.assert_allclose(shifted.shares, plain.shares, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(shifted.matrix(1), plain.matrix(1), rtol=1e-12, atol=1e-300)
    loss_too, gradient_too = MAE().loss_and_gradient(data, at, images)
    assert loss_too == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(gradient_too.phi, gradient.phi, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(gradient_too.upsilon, gradient.upsilon, rtol=1e-10, atol=1e-14)


def test_scores_at_the_bound_do_not_overflow_without_a_shift():
    data = DATA["equal"]
    images, signs = data.draw(8, 5), np.sign(state(data, 6).phi)
    at = Parameters(
        0.999 * model.SAFE_SCORE * signs / images.strengths.max(), state(data, 7).upsilon
    )
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, gradient = MAE().loss_and_gradient(data, at, images)
    assert np.isfinite(loss)
    assert gradient.is_finite()


def test_pulling_back_leaves_its_arguments_alone_unless_told():
    data = DATA["unequal"]
    images, at = data.draw(6, 8), state(data, 9)
    seen = attend(data, at, images)
    slopes = np.random.default_rng(10).normal(size=seen.on_areas.shape)
    before = slopes.copy(), seen.shares.copy(), seen.weights.copy()
    first = seen.pull_back(slopes)
    for array, old in zip((slopes, seen.shares, seen.weights), before, strict=True):
        np.testing.assert_array_equal(array, old)
    second = seen.pull_back(slopes, overwrite=True)
    np.testing.assert_array_equal(second.phi, first.phi)
    np.testing.assert_array_equal(second.upsilon, first.upsilon)


STEPS = """
import resource
from mssl.vit import MAE, Parameters, PatchData

data = PatchData(196, 10, 98, 7, 0.5, 1.0, 0.5)
images, at = data.draw(64, 1), Parameters.zeros(data)
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    MAE().loss_and_gradient(data, at, images)
before = faults()
for _ in range(10):
    MAE().loss_and_gradient(data, at, images)
print((faults() - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide otherwise")
def test_steps_reuse_their_memory():
    """Without that, each of the five large arrays of a step costs 400 page faults."""
    out = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert float(out.stdout) < 200


def test_a_view_that_the_images_do_not_have_is_refused():
    data = DATA["equal"]
    images = data.draw(3, 0)
    with pytest.raises(ValueError, match="view = 1 was asked for and each image has 1"):
        attend(data, Parameters.zeros(data), images, view=1)
    with pytest.raises(ValueError, match="view must be an integer of at least 0, got -1"):
        attend(data, Parameters.zeros(data), images, view=-1)
