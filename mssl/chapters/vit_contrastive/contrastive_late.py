"""Below a critical temperature the collapse is reversed: the figure ``contrastive_late``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.courses import LOOK, read_course
from mssl.chapters.vit_contrastive.worlds import BATCH, PENALTY, TEMPERATURE
from mssl.chapters.worlds import SETTINGS, setting
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, direct_label, theory_line
from mssl.figures.table import Table
from mssl.vit import Contrastive, Parameters, area_attention, mean_field, train


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
    title="Below a critical temperature the collapse is reversed",
    alt="Two columns of two panels against time on a logarithmic axis, for a positive gap on the "
    "left and a negative gap on the right. Above, attention on the global area rises in all four "
    "curves. At temperature 0.5 it approaches one; at 0.1 it stops well below one and, without "
    "regularisation, falls again late. Below, attention on the own area, on a logarithmic axis, "
    "falls in all curves; at temperature 0.5 it keeps falling, at 0.1 without regularisation it "
    "turns and rises above its start. Points of training at temperature 0.1 follow their curves "
    "at first and turn sooner than they do on the right.",
    caption="Attention of masked local patches over long times. Lines: mean field without "
    "regularisation at three temperatures, stronger for lower ones, and with regularisation 0.0001 "
    "at the lowest (dashed). Points: one long run each at temperature 0.1 with positions free, "
    "without (closed) and with (open) regularisation. Dotted: where attention starts. Beyond a "
    "turn the mean field shows that it happens, not where it leads.",
    chapter="vit_contrastive",
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
            kind, y = LOOK[quantity], f"attention_{quantity}"
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
