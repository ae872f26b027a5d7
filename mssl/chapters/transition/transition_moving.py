"""A signal leaves the noise: the figure ``transition_moving``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import eigh

from mssl.chapters.transition.drawing import LOOK
from mssl.chapters.transition.samples import (
    second_moments,
    squared_cosines,
    symmetrised,
    with_signal,
)
from mssl.chapters.transition.worlds import RIDGE, flat_direction
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import FREE_LAYOUT, histogram, theory_line
from mssl.figures.table import Table
from mssl.simulation import run_trials
from mssl.theory import SSRTheory


def _moving_unit(rng, *, d, n, strengths, bins, points) -> Table:
    base, u = two_level(d), flat_direction(d)
    noise, factor = base.sample(n, rng), rng.standard_normal((n, 1))
    law = SSRTheory(base, n, RIDGE).spiked_equivalent.spectrum
    low, high = law.edges[0], law.edges[-1]
    grid = low + (high - low) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, points)))
    parts: list[tuple] = [("density", 0.0, grid, grid, law.density(grid))]

    def draw_all(_):
        found = []
        s, b, power = second_moments(noise), noise.T @ factor / n, float(np.mean(factor**2))
        for strength in strengths:
            m, weights = symmetrised(with_signal(s, b, power, u, strength), RIDGE)
            nu, w = eigh(m)
            found.append((nu, squared_cosines(w[:, -1:], weights, u)["right"][0, 0]))
        return found

    (found,) = run_trials(draw_all, 1, rng)
    highest = max(high, *(nu[-2] for nu, _ in found))
    cuts = np.linspace(min(low, *(nu[0] for nu, _ in found)), highest, bins + 1)
    for strength, (nu, overlap) in zip(strengths, found, strict=True):
        spike = SSRTheory(Spiked(base, strength, u), n, RIDGE).spikes[0]
        height = np.histogram(nu[:-1], cuts)[0] / (d * np.diff(cuts))
        place = 1 / (1 - spike.eigenvalue)
        parts.append(("bars", strength, cuts[:-1], cuts[1:], height))
        parts.append(("theory", strength, [place], [place], [spike.right_overlap]))
        parts.append(("seen", strength, nu[-1:], nu[-1:], [overlap]))
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
        quick=tuple(np.arange(11) / 5),
        paper=tuple(np.round(np.arange(17) * 0.125, 3)),
    )
    d = run.pick(test=60, quick=300, paper=1000)
    setting = {"d": d, "n": 3 * d // 2, "strengths": strengths, "bins": 40, "points": 120}
    return run.map("strengths", _moving_unit, [setting])


def _moving_labels(data: Table) -> list[str]:
    threshold = data.where(part="threshold")["strength"][0]
    return [
        f"strength {s:.3f}, {'above' if s > threshold else 'below'} the threshold {threshold:.3f}"
        for s in data.where(part="seen")["strength"]
    ]


def _moving_first(data: Table) -> int:
    """The first frame well above the threshold, where one draw of this size shows what is meant."""
    threshold = data.where(part="threshold")["strength"][0]
    strengths = data.where(part="seen")["strength"]
    return min(int(np.searchsorted(strengths, 2 * threshold)), len(strengths) - 1)


@figure(
    "transition_moving",
    compute=compute_transition_moving,
    title="A signal leaves the noise",
    alt="Two panels that follow a slider on the strength of the signal. Above, a histogram of "
    "eigenvalues under the line of the limiting density, and a triangle for the largest one. "
    "Below the threshold of about 0.59 the triangle stays at the upper end of the bulk; above "
    "it moves away to the right together with a dashed line, the predicted place. Below, the "
    "predicted overlap is zero up to the threshold and then rises; the measured point follows it.",
    caption="One draw of noise with variances 0.3 and 3, and the same noise and factor at every "
    "strength of the signal. Above: $1/(1 - a)$ for the eigenvalues $a$ of the learned $\\hat A$ "
    "(bars), the largest of them (triangle), the density of the noise in the limit (line) and the "
    "place where the limit has the largest one (dashed). Below: squared cosine of the signal with "
    "the $v$ of $\\hat Av = av$ for the largest $a$, in the limit (line) and in this draw (point). "
    "One draw of 300 coordinates lies off the limit, most of all near the threshold (dotted): "
    "there the triangle leaves the bulk later than the dashed line.",
    chapter="transition",
    seed=6001,
    columns={
        "left": "left end of a bin, or the place, of 1/(1 - a)",
        "right": "right end of a bin, or the place, of 1/(1 - a)",
        "value": "density, or squared cosine with the signal",
    },
    frames=_moving_labels,
    first=_moving_first,
)
def draw_transition_moving(data: Table, frame: int | None = None) -> Figure:
    """Draw one strength: the spectrum above, the overlap below."""
    seen = data.where(part="seen")
    frame = _moving_first(data) if frame is None else frame
    strength = seen["strength"][frame]
    threshold, predicted = data.where(part="threshold"), data.where(part="theory")
    bars = data.where(part="bars", strength=strength)
    # One layout for all frames: the axes stay in place when the slider moves.
    fig = Figure(figsize=(5.2, 5.0), layout=FREE_LAYOUT)
    above, below = fig.subplots(2, 1)
    fig.subplots_adjust(left=0.14, right=0.97, bottom=0.1, top=0.97, hspace=0.32)
    law = data.where(part="density")
    histogram(above, bars["left"], bars["right"], bars["value"], "density")
    theory_line(above, law["left"], law["value"], "density")
    place = predicted["left"][frame]
    if strength > threshold["strength"][0]:
        theory_line(above, [place, place], [0, 0.5], LOOK, line="--")
    above.plot(seen["left"][frame], 0.03, "v", color="black", markersize=9, zorder=4)
    above.set(
        xlabel="$1/(1 - a)$ for eigenvalues $a$ of $\\hat A$",
        ylabel="density",
        xlim=(0, 1.08 * max(seen["left"].max(), predicted["left"].max())),
        ylim=(0, 0.8),
    )
    # The corner of the threshold belongs to the curve.
    more = data.where(part="between")
    x = np.concatenate([predicted["strength"], threshold["strength"], more["strength"]])
    y = np.concatenate([predicted["value"], threshold["value"], more["value"]])
    order = np.argsort(x)
    theory_line(below, x[order], y[order], LOOK)
    below.plot(strength, seen["value"][frame], "o", color="black", markersize=8, zorder=4)
    below.axvline(threshold["strength"][0], color="#999999", linestyle=":", linewidth=1.4)
    below.set(xlabel="strength of the signal", ylabel="overlap with the signal", ylim=(-0.03, 0.75))
    return fig
