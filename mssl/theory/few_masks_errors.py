"""Training on K drawn masks a sample: errors, from the two scalars of the resolvent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._types import Array
from ..covariance import Covariance, Resolvent
from .any_rate import ErrorsAtAnyRate
from .few_masks import FewMasksSolution, solve_two_scalars

__all__ = ["FewMasksErrors", "solve_few_masks"]


@dataclass(frozen=True, eq=False)
class FewMasksErrors(ErrorsAtAnyRate):
    r"""All errors of one predictor that was trained on K drawn masks a sample, at any mask rate.

    With R, the scalars and G of :class:`FewMasksSolution`, and :math:`\bar u_k, \bar w_k` the
    values for the mean predictor :math:`\frac1q(I - R\,\mathrm{diag}(R)^{-1})`,

    .. math::

       \begin{pmatrix} \tau w_k(V) \\ u_k \end{pmatrix} &= (I - G)^{-1}
       \begin{pmatrix} \tau\bar w_k(V) \\ \bar u_k \end{pmatrix}, \qquad
       \bar u_k = \frac{(R\Sigma R)_{kk}}{R_{kk}^2}, \quad
       \bar w_k(B) = \sum_{j \ne k} B_{jj}\frac{R_{jk}^2}{R_{kk}^2},

       w_k(B) &= \bar w_k(B) + q^2 (a_B, b_B)\,\Pi
       \begin{pmatrix} \tau w_k(V) \\ u_k \end{pmatrix}, \qquad
       v_k = \frac1{R_{kk}} - \Lambda_k .

    Parameters
    ----------
    keep : float
        q of the training.
    variances : ndarray of shape (n_features,)
        V, the diagonal of Sigma.
    solution : FewMasksSolution
        The two scalars and what belongs to them.
    """

    keep: float
    variances: Array
    solution: FewMasksSolution

    @property
    def penalty(self) -> Array:
        r""":math:`\Lambda`, which the population feels, ndarray of shape (n_features,)."""
        return self.solution.penalty

    @property
    def resolvent(self) -> Resolvent:
        """R, the resolvent at the penalty."""
        return self.solution.resolvent

    @cached_property
    def _parts(self) -> Array:
        r"""Rows :math:`\tau w_k(V)` and :math:`u_k`.

        Variance of a residual that is not, and that is, shared by the masks of a sample.
        """
        r = self.solution.resolvent
        mean = np.array([self.tau * r.weight_norm(self.variances), r.population_error])
        return np.linalg.solve(np.eye(2) - self.solution.gain, mean)

    @cached_property
    def rescaled(self) -> Array:
        r""":math:`u_k`, the error of :math:`q\hat A` with all other coordinates visible."""
        return self._parts[1]

    @cached_property
    def alignment(self) -> Array:
        """:math:`v_k`."""
        return self.solution.resolvent.noise_left

    def weighted_norm(self, weights: Array) -> Array:
        r""":math:`w_k(B) = q^2\sum_j B_{jj}\hat A_{jk}^2` for B = diag(weights)."""
        s = self.solution
        spread = s.traces(weights) @ s.response.curvature @ self._parts
        return s.resolvent.weight_norm(weights) + self.keep**2 * spread

    @cached_property
    def train(self) -> Array:
        r"""Training error, on the rows and masks of the training.

        .. math:: \Pi_{00}\,\tau w_k(V) + \Pi_{01}\,u_k
        """
        return self.solution.unit**2 * (self.solution.response.curvature[0] @ self._parts)


def solve_few_masks(
    covariance: Covariance, n_samples: int, ridge: float, mask_rate: float, n_masks: int
) -> FewMasksErrors:
    r"""Solve for the errors of training on K drawn masks a sample.

    .. math:: a_k = \arg\min_a \frac1{N_k}\sum_{(i,j):\,m_{ijk} = 0}
              \big(x_{ik} - (x_i \circ m_{ij})^\top a\big)^2 + \lambda\|a\|^2

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of the rows; zero means the ridgeless limit.
    mask_rate : float
        p in (0, 1).
    n_masks : int
        K, masks drawn for each sample.

    Returns
    -------
    FewMasksErrors

    Raises
    ------
    ValueError, ConvergenceError
        As :func:`solve_two_scalars`.

    Notes
    -----
    As K grows, errors tend to those of :func:`solve_masked`, at the rate 1/K.
    """
    solution = solve_two_scalars(covariance, n_samples, ridge, mask_rate, n_masks)
    return FewMasksErrors(1.0 - solution.law.rate, solution.variances, solution)
