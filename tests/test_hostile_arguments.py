"""Arguments that make no sense end in one sentence, before any work is done."""

import numpy as np
import pytest

from mssl.covariance import AR1, Diagonal, Isotropic, Spiked
from mssl.data import (
    RealTable,
    digits,
    held_out_error,
    image_patches,
    patch_covariance,
    patch_population,
    sample_patches,
    split_moment,
    split_rows,
)
from mssl.estimation import estimate_effective_ridge, estimate_risk
from mssl.masks import Bernoulli, Exactly
from mssl.regression import hidden_error
from mssl.simulation import (
    explicit_mask_moments,
    explicit_mask_regression,
    masked_risk_of,
    measure_diagonal_replacement,
    run_trials,
    simulate_eigenpairs,
    simulate_risk,
    simulate_spectrum,
)

WORLD = AR1(6, 0.5)
U = np.full((6, 1), 6**-0.5)
SPIKED = Spiked(Isotropic(6), 2.0, U)
X = np.random.default_rng(0).standard_normal((12, 6))
MOMENT = X.T @ X / 12
SILENT = Diagonal([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
ONCE = {"trials": 2, "rng": 0, "n_jobs": 1}


def table(rows=X, places=range(6), shape=(2, 3)):
    return RealTable("small", rows, places, shape, "made up", "none")


def eigenpairs(**options):
    chosen = {"directions": U, "method": "pca", **ONCE, **options}
    return simulate_eigenpairs(SPIKED, 8, **chosen)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: run_trials(3, 2, 0), "trial must be a function of a Generator, got int"),
        (lambda: run_trials(len, 2, 0, n_jobs=0), "n_jobs must be an integer other than 0"),
        (lambda: run_trials(len, 2, 0, n_jobs=True), "n_jobs must be an integer other than 0"),
        (lambda: run_trials(len, 2, 0, n_jobs=np.inf), "n_jobs must be an integer .* got inf"),
        (
            lambda: simulate_risk(WORLD, 8, 0.1, trials=2, rng=0, n_jobs=[2]),
            r"n_jobs must be an integer .* got \[2\]",
        ),
        (
            lambda: simulate_risk(WORLD, 8, 0.1, mask_rate=0.3, trials=2, rng=0, n_jobs="all"),
            "n_jobs must be an integer .* got 'all'",
        ),
        (lambda: explicit_mask_moments(X + 1j, 0.3, 2, 0), "X must be real"),
        (lambda: explicit_mask_moments(1e160 * X, 0.3, 2, 0), "squares of X overflow"),
        (
            lambda: explicit_mask_regression(1e160 * X, Exactly(2), 0.1, 2, 0),
            "squares of X overflow",
        ),
        (
            lambda: explicit_mask_regression(X, 0.3, 0.1, 2, 0),
            r"law of masks such as Bernoulli\(0.5\), got float",
        ),
        (
            lambda: explicit_mask_regression(X, Bernoulli, 0.1, 2, 0),
            "law must be a law of masks .* got ABCMeta",
        ),
        (lambda: explicit_mask_moments(X, 0.3, 2, 0).solve("a"), "ridge must be a real number"),
        (lambda: explicit_mask_moments(X, 0.3, 2, 0).solve(-1), "ridge must be finite and not"),
        (lambda: explicit_mask_moments(0 * X, 0.3, 2, 0).solve(0), "ridge = 0 are singular"),
        (lambda: masked_risk_of("a", WORLD, 0.3), "coef must be real numbers"),
        (lambda: masked_risk_of(np.full((6, 6), np.nan), WORLD, 0.3), "coef must be a finite"),
        (lambda: masked_risk_of(np.eye(5), WORLD, 0.3), r"of shape \(6, 6\), got shape \(5, 5\)"),
        (lambda: masked_risk_of(np.eye(6) + 0j, WORLD, 0.3), "coef must be real"),
        (
            lambda: measure_diagonal_replacement(SILENT, 8, 0.1, 0.3, **ONCE),
            "coordinates without variance",
        ),
        (lambda: hidden_error(np.eye(6) + 0j, MOMENT, Exactly(2)), "coef must be real"),
        (lambda: hidden_error(np.eye(6) * np.nan, MOMENT, Exactly(2)), "coef must be finite"),
        (lambda: eigenpairs(directions={}), "directions must be real numbers"),
        (lambda: eigenpairs(directions=U + 0j), "directions must be real"),
        (
            lambda: simulate_spectrum(SILENT, 8, method="correlation_pca", **ONCE),
            r"coordinates \[0\] have no variance .* leave them out",
        ),
        (lambda: table(rows="a"), "rows must be real numbers"),
        (lambda: table(rows=np.where(X > 1, np.nan, X)), "X must be finite"),
        (lambda: table(places=None), "places must hold the position of each column"),
        (lambda: table(places=range(5)), "places must hold the position of each column"),
        (lambda: table(places=np.arange(6) + 1), "whole number below 6"),
        (lambda: table(places=np.arange(6) - 1), "whole number below 6"),
        (lambda: table(shape=6), r"shape must be \(height, width\), got int"),
        (lambda: table(shape=(2, 0)), "each side of shape must be an integer"),
        (lambda: table().picture("a"), "values must be real numbers"),
        (lambda: table().picture(np.ones(5)), r"shape \(6,\), got \(5,\)"),
        (lambda: split_rows(X, 3, 3, 0), "world must be a RealTable .* got ndarray"),
        (lambda: split_moment("digits", 3, 0), "world must be a RealTable .* got str"),
        (lambda: held_out_error(None, MOMENT), "square matrices of one size"),
        (lambda: held_out_error(0.1, MOMENT), "square matrices of one size"),
        (lambda: held_out_error(np.eye(5), MOMENT), "square matrices of one size"),
        (lambda: held_out_error(np.eye(6), WORLD), "moment must be real numbers"),
        (lambda: held_out_error(np.eye(6) * np.nan, MOMENT), "must be finite"),
        (lambda: held_out_error(np.eye(6) + 0j, MOMENT), "coef must be real"),
        (lambda: digits([2]), "pool must be 1, 2, 4 or 7"),
        (lambda: digits(True), "pool must be 1, 2, 4 or 7"),
        (lambda: digits(2.0), "pool must be 1, 2, 4 or 7"),
        (lambda: patch_population([4]), "size must be an integer"),
        (lambda: patch_covariance(np.array([4])), "size must be an integer"),
        (lambda: image_patches({}), "size must be an integer"),
        (lambda: sample_patches(2, 0, size=[4]), "size must be an integer"),
    ],
)
def test_each_ends_in_a_sentence(act, message):
    with pytest.raises(ValueError, match=message) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_what_is_still_allowed():
    assert run_trials(lambda rng: 1, 3, 0, n_jobs=None) == [1, 1, 1]
    assert patch_population(np.int64(4)) is patch_population(4)
    own = table()
    assert own.shape == (2, 3)
    X_now = X.copy()
    own_rows = own.rows
    assert not own_rows.flags.writeable
    assert X.flags.writeable
    np.testing.assert_array_equal(own_rows, X_now)
    np.testing.assert_array_equal(own.picture(np.arange(6.0)), [[0, 1, 2], [3, 4, 5]])


def test_a_replaced_diagonal_does_not_see_the_size_of_the_penalty():
    """D is 1/ridge there, whose product over two coordinates underflows."""
    found = measure_diagonal_replacement(WORLD, 8, 1e300, 0.3, **ONCE)
    assert found.eigenvalue == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(found.error)


@pytest.mark.parametrize("read", [estimate_risk, estimate_effective_ridge])
def test_estimates_refuse_entries_under_a_mask(read):
    X = np.random.default_rng(0).normal(size=(20, 5))
    with pytest.raises(ValueError, match="masked array that hides"):
        read(np.ma.masked_greater(X, 1.0), 0.1)
