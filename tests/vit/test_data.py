"""Patch data: partitions, masks, the reconstruction floor, and pictures."""

from itertools import combinations, product

import numpy as np
import pytest

from mssl.vit import PatchData

CASES = {
    "equal": PatchData(30, 3, 12, 6, 0.5, 1.0, 0.5),
    "unequal": PatchData(30, 2, 10, (8, 8, 3, 1), 0.2, 1.0, 0.3),
    "contiguous": PatchData(36, 4, 18, 6, 0.5, 1.0, 0.75, arrangement="contiguous"),
    "single strength": PatchData(12, 1, 6, 3, 0.8, 0.8, 0.25, seed=4),
}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_every_cluster_is_a_partition_with_the_stated_sizes(data):
    assert data.areas.shape == (data.n_clusters, data.n_patches)
    for row in data.areas:
        np.testing.assert_array_equal(np.bincount(row, minlength=data.n_areas), data.sizes)
    again = PatchData(**{f: getattr(data, f) for f in data.__dataclass_fields__})
    np.testing.assert_array_equal(again.areas, data.areas)


def test_clusters_and_seeds_split_differently():
    data = CASES["equal"]
    assert not np.array_equal(data.areas[0], data.areas[1])
    other = PatchData(30, 3, 12, 6, 0.5, 1.0, 0.5, seed=1)
    assert not np.array_equal(data.areas, other.areas)


def test_contiguous_areas_are_shorter_ranged_than_scattered_ones():
    def spread(arrangement):
        data = PatchData(100, 4, 40, 10, 0.5, 1.0, 0.5, arrangement=arrangement)
        return np.mean([data.positions[row == 3].std(axis=0).sum() for row in data.areas])

    assert spread("contiguous") < 0.7 * spread("scattered")


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_draws_have_the_stated_distribution(data):
    images = data.draw(4000, 3, views=2)
    assert images.visible.shape == (2, 4000, data.n_patches)
    np.testing.assert_array_equal((~images.visible).sum(axis=2), data.n_hidden)
    rate = data.n_hidden / data.n_patches
    error = 5 * np.sqrt(rate * (1 - rate) / 4000)
    assert np.abs((~images.visible).mean(axis=1) - rate).max() < error
    assert images.strengths.min() >= data.low
    assert images.strengths.max() <= data.high
    assert np.mean(images.strengths**2) == pytest.approx(data.mean_square_strength, rel=0.02)
    assert np.ptp(np.bincount(images.clusters, minlength=data.n_clusters)) < 400
    again = data.draw(4000, 3, views=2)
    np.testing.assert_array_equal(images.visible, again.visible)


def test_information_gap():
    data = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)
    assert 100**data.information_gap == pytest.approx(60**2 / (100 * 5))
    assert PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5).information_gap == pytest.approx(
        -0.0924, abs=1e-4
    )


def test_sizes_from_exponents():
    for P in (100, 10_000, 10**8):
        data = PatchData.from_exponents(P, 2, 0.9, 0.4, 0.5, 1.0, 0.5)
        assert data.global_size + data.n_local * data.even_local_size == P
        assert data.local_exponent == pytest.approx(0.4, abs=0.02)
        assert data.global_exponent == pytest.approx(0.9, abs=0.02)


def test_floor_is_the_expected_strength_of_areas_without_a_visible_patch():
    data = PatchData(8, 1, 4, (3, 1), 0.5, 1.0, 0.5)
    total = []
    for hidden in combinations(range(8), data.n_hidden):
        gone = np.zeros(8, dtype=bool)
        gone[list(hidden)] = True
        total.append(
            sum(size for m, size in enumerate(data.sizes) if gone[data.areas[0] == m].all())
        )
    expected = 0.5 * data.mean_square_strength * np.mean(total)
    assert data.mae_floor == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_features_are_orthonormal_pictures(data):
    pictures = np.array(
        [data.feature(k, m).ravel() for k in range(data.n_clusters) for m in range(data.n_areas)]
    )
    np.testing.assert_allclose(pictures @ pictures.T, np.eye(len(pictures)), atol=1e-12)


def test_a_rendering_shows_features_and_masks():
    data = CASES["unequal"]
    images = data.draw(5, 0)
    rows, columns = data.grid
    whole, masked = data.render(images, 2), data.render(images, 2, view=0)
    assert whole.shape == (rows * data.tile, columns * data.tile)
    k = images.clusters[2]
    for p, (row, column) in enumerate(data.positions):
        place = np.s_[
            row * data.tile : (row + 1) * data.tile, column * data.tile : (column + 1) * data.tile
        ]
        area = data.areas[k, p]
        np.testing.assert_allclose(
            whole[place], images.strengths[2, area] * data.feature(k, area), atol=1e-15
        )
        assert np.isnan(masked[place]).all() != images.visible[0, 2, p]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"local_size": 7}, "do not fill the 18 patches"),
        ({"local_size": (9, 8)}, "must sum to n_patches - global_size = 18, got 17"),
        ({"local_size": 0}, "local_size must be an integer of at least 1"),
        ({"global_size": 30}, "must leave patches for local areas"),
        ({"local_size": 2.5}, "local_size must be an integer or a list of them, got 2.5"),
        ({"mask_rate": "half"}, "mask_rate must be a real number, got 'half'"),
        ({"mask_rate": -1}, "mask_rate must lie between 0 and 1"),
        ({"mask_rate": np.nan}, "mask_rate must lie between 0 and 1"),
        ({"mask_rate": 0}, "mask_rate must lie between 0 and 1"),
        ({"mask_rate": 1}, "mask_rate must lie between 0 and 1"),
        ({"mask_rate": 0.01}, "hide at least one"),
        ({"low": 1.5}, "0 <= low <= high"),
        ({"low": 0, "high": 0}, "high positive"),
        ({"n_clusters": 0}, "n_clusters must be"),
        ({"arrangement": "spiral"}, "'scattered' or 'contiguous'"),
    ],
)
def test_bad_input(change, message):
    good = {
        "n_patches": 30,
        "n_clusters": 2,
        "global_size": 12,
        "local_size": 6,
        "low": 0.5,
        "high": 1.0,
        "mask_rate": 0.5,
    }
    PatchData(**good)
    with pytest.raises(ValueError, match=message):
        PatchData(**(good | change))


def test_bad_draws_and_renderings():
    data = CASES["equal"]
    with pytest.raises(ValueError, match="seed given as rng must be an integer of at least 0"):
        data.draw(3, -1)
    with pytest.raises(ValueError, match="view = 1 was asked for and each image has 1"):
        data.render(data.draw(3, 0), view=1)


def test_bad_exponents():
    with pytest.raises(ValueError, match="global_exponent must be at most 1"):
        PatchData.from_exponents(100, 2, 1.2, 0.4, 0.5, 1.0, 0.5)
    with pytest.raises(ValueError, match="lower local_exponent"):
        PatchData.from_exponents(100, 2, 0.5, 1.0, 0.5, 1.0, 0.5)


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_a_batch_knows_where_its_areas_lie(data):
    images, batch = data.draw(5, 3, views=2), data.batch(5, 3, views=2)
    for name in ("clusters", "strengths", "visible"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(images, name))
    assert (len(batch), batch.n_areas, batch.n_clusters) == (5, data.n_areas, data.n_clusters)
    for view, i, p in product(range(2), range(5), range(data.n_patches)):
        mates = data.areas[images.clusters[i]] == batch.areas[i, p]
        assert mates[p]
        seen = images.visible[view, i]
        assert batch.scored(view)[i, p] == (not seen[p] and seen[mates].any())
