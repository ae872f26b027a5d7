"""Weighted PCA at several sizes: the figure ``limit_sizes``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mssl import WeightedPCA
from mssl.baselines import whitened_pca
from mssl.chapters.how_near_the_limit.drawing import legend_of
from mssl.chapters.how_near_the_limit.worlds import NAMES, cosine, draw, published_noise
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import bayes_limit, optimal_readout, optimal_weights

#: Samples a coordinate and strength.
SETTINGS = ((2.0, 0.6), (1.4, 0.7), (3.16, 1.0), (0.5, 1.6))

METHODS = ("weighted_pca", "known", "shortfall")

_NAMES = {**NAMES, "oracle": "optimal weights, noise known"}


def sizes_at_paper_scale() -> Table:
    """Return the data of the figure at the scale "paper", stored as they take an hour to make.

    The largest size of the setting with most samples is not among them.
    """
    return Table.from_csv(Path(__file__).with_name("sizes_paper.csv"))


def name_of(samples: float, strength: float) -> str:
    """What a setting is called in the data."""
    return f"n/d = {samples:g}, strength {strength:g}"


def _sizes_unit(rng, *, samples, strength, d, trials) -> Table:
    noise, n = published_noise(d), round(samples * d)
    limit = bayes_limit(noise, d / n, strength).overlap ** 0.5
    given = 1.0 / optimal_weights(noise, n, strength)
    readout = optimal_readout(noise, n, strength)

    def trial(generator):
        rows, u = draw(noise, strength, n, generator)
        ours = cosine(WeightedPCA().fit(rows).components_[0], u)
        known = cosine(readout * whitened_pca(rows, noise_variances=given)[0].symmetric, u)
        return ours, known, known - ours

    seen = np.array(run_trials(trial, trials, rng, n_jobs=1))
    mean, error = mean_and_error(seen)
    return Table(
        {
            "setting": name_of(samples, strength),
            "method": [*METHODS, "bayes"],
            "d": d,
            "trials": [trials] * len(METHODS) + [0],
            "value": [*mean, limit],
            "standard_error": [*error, 0.0],
        }
    )


def compute_limit_sizes(run: Run) -> Table:
    """Cosines of weighted PCA at several sizes, with measured and with known noise."""
    sizes = run.pick(
        test={60: 2, 120: 2},
        quick={100: 24, 200: 10, 400: 4},
        paper={250: 60, 1000: 12, 4000: 4},
    )
    return run.map(
        "sizes",
        _sizes_unit,
        [
            {"samples": a, "strength": t, "d": d, "trials": trials}
            for d, trials in sizes.items()
            for a, t in SETTINGS
        ],
    )


@figure(
    "limit_sizes",
    compute=compute_limit_sizes,
    title="Weighted PCA at finite size",
    alt="Four panels, one a setting, of cosines against the number of coordinates. A dotted level "
    "line is the Bayes limit. Points of PCA with the optimal weights from known noise lie on it "
    "or, in the first setting most, below it by one to two and a half errors; those of weighted "
    "PCA, which measures the noise, lie there or a little lower, most so with fewer samples than "
    "coordinates.",
    caption="Cosine with the direction in the noise of the published comparison, mean over draws "
    "with one standard error, against the number of coordinates. Dotted: the Bayes limit. "
    "Triangles: optimal weights from the true noise and strength; crosses: weighted PCA, which "
    "knows neither. All settings are close to the threshold, where single draws scatter much.",
    chapter="how_near_the_limit",
    seed=18005,
    columns={
        "value": "cosine with the direction; for shortfall, how much less with measured noise",
    },
)
def draw_limit_sizes(data: Table) -> Figure:
    """Draw one panel a setting."""
    fig = Figure(figsize=(7.2, 5.6))
    axes = fig.subplots(2, 2, sharex=True, sharey=True)
    for ax, (name, rows) in zip(axes.ravel(), data.groups("setting"), strict=True):
        line = rows.where(method="bayes")
        theory_line(ax, line["d"], line["value"], "bayes")
        for method, kind, shift in (
            ("known", "oracle", 0.96),
            ("weighted_pca", "weighted_pca", 1.04),
        ):
            part = rows.where(method=method)
            measured(ax, part["d"] * shift, part["value"], part["standard_error"], kind)
        sizes = rows.unique("d")
        ax.set(xscale="log", ylim=(0.0, 1.0), title=name)
        ax.title.set_fontsize(11)
        ax.set_xticks(sizes, [str(d) for d in sizes])
        ax.minorticks_off()
    for ax in axes[1]:
        ax.set_xlabel("coordinates d")
    for ax in axes[:, 0]:
        ax.set_ylabel("cosine")
    legend_of(fig, ("oracle", "weighted_pca", "bayes"), ("bayes",), names=_NAMES)
    return fig
