"""Figures of the chapters on images with areas and on masked autoencoding."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.vit import (
    MAE,
    Parameters,
    PatchData,
    attend,
    leading_order_times,
    mean_field,
    phase_times,
    train,
)

__all__ = ["SETTINGS", "first_rates", "setting"]

IMAGES, MASKED = "vit_images", "vit_mae"

#: The two data sets of these chapters: (global size, local size) of 100 patches.
SETTINGS = {"positive gap": (60, 5), "negative gap": (28, 12)}

# Correlations and attention by what they are with; drawn in the look of these kinds.
_LOOK = {"own": "masked_regression", "global": "pca", "other": "correlation_pca"}


def setting(name: str, arrangement: str = "scattered") -> PatchData:
    """Return one of the two data sets: 100 patches, 3 clusters, half of the patches masked.

    Parameters
    ----------
    name : {"positive gap", "negative gap"}
    arrangement : {"scattered", "contiguous"}

    Returns
    -------
    PatchData
    """
    return PatchData(100, 3, *SETTINGS[name], 0.5, 1.0, 0.5, arrangement=arrangement)


# What the model sees ------------------------------------------------------------------------------


def _images_unit(rng, *, name) -> Table:
    data = setting(name, "contiguous")
    images = data.draw(8, rng)
    index = int(np.flatnonzero(images.clusters == 0)[0])
    cluster = int(images.clusters[index])
    whole, seen = data.render(images, index), data.render(images, index, view=0)
    rows, columns = np.indices(whole.shape)
    tile = data.tile
    patch = (rows // tile) * data.grid[1] + columns // tile
    return Table(
        {
            "setting": np.full(whole.size, name),
            "row": rows.ravel(),
            "column": columns.ravel(),
            "tile": np.full(whole.size, tile),
            "area": data.areas[cluster][patch.ravel()],
            "other_area": data.areas[(cluster + 1) % data.n_clusters][patch.ravel()],
            "value": whole.ravel(),
            "visible": (~np.isnan(seen)).astype(int).ravel(),
        }
    )


def compute_images(run: Run) -> Table:
    """Pixels of one image a setting, with the areas of its cluster and its mask."""
    return run.map("images", _images_unit, [{"name": name} for name in SETTINGS])


def _grid(rows: Table, column: str) -> np.ndarray:
    """A column of pixels as an image."""
    image = np.zeros((rows["row"].max() + 1, rows["column"].max() + 1))
    image[rows["row"], rows["column"]] = rows[column]
    return image


def outline_areas(ax: Axes, areas: np.ndarray, **look) -> None:
    """Draw the borders between areas of an image of labels."""
    height, width = areas.shape
    upright = np.argwhere(areas[:, 1:] != areas[:, :-1])
    level = np.argwhere(areas[1:] != areas[:-1])
    lines = [[(j + 0.5, i - 0.5), (j + 0.5, i + 0.5)] for i, j in upright]
    lines += [[(j - 0.5, i + 0.5), (j + 0.5, i + 0.5)] for i, j in level]
    ax.add_collection(LineCollection(lines, **look))
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def bare_frame(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="#bbbbbb")


@figure(
    "vit_images",
    compute=compute_images,
    title="Images with a global and several local areas",
    alt="Two rows of three pictures. The first picture of a row maps the areas of one cluster on a "
    "grid of ten by ten patches: one large grey area and many small coloured ones in the top row, "
    "one middle-sized grey area and a few large coloured ones in the bottom row. The second is an "
    "image: all patches of one area carry the same pattern, stronger in some areas than in others. "
    "The third is the same image with half of the patches hidden, scattered at random.",
    caption="Top: a large global area and small local ones, a positive information gap. Bottom: a "
    "smaller global area and larger local ones, a negative gap. Left: the areas of a cluster, the "
    "global one grey. Middle: an image of that cluster, each feature painted as a small cosine "
    "pattern. Right: what the model sees of it. Areas are laid out contiguously for the eye.",
    chapter=IMAGES,
    seed=8001,
)
def draw_images(data: Table) -> Figure:
    """Draw the areas, a whole image and a masked one for each setting."""
    fig = Figure(figsize=(6.6, 4.7))
    axes = fig.subplots(2, 3)
    titles = ("areas", "image", "what is seen")
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        tile = int(rows["tile"][0])
        areas = _grid(rows, "area")[::tile, ::tile].astype(int)
        # Neighbouring labels get distant colours; the global area is grey.
        palette = np.array([[0.45, 0.45, 0.45, 1.0]] + [_pastel(m) for m in range(areas.max())])
        line[0].imshow(palette[areas])
        outline_areas(line[0], areas, colors="white", linewidths=1.2)
        limit = np.abs(rows["value"]).max()
        values, visible = _grid(rows, "value"), _grid(rows, "visible") > 0
        line[1].imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
        masked = np.where(visible, values, np.nan)
        line[2].set_facecolor("#333333")
        line[2].imshow(masked, cmap="RdBu_r", vmin=-limit, vmax=limit)
        for ax, title in zip(line, titles, strict=True):
            bare_frame(ax)
            if top == 0:
                ax.set_title(title)
        line[0].set_ylabel(name)
    return fig


def _pastel(m: int) -> tuple[float, ...]:
    """Colour of the local area m + 1, in Okabe and Ito's hues."""
    hues = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#882255")
    color = hues[m % len(hues)].lstrip("#")
    return (*(int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)), 1.0)


# The first step -----------------------------------------------------------------------------------


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
    chapter=MASKED,
    seed=8002,
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


# Trajectories -------------------------------------------------------------------------------------

_READ = ("phi_own", "phi_global", "phi_other", "attention_own", "attention_global", "loss")


def read_course(history) -> dict[str, np.ndarray]:
    return {name: getattr(history, name) for name in _READ}


def _trajectory_unit(rng, *, name, seeds, steps, rate, batch, records) -> Table:
    data = setting(name)
    tables = []
    every = max(1, steps // records)
    for witness, frozen in (("frozen", True), ("free", False)):
        runs = [
            train(
                data,
                MAE(),
                steps,
                rate,
                batch,
                generator,
                freeze_positions=frozen,
                record_every=every,
                evaluation_batches=8,
            )
            for generator in rng.spawn(seeds)
        ]
        tables.append(course_rows(name, witness, runs[0].times, [read_course(run) for run in runs]))
    times = runs[0].times
    for witness, average in (("theory", True), ("mean counts", False)):
        course = read_course(mean_field(data, MAE(), times, average_counts=average))
        tables.append(course_rows(name, witness, times, [course]))
    return Table.concat(tables)


def course_rows(name, witness, times, courses) -> Table:
    """Means over runs in long form, with standard errors where there are several runs."""
    columns = {
        "setting": np.full(len(times), name),
        "witness": np.full(len(times), witness),
        "time": times,
    }
    for quantity in _READ:
        seen = [course[quantity] for course in courses]
        mean, error = mean_and_error(seen) if len(seen) > 1 else (seen[0], np.nan)
        columns[quantity], columns[f"{quantity}_se"] = mean, np.broadcast_to(error, len(times))
    return Table(columns)


def compute_trajectories(run: Run) -> Table:
    """Stochastic gradient descent, positions frozen and free, beside its mean field."""
    parameters = {
        "seeds": run.pick(test=2, quick=3, paper=16),
        "steps": run.pick(test=16, quick=400, paper=1600),
        "rate": run.pick(test=8.0, quick=8.0, paper=2.0),
        "batch": 32,
        "records": run.pick(test=4, quick=20, paper=20),
    }
    return run.map("runs", _trajectory_unit, [{"name": n, **parameters} for n in SETTINGS])


@figure(
    "vit_trajectories",
    compute=compute_trajectories,
    title="Two phases for a positive gap, one for a negative gap",
    alt="Two columns of three panels, left for a positive and right for a negative information "
    "gap. Top: the correlation with the own feature rises late on the left and early on the right; "
    "the one with the global feature falls first and deeply on the left, less on the right; "
    "the one with other local features stays near zero. Middle: attention on the global area falls "
    "first on the left, then attention on the own area rises towards one; on the right it rises "
    "from the start. Bottom: the loss falls towards a dotted floor, on the left after a shoulder. "
    "Closed points lie on the lines; open points show attention on the own area rising sooner.",
    caption="Gradient descent (points, mean over runs; the bars of one standard error are mostly "
    "within the points) and its mean field (lines), positions frozen. Top: correlation of a local "
    "patch with its own, the global and any other local feature. Middle: its attention when it is "
    "masked and its own area has a visible patch. Bottom: the loss, and its floor (dotted). Open "
    "points: positions free.",
    chapter=MASKED,
    seed=8003,
    missing=tuple(f"{name}_se" for name in _READ),
)
def draw_trajectories(data: Table) -> Figure:
    """Draw correlations, attention and loss, one column a setting."""
    fig = Figure(figsize=(6.8, 7.4))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        theory = rows.where(witness="theory")
        panels = (("phi", ("own", "global", "other")), ("attention", ("own", "global")))
        for ax, (family, members) in zip(column, panels, strict=False):
            for member in members:
                quantity, kind = f"{family}_{member}", _LOOK[member]
                theory_line(ax, theory["time"], theory[quantity], kind, line="-")
                draw_free(ax, rows, quantity, kind)
                draw_frozen(ax, rows, quantity, kind)
        theory_line(column[2], theory["time"], theory["loss"], "test")
        draw_free(column[2], rows, "loss", "test")
        draw_frozen(column[2], rows, "loss", "test")
        floor = setting(name).mae_floor
        column[2].axhline(floor, color="black", linestyle=":", linewidth=1.4)
        direct_label(column[2], 0.0, floor, "floor", "bayes", offset=(0, 9))
        column[0].set_title(f"{name}, $\\Delta$ = {setting(name).information_gap:.2f}")
        column[2].set(yscale="log", xlabel="time (steps times rate)")
    axes[0, 0].set_ylabel(r"correlation $\Phi$")
    axes[1, 0].set_ylabel("attention")
    axes[2, 0].set_ylabel("loss")
    last = data.where(setting="negative gap", witness="theory")
    for family, ax, members in (
        ("phi", axes[0, 1], {"own": 16, "global": -14, "other": 12}),
        ("attention", axes[1, 1], {"own": -20, "global": 12}),
    ):
        for member, shift in members.items():
            i = int(0.75 * len(last))
            direct_label(
                ax,
                last["time"][i],
                last[f"{family}_{member}"][i],
                member,
                _LOOK[member],
                offset=(0, shift),
                align="center",
            )
    return fig


def draw_frozen(ax: Axes, rows: Table, quantity: str, kind: str) -> None:
    points = rows.where(witness="frozen")
    measured(ax, points["time"], points[quantity], points[f"{quantity}_se"], kind)


def draw_free(ax: Axes, rows: Table, quantity: str, kind: str) -> None:
    """Runs with free positions, as open points."""
    points = rows.where(witness="free")
    style = KINDS[kind]
    ax.plot(
        points["time"],
        points[quantity],
        style.marker,
        color=style.color,
        markerfacecolor="none",
        markersize=4.0,
        markeredgewidth=0.9,
        zorder=2.5,
    )


# Attention as pictures ----------------------------------------------------------------------------


def _maps_unit(rng, *, name, steps, rate, moments) -> Table:
    data = setting(name, "contiguous")
    training, drawing = rng.spawn(2)
    run = train(
        data,
        MAE(),
        steps,
        rate,
        32,
        training,
        record_every=steps,
        evaluation_batches=1,
        snapshots=moments,
    )
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    tables = []
    for step in moments:
        row = attend(data, run.snapshots[step], images).matrix(index)[query]
        areas = data.areas[images.clusters[index]]
        tables.append(
            Table(
                {
                    "setting": np.full(data.n_patches, name),
                    "time": np.full(data.n_patches, step * rate),
                    "query": np.full(data.n_patches, query),
                    "patch": np.arange(data.n_patches),
                    "area": areas,
                    "visible": images.visible[0, index].astype(int),
                    "attention": row,
                }
            )
        )
    return Table.concat(tables)


def choose_query(data: PatchData, images) -> tuple[int, int]:
    """The first image and masked local patch of which about half of the own area is visible."""
    for index in range(len(images)):
        areas, visible = data.areas[images.clusters[index]], images.visible[0, index]
        for m in range(1, data.n_areas):
            inside = areas == m
            seen = np.count_nonzero(inside & visible)
            if seen == data.local_size // 2:
                return index, int(np.flatnonzero(inside & ~visible)[0])
    raise ValueError("no image has a local area with half of its patches visible; draw more.")


def compute_attention_maps(run: Run) -> Table:
    """Attention of one masked local patch on all patches of one image, at five moments."""
    steps = run.pick(test=40, quick=400, paper=1600)
    rate = run.pick(test=8.0, quick=8.0, paper=2.0)
    moments = tuple(round(f * steps) for f in (0, 1 / 20, 1 / 8, 1 / 4, 1))
    return run.map(
        "maps",
        _maps_unit,
        [{"name": n, "steps": steps, "rate": rate, "moments": moments} for n in SETTINGS],
    )


@figure(
    "vit_attention_maps",
    compute=compute_attention_maps,
    title="Where a masked patch looks, at five moments",
    alt="Two rows of five small maps of attention on ten by ten patches, with the borders of the "
    "areas drawn and the query marked by a cross. In the top row the map is even at first, then "
    "the visible patches of the large global area turn purple, for less attention, while the "
    "visible patches of the query's own small area turn orange, for more, and win late; at the end "
    "all else is purple. In the bottom row the own area turns orange early.",
    caption="Attention of one masked local patch (cross) on the patches of one image, positions "
    "free, at five times of training, relative to uniform attention: purple is less, orange is "
    "more. Lines: borders of the areas. Top: positive gap; the visible patches of the global area "
    "lose attention while the own area still has a small share. Bottom: negative gap; the own area "
    "gains earlier.",
    chapter=MASKED,
    seed=8004,
)
def draw_attention_maps(data: Table) -> Figure:
    """Draw one row a setting and one column a moment."""
    times = data.unique("time")
    fig = Figure(figsize=(7.2, 3.5))
    axes = fig.subplots(2, len(times))
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        for ax, (time, cell) in zip(line, rows.groups("time"), strict=True):
            # Against uniform attention, so that looking away and looking at have two colours.
            relative = np.log10(len(cell) * cell["attention"]).reshape(10, 10)
            shown = ax.imshow(relative, cmap="PuOr_r", vmin=-1.0, vmax=1.0)
            outline_areas(ax, cell["area"].reshape(10, 10), colors="#444444", linewidths=0.8)
            i, j = divmod(int(cell["query"][0]), 10)
            ax.plot(j, i, "x", color="white", markersize=7, markeredgewidth=3.6)
            ax.plot(j, i, "x", color="black", markersize=6, markeredgewidth=2.0)
            bare_frame(ax)
            if top == 0:
                ax.set_title(f"t = {time:g}")
        line[0].set_ylabel(name)
    bar = fig.colorbar(
        shown,
        ax=axes,
        orientation="horizontal",
        aspect=40,
        shrink=0.7,
        label="attention relative to uniform",
        extend="both",
    )
    bar.set_ticks([-1.0, -0.5, 0.0, 0.5, 1.0], labels=["0.1", "0.3", "1", "3", "10"])
    return fig


# Phase times --------------------------------------------------------------------------------------

#: Exponents (global, local) of the two families of growing images.
FAMILIES = {"positive gap": (0.9, 0.6), "negative gap": (0.75, 0.7)}


@cache
def _times(name: str, n_patches: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    data = PatchData.from_exponents(n_patches, 3, *FAMILIES[name], 0.5, 1.0, 0.5)
    names = ("unlearning", "crossing", "learning")
    return tuple(
        tuple(np.array([getattr(t, n) for n in names], dtype=float))
        for t in (phase_times(data), leading_order_times(data))
    )


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
    caption="Phase times of the mean field (points) and their leading order in closed form (lines) "
    "against the number of patches. Left: global and local areas with exponents 0.9 and 0.6, "
    "information gap 0.2. Right: 0.75 and 0.7, gap -0.2, where the first phase does not exist. "
    "Unlearning: the correlation with the global feature has fallen by 1. Crossing: the own one "
    "moves faster. Learning: half of the attention is on the own area. A time for unlearning is "
    "given where it comes before learning.",
    chapter=MASKED,
    seed=8005,
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
