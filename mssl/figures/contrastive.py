"""Figures of the chapter on contrastive learning of images with areas."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.figures.vit import (
    _LOOK,
    _READ,
    SETTINGS,
    bare_frame,
    choose_query,
    course_rows,
    draw_free,
    draw_frozen,
    outline_areas,
    read_course,
    setting,
)
from mssl.results import mean_and_error
from mssl.vit import (
    MAE,
    Contrastive,
    Parameters,
    PatchData,
    area_attention,
    attend,
    mean_field,
    train,
)
from mssl.vit.contrast import contrast_rates, strength_moments

__all__ = []

CHAPTER = "vit_contrastive"

#: Temperature, regularisation and batch size wherever nothing else is said.
TEMPERATURE, PENALTY, BATCH = 0.1, 1e-4, 32


# Closed forms -------------------------------------------------------------------------------------


# The first step -----------------------------------------------------------------------------------


def _measured_step(data, objective, rng, batches) -> tuple[np.ndarray, np.ndarray]:
    """Mean over batches of the first velocities (global, local), and covariance of the mean."""
    start, rows = Parameters.zeros(data), []
    for generator in rng.spawn(batches):
        batch = data.draw(BATCH, generator, views=2)
        slope = objective.loss_and_gradient(data, start, batch, positions=False)[1].phi[0]
        rows.append([-slope[:, 0].mean(), -slope[:, 1:].mean()])
    rows = np.array(rows)
    return rows.mean(axis=0), np.cov(rows.T) / batches


def _step_unit(rng, *, globe, local, batches) -> Table:
    data = PatchData(100, 3, globe, local, 0.5, 1.0, 0.5)
    scale = (globe / local) ** 2
    big, small = contrast_rates(data, BATCH)
    found = [("exact", np.inf, scale * small / big, 0.0)]
    for temperature, generator in zip((10.0, TEMPERATURE), rng.spawn(2), strict=True):
        mean, covariance = _measured_step(data, Contrastive(temperature), generator, batches)
        ratio = mean[1] / mean[0]
        slope = np.array([-ratio, 1.0]) / mean[0]
        error = float(np.sqrt(slope @ covariance @ slope))
        found.append(("measured", temperature, scale * ratio, scale * error))
    n = len(found)
    return Table(
        {
            "global_size": np.full(n, globe),
            "local_size": np.full(n, local),
            "gap": np.full(n, data.information_gap),
            "witness": [f[0] for f in found],
            "temperature": [f[1] for f in found],
            "value": [f[2] for f in found],
            "standard_error": [f[3] for f in found],
        }
    )


def compute_step(run: Run) -> Table:
    """The first velocities of local and global feature, exact and measured, over sizes."""
    sizes = run.pick(
        test=((60, (5, 20)), (28, (4, 12))),
        quick=((60, (4, 5, 8, 10, 20)), (28, (4, 6, 9, 12, 18, 24))),
        paper=((60, (4, 5, 8, 10, 20)), (28, (4, 6, 9, 12, 18, 24))),
    )
    batches = run.pick(test=20, quick=30, paper=3000)
    return run.map(
        "first",
        _step_unit,
        [{"globe": g, "local": s, "batches": batches} for g, locals_ in sizes for s in locals_],
    )


@figure(
    "contrastive_first_step",
    compute=compute_step,
    title="Only the local feature asks for the gap",
    alt="Ratio of the first velocities of a local and of the global feature, each divided by the "
    "squared share of its area, against the information gap. Two falling curves, one for each "
    "size of the global area, run through their closed points. They are positive at negative gaps, "
    "cross zero at a small positive gap and fall far below zero at large ones. A dashed curve, the "
    "leading order, has the same course. Open points lie close to the closed ones.",
    caption="First velocity of a local feature over that of the global feature, each divided by "
    "the squared share of its area, for 100 patches, half masked. Lines: exact at high "
    "temperature. Closed points: gradients at temperature 10, with bars of one standard error; "
    "open points: at temperature 0.1. Dashed: the leading order in the number of patches. Below "
    "zero the local features fall from the start. The global one always rises.",
    chapter=CHAPTER,
    seed=8101,
)
def draw_step(data: Table) -> Figure:
    """Draw the scaled ratio of the first velocities against the gap."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    gap = np.linspace(data["gap"].min(), data["gap"].max(), 100)
    m1, m2, m3 = strength_moments(setting("positive gap"))
    part = 0.5 * m1 * (m2 - m1**2 / 3) / (m3 - m1 * m2 / 3)
    theory_line(ax, gap, 1 - part * (1 + 100.0**gap), "reference")
    ax.axhline(0.0, color="#999999", linestyle=":", linewidth=1.2, zorder=1)
    for (size, rows), kind in zip(data.groups("global_size"), ("test", "ar1"), strict=True):
        line = rows.where(witness="exact")
        theory_line(ax, line["gap"], line["value"], kind, f"global area of {size}")
        warm, cold = (rows.where(temperature=t) for t in (10.0, TEMPERATURE))
        measured(ax, warm["gap"], warm["value"], warm["standard_error"], kind)
        look = KINDS[kind]
        ax.errorbar(
            cold["gap"],
            cold["value"],
            cold["standard_error"],
            fmt=look.marker,
            color=look.color,
            markerfacecolor="white",
            markersize=7.5,
            zorder=1.5,
        )
    direct_label(
        ax, gap[55], 1 - part * (1 + 100.0 ** gap[55]), "leading order", "reference",
        offset=(-10, -14), align="right",
    )  # fmt: skip
    ax.set(
        xlabel=r"information gap $\Delta$",
        ylabel=r"$(\dot\Phi_{\mathrm{local}}/s^2)\,/\,(\dot\Phi_{\mathrm{global}}/c^2)$",
    )
    ax.legend(loc="lower left")
    return fig


# Trajectories -------------------------------------------------------------------------------------


def _trajectory_unit(rng, *, name, seeds, steps, rate, records) -> Table:
    data, objective, tables = setting(name), Contrastive(TEMPERATURE, PENALTY), []
    for witness, frozen in (("frozen", True), ("free", False)):
        runs = [
            train(
                data,
                objective,
                steps,
                rate,
                BATCH,
                generator,
                freeze_positions=frozen,
                record_every=max(1, steps // records),
                evaluation_batches=2,
            )
            for generator in rng.spawn(seeds)
        ]
        tables.append(course_rows(name, witness, runs[0].times, [read_course(run) for run in runs]))
    times = runs[0].times
    course = read_course(mean_field(data, objective, times, batch_size=BATCH))
    return Table.concat([*tables, course_rows(name, "theory", times, [course])])


def compute_trajectories(run: Run) -> Table:
    """Contrastive training, positions frozen and free, beside its mean field."""
    parameters = {
        "seeds": run.pick(test=2, quick=3, paper=16),
        "steps": run.pick(test=8, quick=105, paper=800),
        "rate": run.pick(test=400.0, quick=400.0, paper=50.0),
        "records": run.pick(test=4, quick=15, paper=20),
    }
    return run.map("runs", _trajectory_unit, [{"name": n, **parameters} for n in SETTINGS])


@figure(
    "contrastive_trajectories",
    compute=compute_trajectories,
    title="Both signs of the gap end on the global area",
    alt="Two columns of three panels, left for a positive and right for a negative information "
    "gap, alike in both. Top: the correlation with the global feature rises to a plateau; those "
    "with the own and with other local features lie on each other, slightly below zero. Middle: "
    "attention on the global area rises steeply and levels off; attention on the own area, small "
    "from the start, falls. Bottom: the loss falls to a plateau. Points lie close to the lines.",
    caption="Contrastive training (points, mean over runs; the bars of one standard error are "
    "mostly within the points) and its mean field (lines), positions frozen; temperature 0.1, "
    "regularisation 0.0001, batches of 32. Top: correlation of a local patch with its own, the "
    "global and any other local feature. Middle: its attention when it is masked and its own area "
    "has a visible patch. Bottom: the loss. Open points: positions free.",
    chapter=CHAPTER,
    seed=8102,
    missing=tuple(f"{name}_se" for name in _READ),
)
def draw_trajectories(data: Table) -> Figure:
    """Draw correlations, attention and loss, one column a setting."""
    fig = Figure(figsize=(6.8, 7.4))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    panels = (
        ("phi_global", "phi_other", "phi_own"),
        ("attention_global", "attention_own"),
        ("loss",),
    )
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        theory = rows.where(witness="theory")
        for ax, quantities in zip(column, panels, strict=True):
            for quantity in quantities:
                kind = _LOOK.get(quantity.rpartition("_")[2], "test")
                theory_line(ax, theory["time"] / 1e3, theory[quantity], kind, line="-")
                for part, draw in (("free", draw_free), ("frozen", draw_frozen)):
                    draw(ax, _in_thousands(rows.where(witness=part)), quantity, kind)
        column[0].set_title(f"{name}, $\\Delta$ = {setting(name).information_gap:.2f}")
        column[2].set_xlabel("time (thousands)")
    for ax, label in zip(axes[:, 0], (r"correlation $\Phi$", "attention", "loss"), strict=True):
        ax.set_ylabel(label)
    last = data.where(setting="positive gap", witness="theory")
    i = int(0.7 * len(last))
    for ax, quantity, word, shift in (
        (axes[0, 0], "phi_global", "global", -18),
        (axes[0, 0], "phi_own", "own and other", 12),
        (axes[1, 0], "attention_global", "global", -18),
        (axes[1, 0], "attention_own", "own", 12),
    ):
        kind = _LOOK[quantity.rpartition("_")[2]]
        at = last["time"][i] / 1e3, last[quantity][i]
        direct_label(ax, *at, word, kind, offset=(0, shift), align="center")
    return fig


def _in_thousands(rows: Table) -> Table:
    """The same rows with time in thousands."""
    return Table({**rows.columns, "time": rows["time"] / 1e3})


# Attention as pictures ----------------------------------------------------------------------------


def _cells(name, data, images, index, queries, courses, moments) -> Table:
    """Rows of attention of some queries in one image, for each course of states."""
    tables, P = [], data.n_patches
    areas = data.areas[images.clusters[index]]
    for objective, states in courses.items():
        for frame, (time, state) in enumerate(zip(moments[objective], states, strict=True)):
            matrix = attend(data, state, images).matrix(index)
            for kind, query in queries.items():
                tables.append(
                    Table(
                        {
                            "setting": np.full(P, name),
                            "objective": np.full(P, objective),
                            "query": np.full(P, kind),
                            "frame": np.full(P, frame),
                            "time": np.full(P, float(time)),
                            "place": np.full(P, query),
                            "patch": np.arange(P),
                            "area": areas,
                            "attention": matrix[query],
                        }
                    )
                )
    return Table.concat(tables)


def _picture(ax: Axes, cell: Table):
    """One map of attention relative to uniform, with borders of areas and a cross."""
    relative = np.log10(len(cell) * cell["attention"]).reshape(10, 10)
    shown = ax.imshow(relative, cmap="PuOr_r", vmin=-1.0, vmax=1.0)
    outline_areas(ax, cell["area"].reshape(10, 10), colors="#444444", linewidths=0.8)
    i, j = divmod(int(cell["place"][0]), 10)
    ax.plot(j, i, "x", color="white", markersize=7, markeredgewidth=3.6)
    ax.plot(j, i, "x", color="black", markersize=6, markeredgewidth=2.0)
    bare_frame(ax)
    return shown


def _scale(fig: Figure, shown, **place) -> None:
    bar = fig.colorbar(
        shown,
        orientation="horizontal",
        label="attention relative to uniform",
        extend="both",
        **place,
    )
    bar.set_ticks([-1.0, -0.5, 0.0, 0.5, 1.0], labels=["0.1", "0.3", "1", "3", "10"])


def _states(data, objective, rate, steps, rng):
    """Parameters at the given steps of one training run."""
    run = train(
        data, objective, max(steps), rate, BATCH, rng,
        record_every=max(steps), evaluation_batches=1, snapshots=steps,
    )  # fmt: skip
    return [run.snapshots[step] for step in steps]


def _maps_unit(rng, *, name, rate, steps) -> Table:
    data = setting(name, "contiguous")
    training, drawing = rng.spawn(2)
    states = _states(data, Contrastive(TEMPERATURE, PENALTY), rate, steps, training)
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    times = {"contrast": np.array(steps) * rate}
    return _cells(name, data, images, index, {"local": query}, {"contrast": states}, times)


def compute_maps(run: Run) -> Table:
    """Attention of one masked local patch on all patches of one image, at five moments."""
    rate = run.pick(test=200.0, quick=200.0, paper=50.0)
    steps = tuple(round(t / rate) for t in (0, 1000, 4000, 10000, 40000))
    if run.scale == "test":
        steps = (0, 2, 5, 10, 20)
    fixed = {"rate": rate, "steps": steps}
    return run.map("maps", _maps_unit, [{"name": n, **fixed} for n in SETTINGS])


@figure(
    "contrastive_attention_maps",
    compute=compute_maps,
    title="Where a masked patch looks under contrast, at five moments",
    alt="Two rows of five small maps of attention on ten by ten patches, with the borders of the "
    "areas drawn and the query, a patch of a small area, marked by a cross. In both rows the map "
    "is even at first; then the visible patches of the large global area turn orange, for more "
    "attention, and all others purple, for less, those of the query's own area among them.",
    caption="Attention of one masked local patch (cross) on the patches of one image under "
    "contrastive training, positions free, at five times, relative to uniform attention: purple "
    "is less, orange is more. Lines: borders of the areas. Top: positive gap. Bottom: negative "
    "gap. Every other patch of the image has the same map.",
    chapter=CHAPTER,
    seed=8103,
)
def draw_maps(data: Table) -> Figure:
    """Draw one row a setting and one column a moment."""
    times = data.unique("time")
    fig = Figure(figsize=(7.2, 3.5))
    axes = fig.subplots(2, len(times))
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        for ax, (time, cell) in zip(line, rows.groups("time"), strict=True):
            shown = _picture(ax, cell)
            if top == 0:
                ax.set_title(f"t = {time:g}")
        line[0].set_ylabel(name)
    _scale(fig, shown, ax=axes, aspect=40, shrink=0.7)
    return fig


# The moving picture -------------------------------------------------------------------------------

_COURSES = {"reconstruction": (MAE(), 8.0), "contrast": (Contrastive(TEMPERATURE, PENALTY), 100.0)}


def _moving_unit(rng, *, steps) -> Table:
    name = "positive gap"
    data = setting(name, "contiguous")
    *training, drawing = rng.spawn(3)
    courses, moments = {}, {}
    for (word, (objective, rate)), generator in zip(_COURSES.items(), training, strict=True):
        courses[word] = _states(data, objective, rate, steps[word], generator)
        moments[word] = np.array(steps[word]) * rate
    images = data.draw(20, drawing)
    index, query = choose_query(data, images)
    inside = data.areas[images.clusters[index]] == 0
    other = int(np.flatnonzero(inside & ~images.visible[0, index])[0])
    queries = {"local": query, "global": other}
    return _cells(name, data, images, index, queries, courses, moments)


def compute_moving(run: Run) -> Table:
    """Attention of a local and of a global patch along training, for both objectives."""
    steps = {
        "reconstruction": (0, 8, 16, 32, 48, 64, 90, 120, 170, 250, 400),
        "contrast": (0, 4, 8, 14, 20, 28, 40, 60, 90, 140, 200),
    }
    if run.scale == "test":
        steps = {"reconstruction": (0, 4, 8), "contrast": (0, 3, 6)}
    return run.map("moving", _moving_unit, [{"steps": steps}])


def _moving_labels(data: Table) -> list[str]:
    one, two = (data.where(objective=word).unique("time") for word in _COURSES)
    return [
        f"time {a:g} of reconstruction, {b:g} of contrast" for a, b in zip(one, two, strict=True)
    ]


@figure(
    "contrastive_moving",
    compute=compute_moving,
    title="Two patches, two objectives",
    alt="Four maps of attention that follow a slider on training time: a local patch above and a "
    "global one below, reconstruction on the left and contrast on the right. All four are even at "
    "first. On the left the two maps part: the local patch first turns away from the global area "
    "and then to its own small area, while the global patch turns to the global area. On the "
    "right both maps are the same at every time, and both turn to the global area.",
    caption="Attention of a masked local patch (above) and of a masked global patch (below) of "
    "one image, each marked by a cross, along training by masked reconstruction (left) and by "
    "contrast (right), positive gap, positions free. Purple is less than uniform, orange more. "
    "Times differ: a unit of time is worth less in contrast.",
    chapter=CHAPTER,
    seed=8104,
    frames=_moving_labels,
)
def draw_moving(data: Table, frame: int | None = None) -> Figure:
    """Draw one moment: both patches under both objectives."""
    frames = data.unique("frame")
    frame = len(frames) - 1 if frame is None else frame
    fig = Figure(figsize=(4.6, 5.4), layout="none")
    axes = fig.subplots(2, 2)
    fig.subplots_adjust(left=0.09, right=0.98, bottom=0.17, top=0.94, wspace=0.06, hspace=0.06)
    for column, word in zip(axes.T, _COURSES, strict=True):
        for ax, query in zip(column, ("local", "global"), strict=True):
            shown = _picture(ax, data.where(objective=word, query=query, frame=frames[frame]))
        column[0].set_title(word)
    axes[0, 0].set_ylabel("local patch")
    axes[1, 0].set_ylabel("global patch")
    _scale(fig, shown, cax=fig.add_axes((0.2, 0.115, 0.67, 0.022)))
    return fig


# Temperature, negatives, regularisation -----------------------------------------------------------

#: What is varied, and where the lines are computed.
_KNOBS = {
    "temperature": np.geomspace(0.05, 2.0, 9),
    "batch": np.array([2.0, 4.0, 16.0, 256.0]),
    "penalty": np.array([1e-6, 1e-5, 1e-4, 2e-4, 4e-4, 1e-3, 3e-3]),
}
_EARLY = 4e4


def _objective(knob, value) -> tuple[Contrastive, int]:
    chosen = {"temperature": TEMPERATURE, "penalty": PENALTY, "batch": BATCH, knob: value}
    return Contrastive(chosen["temperature"], chosen["penalty"]), int(chosen["batch"])


_CONDITION = ("attention_global", "attention_own")


def _knob_line(rng, *, name, knob, values, late) -> Table:
    del rng  # nothing is drawn
    found = []
    for value in values:
        objective, batch = _objective(knob, value)
        course = read_course(
            mean_field(setting(name), objective, [0.0, _EARLY, late], batch_size=batch, rtol=1e-6)
        )
        for when, i in (("early", 1), ("late", 2)):
            found.append([when, value, *(course[q][i] for q in _CONDITION)])
    return _knob_rows(name, knob, "theory", found, np.zeros((len(found), 2)))


def _knob_rows(name, knob, witness, found, errors) -> Table:
    when, value, globe, own = zip(*found, strict=True)
    n = len(found)
    return Table(
        {
            "setting": np.full(n, name),
            "knob": np.full(n, knob),
            "witness": np.full(n, witness),
            "when": list(when),
            "x": np.array(value, dtype=float),
            "attention_global": globe,
            "attention_own": own,
            "attention_global_se": errors[:, 0],
            "attention_own_se": errors[:, 1],
        }
    )


def _knob_unit(rng, *, name, knob, value, seeds, steps) -> Table:
    objective, batch = _objective(knob, value)
    batches = 128 // batch  # as many images to look at whatever the batch
    ends = []
    for generator in rng.spawn(seeds):
        run = train(
            setting(name), objective, steps, _EARLY / steps, batch, generator,
            record_every=steps, evaluation_batches=batches,
        )  # fmt: skip
        ends.append([getattr(run, q)[-1] for q in _CONDITION])
    mean, error = mean_and_error(ends)
    return _knob_rows(name, knob, "measured", [["early", value, *mean]], error[None])


def compute_conditions(run: Run) -> Table:
    """Attention at an early and a late time over temperature, batch size and regularisation."""
    points = run.pick(
        test={"temperature": (0.1, 1.0), "batch": (4,), "penalty": (1e-3,)},
        quick={"temperature": (0.05, 0.2, 2.0), "batch": (4, 48), "penalty": (1e-5, 1e-3)},
        paper={
            "temperature": (0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0),
            "batch": (2, 4, 8, 16, 32, 64, 128, 256),
            "penalty": (1e-6, 1e-5, 1e-4, 3e-4, 1e-3),
        },
    )
    fixed = {
        "seeds": run.pick(test=2, quick=2, paper=8),
        "steps": run.pick(test=20, quick=40, paper=400),
    }
    lines = [
        {"name": n, "knob": k, "values": tuple(values), "late": 1e6}
        for n in SETTINGS
        for k, values in _KNOBS.items()
    ]
    units = [
        {"name": n, "knob": k, "value": v, **fixed}
        for n in SETTINGS
        for k, values in points.items()
        for v in values
    ]
    return Table.concat([run.map("lines", _knob_line, lines), run.map("points", _knob_unit, units)])


@figure(
    "contrastive_conditions",
    compute=compute_conditions,
    title="What temperature, negatives and regularisation change",
    alt="Two rows of three panels of attention on a logarithmic axis, for a positive gap above and "
    "a negative gap below, against temperature, batch size and regularisation. Attention on the "
    "global area is high at middle temperatures, little changed by batches of more than about ten "
    "images, and falls back to its start at strong regularisation; attention on the own area does "
    "the opposite. At high temperature and a negative gap both are still near their start at the "
    "earlier time. The dashed lines of the later time differ from the solid ones there and at the "
    "weakest regularisation, where attention on the own area ends above its start.",
    caption="Attention of masked local patches on the global area (squares) and on their own area "
    "(circles) after time 40000. Points: training with positions free, bars of one standard "
    "error. Lines: mean field then (solid) and at time a million (dashed). Dotted: where "
    "attention starts. Where nothing else is varied, the temperature is 0.1, the batch 32 and the "
    "regularisation 0.0001.",
    chapter=CHAPTER,
    seed=8105,
)
def draw_conditions(data: Table) -> Figure:
    """Draw one row a setting and one column a knob."""
    fig = Figure(figsize=(7.2, 5.2))
    axes = fig.subplots(2, 3, sharey=True, sharex="col")
    words = {"temperature": "temperature", "batch": "batch size", "penalty": "regularisation"}
    for top, (line, (name, rows)) in enumerate(zip(axes, data.groups("setting"), strict=True)):
        start = setting(name).expected_visible() / setting(name).n_patches
        for ax, knob in zip(line, words, strict=True):
            part = rows.where(knob=knob)
            for quantity, at in (("global", start[0]), ("own", start[1])):
                kind, column = _LOOK[quantity], f"attention_{quantity}"
                for when, style in (("early", "-"), ("late", "--")):
                    curve = part.where(witness="theory", when=when)
                    theory_line(ax, curve["x"], curve[column], kind, line=style)
                points = part.where(witness="measured")
                measured(ax, points["x"], points[column], points[f"{column}_se"], kind)
                ax.axhline(at, color=KINDS[kind].color, linestyle=":", linewidth=1.2, zorder=1)
            ax.set(xscale="log", yscale="log")
            if top == 1:
                ax.set_xlabel(words[knob])
        line[0].set_ylabel(f"attention, {name}")
    for ax in axes.flat:
        ax.set_ylim(0.006, 1.1)
        ax.set_yticks([0.01, 0.03, 0.1, 0.3, 1], ["0.01", "0.03", "0.1", "0.3", "1"])
        ax.minorticks_off()
    for quantity, y in (("global", 0.7), ("own", 0.0066)):
        axes[0, 1].text(
            0.5, y, quantity, color=KINDS[_LOOK[quantity]].color, ha="center", va="bottom",
            transform=axes[0, 1].get_yaxis_transform(),
        )  # fmt: skip
    return fig


# Late ---------------------------------------------------------------------------------------------


def _late_unit(rng, *, name, penalty, steps, rate, images) -> Table:
    """A long run; and what became of every single patch at its end."""
    data, objective = setting(name), Contrastive(TEMPERATURE, penalty)
    training, drawing = rng.spawn(2)
    run = train(
        data, objective, steps, rate, BATCH, training,
        record_every=max(1, steps // 10), evaluation_batches=2,
    )  # fmt: skip
    course = {quantity: getattr(run, quantity) for quantity in _LATE}
    table = _late_rows(name, "measured", TEMPERATURE, penalty, run.times, course)
    batch = data.draw(images, drawing)
    start, end = (area_attention(data, p, batch) for p in (Parameters.zeros(data), run.parameters))
    local = start.is_local
    worst = [
        float(np.nanmin((end.on_global - start.on_global)[local])),
        float(np.nanmin((start.on_own - end.on_own)[local])),
    ]
    state = run.parameters
    spread = max(np.ptp(state.phi, axis=0).max(), np.ptp(state.upsilon, axis=0).max())
    last = {
        "setting": [name],
        "witness": ["every patch"],
        "temperature": [TEMPERATURE],
        "penalty": [penalty],
        "time": [run.times[-1]],
        "phi_own": [float(spread)],
        "phi_global": [float(np.abs(state.upsilon).max())],
        "attention_own": [worst[1]],
        "attention_global": [worst[0]],
    }
    return Table.concat([table, Table(last)])


_LATE = ("phi_own", "phi_global", "attention_own", "attention_global")


def _late_rows(name, witness, temperature, penalty, times, course) -> Table:
    n = len(times)
    return Table(
        {
            "setting": np.full(n, name),
            "witness": np.full(n, witness),
            "temperature": np.full(n, temperature),
            "penalty": np.full(n, penalty),
            "time": times,
            **{quantity: course[quantity] for quantity in _LATE},
        }
    )


def _late_line(rng, *, name, temperature, penalty, points) -> Table:
    del rng  # nothing is drawn
    times = np.geomspace(1e3, 3e6, points)
    objective = Contrastive(temperature, penalty)
    course = read_course(mean_field(setting(name), objective, times, batch_size=BATCH, rtol=1e-6))
    return _late_rows(name, "theory", temperature, penalty, times, course)


def compute_late(run: Run) -> Table:
    """Long courses at three temperatures, with and without regularisation."""
    cases = ((0.1, 0.0), (0.2, 0.0), (0.5, 0.0), (0.1, PENALTY))
    lines = [
        {
            "name": n,
            "temperature": t,
            "penalty": r,
            "points": run.pick(test=10, quick=45, paper=200),
        }
        for n in SETTINGS
        for t, r in cases
    ]
    runs = [
        {
            "name": n,
            "penalty": r,
            "steps": run.pick(test=10, quick=250, paper=2000),
            "rate": run.pick(test=400.0, quick=800.0, paper=100.0),
            "images": run.pick(test=400, quick=900, paper=20000),
        }
        for n in SETTINGS
        for r in (0.0, PENALTY)
    ]
    return Table.concat([run.map("lines", _late_line, lines), run.map("runs", _late_unit, runs)])


@figure(
    "contrastive_late",
    compute=compute_late,
    title="The collapse is not unconditional",
    alt="Two columns of two panels against time on a logarithmic axis, for a positive gap on the "
    "left and a negative gap on the right. Above, attention on the global area rises in all four "
    "curves. At temperature 0.5 it approaches one; at 0.1 it stops well below one and, without "
    "regularisation, falls again late. Below, attention on the own area, on a logarithmic axis, "
    "falls in all curves; at temperature 0.5 it keeps falling, at 0.1 without regularisation it "
    "turns and rises above its start. Points of training at temperature 0.1 follow their curves "
    "at first and turn sooner than they do on the right.",
    caption="Attention of masked local patches over long times. Lines: mean field without "
    "regularisation at three temperatures, darker for lower ones, and with regularisation 0.0001 "
    "at the lowest (dashed). Points: one long run each at temperature 0.1 with positions free, "
    "without (closed) and with (open) regularisation. Dotted: where attention starts. Beyond a "
    "turn the mean field tells that it happens, not where it leads.",
    chapter=CHAPTER,
    seed=8106,
)
def draw_late(data: Table) -> Figure:
    """Draw attention on the global and on the own area over long times."""
    fig = Figure(figsize=(6.8, 5.4))
    axes = fig.subplots(2, 2, sharex=True, sharey="row")
    levels = {0.1: 1.0, 0.2: 0.5, 0.5: 0.15}
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        start = setting(name).expected_visible() / setting(name).n_patches
        for ax, quantity, at in zip(column, ("global", "own"), start, strict=False):
            kind, y = _LOOK[quantity], f"attention_{quantity}"
            line = rows.where(witness="theory", penalty=0.0)
            for tau, curve in line.groups("temperature"):
                theory_line(ax, curve["time"], curve[y], kind, level=levels[tau], line="-")
                # Named where the curves are apart; at the right end they are not.
                if quantity == "global":
                    i = int({0.1: 0.99, 0.2: 0.78, 0.5: 0.9}[tau] * (len(curve) - 1))
                    shift = {0.1: (-4, -16), 0.2: (0, -14), 0.5: (0, 9)}[tau]
                    words = f"$\\tau$ = {tau:g}"
                    direct_label(ax, curve["time"][i], curve[y][i], words, kind,
                                 level=levels[tau], offset=shift, align="right")  # fmt: skip
            held = rows.where(witness="theory", penalty=PENALTY)
            theory_line(ax, held["time"], held[y], kind, line="--")
            for penalty, fill in ((0.0, None), (PENALTY, "white")):
                points = rows.where(witness="measured", penalty=penalty)
                late = points["time"] > 0
                look = KINDS[kind]
                ax.plot(points["time"][late], points[y][late], look.marker, color=look.color,
                        markerfacecolor=fill or look.color, markersize=5, zorder=3)  # fmt: skip
            ax.axhline(at, color="#777777", linestyle=":", linewidth=1.2, zorder=1)
        column[0].set_title(f"{name}, $\\Delta$ = {setting(name).information_gap:.2f}")
        column[0].set(xscale="log", ylim=(0, 1.12))
        column[1].set(xlabel="time (steps times rate)", yscale="log")
    axes[0, 0].set_ylabel("attention on the global area")
    axes[1, 0].set_ylabel("attention on the own area")
    return fig
