"""Checks of the claims of the page on masked autoencoding."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import sympy as sp

from mssl.chapters.ledger.checks import NUMERICAL, SYMPY, Check, held, holds, numerical, worst
from mssl.chapters.ledger.images import SMALL, masks_of, random_state
from mssl.chapters.vit_mae.vit_first_step import first_rates
from mssl.vit import MAE, Images, Parameters, PatchData, mean_field
from mssl.vit import symbolic as vs


@cache
def _population(data, nodes):
    """Pairs (weight, images): every mask, every cluster, and a product rule for the strengths."""
    masks = masks_of(data)
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
        for at in (random_state(SMALL, seed) for seed in range(3))
    ]
    for at in [*near, *(random_state(SMALL, seed) for seed in range(20))]:
        total = 0.0
        for weight, images in _population(SMALL, 2):
            total += weight * MAE().loss(SMALL, at, images)
        above &= total > SMALL.mae_floor
    far = _population_gradient(SMALL, state, 2)[0]
    return worst(holds(above, setting), numerical(far, SMALL.mae_floor, setting))


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
    return worst(
        holds(distinct, setting), Check(NUMERICAL, float(spread), "relative", 1e-12, setting)
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
    return worst(
        numerical(first_rates(SMALL), found, setting),
        holds(all(map(_first_bounds, sizes)), setting),
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
        numbers = dict(zip(sp.symbols("u b", positive=True), values, strict=True)) | {vs.z: 0.8}
        x, y = forms.own.subs(numbers), forms.globe.subs(numbers)
        speed = sp.lambdify(vs.t, sp.diff(x, vs.t) + sp.diff(y, vs.t))
        end, cross = (float(f.subs(numbers)) for f in (forms.learning, forms.crossing))
        times = np.linspace(0.0, 0.999 * end, 400)
        ordered &= np.array_equal(speed(times) > 0, times > cross)
    return worst(
        held(forms.claims, "equations, starts, unlearning, crossing, learning"),
        holds(ordered, "the faster of the two on 400 times, for u > b and for u < b"),
    )


def check_phases():
    forms = vs.phase_times()
    u, b = sp.symbols("u b", positive=True)
    ratio = sp.Symbol("r", positive=True)  # b / u
    z, t = vs.z, vs.t
    x, y = (f.subs(t, forms.crossing) for f in (forms.own, forms.globe))
    full = {u: forms.u, b: forms.b}
    on_own = (1 - vs.mu) * vs.s * sp.exp(z * x)
    square = ((1 - vs.mu) * vs.c) ** 2 * sp.exp(2 * z * y)
    later = (forms.crossing / forms.learning).subs(b, ratio * u)
    residuals = [
        forms.unlearning / forms.learning - (sp.exp(2 * z) - 1) * b / (2 * u),
        (b / u).subs(full) - vs.s / ((1 - vs.mu) * vs.c**2),
        sp.exp(z * x) - 3 / (2 + b / u),
        sp.exp(-2 * z * y) - (1 + 2 * u / b) / 3,
        (on_own - square).subs(full),
        later - (1 - ratio) / 3,
        sp.limit(later, ratio, 0) - sp.Rational(1, 3),
        sp.limit(sp.simplify((z * x).subs(b, ratio * u)), ratio, 0) - sp.log(sp.Rational(3, 2)),
        sp.limit(sp.exp(-2 * z * y).subs(b, ratio * u).simplify() * ratio, ratio, 0)
        - sp.Rational(2, 3),
        sp.limit(sp.simplify(forms.globe.subs(t, forms.learning).subs(u, b / ratio)), ratio, sp.oo),
    ]
    left = sum(sp.simplify(r) != 0 for r in residuals)
    return Check(SYMPY, float(left), "exact", 0.0, "times, values at the crossing, limits")


def _half_time(data):
    """When half of a global patch's attention is on its own area, relative to the time derived."""
    pace = data.mask_rate * (1 - data.mask_rate) * data.global_size / data.n_patches
    times = np.linspace(0.0, 1.5, 3001)
    derived = data.n_clusters / (pace * data.high**4)
    course = mean_field(data, MAE(), derived * times).global_patches
    return np.interp(0.5, course.attention_own, times)


def check_global_first():
    forms = vs.phase_times()
    u, b = sp.symbols("u b", positive=True)
    full, z, t = {u: forms.u, b: forms.b}, vs.z, vs.t
    large = sp.symbols("P", positive=True)
    rate = vs.mu * (1 - vs.mu) * vs.c / vs.K
    own = forms.own.subs(b, rate)
    end = vs.K / (vs.mu * (1 - vs.mu) * z**4 * vs.c)
    on_own = (1 - vs.mu) * vs.c * sp.exp(z * own)
    x, y = (f.subs(full).subs(t, end) for f in (forms.own, forms.globe))
    grown = {vs.c: large ** sp.Rational(-1, 4), vs.s: large ** sp.Rational(-1, 2)}
    residuals = [
        sp.diff(own, t) - rate * z**3 * sp.exp(z * own),
        own.subs(t, 0),
        (1 / sp.diff(own, t)).subs(t, end),
        forms.learning.subs(full) * vs.s / vs.c - end,
        on_own.subs(t, end * (1 - 2 * (1 - vs.mu) * vs.c)) - sp.Rational(1, 2),
        x + sp.log(1 - vs.s / vs.c) / z,
        y + sp.log(1 + 2 * (1 - vs.mu) * vs.c) / (2 * z),
        *(sp.limit(f.subs(grown), large, sp.oo) for f in (x, y)),
        *(
            sp.limit((end / time.subs(full)).subs(grown), large, sp.oo)
            for time in (forms.learning, forms.unlearning)
        ),
    ]
    left = sum(sp.simplify(r) != 0 for r in residuals)
    deviations = [
        _half_time(data)
        for data in (
            PatchData.from_exponents(10**12, 3, 0.7, local, 0.8, 0.8, mask)
            for local, mask in product((0.3, 0.6), (0.3, 0.7))
        )
    ]
    setting = "mean field at P = 10^12 with c = 2.5e-4, gaps of both signs: half of the attention"
    return worst(
        Check(SYMPY, float(left), "exact", 0.0, "solution, times, values, limits"),
        numerical(deviations, np.ones(4), setting, tolerance=0.01),
    )


CLAIMS = {
    "thm-vit-floor": check_floor,
    "prop-vit-symmetry": check_symmetry,
    "thm-vit-first-rates": check_first_rates,
    "cor-vit-gap": check_gap,
    "prop-vit-reduced": check_reduced,
    "cor-vit-phases": check_phases,
    "cor-vit-global": check_global_first,
}
