"""How much each method misses, over noise spread and d/n: the figure ``limit_map``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from mssl.chapters.how_near_the_limit.worlds import NAMES, curve_cosine, measured_cosines
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.theory import bayes_limit
from mssl.theory.noise_curves import Noise

MAPPED = ("pca", "masked_regression", "correlation_pca", "weighted_pca")

#: Strength over the Bayes threshold, and the ridge, in units of the median noise.
FACTOR, RIDGE = 2.0, 0.01

_rows = table_of("witness", "method", "spread", "gamma", "missed", "standard_error")


def log_normal(count: int, spread: float) -> np.ndarray:
    """Variances with a Gaussian logarithm of this standard deviation, at its quantiles."""
    return np.exp(spread * norm.ppf((np.arange(count) + 0.5) / count))


def _map_unit(rng, *, spread, gammas) -> Table:
    values = log_normal(40, spread) if spread > 0 else np.ones(1)
    noise, rows = Noise(values, np.full(values.size, 1.0 / values.size)), []
    for gamma in gammas:
        strength = FACTOR * bayes_limit(noise, gamma, 1.0).threshold
        limit = bayes_limit(noise, gamma, strength).overlap ** 0.5
        for method in MAPPED[:3]:
            ridge = RIDGE if method == "masked_regression" else None
            found = curve_cosine(method, noise, gamma, strength, ridge, points=300)
            rows.append((method, gamma, round(max(limit - found, 0.0), 5)))
        rows.append(("weighted_pca", gamma, 0.0))
    names, places, missed = zip(*rows, strict=True)
    return _rows("theory", list(names), spread, list(places), list(missed))


def _measured_unit(rng, *, spread, gamma, d, trials) -> Table:
    noise, n = log_normal(d, spread), round(d / gamma)
    strength = FACTOR * bayes_limit(noise, d / n, 1.0).threshold
    limit = bayes_limit(noise, d / n, strength).overlap ** 0.5
    seen = measured_cosines(MAPPED, noise, strength, n, trials, rng, RIDGE)
    mean, error = mean_and_error(limit - seen)
    return _rows("measured", list(MAPPED), spread, gamma, mean, error)


def compute_limit_map(run: Run) -> Table:
    """How much of the cosine each method misses, over noise spread and d/n."""
    points = run.pick(test=4, quick=22, paper=60)
    spreads = np.linspace(0.0, 1.5, points).round(6).tolist()
    gammas = tuple(np.geomspace(0.1, 10.0, points).round(6).tolist())
    d, trials = run.pick(test=40, quick=160, paper=800), run.pick(test=2, quick=8, paper=30)
    marks = [(s, g) for s in (0.1, 0.75, 1.4) for g in (0.2, 1.0, 5.0)]
    return Table.concat(
        [
            run.map("theory", _map_unit, [{"spread": s, "gammas": gammas} for s in spreads]),
            run.map(
                "measured",
                _measured_unit,
                [
                    {"spread": s, "gamma": g, "d": d, "trials": trials}
                    for s, g in marks[:: run.pick(test=4, quick=1, paper=1)]
                ],
            ),
        ]
    )


@figure(
    "limit_map",
    compute=compute_limit_map,
    title="How much of the cosine each method misses",
    alt="Four maps over noise spread and coordinates a sample, with one scale of colour. PCA "
    "misses nothing where the noise is equal and everything where it is very unequal. Masked "
    "regression misses much where coordinates outnumber samples and the noise is unequal, and "
    "elsewhere only where it is most unequal; correlation PCA misses a little everywhere where the "
    "noise is unequal. The map of weighted PCA has one colour, zero. Measured circles have about "
    "the colour around them, or a lighter one where the method sees nothing.",
    caption="The limit of the cosine that the best method has, less that of the method, at twice "
    "the Bayes threshold. The noise is log-normal, its spread is the standard deviation of its "
    "logarithm. Areas are theory, circles means over draws; ridge 0.01 of the median "
    "variance of the noise.",
    chapter="how_near_the_limit",
    seed=18003,
    missing=("standard_error",),
    columns={
        "spread": "standard deviation of the logarithm of the noise variances",
        "missed": "cosine of the Bayes limit less that of the method",
    },
)
def draw_limit_map(data: Table) -> Figure:
    """Draw one map a method."""
    fig = Figure(figsize=(7.2, 6.4))
    axes = fig.subplots(2, 2, sharex=True, sharey=True)
    look = {"cmap": "cividis_r", "vmin": 0.0, "vmax": 0.8}
    shown = None
    for ax, method in zip(axes.ravel(), MAPPED, strict=True):
        rows = data.where(witness="theory", method=method)
        x, y = np.array(rows.unique("spread")), np.array(rows.unique("gamma"))
        shown = ax.pcolormesh(
            x, y, rows["missed"].reshape(x.size, y.size).T, shading="nearest", rasterized=True,
            zorder=0, **look,
        )  # fmt: skip
        seen = data.where(witness="measured", method=method)
        ax.scatter(
            seen["spread"], seen["gamma"], c=seen["missed"], s=70, edgecolors="#222222",
            linewidths=0.9, zorder=3, **look,
        )  # fmt: skip
        ax.axhline(1.0, color="#222222", linewidth=0.8, linestyle=":")
        ax.set(yscale="log", title=NAMES[method], xlim=(0.0, 1.5), ylim=(y.min(), y.max()))
        log_ticks(ax, "y")
    for ax in axes[1]:
        ax.set_xlabel("spread of the noise")
    for ax in axes[:, 0]:
        ax.set_ylabel("d/n")
    assert shown is not None  # there are methods
    fig.colorbar(shown, ax=axes, label="cosine missed", shrink=0.7, aspect=30)
    return fig
