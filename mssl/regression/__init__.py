r"""Masked regression: every coordinate predicted from all the others, learned from data.

.. math::

   \hat A = \arg\min_{\operatorname{diag} A = 0}
   \tfrac1n \lVert X - XA \rVert_F^2 + \lambda \lVert A \rVert_F^2
   = I - Q D^{-1}, \qquad
   Q = (S + \lambda I)^{-1},\quad S = \tfrac1n X^\top X,\quad D = \operatorname{diag}(Q).

Two routes give the same matrix. With at least as many samples as features the d x d matrix
:math:`Q` is formed by Cholesky and turned into :math:`\hat A` in place (primal). With fewer
samples everything goes through the n x n matrix :math:`G = (XX^\top/n + \lambda I)^{-1}`, because
:math:`XQ = GX` (dual), and no d x d array is formed unless `coef_` is asked for.
Both are products and Cholesky factorisations, and both know how many digits rounding takes from
them: where rows or columns differ by orders of magnitude, or some nearly depend on others, the
slower way of ``mssl.regression.exchange`` is taken instead, which keeps them.

Leave-one-out needs no refit. With :math:`P = XQ` and :math:`g_i = x_i^\top Q x_i`,

.. math::

   x_{ik} - x_i^\top a_k^{(-i)} = \frac{P_{ik}/Q_{kk}}{1 - h_{ik}}, \qquad
   h_{ik} = \frac{g_i - P_{ik}^2/Q_{kk}}{n},

because :math:`g_i - P_{ik}^2/Q_{kk}` is the quadratic form of :math:`x_i` without its coordinate
k in the inverse of :math:`S + \lambda I` without its row and column k. Dropping row i leaves the
penalty of the *sum* of squares, :math:`n\lambda`, as it was.
"""

from .estimators import MaskedRegression, MaskedRegressionCV, masked_regression

__all__ = ["MaskedRegression", "MaskedRegressionCV", "masked_regression"]
