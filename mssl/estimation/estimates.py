"""The test error, the best ridge and the effective ridge, from one data matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..regression import exchange
from ..results import mean_and_error
from ..validation import non_negative
from .decomposition import Decomposed, check_range, checked_data, one_ridge, ridge_grid

__all__ = [
    "BestRidge",
    "EffectiveRidge",
    "RiskEstimate",
    "estimate_best_ridge",
    "estimate_effective_ridge",
    "estimate_risk",
]


# The test error -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RiskEstimate:
    """Estimates of the test error of masked regression, for several ridges.

    Attributes
    ----------
    ridges : ndarray of shape (n_ridges,)
        Increasing, in the units of the data squared, as all errors are.
    loo_error, gcv_error, train_error : ndarray of shape (n_ridges,)
        Mean over the coordinates.
    loo_standard_error, gcv_standard_error : ndarray of shape (n_ridges,)
        For the distance from the test error of the fit to this X; that of GCV is in proportion to
        that of LOO.
    loo_error_by_coordinate, loo_standard_error_by_coordinate : ndarray of shape (n_ridges, d)
        The same, coordinate by coordinate.
    inflation : ndarray of shape (n_ridges,)
        The factor c by which the standard errors exceed those of n independent losses.
    row_losses : ndarray of shape (n_ridges, n_samples)
        Leave-one-out loss of each row, averaged over the coordinates; squared units, too.
    """

    ridges: np.ndarray
    loo_error: np.ndarray
    loo_standard_error: np.ndarray
    gcv_error: np.ndarray
    gcv_standard_error: np.ndarray
    train_error: np.ndarray
    loo_error_by_coordinate: np.ndarray
    loo_standard_error_by_coordinate: np.ndarray
    inflation: np.ndarray
    row_losses: np.ndarray

    def interval(self, standard_errors: float = 1.96) -> np.ndarray:
        """Return the LOO error plus and minus so many `standard_errors`, of shape (n_ridges, 2).

        In squared units of the data. ValueError if the number is negative or not finite.
        """
        half = non_negative(standard_errors, "standard_errors") * self.loo_standard_error
        return np.stack([self.loo_error - half, self.loo_error + half], axis=1)


def estimate_risk(X, ridges=None) -> RiskEstimate:
    r"""Estimate the test error at several ridges, with standard errors.

    .. math::

        \ell_i = \frac1d\sum_k r_{ik}^2, \qquad
        \widehat{\mathcal E} = \frac1n\sum_i \ell_i, \qquad
        \widehat{\mathrm{se}}^2 = \frac{c^2}{n(n-1)}\sum_i (\ell_i - \widehat{\mathcal E})^2,
        \qquad c^2 = \frac{n}{n_{\rm eff}}\Big(1 + \frac{\widehat{\mathrm{df}}_2}{n}\Big)

    with the exact leave-one-out residuals :math:`r_{ik} = (P_{ik}/Q_{kk})/(1 - h_{ik})` and, with
    :math:`W = \lambda(XX^\top/n + \lambda)^{-1}`, the number of independent residuals
    :math:`n_{\rm eff} = (\mathrm{Tr}\,W^2)^2/\mathrm{Tr}\,W^4`.

    Implements :theorem:`prop-loo-unbiased`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Independent rows of mean zero; fewer rows than features are welcome.
    ridges : float or array_like of shape (n_ridges,), optional
        Positive, in squared units of X. Default: 31 ridges over six decades around the mean square
        of X.

    Returns
    -------
    RiskEstimate
        Errors in squared units of X.

    Raises
    ------
    ValueError
        If X is not a finite matrix, a feature is zero throughout, or a ridge is not positive.

    Notes
    -----
    Leave-one-out needs nothing of the rows but independence and one law. Its losses are not
    independent, since any two fits share n - 2 rows: with d of order n this matters at leading
    order, and c corrects for it. The factor is exact in the limit for least squares with Gaussian
    rows and tends to one for a large ridge; between, it is a heuristic, checked by simulation.
    GCV assumes that all rows have the same leverage and is wrong for rows of unequal scale. Its
    losses, made of training residuals, vary too little between rows, so its standard error is that
    of LOO times the ratio of the two estimates; it knows nothing of that bias.

    References
    ----------
    D. M. Allen, The relationship between variable selection and data agumentation and a method
    for prediction, Technometrics 16 (1974).

    G. H. Golub, M. Heath and G. Wahba, Generalized cross-validation as a method for choosing a
    good ridge parameter, Technometrics 21 (1979).

    Examples
    --------
    >>> from mssl.covariance import AR1
    >>> from mssl.theory import SSRTheory
    >>> covariance = AR1(40, 0.8)
    >>> found = estimate_risk(covariance.sample(80, 0), 0.1)
    >>> truth = SSRTheory(covariance, 80, 0.1).test_error
    >>> bool(abs(found.loo_error[0] - truth) < 3 * found.loo_standard_error[0])
    True
    """
    X = checked_data(X)
    check_range(X, np.inf)
    ridges = ridge_grid(X, ridges)
    check_range(X, ridges[0])
    decomposed, n = Decomposed(X), len(X)
    rows, doubts = [], []
    for ridge in ridges:
        at = decomposed.at(ridge)
        c, residuals = at.inflation, at.residuals
        room = at.slack[:, None] + residuals * (residuals * at.D) / n
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out, train = (residuals / room) ** 2, residuals**2
        exchange.require_defined(left_out, at.doubt)
        doubts.append(0.0 if at.doubt is None else at.doubt.loo.max())
        generalised = (residuals / room.mean(axis=0)) ** 2
        loss = left_out.mean(axis=1)
        loo, loo_spread = mean_and_error(loss)
        gcv = float(generalised.mean())
        rows.append(
            (
                *(loo, c * loo_spread, gcv, c * loo_spread * gcv / loo, float(train.mean())),
                left_out.mean(axis=0),
                c * left_out.std(axis=0, ddof=1) / np.sqrt(n),
                c,
                loss,
            )
        )
    worst = int(np.argmax(doubts))
    exchange.warn_of_digits(doubts[worst], f"errors at ridge = {ridges[worst]:g}", stacklevel=3)
    return RiskEstimate(ridges, *(np.array(column) for column in zip(*rows, strict=True)))


# The best ridge -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BestRidge:
    """The ridge of least leave-one-out error, and which others the data cannot tell from it.

    Attributes
    ----------
    ridge : float
        The minimiser on the grid, in squared units of the data.
    low, high : float
        Ends of the interval of ridges around it that are within the allowed standard errors.
    at_end : bool
        Whether the minimiser is an end of the grid, so that a better ridge may lie outside.
    error, standard_error : float
        Leave-one-out error at `ridge` and its standard error, in the units of the data squared.
        It is the least of many, and so a little too small.
    excess, excess_standard_error : ndarray of shape (n_ridges,)
        Leave-one-out error above that of `ridge`, and the standard error of this difference.
    estimate : RiskEstimate
        The whole curve.
    """

    ridge: float
    low: float
    high: float
    at_end: bool
    error: float
    standard_error: float
    excess: np.ndarray
    excess_standard_error: np.ndarray
    estimate: RiskEstimate


def estimate_best_ridge(X, ridges=None, *, standard_errors: float = 1.0) -> BestRidge:
    r"""Choose the ridge by leave-one-out, with the interval of ridges that do as well.

    .. math::

        \hat\lambda = \arg\min_\lambda \widehat{\mathcal E}(\lambda), \qquad
        \Big\{\lambda : \widehat{\mathcal E}(\lambda) - \widehat{\mathcal E}(\hat\lambda)
        \le c\,\widehat{\mathrm{se}}\big[\ell_i(\lambda) - \ell_i(\hat\lambda)\big]\Big\}

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Independent rows of mean zero.
    ridges : array_like of shape (n_ridges,), optional
        At least two positive ridges, in squared units of X; the interval is as fine as they are.
    standard_errors : float, default=1.0
        The number c, not negative.

    Returns
    -------
    BestRidge
        `low` and `high` end the run of ridges around the minimiser that are in the set.

    Raises
    ------
    ValueError
        As :func:`estimate_risk`, or if there are fewer than two ridges, or `standard_errors` is
        negative.

    Notes
    -----
    The standard error is that of the *difference*, row by row. Rows that are hard are hard at every
    ridge, so the difference is known far better than either error; the usual one-standard-error
    rule, which uses the error of the error itself, gives a needlessly wide interval. The spread of
    the differences is inflated as in :func:`estimate_risk`.
    """
    c = non_negative(standard_errors, "standard_errors")
    found = estimate_risk(X, ridges)
    if len(found.ridges) < 2:
        raise ValueError("ridges must hold at least two ridges to choose from.")
    best = int(np.argmin(found.loo_error))
    pairs = [mean_and_error(row) for row in found.row_losses - found.row_losses[best]]
    excess, spread = (np.array(column) for column in zip(*pairs, strict=True))
    spread = spread * found.inflation
    outside = np.flatnonzero(excess > c * spread)
    low = outside[outside < best].max(initial=-1) + 1
    high = outside[outside > best].min(initial=len(excess)) - 1
    return BestRidge(
        ridge=float(found.ridges[best]),
        low=float(found.ridges[low]),
        high=float(found.ridges[high]),
        at_end=best in (0, len(excess) - 1),
        error=float(found.loo_error[best]),
        standard_error=float(found.loo_standard_error[best]),
        excess=excess,
        excess_standard_error=spread,
        estimate=found,
    )


# The effective ridge and the scales of the rows ---------------------------------------------------


@dataclass(frozen=True, eq=False)
class EffectiveRidge:
    r"""The ridge that the population feels, and how unequal the rows are.

    Attributes
    ----------
    ridge : float
        :math:`\lambda`, in squared units of the data as :math:`\kappa` is.
    kappa, kappa_standard_error : float
        :math:`\hat\kappa = \lambda/\hat t` from the left-out rows; right for unequal scales too.
    kappa_equal_scales : float
        One over the companion's Stieltjes transform; right if all rows have one scale.
    df1, df2 : float
        Degrees of freedom, from the spectrum; `df2` only if all rows have one scale.
    delta : float
        Estimate of :math:`\frac1n\mathrm{Tr}\,\Sigma Q`, without a unit.
    scales : ndarray of shape (n_samples,)
        Estimates :math:`\hat\tau_i` of the rows' squared scales, of mean one.
    scale_variance, gaussian_variance : float
        Variance of `scales`, and what rows of one scale would show by chance.
    """

    ridge: float
    kappa: float
    kappa_standard_error: float
    kappa_equal_scales: float
    df1: float
    df2: float
    delta: float
    scales: np.ndarray
    scale_variance: float
    gaussian_variance: float


def estimate_effective_ridge(X, ridge: float) -> EffectiveRidge:
    r"""Estimate :math:`\kappa`, the degrees of freedom and the scales of the rows.

    .. math::

        \zeta_i = \frac{g_i/n}{1 - g_i/n}, \qquad \hat\delta = \frac1n\sum_i\zeta_i, \qquad
        \hat\tau_i = \frac{\zeta_i}{\hat\delta}, \qquad
        \hat t = \frac{\widehat{\mathrm{df}}_1/n}{\hat\delta}, \qquad
        \hat\kappa = \frac\lambda{\hat t}

    with :math:`g_i = x_i^\top Q x_i` and
    :math:`\widehat{\mathrm{df}}_1 = \mathrm{Tr}\,SQ = \sum_i g_i/n`. For rows of one scale also

    .. math::

        \frac1{\hat\kappa_=} = \frac1n\mathrm{Tr}\Big(\frac{XX^\top}n + \lambda\Big)^{-1}
        = \frac1\lambda\Big(1 - \frac{\widehat{\mathrm{df}}_1}n\Big), \qquad
        \widehat{\mathrm{df}}_2 = n\Big(1 - \frac{1}{\mathrm d\hat\kappa_=/\mathrm d\lambda}\Big).

    Implements :theorem:`prop-ng-estimators`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Independent rows of mean zero.
    ridge : float
        :math:`\lambda > 0`, in squared units of X.

    Returns
    -------
    EffectiveRidge

    Raises
    ------
    ValueError
        If X is not a finite matrix, a feature is zero throughout, the ridge is not positive, or so
        small that a row has leverage one to working precision.

    Notes
    -----
    :math:`\zeta_i = x_i^\top Q_{-i}x_i/n` with the row itself left out of Q, so its mean is that of
    :math:`\frac1n\mathrm{Tr}\,\Sigma Q_{-i}` for every law of the rows. :math:`\hat\kappa/\lambda`
    is the ratio of the means of :math:`\zeta_i` and :math:`\zeta_i/(1+\zeta_i)`, and its standard
    error is that of a ratio of means. For quiet rows that is of order 1/n, as is the bias of
    :math:`\hat\kappa` (upwards), which it does not hold; for equal scales prefer
    `kappa_equal_scales`. `gaussian_variance` is
    :math:`\frac{2\,\mathrm{df}_2}{\mathrm{df}_1^2(1-\mathrm{df}_2/n)}`.
    """
    X = checked_data(X)
    ridge = one_ridge(ridge)
    n = len(X)
    check_range(X, ridge)
    at = Decomposed(X).at(ridge)
    share, slack, df1, df2 = at.share, at.slack, at.df1, at.df2
    if np.any(slack <= 0):
        raise ValueError("A row has leverage one to working precision; use a larger ridge.")
    if at.doubt is not None:
        exchange.warn_of_digits(at.doubt.fit, "estimates of the effective ridge", stacklevel=3)
    zeta = share / slack
    delta = float(zeta.mean())
    tau = zeta / delta
    # (kappa/ridge - 1)/delta and the spread of (zeta - share kappa/ridge)/delta, by
    # zeta - share = share zeta.
    excess = float(np.mean(share * tau) / np.mean(share))
    spread = delta * np.std(share * (tau - excess), ddof=1) / (np.sqrt(n) * df1 / n)
    return EffectiveRidge(
        ridge=ridge,
        kappa=float(ridge * (1.0 + delta * excess)),
        kappa_standard_error=float(ridge * spread),
        kappa_equal_scales=float(ridge / at.room),
        df1=df1,
        df2=df2,
        delta=delta,
        scales=tau,
        scale_variance=float(tau.var(ddof=1)),
        gaussian_variance=2.0 * df2 / at.df2_room / df1**2,
    )
