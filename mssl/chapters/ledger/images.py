"""Small images on which claims about attention are checked without any approximation."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mssl.vit import Parameters, PatchData

TINY = PatchData(6, 2, 2, 2, 0.5, 1.0, 0.5)  # three masked patches, two local areas

SMALL = PatchData(9, 2, 3, 2, 0.5, 1.0, 4 / 9)  # four masked patches, three local areas


def random_state(data, seed):
    """Parameters without structure."""
    rng = np.random.default_rng(seed)
    P = data.n_patches
    return Parameters(rng.normal(size=(P, data.n_clusters, data.n_areas)), rng.normal(size=(P, P)))


def masks_of(data):
    """Every mask of as many patches as the data hide; True where visible."""
    masks = []
    for hidden in combinations(range(data.n_patches), data.n_hidden):
        masks.append(np.ones(data.n_patches, dtype=bool))
        masks[-1][list(hidden)] = False
    return np.array(masks)


def vectors(data, rng):
    """Orthonormal position codes and features in a space with two directions to spare."""
    P, features = data.n_patches, data.n_clusters * data.n_areas
    basis = np.linalg.qr(rng.normal(size=(P + features + 2,) * 2))[0].T
    return basis[:P], basis[P : P + features].reshape(data.n_clusters, data.n_areas, -1)


def dense_pass(data, Q, codes, features, images, b):
    """Attention, outputs and true contents of one image, from the definition."""
    k = images.clusters[b]
    areas = data.areas[k]
    truth = images.strengths[b, areas, None] * features[k, areas]
    seen = truth * images.visible[0, b][:, None]
    odds = np.exp(codes @ Q @ (seen + codes).T)
    attention = odds / odds.sum(axis=1, keepdims=True)
    return attention, attention @ seen, truth


def assemble(data, state, codes, features):
    """The matrix Q that has given coordinates."""
    Q = np.einsum("pkm,pi,kmj->ij", state.phi, codes, features)
    return Q + codes.T @ state.upsilon @ codes
