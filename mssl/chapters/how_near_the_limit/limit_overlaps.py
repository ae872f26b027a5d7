"""Cosines of all methods against the number of samples: the figure ``limit_overlaps``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_near_the_limit.drawing import legend_of
from mssl.chapters.how_near_the_limit.worlds import (
    METHODS,
    RIDGE,
    curve_cosine,
    measured_cosines,
    published,
    published_law,
    published_noise,
)
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.theory import bayes_limit

#: Ridge at which masked regression is diagonal deletion, in units of the noise.
LARGE = 1e4

#: What has a line of its own: the curve and its ridge.
LINES = {
    "pca": ("pca", None),
    "diagonal_deletion": ("masked_regression", LARGE),
    "masked_regression": ("masked_regression", RIDGE),
    "correlation_pca": ("correlation_pca", None),
}

#: The method whose limit another one has.
SAME = {
    "heteropca": "diagonal_deletion",
    "oracle": "correlation_pca",
    "amp": "bayes",
    "weighted_pca": "bayes",
}

_rows = table_of("witness", "method", "samples", "d", "cosine", "standard_error")


def limit_cosine(method: str, samples: float, strength: float = 1.0) -> float:
    """The limit of a method's cosine in the published noise."""
    method = SAME.get(method, method)
    if method == "bayes":
        return bayes_limit(published_law(), 1.0 / samples, strength).overlap ** 0.5
    name, ridge = LINES[method]
    return curve_cosine(name, published_law(), 1.0 / samples, strength, ridge)


def _theory_unit(rng, *, samples) -> Table:
    return Table.concat(
        _rows("theory", m, samples, 0, [limit_cosine(m, a) for a in samples])
        for m in (*LINES, "bayes")
    )


def _published_unit(rng) -> Table:
    rows = [row for row in published() if row[0] != "bayes"]
    sizes = [4000 if row[0] == "amp" else 2000 for row in rows]
    names, samples, values, errors = zip(*rows, strict=True)
    return _rows("published", list(names), list(samples), sizes, list(values), list(errors))


def _measured_unit(rng, *, samples, d, methods, trials) -> Table:
    noise, n = published_noise(d), round(samples * d)
    mean, error = mean_and_error(measured_cosines(methods, noise, 1.0, n, trials, rng))
    return _rows("measured", list(methods), samples, d, mean, error)


def compute_limit_overlaps(run: Run) -> Table:
    """Cosines with the direction: limits, published and our own."""
    many = tuple(np.geomspace(0.3, 12.0, run.pick(test=8, quick=90, paper=200)).tolist())
    d = run.pick(test=60, quick=250, paper=2000)
    trials = run.pick(test=2, quick=8, paper=8)
    few = run.pick(
        test=(0.6, 3.0), quick=(0.5, 1.0, 1.78, 3.16, 5.62, 10.0), paper=(5.62341325190349, 10.0)
    )
    # At the size of the published runs, the one method that is below its threshold there.
    methods = run.pick(test=METHODS, quick=METHODS, paper=("pca",))
    return Table.concat(
        [
            run.map("theory", _theory_unit, [{"samples": many}]),
            run.map("published", _published_unit, [{}]),
            run.map(
                "measured",
                _measured_unit,
                [{"samples": a, "d": d, "methods": methods, "trials": trials} for a in few],
            ),
        ]
    )


def below_at_paper_scale() -> Table:
    """Return what PCA shows below its threshold at the size of the published runs, stored."""
    return Table.from_csv(Path(__file__).with_name("below_paper.csv"))


@figure(
    "limit_overlaps",
    compute=compute_limit_overlaps,
    title="Every method against the Bayes limit",
    alt="Two panels with the same lines of cosine against samples a coordinate. The Bayes limit "
    "rises first, at 0.38 samples a coordinate, correlation PCA at 0.5, masked regression at a "
    "small ridge between 0.8 and 1, diagonal deletion near 2, and PCA not before 10. Far to the "
    "right the lines come together. Left, points published by others lie on the lines; right, our "
    "own points of all methods at a smaller size lie on them or, where a line is zero or just "
    "leaves zero, above; those of message passing and of weighted PCA follow the Bayes limit.",
    caption="Cosine with a direction of strength 1, against the samples a coordinate, in noise of "
    "variances $0.25 + 2.25\\,B$ with $B$ of the beta law with parameters 1 and 2. Lines are "
    "limits; HeteroPCA has that of diagonal deletion, whitening with the true variances that of "
    "correlation PCA, message passing and weighted PCA the Bayes limit. Left: published means of "
    "20 draws at $d = 2000$ (message passing: 10 at $d = 4000$). Right: our own. Bars are one "
    "standard error; masked regression has ridge 0.1.",
    chapter="how_near_the_limit",
    seed=18001,
    missing=("standard_error",),
    columns={
        "samples": "samples a coordinate, n/d",
        "cosine": "cosine with the direction",
    },
)
def draw_limit_overlaps(data: Table) -> Figure:
    """Draw published points on the left and our own on the right, with the same lines."""
    fig = Figure(figsize=(7.4, 5.2))
    axes = fig.subplots(1, 2, sharey=True)
    theory = data.where(witness="theory")
    for ax, witness in zip(axes, ("published", "measured"), strict=True):
        for method, rows in theory.groups("method"):
            theory_line(ax, rows["samples"], rows["cosine"], method)
        points = data.where(witness=witness)
        for method, rows in points.groups("method"):
            measured(ax, rows["samples"], rows["cosine"], rows["standard_error"], method)
        size = points["d"].min()
        title = f"published, d = {size}" if witness == "published" else f"our own, d = {size}"
        ax.set(xscale="log", xlabel="samples a coordinate, n/d", ylim=(-0.02, 1.0), title=title)
        log_ticks(ax, "x")
    axes[0].set_ylabel("cosine with the direction")
    legend_of(fig, (*METHODS, "bayes"), (*LINES, "bayes"))
    return fig
