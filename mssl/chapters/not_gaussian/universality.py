"""Where the Gaussian theory holds: the figure ``universality``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import fitted_exponent
from mssl.chapters.not_gaussian.worlds import RIDGE, WORLDS, measured_error, world
from mssl.covariance import Covariance
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.theory import SSRTheory, elliptical_risk


def _covariance(population) -> Covariance:
    return getattr(population, "covariance", population)


def _scales(population) -> np.ndarray:
    scales = getattr(population, "scales", (1.0,))
    return np.asarray(scales() if callable(scales) else scales)


def _gap_unit(rng, *, name, d, trials) -> Table:
    population, n = world(name, d), 3 * d // 2
    mean, spread = measured_error(population, n, trials, rng)
    plain = SSRTheory(_covariance(population), n, RIDGE).test_error
    scaled = elliptical_risk(_covariance(population), n, RIDGE, _scales(population)).test_error
    return Table(
        {
            "world": name,
            "d": d,
            "gap": [mean / plain - 1.0],
            "standard_error": [spread / plain],
            "scaled_theory": [scaled / plain - 1.0],
        }
    )


def compute_universality(run: Run) -> Table:
    """Relative gap between the measured test error and the Gaussian theory against d."""
    sizes = run.pick(
        test=((16, 4), (32, 4)),
        quick=((16, 160), (32, 100), (64, 60), (128, 30)),
        paper=((32, 4000), (64, 2000), (128, 1000), (256, 500), (512, 250)),
    )
    settings = [{"name": name, "d": d, "trials": trials} for name in WORLDS for d, trials in sizes]
    return run.map("gap", _gap_unit, settings)


GAP_KINDS = {
    "rademacher": "isotropic",
    "sparse": "power_law",
    "t3": "ar1",
    "clusters": "isotropic",
    "unequal": "pca",
    "multivariate_t": "test",
}


@figure(
    "universality",
    compute=compute_universality,
    title="Where the Gaussian theory holds",
    alt="Two panels against the number of coordinates. Left, on logarithmic axes, the relative gap "
    "between measured test error and Gaussian theory for independent entries: it falls along "
    "straight lines for sparse entries and random signs, and more slowly for entries with a "
    "t law of three degrees of freedom. Right, on a linear vertical axis: the gap of two clusters "
    "with equal scales is near zero, while those of the multivariate t and of two clusters with "
    "unequal scales stay level, on the lines of the theory with scales.",
    caption="Measured test error relative to the Gaussian theory, AR(1) with correlation 0.8, $n = "
    "1.5\\,d$, ridge 0.1. Left: size of the gap for independent entries; dashed lines are power "
    "laws fitted to the points. Right: rows with a common scale or in clusters; solid lines are "
    "the theory with scales. Bars are one standard error.",
    chapter="not_gaussian",
    seed=9101,
    columns={
        "gap": "measured test error over the Gaussian theory, minus 1",
        "scaled_theory": "the same of the theory with scales, minus 1",
    },
)
def draw_universality(data: Table) -> Figure:
    """Draw the gap to the Gaussian error over d."""
    fig = Figure(figsize=(6.2, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    for name in ("sparse", "t3", "rademacher"):
        rows = data.where(world=name)
        size = np.abs(rows["gap"])
        kind = GAP_KINDS[name]
        measured(left, rows["d"], size, rows["standard_error"], kind, WORLDS[name][0])
        power, _, prefactor = fitted_exponent(rows["d"], size, rows["standard_error"] / size)
        theory_line(left, rows["d"], prefactor * rows["d"] ** -power, kind, line="--")
    for name in ("unequal", "multivariate_t", "clusters"):
        rows = data.where(world=name)
        kind = GAP_KINDS[name]
        measured(right, rows["d"], rows["gap"], rows["standard_error"], kind, WORLDS[name][0])
        theory_line(right, rows["d"], rows["scaled_theory"], kind)
    left.set(xscale="log", yscale="log", xlabel="coordinates d", ylabel="size of the gap")
    right.set(xscale="log", xlabel="coordinates d", ylabel="gap")
    left.set_title("independent entries")
    right.set_title("shared scales, clusters")
    for ax in (left, right):
        ax.set_xticks(data.unique("d"), [str(d) for d in data.unique("d")])
        ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=2)
    return fig
