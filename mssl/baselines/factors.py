"""Factor analysis: loadings and a noise of its own for each feature, by maximum likelihood."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr, svd
from scipy.optimize import minimize

from ..exceptions import ConvergenceError
from ..validation import first_few, open_unit, positive, positive_integer

_LEAST_NOISE = 1e-9  # share of the variance
_STATIONARY = 1e-5  # slope of the deviance of a row in the logarithm of a variance
_FAINTEST = 1e-12  # share of the variance that is told from none
_NEAR, _NEWTON_STEPS = 1e-3, 5
_RESTARTS = 5
_WARM_STEPS = 20  # of the plain iteration, before the quasi-Newton one


class _Deviance:
    r"""-2/n log likelihood of the best loadings, as a function of the noise of standardised data.

    .. math:: \sum_k \log\psi_k + \sum_{j \le r} (\log\theta_j + 1) + \sum_{j > r} \theta_j

    with :math:`\theta_j`, in falling order, the eigenvalues of
    :math:`\psi^{-1/2} C \psi^{-1/2}`, C the correlation matrix. Where one of the first r is
    below 1 its factor is absent, and it counts as the rest do.
    """

    def __init__(self, standardized, rank):
        # Of the rows only their correlations matter, which the triangular factor has as well.
        tall = len(standardized) > standardized.shape[1]
        self.rows = qr(standardized, mode="r")[0] if tall else standardized
        self.rows = self.rows[: standardized.shape[1]]
        self.rank = rank

    def decompose(self, noise, *, full=False):
        """Eigenvalues, the largest first, and eigenvectors in rows; those of 0 only if full."""
        _, values, v = svd(self.rows / np.sqrt(noise), full_matrices=full)
        return values**2, v

    def __call__(self, noise):
        """The value, and its derivatives in the logarithms of the noise."""
        values, v = self.decompose(noise)
        top = values[: self.rank]
        share = np.where(top > 1.0, np.log(np.maximum(top, 1.0)) + 1.0, top)
        value = np.sum(np.log(noise)) + np.sum(share) + np.sum(values[self.rank :])
        # The diagonal of what the factors leave over, without the difference of large numbers.
        left = np.concatenate([np.minimum(top, 1.0), values[self.rank :]])
        return value, 1.0 - left @ v**2

    def curvature(self, noise):
        """Second derivatives in the logarithms of the noise, away from ties of eigenvalues."""
        values, v = self.decompose(noise, full=True)
        values = np.pad(values, (0, len(v) - len(values)))
        matrix = np.diag(values @ v**2)
        for j in np.flatnonzero(values[: self.rank] > 1.0):
            others = np.arange(len(v)) != j
            turn = np.zeros(len(v))
            turn[others] = (values[j] + values[others]) / (values[j] - values[others])
            own = np.outer(v[j], v[j])
            matrix -= values[j] * own**2 + (values[j] - 1.0) * own * ((v.T * turn) @ v)
        return matrix

    def plain_step(self, noise):
        """The noise that the loadings for the given one leave over, as in the EM algorithm."""
        values, v = self.decompose(noise)
        loadings = np.maximum(values[: self.rank] - 1.0, 0.0) @ v[: self.rank] ** 2
        return 1.0 - noise * loadings

    def starts(self, least):
        """Two starts: the first steps from equal noise, and what the other columns explain."""
        d = self.rows.shape[1]
        equal = np.ones(d)
        for _ in range(_WARM_STEPS):
            equal = np.clip(self.plain_step(equal), least, 1.0)
        inverse = np.linalg.inv(self.rows.T @ self.rows + 0.01 * np.eye(d))
        partial = (1.0 - 0.5 * self.rank / d) / np.diagonal(inverse)
        return equal, np.clip(partial, least, 1.0)


def factor_model(X, rank, max_iter, tol, least_noise):
    """Scales of the columns, shares of noise, the first eigenvalues and all eigenvectors.

    The eigenvectors, in rows, are those of the correlation matrix of X in weighted coordinates.
    `rank`, `max_iter`, `tol`, `least_noise`, ValueError and ConvergenceError are those of
    :func:`factor_precision`.
    """
    max_iter, tol = positive_integer(max_iter, "max_iter"), positive(tol, "tol")
    if open_unit(least_noise, "least_noise") < _FAINTEST:
        raise ValueError(
            f"least_noise must be at least {_FAINTEST:g}, as rounding hides less, got "
            f"{least_noise:g}."
        )
    constant = np.flatnonzero(X.max(axis=0) == X.min(axis=0))
    if constant.size:
        raise ValueError(
            "every column of X must vary for factor analysis, but columns "
            f"{first_few(constant)} are constant; leave them out."
        )
    peaks = np.abs(X).max(axis=0)
    X = X / peaks - np.mean(X / peaks, axis=0)
    spreads = np.sqrt(np.mean(X * X, axis=0))
    scales, deviance = peaks * spreads, _Deviance(X / spreads / np.sqrt(len(X)), rank)
    tried = [
        _least_deviance(deviance, s, max_iter, tol, least_noise)
        for s in deviance.starts(least_noise)
    ]
    noise = min(tried, key=lambda found: found[0])[1]
    values, v = deviance.decompose(noise, full=True)
    values = np.maximum(values[:rank], 1.0)
    _require_bounded(noise, values, v[:rank], least_noise)
    return scales, noise, values, v


def _require_bounded(noise, values, v, least_noise):
    """Refuse columns that the factors explain alone although they depend on one another."""
    silent = noise <= 1.01 * least_noise
    if not silent.any():
        return
    loadings = (v * np.sqrt(values - 1.0)[:, None] * np.sqrt(noise)).T[silent]
    covariance = loadings @ loadings.T + np.diag(noise[silent])
    if np.linalg.eigvalsh(covariance)[0] <= 10.0 * least_noise:
        raise ValueError(
            f"rank = {len(values)} leaves columns {first_few(np.flatnonzero(silent))} of X no more "
            f"noise than least_noise = {least_noise:g} of their variance, and these columns "
            "determine one another, so that the likelihood grows without bound as their noise "
            "falls; lower the rank, or leave out columns that others determine."
        )


def _least_deviance(deviance, start, max_iter, tol, least_noise):
    """A minimum, as (value, noise), from a start; in roots of the noise, where 0 is no cliff."""

    def of_roots(roots):
        value, slopes = deviance(roots**2)
        return value, 2.0 * slopes / roots

    noise, left = start, max_iter
    for _ in range(_RESTARTS):  # a line search may end early where two eigenvalues change places
        found = minimize(
            of_roots,
            np.sqrt(noise),
            jac=True,
            method="L-BFGS-B",
            bounds=[(np.sqrt(least_noise), 1.0)] * len(start),
            options={"maxiter": left, "maxfun": 20 * max_iter, "gtol": tol, "ftol": 0.0},
        )
        noise, slope = _newton_steps(deviance, found.x**2, least_noise)
        left -= found.nit
        if slope <= max(tol, _STATIONARY):
            return float(found.fun), noise
        if left <= 0:
            break
    raise ConvergenceError(
        f"factor analysis did not converge in {max_iter} iterations; raise max_iter or lower the "
        "rank."
    )


def _newton_steps(deviance, noise, least_noise):
    """A minimum nearby to the digits of its slopes, of which its value shows half; the slope."""
    slopes = deviance(noise)[1]
    free = (noise > 1.01 * least_noise) | (slopes < 0)
    slope = np.abs(slopes[free]).max(initial=0.0)
    for _ in range(_NEWTON_STEPS if slope < _NEAR else 0):
        with np.errstate(divide="ignore", invalid="ignore"):
            curvature = deviance.curvature(noise)[np.ix_(free, free)]
        if not np.isfinite(curvature).all():
            break
        step = np.zeros(len(noise))
        step[free] = np.linalg.lstsq(curvature, -slopes[free], rcond=None)[0]
        moved = np.clip(noise * np.exp(np.clip(step, -1.0, 1.0)), least_noise, 1.0)
        slopes = deviance(moved)[1]
        lower = np.abs(slopes[free]).max(initial=0.0)
        if not lower < slope:
            break
        noise, slope = moved, lower
    return noise, slope
