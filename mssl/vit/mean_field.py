r"""What gradient flow does when single patches average out: five ordinary differential equations.

With :math:`\Upsilon = 0` and areas of one size, symmetry leaves three numbers for a local patch,
its :math:`\Phi` to its own, to the global and to any other local feature, and two for a global
patch, so that :math:`P = 10^8` patches cost no more than a hundred. Contrast alone leaves two
numbers, the same for every patch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from ..exceptions import ConvergenceError
from ..validation import finite_vector, positive, positive_integer, true_or_false
from .checks import entries_of, of_kind
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
# Where all patches are alike, two of them stand for all: these two, and these for the five.
_TWO, _FIVE = [3, 4], [1, 0, 1, 0, 1]

# By number of Gauss-Legendre nodes, the range of x in which they average exp(x) to 1e-6.
_SPANS = {8: 15.0, 16: 62.0, 24: 142.0}


_CALLS = 20_000  # of a velocity; a course takes some thousand
_LEAST_RTOL = 100 * np.finfo(float).eps


class _UnresolvedError(Exception):
    """The exponent of a similarity varies more between strengths than the nodes resolve."""

    def __init__(self, span: float):
        super().__init__(span)
        self.span = span


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

    Contrast. All patches stay alike, so that :math:`A_m` and two unknowns,
    :math:`\Phi_{\mathrm{global}}` and :math:`\Phi_{\mathrm{local}}`, are common to them. With
    :math:`\bar A_m` the mean of :math:`A_m` over all patches and :math:`u_m = z_m \bar A_m`,

    .. math::

        \frac{d\Phi_m}{dt} = -\frac1K\, \mathbb E_z\big[ A_m z_m (g_m - T) \big]
        - \rho\,\Phi_m, \qquad
        g_m = \frac{z_m}{P\tau}\Big( \frac{e^{s/\tau} u_m
        + \frac{B-1}{K}\, \mathbb E_{z'} e^{s'/\tau} u'_m}{Z} - u_m \Big),

    .. math::

        Z = e^{s/\tau} + (B-1)\Big[ 1 - \frac1K + \frac1K\, \mathbb E_{z'} e^{s'/\tau} \Big],
        \qquad s = \sum_m u_m^2, \quad s' = \sum_m u_m u'_m .

    Of a sum of both, the velocity is the weighted sum. Reconstruction parts the patches, and the
    unknowns are five: to the own, the global and another local feature for a local patch, to the
    global and a local one for a global patch.

    Implements :theorem:`prop-vit-symmetry` and :theorem:`thm-vc-equal`.

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
        :math:`n_m = (1-\mu) C_m`. It matters when areas are small. With one strength,
        :math:`L = U`, nothing else is approximate.
    batch_size : int, optional
        Contrast: B, the number of images in a batch. By default the limit of many negatives,
        with the loss given relative to log B.
    rtol : float, default=1e-8
        Relative tolerance of the integration.

    Returns
    -------
    History
        Where there is a single local area, `phi_other` of the local patches is NaN.

    Raises
    ------
    ValueError
        For unequal local areas, times that do not increase from 0 or later, counts averaged where
        a query never sees its own area, or a temperature so small beside the range of similarities
        that averages over strengths are not resolved.
    ConvergenceError
        When the integration fails, or takes too many steps.

    Notes
    -----
    Assumptions, beyond :math:`\Upsilon = 0` and small steps on large batches:

    * sums over many local areas are replaced by their means over z; the global and two local
      areas, in reconstruction by a global patch one, are averaged exactly (Gauss-Legendre). One of
      the two is the own area of a local patch;
    * in contrast, the visible counts are at their means, so that both views of an image have the
      same pooled output; the sum over negatives is replaced by its mean; and the similarity of an
      image is a function of its global strength alone, as each single local area contributes only
      :math:`u_m^2 \sim (C_s/P)^2` to it.

    In contrast a patch's own area is averaged like any other local one. At equal
    :math:`\Phi` all patches then have equal velocities, as in training, and not just nearly so.

    With counts averaged, attention is that of queries whose own area has a visible patch, as in
    :func:`train`; the loss counts all queries.
    """
    _of_equal_areas(data, "mean_field")
    of_kind(objective, Objective, "objective", "MAE, Contrastive or Combined, with its values")
    average_counts = true_or_false(average_counts, "average_counts")
    rtol = _tolerance(rtol)
    times = finite_vector(times, "times")
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError("times must increase strictly and start at 0 or later.")
    span, temperature = 0.0, getattr(objective, "temperature", 0.0)
    for n_nodes in _SPANS:
        flow = _flow(data, objective, average_counts, batch_size, n_nodes)
        try:
            alike = _keeps_patches_alike(objective)
            states, looks = _course(flow, alike, times, rtol, data.high)
            break
        except _UnresolvedError as unresolved:
            span = unresolved.span
    else:
        raise ValueError(
            f"temperature = {temperature:g} is too small for averages over strengths: "
            f"exp(similarity / temperature) varies by exp({span:.3g}) between them. A temperature "
            f"of at least {data.high**2 / max(_SPANS.values()):.2g} always does; train has no such "
            "bound."
        )
    if data.n_local == 1:
        states[:, 2] = np.nan
    return History(
        times=times,
        loss=np.array([look.loss for look in looks]),
        local_patches=Readout(*states[:, [0, 1, 2]].T, *np.array([k.local for k in looks]).T),
        global_patches=Readout(
            *states[:, [3, 3, 4]].T, *np.array([look.globe for look in looks]).T
        ),
    )


def _course(
    flow: Callable, alike: bool, times: Array, rtol: float, high: float
) -> tuple[Array, list]:
    """States at the given times, of shape (n_times, 5), and what the flow says of each."""
    if alike:
        two = _integrate(lambda x: flow(x[_FIVE]).velocity[_TWO], 2, times, rtol, high)
        states = two[:, _FIVE]
    else:
        states = _integrate(lambda y: flow(y).velocity, 5, times, rtol, high)
    return states, [flow(y) for y in states]


def _keeps_patches_alike(objective: Objective) -> bool:
    """Whether the objective sees nothing but the pooled output."""
    return isinstance(objective, Contrastive) or (
        isinstance(objective, Combined) and objective.mae == 0
    )


def _integrate(speed: Callable, n_unknowns: int, times: Array, rtol: float, high) -> Array:
    """States at the given times from 0, ndarray of shape (n_times, n_unknowns)."""
    end = times[-1]
    if end == 0:
        return np.zeros((1, n_unknowns))
    # In units of the last time, as the solver has no steps near the smallest numbers.
    solution = _solve(
        lambda s, y: end * speed(y), 1.0, n_unknowns, rtol, end, high, t_eval=times / end
    )
    return solution.y.T


def _solve(rate: Callable, span: float, n_unknowns: int, rtol: float, end: float, high, **options):
    """What `solve_ivp` finds from 0, or ConvergenceError; `end` is the time to name in it."""
    scale = 1.0 / max(high, 1.0)  # of Phi, as weights are exp(z Phi)
    advice = f"the mean field could not be integrated to time {end:g}"
    calls = 0

    def limited(t, y):
        nonlocal calls
        calls += 1
        if calls > _CALLS:
            raise ConvergenceError(f"{advice} in {_CALLS} evaluations; end earlier, or raise rtol.")
        with np.errstate(over="ignore", invalid="ignore"):
            velocity = rate(t, y)
        if not np.isfinite(velocity).all():
            raise ConvergenceError(
                f"{advice}, as its velocities overflow; end earlier, or lower the regularization."
            )
        return velocity

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "lsoda")  # it is said below
        solution = solve_ivp(
            limited,
            (0.0, span),
            np.zeros(n_unknowns),
            method="LSODA",
            rtol=rtol,
            atol=1e-2 * rtol * scale,
            **options,
        )
    if not solution.success or not np.isfinite(solution.y).all():
        raise ConvergenceError(f"{advice} ({solution.message}); end earlier, or raise rtol.")
    return solution


def _tolerance(rtol) -> float:
    """Return a relative tolerance that the solver can hold, or raise ValueError."""
    if positive(rtol, "rtol") < _LEAST_RTOL:
        raise ValueError(f"rtol must be at least {_LEAST_RTOL:g}, 100 roundings, got {rtol:g}.")
    return float(rtol)


def _of_equal_areas(data: PatchData, caller: str) -> PatchData:
    """Return data with local areas of one size and strengths whose powers exist, or raise."""
    of_kind(data, PatchData, "data", "a PatchData")
    if not isinstance(data.local_size, int):
        raise ValueError(f"{caller} needs local areas of equal size; use train for unequal ones.")
    if not 1e-30 <= data.high <= 1e30 and data.high != 0:
        raise ValueError(
            f"{caller} takes powers of the strengths, which lie beyond the range of numbers for "
            f"high = {data.high:g}; take strengths of moderate size."
        )
    return data


class _Last:
    """An event that ends an integration."""

    terminal = True

    def __init__(self, function: Callable[[float, Array], float]):
        self.function = function

    def __call__(self, t: float, y: Array) -> float:
        return self.function(t, y)


@dataclass(frozen=True, eq=False)
class _Look:
    """Velocity, loss and attention at one state."""

    velocity: Array
    loss: float
    local: tuple[float, ...]
    globe: tuple[float, ...]


def _flow(data, objective, average_counts, batch_size, n_nodes=8) -> Callable[[Array], _Look]:
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
        return _Contrast(data, objective, batch_size, n_nodes)
    if isinstance(objective, Combined):
        rebuild = _Reconstruction(data, average_counts)
        contrast = _Contrast(data, objective.contrastive_part, batch_size, n_nodes)
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


def _is_whole(size: int, population: int, draws: int, n_nodes: int) -> bool:
    """Whether a hypergeometric count is to be summed over its values, not over Gauss nodes.

    It is where it has few values, and where 0 is likely: attention is steep there.
    """
    steep = size * draws / population < np.polynomial.hermite_e.hermegauss(n_nodes)[0].max() ** 2
    return steep or min(size, draws, population - draws, population - size) <= 8


def _whole_counts(size: int, rest: int, draws: Array) -> tuple[Array, Array]:
    """All values of a hypergeometric count and their probabilities, (n_rows, n_values).

    `size` patches beside `rest` others, and `draws` of them visible: whole numbers, by row.
    """
    low = max(0, int(draws.min()) - rest)
    high = min(size, int(draws.max()))
    if size * draws.max() / (size + rest) < 10:
        high = min(high, max(low, 70))  # beyond it there is less than 1e-30
    n, draws = np.arange(low, high + 1.0), draws[:, None]
    possible = (n <= draws) & (n >= draws - rest)
    # Ratios of neighbours keep their precision where factorials of 10^8 do not.
    both = possible[:, 1:] & possible[:, :-1]
    m = n[:-1]
    up = np.where(both, (size - m) * (draws - m), 1.0)
    down = np.where(both, (m + 1) * (rest - draws + m + 1), 1.0)
    log = np.cumsum(np.log(up / down), axis=1)
    log = np.where(possible, np.pad(log, ((0, 0), (1, 0))), -np.inf)
    p = np.exp(log - log.max(axis=1, keepdims=True))
    return np.broadcast_to(n, p.shape), p / p.sum(axis=1, keepdims=True)


def _gauss_counts(size: int, rest: int, draws: Array, n_nodes: int) -> tuple[Array, Array]:
    r"""Gauss rule of a hypergeometric count, from the recurrence of the Hahn polynomials.

    .. math:: A_n = \frac{(M+1-n)(a-n)(D-n)}{(M+1-2n)(M-2n)}, \qquad
              C_n = \frac{n (M+1-D-n)(b+1-n)}{(M+2-2n)(M+1-2n)}

    are the coefficients for a = `size`, b = `rest`, M = a + b, D = `draws`; the Jacobi matrix has
    :math:`A_n + C_n` on and :math:`\sqrt{A_{n-1} C_n}` beside its diagonal. With m nodes, moments
    are exact up to order 2m - 1. They are polynomials in D, so that D may be a node of another
    count, in place of a whole number; then rows that few patches are left for take fewer nodes.
    """
    a, b, D = float(size), float(rest), np.asarray(draws, dtype=float)[:, None]
    M, n = a + b, np.arange(n_nodes)
    with np.errstate(divide="ignore", invalid="ignore"):
        A = (M + 1 - n) * (a - n) * (D - n) / ((M + 1 - 2 * n) * (M - 2 * n))
        C = n * (M + 1 - D - n) * (b + 1 - n) / ((M + 2 - 2 * n) * (M + 1 - 2 * n))
    A[:, n >= a], C[:, n > b] = 0.0, 0.0
    least, most = np.maximum(0.0, D - b), np.minimum(a, D)
    slack = 1e-9 * (1 + most)
    nodes, weights = np.repeat(A[:, :1], n_nodes, axis=1), np.zeros((len(D), n_nodes))
    weights[:, 0] = 1.0  # one node, at the mean, serves any row
    open_rows = np.arange(len(D))
    for m in range(n_nodes, 1, -1):
        squares = A[open_rows, : m - 1] * C[open_rows, 1:m]
        right = np.isfinite(squares).all(axis=1) & (squares > 0).all(axis=1)
        rows = open_rows[right]
        matrix = np.zeros((len(rows), m, m))
        i = np.arange(m)
        # Distances from the mean, which are small beside it in large areas.
        matrix[:, i, i] = A[rows, :m] + C[rows, :m] - A[rows, :1]
        matrix[:, i[1:], i[:-1]] = np.sqrt(squares[right])
        value, vector = np.linalg.eigh(matrix)
        value += A[rows, :1]
        fits = ((value >= (least - slack)[rows]) & (value <= (most + slack)[rows])).all(axis=1)
        rows = rows[fits]
        nodes[rows, :m] = np.clip(value[fits], least[rows], most[rows])
        weights[rows] = 0.0
        weights[rows, :m] = vector[fits, 0] ** 2
        open_rows = np.setdiff1d(open_rows, rows)
    return nodes, weights


def _visible_counts(data: PatchData, local: bool) -> tuple[Array, dict[str, Array], int]:
    """Probabilities and visible patches of areas, for a masked query, and patches elsewhere.

    Counts have shape (n_points,): in the own area of a local query, the global one, one other
    (where there are such), and in all further ones together.
    """
    # Given that the query is masked, V visible patches lie among the other P - 1.
    left, visible = data.n_patches - 1, data.n_patches - data.n_hidden
    sizes = [("globe", data.global_size - (not local), 5)]
    if local:
        sizes.append(("own", data.even_local_size - 1, 5))
    if data.n_local > local:
        sizes.append(("other", data.even_local_size, 3))
    areas = [(*area, _is_whole(area[1], left, visible, area[2])) for area in sizes]
    probability, counts = np.ones(1), {"rest": np.array([float(visible)])}
    # Whole counts come first: what they leave over is whole again.
    for name, size, n_nodes, whole in sorted(areas, key=lambda area: not area[3]):
        left -= size
        if whole:
            n, p = _whole_counts(size, left, counts["rest"])
        else:
            n, p = _gauss_counts(size, left, counts["rest"], n_nodes)
        counts = {key: np.repeat(c, n.shape[1]) for key, c in counts.items()}
        counts[name] = n.ravel()
        counts["rest"] = counts["rest"] - counts[name]
        probability = (probability[:, None] * p).ravel()
        keep = probability > 1e-14
        probability = probability[keep]
        counts = {key: c[keep] for key, c in counts.items()}
    return probability / probability.sum(), counts, left


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
    size, n_other = data.even_local_size, data.n_local - local
    if average_counts:
        if min(size, data.global_size) < 2:
            raise ValueError(
                "average_counts needs areas of at least 2 patches: a masked patch that is alone "
                "in its area never has a visible one to attend to."
            )
        p, counts, left = _visible_counts(data, local)
        rest, nothing = counts["rest"], np.zeros(1)
        globe, own, other = (counts.get(k, nothing) for k in ("globe", "own", "other"))
        if not (own if local else globe).any():
            raise ValueError(
                "average_counts needs queries that see their own area; with these sizes and this "
                "mask_rate practically none does. Lower mask_rate, or enlarge the areas."
            )
        further = max(n_other - 1, 0)
        if not further:
            rest = np.zeros_like(rest)
        share = rest / max(left, 1)
        variance = size * share * (1 - share) * (left - size) / max(left - 1, 1)
        squares = further * ((size * share) ** 2 + variance)
    else:
        visible = V / P
        p, own = np.ones(1), np.array([visible * size * local])
        globe = np.array([visible * data.global_size])
        other = np.array([visible * size * (n_other > 0)])
        rest = visible * size * np.array([max(n_other - 1.0, 0.0)])
        squares = (visible * size) ** 2 * np.array([max(n_other - 1.0, 0.0)])
    counts = [np.ravel(c) for c in np.broadcast_arrays(p, own, globe, other, rest, squares)]
    few = 4 if average_counts else 8
    nodes = [_strength_nodes(data, n) for n in (few if local else 1, few, 3)]
    grid = np.meshgrid(*(n[0] for n in nodes), indexing="ij")
    weight = nodes[0][1][:, None, None] * nodes[1][1][:, None] * nodes[2][1]
    n_counts = len(counts[0])
    counts = [np.repeat(c, weight.size) for c in counts]
    strengths = [np.tile(g.ravel(), n_counts) for g in grid]
    probability = counts[0] * np.tile(weight.ravel(), n_counts)
    own, globe, other, rest, squares = counts[1:]
    return _Points(probability, own, globe, other, rest, squares, *strengths)


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

    Axes: i, the global strength; o and j, the strengths of two local areas, of which the first is
    the own area of a local patch. Further areas are at their means. A global patch is one that has
    the same unknown for both, so that patches with equal unknowns are treated alike.
    """

    def __init__(
        self, data: PatchData, objective: Contrastive, batch_size: int | None, n_nodes: int = 8
    ):
        if batch_size is not None:
            batch_size = objective.check_batch(positive_integer(batch_size, "batch_size"))
        self.data, self.objective, self.batch_size = data, objective, batch_size
        self.z, self.w = _strength_nodes(data, n_nodes)
        self.limit = _SPANS[n_nodes]

    def __call__(self, y: Array) -> _Look:
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
            raise _UnresolvedError(span)
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
        return _Look(
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

    Implements :theorem:`prop-vit-symmetry`.

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
    _of_equal_areas(data, "phase_times")
    average_counts = true_or_false(average_counts, "average_counts")
    rtol = _tolerance(rtol)
    if data.low == data.high == 0:
        raise ValueError("phase_times needs a positive strength.")
    flow = _Reconstruction(data, average_counts)

    def unlearning(t, y):
        return y[1] + 1.0

    def crossing(t, y):
        velocity = flow(y).velocity
        return (velocity[0] + velocity[1]) / scale

    @_Last
    def learning(t, y):
        return flow(y).local[0] - 0.5

    scale = np.abs(flow(np.zeros(5)).velocity[:2]).max()
    crosses = crossing(0.0, np.zeros(5)) < 0
    events = [unlearning, learning, *([crossing] if crosses else [])]
    horizon = 100 * leading_order_times(data).learning
    solution = _solve(
        lambda t, y: flow(y).velocity, horizon, 5, rtol, horizon, data.high, events=events
    )
    if solution.status != 1:
        raise ConvergenceError(
            f"attention on the own area did not reach one half by time {horizon:.3g}; the areas "
            "may be too small for the mask (some local areas have hardly a visible patch)."
        )
    found = [float(t[0]) if len(t) else None for t in solution.t_events]
    # The run ended with `learning`.
    return PhaseTimes(found[0], found[2] if crosses else None, float(solution.t_events[1][0]))


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

    Implements :theorem:`prop-vit-reduced` and :theorem:`cor-vit-phases`.

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
    _of_equal_areas(data, "leading_order_times")
    P, K, mask = data.n_patches, data.n_clusters, data.n_hidden / data.n_patches
    b = mask * (1 - mask) * data.even_local_size / (K * P)
    a = mask * (1 - mask) ** 2 * data.global_size**2 / (K * P**2)
    z, w = _strength_nodes(data, 24)
    # Times are integrals over Phi; 400 nodes resolve the fall of the integrand over 40 e-folds.
    s, weight = np.polynomial.legendre.leggauss(400)

    def passage(limit, rate):
        """Integral of 1 / rate from 0 to limit."""
        x = 0.5 * limit * (s + 1)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that has died out takes for ever
            return 0.5 * limit * np.sum(weight / rate(x))

    def own_rate(x):
        return b * np.sum(w * z**3 * np.exp(np.multiply.outer(x, z)), axis=-1)

    def global_rate(x):
        return a * np.sum(w * z**3 * np.exp(-2 * np.multiply.outer(x, z)), axis=-1)

    far = 40.0 / np.mean(z)
    learning = passage(far, own_rate)
    crossing = None
    if a > b:
        fine = 1e-15 * far

        # Where the rates meet, x_own is a function of x_global; both took the same time.
        def partner(x_global):
            target = global_rate(x_global)
            if own_rate(0.0) >= target:
                return 0.0
            return brentq(lambda x: own_rate(x) - target, 0.0, far, xtol=fine)

        def lag(x_global):
            return passage(partner(x_global), own_rate) - passage(x_global, global_rate)

        end = np.log(a / b) / (2 * z.min()) + 1.0 / np.mean(z)
        crossing = float(passage(brentq(lag, 0.0, end, xtol=fine), global_rate))
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
    patches = entries_of(patches, "patches", "a list of numbers of patches")
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
    derived = {
        "unlearning": 2 * (1 - global_exponent),
        "crossing": 1 - local_exponent,
        "learning": 1 - local_exponent,
    }
    return PhaseExponents(np.asarray(patches), **table, fitted=fitted, derived=derived)
