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

**Any law of masks.** With m the mask, a visible coordinate being 1 and a hidden one 0, the
predictor of a hidden coordinate k minimises the mean over masks that hide it,

.. math::

   a_k = \arg\min_a\; \mathbb E\big[(x_k - (x \circ m)^\top a)^2 \,\big|\, m_k = 0\big]
         + \lambda\|a\|^2
   \quad\Longleftrightarrow\quad
   (S \circ W_k + \lambda I)\, a_k = s_k \circ w_k ,

where :math:`S = \mathbb E\,xx^\top` (a sample or a population moment), :math:`s_k` is its column
k, and :math:`W_k, w_k` are the moments of the law (see :mod:`mssl.masks`). So a mask enters
through its second moments alone, as a Hadamard product.

**When one inverse serves all columns.** If, off row and column k, :math:`W_k` has one value
:math:`w^{(1)}` on its diagonal and one value :math:`w^{(2)}` elsewhere, the same for every k, then
there :math:`S \circ W_k = w^{(2)} S + (w^{(1)} - w^{(2)})\,\mathrm{diag}(S)`, and with
:math:`q = w^{(2)}/w^{(1)}`, :math:`\tau = (1 - q)/q` the equations are those of one inverse:

.. math::

   A = \tfrac1q (I - Q D^{-1}), \qquad
   Q = \big(S + \tau\,\mathrm{diag}(S) + (\lambda/w^{(2)}) I\big)^{-1}, \qquad D = \mathrm{diag}(Q).

Blocks and squares are not of this kind, and their columns are solved one by one.
"""

from .any_masks import best_predictor, hidden_error, masked_regression
from .estimators import MaskedRegression, MaskedRegressionCV

__all__ = [
    "MaskedRegression",
    "MaskedRegressionCV",
    "best_predictor",
    "hidden_error",
    "masked_regression",
]
