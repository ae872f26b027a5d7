"""Right-hand sides of the mean field against exact averages and against one another."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.special import comb

from mssl.vit import MAE, Contrastive, Images, Parameters, PatchData
from mssl.vit.averages import visible_counts
from mssl.vit.flow import Contrast, Reconstruction

POSITIVE = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)


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
            (others - own)[local].mean() / max(n - 1, 1),
            own[~local].mean(),
            others[~local].mean() / n,
        ]
    )


def every_mask(P, hidden):
    """All masks that hide so many patches, (n_masks, P)."""
    masks = [~np.isin(np.arange(P), list(h)) for h in combinations(range(P), hidden)]
    return np.array(masks)


EXACT = {
    "two local areas": (8, 2, 4, 2, 0.375),
    "the size of two local areas is that of the rest": (9, 1, 3, 3, 5 / 9),
    "one local area": (8, 2, 4, 4, 0.5),
    "one large local area": (9, 1, 2, 7, 0.5),
    "three local areas": (10, 1, 4, 2, 0.4),
    "smallest global area": (8, 1, 2, 3, 0.5),
    "smallest areas": (8, 1, 2, 2, 0.5),
    "one hidden": (8, 1, 4, 2, 0.125),
    "two hidden": (9, 1, 3, 2, 0.25),
    "one visible": (9, 1, 3, 3, 8 / 9),
    "two visible": (8, 1, 4, 2, 0.75),
    "most of a large image hidden": (60, 1, 20, 10, 58 / 60),
    "hardly anything of a large image hidden": (60, 1, 30, 15, 2 / 60),
}


@pytest.mark.parametrize("sizes", EXACT.values(), ids=EXACT)
def test_with_counts_averaged_reconstruction_is_exact_for_one_strength(sizes):
    """Every mask of every cluster: nothing is left to approximate."""
    *sizes, rate = sizes
    data = PatchData(*sizes, 0.9, 0.9, rate)
    masks, K = every_mask(data.n_patches, data.n_hidden), data.n_clusters
    clusters = np.repeat(np.arange(K), len(masks))
    strengths = np.full((len(clusters), data.n_areas), 0.9)
    images = Images(clusters, strengths, np.tile(masks, (K, 1))[None])
    flow = Reconstruction(data, average_counts=True)
    for seed in range(3):
        y = np.random.default_rng(seed).normal(size=5)
        loss, gradient = MAE().loss_and_gradient(data, symmetric(data, y), images)
        look = flow(y)
        np.testing.assert_allclose(look.velocity, -read(data, gradient.phi), rtol=1e-10, atol=1e-14)
        assert look.loss == pytest.approx(loss, rel=1e-12)


def test_gauss_nodes_of_several_counts_stand_for_all_masks():
    """Against the sum over all counts of three areas, at the strengths' extremes."""
    data = PatchData(100, 3, 40, 30, 0.8, 0.8, 0.5)
    flow, law = Reconstruction(data, average_counts=True), visible_counts(data, True)
    assert len(law[0]) == 25  # and so not whole counts
    y, h, z = np.array([1.0, -0.6, -0.3, 0.8, -0.5]), 50, 0.8
    grid = np.meshgrid(np.arange(30.0), np.arange(41.0), np.arange(31.0), indexing="ij")
    own, globe, other = (g.ravel() for g in grid)
    keep = own + globe + other == 50
    own, globe, other = own[keep], globe[keep], other[keep]
    p = comb(29, own) * comb(40, globe) * comb(30, other) / comb(99, 50)
    assert p.sum() == pytest.approx(1, rel=1e-10)
    weights = np.array([own, globe, other]) * np.exp(z * y[:3])[:, None]
    A = weights / (weights.sum(axis=0) + h)
    g = z**2 * (A - np.array([1.0, 0.0, 0.0])[:, None])
    expected = -(A * z * (g - (A * g).sum(axis=0))) @ p * 0.5 / 3
    np.testing.assert_allclose(flow(y).velocity[:3], expected, rtol=1e-4)


def test_averaged_counts_matter_less_and_less_in_growing_areas():
    """Two local areas at any size; the averaged counts approach their means."""
    y, gaps = np.array([0.6, -0.4, -0.1, 0.5, -0.2]), []
    for scale in (1, 10, 100, 10**6):
        data = PatchData(100 * scale, 3, 60 * scale, 20 * scale, 0.5, 1.0, 0.5)
        one, two = (Reconstruction(data, a)(y).velocity for a in (False, True))
        gaps.append(np.abs(one / two - 1).max())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]
    # What is left at the end is that fewer nodes serve for the strengths.
    assert gaps[-1] < 2e-4


def test_strengths_are_averaged():
    """Against a large sample of images at fixed parameters."""
    y = np.array([1.5, -0.7, -0.2, 0.8, -0.3])
    at, flow = symmetric(POSITIVE, y), Reconstruction(POSITIVE, average_counts=True)
    batches = [
        MAE().loss_and_gradient(POSITIVE, at, POSITIVE.draw(400, rng), positions=False)
        for rng in np.random.default_rng(1).spawn(10)
    ]
    rows = np.array([[loss, *-read(POSITIVE, g.phi)] for loss, g in batches])
    look = flow(y)
    expected = np.array([look.loss, *look.velocity])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(axis=0) - expected) < 4 * error + 2e-3 * np.abs(expected)).all()


def test_contrast_descends_its_own_loss():
    """With the second branch fixed, the velocity is minus the gradient of the mean-field loss.

    Through both branches the loss changes twice as fast, as similarities are symmetric.
    """
    data = PatchData.from_exponents(10**6, 3, 0.9, 0.6, 0.7, 0.7, 0.5)
    flow = Contrast(data, Contrastive(0.3), None)
    y = np.array([0.2, 0.5, -0.1, 0.6, -0.2])
    look, sizes = flow(y), np.array([1.0, 1.0, data.n_local - 1, 1.0, data.n_local])
    n_local = data.n_patches - data.global_size
    sizes *= data.n_clusters * np.array([n_local] * 3 + [data.global_size] * 2)
    step = 1e-4
    for i in (1, 3):
        moved = [y + sign * step * np.eye(5)[i] for sign in (1, -1)]
        slope = (flow(moved[0]).loss - flow(moved[1]).loss) / (2 * step)
        assert -2 * sizes[i] * look.velocity[i] == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("data", [POSITIVE, PatchData(100, 3, 60, 20, 0.5, 1.0, 0.5)])
def test_contrast_is_consistent_among_the_five_unknowns(data):
    """At equal unknowns velocities are equal, early and late; so they are in a weighted sum."""
    flow = Contrast(data, Contrastive(0.1, 1e-4), 32)
    for globe, local in ((0.0, 0.0), (2.0, -0.1), (4.0, 3.0), (10.0, 11.0), (30.0, -2.0)):
        v = flow(np.array([local, globe, local, globe, local])).velocity
        scale = np.abs(v).max()
        np.testing.assert_allclose(v[[0, 2]], v[4], rtol=0, atol=1e-12 * scale)
        np.testing.assert_allclose(v[1], v[3], rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("average_counts", [False, True])
def test_both_kinds_of_patches_share_the_loss(average_counts):
    flow = Reconstruction(POSITIVE, average_counts)
    one = flow(np.array([0.4, -0.8, 0.0, 1.5, -0.2]))
    other = flow(np.array([0.9, -0.8, 0.0, 1.5, -0.2]))
    assert one.parts is not None
    assert other.parts is not None
    assert sum(one.parts) == pytest.approx(one.loss, rel=1e-13)
    assert other.parts[1] == one.parts[1]
    assert other.parts[0] < one.parts[0]
