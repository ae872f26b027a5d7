"""Training error, test error and norm, all from one deterministic equivalent."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .populations import SymbolicPopulation, atoms
from .reduction import inverted
from .symbols import kappa, lam, n


@dataclass(frozen=True)
class RiskEquivalents(Derivation):
    r"""Result of :func:`risk_equivalents`: one entry per kind of coordinate, functions of kappa.

    Attributes
    ----------
    ridge : sympy expression
        The ridge of a kappa.
    test_error, train_error, coef_norm : tuple of sympy expression
        :math:`E_k`, :math:`E^{\mathrm{train}}_k` and :math:`\|a_k\|^2`.
    claims : tuple of Identity
        What was derived, as :func:`risk_equivalents` lists it.
    """

    ridge: sp.Expr
    test_error: tuple[sp.Expr, ...]
    train_error: tuple[sp.Expr, ...]
    coef_norm: tuple[sp.Expr, ...]
    claims: tuple[Claim, ...]


def risk_equivalents(population: SymbolicPopulation | None = None) -> RiskEquivalents:
    r"""Training error, test error and coefficient norm of each coordinate, and how they are tied.

    .. math::
        E_k = \frac{(R\Sigma R)_{kk}}{R_{kk}^2}\,\frac{1}{1 - \mathrm{df}_2/n}, \qquad
        E^{\mathrm{train}}_k = \Big(\frac{\lambda}{\kappa}\Big)^2 E_k, \qquad
        \|a_k\|^2 = \frac{1}{\kappa R_{kk}} - 1 - \frac{\lambda}{\kappa^2} E_k

    Everything follows from :math:`Q \sim (\kappa/\lambda) R` by differentiation. Training error:
    the residuals are :math:`XQD^{-1}`, so it is :math:`(QSQ)_{kk}/Q_{kk}^2`, and
    :math:`QSQ = Q - \lambda Q^2 = Q + \lambda\,dQ/d\lambda`. Test error: it is
    :math:`(Q\Sigma Q)_{kk}/Q_{kk}^2`, and :math:`Q\Sigma Q = -dQ_\epsilon/d\epsilon` at 0 of the
    probed inverse :math:`Q_\epsilon = (S + \lambda I + \epsilon\Sigma)^{-1}`, whose equivalent is
    :math:`((\tau + \epsilon)\Sigma + \lambda I)^{-1}` with
    :math:`1/\tau = 1 + \frac1n\operatorname{Tr}\Sigma((\tau + \epsilon)\Sigma + \lambda I)^{-1}`.
    Norm: column k of :math:`I - \hat A` is :math:`q_k/Q_{kk}`, so
    :math:`\|a_k\|^2 = (Q^2)_{kk}/Q_{kk}^2 - 1` with :math:`Q^2 = -dQ/d\lambda`.

    Implements :theorem:`thm-test-error`, :theorem:`thm-train-error` and :theorem:`prop-norm`.

    Parameters
    ----------
    population : SymbolicPopulation, optional
        Three generic atoms by default; :func:`correlated_pair` has off-diagonal entries.

    Returns
    -------
    RiskEquivalents
        ``claims``: the two-resolvent rule
        :math:`Q\Sigma Q \sim (\kappa/\lambda)^2 R\Sigma R/(1 - \mathrm{df}_2/n)`, and the
        training error and the norm from the test error, for each coordinate.

    Notes
    -----
    Expressions are in kappa, with the ridge eliminated by
    :math:`\lambda = \kappa(1 - \mathrm{df}_1/n)`; so generalised
    cross-validation, :math:`E_k = E^{\mathrm{train}}_k/(1 - \mathrm{df}_1/n)^2`, is the training
    claim read backwards.
    """
    population = atoms() if population is None else population
    size, matrix = population.size, population.matrix
    r, df2, ridge = population.resolvent(), population.df2(), population.ridge()
    slope = sp.diff(ridge, kappa)
    q = r * (kappa / ridge)
    dq = q.diff(kappa) / slope
    rsr = r * matrix * r

    test = [rsr[k, k] / r[k, k] ** 2 / (1 - df2 / n) for k in range(size)]
    train = [(q[k, k] + ridge * dq[k, k]) / q[k, k] ** 2 for k in range(size)]
    norm = [-dq[k, k] / q[k, k] ** 2 - 1 for k in range(size)]

    claims = _two_resolvent_claims(population)
    for k in range(size):
        claims += [
            Identity(
                f"training error of coordinate {k + 1}", train[k], (ridge / kappa) ** 2 * test[k]
            ),
            Identity(
                f"norm of column {k + 1}",
                norm[k],
                1 / (kappa * r[k, k]) - 1 - ridge / kappa**2 * test[k],
            ),
        ]
    return RiskEquivalents(ridge, tuple(test), tuple(train), tuple(norm), tuple(claims))


def _two_resolvent_claims(population: SymbolicPopulation) -> list[Claim]:
    """Derivative of the probed equivalent against the two-resolvent rule, on the diagonal."""
    tau, eps = sp.symbols("tau epsilon", positive=True)
    matrix, size = population.matrix, population.size
    probed = inverted((tau + eps) * matrix + lam * sp.eye(size))
    gap = 1 / tau - 1 - population.trace(matrix * probed) / n
    unprobed = {eps: sp.S(0), lam: kappa * tau}

    def settle(expression: sp.Expr) -> sp.Expr:
        return expression.subs(unprobed, simultaneous=True)

    r, df1, df2 = population.resolvent(), population.df1(), population.df2()
    dtau = -settle(sp.diff(gap, eps)) / settle(sp.diff(gap, tau))
    rsr = r * matrix * r
    left = [
        -settle(sp.diff(probed[k, k], eps)) - dtau * settle(sp.diff(probed[k, k], tau))
        for k in range(size)
    ]
    right = [rsr[k, k] / tau**2 / (1 - df2 / n) for k in range(size)]
    column = sp.ImmutableMatrix
    return [
        Identity("two-resolvent rule", column(size, 1, left), column(size, 1, right)),
        Identity("unprobed tau is lambda/kappa", settle(gap) * tau, 1 - df1 / n - tau),
    ]
