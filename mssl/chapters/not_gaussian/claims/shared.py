"""Laws of rows that several checks share."""

from __future__ import annotations

from itertools import product

import numpy as np

from mssl.rows import ScaleMixture

SCALES = np.array([0.1, 0.4, 2.5])


def _all_entries(values, d):
    """All vectors of d entries from `values`, one a row."""
    return np.array(list(product(values, repeat=d)))


def exact_law(p, d):
    """Entries 0 or plus, minus 1/sqrt(p) with p in all: points, probabilities, fourth cumulant."""
    z = _all_entries((0.0, p**-0.5, -(p**-0.5)), d)
    weights = np.prod(np.where(z == 0.0, 1.0 - p, 0.5 * p), axis=1)
    return z, weights, 1.0 / p - 3.0


class FixedScales(ScaleMixture):
    """Scales as in the theorem: fixed numbers, each value for a third of the rows."""

    def _draw(self, n, rng):
        return self.covariance.sample(n, rng) * np.sqrt(np.resize(self.values, n))[:, None]
