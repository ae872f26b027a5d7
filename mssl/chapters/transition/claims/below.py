"""A single coordinate below the bulk."""

from __future__ import annotations

import numpy as np

from mssl.chapters.ledger.checks import failed, in_standard_errors, tightest
from mssl.chapters.transition.claims.shared import alone, alone_below, pairs
from mssl.chapters.transition.worlds import single_threshold
from mssl.covariance import Isotropic, Spiked
from mssl.theory import SSRTheory


def _closed_form():
    """What is wrong with the rule, against the roots of the quadratic, or None."""
    for gamma in (0.2, 0.5, 0.9, 1.0, 2.0, 7.0):
        beta = 1 - gamma**0.5
        least = beta * (max(beta, 0.0) ** 0.5 + gamma**0.5)
        near = (0.99 * least, 1.01 * least) if gamma < 1 else ()
        sides = [np.isfinite(single_threshold(gamma, ridge, below=True)) for ridge in near]
        if sides not in ([], [False, True]):
            return f"the least ridge at d/n = {gamma}"
        for ridge in (0.05, 0.3, 2.0, 40.0):
            bound = single_threshold(gamma, ridge, below=True)
            strengths = np.geomspace(1e-2, 1e4, 40)
            edges = [f * bound for f in (0.999, 1.001) if 0 < bound < np.inf]
            for strength in (*strengths, *edges):
                found = alone(gamma, ridge, strength)
                number = sum(t < 1 for t, *_ in found)
                above = sum(t > 1 for t, *_ in found)
                if number != (strength > bound) or above > number or len(found) > number + above:
                    return f"d/n = {gamma}, ridge {ridge:g}, strength {strength:g}"
                if any(place <= 0 or t <= 0 for t, place, _ in found):
                    return "a place that is not below everything"
    return None


def _package():
    """What is wrong with the package beside the bound, or None."""
    d, one = 1200, np.eye(1200)[:, :1]
    for n, ridge in ((2400, 2.0), (1800, 0.5), (1200, 0.3), (300, 0.1)):
        bound = single_threshold(d / n, ridge, below=True)
        for strength in (0.93 * bound, 1.07 * bound) if bound else (0.3, 30.0):
            theory = SSRTheory(Spiked(Isotropic(d), strength, one), n, ridge)
            if sum(o.side == "below" for o in theory.outliers) != (strength > bound):
                return f"the package at n = {n}, strength {strength:g}"
    return None


def single_below():
    """The bound against roots and package; draws with an outlier below and without."""
    wrong = _closed_form() or _package()
    if wrong:
        return failed(wrong)
    checks = []
    worlds = ((300, 1200, 4.0, 4.0, 40), (300, 600, 4.0, 6.0, 40), (600, 300, 2.0, 6.0, 16))
    for d, n, ridge, strength, draws in worlds:
        one = np.eye(d)[:, :1]
        (_, place, overlaps), *_ = alone_below(d / n, ridge, strength)
        mean, error = pairs(Spiked(Isotropic(d), strength, one), n, ridge, draws, 83, ranks=(-1,))
        checks.append(in_standard_errors([place, *overlaps], mean[0], error[0], f"below, n = {n}"))
    d, one = 300, np.eye(300)[:, :1]
    # Below the bound, and under a ridge that is too small for any strength.
    for n, ridge, strength in ((600, 4.0, 0.15), (450, 0.05, 50.0), (600, 0.05, 1000.0)):
        mean, _ = pairs(Spiked(Isotropic(d), strength, one), n, ridge, 12, 84, ranks=(-1,))
        if alone_below(d / n, ridge, strength) or mean[0, 3] > 0.05:
            return failed(f"an outlier below at n = {n}, ridge {ridge:g}")
    setting = (
        "the bound against the roots in 24 worlds and the package at d = 1200; three overlaps in "
        "draws at d/n = 1/4, 1/2 and 2 above it; nothing in draws at 1/2 and 2/3 below it"
    )
    return tightest(setting, *checks)


CLAIMS = {"cor-single-below": single_below}
