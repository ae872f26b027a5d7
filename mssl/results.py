"""The one kind of result that theory and simulation both return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["MaskedRisk", "Risk", "mean_and_error"]


def mean_and_error(outcomes: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean of independent outcomes, and its standard error.

    .. math:: \bar x = \frac1T \sum_t x_t, \qquad
              \sqrt{\frac{1}{T(T-1)} \sum_t (x_t - \bar x)^2}

    Parameters
    ----------
    outcomes : array-like of shape (n_outcomes, ...)
        At least two outcomes, of any shape.

    Returns
    -------
    mean, standard_error : ndarray
        Of the shape and in the unit of one outcome.
    """
    outcomes = np.asarray(outcomes, dtype=float)
    return outcomes.mean(axis=0), outcomes.std(axis=0, ddof=1) / np.sqrt(len(outcomes))


@dataclass(frozen=True, eq=False)
class Risk:
    r"""Errors of a masked regression, predicted or measured.

    .. math:: \mathcal E = \frac1d \sum_{k=1}^d \mathcal E_k

    Every error is a mean square, in the units of the data squared.

    Attributes
    ----------
    train_error, test_error, loo_error, gcv_error, bayes_error : float
        Mean over the coordinates: on the training rows, on fresh rows, by leave-one-out, by
        generalised cross-validation, and of the best linear predictor with Sigma known.
    coef_norm : float
        :math:`\frac1d\|\hat A\|_F^2`.
    train_error_by_coordinate, test_error_by_coordinate : ndarray of shape (n_features,)
        The same, coordinate by coordinate.
    bayes_error_by_coordinate : ndarray of shape (n_features,)
        :math:`1/(\Sigma^{-1})_{kk}`.
    standard_error : Risk or None
        For a measurement, the standard errors of all the above over its trials; None for theory.
    """

    train_error: float
    test_error: float
    loo_error: float
    gcv_error: float
    bayes_error: float
    coef_norm: float
    train_error_by_coordinate: np.ndarray
    test_error_by_coordinate: np.ndarray
    bayes_error_by_coordinate: np.ndarray
    standard_error: Risk | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class MaskedRisk(Risk):
    r"""Errors of a masked regression that was trained on masks of some rate p = 1 - q.

    The inherited errors are those on a hidden coordinate at that rate.

    Attributes
    ----------
    full_view_error : float
        Error of :math:`\hat A` when all other coordinates are visible.
    rescaled_error : float
        The same of :math:`q\hat A`.
    full_view_error_by_coordinate, rescaled_error_by_coordinate : ndarray of shape (n_features,)
        The same, coordinate by coordinate.
    """

    full_view_error: float
    rescaled_error: float
    full_view_error_by_coordinate: np.ndarray
    rescaled_error_by_coordinate: np.ndarray
