"""What every model of a population covariance must do, as a class of tests to inherit."""

import pickle
from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from mssl.covariance import Covariance

__all__ = ["CovarianceContract", "registry_restored"]


@contextmanager
def registry_restored():
    """Forget the models that are defined or registered inside, at the end."""
    before = list(Covariance._registered)
    try:
        yield Covariance._registered
    finally:
        Covariance._registered[:] = before


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


class CovarianceContract:
    """Each test takes one of the `models`: those of a subclass, or the examples of all kinds."""

    models: Sequence[Covariance] | None = None

    def pytest_generate_tests(self, metafunc):
        """Give every test each of the models in turn."""
        models = self.models
        if models is None:
            models = [model for cls in Covariance.registry() for model in cls.examples()]
        names = [f"{type(model).__name__}-{i}" for i, model in enumerate(models)]
        metafunc.parametrize("model", models, ids=names)

    def test_matrix_functions_agree(self, model):
        sigma = model.dense()
        assert sigma.shape == (model.d, model.d)
        np.testing.assert_allclose(sigma, sigma.T, atol=1e-12)
        np.testing.assert_allclose(model.diagonal(), np.diag(sigma), rtol=1e-12)
        np.testing.assert_allclose(model.trace(), np.trace(sigma), rtol=1e-12)
        assert np.linalg.eigvalsh(sigma).min() > -1e-10
        x = np.random.default_rng(5).normal(size=(model.d, 3))
        np.testing.assert_allclose(model.apply(x), sigma @ x, atol=1e-12 * np.abs(sigma).sum())
        np.testing.assert_allclose(model.apply(x[:, 0]), sigma @ x[:, 0], atol=1e-10)

    def test_colour_is_a_square_root(self, model):
        factor = model.colour(np.eye(model.n_noise))
        np.testing.assert_allclose(factor.T @ factor, model.dense(), atol=1e-12 * model.trace())

    def test_sampling_leaves_its_noise_alone_and_is_seeded(self, model):
        z = np.random.default_rng(1).normal(size=(4, model.n_noise))
        kept = z.copy()
        model.colour(z)
        np.testing.assert_array_equal(z, kept)
        np.testing.assert_array_equal(
            model.sample(3, 11), model.sample(3, np.random.default_rng(11))
        )
        assert model.sample(3, 11).shape == (3, model.d)

    @pytest.mark.parametrize("kind", list(shifts(2)))
    @pytest.mark.parametrize("scale", [1.0, 0.3, 1.2 + 0.3j])
    def test_resolvent_against_dense_inverse(self, model, kind, scale):
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

    def test_zero_shift_is_the_precision_matrix(self, model):
        sigma = model.dense()
        precision = np.linalg.inv(sigma)
        r = model.resolvent(0.0)
        b = np.random.default_rng(3).normal(size=model.d)
        np.testing.assert_allclose(r.diagonal, np.diag(precision), rtol=1e-9)
        np.testing.assert_allclose(r.apply(b), precision @ b, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(r.sandwich(b), (precision**2) @ b, rtol=1e-8, atol=1e-7)

    def test_models_are_immutable(self, model):
        with pytest.raises(AttributeError):
            model.d = 3
        for value in vars(model).values():
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable

    def test_a_resolvent_survives_pickling(self, model):
        r = model.resolvent(np.linspace(0.5, 1.0, model.d), 0.7)
        again = pickle.loads(pickle.dumps(r))
        np.testing.assert_array_equal(again.diagonal, r.diagonal)
        np.testing.assert_array_equal(again.square_diagonal, r.square_diagonal)
