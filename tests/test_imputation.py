"""Holes in every form in which they come, and the imputer as an estimator of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from mssl import MaskedImputer
from mssl.imputation import conditional_fill, expected_moments, punch_holes, single_fill


@pytest.fixture(scope="module")
def tables():
    """Rows of one common factor, and the same with holes all over."""
    rng = np.random.default_rng(11)
    full = rng.standard_normal((60, 1)) + 0.5 * rng.standard_normal((60, 5))
    holed = punch_holes(full, 0.1, rng)
    assert 10 < np.isnan(holed).any(axis=1).sum() < 50
    return full, holed


@pytest.mark.filterwarnings("ignore:the best ridge:UserWarning")
@parametrize_with_checks(
    [
        MaskedImputer(),
        MaskedImputer(ridges=0.1, center=False),
        MaskedImputer(ridges=0.1, rounds=3),
    ]
)
def test_scikit_learn_suite(estimator, check):
    check(estimator)


# Holes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [0, 4])
@pytest.mark.parametrize("under", [1e6, np.nan, np.inf, 0.0])
def test_what_a_mask_hides_is_a_hole(tables, rounds, under):
    _, holed = tables
    hidden = np.isnan(holed)
    masked = np.ma.masked_array(np.where(hidden, under, holed), hidden)
    imputer, plain = (MaskedImputer(ridges=0.1, rounds=rounds) for _ in range(2))
    filled = imputer.fit_transform(masked)
    assert_array_equal(filled, plain.fit_transform(holed))
    assert not isinstance(filled, np.ma.MaskedArray)
    assert imputer.n_complete_ == np.sum(~hidden.any(axis=1))
    assert_array_equal(plain.transform(masked), filled)


def test_the_functions_take_masks_as_well(tables):
    _, holed = tables
    masked = np.ma.masked_array(np.where(np.isnan(holed), 1e6, holed), np.isnan(holed))
    q = MaskedImputer(ridges=0.1).fit(holed).precision_
    for function in (conditional_fill, single_fill, expected_moments):
        for ours, expected in zip(function(masked, q), function(holed, q), strict=True):
            assert_array_equal(ours, expected)
    assert_array_equal(np.isnan(punch_holes(masked, 1e-9, 0)), np.isnan(holed))


@pytest.mark.parametrize("kind", ["int", "uint8", "bool", "float32", "object", "no mask"])
def test_masked_arrays_of_any_numbers(tables, kind):
    full, holed = tables
    hidden = np.isnan(holed)
    values = np.round(10 * np.abs(full)).astype(float if kind == "no mask" else kind)
    masked = np.ma.masked_array(values, False if kind == "no mask" else hidden)
    expected = np.where(np.ma.getmaskarray(masked), np.nan, values.astype(float))
    ours = MaskedImputer(ridges=0.1).fit_transform(masked)
    assert_array_equal(ours, MaskedImputer(ridges=0.1).fit_transform(expected))


@pytest.mark.parametrize("kind", ["float", "nullable", "object NA", "object None", "array None"])
def test_missing_values_of_pandas_are_holes(tables, kind):
    _, holed = tables
    frame = pd.DataFrame(holed, columns=list("abcde"))
    given = {
        "float": frame,
        "nullable": frame.convert_dtypes(),
        "object NA": frame.astype(object).where(frame.notna(), pd.NA),
        "object None": frame.astype(object).where(frame.notna(), None),
        "array None": np.where(np.isnan(holed), None, holed),
    }[kind]
    imputer = MaskedImputer(ridges=0.1).fit(given)
    assert_array_equal(imputer.transform(given), MaskedImputer(ridges=0.1).fit_transform(holed))
    assert hasattr(imputer, "feature_names_in_") == (kind != "array None")


# Sentences --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda X: MaskedImputer(ridges=0.1).fit(X[:1]), "1 sample"),
        (lambda X: MaskedImputer(ridges=0.1, rounds=2).fit(X[:1]), "1 sample"),
        (lambda X: MaskedImputer(ridges=0.1, rounds=2).fit(1e160 * X), "overflow"),
        (lambda X: conditional_fill(X + 1j, np.eye(5)), "complex"),
        (lambda X: conditional_fill(X, np.eye(5) + 1j), "complex"),
        (lambda X: conditional_fill(X, np.ma.masked_equal(np.eye(5), 0.0)), "under a mask"),
        (lambda X: conditional_fill(1e200 * X, np.full((5, 5), 1e200)), "overflow"),
        (lambda X: single_fill(1e200 * X, np.full((5, 5), 1e200)), "overflow"),
        (lambda X: expected_moments(1e160 * X, np.eye(5)), "overflow"),
        (lambda X: expected_moments(X[:0], np.eye(5)), "at least one row"),
        (lambda X: conditional_fill(X, -np.eye(5)), "not positive definite on row"),
    ],
)
def test_bad_requests_end_in_a_sentence(tables, act, message):
    holed = tables[1].copy()
    holed[np.arange(60), np.arange(60) % 5] = np.nan
    with pytest.raises(ValueError, match=message):
        act(holed)


def test_rounds_refuse_moments_that_they_cannot_invert(tables):
    full, _ = tables
    table = np.vstack([full, 1e10 * full[:1]])
    table[-1, 2] = np.nan
    with pytest.raises(ValueError, match=r"moments plus ridge = .* are singular to"):
        MaskedImputer(ridges=0.1, rounds=2).fit(table)


def test_rounds_reach_the_best_of_a_constant_column():
    """Its variance is v = r + m v, the ridge and what its missing share m may be."""
    rng = np.random.default_rng(3)
    X = np.c_[rng.standard_normal((40, 3)), np.full(40, 2.0)]
    X[np.arange(40), np.arange(40) % 4] = np.nan
    imputer = MaskedImputer(ridges=1e-3, rounds=200).fit(X)
    assert_allclose(imputer.precision_[3, 3], (1.0 - 10 / 40) / 1e-3, rtol=1e-9)
    assert_allclose(imputer.transform(X)[:, 3], 2.0, rtol=1e-9)
