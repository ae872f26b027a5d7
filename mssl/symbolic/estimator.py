"""The estimator: ridge regression of each coordinate on all others, in one inverse."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .symbols import lam


@dataclass(frozen=True)
class ClosedForm(Derivation):
    r"""Result of :func:`closed_form`; all matrices have shape (d, d), ``row`` has shape (1, d).

    Attributes
    ----------
    gram : sympy matrix
        S, every entry a symbol.
    resolvent : sympy matrix
        Q.
    row : sympy matrix
        A row of data, every entry a symbol.
    column_by_column, closed_form : sympy matrix
        :math:`\hat A`, by d separate regressions and by one inverse.
    claims : tuple of Identity
        What was derived, as :func:`closed_form` lists it.
    """

    gram: sp.ImmutableMatrix
    resolvent: sp.ImmutableMatrix
    row: sp.ImmutableMatrix
    column_by_column: sp.ImmutableMatrix
    closed_form: sp.ImmutableMatrix
    claims: tuple[Claim, ...]


def closed_form(d: int = 3) -> ClosedForm:
    r"""Ridge regression of each coordinate on all others, in one matrix.

    .. math::
        \hat A = I - Q D^{-1}, \qquad Q = (S + \lambda I)^{-1}, \quad D = \operatorname{diag}(Q)

    Column k solves the normal equations of coordinate k alone,
    :math:`a_k = (S_{-k,-k} + \lambda I)^{-1} S_{-k,k}`, with a zero in row k; the inverse of the
    partitioned matrix turns all of them into one inverse.

    Implements :theorem:`thm-closed-form`, :theorem:`cor-minimum` and :theorem:`prop-residual`.

    Parameters
    ----------
    d : int
        Number of coordinates, at least 2. Every entry of the symmetric S is a symbol, so the cost
        grows fast; 3 takes a fraction of a second.

    Returns
    -------
    ClosedForm
        ``claims``: the d separate regressions equal the closed form; the Schur complement
        :math:`1/Q_{kk} = S_{kk} + \lambda - S_{k,-k}(S_{-k,-k} + \lambda I)^{-1}S_{-k,k}`; the
        residual of any row, :math:`x_k - x'a_k = x'q_k/Q_{kk}`; and :math:`\hat A D` is symmetric
        although :math:`\hat A` is not.

    Raises
    ------
    ValueError
        If d is not an integer of at least 2.
    """
    if not isinstance(d, int) or d < 2:
        raise ValueError(f"d must be an integer of at least 2, got {d!r}")
    gram = sp.Matrix(d, d, lambda i, j: sp.Symbol(f"S{min(i, j) + 1}{max(i, j) + 1}", real=True))
    row = sp.Matrix(1, d, sp.symbols(f"x1:{d + 1}", real=True))
    shifted = gram + lam * sp.eye(d)
    q = shifted.adjugate() / shifted.det()

    regressions = sp.zeros(d, d)
    schur = sp.zeros(d, 1)
    for k in range(d):
        others = [j for j in range(d) if j != k]
        block, target = shifted.extract(others, others), gram.extract(others, [k])
        coefficients = block.adjugate() * target / block.det()
        for position, j in enumerate(others):
            regressions[j, k] = coefficients[position]
        schur[k] = shifted[k, k] - (target.T * coefficients)[0]

    one_inverse = sp.eye(d) - sp.Matrix(d, d, lambda j, k: q[j, k] / q[k, k])
    residuals = sp.Matrix(1, d, lambda _, k: (row * q[:, k])[0] / q[k, k])
    scaled = regressions * sp.diag(*q.diagonal())
    frozen = sp.ImmutableMatrix
    return ClosedForm(
        gram=frozen(gram),
        resolvent=frozen(q),
        row=frozen(row),
        column_by_column=frozen(regressions),
        closed_form=frozen(one_inverse),
        claims=(
            Identity("d regressions are one inverse", frozen(regressions), frozen(one_inverse)),
            Identity(
                "Schur complement", frozen(schur), frozen(q.diagonal().T.applyfunc(lambda e: 1 / e))
            ),
            Identity("residual of a row", frozen(row - row * regressions), frozen(residuals)),
            Identity("A D is symmetric", frozen(scaled), frozen(scaled.T)),
        ),
    )
