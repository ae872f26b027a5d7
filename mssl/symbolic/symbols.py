"""Symbols of the text, each positive: ridge, effective ridge, aspect ratio, variance, samples."""

import sympy as sp

lam = sp.Symbol("lambda", positive=True)
kappa, gamma, s, n = sp.symbols("kappa gamma s n", positive=True)
rho = sp.Symbol("rho", positive=True)
