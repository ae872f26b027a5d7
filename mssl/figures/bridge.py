"""Figures of the chapter that holds the two parts of the book against each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mssl.baselines import leading_directions
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, colors, direct_label, measured, shade, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import PCATheory, SSRTheory
from mssl.vit import MAE, Contrastive, PatchData, mean_field, train
from mssl.vit.noisy import noisy_attention

__all__ = ["LinearImages", "local_signal"]

CHAPTER = "bridge"
#: Sizes of the local areas of 100 patches, 60 of them global; those of the measurements.
SIZES, MEASURED = (2, 4, 5, 8, 10), (2, 4, 10)
#: Contrast as in the chapters on attention: temperature and regularisation.
CONTRAST = Contrastive(0.1, 1e-4)

METHODS = ("masked_regression", "correlation_pca", "pca")
NAMES = {
    "masked_regression": "masked regression",
    "correlation_pca": "correlation PCA",
    "pca": "PCA",
}
CALLS = {"masked_regression": "regression", "correlation_pca": "correlation", "pca": "pca"}


# Images as vectors --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LinearImages:
    r"""Images of one cluster as vectors of one number a patch, with noise.

    .. math:: x_p = z_{a(p)} - \mathbb E z + \varepsilon_p, \qquad
              \Sigma = \sigma_z^2 \sum_m 1_m 1_m^\top + \mathrm{diag}(v_p)

    Attributes
    ----------
    images : PatchData
        Areas and strengths; its first cluster is used.
    noise : ndarray of shape (n_patches,)
        The variances v.
    """

    images: PatchData
    noise: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """Area of each patch, ndarray of int of shape (n_patches,)."""
        return self.images.areas[0]

    @property
    def strength_variance(self) -> float:
        r""":math:`\sigma_z^2 = (U - L)^2/12`."""
        return (self.images.high - self.images.low) ** 2 / 12

    @property
    def directions(self) -> np.ndarray:
        r""":math:`1_m/\sqrt{C_m}` as columns, ndarray of shape (n_patches, n_areas)."""
        inside = self.areas[:, None] == np.arange(self.images.n_areas)
        return inside / np.sqrt(self.images.sizes)

    @property
    def covariance(self) -> Spiked:
        """The population model."""
        strengths = self.strength_variance * self.images.sizes
        return Spiked(Diagonal(self.noise), strengths, self.directions)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n images, ndarray of shape (n, n_patches)."""
        middle = (self.images.low + self.images.high) / 2
        shape = (n, self.images.n_areas)
        strengths = rng.uniform(self.images.low, self.images.high, shape) - middle
        return strengths[:, self.areas] + rng.normal(size=(n, len(self.noise))) * self.noise**0.5


def _looks(A: np.ndarray, areas: np.ndarray) -> tuple[float, float]:
    """Mean weight of the columns of local patches on their own and on the global area."""
    local = areas > 0
    own = np.sum(A * (areas[:, None] == areas), axis=0)[local]
    return float(own.mean()), float(A[areas == 0].sum(axis=0)[local].mean())


# Theory and measurement side by side: the size of the local areas ---------------------------------

#: Noise of local and of global patches, and ridge, in units of the variance of the strengths.
LOCAL_NOISE, GLOBAL_NOISE, RIDGE = 1.0, 10.0, 0.01


def _world(size: int) -> LinearImages:
    images = PatchData(100, 1, 60, size, 0.5, 1.0, 0.5)
    level = np.where(images.areas[0] > 0, LOCAL_NOISE, GLOBAL_NOISE)
    return LinearImages(images, level * LinearImages(images, level).strength_variance)


def _row(side, method, witness, size, own, globe, errors=(np.nan, np.nan)) -> Table:
    return Table(
        {
            "side": [side], "method": method, "witness": witness, "size": size,
            "own": float(own), "globe": float(globe),
            "own_se": float(errors[0]), "globe_se": float(errors[1]),
        }
    )  # fmt: skip


def _linear_unit(rng, *, size, n, trials) -> Table:
    world = _world(size)
    ridge = RIDGE * world.strength_variance
    sigma, areas, u = world.covariance, world.areas, world.directions
    R = np.linalg.inv(sigma.dense() + SSRTheory(sigma, n, ridge).kappa * np.eye(sigma.d))
    top = PCATheory(sigma, n).outliers[0]
    rows = [
        _row("linear", "masked_regression", "theory", size,
             *_looks(np.eye(sigma.d) - R / np.diag(R), areas)),
        _row("linear", "pca", "theory", size,
             np.mean([top.overlap(x) for x in u.T[1:]]), top.overlap(u[:, 0])),
    ]  # fmt: skip

    if not trials:
        return Table.concat(rows)

    def trial(generator):
        X = world.sample(n, generator)
        w = leading_directions(X, "pca")[0]
        seen = [w.overlaps(x)[1] for x in u.T]
        fit = MaskedRegression(ridge=ridge).fit(X).coef_
        return [*_looks(fit, areas), np.mean(seen[1:]), seen[0]]

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    for k, method in enumerate(("masked_regression", "pca")):
        part = slice(2 * k, 2 * k + 2)
        rows.append(_row("linear", method, "measured", size, *mean[part], error[part]))
    return Table.concat(rows)


def _attention_unit(rng, *, size, seeds, mae_steps, contrast_steps) -> Table:
    data = PatchData(100, 3, 60, size, 0.5, 1.0, 0.5)
    jobs = (
        ("masked_regression", MAE(), mae_steps, 8.0, {"average_counts": True}),
        ("pca", CONTRAST, contrast_steps, 200.0, {"batch_size": 32}),
    )
    rows = []
    for method, objective, steps, rate, options in jobs:
        course = mean_field(data, objective, [0.0, steps * rate], **options)
        rows.append(
            _row("attention", method, "theory", size,
                 course.attention_own[-1], course.attention_global[-1])
        )  # fmt: skip
        for witness, frozen in (("measured", True), ("free", False))[: 2 if seeds else 0]:
            ends = []
            for generator in rng.spawn(seeds):
                run = train(
                    data, objective, steps, rate, 32, generator,
                    freeze_positions=frozen, record_every=steps, evaluation_batches=4,
                )  # fmt: skip
                ends.append([run.attention_own[-1], run.attention_global[-1]])
            mean, error = mean_and_error(ends)
            rows.append(_row("attention", method, witness, size, *mean, error))
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
    chapter=CHAPTER,
    seed=8401,
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
                    _open_points(
                        ax, free["size"], free[column], free[f"{column}_se"], method, level
                    )
        ax.set(xlabel="patches of a local area", title=titles[side], ylim=(-0.03, 1.03))
        ax.set_xticks([2, 4, 6, 8, 10])
    axes[0].set_ylabel("share on an area")
    names = {"masked_regression": "masked regression | MAE", "pca": "PCA | contrastive"}
    handles = [
        Line2D([], [], color=shade(m, level), linestyle=line, marker=KINDS[m].marker,
               label=f"{name}: {where}")
        for m, name in names.items()
        for where, line, level in (("own area", "-", 1.0), ("global area", "--", 0.45))
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1.2)
    return fig


def _open_points(ax, x, y, error, kind: str, level: float = 1.0) -> None:
    ax.errorbar(
        x, y, yerr=error, fmt=KINDS[kind].marker,
        color=shade(kind, level), markerfacecolor="white", markeredgecolor=shade(kind, level),
        markeredgewidth=1.4, elinewidth=1.2, linestyle="none", zorder=3,
    )  # fmt: skip


# Local signals under unequal noise ----------------------------------------------------------------

#: Noise of quiet and of loud coordinates, strength, ridge and d/n.
QUIET, LOUD, STRENGTH, LOCAL_RIDGE, GAMMA = 0.3, 3.0, 2.0, 0.05, 2.0 / 3.0
READINGS = ("right", "symmetric", "left")


def local_signal(d: int, size: int, strength: float = STRENGTH) -> Spiked:
    """Noise that is quiet on even and loud on odd coordinates, and a signal on quiet ones.

    Parameters
    ----------
    d : int
        Number of coordinates.
    size : int
        Number of coordinates that the signal sits on.
    strength : float
        Its strength.

    Returns
    -------
    Spiked
    """
    u = np.zeros((d, 1))
    u[: 2 * size : 2] = size**-0.5
    return Spiked(Diagonal(np.where(np.arange(d) % 2 == 0, QUIET, LOUD)), strength, u)


def _overlap_rows(witness, size, method, values, errors=(np.nan,) * 3) -> Table:
    return Table(
        {
            "witness": witness, "size": size, "method": method, "which": list(READINGS),
            "overlap": np.asarray(values, dtype=float), "standard_error": np.asarray(errors),
        }
    )  # fmt: skip


def _local_theory(rng, *, d, size) -> Table:
    model, n = local_signal(d, size), round(d / GAMMA)
    u, rows = model.directions[:, 0], []
    theories = {
        "masked_regression": SSRTheory(model, n, LOCAL_RIDGE),
        "correlation_pca": PCATheory(model, n, True),
        "pca": PCATheory(model, n),
    }
    for method, theory in theories.items():
        above = [o for o in theory.outliers if o.side == "above"]
        values = [above[0].overlap(u, which) if above else 0.0 for which in READINGS]
        rows.append(_overlap_rows("theory", size, method, values))
    return Table.concat(rows)


def _local_measured(rng, *, d, size, trials) -> Table:
    model, n = local_signal(d, size), round(d / GAMMA)
    u = model.directions[:, 0]

    def trial(generator):
        X = model.sample(n, generator)
        found = []
        for method in METHODS:
            ridge = LOCAL_RIDGE if method == "masked_regression" else None
            found.append(leading_directions(X, CALLS[method], ridge=ridge)[0].overlaps(u))
        return found

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    return Table.concat(
        _overlap_rows("measured", size, method, mean[k], error[k])
        for k, method in enumerate(METHODS)
    )


def compute_bridge_local(run: Run) -> Table:
    """Overlap with a signal on few quiet coordinates, against their number."""
    large, d = run.pick(test=60, quick=400, paper=800), run.pick(test=60, quick=240, paper=800)
    lines = run.pick(test=(2, 8), quick=(2, 3, 4, 6, 8, 12, 20), paper=tuple(range(2, 31)))
    points = run.pick(test=(2, 8), quick=(2, 4, 8, 20), paper=(2, 3, 4, 6, 8, 12, 20, 30))
    trials = run.pick(test=2, quick=10, paper=30)
    return Table.concat(
        [
            run.map("theory", _local_theory, [{"d": large, "size": s} for s in lines]),
            run.map(
                "measured",
                _local_measured,
                [{"d": d, "size": s, "trials": trials} for s in points],
            ),
        ]
    )


@figure(
    "bridge_local",
    compute=compute_bridge_local,
    title="Local signals under unequal noise",
    alt="Overlap against the number of coordinates that a signal of fixed strength sits on. Masked "
    "regression is high already for two coordinates and rises a little; correlation PCA starts at "
    "zero and comes near masked regression at twenty; PCA stays at zero. Points follow the lines "
    "except for correlation PCA on the smallest supports, where they lie above them.",
    caption="Squared cosine between the first filter of each method and a signal of strength 2 "
    "that is flat on a few quiet coordinates; noise 0.3 and 3 on alternate coordinates, two "
    "coordinates for every three samples, ridge 0.05. Lines are theory, points means over trials "
    "with one standard error.",
    chapter=CHAPTER,
    seed=8402,
    missing=("standard_error",),
)
def draw_bridge_local(data: Table) -> Figure:
    """Draw the overlap of the filter of each method."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    rows = data.where(which="right")
    for method in METHODS:
        line = rows.where(method=method, witness="theory")
        theory_line(ax, line["size"], line["overlap"], method)
        points = rows.where(method=method, witness="measured")
        measured(ax, points["size"], points["overlap"], points["standard_error"], method)
    last = rows.where(witness="theory")["size"].max()
    for method, y, text in (
        ("masked_regression", 0.97, "masked regression"),
        ("correlation_pca", 0.80, "correlation PCA"),
        ("pca", 0.07, "PCA"),
    ):
        direct_label(ax, last, y, text, method, offset=(0, 0), align="right")
    ax.set(xlabel="coordinates of the signal", ylabel="overlap with the signal", ylim=(-0.03, 1.03))
    ax.set_xticks([2, 4, 8, 12, 16, 20])
    return fig


# Noisy patches ------------------------------------------------------------------------------------


#: Quiet noise in the experiment with noisy patches, and the sizes of the areas of 60 patches.
NOISE, NOISY_SIZES = 0.02, (60, 30, 5)
_CASES = {
    "MAE": ("mae", False, 8.0),
    "contrastive": ("contrastive", False, 60.0),
    "contrastive, fresh noise": ("contrastive", True, 60.0),
}


def _alternate(P: int, ratio: float) -> np.ndarray:
    return np.where(np.arange(P) % 2 == 0, NOISE, ratio * NOISE)


def _ratio_row(side, method, witness, ratio, value, error=np.nan) -> Table:
    return Table(
        {
            "side": [side], "method": method, "witness": witness, "ratio": float(ratio),
            "preference": float(value), "standard_error": float(error),
        }
    )  # fmt: skip


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
    rows = [_ratio_row("linear", m, "theory", ratio, v) for m, v in zip(names, values, strict=True)]
    if trials:
        mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
        rows += [
            _ratio_row("linear", m, "measured", ratio, *pair)
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
        _ratio_row("attention", case, witness, ratio, mean[k], error[k])
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
    chapter=CHAPTER,
    seed=8403,
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
                _open_points(ax, aside * x, y, error, kind)
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
