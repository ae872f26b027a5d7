"""Eigenvalues of the learned matrix: the figure ``spectrum_models``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.spectrum.learned import learned_population
from mssl.chapters.spectrum.worlds import blocks
from mssl.chapters.worlds import power_law, two_level
from mssl.covariance import AR1, Isotropic
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import histogram, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_spectrum
from mssl.theory import SSRTheory

#: From the name of a panel to its world, d/n and ridge.
SETTINGS = {
    "white noise": (Isotropic, 2 / 3, 0.1),
    "AR(1), correlation 0.7": (lambda d: AR1(d, 0.7), 2 / 3, 0.1),
    "two variances": (two_level, 2 / 3, 0.1),
    "power law": (lambda d: power_law(d, 0.5), 2 / 3, 0.1),
    "blocks of six": (lambda d: blocks(d, 6, 0.8), 1 / 6, 0.1),
    "two variances, n = d/4": (two_level, 4.0, 0.1),
}


def _model_unit(rng, *, name, d, bins, points) -> Table:
    model, gamma, ridge = SETTINGS[name]
    world, n = model(d), round(d / gamma)
    theory = SSRTheory(world, n, ridge)
    values = simulate_spectrum(world, n, ridge, trials=1, rng=rng, n_jobs=1)[0]
    bulks = theory.edges.reshape(-1, 2)
    low, high = min(values[0], bulks[0, 0]), max(values[-1], bulks[-1, 1])
    edges = np.linspace(low, high, bins + 1)
    height = np.histogram(values, edges)[0] / (d * np.diff(edges))
    angle = np.linspace(0.0, np.pi, points)
    grid = np.concatenate([a + (b - a) * 0.5 * (1.0 - np.cos(angle)) for a, b in bulks])
    inside = ~np.isin(grid, bulks)  # at an edge itself the root is double and the density zero
    density = np.zeros(grid.size)
    density[inside] = theory.density(grid[inside])
    population = learned_population(world, n, ridge)
    ends = population[[0, -1]]
    if not theory.spectrum.atoms:
        distance = kolmogorov_distance(values, theory.spectrum.cdf)
    else:
        distance = np.nan  # an atom of the limit is a narrow bump of a sample
    parts = [
        ("theory", grid, grid, density),
        ("measured", edges[:-1], edges[1:], height),
        ("population", ends, ends, np.zeros(2)),
    ]
    parts += [("atom", [a.position], [a.position], [a.mass]) for a in theory.spectrum.atoms]
    return Table.concat(
        [
            Table(
                {
                    "model": np.full(len(left), name),
                    "witness": witness,
                    "left": left,
                    "right": right,
                    "density": value,
                    "d": d,
                    "n": n,
                    "ridge": ridge,
                    "distance": distance,
                }
            )
            for witness, left, right, value in parts
        ]
    )


def compute_spectrum_models(run: Run) -> Table:
    """Eigenvalues of A_hat in one draw, and their limiting density, for six worlds."""
    d = run.pick(test=60, quick=600, paper=2400)
    bins = run.pick(test=10, quick=36, paper=80)
    points = run.pick(test=20, quick=90, paper=200)
    return run.map(
        "models",
        _model_unit,
        [{"name": name, "d": d, "bins": bins, "points": points} for name in SETTINGS],
    )


@figure(
    "spectrum_models",
    compute=compute_spectrum_models,
    title="Eigenvalues of the learned matrix",
    alt="Six histograms of the eigenvalues of the learned matrix, each filled to its edges by the "
    "line of the theory. White noise, where the ideal matrix is zero, spreads from about minus 3 "
    "to 0.84 with its mode near 0.8, and two unequal variances look nearly the same. An AR(1) "
    "process and a power law lean to 1. Blocks of six split into a wide bulk around zero and a "
    "small one near 0.9. With a quarter as many samples as coordinates there is a bulk near 1 and "
    "one below zero, and narrow bumps stand around the dotted lines of two atoms on the negative "
    "side.",
    caption="Eigenvalues of the learned matrix in one draw (bars) and their limiting density "
    "(line); ridge 0.1, $d/n = 2/3$ except for the blocks (1/6) and the last panel (4). Grey bars "
    "at the bottom: range of the eigenvalues of the matrix that $\\hat A$ is close to entry by "
    "entry. Dotted: atoms of the limit.",
    chapter="spectrum",
    seed=5001,
    columns={
        "distance": "largest difference of the counting functions of eigenvalues",
    },
    missing=("distance",),
)
def draw_spectrum_models(data: Table) -> Figure:
    """Draw one panel a world, in two columns."""
    fig = Figure(figsize=(5.6, 6.6))
    axes = fig.subplots(3, 2)
    for ax, (name, rows) in zip(axes.ravel(), data.groups("model"), strict=True):
        bars, line = rows.where(witness="measured"), rows.where(witness="theory")
        histogram(ax, bars["left"], bars["right"], bars["density"], "density")
        theory_line(ax, line["left"], line["density"], "density")
        top = max(bars["density"].max(), np.quantile(line["density"], 0.97))
        if "atom" in rows.unique("witness"):
            for place in rows.where(witness="atom")["left"]:
                ax.axvline(place, color="black", linestyle=":", linewidth=1.4, zorder=4)
        low, high = rows.where(witness="population")["left"]
        pad = 0.01 * (bars["right"][-1] - bars["left"][0])
        ax.fill_between([low - pad, high + pad], -0.055 * top, -0.015 * top, color="#666666")
        ax.set_ylim(-0.07 * top, 1.12 * top)
        ax.set_xlim(right=1.05)
        ax.set_title(name, fontsize="medium")
    for ax in axes[:, 0]:
        ax.set_ylabel("density")
    for ax in axes[-1]:
        ax.set_xlabel("eigenvalue $a$")
    return fig
