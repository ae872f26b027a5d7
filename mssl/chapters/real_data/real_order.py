"""Leave-one-out when days come in order: the figure ``real_order``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.real_data.drawing import plain_ticks
from mssl.chapters.real_data.worlds import chosen
from mssl.data import prices
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error

_order_table = table_of("n", "kind", "loo_error", "test_error", "log_ratio", "standard_error")


def _order_unit(rng, *, n, starts, ahead) -> Table:
    """Leave-one-out against the error on the next days, and on random days."""
    world = prices()
    total = len(world.rows)
    last = total - n - ahead
    begins = np.linspace(0, last, starts).astype(int)
    outcomes = {"in order": [], "shuffled": []}
    for begin in begins:
        mixed = world.shuffled(rng)
        for kind, rows in (("in order", world.rows[begin:]), ("shuffled", mixed)):
            model = chosen(rows[:n])
            test = np.mean(model.residual(rows[n : n + ahead]) ** 2)
            outcomes[kind].append((model.loo_error_, test, np.log(test / model.loo_error_)))
    rows = []
    for kind, found in outcomes.items():
        mean, error = mean_and_error(found)
        rows.append((kind, *mean, error[2]))
    return _order_table(n, *zip(*rows, strict=True))


def compute_real_order(run: Run) -> Table:
    """Error on later days over leave-one-out, with the days in order and shuffled."""
    starts = run.pick(test=2, quick=12, paper=60)
    sizes = run.pick(test=(100,), quick=(60, 120, 250, 500), paper=(60, 90, 120, 180, 250, 500))
    units = [{"n": n, "starts": starts, "ahead": 125} for n in sizes]
    return run.map("order", _order_unit, units)


@figure(
    "real_order",
    compute=compute_real_order,
    title="Leave-one-out when days come in order",
    alt="Ratio of the error on other days to the leave-one-out error against the number of "
    "training days. With shuffled days the points scatter about one. With days in order they "
    "scatter more, and lie higher for many training days than for few.",
    caption="Error of prices on 125 days that were not trained on, over the leave-one-out error at "
    "its own best ridge (geometric mean). Discs: training days in a row, tested on the days that "
    "follow. Squares: the same with the days shuffled. Bars are one standard error over windows, "
    "which overlap for large n. Dashed: one.",
    chapter="real_data",
    seed=9005,
    columns={
        "n": "number of training days",
        "log_ratio": "natural logarithm of test_error over loo_error",
    },
)
def draw_real_order(data: Table) -> Figure:
    """Draw ratios with days in order and shuffled."""
    fig = Figure(figsize=(6.4, 3.6))
    ax = fig.subplots()
    for kind, look, shift in (("in order", "test", 0.97), ("shuffled", "train", 1.03)):
        rows = data.where(kind=kind)
        ratio = np.exp(rows["log_ratio"])
        error = ratio * rows["standard_error"]
        measured(ax, rows["n"] * shift, ratio, error, look, f"days {kind}")
    ax.axhline(1.0, color=colors["reference"], linestyle="--", linewidth=1.2)
    ax.set(xscale="log", xlabel="training days n", ylabel="test error / leave-one-out")
    plain_ticks(ax, "x", (60, 120, 250, 500))
    ax.legend(loc="upper left")
    return fig
