"""The infinite AR(1) process: every functional of its error in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity
from .symbols import gamma, kappa, rho


@dataclass(frozen=True)
class AR1Equivalent(Derivation):
    r"""Result of :func:`ar1`; in ``rho``, ``kappa`` and ``gamma`` unless said otherwise.

    Attributes
    ----------
    rho, lag : sympy symbol
        Correlation of neighbours, and a distance between coordinates.
    c : sympy expression
        :math:`(1 + \rho^2)/(1 - \rho^2)`.
    w : sympy expression
        :math:`W = \sqrt{1 + 2c\kappa + \kappa^2}`.
    bayes_error, bayes_error_border : sympy expression
        Bayes error inside a long series, and at its border.
    resolvent_diagonal, resolvent_border : sympy expression
        :math:`R_{kk}` inside, and at the border.
    df1_per_dimension, df2_per_dimension : sympy expression
        Degrees of freedom over d.
    ridge : sympy expression
        The ridge of a kappa.
    decay : sympy expression
        The rate z at which weights fall with the distance.
    coefficient : sympy expression
        Weight on a neighbour at the distance ``lag``.
    test_error, test_error_border : sympy expression
        Test error inside, and at the border.
    claims : tuple of Identity
        What was derived, as :func:`ar1` lists it.
    """

    rho: sp.Symbol
    lag: sp.Symbol
    c: sp.Expr
    w: sp.Expr
    bayes_error: sp.Expr
    bayes_error_border: sp.Expr
    resolvent_diagonal: sp.Expr
    resolvent_border: sp.Expr
    df1_per_dimension: sp.Expr
    df2_per_dimension: sp.Expr
    ridge: sp.Expr
    decay: sp.Expr
    coefficient: sp.Expr
    test_error: sp.Expr
    test_error_border: sp.Expr
    claims: tuple[Claim, ...]


def ar1() -> AR1Equivalent:
    r"""The infinite AR(1) process: every functional of the error in closed form.

    .. math::
        \frac{\mathrm{df}_1}{d} = \frac1W, \quad
        \frac{\mathrm{df}_2}{d} = \frac{1 + c\kappa}{W^3}, \quad
        R_{kk} = \frac{1 - 1/W}{\kappa}, \quad
        W = \sqrt{1 + 2c\kappa + \kappa^2}, \quad c = \frac{1 + \rho^2}{1 - \rho^2}

    The spectrum is :math:`f(\omega) = (1 - \rho^2)/(1 - 2\rho\cos\omega + \rho^2)`, and
    :math:`1/(f + \kappa)` is a constant plus a multiple of
    :math:`1/(\alpha - \beta\cos\omega)` with
    :math:`\alpha = 1 - \rho^2 + \kappa(1 + \rho^2)`, :math:`\beta = 2\rho\kappa`, whose
    integral is the residue at :math:`z = (\alpha - \sqrt{\alpha^2 - \beta^2})/\beta`, inside the
    unit circle. Hence

    .. math::
        E = \frac{\kappa^2(c + \kappa)W^2}{(W - 1)^2\,(W^3 - \gamma(1 + c\kappa))}, \qquad
        A_{jk} \to \frac{z^{|j - k|}}{W - 1} \;(j \ne k), \qquad
        \lambda = \kappa\Big(1 - \frac{\gamma}{W}\Big)

    As kappa goes to 0 the error is the Bayes error :math:`1/c` (over :math:`1 - \gamma`) and only
    the two neighbours keep weight, :math:`\rho/(1 + \rho^2)` each. At the border of a long series
    the resolvent is the inverse geometric mean of :math:`f + \kappa`,

    .. math:: R_{11} = \frac{2}{(1 - \rho^2)(1 + c\kappa + W)}, \qquad E_1 \to 1 - \rho^2
        \; (\kappa, \gamma \to 0)

    Returns
    -------
    AR1Equivalent
        ``claims``: the inverse of the AR(1) matrix is tridiagonal (six coordinates, symbolic);
        both Bayes errors; partial fractions; the pole and its residue; the diagonal; df2 from df1;
        the closed test error; the limits; and that the moments :math:`\langle s^{-l}\rangle` and
        :math:`\langle s^{l+1}\rangle` are both the Legendre polynomial :math:`P_l(c)`, for l to 4.

    Notes
    -----
    :math:`1/W` is the generating function of the Legendre polynomials at :math:`-\kappa`. The
    border formula rests on Szegő's theorem, which is not proved here; tests hold it against
    a dense matrix. In the border's test error, df2 is that of the whole series. Valid for
    0 < rho < 1; the sign of rho changes only signs in the coefficients.
    """
    lag = sp.Symbol("j", integer=True, positive=True)
    c = (1 + rho**2) / (1 - rho**2)
    w = sp.sqrt(1 + 2 * c * kappa + kappa**2)
    alpha, beta = 1 - rho**2 + kappa * (1 + rho**2), 2 * rho * kappa
    root = (1 - rho**2) * w
    z = (alpha - root) / beta

    diagonal = (1 - 1 / w) / kappa
    df1, df2 = 1 / w, (1 + c * kappa) / w**3
    border = 2 / ((1 - rho**2) * (1 + c * kappa + w))
    variance = 1 - gamma * df2
    test = kappa**2 * (c + kappa) * w**2 / ((w - 1) ** 2 * (w**3 - gamma * (1 + c * kappa)))
    test_border = sp.diff(kappa * border, kappa) / border**2 / variance
    coefficient = z**lag / (w - 1)

    size = 6
    toeplitz = sp.ImmutableMatrix(size, size, lambda i, j: rho ** abs(i - j))
    bands = {0: 1 + rho**2, 1: -rho}
    tridiagonal = sp.Matrix(size, size, lambda i, j: bands.get(abs(i - j), 0))
    tridiagonal[0, 0] = tridiagonal[-1, -1] = 1  # a border coordinate has one neighbour
    inverse = sp.ImmutableMatrix(tridiagonal / (1 - rho**2))
    cosine, unit = sp.symbols("cos_omega zeta")
    spectrum = (1 - rho**2) / (1 - 2 * rho * cosine + rho**2)
    # On the unit circle cos = (zeta + 1/zeta)/2 and d omega/(2 pi) = d zeta/(2 pi i zeta).
    pole_equation = alpha * unit - beta * (unit**2 + 1) / 2
    residue = 1 / sp.diff(pole_equation, unit).subs(unit, z)

    return AR1Equivalent(
        rho=rho,
        lag=lag,
        c=c,
        w=w,
        bayes_error=1 / c,
        bayes_error_border=1 - rho**2,
        resolvent_diagonal=diagonal,
        resolvent_border=border,
        df1_per_dimension=df1,
        df2_per_dimension=df2,
        ridge=kappa * (1 - gamma * df1),
        decay=z,
        coefficient=coefficient,
        test_error=test,
        test_error_border=test_border,
        claims=(
            Identity("tridiagonal inverse", toeplitz * inverse, sp.ImmutableMatrix.eye(size)),
            Identity("Bayes error inside", 1 / inverse[2, 2], 1 / c),
            Identity("Bayes error at the border", 1 / inverse[0, 0], 1 - rho**2),
            Identity(
                "partial fractions",
                1 / (spectrum + kappa),
                1 / kappa - (1 - rho**2) / kappa / (alpha - beta * cosine),
            ),
            Identity("pole", pole_equation.subs(unit, z), sp.S(0)),
            Identity("the other pole is its inverse", z * (alpha + root) / beta, sp.S(1)),
            Identity("residue", residue, 1 / root),
            Identity(
                "diagonal of the resolvent", 1 / kappa - (1 - rho**2) / kappa * residue, diagonal
            ),
            Identity("df1", 1 - kappa * diagonal, df1),
            Identity("df2", sp.diff(kappa * df1, kappa), df2),
            Identity(
                "coefficient of the first neighbour",
                (1 - rho**2) / kappa * residue * z / diagonal,
                coefficient.subs(lag, 1),
            ),
            Identity(
                "test error", sp.diff(kappa * diagonal, kappa) / diagonal**2 / variance, test
            ),
            Identity(
                "without ridge", sp.limit(test, kappa, 0, "+"), (1 / c) / (1 - gamma)
            ),
            Identity(
                "without ridge at the border",
                test_border.subs(kappa, 0),
                (1 - rho**2) / (1 - gamma),
            ),
            *_ar1_moment_claims(),
        ),
    )  # fmt: skip


def _ar1_moment_claims() -> list[Identity]:
    """Moments of the spectrum, from both ends of the closed df1/d, as Legendre polynomials."""
    c, u = sp.symbols("c u", positive=True)
    order = 5
    # Near kappa = 0, r1 = (1 - df1/d)/kappa = sum (-kappa)^l <s^-(l+1)>.
    near = sp.series((1 + 2 * c * kappa + kappa**2) ** sp.Rational(-1, 2), kappa, 0, order)
    # Far out, df1/d = sum (-1)^l <s^(l+1)> u^(l+1) with u = 1/kappa.
    far = sp.series(u * (1 + 2 * c * u + u**2) ** sp.Rational(-1, 2), u, 0, order + 1)
    # Moments by their own route: s^-l is a power of cosines, s^l a sum over lags.
    angle = sp.Symbol("theta", real=True)
    inverse_spectrum = c - sp.sqrt(c**2 - 1) * sp.cos(angle)
    claims = []
    for power in range(order):
        legendre = sp.legendre(power, c)
        average = sp.integrate(sp.expand(inverse_spectrum**power), (angle, 0, 2 * sp.pi))
        claims += [
            Identity(f"moment of order -{power}", average / (2 * sp.pi), legendre),
            Identity(
                f"coefficient of kappa^{power} in df1/d",
                (-1) ** power * near.coeff(kappa, power),
                legendre,
            ),
            Identity(
                f"moment of order {power + 1}",
                (-1) ** power * far.coeff(u, power + 1),
                legendre,
            ),
        ]
    return claims
