"""Negative eigenvalues of structured matrices against those of the dense ones."""

import numpy as np
import pytest

from mssl.covariance import AR1, Blocks, Diagonal, Isotropic, Scaled, Spiked
from mssl.theory import SSRTheory
from mssl.theory.inertia import negative_eigenvalues

MODELS = {
    "chain": AR1(23, 0.8),
    "alternating chain": AR1(22, -0.95),
    "groups": Blocks([4, 1, 7, 9], [0.5, 0.0, -0.1, 0.9], [1.0, 3.0, 0.2, 8.0]),
    "scaled chain": Scaled(AR1(20, 0.6), np.geomspace(0.1, 10.0, 20)),
    "scaled groups": Scaled(Blocks([5, 6], 0.4), np.geomspace(2.0, 0.2, 11)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("s", [-3.0, -0.2, 0.3, 2.0])
def test_the_count_is_that_of_the_dense_matrix(name, s):
    model, rng = MODELS[name], np.random.default_rng(0)
    for _ in range(20):
        shift = rng.normal(size=model.d) * 10.0 ** rng.uniform(-1, 1)
        expected = np.sum(np.linalg.eigvalsh(s * model.dense() + np.diag(shift)) < 0)
        assert negative_eigenvalues(model, s, shift) == expected


def test_other_models_are_not_counted():
    u = np.full((6, 1), 6**-0.5)
    for model in (Diagonal(np.ones(6)), Spiked(AR1(6, 0.5), [1.0], u), Isotropic(6)):
        assert negative_eigenvalues(model, 1.0, -np.ones(6)) is None


@pytest.mark.parametrize("model", [AR1(150, 0.7), Scaled(Blocks([50, 100], 0.3), 2.0)])
def test_it_counts_the_eigenvalues_below_each_gap_of_a_large_world(model):
    spectrum = SSRTheory(model, 60, 0.5).spectrum.source
    equivalent = spectrum.equivalent
    ends = np.array([edge.position for edge in spectrum.edge_points]).reshape(-1, 2)
    for z in [0.9 * ends[0, 0], *(0.5 * (ends[:-1, 1] + ends[1:, 0])), 1.1 * ends[-1, 1]]:
        if any(abs(atom.position - z) < 1e-3 for atom in spectrum.atom_points):
            continue
        root = equivalent.solve(np.array([z]))[0].real
        assert equivalent.below(root, z) == pytest.approx(
            model.d * spectrum.own_cdf(np.array([z]))[0], abs=1e-3
        )
