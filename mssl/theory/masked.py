r"""Masked regression with many coordinates hidden: errors, penalties and the best mask rate.

Each coordinate is visible with probability q = 1 - p, and one matrix serves all masks:

.. math::

   \hat A = \tfrac1q (I - Q D^{-1}), \qquad Q = (S + \Lambda)^{-1}, \qquad
   \Lambda = \tau\,\mathrm{diag}(S) + \lambda q^{-2} I, \qquad \tau = p/q .

In the limit diag(S) is diag(Sigma) =: V (see :func:`diagonal_replacement_bound`), and the penalty
is a fixed diagonal. As :math:`S + \Lambda = \Lambda^{1/2}(S' + I)\Lambda^{1/2}` with
:math:`S' = \Lambda^{-1/2}S\Lambda^{-1/2}`, the deterministic equivalent is that of the model in
other units, at ridge 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from .._types import Array
from ..covariance import Covariance, Resolvent, Scaled
from ..covariance.base import conditional_variances
from ..validation import (
    covariance_model,
    first_few,
    non_negative,
    open_unit,
    positive_integer,
    positive_vector,
)
from .equivalents import Equivalent, SingularCovariance, solve_kappa
from .state import StoredByFields

__all__ = [
    "DiagonalReplacement",
    "MaskedErrors",
    "OptimalMasking",
    "diagonal_replacement_bound",
    "equivalent_ridge",
    "mask_penalty",
    "masked_bayes_error_by_coordinate",
    "optimal_mask_rate",
    "optimal_masked_ridge",
    "optimal_masking",
    "solve_masked",
]

EVALUATIONS = ("same", "full", "rescaled")
# How far beyond the scales of the covariance a penalty is searched.
BELOW, ABOVE = 1e-5, 1e4


def mask_penalty(variances: Array, ridge: float, mask_rate: float) -> Array:
    r"""The penalty that masks and ridge amount to.

    .. math:: \Lambda_k = \frac pq\,\Sigma_{kk} + \frac{\lambda}{q^2}, \qquad q = 1 - p

    Implements :theorem:`prop-mask-ridge`.

    Parameters
    ----------
    variances : ndarray of shape (n_features,)
        :math:`\Sigma_{kk}`, or :math:`S_{kk}` of a sample.
    ridge : float
        :math:`\lambda \ge 0`.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    ndarray of shape (n_features,)
    """
    ridge, rate = non_negative(ridge, "ridge"), open_unit(mask_rate, "mask_rate", zero_allowed=True)
    keep = 1.0 - rate
    return rate / keep * np.asarray(variances, dtype=float) + ridge / keep**2


def equivalent_ridge(variance: float, ridge: float, mask_rate: float) -> float:
    r"""The ridge that masks replace when all coordinates have one variance.

    .. math:: \lambda' = \tau s + \lambda q^{-2} \quad\Longrightarrow\quad
              \hat A_p(\lambda) = \tfrac1q \hat A_0(\lambda')

    Implements :theorem:`prop-mask-equal`.

    Parameters
    ----------
    variance : float
        The common variance s of the coordinates.
    ridge : float
        :math:`\lambda \ge 0`.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    float

    Notes
    -----
    With :math:`\mathcal E_0, N_0` the test error and `coef_norm` without masks at :math:`\lambda'`:

    * the predictor :math:`q\hat A`, with all other coordinates visible, has error
      :math:`\mathcal E_0`, the very same;
    * at the training rate the error is :math:`\mathcal E_0 + \tau s N_0`, since hidden inputs act
      as noise;
    * :math:`\hat A` itself, with all visible, is 1/q times too large for its input.

    With unequal variances masking penalises each coordinate in proportion to its variance and no
    ridge does the same. At :math:`\lambda = 0` it is the ridge :math:`\tau` on standardised data:
    :math:`\hat A = \frac1q V^{-1/2}\,\hat A_0^{\rm corr}(\tau)\,V^{1/2}`, where
    :math:`\hat A_0^{\rm corr}` belongs to the correlation matrix :math:`V^{-1/2}SV^{-1/2}`.
    """
    return float(mask_penalty(np.array([variance]), ridge, mask_rate)[0])


def masked_bayes_error_by_coordinate(covariance: Covariance, mask_rate: float) -> Array:
    r"""Error of the linear predictor that is best for independent masks, with Sigma known.

    .. math:: \mathcal E_k^\star(p) = \frac{1}{[(\Sigma + \tau V)^{-1}]_{kk}} - \tau \Sigma_{kk},
              \qquad V = \mathrm{diag}(\Sigma)

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    ndarray of shape (n_features,)
    """
    noise = mask_penalty(covariance_model(covariance).diagonal(), 0.0, mask_rate)
    return conditional_variances(covariance, noise)


def _resolve(covariance: Covariance, n_samples: int, penalty: Array) -> tuple[Equivalent, Array]:
    """The equivalent of the model in units of the penalty, and the penalty the population feels."""
    if np.any(penalty <= 0.0):
        where = first_few(np.flatnonzero(penalty <= 0.0))
        raise ValueError(
            f"ridge must be positive here: coordinates {where} have no variance and no penalty."
        )
    equivalent = solve_kappa(Scaled(covariance, penalty**-0.5), n_samples, 1.0)
    return equivalent, equivalent.kappa * penalty


@dataclass(frozen=True, eq=False)
class MaskedErrors(StoredByFields):
    r"""All errors of one predictor, at any mask rate.

    With the penalty K that the population feels, :math:`R = (\Sigma + K)^{-1}` and
    :math:`b_k = Qe_k/Q_{kk}`, so that column k of :math:`q\hat A` is :math:`e_k - b_k`:

    .. math::

       u_k &= b_k^\top\Sigma b_k \simeq
              \frac{(R\Sigma R)_{kk}}{R_{kk}^2}\,\frac{1}{1 - \mathrm{df}_2/n}, \qquad
       v_k = (\Sigma b_k)_k \simeq \frac{1}{R_{kk}} - K_k,

       w_k(B) &= b_k^\top B\,b_k - B_{kk} \simeq \frac{1}{R_{kk}^2}\Big[(RBR)_{kk}
              + \frac{\frac1n\mathrm{Tr}\,\Sigma RBR}{1 - \mathrm{df}_2/n}(R\Sigma R)_{kk}\Big]
              - B_{kk}

    for a diagonal B, where :math:`\mathrm{df}_2 = \mathrm{Tr}\,(\Sigma R)^2`.

    Implements :theorem:`thm-mask-error`.

    Parameters
    ----------
    n_samples : int
        n.
    keep : float
        q of the training.
    variances : ndarray of shape (n_features,)
        V, the diagonal of Sigma.
    penalty : ndarray of shape (n_features,)
        K, which is :math:`\kappa\Lambda` with :math:`1/\kappa = 1 - \mathrm{df}_1/n`.
    resolvent : Resolvent
        R.
    shrinkage : float or None, default=None
        :math:`1 - \mathrm{df}_1/n`, where it is known better than from this difference.
    """

    n_samples: int
    keep: float
    variances: Array
    penalty: Array
    resolvent: Resolvent
    shrinkage: float | None = None

    @property
    def tau(self) -> float:
        r""":math:`\tau = (1 - q)/q`."""
        return (1.0 - self.keep) / self.keep

    @cached_property
    def df1(self) -> float:
        r""":math:`\mathrm{Tr}\,\Sigma R`."""
        return float(self.resolvent.sigma_trace)

    @cached_property
    def df2(self) -> float:
        r""":math:`\mathrm{Tr}\,(\Sigma R)^2`."""
        return float(self.resolvent.sigma_sigma_trace)

    @property
    def visible_share(self) -> float:
        r""":math:`1 - \mathrm{df}_1/n`."""
        return 1.0 - self.df1 / self.n_samples if self.shrinkage is None else self.shrinkage

    @cached_property
    def residual(self) -> Array:
        r""":math:`u_k`, the error of :math:`q\hat A` with all other coordinates visible."""
        # 1 - df2/n, as a sum of two terms that are not negative.
        room = self.visible_share + self.resolvent.sigma_shift_trace / self.n_samples
        return self.resolvent.population_error / room

    @cached_property
    def alignment(self) -> Array:
        """:math:`v_k`."""
        return self.resolvent.noise_left

    def weighted_norm(self, weights: Array) -> Array:
        r""":math:`w_k(B) = q^2\sum_j B_{jj}\hat A_{jk}^2` for B = diag(weights)."""
        r, alike = self.resolvent, np.all(weights == weights[0])
        spread = np.sum(weights * r.sigma_sandwich) / self.n_samples
        return r.weight_norm(weights[0] if alike else weights) + spread * self.residual

    @cached_property
    def noise(self) -> Array:
        """:math:`w_k(V)`: what unit input noise of the coordinates' own variances adds."""
        return self.weighted_norm(self.variances)

    def error_at(self, mask_rate: float) -> Array:
        r"""Error of A_hat on masks of another rate than that of its training.

        .. math:: \mathcal E_k(p') = c^2u_k + 2c(1-c)v_k + (1-c)^2\Sigma_{kk}
                  + \frac{p'q'}{q^2}\,w_k(V), \qquad c = q'/q

        Parameters
        ----------
        mask_rate : float
            :math:`p' = 1 - q'` in [0, 1); 0 means that all other coordinates are visible.

        Returns
        -------
        ndarray of shape (n_features,)
        """
        rate = open_unit(mask_rate, "mask_rate", zero_allowed=True)
        c = (1.0 - rate) / self.keep
        error = c * c * self.residual + rate * (1.0 - rate) / self.keep**2 * self.noise
        if c != 1.0:
            error = error + 2.0 * c * (1.0 - c) * self.alignment + (1.0 - c) ** 2 * self.variances
        return error

    @cached_property
    def same(self) -> Array:
        r"""Test error at the training rate, :math:`u_k + \tau w_k(V)`."""
        return self.residual + self.tau * self.noise

    @cached_property
    def train(self) -> Array:
        r"""Training error at the training rate, :math:`(1-\mathrm{df}_1/n)^2u_k + \tau w_k(V)`.

        Only the residual is smaller on the training rows; the noise of hidden inputs is the same
        there, because S and Sigma have the same diagonal in the limit. In a sample the error is
        :math:`1/Q_{kk} - \lambda q^{-2}(Q^2)_{kk}/Q_{kk}^2 - \tau S_{kk}`, exactly.

        Implements :theorem:`prop-mask-train`.
        """
        return self.visible_share**2 * self.residual + self.tau * self.noise

    @cached_property
    def coef_norm(self) -> float:
        r""":math:`\frac1d\|\hat A\|_F^2 = q^{-2}\frac1d\sum_k w_k(I)`."""
        return float(np.mean(self.weighted_norm(np.ones(self.variances.size)))) / self.keep**2

    def evaluate(self, evaluation: str | float) -> float:
        """Mean error in the sense of :func:`optimal_masking`."""
        if evaluation == "same":
            return float(np.mean(self.same))
        if evaluation == "full":
            return float(np.mean(self.error_at(0.0)))
        if evaluation == "rescaled":
            return float(np.mean(self.residual))
        if isinstance(evaluation, str):
            raise ValueError(
                f"evaluation must be 'same', 'full', 'rescaled' or a mask rate, got {evaluation!r}."
            )
        return float(np.mean(self.error_at(evaluation)))


def solve_masked(
    covariance: Covariance, n_samples: int, ridge: float, mask_rate: float
) -> tuple[Equivalent, MaskedErrors]:
    r"""Solve the fixed-point equation at a mask rate.

    .. math:: Q \simeq \kappa\,(\Sigma + \kappa\Lambda)^{-1}, \qquad
              \frac1\kappa = 1 - \frac1n\mathrm{Tr}\,\Sigma(\Sigma + \kappa\Lambda)^{-1}

    Implements :theorem:`thm-mask-error`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    ridge : float
        :math:`\lambda \ge 0`; with masks, zero is no limit but a problem like others.
    mask_rate : float
        p in (0, 1).

    Returns
    -------
    equivalent : Equivalent
        That of the model in units of the penalty, :math:`\Lambda^{-1/2}\Sigma\Lambda^{-1/2}`, at
        ridge 1.
    errors : MaskedErrors
    """
    rate, variances = open_unit(mask_rate, "mask_rate"), covariance_model(covariance).diagonal()
    equivalent, penalty = _resolve(covariance, n_samples, mask_penalty(variances, ridge, rate))
    resolvent = covariance.resolvent(penalty)
    errors = MaskedErrors(
        equivalent.n_samples, 1.0 - rate, variances, penalty, resolvent, equivalent.shrinkage
    )
    return equivalent, errors


# The best mask rate ----------------------------------------------------------------------------


@dataclass(frozen=True)
class OptimalMasking:
    """The best mask rate, the best ridge, or the best pair.

    Attributes
    ----------
    mask_rate : float
        p; 0 when it is best to hide one coordinate at a time, 1 when to hide nearly all.
    ridge : float
        Its ridge; infinity when predicting nothing is best.
    error : float
        The error there.
    boundary : str
        "" for a minimum inside; else which end of its range was best: "rate 0", "rate 1",
        "ridge 0" or "ridge infinite".
    """

    mask_rate: float
    ridge: float
    error: float
    boundary: str


def _check_evaluation(evaluation: str | float):
    if isinstance(evaluation, str):
        if evaluation not in EVALUATIONS:
            raise ValueError(
                f"evaluation must be one of {EVALUATIONS} or a mask rate in [0, 1), "
                f"got {evaluation!r}."
            )
        return evaluation
    return open_unit(evaluation, "evaluation", zero_allowed=True)


def _unmasked(covariance: Covariance, n: int, ridge: float, evaluation: str | float):
    """The error of training on one hidden coordinate at a time; infinite where it has no limit."""
    if ridge == 0.0 and n == covariance.d:
        return np.inf
    try:
        e = solve_kappa(covariance, n, ridge)
    except SingularCovariance:
        return np.inf
    penalty, variances = np.full(covariance.d, e.kappa), covariance.diagonal()
    errors = MaskedErrors(n, 1.0, variances, penalty, e.resolvent, e.shrinkage)
    return errors.evaluate(evaluation)


def spectral_range(covariance: Covariance) -> tuple[float, float]:
    """Numbers below the least positive eigenvalue of Sigma, roughly, and above the largest."""
    if covariance.trace() == 0.0:
        raise ValueError("covariance must not be zero.")
    variances, errors = covariance.diagonal(), conditional_variances(covariance)
    known = errors > 0.0
    # An eigenvalue s is at least 1/Tr Sigma^-1. Where all coordinates follow from each other, the
    # only scale at hand is that of the variances.
    least = np.min(errors[known]) / covariance.d if known.any() else 1e-3 * np.mean(variances)
    return float(least), float(covariance.trace())


def log_grid(low: float, high: float, per_decade: float) -> Array:
    """Logarithms of equally spaced points from low to high."""
    points = 1 + int(np.ceil(per_decade * np.log10(high / low)))
    return np.linspace(np.log(low), np.log(high), max(points, 3))


def _minimum(function: Callable[[float], float], grid: Array):
    """Smallest value of a function of one number: a grid, then a search around its best."""
    points = grid.size
    values = np.array([function(x) for x in grid])
    k = int(np.argmin(values))
    if k in (0, points - 1):
        return float(grid[k]), float(values[k]), k == 0, k != 0
    found = minimize_scalar(
        function, bounds=(grid[k - 1], grid[k + 1]), method="bounded", options={"xatol": 1e-6}
    )
    if found.fun > values[k]:
        return float(grid[k]), float(values[k]), False, False
    return float(found.x), float(found.fun), False, False


def optimal_mask_rate(
    covariance: Covariance, n_samples: int, ridge: float, *, evaluation: str | float = "rescaled"
) -> OptimalMasking:
    r"""Find the mask rate that is best at a given ridge.

    .. math:: p^\star(\lambda) = \arg\min_{0 \le p < 1} \mathcal E(p, \lambda)

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    ridge : float
        :math:`\lambda \ge 0`.
    evaluation : {"rescaled", "full", "same"} or float, default="rescaled"
        What is minimised: the error of :math:`q\hat A` with all other coordinates visible, that
        of :math:`\hat A` likewise, that at the training rate itself, or that at a fixed rate.

    Returns
    -------
    OptimalMasking

    Notes
    -----
    A grid of seven points to a decade over :math:`p/q`, from far below what any direction of the
    covariance needs to :math:`10^4`, then a search around its best point. The end p = 0 is
    evaluated as it is, and counts as infinite where it has no limit; it wins ties within rounding.
    At the other end the returned error is that at :math:`p/q = 10^4`.
    """
    covariance_model(covariance)
    n, ridge = positive_integer(n_samples, "n_samples"), non_negative(ridge, "ridge")
    evaluation = _check_evaluation(evaluation)

    def error(x: float):
        rate = np.exp(x) / (1.0 + np.exp(x))
        return solve_masked(covariance, n, ridge, rate)[1].evaluate(evaluation)

    least, _ = spectral_range(covariance)
    least = min(1.0, least / np.max(covariance.diagonal()))
    x, value, _, last = _minimum(error, log_grid(BELOW * least, ABOVE, 7.0))
    none = _unmasked(covariance, n, ridge, evaluation)
    if none <= value * (1.0 + 1e-10):
        return OptimalMasking(0.0, ridge, none, "rate 0")
    if last:
        return OptimalMasking(1.0, ridge, value, "rate 1")
    return OptimalMasking(float(np.exp(x) / (1.0 + np.exp(x))), ridge, value, "")


def optimal_masked_ridge(
    covariance: Covariance,
    n_samples: int,
    mask_rate: float,
    *,
    evaluation: str | float = "same",
) -> OptimalMasking:
    r"""Find the ridge that is best at a given mask rate.

    .. math:: \lambda^\star(p) = \arg\min_{\lambda \ge 0} \mathcal E(p, \lambda)

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    mask_rate : float
        p in (0, 1).
    evaluation : {"same", "full", "rescaled"} or float, default="same"
        What is minimised, as in :func:`optimal_mask_rate`.

    Returns
    -------
    OptimalMasking

    Notes
    -----
    A grid of four points to a decade over :math:`\lambda q^{-2}`, from far below what masks and
    covariance leave of any direction to far above all variance, then a search around its best
    point.
    """
    covariance_model(covariance)
    n, rate = positive_integer(n_samples, "n_samples"), open_unit(mask_rate, "mask_rate")
    evaluation = _check_evaluation(evaluation)
    unit, variances = (1.0 - rate) ** 2, covariance.diagonal()

    def error(x: float):
        return solve_masked(covariance, n, unit * np.exp(x), rate)[1].evaluate(evaluation)

    least, most = spectral_range(covariance)
    least = max(least, rate / (1.0 - rate) * float(np.min(variances[variances > 0.0])))
    x, value, _, last = _minimum(error, log_grid(BELOW * min(least, most), ABOVE * most, 4.0))
    none = np.inf
    if np.all(variances > 0.0):
        none = solve_masked(covariance, n, 0.0, rate)[1].evaluate(evaluation)
    if none <= value * (1.0 + 1e-10):
        return OptimalMasking(rate, 0.0, none, "ridge 0")
    nothing = covariance.trace() / covariance.d
    if last or value > nothing * (1.0 - 1e-9):
        return OptimalMasking(rate, np.inf, nothing, "ridge infinite")
    return OptimalMasking(rate, float(unit * np.exp(x)), value, "")


def optimal_masking(
    covariance: Covariance, n_samples: int, *, evaluation: str | float = "rescaled"
) -> OptimalMasking:
    r"""Find the best pair of mask rate and ridge.

    .. math:: K = \alpha V + \beta I, \qquad
              t = 1 - \tfrac1n\mathrm{Tr}\,\Sigma(\Sigma + K)^{-1}, \qquad
              \tau = t\alpha, \quad \lambda q^{-2} = t\beta

    The search runs over :math:`(\alpha, \beta)`, in which everything is explicit.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates, all of positive variance.
    n_samples : int
        Number of samples n.
    evaluation : {"rescaled", "full", "same"} or float, default="rescaled"
        What is minimised, as in :func:`optimal_mask_rate`.

    Returns
    -------
    OptimalMasking

    Notes
    -----
    A grid over both, the edges :math:`\alpha = 0` (no masks) and :math:`\beta = 0` (no ridge) on
    finer ones, and Nelder-Mead from the best of the inside. An edge wins ties to a relative 1e-9:
    where all variances are equal, a whole curve of pairs is best for "rescaled", and the answer
    is the one without masks. When every grid point predicts worse than 0 does, the ridge is
    infinite.
    """
    covariance_model(covariance)
    n, evaluation = positive_integer(n_samples, "n_samples"), _check_evaluation(evaluation)
    variances = positive_vector(covariance.diagonal(), "variances of the coordinates")
    unit = float(np.mean(variances))

    def state(alpha: float, beta: float):
        penalty = alpha * variances + beta * unit
        resolvent = covariance.resolvent(penalty)
        t = 1.0 - float(resolvent.sigma_trace) / n
        if t <= 0.0:  # more degrees of freedom than samples: no ridge leads here
            return np.inf, np.nan, np.nan
        keep = 1.0 / (1.0 + t * alpha)
        error = MaskedErrors(n, keep, variances, penalty, resolvent, t).evaluate(evaluation)
        return error, float(1.0 - keep), float(t * beta * unit * keep**2)

    least, most = spectral_range(covariance)
    masks = BELOW * min(1.0, least / float(np.max(variances))), ABOVE
    ridges = BELOW * least / unit, ABOVE * most / unit
    ridge_only = _minimum(lambda y: state(0.0, np.exp(y))[0], log_grid(*ridges, 4.0))
    masks_only = _minimum(lambda x: state(np.exp(x), 0.0)[0], log_grid(*masks, 4.0))
    alphas, betas = log_grid(*masks, 1.5), log_grid(*ridges, 1.5)
    inside = np.array([[state(np.exp(x), np.exp(y))[0] for y in betas] for x in alphas])
    i, j = np.unravel_index(int(np.argmin(inside)), inside.shape)
    start = np.array([alphas[i], betas[j]])
    low, high = np.array([alphas[0], betas[0]]), np.array([alphas[-1], betas[-1]])
    found = minimize(
        lambda v: state(*np.exp(np.clip(v, low, high)))[0],
        start,
        method="Nelder-Mead",
        options={
            "xatol": 1e-5,
            "fatol": 1e-13 * unit,
            "initial_simplex": start + np.array([[0.0, 0.0], [0.7, 0.0], [0.0, 0.7]]),
        },
    )
    best = min(ridge_only[1], masks_only[1], float(found.fun))
    if best > unit * (1.0 - 1e-9):
        return OptimalMasking(0.0, np.inf, unit, "ridge infinite")
    if ridge_only[1] <= best * (1.0 + 1e-9):
        error, _, ridge = state(0.0, np.exp(ridge_only[0]))
        return OptimalMasking(0.0, 0.0 if ridge_only[2] else ridge, error, "rate 0")
    if masks_only[1] <= best * (1.0 + 1e-9):
        error, rate, _ = state(np.exp(masks_only[0]), 0.0)
        return OptimalMasking(1.0 if masks_only[3] else rate, 0.0, error, "ridge 0")
    error, rate, ridge = state(*np.exp(np.clip(found.x, low, high)))
    return OptimalMasking(rate, ridge, error, "")


# diag(S) for diag(Sigma) -----------------------------------------------------------------------


@dataclass(frozen=True)
class DiagonalReplacement:
    r"""How far the masks' penalty made of diag(S) can be from that made of diag(Sigma).

    Attributes
    ----------
    variance : float
        Bound :math:`\eta` on :math:`\max_k |S_{kk}/\Sigma_{kk} - 1|`.
    penalty : float
        Bound :math:`\eta'` on the relative change of :math:`\Lambda`, at most :math:`\eta`.
    eigenvalue : float
        Bound on the relative change of each eigenvalue of :math:`I - q\hat A`.
    coefficient : float
        Bound on the relative change of :math:`I - q\hat A` in operator norm, in the units
        :math:`D^{-1/2}(\cdot)D^{1/2}` in which it is symmetric.
    """

    variance: float
    penalty: float
    eigenvalue: float
    coefficient: float

    @classmethod
    def of(cls, variance: float, penalty: float) -> DiagonalReplacement:
        """All bounds from the first two; infinite from a penalty of 1 on."""
        if penalty >= 1.0:
            return cls(variance, penalty, np.inf, np.inf)
        ratio = 2.0 * penalty / (1.0 - penalty)
        return cls(variance, penalty, ratio, ratio)


def diagonal_replacement_bound(
    variances: Array, n_samples: int, ridge: float, mask_rate: float, *, failure: float = 0.05
) -> DiagonalReplacement:
    r"""Bound the effect of putting diag(Sigma) for diag(S) in the masks' penalty.

    .. math::

       \eta = 2\sqrt{x/n} + 2x/n, \quad x = \log\frac{2d}{\varepsilon}, \qquad
       \eta' = \eta\,\max_k \frac{\tau V_k}{\tau V_k + \lambda q^{-2}}, \qquad
       \frac{\|D^{-1/2}(\hat A - \tilde A)D^{1/2}\|}{\|D^{-1/2}(I - q\tilde A)D^{1/2}\|}
       \le \frac1q\,\frac{2\eta'}{1 - \eta'}

    with probability at least :math:`1 - \varepsilon` for Gaussian data; :math:`\tilde A` and D are
    made with diag(Sigma).

    Implements :theorem:`lem-mask-diagonal`.

    Parameters
    ----------
    variances : array-like of shape (n_features,)
        The diagonal V of Sigma.
    n_samples : int
        n.
    ridge : float
        :math:`\lambda \ge 0`.
    mask_rate : float
        p in [0, 1).
    failure : float, default=0.05
        :math:`\varepsilon`.

    Returns
    -------
    DiagonalReplacement

    Notes
    -----
    *Variances.* :math:`nS_{kk}/\Sigma_{kk}` is chi-squared with n degrees of freedom; its tails
    (Laurent and Massart 2000, Lemma 1) and a union over 2d events give :math:`\eta`. To leading
    order it is :math:`2\sqrt{\log d/n}`.

    *Order.* As :math:`S \succeq 0`, :math:`(1-\eta')(S+\Lambda) \preceq S + \hat\Lambda \preceq
    (1+\eta')(S+\Lambda)`. So :math:`\hat Q = Q^{1/2}(I + E)Q^{1/2}` with
    :math:`\|E\| \le \eta'/(1-\eta')`, and :math:`1 - \eta' \le D_k/\hat D_k \le 1 + \eta'`.

    *Matrix.* With :math:`Z = D^{-1/2}Q^{1/2}` and :math:`D\hat D^{-1} = I + F`,
    :math:`D^{-1/2}(\hat Q\hat D^{-1} - QD^{-1})D^{1/2} = ZEZ^\top(I + F) + ZZ^\top F`, of norm at
    most :math:`\|ZZ^\top\|\,[\eta'(1+\eta')/(1-\eta') + \eta']
    = \|ZZ^\top\|\cdot 2\eta'/(1-\eta')`.

    *Eigenvalues.* :math:`M = D^{1/2}(S+\Lambda)D^{1/2}` changes by factors within
    :math:`[(1-\eta')/(1+\eta'),\ (1+\eta')/(1-\eta')]` (Ostrowski), hence so does each eigenvalue
    :math:`1/\nu` of :math:`I - qA`.

    These hold draw by draw. The fluctuations of different coordinates average out in errors and
    densities, which change far less.
    """
    variances = positive_vector(variances, "variances")
    n, failure = positive_integer(n_samples, "n_samples"), open_unit(failure, "failure")
    x = np.log(2.0 * variances.size / failure)
    eta = float(2.0 * np.sqrt(x / n) + 2.0 * x / n)
    total = mask_penalty(variances, ridge, mask_rate)
    shaped = mask_penalty(variances, 0.0, mask_rate)
    share = np.max(shaped / np.where(total > 0.0, total, 1.0))
    return DiagonalReplacement.of(eta, eta * float(share))
