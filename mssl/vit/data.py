"""Images made of patches: one global area, several local ones, and a mask."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln

from ..validation import as_generator, non_negative, positive_integer, real_number
from .checks import entries_of, view_index

__all__ = ["Batch", "Images", "PatchData"]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Images:
    """A batch of images, with one or two masks each.

    Attributes
    ----------
    clusters : ndarray of int, shape (n_images,)
        Cluster of each image.
    strengths : ndarray of shape (n_images, n_areas)
        Latent strength of each area; area 0 is the global one.
    visible : ndarray of bool, shape (n_views, n_images, n_patches)
        True where a patch is not masked.
    """

    clusters: Array
    strengths: Array
    visible: Array

    def __len__(self) -> int:
        return len(self.clusters)


@dataclass(frozen=True, eq=False)
class Batch(Images):
    """Images that know where their areas lie: all that the model and its objectives see.

    Attributes
    ----------
    areas : ndarray of int, shape (n_images, n_patches)
        Area of each patch of each image.
    n_clusters : int
        K.
    """

    areas: Array
    n_clusters: int

    @property
    def n_areas(self) -> int:
        """Number of areas of an image, the global one included."""
        return self.strengths.shape[1]

    def scored(self, view: int = 0) -> Array:
        """Queries that are masked in one `view` while their own area has a visible patch.

        Returns
        -------
        ndarray of bool, shape (n_images, n_patches)
        """
        visible = self.visible[view]
        counts = np.zeros((len(self), self.n_areas), dtype=int)
        np.add.at(counts, (np.arange(len(self))[:, None], self.areas), visible)
        return ~visible & (np.take_along_axis(counts, self.areas, axis=1) > 0)


@dataclass(frozen=True)
class PatchData:
    r"""Images whose patches share features by area.

    .. math:: X_p = z_m\,v_{k,m} \quad\text{for every patch } p \text{ in area } m
              \text{ of cluster } k, \qquad z_m \sim \mathrm{Uniform}[L, U]

    Each of the K clusters is equally likely and splits the P patches in its own way into one
    global area, m = 0, and local ones, m = 1, 2, ...; the features :math:`v_{k,m}` are
    orthonormal. A mask hides a random set of patches, of fixed size: their content is set to 0,
    their position stays.

    Parameters
    ----------
    n_patches : int
        P.
    n_clusters : int
        K.
    global_size : int
        :math:`C_g`, patches of the global area.
    local_size : int or sequence of int
        :math:`C_s`, patches of each local area. A sequence gives areas of unequal size; it then
        lists them all.
    low, high : float
        L and U, the range of the strengths, :math:`0 \le L \le U` and :math:`U > 0`.
    mask_rate : float
        Fraction of the patches that is hidden, rounded to a whole number of patches.
    seed : int, default=0
        Fixes how the clusters split the patches.
    arrangement : {"scattered", "contiguous"}, default="scattered"
        Areas are random sets of patches, or pieces of a path that winds through the grid.

    Raises
    ------
    ValueError
        When the areas do not fill the patches, or the mask hides none or all of them.

    Notes
    -----
    Only :attr:`areas` and what needs it cost memory of order K P; the sizes alone, which the mean
    field needs, are free at any P.

    References
    ----------
    Y. Huang, Z. Wen, Y. Chi and Y. Liang, A theoretical analysis of self-supervised learning
    for vision transformers (2025).
    """

    n_patches: int
    n_clusters: int
    global_size: int
    local_size: int | Sequence[int]
    low: float
    high: float
    mask_rate: float
    seed: int = 0
    arrangement: str = "scattered"

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        put("n_patches", positive_integer(self.n_patches, "n_patches", minimum=2))
        put("n_clusters", positive_integer(self.n_clusters, "n_clusters"))
        put("global_size", positive_integer(self.global_size, "global_size"))
        put("low", non_negative(self.low, "low"))
        put("high", non_negative(self.high, "high"))
        put("seed", positive_integer(self.seed, "seed", minimum=0))
        rest = self.n_patches - self.global_size
        if rest <= 0:
            raise ValueError(
                f"global_size must leave patches for local areas, but {self.global_size} of "
                f"{self.n_patches} patches are global."
            )
        if isinstance(self.local_size, numbers.Integral):
            put("local_size", positive_integer(self.local_size, "local_size"))
            if rest % self.local_size:
                raise ValueError(
                    f"local areas of {self.local_size} patches do not fill the {rest} patches "
                    f"that the global area leaves of {self.n_patches}; choose sizes with "
                    "n_patches - global_size a multiple of local_size, or list the local sizes."
                )
        else:
            entries = entries_of(self.local_size, "local_size", "an integer or a list of them")
            sizes = tuple(positive_integer(c, "each entry of local_size") for c in entries)
            if sum(sizes) != rest:
                raise ValueError(
                    f"local_size must sum to n_patches - global_size = {rest}, got {sum(sizes)}."
                )
            put("local_size", sizes[0] if len(set(sizes)) == 1 else sizes)
        if not 0 <= self.low <= self.high or self.high == 0:
            raise ValueError(
                f"low and high must satisfy 0 <= low <= high with high positive, got low = "
                f"{self.low:g} and high = {self.high:g}."
            )
        rate = real_number(self.mask_rate, "mask_rate")
        put("mask_rate", rate)
        if not 0 < rate < 1 or not 1 <= self.n_hidden <= self.n_patches - 1:
            raise ValueError(
                f"mask_rate must lie between 0 and 1 and hide at least one and not all of the "
                f"{self.n_patches} patches, got {rate:g}."
            )
        if self.arrangement not in ("scattered", "contiguous"):
            raise ValueError(
                f"arrangement must be 'scattered' or 'contiguous', got {self.arrangement!r}."
            )

    @classmethod
    def from_exponents(
        cls,
        n_patches: int,
        n_clusters: int,
        global_exponent: float,
        local_exponent: float,
        low: float,
        high: float,
        mask_rate: float,
        **options,
    ) -> PatchData:
        r"""Sizes from exponents: :math:`C_g \approx P^{\kappa_c}, C_s \approx P^{\kappa_s}`.

        Parameters
        ----------
        n_patches, n_clusters : int
            P and K.
        global_exponent, local_exponent : float
            :math:`\kappa_c` and :math:`\kappa_s`, in [0, 1].
        low, high, mask_rate
            As for :class:`PatchData`.
        **options
            ``seed`` and ``arrangement``.

        Returns
        -------
        PatchData
            With :math:`C_s` the nearest integer and :math:`C_g` the size closest to
            :math:`P^{\kappa_c}` for which local areas fill the rest.

        Raises
        ------
        ValueError
            As :class:`PatchData`, or if an exponent is not in [0, 1] or leaves no global area.
        """
        P = positive_integer(n_patches, "n_patches", minimum=4)
        for value, name in (
            (global_exponent, "global_exponent"),
            (local_exponent, "local_exponent"),
        ):
            if non_negative(value, name) > 1:
                raise ValueError(f"{name} must be at most 1, got {value:g}.")
        local = max(1, round(P**local_exponent))
        n_local = min(max(1, round((P - P**global_exponent) / local)), (P - 1) // local)
        if n_local < 1:
            raise ValueError(
                f"a local area of {local} patches leaves no global one among {P}; lower "
                "local_exponent."
            )
        return cls(P, n_clusters, P - n_local * local, local, low, high, mask_rate, **options)

    # Sizes -----------------------------------------------------------------------------------

    @property
    def n_local(self) -> int:
        """Number of local areas of a cluster."""
        if isinstance(self.local_size, int):
            return (self.n_patches - self.global_size) // self.local_size
        return len(self.local_size)

    @property
    def even_local_size(self) -> int:
        """Patches of every local area alike.

        Raises
        ------
        ValueError
            If local areas differ in size.
        """
        if not isinstance(self.local_size, int):
            raise ValueError("local_size must be one number here: local areas of equal size.")
        return self.local_size

    @property
    def n_areas(self) -> int:
        """Number of areas of a cluster, the global one included."""
        return self.n_local + 1

    @property
    def sizes(self) -> Array:
        """Patches of each area, ndarray of shape (n_areas,); the global area comes first."""
        return np.concatenate(
            [[self.global_size], np.broadcast_to(self.local_size, self.n_local)]
        ).astype(int)

    @property
    def n_hidden(self) -> int:
        """Number of masked patches of a view."""
        return round(self.mask_rate * self.n_patches)

    @property
    def global_exponent(self) -> float:
        r""":math:`\kappa_c = \log C_g / \log P`."""
        return float(np.log(self.global_size) / np.log(self.n_patches))

    @property
    def local_exponent(self) -> float:
        r""":math:`\kappa_s = \log C_s / \log P`, with the mean size where sizes are unequal."""
        return float(np.log(np.mean(self.local_size)) / np.log(self.n_patches))

    @property
    def information_gap(self) -> float:
        r"""The information gap between global and local areas.

        .. math:: \Delta = (1 - \kappa_s) - 2\,(1 - \kappa_c), \qquad
                  P^{\Delta} = \frac{C_g^2}{P\,C_s}

        To leading order and up to a factor 1 - mask_rate, :math:`P^\Delta` is how much faster
        than its own feature a local patch first unlearns the global one, see
        :func:`mssl.vit.symbolic.growth_rates`.

        Implements :theorem:`cor-vit-gap`.
        """
        return (1 - self.local_exponent) - 2 * (1 - self.global_exponent)

    @property
    def mean_square_strength(self) -> float:
        r""":math:`\mathbb E z^2 = (L^2 + L U + U^2)/3`."""
        return (self.low**2 + self.low * self.high + self.high**2) / 3

    @property
    def mae_floor(self) -> float:
        r"""Greatest lower bound of the MAE loss over all attention patterns.

        .. math:: \frac12\,\mathbb E z^2 \sum_m C_m
                  \prod_{i=0}^{C_m-1} \frac{h - i}{P - i}, \qquad h = \text{masked patches}

        A masked patch is reproduced exactly by attention on visible patches of its own area. When
        that area has none, nothing visible is correlated with it in direction, and the best
        output is 0, reached by attention on masked patches.

        Implements :theorem:`thm-vit-floor`.
        """
        P, h = self.n_patches, self.n_hidden
        sizes = self.sizes[self.sizes <= h].astype(float)
        log_all_hidden = (
            gammaln(h + 1) - gammaln(h - sizes + 1) - gammaln(P + 1) + gammaln(P - sizes + 1)
        )
        return float(0.5 * self.mean_square_strength * np.sum(sizes * np.exp(log_all_hidden)))

    # Places ----------------------------------------------------------------------------------

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the image, as close to a square as n_patches allows."""
        rows = int(np.sqrt(self.n_patches))
        while self.n_patches % rows:
            rows -= 1
        return rows, self.n_patches // rows

    @property
    def positions(self) -> Array:
        """Row and column of each patch, ndarray of shape (n_patches, 2)."""
        rows, columns = self.grid
        return np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)

    @cached_property
    def areas(self) -> Array:
        """Area of each patch in each cluster, read-only ndarray of int, (n_clusters, n_patches)."""
        rng = np.random.default_rng(self.seed)
        labels = np.repeat(np.arange(self.n_areas), self.sizes)
        areas = np.empty((self.n_clusters, self.n_patches), dtype=np.intp)
        for cluster, row in enumerate(areas):
            if self.arrangement == "scattered":
                row[rng.permutation(self.n_patches)] = labels
            else:
                path = np.roll(self._winding_path(cluster % 2), rng.integers(self.n_patches))
                row[path] = labels
        areas.flags.writeable = False
        return areas

    def _winding_path(self, along_columns: int) -> Array:
        """All patches, row by row (or column by column), every other one backwards."""
        grid = np.arange(self.n_patches).reshape(self.grid)
        grid = grid.T.copy() if along_columns else grid
        grid[1::2] = grid[1::2, ::-1]
        return grid.ravel()

    # Images ----------------------------------------------------------------------------------

    def draw(self, n_images: int, rng, *, views: int = 1) -> Images:
        """Draw images and their masks.

        Parameters
        ----------
        n_images : int
            Number of images.
        rng : numpy.random.Generator or int
            Source of randomness, or its seed.
        views : int, default=1
            Independent masks of each image.

        Returns
        -------
        Images

        Raises
        ------
        ValueError
            If a number is not a positive integer, or `rng` is neither a Generator nor a seed.
        """
        n = positive_integer(n_images, "n_images")
        views = positive_integer(views, "views")
        rng = as_generator(rng)
        clusters = rng.integers(self.n_clusters, size=n)
        strengths = rng.uniform(self.low, self.high, size=(n, self.n_areas))
        # The patches with the smallest numbers are hidden; a tie has a chance of 1e-14 an image.
        marks = rng.random((views, n, self.n_patches))
        least = np.partition(marks, self.n_hidden, axis=-1)[..., self.n_hidden, None]
        return Images(clusters, strengths, marks >= least)

    def place(self, images: Images) -> Batch:
        """Tell images where their areas lie.

        Parameters
        ----------
        images : Images
            With the areas of these data, as :meth:`draw` returns them.

        Returns
        -------
        Batch
        """
        areas = self.areas[images.clusters]
        return Batch(images.clusters, images.strengths, images.visible, areas, self.n_clusters)

    def batch(self, n_images: int, rng, *, views: int = 1) -> Batch:
        """Draw images that know where their areas lie.

        `n_images`, `rng`, `views` and the ValueError are those of :meth:`draw`.
        """
        return self.place(self.draw(n_images, rng, views=views))

    def expected_visible(self) -> Array:
        """Mean number of visible patches of each area, ndarray of shape (n_areas,).

        Implements :theorem:`lem-vit-counts`.
        """
        return self.sizes * (1 - self.n_hidden / self.n_patches)

    @property
    def tile(self) -> int:
        """Side of a rendered patch in pixels, the least that has room for all features."""
        return int(np.floor(np.sqrt(self.n_clusters * self.n_areas))) + 1

    def feature(self, cluster: int, area: int) -> Array:
        r"""The feature :math:`v_{k,m}` as a small picture.

        .. math:: v_{k,m}(i,j) \propto
                  \cos\frac{\pi a (2i+1)}{2 t}\,\cos\frac{\pi b (2j+1)}{2 t}

        Parameters
        ----------
        cluster, area : int
            k and m.

        Returns
        -------
        ndarray of shape (tile, tile)
            A cosine pattern of length 1, orthogonal to those of all other features and to the
            constant; low frequencies come first.
        """
        t = self.tile
        a, b = np.meshgrid(np.arange(t), np.arange(t), indexing="ij")
        order = np.lexsort((a.ravel(), (a + b).ravel()))[1:]  # without the constant
        a, b = np.divmod(order[cluster * self.n_areas + area], t)
        wave = [np.cos(np.pi * f * (2 * np.arange(t) + 1) / (2 * t)) for f in (a, b)]
        picture = np.outer(*wave)
        return picture / np.linalg.norm(picture)

    def render(self, images: Images, index: int = 0, view: int | None = None) -> Array:
        """Paint an image patch by patch, each as its feature times its strength.

        Parameters
        ----------
        images : Images
            A batch.
        index : int, default=0
            Which image of it.
        view : int, optional
            Which mask to apply, from 0 on; without one the whole image is painted.

        Returns
        -------
        ndarray of shape (rows * tile, columns * tile)
            NaN on masked patches.

        Raises
        ------
        ValueError
            If there is no such view.
        """
        visible = None
        if view is not None:
            visible = images.visible[view_index(view, len(images.visible))]
        k = int(images.clusters[index])
        tiles = np.stack([self.feature(k, m) for m in range(self.n_areas)])
        areas = self.areas[k]
        patches = images.strengths[index, areas, None, None] * tiles[areas]
        if visible is not None:
            patches[~visible[index]] = np.nan
        rows, columns = self.grid
        blocks = patches.reshape(rows, columns, self.tile, self.tile)
        return blocks.transpose(0, 2, 1, 3).reshape(rows * self.tile, columns * self.tile)
