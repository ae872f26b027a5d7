"""A row left out of the fit: its residual without fitting again."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .symbols import lam, n


@dataclass(frozen=True)
class LeaveOneOut(Derivation):
    """Result of :func:`leave_one_out`, in three scalar symbols.

    Attributes
    ----------
    g, p, q : sympy symbol
        :math:`x_i'Qx_i`, :math:`P_{ik}` and :math:`Q_{kk}`.
    leverage : sympy expression
        :math:`h_{ik}`.
    residual : sympy expression
        :math:`r^{(-i)}_{ik}`.
    claims : tuple of Identity
        What was derived, as :func:`leave_one_out` lists it.
    """

    g: sp.Symbol
    p: sp.Symbol
    q: sp.Symbol
    leverage: sp.Expr
    residual: sp.Expr
    claims: tuple[Claim, ...]


def leave_one_out() -> LeaveOneOut:
    r"""Residual of a row that was left out of the fit, from the fit that kept it.

    .. math::
        r^{(-i)}_{ik} = \frac{P_{ik}/Q_{kk}}{1 - h_{ik}}, \qquad
        h_{ik} = \frac1n\Big(g_i - \frac{P_{ik}^2}{Q_{kk}}\Big), \quad
        P = XQ, \; g_i = x_i'Qx_i

    Row i leaves :math:`X'X + n\lambda I`, with :math:`n\lambda` held fixed: the refit penalises
    as strongly as the fit did. Sherman and Morrison give the new inverse, and the residual is a
    ratio of two of its bilinear forms.

    Implements :theorem:`thm-loo`.

    Returns
    -------
    LeaveOneOut
        ``claims``: the rank-one update of a 2 x 2 inverse; the scalar algebra, valid for all n
        and d; and the whole statement with refitting done explicitly, every row and coordinate of
        a generic 3 x 2 data matrix.

    Notes
    -----
    With one other coordinate (d = 2) the refit is a scalar ridge regression, which
    is how the explicit claim is computed: it uses neither Q nor the closed form.

    References
    ----------
    D. M. Allen, The relationship between variable selection and data agumentation and a method
    for prediction, Technometrics 16 (1974).
    """
    g, p, q = sp.symbols("g p q", positive=True)
    leverage = (g - p**2 / q) / n
    residual = (p / q) / (1 - leverage)
    # Inverse after removal, divided by 1/n: Q + Q x x' Q / (n - g); its forms with x and e_k:
    updated_p = p + g * p / (n - g)
    updated_q = q + p**2 / (n - g)

    rows, d = 3, 2
    x = sp.Matrix(rows, d, lambda i, k: sp.Symbol(f"x{i + 1}{k + 1}", real=True))
    penalty = rows * lam
    shifted = x.T * x + penalty * sp.eye(d)
    fit = rows * shifted.adjugate() / shifted.det()
    closed, refit = sp.zeros(rows, d), sp.zeros(rows, d)
    for i in range(rows):
        kept = [j for j in range(rows) if j != i]
        values = {g: (x[i, :] * fit * x[i, :].T)[0], n: sp.Integer(rows)}
        for k in range(d):
            other = 1 - k
            values |= {p: (x[i, :] * fit[:, k])[0], q: fit[k, k]}
            closed[i, k] = residual.subs(values, simultaneous=True)
            slope = sum(x[j, other] * x[j, k] for j in kept) / (
                sum(x[j, other] ** 2 for j in kept) + penalty
            )
            refit[i, k] = x[i, k] - x[i, other] * slope

    a, b, c, u1, u2 = sp.symbols("a b c u1 u2", real=True)
    inverse = sp.Matrix([[a, c], [c, b]])
    u = sp.Matrix([u1, u2])
    rank_one = inverse + inverse * u * u.T * inverse / (1 - (u.T * inverse * u)[0])
    frozen = sp.ImmutableMatrix
    return LeaveOneOut(
        g=g,
        p=p,
        q=q,
        leverage=leverage,
        residual=residual,
        claims=(
            Identity(
                "rank-one update of an inverse",
                frozen((inverse.inv() - u * u.T) * rank_one),
                frozen(sp.eye(2)),
            ),
            Identity("residual from the updated inverse", updated_p / updated_q, residual),
            Identity("closed form equals refitting", frozen(closed), frozen(refit)),
        ),
    )
