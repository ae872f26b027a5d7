"""Statements that a derivation makes, each decided exactly and without numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp
from sympy.polys.rings import PolyRing

from .reduction import reduced

Expression: TypeAlias = sp.Expr | sp.ImmutableMatrix


@dataclass(frozen=True)
class Identity:
    r"""A statement :math:`L = R` whose two sides were reached by different routes.

    .. math:: L - R = 0

    Parameters
    ----------
    name : str
        What the identity says, in a few words.
    left, right : sympy expression or matrix
        The two sides. Matrices must have the same shape.
    """

    name: str
    left: Expression
    right: Expression

    @property
    def equation(self) -> sp.Eq:
        """The unevaluated equation, for printing."""
        return sp.Eq(self.left, self.right, evaluate=False)

    def residual(self) -> Expression:
        """Difference of the two sides, reduced; exactly 0 when the identity holds."""
        if isinstance(self.left, sp.MatrixBase):
            return sp.ImmutableMatrix((self.left - self.right).applyfunc(reduced))
        return reduced(self.left - self.right)

    def holds(self) -> bool:
        """Whether :meth:`residual` is exactly zero."""
        difference = self.left - self.right
        entries = difference if isinstance(difference, sp.MatrixBase) else [difference]
        return all(reduced(entry, factor=False) == 0 for entry in entries)


@dataclass(frozen=True)
class Positivity:
    r"""A statement :math:`f > 0` for all positive values of the symbols in :math:`f`.

    .. math:: f = N / M, \qquad N, M \text{ polynomials with positive coefficients}

    Parameters
    ----------
    name : str
        What the inequality says, in a few words.
    expression : sympy expression
        A rational function of positive symbols.

    Notes
    -----
    Positive coefficients are sufficient, not necessary. :meth:`holds` returning False means that
    this certificate is missing, not that the inequality fails.
    """

    name: str
    expression: sp.Expr

    @property
    def equation(self) -> sp.Gt:
        """The unevaluated inequality, for printing."""
        return sp.Gt(self.expression, 0, evaluate=False)

    def holds(self) -> bool:
        """Whether the certificate of positive coefficients exists."""
        symbols = sorted(self.expression.free_symbols, key=str)
        if not symbols:
            return self.expression.is_positive is True
        if not all(symbol.is_positive for symbol in symbols):
            return False
        ring = PolyRing(symbols, sp.QQ, sp.lex)

        def certified(fraction: sp.Expr) -> bool:
            parts = [ring.from_expr(part).coeffs() for part in sp.fraction(fraction)]
            # SymPy may leave a common sign on both parts.
            signs = [{1 if c > 0 else -1 for c in coefficients} for coefficients in parts]
            return signs[0] == signs[1] and len(signs[0]) == 1

        together = sp.together(self.expression)
        # Common factors can hide the certificate; they are cancelled only when it is missing.
        return certified(together) or certified(sp.cancel(together))


Claim: TypeAlias = Identity | Positivity


class Derivation:
    """What every result of a derivation shares: its claims, each with a name of its own.

    Attributes
    ----------
    claims : tuple of Identity and Positivity
        The statements that were derived.
    """

    claims: tuple[Claim, ...]

    def claim(self, name: str) -> Claim:
        """The claim of that name.

        Parameters
        ----------
        name : str
            The ``name`` of one of ``claims``.

        Returns
        -------
        Identity or Positivity

        Raises
        ------
        KeyError
            If no claim has that name; the message lists the names there are.

        Examples
        --------
        >>> from mssl.symbolic import isotropic_risk
        >>> isotropic_risk().claim("training error").holds()
        True
        """
        for claim in self.claims:
            if claim.name == name:
                return claim
        names = ", ".join(repr(claim.name) for claim in self.claims)
        raise KeyError(f"no claim is named {name!r}; choose one of {names}")
