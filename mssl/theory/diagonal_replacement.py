"""How far the diagonal of a sample is from that of its population, with a bound that is proved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._types import Array
from ..validation import (
    open_unit,
    positive_integer,
    positive_vector,
)
from .masked import mask_penalty

__all__ = ["DiagonalReplacement", "diagonal_replacement_bound"]


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
        """All bounds from the first two, `variance` and `penalty`.

        They are infinite from a penalty of 1 on.
        """
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
        :math:`\lambda \ge 0`, in the units of V.
    mask_rate : float
        p in [0, 1).
    failure : float, default=0.05
        :math:`\varepsilon`, in (0, 1).

    Returns
    -------
    DiagonalReplacement

    Raises
    ------
    ValueError
        If a variance is not positive, or another argument is out of its range.

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

    References
    ----------
    B. Laurent and P. Massart, Adaptive estimation of a quadratic functional by model selection,
    Annals of Statistics 28 (2000).
    """
    variances = positive_vector(variances, "variances")
    n, failure = positive_integer(n_samples, "n_samples"), open_unit(failure, "failure")
    x = np.log(2.0 * variances.size / failure)
    eta = float(2.0 * np.sqrt(x / n) + 2.0 * x / n)
    total = mask_penalty(variances, ridge, mask_rate)
    shaped = mask_penalty(variances, 0.0, mask_rate)
    share = np.max(shaped / np.where(total > 0.0, total, 1.0))
    return DiagonalReplacement.of(eta, eta * float(share))
