"""Directions of photographs in unequal noise: the figure ``limit_patches``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl import WeightedPCA
from mssl.baselines import diagonal_deletion, heteropca, leading_directions
from mssl.chapters.how_near_the_limit.drawing import legend_of
from mssl.chapters.how_near_the_limit.worlds import RIDGE
from mssl.chapters.worlds import PATCH
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials

#: How many directions are learned and looked for.
SHOWN = 4

#: Noise variance of the quiet and of the loud half of the pixels.
NOISE = (0.3, 30.0)

METHODS = (
    "pca",
    "diagonal_deletion",
    "heteropca",
    "correlation_pca",
    "masked_regression",
    "factor_analysis",
    "weighted_pca",
)

_rows = table_of("n", "method", "direction", "held", "standard_error")


def pixel_noise() -> np.ndarray:
    """Noise variances of the pixels, loud on a fixed random half."""
    d = PATCH * PATCH
    loud = np.random.default_rng(17).permutation(d) < d // 2
    return np.where(loud, NOISE[1], NOISE[0])


def _patterns(method, rows) -> np.ndarray:
    """The directions that a method learns, one a column."""
    if method == "weighted_pca":
        return WeightedPCA(SHOWN).fit(rows).components_.T
    if method == "diagonal_deletion":
        found = diagonal_deletion(rows, SHOWN)
    elif method == "heteropca":
        found = heteropca(rows, SHOWN, tol=1e-4)
    elif method == "masked_regression":
        found = leading_directions(rows, method, rank=SHOWN, ridge=RIDGE)
    else:
        found = leading_directions(rows, method, rank=SHOWN)
    return np.stack([direction.pattern for direction in found], axis=1)


def _patch_unit(rng, *, n, trials) -> Table:
    patches, noise = patch_population(PATCH), pixel_noise()
    clean = np.linalg.eigh(patches.dense())[1][:, ::-1][:, :SHOWN]

    def trial(generator):
        rows = patches.sample(n, generator)
        rows = rows + generator.standard_normal(rows.shape) * np.sqrt(noise)
        spans = [np.linalg.qr(_patterns(method, rows))[0] for method in METHODS]
        return [np.sum((clean.T @ span) ** 2, axis=1) for span in spans]

    mean, error = mean_and_error(np.array(run_trials(trial, trials, rng, n_jobs=1)))
    return Table.concat(
        _rows(n, method, np.arange(1, SHOWN + 1), mean[i], error[i])
        for i, method in enumerate(METHODS)
    )


def compute_limit_patches(run: Run) -> Table:
    """How much of the clean directions each method's directions hold, on both sides of n = d."""
    trials = run.pick(test=2, quick=5, paper=40)
    return run.map("measured", _patch_unit, [{"n": n, "trials": trials} for n in (432, 72)])


@figure(
    "limit_patches",
    compute=compute_limit_patches,
    title="Directions of photographs in unequal noise",
    alt="Two panels, for three times as many patches as pixels and for half as many. For each of "
    "the first four directions of clean patches, marks of seven methods show how much of it the "
    "four learned directions hold. All hold most of the first. Of the others weighted PCA and "
    "factor analysis hold most where samples are many, and weighted PCA where they are few; PCA, "
    "diagonal deletion and HeteroPCA hold little.",
    caption="Part of each of the first four directions of clean patches, 12 by 12 pixels, that "
    "lies in the span of four learned ones. Gaussian noise of variance 30 was added to a random "
    "half of the pixels and of variance 0.3 to the others (a clean pixel has mean variance 1). All "
    "marks are measurements, with one standard error; masked regression has ridge 0.1.",
    chapter="how_near_the_limit",
    seed=18004,
    columns={"held": "part of the clean direction within the span of the learned ones"},
)
def draw_limit_patches(data: Table) -> Figure:
    """Draw one panel a number of patches."""
    fig = Figure(figsize=(7.2, 4.4))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (n, rows) in zip(axes, data.groups("n"), strict=True):
        for k, method in enumerate(METHODS):
            part = rows.where(method=method)
            place = part["direction"] + 0.1 * (k - (len(METHODS) - 1) / 2)
            measured(ax, place, part["held"], part["standard_error"], method)
        ax.set(xlabel="direction of clean patches", ylim=(-0.02, 1.02),
               title=f"n = {n}, d = {PATCH * PATCH}")  # fmt: skip
        ax.set_xticks(range(1, SHOWN + 1))
        for edge in np.arange(1, SHOWN) + 0.5:
            ax.axvline(edge, color="#dddddd", linewidth=0.8, zorder=0)
    axes[0].set_ylabel("part that is held")
    legend_of(fig, METHODS)
    return fig
