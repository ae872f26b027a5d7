"""Isotropic noise: effective ridge, spectral law and errors in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .symbols import gamma, kappa, lam, s


@dataclass(frozen=True)
class IsotropicKappa(Derivation):
    r"""Result of :func:`isotropic_kappa`, in ``gamma`` and the variance ``s``.

    Attributes
    ----------
    kappa, other_root : sympy expression
        The positive and the negative root, functions of the ridge.
    df1_per_sample, df2_per_sample : sympy expression
        Degrees of freedom over n, functions of kappa.
    stieltjes : sympy expression
        :math:`m(-\lambda)`, a function of the ridge.
    edges : tuple of sympy expression
        Ends of the bulk, the lower first.
    x : sympy symbol
        The variable of the density.
    density : sympy expression
        That of the eigenvalues of S, at ``x`` between the edges.
    claims : tuple of Identity
        What was derived, as :func:`isotropic_kappa` lists it.
    """

    kappa: sp.Expr
    other_root: sp.Expr
    df1_per_sample: sp.Expr
    df2_per_sample: sp.Expr
    stieltjes: sp.Expr
    edges: tuple[sp.Expr, sp.Expr]
    x: sp.Symbol
    density: sp.Expr
    claims: tuple[Claim, ...]


def isotropic_kappa() -> IsotropicKappa:
    r"""Effective ridge and Marchenko-Pastur law for isotropic noise, in closed form.

    .. math::
        \kappa = \frac{\lambda + \gamma s - s + \sqrt{(\lambda + \gamma s - s)^2 + 4\lambda s}}{2},
        \qquad
        \frac1d\operatorname{Tr}(S + \lambda I)^{-1} \to m(-\lambda)
        = \frac{\kappa}{\lambda}\,\frac{1}{s + \kappa}

    for :math:`\Sigma = sI`. The fixed point :math:`\kappa = \lambda + \gamma s\kappa/(s+\kappa)`
    is a quadratic whose roots have the product :math:`-\lambda s < 0`: exactly one is positive,
    which chooses the branch. Its discriminant, continued to :math:`\lambda = -x`, is
    :math:`(x - s_-)(x - s_+)` with :math:`s_\pm = s(1 \pm \sqrt\gamma)^2`, and is negative where
    the eigenvalues of S lie:

    .. math::
        \rho(x) = \frac{\sqrt{(s_+ - x)(x - s_-)}}{2\pi\gamma s x}

    Implements :theorem:`thm-marchenko-pastur`.

    Returns
    -------
    IsotropicKappa
        ``claims``: the fixed point, the product of the roots, the quadratic equation
        :math:`\gamma s z m^2 + (z - s(1 - \gamma))m + 1 = 0` at :math:`z = -\lambda`, the edges,
        :math:`d\kappa/d\lambda = 1/(1 - \mathrm{df}_2/n)` for the closed form.

    Notes
    -----
    For gamma > 1 the law also has an atom of mass 1 - 1/gamma at zero, which ``density`` (the
    continuous part) leaves out and ``stieltjes`` includes.

    References
    ----------
    V. A. Marchenko and L. A. Pastur, Distribution of eigenvalues for some sets of random
    matrices, Mathematics of the USSR-Sbornik 1 (1967).
    """
    offset = lam + gamma * s - s
    discriminant = offset**2 + 4 * lam * s
    root = (offset + sp.sqrt(discriminant)) / 2
    other = (offset - sp.sqrt(discriminant)) / 2
    df1 = gamma * s / (s + kappa)
    df2 = gamma * s**2 / (s + kappa) ** 2
    stieltjes = root / lam / (s + root)

    x = sp.Symbol("x", positive=True)
    low, high = s * (1 - sp.sqrt(gamma)) ** 2, s * (1 + sp.sqrt(gamma)) ** 2
    density = sp.sqrt((high - x) * (x - low)) / (2 * sp.pi * gamma * s * x)
    z = -lam
    quadratic = gamma * s * z * stieltjes**2 + (z - s * (1 - gamma)) * stieltjes + 1
    return IsotropicKappa(
        kappa=root,
        other_root=other,
        df1_per_sample=df1,
        df2_per_sample=df2,
        stieltjes=stieltjes,
        edges=(low, high),
        x=x,
        density=density,
        claims=(
            Identity("fixed point", root * (1 - df1.subs(kappa, root)), lam),
            Identity("the roots have opposite signs", root * other, -lam * s),
            Identity("Marchenko-Pastur equation", quadratic, sp.S(0)),
            Identity(
                "edges are the zeros of the discriminant",
                discriminant.subs(lam, -x),
                (x - low) * (x - high),
            ),
            Identity("derivative", sp.diff(root, lam) * (1 - df2.subs(kappa, root)), sp.S(1)),
        ),
    )


@dataclass(frozen=True)
class IsotropicRisk(Derivation):
    r"""Result of :func:`isotropic_risk`, as functions of ``lambda``, ``gamma`` and ``s``.

    Attributes
    ----------
    test_error, train_error : sympy expression
        Errors of a coordinate, in the units of ``s``.
    coef_norm : sympy expression
        :math:`\|a_k\|^2`.
    large_ridge : sympy expression
        The test error for a large ridge, to its third order.
    claims : tuple of Identity
        What was derived, as :func:`isotropic_risk` lists it.
    """

    test_error: sp.Expr
    train_error: sp.Expr
    coef_norm: sp.Expr
    large_ridge: sp.Expr
    claims: tuple[Claim, ...]


def isotropic_risk() -> IsotropicRisk:
    r"""Errors for isotropic noise of variance s, in closed form.

    .. math::
        E = \frac{s}{2}\left(1 + \frac{\lambda + s + \gamma s}
        {\sqrt{(\lambda + s + \gamma s)^2 - 4\gamma s^2}}\right)
        = s + \frac{\gamma s^3}{\lambda^2} - \frac{2\gamma(1 + \gamma)s^4}{\lambda^3}
        + O(\lambda^{-4})

    It is :math:`E = s/(1 - \mathrm{df}_2/n) = s\,d\kappa/d\lambda`: with nothing to predict, the
    test error is the noise times the sensitivity of kappa.

    Implements :theorem:`prop-isotropic`.

    Returns
    -------
    IsotropicRisk
        ``claims``: closed form against the general formula at the closed kappa; the training
        error and the norm against :math:`-m'(\lambda)/m^2 - 1`, m the Stieltjes transform of
        :func:`isotropic_kappa`; the series for a large ridge.

    References
    ----------
    E. Dobriban and S. Wager, High-dimensional asymptotics of prediction: ridge regression and
    classification, Annals of Statistics 46 (2018).
    """
    base = isotropic_kappa()
    total = lam + s + gamma * s
    test = s / 2 * (1 + total / sp.sqrt(sp.expand(total**2 - 4 * gamma * s**2)))
    train = (lam / base.kappa) ** 2 * test
    m = base.stieltjes
    norm = s / base.kappa - lam / base.kappa**2 * test
    general = s / (1 - base.df2_per_sample.subs(kappa, base.kappa))

    inverse_ridge = sp.Symbol("u", positive=True)
    series = sp.series(test.subs(lam, 1 / inverse_ridge), inverse_ridge, 0, 4).removeO()
    large = s + gamma * s**3 / lam**2 - 2 * gamma * (1 + gamma) * s**4 / lam**3
    return IsotropicRisk(
        test_error=test,
        train_error=train,
        coef_norm=norm,
        large_ridge=large,
        claims=(
            Identity("test error at the closed kappa", test, general),
            Identity("test error is s dkappa/dlambda", test, s * sp.diff(base.kappa, lam)),
            Identity("training error", train * m**2, m + lam * sp.diff(m, lam)),
            Identity("norm", norm, -sp.diff(m, lam) / m**2 - 1),
            Identity("series for a large ridge", series, large.subs(lam, 1 / inverse_ridge)),
        ),
    )
