"""Checks of the claims of the page on images with areas."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import sympy as sp

from mssl.chapters.ledger.checks import NUMERICAL, SYMPY, Check, held, holds, numerical, worst
from mssl.chapters.ledger.images import (
    SMALL,
    TINY,
    assemble,
    dense_pass,
    masks_of,
    random_state,
    vectors,
)
from mssl.vit import MAE, Parameters, PatchData, attend
from mssl.vit import symbolic as vs


def _dense_loss(data, Q, codes, features, images, rho):
    total = 0.0
    for b in range(len(images)):
        _, outputs, truth = dense_pass(data, Q, codes, features, images, b)
        total += 0.5 * np.sum((outputs - truth)[~images.visible[0, b]] ** 2)
    return total / len(images) + 0.5 * rho * np.sum(Q**2)


def check_coordinates():
    rng, rate, rho = np.random.default_rng(3), 3.0, 0.05
    codes, features = vectors(TINY, rng)
    images = TINY.draw(2, rng)
    Q, state = np.zeros((codes.shape[1],) * 2), Parameters.zeros(TINY)
    for _ in range(3):
        slope = np.zeros_like(Q)
        for index in np.ndindex(Q.shape):
            step = np.zeros_like(Q)
            step[index] = 1e-4
            up, down = (
                _dense_loss(TINY, Q + e, codes, features, images, rho) for e in (step, -step)
            )
            slope[index] = (up - down) / 2e-4
        Q = Q - rate * slope
        gradient = MAE().loss_and_gradient(TINY, state, images)[1]
        state = Parameters(
            state.phi - rate * (gradient.phi + rho * state.phi),
            state.upsilon - rate * (gradient.upsilon + rho * state.upsilon),
        )
    setting = "three steps in all of Q by finite differences against three in Phi and Upsilon"
    return worst(
        numerical(assemble(TINY, state, codes, features), Q, setting, tolerance=1e-6),
        numerical(state.square(), np.sum(Q**2), setting, tolerance=1e-6),
    )


@cache
def _both_ways():
    """Dense attention, outputs and contents beside the package's shares, image by image."""
    rng = np.random.default_rng(4)
    codes, features = vectors(TINY, rng)
    state, images = random_state(TINY, 5), TINY.draw(12, rng)
    Q = assemble(TINY, state, codes, features)
    dense = [dense_pass(TINY, Q, codes, features, images, b) for b in range(len(images))]
    return features, images, dense, attend(TINY, state, images)


def check_areas():
    features, images, dense, seen = _both_ways()
    checks = []
    for b, (attention, outputs, _) in enumerate(dense):
        k = images.clusters[b]
        label = np.where(images.visible[0, b], TINY.areas[k], TINY.n_areas)
        shares = np.array([attention[:, label == m].sum(axis=1) for m in range(TINY.n_areas + 1)])
        grouped = np.einsum("mp,m,mi->pi", seen.shares[:-1, b], images.strengths[b], features[k])
        checks.append(numerical(seen.shares[:, b], shares, "shares against the softmax of Q"))
        checks.append(numerical(grouped, outputs, "outputs by area against the softmax of Q"))
    return worst(*checks)


def check_error():
    _, images, dense, seen = _both_ways()
    found, expected = [], []
    for b, (_, outputs, truth) in enumerate(dense):
        for p in np.flatnonzero(~images.visible[0, b]):
            off = seen.shares[:-1, b, p].copy()
            off[TINY.areas[images.clusters[b], p]] -= 1.0
            found.append(0.5 * np.sum((images.strengths[b] * off) ** 2))
            expected.append(0.5 * np.sum((outputs[p] - truth[p]) ** 2))
    return numerical(found, expected, "all masked queries of 12 images, from vectors and by area")


def check_gradient():
    data = PatchData(4, 1, 2, 1, 0.5, 1.0, 0.5)
    images, state = data.draw(2, 6), random_state(data, 7)
    written = vs.definition(data, MAE(), images)
    values = dict(zip(written.phi.ravel(), state.phi.ravel(), strict=True))
    values |= dict(zip(written.upsilon.ravel(), state.upsilon.ravel(), strict=True))
    values |= dict(zip(written.strengths.ravel(), images.strengths.ravel(), strict=True))
    by_machine = sp.lambdify(
        list(values), [d for block in written.gradient() for d in block], cse=True
    )(*values.values())
    gradient = MAE().loss_and_gradient(data, state, images)[1]
    found = np.concatenate([gradient.phi.ravel(), gradient.upsilon.ravel()])
    return worst(
        held(vs.gradient_rule().claims, "in Phi, through the softmax of three areas"),
        numerical(found, by_machine, "in Phi and Upsilon, SymPy on the loss patch by patch"),
    )


def check_signs():
    A, z = sp.symbols("A_0:4", positive=True), sp.symbols("z_0:4", positive=True)
    slope = [x**2 * (share - int(m == 1)) for m, (x, share) in enumerate(zip(z, A, strict=True))]
    mean = sum(share * g for share, g in zip(A, slope, strict=True))
    form = -(z[1] ** 2) * (1 - A[1]) ** 2 - sum((z[m] * A[m]) ** 2 for m in (0, 2, 3))
    left = float(sp.expand(slope[1] - mean - form) != 0)
    attracted, sums, size = True, [], 0.0
    for seed in range(100):
        image, state = TINY.draw(1, seed), random_state(TINY, seed)
        gradient = MAE().loss_and_gradient(TINY, state, image)[1]
        k, shares = int(image.clusters[0]), attend(TINY, state, image).on_areas[:, 0]
        for p in np.flatnonzero(~image.visible[0, 0]):
            own = TINY.areas[k, p]
            price = image.strengths[0] ** 2 * shares[:, p]
            price[own] = -np.inf
            attracted &= gradient.phi[p, k, own] <= 0 <= gradient.phi[p, k, price.argmax()]
        sums.append(gradient.upsilon.sum(axis=1))
        size = max(size, np.abs(gradient.upsilon).max())
    setting = "(a) by SymPy; signs and row sums of the gradients of 100 images at random states"
    return worst(
        Check(SYMPY, left, "exact", 0.0, setting),
        holds(attracted, setting),
        Check(NUMERICAL, float(np.abs(sums).max() / size), "relative", 1e-12, setting),
    )


def _falling(n, i):
    return np.prod(np.asarray(n, dtype=float)[..., None] - np.arange(i), axis=-1)


def check_counts():
    masks, areas = masks_of(SMALL), SMALL.areas[0]
    P, h = SMALL.n_patches, SMALL.n_hidden
    V, p = P - h, int(np.flatnonzero(areas == 1)[0])
    found, expected = [], []
    for m in range(SMALL.n_areas):
        C = int(SMALL.sizes[m])
        found.append(np.mean(~masks[:, areas == m].any(axis=1)))
        expected.append(_falling(h, C) / _falling(P, C))
    given = masks[~masks[:, p]]
    for m, other in ((0, 1), (0, 2), (1, 2)):
        n, C = ([given[:, areas == x].sum(axis=1) for x in (m, other)], [])
        C = [np.sum((areas == x) & (np.arange(P) != p)) for x in (m, other)]
        for i, j in product(range(3), range(3)):
            found.append(np.mean(_falling(n[0], i) * _falling(n[1], j)))
            chance = _falling(V, i + j) / _falling(P - 1, i + j)
            expected.append(_falling(C[0], i) * _falling(C[1], j) * chance)
    return numerical(found, expected, "all 126 masks of 4 among 9 patches, moments up to (2, 2)")


CLAIMS = {
    "lem-vit-counts": check_counts,
    "prop-vit-coordinates": check_coordinates,
    "lem-vit-areas": check_areas,
    "lem-vit-error": check_error,
    "thm-vit-gradient": check_gradient,
    "cor-vit-signs": check_signs,
}
