"""Checks of the claims of the chapter on contrastive learning of images with areas."""

from __future__ import annotations

import numpy as np
import sympy as sp

from mssl.chapters.ledger.checks import (
    NUMERICAL,
    Check,
    held,
    holds,
    in_standard_errors,
    numerical,
    worst,
)
from mssl.chapters.ledger.images import SMALL, TINY, assemble, dense_pass, random_state, vectors
from mssl.vit import MAE, Contrastive, Images, Parameters, PatchData, attend, mean_field
from mssl.vit import symbolic as vs
from mssl.vit.contrast import contrast_rates, critical_temperature
from mssl.vit.flow import Contrast

TAU, RHO = 0.3, 0.02


def _view(images, view):
    """The same images with one of their masks alone."""
    return Images(images.clusters, images.strengths, images.visible[view : view + 1])


def _pooled(data, state, images, view):
    """Coordinates z_m times mean attention of the pooled outputs, (n_images, n_areas)."""
    shares = attend(data, state, images, view).on_areas
    return shares.mean(axis=2).T * images.strengths


def _similarities(data, state, images):
    """Similarities by area, (n_images, n_images)."""
    same = images.clusters[:, None] == images.clusters
    return same * (_pooled(data, state, images, 0) @ _pooled(data, state, images, 1).T)


def check_similarity():
    rng = np.random.default_rng(11)
    codes, features = vectors(TINY, rng)
    state, images = random_state(TINY, 12), TINY.draw(8, rng, views=2)
    Q = assemble(TINY, state, codes, features)
    first, second = (
        np.array(
            [
                dense_pass(TINY, Q, codes, features, _view(images, v), b)[1].mean(axis=0)
                for b in range(8)
            ]
        )
        for v in (0, 1)
    )
    setting = "8 images of two clusters, pooled outputs from the softmax of W"
    return numerical(_similarities(TINY, state, images), first @ second.T, setting)


def _by_theorem(data, state, images):
    """The gradient of the theorem, one image, one patch and one key after another."""
    P, B = data.n_patches, len(images)
    second = _pooled(data, state, images, 1)
    odds = np.exp(_similarities(data, state, images) / TAU)
    weights = odds / odds.sum(axis=1, keepdims=True)
    phi, upsilon = RHO * state.phi, RHO * state.upsilon
    seen = attend(data, state, images)
    for b, k in enumerate(images.clusters):
        same = images.clusters == k
        pull = weights[b, same] @ second[same] - second[b]
        g = images.strengths[b] * pull / (P * TAU)
        attention = seen.matrix(b)
        for p in range(P):
            A = seen.on_areas[:, b, p]
            T = A @ g
            phi[p, k] += A * images.strengths[b] * (g - T) / B
            price = np.where(images.visible[0, b], g[data.areas[k]], 0.0)
            upsilon[p] += attention[p] * (price - T) / B
    return np.concatenate([phi.ravel(), upsilon.ravel()])


def _package(data, state, images):
    gradient = Contrastive(TAU, RHO).loss_and_gradient(data, state, images)[1]
    return np.concatenate([gradient.phi.ravel(), gradient.upsilon.ravel()])


def check_gradient():
    data = PatchData(3, 1, 2, 1, 0.5, 1.0, 1 / 3)
    images, state = data.draw(2, 13, views=2), random_state(data, 14)
    written = vs.definition(data, Contrastive(TAU, RHO), images)
    values = dict(zip(written.phi.ravel(), state.phi.ravel(), strict=True))
    values |= dict(zip(written.upsilon.ravel(), state.upsilon.ravel(), strict=True))
    values |= dict(zip(written.strengths.ravel(), images.strengths.ravel(), strict=True))
    # The parameters of one patch, which keeps the expressions few.
    symbols = [*written.phi[0].ravel(), *written.upsilon[0]]
    slopes = [sp.diff(written.loss, x).xreplace(written.stopped) for x in symbols]
    by_machine = sp.lambdify(list(values), slopes, cse=True)(*values.values())
    full = _by_theorem(data, state, images)
    by_theorem = [*full[: data.n_areas], *full[state.phi.size : state.phi.size + 3]]
    more, other = TINY.draw(7, 13, views=2), random_state(TINY, 14)
    return worst(
        numerical(
            by_theorem,
            by_machine,
            "2 images, one patch: the theorem against SymPy on the loss spelled out",
        ),
        numerical(
            _by_theorem(TINY, other, more),
            _package(TINY, other, more),
            "7 images of two clusters, the theorem against the package",
        ),
    )


def _descend(data, objective, steps, rate, seed):
    state, rng = Parameters.zeros(data), np.random.default_rng(seed)
    for _ in range(steps):
        images = data.draw(8, rng, views=2)
        gradient = objective.loss_and_gradient(data, state, images)[1]
        state = Parameters(state.phi - rate * gradient.phi, state.upsilon - rate * gradient.upsilon)
    return state


UNEVEN = PatchData(14, 2, 6, (5, 2, 1), 0.5, 1.0, 0.5)


def check_equal():
    state = _descend(UNEVEN, Contrastive(0.1, 1e-3), 60, 20.0, 15)
    other = _descend(UNEVEN, MAE(), 60, 2.0, 15)
    spread, size = np.ptp(state.upsilon, axis=0).max(), np.abs(state.upsilon).max()
    spread = max(spread, np.ptp(state.phi, axis=0).max())
    setting = "60 steps on batches of 8, unequal areas; reconstruction does part the patches"
    return worst(
        holds(size > 0.05 and np.ptp(other.phi, axis=0).max() > 0.5, setting),
        Check(NUMERICAL, float(spread / size), "relative", 1e-12, setting),
    )


def check_share():
    state = _descend(SMALL, Contrastive(0.1), 60, 20.0, 16)
    images = SMALL.draw(40, 17)
    shares, own = attend(SMALL, state, images).on_areas, SMALL.areas[images.clusters]
    found = np.array([shares[own[b], b, np.arange(9)][own[b] > 0].mean() for b in range(40)])
    setting = "40 images after 60 steps"
    return worst(
        numerical(found, shares[1:, :, 0].mean(axis=0), setting),
        holds((found < 1 / SMALL.n_local).all(), setting),
    )


def check_first():
    rng, data, B, tau = np.random.default_rng(18), PatchData(8, 2, 4, 2, 0.5, 1.0, 0.5), 12, 1e5
    start, rows = Parameters.zeros(data), []
    for _ in range(50):
        mean = np.zeros(2)
        for _ in range(60):
            batch = data.draw(B, rng, views=2)
            slope = Contrastive(tau).loss_and_gradient(data, start, batch, positions=False)[1].phi
            mean -= tau * np.array([slope[0, :, 0].mean(), slope[0, :, 1:].mean()]) / 60
        rows.append(mean)
    rows = np.array(rows)
    # What a finite temperature changes is of relative order 1/tau, far below the error.
    return in_standard_errors(
        contrast_rates(data, B),
        rows.mean(axis=0),
        rows.std(axis=0, ddof=1) / np.sqrt(len(rows)),
        "3000 batches of 12 images of 8 patches, temperature 10^5",
    )


def check_ratio():
    deviations = []
    m1, m2, m3 = 0.75, 7 / 12, 15 / 32
    for kc, ks in ((0.8, 0.5), (0.7, 0.5)):
        data = PatchData.from_exponents(10**30, 3, kc, ks, 0.5, 1.0, 0.3)
        P, gap = float(data.n_patches), (1 - ks) - 2 * (1 - kc)
        a3, a2 = m3 - m1 * m2 / 3, 0.7 * m1 * (m2 - m1**2 / 3)
        limit = -a3 / a2 * P ** (1 - ks) if gap > 0 else a3 / (a3 - a2) * P ** (2 * (kc - ks))
        big, small = contrast_rates(data, 32)
        # Corrections: P^-gap = 10^-3 where the gap is .1 and P^gap = 10^-3 where it is -.1.
        deviations.append(abs(big / small / limit - 1))
        at = Contrast(data, Contrastive(0.1), 32)(np.zeros(5)).velocity
        deviations += [abs(0.1 * v / r - 1) for v, r in zip(at[1:3], (big, small), strict=True)]
    setting = "P = 10^30, gaps 0.1 and -0.1: closed form, and mean field at temperature 0.1"
    return Check(NUMERICAL, float(max(deviations)), "relative", 5e-3, setting)


def check_one_strength():
    data, tau = PatchData(100, 3, 28, 12, 0.7, 0.7, 0.5), 0.1
    rng, found, expected = np.random.default_rng(19), [], []
    P, K, B, z = 100, 3, 32, 0.7
    n = data.expected_visible()
    for _ in range(5):
        big, small = rng.normal(size=2)
        velocity = Contrast(data, Contrastive(tau, RHO), B)(
            np.array([small, big, small, big, small])
        ).velocity
        phi = np.array([big, *np.full(data.n_local, small)])
        A = n * np.exp(z * phi) / (n @ np.exp(z * phi) + data.n_hidden)
        wave = np.exp(z**2 * A @ A / tau)
        rest = (B - 1) * (1 - 1 / K) / (wave * (1 + (B - 1) / K) + (B - 1) * (1 - 1 / K))
        speed = rest * z**3 / (K * P * tau) * A * (A - A @ A) - RHO * phi
        found.append(velocity)
        expected.append([speed[1], speed[0], speed[1], speed[0], speed[1]])
    course = mean_field(data, Contrastive(tau), np.geomspace(10.0, 1e6, 60), batch_size=B)
    apart = course.phi_global - course.phi_own
    setting = "velocities at 5 states; temperature .1 up to time 10^6"
    return worst(
        held(vs.contrastive_growth_rates().claims, "first step with one strength"),
        numerical(found, expected, setting),
        holds(
            (np.diff(course.phi_global) > 0).all()
            and (np.diff(apart) > 0).all()
            and course.attention_global[-1] > 0.98,
            setting,
        ),
    )


def _drive(tau, L, U, K, B):
    """D(L) from its definition."""
    x, w = np.polynomial.legendre.leggauss(60)
    z, w = L + (U - L) * (x + 1) / 2, w / 2
    odds, plus = w * np.exp(L * z / tau), np.exp(L * L / tau)
    total = plus + (B - 1) * (1 - 1 / K + odds.sum() / K)
    return L - (plus * L + (B - 1) / K * odds @ z) / total


def check_dim():
    ordered = True
    for L, U, K in ((0.5, 1.0, 3), (0.4, 1.5, 5)):
        critical = critical_temperature(L, U, K)
        for B in (2, 32):
            ordered &= abs(_drive(critical, L, U, K, B)) < 1e-9
        for factor in (0.8, 1.25):
            data = PatchData(100, K, 28, 12, L, U, 0.5)
            flow = Contrast(data, Contrastive(factor * critical), 32)
            v = flow(np.array([0.5, 60.0, 0.5, 60.0, 0.5])).velocity
            sign = 1 if factor > 1 else -1
            ordered &= sign * v[1] > 0 > sign * v[2]
            ordered &= sign * _drive(factor * critical, L, U, K, 32) > 0
    # A mean strength of K L or more: the collapse lasts at no temperature.
    for K in (2, 3):
        ordered &= all(_drive(tau, 0.2, 1.0, K, 32) < 0 for tau in (0.05, 0.3, 1.0, 10.0))
    return holds(ordered, "both sides of the critical temperature, three ranges of strengths")


CLAIMS = {
    "lem-vc-similarity": check_similarity,
    "thm-vc-gradient": check_gradient,
    "thm-vc-equal": check_equal,
    "cor-vc-share": check_share,
    "thm-vc-first": check_first,
    "cor-vc-ratio": check_ratio,
    "prop-vc-one-strength": check_one_strength,
    "prop-vc-dim": check_dim,
}
