"""Where a local patch looks: linear methods and attention: the figure ``bridge``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from mssl.baselines import leading_directions
from mssl.chapters.bridge.drawing import open_points
from mssl.chapters.bridge.worlds import LinearImages
from mssl.chapters.courses import train_seeds
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, measured, shade, theory_line
from mssl.figures.table import Table, table_of
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import PCATheory, SSRTheory
from mssl.vit import MAE, Contrastive, PatchData, mean_field

#: Sizes of the local areas of 100 patches, 60 of them global; those of the measurements.
SIZES, MEASURED = (2, 4, 5, 8, 10), (2, 4, 10)

#: Contrast as in the chapters on attention: temperature and regularisation.
CONTRAST = Contrastive(0.1, 1e-4)


def _looks(A: np.ndarray, areas: np.ndarray) -> tuple[float, float]:
    """Mean weight of the columns of local patches on their own and on the global area."""
    local = areas > 0
    own = np.sum(A * (areas[:, None] == areas), axis=0)[local]
    return float(own.mean()), float(A[areas == 0].sum(axis=0)[local].mean())


#: Noise of local and of global patches, and ridge, in units of the variance of the strengths.
LOCAL_NOISE, GLOBAL_NOISE, RIDGE = 1.0, 10.0, 0.01


def _world(size: int) -> LinearImages:
    images = PatchData(100, 1, 60, size, 0.5, 1.0, 0.5)
    level = np.where(images.areas[0] > 0, LOCAL_NOISE, GLOBAL_NOISE)
    return LinearImages(images, level * LinearImages(images, level).strength_variance)


_shares_table = table_of("side", "method", "witness", "size", "own", "globe", "own_se", "globe_se")


def _row(side, method, witness, size, shares, errors=(np.nan, np.nan)) -> Table:
    return _shares_table([side], method, witness, size, *map(float, shares), *errors)


def _linear_unit(rng, *, size, n, trials) -> Table:
    world = _world(size)
    ridge = RIDGE * world.strength_variance
    sigma, areas, u = world.covariance, world.areas, world.directions
    R = np.linalg.inv(sigma.dense() + SSRTheory(sigma, n, ridge).kappa * np.eye(sigma.d))
    top = PCATheory(sigma, n).outliers[0]
    rows = [
        _row("linear", "masked_regression", "theory", size,
             _looks(np.eye(sigma.d) - R / np.diag(R), areas)),
        _row("linear", "pca", "theory", size,
             (np.mean([top.overlap(x) for x in u.T[1:]]), top.overlap(u[:, 0]))),
    ]  # fmt: skip

    if not trials:
        return Table.concat(rows)

    def trial(generator):
        X = world.sample(n, generator)
        w = leading_directions(X, "pca")[0]
        seen = [w.overlaps(x)[1] for x in u.T]
        fit = MaskedRegression(ridge=ridge).fit(X).coef_
        return [*map(float, _looks(fit, areas)), float(np.mean(seen[1:])), float(seen[0])]

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    for k, method in enumerate(("masked_regression", "pca")):
        part = slice(2 * k, 2 * k + 2)
        rows.append(_row("linear", method, "measured", size, mean[part], error[part]))
    return Table.concat(rows)


def _attention_unit(rng, *, size, seeds, mae_steps, contrast_steps) -> Table:
    data = PatchData(100, 3, 60, size, 0.5, 1.0, 0.5)
    jobs = (
        ("masked_regression", MAE(), mae_steps, 8.0),
        ("pca", CONTRAST, contrast_steps, 200.0),
    )
    rows = []
    for method, objective, steps, rate in jobs:
        times = [0.0, steps * rate]
        if method == "pca":
            course = mean_field(data, objective, times, batch_size=32)
        else:
            course = mean_field(data, objective, times, average_counts=True)
        rows.append(
            _row("attention", method, "theory", size,
                 (course.attention_own[-1], course.attention_global[-1]))
        )  # fmt: skip
        for witness, frozen in (("measured", True), ("free", False))[: 2 if seeds else 0]:
            runs = train_seeds(
                data, objective, steps, rate, 32, rng, seeds,
                freeze_positions=frozen, record_every=steps, evaluation_batches=4,
            )  # fmt: skip
            ends = [[run.attention_own[-1], run.attention_global[-1]] for run in runs]
            mean, error = mean_and_error(ends)
            rows.append(_row("attention", method, witness, size, mean, error))
    return Table.concat(rows)


def compute_bridge(run: Run) -> Table:
    """Where local patches look, against the size of the local areas, linear and with attention."""
    lines, points = run.pick(test=((5,), (5,)), quick=(SIZES, MEASURED), paper=(SIZES, SIZES))
    trials, seeds = run.pick(test=2, quick=8, paper=40), run.pick(test=2, quick=2, paper=8)
    options = {
        "mae_steps": run.pick(test=10, quick=150, paper=300),
        "contrast_steps": run.pick(test=5, quick=30, paper=100),
    }
    linear = [{"size": s, "n": 200, "trials": trials * (s in points)} for s in lines]
    attention = [{"size": s, "seeds": seeds * (s in points), **options} for s in lines]
    return Table.concat(
        [
            run.map("linear", _linear_unit, linear),
            run.map("attention", _attention_unit, attention),
        ]
    )


@figure(
    "bridge",
    compute=compute_bridge,
    title="Where a local patch looks: linear methods and attention",
    alt="Two panels over the size of the local areas. Left, linear methods: the weight of masked "
    "regression on a patch's own area rises from a half to nearly one, its weight on the global "
    "area is zero; the first direction of PCA lies on the global area and holds nothing of a local "
    "one. Right, attention: masked autoencoding puts the more attention on the own area the larger "
    "it is, most of it from four patches on. For pairs it has nearly none there with positions "
    "frozen and almost a half with positions free. Contrastive learning puts most of its attention "
    "on the global area for every size.",
    caption="Solid: share on the patch's own local area; dashed: on the global area of 60 of 100 "
    "patches. Left: columns of masked regression and first direction of PCA, 200 noisy images, the "
    "global patches ten times as noisy. Right: attention of masked local patches after training. "
    "Lines are theory (right: mean field, positions frozen), full points the measurement it is "
    "for, open points training with positions free; bars of one standard error.",
    chapter="bridge",
    seed=8401,
    columns={
        "own": "share on the own local area",
        "own_se": "standard error of own",
        "globe": "share on the global area",
        "globe_se": "standard error of globe",
        "size": "number of patches of a local area",
    },
    missing=("own_se", "globe_se"),
)
def draw_bridge(data: Table) -> Figure:
    """Draw the linear side and the attention side on one axis."""
    fig = Figure(figsize=(7.2, 4.4))
    axes = fig.subplots(1, 2, sharey=True)
    titles = {"linear": "linear, with noise", "attention": "attention, without noise"}
    for ax, (side, rows) in zip(axes, data.groups("side"), strict=True):
        for method, part in rows.groups("method"):
            for column, line, level in (("own", "-", 1.0), ("globe", "--", 0.45)):
                theory = part.where(witness="theory")
                theory_line(ax, theory["size"], theory[column], method, line=line, level=level)
                points = part.where(witness="measured")
                measured(
                    ax, points["size"], points[column], points[f"{column}_se"], method, level=level
                )
                if side == "attention":
                    free = part.where(witness="free")
                    open_points(ax, free["size"], free[column], free[f"{column}_se"], method, level)
        ax.set(xlabel="patches of a local area", title=titles[side], ylim=(-0.03, 1.03))
        ax.set_xticks([2, 4, 6, 8, 10])
    axes[0].set_ylabel("share on an area")
    names = {"masked_regression": "masked regression | MAE", "pca": "PCA | contrastive"}
    readings: tuple[tuple[str, LineStyleType, float], ...] = (
        ("own area", "-", 1.0),
        ("global area", "--", 0.45),
    )
    handles = [
        Line2D([], [], color=shade(m, level), linestyle=line, marker=KINDS[m].marker,
               label=f"{name}: {where}")
        for m, name in names.items()
        for where, line, level in readings
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1.2)
    return fig
