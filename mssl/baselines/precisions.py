r"""Other ways to learn a direction, or a predictor of a hidden coordinate, from the same data.

Whatever the method, once it has arrived at a matrix Q that plays the part of a precision matrix,
coordinate k is predicted from the others by the same formula:

.. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}, \qquad
          \mathcal E_k = \frac{(Q\Sigma Q)_{kk}}{Q_{kk}^2} .

Masked regression has :math:`Q = (S + \lambda)^{-1}`, the best linear predictor
:math:`Q = \Sigma^{-1}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, qr, svd
from scipy.optimize import minimize

from ..exceptions import ConvergenceError
from ..regression import MaskedRegression
from ..validation import (
    covariance_model,
    data_matrix,
    finite_vector,
    first_few,
    non_negative,
    open_unit,
    positive,
    positive_integer,
    real_copy,
    true_or_false,
)

__all__ = [
    "METHODS",
    "Directions",
    "factor_precision",
    "hidden_error",
    "leading_directions",
    "masked_predictor",
    "pca_precision",
]

#: Names of the methods that :func:`leading_directions` knows.
METHODS = ("regression", "pca", "correlation", "factor")

_ROUNDING = 10.0 * np.finfo(float).eps  # times a size: below it a singular value may be noise
_FAR_BELOW = 1e-6  # an eigenvalue below this share of the largest loses digits in a Gram matrix
_LEAST_NOISE = 1e-9  # share of the variance
_STATIONARY = 1e-5  # slope of the deviance of a row in the logarithm of a variance
_FAINTEST = 1e-12  # share of the variance that is told from none
_NEAR, _NEWTON_STEPS = 1e-3, 5
_RESTARTS = 5
_WARM_STEPS = 20  # of the plain iteration, before the quasi-Newton one


def masked_predictor(precision) -> np.ndarray:
    r"""Predictor of each coordinate from all others that a precision matrix stands for.

    .. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}

    Implements :theorem:`prop-pca-fill-in`.

    Parameters
    ----------
    precision : array-like of shape (n_features, n_features)
        Q, symmetric, with a positive diagonal.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k; the diagonal is zero.

    Examples
    --------
    >>> from mssl.baselines import masked_predictor
    >>> masked_predictor([[2.0, -1.0], [-1.0, 4.0]])
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """
    predictor = -_residual_map(precision)
    np.fill_diagonal(predictor, 0.0)
    return predictor


def hidden_error(precision, covariance) -> np.ndarray:
    r"""Mean squared error of each hidden coordinate under a known population.

    .. math:: \mathcal E_k = \frac{(Q\Sigma Q)_{kk}}{Q_{kk}^2}

    Parameters
    ----------
    precision : array-like of shape (n_features, n_features)
        Q, symmetric, with a positive diagonal.
    covariance : Covariance or PatchPopulation
        The population; anything with ``apply`` and ``d``.

    Returns
    -------
    ndarray of shape (n_features,)
    """
    residual = _residual_map(precision)
    covariance_model(covariance, needs=("apply",))
    if covariance.d != len(residual):
        raise ValueError(
            f"precision has {len(residual)} coordinates, but covariance has d = {covariance.d}."
        )
    return np.einsum("ij,ij->j", residual, covariance.apply(residual))


def pca_precision(X, rank: int, *, standardize: bool = False, noise: bool = True) -> np.ndarray:
    r"""Precision matrix of a probabilistic PCA of given rank.

    .. math:: Q = W\,\mathrm{diag}(1/\ell)\,W^\top + \frac{1}{\sigma^2}\,(I - WW^\top), \qquad
              \sigma^2 = \frac{1}{d-r}\sum_{i>r} \ell_i

    with the r largest eigenvalues of S (or of the correlation matrix) in :math:`\ell` and their
    eigenvectors in W.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Not centred.
    rank : int
        r, at least 0 and below both n_samples and n_features.
    standardize : bool, default=False
        Whether to divide every coordinate by its root mean square first; the result is then
        translated back to the units of X.
    noise : bool, default=True
        False for the limit of no noise, :math:`Q = I - WW^\top`: a hidden coordinate is then
        filled in with the least-squares fit of r components to the others.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        In units of one over those of X squared: that of cX is :math:`Q/c^2`. Without noise and
        without `standardize` it has no unit, and is the same for cX.

    Raises
    ------
    ValueError
        If r components leave no noise, to working precision, and `noise` is True; if X has fewer
        than r of them; or if a column is zero and `standardize` is True.

    Notes
    -----
    A coordinate that is itself one of the components cannot be filled in from the others without
    noise; its row of Q is then exactly 0, which :func:`masked_predictor` refuses.

    References
    ----------
    M. E. Tipping and C. M. Bishop, Probabilistic principal component analysis, Journal of the
    Royal Statistical Society B 61 (1999).
    """
    standardize, noise = true_or_false(standardize, "standardize"), true_or_false(noise, "noise")
    X = _checked_rows(X)
    n, d = X.shape
    rank = _rank(rank, n, d)
    scales = _root_mean_squares(X, "standardize") if standardize else _own_unit(X)
    values, v = svd(X / scales / np.sqrt(n), full_matrices=True)[1:]
    _require_room(values, rank, max(n, d), noise)
    w, rest = v[:rank].T, v[rank:].T
    if noise:
        level = np.sum(values[rank:] ** 2) / (d - rank)
        # A sum of squares on the diagonal, which no rounding can turn negative.
        q = (w / values[:rank] ** 2) @ w.T + rest @ rest.T / level
    else:
        rest[np.linalg.norm(rest, axis=1) <= d * _ROUNDING] = 0.0
        q = rest @ rest.T
        scales = scales if standardize else np.ones(d)
    return _to_units(q, scales)


def factor_precision(
    X, rank: int, *, max_iter: int = 5000, tol: float = 1e-8, least_noise: float = _LEAST_NOISE
) -> np.ndarray:
    r"""Precision matrix of a maximum-likelihood factor analysis.

    .. math:: Q = (LL^\top + \Psi)^{-1}, \qquad L \in \mathbb R^{d\times r},\ \Psi\ \text{diagonal}

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    rank : int
        r, at least 1 and below both n_samples and n_features.
    max_iter : int, default=5000
        Largest number of iterations.
    tol : float, default=1e-8
        Iterations end where no derivative of :math:`-\frac2n \log` likelihood in the standard
        deviations :math:`(\Psi_{kk} / \mathrm{Var}\,x_k)^{1/2}` exceeds it, or earlier, where
        rounding hides any further rise.
    least_noise : float, default=1e-9
        Smallest share of the variance of a coordinate that may be noise,
        :math:`\Psi_{kk} \ge \texttt{least\_noise}\; \mathrm{Var}\,x_k`; see the Notes.

    Returns
    -------
    ndarray of shape (n_features, n_features)

    Raises
    ------
    ValueError
        If a column is constant, or if the likelihood has no bound; see the Notes.
    ConvergenceError
        If the iterations did not converge.

    Notes
    -----
    The mean of every column is subtracted; the other methods here do not do that. For data of
    mean zero the difference is of order 1/n.

    The likelihood knows no units: each column of X may be multiplied by a number of its own, and Q
    changes as the inverse of a covariance does. It is maximised in :math:`\Psi`, the best L being
    known for each (Joreskog 1967), from two starts of which the better result is kept; it may
    have several maxima.

    Where a coordinate is a factor itself, the likelihood grows until its noise is 0 (a Heywood
    case, usual when r is large). The noise is then held at `least_noise` times the variance, which
    changes Q by terms of that order. Where r factors explain columns that determine one another,
    such as a column and its copy, without noise, the likelihood has no bound: that is refused.

    References
    ----------
    K. G. Joreskog, Some contributions to maximum likelihood factor analysis, Psychometrika 32
    (1967).
    """
    X = _checked_rows(X)
    rank = _rank(rank, *X.shape, least=1)
    scales, noise, values, v = _factor_model(X, rank, max_iter, tol, least_noise)
    # Psi^1/2 Q Psi^1/2 has the eigenvalues 1/values on the first rows of v, and 1 on the rest.
    w, rest = v[:rank].T, v[rank:].T
    q = (w / values) @ w.T + rest @ rest.T
    return _to_units(q, scales * np.sqrt(noise))


@dataclass(frozen=True, eq=False)
class Directions:
    r"""One learned direction, in the three ways in which it can be read.

    .. math:: D^{1/2}w, \qquad w, \qquad D^{-1/2}w

    Attributes
    ----------
    filter : ndarray of shape (n_features,)
        Maps a sample to its score; the right eigenvector of A_hat.
    symmetric : ndarray of shape (n_features,)
        The eigenvector in weighted coordinates.
    pattern : ndarray of shape (n_features,)
        What a sample gains per unit of score; the left eigenvector of A_hat, and the loadings of
        a factor analysis.
    """

    filter: np.ndarray
    symmetric: np.ndarray
    pattern: np.ndarray

    def overlaps(self, x) -> np.ndarray:
        """Squared cosines of filter, symmetric vector and pattern with x, of shape (3,)."""
        x = finite_vector(x, "x")
        if x.shape != self.filter.shape or not x.any():
            raise ValueError(
                f"x must be a vector of {len(self.filter)} entries that are not all 0, got shape "
                f"{x.shape}."
            )
        x, *vectors = (_unit_length(v) for v in (x, self.filter, self.symmetric, self.pattern))
        return (np.stack(vectors) @ x) ** 2


def leading_directions(
    X,
    method: str,
    *,
    ridge: float | None = None,
    count: int = 1,
    max_iter: int = 5000,
    tol: float = 1e-8,
) -> tuple[Directions, ...]:
    r"""The strongest directions that a method finds.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    method : {"regression", "pca", "correlation", "factor"}
        Eigenvectors of A_hat, of S, of the correlation matrix, or the columns of the loadings of
        a maximum-likelihood factor analysis with `count` factors, the strongest first.
    ridge : float, optional
        Needed for "regression", and for it alone.
    count : int, default=1
        Number of directions.
    max_iter : int, default=5000
        For "factor" only, as `tol` is: see :func:`factor_precision`.
    tol : float, default=1e-8

    Returns
    -------
    tuple of Directions

    Raises
    ------
    ValueError
        If X has fewer directions than `count`, to working precision; if a column is zero
        ("correlation") or constant ("factor"); or if an argument is out of range.
    ConvergenceError
        If the iterations of "factor" did not converge.

    Notes
    -----
    The weights D are :math:`\mathrm{diag}(Q)` for masked regression, the inverse of the sample
    variances for the correlation matrix, :math:`\Psi^{-1}` for factor analysis and 1 for PCA.

    A change of units, cX, leaves all directions as they are but for a common factor of `filter`
    and one of `pattern`; for "regression" the ridge has to be multiplied by :math:`c^2`.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import leading_directions
    >>> X = np.random.default_rng(0).normal(size=(400, 5)) + np.arange(400)[:, None] / 100
    >>> direction = leading_directions(X, "pca")[0]
    >>> bool(direction.overlaps(np.ones(5))[0] > 0.99)
    True
    """
    ridge, X = _ridge_of(method, ridge), _checked_rows(X)
    n, d = X.shape
    most = min(n, d) - 1 if method == "factor" else d
    if positive_integer(count, "count", minimum=0) not in range(1, most + 1):
        raise ValueError(f"count must lie between 1 and {most}, got {count}.")
    if method == "factor":
        scales, noise, values, v = _factor_model(X, count, max_iter, tol, _LEAST_NOISE)
        if not values[-1] - 1.0 > d * _ROUNDING:
            raise ValueError(
                f"the columns of X share fewer factors than count = {count}, to working precision; "
                "lower count."
            )
        w, scales = v[:count].T * np.sqrt(values - 1.0), scales * np.sqrt(noise)
    elif method == "regression":
        scales = 1.0 / np.sqrt(MaskedRegression(ridge=ridge).fit(X).D_)
        w = _top_vectors(X / scales / np.sqrt(n), count, ridge / scales**2)
    elif method == "correlation":
        scales = _root_mean_squares(X, "compute correlations")
        w = _top_vectors(X / scales / np.sqrt(n), count)
    else:
        w, scales = _top_vectors(X / _own_unit(X) / np.sqrt(n), count), np.ones(d)
    with np.errstate(over="ignore", under="ignore"):
        filters, patterns = w.T / scales, w.T * scales
    if not (np.isfinite(filters).all() and filters.any(axis=1).all()):
        raise ValueError(_BEYOND_RANGE)
    return tuple(map(Directions, filters, np.ascontiguousarray(w.T), patterns))


# Linear algebra ----------------------------------------------------------------------------------


def _own_unit(X):
    """Largest entry of X in size, 1 if all are 0, once a column."""
    return np.full(X.shape[1], np.abs(X).max() or 1.0)


def _root_mean_squares(X, purpose):
    """Root mean square of each column, at any size; refuse columns of zeros."""
    peaks = np.abs(X).max(axis=0)
    if not np.all(peaks > 0):
        raise ValueError(
            f"every column of X must vary to {purpose}, but columns "
            f"{first_few(np.flatnonzero(peaks == 0))} are zero; leave them out."
        )
    return peaks * np.sqrt(np.mean((X / peaks) ** 2, axis=0))


def _require_room(values, rank, size, noise):
    """Refuse a rank of which the data leave nothing for the noise, or have fewer components."""
    if not values[0]:
        raise ValueError("X is zero, and nothing can be learned from it.")
    found = int(np.sum(values > size * _ROUNDING * values[0]))
    if rank > found:
        raise ValueError(
            f"rank must be at most {found}, the number of components of X that are not rounding "
            f"noise, got {rank}."
        )
    if noise and rank == found:
        raise ValueError(
            f"no noise is left, as rank = {rank} explains X to working precision; use noise=False "
            "or a lower rank."
        )


def _top_vectors(scaled, count, penalty=None):
    """Eigenvectors of Z'Z + diag(penalty) with the largest eigenvalues, the largest first."""
    n, d = scaled.shape
    matrix = scaled.T @ scaled
    if penalty is not None:
        matrix[np.diag_indices(d)] += penalty
    values, vectors = eigh(matrix, subset_by_index=(d - count, d - 1))
    if penalty is not None or values[0] > _FAR_BELOW * values[-1]:
        return vectors[:, ::-1]
    values, v = svd(scaled, full_matrices=False)[1:]
    found = int(np.sum(values > max(n, d) * _ROUNDING * values[0]))
    if not found:
        raise ValueError("X is zero, and has no direction.")
    if count > found:
        raise ValueError(
            f"count must be at most {found}, the number of directions of X that are not rounding "
            f"noise, got {count}."
        )
    return v[:count].T


# Factor analysis ---------------------------------------------------------------------------------


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


def _factor_model(X, rank, max_iter, tol, least_noise):
    """Scales of the columns, shares of noise, the first eigenvalues and all eigenvectors.

    The eigenvectors, in rows, are those of the correlation matrix in weighted coordinates.
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


# Arguments ---------------------------------------------------------------------------------------


_BEYOND_RANGE = (
    "the result leaves the range of floating-point numbers in the units of X; rescale X to values "
    "of moderate size."
)


def _ridge_of(method: str, ridge: float | None) -> float:
    """The ridge of a method that takes one, 0 for the others, both checked."""
    if not isinstance(method, str) or method not in METHODS:
        got = repr(method) if isinstance(method, str) else type(method).__name__
        raise ValueError(f"method must be one of {METHODS}, got {got}.")
    if method == "regression":
        if ridge is None:
            raise ValueError("ridge must be given for method='regression'.")
        return non_negative(ridge, "ridge")
    if ridge is not None:
        raise ValueError(f"ridge has no meaning for method={method!r}; leave it out.")
    return 0.0


def _checked_rows(X):
    """X as a finite matrix; refuse hidden entries, which would be read as if they were visible."""
    if np.ma.is_masked(X):
        raise ValueError(
            "X is a masked array with hidden entries, which are needed here; fill them first, for "
            "example with mssl.imputation.MaskedImputer."
        )
    return data_matrix(real_copy(X, "X"))


def _to_units(q, scales):
    """Divide entry (j, k) by scales j and k."""
    with np.errstate(over="ignore", under="ignore"):
        q = q / scales / scales[:, None]
    if not np.isfinite(q).all() or (np.diagonal(q) == 0).all():
        raise ValueError(_BEYOND_RANGE)
    return q


def _unit_length(vector):
    vector = vector / np.abs(vector).max()
    return vector / np.linalg.norm(vector)


def _residual_map(precision):
    """I - A = Q diag(Q)^-1 of a precision matrix, checked."""
    q = real_copy(precision, "precision")
    if q.ndim != 2 or q.shape[0] != q.shape[1] or not q.size:
        raise ValueError(f"precision must be a square matrix, got shape {q.shape}.")
    if not np.isfinite(q).all():
        raise ValueError("precision must be finite, but it holds NaN or infinite entries.")
    low = np.flatnonzero(np.diagonal(q) <= 0)
    if low.size:
        raise ValueError(
            f"precision must have a positive diagonal, but entries {first_few(low)} are not "
            "positive."
        )
    with np.errstate(over="ignore", under="ignore"):
        residual = q / np.diagonal(q)
    if not np.isfinite(residual).all():
        raise ValueError("precision must not have a diagonal that vanishes beside other entries.")
    return residual


def _rank(rank, n, d, least=0) -> int:
    whole = isinstance(rank, int | np.integer) and not isinstance(rank, bool)
    if not whole or not least <= rank < min(n, d):
        raise ValueError(
            f"rank must be an integer from {least} to {min(n, d) - 1}, below both the number of "
            f"rows and of columns, got {rank!r}."
        )
    return int(rank)
