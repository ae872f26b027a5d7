"""The right-hand sides of the mean field: velocity, loss and attention at one state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..validation import positive_integer
from .averages import points_of, strength_nodes
from .data import PatchData
from .objectives import MAE, Combined, Contrastive

__all__ = ["SPANS", "Contrast", "Look", "Reconstruction", "UnresolvedError", "flow_of"]

Array = np.ndarray

# By number of Gauss-Legendre nodes, the range of x in which they average exp(x) to 1e-6.
SPANS = {8: 15.0, 16: 62.0, 24: 142.0}


class UnresolvedError(Exception):
    """The exponent of a similarity varies more between strengths than the nodes resolve.

    It varies by `span`.
    """

    def __init__(self, span: float):
        super().__init__(span)
        self.span = span


@dataclass(frozen=True, eq=False)
class Look:
    """Velocity, loss and attention at one state.

    Attributes
    ----------
    velocity : ndarray of shape (5,)
        Of the five unknowns.
    loss : float
        The objective.
    local, globe : tuple of float
        Attention of local and of global patches on their own area, the global one, other local ones
        and masked patches.
    parts : tuple of float, optional
        Reconstruction: what local and what global patches contribute to the loss.
    """

    velocity: Array
    loss: float
    local: tuple[float, ...]
    globe: tuple[float, ...]
    parts: tuple[float, float] | None = None


def flow_of(data, objective, average_counts, batch_size, n_nodes=8) -> Callable[[Array], Look]:
    """The right-hand side for an objective on `data`.

    `average_counts` and `batch_size` are those of :func:`mean_field`, `n_nodes` is the number of
    strengths in an average of contrast. ValueError for what has no effect on the objective, and for
    an objective of another kind.
    """
    if isinstance(objective, MAE):
        if batch_size is not None:
            raise ValueError("batch_size has no effect on masked reconstruction; leave it out.")
        return Reconstruction(data, average_counts)
    if isinstance(objective, Contrastive):
        if average_counts:
            raise ValueError(
                "average_counts applies to masked reconstruction only; in contrast both views "
                "enter through pooled outputs, whose counts are at their means."
            )
        return Contrast(data, objective, batch_size, n_nodes)
    if isinstance(objective, Combined):
        rebuild = Reconstruction(data, average_counts)
        contrast = Contrast(data, objective.contrastive_part, batch_size, n_nodes)
        a, b = objective.mae, objective.contrastive

        def both(y):
            one, two = rebuild(y), contrast(y)
            velocity = a * one.velocity + b * two.velocity
            return Look(velocity, a * one.loss + b * two.loss, one.local, one.globe)

        return both
    raise ValueError(
        f"mean_field knows MAE, Contrastive and Combined, got {type(objective).__name__}."
    )


class Reconstruction:
    """Right-hand side for masked reconstruction of `data`.

    `average_counts` is that of :func:`mean_field`.
    """

    def __init__(self, data: PatchData, average_counts: bool):
        self.data = data
        self.hidden = float(data.n_hidden)
        self.points = {kind: points_of(data, kind, average_counts) for kind in (True, False)}
        self.nodes = strength_nodes(data, 8)

    def __call__(self, y: Array) -> Look:
        """The flow at the five unknowns y."""
        local, local_loss, local_attention = self._query(y[0], y[1], y[2], True)
        globe, global_loss, global_attention = self._query(0.0, y[3], y[4], False)
        data = self.data
        scale = self.hidden / data.n_patches
        velocity = scale / data.n_clusters * np.array([*local, globe[1], globe[2]])
        n_global = data.global_size
        local_sum, global_sum = (data.n_patches - n_global) * local_loss, n_global * global_loss
        loss = scale * (local_sum + global_sum)
        parts = (float(scale * local_sum), float(scale * global_sum))
        return Look(velocity, loss, local_attention, global_attention, parts)

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


class Contrast:
    """Right-hand side for the contrastive objective on `data`.

    Axes: i, the global strength; o and j, the strengths of two local areas, of which the first is
    the own area of a local patch. Further areas are at their means. A global patch is one that has
    the same unknown for both, so that patches with equal unknowns are treated alike.

    ValueError for a `batch_size` that the objective cannot use; `n_nodes` is one of ``SPANS``.
    """

    def __init__(
        self, data: PatchData, objective: Contrastive, batch_size: int | None, n_nodes: int = 8
    ):
        if batch_size is not None:
            batch_size = objective.check_batch(positive_integer(batch_size, "batch_size"))
        self.data, self.objective, self.batch_size = data, objective, batch_size
        self.z, self.w = strength_nodes(data, n_nodes)
        self.limit = SPANS[n_nodes]

    def __call__(self, y: Array) -> Look:
        """The flow at the five unknowns y."""
        data, tau, rho = self.data, self.objective.temperature, self.objective.regularization
        P, K, n_local = data.n_patches, data.n_clusters, data.n_local
        n_global, size = data.global_size, data.even_local_size
        z, w = self.z, self.w
        local, globe = self._shares(y[0], y[1], y[2]), self._shares(y[4], y[3], y[4])

        # Attention averaged over all patches, on the global area (i) and on a local one (i, j).
        on_global = (
            n_global * (globe.on_global @ w @ w) + (P - n_global) * (local.on_global @ w @ w)
        ) / P
        on_local = (
            n_global * (globe.on_own @ w)
            + size * (local.on_own @ w)
            + (P - n_global - size) * np.einsum("o,ioj->ij", w, local.on_other)
        ) / P
        u_global, u_local = z * on_global, z * on_local
        mean_local = u_local @ w

        # Similarities to the other view of the same image and to a negative of the same cluster.
        paired = u_global**2 + n_local * (u_local**2 @ w)
        negative = np.outer(u_global, u_global) + n_local * np.outer(mean_local, mean_local)
        span = float(np.ptp(negative, axis=1).max()) / tau
        if span > self.limit:
            raise UnresolvedError(span)
        # Largest exponent of each image's sum: beside it another image's would leave nothing.
        top = np.maximum(negative.max(axis=1), 0.0)
        if self.batch_size is not None:
            top = np.maximum(top, paired)
        odds = np.exp((negative - top[:, None]) / tau) * w
        if self.batch_size is None:
            plus, count = np.zeros_like(paired), 1.0
        else:
            plus, count = np.exp((paired - top) / tau), self.batch_size - 1.0
        total = plus + count * ((1 - 1 / K) * np.exp(-top / tau) + odds.sum(axis=1) / K)
        pull_global = (plus * u_global + count / K * odds @ u_global) / total - u_global
        pull_local = (plus[:, None] * u_local + (count / K * odds @ mean_local)[:, None]) / total[
            :, None
        ] - u_local
        slope_global, slope_local = z * pull_global / (tau * P), z * pull_local / (tau * P)

        one, two = (self._velocity(a, slope_global, slope_local) for a in (local, globe))
        velocity = np.array([*one, two[1], two[0]]) / K - rho * y
        contrast = w @ (np.log(total) + (top - paired) / tau)
        squares = (P - n_global) * (y[0] ** 2 + y[1] ** 2 + (n_local - 1) * y[2] ** 2)
        squares += n_global * (y[3] ** 2 + n_local * y[4] ** 2)
        loss = float(contrast + 0.5 * rho * K * squares)
        on_own, on_global, on_hidden = (
            float(w @ (a @ w @ w)) for a in (local.on_own, local.on_global, local.on_hidden)
        )
        attention = (on_own, on_global, 1 - on_own - on_global - on_hidden, on_hidden)
        on_global, on_hidden = (float(w @ (a @ w @ w)) for a in (globe.on_global, globe.on_hidden))
        return Look(
            velocity, loss, attention, (on_global, on_global, 1 - on_global - on_hidden, on_hidden)
        )

    def _shares(self, own, globe, other) -> _Shares:
        data, z, w = self.data, self.z, self.w
        hidden, visible = float(data.n_hidden), 1 - data.n_hidden / data.n_patches
        size = visible * data.even_local_size
        top = max(data.high * max(own, globe, other), 0.0)
        w_global = (visible * data.global_size * np.exp(z * globe - top))[:, None, None]
        w_own = (size * np.exp(z * own - top))[:, None]
        w_other = size * np.exp(z * other - top) * (data.n_local > 1)
        w_hidden = hidden * np.exp(-top)
        further = max(data.n_local - 2, 0) * w * w_other
        total = w_global + w_own + w_other + further.sum() + w_hidden
        return _Shares(
            on_own=w_own / total,
            on_global=w_global / total,
            on_other=w_other / total,
            on_hidden=w_hidden / total,
            further=further,
            total=total,
        )

    def _velocity(self, a: _Shares, slope_global, slope_local) -> list[float]:
        """Velocities to the own, the global and another feature, before the factor 1/K."""
        z, w = self.z, self.w
        slope_global = slope_global[:, None, None]
        slope_own, slope_other = slope_local[:, :, None], slope_local[:, None, :]
        mean = a.on_global * slope_global + a.on_own * slope_own + a.on_other * slope_other
        mean = mean + (slope_local @ a.further)[:, None, None] / a.total
        return [
            -float(w @ (excess @ w @ w))
            for excess in (
                a.on_own * z[:, None] * (slope_own - mean),
                a.on_global * z[:, None, None] * (slope_global - mean),
                a.on_other * z * (slope_other - mean),
            )
        ]


@dataclass(frozen=True, eq=False)
class _Shares:
    """Attention of a query on its own area (for a global patch any local one), the global one, one
    other local area and masked patches, of shape (n_strengths,) * 3.

    All further areas together have the weights `further`, by strength, beside which `total` is
    what all weights sum to.
    """

    on_own: Array
    on_global: Array
    on_other: Array
    on_hidden: Array
    further: Array
    total: Array
