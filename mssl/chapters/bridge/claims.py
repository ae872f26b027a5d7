"""Checks of the claims of the chapter that holds the two parts of the book against each other."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.optimize import brentq, minimize

from mssl.chapters.bridge.worlds import LinearImages
from mssl.chapters.ledger.checks import Check, numerical, violation, worst
from mssl.covariance import Diagonal, Spiked
from mssl.theory import PCATheory, SSRTheory
from mssl.vit import MAE, Contrastive, Images, Parameters, PatchData

TINY = PatchData(6, 2, 2, 2, 0.5, 1.0, 1 / 3)  # two masked patches, two local areas

UNEVEN = PatchData(5, 2, 3, 2, 0.5, 1.0, 0.4)  # two masked patches, one local area

LEAST = PatchData(3, 2, 2, 1, 1.0, 1.0, 1 / 3)  # one masked patch, one strength


def _masks(data):
    """Every mask of as many patches as the data hide; True where visible."""
    masks = []
    for hidden in combinations(range(data.n_patches), data.n_hidden):
        masks.append(np.ones(data.n_patches, dtype=bool))
        masks[-1][list(hidden)] = False
    return np.array(masks)


def _population(data, views):
    """All clusters, all masks, and strengths at two nodes that have the right two moments."""
    masks = _masks(data)
    nodes = np.polynomial.legendre.leggauss(2)[0]
    z = np.unique(data.low + (data.high - data.low) * (nodes + 1) / 2)
    rows = list(
        product(
            range(data.n_clusters),
            product(z, repeat=data.n_areas),
            product(range(len(masks)), repeat=views),
        )
    )
    visible = masks[np.array([row[2] for row in rows]).T]
    clusters, strengths = (np.array([row[k] for row in rows]) for k in (0, 1))
    return Images(clusters, strengths, visible)


def _together(data):
    """B, B_k and the first two moments of a strength."""
    each = (data.areas[:, :, None] == data.areas[:, None, :]).astype(float)
    return each.sum(axis=0), each, (data.low + data.high) / 2, data.mean_square_strength


def _attention(upsilon):
    a = np.exp(upsilon)
    return a / a.sum(axis=1, keepdims=True)


def moments() -> Check:
    """Second moments over the whole population; eigenvalues from numpy against the equation."""
    images = _population(UNEVEN, 1)
    B, each, m1, m2 = _together(UNEVEN)
    K, P = UNEVEN.n_clusters, UNEVEN.n_patches
    own = UNEVEN.areas[images.clusters]
    x = np.zeros((len(images), K, P))
    x[np.arange(len(images)), images.clusters] = np.take_along_axis(images.strengths, own, axis=1)
    second = np.einsum("ikp,ilq->kplq", x, x) / len(images)
    patches = np.zeros((len(images), P, K * UNEVEN.n_areas))
    b, p = np.indices(own.shape)
    place = images.clusters[:, None] * UNEVEN.n_areas + own
    patches[b, p, place] = np.take_along_axis(images.strengths, own, axis=1)
    G = np.einsum("ipf,iqf->pq", patches, patches) / len(images)
    centre = patches.mean(axis=0)
    expected = np.zeros_like(second)
    for k in range(K):
        expected[k, :, k] = ((m2 - m1**2) * each[k] + m1**2) / K
    found = [second.ravel(), G.ravel(), (centre @ centre.T).ravel()]
    wanted = [expected.ravel(), (m2 / K * B).ravel(), (m1**2 / K**2 * B).ravel()]

    globe, local, count, variance = 28, 12, 6, 1 / 48
    areas = np.repeat(np.arange(count + 1), [globe] + [local] * count)
    block = areas[:, None] == areas
    values = np.linalg.eigvalsh(variance * block + m1**2)[::-1]
    low, high = variance * local, variance * globe

    def excess(ell):
        return m1**2 * (globe / (ell - high) + count * local / (ell - low)) - 1

    roots = [brentq(excess, high * (1 + 1e-12), 1e3, xtol=1e-14)]
    roots.append(brentq(excess, low * (1 + 1e-9), high * (1 - 1e-9), xtol=1e-14))
    eigenvalues = np.sort(np.concatenate([roots, np.full(count - 1, low), np.zeros(93)]))[::-1]
    found.append(values)
    wanted.append(eigenvalues)
    return numerical(
        np.concatenate(found), np.concatenate(wanted), "all images of 5 patches; 100 patches", 1e-11
    )


def column() -> Check:
    """The closed forms against an inverse and an eigenvector, noise different on all patches."""
    rng = np.random.default_rng(4)
    world = LinearImages(PatchData(12, 1, 5, 7, 0.5, 1.0, 0.5), rng.uniform(0.005, 0.1, 12))
    kappa, variance, areas, v = 0.02, world.strength_variance, world.areas, world.noise
    R = np.linalg.inv(world.covariance.dense() + kappa * np.eye(12))
    A = np.eye(12) - R / np.diag(R)
    fellows = (areas[:, None] == areas) & ~np.eye(12, dtype=bool)
    shares = variance / (v + kappa)
    omega = fellows @ shares
    expected = fellows * shares[:, None] / (1 + omega)
    values, vectors = np.linalg.eigh(world.covariance.dense())
    first = vectors[:, -1]
    where = np.abs(first) > 1e-9
    shape = 1 / (values[-1] - v[where])
    shape *= first[where].sum() / shape.sum()
    found = [A.ravel(), A.sum(axis=0), first[where]]
    wanted = [expected.ravel(), omega / (1 + omega), shape]
    return numerical(np.concatenate(found), np.concatenate(wanted), "12 patches, areas of 5 and 7")


def masked_twin() -> Check:
    """The network's loss over all masks, clusters and strengths; and the least quadratic form."""
    rng = np.random.default_rng(1)
    P, K, V, h = 6, 2, 4, 2
    B, _, _, m2 = _together(TINY)
    G, q1, q2 = m2 / K * B, V / (P - 1), V * (V - 1) / ((P - 1) * (P - 2))
    eta = (h - 1) / (V - 1)
    shifted = G + eta * np.diag(np.diag(G))

    def bracket(a):
        b = a * ~np.eye(P, dtype=bool)
        cross = np.sum(G * b, axis=1)
        return np.sum(np.diag(G) - 2 * q1 * cross + q2 * np.sum((b @ shifted) * b, axis=1)) * h / P

    upsilon = 1.5 * rng.normal(size=(P, P))
    state = Parameters(np.zeros((P, K, TINY.n_areas)), upsilon)
    loss = MAE().loss(TINY, state, _population(TINY, 1))
    one = numerical([loss], [0.5 * bracket(_attention(upsilon))], "all images of 6 patches", 1e-12)

    R = np.linalg.inv(shifted)
    best = (1 + eta) * (np.eye(P) - R / np.diag(R)).T
    h_step, slopes = 1e-5, []
    for index in np.ndindex(P, P):
        if index[0] != index[1]:
            step = np.zeros((P, P))
            step[index] = h_step
            slopes.append((bracket(best + step) - bracket(best - step)) / (2 * h_step))
    two = violation(np.abs(slopes).max(), "derivatives at the minimum, by differences", 1e-9)
    return worst(one, two)


def own_area() -> Check:
    """A general solver on the simplex, for two areas of which the own one is the smaller."""
    sizes, h = (9, 3), 6
    P, V = sum(sizes), sum(sizes) - h
    areas = np.repeat([0, 1], sizes)
    G = (areas[:, None] == areas).astype(float)
    q1, q2 = V / (P - 1), V * (V - 1) / ((P - 1) * (P - 2))
    eta, C, p = (h - 1) / (V - 1), sizes[1], P - 1
    others = np.arange(P - 1)
    form = q2 * (G + eta * np.eye(P))[np.ix_(others, others)]

    def value(a):
        return -2 * q1 * G[p, others] @ a + a @ form @ a

    def slope(a):
        return -2 * q1 * G[p, others] + 2 * form @ a

    answer = minimize(
        value,
        np.full(P - 1, 1 / P),
        jac=slope,
        bounds=[(0, None)] * (P - 1),
        constraints={
            "type": "ineq",
            "fun": lambda a: 1 - a.sum(),
            "jac": lambda a: -np.ones(P - 1),
        },
        options={"ftol": 1e-16, "maxiter": 500},
    )
    fellows = areas[others] == 1
    free = np.linalg.solve(form, q1 * G[p, others])
    return numerical(
        np.concatenate([answer.x, free]),
        np.concatenate([fellows / (C - 1), fellows * (1 + eta) / (C - 1 + eta)]),
        "a patch of an area of 3 beside an area of 9, SLSQP and a linear system",
        1e-6,
    )


def contrast_twin() -> Check:
    """The whole population as one batch; and every batch of two, whose factor is a half."""
    tau, rng = 1e5, np.random.default_rng(2)

    def slope(data, upsilon, images):
        state = Parameters(np.zeros((data.n_patches, data.n_clusters, data.n_areas)), upsilon)
        return tau * Contrastive(tau).loss_and_gradient(data, state, images)[1].upsilon

    def predicted(data, upsilon, factor):
        B, _, m1, m2 = _together(data)
        K, P = data.n_clusters, data.n_patches
        a, seen = _attention(upsilon), (P - data.n_hidden) / P
        push = factor * seen**2 * (m2 - m1**2 / K) / K * B @ a.mean(axis=0)
        return -a * (push - (a @ push)[:, None]) / P

    # In a batch of everything the mean over b' is over independent pairs: the factor is 1.
    upsilon = rng.normal(size=(5, 5))
    found = slope(UNEVEN, upsilon, _population(UNEVEN, 2))
    expected = predicted(UNEVEN, upsilon, 1.0)
    one = numerical(found, expected, "all pairs of views of 5 patches, tau = 1e5", 1e-4)

    upsilon, images = rng.normal(size=(3, 3)), _population(LEAST, 2)
    slopes = []
    for pair in product(range(len(images)), repeat=2):
        i = list(pair)
        batch = Images(images.clusters[i], images.strengths[i], images.visible[:, i])
        slopes.append(slope(LEAST, upsilon, batch))
    expected = predicted(LEAST, upsilon, 0.5)
    two = numerical(np.mean(slopes, axis=0), expected, "all batches of two, tau = 1e5", 1e-4)
    return worst(one, two)


def global_area() -> Check:
    """Gradient descent on a fine grid of time with all P^2 parameters, areas of 4, 3 and 3."""
    areas = np.repeat([0, 1, 2], [4, 3, 3])
    B = (areas[:, None] == areas).astype(float)
    upsilon, seen, rows = np.zeros((10, 10)), [], 0.0
    for _ in range(8000):
        a = _attention(upsilon)
        w = a.mean(axis=0)
        rows = max(rows, np.abs(a - w).max())
        seen.append([w[areas == m].sum() for m in range(3)])
        push = B @ w
        upsilon += 2.0 * a * (push - (a @ push)[:, None])
    steps = np.diff(np.array(seen), axis=0)
    amount = max(rows, -steps[:, 0].min(), steps[:, 1:].max(), 0.99 - seen[-1][0])
    return violation(amount, "8000 steps, one global area that is larger by one patch", 1e-12)


def gap() -> Check:
    """Velocities of Upsilon at the start from the network over all masks; then the limit."""
    data = PatchData(8, 1, 4, 2, 0.5, 1.0, 0.5)
    images = _population(data, 1)
    state = Parameters.zeros(data)
    slope = -MAE().loss_and_gradient(data, state, images)[1].upsilon

    def rates(P, h, globe, local):
        """Of a fellow and of a global patch, over mu m_2 / P."""
        V = P - h
        q1, q2 = V / (P - 1), V * (V - 1) / ((P - 1) * (P - 2))
        fellow = -q1 + (q2 * (local - 2) + q1) / P
        wide = (q2 * (globe - 1) + q1) / P
        other = (q2 * (local - 1) + q1) / P
        mean = ((local - 1) * fellow + globe * wide + (P - globe - local) * other) / P
        return mean - fellow, mean - wide

    areas = data.areas[0]
    p = int(np.flatnonzero(areas == 1)[0])
    q, r = int(np.flatnonzero(areas == 1)[1]), int(np.flatnonzero(areas == 0)[0])
    scale = 0.5 * data.mean_square_strength / 8
    exact = scale * np.array(rates(8, 4, 4, 2))
    one = numerical(slope[p, [q, r]], exact, "all masks of 8 patches", 1e-12)
    found, expected = [], []
    for mu, c in ((0.5, 0.6), (0.75, 0.3)):
        P = 10**10
        fellow, wide = rates(P, round(mu * P), round(c * P), 10**3)
        found.append(-wide / fellow)
        expected.append((1 - mu) * c * (1 - c) / (1 + (1 - mu) * c**2))
        if expected[-1] > (1 - mu) / 4:
            return violation(1.0, "the bound fails")
    return worst(one, numerical(found, expected, "10^10 patches, local areas of 10^3", 1e-5))


D, N, QUIET, LOUD = 1600, 2400, 1.0, 10.0


def _area(size, variance):
    u = np.zeros((D, 1))
    u[: 2 * size : 2] = size**-0.5
    return Spiked(Diagonal(np.tile([QUIET, LOUD], D // 2)), size * variance, u)


def _omegas(size, variance):
    return (size - 1) * variance / QUIET, (size - 1) * variance / (QUIET + variance)


def strength() -> Check:
    """The package's overlaps at ridge 1e-6, for pairs and larger areas; and that omega leads."""
    gamma, found, expected = D / N, [], []
    inverse, mean = 0.5 * (1 / QUIET + 1 / LOUD), 0.5 * (QUIET + LOUD)
    for size, variance in ((2, 3.0), (4, 1.5)):
        model = _area(size, variance)
        theories = (SSRTheory(model, N, 1e-6), PCATheory(model, N, True))
        for theory, omega in zip(theories, _omegas(size, variance), strict=True):
            above = [o for o in theory.outliers if o.side == "above"]
            excess, total = omega**2 - gamma, QUIET + size * variance
            if excess <= 0:
                if above:
                    return violation(1.0, "an area below its threshold is detected")
                continue
            u = model.directions[:, 0]
            found += [above[0].overlap(u, which) for which in ("right", "symmetric", "left")]
            expected += [
                excess / (excess + gamma * total * inverse),
                excess / (omega**2 + gamma * omega),
                excess / (excess + gamma * mean * (1 + omega) ** 2 / total),
            ]
    # Each overlap of masked regression exceeds that of correlation PCA where that is found (C = 4).
    lead = np.array(found[3:6]) - np.array(found[6:9])
    rng, falls = np.random.default_rng(7), 0.0
    for _ in range(200):
        share, total, flat, spread = rng.uniform((0.01, 0.1, 0.1, 1.0), (0.99, 20.0, 5.0, 9.0))
        excess = (omega := np.linspace(share**0.5 + 1e-3, 12.0, 400)) ** 2 - share
        curves = (
            excess / (excess + share * total * flat),
            excess / (omega**2 + share * omega),
            excess / (excess + share * spread * (1 + omega) ** 2 / total),
        )
        falls = max(falls, *(-np.diff(curve).min() for curve in curves))
    return worst(
        numerical(found, expected, "areas of 2 and 4, d = 1600, n = 2400, ridge 1e-6", 1e-5),
        violation(
            max(-lead.min(), falls), "lead of the area of 4; 200 sets of curves in omega", 1e-9
        ),
    )


def window() -> Check:
    """Detection by the package just below and just above the bound of each method."""
    gamma, root = D / N, np.sqrt(D / N)
    v = np.array([QUIET, LOUD])
    edge = brentq(lambda w: gamma * np.mean((v / (w - v)) ** 2) - 1, LOUD * 1.001, 1e3)
    wrong = 0
    for size in (2, 3):
        # The bounds on C as bounds on the variance of the strengths.
        bounds = (
            root * QUIET / (size - 1),
            root * QUIET / (size - 1 - root),
            (edge - QUIET) / size,
        )
        for k, bound in enumerate(bounds):
            for factor in (0.97, 1.03):
                model = _area(size, factor * bound)
                theory = (
                    SSRTheory(model, N, 1e-6) if k == 0 else PCATheory(model, N, standardize=k == 1)
                )
                wrong += any(o.side == "above" for o in theory.outliers) != (factor > 1)
    rng = np.random.default_rng(5)
    for _ in range(1000):
        variance, share = rng.uniform(0.1, 30), np.sqrt(rng.uniform(0, 1))
        low = share * QUIET / variance + 1
        sizes = np.arange(2, 10)
        wrong += np.sum((sizes > low) & (sizes <= low + share)) > 1
        plain = (edge - QUIET) / variance
        wrong += (root * QUIET / variance + 1 < plain) != (variance < edge - (1 + root) * QUIET)
    flat = brentq(lambda w: gamma * (1 / (w - 1)) ** 2 - 1, 1.001, 1e3)
    return worst(
        violation(wrong, "areas of 2 and 3 at 0.97 and 1.03 times each bound, d = 1600", 0.0),
        numerical([flat - 1], [root], "equal noise", 1e-10),
    )


CLAIMS = {
    "prop-bridge-moments": moments,
    "prop-bridge-column": column,
    "thm-bridge-mae": masked_twin,
    "cor-bridge-own": own_area,
    "thm-bridge-contrast": contrast_twin,
    "cor-bridge-global": global_area,
    "prop-bridge-gap": gap,
    "thm-bridge-strength": strength,
    "cor-bridge-window": window,
}
