"""Figures of the chapter on weighted sums of masked reconstruction and contrast."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.figures.vit import SETTINGS
from mssl.results import mean_and_error
from mssl.vit import (
    MAE,
    Combined,
    Contrastive,
    Parameters,
    PatchData,
    attend,
    attention_distance,
    attention_entropy,
    mean_field,
    normalized_mutual_information,
    train,
)

__all__ = ["BATCH", "TEMPERATURE", "critical_weights", "images", "unit_weight", "weighted"]

CHAPTER = "vit_between"

#: Temperature and batch size of all runs of the chapter.
TEMPERATURE, BATCH = 0.2, 8

#: Exponents (global, local) of two families of growing images.
FAMILIES = {"positive gap": (0.9, 0.6), "negative gap": (0.6, 0.4)}

# Own and global, as in the chapter on masked autoencoding.
_LOOK = {"own": "masked_regression", "global": "pca"}


def images(globe: int, local: int, arrangement: str = "scattered") -> PatchData:
    """Return 100 patches in 3 clusters, half of them masked, with areas of the given sizes.

    Parameters
    ----------
    globe, local : int
        Sizes of the global and of each local area.
    arrangement : {"scattered", "contiguous"}

    Returns
    -------
    PatchData
    """
    return PatchData(100, 3, globe, local, 0.5, 1.0, 0.5, arrangement=arrangement)


def unit_weight(data: PatchData, temperature: float, batch_size: int | None = None) -> float:
    r"""The ratio of weights at which the two losses pull equally at the global feature.

    .. math:: r_0 = \frac{\mu P \tau}{\lambda}, \qquad
              \lambda = \Big(1 - \frac1B\Big)\Big(1 - \frac{m_1 m_2}{K m_3}\Big), \qquad
              m_j = \mathbb E z^j

    Parameters
    ----------
    data : PatchData
    temperature : float
    batch_size : int, optional
        B; many negatives by default.

    Returns
    -------
    float
        The leading order for many patches in small areas, at the start of training.
    """
    powers = np.arange(1, 4)
    if data.high > data.low:
        spread = (powers + 1) * (data.high - data.low)
        m1, m2, m3 = (data.high ** (powers + 1) - data.low ** (powers + 1)) / spread
    else:
        m1, m2, m3 = data.high**powers
    pull = 1.0 - m1 * m2 / (data.n_clusters * m3)
    if batch_size is not None:
        pull *= 1.0 - 1.0 / batch_size
    return data.n_hidden * temperature / pull


def weighted(
    data: PatchData, weight: float, temperature: float = TEMPERATURE, batch_size: int = BATCH
) -> Combined:
    r"""The combined objective of a relative weight.

    .. math:: \alpha = \frac1{1 + \varrho}, \qquad \beta = \frac{\varrho\, r_0}{1 + \varrho}

    Parameters
    ----------
    data : PatchData
    weight : float
        :math:`\varrho = \beta/(\alpha r_0)`; infinity leaves contrast alone.
    temperature, batch_size
        As for :func:`unit_weight`.

    Returns
    -------
    Combined
    """
    alpha = 1.0 / (1.0 + weight)
    return Combined(alpha, (1.0 - alpha) * unit_weight(data, temperature, batch_size), temperature)


def critical_weights(
    data: PatchData, temperature: float = TEMPERATURE, batch_size: int | None = BATCH
) -> tuple[float, float]:
    r"""Ratios of weights at which the first step changes character, in the mean field.

    .. math:: r_y:\ \dot\Phi_{\mathrm{global}} = 0, \qquad
              r_c:\ \dot\Phi_{\mathrm{global}} = \dot\Phi_{\mathrm{own}}
              \qquad\text{at } \Phi = 0

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.
    temperature : float
    batch_size : int, optional
        Many negatives by default of :func:`mssl.vit.mean_field`, when None.

    Returns
    -------
    turning, critical : float
        :math:`r_y` and :math:`r_c`, for a local patch, counts at their means.
    """
    x, y = _first_velocities(data, MAE(), 1e-4)
    contrast = Contrastive(temperature)
    x_c, y_c = _first_velocities(data, contrast, 1e-4 * data.n_patches, batch_size)
    return -y / y_c, (x - y) / (y_c - x_c)


def _first_velocities(data, objective, time, batch_size=None) -> tuple[float, float]:
    """Velocities of Phi own and Phi global, from a time too short for them to change."""
    look = mean_field(data, objective, [time], batch_size=batch_size, rtol=1e-10)
    return float(look.phi_own[0]) / time, float(look.phi_global[0]) / time


# The first step -----------------------------------------------------------------------------------


def _local_slopes(data: PatchData, gradient: Parameters) -> tuple[float, float]:
    """Velocities of local patches to own and global feature, from a gradient."""
    areas = data.areas.T
    own = np.take_along_axis(gradient.phi, areas[:, :, None], axis=2)[:, :, 0]
    return -own[areas > 0].mean(), -gradient.phi[:, :, 0][areas > 0].mean()


def _start(data: PatchData, rng, batches: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Velocities batch by batch, (batches, 4), and the two mean gradients of each half."""
    zero, parts = Parameters.zeros(data), (MAE(), Contrastive(TEMPERATURE))
    rows, totals = [], [[0.0, 0.0], [0.0, 0.0]]
    for index in range(batches):
        batch = data.draw(BATCH, rng, views=2)
        row = []
        for j, part in enumerate(parts):
            slope = part.loss_and_gradient(data, zero, batch)[1]
            row += _local_slopes(data, slope)
            flat = np.concatenate([slope.phi.ravel(), slope.upsilon.ravel()])
            totals[index % 2][j] = totals[index % 2][j] + flat
        rows.append(row)
    return np.array(rows), totals


def _ratios(mean: np.ndarray) -> np.ndarray:
    """The two critical ratios from mean velocities (own, global) of both losses."""
    x, y, x_c, y_c = mean
    return np.array([-y / y_c, (x - y) / (y_c - x_c)])


def _critical_unit(rng, *, globe, local, batches) -> Table:
    data = images(globe, local)
    rows = _start(data, rng, batches)[0]
    n = len(rows)
    # Jackknife: the ratios with one batch left out.
    left_out = np.array([_ratios((n * rows.mean(0) - row) / (n - 1)) for row in rows])
    error = np.sqrt((n - 1) * left_out.var(axis=0))
    unit = unit_weight(data, TEMPERATURE, BATCH)
    own_share = 100**-data.information_gap / (1 - data.mask_rate)
    return Table(
        {
            "panel": np.full(2, "one size"),
            "setting": np.full(2, "fixed global area"),
            "kind": ["turning", "critical"],
            "n_patches": np.full(2, 100),
            "gap": np.full(2, data.information_gap),
            "leading": np.array([1.0, 1.0 + own_share]) * unit,
            "theory": critical_weights(data),
            "measured": _ratios(rows.mean(axis=0)),
            "standard_error": error,
        }
    )


@cache
def _growing(name: str, n_patches: int) -> tuple[float, float]:
    return critical_weights(_large(name, n_patches))


def _large(name: str, n_patches: int) -> PatchData:
    return PatchData.from_exponents(n_patches, 3, *FAMILIES[name], 0.5, 1.0, 0.5)


def _growing_unit(rng, *, name, n_patches) -> Table:
    del rng  # nothing is drawn
    data = _large(name, n_patches)
    gap = data.information_gap  # of the rounded sizes
    unit = unit_weight(data, TEMPERATURE, BATCH)
    return Table(
        {
            "panel": np.full(2, "many sizes"),
            "setting": np.full(2, name),
            "kind": ["turning", "critical"],
            "n_patches": np.full(2, n_patches),
            "gap": np.full(2, gap),
            "leading": np.array([1.0, 1.0 + n_patches**-gap / (1 - data.mask_rate)]) * unit,
            "theory": _growing(name, n_patches),
            "measured": np.full(2, np.nan),
            "standard_error": np.full(2, np.nan),
        }
    )


def compute_critical(run: Run) -> Table:
    """Critical weights: measured at one size, and in the mean field at many."""
    locals_ = run.pick(
        test=(4, 12), quick=(3, 4, 6, 8, 12, 18, 24), paper=(2, 3, 4, 6, 8, 9, 12, 18, 24)
    )
    batches = run.pick(test=20, quick=160, paper=20000)
    powers = run.pick(test=(3, 5), quick=range(3, 9), paper=np.arange(3, 8.1, 0.25))
    one = [{"globe": 28, "local": s, "batches": batches} for s in locals_]
    many = [{"name": n, "n_patches": round(10.0**p)} for n in FAMILIES for p in powers]
    return Table.concat([run.map("one", _critical_unit, one), run.map("many", _growing_unit, many)])


@figure(
    "between_critical",
    compute=compute_critical,
    title="The weights at which the first step changes",
    alt="Top: two curves of the ratio of weights against the information gap on a logarithmic "
    "axis, with measured points on or slightly below them. The lower one is nearly level; the "
    "upper one falls steeply and comes close to the lower one at large gaps. Dashed leading orders "
    "run below each. Bottom: the same ratios divided by the number of patches, against that "
    "number: the critical ratio of the negative gap rises steadily, the others level off together.",
    caption="Top: 100 patches, global area of 28. Ratio of the contrastive to the reconstruction "
    "weight at which a local patch's first velocity towards the global feature is zero "
    "(turning), and at which it equals that towards its own feature (critical). Points: measured "
    "gradients, bars of one standard error; lines: mean field; dashed: leading order. Bottom: mean "
    "field (points) and leading order (lines, dashed for the negative gap), divided by the number "
    "of patches, for growing images.",
    chapter=CHAPTER,
    seed=8301,
    missing=("measured", "standard_error"),
)
def draw_critical(data: Table) -> Figure:
    """Draw critical weights against the gap and against the number of patches."""
    fig = Figure(figsize=(6.8, 7.2))
    top, bottom = fig.subplots(2, 1)
    look = {"turning": "pca", "critical": "test"}
    one = data.where(panel="one size")
    for kind, rows in one.groups("kind"):
        order = np.argsort(rows["gap"])
        gap = rows["gap"][order]
        theory_line(top, gap, rows["theory"][order], look[kind], line="-")
        theory_line(top, gap, rows["leading"][order], look[kind], line="--", level=0.4)
        measured(top, rows["gap"], rows["measured"], rows["standard_error"], look[kind])
        place = {"turning": (0, 10), "critical": (12, 6)}[kind]
        direct_label(top, gap[1], rows["theory"][order][1], kind, look[kind], offset=place)
    top.set(
        yscale="log",
        xlabel=r"information gap $\Delta$",
        ylabel=r"ratio of weights $\beta/\alpha$",
        title="100 patches",
    )
    top.set_yticks([20, 50, 100, 200, 500], labels=["20", "50", "100", "200", "500"])
    top.minorticks_off()
    many = data.where(panel="many sizes")
    places = {
        ("turning", "positive gap"): (0, 0.12, "turning, both"),
        ("critical", "positive gap"): (3, 0.3, "critical, positive gap"),
        ("critical", "negative gap"): (2, 12.0, "critical, negative gap"),
    }
    for (name, family), line in zip(many.groups("setting"), ("-", "--"), strict=True):
        for kind, rows in family.groups("kind"):
            n = rows["n_patches"].astype(float)
            theory_line(bottom, n, rows["leading"] / n, look[kind], line=line)
            measured(bottom, n, rows["theory"] / n, None, look[kind])
            if (kind, name) in places:
                index, height, text = places[kind, name]
                index = min(index, len(n) - 1)
                direct_label(bottom, n[index], height, text, look[kind])
    bottom.set_ylim(bottom=0.1)
    bottom.set(
        xscale="log",
        yscale="log",
        xlabel="patches P",
        ylabel=r"$\beta/(\alpha P)$",
        title="growing images",
    )
    bottom.yaxis.set_minor_formatter("")
    return fig


# Courses ------------------------------------------------------------------------------------------

#: The courses that are followed: (global size, local size, relative weight).
COURSES = {"global first, own later": (60, 5, 3.0), "own first, shared later": (20, 16, 4.0)}
_SHARES = ("attention_own", "attention_global")


def _course_unit(rng, *, name, seeds, steps, rate, every) -> Table:
    globe, local, weight = COURSES[name]
    data = images(globe, local)
    objective = weighted(data, weight)
    runs = [
        train(
            data,
            objective,
            steps,
            rate,
            BATCH,
            generator,
            freeze_positions=True,
            record_every=every,
            evaluation_batches=6,
        )
        for generator in rng.spawn(seeds)
    ]
    # Records thin out evenly in the logarithm of time.
    moments = np.unique(np.geomspace(1, len(runs[0].times) - 1, 14).round().astype(int))
    times = runs[0].times[moments]
    dense = np.geomspace(times[0] / 2, times[-1] * 4, 50)
    theory = mean_field(data, objective, dense, average_counts=True, batch_size=BATCH, rtol=1e-5)
    tables = []
    for witness, t in (("theory", dense), ("measured", times)):
        columns = {"setting": np.full(len(t), name), "witness": np.full(len(t), witness)}
        columns |= {"gap": np.full(len(t), data.information_gap), "time": t}
        for quantity in _SHARES:
            if witness == "theory":
                columns[quantity] = getattr(theory, quantity)
                columns[f"{quantity}_se"] = np.full(len(t), np.nan)
            else:
                seen = [getattr(r, quantity)[moments] for r in runs]
                columns[quantity], columns[f"{quantity}_se"] = mean_and_error(seen)
        tables.append(Table(columns))
    return Table.concat(tables)


def compute_courses(run: Run) -> Table:
    """Shares of attention along training, positions frozen, beside the mean field."""
    parameters = {
        "seeds": run.pick(test=2, quick=3, paper=16),
        "steps": run.pick(test=24, quick=600, paper=9600),
        "rate": run.pick(test=32.0, quick=32.0, paper=8.0),
        "every": run.pick(test=4, quick=30, paper=40),
    }
    return run.map("courses", _course_unit, [{"name": name, **parameters} for name in COURSES])


@figure(
    "between_courses",
    compute=compute_courses,
    title="The early winner need not win",
    alt="Two panels of attention against time on a logarithmic axis. Left: attention on the "
    "global area rises and that on the own area stays near zero for a long time; then the two "
    "cross and the own area has more. Right: attention on the own area rises to most of the whole "
    "and stays there; later it falls to about half, and attention on the global area, "
    "near zero until then, jumps to a good part of the rest. Points lie on the lines or near.",
    caption="Attention of masked local patches on their own and on the global area under a "
    "weighted sum of both losses, positions frozen: gradient descent (points, bars of one standard "
    "error over runs) and mean field (lines). Left: a large gap and a weight above the critical "
    "one. Right: a negative gap and a weight below the critical one.",
    chapter=CHAPTER,
    seed=8302,
    missing=tuple(f"{name}_se" for name in _SHARES),
)
def draw_courses(data: Table) -> Figure:
    """Draw the two courses side by side."""
    fig = Figure(figsize=(6.8, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (name, rows) in zip(axes, data.groups("setting"), strict=True):
        theory, points = rows.where(witness="theory"), rows.where(witness="measured")
        for member, kind in _LOOK.items():
            quantity = f"attention_{member}"
            theory_line(ax, theory["time"], theory[quantity], kind, line="-", label=member)
            measured(ax, points["time"], points[quantity], points[f"{quantity}_se"], kind)
        ax.set(xscale="log", xlabel="time (steps times rate)", ylim=(-0.03, 1.0))
        ax.set_title(f"$\\Delta$ = {rows['gap'][0]:.2f}, $\\varrho$ = {COURSES[name][2]:g}")
    axes[0].set_ylabel("attention")
    axes[0].legend(loc="upper left")
    return fig


# The diagram --------------------------------------------------------------------------------------

_MEASURES = ("attention_own", "attention_global")


def _diagram_unit(rng, *, globe, local, weight, steps, early, rate) -> Table:
    data = images(globe, local)
    objective = weighted(data, weight)
    training, drawing = rng.spawn(2)
    run = train(
        data,
        objective,
        steps,
        rate,
        BATCH,
        training,
        record_every=early,
        evaluation_batches=6,
        snapshots=(early, steps),
    )
    moments = [early, steps]
    index = [int(np.flatnonzero(run.steps == step)[0]) for step in moments]
    batch = data.draw(6, drawing)
    theory = mean_field(
        data,
        objective,
        rate * np.array(moments),
        average_counts=True,
        batch_size=BATCH,
        rtol=1e-4,
    )
    critical = np.array(critical_weights(data)) / unit_weight(data, TEMPERATURE, BATCH)
    nmi = [_diversity(data, run.snapshots[step], batch)["nmi"] for step in moments]
    columns = {
        "global_size": np.full(2, globe),
        "local_size": np.full(2, local),
        "gap": np.full(2, data.information_gap),
        "weight": np.full(2, weight),
        "moment": ["early", "late"],
        "time": rate * np.array(moments, dtype=float),
        "turning": np.full(2, critical[0]),
        "critical": np.full(2, critical[1]),
        "nmi": nmi,
    }
    for name in _MEASURES:
        columns[name] = getattr(run, name)[index]
        columns[f"{name}_theory"] = getattr(theory, name)
    return Table(columns)


def _diversity(data: PatchData, state: Parameters, batch) -> dict[str, float]:
    """Mean diversity of the attention on a batch of images."""
    seen = attend(data, state, batch)
    rows = [seen.matrix(index) for index in range(len(batch))]
    return {
        "nmi": float(np.mean([normalized_mutual_information(a) for a in rows])),
        "entropy": float(np.mean([attention_entropy(a) for a in rows])),
        "distance": float(np.mean([attention_distance(a, data.positions) for a in rows])),
    }


@cache
def _diagram(scale: str, seed: int, store) -> Table:
    run = Run(scale, seed, store=store)
    sizes = run.pick(
        test=((28, 12), (60, 5)),
        quick=((20, 16), (28, 12), (40, 10), (60, 5)),
        paper=((20, 16), (28, 18), (28, 12), (40, 10), (52, 8), (60, 5), (64, 4)),
    )
    weights = run.pick(
        test=(0.5, 8.0),
        quick=(1.0, 2.0, 4.0, 8.0),
        paper=tuple(2.0 ** np.arange(-1.5, 3.6, 0.5)),
    )
    parameters = {
        "steps": run.pick(test=16, quick=300, paper=9600),
        "early": run.pick(test=4, quick=50, paper=400),
        "rate": run.pick(test=32.0, quick=64.0, paper=8.0),
    }
    return run.map(
        "runs",
        _diagram_unit,
        [
            {"globe": g, "local": s, "weight": float(w), **parameters}
            for g, s in sizes
            for w in weights
        ],
    )


_DIAGRAM_SEED = 8303


def compute_diagram(run: Run) -> Table:
    """Where masked local patches look after a short and after a long training, positions free."""
    return _diagram(run.scale, _DIAGRAM_SEED, run.store)


def _boundary(rows: Table, suffix: str = "_theory") -> float:
    """Relative weight at which attention on own and global area is equal; NaN if not met."""
    lead = rows[f"attention_own{suffix}"] - rows[f"attention_global{suffix}"]
    if lead[0] < 0 or lead[-1] > 0:
        return np.nan
    last = int(np.flatnonzero(lead < 0)[0])
    a, b = lead[last - 1], lead[last]
    x, y = np.log(rows["weight"][last - 1 : last + 1])
    return float(np.exp(x + (y - x) * a / (a - b)))


@figure(
    "between_diagram",
    compute=compute_diagram,
    title="Who learns the local areas",
    alt="Two panels, after a short and after a long training, of the relative weight on a "
    "logarithmic axis against the information gap, with a mark for each run: blue circles where "
    "the own area has more attention, below, and orange squares where the global area has more, "
    "above. Left, the border between them falls with the gap, along a line of the mean field that "
    "meets the dashed critical weight at large gaps and lies below it at small ones. Right, the "
    "border lies higher for large gaps and is flatter.",
    caption="Each mark is a run of gradient descent, positions free: circles where masked local "
    "patches attend more to their own area than to the global one, squares where less; the "
    "size of the mark is the attention on the winner. Solid line: equal attention in the mean "
    "field with positions frozen, at the same time. Dashed: critical weight of the first step. "
    "Dotted: weight at which the first velocity towards the global feature turns.",
    chapter=CHAPTER,
    seed=_DIAGRAM_SEED,
)
def draw_diagram(data: Table) -> Figure:
    """Draw the runs by winner, with the boundaries from theory."""
    fig = Figure(figsize=(6.8, 4.4))
    axes = fig.subplots(1, 2, sharey=True)
    low, high = data["weight"].min() / 1.6, data["weight"].max() * 1.9
    for ax, (_, rows) in zip(axes, data.groups("moment"), strict=True):
        groups = sorted((float(gap), family) for gap, family in rows.groups("gap"))
        gaps = np.array([gap for gap, _ in groups])
        border = np.array([_boundary(family) for _, family in groups])
        theory_line(ax, gaps, border, "gaussian", line="-")
        for name, line in (("critical", "--"), ("turning", ":")):
            values = np.array([family[name][0] for _, family in groups])
            theory_line(ax, gaps, values, "reference", line=line)
        if ax is axes[1]:
            direct_label(ax, 0.13, 6.9, "mean field", "test")
            direct_label(ax, 0.19, 3.0, "critical", "reference")
            direct_label(ax, 0.12, 1.2, "turning", "reference")
        wins = rows["attention_own"] > rows["attention_global"]
        for won, member in ((wins, "own"), (~wins, "global")):
            style, share = KINDS[_LOOK[member]], rows[f"attention_{member}"][won]
            ax.scatter(
                rows["gap"][won],
                rows["weight"][won],
                s=20 + 110 * share**2,
                marker=style.marker,
                color=style.color,
                edgecolor="white",
                linewidth=0.6,
                zorder=3,
                label=member,
            )
        ax.set(yscale="log", ylim=(low, high), xlabel=r"information gap $\Delta$")
        ax.set_title(f"time {rows['time'][0]:.0f}")
        ticks = data.unique("weight")[:: 1 if len(data.unique("weight")) < 7 else 2]
        ax.set_yticks(ticks, labels=[f"{w:.2g}" for w in ticks])
        ax.minorticks_off()
    axes[0].set_ylabel(r"relative weight $\varrho$")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(
        handles, labels, loc="outside lower center", ncols=2, title="more attention on the area"
    )
    return fig


# Equal footing ------------------------------------------------------------------------------------


def _footing_unit(rng, *, globe, local, batches) -> Table:
    data = images(globe, local)
    rows, (one, two) = _start(data, rng, batches)
    del rows
    # Products of independent halves: squared norms without the noise of the batches.
    norms = [np.sqrt(max(a @ b, 0.0)) / (batches // 2) for a, b in zip(one, two, strict=True)]
    return Table({"global_size": [globe], "local_size": [local], "ratio": [norms[0] / norms[1]]})


def compute_footing(run: Run) -> Table:
    """The late runs of the diagram, with weights in units of the gradients' norms."""
    runs = _diagram(run.scale, _DIAGRAM_SEED, run.store)
    late = runs.where(moment="late")
    sizes = list(dict.fromkeys(zip(late["global_size"], late["local_size"], strict=True)))
    batches = run.pick(test=20, quick=100, paper=4000)
    norms = run.map(
        "norms",
        _footing_unit,
        [{"globe": int(g), "local": int(s), "batches": batches} for g, s in sizes],
    )
    ratio = {g: r for g, r in zip(norms["global_size"], norms["ratio"], strict=True)}
    unit = unit_weight(images(60, 5), TEMPERATURE, BATCH)
    beta = runs["weight"] * unit / np.array([ratio[g] for g in runs["global_size"]])
    return Table(
        {
            **{name: runs[name] for name in ("gap", "weight", "moment", "time", "global_size")},
            "norm_ratio": np.array([ratio[g] for g in runs["global_size"]]),
            "share": beta / (1 + beta),
            "attention_own": runs["attention_own"],
            "attention_global": runs["attention_global"],
            "attention_own_theory": runs["attention_own_theory"],
            "attention_global_theory": runs["attention_global_theory"],
            "nmi": runs["nmi"],
        }
    )


@figure(
    "between_footing",
    compute=compute_footing,
    title="On an equal footing",
    alt="Two panels against the share of the contrastive loss in the initial gradient, after a "
    "long training. Left: the attention on the own area falls from near one as the share grows; "
    "the curves of the gaps lie in one broad band, the largest gap on its upper side. Right: "
    "normalised mutual information starts below one half and falls in the same way.",
    caption="The runs of the diagram after long training, with the weight normalised so that at a "
    "share of one half the two gradients have equal norms at the start. Left: attention of masked "
    "local patches on their own area, points, and the mean field with positions frozen, lines. "
    "Right: normalised mutual information of query and key, thin lines join the runs of one gap.",
    chapter=CHAPTER,
    seed=8304,
)
def draw_footing(data: Table) -> Figure:
    """Draw own attention and mutual information against the normalised weight."""
    fig = Figure(figsize=(6.8, 4.2))
    left, right = fig.subplots(1, 2)
    late = data.where(moment="late")
    kinds = ("test", "train", "power_law", "gcv", "ar1", "isotropic", "bayes")
    for (_, rows), kind in zip(late.groups("global_size"), kinds, strict=False):
        label = f"$\\Delta$ = {rows['gap'][0]:.2f}"
        theory_line(left, rows["share"], rows["attention_own_theory"], kind, line="-")
        measured(left, rows["share"], rows["attention_own"], None, kind, label)
        style = KINDS[kind]
        right.plot(rows["share"], rows["nmi"], color=style.color, linewidth=0.8, zorder=2)
        measured(right, rows["share"], rows["nmi"], None, kind)
    for ax in (left, right):
        ax.set(xlim=(0, 1), xlabel="contrastive share $w$")
    left.set(title="attention on own area", ylim=(0, 1.02))
    right.set(title="mutual information", ylim=(0, 0.5))
    handles, labels = left.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


# Diversity along training -------------------------------------------------------------------------

_DIVERSITY = ("nmi", "entropy", "distance")


def _diversity_unit(rng, *, name, share, ratio, seeds, steps, rate, moments) -> Table:
    data = PatchData(100, 3, *SETTINGS[name], 0.5, 1.0, 0.5, arrangement="contiguous")
    weight = np.inf if share == 1 else share / (1 - share) * ratio
    weight /= unit_weight(data, TEMPERATURE, BATCH)
    values = []
    for generator in rng.spawn(seeds):
        training, drawing = generator.spawn(2)
        run = train(
            data,
            weighted(data, weight),
            steps,
            rate,
            BATCH,
            training,
            record_every=steps,
            evaluation_batches=1,
            snapshots=moments,
        )
        batch = data.draw(6, drawing)
        looks = [_diversity(data, run.snapshots[step], batch) for step in moments]
        values.append([[look[m] for m in _DIVERSITY] for look in looks])
    mean, error = mean_and_error(values)
    n = len(moments)
    columns = {
        "setting": np.full(n, name),
        "share": np.full(n, float(share)),
        "time": np.array(moments) * rate,
    }
    for j, measure in enumerate(_DIVERSITY):
        columns[measure], columns[f"{measure}_se"] = mean[:, j], error[:, j]
    return Table(columns)


def compute_diversity(run: Run) -> Table:
    """Three measures of diversity along training, for three weights and two gaps."""
    steps = run.pick(test=16, quick=200, paper=3200)
    batches = run.pick(test=20, quick=100, paper=4000)
    norms = run.map(
        "norms",
        _footing_unit,
        [{"globe": g, "local": s, "batches": batches} for g, s in SETTINGS.values()],
    )
    moments = np.unique(np.geomspace(max(1, steps // 100), steps, 9).round().astype(int))
    parameters = {
        "seeds": run.pick(test=2, quick=2, paper=8),
        "steps": steps,
        "rate": run.pick(test=32.0, quick=32.0, paper=8.0),
        "moments": (0, *(int(m) for m in moments)),
    }
    return run.map(
        "diversity",
        _diversity_unit,
        [
            {"name": n, "share": share, "ratio": float(ratio), **parameters}
            for n, ratio in zip(SETTINGS, norms["ratio"], strict=True)
            for share in (0.0, 0.5, 1.0)
        ],
    )


@figure(
    "between_diversity",
    compute=compute_diversity,
    title="How different the rows of attention become",
    alt="Three rows of two panels against time: mutual information, entropy and attention "
    "distance, for reconstruction alone, equal shares, and contrast alone. Mutual information "
    "rises for reconstruction, stays at zero for contrast and rises late for equal shares. "
    "Entropy falls for all, most for reconstruction. Distance falls for reconstruction and changes "
    "little for contrast. A dotted line in each panel is the value of uniform attention.",
    caption="Diversity of attention along training, areas contiguous, positions free; means over "
    "runs and images, bars of one standard error over runs, joined for the eye. Share 0 is "
    "reconstruction alone, 1 contrast alone, 0.5 equal initial gradient norms. Dotted: uniform "
    "attention, where all three measures are known exactly.",
    chapter=CHAPTER,
    seed=8305,
)
def draw_diversity(data: Table) -> Figure:
    """Draw the three measures, one row each, one column a gap."""
    fig = Figure(figsize=(6.8, 7.6))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    look = {0.0: "masked_regression", 0.5: "correlation_pca", 1.0: "pca"}
    names = ("mutual information", "entropy (nats)", "distance (patches)")
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        for ax, measure, label in zip(column, _DIVERSITY, names, strict=True):
            for share, curve in rows.groups("share"):
                kind = look[share]
                _joined(ax, curve, measure, kind, f"share {share:g}")
            start = rows[measure][rows["time"] == 0].mean()
            ax.axhline(start, color="#999999", linestyle=":", linewidth=1.2, zorder=1)
            if column is axes[:, 0] or name == next(iter(SETTINGS)):
                ax.set_ylabel(label)
        column[0].set_title(name)
        column[2].set(xlabel="time (steps times rate)")
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlim(right=1.3 * data["time"].max())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def _joined(ax: Axes, curve: Table, measure: str, kind: str, label: str) -> None:
    later = curve["time"] > 0
    time, value, error = (curve[n][later] for n in ("time", measure, f"{measure}_se"))
    ax.plot(time, value, color=KINDS[kind].color, linewidth=0.8, zorder=2)
    measured(ax, time, value, error, kind, label)
