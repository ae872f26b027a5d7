"""Forty random worlds and three that are not for weighted PCA: the figure ``limit_worlds``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mssl import WeightedPCA
from mssl.baselines import leading_directions
from mssl.chapters.how_near_the_limit.worlds import cosine
from mssl.covariance import AR1, Blocks, Diagonal, Isotropic, Scaled, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials

#: Kinds of noise of the random worlds, in turn.
KINDS = ("white", "unequal", "ar1", "blocks", "two_levels")

#: Below this squared cosine nobody sees the direction.
FAINT = 0.1

_rows = table_of("world", "number", "ours", "best", "gap", "standard_error")


def random_world(seed: int) -> tuple[str, Spiked, int]:
    """A base of one of five kinds, d/n on both sides of 1, and a direction of some strength."""
    rng = np.random.default_rng([17, seed])
    d = 160
    n = round(d / rng.choice([0.4, 0.7, 1.4, 2.5]))
    variances = np.exp(rng.uniform(0.0, 1.2) * rng.standard_normal(d))
    kind = KINDS[seed % 5]
    base = {
        "white": Isotropic(d),
        "unequal": Diagonal(variances),
        "ar1": Scaled(AR1(d, rng.uniform(0.2, 0.6)), np.sqrt(variances)),
        "blocks": Scaled(Blocks([8] * 20, rng.uniform(0.05, 0.3)), np.sqrt(variances)),
        "two_levels": Diagonal(rng.permutation(np.tile([0.3, 3.0], d // 2))),
    }[kind]
    u = rng.standard_normal(d)
    if rng.random() < 0.3:
        u[rng.permutation(d)[: d * 3 // 4]] = 0.0
    theta = rng.uniform(1.0, 4.0) * np.sqrt(d / n) * base.trace() / d
    return kind, Spiked(base, theta, u[:, None] / np.linalg.norm(u)), n


def hard_world(name: str) -> tuple[Spiked, int]:
    """A world for which weighted PCA is not made."""
    d = 160
    flat, few = np.full((d, 1), d**-0.5), np.zeros((d, 1))
    few[:8:2] = 0.5
    quiet = Diagonal(np.tile([0.3, 3.0], d // 2))
    singles = d - 40  # coordinates outside of the four groups of ten
    groups = Blocks(
        [10] * 4 + [1] * singles,
        np.repeat([0.75, 0.0], [4, singles]),
        np.repeat([4.0, 1.0], [4, singles]),
    )
    return {
        "strong groups": (Spiked(groups, 12.0, flat), 240),
        "four quiet": (Spiked(quiet, 1.5, few), 240),
        "one coordinate": (Spiked(Isotropic(d), 4.0, np.eye(d)[:, :1]), 240),
    }[name]


def squared_cosines(world: Spiked, n: int, generator) -> tuple[float, ...]:
    """Of weighted PCA; of PCA, and of correlation PCA and masked regression in two readings."""
    rows, u = world.sample(n, generator), world.directions[:, 0]
    ours = cosine(WeightedPCA().fit(rows).components_[0], u) ** 2
    ridge = 0.1 * float(np.mean(rows**2))
    return (
        ours,
        leading_directions(rows, "pca")[0].overlaps(u)[0],
        *leading_directions(rows, "correlation_pca")[0].overlaps(u)[[0, 2]],
        *leading_directions(rows, "masked_regression", ridge=ridge)[0].overlaps(u)[[0, 2]],
    )


def _compared(name, number, world, n, rng, trials) -> Table:
    """Means of ours and of the best other one, and how far the other is ahead."""
    seen = np.array(run_trials(lambda g: squared_cosines(world, n, g), trials, rng, n_jobs=1))
    best = 1 + int(np.argmax(seen[:, 1:].mean(axis=0)))
    gap, error = mean_and_error(seen[:, best] - seen[:, 0])
    return _rows(name, [number], seen[:, 0].mean(), seen[:, best].mean(), gap, error)


def _random_unit(rng, *, seeds, trials) -> Table:
    tables = []
    for seed in seeds:
        name, world, n = random_world(seed)
        tables.append(_compared(name, seed, world, n, np.random.default_rng([18, seed]), trials))
    return Table.concat(tables)


def _hard_unit(rng, *, name, trials) -> Table:
    world, n = hard_world(name)
    return _compared(name, 0, world, n, rng, trials)


def worlds_at_paper_scale() -> Table:
    """Return the data of the figure at the scale "paper", stored as a page should be quick."""
    return Table.from_csv(Path(__file__).with_name("worlds_paper.csv"))


def compute_limit_worlds(run: Run) -> Table:
    """Squared cosines of weighted PCA and of the best of three others in many worlds."""
    count, trials = run.pick(test=4, quick=40, paper=40), run.pick(test=2, quick=4, paper=40)
    names = ("strong groups", "four quiet", "one coordinate")
    return Table.concat(
        [
            run.map("random", _random_unit, [{"seeds": tuple(range(count)), "trials": trials}]),
            run.map("hard", _hard_unit, [{"name": name, "trials": 2 * trials} for name in names]),
        ]
    )


@figure(
    "limit_worlds",
    compute=compute_limit_worlds,
    title="Weighted PCA against the best of three others",
    alt="A scatter of squared cosines, weighted PCA upwards and the best of PCA, correlation PCA "
    "and masked regression to the right, around a diagonal. Most of forty dots lie on the diagonal "
    "or above it. Three triangles, worlds with strong groups, with a direction on four quiet "
    "coordinates and with one on a single coordinate, lie below it.",
    caption="Squared cosine of weighted PCA with the direction, against that of the best of PCA, "
    "correlation PCA and masked regression, the last two with the better of filter and pattern "
    "(the best by the mean over draws). Dots: forty random worlds at $d = 160$, of five kinds of "
    "noise. Triangles: three worlds that are named. Bars are one standard error of the difference.",
    chapter="how_near_the_limit",
    seed=18006,
    columns={
        "world": "kind of noise, or which world",
        "number": "number of the random world",
        "ours": "squared cosine of weighted PCA",
        "best": "squared cosine of the best of the others",
        "gap": "how far the best of the others is ahead",
        "standard_error": "one standard error of the gap",
    },
)
def draw_limit_worlds(data: Table) -> Figure:
    """Draw ours against the best of the others."""
    fig = Figure(figsize=(5.2, 4.8))
    ax = fig.subplots()
    ax.plot([0, 1], [0, 1], color="#999999", linewidth=1.0, zorder=1)
    names = [name for name in data.unique("world") if name not in KINDS]
    for name, rows in data.groups("world"):
        kind = "factor_analysis" if name in names else "weighted_pca"
        measured(ax, rows["best"], rows["ours"], rows["standard_error"], kind)
        if name in names:
            # Side by side, two names on the right would cover each other.
            aside, align = (-7, "right") if name == "one coordinate" else (7, "left")
            ax.annotate(name, (rows["best"][0], rows["ours"][0]), xytext=(aside, -4),
                        textcoords="offset points", va="top", ha=align, fontsize=10)  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", ylabel="weighted PCA",
           xlabel="best of PCA, correlation PCA, masked regression")  # fmt: skip
    return fig
