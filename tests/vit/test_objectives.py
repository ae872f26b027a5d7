"""Losses and gradients against a plain softmax, differences, and automatic differentiation."""

import numpy as np
import pytest
import sympy as sp

from mssl.vit import MAE, Combined, Contrastive, Parameters, PatchData, attend
from mssl.vit.symbolic import definition

OBJECTIVES = {
    "mae": MAE(),
    "contrastive": Contrastive(0.1, 0.02),
    "combined": Combined(0.7, 3.0, 0.2, 0.05),
}
DATA = {
    "equal": PatchData(12, 2, 6, 3, 0.5, 1.0, 0.5),
    "unequal": PatchData(12, 3, 5, (4, 2, 1), 0.5, 1.0, 0.3),
    "contiguous, most masked": PatchData(
        12, 2, 6, (3, 2, 1), 0.0, 1.5, 0.8, arrangement="contiguous"
    ),
}
objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
datas = pytest.mark.parametrize("data", DATA.values(), ids=DATA)


def state(data, seed, size=0.6):
    rng = np.random.default_rng(seed)
    shape = (data.n_patches, data.n_clusters, data.n_areas)
    return Parameters(
        size * rng.normal(size=shape), size * rng.normal(size=(data.n_patches, data.n_patches))
    )


def plain_loss(np, data, objective, images, phi, upsilon, stopped):
    """The loss as it is defined: full softmax, full output vectors, one image at a time.

    `np` is numpy or something that can be differentiated; `stopped` are the parameters of the
    branch through which no gradient flows.
    """
    P, K, M = data.n_patches, data.n_clusters, data.n_areas

    def image(b, view):
        content = np.zeros((P, K * M))
        k = images.clusters[b]
        content[np.arange(P), k * M + data.areas[k]] = images.strengths[b, data.areas[k]]
        return content, content * images.visible[view, b][:, None]

    def outputs(b, view, phi, upsilon):
        masked = image(b, view)[1]
        odds = np.exp(np.dot(np.reshape(phi, (P, K * M)), masked.T) + upsilon)
        return np.dot(odds / np.sum(odds, axis=1, keepdims=True), masked)

    n = len(images)
    mae = contrast = 0.0
    for b in range(n):
        error = (outputs(b, 0, phi, upsilon) - image(b, 0)[0]) * ~images.visible[0, b][:, None]
        mae = mae + 0.5 * np.sum(error**2) / n
    if isinstance(objective, MAE):
        return mae
    part = getattr(objective, "contrastive_part", objective)
    second = [np.mean(outputs(b, 1, *stopped), axis=0) for b in range(n)]
    for b in range(n):
        pooled = np.mean(outputs(b, 0, phi, upsilon), axis=0)
        logits = [np.dot(pooled, other) / part.temperature for other in second]
        contrast = contrast + (np.log(sum(np.exp(x) for x in logits)) - logits[b]) / n
    square = np.sum(phi**2) + np.sum(upsilon**2)
    contrast = contrast + 0.5 * part.regularization * square
    if isinstance(objective, Contrastive):
        return contrast
    return objective.mae * mae + objective.contrastive * contrast


@objectives
@datas
def test_loss_is_the_defined_one(data, objective):
    images, at = data.draw(6, 1, views=2), state(data, 2)
    plain = plain_loss(np, data, objective, images, at.phi, at.upsilon, (at.phi, at.upsilon))
    assert objective.loss(data, at, images) == pytest.approx(plain, rel=1e-13)


@objectives
@datas
def test_gradient_equals_finite_differences(data, objective):
    images, at = data.draw(5, 3, views=2), state(data, 4)
    _, gradient = objective.loss_and_gradient(data, at, images)
    stopped = (at.phi, at.upsilon)
    rng = np.random.default_rng(5)
    for name in ("phi", "upsilon"):
        exact, blocks = getattr(gradient, name), {"phi": at.phi, "upsilon": at.upsilon}
        for flat in rng.choice(exact.size, size=25, replace=False):
            index, step = np.unravel_index(flat, exact.shape), 1e-4
            values = []
            for shift in (2, 1, -1, -2):
                moved = {key: block.copy() for key, block in blocks.items()}
                moved[name][index] += shift * step
                values.append(plain_loss(np, data, objective, images, **moved, stopped=stopped))
            difference = (8 * (values[1] - values[2]) - (values[0] - values[3])) / (12 * step)
            assert abs(difference - exact[index]) <= 1e-6 * np.abs(exact).max()


@objectives
@datas
def test_gradient_equals_automatic_differentiation(data, objective):
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    images, at = data.draw(6, 6, views=2), state(data, 7, size=1.5)
    _, ours = objective.loss_and_gradient(data, at, images)

    def loss(phi, upsilon):
        return plain_loss(anp, data, objective, images, phi, upsilon, (at.phi, at.upsilon))

    for argument, mine in enumerate((ours.phi, ours.upsilon)):
        theirs = autograd.grad(loss, argument)(at.phi, at.upsilon)
        assert np.abs(mine - theirs).max() <= 1e-8 * np.abs(theirs).max()


@pytest.mark.parametrize(
    "objective",
    [MAE(), Contrastive(0.25, 0.125), Combined(0.5, 2.0, 0.25, 0.125)],
    ids=["mae", "contrastive", "combined"],
)
def test_gradient_equals_sympy(objective):
    """The definition, spelled out and differentiated by SymPy, at one point."""
    data = PatchData(3, 1, 2, 1, 0.5, 1.0, 0.34)
    images, at = data.draw(2, 8, views=2), state(data, 9)
    symbolic = definition(data, objective, images)
    symbols = [*symbolic.phi.ravel(), *symbolic.upsilon.ravel(), *symbolic.strengths.ravel()]
    point = [*at.phi.ravel(), *at.upsilon.ravel(), *images.strengths.ravel()]
    derivatives = [x for block in symbolic.gradient() for x in block]
    evaluate = sp.lambdify(symbols, [symbolic.value(), *derivatives], "math", cse=True)
    loss, gradient = objective.loss_and_gradient(data, at, images)
    theirs, mine = (
        np.array(evaluate(*point)),
        [loss, *gradient.phi.ravel(), *gradient.upsilon.ravel()],
    )
    assert np.abs(theirs - mine).max() <= 1e-12 * np.abs(theirs[1:]).max()


@datas
def test_attention_is_a_softmax_over_all_patches(data):
    images, at = data.draw(4, 10), state(data, 11)
    seen = attend(data, at, images)
    for b in range(4):
        k, visible = images.clusters[b], images.visible[0, b]
        content = images.strengths[b, data.areas[k]] * visible
        odds = np.exp(content * at.phi[:, k, data.areas[k]] + at.upsilon)
        full = odds / odds.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(seen.matrix(b), full, rtol=1e-12)
        for m in range(data.n_areas):
            area = visible & (data.areas[k] == m)
            np.testing.assert_allclose(
                seen.shares[m, b], full[:, area].sum(axis=1), rtol=1e-12, atol=1e-15
            )
        np.testing.assert_allclose(seen.shares[-1, b], full[:, ~visible].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        seen.outputs()[:, 1], seen.on_areas[:, 1] * images.strengths[1][:, None]
    )


def test_large_scores_neither_overflow_nor_lose_the_visible_areas():
    data = PatchData(12, 2, 6, 3, 0.5, 1.0, 0.5)
    images, at = data.draw(8, 12), state(data, 13)
    huge = Parameters(2000 * at.phi, at.upsilon)
    for objective in (MAE(), Contrastive(1e-3)):
        pair = data.draw(8, 12, views=2)
        loss, gradient = objective.loss_and_gradient(data, huge, pair)
        assert np.isfinite(loss)
        assert gradient.is_finite()
    np.testing.assert_allclose(attend(data, huge, images).shares.sum(axis=0), 1.0, rtol=1e-12)


def test_frozen_positions_leave_the_other_gradient_alone():
    data, at = DATA["equal"], state(DATA["equal"], 14)
    images = data.draw(4, 15, views=2)
    for objective in OBJECTIVES.values():
        _, full = objective.loss_and_gradient(data, at, images)
        _, part = objective.loss_and_gradient(data, at, images, positions=False)
        np.testing.assert_array_equal(part.phi, full.phi)
        assert not part.upsilon.any()
        assert full.upsilon.any()


def test_combined_is_the_weighted_sum():
    data, at = DATA["unequal"], state(DATA["unequal"], 16)
    images = data.draw(6, 17, views=2)
    both = Combined(0.7, 3.0, 0.2, 0.05)
    parts = [MAE().loss_and_gradient(data, at, images)]
    parts.append(Contrastive(0.2, 0.05).loss_and_gradient(data, at, images))
    loss, gradient = both.loss_and_gradient(data, at, images)
    assert loss == pytest.approx(0.7 * parts[0][0] + 3 * parts[1][0], rel=1e-13)
    for name in ("phi", "upsilon"):
        expected = 0.7 * getattr(parts[0][1], name) + 3 * getattr(parts[1][1], name)
        np.testing.assert_allclose(getattr(gradient, name), expected, rtol=1e-11, atol=1e-14)


def test_no_pairwise_array_of_the_batch_is_formed():
    import tracemalloc

    data = PatchData(100, 2, 80, 10, 0.5, 1.0, 0.5)
    images, at = data.draw(200, 18, views=2), state(data, 19)
    for objective in OBJECTIVES.values():
        tracemalloc.start()
        objective.loss_and_gradient(data, at, images)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 200 * 100 * 100


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Contrastive(0.0), "temperature must be positive and finite, got 0"),
        (lambda: Contrastive(-1.0), "temperature must be positive and finite, got -1"),
        (lambda: Combined(1.0, 1.0, np.nan), "temperature must be positive and finite, got nan"),
        (lambda: Contrastive(0.1, -1.0), "regularization must be finite and not negative"),
        (lambda: Combined(0.0, 0.0, 0.1), "must not both be 0"),
        (lambda: Combined(1.0, -1.0, 0.1), "contrastive must be finite and not negative"),
        (lambda: Contrastive(0.1).check_batch(1), "at least 2 for a contrastive objective"),
        (
            lambda: Contrastive(0.1).loss(
                DATA["equal"], state(DATA["equal"], 0), DATA["equal"].draw(4, 0)
            ),
            "needs 2 views of each image, got 1",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
