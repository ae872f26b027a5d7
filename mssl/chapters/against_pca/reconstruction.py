"""Error of a hidden coordinate: the figure ``reconstruction``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.baselines import factor_precision, pca_precision, precision_error
from mssl.chapters.against_pca.drawing import SYMBOLS, method_legend
from mssl.chapters.against_pca.worlds import WORLDS, reconstruction_world
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials

RECONSTRUCTION = ("masked_regression", "pca", "correlation_pca", "factor_analysis")

# Fine enough not to miss a method's best rank, such as the number of the groups of four.
_RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18)

#: For factor analysis, whose fits are slow.
_FACTOR_RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 36, 48)


def _reconstruction_unit(rng, *, world, d, n, ranks, trials) -> Table:
    population = reconstruction_world(world, d)
    best = float(np.mean(1.0 / population.resolvent(0.0).diagonal))
    ridges = np.geomspace(1e-3, 30.0, 19)

    def trial(generator):
        X = population.sample(n, generator)
        S = X.T @ X / n

        def error(q):
            return float(np.mean(precision_error(q, population)))

        def regression(ridge):
            return error(np.linalg.inv(S + ridge * np.eye(S.shape[0])))

        allowed = [r for r in ranks if r < min(X.shape)]
        own = [regression(r) for r in ridges]
        left_out = [MaskedRegression(ridge=r).fit(X).loo_error_ for r in ridges]
        chosen = ridges[int(np.argmin(left_out))]
        rows = {"masked_regression": (min(own), ridges[int(np.argmin(own))])}
        rows["chosen"] = (regression(chosen), chosen)
        for method in ("pca", "correlation_pca"):
            options = {"standardize": method == "correlation_pca"}
            errors = [error(pca_precision(X, r, **options)) for r in [0, *allowed]]
            rows[method] = (min(errors), [0, *allowed][int(np.argmin(errors))])
        # Without a factor the model is that of independent coordinates.
        errors = [error(pca_precision(X, 0, standardize=True))]
        tried = [0]
        for r in (r for r in allowed if r in _FACTOR_RANKS and r <= n // 2):
            errors.append(error(factor_precision(X, r)))
            tried.append(r)
            if n > d and errors[-1] > 1.15 * min(errors):
                break  # past the minimum; fits with many factors are slow
        rows["factor_analysis"] = (min(errors), tried[int(np.argmin(errors))])
        plain = [error(pca_precision(X, r, noise=False)) for r in allowed]
        rows["fill_in"] = (min(plain), allowed[int(np.argmin(plain))])
        return rows

    outcomes = run_trials(trial, trials, rng)
    tables = []
    for method in outcomes[0]:
        mean, spread = mean_and_error([o[method][0] / best for o in outcomes])
        tables.append(
            Table(
                {
                    "world": world,
                    "n": n,
                    "method": method,
                    "error": [mean],
                    "standard_error": spread,
                    "setting": float(np.median([o[method][1] for o in outcomes])),
                }
            )
        )
    return Table.concat(tables)


def compute_reconstruction(run: Run) -> Table:
    """Error of a hidden coordinate over the Bayes error, six worlds, five methods."""
    d = run.pick(test=16, quick=36, paper=144)
    trials = run.pick(test=2, quick=2, paper=20)
    ranks = run.pick(test=(1, 2), quick=_RANKS, paper=(*_RANKS, 24, 32, 36, 40, 48, 64))
    settings = [
        {"world": w, "d": d, "n": n, "ranks": ranks, "trials": trials}
        for w in WORLDS
        for n in (2 * d, d // 2)
    ]
    return run.map("measured", _reconstruction_unit, settings)


@figure(
    "reconstruction",
    compute=compute_reconstruction,
    title="Error of a hidden coordinate",
    alt="Two panels, for twice as many samples as coordinates and half as many, list six worlds "
    "from top to bottom and show the error of a hidden coordinate as a multiple of the Bayes error "
    "for each method. With one factor the others come closer to the Bayes error than masked "
    "regression. In groups of four correlation PCA and factor analysis are ahead of it with many "
    "samples and behind with few. In the autoregressive world, in the power-law world and on "
    "photographs masked regression is ahead.",
    caption="Test error of predicting a coordinate from all others over that of the best linear "
    "predictor. Ridge and rank are the best on a grid for each method, judged on the test error "
    "itself. Mean over independent trials with one standard error, mostly smaller than the marks.",
    chapter="against_pca",
    seed=7008,
    columns={
        "error": "error of a hidden coordinate over that of the best linear predictor",
        "setting": "ridge or rank, the best in hindsight",
    },
)
def draw_reconstruction(data: Table) -> Figure:
    """Draw one panel a sample size, one row a world."""
    fig = Figure(figsize=(7.4, 4.6))
    sizes = data.unique("n")
    axes = fig.subplots(1, len(sizes), sharey=True)
    worlds = data.unique("world")
    for ax, n in zip(axes, sizes, strict=True):
        rows = data.where(n=n)
        for k, method in enumerate(RECONSTRUCTION):
            part = rows.where(method=method)
            place = np.arange(len(worlds)) + 0.16 * (k - 1.5)
            ax.errorbar(
                part["error"], place, xerr=part["standard_error"], fmt=SYMBOLS[method],
                color=colors[method], markeredgecolor="white", markeredgewidth=0.6, zorder=3,
            )  # fmt: skip
        ax.axvline(1.0, color=colors["oracle"], linestyle=":", linewidth=1.5)
        ax.set(xscale="log", xlabel="error / Bayes error", title="n = 2d" if n == max(sizes) else
               "n = d/2")  # fmt: skip
        top = rows["error"].max()
        ticks = [t for t in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50) if t < 1.1 * top]
        if top > 4:
            ticks = [t for t in ticks if t in (1, 2, 5, 10, 20, 50)]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        for edge in np.arange(len(worlds) - 1) + 0.5:
            ax.axhline(edge, color="#dddddd", linewidth=0.8, zorder=0)
    axes[0].set_yticks(np.arange(len(worlds)), worlds)
    axes[0].invert_yaxis()
    method_legend(fig, RECONSTRUCTION, lines=False)
    return fig
