"""Leave-one-out and cross-validation on real patches: the figure ``patches_cv``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.error.worlds import ridge_grid, risk_rows
from mssl.chapters.worlds import PATCH, patch_scales
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.simulation import simulate_risk
from mssl.theory import elliptical_risk

_cv_table = table_of("witness", "kind", "ridge", "error", "standard_error")


def _patch_cv_theory(rng, *, size, n, ridges) -> Table:
    covariance, scales = patch_population(size).covariance, patch_scales(size)
    rows = []
    for ridge in ridges:
        risk = elliptical_risk(covariance, n, ridge, scales)
        delta = covariance.resolvent(ridge, risk.t).sigma_trace / n
        # Each row has leverage of its own; GCV divides by the square of the mean of one minus it.
        room = np.mean(1.0 / (1.0 + scales * delta))
        errors = {"test": risk.test_error, "gcv": risk.train_error / room**2}
        rows += [(ridge, kind, error) for kind, error in errors.items()]
    ridge, kind, error = zip(*rows, strict=True)
    return _cv_table("theory", kind, ridge, error)


def _patch_cv_unit(rng, *, size, n, ridges, trials) -> Table:
    risks = simulate_risk(patch_population(size), n, ridges, trials=trials, rng=rng)
    results = [({"ridge": r}, risk) for r, risk in zip(ridges, risks, strict=True)]
    table = risk_rows("measured", results, ("test", "loo", "gcv"))
    columns = ("witness", "kind", "ridge", "error", "standard_error")
    return Table({name: table[name] for name in columns})


def compute_patches_cv(run: Run) -> Table:
    """Test error on patches and its two estimates from the training rows, against the ridge."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    n = 3 * size * size
    many = ridge_grid(1e-3, 1.0, run.pick(test=4, quick=25, paper=60))
    few = ridge_grid(1e-3, 1.0, run.pick(test=3, quick=9, paper=13))
    trials = run.pick(test=2, quick=12, paper=100)
    return Table.concat(
        [
            run.map("theory", _patch_cv_theory, [{"size": size, "n": n, "ridges": many}]),
            run.map(
                "measured",
                _patch_cv_unit,
                [{"size": size, "n": n, "ridges": few, "trials": trials}],
            ),
        ]
    )


@figure(
    "patches_cv",
    compute=compute_patches_cv,
    title="Leave-one-out and cross-validation on real patches",
    alt="Errors on image patches against the ridge on logarithmic axes. Measured test errors and "
    "leave-one-out errors lie together on a curve with its minimum between ridge 0.01 and 0.1. "
    "Generalised cross-validation lies far below, rises steadily with the ridge, and joins the "
    "others only at ridge one.",
    caption="Test error on real patches (discs) and its two estimates from the training patches: "
    "leave-one-out (crosses) and generalised cross-validation (plus signs), three patches a pixel. "
    "Lines: theory with the spread of scales between patches, for the test error and for "
    "generalised cross-validation. Bars are one standard error over independent trials.",
    chapter="error",
    seed=4009,
    missing=("standard_error",),
)
def draw_patches_cv(data: Table) -> Figure:
    """Draw the test error and its estimates in one panel."""
    fig = Figure(figsize=(6.4, 4.0))
    ax = fig.subplots()
    names = {"test": "test", "loo": "leave-one-out", "gcv": "GCV"}
    for kind, rows in data.where(witness="theory").groups("kind"):
        theory_line(ax, rows["ridge"], rows["error"], kind, f"{names[kind]}, theory")
    # Neighbouring points are moved apart along the ridge so that none hides another.
    for kind, shift in (("test", 1.0), ("loo", 1.12), ("gcv", 1.0)):
        rows = data.where(witness="measured", kind=kind)
        at = rows["ridge"] * shift
        measured(ax, at, rows["error"], rows["standard_error"], kind, names[kind])
    ax.set(xscale="log", yscale="log", xlabel="ridge", ylabel="error")
    log_ticks(ax, "y")
    ax.legend(loc="lower right")
    return fig
