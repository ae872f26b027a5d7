"""Checks of the claims of the chapters on images with areas and on masked autoencoding."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np
import sympy as sp

from mssl.chapters.vit_mae.vit_first_step import first_rates
from mssl.vit import MAE, Images, Parameters, PatchData, attend
from mssl.vit import symbolic as vs
from tests.ledger.core import NUMERICAL, SYMPY, Check, numerical

TINY = PatchData(6, 2, 2, 2, 0.5, 1.0, 0.5)  # three masked patches, two local areas
SMALL = PatchData(9, 2, 3, 2, 0.5, 1.0, 4 / 9)  # four masked patches, three local areas


def _worst(*checks):
    """The check that is farthest off; one that fails comes first."""
    return max(checks, key=lambda check: (not check.passed, check.deviation))


def _holds(condition, setting):
    """A statement that is true or not."""
    return Check(NUMERICAL, 0.0 if condition else np.inf, "absolute", 0.0, setting)


def _symbolic(claims, setting):
    left = sum(not claim.holds() for claim in claims)
    return Check(SYMPY, float(left), "exact", 0.0, setting)


def _random_state(data, seed):
    rng = np.random.default_rng(seed)
    P = data.n_patches
    return Parameters(rng.normal(size=(P, data.n_clusters, data.n_areas)), rng.normal(size=(P, P)))


def _masks(data):
    """Every mask of as many patches as the data hide; True where visible."""
    masks = []
    for hidden in combinations(range(data.n_patches), data.n_hidden):
        masks.append(np.ones(data.n_patches, dtype=bool))
        masks[-1][list(hidden)] = False
    return np.array(masks)


@cache
def _population(data, nodes):
    """Pairs (weight, images): every mask, every cluster, and a product rule for the strengths."""
    masks = _masks(data)
    clusters = np.repeat(np.arange(data.n_clusters), len(masks))
    visible = np.tile(masks, (data.n_clusters, 1))[None]
    x, w = np.polynomial.legendre.leggauss(nodes)
    z = data.low + (data.high - data.low) * (x + 1) / 2
    batches = []
    for index in product(range(nodes), repeat=data.n_areas):
        strengths = np.tile(z[list(index)], (len(clusters), 1))
        batches.append((np.prod(w[list(index)] / 2), Images(clusters, strengths, visible)))
    return batches


def _population_gradient(data, state, nodes):
    """Mean loss over the population and its gradient in Phi."""
    loss, slope = 0.0, np.zeros_like(state.phi)
    for weight, images in _population(data, nodes):
        value, gradient = MAE().loss_and_gradient(data, state, images, positions=False)
        loss, slope = loss + weight * value, slope + weight * gradient.phi
    return loss, slope


# The network with its big matrix Q ---------------------------------------------------------------


def _vectors(data, rng):
    """Orthonormal position codes and features in a space with two directions to spare."""
    P, features = data.n_patches, data.n_clusters * data.n_areas
    basis = np.linalg.qr(rng.normal(size=(P + features + 2,) * 2))[0].T
    return basis[:P], basis[P : P + features].reshape(data.n_clusters, data.n_areas, -1)


def _dense(data, Q, codes, features, images, b):
    """Attention, outputs and true contents of one image, from the definition."""
    k = images.clusters[b]
    areas = data.areas[k]
    truth = images.strengths[b, areas, None] * features[k, areas]
    seen = truth * images.visible[0, b][:, None]
    odds = np.exp(codes @ Q @ (seen + codes).T)
    attention = odds / odds.sum(axis=1, keepdims=True)
    return attention, attention @ seen, truth


def _dense_loss(data, Q, codes, features, images, rho):
    total = 0.0
    for b in range(len(images)):
        _, outputs, truth = _dense(data, Q, codes, features, images, b)
        total += 0.5 * np.sum((outputs - truth)[~images.visible[0, b]] ** 2)
    return total / len(images) + 0.5 * rho * np.sum(Q**2)


def _assemble(data, state, codes, features):
    """The matrix Q that has given coordinates."""
    Q = np.einsum("pkm,pi,kmj->ij", state.phi, codes, features)
    return Q + codes.T @ state.upsilon @ codes


def check_coordinates():
    rng, rate, rho = np.random.default_rng(3), 3.0, 0.05
    codes, features = _vectors(TINY, rng)
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
    return _worst(
        numerical(_assemble(TINY, state, codes, features), Q, setting, tolerance=1e-6),
        numerical(state.square(), np.sum(Q**2), setting, tolerance=1e-6),
    )


@cache
def _both_ways():
    """Dense attention, outputs and contents beside the package's shares, image by image."""
    rng = np.random.default_rng(4)
    codes, features = _vectors(TINY, rng)
    state, images = _random_state(TINY, 5), TINY.draw(12, rng)
    Q = _assemble(TINY, state, codes, features)
    dense = [_dense(TINY, Q, codes, features, images, b) for b in range(len(images))]
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
    return _worst(*checks)


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
    images, state = data.draw(2, 6), _random_state(data, 7)
    written = vs.definition(data, MAE(), images)
    values = dict(zip(written.phi.ravel(), state.phi.ravel(), strict=True))
    values |= dict(zip(written.upsilon.ravel(), state.upsilon.ravel(), strict=True))
    values |= dict(zip(written.strengths.ravel(), images.strengths.ravel(), strict=True))
    by_machine = sp.lambdify(
        list(values), [d for block in written.gradient() for d in block], cse=True
    )(*values.values())
    gradient = MAE().loss_and_gradient(data, state, images)[1]
    found = np.concatenate([gradient.phi.ravel(), gradient.upsilon.ravel()])
    return _worst(
        _symbolic(vs.gradient_rule().claims, "in Phi, through the softmax of three areas"),
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
        image, state = TINY.draw(1, seed), _random_state(TINY, seed)
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
    return _worst(
        Check(SYMPY, left, "exact", 0.0, setting),
        _holds(attracted, setting),
        Check(NUMERICAL, float(np.abs(sums).max() / size), "relative", 1e-12, setting),
    )


# Masks --------------------------------------------------------------------------------------------


def _falling(n, i):
    return np.prod(np.asarray(n, dtype=float)[..., None] - np.arange(i), axis=-1)


def check_counts():
    masks, areas = _masks(SMALL), SMALL.areas[0]
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


# Masked autoencoding ------------------------------------------------------------------------------


def check_floor():
    r, state = 120.0, Parameters.zeros(SMALL)
    state.phi[...] = -r
    for k, p in product(range(SMALL.n_clusters), range(SMALL.n_patches)):
        state.phi[p, k, SMALL.areas[k, p]] = r
    setting = "every mask of 4 among 9 patches; far out, on the way there, and at 20 random states"
    above = True
    near = [
        Parameters(size / r * state.phi + at.phi / 3, at.upsilon / 3)
        for size in (2.0, 5.0, 8.0)
        for at in (_random_state(SMALL, seed) for seed in range(3))
    ]
    for at in [*near, *(_random_state(SMALL, seed) for seed in range(20))]:
        total = 0.0
        for weight, images in _population(SMALL, 2):
            total += weight * MAE().loss(SMALL, at, images)
        above &= total > SMALL.mae_floor
    far = _population_gradient(SMALL, state, 2)[0]
    return _worst(_holds(above, setting), numerical(far, SMALL.mae_floor, setting))


def check_symmetry():
    state, rate = Parameters.zeros(SMALL), 20.0
    for _ in range(6):
        slope = _population_gradient(SMALL, state, 2)[1]
        state = Parameters(state.phi - rate * slope, state.upsilon)
    kinds = {}
    for k, p, m in product(range(SMALL.n_clusters), range(9), range(SMALL.n_areas)):
        own = SMALL.areas[k, p]
        relation = "own" if m == own else "global" if m == 0 else "other"
        kinds.setdefault((own > 0, relation), []).append(state.phi[p, k, m])
    values = [np.mean(v) for v in kinds.values()]
    spread = max(np.ptp(v) for v in kinds.values()) / np.max(np.abs(values))
    setting = "six steps on the population of 9 patches: spread within kinds; five kinds"
    distinct = len(kinds) == 5 and np.diff(np.sort(values)).min() > 1e-3
    return _worst(
        _holds(distinct, setting), Check(NUMERICAL, float(spread), "relative", 1e-12, setting)
    )


def _first_bounds(data):
    """Whether both exact velocities lie within their bounds."""
    P, h, K = data.n_patches, data.n_hidden, data.n_clusters
    V, g, size = P - h, data.global_size, data.local_size
    c, s = g / P, size / P
    third = (data.high**4 - data.low**4) / (4 * (data.high - data.low))
    sigma = s / c * (P - 1) / V
    up, down = first_rates(data)
    mean = (size - 1) * V / (P - 1)
    square = g * V / (P - 1) * (1 + (g - 1) * (V - 1) / (P - 2))
    one = up / (h / P / K * third * mean / P) - 1
    two = -down / (h / P / K * third * square / P**2) - 1
    return -2 * s <= one <= c**2 + s and -c - sigma <= two <= sigma


def check_first_rates():
    slope = _population_gradient(SMALL, Parameters.zeros(SMALL), 3)[1]
    areas = SMALL.areas.T
    local = areas > 0
    own = np.take_along_axis(slope, areas[:, :, None], axis=2)[:, :, 0]
    found = [-own[local].mean(), -slope[:, :, 0][local].mean()]
    setting = "every mask of 4 among 9 patches, strengths averaged; bounds at 39 sizes"
    sizes = [
        PatchData.from_exponents(10**e, 3, kc, ks, 0.5, 1.0, mask)
        for e, (kc, ks), mask in product(
            (3, 4, 5, 6, 7), ((0.9, 0.6), (0.75, 0.7), (0.6, 0.2)), (0.3, 0.8)
        )
    ]
    sizes += [
        PatchData(12, 2, g, size, 0.0, 1.0, h / 12)
        for (g, size), h in product(((1, 11), (4, 4), (8, 2)), (1, 6, 11))
    ]
    return _worst(
        numerical(first_rates(SMALL), found, setting),
        _holds(all(map(_first_bounds, sizes)), setting),
    )


def check_gap():
    deviations = []
    for kc, ks in ((0.8, 0.5), (0.7, 0.5)):
        data = PatchData.from_exponents(10**30, 3, kc, ks, 0.5, 1.0, 0.3)
        up, down = first_rates(data)
        power = float(data.n_patches) ** ((1 - ks) - 2 * (1 - kc))
        deviations.append(abs(-down / up / (0.7 * power) - 1))
    # The largest corrections are c = 10^-6 in the first case and s/c = 10^-6 in the second.
    setting = "exact velocities at P = 10^30, gaps 0.1 and -0.1"
    return Check(NUMERICAL, float(max(deviations)), "relative", 1e-5, setting)


def check_reduced():
    forms = vs.phase_times()
    ordered = True
    for values in ((5.0, 0.3), (0.4, 0.3), (0.3, 0.4), (0.3, 5.0)):
        numbers = dict(zip(sp.symbols("a b", positive=True), values, strict=True)) | {vs.z: 0.8}
        x, y = forms.own.subs(numbers), forms.globe.subs(numbers)
        speed = sp.lambdify(vs.t, sp.diff(x, vs.t) + sp.diff(y, vs.t))
        end, cross = (float(f.subs(numbers)) for f in (forms.learning, forms.crossing))
        times = np.linspace(0.0, 0.999 * end, 400)
        ordered &= np.array_equal(speed(times) > 0, times > cross)
    return _worst(
        _symbolic(forms.claims, "equations, starts, unlearning, crossing, learning"),
        _holds(ordered, "the faster of the two on 400 times, for a > b and for a < b"),
    )


def check_phases():
    forms = vs.phase_times()
    a, b = sp.symbols("a b", positive=True)
    ratio = sp.Symbol("r", positive=True)  # b / a
    z, t = vs.z, vs.t
    x, y = (f.subs(t, forms.crossing) for f in (forms.own, forms.globe))
    full = {a: forms.a, b: forms.b}
    on_own = (1 - vs.mu) * vs.s * sp.exp(z * x)
    square = ((1 - vs.mu) * vs.c) ** 2 * sp.exp(2 * z * y)
    later = (forms.crossing / forms.learning).subs(b, ratio * a)
    residuals = [
        forms.unlearning / forms.learning - (sp.exp(2 * z) - 1) * b / (2 * a),
        (b / a).subs(full) - vs.s / ((1 - vs.mu) * vs.c**2),
        sp.exp(z * x) - 3 / (2 + b / a),
        sp.exp(-2 * z * y) - (1 + 2 * a / b) / 3,
        (on_own - square).subs(full),
        later - (1 - ratio) / 3,
        sp.limit(later, ratio, 0) - sp.Rational(1, 3),
        sp.limit(sp.simplify((z * x).subs(b, ratio * a)), ratio, 0) - sp.log(sp.Rational(3, 2)),
        sp.limit(sp.exp(-2 * z * y).subs(b, ratio * a).simplify() * ratio, ratio, 0)
        - sp.Rational(2, 3),
        sp.limit(sp.simplify(forms.globe.subs(t, forms.learning).subs(a, b / ratio)), ratio, sp.oo),
    ]
    left = sum(sp.simplify(r) != 0 for r in residuals)
    return Check(SYMPY, float(left), "exact", 0.0, "times, values at the crossing, limits")


CLAIMS = {
    "lem-vit-counts": check_counts,
    "prop-vit-coordinates": check_coordinates,
    "lem-vit-areas": check_areas,
    "lem-vit-error": check_error,
    "thm-vit-gradient": check_gradient,
    "cor-vit-signs": check_signs,
    "thm-vit-floor": check_floor,
    "prop-vit-symmetry": check_symmetry,
    "thm-vit-first-rates": check_first_rates,
    "cor-vit-gap": check_gap,
    "prop-vit-reduced": check_reduced,
    "cor-vit-phases": check_phases,
}
