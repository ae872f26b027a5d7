"""Thresholds over the Bayes threshold: the figure ``limit_thresholds``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_near_the_limit.drawing import legend_of
from mssl.chapters.how_near_the_limit.limit_overlaps import LARGE
from mssl.chapters.how_near_the_limit.worlds import measured_cosines
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.theory import bayes_limit
from mssl.theory.noise_curves import Noise, threshold

GAMMAS = (0.5, 2.0)

#: Ridge that stands for the limit of small ridges, in units of the quiet noise.
SMALL = 1e-5

LINES = {
    "pca": ("pca", None),
    "diagonal_deletion": ("masked_regression", LARGE),
    "correlation_pca": ("correlation_pca", None),
    "masked_regression": ("masked_regression", SMALL),
}

MEASURED = ("pca", "masked_regression", "correlation_pca", "weighted_pca")

#: Where draws are made: noise ratio, and strength over the Bayes threshold.
RATIO, FACTORS = 10.0, (0.7, 1.0, 1.4, 2.0, 4.0, 8.0)

_rows = table_of("witness", "gamma", "method", "ratio", "factor", "value", "standard_error")


def _threshold_unit(rng, *, gamma, ratios) -> Table:
    rows = []
    for ratio in ratios:
        noise = Noise.two_levels(ratio)
        least = bayes_limit(noise, gamma, 1.0).threshold
        rows += [(m, ratio, threshold(LINES[m][0], noise, gamma, LINES[m][1]) / least)
                 for m in LINES]  # fmt: skip
        rows.append(("bayes", ratio, 1.0))
    names, ratios, values = zip(*rows, strict=True)
    return _rows("theory", gamma, list(names), list(ratios), 0.0, list(values))


def _overlap_unit(rng, *, gamma, factor, d, trials) -> Table:
    noise, n = np.tile([1.0, RATIO], d // 2), round(d / gamma)
    strength = factor * bayes_limit(noise, d / n, 1.0).threshold
    seen = measured_cosines(MEASURED, noise, strength, n, trials, rng, ridge=1e-3)
    mean, error = mean_and_error(seen)
    return _rows("measured", gamma, list(MEASURED), RATIO, factor, mean, error)


def compute_limit_thresholds(run: Run) -> Table:
    """Thresholds over the Bayes threshold, and cosines measured around it."""
    ratios = tuple(np.geomspace(1.0, 100.0, run.pick(test=5, quick=31, paper=81)).tolist())
    d, trials = run.pick(test=40, quick=200, paper=1000), run.pick(test=2, quick=5, paper=20)
    factors = run.pick(test=FACTORS[::3], quick=FACTORS, paper=FACTORS)
    return Table.concat(
        [
            run.map("theory", _threshold_unit, [{"gamma": g, "ratios": ratios} for g in GAMMAS]),
            run.map(
                "measured",
                _overlap_unit,
                [
                    {"gamma": g, "factor": f, "d": d, "trials": trials}
                    for g in GAMMAS
                    for f in factors
                ],
            ),
        ]
    )


@figure(
    "limit_thresholds",
    compute=compute_limit_thresholds,
    title="How far above the limit each method begins to see",
    alt="Four panels, left for twice as many samples as coordinates, right for half as many. "
    "Above, thresholds over the Bayes threshold against the noise ratio, on logarithmic axes: "
    "weighted PCA is one throughout; correlation PCA rises to 1.4; masked regression at a tiny "
    "ridge lies on it on the left and far above it on the right; diagonal deletion and PCA rise in "
    "proportion to the ratio. Below, measured cosines against the strength over the Bayes "
    "threshold at noise ratio ten: weighted PCA rises first on both sides and PCA last.",
    caption="Above: threshold of a method over the Bayes threshold, when half of the coordinates "
    "have noise of variance 1 and half of variance $r$; lines are theory, with masked regression "
    "in the limit of small ridges. Below: measured cosines at $r = 10$, against the strength over "
    "the Bayes threshold, with one standard error; ridge 0.001.",
    chapter="how_near_the_limit",
    seed=18002,
    missing=("standard_error",),
    columns={
        "factor": "strength over the Bayes threshold; 0 for thresholds",
        "value": "threshold over the Bayes threshold, or measured cosine",
    },
)
def draw_limit_thresholds(data: Table) -> Figure:
    """Draw thresholds above and measurements below, one column a ratio d/n."""
    fig = Figure(figsize=(7.2, 6.6))
    axes = fig.subplots(2, 2, sharey="row")
    for (above, below), gamma in zip(axes.T, GAMMAS, strict=True):
        theory = data.where(witness="theory", gamma=gamma)
        for method, rows in theory.groups("method"):
            # Dashed, as it covers that of correlation PCA where samples are many.
            dashed = (0, (4, 4)) if method == "masked_regression" else None
            theory_line(above, rows["ratio"], rows["value"], method, line=dashed)
        above.set(xscale="log", yscale="log", xlabel="noise ratio r", title=f"d/n = {gamma:g}")
        above.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        above.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        above.minorticks_off()
        for method, rows in data.where(witness="measured", gamma=gamma).groups("method"):
            measured(below, rows["factor"], rows["value"], rows["standard_error"], method)
        below.set(xscale="log", xlabel="strength / Bayes threshold", ylim=(0.0, 1.0))
        below.set_xticks(FACTORS, [f"{f:g}" for f in FACTORS])
        below.minorticks_off()
    axes[0, 0].set_ylabel("threshold / Bayes threshold")
    axes[1, 0].set_ylabel("cosine, r = 10")
    legend_of(fig, ("pca", "diagonal_deletion", "masked_regression", "correlation_pca",
                    "weighted_pca", "bayes"), (*LINES, "bayes"))  # fmt: skip
    return fig
