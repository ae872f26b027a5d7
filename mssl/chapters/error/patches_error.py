"""Errors on real patches, theory against samples: the figure ``patches_error``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.error.worlds import ridge_grid
from mssl.chapters.worlds import PATCH, patch_scales
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory, elliptical_risk

WITNESSES = ("theory from the covariance", "theory with unequal scales", "patches", "Gaussian")


def _patch_theory(rng, *, size, pairs) -> Table:
    covariance, scales = patch_population(size).covariance, patch_scales(size)
    plain = [SSRTheory(covariance, n, ridge) for n, ridge in pairs]
    scaled = [elliptical_risk(covariance, n, ridge, scales) for n, ridge in pairs]
    return Table.concat(
        [
            Table(
                {
                    "witness": witness,
                    "n": [n for n, _ in pairs],
                    "ridge": [ridge for _, ridge in pairs],
                    "error": [point.test_error for point in points],
                    "standard_error": np.full(len(pairs), np.nan),
                    "bayes_error": plain[0].bayes_error,
                }
            )
            for witness, points in ((WITNESSES[0], plain), (WITNESSES[1], scaled))
        ]
    )


def _patch_unit(rng, *, size, witness, n, ridges, trials) -> Table:
    population = patch_population(size)
    world = population if witness == WITNESSES[2] else population.covariance
    risks = simulate_risk(world, n, ridges, trials=trials, rng=rng)
    return Table(
        {
            "witness": witness,
            "n": np.full(len(ridges), n),
            "ridge": list(ridges),
            "error": [risk.test_error for risk in risks],
            "standard_error": [risk.standard_error.test_error for risk in risks],
            "bayes_error": [risk.bayes_error for risk in risks],
        }
    )


def _patch_errors(run: Run, panel: str, pairs, measured_at) -> Table:
    """Both theories at `pairs` of n and ridge, both measurements at an n with its ridges."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    trials = run.pick(test=2, quick=5, paper=100)
    theory = run.map(f"theory-{panel}", _patch_theory, [{"size": size, "pairs": pairs}])
    settings = [
        {"size": size, "witness": witness, "n": n, "ridges": ridges, "trials": trials}
        for witness in WITNESSES[2:]
        for n, ridges in measured_at
    ]
    table = Table.concat([theory, run.map(f"measured-{panel}", _patch_unit, settings)])
    return Table({"panel": np.full(len(table), panel), **table.columns})


def patch_errors_by_samples(run: Run) -> Table:
    """Test error on real patches against the number of them, at ridge 0.01."""
    d = run.pick(test=5, quick=PATCH, paper=PATCH) ** 2
    many = np.geomspace(d, 40 * d, run.pick(test=4, quick=30, paper=60)).round().astype(int)
    few = np.geomspace(d, 40 * d, run.pick(test=2, quick=6, paper=9)).round().astype(int)
    pairs = tuple((int(n), 0.01) for n in many)
    return _patch_errors(run, "samples", pairs, [(int(n), (0.01,)) for n in few])


def patch_errors_by_ridge(run: Run) -> Table:
    """Test error on real patches against the ridge, at three patches a pixel."""
    n = 3 * run.pick(test=5, quick=PATCH, paper=PATCH) ** 2
    many = ridge_grid(1e-4, 1.0, run.pick(test=4, quick=30, paper=60))
    few = ridge_grid(1e-4, 1.0, run.pick(test=2, quick=7, paper=9))
    return _patch_errors(run, "ridge", tuple((n, ridge) for ridge in many), [(n, few)])


def compute_patches_error(run: Run) -> Table:
    """Test error on real patches: against n at one ridge, and against the ridge at one n."""
    return Table.concat([patch_errors_by_samples(run), patch_errors_by_ridge(run)])


#: Entries of the legend: both theories, both measurements, the least error.
NAMES = (
    "theory, equal scales",
    "theory, unequal scales",
    "real patches",
    "Gaussian, same covariance",
    "Bayes",
)


def draw_patch_errors(ax, rows: Table, x: str, names: Sequence[str | None]) -> None:
    """One panel: both theories, both measurements and the Bayes error, with their names."""
    plain, scaled, patches, gaussian = (rows.where(witness=w) for w in WITNESSES)
    theory_line(ax, plain[x], plain["error"], "gaussian", names[0])
    measured(ax, gaussian[x], gaussian["error"], gaussian["standard_error"], "gaussian", names[3])
    theory_line(ax, scaled[x], scaled["error"], "test", names[1])
    measured(ax, patches[x], patches["error"], patches["standard_error"], "test", names[2])
    theory_line(ax, plain[x], plain["bayes_error"], "bayes", names[4])
    ax.set(xscale="log", yscale="log")
    log_ticks(ax, "y")
    if x == "n":
        log_ticks(ax, "x")


@figure(
    "patches_error",
    compute=compute_patches_error,
    title="Error on real patches against theory",
    alt="Test error on image patches, against the number of patches on the left and against the "
    "ridge on the right, on logarithmic axes. The theory that knows only the covariance runs "
    "along the errors measured on Gaussian data and well below those measured on real patches; "
    "the theory that also knows how unequal the patches are in scale runs through the latter, "
    "but falls short of them at the smallest ridges.",
    caption="Test error of masked regression on patches of two photographs, in units of the mean "
    "variance of a pixel; left at ridge 0.01, right with three patches a pixel. Dashed: "
    "theory from the population covariance alone, with Gaussian data of that covariance as "
    "squares. Solid: theory that also takes the spread of scales between patches, with real "
    "patches as discs. Bars are one standard error, the dotted line is the Bayes error.",
    chapter="error",
    seed=4006,
    columns={
        "error": "test error, in units of the mean variance of a pixel",
        "bayes_error": "Bayes error, in units of the mean variance of a pixel",
    },
    missing=("standard_error",),
)
def draw_patches_error(data: Table) -> Figure:
    """Draw the error against n on the left and against the ridge on the right."""
    fig = Figure(figsize=(7.2, 3.9))
    left, right = fig.subplots(1, 2, sharey=True)
    draw_patch_errors(left, data.where(panel="samples"), "n", NAMES)
    draw_patch_errors(right, data.where(panel="ridge"), "ridge", [None] * len(NAMES))
    left.set(xlabel="patches n", ylabel="test error")
    right.set(xlabel="ridge")
    left.legend(loc="upper right", fontsize=10)
    return fig
