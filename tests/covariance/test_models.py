"""Every registered model against the dense oracle."""

import pickle
import warnings

import mpmath
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
    Resolvent,
    Scaled,
    Spiked,
)
from mssl.covariance.singular import precision_diagonal
from tests.covariance.contract import CovarianceContract


class TestEveryRegisteredModel(CovarianceContract):
    """The models of the package."""


def test_every_public_model_is_registered_and_ships_examples():
    assert set(Covariance.registry()) >= {
        AR1, Blocks, Circulant, Dense, Diagonal, Isotropic, Scaled, Spiked,
    }  # fmt: skip
    assert all(cls.examples() for cls in Covariance.registry())


def unit(d, r, seed):
    columns = np.random.default_rng(seed).normal(size=(d, r))
    return columns / np.linalg.norm(columns, axis=0)


def on(d, *where):
    column = np.zeros((d, 1))
    column[list(where)] = len(where) ** -0.5
    return column


def repeated_column():
    Z = np.random.default_rng(4).integers(-3, 4, size=(30, 6)).astype(float)
    Z[:, 5] = Z[:, 0] + Z[:, 1]
    return Dense(Z.T @ Z / 30)


def ring_without_a_wave(d=12):
    eigenvalues = np.ones(d)
    eigenvalues[[3, d - 3]] = 0.0
    row = np.fft.ifft(eigenvalues).real
    return Circulant(0.5 * (row + np.roll(row[::-1], 1)))


BLOCKS = Blocks([3, 2, 1], [1.0, 0.2, 1.0], [1.0, 2.0, 3.0])
SINGULAR = {
    "diagonal": Diagonal([0.0, 1.0, 2.0]),
    "a zero variance": Dense(np.diag([1.0, 1.0, 1.0, 0.0])),
    "one factor": Dense(np.ones((3, 3))),
    "a repeated column": repeated_column(),
    "equal coordinates": BLOCKS,
    "no mean": Blocks([4, 3, 2], [-1 / 3, 0.3, -1.0]),
    "ring": ring_without_a_wave(),
    "spike out of nothing": Spiked(Diagonal([0.0, 0.0, 1.0]), 1.0, np.full((3, 1), 3**-0.5)),
    "regular sum": Spiked(Diagonal([0.0, 0.0, 1.0, 2.0]), [3.0, 0.5], unit(4, 2, 1)),
    "a strength of zero": Spiked(Diagonal([0.0, 1.0, 2.0]), [2.0, 0.0], unit(3, 2, 1)),
    "spike on blocks": Spiked(BLOCKS, [2.0], unit(6, 1, 1)),
    "spikes on blocks": Spiked(BLOCKS, [2.0, 1.0, 4.0], unit(6, 3, 1)),
    "spike within a group": Spiked(BLOCKS, [2.0], on(6, 0, 1, 2)),
    "spikes on a ring": Spiked(ring_without_a_wave(), [2.0, 1.0], unit(12, 2, 1)),
    "spike on a repeated column": Spiked(repeated_column(), 1.0, unit(6, 1, 1)),
    "nested": Spiked(
        Scaled(
            Spiked(Diagonal([0.0, 0.0, 0.0, 1.0, 2.0]), 2.0, unit(5, 1, 1)),
            [1.0, 2.0, 3.0, 4.0, 5.0],
        ),
        1.0,
        on(5, 0, 3),
    ),
    "scaled": Scaled(Spiked(Diagonal([0.0, 0.0, 1.0, 2.0]), 2.0, on(4, 0, 2)), 2.0),
}
singular_models = pytest.mark.parametrize("model", SINGULAR.values(), ids=SINGULAR.keys())


def prediction_errors(sigma):
    """Error of least squares on all other coordinates, one at a time."""
    errors = []
    for k in range(len(sigma)):
        others = np.delete(np.arange(len(sigma)), k)
        block, column = sigma[np.ix_(others, others)], sigma[others, k]
        coef = np.linalg.lstsq(block, column, rcond=1e-11)[0]
        errors.append(sigma[k, k] - column @ coef)
    return np.array(errors)


@singular_models
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_zero_shift_of_a_singular_model_is_the_limit(model, scale):
    expected = prediction_errors(model.dense())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = 1.0 / (scale * model.resolvent(0.0, scale).diagonal)
    np.testing.assert_allclose(errors, expected, atol=1e-11 * model.trace())
    assert np.all(errors[expected < 1e-12] < 1e-14)


@pytest.mark.parametrize(
    "name", ["regular sum", "spikes on a ring", "spikes on blocks", "spike on a repeated column"]
)
def test_spikes_can_make_a_singular_base_regular(name):
    model = SINGULAR[name]
    precision = np.linalg.inv(model.dense())
    r, b = model.resolvent(0.0), np.random.default_rng(3).normal(size=model.d)
    size = np.abs(precision).max()
    np.testing.assert_allclose(r.diagonal, np.diag(precision), rtol=1e-9)
    np.testing.assert_allclose(r.apply(np.eye(model.d)), precision, atol=1e-10 * size)
    np.testing.assert_allclose(r.sandwich(b), (precision**2) @ b, atol=1e-9 * size**2)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-8, 1e-7])
@pytest.mark.parametrize(("d", "n"), [(120, 500), (40, 20_000)])
def test_a_sum_of_two_columns_is_found_among_rounding_errors(noise, d, n):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n, d))
    Z[:, -1] = Z[:, 0] + Z[:, 1] + noise * rng.normal(size=n)
    model = Dense(Z.T @ Z / n)
    errors = 1.0 / model.resolvent(0.0).diagonal
    assert np.flatnonzero(errors == 0.0).tolist() == [0, 1, d - 1]
    rest = np.linalg.inv(model.matrix[:-1, :-1])
    np.testing.assert_allclose(errors[2:-1], 1.0 / np.diag(rest)[2:], rtol=1e-6)


def test_a_small_eigenvalue_that_rounding_leaves_alone_is_not_zero():
    model = Dense([[1.0, 1.0 - 1e-13], [1.0 - 1e-13, 1.0]])
    np.testing.assert_allclose(1.0 / model.resolvent(0.0).diagonal, 2e-13, rtol=1e-2)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-6, 1e-10, 1e-14])
def test_spikes_on_a_dense_base_that_is_singular_up_to_rounding(epsilon, scaled):
    rng = np.random.default_rng(11)
    factor = rng.normal(size=(7, 9))
    directions = rng.normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=0)
    base = Dense(factor.T @ factor / 7)
    model = Spiked(
        Scaled(base, np.linspace(0.5, 2.0, 9)) if scaled else base, [0.5, 2.0, 30.0], directions
    )
    with mpmath.workdps(60):
        scales = mpmath.diag(np.linspace(0.5, 2.0, 9) if scaled else np.ones(9))
        half = mpmath.matrix(factor.tolist()) * scales
        exact = half.T * half / 7
        for strength, column in zip(model.strengths, directions.T, strict=True):
            u = mpmath.matrix(column.tolist())
            exact += float(strength) * u * u.T
        for k, variance in enumerate(model.diagonal()):
            exact[k, k] += epsilon * float(variance)
        wanted = np.array([float((exact**-1)[k, k]) for k in range(9)])
    resolvent = model.resolvent(epsilon * model.diagonal())
    np.testing.assert_allclose(resolvent.diagonal, wanted, rtol=1e-9)


def test_a_singular_spiked_model_forms_no_square_array():
    d = 10**5
    variances = np.ones(d)
    variances[:10] = 0.0
    model = Spiked(Diagonal(variances), [4.0, 1.0], np.hstack([on(d, 0), on(d, 1, 2, 20)]))
    errors = 1.0 / model.resolvent(0.0).diagonal
    # Coordinates 1 and 2 are copies of each other; 20 is them plus its own noise.
    np.testing.assert_allclose(errors[[0, 1, 2, 20, 30]], [4.0, 0.0, 0.0, 1.0, 1.0], atol=1e-12)
    assert np.all(errors[3:10] == 0.0)


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
        (lambda: Isotropic(3, -1.0), "variance must be positive and finite, got -1"),
        (lambda: Isotropic(3, "a"), "variance must be a real number, got 'a'"),
        (lambda: Diagonal("a"), "variances must be real numbers"),
        (lambda: AR1(10, "a"), "rho must be a real number, got 'a'"),
        (lambda: Circulant("a"), "first_row must be real numbers"),
        (lambda: Dense("abc"), "matrix must be real numbers"),
        (lambda: Dense([[1.0, 2.0], [3.0]]), "matrix must be real numbers"),
        (lambda: Dense(np.eye(2) * (1.0 + 1e-3j)), "matrix must be real, but its entries are com"),
        (lambda: Blocks([3, 2], "a"), "correlations must be real numbers"),
        (lambda: Blocks([3, 2], 0.1, [1.0, 2.0, 3.0]), "variances must be a number or have shape"),
        (lambda: Spiked(Isotropic(3), "a", np.eye(3)[:, :1]), "strengths must be real numbers"),
        (lambda: Spiked(Isotropic(3), 1.0, "a"), "directions must be real numbers"),
        (lambda: Scaled(Isotropic(3), "a"), "scales must be real numbers"),
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


@pytest.mark.parametrize("shift", [1e-13, 1e-9, 1e-6, 1e-3])
def test_spikes_on_a_coordinate_without_noise_keep_their_digits(shift):
    # The sum is regular; Woodbury's difference over the base alone would lose all digits.
    u = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 2)))[0]
    for quiet in (0.0, 1e-9, 1e-5):
        model = Spiked(Diagonal(np.r_[quiet, np.ones(19)]), [1.0, 30.0], u)
        expected = np.linalg.inv(model.dense() + shift * np.eye(20))
        found = model.resolvent(shift)
        np.testing.assert_allclose(found.diagonal, np.diag(expected), rtol=1e-9)
        np.testing.assert_allclose(found.apply(np.eye(20)), expected, rtol=1e-8, atol=1e-10)
        squares = np.diag(expected @ expected)
        np.testing.assert_allclose(found.square_diagonal, squares, rtol=1e-7)


@pytest.mark.parametrize("size", [1e-80, 1e80])
def test_signals_at_a_shift_of_zero_follow_the_unit(size):
    plain = AR1(12, 0.5).resolvent(0.0).signal
    scaled = Scaled(AR1(12, 0.5), np.sqrt(size)).resolvent(0.0).signal
    np.testing.assert_allclose(scaled.diagonal, plain.diagonal, rtol=1e-12)
    np.testing.assert_allclose(scaled.sandwich * size, plain.sandwich, rtol=1e-12)
    np.testing.assert_allclose(scaled.spread(1.0) * size**2, plain.spread(1.0), rtol=1e-10)


def test_a_limit_without_functions_of_sigma_says_what_is_missing():
    with pytest.raises(TypeError, match="must define _function"):
        precision_diagonal(Scaled(AR1(12, 0.5), 1.0))


def test_a_resolvent_that_no_model_has_made_is_not_pickled():
    alone = Resolvent(1.0, 1.0, np.ones(2), lambda x: x, lambda b: b)
    with pytest.raises(TypeError, match="only if a covariance model has made it"):
        pickle.dumps(alone)
