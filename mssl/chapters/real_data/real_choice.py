"""What it costs to choose the ridge by leave-one-out: the figure ``real_choice``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.real_data.drawing import plain_ticks
from mssl.chapters.real_data.worlds import GRID, NAMES
from mssl.data import DATA_SETS, digits, held_out_error, real_data, split_moment
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials


def _world(name: str):
    if name == "patches_full":
        return real_data("patches", size=12)
    return digits(pool=1) if name == "digits_full" else real_data(name)


def _choice_unit(rng, *, name, ratio, trials) -> Table:
    world = _world(name)
    n = round(ratio * world.d)

    def trial(generator):
        train, moment = split_moment(world, n, generator)
        models = [MaskedRegression(r).fit(train) for r in GRID]
        errors = np.array([held_out_error(model.coef_, moment) for model in models])
        picks = [
            np.argmin([model.loo_error_ for model in models]),
            np.argmin([model.gcv_error_ for model in models]),
        ]
        return [*errors[picks], *errors]

    # Small problems lose more by switching threads than they gain.
    jobs = 1 if world.d < 200 else -1
    outcomes = np.array(run_trials(trial, trials, rng, n_jobs=jobs))
    chosen, errors = outcomes[:, :2], outcomes[:, 2:]
    costs = 100.0 * (chosen / errors.min(axis=1, keepdims=True) - 1.0)
    mean, error = mean_and_error(costs)
    fixed = errors[:, np.argmin(errors.mean(axis=0))]
    fixed_mean, fixed_error = mean_and_error(100.0 * (chosen - fixed[:, None]) / fixed.mean())
    return Table(
        {
            "world": name,
            "ratio": float(ratio),
            "n": n,
            "kind": ["loo", "gcv"],
            "trials": trials,
            "cost": mean,
            "standard_error": error,
            "worst": costs.max(axis=0),
            "fixed_cost": fixed_mean,
            "fixed_standard_error": fixed_error,
        }
    )


def compute_real_choice(run: Run) -> Table:
    """How much the ridge of leave-one-out costs against the best ridge in hindsight."""
    trials = run.pick(test=2, quick=5, paper=100)
    # Photographs with few rows scatter most, and cost least.
    more = {"patches": {0.5: 30, 1.0: 10}}
    rest = {"patches": 5, "digits": 1, "prices": 3}
    units = [
        {"name": name, "ratio": ratio, "trials": trials * more.get(name, {}).get(ratio, rest[name])}
        for name in run.pick(test=("prices",), quick=DATA_SETS, paper=DATA_SETS)
        for ratio in run.pick(test=(1.0,), quick=(0.5, 1.0, 2.0, 4.0), paper=(0.5, 1.0, 2.0, 4.0))
    ]
    full = run.pick(test=(), quick=(), paper=(0.5, 1.0, 2.0, 4.0))
    units += [{"name": "digits_full", "ratio": r, "trials": 20} for r in full]
    larger = run.pick(
        test={}, quick={0.5: 30, 1.0: 10, 2.0: 5}, paper={0.5: 600, 1.0: 200, 2.0: 100, 4.0: 100}
    )
    units += [{"name": "patches_full", "ratio": r, "trials": n} for r, n in larger.items()]
    return run.map("choice", _choice_unit, units)


@figure(
    "real_choice",
    compute=compute_real_choice,
    title="What it costs to choose the ridge by leave-one-out",
    alt="The excess of the held-out error at the ridge of leave-one-out over that at the best "
    "ridge of the grid, in per cent, by data set, against rows per coordinate. Nearly all "
    "means are close to zero. Those of photographs fall with the number of rows; with half a row "
    "a coordinate the mean for patches of 8 x 8 lies about the dashed line at two per cent, that "
    "for 12 x 12 below it.",
    caption="Excess held-out error, in per cent, of the ridge that leave-one-out chooses over the "
    "best ridge of the grid in hindsight, split by split. Points: mean over random splits with one "
    "standard error, moved apart along the axis. Dashed: two per cent.",
    chapter="real_data",
    seed=9004,
    columns={
        "ratio": "rows a coordinate, n/d",
        "trials": "number of random splits",
        "cost": "excess error of the chosen ridge over the best, in per cent",
        "worst": "largest excess error of a split, in per cent",
        "fixed_cost": "excess error of one fixed ridge over the best, in per cent",
        "fixed_standard_error": "standard error of fixed_cost, in per cent",
    },
)
def draw_real_choice(data: Table) -> Figure:
    """Draw the cost of the choice against rows per coordinate."""
    fig = Figure(figsize=(6.4, 3.8))
    ax = fig.subplots()
    looks = {
        "patches": "masked_regression",
        "patches_full": "isotropic",
        "digits": "pca",
        "digits_full": "factor_analysis",
        "prices": "correlation_pca",
    }
    rows = data.where(kind="loo")
    for k, (name, part) in enumerate(rows.groups("world")):
        at = part["ratio"] * 1.07 ** (k - 1.5)
        measured(ax, at, part["cost"], part["standard_error"], looks[name], NAMES[name])
    ax.axhline(2.0, color=colors["reference"], linestyle="--", linewidth=1.2)
    ax.set(xscale="log", xlabel="rows per coordinate n/d", ylabel="excess error in %")
    ax.set_ylim(bottom=-0.1)
    plain_ticks(ax, "x", (0.5, 1.0, 2.0, 4.0))
    ax.legend(loc="upper right")
    return fig
