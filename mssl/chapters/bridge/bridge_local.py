"""Local signals under unequal noise: the figure ``bridge_local``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.baselines import leading_directions
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import PCATheory, SSRTheory

METHODS = ("masked_regression", "correlation_pca", "pca")


#: Noise of quiet and of loud coordinates, strength, ridge and d/n.
QUIET, LOUD, STRENGTH, LOCAL_RIDGE, GAMMA = 0.3, 3.0, 2.0, 0.05, 2.0 / 3.0

READINGS = ("right", "symmetric", "left")


def local_signal(d: int, size: int, strength: float = STRENGTH) -> Spiked:
    """Noise that is quiet on even and loud on odd coordinates, and a signal on quiet ones.

    Parameters
    ----------
    d : int
        Number of coordinates.
    size : int
        Number of coordinates that the signal sits on.
    strength : float
        Its strength.

    Returns
    -------
    Spiked
    """
    u = np.zeros((d, 1))
    u[: 2 * size : 2] = size**-0.5
    return Spiked(Diagonal(np.where(np.arange(d) % 2 == 0, QUIET, LOUD)), strength, u)


_overlap_rows = table_of("witness", "size", "method", "which", "overlap", "standard_error")


def _local_theory(rng, *, d, size) -> Table:
    model, n = local_signal(d, size), round(d / GAMMA)
    u, rows = model.directions[:, 0], []
    theories = {
        "masked_regression": SSRTheory(model, n, LOCAL_RIDGE),
        "correlation_pca": PCATheory(model, n, True),
        "pca": PCATheory(model, n),
    }
    for method, theory in theories.items():
        above = [o for o in theory.outliers if o.side == "above"]
        values = [above[0].overlap(u, which) if above else 0.0 for which in READINGS]
        rows.append(_overlap_rows("theory", size, method, READINGS, values))
    return Table.concat(rows)


def _local_measured(rng, *, d, size, trials) -> Table:
    model, n = local_signal(d, size), round(d / GAMMA)
    u = model.directions[:, 0]

    def trial(generator):
        X = model.sample(n, generator)
        found = []
        for method in METHODS:
            ridge = LOCAL_RIDGE if method == "masked_regression" else None
            found.append(leading_directions(X, method, ridge=ridge)[0].overlaps(u))
        return found

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    return Table.concat(
        _overlap_rows("measured", size, method, READINGS, mean[k], error[k])
        for k, method in enumerate(METHODS)
    )


def compute_bridge_local(run: Run) -> Table:
    """Overlap with a signal on few quiet coordinates, against their number."""
    large, d = run.pick(test=60, quick=400, paper=800), run.pick(test=60, quick=240, paper=800)
    lines = run.pick(test=(2, 8), quick=tuple(range(2, 21)), paper=tuple(range(2, 31)))
    points = run.pick(test=(2, 8), quick=(2, 4, 8, 20), paper=(2, 3, 4, 6, 8, 12, 20, 30))
    trials = run.pick(test=2, quick=10, paper=30)
    return Table.concat(
        [
            run.map("theory", _local_theory, [{"d": large, "size": s} for s in lines]),
            run.map(
                "measured",
                _local_measured,
                [{"d": d, "size": s, "trials": trials} for s in points],
            ),
        ]
    )


@figure(
    "bridge_local",
    compute=compute_bridge_local,
    title="Local signals under unequal noise",
    alt="Overlap against the number of coordinates that a signal of fixed strength sits on. Masked "
    "regression is high already for two coordinates and rises a little; correlation PCA starts at "
    "zero and comes near masked regression at twenty; PCA stays at zero. Points follow the lines "
    "except for correlation PCA on the smallest supports, where they lie above them.",
    caption="Squared cosine between the first filter of each method and a signal of strength 2 "
    "that is flat on a few quiet coordinates; noise 0.3 and 3 on alternate coordinates, two "
    "coordinates for every three samples, ridge 0.05. Lines are theory, points means over trials "
    "with one standard error.",
    chapter="bridge",
    seed=8402,
    missing=("standard_error",),
)
def draw_bridge_local(data: Table) -> Figure:
    """Draw the overlap of the filter of each method."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    rows = data.where(which="right")
    for method in METHODS:
        line = rows.where(method=method, witness="theory")
        theory_line(ax, line["size"], line["overlap"], method)
        points = rows.where(method=method, witness="measured")
        measured(ax, points["size"], points["overlap"], points["standard_error"], method)
    last = rows.where(witness="theory")["size"].max()
    for method, y, text in (
        ("masked_regression", 0.97, "masked regression"),
        ("correlation_pca", 0.80, "correlation PCA"),
        ("pca", 0.07, "PCA"),
    ):
        direct_label(ax, last, y, text, method, offset=(0, 0), align="right")
    ax.set(xlabel="coordinates of the signal", ylabel="overlap with the signal", ylim=(-0.03, 1.03))
    ax.set_xticks([2, 4, 8, 12, 16, 20])
    return fig
