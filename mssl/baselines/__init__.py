r"""Other ways to learn a direction, or a predictor of a hidden coordinate, from the same data.

Whatever the method, once it has arrived at a matrix Q that plays the part of a precision matrix,
coordinate k is predicted from the others by the same formula:

.. math:: A = I - Q\,\mathrm{diag}(Q)^{-1}, \qquad
          \mathcal E_k = \frac{(Q\Sigma Q)_{kk}}{Q_{kk}^2} .

Masked regression has :math:`Q = (S + \lambda)^{-1}`, the best linear predictor
:math:`Q = \Sigma^{-1}`.
"""

from .directions import METHODS, Directions, leading_directions
from .message_passing import AMPSpike, amp_spike
from .precisions import factor_precision, masked_predictor, pca_precision, precision_error
from .unequal_noise import diagonal_deletion, heteropca, whitened_pca

__all__ = [
    "METHODS",
    "AMPSpike",
    "Directions",
    "amp_spike",
    "diagonal_deletion",
    "factor_precision",
    "heteropca",
    "leading_directions",
    "masked_predictor",
    "pca_precision",
    "precision_error",
    "whitened_pca",
]
