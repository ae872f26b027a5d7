"""Held-out error of three real data sets against theory: the figure ``real_error``."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mssl.chapters.real_data.drawing import plain_ticks
from mssl.chapters.real_data.worlds import NAMES
from mssl.chapters.worlds import patch_scales
from mssl.covariance import Dense
from mssl.data import DATA_SETS, PatchPopulation, held_out_error, real_data, split_moment
from mssl.estimation import learning_curve
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, colors, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, elliptical_risk


@cache
def row_scales(name: str, levels: int = 200) -> np.ndarray:
    """Return how unequal in scale the rows of a data set are, as equally likely values.

    Parameters
    ----------
    name : {"patches", "digits", "prices"}
    levels : int
        Number of values.

    Returns
    -------
    ndarray of shape (levels,)
        Increasing, of mean one.
    """
    world = real_data(name)
    if isinstance(world, PatchPopulation):
        return patch_scales(world.size, levels)
    values = np.array([part.mean() for part in np.array_split(np.sort(world.scales), levels)])
    return values / values.mean()


PLAIN, SCALED, CURVE = "theory, covariance", "theory, unequal scales", "theory, from all rows"

FIXED_RIDGE = {"patches": 0.03, "digits": 0.1, "prices": 1.0}


def _whole_table(world, rng) -> np.ndarray:
    return world.sample(5000, rng) if isinstance(world, PatchPopulation) else world.rows


def _theory_unit(rng, *, name, panel, pairs) -> Table:
    world, scales = real_data(name), row_scales(name)
    rows = _whole_table(world, rng)
    plain = [SSRTheory(world.covariance, n, ridge).test_error for n, ridge in pairs]
    scaled = [elliptical_risk(world.covariance, n, r, scales).test_error for n, r in pairs]
    if panel == "ridge":
        curve = learning_curve(rows, pairs[0][0], [r for _, r in pairs]).test_errors
    else:
        curve = [learning_curve(rows, n, [r]).test_errors[0] for n, r in pairs]
    return Table.concat(
        _error_table(name, panel, witness, *zip(*pairs, strict=True), error)
        for witness, error in ((PLAIN, plain), (SCALED, scaled), (CURVE, curve))
    )


_error_table = table_of("world", "panel", "witness", "n", "ridge", "error", "standard_error")


def _measured_unit(rng, *, name, panel, n, ridges, trials) -> Table:
    world = real_data(name)

    def trial(generator):
        train, moment = split_moment(world, n, generator)
        return [held_out_error(MaskedRegression(r).fit(train).coef_, moment) for r in ridges]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _error_table(name, panel, "measured", n, ridges, mean, error)


def _control_unit(rng, *, name, n, ridges, trials) -> Table:
    """The same procedure on Gaussian tables with as many rows: what not knowing Sigma does."""
    world = real_data(name)
    if isinstance(world, PatchPopulation):
        raise ValueError(f"{name!r} is a population, not a table; take a data set with rows.")

    def trial(generator):
        table = world.covariance.sample(len(world.rows), generator)
        own = Dense(table.T @ table / len(table))
        train, rest = table[:n], table[n:]
        moment = rest.T @ rest / len(rest)
        return [
            held_out_error(MaskedRegression(r).fit(train).coef_, moment)
            / SSRTheory(own, n, r).test_error
            for r in ridges
        ]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _error_table(name, "control", "Gaussian table", n, ridges, mean, error)


def compute_real_error(run: Run) -> Table:
    """Held-out error of each data set and three theories of it, against n and the ridge."""
    trials = run.pick(test=2, quick=16, paper=100)
    # Every measured point is also a point of the lines, so that the two compare exactly.
    lines, points = run.pick(test=3, quick=11, paper=41), run.pick(test=2, quick=6, paper=9)
    theory, seen, control = [], [], []
    for name in run.pick(test=("prices",), quick=DATA_SETS, paper=DATA_SETS):
        world = real_data(name)
        d, fixed = world.d, FIXED_RIDGE[name]
        sizes = d * np.geomspace(0.5, 8.0, lines)
        pairs = tuple((round(n), fixed) for n in sizes)
        theory.append({"name": name, "panel": "samples", "pairs": pairs})
        ridges = np.geomspace(fixed / 100, fixed * 10, lines).tolist()
        pairs = tuple((2 * d, ridge) for ridge in ridges)
        theory.append({"name": name, "panel": "ridge", "pairs": pairs})
        seen += [
            {"name": name, "panel": "samples", "n": round(n), "ridges": (fixed,)}
            for n in d * np.geomspace(0.5, 8.0, points)
        ]
        few = tuple(np.geomspace(fixed / 100, fixed * 10, points).tolist())
        seen.append({"name": name, "panel": "ridge", "n": 2 * d, "ridges": few})
        if not isinstance(world, PatchPopulation):
            spread = (fixed / 10, fixed)
            control.append({"name": name, "n": 2 * d, "ridges": spread})
    return Table.concat(
        [
            run.map("theory", _theory_unit, theory),
            run.map("measured", _measured_unit, [{**s, "trials": trials} for s in seen]),
            run.map("control", _control_unit, [{**s, "trials": trials} for s in control]),
        ]
    )


@figure(
    "real_error",
    compute=compute_real_error,
    title="Held-out error of three real data sets against theory",
    alt="Three rows, one a data set, with the held-out error against the number of rows on the "
    "left and against the ridge on the right. In every panel the points lie above the dashed line "
    "of the theory that knows only the covariance. For photographs they follow the solid line with "
    "unequal scales, and the line from all rows stays near the dashed one. For digits and prices "
    "they lie on the line from all rows, above it at the smallest ridges.",
    caption="Held-out error of masked regression: against the number of rows at a fixed ridge "
    "(left) and against the ridge at two rows a coordinate (right). Points: mean over random "
    "splits with one standard error. Dashed: theory with the covariance of the whole data set. "
    "Solid blue: the same with the rows' unequal scales. Solid orange-red: foretold from "
    "leave-one-out on all rows, without a covariance.",
    chapter="real_data",
    seed=9003,
    columns={
        "n": "number of rows",
        "error": "held-out error, in squared units of the data",
    },
    missing=("standard_error",),
)
def draw_real_error(data: Table) -> Figure:
    """Draw one row a data set."""
    worlds = data.unique("world")
    fig = Figure(figsize=(7.2, 2.5 * len(worlds) + 0.6))
    axes = fig.subplots(len(worlds), 2, sharey="row", squeeze=False)
    looks = {PLAIN: "gaussian", SCALED: "test", CURVE: "loo"}
    for line, name in zip(axes, worlds, strict=True):
        for ax, panel, x in zip(line, ("samples", "ridge"), ("n", "ridge"), strict=True):
            rows = data.where(world=name, panel=panel)
            for witness, kind in looks.items():
                part = rows.where(witness=witness)
                theory_line(ax, part[x], part["error"], kind)
            seen = rows.where(witness="measured")
            measured(ax, seen[x], seen["error"], seen["standard_error"], "test")
            ax.set(xscale="log", yscale="log")
            plain_ticks(ax, "y", (0.03, 0.04, 0.06, 0.08, 0.3, 0.4, 0.5, 0.8, 1.0, 1.2, 1.5))
            if panel == "samples":
                plain_ticks(ax, "x", (20, 50, 100, 200, 500, 1000))
                ax.set_ylabel(f"{NAMES[name]}\nheld-out error")
    axes[-1, 0].set_xlabel("training rows n")
    axes[-1, 1].set_xlabel("ridge")
    names = {PLAIN: "covariance", SCALED: "unequal scales", CURVE: "from all rows"}
    handles = [
        Line2D([], [], color=colors[looks[w]], linestyle=KINDS[looks[w]].line, label=names[w])
        for w in looks
    ]
    handles.append(
        Line2D([], [], color=colors["test"], marker="o", linestyle="none", label="measured")
    )
    fig.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return fig
