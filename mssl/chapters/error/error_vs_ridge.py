"""Training and test error against the ridge: the figure ``error_vs_ridge``."""

from __future__ import annotations

import numpy as np

from mssl.chapters.error.worlds import (
    MODELS,
    SPREAD,
    model_of,
    ridge_grid,
    risk_rows,
    with_spread,
)
from mssl.figures.live import Axis, Choice, Live, Panel, line, points, spread
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory

# Curves, and their names in the legend.
KINDS = {"test": "test error", "train": "training error", "bayes": "Bayes error"}


def _ridge_theory(rng, *, model, d, n, ridges) -> Table:
    covariance, gamma = model_of(model, d), d / n
    results = [
        ({"model": model, "gamma": gamma, "ridge": ridge}, SSRTheory(covariance, n, ridge).risk)
        for ridge in ridges
    ]
    return with_spread(risk_rows("theory", results, tuple(KINDS)), 1)


def _ridge_unit(rng, *, model, d, n, ridges, trials) -> Table:
    risks = simulate_risk(model_of(model, d), n, ridges, trials=trials, rng=rng)
    results = [
        ({"model": model, "gamma": d / n, "ridge": ridge}, risk)
        for ridge, risk in zip(ridges, risks, strict=True)
    ]
    return with_spread(risk_rows("measured", results, ("test", "train")), trials)


def compute_error_vs_ridge(run: Run) -> Table:
    """Train and test error of three worlds against the ridge, from few samples to many."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=6, paper=40)
    many = ridge_grid(1e-3, 30.0, run.pick(test=8, quick=25, paper=120))
    few = ridge_grid(1e-3, 30.0, run.pick(test=3, quick=6, paper=14))
    powers = run.pick(test=(-2, 2), quick=range(-3, 4), paper=range(-4, 5))
    sizes = [round(d / 2 ** (power / 2)) for power in powers]
    settings = [{"model": m, "d": d, "n": n} for n in sizes for m in MODELS]
    return Table.concat(
        [
            run.map("theory", _ridge_theory, [{**s, "ridges": many} for s in settings]),
            run.map(
                "measured", _ridge_unit, [{**s, "ridges": few, "trials": trials} for s in settings]
            ),
        ]
    )


def _note(rows: Table) -> str:
    """Where the test error of each world is least, on the grid of the lines."""
    words = []
    for model, own in rows.groups("model"):
        least = int(np.argmin(own["error"]))
        where = f"at ridge {own['ridge'][least]:.2g}"
        where = "at the largest ridge" if least == len(own) - 1 else where
        words.append(f"{MODELS[model][0].partition(',')[0]} {own['error'][least]:.2f} {where}")
    return f"Least test error: {'; '.join(words)}."


@figure(
    "error_vs_ridge",
    compute=compute_error_vs_ridge,
    title="Training and test error against the ridge",
    alt="Three panels, one a world, show errors against the ridge on logarithmic axes and follow a "
    "slider on the coordinates a sample. Training error rises with the ridge in all. Test error "
    "falls to the variance as the ridge grows in the isotropic world and has an interior minimum "
    "or plateau in the two correlated worlds; points lie on the lines. The more samples, the "
    "closer both errors come to the dotted Bayes error at a small ridge.",
    caption="Mean squared error of masked regression against the ridge; the slider sets "
    "$d/n$, which is 2 at first. Lines: theory; points: mean of independent trials with "
    "one standard error; shaded bars: where single draws of this size lie, two standard "
    "deviations to either side; dotted: the Bayes error.",
    chapter="error",
    seed=4002,
    missing=("standard_error", "low", "high"),
    columns=SPREAD,
    live=True,
)
def live_error_vs_ridge(data: Table) -> Live:
    """One panel a world; a slider on d/n."""
    theory, seen = data.where(witness="theory"), data.where(witness="measured")
    gammas = sorted(data.unique("gamma"))
    first = int(np.argmin(np.abs(np.log(np.array(gammas) / 2.0))))
    x = Axis("ridge λ", 7e-4, 43.0, log=True, ticks=(1e-3, 0.1, 10.0))
    low = max(1e-2, 0.8 * theory["error"].min())
    y = Axis("mean squared error", low, 1.3 * theory["error"].max(), log=True)
    panels = []
    for model, (title, _) in MODELS.items():
        own, points_seen = theory.where(model=model), seen.where(model=model)
        marks = []
        for kind in ("test", "train"):
            measured = points_seen.where(kind=kind)
            marks.append(spread(measured, "ridge", "low", "high", kind, KINDS[kind]))
        marks += [line(own.where(kind=k), "ridge", "error", k, KINDS[k]) for k in KINDS]
        for kind in ("test", "train"):
            measured = points_seen.where(kind=kind)
            marks.append(points(measured, "ridge", "error", "standard_error", kind, KINDS[kind]))
        panels.append(Panel(x, y, marks, title=title))
    choice = Choice("gamma", "coordinates a sample, d/n", gammas, first)
    notes = [_note(theory.where(kind="test", gamma=gamma)) for gamma in gammas]
    return Live([choice], panels, notes, columns=3, size=(7.2, 4.0))
