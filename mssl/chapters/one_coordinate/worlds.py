"""Weights that predict one pixel of a patch, from the population and from samples."""

from __future__ import annotations

import numpy as np

from mssl.data import patch_population
from mssl.figures.table import Table
from mssl.regression import MaskedRegression

__all__ = ["ALL", "RIDGE", "field_rows", "learned_coef", "population_coef"]

RIDGE = 0.01

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
