"""The best ridge and mask rate when the covariance is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from .._types import Array
from ..covariance import Covariance
from ..covariance.base import conditional_variances
from ..validation import (
    covariance_model,
    non_negative,
    open_unit,
    positive_integer,
    positive_vector,
)
from .errors import SSRTheory, bayes_error_by_coordinate
from .kappa import SingularCovariance, least_kappa, solve_kappa
from .masked import MaskedErrors, solve_masked

__all__ = [
    "OptimalMasking",
    "OptimalRidge",
    "check_evaluation",
    "log_grid",
    "optimal_mask_rate",
    "optimal_masked_ridge",
    "optimal_masking",
    "optimal_ridge",
    "spectral_range",
]

EVALUATIONS = ("same", "full", "rescaled")

# How far beyond the scales of the covariance a penalty is searched.
BELOW, ABOVE = 1e-5, 1e4


@dataclass(frozen=True)
class OptimalMasking:
    """The best mask rate, the best ridge, or the best pair.

    Attributes
    ----------
    mask_rate : float
        p; 0 when it is best to hide one coordinate at a time, 1 when to hide nearly all.
    ridge : float
        Its ridge, in squared units of the rows; infinity when predicting nothing is best.
    error : float
        The error there, in the same units.
    boundary : str
        "" for a minimum inside; else which end of its range was best: "rate 0", "rate 1",
        "ridge 0" or "ridge infinite".
    """

    mask_rate: float
    ridge: float
    error: float
    boundary: str


def check_evaluation(evaluation: str | float) -> str | float:
    """Return `evaluation` if it says what is minimised, or raise ValueError."""
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
    errors = MaskedErrors(n, 1.0, variances, penalty, e.resolvent, e.rho)
    return errors.evaluate(evaluation)


def spectral_range(covariance: Covariance) -> tuple[float, float]:
    """Numbers below the least positive eigenvalue of Sigma, roughly, and above the largest.

    ValueError if the `covariance` is zero.
    """
    if covariance.trace() == 0.0:
        raise ValueError("covariance must not be zero.")
    variances, errors = covariance.diagonal(), conditional_variances(covariance)
    known = errors > 0.0
    # An eigenvalue s is at least 1/Tr Sigma^-1. Where all coordinates follow from each other, the
    # only scale at hand is that of the variances.
    least = np.min(errors[known]) / covariance.d if known.any() else 1e-3 * np.mean(variances)
    return float(least), float(covariance.trace())


def log_grid(low: float, high: float, per_decade: float) -> Array:
    """Logarithms of equally spaced points from low to high, so many `per_decade`."""
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
        :math:`\lambda \ge 0`, in squared units of the rows.
    evaluation : {"rescaled", "full", "same"} or float, default="rescaled"
        What is minimised: the error of :math:`q\hat A` with all other coordinates visible, that
        of :math:`\hat A` likewise, that at the training rate itself, or that at a fixed rate.

    Returns
    -------
    OptimalMasking

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or zero, `evaluation` is none of the above, or a
        number is out of its range.

    Notes
    -----
    A grid of seven points to a decade over :math:`p/q`, from far below what any direction of the
    covariance needs to :math:`10^4`, then a search around its best point. The end p = 0 is
    evaluated as it is, and counts as infinite where it has no limit; it wins ties within rounding.
    At the other end the returned error is that at :math:`p/q = 10^4`.
    """
    covariance_model(covariance)
    n, ridge = positive_integer(n_samples, "n_samples"), non_negative(ridge, "ridge")
    evaluation = check_evaluation(evaluation)

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

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or zero, `evaluation` is none of the above, or a
        number is out of its range.

    Notes
    -----
    A grid of four points to a decade over :math:`\lambda q^{-2}`, from far below what masks and
    covariance leave of any direction to far above all variance, then a search around its best
    point.
    """
    covariance_model(covariance)
    n, rate = positive_integer(n_samples, "n_samples"), open_unit(mask_rate, "mask_rate")
    evaluation = check_evaluation(evaluation)
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

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or has a coordinate without variance, `n_samples` is
        not a positive integer, or `evaluation` is none of the above.

    Notes
    -----
    A grid over both, the edges :math:`\alpha = 0` (no masks) and :math:`\beta = 0` (no ridge) on
    finer ones, and Nelder-Mead from the best of the inside. An edge wins ties to a relative 1e-9:
    where all variances are equal, a whole curve of pairs is best for "rescaled", and the answer
    is the one without masks. When every grid point predicts worse than 0 does, the ridge is
    infinite.
    """
    covariance_model(covariance)
    n, evaluation = positive_integer(n_samples, "n_samples"), check_evaluation(evaluation)
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


@dataclass(frozen=True)
class OptimalRidge:
    """The ridge that minimises the test error, with the error it reaches.

    Attributes
    ----------
    ridge : float
        The minimiser: 0 when the ridgeless limit is best, infinity when predicting nothing is.
        In squared units of the rows, as the other two.
    kappa : float
        The kappa that belongs to it.
    test_error : float
        The test error there.
    """

    ridge: float
    kappa: float
    test_error: float


def optimal_ridge(covariance: Covariance, n_samples: int) -> OptimalRidge:
    r"""Find the ridge that minimises the test error.

    .. math:: \lambda^\star = \arg\min_\lambda \mathcal E^{\rm test}(\lambda), \qquad
              \lambda(\kappa) = \kappa\,\Big(1 - \frac1n \mathrm{Tr}\,\Sigma R\Big)

    The search runs over :math:`\kappa`, in which everything is explicit: a grid from far below the
    least eigenvalue to far above the trace, then a bounded scalar minimisation around each of its
    minima.

    Implements :theorem:`prop-best-ridge`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.

    Returns
    -------
    OptimalRidge

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or zero, or `n_samples` is not a positive integer.

    Notes
    -----
    The test error approaches :math:`\Sigma_{kk}` as the ridge grows, from below unless Sigma is
    diagonal. An infinite best ridge is therefore returned only for models so close to diagonal
    that predicting nothing is within 1e-9 of the best, which is what rounding leaves to tell.

    There can be several local minima. Two points of the grid to a decade suffice to see them: the
    error is made of means of :math:`s/(s + \kappa)` and its powers over the spectrum, each of which
    takes about a decade of :math:`\kappa` to fall.

    A singular Sigma of rank r < n has a limit of the error at ridge 0, the Bayes error over
    :math:`1 - r/n`, although the predictor has none. For r = n the limit exists only where all
    coordinates follow from the others. Where no ridge would be best and there is no limit, the
    answer is the least ridge of the grid.
    """
    covariance_model(covariance)
    n = positive_integer(n_samples, "n_samples")
    least, most = spectral_range(covariance)
    limit = least_kappa(covariance, n)

    def evaluate(log_excess: float):
        kappa = limit + np.exp(log_excess)
        r = covariance.resolvent(kappa)
        share = 1.0 - r.sigma_trace / n
        error = np.mean(r.population_error) / (share + r.sigma_shift_trace / n)
        return kappa * share, kappa, float(error)

    grid = log_grid(1e-6 * least, 1e6 * most, 2.0)
    errors = np.array([evaluate(g)[2] for g in grid])
    best = int(np.argmin(errors))
    nothing = covariance.trace() / covariance.d
    if best == len(grid) - 1 or errors[best] > nothing * (1.0 - 1e-9):
        return OptimalRidge(np.inf, np.inf, nothing)
    if best == 0:
        return _ridgeless(covariance, n, nothing, limit) or OptimalRidge(
            *map(float, evaluate(grid[0]))
        )
    inner = errors[1:-1]
    low = {best, *(1 + np.flatnonzero((inner < errors[:-2]) & (inner < errors[2:])))}
    found = [
        minimize_scalar(
            lambda g: evaluate(g)[2],
            bounds=(grid[i - 1], grid[i + 1]),
            method="bounded",
            # A minimum is flat: rounding of the error hides about 1e-8 of its place anyway.
            options={"xatol": 1e-7},
        )
        for i in sorted(low)
    ]
    return OptimalRidge(*(float(v) for v in evaluate(min(found, key=lambda f: f.fun).x)))


def _ridgeless(covariance: Covariance, n: int, unit: float, kappa: float) -> OptimalRidge | None:
    """The limit of no ridge, where kappa is as given; None where the error has no limit."""
    if kappa == 0.0:
        error = float(np.mean(bayes_error_by_coordinate(covariance)))
        # The degrees of freedom at a vanishing kappa are the rank.
        rank = round(float(covariance.resolvent(1e-13 * unit).sigma_trace))
        if error == 0.0 or rank < n:
            return OptimalRidge(0.0, 0.0, error / (1.0 - rank / n) if error else 0.0)
        return None
    theory = SSRTheory(covariance, n, 0.0)
    return OptimalRidge(0.0, theory.kappa, theory.test_error)
