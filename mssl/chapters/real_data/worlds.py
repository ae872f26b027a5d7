"""Names, ridges and small populations that several figures of the page share."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np

from mssl.data import digits, prices, real_data
from mssl.regression import MaskedRegressionCV

__all__ = ["GRID", "NAMES", "chosen", "small_world"]

NAMES = {
    "patches": "photographs",
    "patches_full": "photographs, 12 x 12",
    "digits": "digits",
    "digits_full": "digits, 28 x 28",
    "prices": "prices",
}

#: The ridges that leave-one-out chooses from, two to a factor of ten.
GRID = tuple(np.geomspace(1e-4, 1e2, 13).round(8).tolist())


def chosen(train) -> MaskedRegressionCV:
    """Masked regression at the ridge of leave-one-out; an end of the grid is an answer here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return MaskedRegressionCV(ridges=GRID).fit(train)


@cache
def small_world(name: str):
    """Return a data set at the smaller size of the costly figures.

    Parameters
    ----------
    name : {"patches", "digits", "prices"}

    Returns
    -------
    PatchPopulation or RealTable
        Patches of 5 x 5 pixels, digits of 7 x 7 pixels, all prices.
    """
    if name == "patches":
        return real_data(name, size=5)
    return digits(pool=4) if name == "digits" else prices()
