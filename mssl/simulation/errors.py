"""Measured errors: those of one fit, and those of one fit when many coordinates are hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np

from .._types import Seed
from ..covariance.base import Population
from ..regression import MaskedRegression
from ..results import MaskedRisk, Risk
from ..validation import covariance_model, mask_number, open_unit, real_copy
from .trials import average_over_trials

__all__ = ["masked_risk_of", "simulate_risk"]

Array = np.ndarray

NONE = np.array(np.nan)  # what is not measured


@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: float,
    *,
    mask_rate: None = None,
    n_masks: None = None,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> Risk: ...


@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: Iterable[float],
    *,
    mask_rate: None = None,
    n_masks: None = None,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> list[Risk]: ...


@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: float,
    *,
    mask_rate: float,
    n_masks: int | None = None,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> MaskedRisk: ...


@overload
def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: Iterable[float],
    *,
    mask_rate: float,
    n_masks: int | None = None,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> list[MaskedRisk]: ...


def simulate_risk(
    covariance: Population,
    n_samples: int,
    ridges: float | Iterable[float],
    *,
    mask_rate: float | None = None,
    n_masks: int | None = None,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> Risk | Sequence[Risk]:
    r"""Measure the errors of a masked regression.

    Each trial draws n rows, fits :class:`mssl.regression.MaskedRegression` at every ridge and
    records

    .. math::

        \mathcal E_k^{\rm train} = \frac1n\|(X - X\hat A)_{\cdot k}\|^2, \qquad
        \mathcal E_k^{\rm test} = \big[(I-\hat A)^\top \Sigma\,(I-\hat A)\big]_{kk} .

    At a mask rate p, with b_k column k of :math:`I - q\hat A` and V the diagonal of Sigma,

    .. math::

       \mathcal E_k^{\rm test} = b_k^\top\Sigma b_k + \tau\,(b_k^\top V b_k - V_{kk}), \qquad
       \mathcal E_k^{\rm rescaled} = b_k^\top\Sigma b_k, \qquad
       \mathcal E_k^{\rm full} = \big[(I - \hat A)^\top\Sigma\,(I - \hat A)\big]_{kk} .

    Parameters
    ----------
    covariance : Covariance
        Population model, or any object with its `sample`, `apply`, `resolvent` and `d`, and
        `diagonal` at a mask rate.
    n_samples : int
        Number of training rows n of a trial.
    ridges : float or iterable of float
        One ridge or several, in squared units of the rows, as errors are; all ridges of a trial see
        the same rows.
    mask_rate : float or None, default=None
        None, or 0, hides one coordinate at a time, the one predicted. A number in (0, 1) hides
        each with that probability.
    n_masks : int or None, default=None
        None averages over all masks in training. A number K draws K masks for each sample, the same
        at all ridges of a trial; the mask rate must then be positive.
    trials : int
        Number of trials, at least 2, as one gives no standard error.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    n_jobs : int, default=-1
        Trials at the same time; the result does not depend on it.
    progress : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    Risk or list of Risk
        Means over the trials, with `standard_error`; a list when `ridges` is one. At a mask rate
        each is a `MaskedRisk`.

    Raises
    ------
    ValueError
        If `covariance` lacks one of these, `n_samples` or `trials` is below 2, another number is
        out of its range, or the problem of a trial is singular (ridge 0 with too few rows).

    Notes
    -----
    The test error given the fitted matrix is exact, not an average over test rows or masks, so that
    the scatter between trials is that of the training rows alone.

    At a mask rate leave-one-out has no closed form, as the penalty holds diag(S): `loo_error` is
    the one with the penalty held at its value on all n rows, for the residual, plus the noise that
    hidden inputs add; `gcv_error` likewise. With `n_masks` the training error is that on the masks
    of the training, and the two are not measured: they are NaN.
    """
    rate = 0.0 if mask_rate is None else open_unit(mask_rate, "mask_rate", zero_allowed=True)
    drawn = mask_number(n_masks, rate)

    def measure(X: Array, ridge: float, bayes: Array, seed: int = 0) -> Risk:
        if drawn is not None:
            model = MaskedRegression(ridge, rate, drawn, seed).fit(X)
            return _masked_risk(model, covariance, bayes, {"loo_error": NONE, "gcv_error": NONE})
        if rate:
            return _measure_masked(covariance, X, ridge, rate, bayes)
        return _measure(covariance, X, ridge, bayes)

    return average_over_trials(
        measure,
        covariance,
        n_samples,
        ridges,
        trials=trials,
        rng=rng,
        mask_rate=rate,
        seeded=drawn is not None,
        n_jobs=n_jobs,
        progress=progress,
    )


def _measure(covariance, X, ridge, bayes) -> Risk:
    """All errors of one fit."""
    model = MaskedRegression(ridge=ridge).fit(X)
    residual_map = np.eye(covariance.d) - model.coef_
    test = np.einsum("ij,ij->j", residual_map, covariance.apply(residual_map))
    return Risk(
        train_error=model.train_error_,
        test_error=float(np.mean(test)),
        loo_error=model.loo_error_,
        gcv_error=model.gcv_error_,
        bayes_error=float(np.mean(bayes)),
        coef_norm=float(np.sum(model.coef_**2) / covariance.d),
        train_error_by_coordinate=model.train_error_by_feature_,
        test_error_by_coordinate=test,
        bayes_error_by_coordinate=bayes,
    )


def masked_risk_of(coef: Array, covariance: Population, mask_rate: float) -> dict[str, Array]:
    """Exact test errors by coordinate of a given predictor, under independent masks.

    Their formulas are those of :func:`simulate_risk` at a mask rate.

    Parameters
    ----------
    coef : ndarray of shape (n_features, n_features)
        A; column k predicts coordinate k, the diagonal is 0.
    covariance : Covariance
        Population model.
    mask_rate : float
        p of the training and of the test, in (0, 1).

    Returns
    -------
    dict
        "test_error", "full_view_error" and "rescaled_error", each of shape (n_features,) and in
        squared units of the rows.

    Raises
    ------
    ValueError
        If `coef` is not a finite, real matrix of the size of the model, `covariance` is no
        population, or the rate is not in (0, 1).
    """
    rate = open_unit(mask_rate, "mask_rate")
    covariance_model(covariance, needs=("apply", "diagonal"))
    coef, keep = real_copy(coef, "coef"), 1.0 - rate
    if coef.shape != (covariance.d,) * 2 or not np.isfinite(coef).all():
        raise ValueError(
            f"coef must be a finite matrix of shape {(covariance.d,) * 2}, got shape {coef.shape}."
        )
    inputs = covariance.apply(coef)
    square = np.einsum("jk,jk->k", coef, inputs)
    linear, variances = inputs.diagonal(), covariance.diagonal()
    noise = np.einsum("j,jk->k", variances, coef * coef)
    rescaled = variances - 2.0 * keep * linear + keep**2 * square
    return {
        "test_error": rescaled + keep * rate * noise,
        "full_view_error": variances - 2.0 * linear + square,
        "rescaled_error": rescaled,
    }


def _measure_masked(covariance, X, ridge, rate, bayes) -> MaskedRisk:
    """All errors of one fit."""
    n, keep = len(X), 1.0 - rate
    model = MaskedRegression(ridge, rate).fit(X)
    residuals = X - keep * (X @ model.coef_)
    g = np.einsum("ik,ik,k->i", X, residuals, model.D_)
    room = 1.0 - g[:, None] / n + residuals**2 * model.D_ / n
    fitted = np.mean(residuals**2, axis=0)
    noise = model.train_error_by_feature_ - fitted
    left_out = {
        "loo_error": np.mean((residuals / room) ** 2, axis=0) + noise,
        "gcv_error": fitted / np.mean(room, axis=0) ** 2 + noise,
    }
    return _masked_risk(model, covariance, bayes, left_out)


def _masked_risk(model, covariance, bayes, left_out: dict[str, Array]) -> MaskedRisk:
    """All errors of a fitted model, to which come those of leaving out."""
    values: dict[str, Array] = {
        "train_error": model.train_error_by_feature_,
        "bayes_error": bayes,
        **masked_risk_of(model.coef_, covariance, model.mask_rate),
    }
    by_coordinate: dict[str, Any] = {f"{k}_by_coordinate": v for k, v in values.items()}
    means: dict[str, Any] = {k: float(np.mean(v)) for k, v in (values | left_out).items()}
    return MaskedRisk(
        coef_norm=float(np.sum(model.coef_**2) / covariance.d), **means, **by_coordinate
    )
