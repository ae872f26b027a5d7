"""The photographs' patches: exact moments, honest sampling, no trivial prediction."""

import numpy as np
import pytest

from mssl.data import (
    border_distance,
    image_patches,
    patch_covariance,
    patch_population,
    sample_patches,
)

SIZE = 5


@pytest.fixture(scope="module")
def everything():
    return image_patches(SIZE)


def test_moments_are_those_of_the_whole_population(everything):
    population = patch_population(SIZE)
    assert everything.shape == (population.n_patches, population.d)
    np.testing.assert_allclose(everything.mean(axis=0), 0.0, atol=1e-12)
    oracle = everything.T @ everything / len(everything)
    np.testing.assert_allclose(population.dense(), oracle, atol=1e-12)
    assert population.trace() == pytest.approx(population.d, abs=1e-10)


def test_blocks_are_the_population_in_order(everything):
    blocks = np.concatenate(list(patch_population(SIZE).blocks()))
    np.testing.assert_allclose(blocks, everything, atol=1e-14)


def test_samples_are_patches_of_the_population(everything):
    drawn = sample_patches(200, np.random.default_rng(3), SIZE)
    known = {row.tobytes() for row in np.round(everything, 9) + 0.0}
    assert all(row.tobytes() in known for row in np.round(drawn, 9) + 0.0)
    assert len({row.tobytes() for row in drawn}) > 150


def test_sample_mean_and_covariance_approach_the_population():
    n = 40_000
    drawn = sample_patches(n, np.random.default_rng(4), SIZE)
    sigma = patch_covariance(SIZE).dense()
    # Five standard errors, the fourth moments estimated from the sample itself.
    spread = (drawn[:, :, None] * drawn[:, None, :]).std(axis=0) / np.sqrt(n)
    assert np.all(np.abs(drawn.T @ drawn / n - sigma) < 5 * spread)
    assert np.all(np.abs(drawn.mean(axis=0)) < 5 * drawn.std(axis=0) / np.sqrt(n))


def test_sampling_is_seeded():
    first, again, other = (sample_patches(9, seed, SIZE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_pixel_is_a_linear_function_of_the_others():
    """Removing each patch's own mean would make every one of these errors zero."""
    errors = 1.0 / np.diag(np.linalg.inv(patch_covariance(SIZE).dense()))
    assert errors.min() > 1e-4
    assert np.linalg.eigvalsh(patch_covariance(SIZE).dense())[0] > 1e-4


def test_population_of_the_book():
    population = patch_population()
    assert population.d == 144
    assert population.n_patches == 2 * 416 * 629
    assert np.linalg.eigvalsh(population.dense())[0] > 0


def test_the_population_is_cached_and_read_only():
    assert patch_population(SIZE) is patch_population(SIZE)
    with pytest.raises(ValueError, match="read-only"):
        patch_population(SIZE).mean[0] = 1.0


def test_border_distance():
    grid = border_distance(12).reshape(12, 12)
    assert (grid == grid.T).all()
    assert (grid == grid[::-1]).all()
    assert (np.bincount(grid.ravel()) == [44, 36, 28, 20, 12, 4]).all()


@pytest.mark.parametrize("size", [1, 0, -3, 2.5, True, 400])
def test_bad_sizes(size):
    with pytest.raises(ValueError, match="size"):
        patch_population(size)


@pytest.mark.parametrize("stride", [0, -1, 1.5])
def test_bad_strides(stride):
    with pytest.raises(ValueError, match="stride"):
        image_patches(SIZE, stride)


def test_bad_sample_requests():
    with pytest.raises(ValueError, match="n must be"):
        sample_patches(0, 1, SIZE)
    with pytest.raises(ValueError, match="rng"):
        sample_patches(3, None, SIZE)
