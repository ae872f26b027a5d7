"""Errors of one predictor at any mask rate, from three numbers a coordinate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from .._types import Array
from ..validation import open_unit
from .state import StoredByFields

__all__ = ["ErrorsAtAnyRate"]


class ErrorsAtAnyRate(StoredByFields, ABC):
    r"""What follows from three numbers a coordinate, whichever way they were found.

    With :math:`b_k` column k of :math:`I - q\hat A`,

    .. math:: u_k = b_k^\top\Sigma b_k, \qquad v_k = (\Sigma b_k)_k, \qquad
              w_k(B) = b_k^\top B\,b_k - B_{kk}

    for a diagonal B.

    Attributes
    ----------
    keep : float
        q of the training.
    variances : ndarray of shape (n_features,)
        V, the diagonal of Sigma.
    """

    keep: float
    variances: Array

    @cached_property
    @abstractmethod
    def rescaled(self) -> Array:
        r""":math:`u_k`, the error of :math:`q\hat A` with all other coordinates visible."""

    @cached_property
    @abstractmethod
    def alignment(self) -> Array:
        """:math:`v_k`."""

    @abstractmethod
    def weighted_norm(self, weights: Array) -> Array:
        r""":math:`w_k(B) = q^2\sum_j B_{jj}\hat A_{jk}^2` for B = diag(weights)."""

    @cached_property
    @abstractmethod
    def train(self) -> Array:
        """Training error at the training rate."""

    @property
    def tau(self) -> float:
        r""":math:`\tau = (1 - q)/q`."""
        return (1.0 - self.keep) / self.keep

    @cached_property
    def noise(self) -> Array:
        """:math:`w_k(V)`: what unit input noise of the coordinates' own variances adds."""
        return self.weighted_norm(self.variances)

    def _noise_times(self, factor: float) -> Array | float:
        return factor * self.noise if factor else 0.0

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
            In the units of Sigma.

        Raises
        ------
        ValueError
            If the rate is not in [0, 1).
        """
        rate = open_unit(mask_rate, "mask_rate", zero_allowed=True)
        c = (1.0 - rate) / self.keep
        error = c * c * self.rescaled + self._noise_times(rate * (1.0 - rate) / self.keep**2)
        if c != 1.0:
            error = error + 2.0 * c * (1.0 - c) * self.alignment + (1.0 - c) ** 2 * self.variances
        return error

    @cached_property
    def test(self) -> Array:
        r"""Test error at the training rate, :math:`u_k + \tau w_k(V)`."""
        return self.rescaled + self._noise_times(self.tau)

    @cached_property
    def coef_norm(self) -> float:
        r""":math:`\frac1d\|\hat A\|_F^2 = q^{-2}\frac1d\sum_k w_k(I)`."""
        return float(np.mean(self.weighted_norm(np.ones(self.variances.size)))) / self.keep**2

    def evaluate(self, evaluation: str | float) -> float:
        """Mean error in the sense of :func:`optimal_masking`.

        `evaluation` is "same", "full", "rescaled" or a mask rate in [0, 1); ValueError otherwise.
        """
        if evaluation == "same":
            return float(np.mean(self.test))
        if evaluation == "full":
            return float(np.mean(self.error_at(0.0)))
        if evaluation == "rescaled":
            return float(np.mean(self.rescaled))
        if isinstance(evaluation, str):
            raise ValueError(
                f"evaluation must be 'same', 'full', 'rescaled' or a mask rate, got {evaluation!r}."
            )
        return float(np.mean(self.error_at(evaluation)))
