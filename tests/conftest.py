"""Models that several test files share."""

import numpy as np
import pytest

from mssl.covariance import AR1, Scaled, Spiked


@pytest.fixture(scope="session")
def reference_model():
    """600 coordinates: AR(1) correlations, unequal variances and one spike of strength 6."""
    rng = np.random.default_rng(0)
    d = 600
    variances = np.exp(rng.normal(0.0, 0.5, size=d))
    direction = rng.normal(size=(d, 1))
    direction /= np.linalg.norm(direction)
    return Spiked(Scaled(AR1(d, 0.6), np.sqrt(variances)), 6.0, direction)
