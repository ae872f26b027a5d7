r"""What can be written down about attention: SymPy forms of its losses and of its first steps.

Two kinds of object are here. :func:`definition` spells a loss out patch by patch from its
definition, softmax and all, for a case small enough to differentiate by machine; it is what the
code's gradients are held against. The other functions carry one derivation each out and return its
formulas with claims that :meth:`mssl.symbolic.Identity.holds` decides exactly:

>>> rates = growth_rates()
>>> rates.leading_ratio
c**2*(1 - mu)/s
>>> [claim.name for claim in rates.claims if not claim.holds()]
[]

Symbols: ``c`` and ``s`` are :math:`C_g/P` and :math:`C_s/P`, ``mu`` the masked fraction, ``z`` a
strength that all areas share, ``K`` the number of clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import sympy as sp

from ..symbolic import Identity
from .data import Images, PatchData
from .objectives import MAE, Combined, Contrastive, Objective

__all__ = [
    "ContrastiveGrowthRates",
    "Definition",
    "GradientRule",
    "GrowthRates",
    "SymbolicPhaseTimes",
    "contrastive_growth_rates",
    "definition",
    "derivations",
    "gradient_rule",
    "growth_rates",
    "phase_times",
]

c, s, z, K, P, tau, t = sp.symbols("c s z K P tau t", positive=True)
mu = sp.Symbol("mu", positive=True)


# Losses from their definition --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Definition:
    r"""A loss written out in symbols, and what it was written in.

    .. math:: L(\Phi, \Upsilon; z)

    Attributes
    ----------
    loss : sympy expression
        The loss on the given images. The stop-gradient branch holds symbols of its own.
    phi : ndarray of sympy symbols, shape (n_patches, n_clusters, n_areas)
        :math:`\Phi`.
    upsilon : ndarray of sympy symbols, shape (n_patches, n_patches)
        :math:`\Upsilon`.
    strengths : ndarray of sympy symbols, shape (n_images, n_areas)
        z.
    stopped : dict
        Symbol of the stop-gradient branch to the parameter whose value it has.
    """

    loss: sp.Expr
    phi: np.ndarray
    upsilon: np.ndarray
    strengths: np.ndarray
    stopped: dict

    def value(self) -> sp.Expr:
        """The loss, in the parameters and the strengths alone."""
        return self.loss.xreplace(self.stopped)

    def gradient(self) -> tuple[list, list]:
        """Derivatives in `phi` and in `upsilon`, flattened in their order, by SymPy."""
        in_phi, in_upsilon = (
            [sp.diff(self.loss, x).xreplace(self.stopped) for x in block.ravel()]
            for block in (self.phi, self.upsilon)
        )
        return in_phi, in_upsilon


def definition(data: PatchData, objective: Objective, images: Images) -> Definition:
    r"""Spell a loss out from its definition, with every score, softmax and patch.

    .. math:: \mathrm{attn}_{p \to q} = \frac{e^{s_{pq}}}{\sum_{q'} e^{s_{pq'}}}, \qquad
              s_{pq} = [q\ \mathrm{visible}]\; z_{m(q)} \Phi_{p \to v_{k, m(q)}}
              + \Upsilon_{p \to q}

    Parameters
    ----------
    data : PatchData
        A handful of patches: the expression grows with the square of their number.
    objective : Objective
        :class:`~mssl.vit.MAE`, :class:`~mssl.vit.Contrastive` or :class:`~mssl.vit.Combined`;
        penalties are included.
    images : Images
        Their clusters and masks are used; their strengths become symbols.

    Returns
    -------
    Definition

    Raises
    ------
    ValueError
        If the objective is none of the three.
    """
    shape = (data.n_patches, data.n_clusters, data.n_areas)
    square = (data.n_patches, data.n_patches)
    phi, upsilon = _symbols("Phi", shape), _symbols("Upsilon", square)
    strengths = _symbols("z", (len(images), data.n_areas))
    stopped_phi, stopped_upsilon = _symbols("Phi'", shape), _symbols("Upsilon'", square)
    stopped = dict(zip(stopped_phi.ravel(), phi.ravel(), strict=True))
    stopped |= dict(zip(stopped_upsilon.ravel(), upsilon.ravel(), strict=True))

    spelled = _Spelled(data, images, strengths)
    state, fixed = (phi, upsilon), (stopped_phi, stopped_upsilon)
    if isinstance(objective, MAE):
        loss = spelled.reconstruction(state)
    elif isinstance(objective, Contrastive):
        loss = spelled.contrast(objective, state, fixed)
    elif isinstance(objective, Combined):
        loss = sp.nsimplify(objective.mae) * spelled.reconstruction(state)
        part = spelled.contrast(objective.contrastive_part, state, fixed)
        loss += sp.nsimplify(objective.contrastive) * part
    else:
        raise ValueError(
            f"definition knows MAE, Contrastive and Combined, got {type(objective).__name__}."
        )
    return Definition(loss, phi, upsilon, strengths, stopped)


State: TypeAlias = tuple[np.ndarray, np.ndarray]  # symbols of Phi and of Upsilon


@dataclass(frozen=True, eq=False)
class _Spelled:
    """Losses in symbols, with every score, softmax and patch."""

    data: PatchData
    images: Images
    strengths: np.ndarray

    @cached_property
    def areas(self) -> np.ndarray:
        return np.asarray(self.data.areas)

    def _feature(self, k: int, area: int) -> int:
        """Place of a feature among those of all clusters."""
        return k * self.data.n_areas + area

    def outputs(self, b: int, view: int, state: State) -> list[list[sp.Expr]]:
        """Outputs of all patches as vectors over all features of all clusters."""
        n, (phi, upsilon) = self.data.n_patches, state
        k, seen = self.images.clusters[b], self.images.visible[view, b]
        area, strengths = self.areas[k], self.strengths[b]
        content = [strengths[area[q]] if seen[q] else sp.S(0) for q in range(n)]
        result = []
        for p in range(n):
            odds = [sp.exp(content[q] * phi[p, k, area[q]] + upsilon[p, q]) for q in range(n)]
            total = sp.Add(*odds)
            vector = [sp.S(0)] * (self.data.n_clusters * self.data.n_areas)
            for q in range(n):
                vector[self._feature(k, area[q])] += odds[q] / total * content[q]
            result.append(vector)
        return result

    def reconstruction(self, state: State) -> sp.Expr:
        """Half the squared error on the masked patches of the first view."""
        total = sp.S(0)
        for b in range(len(self.images)):
            k, F = self.images.clusters[b], self.outputs(b, 0, state)
            for p in np.flatnonzero(~self.images.visible[0, b]):
                area = self.areas[k, p]
                truth = [sp.S(0)] * (self.data.n_clusters * self.data.n_areas)
                truth[self._feature(k, area)] = self.strengths[b, area]
                total += sp.Add(*((f - x) ** 2 for f, x in zip(F[p], truth, strict=True))) / 2
        return total / len(self.images)

    def _pooled(self, b: int, view: int, state: State) -> list[sp.Expr]:
        outputs = zip(*self.outputs(b, view, state), strict=True)
        return [sp.Add(*f) / self.data.n_patches for f in outputs]

    def contrast(self, objective: Contrastive, state: State, fixed: State) -> sp.Expr:
        """InfoNCE of the two views, no gradient through the second, and its penalty."""
        batch = range(len(self.images))
        first = [self._pooled(b, 0, state) for b in batch]
        second = [self._pooled(b, 1, fixed) for b in batch]
        temperature, total = sp.nsimplify(objective.temperature), sp.S(0)
        for b, u in enumerate(first):
            logits = [
                sp.Add(*(x * y for x, y in zip(u, v, strict=True))) / temperature for v in second
            ]
            total += sp.log(sp.Add(*(sp.exp(x) for x in logits))) - logits[b]
        square = sp.Add(*(x**2 for block in state for x in block.ravel()))
        return total / len(self.images) + sp.nsimplify(objective.regularization) * square / 2


def _symbols(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of real symbols with indices in their names."""
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        array[index] = sp.Symbol(f"{name}_{'_'.join(map(str, index))}", real=True)
    return array


# The gradient of one masked query ----------------------------------------------------------------


@dataclass(frozen=True)
class GradientRule:
    r"""Gradient of the squared error of one masked query.

    .. math:: \ell = \tfrac12 \sum_m z_m^2 (A_m - [m = a])^2, \qquad
              \frac{\partial \ell}{\partial \Phi_m} = A_m z_m (g_m - T)

    Attributes
    ----------
    loss : sympy expression
        :math:`\ell`, in :math:`\Phi_m`, :math:`z_m` and the positional sums :math:`S_m`, for three
        areas and masked keys; area 1 is the query's own.
    claims : tuple of Identity
    """

    loss: sp.Expr
    claims: tuple[Identity, ...]


def gradient_rule() -> GradientRule:
    """Derive the gradient in Phi by differentiating through the softmax.

    Implements :theorem:`lem-vit-error` and :theorem:`thm-vit-gradient`.

    Returns
    -------
    GradientRule
    """
    phis = sp.symbols("Phi_0:3", real=True)
    strengths = sp.symbols("z_0:3", positive=True)
    sums = sp.symbols("S_0:3", positive=True)
    hidden = sp.Symbol("S_h", positive=True)
    odds = [S * sp.exp(x * phi) for S, x, phi in zip(sums, strengths, phis, strict=True)]
    total = sp.Add(*odds) + hidden
    shares = [w / total for w in odds]
    own = [sp.S(0), sp.S(1), sp.S(0)]
    loss = sp.Add(*(x**2 * (A - o) ** 2 for x, A, o in zip(strengths, shares, own, strict=True)))
    loss /= 2
    slopes = [x**2 * (A - o) for x, A, o in zip(strengths, shares, own, strict=True)]
    mean = sp.Add(*(A * g for A, g in zip(shares, slopes, strict=True)))
    # With w_m for each exponential, both sides are rational.
    waves = sp.symbols("w_0:3", positive=True)
    rational = {sp.exp(x * phi): w for x, phi, w in zip(strengths, phis, waves, strict=True)}
    claims = tuple(
        Identity(
            f"gradient in Phi_{m}",
            sp.diff(loss, phis[m]).subs(rational),
            (shares[m] * strengths[m] * (slopes[m] - mean)).subs(rational),
        )
        for m in range(3)
    )
    return GradientRule(loss, claims)


# First steps -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GrowthRates:
    r"""Velocities of a local patch at :math:`\Phi = 0` under masked reconstruction.

    .. math:: \dot\Phi_{\mathrm{own}} \simeq \frac{\mu (1-\mu)}{K}\, z^3 s, \qquad
              \dot\Phi_{\mathrm{global}} \simeq -\frac{\mu (1-\mu)^2}{K}\, z^3 c^2, \qquad
              \Big|\frac{\dot\Phi_{\mathrm{global}}}{\dot\Phi_{\mathrm{own}}}\Big|
              \simeq (1-\mu) \frac{c^2}{s} = (1-\mu) P^{\Delta}

    Attributes
    ----------
    own, globe : sympy expression
        The velocities in the mean field, for one strength z and any sizes.
    leading_own, leading_globe : sympy expression
        Their leading order for small areas, :math:`s \ll c \ll 1`.
    leading_ratio : sympy expression
        Minus the ratio of those.
    gap : sympy expression
        :math:`\Delta`, the exponent of P in :math:`c^2/s`.
    claims : tuple of Identity
    """

    own: sp.Expr
    globe: sp.Expr
    leading_own: sp.Expr
    leading_globe: sp.Expr
    leading_ratio: sp.Expr
    gap: sp.Expr
    claims: tuple[Identity, ...]


def growth_rates() -> GrowthRates:
    """Derive the first step of masked reconstruction and its information gap.

    Implements :theorem:`thm-vit-first-rates` and :theorem:`cor-vit-gap`.

    Returns
    -------
    GrowthRates
    """
    # At Phi = 0 attention on an area is its visible fraction of all patches.
    on_global, on_local, n_other = (1 - mu) * c, (1 - mu) * s, (1 - c) / s - 1
    mean = z**2 * (on_global**2 + n_other * on_local**2 + on_local * (on_local - 1))
    own = -mu / K * on_local * z * (z**2 * (on_local - 1) - mean)
    globe = -mu / K * on_global * z * (z**2 * on_global - mean)
    leading_own = mu * (1 - mu) * s * z**3 / K
    leading_globe = -mu * (1 - mu) ** 2 * c**2 * z**3 / K
    sigma = sp.Symbol("sigma", positive=True)

    def small(ratio):
        """Limit of small areas, first s against c, then c against 1."""
        ratio = sp.cancel(sp.together(ratio.subs(s, sigma * c)))
        return sp.cancel(ratio.subs(sigma, 0)).subs(c, 0)

    kappa_c, kappa_s = sp.symbols("kappa_c kappa_s", positive=True)
    gap = (1 - kappa_s) - 2 * (1 - kappa_c)
    ratio = (1 - mu) * c**2 / s
    claims = (
        Identity("leading order of the own rate", small(own / leading_own), sp.S(1)),
        Identity("leading order of the global rate", small(globe / leading_globe), sp.S(1)),
        Identity("their ratio", -leading_globe / leading_own, ratio),
        Identity("exponent of c^2/s", 2 * (kappa_c - 1) - (kappa_s - 1), gap),
    )
    return GrowthRates(own, globe, leading_own, leading_globe, ratio, gap, claims)


@dataclass(frozen=True)
class ContrastiveGrowthRates:
    r"""Velocities at :math:`\Phi = 0` under contrast, equal for all patches.

    .. math:: \dot\Phi_m = \frac{1 - \pi}{K}\,\frac{z^3}{P \tau}\, A_m
              \Big( A_m - \sum_{m'} A_{m'}^2 \Big), \qquad A_m = (1 - \mu) \frac{C_m}{P}

    with :math:`\pi` the share of an image's own cluster among its negatives, each weighed by
    :math:`e^{s/\tau}`. The global area, with the largest A, always grows; a local one does only
    while :math:`A_m > \sum A^2`, and then slower by more than :math:`(C_g/C_s)^2`.

    Attributes
    ----------
    globe, local : sympy expression
        The velocities, for one strength z and many negatives; pi is a symbol.
    similarity : sympy expression
        Similarity s of two images of a cluster, from which pi follows.
    share : sympy expression
        :math:`\pi = e^{s/\tau}/(K - 1 + e^{s/\tau})`.
    claims : tuple of Identity
    """

    globe: sp.Expr
    local: sp.Expr
    similarity: sp.Expr
    share: sp.Expr
    claims: tuple[Identity, ...]


def contrastive_growth_rates() -> ContrastiveGrowthRates:
    """Derive the first step of contrast.

    Implements :theorem:`thm-vc-first` and :theorem:`cor-vc-ratio`.

    Returns
    -------
    ContrastiveGrowthRates
    """
    pi = sp.Symbol("pi_c", positive=True)
    on_global, on_local, n_local = (1 - mu) * c, (1 - mu) * s, (1 - c) / s
    squares = on_global**2 + n_local * on_local**2
    similarity = z**2 * squares
    wave = sp.exp(similarity / tau)

    # The loss of one query's part of the pooled output, followed along the softmax of its scores.
    pull = {A: -(1 - pi) * z**2 * A / (P * tau) for A in (on_global, on_local)}
    mean = on_global * pull[on_global] + n_local * on_local * pull[on_local]
    globe = -on_global * z * (pull[on_global] - mean) / K
    local = -on_local * z * (pull[on_local] - mean) / K
    closed = {A: (1 - pi) / K * z**3 / (P * tau) * A * (A - squares) for A in (on_global, on_local)}
    claims = (
        Identity("global rate", globe, closed[on_global]),
        Identity("local rate", local, closed[on_local]),
        Identity(
            "global against local",
            globe / local - (on_global / on_local) ** 2,
            on_global * squares * (on_global - on_local) / (on_local**2 * (on_local - squares)),
        ),
    )
    return ContrastiveGrowthRates(globe, local, similarity, wave / (K - 1 + wave), claims)


# Phases ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SymbolicPhaseTimes:
    r"""Phase times of masked reconstruction to leading order, for one strength z.

    .. math:: \dot x = b z^3 e^{z x}, \qquad \dot y = -u z^3 e^{2 z y}

    Here x is a local patch's :math:`\Phi` to its own and y that to the global feature, while
    attention on both is small.

    Attributes
    ----------
    own, globe : sympy expression
        x(t) and y(t) from 0.
    unlearning : sympy expression
        y = -1: :math:`(e^{2z} - 1)/(2 u z^4)`.
    crossing : sympy expression
        :math:`\dot x = -\dot y`: :math:`(u - b)/(3 u b z^4)`, positive when u > b.
    learning : sympy expression
        x diverges: :math:`1/(b z^4)`.
    u, b : sympy expression
        :math:`\mu(1-\mu)^2 c^2/K` and :math:`\mu(1-\mu) s/K`.
    claims : tuple of Identity
    """

    own: sp.Expr
    globe: sp.Expr
    unlearning: sp.Expr
    crossing: sp.Expr
    learning: sp.Expr
    u: sp.Expr
    b: sp.Expr
    claims: tuple[Identity, ...]


def phase_times() -> SymbolicPhaseTimes:
    """Solve the reduced equations and read the phase times off.

    Implements :theorem:`prop-vit-reduced` and :theorem:`cor-vit-phases`.

    Returns
    -------
    SymbolicPhaseTimes
    """
    u, b = sp.symbols("u b", positive=True)
    own = -sp.log(1 - b * z**4 * t) / z
    globe = -sp.log(1 + 2 * u * z**4 * t) / (2 * z)
    unlearning = (sp.exp(2 * z) - 1) / (2 * u * z**4)
    crossing = (u - b) / (3 * u * b * z**4)
    learning = 1 / (b * z**4)
    own_rate, global_rate = sp.diff(own, t), sp.diff(globe, t)
    rates = growth_rates()
    u_value, b_value = mu * (1 - mu) ** 2 * c**2 / K, mu * (1 - mu) * s / K
    claims = (
        Identity("own equation", own_rate, b * z**3 * sp.exp(z * own)),
        Identity("global equation", global_rate, -u * z**3 * sp.exp(2 * z * globe)),
        Identity("own starts at 0", own.subs(t, 0), sp.S(0)),
        Identity("global starts at 0", globe.subs(t, 0), sp.S(0)),
        Identity("own starts at its leading rate", b_value * z**3, rates.leading_own),
        Identity("global starts at its leading rate", -u_value * z**3, rates.leading_globe),
        Identity("unlearning", globe.subs(t, unlearning), sp.S(-1)),
        Identity("crossing", own_rate.subs(t, crossing), -global_rate.subs(t, crossing)),
        Identity("learning", (1 / own_rate).subs(t, learning), sp.S(0)),
    )
    return SymbolicPhaseTimes(own, globe, unlearning, crossing, learning, u_value, b_value, claims)


def derivations() -> dict[str, Callable[[], object]]:
    """All derivations of this module by name; each returns an object with claims."""
    return {
        "gradient_rule": gradient_rule,
        "growth_rates": growth_rates,
        "contrastive_growth_rates": contrastive_growth_rates,
        "phase_times": phase_times,
    }
