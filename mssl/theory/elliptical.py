r"""Errors of a masked regression when the rows of X differ in scale.

A patch of sky and a patch of flowers have the same covariance up to a factor of a thousand.
Writing :math:`x = \sqrt\tau\, g` with :math:`g \sim (0, \Sigma)` and a random scale
:math:`\tau` of mean one keeps that, and keeps the deterministic equivalent closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..covariance import Covariance
from ..exceptions import ConvergenceError
from ..validation import (
    covariance_model,
    positive,
    positive_integer,
    positive_vector,
)

__all__ = ["EllipticalRisk", "elliptical_risk"]


@dataclass(frozen=True, eq=False)
class EllipticalRisk:
    r"""Train and test error under rows of unequal scale.

    .. math::

        \mathcal E^{\rm train}_\tau = \mathcal E^{\rm test}\,\frac{\tau}{(1 + \tau\delta)^2},
        \qquad \mathcal E^{\rm loo} = \mathcal E^{\rm test}, \qquad
        \mathcal E^{\rm gcv} = \mathcal E^{\rm train} \Big/
        \Big(\mathrm E_\tau \frac1{1 + \tau\delta}\Big)^2

    Attributes
    ----------
    t : float
        The factor that the population covariance is seen with.
    train_error, test_error : float
        Mean over the coordinates, in squared units of the rows.
    train_error_by_coordinate, test_error_by_coordinate : ndarray of shape (n_features,)
        The same, coordinate by coordinate.
    delta : float
        A row of scale tau has the leverage tau delta / (1 + tau delta).
    scales : ndarray of shape (n_scales,)
        The scales divided by their mean.
    """

    t: float
    train_error: float
    test_error: float
    train_error_by_coordinate: np.ndarray
    test_error_by_coordinate: np.ndarray
    delta: float
    scales: np.ndarray

    @property
    def leverage_by_scale(self) -> np.ndarray:
        r"""Leverage :math:`\tau\delta/(1 + \tau\delta)` of a row of each scale."""
        load = self.scales * self.delta
        return load / (1.0 + load)

    @property
    def train_error_by_scale(self) -> np.ndarray:
        r"""Mean squared training residual of the rows of each scale, mean over coordinates."""
        return self.test_error * self.scales / (1.0 + self.scales * self.delta) ** 2

    @property
    def loo_error(self) -> float:
        """Leave-one-out error, which is the test error."""
        return self.test_error

    @property
    def gcv_error(self) -> float:
        """Error by generalised cross-validation, below the test error unless scales are equal."""
        return self.train_error / float(np.mean(1.0 - self.leverage_by_scale)) ** 2


def elliptical_risk(
    covariance: Covariance, n_samples: int, ridge: float, scales: np.ndarray
) -> EllipticalRisk:
    r"""Predict the errors of a masked regression on rows :math:`x = \sqrt\tau\,g`.

    .. math::

        Q \simeq R = (t\Sigma + \lambda)^{-1}, \qquad
        t = \mathrm{E}_\tau \frac{\tau}{1 + \tau\delta}, \qquad
        \delta = \frac1n \mathrm{Tr}\,\Sigma R,

    and with :math:`a = \frac1n\mathrm{Tr}(\Sigma R)^2`, :math:`e = \frac1n\mathrm{Tr}\,\Sigma R^2`,
    :math:`b = \mathrm{E}_\tau\,\tau^2/(1+\tau\delta)^2`, :math:`t' = be/(1-ab)`,

    .. math::

        \mathcal E_k^{\rm test} = \frac{(R\Sigma R)_{kk}}{R_{kk}^2}\,\frac1{1 - ab}, \qquad
        \mathcal E_k^{\rm train} = \frac{(R\Sigma R)_{kk}}{R_{kk}^2}\,(t - \lambda t')
            = \mathcal E_k^{\rm test}\;\mathrm{E}_\tau\frac\tau{(1+\tau\delta)^2} .

    Implements :theorem:`thm-ng-elliptical` and :theorem:`thm-ng-train`.

    Parameters
    ----------
    covariance : Covariance
        The covariance of x, which is that of g as :math:`\mathrm{E}\,\tau = 1`.
    n_samples : int
        Number of training rows n.
    ridge : float
        :math:`\lambda > 0`, in squared units of the rows.
    scales : array_like of shape (n_scales,)
        Equally likely values of :math:`\tau`; divided by their mean here.

    Returns
    -------
    EllipticalRisk

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or `n_samples`, the ridge or a scale is not
        positive.
    ConvergenceError
        If the equation for t was not solved.

    Notes
    -----
    The test error is that of fresh rows, whose scales have mean one and do not depend on Q. The
    derivation is that of the two-resolvent rule with :math:`1/(1+\delta)` replaced by the mean
    over :math:`\tau`; for :math:`\tau = 1` it is the formula of
    :class:`~mssl.theory.SSRTheory`, with :math:`t = \lambda/\kappa`. With f the right-hand side
    as a function of t, f increases and f(t)/t decreases, so that the root is unique; it is
    bracketed and found by Brent's method.

    References
    ----------
    N. El Karoui, Concentration of measure and spectra of random matrices: applications to
    correlation matrices, elliptical distributions and beyond, Annals of Applied Probability 19
    (2009).
    """
    covariance_model(covariance)
    n, ridge = positive_integer(n_samples, "n_samples"), positive(ridge, "ridge")
    tau = np.array(positive_vector(scales, "scales"))
    tau /= tau.mean()

    def log_ratio(log_t: float):
        """log f(t)/t, which decreases through 0 at the root."""
        resolvent = covariance.resolvent(ridge, np.exp(log_t))
        delta = float(resolvent.sigma_trace) / n
        return np.log(np.mean(tau / (1.0 + tau * delta))) - log_t

    # delta is largest at t = 0, which bounds the root from below; E tau = 1 bounds it by 1.
    lowest = np.log(np.mean(tau / (1.0 + tau * covariance.trace() / (n * ridge))))
    log_t, report = brentq(log_ratio, lowest, 0.0, xtol=1e-14, full_output=True, disp=False)
    if not report.converged:
        raise ConvergenceError(
            f"The scale t was not found for n_samples={n}, ridge={ridge:g}; use a larger ridge."
        )
    t = float(np.exp(log_t))
    resolvent = covariance.resolvent(ridge, t)
    delta = float(resolvent.sigma_trace) / n
    # As t a = delta - lambda e and t - b delta is the mean of tau/(1 + tau delta)^2, so is
    # t (1 - ab) = that mean + b lambda e, and t - lambda t' their quotient: nothing cancels.
    b = float(np.mean((tau / (1.0 + tau * delta)) ** 2))
    residual = float(np.mean(tau / (1.0 + tau * delta) ** 2))
    room = (residual + b * float(resolvent.sigma_shift_trace) / n) / t
    test = resolvent.population_error / room
    train = residual * test
    return EllipticalRisk(t, float(train.mean()), float(test.mean()), train, test, delta, tau)
