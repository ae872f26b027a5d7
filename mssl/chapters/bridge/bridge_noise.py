"""Loud and quiet patches of one area: the figure ``bridge_noise``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mssl.baselines import leading_directions
from mssl.chapters.bridge.drawing import open_points
from mssl.chapters.bridge.worlds import LinearImages
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, colors, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import PCATheory, SSRTheory
from mssl.vit import PatchData
from mssl.vit.noisy import noisy_attention

#: Quiet noise in the experiment with noisy patches, and the sizes of the areas of 60 patches.
NOISE, NOISY_SIZES = 0.02, (60, 30, 5)

_CASES = {
    "MAE": ("mae", False, 8.0),
    "contrastive": ("contrastive", False, 60.0),
    "contrastive, fresh noise": ("contrastive", True, 60.0),
}


def _alternate(P: int, ratio: float) -> np.ndarray:
    return np.where(np.arange(P) % 2 == 0, NOISE, ratio * NOISE)


_ratio_row = table_of("side", "method", "witness", "ratio", "preference", "standard_error")


def _ratio_linear(rng, *, ratio, n, trials) -> Table:
    P, globe, size = NOISY_SIZES
    world = LinearImages(PatchData(P, 1, globe, size, 0.5, 1.0, 0.5), _alternate(P, ratio))
    loud, areas, sigma = np.arange(P) % 2 == 1, world.areas, world.covariance
    ridge = 1e-4
    same = (areas[:, None] == areas) & (areas > 0) & ~np.eye(P, dtype=bool)
    probes = [(areas == 0) & loud, (areas == 0) & ~loud]

    def masked(A):
        return A[same & loud[:, None]].mean() / A[same & ~loud[:, None]].mean()

    def pca(overlap):
        return overlap(probes[0]) / overlap(probes[1]) * probes[1].sum() / probes[0].sum()

    R = np.linalg.inv(sigma.dense() + SSRTheory(sigma, n, ridge).kappa * np.eye(P))
    top = PCATheory(sigma, n).outliers[0]

    def trial(generator):
        X = world.sample(n, generator)
        w = leading_directions(X, "pca")[0]
        fit = MaskedRegression(ridge=ridge).fit(X).coef_
        return masked(fit), pca(lambda x: w.overlaps(x.astype(float))[1])

    values = (masked(np.eye(P) - R / np.diag(R)), pca(lambda x: top.overlap(x.astype(float))))
    names = ("masked regression", "PCA")
    rows = [
        _ratio_row("linear", m, "theory", float(ratio), float(v))
        for m, v in zip(names, values, strict=True)
    ]
    if trials:
        mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
        rows += [
            _ratio_row("linear", m, "measured", float(ratio), *pair)
            for m, *pair in zip(names, mean, error, strict=True)
        ]
    return Table.concat(rows)


def _ratio_attention(rng, *, ratio, case, seeds, steps, batch) -> Table:
    P, globe, size = NOISY_SIZES
    data = PatchData(P, 3, globe, size, 0.5, 1.0, 0.5)
    loud = np.arange(P) % 2 == 1
    objective, fresh, rate = _CASES[case]
    found = []
    for generator in rng.spawn(seeds):
        attention, own, visible, positions = noisy_attention(
            data, _alternate(P, ratio), objective, steps=steps, rate=rate, batch=batch,
            rng=generator, fresh=fresh, evaluated=128,
        )  # fmt: skip
        query = (own > 0) & ~visible
        if objective == "mae":
            keys = own[:, :, None] == own[:, None, :]
        else:
            keys = np.broadcast_to((own == 0)[:, None, :], attention.shape)
        keys = keys & query[:, :, None] & visible[:, None, :]
        weights = (attention, np.broadcast_to(positions, attention.shape))
        found.append([w[keys & loud].mean() / w[keys & ~loud].mean() for w in weights])
    mean, error = mean_and_error(found)
    return Table.concat(
        _ratio_row("attention", case, witness, float(ratio), mean[k], error[k])
        for k, witness in enumerate(("measured", "positions"))
    )


def compute_bridge_noise(run: Run) -> Table:
    """Weight on loud over weight on quiet patches of the same area, against their noise ratio."""
    fine = run.pick(
        test=(1.0, 8.0),
        quick=(1.0, 2.0, 4.0, 6.0, 10.0, 16.0),
        paper=(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 16.0),
    )
    ratios = run.pick(test=(1.0, 8.0), quick=(1.0, 4.0, 16.0), paper=(1.0, 2.0, 4.0, 8.0, 16.0))
    trials = run.pick(test=2, quick=20, paper=100)
    options = {
        "seeds": run.pick(test=2, quick=3, paper=8),
        "steps": run.pick(test=4, quick=150, paper=400),
        "batch": run.pick(test=8, quick=16, paper=48),
    }
    linear = [{"ratio": r, "n": 200, "trials": trials * (r in ratios)} for r in fine]
    attention = [{"ratio": r, "case": c, **options} for c in _CASES for r in ratios]
    return Table.concat(
        [
            run.map("linear", _ratio_linear, linear),
            run.map("attention", _ratio_attention, attention),
        ]
    )


@figure(
    "bridge_noise",
    compute=compute_bridge_noise,
    title="Loud and quiet patches of one area",
    alt="Two panels on logarithmic axes, the weight on loud over that on quiet patches of the same "
    "area against the ratio of their noise. Left, linear: masked regression falls in inverse "
    "proportion to the noise, PCA rises above one. Right, attention: masked autoencoding falls too "
    "but less steeply, its positions alone more steeply than it; contrastive learning stays near "
    "one with shared and with fresh noise, its positions alone at one or below.",
    caption="Preference for loud patches, 1 meaning none. Masked regression and MAE: within the "
    "own area of a local patch. PCA (squared entries) and contrastive learning: within the global "
    "area. Half of the patches are loud. Lines are theory, points means with one standard error; "
    "there is no theory for the right panel. Open points: what positions alone would give "
    "(triangles are shifted to the right).",
    chapter="bridge",
    seed=8403,
    columns={
        "preference": "weight on loud over weight on quiet patches of one area",
    },
    missing=("standard_error",),
)
def draw_bridge_noise(data: Table) -> Figure:
    """Draw the preference for loud patches, one panel a side."""
    fig = Figure(figsize=(7.2, 4.2))
    axes = fig.subplots(1, 2, sharey=True)
    look = {
        "masked regression": "masked_regression", "MAE": "masked_regression", "PCA": "pca",
        "contrastive": "pca", "contrastive, fresh noise": "factor_analysis",
    }  # fmt: skip
    for ax, (side, rows) in zip(axes, data.groups("side"), strict=True):
        ax.axhline(1.0, color=colors["reference"], linestyle=":", linewidth=1.2, zorder=1)
        for method, part in rows.groups("method"):
            kind = look[method]
            if side == "linear":
                line = part.where(witness="theory")
                theory_line(ax, line["ratio"], line["preference"], kind)
            points = part.where(witness="measured")
            aside = 1.15 if method == "contrastive, fresh noise" else 1.0
            measured(
                ax,
                aside * points["ratio"],
                points["preference"],
                points["standard_error"],
                kind,
            )
            if side == "attention":
                alone = part.where(witness="positions")
                x, y, error = (alone[c] for c in ("ratio", "preference", "standard_error"))
                open_points(ax, aside * x, y, error, kind)
        ratios = rows.where(witness="measured").unique("ratio")
        ax.set(xscale="log", yscale="log", xlabel="noise of loud over quiet patches", title=side)
        ax.set_xticks(ratios, [f"{r:g}" for r in ratios])
        ticks = [0.1, 0.2, 0.5, 1, 2]
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
    axes[0].set_ylabel("weight on loud over quiet patches")
    names = {
        "masked regression | MAE": "masked_regression", "PCA | contrastive": "pca",
        "contrastive, fresh noise in each view": "factor_analysis",
    }  # fmt: skip
    handles = [
        Line2D([], [], color=colors[k], marker=KINDS[k].marker, label=name, linestyle="none")
        for name, k in names.items()
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1.2)
    return fig
