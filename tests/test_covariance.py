"""Every registered model against the dense oracle."""

import numpy as np
import pytest

from mssl.covariance import (
    AR1,
    Blocks,
    Circulant,
    Covariance,
    Dense,
    Diagonal,
    Isotropic,
    Scaled,
    Spiked,
)

CASES = [model for cls in Covariance.registry() for model in cls.examples()]
IDS = [f"{type(model).__name__}-{i}" for i, model in enumerate(CASES)]
every_model = pytest.mark.parametrize("model", CASES, ids=IDS)


def shifts(d):
    rng = np.random.default_rng(7)
    return {
        "tiny": 1e-7,
        "one": 1.0,
        "large": 1e4,
        "complex": 0.7 - 0.4j,
        "vector": np.exp(rng.normal(size=d)),
        "complex vector": np.exp(rng.normal(size=d)) - 1j * rng.uniform(0.1, 1.0, size=d),
    }


def test_every_public_model_is_registered_and_ships_examples():
    assert set(Covariance.registry()) >= {
        AR1, Blocks, Circulant, Dense, Diagonal, Isotropic, Scaled, Spiked,
    }  # fmt: skip
    assert all(cls.examples() for cls in Covariance.registry())


@every_model
def test_matrix_functions_agree(model):
    sigma = model.dense()
    assert sigma.shape == (model.d, model.d)
    np.testing.assert_allclose(sigma, sigma.T, atol=1e-12)
    np.testing.assert_allclose(model.diagonal(), np.diag(sigma), rtol=1e-12)
    np.testing.assert_allclose(model.trace(), np.trace(sigma), rtol=1e-12)
    assert np.linalg.eigvalsh(sigma).min() > -1e-10
    x = np.random.default_rng(5).normal(size=(model.d, 3))
    np.testing.assert_allclose(model.apply(x), sigma @ x, atol=1e-12 * np.abs(sigma).sum())
    np.testing.assert_allclose(model.apply(x[:, 0]), sigma @ x[:, 0], atol=1e-10)


@every_model
def test_colour_is_a_square_root(model):
    factor = model.colour(np.eye(model.n_noise))
    np.testing.assert_allclose(factor.T @ factor, model.dense(), atol=1e-12 * model.trace())


@every_model
def test_sampling_leaves_its_noise_alone_and_is_seeded(model):
    z = np.random.default_rng(1).normal(size=(4, model.n_noise))
    kept = z.copy()
    model.colour(z)
    np.testing.assert_array_equal(z, kept)
    np.testing.assert_array_equal(model.sample(3, 11), model.sample(3, np.random.default_rng(11)))
    assert model.sample(3, 11).shape == (3, model.d)


@every_model
@pytest.mark.parametrize("kind", list(shifts(2)))
@pytest.mark.parametrize("scale", [1.0, 0.3, 1.2 + 0.3j])
def test_resolvent_against_dense_inverse(model, kind, scale):
    shift = shifts(model.d)[kind]
    sigma = model.dense()
    inverse = np.linalg.inv(scale * sigma + np.diag(shift * np.ones(model.d)))
    r = model.resolvent(shift, scale)
    rng = np.random.default_rng(9)
    x, b = rng.normal(size=(model.d, 2)), rng.normal(size=model.d)
    size = np.abs(inverse).max()
    # The oracle itself is exact only up to its condition number.
    close = {"rtol": 1e-9, "atol": 1e-9 * size * max(1.0, 1e-7 * size)}
    np.testing.assert_allclose(r.diagonal, np.diag(inverse), **close)
    np.testing.assert_allclose(r.apply(x), inverse @ x, rtol=1e-8, atol=1e-8 * size)
    np.testing.assert_allclose(r.apply(x[:, 0]), inverse @ x[:, 0], rtol=1e-8, atol=1e-8 * size)
    for weights in (1.0, 0.4, b):
        expected = np.diag(inverse @ np.diag(weights * np.ones(model.d)) @ inverse)
        np.testing.assert_allclose(
            r.sandwich(weights), expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max()
        )
    product = sigma @ inverse
    np.testing.assert_allclose(r.sigma_trace, np.trace(product), rtol=1e-8)
    np.testing.assert_allclose(
        r.sigma_sandwich,
        np.diag(inverse @ product),
        rtol=1e-6,
        atol=1e-7 * np.abs(inverse @ product).max(),
    )
    np.testing.assert_allclose(r.sigma_sigma_trace, np.trace(product @ product), rtol=1e-5)


@every_model
def test_zero_shift_is_the_precision_matrix(model):
    sigma = model.dense()
    precision = np.linalg.inv(sigma)
    r = model.resolvent(0.0)
    b = np.random.default_rng(3).normal(size=model.d)
    np.testing.assert_allclose(r.diagonal, np.diag(precision), rtol=1e-9)
    np.testing.assert_allclose(r.apply(b), precision @ b, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(r.sandwich(b), (precision**2) @ b, rtol=1e-8, atol=1e-7)


@every_model
def test_models_are_immutable(model):
    with pytest.raises(AttributeError):
        model.d = 3
    for value in vars(model).values():
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable


def test_a_constant_vector_shift_takes_the_fast_path():
    model = Circulant.examples()[0]
    np.testing.assert_allclose(
        model.resolvent(np.full(model.d, 0.3)).diagonal, model.resolvent(0.3).diagonal
    )


def test_structured_models_work_at_a_million_coordinates():
    d = 10**6
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(d, 1))
    direction /= np.linalg.norm(direction)
    distance = np.minimum(np.arange(d), d - np.arange(d))
    models = [
        Isotropic(d),
        Diagonal(rng.uniform(0.5, 2.0, size=d)),
        AR1(d, 0.6),
        Circulant(0.5**distance),
        Blocks(np.full(d // 10, 10), 0.4),
        Spiked(Diagonal(rng.uniform(0.5, 2.0, size=d)), 5.0, direction),
        Scaled(AR1(d, 0.6), rng.uniform(0.5, 2.0, size=d)),
    ]
    for model in models:
        r = model.resolvent(0.5)
        assert r.diagonal.shape == (d,)
        assert 0 < r.sigma_sigma_trace < r.sigma_trace < d


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Isotropic(0), "d must be an integer of at least 1"),
        (lambda: Isotropic(3, -1.0), "variance must be positive"),
        (lambda: Diagonal([1.0, -2.0]), "variances must be non-negative, but entries \\[1\\]"),
        (lambda: Diagonal([1.0, np.nan]), "variances must be finite, but entries \\[1\\]"),
        (lambda: Diagonal([[1.0]]), "variances must be a non-empty vector"),
        (lambda: AR1(5, 1.0), "rho must lie strictly between"),
        (lambda: Circulant([1.0, 0.5, 0.1, 0.2]), "first_row must be symmetric"),
        (lambda: Circulant([1.0, 0.9, 0.0, 0.9]), "positive semi-definite"),
        (lambda: Dense([[1.0, 0.5], [0.0, 1.0]]), "matrix must be symmetric"),
        (lambda: Dense([[1.0, 2.0], [2.0, 1.0]]), "matrix must be positive semi-definite"),
        (lambda: Dense([[1.0, 2.0]]), "matrix must be square"),
        (lambda: Blocks([3, 2], [0.5, 1.5]), "correlations must lie in"),
        (lambda: Blocks([0, 2], 0.5), "sizes must be a vector of positive integers"),
        (lambda: Spiked(Isotropic(3), 1.0, np.ones(3)), "shape \\(d, r\\) with d = 3"),
        (lambda: Spiked(Isotropic(3), 1.0, np.ones((3, 1))), "column 0 has length 1.73205"),
        (lambda: Spiked(Isotropic(3), [1.0, 2.0], np.eye(3)[:, :1]), "strengths must hold one"),
        (lambda: Spiked(Isotropic(3), -1.0, np.eye(3)[:, :1]), "strengths must be non-negative"),
        (lambda: Spiked(np.eye(3), 1.0, np.eye(3)[:, :1]), "base must be a covariance model"),
        (lambda: Scaled(Isotropic(3), [1.0, 0.0, 1.0]), "scales must be positive"),
        (lambda: Scaled(Isotropic(3), [1.0, 2.0]), "scales must be a number or have shape"),
        (lambda: Isotropic(3).resolvent(np.ones(4)), "shift must be a scalar or have shape"),
        (lambda: Isotropic(3).sample(0, 1), "n must be an integer of at least 1"),
        (lambda: Isotropic(3).sample(2, None), "rng must be a numpy.random.Generator"),
        (
            lambda: Circulant(np.eye(1, 5001)[0]).resolvent(np.arange(1.0, 5002.0)),
            "takes only a constant shift",
        ),
    ],
)
def test_bad_input_gets_one_clear_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()
