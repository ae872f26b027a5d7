"""Measures of attention at their exactly known values, and by hand."""

import numpy as np
import pytest

from mssl.vit import (
    Parameters,
    PatchData,
    area_attention,
    attend,
    attention_distance,
    attention_entropy,
    normalized_mutual_information,
)


@pytest.mark.parametrize("n", [2, 7, 49])
def test_uniform_attention(n):
    A = np.full((n, n), 1 / n)
    x = np.random.default_rng(0).normal(size=(n, 2))
    pairs = np.linalg.norm(x[:, None] - x, axis=2)
    assert normalized_mutual_information(A) == pytest.approx(0.0, abs=1e-14)
    assert attention_entropy(A) == pytest.approx(np.log(n), rel=1e-14)
    assert attention_distance(A, x) == pytest.approx(pairs.mean(), rel=1e-14)


@pytest.mark.parametrize("n", [2, 7, 49])
def test_identity_attention(n):
    x = np.random.default_rng(1).normal(size=(n, 2))
    assert normalized_mutual_information(np.eye(n)) == pytest.approx(1.0, rel=1e-14)
    assert attention_entropy(np.eye(n)) == 0.0
    assert attention_distance(np.eye(n), x) == 0.0


def test_all_queries_on_one_key_share_nothing():
    A = np.zeros((5, 5))
    A[:, 2] = 1.0
    assert normalized_mutual_information(A) == 0.0


def test_information_of_two_groups_of_queries():
    """Half of the queries on one half of the keys, half on the other: one bit."""
    A = np.kron(np.eye(2), np.full((4, 4), 0.25))
    assert normalized_mutual_information(A) == pytest.approx(np.log(2) / np.log(8), rel=1e-14)


def test_values_by_patch_average_to_the_whole():
    rng = np.random.default_rng(2)
    A = rng.dirichlet(np.full(9, 0.3), size=9)
    x = rng.normal(size=(9, 2))
    for measure, more in (
        (attention_entropy, ()),
        (normalized_mutual_information, ()),
        (attention_distance, (x,)),
    ):
        values = np.asarray(measure(A, *more, by_patch=True))
        assert values.shape == (9,)
        assert np.mean(values) == pytest.approx(measure(A, *more), rel=1e-14)
    joint, keys = A / 9, A.mean(axis=0)
    information = np.sum(joint * np.log(joint / np.outer(np.full(9, 1 / 9), keys)))
    entropies = np.log(9) * -np.sum(keys * np.log(keys))
    expected = information / np.sqrt(entropies)
    assert normalized_mutual_information(A) == pytest.approx(expected, rel=1e-12)


def test_area_attention_is_the_average_over_the_images_that_ask_for_it():
    data = PatchData(12, 2, 6, 2, 0.5, 1.0, 0.5)
    rng = np.random.default_rng(3)
    at = Parameters(rng.normal(size=(12, 2, 4)), rng.normal(size=(12, 12)))
    images = data.draw(300, 4)
    result, seen = area_attention(data, at, images), attend(data, at, images)
    for p, k in ((0, 0), (5, 1), (11, 0)):
        own = data.areas[k, p]
        chosen = [
            b
            for b in np.flatnonzero(images.clusters == k)
            if not images.visible[0, b, p] and images.visible[0, b, data.areas[k] == own].any()
        ]
        assert len(chosen) > 20
        assert result.on_own[p, k] == pytest.approx(seen.shares[own, chosen, p].mean())
        assert result.on_global[p, k] == pytest.approx(seen.shares[0, chosen, p].mean())
        assert result.on_hidden[p, k] == pytest.approx(seen.shares[-1, chosen, p].mean())
        assert result.is_local[p, k] == (own > 0)


def test_area_attention_without_a_qualifying_image_is_not_a_number():
    data = PatchData(12, 2, 6, 2, 0.5, 1.0, 0.5)
    images = data.draw(1, 5)
    result = area_attention(data, Parameters.zeros(data), images)
    absent = 1 - images.clusters[0]
    assert np.isnan(result.on_own[:, absent]).all()
    assert np.isnan(result.on_own[images.visible[0, 0], images.clusters[0]]).all()


def test_bad_input():
    with pytest.raises(ValueError, match="sum to 1"):
        attention_entropy(np.ones((3, 3)))
    with pytest.raises(ValueError, match="not negative"):
        normalized_mutual_information([[1.5, -0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match="must be a matrix"):
        attention_entropy(np.ones(3))
    with pytest.raises(ValueError, match="positions must have shape"):
        attention_distance(np.eye(3), np.zeros((2, 2)))
