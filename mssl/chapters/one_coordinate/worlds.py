"""Weights that predict one pixel of a patch, from the population and from samples."""

from __future__ import annotations

import numpy as np

from mssl.data import image_patches, patch_population
from mssl.figures.table import Table
from mssl.regression import MaskedRegression

__all__ = [
    "ALL",
    "RIDGE",
    "field_rows",
    "learned_coef",
    "learned_elsewhere",
    "mosaic",
    "photograph_tiles",
    "population_coef",
]

RIDGE = 0.01

#: Height and width of a photograph, in pixels.
PHOTOGRAPH = (427, 640)

ALL = "all patches"


def population_coef(matrix: np.ndarray, ridge: float) -> np.ndarray:
    r"""Return what masked regression learns from infinitely many rows.

    .. math:: A = I - Q D^{-1}, \qquad Q = (\Sigma + \lambda I)^{-1}, \quad D = \mathrm{diag}(Q)

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        The population covariance.
    ridge : float

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k.
    """
    inverse = np.linalg.inv(matrix + ridge * np.eye(len(matrix)))
    coef = -inverse / np.diag(inverse)
    np.fill_diagonal(coef, 0.0)
    return coef


def learned_coef(rng, size: int, n: int, ridge: float) -> np.ndarray:
    """What is learned from n patches, or from the whole population at n = 0."""
    population = patch_population(size)
    if n == 0:
        return population_coef(population.dense(), ridge)
    return MaskedRegression(ridge=ridge).fit(population.sample(n, rng)).coef_


def field_rows(coef: np.ndarray, size: int, top: int, left: int, **labels: str | float) -> Table:
    """One column of the coefficient matrix as an image in long form."""
    pixel = np.arange(size * size)
    texts = {
        name: np.full(size * size, value) if isinstance(value, str) else value
        for name, value in labels.items()
    }
    return Table(
        {
            **texts,
            "target_row": np.full(size * size, top),
            "target_column": np.full(size * size, left),
            "row": pixel // size,
            "column": pixel % size,
            "weight": coef[:, top * size + left],
        }
    )


def photograph_tiles(size: int, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A part of the second photograph, cut into tiles.

    Parameters
    ----------
    size : int
        Side of a tile, in pixels.
    top, left, height, width : int
        The part, in tiles.

    Returns
    -------
    ndarray of shape (height, width, size, size)
        Grey values between 0 and 1.
    """
    population = patch_population(size)
    tiles = image_patches(size, stride=size)
    tiles = tiles[len(tiles) // 2 :] * population.scale + population.mean
    _, columns = photograph_grid(size)
    return tiles.reshape(-1, columns, size, size)[top : top + height, left : left + width]


def photograph_grid(size: int) -> tuple[int, int]:
    """How many tiles of this side fit below each other and beside each other."""
    return PHOTOGRAPH[0] // size, PHOTOGRAPH[1] // size


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Tiles of shape (height, width, size, size) as one image."""
    height, width, size, _ = tiles.shape
    return tiles.transpose(0, 2, 1, 3).reshape(height * size, width * size)


def learned_elsewhere(size: int, ridge: float, stride: int) -> MaskedRegression:
    """Masked regression on patches of the first photograph alone."""
    patches = image_patches(size, stride=stride)
    return MaskedRegression(ridge=ridge).fit(patches[: len(patches) // 2])
