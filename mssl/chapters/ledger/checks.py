"""What a check of a claim reports."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

__all__ = [
    "NUMERICAL",
    "SIMULATION",
    "SYMPY",
    "Check",
    "bounded",
    "failed",
    "held",
    "holds",
    "identity",
    "in_standard_errors",
    "numerical",
    "relative",
    "tightest",
    "violation",
    "worst",
]

SYMPY = "SymPy identity"
NUMERICAL = "numerical identity"
SIMULATION = "theory against simulation"


@dataclass(frozen=True)
class Check:
    """How a claim was checked and how far off it was.

    Attributes
    ----------
    how : str
        One of SYMPY, NUMERICAL, SIMULATION.
    deviation : float
        The largest deviation that was found, in `unit`; 0 for an exact identity.
    unit : str
        For example "exact", "relative", "absolute", "standard errors".
    tolerance : float
        The deviation above which the check fails.
    setting : str
        What was computed, in one line: sizes, models, trials.
    """

    how: str
    deviation: float
    unit: str
    tolerance: float
    setting: str

    @property
    def passed(self) -> bool:
        """Whether the deviation is finite and allowed."""
        return bool(np.isfinite(self.deviation)) and self.deviation <= self.tolerance


def identity(residuals, setting: str) -> Check:
    """A SymPy identity: every expression in `residuals` must simplify to 0."""
    import sympy

    left = sum(
        1
        for r in residuals
        for entry in (r if hasattr(r, "shape") else [r])
        if sympy.simplify(entry) != 0
    )
    return Check(SYMPY, float(left), "exact", 0.0, setting)


def numerical(found, expected, setting: str, tolerance: float = 1e-10) -> Check:
    """Two computations of the same thing: largest difference relative to the largest entry."""
    found, expected = np.asarray(found), np.asarray(expected)
    deviation = np.abs(found - expected).max() / np.abs(expected).max()
    return Check(NUMERICAL, float(deviation), "relative", tolerance, setting)


def in_standard_errors(theory, mean, standard_error, setting: str, tolerance: float = 4.0) -> Check:
    """Theory against a simulation: largest difference in standard errors of the mean."""
    theory, mean, se = (np.asarray(a, dtype=float) for a in (theory, mean, standard_error))
    deviation = np.abs(theory - mean) / se
    return Check(SIMULATION, float(deviation.max()), "standard errors", tolerance, setting)


def relative(theory, mean, setting: str, tolerance: float = 0.01) -> Check:
    """Theory against a simulation: largest relative difference."""
    theory, mean = np.asarray(theory, dtype=float), np.asarray(mean, dtype=float)
    deviation = np.abs(theory / mean - 1.0).max()
    return Check(SIMULATION, float(deviation), "relative", tolerance, setting)


def violation(amount, setting: str, tolerance: float = 1e-12) -> Check:
    """An inequality: how far it is violated at worst."""
    return Check(NUMERICAL, float(max(amount, 0.0)), "absolute", tolerance, setting)


def holds(condition, setting: str) -> Check:
    """A statement that is true or not."""
    return Check(NUMERICAL, 0.0 if condition else np.inf, "absolute", 0.0, setting)


def held(claims, setting: str) -> Check:
    """Claims of :mod:`mssl.symbolic` that decide themselves: how many do not hold."""
    left = sum(not claim.holds() for claim in claims)
    return Check(SYMPY, float(left), "exact", 0.0, setting)


def failed(setting: str) -> Check:
    """A comparison that could not be made."""
    return Check(SIMULATION, np.inf, "absolute", 1.0, setting)


def bounded(check: Check, excess) -> Check:
    """The check, failed if one of several excesses over a bound is positive."""
    return replace(check, deviation=np.inf) if max(excess) > 0.0 else check


def worst(*checks: Check) -> Check:
    """The check that is farthest off; one that fails comes first."""
    return max(checks, key=lambda check: (not check.passed, check.deviation))


def tightest(setting: str, *checks: Check) -> Check:
    """The check that comes closest to its tolerance or furthest beyond it, for a joint setting."""
    return replace(max(checks, key=lambda c: c.deviation / c.tolerance), setting=setting)
