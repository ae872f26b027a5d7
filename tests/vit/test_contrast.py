"""Closed forms of contrastive learning against quadrature and against gradients on draws."""

import numpy as np
import pytest
from scipy.integrate import quad

from mssl.results import mean_and_error
from mssl.vit import (
    Contrastive,
    Parameters,
    PatchData,
    contrast_rates,
    critical_temperature,
    strength_moments,
)


def test_moments_are_those_of_a_uniform_strength():
    data = PatchData(12, 2, 4, 4, 0.5, 1.3, 0.5)
    expected = [quad(lambda z, j=j: z**j / 0.8, 0.5, 1.3)[0] for j in (1, 2, 3)]
    np.testing.assert_allclose(strength_moments(data), expected, rtol=1e-12)
    np.testing.assert_allclose(
        strength_moments(PatchData(12, 2, 4, 4, 0.7, 0.7, 0.5)), [0.7, 0.49, 0.343]
    )


def test_first_velocities_are_those_of_gradients_on_draws():
    data, batch, warm = PatchData(12, 2, 4, 4, 0.5, 1.0, 0.5), 4, 1e6
    objective, zero = Contrastive(warm, 0.0), Parameters.zeros(data)
    rng, areas, seen = np.random.default_rng(0), data.areas.T, []
    for _ in range(400):
        images = data.draw(batch, rng, views=2)
        slope = -warm * objective.loss_and_gradient(data, zero, images)[1].phi
        own = np.take_along_axis(slope, areas[:, :, None], axis=2)[:, :, 0]
        seen.append((own[areas == 0].mean(), own[areas > 0].mean()))
    mean, error = mean_and_error(seen)
    assert np.all(np.abs(mean - contrast_rates(data, batch)) < 4 * error)
    assert np.all(error < 0.1 * np.abs(mean))


@pytest.mark.parametrize(
    ("low", "high", "clusters"), [(0.5, 1.0, 3), (1.0, 1.01, 2), (0.2, 0.9, 5)]
)
def test_critical_temperature_solves_its_equation(low, high, clusters):
    cold = critical_temperature(low, high, clusters)

    def integrand(z):
        return np.exp(low * z / cold) * (z / low - 1) / (high - low)

    assert quad(integrand, low, high)[0] == pytest.approx(clusters - 1, rel=1e-8)


def test_there_is_not_always_a_critical_temperature():
    with pytest.raises(ValueError, match="needs 0 < low < high"):
        critical_temperature(1.0, 1.0, 3)
    with pytest.raises(ValueError, match="there is no critical temperature"):
        critical_temperature(0.1, 1.0, 3)
