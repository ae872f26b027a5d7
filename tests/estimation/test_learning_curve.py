"""The error on fewer rows, foretold from the fit on many."""

import numpy as np
import pytest

from mssl.estimation import learning_curve
from mssl.regression import MaskedRegression


def centred_rows(n, d):
    rows = np.random.default_rng(0).standard_t(4, size=(n, d))
    return rows - rows.mean(axis=0)


def test_all_rows_foretell_themselves():
    X = centred_rows(80, 6)
    curve = learning_curve(X, 80, [0.1, 1.0])
    np.testing.assert_allclose(curve.matched_ridges, [0.1, 1.0])
    expected = [MaskedRegression(r).fit(X).loo_error_ for r in (0.1, 1.0)]
    np.testing.assert_allclose(curve.test_errors, expected, rtol=1e-12)


@pytest.mark.parametrize("n", [5, 30, 79])
def test_the_matched_ridge_solves_its_equation(n):
    X = centred_rows(80, 12)
    curve = learning_curve(X, n, [1e-3, 0.3])
    S = X.T @ X / 80
    for k, mu in enumerate(curve.matched_ridges):
        one = np.trace(S @ np.linalg.inv(S + mu * np.eye(12)))
        assert curve.df1[k] == pytest.approx(one)
        found = mu / (1 - one / 80) * (1 - one / n)
        assert found == pytest.approx(curve.ridges[k], rel=1e-6)

        def kappa(m):
            return m / (1 - np.trace(S @ np.linalg.inv(S + m * np.eye(12))) / 80)

        step = 1e-5 * mu
        rate = (kappa(mu + step) - kappa(mu - step)) / (2 * step)
        assert curve.df2[k] == pytest.approx(80 * (1 - 1 / rate), rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "n", "ridges", "message"),
    [
        (np.ones((3, 3)), 2, [1.0], "more rows than columns"),
        (np.eye(4)[:, :2], 5, [1.0], "only 4 rows"),
        (np.eye(4)[:, :2], 3, [0.0], "ridges must be positive"),
        (np.eye(4)[:, :2], 1, [1.0], "n_samples"),
        (np.where(np.eye(4) == 1, np.nan, 1.0)[:, :2], 3, [1.0], r"rows \[0, 1\] hold NaN"),
        (np.eye(4)[:, :2], 3, "a", "ridges must be real numbers"),
    ],
)
def test_bad_curves(rows, n, ridges, message):
    with pytest.raises(ValueError, match=message):
        learning_curve(rows, n, ridges)
