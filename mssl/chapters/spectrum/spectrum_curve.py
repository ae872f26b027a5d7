"""How to read the edges off a curve: the figure ``spectrum_curve``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mssl.chapters.spectrum.worlds import blocks
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import shade, theory_line
from mssl.figures.table import Table
from mssl.theory import SSRTheory

CURVE_D, CURVE_BLOCK, CURVE_RHO = 120, 4, 0.6

CURVE_GAMMA, CURVE_RIDGE = 0.2, 0.05


def _curve_unit(rng, *, points) -> Table:
    """All real solutions (t, zeta) for blocks, and the density of the eigenvalues of M."""
    d = CURVE_D
    n = round(d / CURVE_GAMMA)
    world = blocks(d, CURVE_BLOCK, CURVE_RHO)
    theory = SSRTheory(world, n, CURVE_RIDGE)
    source = theory.spectrum.source
    weight = theory.solution.resolvent.diagonal[0] / theory.solution.rho
    variances = weight * np.array([1.0 - CURVE_RHO, 1.0 - CURVE_RHO + CURVE_RHO * CURVE_BLOCK])
    share = np.array([1.0 - 1.0 / CURVE_BLOCK, 1.0 / CURVE_BLOCK]) * d / n
    floor = weight * CURVE_RIDGE
    t = np.linspace(0.4, 2.6, points)  # never exactly 1, where one root is infinite
    t = t[t != 1.0]
    # (t - 1)/t + sum_i share_i w_i/(t w_i + floor - zeta) = 0 is a quadratic in zeta.
    p, q = t * variances[0] + floor, t * variances[1] + floor
    level = (t - 1.0) / t
    c1, c2 = share * variances
    roots = np.array(
        [
            np.sort(np.roots([lv, -lv * (a + b) - c1 - c2, lv * a * b + c1 * b + c2 * a]).real)
            for lv, a, b in zip(level, p, q, strict=True)
        ]
    )
    bulks = source.edges.reshape(-1, 2)
    grid = np.geomspace(0.6 * bulks[0, 0], 1.7 * bulks[-1, 1], 2 * points)
    return Table.concat(
        [
            Table({"part": "lower roots", "zeta": roots[:, 0], "value": t}),
            Table({"part": "upper roots", "zeta": roots[:, 1], "value": t}),
            Table({"part": "density", "zeta": grid, "value": grid * source.density(grid)}),
            Table({"part": "edges", "zeta": source.edges, "value": _edge_roots(theory)}),
        ]
    )


def _edge_roots(theory):
    """The roots t at the edges; the package's s is t kappa/lambda."""
    return [e.root * theory.solution.rho for e in theory.spectrum.source.edge_points]


def compute_spectrum_curve(run: Run) -> Table:
    """The real curve t against zeta of a world with two bulks, and its density."""
    points = run.pick(test=40, quick=600, paper=2000)
    return run.map("curve", _curve_unit, [{"points": points}])


@figure(
    "spectrum_curve",
    compute=compute_spectrum_curve,
    title="How to read the edges off a curve",
    alt="Two panels over the same axis of eigenvalues. Above, curves of t against zeta; their "
    "falling parts are thick and their rising parts thin, and dots mark the four places where "
    "zeta turns around. Below, the density of the eigenvalues, made of two bulks. The four dots "
    "stand exactly above the ends of the two bulks, and no thick part of the curve lies above a "
    "bulk.",
    caption="Above: the real solutions $t$ between 0.4 and 2 in a world of correlated blocks; "
    "thick where $t$ falls as $\\zeta$ grows. Points: the places where $\\zeta$ is stationary. "
    "Below: the density of the logarithms of the eigenvalues of $M$. A real number is outside the "
    "bulks exactly if a falling part of the curve stands over it.",
    chapter="spectrum",
    seed=5003,
    columns={
        "value": "solution t; for the density its value per unit of the logarithm of zeta",
    },
)
def draw_spectrum_curve(data: Table) -> Figure:
    """Draw the curve above the density that it bounds."""
    fig = Figure(figsize=(5.2, 5.6))
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=(1.4, 1.0))
    edges = data.where(part="edges")
    for part in ("lower roots", "upper roots"):
        rows = data.where(part=part)
        t, zeta = rows["value"], rows["zeta"]
        for side in (t < 1.0, t > 1.0):  # at t = 1 one root passes through infinity
            falling = np.gradient(zeta[side], t[side]) < 0
            for keep, width in ((falling, 2.6), (~falling, 0.9)):
                upper.plot(
                    np.where(keep, zeta[side], np.nan),
                    t[side],
                    color=shade("density", 1.0),
                    linewidth=width,
                )
    upper.plot(edges["zeta"], edges["value"], "o", color="black", markersize=6, zorder=4)
    rows = data.where(part="density")
    lower.fill_between(rows["zeta"], rows["value"], color=shade("density", 0.0))
    theory_line(lower, rows["zeta"], rows["value"], "density")
    for ax in (upper, lower):
        for place in edges["zeta"]:
            ax.axvline(place, color="black", linestyle=":", linewidth=1.0, zorder=0)
    upper.set(ylabel="$t$", ylim=(0.4, 2.0), xscale="log")
    lower.set(xlabel=r"$\zeta$, an eigenvalue of $M$", ylabel=r"density of $\log\zeta$")
    lower.set_xticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
    lower.xaxis.set_minor_locator(NullLocator())
    lower.set_ylim(bottom=0.0)
    lower.set_xlim(rows["zeta"][0], rows["zeta"][-1])
    return fig
