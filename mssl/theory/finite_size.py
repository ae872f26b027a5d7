r"""The training error to order 1/n: what a finite sample adds to the limit."""

from __future__ import annotations

import numpy as np

from .._types import Array
from ..covariance import Covariance
from ..validation import covariance_model
from .kappa import KappaSolution, solve_kappa

__all__ = ["finite_size_train_error"]

# Central differences of order six in log kappa. All that is differentiated is analytic in a strip
# of half-width pi, since its poles lie at negative kappa, so that this step errs by about 1e-8.
STEP = 0.1
FIRST = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / (60.0 * STEP)
SECOND = np.array([2.0, -27.0, 270.0, -490.0, 270.0, -27.0, 2.0]) / (180.0 * STEP**2)


def finite_size_train_error(covariance: Covariance, n_samples: int, ridge: float) -> Array:
    r"""Training error of each coordinate, with its bias of order 1/n.

    .. math::

        \mathrm E\,\hat{\mathcal E}_k^{\rm train} = \Big(\frac\lambda\kappa\Big)^2 g\,
        \Big[V_k + c_k - \kappa\frac{\mathrm dc_k}{\mathrm d\kappa}\Big] + O(n^{-2}), \qquad
        c_k = \frac gn\Big[\Big(\ell_k + g\,\frac{\mathrm{df}_2 - \mathrm{df}_3}n\Big)V_k
              - \frac\kappa2\frac{\mathrm dV_k}{\mathrm d\kappa}\Big],

    with :math:`R = (\Sigma + \kappa)^{-1}`, :math:`V_k = (R\Sigma R)_{kk}/R_{kk}^2`,
    :math:`\ell_k = (R\Sigma R)_{kk}/R_{kk}`, :math:`\mathrm{df}_j = \mathrm{Tr}\,(\Sigma R)^j` and
    :math:`g = 1/(1 - \mathrm{df}_2/n)`.

    Implements :theorem:`prop-err-finite-size`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of training rows n.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of the rows; zero means the ridgeless limit.

    Returns
    -------
    ndarray of shape (n_features,)
        In squared units of the rows.

    Raises
    ------
    ValueError
        As :func:`solve_kappa`.

    Notes
    -----
    Gaussian rows, at a ridge that does not vanish. The term with :math:`\ell_k` is there because
    a coordinate is regressed on d - 1 others and not on d. The other two are what the
    fluctuations of a real Gaussian sample add to the mean of its resolvent; rows with other fourth
    moments have one more term of that order. For n > d without a ridge the formula is exact:
    :math:`(1 - (d - 1)/n)/(\Sigma^{-1})_{kk}`. The derivation is the book's own, in its chapter on
    the error.
    """
    covariance_model(covariance)
    return corrected(covariance, solve_kappa(covariance, n_samples, ridge))


def corrected(covariance: Covariance, equivalent: KappaSolution) -> Array:
    """The formula of :func:`finite_size_train_error` for a `covariance` and its solved kappa.

    That is the `equivalent`.
    """
    n, kappa = equivalent.n_samples, equivalent.kappa
    if equivalent.rho == 0.0:
        return np.zeros(covariance.d)
    if kappa == 0.0:
        # V is flat and every leverage is 1 there.
        return (equivalent.rho + 1.0 / n) / equivalent.resolvent.diagonal
    v, leverage, df2 = _at(covariance, kappa * np.exp(STEP * np.arange(-3.0, 4.0)))
    (v0, v1, v2), (l0, l1, _) = _derivatives(v), _derivatives(leverage)
    f0, f1, f2 = _derivatives(df2)
    g = 1.0 / (1.0 - f0 / n)
    drop, drop1 = -0.5 * f1 / n, -0.5 * f2 / n  # (df2 - df3)/n and its derivative
    g1 = -2.0 * drop * g**2
    inner = (l0 + g * drop) * v0 - 0.5 * v1
    inner1 = (l1 + g1 * drop + g * drop1) * v0 + (l0 + g * drop) * v1 - 0.5 * v2
    bracket = v0 + (g * inner - g1 * inner - g * inner1) / n
    return equivalent.rho**2 * g * bracket


def _at(covariance: Covariance, kappas: Array):
    """V, the leverages and df2 along some kappas."""
    columns = []
    for kappa in kappas:
        r = covariance.resolvent(kappa)
        columns.append((r.population_error, r.sigma_sandwich / r.diagonal, r.sigma_sigma_trace))
    return tuple(np.array(c) for c in zip(*columns, strict=True))


def _derivatives(values: Array):
    """Value, first and second derivative in log kappa at the middle of the stencil."""
    return values[3], np.tensordot(FIRST, values, 1), np.tensordot(SECOND, values, 1)
