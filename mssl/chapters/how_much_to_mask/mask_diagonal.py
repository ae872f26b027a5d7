"""What the replacement of the sample variances costs: the figure ``mask_diagonal``."""

from __future__ import annotations

from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import unequal_world
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.simulation import measure_diagonal_replacement
from mssl.theory import diagonal_replacement_bound

QUANTITIES = {
    "variance": ("reference", "a variance, largest change"),
    "coefficient": ("test", "matrix, operator norm"),
    "error": ("ar1", "mean test error"),
}


_change_table = table_of("n", "witness", "quantity", "change")


def _diagonal_unit(rng, *, n, trials) -> Table:
    model, ridge, rate = unequal_world(n // 2), 0.1, 0.5
    bound = diagonal_replacement_bound(model.diagonal(), n, ridge, rate)
    seen = measure_diagonal_replacement(model, n, ridge, rate, trials=trials, rng=rng, n_jobs=1)
    rows = [("bound", k, getattr(bound, k)) for k in ("variance", "coefficient")]
    rows += [("measured", k, abs(getattr(seen, k))) for k in QUANTITIES]
    return _change_table(n, *zip(*rows, strict=True))


def compute_mask_diagonal(run: Run) -> Table:
    """Bound and measurement over n at fixed d/n."""
    sizes = run.pick(test=(20, 40), quick=(60, 120, 240, 480), paper=(60, 120, 240, 480, 960, 1920))
    trials = run.pick(test=2, quick=4, paper=10)
    return run.map("diagonal", _diagonal_unit, [{"n": n, "trials": trials} for n in sizes])


@figure(
    "mask_diagonal",
    compute=compute_mask_diagonal,
    title="What the replacement of the sample variances costs",
    alt="Relative changes against the number of samples, on logarithmic axes. Two lines, the "
    "bounds on a variance and on the matrix, fall. The points of the variances lie close to their "
    "bound, at most by a factor of two below it; those of the matrix lie far below theirs. Points "
    "of the mean test error lie far lower still.",
    caption="Relative change when the population's variances take the place of the sample's in the "
    "masks' penalty; $d = n/2$, rate one half, ridge 0.1. Lines: bounds that hold with probability "
    "95 per cent at least. Points: the largest over the trials, and for the error the absolute "
    "mean over the trials.",
    chapter="how_much_to_mask",
    seed=17008,
    columns={
        "change": "relative change, or its bound",
    },
)
def draw_mask_diagonal(data: Table) -> Figure:
    """Draw bounds as lines and measurements as points."""
    fig = Figure(figsize=(4.6, 3.4))
    ax = fig.subplots()
    for quantity, (look, label) in QUANTITIES.items():
        points = data.where(witness="measured", quantity=quantity)
        measured(ax, points["n"], points["change"], None, look, label)
        if quantity != "error":
            line = data.where(witness="bound", quantity=quantity)
            theory_line(ax, line["n"], line["change"], look)
    sizes = data.unique("n")
    ax.set(xscale="log", yscale="log", xlabel="samples $n$ ($d = n/2$)", ylabel="relative change")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=1)
    return fig
