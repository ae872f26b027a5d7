"""The threshold against the mask rate: the figure ``mask_threshold``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import NOISE_RATIO
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import theory_line
from mssl.figures.table import Table, table_of
from mssl.theory.masked_noise import local_threshold, spread_threshold
from mssl.theory.noise_curves import Noise, threshold

_curves = table_of("panel", "curve", "rate", "threshold")


def _threshold_unit(rng, *, rates) -> Table:
    noise, rows = Noise.two_levels(NOISE_RATIO), []
    for gamma, panel in ((2 / 3, "spread, n = 1.5 d"), (2.0, "spread, n = d/2")):
        for ridge in (0.01, 0.1, 1.0):
            for rate in rates:
                value = spread_threshold(noise, gamma, ridge, rate) / np.sqrt(gamma)
                rows.append((panel, f"ridge {ridge:g}", rate, value))
        for rate in rates:
            value = threshold("correlation_pca", noise, gamma) / np.sqrt(gamma)
            rows.append((panel, "correlation PCA", rate, value))
            rows.append((panel, "PCA", rate, threshold("pca", noise, gamma) / np.sqrt(gamma)))
    for size in (2, 4, 8):
        for rate in rates:
            value = local_threshold(size, 2 / 3, rate) / np.sqrt(2 / 3)
            rows.append(("local, n = 1.5 d", f"{size} coordinates", rate, value))
    return _curves(*zip(*rows, strict=True))


def compute_mask_threshold(run: Run) -> Table:
    """Thresholds over the rate."""
    points = run.pick(test=5, quick=40, paper=100)
    rates = np.concatenate([[0.0, 0.01, 0.02], np.linspace(0.04, 0.96, points)]).tolist()
    return run.map("threshold", _threshold_unit, [{"rates": rates}])


@figure(
    "mask_threshold",
    compute=compute_mask_threshold,
    title="The threshold against the mask rate",
    alt="Three panels of thresholds over the mask rate. In the first two, a spread signal, the "
    "curves of three ridges fall from rate zero to a shallow minimum near one half and rise again "
    "towards rate one; with fewer samples than coordinates the fall at small rates is steep. All "
    "lie between the line of correlation PCA below and that of PCA above. In the third, a local "
    "signal without a ridge, all curves rise with the rate, that of two coordinates most.",
    caption="Threshold divided by the square root of $d/n$, from theory, noise of variance 1 and "
    "10 on halves of the coordinates. First two panels: flat signal, three ridges. Third: signal "
    "on few quiet coordinates, ridge 0. Logarithmic vertical axes.",
    chapter="how_much_to_mask",
    seed=17005,
    columns={
        "threshold": "threshold over the square root of d/n",
    },
)
def draw_mask_threshold(data: Table) -> Figure:
    """Draw one panel a setting."""
    fig = Figure(figsize=(7.2, 4.2))
    axes = fig.subplots(1, 3)
    ends: tuple[float, float] = (1.0, 14.0)  # one scale for all three
    spread = {
        "ridge 0.01": ("masked_regression", 0.2, "-"),
        "ridge 0.1": ("masked_regression", 0.6, "--"),
        "ridge 1": ("masked_regression", 1.0, "-."),
        "correlation PCA": ("correlation_pca", 1.0, ":"),
        "PCA": ("pca", 1.0, ":"),
    }
    local = {
        "2 coordinates": ("ar1", 1.0, "-"),
        "4 coordinates": ("ar1", 1.0, "--"),
        "8 coordinates": ("ar1", 1.0, "-."),
    }
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        for curve, (look, level, line) in (local if "local" in panel else spread).items():
            own = rows.where(curve=curve)
            theory_line(ax, own["rate"], own["threshold"], look, curve, level=level, line=line)
        ax.set(yscale="log", title=panel, xlabel="mask rate $p$", xlim=(0, 1), ylim=ends)
        ax.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.minorticks_off()
    axes[0].set_ylabel(r"threshold $\theta_c/\sqrt{d/n}$")
    for ax in axes:
        ax.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.2), fontsize=10)
    return fig
