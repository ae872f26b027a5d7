"""Overlap against strength in unequal noise: the figure ``overlap_methods``."""

from __future__ import annotations

import numpy as np

from mssl.chapters.against_pca.worlds import (
    GAMMAS,
    METHODS,
    NAMES,
    RATIO,
    best_overlap,
    curve_of,
    flat_direction,
    measure,
    noise_levels,
)
from mssl.covariance import Diagonal, Spiked
from mssl.figures.live import Axis, Choice, Live, Panel, line, points, spread
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.theory.noise_curves import Noise

#: Ratios of loud to quiet noise; factor analysis, which is slow, is measured at one of them.
RATIOS = (1.0, 2.0, 5.0, RATIO, 20.0, 50.0)

_overlap_table = table_of(
    "panel", "ratio", "witness", "method", "strength", "overlap", "low", "high", "standard_error"
)


def _overlap_theory(rng, *, gamma, ratio, strengths) -> Table:
    rows = []
    for method in METHODS:
        strength, overlaps = curve_of(method, Noise.two_levels(ratio), gamma).spread_signal()
        value = np.interp(strengths, strength, best_overlap(overlaps), left=0.0)
        rows.append(
            _overlap_table(gamma, ratio, "theory", method, strengths, value, np.nan, np.nan)
        )
    return Table.concat(rows)


def _overlap_measured(rng, *, gamma, ratio, d, strength, trials) -> Table:
    u = flat_direction(d)
    world = Spiked(Diagonal(noise_levels(d, ratio)), strength, u[:, None])
    methods = (*METHODS, "factor_analysis") if ratio == RATIO else METHODS
    found = measure(world, u, round(d / gamma), methods, trials, rng)
    return Table.concat(
        _overlap_table(
            gamma, ratio, "measured", method, strength,
            *_mean_and_ends(found[method]),
        )
        for method in methods
    )  # fmt: skip


def _mean_and_ends(outcomes: np.ndarray) -> tuple:
    """Mean, least, largest and standard error."""
    mean, error = mean_and_error(outcomes)
    return mean, outcomes.min(), outcomes.max(), error


def compute_overlap_methods(run: Run) -> Table:
    """Overlap of each method with a flat signal, against its strength and the ratio of noises."""
    d = run.pick(test=40, quick=140, paper=1000)
    trials = run.pick(test=2, quick=4, paper=30)
    few = {
        GAMMAS[0]: np.geomspace(0.7, 24.0, run.pick(test=3, quick=5, paper=10)),
        GAMMAS[1]: np.geomspace(1.6, 40.0, run.pick(test=3, quick=5, paper=10)),
    }
    many = np.geomspace(0.5, 50.0, run.pick(test=20, quick=100, paper=400))
    # That of the text first, so that its draws do not depend on the others.
    ratios = (RATIO, *(ratio for ratio in RATIOS if ratio != RATIO))
    ratios = run.pick(test=(RATIO, 1.0), quick=ratios, paper=ratios)
    return Table.concat(
        [
            run.map(
                "theory",
                _overlap_theory,
                [{"gamma": g, "ratio": r, "strengths": many} for r in ratios for g in GAMMAS],
            ),
            run.map(
                "measured",
                _overlap_measured,
                [
                    {"gamma": g, "ratio": r, "d": d, "strength": float(s), "trials": trials}
                    for r in ratios
                    for g in GAMMAS
                    for s in few[g]
                ],
            ),
        ]
    )


def _onset(own: Table) -> str:
    """From which strength on a method detects, on the grid of its line."""
    found = own["strength"][own["overlap"] > 0]
    return f"{found.min():.2g}" if found.size else f"above {own['strength'].max():.2g}"


def _note(rows: Table) -> str:
    """From which strength on each method detects, at both ratios d/n."""
    words = []
    for gamma, part in rows.groups("panel"):
        found = [f"{NAMES[method]} {_onset(own)}" for method, own in part.groups("method")]
        words.append(f"at d/n = {gamma:.3g}: {', '.join(found)}")
    return f"Detected from strength, {'; '.join(words)}."


@figure(
    "overlap_methods",
    compute=compute_overlap_methods,
    title="Overlap against strength in unequal noise",
    alt="Two panels show the overlap with a flat signal against its strength and follow a slider "
    "on the noise ratio. In equal noise PCA rises first or with the others. For a ratio of ten and "
    "more samples than coordinates masked regression and correlation PCA rise together and PCA far "
    "later. For fewer samples correlation PCA rises first, masked regression next and PCA last. "
    "Points of factor analysis lie near those of correlation PCA, and other points on the lines.",
    caption="Squared cosine between the first direction of each method and a flat signal, noise of "
    "variance 1 on half of the coordinates and $r$ on the others, ridge 0.1; the slider sets $r$, "
    "which is 10 at first. Of filter, eigenvector and pattern each method is credited with the "
    "best. Lines are theory, points the mean over independent trials with one standard error, "
    "shaded bars go from the least to the largest of these trials. Factor analysis has no line: it "
    "is measured only, at $r = 10$.",
    chapter="against_pca",
    seed=7002,
    missing=("standard_error", "low", "high"),
    columns={
        "panel": "coordinates a sample, d/n",
        "low": "least overlap of a trial",
        "high": "largest overlap of a trial",
    },
    live=True,
)
def live_overlap_methods(data: Table) -> Live:
    """One panel a ratio d/n; a slider on the ratio of loud to quiet noise."""
    panels = []
    for gamma, rows in data.groups("panel"):
        seen, theory = rows.where(witness="measured"), rows.where(witness="theory")
        marks = [
            spread(own, "strength", "low", "high", method, NAMES[method])
            for method, own in seen.groups("method")
        ]
        marks += [
            line(own, "strength", "overlap", method, NAMES[method])
            for method, own in theory.groups("method")
        ]
        marks += [
            points(own, "strength", "overlap", "standard_error", method, NAMES[method])
            for method, own in seen.groups("method")
        ]
        x = Axis("strength of the signal", 0.5, 50.0, log=True, ticks=(0.5, 1, 2, 5, 10, 20, 50))
        y = Axis("overlap with the signal", 0.0, 1.0, ticks=(0, 0.25, 0.5, 0.75, 1))
        panels.append(Panel(x, y, marks, title=f"d/n = {gamma:.3g}"))
    ratios = sorted(data.unique("ratio"))
    choice = Choice("ratio", "noise ratio r", ratios, ratios.index(RATIO))
    theory = data.where(witness="theory")
    notes = [_note(theory.where(ratio=ratio)) for ratio in ratios]
    return Live([choice], panels, notes, columns=2, size=(7.2, 4.2))
