"""The information gap decides what is learned first: the figure ``vit_first_step``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.vit import MAE, Parameters, PatchData


def first_rates(data: PatchData) -> tuple[float, float]:
    r"""Exact velocities of a local patch at the start of masked reconstruction.

    .. math:: \dot\Phi_{\mathrm{own}}, \qquad \dot\Phi_{\mathrm{global}}
              \qquad\text{at}\quad \Phi = 0,\ \Upsilon = 0

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.

    Returns
    -------
    own, globe : float
        Under gradient flow of the population loss, visible counts and strengths averaged exactly.
    """
    if not isinstance(data.local_size, int):
        raise ValueError(
            f"first_rates needs local areas of equal size, got {data.local_size}; give one size."
        )
    P, h, K = data.n_patches, data.n_hidden, data.n_clusters
    V, s, g, others = P - h, data.local_size, data.global_size, data.n_local - 1
    k = np.arange(2, 5)
    moment = np.ones(4)
    if data.high > data.low:
        moment[1:] = (data.high**k - data.low**k) / (k * (data.high - data.low))
    else:
        moment[1:] = data.high ** (k - 1)

    def falling(n, j):
        return float(np.prod(float(n) - np.arange(j)))

    def joint(a, i, b, j):
        """Factorial moment of the visible counts of two areas, given that the query is masked."""
        chance = falling(V, i + j) / falling(P - 1, i + j)
        return falling(a, i) * falling(b, j) * chance

    def power(a, n):
        """Mean of the n-th power of one count."""
        stirling = {1: (1,), 2: (1, 1), 3: (1, 3, 1)}[n]
        return sum(c * joint(a, i + 1, 0, 0) for i, c in enumerate(stirling))

    def mixed(a, b):
        """Mean of one count times the square of another."""
        return joint(a, 1, b, 2) + joint(a, 1, b, 1)

    own = s - 1  # the query itself is masked
    same, cross = moment[3], moment[1] * moment[2]
    up = same * (power(own, 1) - 2 * power(own, 2) / P + power(own, 3) / P**2)
    up += cross * (mixed(own, g) + others * mixed(own, s)) / P**2
    down = same * (power(g, 2) - power(g, 3) / P) / P
    down += cross * (joint(g, 1, own, 1) - mixed(g, own) / P) / P
    down -= cross * others * mixed(g, s) / P**2
    scale = h / (P * K * P)
    return scale * up, -scale * down


def _measured_rates(data: PatchData, rng, batches: int, images: int) -> tuple[np.ndarray, ...]:
    """Means over batches of the two velocities, and their covariance of the mean."""
    start, areas = Parameters.zeros(data), data.areas.T
    local = areas > 0
    rows = []
    for generator in rng.spawn(batches):
        batch = data.draw(images, generator)
        slope = MAE().loss_and_gradient(data, start, batch, positions=False)[1].phi
        own = np.take_along_axis(slope, areas[:, :, None], axis=2)[:, :, 0]
        rows.append([-own[local].mean(), -slope[:, :, 0][local].mean()])
    rows = np.array(rows)
    return rows.mean(axis=0), np.cov(rows.T) / batches


def _first_unit(rng, *, globe, local, batches, images) -> Table:
    data = PatchData(100, 3, globe, local, 0.5, 1.0, 0.5)
    mean, covariance = _measured_rates(data, rng, batches, images)
    ratio = -mean[1] / mean[0]
    slope = np.array([-1 / mean[0], 1 / mean[1]]) * ratio
    own, global_rate = first_rates(data)
    visible = 1 - data.mask_rate
    return Table(
        {
            "global_size": [globe],
            "local_size": [local],
            "gap": [data.information_gap],
            "leading": [visible * 100**data.information_gap],
            "exact": [-global_rate / own],
            "measured": [ratio],
            "standard_error": [float(np.sqrt(slope @ covariance @ slope))],
        }
    )


def compute_first_step(run: Run) -> Table:
    """The two velocities at the start, measured and exact, over sizes of areas."""
    sizes = run.pick(
        test=((60, (5, 20)), (28, (4, 12))),
        quick=((60, (2, 4, 5, 8, 10, 20)), (28, (2, 3, 4, 6, 9, 12, 18, 24))),
        paper=((60, (2, 4, 5, 8, 10, 20)), (28, (2, 3, 4, 6, 9, 12, 18, 24))),
    )
    batches, images = run.pick(test=(4, 50), quick=(16, 60), paper=(100, 400))
    return run.map(
        "first",
        _first_unit,
        [
            {"globe": g, "local": s, "batches": batches, "images": images}
            for g, locals_ in sizes
            for s in locals_
        ],
    )


@figure(
    "vit_first_step",
    compute=compute_first_step,
    title="The information gap decides what is learned first",
    alt="On a logarithmic axis, the ratio of the two first velocities against the information gap: "
    "two rising curves, one for each size of the global area, run through their measured points. "
    "They cross the level one at small positive gaps. A dashed straight line, the leading order, "
    "runs below the curve of the small global area everywhere and close to that of the large one.",
    caption="How fast a local patch first unlearns the global feature, relative to how fast it "
    "first learns its own; 100 patches, half masked. Points: gradients at the start, with "
    "bars of one standard error. Lines: exact averages. Dashed: the leading order in the number "
    "of patches. Above the dotted level unlearning comes first.",
    chapter="vit_mae",
    seed=8002,
    columns={
        "leading": "ratio of velocities to leading order in the number of patches",
        "exact": "ratio of velocities, exact averages",
        "measured": "ratio of velocities, measured",
    },
)
def draw_first_step(data: Table) -> Figure:
    """Draw the ratio of the first velocities against the gap, one curve a global size."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    order = np.argsort(data["gap"])
    gap, leading = data["gap"][order], data["leading"][order]
    theory_line(ax, gap, leading, "reference")
    ax.axhline(1.0, color="#999999", linestyle=":", linewidth=1.2, zorder=1)
    for (size, rows), kind in zip(data.groups("global_size"), ("test", "ar1"), strict=True):
        theory_line(ax, rows["gap"], rows["exact"], kind, f"global area of {size}")
        measured(ax, rows["gap"], rows["measured"], rows["standard_error"], kind)
    direct_label(ax, gap[0], leading[0], "leading order", "reference", offset=(40, 6))
    ax.set(
        yscale="log",
        xlabel=r"information gap $\Delta$",
        ylabel=r"$-\dot\Phi_{\mathrm{global}}\,/\,\dot\Phi_{\mathrm{own}}$ at the start",
    )
    ax.legend(loc="lower right")
    return fig
