"""Exact reduction: whether an expression is zero, its value at zero, small inverses."""

from __future__ import annotations

import sympy as sp
from sympy.polys.rings import PolyElement, PolyRing


def reduced(expression: sp.Expr, factor: bool = True) -> sp.Expr:
    """Reduce a rational expression in symbols and square roots; zero comes out as exactly 0.

    With `factor` its numerator is factored.
    """
    radicands: dict[sp.Expr, sp.Dummy] = {}

    def root(base: sp.Expr, exponent: sp.Rational) -> sp.Expr:
        w = radicands.setdefault(sp.factor(base), sp.Dummy("w", positive=True))
        return w ** (2 * exponent)

    rational = sp.sympify(expression).replace(
        lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2,
        lambda e: root(e.base, e.exp),
    )
    opaque = {
        atom: sp.Dummy() for atom in rational.atoms(sp.Derivative, sp.core.function.AppliedUndef)
    }
    rational = rational.xreplace(opaque)
    symbols = rational.free_symbols.union(*(base.free_symbols for base in radicands))
    generators = sorted(symbols, key=sp.default_sort_key)
    if not generators:
        return sp.nsimplify(sp.simplify(rational))
    # Whether it vanishes is decided by the numerator alone, multiplied out in a polynomial ring:
    # cancelling common factors first costs ten times as much.
    numerator, denominator = sp.fraction(sp.together(rational))
    ring = PolyRing(generators, sp.QQ, sp.lex)
    numerator = ring.from_expr(numerator)
    for radicand, w in radicands.items():
        # The pseudo-remainder multiplies by powers of ``bottom``, so those are divided out again.
        top, bottom = (ring.from_expr(part) for part in sp.fraction(sp.together(radicand)))
        numerator, power = _without_squares(numerator, ring, w, top, bottom)
        denominator *= bottom.as_expr() ** power
    if numerator == 0:
        return sp.S(0)
    back = {w: sp.sqrt(radicand) for radicand, w in radicands.items()}
    back |= {symbol: atom for atom, symbol in opaque.items()}
    top = numerator.as_expr()
    return ((sp.factor(top) if factor else top) / denominator).xreplace(back)


def _without_squares(
    polynomial: PolyElement, ring: PolyRing, w: sp.Dummy, top: PolyElement, bottom: PolyElement
) -> tuple[PolyElement, int]:
    """The polynomial times bottom^power, with w^2 replaced by top/bottom; and that power."""
    position = ring.symbols.index(w)
    terms = list(polynomial.terms())
    power = max((exponents[position] // 2 for exponents, _ in terms), default=0)
    result = ring.zero
    for exponents, coefficient in terms:
        halves, odd = divmod(exponents[position], 2)
        rest = (*exponents[:position], odd, *exponents[position + 1 :])
        result += ring({rest: coefficient}) * top**halves * bottom ** (power - halves)
    return result, power


def at_zero(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Value at 0 of a symbol of a rational function, after common factors have cancelled.

    ValueError if the expression still has a pole there.
    """
    value = expression.subs(symbol, 0)
    if not value.has(sp.nan, sp.zoo, sp.oo):
        return sp.factor(value)  # every part was finite, so the function is continuous there
    numerator, denominator = sp.fraction(sp.cancel(sp.together(expression)))
    bottom = denominator.subs(symbol, 0)
    if bottom == 0:
        raise ValueError(f"the expression has a pole at {symbol} = 0, so its limit is not finite")
    return sp.factor(numerator.subs(symbol, 0) / bottom)


def inverted(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    """Inverse by cofactors, entry by entry for a diagonal matrix, so that entries stay small."""
    if matrix.is_diagonal():
        return sp.ImmutableMatrix(sp.diag(*(1 / entry for entry in matrix.diagonal())))
    return sp.ImmutableMatrix((matrix.adjugate() / matrix.det()).applyfunc(sp.factor))


def positive_symbols(expression: sp.Expr) -> sp.Expr:
    """The same expression with every symbol replaced by a positive one of the same name."""
    return expression.xreplace(
        {old: sp.Symbol(old.name, positive=True) for old in expression.free_symbols}
    )
