r"""A one-layer transformer in the coordinates that move.

.. math:: F_p = \sum_q \mathrm{attn}_{p \to q}\, M(X)_q, \qquad
          \mathrm{attn}_{p\to q} = \mathrm{softmax}_q\; e_p^\top W\,(M(X)_q + e_q)

The query of patch p is its position :math:`e_p` alone: it does not know what p shows, nor whether
p is masked. A visible key q in area m of cluster k has the score
:math:`z_m \Phi_{p \to v_{k,m}} + \Upsilon_{p \to q}`, a masked key the score
:math:`\Upsilon_{p \to q}`, as its content is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .checks import view_index
from .data import Batch, Images, PatchData
from .keys import Keys

__all__ = ["Attention", "Parameters", "attend", "position_weights"]

Array = np.ndarray

# The exponential of a smaller score, times any number of positional weights, does not overflow.
SAFE_SCORE = 300.0


@dataclass(frozen=True, eq=False)
class Parameters:
    r"""The numbers that training moves, or a gradient in them.

    .. math:: \Phi_{p \to v_{k,m}} = e_p^\top W\, v_{k,m}, \qquad
              \Upsilon_{p \to q} = e_p^\top W\, e_q

    Attributes
    ----------
    phi : ndarray of shape (n_patches, n_clusters, n_areas)
        Feature-position correlations.
    upsilon : ndarray of shape (n_patches, n_patches)
        Position-position correlations.

    Notes
    -----
    As W starts at 0 and its gradient lies in the span of :math:`e_p v^\top` and
    :math:`e_p e_q^\top`, which are orthonormal, gradient descent on W and on these coordinates is
    the same, and :math:`\|W\|_F^2 = \|\Phi\|^2 + \|\Upsilon\|^2`.
    """

    phi: Array
    upsilon: Array

    @classmethod
    def zeros(cls, data: PatchData) -> Parameters:
        """The start of training on `data`, W = 0."""
        P = data.n_patches
        return cls(np.zeros((P, data.n_clusters, data.n_areas)), np.zeros((P, P)))

    def is_finite(self) -> bool:
        """Whether no entry is infinite or NaN."""
        return bool(np.isfinite(self.phi).all() and np.isfinite(self.upsilon).all())

    def square(self) -> float:
        r""":math:`\|W\|_F^2`."""
        return float(np.vdot(self.phi, self.phi) + np.vdot(self.upsilon, self.upsilon))


def position_weights(parameters: Parameters) -> Array:
    r"""The positional factor of the attention, :math:`\exp \Upsilon`, each row scaled to maximum 1.

    Parameters
    ----------
    parameters : Parameters
        Of P patches.

    Returns
    -------
    ndarray of shape (n_patches, n_patches)
    """
    ups = parameters.upsilon
    return np.exp(ups - ups.max(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Attention:
    r"""Attention of every patch on the areas of every image of a batch.

    .. math:: A_{p,m} = \frac{e^{z_m \Phi_{p \to v_{k,m}}} S_{p,m}}
              {\sum_{m'} e^{z_{m'} \Phi_{p \to v_{k,m'}}} S_{p,m'} + S_{p,\mathrm{hidden}}},
              \qquad S_{p,m} = \sum_{q \in m,\ q\ \mathrm{visible}} e^{\Upsilon_{p \to q}}

    Attributes
    ----------
    shares : ndarray of shape (n_areas + 1, n_images, n_patches)
        A; the last row is the attention on masked patches.
    weights : ndarray of the same shape
        Factor by which a key's positional weight is multiplied to give its attention.
    keys : Keys
        Which patch is visible in which area.
    positions : ndarray of shape (n_patches, n_patches)
        :func:`position_weights`.
    images : Batch
        The batch.

    Notes
    -----
    Areas come first and patches last, so that sums over areas and products over patches both run
    along contiguous memory.
    """

    shares: Array
    weights: Array
    keys: Keys
    positions: Array
    images: Batch

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        batch: Batch,
        view: int = 0,
        *,
        positions: Array | None = None,
    ) -> Attention:
        """Attention of every patch on every area; see :func:`attend`.

        Parameters
        ----------
        parameters : Parameters
            State of the model.
        batch : Batch
            Images that know where their areas lie.
        view, positions
            As there.

        Returns
        -------
        Attention

        Raises
        ------
        ValueError
            If there is no such view.

        Notes
        -----
        An array of shape (n_images, n_patches, n_patches) never exists: the scores of all visible
        keys of an area differ by position only, so that sums over keys are those of :class:`Keys`.
        Scores that could overflow are shifted by their maximum over areas with a visible patch.
        """
        view = view_index(view, len(batch.visible))
        if positions is None:
            positions = position_weights(parameters)
        keys = Keys.of(batch, view)
        shares = keys.sums(np.ascontiguousarray(positions.T))

        weights = np.empty_like(shares)
        scores, weights[-1] = weights[:-1], 0.0
        phi, strengths = np.ascontiguousarray(parameters.phi.transpose(2, 1, 0)), batch.strengths.T
        np.take(phi, batch.clusters, axis=1, out=scores, mode="clip")  # other modes copy first
        scores *= strengths[:, :, None]
        largest = np.abs(phi).max() * np.abs(strengths).max()
        if not largest < SAFE_SCORE:
            shown = (keys.area == np.arange(batch.n_areas)[:, None, None]).any(axis=2)
            scores += np.where(shown[:, :, None], 0.0, -np.inf)
            weights -= np.maximum(scores.max(axis=0), 0.0)
        np.exp(weights, out=weights)
        shares *= weights
        total = 1.0 / shares.sum(axis=0)
        shares *= total
        weights *= total
        return cls(shares, weights, keys, positions, batch)

    @property
    def on_areas(self) -> Array:
        """The shares without the masked patches, (n_areas, n_images, n_patches).

        Implements :theorem:`lem-vit-areas`.
        """
        return self.shares[:-1]

    def outputs(self) -> Array:
        r"""Coordinates of the outputs, :math:`F_p = \sum_m A_{p,m} z_m v_{k,m}`.

        Returns
        -------
        ndarray of shape (n_areas, n_images, n_patches)
        """
        return self.on_areas * self.images.strengths.T[:, :, None]

    def matrix(self, index: int = 0) -> Array:
        """The full attention of the image `index`, ndarray of shape (n_patches, n_patches).

        Row p is the attention of query p; its entries sum to 1.
        """
        return self.positions * self.weights[self.keys.area[index], index].T

    def pull_back(
        self,
        slopes: Array,
        *,
        positions: bool = True,
        overwrite: bool = False,
    ) -> Parameters:
        r"""Gradient in the parameters of a loss that depends on the shares.

        .. math:: \frac{\partial}{\partial\Phi_{p\to v_{k,m}}} =
                  \sum_{\text{images of } k} A_{p,m}\,(g_{p,m} - T_p)\, z_m, \qquad
                  \frac{\partial}{\partial\Upsilon_{p\to q}} =
                  \sum_{\text{images}} \mathrm{attn}_{p\to q}\,(g_{p,m(q)} - T_p)

        with :math:`T_p = \sum_m A_{p,m}\, g_{p,m}` and g = 0 on masked keys.

        Parameters
        ----------
        slopes : ndarray that broadcasts to (n_areas, n_images, n_patches)
            g, the derivative of the loss in each share :math:`A_{p,m}`.
        positions : bool, default=True
            False leaves the gradient in the positional coordinates at 0 and saves its cost.
        overwrite : bool, default=False
            Work in the arrays of this attention and in `slopes`, which are lost by it. As they are
            large, new ones in their place would take longer than the arithmetic.

        Returns
        -------
        Parameters
            The gradient, summed over the images.
        """
        shares, weights = self.on_areas, self.weights
        mean = np.einsum("mbp,mbp->bp", shares, np.broadcast_to(slopes, shares.shape))
        if not overwrite:
            shares, weights = shares.copy(), weights.copy()
        in_place = overwrite and slopes.shape == shares.shape
        excess = np.subtract(slopes, mean, out=slopes if in_place else None)
        shares *= excess
        of_cluster = np.arange(self.images.n_clusters)[:, None] == self.images.clusters
        phi = np.matmul(of_cluster * self.images.strengths.T[:, None], shares)
        phi = np.ascontiguousarray(phi.transpose(2, 1, 0))
        if not positions:
            return Parameters(phi, np.zeros_like(self.positions))
        weights[:-1] *= excess
        weights[-1] *= -mean
        return Parameters(phi, self.keys.pull_back(weights).T * self.positions)


def attend(
    data: PatchData,
    parameters: Parameters,
    images: Images,
    view: int = 0,
    *,
    positions: Array | None = None,
) -> Attention:
    """Attention of every patch on every area, for a batch of images.

    Parameters
    ----------
    data : PatchData
        Where the areas lie.
    parameters : Parameters
        State of the model.
    images : Images
        Batch of n_images.
    view : int, default=0
        Which mask, from 0 on.
    positions : ndarray of shape (n_patches, n_patches), optional
        :func:`position_weights` of the parameters, where they are known already.

    Returns
    -------
    Attention

    Raises
    ------
    ValueError
        If there is no such view.
    """
    return Attention.of(parameters, data.place(images), view, positions=positions)
