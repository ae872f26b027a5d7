"""Averages over the strengths of areas and over how many of their patches are visible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data import PatchData

__all__ = [
    "Points",
    "gauss_counts",
    "points_of",
    "strength_nodes",
    "visible_counts",
    "whole_counts",
]

Array = np.ndarray


def strength_nodes(data: PatchData, n: int) -> tuple[Array, Array]:
    """n Gauss-Legendre nodes and weights for the mean over the strengths z of `data`.

    A single node where L = U.
    """
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


def whole_counts(size: int, rest: int, draws: Array) -> tuple[Array, Array]:
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


def gauss_counts(size: int, rest: int, draws: Array, n_nodes: int) -> tuple[Array, Array]:
    r"""Gauss rule of a hypergeometric count, from the recurrence of the Hahn polynomials.

    .. math:: A_n = \frac{(M+1-n)(a-n)(D-n)}{(M+1-2n)(M-2n)}, \qquad
              C_n = \frac{n (M+1-D-n)(b+1-n)}{(M+2-2n)(M+1-2n)}

    are the coefficients for a = `size`, b = `rest`, M = a + b, D = `draws`; the Jacobi matrix has
    :math:`A_n + C_n` on and :math:`\sqrt{A_{n-1} C_n}` beside its diagonal. With m nodes, at most
    `n_nodes`, moments are exact up to order 2m - 1. They are polynomials in D, so that D may be a
    node of another count, in place of a whole number; then rows that few patches are left for take
    fewer nodes.
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


def visible_counts(data: PatchData, local: bool) -> tuple[Array, dict[str, Array], int]:
    """Probabilities and visible patches of areas, for a masked query, and patches elsewhere.

    The query is a local or a global one of `data`. Counts have shape (n_points,): in the own area
    of a local query, the global one, one other (where there are such), and in all further ones
    together.
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
            n, p = whole_counts(size, left, counts["rest"])
        else:
            n, p = gauss_counts(size, left, counts["rest"], n_nodes)
        counts = {key: np.repeat(c, n.shape[1]) for key, c in counts.items()}
        counts[name] = n.ravel()
        counts["rest"] = counts["rest"] - counts[name]
        probability = (probability[:, None] * p).ravel()
        keep = probability > 1e-14
        probability = probability[keep]
        counts = {key: c[keep] for key, c in counts.items()}
    return probability / probability.sum(), counts, left


@dataclass(frozen=True, eq=False)
class Points:
    """Points of the average over counts and strengths, all of shape (n_points,).

    Attributes
    ----------
    probability : ndarray
        Weight of each point.
    own, globe, other : ndarray
        Visible patches in the own, the global and one other area.
    rest, rest_squares : ndarray
        Visible patches in all further areas together, and the mean sum of the squares of their
        counts.
    z_own, z_global, z_other : ndarray
        Strengths of the first three.
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


def points_of(data: PatchData, local: bool, average_counts: bool) -> Points:
    """Average over counts and strengths of `data`, for a local or a global query.

    Without `average_counts`, counts are at their means. ValueError where a query never sees its own
    area, or areas differ in size.
    """
    P, V = data.n_patches, data.n_patches - data.n_hidden
    size, n_other = data.even_local_size, data.n_local - local
    if average_counts:
        if min(size, data.global_size) < 2:
            raise ValueError(
                "average_counts needs areas of at least 2 patches: a masked patch that is alone "
                "in its area never has a visible one to attend to."
            )
        p, counts, left = visible_counts(data, local)
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
    nodes = [strength_nodes(data, n) for n in (few if local else 1, few, 3)]
    grid = np.meshgrid(*(n[0] for n in nodes), indexing="ij")
    weight = nodes[0][1][:, None, None] * nodes[1][1][:, None] * nodes[2][1]
    n_counts = len(counts[0])
    counts = [np.repeat(c, weight.size) for c in counts]
    strengths = [np.tile(g.ravel(), n_counts) for g in grid]
    probability = counts[0] * np.tile(weight.ravel(), n_counts)
    own, globe, other, rest, squares = counts[1:]
    return Points(probability, own, globe, other, rest, squares, *strengths)
