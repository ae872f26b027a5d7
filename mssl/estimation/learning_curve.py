r"""The error of a fit on few rows, foretold from the fit on many, with no covariance known.

A ridge on n rows acts like the larger ridge :math:`\kappa` on infinitely many. Two numbers of rows
with the same :math:`\kappa` have the same predictor in the mean and differ only in their spread
around it, which is known too:

.. math::

    \frac{\lambda}{\kappa} = 1 - \frac{\mathrm{df}_1}{n}, \qquad
    E(n, \lambda)\,\Big(1 - \frac{\mathrm{df}_2}n\Big) = V(\kappa) .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..regression import MaskedRegression
from ..validation import data_matrix, positive_integer, real_array

__all__ = ["LearningCurve", "learning_curve"]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    r"""What N rows say about fits on n rows.

    Attributes
    ----------
    n_samples : int
        n.
    ridges : ndarray of shape (n_ridges,)
        The ridges on n rows, in squared units of the data.
    matched_ridges : ndarray of shape (n_ridges,)
        The ridges on all N rows with the same :math:`\kappa`.
    test_errors : ndarray of shape (n_ridges,)
        Test error on n rows, from leave-one-out on all N, in squared units of the data.
    gcv_errors : ndarray of shape (n_ridges,)
        The same, from generalised cross-validation.
    df1, df2 : ndarray of shape (n_ridges,)
        Estimated degrees of freedom at that :math:`\kappa`.
    """

    n_samples: int
    ridges: np.ndarray
    matched_ridges: np.ndarray
    test_errors: np.ndarray
    gcv_errors: np.ndarray
    df1: np.ndarray
    df2: np.ndarray


def learning_curve(X, n_samples: int, ridges) -> LearningCurve:
    r"""Foretell the test error of masked regression on n of the N rows of X.

    .. math::

        \hat E(n, \lambda) = E^{\rm loo}_N(\mu)\,
        \frac{1 - \mathrm{df}_2/N}{1 - \mathrm{df}_2/n}, \qquad
        \frac{\mu}{1 - \mathrm{df}_1/N}\Big(1 - \frac{\mathrm{df}_1}n\Big) = \lambda

    with :math:`\mathrm{df}_1 = \mathrm{Tr}\,S(S + \mu)^{-1}` and
    :math:`\mathrm{df}_2 = N\,(1 - 1/\kappa'(\mu))` for
    :math:`\kappa(\mu) = \mu/(1 - \mathrm{df}_1(\mu)/N)`.

    Implements :theorem:`prop-learning-curve`.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        All N rows, more of them than features. Not centred here.
    n_samples : int
        n, from 2 to N.
    ridges : array-like of shape (n_ridges,)
        Positive, in squared units of X.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        If X is not finite or has no more rows than columns, n is not in its range or a ridge is
        not positive.

    Notes
    -----
    For Gaussian rows, and in general where the deterministic equivalent holds, the estimate is
    consistent as N, n and d grow together. Leave-one-out stays honest when rows differ in scale,
    the two degrees of freedom do not; for such rows it is an approximation.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((4000, 20))
    >>> curve = learning_curve(X, 40, [1.0])
    >>> from mssl.covariance import Isotropic
    >>> from mssl.theory import SSRTheory
    >>> bool(abs(curve.test_errors[0] / SSRTheory(Isotropic(20), 40, 1.0).test_error - 1) < 0.02)
    True
    """
    X = data_matrix(X, least=1)
    if X.shape[0] <= X.shape[1]:
        raise ValueError(f"X must have more rows than columns, got shape {X.shape}.")
    n, total = positive_integer(n_samples, "n_samples", minimum=2), len(X)
    if n > total:
        raise ValueError(f"n_samples is {n}, but X has only {total} rows to learn from.")
    ridges = np.atleast_1d(real_array(ridges, "ridges"))
    if ridges.ndim != 1 or not np.all(np.isfinite(ridges) & (ridges > 0)):
        raise ValueError(f"ridges must be positive and finite, got {ridges.tolist()}.")
    values = np.linalg.eigvalsh(X.T @ X / total)
    found = np.array([_match(values, total, n, ridge) for ridge in ridges])
    matched, df1, df2 = found.T
    models = [MaskedRegression(ridge=mu).fit(X) for mu in matched]
    factor = (1.0 - df2 / total) / (1.0 - df2 / n)
    return LearningCurve(
        n_samples=n,
        ridges=ridges,
        matched_ridges=matched,
        test_errors=factor * np.array([model.loo_error_ for model in models]),
        gcv_errors=factor * np.array([model.gcv_error_ for model in models]),
        df1=df1,
        df2=df2,
    )


def _match(values: np.ndarray, total: int, n: int, ridge: float) -> tuple[float, float, float]:
    """The ridge on all rows that feels like `ridge` on n, and both degrees of freedom there."""

    def df1(mu):
        return float(np.sum(values / (values + mu)))

    def gap(mu):
        return mu * (1.0 - df1(mu) / n) / (1.0 - df1(mu) / total) - ridge

    # n <= N makes the quotient at most 1, and df1 <= Tr S / mu bounds it from below.
    high = ridge + float(np.sum(values)) / n
    mu = ridge if n == total else brentq(gap, ridge, high, xtol=1e-15 * ridge, rtol=1e-12)
    one = df1(mu)
    slope = -float(np.sum(values / (values + mu) ** 2))
    room = 1.0 - one / total
    rate = 1.0 / room + mu * slope / total / room**2
    return mu, one, total * (1.0 - 1.0 / rate)
