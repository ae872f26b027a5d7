r"""What a computer experiment sees when many coordinates are hidden.

Two experiments: the closed form on random rows, which has the mean over all masks in it, and
training on masks that are really drawn, which has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigvalsh

from .._types import Seed
from ..covariance.base import Population
from ..masks import Bernoulli, MaskLaw
from ..regression import MaskedRegression
from ..results import MaskedRisk, mean_and_error
from ..validation import (
    as_generator,
    covariance_model,
    data_matrix,
    non_negative,
    open_unit,
    positive_integer,
    real_copy,
)
from .trials import average_over_trials, run_trials

__all__ = [
    "MaskedMoments",
    "MeasuredReplacement",
    "explicit_mask_moments",
    "explicit_mask_regression",
    "masked_risk_of",
    "measure_diagonal_replacement",
    "simulate_masked_risk",
]

Array = np.ndarray

# Floats in one stack of masked Gram matrices, and in one block of masked rows.
STACK, ROWS = 1 << 24, 1 << 21


# The closed form on random rows ----------------------------------------------------------------


@overload
def simulate_masked_risk(
    covariance: Population,
    n_samples: int,
    ridges: float,
    mask_rate: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> MaskedRisk: ...
@overload
def simulate_masked_risk(
    covariance: Population,
    n_samples: int,
    ridges: Iterable[float],
    mask_rate: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> list[MaskedRisk]: ...
def simulate_masked_risk(
    covariance: Population,
    n_samples: int,
    ridges: float | Iterable[float],
    mask_rate: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> MaskedRisk | list[MaskedRisk]:
    r"""Measure the errors of a masked regression with many coordinates hidden.

    With b_k column k of :math:`I - q\hat A` and V the diagonal of Sigma,

    .. math::

       \mathcal E_k^{\rm test} = b_k^\top\Sigma b_k + \tau\,(b_k^\top V b_k - V_{kk}), \qquad
       \mathcal E_k^{\rm rescaled} = b_k^\top\Sigma b_k, \qquad
       \mathcal E_k^{\rm full} = \big[(I - \hat A)^\top\Sigma\,(I - \hat A)\big]_{kk} .

    Parameters
    ----------
    covariance : Covariance
        Population model, or any object with its `sample`, `apply`, `diagonal`, `resolvent`, `d`.
    n_samples : int
        Number of training rows n of a trial.
    ridges : float or iterable of float
        One ridge or several; all ridges of a trial see the same rows.
    mask_rate : float
        p in (0, 1).
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
    MaskedRisk or list of MaskedRisk
        Means over the trials, with `standard_error`; a list when `ridges` is one.

    Notes
    -----
    Errors on masks are exact means over all masks. Leave-one-out has no closed form here, as the
    penalty holds diag(S): `loo_error` is the one with the penalty held at its value on all n rows,
    for the residual, plus the noise that hidden inputs add; `gcv_error` likewise.
    """
    rate = open_unit(mask_rate, "mask_rate")
    return average_over_trials(
        lambda X, ridge, bayes: _measure(covariance, X, ridge, rate, bayes),
        covariance,
        n_samples,
        ridges,
        trials=trials,
        rng=rng,
        mask_rate=rate,
        n_jobs=n_jobs,
        progress=progress,
    )


def masked_risk_of(coef: Array, covariance: Population, mask_rate: float) -> dict[str, Array]:
    """Exact test errors by coordinate of a given predictor, under independent masks.

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
        "test_error", "full_view_error" and "rescaled_error", each of shape (n_features,).
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


def _measure(covariance, X, ridge, rate, bayes) -> MaskedRisk:
    """All errors of one fit."""
    n, keep = len(X), 1.0 - rate
    model = MaskedRegression(ridge, rate).fit(X)
    errors = masked_risk_of(model.coef_, covariance, rate)
    residuals = X - keep * (X @ model.coef_)
    g = np.einsum("ik,ik,k->i", X, residuals, model.D_)
    room = 1.0 - g[:, None] / n + residuals**2 * model.D_ / n
    train = model.train_error_by_feature_
    fitted = np.mean(residuals**2, axis=0)
    noise = train - fitted
    values: dict[str, Array] = {
        "train_error": train,
        "loo_error": np.mean((residuals / room) ** 2, axis=0) + noise,
        "gcv_error": fitted / np.mean(room, axis=0) ** 2 + noise,
        "bayes_error": bayes,
        **errors,
    }
    only_means = {"loo_error", "gcv_error"}
    by_coordinate: dict[str, Any] = {
        f"{k}_by_coordinate": v for k, v in values.items() if k not in only_means
    }
    means: dict[str, Any] = {name: float(np.mean(value)) for name, value in values.items()}
    return MaskedRisk(
        coef_norm=float(np.sum(model.coef_**2) / covariance.d), **means, **by_coordinate
    )


# Training on masks that are drawn --------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class MaskedMoments:
    r"""What training on explicit independent masks needs of data and masks.

    .. math:: G = \frac1{nM}\sum_{i,m} z_{im}z_{im}^\top, \qquad
              C = \frac1{nM}\sum_{i,m} z_{im}x_i^\top, \qquad z_{im} = x_i \circ m_{im}

    Attributes
    ----------
    gram, cross : ndarray of shape (n_features, n_features)
        G and C.
    n_masks : int
        M, the masks drawn for each sample.
    """

    gram: Array
    cross: Array
    n_masks: int

    def __add__(self, other: MaskedMoments) -> MaskedMoments:
        """The moments of both sets of masks together."""
        total = self.n_masks + other.n_masks
        own, theirs = self.n_masks / total, other.n_masks / total
        return MaskedMoments(
            own * self.gram + theirs * other.gram, own * self.cross + theirs * other.cross, total
        )

    def solve(self, ridge: float) -> Array:
        r"""The matrix with diagonal 0 that minimises the mean loss plus the penalty.

        .. math:: A = HC_0 - H\,\mathrm{diag}(HC_0)\,\mathrm{diag}(H)^{-1}, \qquad
                  H = (G + \lambda)^{-1}, \quad C_0 = C - \mathrm{diag}(C)

        Column k is the solution of the system without row and column k.
        """
        d, ridge = len(self.gram), non_negative(ridge, "ridge")
        try:
            H = cho_solve(cho_factor(self.gram + ridge * np.eye(d), lower=True), np.eye(d))
        except np.linalg.LinAlgError:
            raise ValueError(
                f"the moments of the masked rows plus ridge = {ridge:g} are singular; use a larger "
                "ridge, or more rows or masks."
            ) from None
        cross = self.cross.copy()
        np.fill_diagonal(cross, 0.0)
        A = H @ cross
        A -= H * (A.diagonal() / H.diagonal())
        np.fill_diagonal(A, 0.0)
        return A


def _rows(X):
    """X as a finite real matrix whose squares are finite, or raise ValueError."""
    X = data_matrix(real_copy(X, "X"), 1)
    if np.abs(X).max() > np.sqrt(np.finfo(float).max / X.size):
        raise ValueError("the squares of X overflow; rescale X to values of moderate size.")
    return X


def explicit_mask_moments(X: Array, rate: float, n_masks: int, rng) -> MaskedMoments:
    """Accumulate the moments of M independent masks for each row.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    rate : float
        Mask rate p in (0, 1).
    n_masks : int
        M.
    rng : numpy.random.Generator or int
        Source of the masks, or its seed.

    Returns
    -------
    MaskedMoments

    Notes
    -----
    Independent masks say nothing about coordinate k once its own mask is taken out. So every mask
    serves every target, hidden or not, as long as x_k is not an input to its own prediction, and
    one d x d matrix is enough. Masked rows exist in blocks only.
    """
    X, law = _rows(X), Bernoulli(rate)
    n_masks, rng = positive_integer(n_masks, "n_masks"), as_generator(rng)
    n, d = X.shape
    gram, seen = np.zeros((d, d)), np.zeros((n, d))
    step = max(1, ROWS // (n * d))
    for start in range(0, n_masks, step):
        count = min(step, n_masks - start)
        visible = law.sample(n * count, d, rng).reshape(count, n, d)
        seen += visible.sum(axis=0)
        rows = (X * visible).reshape(-1, d)
        gram += rows.T @ rows
    return MaskedMoments(gram / (n * n_masks), (X * seen).T @ X / (n * n_masks), n_masks)


def explicit_mask_regression(X: Array, law: MaskLaw, ridge: float, n_masks: int, rng) -> Array:
    r"""Train on masks that are drawn, M for each sample, counting hidden targets only.

    .. math:: a_k = \arg\min_a \frac{1}{N_k}\sum_{(i,m):\,m_k = 0}
              \big(x_{ik} - (x_i \circ m_{im})^\top a\big)^2 + \lambda\|a\|^2

    with :math:`N_k` the number of pairs of a sample and a mask that hide k.

    Implements :theorem:`prop-mask-explicit`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    law : MaskLaw
        What is hidden.
    ridge : float
        :math:`\lambda \ge 0`.
    n_masks : int
        M.
    rng : numpy.random.Generator or int
        Source of the masks, or its seed.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Its distance to :func:`mssl.regression.best_predictor` of the same law falls as
        :math:`M^{-1/2}`.

    Notes
    -----
    Each target has a Gram matrix of its own. They are made for some targets at a time, and the
    same masks are drawn again for the next ones, so that memory stays bounded; the cost is about
    :math:`nMd^3` times the fraction that is hidden. For independent masks and many coordinates,
    :func:`explicit_mask_moments` has the same limit at a d-th of the cost.
    """
    X, ridge = _rows(X), non_negative(ridge, "ridge")
    if not isinstance(law, MaskLaw):
        raise ValueError(
            f"law must be a law of masks such as Bernoulli(0.5), got {type(law).__name__}."
        )
    n, d = X.shape
    law.check(d)
    n_masks, rng = positive_integer(n_masks, "n_masks"), as_generator(rng)
    A = np.zeros((d, d))
    group = max(1, STACK // d**2)
    for start in range(0, d, group):
        targets = np.arange(start, min(start + group, d))
        replay = rng if targets[-1] == d - 1 else deepcopy(rng)
        gram, cross = np.zeros((targets.size, d, d)), np.zeros((targets.size, d))
        counts = np.zeros(targets.size)
        for _ in range(n_masks):
            visible = law.sample(n, d, replay)
            for t, k in enumerate(targets):
                hidden = ~visible[:, k]
                z = X[hidden] * visible[hidden]
                gram[t] += z.T @ z
                cross[t] += z.T @ X[hidden, k]
                counts[t] += len(z)
        for t, k in enumerate(targets):
            if counts[t] == 0:
                raise ValueError(f"no mask hides coordinate {k}; use a larger n_masks.")
            seen = gram[t].diagonal() > 0.0
            matrix = gram[t][np.ix_(seen, seen)] / counts[t] + ridge * np.eye(int(seen.sum()))
            try:
                A[seen, k] = np.linalg.solve(matrix, cross[t][seen] / counts[t])
            except np.linalg.LinAlgError:
                raise ValueError(
                    f"the masked samples leave the problem for coordinate {k} singular; "
                    "use a larger ridge or n_masks."
                ) from None
    return A


# diag(S) for diag(Sigma) -----------------------------------------------------------------------


@dataclass(frozen=True)
class MeasuredReplacement:
    """Effects of diag(Sigma) for diag(S) in the masks' penalty; largest or mean over the trials.

    Attributes
    ----------
    variance, penalty, eigenvalue, coefficient : float
        Largest values of what :class:`mssl.theory.DiagonalReplacement` bounds.
    error : float
        Mean over the trials of the test error at the training rate with diag(S), over that with
        diag(Sigma), minus 1.
    error_standard_error : float
        Its standard error.
    """

    variance: float
    penalty: float
    eigenvalue: float
    coefficient: float
    error: float
    error_standard_error: float


def measure_diagonal_replacement(
    covariance: Population,
    n_samples: int,
    ridge: float,
    mask_rate: float,
    *,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
) -> MeasuredReplacement:
    """Fit with diag(S) and with diag(Sigma) on the same rows, and compare.

    Implements :theorem:`lem-mask-diagonal`.

    Parameters
    ----------
    covariance : Covariance
        Population model.
    n_samples : int
        Number of training rows of a trial.
    ridge : float
        Not negative.
    mask_rate : float
        p in (0, 1).
    trials : int
        Number of trials, at least 2.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    n_jobs : int, default=-1
        Trials at the same time.

    Returns
    -------
    MeasuredReplacement
    """
    covariance_model(covariance, needs=("sample", "apply", "diagonal"))
    n = positive_integer(n_samples, "n_samples")
    trials = positive_integer(trials, "trials", minimum=2)
    ridge, rate = non_negative(ridge, "ridge"), open_unit(mask_rate, "mask_rate")
    keep, variances, eye = 1.0 - rate, covariance.diagonal(), np.eye(covariance.d)
    if not np.all(variances > 0):
        raise ValueError("covariance must not have coordinates without variance.")
    tau = rate / keep

    def trial(generator):
        X = covariance.sample(n, generator)
        S = X.T @ X / n
        fits = []
        for diagonal in (S.diagonal(), variances):
            penalty = tau * diagonal + ridge / keep**2
            Q = cho_solve(cho_factor(S + np.diag(penalty), lower=True), eye)
            D = Q.diagonal()
            nu = eigvalsh(Q / np.sqrt(D) / np.sqrt(D)[:, None])
            error = np.mean(masked_risk_of((eye - Q / D) / keep, covariance, rate)["test_error"])
            fits.append((penalty, Q, D, nu, error))
        (penalty, Q, D, nu, error), (penalty0, Q0, D0, nu0, error0) = fits
        root = np.sqrt(D0)
        change = (Q / D - Q0 / D0) * (root / root[:, None])
        return (
            np.max(np.abs(S.diagonal() / variances - 1.0)),
            np.max(np.abs(penalty / penalty0 - 1.0)),
            np.max(np.abs(nu / nu0 - 1.0)),
            np.linalg.norm(change, 2) / nu0[-1],
            error / error0 - 1.0,
        )

    outcomes = np.array(run_trials(trial, trials, rng, n_jobs=n_jobs))
    largest = outcomes[:, :4].max(axis=0)
    return MeasuredReplacement(*map(float, (*largest, *mean_and_error(outcomes[:, 4]))))
