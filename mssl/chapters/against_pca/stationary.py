"""Stationary processes: a tie: the figure ``stationary``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.against_pca.drawing import method_legend
from mssl.chapters.against_pca.worlds import (
    GAMMAS,
    METHODS,
    best_overlap,
    curve_of,
    measure,
    strength_table,
)
from mssl.chapters.worlds import power_law
from mssl.covariance import Circulant, Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.theory.noise_curves import Noise

_ALPHA = 1.0


def _ring(d: int, rho: float = 0.6):
    """A stationary process on a ring whose correlation falls like rho to the distance."""
    distance = np.minimum(np.arange(d), d - np.arange(d))
    return Circulant(rho**distance)


def _uneven(d: int) -> Diagonal:
    """Independent noise whose variances fall like a power, with mean one."""
    variances = (1.0 + np.arange(d)) ** -_ALPHA + 0.05
    return Diagonal(variances / variances.mean())


STATIONARY = {
    "AR(1) on a ring": _ring,
    "power-law spectrum": lambda d: power_law(d, 0.5),
    "power-law variances": _uneven,
}


def _levels_of(world, d) -> Noise:
    if isinstance(world, Diagonal):
        return Noise(world.diagonal(), np.full(d, 1.0 / d))
    values = np.linalg.eigvalsh(world.dense())
    # A shuffle of the eigenvalues of a stationary process: u holds the same of each mode.
    return Noise(np.maximum(values, 1e-9), np.full(d, 1.0 / d))


def _signs(d: int) -> np.ndarray:
    return np.random.default_rng(5).choice([-1.0, 1.0], d) / np.sqrt(d)


def _stationary_theory(rng, *, panel, d, gamma, strengths) -> Table:
    noise = _levels_of(STATIONARY[panel](d), d)
    tables = []
    for method in METHODS:
        # In a stationary world D is a multiple of the identity: the three methods are one.
        used = method if panel == "power-law variances" else "pca"
        grown, overlaps = curve_of(used, noise, gamma, 0.02).spread_signal()
        value = np.interp(strengths, grown, best_overlap(overlaps), left=0.0)
        tables.append(strength_table(panel, "theory", method, strengths, value))
    return Table.concat(tables)


def _stationary_measured(rng, *, panel, d, gamma, strength, trials) -> Table:
    u = _signs(d)
    world = Spiked(STATIONARY[panel](d), strength, u[:, None])
    found = measure(world, u, round(d / gamma), METHODS, trials, rng, ridge=0.02)
    return Table.concat(
        strength_table(panel, "measured", m, strength, *mean_and_error(found[m])) for m in METHODS
    )


def compute_stationary(run: Run) -> Table:
    """Overlaps in two stationary worlds and one of unequal variances."""
    d = run.pick(test=40, quick=160, paper=800)
    trials = run.pick(test=2, quick=4, paper=30)
    strengths = np.geomspace(0.5, 40.0, run.pick(test=10, quick=120, paper=240))
    few = np.geomspace(1.0, 30.0, run.pick(test=2, quick=4, paper=9))
    settings = [{"panel": name, "d": d, "gamma": GAMMAS[0]} for name in STATIONARY]
    return Table.concat(
        [
            run.map(
                "theory", _stationary_theory, [{**s, "strengths": strengths} for s in settings]
            ),
            run.map(
                "measured",
                _stationary_measured,
                [{**s, "strength": float(t), "trials": trials} for s in settings for t in few],
            ),
        ]
    )


@figure(
    "stationary",
    compute=compute_stationary,
    title="Stationary processes: a tie",
    alt="Three panels show overlap against strength. In the two stationary worlds the lines of "
    "masked regression, correlation PCA and PCA fall on one another, and so do the measured points "
    "up to their errors. In the third, with independent noise of power-law variances, correlation "
    "PCA and masked regression rise long before PCA.",
    caption="Squared cosine with a signal of random signs, $d/n = 2/3$, ridge 0.02, mean variance "
    "1. Left and middle: stationary processes, where the three methods have the same eigenvectors "
    "in the limit. Right: independent noise with the variances of a power law. Lines are theory, "
    "points measurements with one standard error.",
    chapter="against_pca",
    seed=7006,
    missing=("standard_error",),
)
def draw_stationary(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(7.6, 3.7))
    axes = fig.subplots(1, 3, sharey=True)
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        for method, width, line in (("pca", 6.0, "-"), ("correlation_pca", 3.5, "-"),
                                    ("masked_regression", 1.5, "-")):  # fmt: skip
            part = rows.where(witness="theory", method=method)
            ax.plot(part["strength"], part["overlap"], line, color=colors[method], linewidth=width)
        for k, method in enumerate(("pca", "correlation_pca", "masked_regression")):
            part = rows.where(witness="measured", method=method)
            shift = 1.0 + 0.07 * (k - 1)
            measured(ax, part["strength"] * shift, part["overlap"], part["standard_error"], method)
        ax.set(xscale="log", ylim=(-0.02, 1.02), title=panel)
        ax.title.set_fontsize(11)
        ax.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
        ax.minorticks_off()
    axes[1].set_xlabel("strength of the signal")
    axes[0].set_ylabel("overlap with the signal")
    method_legend(fig, METHODS)
    return fig
