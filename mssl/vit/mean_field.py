r"""What gradient flow does when single patches average out: five ordinary differential equations.

With :math:`\Upsilon = 0` and areas of one size, symmetry leaves three numbers for a local patch,
its :math:`\Phi` to its own, to the global and to any other local feature, and two for a global
patch, so that :math:`P = 10^8` patches cost no more than a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import gammaln

from ..exceptions import ConvergenceError
from ..validation import finite_vector, positive_integer
from .data import PatchData
from .history import History, Readout
from .objectives import MAE, Combined, Contrastive, Objective

__all__ = [
    "PhaseExponents",
    "PhaseTimes",
    "leading_order_times",
    "mean_field",
    "phase_exponents",
    "phase_times",
]

Array = np.ndarray

# Order of the five unknowns: local patch to own, global, other; global patch to own, other.
_LOCAL, _GLOBAL = slice(0, 3), slice(3, 5)


def mean_field(
    data: PatchData,
    objective: Objective,
    times,
    *,
    average_counts: bool = False,
    batch_size: int | None = None,
    rtol: float = 1e-8,
) -> History:
    r"""Mean-field course of training from Q = 0, with :math:`\Upsilon` frozen at 0.

    Masked reconstruction. Each (patch, cluster) evolves alone; for a patch of area a,

    .. math::

        \frac{d\Phi_m}{dt} = -\frac{\mu}{K}\, \mathbb E_z\big[ A_m z_m (g_m - T) \big], \qquad
        g_m = z_m^2 (A_m - [m = a]), \quad T = \sum_m A_m g_m,

    .. math::

        A_m = \frac{w_m}{\sum_{m'} w_{m'} + \mu P}, \qquad w_m = n_m\, e^{z_m \Phi_m},

    with :math:`\mu` the masked fraction and :math:`n_m` the number of visible patches of area m.

    Contrast. The pooled outputs couple the patches. With
    :math:`\bar A_m` the mean of :math:`A_m` over all patches and :math:`u_m = z_m \bar A_m`,

    .. math::

        \frac{d\Phi_m}{dt} = -\frac1K\, \mathbb E_z\big[ A_m z_m (g_m - T) \big]
        - \rho\,\Phi_m, \qquad
        g_m = \frac{z_m}{P\tau}\Big( \frac{e^{s/\tau} u_m
        + \frac{B-1}{K}\, \mathbb E_{z'} e^{s'/\tau} u'_m}{Z} - u_m \Big),

    .. math::

        Z = e^{s/\tau} + (B-1)\Big[ 1 - \frac1K + \frac1K\, \mathbb E_{z'} e^{s'/\tau} \Big],
        \qquad s = \sum_m u_m^2, \quad s' = \sum_m u_m u'_m .

    Parameters
    ----------
    data : PatchData
        With local areas of equal size; only its sizes matter, so that any P is possible.
    objective : Objective
        :class:`MAE`, :class:`Contrastive` or :class:`Combined`.
    times : array-like of shape (n_times,)
        Increasing times of gradient flow, steps times learning rate, from 0 on.
    average_counts : bool, default=False
        Reconstruction: average over the number of visible patches in the own, the global and one
        other area, given that the query is masked (hypergeometric), in place of putting
        :math:`n_m = (1-\mu) C_m`. It matters when areas are small.
    batch_size : int, optional
        Contrast: B, the number of images in a batch. By default the limit of many negatives,
        with the loss given relative to log B.
    rtol : float, default=1e-8
        Relative tolerance of the integration.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For unequal local areas, or times that do not increase from 0 or later.
    ConvergenceError
        When the integration fails.

    Notes
    -----
    Assumptions, beyond :math:`\Upsilon = 0` and small steps on large batches:

    * sums over many local areas are replaced by their means over z; the own, the global and one
      tagged other area are averaged exactly (Gauss-Legendre);
    * in contrast, the visible counts are at their means, so that both views of an image have the
      same pooled output; the sum over negatives is replaced by its mean; and the similarity of an
      image is a function of its global strength alone, as each single local area contributes only
      :math:`u_m^2 \sim (C_s/P)^2` to it.

    With counts averaged, attention is that of queries whose own area has a visible patch, as in
    :func:`train`; the loss counts all queries.
    """
    if not isinstance(data.local_size, int):
        raise ValueError("mean_field needs local areas of equal size; use train for unequal ones.")
    times = finite_vector(times, "times")
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError("times must increase strictly and start at 0 or later.")
    flow = _flow(data, objective, average_counts, batch_size)
    states = _integrate(flow, times, rtol)
    looks = [flow(y) for y in states]
    return History(
        times=times,
        loss=np.array([look.loss for look in looks]),
        local_patches=Readout(*states[:, [0, 1, 2]].T, *np.array([k.local for k in looks]).T),
        global_patches=Readout(
            *states[:, [3, 3, 4]].T, *np.array([look.globe for look in looks]).T
        ),
    )


def _integrate(flow: Callable, times: Array, rtol: float) -> Array:
    """States at the given times, ndarray of shape (n_times, 5)."""
    if times[-1] == 0:
        return np.zeros((1, 5))
    solution = solve_ivp(
        lambda t, y: flow(y).velocity,
        (0.0, times[-1]),
        np.zeros(5),
        method="LSODA",
        t_eval=times,
        rtol=rtol,
        atol=1e-2 * rtol,
    )
    if not solution.success or not np.isfinite(solution.y).all():
        raise ConvergenceError(
            f"the mean field could not be integrated to time {times[-1]:g} ({solution.message}); "
            "end earlier, or lower rtol."
        )
    return solution.y.T


@dataclass(frozen=True, eq=False)
class _Look:
    """Velocity, loss and attention at one state."""

    velocity: Array
    loss: float
    local: tuple[float, ...]
    globe: tuple[float, ...]


def _flow(data, objective, average_counts, batch_size) -> Callable[[Array], _Look]:
    """The right-hand side for an objective."""
    if isinstance(objective, MAE):
        if batch_size is not None:
            raise ValueError("batch_size has no effect on masked reconstruction; leave it out.")
        return _Reconstruction(data, average_counts)
    if isinstance(objective, Contrastive):
        if average_counts:
            raise ValueError(
                "average_counts applies to masked reconstruction only; in contrast both views "
                "enter through pooled outputs, whose counts are at their means."
            )
        return _Contrast(data, objective, batch_size)
    if isinstance(objective, Combined):
        rebuild = _Reconstruction(data, average_counts)
        contrast = _Contrast(data, objective.contrastive_part, batch_size)
        a, b = objective.mae, objective.contrastive

        def both(y):
            one, two = rebuild(y), contrast(y)
            velocity = a * one.velocity + b * two.velocity
            return _Look(velocity, a * one.loss + b * two.loss, one.local, one.globe)

        return both
    raise ValueError(
        f"mean_field knows MAE, Contrastive and Combined, got {type(objective).__name__}."
    )


# Averages ----------------------------------------------------------------------------------------


def _strength_nodes(data: PatchData, n: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights for the mean over z; a single node where L = U."""
    if data.low == data.high:
        return np.array([data.low]), np.ones(1)
    x, w = np.polynomial.legendre.leggauss(n)
    return data.low + (data.high - data.low) * (x + 1) / 2, w / 2


def _count_nodes(size: int, population, draws, n_nodes: int = 5) -> tuple[Array, Array]:
    """Values and probabilities of a hypergeometric count, stacked along a new last axis.

    `size` patches among `population`, of which `draws` are visible. Small counts are exact; large
    ones get a Gauss-Hermite rule with the right mean and variance, which must not reach below 0.
    `population` and `draws` may be real arrays, as they are when another count left them over.
    """
    population, draws = (np.asarray(a, dtype=float)[..., None] for a in (population, draws))
    x, w = np.polynomial.hermite_e.hermegauss(n_nodes)
    share = draws / population
    if size <= 8 or (size <= 200 and size * share.min() < x.max() ** 2):
        n = np.broadcast_to(np.arange(size + 1.0), (*population.shape[:-1], size + 1))
        rest = population - size
        possible = (draws - n > -1e-9) & (rest - draws + n > -1e-9)
        taken = np.where(possible, draws - n, 0.0)
        log = _log_choose(size, n) + _log_choose(rest, taken)
        log = np.where(possible, log, -np.inf)
        top = log.max(axis=-1, keepdims=True)
        p = np.exp(log - np.where(np.isfinite(top), top, 0.0))
        # A row without a possible count follows a count that was impossible itself.
        return n, p / np.where(possible.any(axis=-1, keepdims=True), p.sum(-1, keepdims=True), 1.0)
    spread = np.sqrt(
        size * share * (1 - share) * (population - size) / np.maximum(population - 1, 1)
    )
    n = np.clip(size * share + spread * x, 0.0, size)
    return n, np.broadcast_to(w / w.sum(), n.shape)


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


@dataclass(frozen=True, eq=False)
class _Points:
    """Points of the average over counts and strengths, all of shape (n_points,).

    Counts of visible patches in the own, the global and one other area, in all further areas
    together (`rest`), and the mean sum of squares of the counts of those.
    """

    probability: Array
    own: Array
    globe: Array
    other: Array
    rest: Array
    rest_squares: Array
    z_own: Array
    z_global: Array
    z_other: Array


def _points(data: PatchData, local: bool, average_counts: bool) -> _Points:
    """Average over counts and strengths for a local or a global query."""
    P, V = data.n_patches, data.n_patches - data.n_hidden
    size, n_other = data.local_size, data.n_local - local
    if average_counts:
        if min(size, data.global_size) < 2:
            raise ValueError(
                "average_counts needs areas of at least 2 patches: a masked patch that is alone "
                "in its area never has a visible one to attend to."
            )
        # Given that the query is masked, V visible patches lie among the other P - 1.
        globe, p = _count_nodes(data.global_size - (not local), P - 1.0, float(V))
        left, seen = P - 1.0 - data.global_size + (not local), V - globe
        own, q = _count_nodes(size - 1 if local else 0, np.full_like(seen, left), seen)
        p, left, seen = p[..., None] * q, left - (size - 1) * local, seen[..., None] - own
        if n_other:
            other, q = _count_nodes(size, np.full_like(seen, left), seen, 3)
        else:
            other, q = np.zeros((*seen.shape, 1)), np.ones((*seen.shape, 1))
        p, left, rest = p[..., None] * q, left - size, seen[..., None] - other
        globe = np.broadcast_to(globe[:, None, None], p.shape)
        own = np.broadcast_to(own[:, :, None], p.shape)
        share = np.clip(rest / left, 0.0, 1.0) if n_other > 1 else np.zeros(p.shape)
        rest = np.maximum(rest, 0.0) if n_other > 1 else np.zeros(p.shape)
        variance = size * share * (1 - share) * (left - size) / max(left - 1, 1)
        squares = max(n_other - 1, 0) * ((size * share) ** 2 + variance)
    else:
        visible = V / P
        p, own = np.ones(1), np.array([visible * size * local])
        globe = np.array([visible * data.global_size])
        other = np.array([visible * size * (n_other > 0)])
        rest = visible * size * np.array([max(n_other - 1.0, 0.0)])
        squares = (visible * size) ** 2 * np.array([max(n_other - 1.0, 0.0)])
    counts = [np.ravel(c) for c in np.broadcast_arrays(p, own, globe, other, rest, squares)]
    keep = counts[0] > 1e-14
    counts = [c[keep] for c in counts]
    few = 4 if average_counts else 8
    nodes = [_strength_nodes(data, n) for n in (few if local else 1, few, 3)]
    grid = np.meshgrid(*(n[0] for n in nodes), indexing="ij")
    weight = nodes[0][1][:, None, None] * nodes[1][1][:, None] * nodes[2][1]
    counts = [np.repeat(c, weight.size) for c in counts]
    strengths = [np.tile(g.ravel(), keep.sum()) for g in grid]
    probability = counts[0] * np.tile(weight.ravel(), keep.sum())
    own, globe, other, rest, squares = counts[1:]
    return _Points(probability / probability.sum(), own, globe, other, rest, squares, *strengths)


# Reconstruction ----------------------------------------------------------------------------------


class _Reconstruction:
    """Right-hand side for masked reconstruction."""

    def __init__(self, data: PatchData, average_counts: bool):
        self.data = data
        self.hidden = float(data.n_hidden)
        self.points = {kind: _points(data, kind, average_counts) for kind in (True, False)}
        self.nodes = _strength_nodes(data, 8)

    def __call__(self, y: Array) -> _Look:
        local, local_loss, local_attention = self._query(y[0], y[1], y[2], True)
        globe, global_loss, global_attention = self._query(0.0, y[3], y[4], False)
        data = self.data
        scale = self.hidden / data.n_patches
        velocity = scale / data.n_clusters * np.array([*local, globe[1], globe[2]])
        n_global = data.global_size
        loss = scale * ((data.n_patches - n_global) * local_loss + n_global * global_loss)
        return _Look(velocity, loss, local_attention, global_attention)

    def _query(self, phi_own, phi_global, phi_other, local):
        """Velocities before their common factor, loss and attention of one masked query."""
        k, p = self.points[local], self.points[local].probability
        x, w = self.nodes
        top = max(self.data.high * max(phi_own, phi_global, phi_other), 0.0)
        wave = w * np.exp(x * phi_other - top)
        w_own = k.own * np.exp(k.z_own * phi_own - top)
        w_global = k.globe * np.exp(k.z_global * phi_global - top)
        w_other = k.other * np.exp(k.z_other * phi_other - top)
        w_rest = k.rest * wave.sum()
        total = w_own + w_global + w_other + w_rest + self.hidden * np.exp(-top)
        own, globe, other = w_own / total, w_global / total, w_other / total
        # Sum of A^2 z^2 over all further areas.
        rest = k.rest_squares * np.sum(x**2 * wave * np.exp(x * phi_other - top)) / total**2
        g_own = k.z_own**2 * (own - local)
        g_global = k.z_global**2 * (globe - (not local))
        g_other = k.z_other**2 * other
        mean = own * g_own + globe * g_global + other * g_other + rest
        velocity = [
            -p @ (a * z * (g - mean))
            for a, z, g in (
                (own, k.z_own, g_own),
                (globe, k.z_global, g_global),
                (other, k.z_other, g_other),
            )
        ]
        error = k.z_own**2 * (own - local) ** 2 + k.z_global**2 * (globe - (not local)) ** 2
        loss = 0.5 * (p @ (error + g_other * other + rest))
        seen = p * (k.own > 0) if local else p * (k.globe > 0)
        seen = seen / seen.sum()
        attention = (
            seen @ (own if local else globe),
            seen @ globe,
            seen @ (other + w_rest / total),
            seen @ (self.hidden * np.exp(-top) / total),
        )
        return velocity, loss, tuple(float(a) for a in attention)


# Contrast ----------------------------------------------------------------------------------------


class _Contrast:
    """Right-hand side for the contrastive objective.

    Axes: i, the global strength; o, the strength of a query's own area; j, that of the area looked
    at. A local area seen by its own patches has o = j.
    """

    def __init__(self, data: PatchData, objective: Contrastive, batch_size: int | None):
        if batch_size is not None:
            batch_size = objective.check_batch(positive_integer(batch_size, "batch_size"))
        self.data, self.objective, self.batch_size = data, objective, batch_size
        self.z, self.w = _strength_nodes(data, 8)

    def __call__(self, y: Array) -> _Look:
        data, tau, rho = self.data, self.objective.temperature, self.objective.regularization
        P, K, n_local = data.n_patches, data.n_clusters, data.n_local
        n_global, size = data.global_size, data.local_size
        z, w = self.z, self.w
        local, globe = self._local(*y[_LOCAL]), self._global(*y[_GLOBAL])

        # Attention averaged over all patches, on the global area (i) and on a local one (i, j).
        on_global = (n_global * globe.on_global + (P - n_global) * local.on_global @ w) / P
        others = np.einsum("o,ioj->ij", w, local.tagged)
        on_local = (
            size * local.on_own + (P - n_global - size) * others + n_global * globe.tagged
        ) / P
        u_global, u_local = z * on_global, z * on_local
        mean_local = u_local @ w

        # Similarities to the other view of the same image and to a negative of the same cluster.
        positive = u_global**2 + n_local * (u_local**2 @ w)
        negative = np.outer(u_global, u_global) + n_local * np.outer(mean_local, mean_local)
        top = max(positive.max(), negative.max(), 0.0) / tau
        odds = np.exp(negative / tau - top) * w
        if self.batch_size is None:
            plus, count = np.zeros_like(positive), 1.0
        else:
            plus, count = np.exp(positive / tau - top), self.batch_size - 1.0
        total = plus + count * ((1 - 1 / K) * np.exp(-top) + odds.sum(axis=1) / K)
        pull_global = (plus * u_global + count / K * odds @ u_global) / total - u_global
        pull_local = (plus[:, None] * u_local + (count / K * odds @ mean_local)[:, None]) / total[
            :, None
        ] - u_local
        slope_global, slope_local = z * pull_global / (tau * P), z * pull_local / (tau * P)

        local_velocity = self._local_velocity(local, slope_global, slope_local)
        global_velocity = self._global_velocity(globe, slope_global, slope_local)
        velocity = np.array([*local_velocity, *global_velocity]) / K - rho * y
        if n_local == 1:
            velocity[2] = 0.0
        contrast = w @ (np.log(total) + top - positive / tau)
        squares = (P - n_global) * (y[0] ** 2 + y[1] ** 2 + (n_local - 1) * y[2] ** 2)
        squares += n_global * (y[3] ** 2 + n_local * y[4] ** 2)
        loss = float(contrast + 0.5 * rho * K * squares)
        return _Look(velocity, loss, local.attention(w), globe.attention(w))

    def _counts(self):
        """Visible patches of the global and of a local area, and masked patches."""
        data = self.data
        visible = 1 - data.n_hidden / data.n_patches
        return visible * data.global_size, visible * data.local_size, float(data.n_hidden)

    def _local(self, own, globe, other) -> _Shares:
        n_global, n, hidden = self._counts()
        n_other, z, w = self.data.n_local - 1, self.z, self.w
        top = max(self.data.high * max(own, globe, other), 0.0)
        w_global = n_global * np.exp(z * globe - top)[:, None]
        w_own = n * np.exp(z * own - top)
        w_other = n * np.exp(z * other - top)
        mean = w @ w_other
        base = w_global + w_own + hidden * np.exp(-top)
        total = base + n_other * mean
        if n_other:
            tagged_total = (base + (n_other - 1) * mean)[:, :, None] + w_other
            tagged = w_other / tagged_total
        else:
            tagged_total, tagged = total[:, :, None], np.zeros((*total.shape, len(z)))
        return _Shares(
            on_own=w_own / total,
            on_global=w_global / total,
            tagged=tagged,
            on_own_tagged=w_own[:, None] / tagged_total,
            on_global_tagged=w_global[:, :, None] / tagged_total,
            on_hidden=hidden * np.exp(-top) / total,
        )

    def _global(self, own, other) -> _Shares:
        n_global, n, hidden = self._counts()
        n_local, z, w = self.data.n_local, self.z, self.w
        top = max(self.data.high * max(own, other), 0.0)
        w_global = n_global * np.exp(z * own - top)
        w_other = n * np.exp(z * other - top)
        mean = w @ w_other
        base = w_global + hidden * np.exp(-top)
        total, tagged_total = (
            base + n_local * mean,
            (base + (n_local - 1) * mean)[:, None] + w_other,
        )
        return _Shares(
            on_own=None,
            on_global=w_global / total,
            tagged=w_other / tagged_total,
            on_own_tagged=None,
            on_global_tagged=w_global[:, None] / tagged_total,
            on_hidden=hidden * np.exp(-top) / total,
        )

    def _local_velocity(self, a: _Shares, slope_global, slope_local):
        z, w, n_other = self.z, self.w, self.data.n_local - 1
        slope_global = slope_global[:, None]
        # Sum of A g over a further area, by the strength o of the own one.
        further = np.einsum("j,ioj,ij->io", w, a.tagged, slope_local)
        mean = a.on_global * slope_global + a.on_own * slope_local + n_other * further
        own = -w @ (a.on_own * z * (slope_local - mean)) @ w
        globe = -w @ (a.on_global * z[:, None] * (slope_global - mean)) @ w
        tagged_mean = (
            a.on_global_tagged * slope_global[:, :, None]
            + a.on_own_tagged * slope_local[:, :, None]
            + a.tagged * slope_local[:, None]
            + max(n_other - 1, 0) * further[:, :, None]
        )
        excess = a.tagged * z * (slope_local[:, None] - tagged_mean)
        return own, globe, -np.einsum("i,o,j,ioj->", w, w, w, excess)

    def _global_velocity(self, a: _Shares, slope_global, slope_local):
        z, w, n_local = self.z, self.w, self.data.n_local
        further = (a.tagged * slope_local) @ w
        mean = a.on_global * slope_global + n_local * further
        own = -w @ (a.on_global * z * (slope_global - mean))
        tagged_mean = (
            a.on_global_tagged * slope_global[:, None]
            + a.tagged * slope_local
            + (n_local - 1) * further[:, None]
        )
        return own, -w @ (a.tagged * z * (slope_local - tagged_mean)) @ w


@dataclass(frozen=True, eq=False)
class _Shares:
    """Attention of a query; `tagged` singles out one other area of strength j."""

    on_own: Array | None
    on_global: Array
    tagged: Array
    on_own_tagged: Array | None
    on_global_tagged: Array
    on_hidden: Array

    def attention(self, w: Array) -> tuple[float, ...]:
        """On the own, the global, all other local areas, and masked patches."""

        def mean(a):
            return float(w @ a @ w if a.ndim == 2 else w @ a)

        on_global, hidden = mean(self.on_global), mean(self.on_hidden)
        if self.on_own is None:
            return on_global, on_global, 1 - on_global - hidden, hidden
        on_own = mean(self.on_own)
        return on_own, on_global, 1 - on_own - on_global - hidden, hidden


# Phases ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PhaseTimes:
    r"""When a local patch unlearns the global feature and when it learns its own.

    Attributes
    ----------
    unlearning : float or None
        :math:`\Phi` to the global feature has fallen by 1; None when it never does before
        `learning`.
    crossing : float or None
        :math:`\Phi` to the own feature starts to grow faster than that to the global one falls,
        which ends the first phase; None when it does from the start, so that there is none.
    learning : float
        Attention on the own area reaches one half.
    """

    unlearning: float | None
    crossing: float | None
    learning: float


def phase_times(data: PatchData, *, average_counts: bool = False, rtol: float = 1e-8) -> PhaseTimes:
    r"""Phase times of masked reconstruction, from the mean field.

    .. math:: \Phi_{\mathrm{global}}(t_1) = -1, \qquad
              \dot\Phi_{\mathrm{own}}(t_c) = -\dot\Phi_{\mathrm{global}}(t_c), \qquad
              A_{\mathrm{own}}(t_2) = \tfrac12

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.
    average_counts : bool, default=False
        As in :func:`mean_field`.
    rtol : float, default=1e-8
        Relative tolerance of the integration.

    Returns
    -------
    PhaseTimes
        In time of gradient flow.

    Raises
    ------
    ConvergenceError
        When attention on the own area does not reach one half.

    Examples
    --------
    >>> from mssl.vit import PatchData, phase_times
    >>> phase_times(PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)).crossing is None
    True
    """
    if not isinstance(data.local_size, int):
        raise ValueError("phase_times needs local areas of equal size.")
    if data.low == data.high == 0:
        raise ValueError("phase_times needs a positive strength.")
    flow = _Reconstruction(data, average_counts)

    def unlearning(t, y):
        return y[1] + 1.0

    def crossing(t, y):
        velocity = flow(y).velocity
        return (velocity[0] + velocity[1]) / scale

    def learning(t, y):
        return flow(y).local[0] - 0.5

    learning.terminal = True
    scale = np.abs(flow(np.zeros(5)).velocity[:2]).max()
    if crossing(0.0, np.zeros(5)) >= 0:
        crossing = None
    events = [unlearning, learning] + ([crossing] if crossing else [])
    horizon = 100 * leading_order_times(data).learning
    solution = solve_ivp(
        lambda t, y: flow(y).velocity,
        (0.0, horizon),
        np.zeros(5),
        method="LSODA",
        events=events,
        rtol=rtol,
        atol=1e-2 * rtol,
    )
    if solution.status != 1:
        raise ConvergenceError(
            f"attention on the own area did not reach one half by time {horizon:.3g}; the areas "
            "may be too small for the mask (some local areas have hardly a visible patch)."
        )
    found = [float(t[0]) if len(t) else None for t in solution.t_events]
    return PhaseTimes(found[0], found[2] if crossing else None, found[1])


def leading_order_times(data: PatchData) -> PhaseTimes:
    r"""Phase times to leading order in P, in closed form up to one average over z.

    While both attentions are small,
    :math:`\dot\Phi_{\mathrm{own}} = b\,\mathbb E z^3 e^{z \Phi_{\mathrm{own}}}` and
    :math:`\dot\Phi_{\mathrm{global}} = -a\,\mathbb E z^3 e^{2 z \Phi_{\mathrm{global}}}`, with

    .. math:: b = \frac{\mu (1 - \mu)\, C_s}{K P}, \qquad
              a = \frac{\mu (1 - \mu)^2\, C_g^2}{K P^2},

    so that :math:`t_2 = b^{-1} \int_0^\infty d\Phi / \mathbb E z^3 e^{z\Phi}` is of order
    :math:`P^{1 - \kappa_s}` and :math:`t_1 = a^{-1} \int_0^1 d\Phi / \mathbb E z^3 e^{-2 z \Phi}`
    of order :math:`P^{2 (1 - \kappa_c)}`.

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.

    Returns
    -------
    PhaseTimes
        `crossing` is given when :math:`a > b`, by the same reduced equations; for a single
        strength z it is :math:`(a - b)/(3 a b z^4)`, a third of :math:`t_2` when a is much larger
        than b.

    Notes
    -----
    The derivation for a single strength is carried out in :func:`mssl.vit.symbolic.phase_times`.
    """
    if not isinstance(data.local_size, int):
        raise ValueError("leading_order_times needs local areas of equal size.")
    P, K, mask = data.n_patches, data.n_clusters, data.n_hidden / data.n_patches
    b = mask * (1 - mask) * data.local_size / (K * P)
    a = mask * (1 - mask) ** 2 * data.global_size**2 / (K * P**2)
    z, w = _strength_nodes(data, 24)
    # Times are integrals over Phi; 400 nodes resolve the fall of the integrand over 40 e-folds.
    s, weight = np.polynomial.legendre.leggauss(400)

    def passage(limit, rate):
        """Integral of 1 / rate from 0 to limit."""
        x = 0.5 * limit * (s + 1)
        return 0.5 * limit * np.sum(weight / rate(x))

    def own_rate(x):
        return b * np.sum(w * z**3 * np.exp(np.multiply.outer(x, z)), axis=-1)

    def global_rate(x):
        return a * np.sum(w * z**3 * np.exp(-2 * np.multiply.outer(x, z)), axis=-1)

    far = 40.0 / np.mean(z)
    learning = passage(far, own_rate)
    crossing = None
    if a > b:
        # Where the rates meet, x_own is a function of x_global; both took the same time.
        def partner(x_global):
            target = global_rate(x_global)
            if own_rate(0.0) >= target:
                return 0.0
            return brentq(lambda x: own_rate(x) - target, 0.0, far, xtol=1e-13)

        def lag(x_global):
            return passage(partner(x_global), own_rate) - passage(x_global, global_rate)

        end = np.log(a / b) / (2 * z.min()) + 1.0
        crossing = float(passage(brentq(lag, 0.0, end, xtol=1e-13), global_rate))
    unlearning = float(passage(1.0, global_rate))
    return PhaseTimes(unlearning if unlearning < learning else None, crossing, float(learning))


@dataclass(frozen=True, eq=False)
class PhaseExponents:
    r"""How phase times grow with the number of patches.

    .. math:: t \propto P^{\alpha}

    Attributes
    ----------
    n_patches : ndarray of int, shape (n_sizes,)
        P.
    unlearning, crossing, learning : ndarray of shape (n_sizes,)
        :class:`PhaseTimes`; NaN where a time does not exist.
    fitted : dict of str to float
        Slope of the logarithm of each time against log P; NaN where fewer than two exist.
    derived : dict of str to float
        :math:`2(1-\kappa_c)` for `unlearning`, :math:`1 - \kappa_s` for the other two.
    """

    n_patches: Array
    unlearning: Array
    crossing: Array
    learning: Array
    fitted: dict[str, float]
    derived: dict[str, float]


def phase_exponents(
    patches: Sequence[int],
    n_clusters: int,
    global_exponent: float,
    local_exponent: float,
    low: float,
    high: float,
    mask_rate: float,
) -> PhaseExponents:
    r"""Phase times over many sizes, with fitted and derived exponents.

    .. math:: C_g = P^{\kappa_c}, \quad C_s = P^{\kappa_s}: \qquad
              t_1 \sim P^{2 (1 - \kappa_c)}, \qquad t_c,\, t_2 \sim P^{1 - \kappa_s}

    Parameters
    ----------
    patches : sequence of int
        Numbers of patches, at least two of them.
    n_clusters, global_exponent, local_exponent, low, high, mask_rate
        As for :meth:`PatchData.from_exponents`.

    Returns
    -------
    PhaseExponents
    """
    if len(patches) < 2:
        raise ValueError("patches must hold at least two sizes, to fit an exponent.")
    names = ("unlearning", "crossing", "learning")
    found = [
        phase_times(
            PatchData.from_exponents(
                int(P), n_clusters, global_exponent, local_exponent, low, high, mask_rate
            )
        )
        for P in patches
    ]
    table = {name: np.array([getattr(t, name) for t in found], dtype=float) for name in names}
    fitted = {}
    for name, values in table.items():
        there = np.isfinite(values)
        logs = np.log(np.asarray(patches, dtype=float)[there])
        slope = np.polyfit(logs, np.log(values[there]), 1)[0] if there.sum() > 1 else np.nan
        fitted[name] = float(slope)
    derived = dict(
        zip(
            names,
            (2 * (1 - global_exponent), 1 - local_exponent, 1 - local_exponent),
            strict=True,
        )
    )
    return PhaseExponents(np.asarray(patches), **table, fitted=fitted, derived=derived)
