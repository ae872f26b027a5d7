"""Leave-one-out tells the error of each pixel, GCV its rank: the figure ``loo_by_pixel``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.one_coordinate.worlds import RIDGE
from mssl.data import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression

DRAWS = {"test": 2, "quick": 30, "paper": 400}


def _loo_unit(rng, *, size, n, ridge, trials) -> Table:
    population = patch_population(size)
    sigma, eye = population.dense(), np.eye(population.d)
    values = {"test": [], "loo": [], "gcv": []}
    for generator in rng.spawn(trials):
        model = MaskedRegression(ridge=ridge).fit(population.sample(n, generator))
        residual_map = eye - model.coef_
        values["test"].append(np.einsum("jk,jk->k", residual_map, sigma @ residual_map))
        values["loo"].append(model.loo_error_by_feature_)
        values["gcv"].append(model.gcv_error_by_feature_)
    pixel = np.arange(population.d)
    return Table.concat(
        [
            Table(
                {
                    "kind": np.full(population.d, kind),
                    "row": pixel // size,
                    "column": pixel % size,
                    "error": np.mean(draws, axis=0),
                    "standard_error": np.std(draws, axis=0, ddof=1) / np.sqrt(trials),
                }
            )
            for kind, draws in values.items()
        ]
    )


def compute_loo_by_pixel(run: Run) -> Table:
    """Leave-one-out and GCV of each pixel beside its exact error over the population."""
    size = run.pick(test=5, quick=12, paper=12)
    setting = {
        "size": size,
        "n": 7 * size * size,
        "ridge": RIDGE,
        "trials": run.pick(**DRAWS),
    }
    return run.map("pixels", _loo_unit, [setting])


@figure(
    "loo_by_pixel",
    compute=compute_loo_by_pixel,
    title="Leave-one-out tells the error of each pixel; GCV is too low by a factor",
    alt="On the left a patch with the leave-one-out error of each pixel: highest in the four "
    "corners, raised along the edges, level inside. On the right leave-one-out and GCV against "
    "the true error, one point a pixel: leave-one-out scatters about the diagonal by no more "
    "than a few of its error bars; GCV lies on a line far below it, lower by nearly the same "
    "factor everywhere.",
    caption="Masked regression on patches of two photographs, seven patches a pixel, ridge "
    f"{RIDGE:g}, mean over {DRAWS['quick']} independent draws of the training patches. Left: "
    "leave-one-out error pixel by pixel. Right: leave-one-out and GCV of each pixel against its "
    "exact error over all patches of the photographs, bars of one standard error; on the dashed "
    "line the two are equal. GCV puts the pixels nearly in the right order, but is too low by a "
    "nearly constant factor.",
    chapter="one_coordinate",
    seed=2003,
)
def draw_loo_by_pixel(data: Table) -> Figure:
    """Draw the image of leave-one-out errors beside both estimates against the true error."""
    fig = Figure(figsize=(7.2, 3.3))
    left, right = fig.subplots(1, 2, width_ratios=(1.2, 1.0))
    loo, truth = data.where(kind="loo"), data.where(kind="test")
    image = np.empty((loo["row"].max() + 1, loo["column"].max() + 1))
    image[loo["row"], loo["column"]] = loo["error"]
    shown = left.imshow(image)
    left.set(title="leave-one-out error", xticks=[], yticks=[])
    left.spines[:].set_visible(False)
    fig.colorbar(shown, ax=left, shrink=0.8, label="in variances of a pixel")
    ends = np.array([truth["error"].min(), truth["error"].max()])
    theory_line(right, ends, ends, "reference")
    for kind, name, place in (("gcv", "GCV", -14), ("loo", "leave-one-out", 22)):
        rows = data.where(kind=kind)
        measured(right, truth["error"], rows["error"], rows["standard_error"], kind)
        order = np.argsort(truth["error"])
        at = order[int(0.97 * len(order))]
        direct_label(
            right,
            float(truth["error"][at]),
            float(rows["error"][at]),
            name,
            kind,
            offset=(0, place),
            align="right" if kind == "loo" else "center",
        )
    right.set(xlabel="exact test error", ylabel="estimate", title="one point a pixel")
    right.set_ylim(bottom=0.0)
    return fig
