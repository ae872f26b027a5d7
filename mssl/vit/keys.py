r"""Sums of positional weights over the keys of an area, for all images of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .data import Batch

__all__ = ["Keys"]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Keys:
    r"""Where each key lies: in one of the areas if it is visible, else among the masked ones.

    As a linear map it takes positional weights to area sums,

    .. math:: S_{m,b,p} = \sum_{q\ \text{in area } m \text{ of image } b} W_{p,q},

    with the masked patches as the last area.

    Attributes
    ----------
    area : ndarray of int, shape (n_images, n_patches)
        Area of each visible patch, and n_areas for each masked one.
    short : scipy.sparse.csr_array of shape ((n_areas + 1) n_images, n_patches)
        Indicator of the patches that are visible in local areas.
    long : ndarray of shape (2, n_images, n_patches)
        Indicators of those that are visible in the global area, and of the masked ones.

    Notes
    -----
    Every key is in one sum only, so that the sums over all local areas together cost as many
    additions as there are visible keys. The other two sums of an image have many terms, and there
    a dense product is faster.
    """

    area: Array
    short: csr_array
    long: Array

    @classmethod
    def of(cls, batch: Batch, view: int = 0) -> Keys:
        """The keys of a batch of images under one of their masks, that of `view`.

        ValueError if there is no such mask.
        """
        n_areas, (n_images, P) = batch.n_areas, batch.areas.shape
        area = np.where(batch.visible[view], batch.areas, n_areas)
        place = np.flatnonzero((area > 0) & (area < n_areas))
        image, patch = np.divmod(place, P)
        rows = area.ravel()[place] * n_images + image
        shape = ((n_areas + 1) * n_images, P)
        short = csr_array((np.ones(len(place)), (rows, patch)), shape=shape)
        return cls(area, short, np.stack([area == 0, area == n_areas]).astype(float))

    def sums(self, weights: Array) -> Array:
        """Area sums of weights, given with the keys first.

        Parameters
        ----------
        weights : ndarray of shape (n_patches, n_patches)
            W transposed: row q holds the weight of key q for every query.

        Returns
        -------
        ndarray of shape (n_areas + 1, n_images, n_patches)
        """
        n_images, P = self.area.shape
        sums = (self.short @ weights).reshape(-1, n_images, P)
        sums[[0, -1]] = self.long @ weights
        return sums

    def pull_back(self, slopes: Array) -> Array:
        r"""The transpose of :meth:`sums`, :math:`\sum_b g_{m(b,q),b,p}` for key q and query p.

        Parameters
        ----------
        slopes : ndarray of shape (n_areas + 1, n_images, n_patches)
            g, derivative of a loss in each area sum.

        Returns
        -------
        ndarray of shape (n_patches, n_patches)
            Its derivative in the weights, with the keys first.
        """
        P = self.area.shape[1]
        total = self.short.T @ slopes.reshape(-1, P)
        total += self.long.reshape(-1, P).T @ slopes[[0, -1]].reshape(-1, P)
        return total
