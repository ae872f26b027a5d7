"""What each method sees in noisy photographs: the figure ``patches_noise``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from mssl.baselines import leading_directions
from mssl.chapters.against_pca.worlds import METHODS
from mssl.chapters.worlds import PATCH
from mssl.covariance import Dense
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials

_LOUD = (0.02, 4.0)


class _NoisyPatches:
    """Patches plus independent Gaussian noise; offers what a population offers."""

    def __init__(self, variances):
        self.patches = patch_population(PATCH)
        self.variances = np.asarray(variances, dtype=float)
        self.d = self.patches.d

    def covariance(self) -> Dense:
        return Dense(self.patches.dense() + np.diag(self.variances))

    def sample(self, n, rng):
        clean = self.patches.sample(n, rng)
        return clean + rng.standard_normal((n, self.d)) * np.sqrt(self.variances)


@lru_cache(maxsize=1)
def noisy_patches() -> _NoisyPatches:
    """Patches with loud noise on a fixed random half of the pixels and faint noise elsewhere."""
    loud = np.random.default_rng(17).permutation(PATCH * PATCH) < PATCH * PATCH // 2
    return _NoisyPatches(np.where(loud, _LOUD[1], _LOUD[0]))


SHOWN = 4


def _patch_unit(rng, *, n, trials, ridge) -> Table:
    """How much of the clean patches' leading directions each method's directions hold."""
    world = noisy_patches()
    clean = np.linalg.eigh(world.patches.dense())[1][:, ::-1][:, :SHOWN]
    methods = (*METHODS, "factor_analysis")

    def held(vectors):
        basis = np.linalg.qr(np.stack(vectors, axis=1))[0]
        return np.sum((clean.T @ basis) ** 2, axis=1)

    def trial(generator):
        X = world.sample(n, generator)
        shares, vectors = [], []
        for method in methods:
            option = {"ridge": ridge} if method == "masked_regression" else {}
            found = leading_directions(X, method, rank=SHOWN, **option)
            readings = ("pattern", "symmetric", "filter")
            shares.append([held([getattr(f, r) for f in found]) for r in readings])
            vectors.append(np.stack([f.pattern / np.linalg.norm(f.pattern) for f in found]))
        return np.array(shares), np.array(vectors)

    outcomes = run_trials(trial, trials, rng)
    shares = np.array([o[0] for o in outcomes])
    pictures = outcomes[0][1]
    pixel = np.arange(PATCH * PATCH)
    tables = []
    for k in range(SHOWN):
        tables.append(_patch_table("clean", k + 1, pixel, clean[:, k], 1.0, np.nan, 1.0))
        for i, method in enumerate(methods):
            share, error = mean_and_error(shares[:, i, 0, k])
            best = float(shares[:, i, :, k].mean(axis=0).max())
            sign = np.sign(pictures[i, k] @ clean[:, k]) or 1.0
            picture = sign * pictures[i, k]
            tables.append(_patch_table(method, k + 1, pixel, picture, share, error, best))
    return Table.concat(tables)


_patch_table = table_of(
    "method", "direction", "pixel", "value", "share", "standard_error", "best_reading"
)


def compute_patches_noise(run: Run) -> Table:
    """Leading directions of noisy patches, beside those of the clean population."""
    n = run.pick(test=200, quick=432, paper=432)
    return run.map(
        "measured",
        _patch_unit,
        [{"n": n, "trials": run.pick(test=2, quick=4, paper=40), "ridge": 0.05}],
    )


@figure(
    "patches_noise",
    compute=compute_patches_noise,
    title="What each method sees in noisy photographs",
    alt="Five rows of four small pictures: the leading directions of clean patches, smooth waves, "
    "then those learned from noisy patches by masked regression, correlation PCA, PCA and factor "
    "analysis. Each picture carries the share of the clean direction that the learned ones hold. "
    "All hold the first. Masked regression and factor analysis show the next two waves under some "
    "noise; the pictures of PCA and correlation PCA are dominated by single loud pixels from the "
    "second on.",
    caption="Patterns of the first four directions learned from patches of 12 by 12 pixels, with "
    "noise of variance 4 on a random half of the pixels and 0.02 on the rest (mean variance of a "
    "clean pixel: 1). Numbers: the part of each clean direction that lies in the span of the four "
    "learned patterns, mean over trials. 432 patches, ridge 0.05.",
    chapter="against_pca",
    seed=7009,
    columns={
        "pixel": "number of the pixel, row by row",
        "value": "entry of the direction",
        "share": "part of the clean direction within the span of the learned ones",
        "best_reading": "the same for the best of filter, eigenvector and pattern",
    },
    missing=("standard_error",),
)
def draw_patches_noise(data: Table) -> Figure:
    """Draw one row a method and one column a direction."""
    fig = Figure(figsize=(5.6, 7.2))
    order = ["clean", *METHODS, "factor_analysis"]
    axes = fig.subplots(len(order), 1)
    step = PATCH + 2  # two empty columns between pictures
    centres = step * np.arange(SHOWN) + 0.5 * (PATCH - 1)
    for i, method in enumerate(order):
        strip = np.full((PATCH, SHOWN * step - 2), np.nan)
        labels = []
        for k in range(SHOWN):
            rows = data.where(method=method, direction=k + 1)
            image = rows["value"].reshape(PATCH, PATCH)
            strip[:, k * step : k * step + PATCH] = image / np.abs(image).max()
            labels.append(f"{rows['share'][0]:.2f}" if i else f"{k + 1}")
        ax = axes[i]
        ax.imshow(strip, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
        ax.spines[:].set_visible(False)
        ax.set_xticks(centres, labels)
        ax.set_yticks([])
        ax.tick_params(length=0, top=False, bottom=False)
        if not i:
            ax.xaxis.tick_top()
        name = {"clean": "clean", "masked_regression": "masked\nregression",
                "correlation_pca": "correlation\nPCA", "pca": "PCA",
                "factor_analysis": "factor\nanalysis"}[method]  # fmt: skip
        ax.set_ylabel(name)
    return fig
