r"""What one data matrix says about the theory, without the population covariance.

The theory needs :math:`\Sigma` through a few numbers. Each has an estimator that is a function of
the data alone: the test error (leave-one-out), the ridge that the population feels (two ways, of
which one survives rows of unequal scale), the best ridge, and the number of directions that stand
out of what rows without any correlation would show. Each comes with an error bar or an error rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .regression import exchange
from .regression.exchange import Doubt
from .results import mean_and_error
from .validation import (
    as_generator,
    data_matrix,
    first_few,
    non_negative,
    positive_integer,
    positive_vector,
    real_array,
    squares_in_range,
)

__all__ = [
    "BestRidge",
    "EffectiveRidge",
    "RiskEstimate",
    "SpikeEstimate",
    "estimate_best_ridge",
    "estimate_effective_ridge",
    "estimate_risk",
    "estimate_spikes",
]

_LOST = 1e-9  # relative error from rounding beyond which singular values are not used
_ENTRIES = 1 << 18  # entries of the flipped matrices that are in memory at once


# One decomposition for all ridges -----------------------------------------------------------------


def _data(X) -> np.ndarray:
    """Return X as a float matrix without a silent feature, or say what is wrong."""
    X = data_matrix(X)
    silent = np.flatnonzero(~X.any(axis=0))
    if silent.size:
        raise ValueError(f"Features {first_few(silent)} are zero in every row; drop them.")
    return X


def _in_range(X, ridge):
    """Refuse X if its squares leave the range of floats."""
    squares_in_range(X, np.einsum("ik,ik->k", X, X) / len(X), ridge)


@dataclass(frozen=True, eq=False)
class _AtRidge:
    """What one ridge makes of X.

    `D` is diag Q, `residuals` are P/D, `slack` and `share` are 1 - g/n and g/n of each row;
    `kept` and `lost` are the eigenvalues of W = ridge (XX'/n + ridge)^-1 and of I - W.
    """

    D: np.ndarray
    residuals: np.ndarray
    slack: np.ndarray
    share: np.ndarray
    kept: np.ndarray
    lost: np.ndarray
    doubt: Doubt | None = None

    @property
    def room(self) -> float:
        """1 - df1/n."""
        return float(self.slack.mean())

    @property
    def df1(self) -> float:
        return float(self.share.sum())

    @property
    def df2(self) -> float:
        """n (1 - 1/slope) with the slope of ridge/room, as n^2 var(w) / sum w^2 of W's n w."""
        largest = self.kept.max()
        smaller = self.lost if self.lost.max() < largest else self.kept
        spread = np.var(smaller / largest) / np.sum((self.kept / largest) ** 2)
        return float(len(self.kept) ** 2 * spread)

    @property
    def df2_room(self) -> float:
        """1 - df2/n."""
        scaled = self.kept / self.kept.max()
        return float(scaled.mean() ** 2 / np.mean(scaled**2))

    @property
    def inflation(self) -> float:
        """How much dependence between the rows' losses enlarges the standard error."""
        scaled = self.kept / self.kept.max()
        effective = np.sum(scaled**2) ** 2 / np.sum(scaled**4)
        return float(np.sqrt(len(scaled) / effective * (1.0 + self.df2 / len(scaled))))


@dataclass(frozen=True, eq=False)
class _Decomposed:
    r"""X by its singular values: :math:`X = \sqrt n\, U \mathrm{diag}(\sqrt s)\, V^\top`."""

    X: np.ndarray

    @cached_property
    def factors(self):
        U, root, V = np.linalg.svd(self.X / np.sqrt(len(self.X)), full_matrices=False)
        return U, root**2, V

    @cached_property
    def squared_scores(self):
        """Of each row in each direction; in this form a quiet row keeps its digits."""
        return (self.X @ self.factors[2].T) ** 2 / len(self.X)

    def at(self, ridge: float) -> _AtRidge:
        """Return :class:`_AtRidge`, by the singular values wherever they hold enough digits."""
        n, d = self.X.shape
        U, s, V = self.factors
        shrink = 1.0 / (s + ridge)
        # 1 - g/n and lambda Q_kk as sums of positive terms, so that nothing cancels.
        outside_rows = 0.0 if n <= d else np.maximum(1.0 - np.sum(U**2, axis=1), 0.0)
        outside_columns = 0.0 if d <= n else np.maximum(1.0 - np.sum(V**2, axis=0), 0.0)
        slack = outside_rows + U**2 @ (ridge * shrink)
        D = outside_columns / ridge + shrink @ V**2
        difference = min(1.0, slack.min() if n > d else 1.0, ridge * D.min() if d > n else 1.0)
        rounding = np.finfo(float).eps * np.sqrt(s.max() * shrink.max())
        # X Q, so that quiet rows or columns keep their digits, whichever side is longer.
        left, right = (self.X @ V.T, V) if n > d else (U, U.T @ self.X)
        residuals = (left * shrink) @ right / D
        share, squares = self._share(ridge, shrink), np.sum(self.X**2, axis=1) / n
        # Of a unit vector, Q leaves up to max(shrink); of a column or a row it may leave far less.
        size = np.min(D * np.sqrt(np.mean(residuals**2, axis=0) / shrink.max()))
        kept = share[squares > 0.0] / (squares[squares > 0.0] * shrink.max())
        size = min(size, np.sqrt(kept.min()))
        if not rounding <= _LOST * min(difference, 10.0 * size):
            return self._exactly_at(ridge)
        others = np.ones(max(n - d, 0))
        return _AtRidge(
            D,
            residuals,
            slack,
            share,
            np.r_[ridge * shrink, others],
            np.r_[s * shrink, 0.0 * others],
        )

    def _share(self, ridge, shrink):
        """g/n of each row, from its scores so that a quiet row keeps its digits.

        With n < d the directions of quiet rows are not known to all digits, so what a row has
        outside them counts with 1/ridge; for a loud row that is nothing but rounding.
        """
        n, d = self.X.shape
        inside, squares = self.squared_scores, np.sum(self.X**2, axis=1) / n
        outside = np.maximum(squares - inside.sum(axis=1), 0.0)
        quiet = (squares < 1e3 * ridge) & (n < d)
        return inside @ shrink + np.where(quiet, outside / ridge, 0.0)

    def _exactly_at(self, ridge: float) -> _AtRidge:
        n, d = self.X.shape
        answer, doubt = exchange.solve(self.X, np.full(d, ridge))
        kept = np.linalg.eigvalsh(answer.small_matrix(ridge))
        kept = np.r_[np.maximum(kept, 0.0), np.ones(max(n - d, 0))]
        return _AtRidge(
            answer.D, answer.residuals, answer.slack, answer.share, kept, 1.0 - kept, doubt
        )


def _ridges(X, ridges) -> np.ndarray:
    """Return the ridges as an increasing vector; None means a grid around the mean square."""
    if ridges is None:
        return np.mean(X**2) * np.geomspace(1e-4, 1e2, 31)
    return np.unique(positive_vector(np.atleast_1d(real_array(ridges, "ridges")), "ridges"))


def _one_ridge(ridge) -> float:
    """Return a single positive ridge as a float, or raise ValueError."""
    value = real_array(ridge, "ridge")
    if value.ndim != 0 or not 0.0 < value < np.inf:
        raise ValueError(f"ridge must be one positive and finite number, got {ridge!r}.")
    return float(value)


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
    inflation : ndarray of shape (n_ridges,)
        The factor by which the standard errors exceed those of n independent losses.
    row_losses : ndarray of shape (n_ridges, n_samples)
        Leave-one-out loss of each row, averaged over the coordinates.
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
        """Return the LOO error plus and minus so many standard errors, of shape (n_ridges, 2)."""
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
        Positive. Default: 31 ridges over six decades around the mean square of X.

    Returns
    -------
    RiskEstimate

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
    X = _data(X)
    _in_range(X, np.inf)
    ridges = _ridges(X, ridges)
    _in_range(X, ridges[0])
    decomposed, n = _Decomposed(X), len(X)
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
        The minimiser on the grid.
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
    ridges : array_like of shape (n_ridges,), optional
        At least two positive ridges; the interval is as fine as they are.
    standard_errors : float
        The number c.

    Returns
    -------
    BestRidge
        `low` and `high` end the run of ridges around the minimiser that are in the set.

    Raises
    ------
    ValueError
        As :func:`estimate_risk`, or if there are fewer than two ridges.

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
        :math:`\lambda`.
    kappa, kappa_standard_error : float
        :math:`\hat\kappa = \lambda/\hat t` from the left-out rows; right for unequal scales too.
    kappa_equal_scales : float
        One over the companion's Stieltjes transform; right if all rows have one scale.
    df1, df2 : float
        Degrees of freedom, from the spectrum; `df2` only if all rows have one scale.
    delta : float
        Estimate of :math:`\frac1n\mathrm{Tr}\,\Sigma Q`.
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
    ridge : float
        :math:`\lambda > 0`.

    Returns
    -------
    EffectiveRidge

    Raises
    ------
    ValueError
        If X is not a finite matrix or the ridge is not positive.

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
    X = _data(X)
    ridge = _one_ridge(ridge)
    n = len(X)
    _in_range(X, ridge)
    at = _Decomposed(X).at(ridge)
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


# The number of spikes -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SpikeEstimate:
    """Eigenvalues of the learned matrix that stand out of what uncorrelated rows would show.

    Attributes
    ----------
    count : int
        Number of eigenvalues above the edge.
    edge : float
        The edge: the largest eigenvalue under random signs exceeds it with probability `level`.
    eigenvalues : ndarray of shape (n_features,)
        Eigenvalues of A_hat, largest first; all below one.
    p_value : float
        For the hypothesis that there is no correlation at all.
    level : float
    null_maxima : ndarray of shape (n_flips,)
        The largest eigenvalue of A_hat after each draw of random signs, increasing.
    """

    count: int
    edge: float
    eigenvalues: np.ndarray
    p_value: float
    level: float
    null_maxima: np.ndarray


def estimate_spikes(X, ridge: float, rng, *, level: float = 0.05, flips: int = 99) -> SpikeEstimate:
    r"""Count the eigenvalues of the learned matrix above an edge found by random signs.

    .. math::

        T(X) = \lambda_{\max}(\hat A), \qquad
        p = \frac{1 + \#\{b : T(X \circ \varepsilon_b) \ge T(X)\}}{1 + B}

    with :math:`\varepsilon_b` independent matrices of random signs.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
    ridge : float
        :math:`\lambda > 0`.
    rng : numpy.random.Generator or int
    level : float, default=0.05
        Probability of a false alarm that is allowed.
    flips : int, default=99
        The number B of draws; at least ``1 / level - 1``.

    Returns
    -------
    SpikeEstimate

    Raises
    ------
    ValueError
        As :func:`estimate_risk`, or if `level` is not in (0, 1) or needs more flips.

    Notes
    -----
    If the law of X does not change under independent signs of its entries (given their sizes, the
    signs are independent and fair; rows and columns may have any scale), X and the
    flipped matrices are exchangeable and the probability of any alarm is at most `level`, at every
    n and d. Noise that is itself correlated is *not* of this kind: then the edge is too low and
    eigenvalues of the noise are counted. All eigenvalues are compared with the edge of the largest
    one, and the variance of the spikes stays in the flipped matrices; both make the count cautious.

    References
    ----------
    D. Hong, Y. Sheng and E. Dobriban, Selecting the number of components in PCA via random
    signflips (2020).
    """
    X = _data(X)
    ridge = _one_ridge(ridge)
    generator = as_generator(rng)
    level, flips = non_negative(level, "level"), positive_integer(flips, "flips")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level:g}.")
    allowed = int(np.floor(level * (flips + 1) * (1.0 + 1e-12)))  # rank of the edge from above
    if allowed < 1:
        raise ValueError(
            f"level {level:g} needs at least {int(np.ceil(1.0 / level)) - 1} flips, got {flips}."
        )
    _in_range(X, ridge)
    values = _coefficient_eigenvalues(X, ridge)
    at_once = max(1, _ENTRIES // X.size)
    null = np.sort(
        np.concatenate(
            [
                _coefficient_eigenvalues(
                    X * _signs((min(at_once, flips - start), *X.shape), generator), ridge
                )[:, 0]
                for start in range(0, flips, at_once)
            ]
        )
    )
    edge = float(null[-allowed])
    above = int(np.sum(null >= values[0]))
    return SpikeEstimate(
        count=int(np.sum(values > edge)),
        edge=edge,
        eigenvalues=values,
        p_value=(1.0 + above) / (flips + 1.0),
        level=level,
        null_maxima=null,
    )


def _signs(shape, rng) -> np.ndarray:
    return 1.0 - 2.0 * rng.integers(0, 2, size=shape)


def _coefficient_eigenvalues(X: np.ndarray, ridge: float) -> np.ndarray:
    """Eigenvalues of A_hat, largest first, from the symmetric D^-1/2 Q D^-1/2.

    X may be a stack of matrices of shape (..., n, d).
    """
    n, d = X.shape[-2:]
    root, V = np.linalg.svd(X / np.sqrt(n), full_matrices=False)[1:]
    s, V2 = root**2, V**2
    kept, lost = ridge / (s + ridge), s / (s + ridge)
    outside = 0.0 if d <= n else np.maximum(1.0 - V2.sum(axis=-2), 0.0)
    D = outside + np.einsum("...jk,...j->...k", V2, kept)  # ridge Q_kk
    rounding = np.finfo(float).eps * np.sqrt(s[..., 0] / (s[..., -1] + ridge))
    if (np.any(rounding > _LOST * D.min(axis=-1)) and d > n) or np.any(rounding > _LOST):
        return _exact_eigenvalues(X, ridge)
    # The smaller of both forms of what Q holds off the diagonal.
    weights = lost if n < d or np.all(ridge > s[..., :1]) else -kept
    A = V.swapaxes(-1, -2) @ (weights[..., None] * V)
    return _symmetric_eigenvalues(A, np.sqrt(D))


def _symmetric_eigenvalues(A, roots):
    """Eigenvalues, largest first, of what A, over `roots` on both sides, holds off the diagonal."""
    A = A / (roots[..., :, None] * roots[..., None, :])
    np.einsum("...kk->...k", A)[...] = 0.0
    return np.linalg.eigvalsh(A)[..., ::-1]


def _exact_eigenvalues(X, ridge):
    """The same for data whose rows or columns differ by many orders of magnitude."""
    if X.ndim > 2:
        return np.array([_exact_eigenvalues(each, ridge) for each in X])
    d = X.shape[1]
    answer = exchange.answer(X, np.full(d, ridge))
    A, root = answer.columns(np.arange(d)), np.sqrt(answer.D)
    # D^1/2 (I - Q D^-1) D^-1/2 twice, as A may be exact in one triangle where the other rounds.
    A = A * (root / root[:, None])
    return np.linalg.eigvalsh((A + A.T) / 2.0)[::-1]
