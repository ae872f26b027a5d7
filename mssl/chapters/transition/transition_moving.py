"""A signal leaves the noise: the figure ``transition_moving``."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from mssl.chapters.transition.drawing import LOOK
from mssl.chapters.transition.samples import (
    second_moments,
    squared_cosines,
    symmetrised,
    top_eigenvectors,
    with_signal,
)
from mssl.chapters.transition.worlds import RIDGE, flat_direction
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.live import Axis, Choice, Live, Panel, band, bars, line, points, rule, span
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.simulation import run_trials
from mssl.theory import SSRTheory

DRAWS = 20

_DRAW, _RANGE = "this draw", "20 other draws"


def _one_draw(rng, d: int, n: int, base, u, strengths, solve) -> list[tuple]:
    """Largest eigenvalues of M and the overlap of one draw at every strength of the signal."""
    noise, factor = base.sample(n, rng), rng.standard_normal((n, 1))
    s, b, power = second_moments(noise), noise.T @ factor / n, float(np.mean(factor**2))
    found = []
    for strength in strengths:
        nu, w, weights = solve(with_signal(s, b, power, u, strength), RIDGE)
        found.append((nu, squared_cosines(w[:, -1:], weights, u)["right"][0, 0]))
    return found


def _all_eigenvectors(s: np.ndarray, ridge: float):
    m, weights = symmetrised(s, ridge)
    return *eigh(m), weights


def _moving_unit(rng, *, d, n, strengths, bins, points, draws) -> Table:
    base, u = two_level(d), flat_direction(d)
    law = SSRTheory(base, n, RIDGE).spiked_equivalent.spectrum
    low, high = law.edges[0], law.edges[-1]
    grid = low + (high - low) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, points)))
    parts: list[tuple] = [("density", 0.0, grid, grid, law.density(grid))]

    (found,) = run_trials(
        lambda generator: _one_draw(generator, d, n, base, u, strengths, _all_eigenvectors), 1, rng
    )
    others = run_trials(
        lambda generator: _one_draw(generator, d, n, base, u, strengths, top_eigenvectors),
        draws,
        rng,
    )
    highest = max(high, *(nu[-2] for nu, _ in found))
    cuts = np.linspace(min(low, *(nu[0] for nu, _ in found)), highest, bins + 1)
    for k, (strength, (nu, overlap)) in enumerate(zip(strengths, found, strict=True)):
        spike = SSRTheory(Spiked(base, strength, u), n, RIDGE).spikes[0]
        height = np.histogram(nu[:-1], cuts)[0] / (d * np.diff(cuts))
        place = 1 / (1 - spike.eigenvalue)
        parts.append(("bars", strength, cuts[:-1], cuts[1:], height))
        parts.append(("theory", strength, [place], [place], [spike.right_overlap]))
        parts.append(("seen", strength, nu[-1:], nu[-1:], [overlap]))
        tops = [draw[k][0][-1] for draw in others]
        overlaps = [draw[k][1] for draw in others]
        parts.append(("draws", strength, [min(tops)], [max(tops)], [np.mean(tops)]))
        parts.append(("overlaps", strength, [min(overlaps)], [max(overlaps)], [np.mean(overlaps)]))
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    parts.append(("threshold", threshold, [high], [high], [0.0]))
    for factor in 1.0 + np.linspace(0.0, 1.0, 14)[1:] ** 2 * (max(strengths) / threshold - 1.0):
        strength = factor * threshold
        overlap = SSRTheory(Spiked(base, strength, u), n, RIDGE).spikes[0].right_overlap
        parts.append(("between", strength, [high], [high], [overlap]))
    return Table.concat(
        [
            Table({"part": part, "strength": np.full(len(left), float(strength)), "left": left,
                   "right": right, "value": value})
            for part, strength, left, right, value in parts
        ]
    )  # fmt: skip


def compute_transition_moving(run: Run) -> Table:
    """Spectrum of one draw and its top eigenvector while the strength of the signal grows."""
    strengths = run.pick(
        test=(0.2, 2.0),
        quick=tuple(np.round(np.arange(21) * 0.1, 1).tolist()),
        paper=tuple(np.round(np.arange(41) * 0.05, 2).tolist()),
    )
    d = run.pick(test=60, quick=300, paper=1000)
    setting = {
        "d": d,
        "n": 3 * d // 2,
        "strengths": strengths,
        "bins": 40,
        "points": 120,
        "draws": DRAWS,
    }
    return run.map("strengths", _moving_unit, [setting])


def _note(strength: float, threshold: float, seen: float, predicted: float) -> str:
    if strength <= threshold:
        return f"Below the threshold {threshold:.2f}; largest eigenvalue of the draw at {seen:.2f}."
    return (
        f"Above the threshold {threshold:.2f}; largest eigenvalue of the draw at {seen:.2f}, "
        f"in the limit at {predicted:.2f}."
    )


@figure(
    "transition_moving",
    compute=compute_transition_moving,
    title="A signal leaves the noise",
    alt="Two panels that follow a slider on the strength of the signal. First, a histogram of "
    "eigenvalues under the line of the limiting density, and a triangle for the largest one. "
    "Below the threshold of about 0.59 the triangle stays at the upper end of the bulk; above "
    "it moves away to the right with a dashed line, the predicted place, around which a shaded "
    "range of other draws lies. Second, the predicted overlap is zero up to the threshold and then "
    "rises through the shaded range of the draws; the measured point follows it.",
    caption="One draw of noise with variances 0.3 and 3, and the same noise and factor at every "
    "strength $\\theta$ of the signal. First panel: $1/(1 - a)$ for the eigenvalues $a$ of "
    "the learned $\\hat A$ (bars), the largest of them (triangle), the density of the noise in the "
    "limit (line) and, above the threshold, the place of the largest one in the limit (dashed). "
    "Second panel: squared cosine of the signal with $v$, $\\hat Av = av$, for the largest $a$. "
    "Shaded: from the least to the largest of 20 other draws of 300 coordinates. "
    "Shortly above the threshold some of them are still inside the bulk.",
    chapter="transition",
    seed=6001,
    columns={
        "part": "part of the picture; draws and overlaps are ranges over other draws",
        "left": "left end of a bin or of a range, or the place; of 1/(1 - a), or for the overlaps "
        "a squared cosine",
        "right": "right end of a bin or of a range, or the place, as left",
        "value": "density, or squared cosine with the signal; for ranges their mean",
    },
    live=True,
)
def live_transition_moving(data: Table) -> Live:
    """The spectrum, and the overlap over all strengths, at one strength after the other."""
    seen, predicted, ranges = (data.where(part=part) for part in ("seen", "theory", "draws"))
    strengths, threshold = seen["strength"], float(data.where(part="threshold")["strength"][0])
    # Well above the threshold, where one draw of this size shows what is meant.
    first = min(int(np.searchsorted(strengths, 2 * threshold)), len(strengths) - 1)
    foot = Table({"strength": strengths, "left": seen["left"], "foot": 0.02})
    right = 1.04 * max(part["right"].max() for part in (seen, predicted, ranges))
    spectrum = Panel(
        Axis("1/(1 - a) for the eigenvalues a of Â", 0.0, right),
        Axis("density", 0.0, 0.8),
        [
            span(ranges, "left", "right", LOOK, _RANGE),
            bars(data.where(part="bars"), "left", "right", "value", "density", "eigenvalues"),
            line(data.where(part="density"), "left", "value", "density", "limit", fixed=True),
            rule(_above(predicted, threshold), "left", LOOK, "limit of the largest", style="--"),
            points(foot, "left", "foot", None, "oracle", _DRAW),
        ],
    )
    # The corner of the threshold belongs to the curve.
    curve = Table.concat(data.where(part=part) for part in ("theory", "threshold", "between"))
    order = np.argsort(curve["strength"], kind="stable")
    curve = Table({name: column[order] for name, column in curve.columns.items()})
    overlap = Panel(
        Axis("strength θ of the signal", 0.0, float(strengths.max())),
        Axis("overlap with the signal", 0.0, 0.8),
        [
            band(data.where(part="overlaps"), "strength", "left", "right", LOOK, _RANGE,
                 fixed=True),
            line(curve, "strength", "value", "density", "limit", fixed=True),
            points(seen, "strength", "value", None, "oracle", _DRAW),
        ],
    )  # fmt: skip
    choice = Choice(
        "strength",
        "strength θ of the signal",
        strengths.tolist(),
        first,
        [f"{strength:.2f}" for strength in strengths],
    )
    notes = [
        _note(strength, threshold, place, limit)
        for strength, place, limit in zip(strengths, seen["left"], predicted["left"], strict=True)
    ]
    return Live([choice], [spectrum, overlap], notes, columns=2, size=(7.2, 4.0))


def _above(predicted: Table, threshold: float) -> Table:
    """The predicted places, of which there is none below the threshold."""
    keep = predicted["strength"] > threshold
    return Table({name: column[keep] for name, column in predicted.columns.items()})
