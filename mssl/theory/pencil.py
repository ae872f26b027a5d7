r"""The equation of a dense model at many real places at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from .._types import Array, Points

__all__ = ["Pencil"]

# Numbers in the matrices that are worked on at once.
CHUNK = 1 << 20
# Solved places times coordinates that are kept.
MEMORY = 1 << 20
# Ratio of the pivots of a root of Sigma below which it can be inverted.
REGULAR = 1e8
# What stands for a distance of zero to a level, as a part of the largest.
CLOSEST = 1e-30


class _Modes(NamedTuple):
    r"""Eigenvalues :math:`a/(b + sa)` of :math:`L^\top R L` and their weights, a row a place."""

    numerators: Array
    denominators: Array
    weights: Array
    rest: Array


class Pencil:
    r"""A dense model at real z: one eigendecomposition serves every s.

    In the units in which D is 1, with :math:`\Sigma = LL^\top` and the diagonal
    :math:`B = \beta D - z`,

    .. math:: L^\top(s\,\Sigma + B)^{-1}L = (s + K)^{-1}, \qquad K = L^{-1}BL^{-\top}, \qquad
              K^{-1} = G = L^\top B^{-1}L .

    With eigenvalues k_i and eigenvectors v_i of K all traces are sums over
    :math:`1/(s + k_i)` with weights 1 or :math:`|L^{-\top}v_i|^2`. Where L is singular, or nearly,
    they are sums over :math:`g_i/(1 + sg_i)` with weights :math:`|B^{-1}Lv_i|^2`.

    Parameters
    ----------
    sigma : ndarray of shape (n_features, n_features)
    weights : ndarray of shape (n_features,)
        The diagonal of D.
    levels : ndarray of shape (n_features,)
        :math:`\beta D`.
    """

    def __init__(self, sigma: Array, weights: Array, levels: Array):
        scale = np.sqrt(weights)
        self.sigma = sigma * scale[:, None] * scale
        self.levels = np.broadcast_to(levels, weights.shape)
        self._known: dict[float, int] = {}
        self._rows: list[tuple[Array, Array, Array, float]] = []
        self._root, self._inverse = _root(self.sigma)

    def traces(self, s: Points, z: Points):
        r"""Functionals of :math:`R = (s\Sigma + B)^{-1}` at points s and z of shape (n_points,).

        Returns
        -------
        tuple of ndarray
            Tr Sigma R, Tr (Sigma R)^2, Tr R Sigma R and Tr R.
        """
        if np.any(np.imag(z)) or not (np.any(np.imag(s)) or self._knows(z)):
            return self._direct(s, z)  # one inverse is cheaper for one s
        modes = self._modes(np.real(z))
        s = s[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = 1.0 / (modes.denominators + s * modes.numerators)
            r = modes.numerators * x
            factor = 1.0 if self._inverse is not None else -s
            rest = modes.rest + np.sum(factor * modes.weights * x, axis=1)
            cross = np.sum(modes.weights * x * x, axis=1)
            return np.sum(r, axis=1), np.sum(r * r, axis=1), cross, rest

    def _knows(self, z: Points):
        return all(float(x) in self._known for x in np.real(z))

    def _direct(self, s: Points, z: Points):
        if not (np.any(np.imag(s)) or np.any(np.imag(z))):
            s, z = np.real(s), np.real(z)
        size = max(1, CHUNK // self.sigma.size)
        cuts = range(size, len(s), size)
        parts = map(self._direct_part, np.split(s, cuts), np.split(z, cuts))
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def _direct_part(self, s: Points, z: Points):
        matrices = s[:, None, None] * self.sigma
        diagonal = np.arange(len(self.sigma))
        matrices[:, diagonal, diagonal] += self.levels - z[:, None]
        try:
            r = np.linalg.inv(matrices)
        except np.linalg.LinAlgError:  # one of the points is a pole; no solver stays there
            if len(s) == 1:
                return tuple(np.full(1, np.nan, dtype=matrices.dtype) for _ in range(4))
            parts = [self._direct_part(s[i : i + 1], z[i : i + 1]) for i in range(len(s))]
            return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
        product = self.sigma @ r
        flipped = np.swapaxes(product, 1, 2)
        return (
            np.trace(product, axis1=1, axis2=2),
            np.sum(product * flipped, axis=(1, 2)),
            np.sum(r * flipped, axis=(1, 2)),
            np.trace(r, axis1=1, axis2=2),
        )

    def median(self, z: Points) -> Array:
        """The middle of the sizes of 1/k at real places z."""
        modes = self._modes(np.real(z))
        with np.errstate(divide="ignore"):
            return np.median(np.abs(modes.numerators / modes.denominators), axis=1)

    def negative(self, s: float, z: float) -> int:
        r"""Number of negative eigenvalues of :math:`s\Sigma + B` at one real point (s, z)."""
        matrix = s * self.sigma
        matrix[np.diag_indices(len(matrix))] += self.levels - z
        return int(np.sum(np.linalg.eigvalsh(matrix) < 0))

    def _modes(self, z: Points) -> _Modes:
        new = [x for x in dict.fromkeys(z.tolist()) if x not in self._known]
        if (len(self._known) + len(new)) * len(self.sigma) > MEMORY:
            self._known.clear()
            self._rows.clear()
            new = list(dict.fromkeys(z.tolist()))
        size = max(1, CHUNK // self.sigma.size)
        for start in range(0, len(new), size):
            part = new[start : start + size]
            for x, row in zip(part, self._solved(np.array(part)), strict=True):
                self._known[x] = len(self._rows)
                self._rows.append(row)
        rows = [self._rows[self._known[x]] for x in z.tolist()]
        return _Modes(*(np.array(column) for column in zip(*rows, strict=True)))

    def _solved(self, z: Points):
        b = self.levels - z[:, None]
        if self._inverse is not None:
            k = np.einsum("ij,pj,kj->pik", self._inverse, b, self._inverse, optimize=True)
            values, vectors = np.linalg.eigh(k)
            weights = np.sum((self._inverse.T @ vectors) ** 2, axis=1)
            return zip(np.ones_like(values), values, weights, np.zeros(len(z)), strict=True)
        size = max(np.max(np.abs(self.levels)), np.max(np.abs(z))) or 1.0
        inverse = 1.0 / np.where(b == 0, CLOSEST * size, b)
        left = inverse[:, :, None] * self._root
        values, vectors = np.linalg.eigh(self._root.T @ left)
        weights = np.sum((left @ vectors) ** 2, axis=1)
        return zip(values, np.ones_like(values), weights, np.sum(inverse, axis=1), strict=True)


def _root(sigma: Array):
    """A root L of Sigma, and its inverse unless L is nearly singular."""
    try:
        root = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        root = np.zeros((1, 1))
    pivots = np.diag(root) ** 2
    if pivots.max() < REGULAR * pivots.min():
        return root, solve_triangular(root, np.eye(len(root)), lower=True)
    # In units of its own, every coordinate keeps its digits beside louder ones.
    scale = np.sqrt(np.diag(sigma))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(sigma / safe[:, None] / safe)
    some = values > len(sigma) * np.finfo(float).eps
    return scale[:, None] * vectors[:, some] * np.sqrt(values[some]), None
