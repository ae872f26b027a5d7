"""Numbers that several pages measure: exponents of powers, distances of distributions."""

from __future__ import annotations

import numpy as np

__all__ = ["fitted_exponent", "kolmogorov_distance"]


def fitted_exponent(
    d: np.ndarray, error: np.ndarray, relative_error: np.ndarray
) -> tuple[float, float, float]:
    r"""Fit a power law by weighted least squares on logarithms.

    .. math:: \log \varepsilon = \log c - \beta \log d

    Parameters
    ----------
    d, error : ndarray of shape (n_points,)
    relative_error : ndarray of shape (n_points,)
        Standard error of ``error`` divided by it.

    Returns
    -------
    exponent, standard_error, prefactor : float
        :math:`\beta`, its standard error and c.

    Examples
    --------
    >>> d = np.array([10.0, 100.0, 1000.0])
    >>> exponent, _, prefactor = fitted_exponent(d, 3.0 / d, np.full(3, 0.1))
    >>> round(exponent, 9), round(prefactor, 9)
    (1.0, 3.0)
    """
    design = np.stack([np.ones(len(d)), -np.log(d)], axis=1) / relative_error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    log_prefactor, exponent = covariance @ design.T @ (np.log(error) / relative_error)
    return float(exponent), float(np.sqrt(covariance[1, 1])), float(np.exp(log_prefactor))


def kolmogorov_distance(values: np.ndarray, cdf) -> float:
    """Return the largest distance between the distribution of `values` and `cdf`.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Ascending.
    cdf : callable
        A continuous distribution function.

    Returns
    -------
    float

    Examples
    --------
    >>> kolmogorov_distance(np.array([0.25, 0.75]), lambda x: x)
    0.25
    """
    steps = np.arange(len(values) + 1) / len(values)
    at_values = cdf(values)
    return float(max(np.max(steps[1:] - at_values), np.max(at_values - steps[:-1])))
