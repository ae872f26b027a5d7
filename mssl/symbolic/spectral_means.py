"""Spectral means that the optimal ridge of a constant-diagonal population depends on."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from .symbols import kappa


@dataclass(frozen=True)
class Means:
    """Spectral means that the test error of a constant-diagonal population is made of."""

    r1: sp.Expr
    r2: sp.Expr
    r3: sp.Expr

    @property
    def v(self) -> sp.Expr:
        """Mean of s/(s + kappa)^2."""
        return self.r1 - kappa * self.r2

    @property
    def q(self) -> sp.Expr:
        """Mean of s^2/(s + kappa)^2."""
        return 1 - 2 * kappa * self.r1 + kappa**2 * self.r2

    @property
    def t(self) -> sp.Expr:
        """Mean of s^2/(s + kappa)^3."""
        return self.r1 - 2 * kappa * self.r2 + kappa**2 * self.r3

    @property
    def bias(self) -> sp.Expr:
        """B, half the rate at which the bias factor of log E grows with kappa."""
        return kappa * (self.r1 * self.r3 - self.r2**2) / (self.r1 * self.v)

    @property
    def ratio(self) -> sp.Expr:
        """The aspect ratio for which kappa is stationary."""
        return self.bias / (self.t + self.bias * self.q)

    @property
    def ridge(self) -> sp.Expr:
        """The ridge at that stationary point."""
        return kappa * self.v**2 / (self.r1 * (self.t + self.bias * self.q))


def atom_means(values: tuple[sp.Expr, ...], shares: tuple[sp.Expr, ...]) -> Means:
    r"""Means of :math:`(v + \kappa)^{-j}` over atoms, for j = 1, 2, 3.

    The `values` are v, the `shares` the weights of the atoms.
    """
    powers = (
        sp.Add(*(w / (v + kappa) ** j for v, w in zip(values, shares, strict=True)))
        for j in (1, 2, 3)
    )
    return Means(*powers)
