"""An eigenvalue outside the bulk, and what becomes of one spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._types import Array

__all__ = ["POWERS", "Gap", "Outlier", "Spike", "eliminated", "separated"]

POWERS = {"right": 1.0, "symmetric": 0.0, "left": -1.0}


@dataclass(frozen=True, eq=False)
class Outlier:
    r"""An eigenvalue outside the bulk and the part of its eigenvector that is not noise.

    .. math:: \frac{(x^\top D^{p/2} w)^2}{w^\top D^p w}
              = \frac{(x^\top D^{(p-1)/2}\,y)^2}{s_p\,y^\top\Sigma y + y^\top D^{p-1} y}, \qquad
              s_p = \frac{s}{n}\frac{\mathrm{Tr}\,\Sigma R D^{p-1} R}{\partial_s F}

    for the unit eigenvector w of M, where y solves
    :math:`(s\,\Sigma + \beta - \nu D^{-1})\,y = 0`. For :math:`\hat A`, p = 1 is the right
    eigenvector and p = -1 the left one.

    Attributes
    ----------
    position : float
        The eigenvalue :math:`\nu` of M, without a unit (for PCA in squared units of the rows).
    side : {"above", "between", "below"}
        Where it lies relative to the bulks; those that few coordinates make, at most one in twenty,
        do not count.
    signal : ndarray of shape (n_features,)
        y.

    References
    ----------
    D. Paul, Asymptotics of sample eigenstructure for a large dimensional spiked covariance
    model, Statistica Sinica 17 (2007).
    """

    position: float
    side: str
    signal: Array
    _weights: Array
    _signal_variance: float  # y' Sigma y
    _spread: dict[float, float]  # p -> s_p

    def overlap(self, x: ArrayLike, which: str = "right") -> float:
        """Squared cosine between the eigenvector and any fixed direction x.

        Implements :theorem:`thm-outlier-overlap`.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            A direction of any length.
        which : {"right", "left", "symmetric"}, default="right"
            The right or left eigenvector of A_hat, or that of the symmetric M.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `which` is none of the three, or x not a finite vector of that shape other than 0.
        """
        if which not in POWERS:
            raise ValueError(f"which must be one of {sorted(POWERS)}, got {which!r}.")
        x = np.asarray(x, dtype=float)
        if x.shape != self.signal.shape or not np.isfinite(x).all() or not x.any():
            raise ValueError(
                f"x must be a finite, non-zero vector of shape {self.signal.shape}, "
                f"got shape {x.shape}."
            )
        p, y = POWERS[which], self.signal
        scaled = self._weights ** (0.5 * (p - 1.0)) * y
        norm = self._spread[p] * self._signal_variance + scaled @ scaled
        return float((x @ scaled) ** 2 / (x @ x) / norm)


@dataclass(frozen=True, eq=False)
class Spike:
    r"""What becomes of one direction :math:`\theta\,uu^\top` of the population.

    Attributes
    ----------
    strength : float
        :math:`\theta`, in squared units of the rows.
    threshold : float
        :math:`\theta_c = -1/(s\,u^\top R\,u)` at the upper edge: the strength above which this
        direction alone leaves the bulk, with D as it is. The edge is that of the last bulk of
        more than one in twenty eigenvalues: a few loud coordinates beyond it are no bulk, but noise
        that this direction meets. One that is mostly on them adds no eigenvalue at any strength;
        the threshold is then that with these coordinates made quiet.
    detected : bool
        Whether an eigenvalue outside the bulk belongs to it. One that lies inside the small bulk of
        a few loud coordinates is not told from theirs; where coordinates are independent, those
        are spikes themselves and have no bulk.
    eigenvalue : float
        That eigenvalue; the upper edge of the bulk when there is none.
    right_overlap, left_overlap, symmetric_overlap : float
        Squared cosine between u and the right and left eigenvector of A_hat, and the eigenvector
        of M; 0 when not detected.
    direction : ndarray of shape (n_features,)
        u.
    """

    strength: float
    threshold: float
    detected: bool
    eigenvalue: float
    right_overlap: float
    left_overlap: float
    symmetric_overlap: float
    direction: Array


class Gap(NamedTuple):
    """Interval of the real axis outside the bulk.

    Attributes
    ----------
    low, high : float
        Its ends z.
    low_root, high_root : float
        The roots s there.
    side : {"above", "between", "below"}
        Where it lies relative to the bulks.
    """

    low: float
    low_root: float
    high: float
    high_root: float
    side: str


def eliminated(matrix: Array, coefficients: Array, kept: int) -> Array:
    r"""Diagonal of :math:`F_{11} - F_{12}(C_2^{-1} + F_{22})^{-1}F_{21}`, of shape (kept,).

    What the first directions see when all later ones are part of the noise: the matrix F has shape
    (r, r), and C holds the `coefficients`, of shape (r,).
    """
    own, cross, rest = matrix[:kept, :kept], matrix[:kept, kept:], matrix[kept:, kept:]
    if kept < len(matrix):
        own = own - cross @ np.linalg.solve(np.diag(1.0 / coefficients[kept:]) + rest, cross.T)
    return np.diag(own).copy()


def separated(y: Array, sigma_y: Array, spread: float, weights: Array, directions: Array):
    """Orthogonal eigenvectors of one eigenvalue, each as close to one spike as it can be.

    They are combinations of the columns of `y`, whose products with Sigma are `sigma_y`; `spread`
    is :math:`s_0`, `weights` is D, and `directions` are those of the spikes.
    """
    gram = spread * (y.T @ sigma_y) + y.T @ (y / weights[:, None])
    whiten = np.linalg.inv(np.linalg.cholesky(0.5 * (gram + gram.T))).T
    cosines = (y @ whiten).T @ (directions / np.sqrt(weights)[:, None])
    strongest = np.argsort(-np.sum(cosines**2, axis=0))[: y.shape[1]]
    if strongest.size == y.shape[1]:
        left, _, right = np.linalg.svd(cosines[:, strongest])
        whiten = whiten @ left @ right
    return y @ whiten, sigma_y @ whiten
