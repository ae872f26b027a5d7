"""Many masks approach the closed form: the figure ``mask_convergence``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import RATES, equal_world
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import explicit_mask_moments


def _convergence_unit(rng, *, d, n, rate, counts, draws, ridge) -> Table:
    X = equal_world(d).sample(n, rng)
    exact = MaskedRegression(ridge, rate).fit(X).coef_
    size = np.linalg.norm(exact)
    means, errors = [], []
    for count in counts:
        away = [
            np.linalg.norm(explicit_mask_moments(X, rate, count, rng).solve(ridge) - exact) / size
            for _ in range(draws)
        ]
        mean, error = mean_and_error(away)
        means.append(mean)
        errors.append(error)
    # The law M^(-1/2), through the last point.
    reference = means[-1] * np.sqrt(counts[-1] / np.array(counts))
    return Table(
        {
            "rate": rate,
            "masks": counts,
            "distance": means,
            "standard_error": errors,
            "reference": reference,
        }
    )


def compute_mask_convergence(run: Run) -> Table:
    """Distance of the matrix of explicit masks from the closed form."""
    d = run.pick(test=10, quick=40, paper=100)
    last = run.pick(test=4, quick=10, paper=12)
    setting = {
        "d": d,
        "n": 3 * d // 2,
        "counts": [2**k for k in range(0, last + 1, 2)],
        "draws": run.pick(test=2, quick=4, paper=20),
        "ridge": 0.1,
    }
    return run.map("masks", _convergence_unit, [{"rate": r, **setting} for r in RATES])


@figure(
    "mask_convergence",
    compute=compute_mask_convergence,
    title="Many masks approach the closed form",
    alt="Distance between the matrix trained on drawn masks and the closed form against the number "
    "of masks for a sample, on logarithmic axes. For each of three rates the points follow a "
    "straight line of slope minus one half from about four masks on; higher rates lie higher.",
    caption="Relative Frobenius distance of training on $M$ drawn masks a sample from the closed "
    "form on the same samples (AR(1), ridge 0.1, $n = 1.5\\,d$). Lines: slope $-1/2$ through the "
    "last point. Points: means over draws of the masks, bars one standard error.",
    chapter="how_much_to_mask",
    seed=17003,
    columns={
        "distance": "Frobenius distance from the closed form over its norm",
        "reference": "the line of slope -1/2",
    },
)
def draw_mask_convergence(data: Table) -> Figure:
    """Draw one line a rate."""
    fig = Figure(figsize=(4.4, 3.3))
    ax = fig.subplots()
    for (rate, rows), look in zip(data.groups("rate"), ("gaussian", "test", "train"), strict=True):
        theory_line(ax, rows["masks"], rows["reference"], look, line="--")
        measured(ax, rows["masks"], rows["distance"], rows["standard_error"], look, f"p = {rate:g}")
    ax.set(xscale="log", yscale="log", xlabel="masks for each sample, $M$")
    ax.set_ylabel("relative distance")
    ax.legend()
    return fig
