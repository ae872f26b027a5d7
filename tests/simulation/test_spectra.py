"""Measured spectra and eigenpairs against direct linear algebra."""

import numpy as np
import pytest

from mssl.covariance import AR1, Isotropic, Spiked
from mssl.regression import MaskedRegression
from mssl.simulation import simulate_eigenpairs, simulate_spectrum, spectra


def first_sample(model, n, seed):
    return model.sample(n, np.random.default_rng(seed).spawn(1)[0])


@pytest.mark.parametrize("n", [12, 60])
def test_spectrum_is_that_of_the_fitted_matrix(n):
    model = AR1(20, 0.5)
    values = simulate_spectrum(model, n, 0.3, trials=2, rng=0)
    assert values.shape == (2, 20)
    X = first_sample(model, n, 0)
    direct = np.sort(np.linalg.eigvals(MaskedRegression(ridge=0.3).fit(X).coef_).real)
    np.testing.assert_allclose(values[0], direct, atol=1e-10)
    np.testing.assert_allclose(values.sum(axis=1), 0.0, atol=1e-9)


def test_pca_and_correlation_spectra():
    model = AR1(15, 0.5)
    X = first_sample(model, 40, 3)
    S = X.T @ X / 40
    values = simulate_spectrum(model, 40, method="pca", trials=1, rng=3)[0]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(S), atol=1e-12)
    scale = np.sqrt(np.diag(S))
    values = simulate_spectrum(model, 40, method="correlation_pca", trials=1, rng=3)[0]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(S / np.outer(scale, scale)), atol=1e-12)


@pytest.mark.parametrize("lowest", [False, True])
def test_overlaps_are_those_of_left_and_right_eigenvectors(lowest):
    d, n = 25, 60
    u = np.random.default_rng(0).normal(size=(d, 2))
    model = Spiked(Isotropic(d), 4.0, u[:, :1] / np.linalg.norm(u[:, 0]))
    seen = simulate_eigenpairs(model, n, 0.2, directions=u, count=3, lowest=lowest, trials=2, rng=1)
    pairs = []
    for generator in np.random.default_rng(1).spawn(2):
        A = MaskedRegression(ridge=0.2).fit(model.sample(n, generator)).coef_
        rows = []
        for matrix in (A, A.T):
            values, vectors = (np.real(found) for found in np.linalg.eig(matrix))
            order = np.argsort(values)[:3] if lowest else np.argsort(-values)[:3]
            v = vectors[:, order]
            rows.append((v.T @ u) ** 2 / np.outer(np.sum(v * v, 0), np.sum(u * u, 0)))
        pairs.append((np.sort(values)[:3] if lowest else -np.sort(-values)[:3], *rows))
    for name, column in zip(
        ("eigenvalues", "right_overlaps", "left_overlaps"), zip(*pairs, strict=True), strict=True
    ):
        column = np.array(column)
        np.testing.assert_allclose(getattr(seen, name), column.mean(axis=0), atol=1e-9)
        error = column.std(axis=0, ddof=1) / np.sqrt(2)
        np.testing.assert_allclose(getattr(seen.standard_error, name), error, atol=1e-9)


def test_lanczos_and_full_reduction_agree(monkeypatch):
    d = 80
    u = np.full((d, 1), d**-0.5)
    model = Spiked(Isotropic(d), 3.0, u)
    results = []
    for size in (10, 10_000):
        monkeypatch.setattr(spectra, "LANCZOS", size)
        results.append(simulate_eigenpairs(model, 200, 0.1, directions=u, trials=2, rng=0))
    assert results[0].eigenvalues[0] == pytest.approx(results[1].eigenvalues[0], rel=1e-10)
    np.testing.assert_allclose(results[0].left_overlaps, results[1].left_overlaps, rtol=1e-8)


def test_result_depends_on_the_seed_alone():
    model = Isotropic(20)
    a = simulate_spectrum(model, 30, 0.1, trials=3, rng=4, n_jobs=1)
    b = simulate_spectrum(model, 30, 0.1, trials=3, rng=4, n_jobs=2)
    c = simulate_spectrum(model, 30, 0.1, trials=3, rng=5, n_jobs=1)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "ica"}, "method must be one of"),
        ({"ridge": None}, "ridge must be given"),
        ({"method": "pca"}, "ridge has no meaning"),
        ({"ridge": -1.0}, "ridge must be finite and not negative"),
        ({"directions": np.ones(10)}, "directions must have shape"),
        ({"directions": np.zeros((10, 1))}, "directions must be finite and not zero"),
        ({"count": 11}, "count must be at most"),
        ({"trials": 1}, "trials must be an integer of at least 2"),
    ],
)
def test_bad_input(arguments, message):
    settings = {"ridge": 0.1, "directions": np.ones((10, 1)), "trials": 2, "rng": 0} | arguments
    with pytest.raises(ValueError, match=message):
        simulate_eigenpairs(Isotropic(10), 20, **settings)


@pytest.mark.parametrize("measure", [simulate_spectrum, simulate_eigenpairs])
def test_a_matrix_in_place_of_a_model(measure):
    more = {} if measure is simulate_spectrum else {"directions": np.eye(10)[:, :1]}
    with pytest.raises(ValueError, match="wrap a matrix in Dense"):
        measure(np.eye(10), 20, 0.1, trials=2, rng=0, **more)
