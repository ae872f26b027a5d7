"""Where the bulks end: the figure ``spectrum_edges``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mssl.chapters.spectrum.worlds import blocks
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, shade, theory_line
from mssl.figures.table import Table, table_of
from mssl.simulation import simulate_spectrum
from mssl.theory import SSRTheory

BLOCK = 4

EDGE_RHO = 0.5

EDGE_GAMMA, EDGE_RIDGE = 0.25, 0.05


def _edge_unit(rng, *, panel, x, d, gamma, ridge) -> Table:
    theory = SSRTheory(blocks(d, BLOCK, EDGE_RHO), round(d / gamma), ridge)
    bulks = theory.edges.reshape(-1, 2)
    atoms = theory.spectrum.atoms
    places = [a.position for a in atoms]
    low, high = np.r_[bulks[:, 0], places], np.r_[bulks[:, 1], places]
    kind = np.r_[np.full(len(bulks), "bulk"), np.full(len(places), "atom")]
    return _edge_table(panel, x, d, kind, low, high, np.zeros_like(low), np.zeros_like(low))


_edge_table = table_of("panel", "x", "d", "kind", "low", "high", "low_error", "high_error")


def _edge_measured(rng, *, panel, x, d, gamma, ridge, trials) -> Table:
    n = round(d / gamma)
    world = blocks(d, BLOCK, EDGE_RHO)
    bulks = SSRTheory(world, n, ridge).edges.reshape(-1, 2)
    values = simulate_spectrum(world, n, ridge, trials=trials, rng=rng, n_jobs=1)
    # The means over a block and the differences within a block make the upper and lower bulk.
    split = d - d // BLOCK
    if n < d:
        groups = [values[:, d - n :]]
    elif len(bulks) == 2:
        groups = [values[:, :split], values[:, split:]]
    else:
        groups = [values]
    low = np.array([g[:, 0].mean() for g in groups])
    high = np.array([g[:, -1].mean() for g in groups])
    scale = np.sqrt(trials)
    low_error = np.array([g[:, 0].std(ddof=1) / scale for g in groups])
    high_error = np.array([g[:, -1].std(ddof=1) / scale for g in groups])
    return _edge_table(panel, x, d, "measured", low, high, low_error, high_error)


def compute_spectrum_edges(run: Run) -> Table:
    """Bulks of A_hat for blocks of coordinates, against the ridge and against d/n."""
    d = run.pick(test=60, quick=240, paper=1800)
    trials = run.pick(test=3, quick=6, paper=20)
    points = run.pick(test=5, quick=48, paper=240)
    few = run.pick(test=2, quick=5, paper=9)

    def settings(panel, x):
        gamma, ridge = (EDGE_GAMMA, x) if panel == "ridge" else (x, EDGE_RIDGE)
        return {"panel": panel, "x": float(x), "d": d, "gamma": gamma, "ridge": ridge}

    theory = [settings("ridge", x) for x in np.geomspace(1e-3, 30.0, points)]
    theory += [settings("gamma", x) for x in np.geomspace(0.05, 4.0, points)]
    seen = [settings("ridge", x) for x in np.geomspace(2e-3, 15.0, few)]
    seen += [settings("gamma", x) for x in np.geomspace(0.07, 3.0, few)]
    seen = [{**s, "trials": trials} for s in seen]
    return Table.concat(
        [run.map("theory", _edge_unit, theory), run.map("measured", _edge_measured, seen)]
    )


@figure(
    "spectrum_edges",
    compute=compute_spectrum_edges,
    title="Where the bulks end",
    alt="Two panels with the bulks of eigenvalues as shaded bands. Against the ridge, a lower band "
    "around zero and an upper band near 0.8 both shrink towards zero as the ridge grows. Against "
    "d over n, both bands widen and merge near 0.8, where the lower end reaches about minus 4; for "
    "d above n one band near 1 remains, and below it the dashed line of an atom rises. Points of "
    "the measured extreme eigenvalues lie on the ends of the bands or a little inside.",
    caption="Bulks of the eigenvalues of the learned matrix (shaded between their edges) for "
    "blocks of four coordinates with correlation 0.5. Above: against the ridge, $d/n = 1/4$. "
    "Below: against $d/n$, ridge 0.05; dashed: the atom for $n < d$. Points: extreme eigenvalues "
    "of each bulk, means over draws with one standard error.",
    chapter="spectrum",
    seed=5002,
    columns={
        "x": "ridge, in squared units of the data, or d/n, as the panel says",
        "low": "lower end of a bulk of eigenvalues",
        "high": "upper end of a bulk of eigenvalues",
    },
)
def draw_spectrum_edges(data: Table) -> Figure:
    """Draw bulks as bands, measured ends as points."""
    fig = Figure(figsize=(5.2, 6.2))
    axes = fig.subplots(2, 1)
    for ax, panel in zip(axes, ("ridge", "gamma"), strict=True):
        rows = data.where(panel=panel)
        _bands(ax, rows.where(kind="bulk"))
        if "atom" in rows.unique("kind"):
            atoms = rows.where(kind="atom")
            theory_line(ax, atoms["x"], atoms["low"], "reference", "atom")
        seen = rows.where(kind="measured")
        for end in ("low", "high"):
            measured(ax, seen["x"], seen[end], seen[f"{end}_error"], "density")
        ax.axhline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
        ax.set(xscale="log", ylabel="eigenvalue $a$")
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set(xlabel=r"ridge $\lambda$")
    axes[1].set(xlabel="d/n")
    axes[1].set_xticks([0.05, 0.1, 0.2, 0.5, 1, 2, 4], ["0.05", "0.1", "0.2", "0.5", "1", "2", "4"])
    axes[1].legend(loc="lower right")
    return fig


def _bands(ax, rows):
    """Shade the bulks; where their number changes along x, only the outer ends are joined."""
    columns = [
        (x, np.sort(np.stack([part["low"], part["high"]], axis=1), axis=0))
        for x, part in ((x, rows.where(x=x)) for x in rows.unique("x"))
    ]
    runs = [[columns[0]]]
    for column in columns[1:]:
        if len(column[1]) == len(runs[-1][-1][1]):
            runs[-1].append(column)
        else:
            outer = [(x, ends[[0, -1], [0, 1]][None]) for x, ends in (runs[-1][-1], column)]
            runs += [outer, [column]]
    for part in runs:
        x = [place for place, _ in part]
        for low, high in np.stack([ends for _, ends in part], axis=-1):
            # The outline closes the seam between two parts.
            ax.fill_between(x, low, high, color=shade("density", 0.0), linewidth=0.8, zorder=1)
            theory_line(ax, x, low, "density")
            theory_line(ax, x, high, "density")
