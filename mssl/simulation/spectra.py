"""Measured spectra, outliers and overlaps of A_hat and of principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .._eigenpairs import largest_eigenpairs
from .._types import Seed
from ..covariance.base import Population
from ..regression import MaskedRegression
from ..results import mean_and_error
from ..validation import covariance_model, first_few, positive_integer, real_copy, ridge_of_method
from .trials import run_trials

__all__ = ["Eigenpairs", "simulate_eigenpairs", "simulate_spectrum"]

METHODS = ("masked_regression", "pca", "correlation_pca")
# Number of coordinates from which Lanczos iterations for a few eigenpairs beat a full reduction.
LANCZOS = 600


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    r"""Outermost eigenvalues and their eigenvectors' squared cosines with given directions.

    .. math:: \frac{(x_j^\top v_i)^2}{\|x_j\|^2\,\|v_i\|^2}

    Attributes
    ----------
    eigenvalues : ndarray of shape (n_pairs,)
        Of A_hat, S or the correlation matrix; the outermost first. Without a unit, but for S: in
        squared units of the rows.
    right_overlaps, left_overlaps, symmetric_overlaps : ndarray of shape (n_pairs, n_directions)
        For v the right and left eigenvector of A_hat, :math:`D^{1/2}w` and :math:`D^{-1/2}w`, and
        the eigenvector w of :math:`M = D^{1/2}(S+\lambda)D^{1/2}`. For PCA all three agree; for
        the correlation matrix D is :math:`\mathrm{diag}(S)^{-1}`.
    standard_error : Eigenpairs or None
        Standard errors of all the above over the trials.
    """

    eigenvalues: np.ndarray
    right_overlaps: np.ndarray
    left_overlaps: np.ndarray
    symmetric_overlaps: np.ndarray
    standard_error: Eigenpairs | None = None


def simulate_spectrum(
    covariance: Population,
    n_samples: int,
    ridge: float | None = None,
    *,
    method: str = "masked_regression",
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> np.ndarray:
    r"""Draw samples and return all eigenvalues of the learned matrix.

    .. math:: \hat A = I - QD^{-1} \quad\text{("masked_regression")}, \qquad
              S = \tfrac1n X^\top X \quad\text{("pca")}, \qquad
              D^{1/2}SD^{1/2},\ D = \mathrm{diag}(S)^{-1} \quad\text{("correlation_pca")}

    Parameters
    ----------
    covariance : Covariance
        Population model.
    n_samples : int
        Number of rows n of a draw.
    ridge : float, optional
        :math:`\lambda`, in squared units of the rows; needed for "masked_regression", and for it
        alone.
    method : {"masked_regression", "pca", "correlation_pca"}, default="masked_regression"
        The matrix.
    trials : int
        Number of draws.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    n_jobs : int, default=-1
        Draws at the same time; the result does not depend on it.
    progress : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    ndarray of shape (trials, n_features)
        Ascending in each row. Without a unit, but for "pca": in squared units of the rows.

    Raises
    ------
    ValueError
        If `covariance` is no population, an argument is out of range, a ridge is missing or given
        where it has no meaning, or a correlation is asked of a coordinate without variance.
    """
    covariance_model(covariance, needs=("sample",))
    n = positive_integer(n_samples, "n_samples")
    ridge = ridge_of_method(method, ridge, METHODS)

    def trial(generator):
        matrix, _ = _symmetric_matrix(covariance.sample(n, generator), ridge, method)
        nu = eigh(matrix, eigvals_only=True, overwrite_a=True, check_finite=False)
        return _reported(nu, method)

    return np.array(run_trials(trial, trials, rng, n_jobs=n_jobs, progress=progress))


def simulate_eigenpairs(
    covariance: Population,
    n_samples: int,
    ridge: float | None = None,
    *,
    directions,
    method: str = "masked_regression",
    count: int = 1,
    lowest: bool = False,
    trials: int,
    rng: Seed,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> Eigenpairs:
    """Measure the outermost eigenvalues and what their eigenvectors hold of given directions.

    Implements :theorem:`prop-symmetrised`; the formulas are those of :class:`Eigenpairs`.

    Parameters
    ----------
    covariance : Covariance
        Population model.
    n_samples : int
        Number of rows n of a trial.
    ridge : float, optional
        In squared units of the rows; needed for "masked_regression", and for it alone.
    directions : array-like of shape (n_features, n_directions)
        Directions of any length.
    method : {"masked_regression", "pca", "correlation_pca"}, default="masked_regression"
        The matrix; see :func:`simulate_spectrum`.
    count : int, default=1
        Number of eigenpairs.
    lowest : bool, default=False
        The smallest eigenvalues instead of the largest.
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
    Eigenpairs
        Means over the trials, with `standard_error`.

    Raises
    ------
    ValueError
        As :func:`simulate_spectrum`, or if `directions` are not finite columns of d entries other
        than 0, `count` is not between 1 and d, or `trials` is below 2.
    """
    covariance_model(covariance, needs=("sample",))
    n = positive_integer(n_samples, "n_samples")
    trials = positive_integer(trials, "trials", minimum=2)
    count = positive_integer(count, "count")
    ridge = ridge_of_method(method, ridge, METHODS)
    x = real_copy(directions, "directions")
    if x.ndim != 2 or x.shape[0] != covariance.d:
        raise ValueError(
            f"directions must have shape (d, r) with d = {covariance.d}, got {x.shape}; a single "
            "direction u goes in as u[:, None]."
        )
    if count > covariance.d:
        raise ValueError(f"count must be at most d = {covariance.d}, got {count}.")
    lengths = np.linalg.norm(x, axis=0)
    if not np.all((lengths > 0) & np.isfinite(lengths)):
        raise ValueError("directions must be finite and not zero.")
    x /= lengths

    def trial(generator):
        matrix, weights = _symmetric_matrix(covariance.sample(n, generator), ridge, method)
        nu, w = _outermost(matrix, count, lowest)
        root = np.sqrt(weights)[:, None]
        cosines = [_squared_cosines(v, x) for v in (root * w, w / root, w)]
        return (_reported(nu, method), *cosines)

    outcomes = run_trials(trial, trials, rng, n_jobs=n_jobs, progress=progress)
    found = [mean_and_error(values) for values in zip(*outcomes, strict=True)]
    means, errors = zip(*found, strict=True)
    return Eigenpairs(*means, standard_error=Eigenpairs(*errors))


def _symmetric_matrix(X, ridge, method):
    """M = D^1/2 (S + lambda) D^1/2, and the diagonal of D."""
    n, d = X.shape
    if method == "masked_regression":
        weights = MaskedRegression(ridge=ridge).fit(X).D_
    elif method == "correlation_pca":
        squares = np.einsum("ij,ij->j", X, X)
        if not np.all(squares > 0):
            raise ValueError(
                f"coordinates {first_few(np.flatnonzero(squares == 0))} have no variance to "
                "working precision, and no correlation; leave them out."
            )
        weights = n / squares
    else:
        weights = np.ones(d)
    scaled = X * np.sqrt(weights / n)
    matrix = scaled.T @ scaled
    matrix[np.diag_indices(d)] += ridge * weights
    return matrix, weights


def _outermost(matrix, count, lowest):
    """A few eigenpairs, the outermost first."""
    if not lowest:
        return largest_eigenpairs(matrix, count, lanczos_from=LANCZOS)
    return eigh(matrix, subset_by_index=(0, count - 1), check_finite=False)


def _reported(nu, method):
    return 1.0 - 1.0 / nu if method == "masked_regression" else nu


def _squared_cosines(v, x):
    return (v.T @ x) ** 2 / np.sum(v * v, axis=0)[:, None]
