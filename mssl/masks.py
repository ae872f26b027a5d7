r"""What is hidden: laws of random masks, and their moments.

A law says which coordinates are visible, :math:`m \in \{0, 1\}^d`, hidden ones being 0. Whatever
is learned of a hidden coordinate k from the visible ones rests on two moments,

.. math:: W_k = \mathbb E[mm^\top \mid m_k = 0], \qquad w_k = \mathbb E[m \mid m_k = 0],

the second of which is the diagonal of the first, because :math:`m^2 = m`. They are stated exactly.

If, off row and column k, :math:`W_k` has one value :math:`w^{(1)}` on its diagonal and one value
:math:`w^{(2)}` elsewhere, the same for every k, one matrix inverse serves all k (see
:mod:`mssl.regression`). Independent masks have :math:`w^{(1)} = q`,
:math:`w^{(2)} = q^2`. Any law that is exchangeable has the form too: with exactly h of d hidden,
:math:`w^{(1)} = (d-h)/(d-1)` and :math:`w^{(2)} = w^{(1)} (d-h-1)/(d-2)`, so that
:math:`1 - w^{(2)}/w^{(1)} = (h-1)/(d-2)` takes the place of the rate. Blocks and squares are not
of this kind, as what is visible depends on the distance to k.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from .validation import as_generator, open_unit, positive_integer

__all__ = [
    "Bernoulli",
    "ContiguousBlocks",
    "Exactly",
    "ImageSquares",
    "MaskLaw",
    "OneAtATime",
]

Array = np.ndarray


class MaskLaw(ABC):
    r"""A distribution of masks; each states its moments exactly and can be sampled.

    .. math:: W_k = \mathbb E[m m^\top \mid m_k = 0], \qquad w_k = \mathrm{diag}(W_k)
    """

    @abstractmethod
    def check(self, d: int) -> int:
        """Return d, or raise ValueError when the law does not fit d coordinates."""

    @abstractmethod
    def visible_moments(self, d: int, target: int) -> Array:
        r"""Second moments of the visibility when one coordinate is known to be hidden.

        Parameters
        ----------
        d : int
            Number of coordinates.
        target : int
            The hidden coordinate k, from 0 to d - 1.

        Returns
        -------
        ndarray of shape (n_features, n_features)
            :math:`W_k`, with the first moments on its diagonal; row and column k are 0.

        Raises
        ------
        ValueError
            If the law does not fit d coordinates, or the target is none of them.
        """

    @abstractmethod
    def sample(self, n: int, d: int, rng) -> Array:
        """Draw n masks.

        Parameters
        ----------
        n, d : int
            Number of masks and of coordinates.
        rng : numpy.random.Generator or int
            Source of randomness, or its seed.

        Returns
        -------
        ndarray of bool of shape (n_masks, n_features)
            True where a coordinate is visible.

        Raises
        ------
        ValueError
            If n is not a positive integer, the law does not fit d coordinates, or `rng` is neither
            a Generator nor a seed.
        """

    def exchangeable_moments(self, d: int) -> tuple[float, float] | None:
        """The values :math:`(w^{(1)}, w^{(2)})` of the closed form for d coordinates.

        None for a law without one.
        """
        return None


def _check_target(law, d, target):
    """The number of coordinates and a coordinate from 0 to d - 1, or ValueError."""
    d, target = law.check(d), positive_integer(target, "target", minimum=0)
    if target >= d:
        raise ValueError(f"target must be below the number of coordinates {d}, got {target}.")
    return d, target


class _Exchangeable(MaskLaw):
    """A law in which all coordinates other than the target are alike."""

    @abstractmethod
    def exchangeable_moments(self, d: int) -> tuple[float, float]:
        r"""The values :math:`(w^{(1)}, w^{(2)})` of the closed form."""

    def visible_moments(self, d, target):
        d, target = _check_target(self, d, target)
        once, twice = self.exchangeable_moments(d)
        second = np.full((d, d), twice)
        np.fill_diagonal(second, once)
        second[target, :] = second[:, target] = 0.0
        return second


@dataclass(frozen=True)
class OneAtATime(_Exchangeable):
    r"""Hide a single coordinate, drawn uniformly; all others are visible.

    .. math:: w^{(1)} = w^{(2)} = 1
    """

    def check(self, d):
        """Return d, at least 2, or raise ValueError."""
        return positive_integer(d, "d", minimum=2)

    def exchangeable_moments(self, d):
        """The values :math:`w^{(1)} = w^{(2)} = 1`, whatever d is."""
        return 1.0, 1.0

    def sample(self, n, d, rng):
        """Draw n masks with one hidden coordinate each, bool of shape (n, d), True where visible.

        `rng` and the ValueError for wrong arguments are as for :meth:`MaskLaw.sample`.
        """
        n, d = positive_integer(n, "n"), self.check(d)
        visible = np.ones((n, d), dtype=bool)
        visible[np.arange(n), as_generator(rng).integers(d, size=n)] = False
        return visible


@dataclass(frozen=True)
class Bernoulli(_Exchangeable):
    r"""Hide each coordinate independently of the others.

    .. math:: w^{(1)} = q, \qquad w^{(2)} = q^2, \qquad q = 1 - p

    Parameters
    ----------
    mask_rate : float
        The probability p that a coordinate is hidden, in (0, 1).

    Raises
    ------
    ValueError
        If the mask rate is not in (0, 1).
    """

    mask_rate: float

    def __post_init__(self):
        object.__setattr__(self, "mask_rate", open_unit(self.mask_rate, "mask_rate"))

    def check(self, d):
        """Return d, at least 2, or raise ValueError."""
        return positive_integer(d, "d", minimum=2)

    def exchangeable_moments(self, d):
        """The values :math:`w^{(1)} = q` and :math:`w^{(2)} = q^2`, whatever d is."""
        return 1.0 - self.mask_rate, (1.0 - self.mask_rate) ** 2

    def sample(self, n, d, rng):
        """Draw n masks of independent entries, bool of shape (n, d), True where visible.

        `rng` and the ValueError for wrong arguments are as for :meth:`MaskLaw.sample`.
        """
        n, d = positive_integer(n, "n"), self.check(d)
        return as_generator(rng).random((n, d)) >= self.mask_rate


@dataclass(frozen=True)
class Exactly(_Exchangeable):
    r"""Hide a set of given size, drawn uniformly among all of that size.

    .. math:: w^{(1)} = \frac{d - h}{d - 1}, \qquad w^{(2)} = \frac{(d-h)(d-h-1)}{(d-1)(d-2)}

    Parameters
    ----------
    hidden : int
        The number h of hidden coordinates, below d.

    Raises
    ------
    ValueError
        If `hidden` is not a positive integer.
    """

    hidden: int

    def __post_init__(self):
        object.__setattr__(self, "hidden", positive_integer(self.hidden, "hidden"))

    def check(self, d):
        """Return d, or raise ValueError unless it is above the number of hidden coordinates."""
        d = positive_integer(d, "d", minimum=2)
        if self.hidden >= d:
            raise ValueError(
                f"hidden must be below the number of coordinates {d}, got {self.hidden}: "
                "something has to stay visible."
            )
        return d

    def exchangeable_moments(self, d):
        """The values :math:`(d-h)/(d-1)` and :math:`(d-h)(d-h-1)/[(d-1)(d-2)]`."""
        once = (d - self.hidden) / (d - 1)
        return once, once * (d - self.hidden - 1) / max(d - 2, 1)

    def sample(self, n, d, rng):
        """Draw n masks with h hidden coordinates each, bool of shape (n, d), True where visible.

        `rng` and the ValueError for wrong arguments are as for :meth:`MaskLaw.sample`.
        """
        n, d = positive_integer(n, "n"), self.check(d)
        keys = as_generator(rng).random((n, d))
        hidden = np.argpartition(keys, self.hidden - 1, axis=1)[:, : self.hidden]
        visible = np.ones((n, d), dtype=bool)
        np.put_along_axis(visible, hidden, False, axis=1)
        return visible


class _Stamps(MaskLaw):
    r"""Several copies of one shape, each put down independently and uniformly; they may overlap.

    With :math:`V_{si} = 1` where a copy at place s leaves i visible and c copies,

    .. math:: W_k = \frac{(\mathbb E_s V_{si}V_{sj})^c - (\mathbb E_s V_{si}V_{sj}V_{sk})^c}
                         {1 - (\mathbb E_s V_{sk})^c} .
    """

    copies: int

    @abstractmethod
    def _places(self, d: int) -> Array:
        """All placements of one copy: bool, of shape (n_places, n_features), True if hidden."""

    def _checked_places(self, d):
        return self._places(self.check(d))

    def visible_moments(self, d, target):
        d, target = _check_target(self, d, target)
        hidden = self._checked_places(d)
        visible = (~hidden).astype(float)
        both = visible.T @ visible / len(hidden)
        # Only the few placements that hide the target tell E V_i V_j V_k from E V_i V_j.
        covering = visible[hidden[:, target]]
        less = covering.T @ covering / len(hidden)
        clear = 1.0 - len(covering) / len(hidden)
        c = self.copies
        second = less if c == 1 else both**c - (both - less) ** c
        second = second / (1.0 - clear**c)
        second[target, :] = second[:, target] = 0.0
        return second

    def sample(self, n, d, rng):
        n, hidden, rng = positive_integer(n, "n"), self._checked_places(d), as_generator(rng)
        visible = np.ones((n, d), dtype=bool)
        for _ in range(self.copies):
            visible &= ~hidden[rng.integers(len(hidden), size=n)]
        return visible


@dataclass(frozen=True)
class ContiguousBlocks(_Stamps):
    """Hide runs of neighbouring coordinates.

    Parameters
    ----------
    length : int
        Coordinates in one run, below d.
    copies : int, default=1
        Runs put down independently; they may overlap.
    cyclic : bool, default=True
        Whether a run may wrap around from the last coordinate to the first. If it may not, the
        coordinates next to the ends are hidden less often than the others.

    Raises
    ------
    ValueError
        If `length` or `copies` is not a positive integer.
    """

    length: int
    copies: int = 1
    cyclic: bool = True

    def __post_init__(self):
        object.__setattr__(self, "length", positive_integer(self.length, "length"))
        object.__setattr__(self, "copies", positive_integer(self.copies, "copies"))

    def check(self, d):
        """Return d, or raise ValueError unless it is above the length of a run."""
        d = positive_integer(d, "d", minimum=2)
        if self.length >= d:
            raise ValueError(
                f"length must be below the number of coordinates {d}, got {self.length}."
            )
        return d

    def _places(self, d):
        starts = np.arange(d if self.cyclic else d - self.length + 1)[:, None]
        return (np.arange(d) - starts) % d < self.length


@dataclass(frozen=True)
class ImageSquares(_Stamps):
    """Hide squares of an image whose pixels are the coordinates, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image; their product is d.
    side : int
        Side of a square, smaller than the image. Squares do not leave the image, so that pixels
        near its border are hidden less often than the others.
    copies : int, default=1
        Squares put down independently; they may overlap.

    Raises
    ------
    ValueError
        If `shape` is not two positive integers, `side` or `copies` is not a positive integer, or a
        square is not smaller than the image.
    """

    shape: tuple[int, int]
    side: int
    copies: int = 1

    def __post_init__(self):
        if np.ndim(self.shape) != 1 or len(self.shape) != 2:
            raise ValueError(f"shape must be two integers, height and width, got {self.shape!r}.")
        shape = tuple(positive_integer(v, "height and width in shape") for v in self.shape)
        side = positive_integer(self.side, "side")
        if side > min(shape) or side**2 >= shape[0] * shape[1]:
            raise ValueError(f"side must leave a part of the image {shape} visible, got {side}.")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "side", side)
        object.__setattr__(self, "copies", positive_integer(self.copies, "copies"))

    def check(self, d):
        """Return d, or raise ValueError unless it is the number of pixels."""
        height, width = self.shape
        if positive_integer(d, "d", minimum=2) != height * width:
            raise ValueError(
                f"an image of shape {self.shape} has {height * width} pixels, not {d}."
            )
        return d

    def _places(self, d):
        rows, columns = (np.arange(size - self.side + 1) for size in self.shape)
        row, column = np.divmod(np.arange(d), self.shape[1])
        down = (row - rows[:, None] >= 0) & (row - rows[:, None] < self.side)
        across = (column - columns[:, None] >= 0) & (column - columns[:, None] < self.side)
        return (down[:, None] & across[None]).reshape(-1, d)
