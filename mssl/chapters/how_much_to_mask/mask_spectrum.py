"""Eigenvalues against the mask rate: the figure ``mask_spectrum``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import NOISE_RATIO, unit_signal
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import histogram, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.theory import SSRTheory


def _spectrum_unit(rng, *, rate, d, points, bins) -> Table:
    n, ridge = 3 * d // 2, 0.05
    u = unit_signal(d, 0)
    model = Spiked(Diagonal(np.tile([1.0, NOISE_RATIO], d // 2)), 8.0, u[:, None])
    theory = SSRTheory(model, n, ridge, rate or None)
    low, high = theory.edges[0], theory.edges[-1]
    a = np.linspace(low, high, points + 2)[1:-1]
    fit = MaskedRegression(ridge, rate or None).fit(model.sample(n, rng))
    root = np.sqrt(fit.D_)
    B = fit.coef_ * root / root[:, None]
    values = np.linalg.eigvalsh(0.5 * (B + B.T))
    counts, ends = np.histogram(values, bins=bins)
    height = counts / d / np.diff(ends)
    parts = [
        ("theory", a, a, theory.density(a)),
        ("measured", ends[:-1], ends[1:], height),
        ("outlier", *[np.array([theory.spikes[0].eigenvalue])] * 2, np.zeros(1)),
    ]
    return Table.concat(
        Table({"rate": rate, "witness": w, "left": x, "right": y, "height": h})
        for w, x, y, h in parts
    )


def compute_mask_spectrum(run: Run) -> Table:
    """Density of the eigenvalues at three rates."""
    setting = {
        "d": run.pick(test=40, quick=300, paper=1200),
        "points": run.pick(test=20, quick=100, paper=400),
        "bins": run.pick(test=8, quick=32, paper=60),
    }
    return run.map("spectrum", _spectrum_unit, [{"rate": r, **setting} for r in (0.0, 0.5, 0.75)])


@figure(
    "mask_spectrum",
    compute=compute_mask_spectrum,
    title="Eigenvalues against the mask rate",
    alt="Three panels with histograms of the eigenvalues of the learned matrix at growing mask "
    "rate and a line through each. One coordinate at a time gives a long tail to the left and "
    "eigenvalues below one; at the higher rates the tail is gone, the bulk spans about one unit "
    "to either side of zero, and one eigenvalue, marked by an arrow, stands apart beyond one.",
    caption="Density of the eigenvalues: bars of one simulated data set, lines from theory; arrow: "
    "predicted place of the signal's eigenvalue. Noise of variance 1 and 10, flat signal of "
    "strength 8, ridge 0.05, $n = 1.5\\,d$.",
    chapter="how_much_to_mask",
    seed=17007,
)
def draw_mask_spectrum(data: Table) -> Figure:
    """Draw one panel a rate."""
    fig = Figure(figsize=(5.8, 2.6))
    axes = fig.subplots(1, 3)
    for ax, (rate, rows) in zip(axes, data.groups("rate"), strict=True):
        bars, line = rows.where(witness="measured"), rows.where(witness="theory")
        histogram(ax, bars["left"], bars["right"], bars["height"], "density", "one draw")
        theory_line(ax, line["left"], line["height"], "density", "theory")
        place, top = rows.where(witness="outlier")["left"][0], line["height"].max()
        ax.annotate("", (place, 0.02 * top), (place, 0.3 * top), arrowprops={"arrowstyle": "->"})
        name = "one at a time" if rate == 0 else f"p = {rate:g}"
        ax.set(title=name, xlabel="eigenvalue $a$", ylim=(0, 1.15 * top))
    axes[0].set_ylabel("density")
    axes[0].legend(loc="upper left", fontsize="small")
    return fig
