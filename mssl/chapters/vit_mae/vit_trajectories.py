"""Two phases for a positive gap, one for a negative gap: the figure ``vit_trajectories``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import (
    LOOK,
    READ,
    course_rows,
    draw_free,
    draw_frozen,
    read_course,
    train_seeds,
)
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, theory_line
from mssl.figures.table import Table
from mssl.vit import MAE, History, PatchData, mean_field, phase_times
from mssl.vit.flow import Reconstruction


def loss_parts(data: PatchData, course: History) -> tuple[np.ndarray, np.ndarray]:
    r"""What local and what global patches contribute to the loss along a mean field.

    .. math:: \mathcal L = \mathcal L_{\mathrm{local}} + \mathcal L_{\mathrm{global}}

    Parameters
    ----------
    data : PatchData
        Which the mean field is of.
    course : History
        Of :func:`mssl.vit.mean_field` with counts averaged, for masked reconstruction.

    Returns
    -------
    local, globe : ndarray of shape (n_times,)
    """
    flow, near, far = Reconstruction(data, True), course.local_patches, course.global_patches
    states = zip(
        near.phi_own, near.phi_global, near.phi_other, far.phi_own, far.phi_other, strict=True
    )
    local, globe = np.array([flow(np.array(y)).parts for y in states]).T
    return local, globe


def euler_course(data: PatchData, step: float, times) -> np.ndarray:
    r"""The own logit of a local patch in the mean field, counts averaged, by steps of finite size.

    .. math:: \Phi(t + \eta) = \Phi(t) + \eta\,\dot\Phi(t)

    Parameters
    ----------
    data : PatchData
    step : float
        :math:`\eta`, the learning rate.
    times : array-like of shape (n_times,)
        Multiples of the step.

    Returns
    -------
    ndarray of shape (n_times,)
    """
    flow, y = Reconstruction(data, True), np.zeros(5)
    whole = np.rint(np.asarray(times) / step).astype(int)
    course = [0.0]
    for _ in range(whole.max()):
        y = y + step * flow(y).velocity
        course.append(y[0])
    return np.array(course)[whole]


def _trajectory_unit(rng, *, name, seeds, steps, rate, batch, records) -> Table:
    data = setting(name)
    tables = []
    every = max(1, steps // records)
    for witness, frozen in (("frozen", True), ("free", False)):
        runs = train_seeds(
            data,
            MAE(),
            steps,
            rate,
            batch,
            rng,
            seeds,
            freeze_positions=frozen,
            record_every=every,
            evaluation_batches=8,
        )
        tables.append(course_rows(name, witness, runs[0].times, [read_course(run) for run in runs]))
    times = runs[0].times
    for witness, average in (("theory", True), ("mean counts", False)):
        course = read_course(mean_field(data, MAE(), times, average_counts=average))
        tables.append(course_rows(name, witness, times, [course]))
    dense = np.linspace(0.0, times[-1], 201)
    course = mean_field(data, MAE(), dense, average_counts=True)
    tables.append(course_rows(name, "line", dense, [read_course(course)]))
    globe = course.global_patches
    seen = {key: getattr(course if key == "loss" else globe, key) for key in READ}
    tables.append(course_rows(name, "global patch", dense, [seen]))
    marks = phase_times(data, average_counts=True)
    for phase, time in (("crossing", marks.crossing), ("learning", marks.learning)):
        if time is not None:
            course = mean_field(data, MAE(), [0.0, time], average_counts=True)
            end = {key: values[1:] for key, values in read_course(course).items()}
            tables.append(course_rows(name, phase, [time], [end]))
    return Table.concat(tables)


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
    "gap. Top: the logit of the own feature rises late on the left and early on the right; "
    "that of the global feature falls first and deeply on the left, less on the right; "
    "that of other local features falls a little. Middle: attention on the global area falls "
    "first on the left, then attention on the own area rises towards one; on the right it rises "
    "from the start. A thin dashed curve, attention of global patches on their own "
    "area, rises first of all. "
    "Bottom: the loss falls towards a dotted floor, on the left after a shoulder. "
    "Closed points lie on the lines; open points show attention on the own area rising sooner.",
    caption="Gradient descent (points, mean over runs; the bars of one standard error are mostly "
    "within the points) and its mean field (lines), positions frozen. Top: logits of a local "
    "patch for its own, the global and any other local feature. Middle: its attention when it is "
    "masked and its own area has a visible patch; thin and dashed, the attention of a masked "
    "global patch on its own area, which is the global one (mean field). Bottom: the loss, and its "
    "floor (dotted). Open "
    "points: positions free. Upright lines: where the own logit begins to move faster than "
    "the global one (crossing), which ends the first phase, and where half of the attention is on "
    "the own area (learned).",
    chapter="vit_mae",
    seed=8003,
    missing=tuple(f"{name}_se" for name in READ),
)
def draw_trajectories(data: Table) -> Figure:
    """Draw logits, attention and loss, one column a setting."""
    fig = Figure(figsize=(6.8, 7.4))
    axes = fig.subplots(3, 2, sharex=True, sharey="row")
    for column, (name, rows) in zip(axes.T, data.groups("setting"), strict=True):
        theory = rows.where(witness="line")
        panels = (("phi", ("own", "global", "other")), ("attention", ("own", "global")))
        for ax, (family, members) in zip(column, panels, strict=False):
            for member in members:
                quantity, kind = f"{family}_{member}", LOOK[member]
                theory_line(ax, theory["time"], theory[quantity], kind, line="-")
                draw_free(ax, rows, quantity, kind)
                draw_frozen(ax, rows, quantity, kind)
        globe = rows.where(witness="global patch")
        column[1].plot(globe["time"], globe["attention_own"], "--", color="#555555", linewidth=0.9)
        theory_line(column[2], theory["time"], theory["loss"], "test")
        draw_free(column[2], rows, "loss", "test")
        draw_frozen(column[2], rows, "loss", "test")
        floor = setting(name).mae_floor
        column[2].axhline(floor, color="black", linestyle=":", linewidth=1.4)
        direct_label(column[2], 0.0, floor, "floor", "bayes", offset=(0, 9))
        column[0].set_title(f"{name}, $\\Delta$ = {setting(name).information_gap:.2f}")
        column[2].set(yscale="log", xlabel="time (steps times rate)")
        _mark_phases(column, rows)
    axes[0, 0].set_ylabel(r"logit $\Phi$")
    axes[1, 0].set_ylabel("attention")
    axes[2, 0].set_ylabel("loss")
    last = data.where(setting="negative gap", witness="line")
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
                LOOK[member],
                offset=(0, shift),
                align="center",
            )
    return fig


def _mark_phases(column, rows: Table) -> None:
    """Upright lines where the first phase ends, if there is one, and where the own is learned."""
    for phase, word in (("crossing", "crossing"), ("learning", "learned")):
        if phase not in rows.unique("witness"):
            continue
        time = rows.where(witness=phase)["time"][0]
        for ax in column:
            ax.axvline(time, color="#999999", linestyle=":", linewidth=1.4, zorder=0)
        column[0].annotate(
            word, (time, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2),
            textcoords="offset points", ha="left", va="top", color="#666666", fontsize=9,
        )  # fmt: skip
