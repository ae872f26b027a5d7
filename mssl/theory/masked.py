r""" "Masked regression with many coordinates hidden: errors, penalties and the best mask rate.

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

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._types import Array
from ..covariance import Covariance, Resolvent, Scaled
from ..covariance.base import conditional_variances
from ..validation import (
    covariance_model,
    first_few,
    non_negative,
    open_unit,
)
from .any_rate import ErrorsAtAnyRate
from .kappa import KappaSolution, solve_kappa

__all__ = [
    "MaskedErrors",
    "equivalent_ridge",
    "felt_penalty",
    "mask_penalty",
    "masked_bayes_error_by_coordinate",
    "solve_masked",
]


def mask_penalty(variances: Array, ridge: float, mask_rate: float) -> Array:
    r"""The penalty that masks and ridge amount to.

    .. math:: \Lambda_k = \frac pq\,\Sigma_{kk} + \frac{\lambda}{q^2}, \qquad q = 1 - p

    Implements :theorem:`prop-mask-ridge`.

    Parameters
    ----------
    variances : ndarray of shape (n_features,)
        :math:`\Sigma_{kk}`, or :math:`S_{kk}` of a sample.
    ridge : float
        :math:`\lambda \ge 0`, in the units of the variances.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    ndarray of shape (n_features,)
        In the same units.

    Raises
    ------
    ValueError
        If the ridge is negative or the rate not in [0, 1).
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
        :math:`\lambda \ge 0`, in the units of the variance.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    float
        :math:`\lambda'`, in the same units.

    Raises
    ------
    ValueError
        As :func:`mask_penalty`.

    Notes
    -----
    With :math:`\mathcal E_0, N_0` the test error and `coef_norm` without masks at :math:`\lambda'`:

    * the predictor :math:`q\hat A`, with all other coordinates visible, has error
      :math:`\mathcal E_0`, the very same;
    * at the training rate the error is :math:`\mathcal E_0 + \tau s N_0`, since hidden inputs act
      as noise;
    * :math:`\hat A` itself, with all visible, is 1/q times too large for its input.

    With unequal variances masking penalises each coordinate in proportion to its variance and no
    ridge does the same. At :math:`\lambda = 0` it is the ridge :math:`\tau` on standardised data
    (:theorem:`prop-mask-units`):
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
        In the units of Sigma.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, or the rate not in [0, 1).
    """
    noise = mask_penalty(covariance_model(covariance).diagonal(), 0.0, mask_rate)
    return (
        conditional_variances(covariance, noise) if mask_rate else conditional_variances(covariance)
    )


@dataclass(frozen=True, eq=False)
class MaskedErrors(ErrorsAtAnyRate):
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

    The first two are in the units of Sigma, as all errors are, the third in those of B.

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
    rho : float or None, default=None
        :math:`1 - \mathrm{df}_1/n`, where it is known better than from this difference.
    """

    n_samples: int
    keep: float
    variances: Array
    penalty: Array
    resolvent: Resolvent
    rho: float | None = None

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
        return 1.0 - self.df1 / self.n_samples if self.rho is None else self.rho

    @cached_property
    def rescaled(self) -> Array:
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
        return r.weight_norm(weights[0] if alike else weights) + spread * self.rescaled

    @cached_property
    def train(self) -> Array:
        r"""Training error at the training rate, :math:`(1-\mathrm{df}_1/n)^2u_k + \tau w_k(V)`.

        Only the residual is smaller on the training rows; the noise of hidden inputs is the same
        there, because S and Sigma have the same diagonal in the limit. In a sample the error is
        :math:`1/Q_{kk} - \lambda q^{-2}(Q^2)_{kk}/Q_{kk}^2 - \tau S_{kk}`, exactly.

        Implements :theorem:`prop-mask-train`.
        """
        return self.visible_share**2 * self.rescaled + self._noise_times(self.tau)


def felt_penalty(variances: Array, kappa: float, ridge: float, mask_rate: float) -> Array:
    r"""The penalty K that a population feels.

    .. math:: K = \kappa\Lambda \quad (p > 0), \qquad K = \kappa I \quad (p = 0)

    Without masks :math:`\kappa` is in units of variance, so that it has a limit as
    :math:`\lambda \to 0`; with masks it is the factor by which :math:`\Lambda` grows.

    Parameters
    ----------
    variances : ndarray of shape (n_features,)
        The diagonal of Sigma.
    kappa : float
        The solution for this ridge and mask rate.
    ridge : float
        :math:`\lambda \ge 0`.
    mask_rate : float
        p in [0, 1).

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of the variances.

    Raises
    ------
    ValueError
        As :func:`mask_penalty`.
    """
    if mask_rate == 0:
        return np.full(np.shape(variances), kappa)
    return kappa * mask_penalty(variances, ridge, mask_rate)


def solve_masked(
    covariance: Covariance, n_samples: int, ridge: float, mask_rate: float
) -> tuple[KappaSolution, MaskedErrors]:
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
        :math:`\lambda \ge 0`, in the units of Sigma; with masks, zero is no limit but a problem
        like others.
    mask_rate : float
        p in [0, 1); at 0 the penalty is the ridge alone, and kappa that of :func:`solve_kappa`.

    Returns
    -------
    equivalent : KappaSolution
        That of the model in units of the penalty, :math:`\Lambda^{-1/2}\Sigma\Lambda^{-1/2}`, at
        ridge 1; at p = 0 that of the model itself.
    errors : MaskedErrors

    Raises
    ------
    ValueError
        If `covariance` is no covariance model, an argument is out of range, or without a ridge
        where there is no limit (see :func:`solve_kappa`) or, with masks, a coordinate without
        variance.
    """
    rate = open_unit(mask_rate, "mask_rate", zero_allowed=True)
    variances = covariance_model(covariance).diagonal()
    if rate == 0:
        equivalent = solve_kappa(covariance, n_samples, ridge)
    else:
        own = _positive_penalty(mask_penalty(variances, ridge, rate))
        equivalent = solve_kappa(Scaled(covariance, own**-0.5), n_samples, 1.0)
    penalty = felt_penalty(variances, equivalent.kappa, ridge, rate)
    resolvent = covariance.resolvent(penalty) if rate else equivalent.resolvent
    errors = MaskedErrors(
        equivalent.n_samples, 1.0 - rate, variances, penalty, resolvent, equivalent.rho
    )
    return equivalent, errors


def _positive_penalty(penalty: Array) -> Array:
    if np.any(penalty <= 0.0):
        where = first_few(np.flatnonzero(penalty <= 0.0))
        raise ValueError(
            f"ridge must be positive here: coordinates {where} have no variance and no penalty."
        )
    return penalty
