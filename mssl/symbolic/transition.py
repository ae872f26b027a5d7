"""The strength at which a signal leaves the noise: isotropic noise, and noise of two variances."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .derivation import Claim, Derivation, Identity, Positivity
from .isotropic import isotropic_kappa
from .symbols import gamma, kappa, lam

theta = sp.Symbol("theta", positive=True)
#: Distance from the threshold, in units of it: theta = (1 + epsilon) theta_c.
epsilon = sp.Symbol("epsilon", positive=True)


@dataclass(frozen=True)
class IsotropicSpike(Derivation):
    """Result of :func:`isotropic_spike`, in ``theta`` and ``gamma``.

    Attributes
    ----------
    threshold : sympy expression
        Strength above which the spike leaves the bulk.
    eigenvalue : sympy expression
        That of S.
    coefficient : sympy expression
        That of A_hat, as a function of ``kappa``.
    overlap : sympy expression
        Squared cosine between the eigenvector and the spike.
    score : sympy expression
        Squared correlation of the score with the factor.
    near_eigenvalue, near_overlap : sympy expression
        Taylor polynomials at the threshold, in ``epsilon``, the relative distance from it.
    far_eigenvalue, far_overlap : sympy expression
        The same for a large ``theta``.
    claims : tuple of Identity
        What was derived, as :func:`isotropic_spike` lists it.
    """

    threshold: sp.Expr
    eigenvalue: sp.Expr
    coefficient: sp.Expr
    overlap: sp.Expr
    score: sp.Expr
    near_eigenvalue: sp.Expr
    near_overlap: sp.Expr
    far_eigenvalue: sp.Expr
    far_overlap: sp.Expr
    claims: tuple[Claim, ...]


def isotropic_spike() -> IsotropicSpike:
    r"""One spike on white noise of variance one, in closed form.

    .. math::
        \theta_c = \sqrt\gamma, \qquad
        s = (1 + \theta)\Big(1 + \frac\gamma\theta\Big), \qquad
        \frac{(u^\top v)^2}{v^\top v} = \frac{1 - \gamma/\theta^2}{1 + \gamma/\theta}

    D is a multiple of I, so that all eigenvectors are those of S; with t as parameter,
    :math:`k = (s - t)^{-1}` and :math:`1 - 1/t = \gamma k`, everything is rational.

    Implements :theorem:`cor-isotropic-spike` and :theorem:`cor-critical-powers`.

    Returns
    -------
    IsotropicSpike
        ``claims``: bulk, edge, threshold and outlier equations; the overlap from the general
        formula of outliers; its denominator as a slope; the eigenvalue of A_hat; series at the
        threshold and for a strong spike.

    References
    ----------
    J. Baik, G. Ben Arous and S. Péché, Phase transition of the largest eigenvalue for nonnull
    complex sample covariance matrices, Annals of Probability 33 (2005).

    D. Paul, Asymptotics of sample eigenstructure for a large dimensional spiked covariance
    model, Statistica Sinica 17 (2007).
    """
    t = sp.Symbol("t", positive=True)
    place = t + gamma * t / (t - 1)
    k = 1 / (place - t)
    edge = 1 + sp.sqrt(gamma)
    signal = t * k  # t u'Ku, the inverse strength
    outlier = 1 + gamma / theta

    eigenvalue = (1 + theta) * (1 + gamma / theta)
    overlap = (1 - gamma / theta**2) / (1 + gamma / theta)
    share = gamma * t**2 * k**2  # (t^2/n) Tr (Sigma_0 K)^2, one at the edge
    spread = share / (1 - share)
    general = k**2 / (k**2 + spread * k**2 * (1 + theta))
    length = t**2 * k**2 * (1 + spread * (1 + theta))
    slope = sp.diff(signal, t) / sp.diff(place, t)
    score = theta / (1 + theta) * (1 - gamma / theta**2)

    # diag(Q) = m(-lambda), the Stieltjes transform, times I; kappa makes it rational.
    ridge = kappa * (1 - gamma / (1 + kappa))
    weight = kappa / ridge / (1 + kappa)
    coefficient = 1 - (1 + kappa - gamma) / (eigenvalue + ridge)
    closed = isotropic_kappa()
    one = {sp.Symbol("s", positive=True): 1}
    stieltjes, root = closed.stieltjes.subs(one), closed.kappa.subs(one)

    near = {theta: sp.sqrt(gamma) * (1 + epsilon)}
    top = (1 + sp.sqrt(gamma)) ** 2
    near_eigenvalue = top + sp.sqrt(gamma) * (epsilon**2 - epsilon**3)
    near_overlap = 2 * epsilon / edge - (3 + sp.sqrt(gamma)) * epsilon**2 / edge**2
    far_eigenvalue = theta + 1 + gamma + gamma / theta
    far_overlap = 1 - gamma / theta - gamma * (1 - gamma) / theta**2
    u = sp.Symbol("u", positive=True)

    def taylor(expression: sp.Expr, symbol: sp.Symbol, order: int) -> sp.Expr:
        terms = (
            sp.diff(expression, symbol, j).subs(symbol, 0) * symbol**j / sp.factorial(j)
            for j in range(order + 1)
        )
        return sum(terms, sp.S(0))

    return IsotropicSpike(
        threshold=sp.sqrt(gamma),
        eigenvalue=eigenvalue,
        coefficient=coefficient,
        overlap=overlap,
        score=score,
        near_eigenvalue=near_eigenvalue,
        near_overlap=near_overlap,
        far_eigenvalue=far_eigenvalue,
        far_overlap=far_overlap,
        claims=(
            Identity("bulk equation", t * (1 - gamma * k), sp.S(1)),
            Identity("the edge is stationary", sp.diff(place, t).subs(t, edge), sp.S(0)),
            Identity("upper edge", place.subs(t, edge), closed.edges[1].subs(one)),
            Identity("threshold", 1 / signal.subs(t, edge), sp.sqrt(gamma)),
            Identity("outlier equation", (theta * signal).subs(t, outlier), sp.S(1)),
            Identity("outlier", place.subs(t, outlier), eigenvalue),
            Identity("overlap", general.subs(t, outlier), overlap),
            Identity(
                "the length is a slope", (-t * slope).subs(t, outlier), length.subs(t, outlier)
            ),
            Identity("score", (1 - share.subs(t, outlier)) * theta / (1 + theta), score),
            Identity("weight", weight.subs(kappa, root), stieltjes),
            Identity("eigenvalue of A_hat", 1 - 1 / (weight * (eigenvalue + ridge)), coefficient),
            Identity("ridge", ridge.subs(kappa, root), lam),
            Identity(
                "eigenvalue near the threshold",
                taylor(eigenvalue.subs(near), epsilon, 3),
                near_eigenvalue,
            ),
            Identity(
                "overlap near the threshold", taylor(overlap.subs(near), epsilon, 2), near_overlap
            ),
            Identity("eigenvalue of a strong spike", eigenvalue, far_eigenvalue),
            Identity(
                "overlap of a strong spike",
                taylor(sp.cancel(overlap.subs(theta, 1 / u)), u, 2),
                far_overlap.subs(theta, 1 / u),
            ),
        ),
    )


@dataclass(frozen=True)
class TwoLevelThreshold(Derivation):
    r"""Result of :func:`two_level_threshold`.

    Attributes
    ----------
    a, b, w, m : sympy symbol
        The two variances of the noise, the share of coordinates with the first, and the share
        of the squared length of the signal on these.
    p, q : sympy symbol
        The two unknowns at the edge.
    t, inverse : sympy expression
        t and :math:`1/\theta_c`, linear in p and q.
    ridge : sympy expression
        The ridge of a given kappa.
    edge, same_place : sympy expression
        Polynomials in p and q that vanish at the upper edge.
    whitened : sympy expression
        The limit of the threshold at kappa = 0.
    first_order : sympy expression
        Its derivative in kappa there.
    claims : tuple of Identity and Positivity
        What was derived, as :func:`two_level_threshold` lists it.
    """

    a: sp.Symbol
    b: sp.Symbol
    w: sp.Symbol
    m: sp.Symbol
    p: sp.Symbol
    q: sp.Symbol
    t: sp.Expr
    ridge: sp.Expr
    inverse: sp.Expr
    edge: sp.Expr
    same_place: sp.Expr
    whitened: sp.Expr
    first_order: sp.Expr
    claims: tuple[Claim, ...]

    def polynomial(self, a, b, w, m, ratio, kappa_value) -> sp.Poly:
        r"""The polynomial in :math:`\theta` of which the threshold is a root.

        Parameters
        ----------
        a, b : rational
            The two variances of the noise, positive and distinct.
        w : rational
            Share of the coordinates with variance a, strictly between 0 and 1.
        m : rational
            Share of :math:`\|u\|^2` on them, from 0 to 1.
        ratio : rational
            The aspect ratio gamma.
        kappa_value : rational
            The effective ridge; below it the ridge must not be negative.

        Returns
        -------
        sympy.Poly
            With integer coefficients, free of common factors and of the root 0.

        Raises
        ------
        ValueError
            If an argument is out of range.

        Examples
        --------
        >>> from mssl.symbolic import two_level_threshold
        >>> two_level_threshold().polynomial(1, 4, "1/2", "1/2", "2/3", "1/10").degree()
        6
        """
        values = self._values(a, b, w, m, ratio, kappa_value)
        first, second = (self._eliminated(e, values) for e in (self.edge, self.same_place))
        unknown = self.q if values[self.m] == 1 else self.p
        resultant = sp.Poly(sp.resultant(first, second, unknown), theta)
        radical = sp.S(1)
        for factor, _ in resultant.factor_list()[1]:
            if factor.as_expr() != theta:
                radical *= factor.as_expr()
        return sp.Poly(sp.expand(radical), theta)

    def threshold(self, a, b, w, m, ratio, kappa_value, digits: int = 15) -> sp.Float:
        """The root of :meth:`polynomial` that is the threshold.

        Parameters
        ----------
        a, b, w, m, ratio, kappa_value
            As for :meth:`polynomial`.
        digits : int, default=15
            Number of digits.

        Returns
        -------
        sympy.Float
            In the units of the two variances.

        Raises
        ------
        ValueError
            If an argument is out of range, or not exactly one root qualifies.

        Notes
        -----
        At the edge p and q are positive, and the edge is the only common zero of the two
        polynomials with that property for which both gaps p and q belong to one place above all
        poles; the positive roots that fail one of the two equations at such p and q are dropped.
        """
        values = self._values(a, b, w, m, ratio, kappa_value)
        roots = self.polynomial(a, b, w, m, ratio, kappa_value).real_roots()
        first, second = (self._eliminated(e, values) for e in (self.edge, self.same_place))
        unknown, other = (self.q, self.p) if values[self.m] == 1 else (self.p, self.q)
        rest = self._solved(values)
        found = []
        for root in roots:
            if root.is_positive is not True:
                continue
            number = sp.N(root, 60)
            for candidate in sp.Poly(first.subs(theta, number), unknown).nroots(n=40):
                pair = {theta: number, unknown: candidate}
                if not candidate.is_real or candidate <= 0 or rest.subs(pair) <= 0:
                    continue
                scale = sum(abs(c) for c in sp.Poly(second.subs(theta, number), unknown).coeffs())
                if abs(second.subs(pair)) < sp.Float("1e-25") * scale:
                    found.append(number)
        if len(found) != 1:
            raise ValueError(f"{len(found)} roots qualify as the threshold of {other}, not one")
        return sp.N(found[0], digits)

    def _solved(self, values) -> sp.Expr:
        """q as a function of p and theta; or p of q when the direction has no part on b."""
        if values[self.m] == 1:
            return 1 / theta
        return (1 / theta - values[self.m] * self.p) / (1 - values[self.m])

    def _eliminated(self, expression, values) -> sp.Expr:
        known = self.p if values[self.m] == 1 else self.q
        exact = expression.subs(values).subs(known, self._solved(values))
        return sp.numer(sp.together(exact))

    def _values(self, a, b, w, m, ratio, kappa_value) -> dict:
        a, b, w, m, ratio, k = (sp.Rational(v) for v in (a, b, w, m, ratio, kappa_value))
        if a <= 0 or b <= 0 or a == b:
            raise ValueError(f"a and b must be positive and distinct, got {a} and {b}")
        if not 0 < w < 1:
            raise ValueError(f"w must lie strictly between 0 and 1, got {w}")
        if not 0 <= m <= 1:
            raise ValueError(f"m must lie between 0 and 1, got {m}")
        if ratio <= 0 or k <= 0:
            raise ValueError(f"ratio and kappa_value must be positive, got {ratio} and {k}")
        values = {self.a: a, self.b: b, self.w: w, self.m: m, gamma: ratio, kappa: k}
        if self.ridge.subs(values) < 0:
            raise ValueError(f"kappa_value {k} belongs to a negative ridge; raise it")
        return values


def two_level_threshold() -> TwoLevelThreshold:
    r"""Threshold for noise of two variances, as a root of a polynomial, and its ridgeless limit.

    .. math::
        \gamma\big(w a^2p^2 + (1-w)b^2q^2\big) = 1, \qquad
        \frac1{\theta_c} = mp + (1-m)q, \qquad
        \frac{t/p + \lambda + ta}{a + \kappa} = \frac{t/q + \lambda + tb}{b + \kappa},

    with :math:`t = 1 + \gamma(wap + (1-w)bq)`: p and q are t/T on the two levels, where T is
    the diagonal of :math:`zD^{-1} - \lambda - t\Sigma_0` at the upper edge z. The first equation
    is the edge, the third says that both levels see the same z. As :math:`\kappa \to 0` with
    n > d,

    .. math::
        \theta_c \to \sqrt\gamma\,\Big(\frac ma + \frac{1-m}b\Big)^{-1},

    the threshold of a person who knows the variances and divides by them.

    Implements :theorem:`prop-two-level-threshold`.

    Returns
    -------
    TwoLevelThreshold
        ``claims``: bulk equation; the first equation is where z is stationary; the limit solves
        all three; the Jacobian there is positive, so that by the implicit function theorem the
        threshold is an analytic function of kappa near 0; its first derivative.
    """
    a, b, w, m, p, q = sp.symbols("a b w m p q", positive=True)
    t = sp.Symbol("t", positive=True)
    ridge = kappa * (1 - gamma * (w * a / (a + kappa) + (1 - w) * b / (b + kappa)))
    first, second = w * a * p, (1 - w) * b * q
    bulk = 1 + gamma * (first + second)
    edge = gamma * (w * a**2 * p**2 + (1 - w) * b**2 * q**2) - 1
    inverse = m * p + (1 - m) * q
    same_place = (b + kappa) * q * (bulk + (ridge + bulk * a) * p) - (a + kappa) * p * (
        bulk + (ridge + bulk * b) * q
    )

    # The bulk equation in the place z, and where z(t) is stationary.
    z = sp.Symbol("z", positive=True)
    gap_a = z * (a + kappa) - lam - t * a  # z in units of kappa/lambda
    gap_b = z * (b + kappa) - lam - t * b
    excess = t - 1 - gamma * t * (w * a / gap_a + (1 - w) * b / gap_b)
    gaps = {p: t / gap_a, q: t / gap_b}

    whitened = sp.sqrt(gamma) / (m / a + (1 - m) / b)
    limit = {p: 1 / (a * sp.sqrt(gamma)), q: 1 / (b * sp.sqrt(gamma))}

    def at_limit(expression: sp.Expr) -> sp.Expr:
        return sp.factor(expression.subs(kappa, 0).subs(limit))

    system = sp.Matrix([edge, same_place])
    jacobian = system.jacobian([p, q]).applyfunc(at_limit)
    drift = system.diff(kappa).applyfunc(at_limit)
    move = (-jacobian.adjugate() * drift / jacobian.det()).applyfunc(sp.factor)
    root = sp.Symbol("g", positive=True)  # of gamma, so that the determinant is rational
    moved = -(whitened**2) * (m * move[0] + (1 - m) * move[1])
    first_order = (
        2 * sp.sqrt(gamma) * (a - b) * (a * w * (1 - m) - b * m * (1 - w))
        / (a * (1 - m) + b * m) ** 2
    )  # fmt: skip

    return TwoLevelThreshold(
        a=a,
        b=b,
        w=w,
        m=m,
        p=p,
        q=q,
        t=bulk,
        ridge=ridge,
        inverse=inverse,
        edge=edge,
        same_place=same_place,
        whitened=whitened,
        first_order=first_order,
        claims=(
            Identity("bulk equation", excess + 1 + (bulk - 1).subs(gaps), t),
            Identity("edge equation", -t * sp.diff(excess, t) + excess, edge.subs(gaps)),
            Identity(
                "both levels see one place",
                ((lam + t * a + t / p) / (a + kappa)).subs(gaps),
                ((lam + t * b + t / q) / (b + kappa)).subs(gaps),
            ),
            Identity("ridgeless limit: edge", at_limit(edge), sp.S(0)),
            Identity("ridgeless limit: one place", at_limit(same_place), sp.S(0)),
            Identity("ridgeless limit: threshold", (1 / inverse).subs(limit), whitened),
            Positivity("the limit is a simple zero", jacobian.det().subs(gamma, root**2)),
            Identity("first order", moved, first_order),
        ),
    )
