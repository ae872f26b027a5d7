"""Rows of unequal scale: the plain theory when scales are equal, and simulation when not."""

import numpy as np
import pytest

from mssl.covariance import AR1, Isotropic
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory, elliptical_risk


@pytest.mark.parametrize("n_samples", [20, 90])
@pytest.mark.parametrize("ridge", [1e-3, 0.1, 3.0])
def test_equal_scales_give_the_theory_back(n_samples, ridge):
    covariance = AR1(40, 0.7)
    theory = SSRTheory(covariance, n_samples, ridge)
    found = elliptical_risk(covariance, n_samples, ridge, np.full(3, 2.0))
    assert found.t == pytest.approx(ridge / theory.kappa, rel=1e-9)
    for name in ("test_error_by_coordinate", "train_error_by_coordinate"):
        np.testing.assert_allclose(getattr(found, name), getattr(theory, name), rtol=1e-8)
    assert found.loo_error == pytest.approx(theory.loo_error, rel=1e-8)
    assert found.gcv_error == pytest.approx(theory.gcv_error, rel=1e-8)
    np.testing.assert_allclose(found.leverage_by_scale, theory.df1 / n_samples, rtol=1e-8)
    np.testing.assert_allclose(found.train_error_by_scale, theory.train_error, rtol=1e-8)


@pytest.mark.parametrize("n_samples", [50, 201])
def test_every_scale_has_its_own_leverage_and_training_error(n_samples):
    covariance, ridge, tau = AR1(100, 0.8), 0.2, np.array([0.05, 0.25, 2.7])
    rng, which, seen = np.random.default_rng(12), np.resize([0, 1, 2], n_samples), []
    for _ in range(30):
        x = covariance.sample(n_samples, rng) * np.sqrt(tau[which])[:, None]
        model = MaskedRegression(ridge=ridge).fit(x)
        squares = np.mean((x - x @ model.coef_) ** 2, axis=1)
        leverage = np.sum(
            (x @ np.linalg.inv(x.T @ x / n_samples + ridge * np.eye(100))) * x, axis=1
        )
        by_scale = [(squares[which == j].mean(), leverage[which == j].mean()) for j in range(3)]
        seen.append([*np.transpose(by_scale).ravel(), model.loo_error_, model.gcv_error_])
    mean, spread = np.mean(seen, axis=0), np.std(seen, axis=0, ddof=1) / np.sqrt(len(seen))
    found = elliptical_risk(covariance, n_samples, ridge, tau)
    predicted = np.array(
        [
            *found.train_error_by_scale,
            *found.leverage_by_scale * n_samples,
            found.loo_error,
            found.gcv_error,
        ]
    )
    assert np.mean(found.train_error_by_scale) == pytest.approx(found.train_error, rel=1e-12)
    assert found.gcv_error < found.test_error
    # Three standard errors, and the equivalent's own error of order 1/n.
    assert np.all(np.abs(mean - predicted) < 3 * spread + 3 * predicted / n_samples)


def test_unequal_scales_agree_with_simulation():
    covariance, n, ridge = AR1(100, 0.8), 200, 0.05
    tau = np.array([0.05, 0.25, 2.7])
    rng = np.random.default_rng(11)
    errors = []
    for _ in range(12):
        x = covariance.sample(n, rng) * np.sqrt(rng.choice(tau, n))[:, None]
        model = MaskedRegression(ridge=ridge).fit(x)
        left = np.eye(covariance.d) - model.coef_
        test = np.mean(np.sum(left * covariance.apply(left), axis=0))
        errors.append([test, model.train_error_])
    mean = np.mean(errors, axis=0)
    spread = np.std(errors, axis=0, ddof=1) / np.sqrt(len(errors))
    found = elliptical_risk(covariance, n, ridge, tau)
    predicted = np.array([found.test_error, found.train_error])
    # Three standard errors, and the deterministic equivalent's own error of order 1/n.
    assert np.all(np.abs(mean - predicted) < 3 * spread + predicted / n)
    # The theory of equal scales is far off here, so that agreement means something.
    plain = SSRTheory(covariance, n, ridge).test_error
    assert abs(plain - mean[0]) > 20 * spread[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.1, [1.0]), "n_samples"),
        ((9, 0.0, [1.0]), "ridge"),
        ((9, 0.1, [1.0, -1.0]), "scales"),
        ((9, "a", [1.0]), "ridge must be a real number"),
        ((9, 0.1, "a"), "scales must be real"),
    ],
)
def test_bad_unequal_scales(arguments, message):
    with pytest.raises(ValueError, match=message):
        elliptical_risk(Isotropic(5), *arguments)


def test_a_matrix_in_place_of_a_model():
    with pytest.raises(ValueError, match="wrap a matrix in Dense"):
        elliptical_risk(np.eye(5), 9, 0.1, [1.0])
