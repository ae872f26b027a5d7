"""The scalar equation behind the deterministic equivalent of the resolvent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..covariance import Covariance, Resolvent
from ..exceptions import ConvergenceError
from ..validation import covariance_model, non_negative, positive, positive_integer

__all__ = ["KappaSolution", "solve_kappa"]


@dataclass(frozen=True)
class KappaSolution:
    r"""The deterministic equivalent of :math:`Q = (X^\top X/n + \lambda I)^{-1}`.

    .. math:: Q \simeq \frac{\kappa}{\lambda} R, \qquad R = (\Sigma + \kappa I)^{-1}, \qquad
              \kappa = \lambda + \frac{\kappa}{n} \mathrm{Tr}\,\Sigma R

    Implements :theorem:`thm-equivalent` and :theorem:`cor-diagonal`.

    Attributes
    ----------
    n_samples : int
        n.
    ridge : float
        :math:`\lambda`, in squared units of the rows.
    kappa : float
        :math:`\kappa`, the ridge that the population feels, in the same units.
    resolvent : Resolvent
        R.
    df1, df2 : float
        :math:`\mathrm{Tr}\,\Sigma R` and :math:`\mathrm{Tr}\,(\Sigma R)^2`, the degrees of freedom.
    iterations : int
        Newton steps that were taken.

    References
    ----------
    F. Rubio and X. Mestre, Spectral convergence for a general class of random matrices,
    Statistics and Probability Letters 81 (2011).
    """

    n_samples: int
    ridge: float
    kappa: float
    resolvent: Resolvent
    df1: float
    df2: float
    iterations: int

    @property
    def rho(self) -> float:
        r""":math:`\lambda/\kappa = 1 - \mathrm{df}_1/n`, also where both vanish.

        Implements :theorem:`prop-shrinkage`.
        """
        if self.ridge > 0:
            return self.ridge / self.kappa
        return 1.0 - self.df1 / self.n_samples if self.kappa == 0 else 0.0

    @property
    def dkappa_dridge(self) -> float:
        r""":math:`\mathrm d\kappa/\mathrm d\lambda = 1/(1 - \mathrm{df}_2/n)`.

        Implements :theorem:`cor-kappa-derivative`.
        """
        # 1 - df2/n, as a sum of two terms that are not negative.
        return 1.0 / (self.rho + self.resolvent.sigma_shift_trace / self.n_samples)


class SingularCovariance(ValueError):
    """A singular covariance at ridge zero."""


def _singular(n: int) -> SingularCovariance:
    return SingularCovariance(
        "ridge must be positive here: the covariance is singular, of rank at most n_samples = "
        f"{n}, and its null directions have no ridgeless limit."
    )


def least_kappa(covariance: Covariance, n_samples: int) -> float:
    """What kappa tends to as the ridge falls to zero, whether or not there is a limit of R.

    For a `covariance` seen in `n_samples` rows; ValueError and ConvergenceError as
    :func:`solve_kappa`.
    """
    if n_samples >= covariance.d:
        return 0.0
    try:
        return solve_kappa(covariance, n_samples, 0.0).kappa
    except SingularCovariance:
        return 0.0


def solve_kappa(
    covariance: Covariance,
    n_samples: int,
    ridge: float,
    *,
    rtol: float = 1e-12,
    max_iter: int = 200,
) -> KappaSolution:
    r"""Solve the fixed-point equation for kappa.

    .. math:: F(\kappa) = \kappa - \frac{\kappa}{n}\,\mathrm{Tr}\,\Sigma(\Sigma + \kappa)^{-1}
              - \lambda = 0

    Implements :theorem:`prop-fixed-point` and :theorem:`prop-newton`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    ridge : float
        :math:`\lambda \ge 0`, in the units of Sigma. Zero asks for the ridgeless limit:
        :math:`\kappa = 0` for n > d, and for n < d the positive root of
        :math:`\mathrm{df}_1(\kappa) = n`.
    rtol : float, default=1e-12
        Newton stops when its step is below rtol times kappa; as convergence is quadratic, the
        error is then far smaller.
    max_iter : int, default=200
        Bound on the Newton steps.

    Returns
    -------
    KappaSolution

    Raises
    ------
    ValueError
        If `covariance` is no covariance model; for a negative ridge, or ridge = 0 with n = d, where
        the test error is infinite, or with a singular Sigma of rank at most n; for an rtol or a
        max_iter that is not positive.
    ConvergenceError
        When max_iter steps were not enough, or n is the rank of a singular Sigma and the
        ridge so small that rounding would decide.

    Notes
    -----
    F is convex, and :math:`F \ge 0` at the starting point
    :math:`\lambda + \mathrm{Tr}\,\Sigma/n`, which is therefore to the right of the root. Newton's
    method started there descends to the root without ever passing it. For :math:`n \ge d` the
    unknown is :math:`\log\kappa` and the function
    :math:`\log\kappa(1 - \mathrm{df}_1/n) - \log\lambda`, whose slope is between 1 and 2, so that a
    root of any size is found in a few steps; and
    :math:`n - \mathrm{df}_1 = (n - d) + \kappa\,\mathrm{Tr}\,R` is a sum of positive terms.

    References
    ----------
    J. W. Silverstein and Z. Bai, On the empirical distribution of eigenvalues of a class of
    large dimensional random matrices, Journal of Multivariate Analysis 54 (1995).
    """
    covariance_model(covariance)
    n = positive_integer(n_samples, "n_samples")
    lam = non_negative(ridge, "ridge")
    rtol = positive(rtol, "rtol")
    max_iter = positive_integer(max_iter, "max_iter")
    if lam == 0 and n == covariance.d:
        raise ValueError(
            f"ridge must be positive when n_samples equals the number of coordinates ({n}): the "
            "ridgeless test error is infinite there."
        )
    kappa = lam + covariance.trace() / n
    if kappa == 0:
        raise ValueError("covariance must not be zero when ridge is zero.")
    if lam == 0 and n > covariance.d:
        # The root sits at 0 exactly; every degree of freedom is used.
        d, resolvent = float(covariance.d), covariance.resolvent(0.0)
        if not np.isfinite(resolvent.diagonal).all():
            raise _singular(n)
        return KappaSolution(n, lam, 0.0, resolvent, d, d, 0)
    descends = n < covariance.d
    step = np.inf
    start, last, following = kappa, np.inf, _newton if descends else _log_newton
    for iteration in range(1, max_iter + 1):
        resolvent = covariance.resolvent(kappa)
        improved = following(resolvent, n, kappa, lam)
        step = kappa - improved
        if _settled(step / kappa, last, rtol, descends):
            return _checked(
                KappaSolution(
                    n_samples=n,
                    ridge=lam,
                    kappa=float(kappa),
                    resolvent=resolvent,
                    df1=float(resolvent.sigma_trace),
                    df2=float(resolvent.sigma_sigma_trace),
                    iterations=iteration,
                )
            )
        kappa, last = improved, step / kappa
        if lam == 0 and kappa < 1e-14 * start:
            raise _singular(n)  # a rank below n leaves no positive root
    if descends and kappa < 1e-7 * start:
        raise _at_the_rank(n, lam)
    raise ConvergenceError(
        f"kappa did not converge in {max_iter} Newton steps for n_samples = {n}, "
        f"ridge = {lam:g} (last kappa {kappa:.6g}, last step {step:.3g}): n_samples is close to "
        "the number of coordinates and the ridge is tiny; raise the ridge or max_iter."
    )


def _newton(resolvent: Resolvent, n: int, kappa: float, lam: float):
    """The next kappa by Newton's method for F."""
    share = 1.0 - resolvent.sigma_trace / n
    return kappa - (kappa * share - lam) / (share + resolvent.sigma_shift_trace / n)


def _log_newton(resolvent: Resolvent, n: int, kappa: float, lam: float):
    """The same for the logarithm of the ridge as a function of that of kappa; for n >= d."""
    d = resolvent.diagonal.size
    share = (n - d) / n + np.sum(kappa * resolvent.diagonal) / n
    slope = 1.0 + resolvent.sigma_shift_trace / n / share
    return kappa * np.exp((np.log(lam) - np.log(kappa) - np.log(share)) / slope)


def _settled(step: float, last: float, rtol: float, descends: bool) -> bool:
    """Whether a step, and the one before it, relative to kappa, are the last ones needed."""
    if descends:
        # From the right, only rounding leads past the root: any small step back ends it.
        return bool(np.isfinite(step) and -1e-6 < step <= rtol)
    # A model that is nearly singular gives steps of the size of its rounding in the end.
    return bool(abs(step) <= rtol or 0.1 * abs(last) < abs(step) < 1e-8)


def _checked(equivalent: KappaSolution) -> KappaSolution:
    """Refuse the one case in which rounding has decided: n is the rank, and the ridge vanishes."""
    e = equivalent
    if e.n_samples < e.resolvent.diagonal.size and e.dkappa_dridge > 1e7:
        raise _at_the_rank(e.n_samples, e.ridge)
    return e


def _at_the_rank(n: int, ridge: float) -> ConvergenceError:
    return ConvergenceError(
        f"ridge = {ridge:g} is too small here: up to rounding the covariance has rank n_samples = "
        f"{n}, and the test error grows without bound as the ridge falls; raise the ridge."
    )
