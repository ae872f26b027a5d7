"""How long the phases last: the figure ``vit_phase_times``."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.vit import PatchData, leading_order_times, phase_times
from mssl.vit.flow import Reconstruction
from mssl.vit.mean_field import solve

#: Exponents (global, local) of the two families of growing images.
FAMILIES = {"positive gap": (0.9, 0.6), "negative gap": (0.75, 0.7)}


@cache
def _times(name: str, n_patches: int) -> tuple[tuple[float, ...], ...]:
    data = PatchData.from_exponents(n_patches, 3, *FAMILIES[name], 0.5, 1.0, 0.5)
    names = ("unlearning", "crossing", "learning")
    return tuple(
        tuple(np.array([getattr(t, n) for n in names], dtype=float))
        for t in (phase_times(data), leading_order_times(data))
    )


def learning_with_global_held(data: PatchData) -> float:
    r"""Time of learning in the mean field when local patches never unlearn the global feature.

    .. math:: \Phi_{\mathrm{global}} = 0, \qquad A_{\mathrm{own}}(t) = \tfrac12

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.

    Returns
    -------
    float
        In time of gradient flow.
    """
    flow = Reconstruction(data, average_counts=False)
    free = np.array([1.0, 0.0, 1.0, 1.0, 1.0])

    def learning(t, y):
        return flow(y).local[0] - 0.5

    end = 2 * leading_order_times(data).learning
    course = solve(
        lambda t, y: free * flow(y).velocity, end, 5, 1e-8, end, data.high, events=learning
    )
    return float(course.t_events[0][0])


def _phase_unit(rng, *, name, n_patches) -> Table:
    del rng  # nothing is drawn
    found, leading = _times(name, n_patches)
    return Table(
        {
            "setting": np.full(3, name),
            "phase": ["unlearning", "crossing", "learning"],
            "n_patches": np.full(3, n_patches),
            "time": found,
            "leading": leading,
        }
    )


def compute_phase_times(run: Run) -> Table:
    """Phase times of the mean field over the number of patches, with their leading order."""
    powers = run.pick(test=(3, 5), quick=(3, 4, 5, 6, 7, 8), paper=np.arange(3, 8.01, 0.25))
    return run.map(
        "phases",
        _phase_unit,
        [{"name": n, "n_patches": round(10.0**p)} for n in FAMILIES for p in powers],
    )


@figure(
    "vit_phase_times",
    compute=compute_phase_times,
    title="How long the phases last",
    alt="Two panels of times against the number of patches on logarithmic axes. Left, positive "
    "gap: points for learning, crossing and unlearning rise along their lines, unlearning at half "
    "the slope of learning; unlearning lies above crossing for small images and below it for large "
    "ones. Right, "
    "negative gap: points for learning alone, which approach a line of slope 0.3 from above.",
    caption="Phase times of the mean field (points) and their leading order from the reduced "
    "equations (lines) against the number of patches. Left: global and local areas with exponents "
    "0.9 and 0.6, information gap 0.2. Right: 0.75 and 0.7, gap $-0.2$, where the first phase does "
    "not exist. "
    "Unlearning: the logit of the global feature has fallen by 1. Crossing: that of the own one "
    "moves faster from here on. Learning: half of the attention is on the own area. A time for "
    "unlearning is given where it comes before learning; at the smallest size the reduced "
    "equations have it after, so that the point has no line.",
    chapter="vit_mae",
    seed=8005,
    columns={
        "phase": "which time",
        "leading": "time to leading order in the number of patches",
    },
    missing=("time", "leading"),
)
def draw_phase_times(data: Table) -> Figure:
    """Draw the phase times of both families, one panel each."""
    fig = Figure(figsize=(6.8, 4.0))
    axes = fig.subplots(1, 2, sharey=True)
    look = {"learning": "masked_regression", "crossing": "correlation_pca", "unlearning": "pca"}
    for ax, (name, rows) in zip(axes, data.groups("setting"), strict=True):
        for phase, kind in look.items():
            points = rows.where(phase=phase)
            there = np.isfinite(points["time"])
            if not there.any():
                continue
            x = points["n_patches"][there].astype(float)
            theory_line(ax, x, points["leading"][there], kind, line="-")
            measured(ax, x, points["time"][there], None, kind)
            i, place, align = {
                "learning": (len(x) // 2, (-10, 12), "right"),
                "crossing": (0, (14, 0), "left"),
                "unlearning": (-1, (0, -34), "right"),
            }[phase]
            y = points["time"][there][i]
            direct_label(ax, x[i], y, phase, kind, offset=place, align=align)
        ax.set(xscale="log", yscale="log", xlabel="patches P", title=name)
    axes[0].set_ylabel("time of gradient flow")
    return fig
