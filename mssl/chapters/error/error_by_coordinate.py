"""Which pixels are hard to predict: the figure ``error_by_coordinate``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.worlds import PATCH, patch_scales
from mssl.data import border_distance, patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import elliptical_risk


def _by_coordinate_unit(rng, *, size, n, ridge, trials) -> Table:
    population = patch_population(size)
    covariance = population.covariance
    risk = simulate_risk(population, n, ridge, trials=trials, rng=rng)
    predicted = elliptical_risk(covariance, n, ridge, patch_scales(size))
    pixel = np.arange(population.d)
    blank = np.full(population.d, np.nan)
    return Table.concat(
        [
            Table(
                {
                    "witness": witness,
                    "kind": kind,
                    "row": pixel // size,
                    "column": pixel % size,
                    "border_distance": border_distance(size),
                    "error": values,
                    "standard_error": spread,
                }
            )
            for witness, kind, values, spread in (
                (
                    "measured",
                    "test",
                    risk.test_error_by_coordinate,
                    risk.standard_error.test_error_by_coordinate,
                ),
                ("theory", "test", predicted.test_error_by_coordinate, blank),
                ("theory", "bayes", risk.bayes_error_by_coordinate, blank),
            )
        ]
    )


def compute_error_by_coordinate(run: Run) -> Table:
    """Error of each pixel of a patch: measured, from theory, and the least possible."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    setting = {
        "size": size,
        "n": 7 * size * size,
        "ridge": 0.01,
        "trials": run.pick(test=2, quick=30, paper=400),
    }
    return run.map("pixels", _by_coordinate_unit, [setting])


@figure(
    "error_by_coordinate",
    compute=compute_error_by_coordinate,
    title="Which pixels are hard to predict",
    alt="Two images of a patch show the test error of each pixel, measured and from theory; both "
    "are brightest at the four corners, less bright along the edges and dark inside. A third "
    "panel plots the error against the distance from the border: it falls from the outermost "
    "ring to the second and is nearly level further in, for measurement, theory and Bayes error.",
    caption="Test error pixel by pixel at ridge 0.01 with seven patches a pixel: measured on real "
    "patches (left), from theory with the spread of scales between patches (middle), and both as "
    "the mean over rings of pixels at equal distance from the border (right), where the "
    "dotted line is the Bayes error. A pixel inside has neighbours on all sides.",
    chapter="error",
    seed=4007,
    missing=("standard_error",),
)
def draw_error_by_coordinate(data: Table) -> Figure:
    """Draw two images with one colour scale, and the means over rings."""
    fig = Figure(figsize=(7.2, 2.8))
    first, second, third = fig.subplots(1, 3, width_ratios=(1, 1, 1.2))
    test = data.where(kind="test")
    low, high = test["error"].min(), test["error"].max()
    for ax, witness in ((first, "measured"), (second, "theory")):
        rows = test.where(witness=witness)
        image = np.empty((rows["row"].max() + 1, rows["column"].max() + 1))
        image[rows["row"], rows["column"]] = rows["error"]
        shown = ax.imshow(image, vmin=low, vmax=high)
        ax.set(title=witness, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    fig.colorbar(shown, ax=[first, second], shrink=0.75, label="test error")
    for kind, witness in (("bayes", "theory"), ("test", "theory"), ("test", "measured")):
        rows = data.where(kind=kind, witness=witness)
        rings = sorted(rows.unique("border_distance"))
        parts = [rows.where(border_distance=ring) for ring in rings]
        means = [part["error"].mean() for part in parts]
        if witness == "theory":
            theory_line(third, rings, means, kind)
        else:
            measured(third, rings, means, None, kind)
        if witness == "theory":
            text = "Bayes" if kind == "bayes" else "test"
            direct_label(third, rings[-1], means[-1], text, kind, offset=(0, 10), align="right")
    third.set(xlabel="pixels to the border", title="mean over rings")
    third.set_ylim(bottom=0.0)
    return fig
