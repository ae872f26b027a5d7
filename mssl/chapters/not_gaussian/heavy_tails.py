"""The same tails, in independent entries and in whole rows: the figure ``heavy_tails``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.not_gaussian.worlds import RIDGE, measured_error
from mssl.covariance import AR1
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured, theory_line
from mssl.figures.table import Table
from mssl.rows import IndependentEntries, MultivariateT, StudentT
from mssl.theory import SSRTheory, elliptical_risk


def _df_unit(rng, *, d, n, df, trials) -> Table:
    covariance = AR1(d, 0.8)
    plain = SSRTheory(covariance, n, RIDGE).test_error
    found = []
    for label, population in (
        ("independent", IndependentEntries(covariance, StudentT(df))),
        ("multivariate", MultivariateT(covariance, df)),
    ):
        found.append((label, *measured_error(population, n, trials, rng)))
    return Table(
        {
            "witness": [label for label, _, _ in found],
            "df": df,
            "ratio": [mean / plain for _, mean, _ in found],
            "standard_error": [spread / plain for _, _, spread in found],
        }
    )


def _df_theory(rng, *, d, n, dfs) -> Table:
    covariance = AR1(d, 0.8)
    plain = SSRTheory(covariance, n, RIDGE).test_error
    ratios = [
        elliptical_risk(covariance, n, RIDGE, MultivariateT(covariance, df).scales(5000)).test_error
        / plain
        for df in dfs
    ]
    return Table({"witness": "theory", "df": list(dfs), "ratio": ratios, "standard_error": np.nan})


def compute_heavy_tails(run: Run) -> Table:
    """Test error over that of the Gaussian theory against degrees of freedom, two kinds of t."""
    d = run.pick(test=16, quick=64, paper=256)
    n = 3 * d // 2
    few = (2.5, 3.0, 4.0, 6.0, 10.0, 30.0)
    many = tuple(float(v) for v in np.geomspace(2.4, 30.0, run.pick(test=4, quick=60, paper=90)))
    trials = run.pick(test=4, quick=24, paper=400)
    settings = [{"d": d, "n": n, "df": df, "trials": trials} for df in few]
    theory = run.map("theory", _df_theory, [{"d": d, "n": n, "dfs": many}])
    return Table.concat([theory, run.map("measured", _df_unit, settings)])


@figure(
    "heavy_tails",
    compute=compute_heavy_tails,
    title="The same tails, in independent entries and in whole rows",
    alt="Test error divided by the Gaussian theory against the degrees of freedom of a t law. With "
    "independent entries the points are at one from six degrees of freedom on and rise a little "
    "below. With one scale for each row they rise throughout as the degrees of freedom fall, along "
    "the curve of the theory with scales.",
    caption="Measured test error over the Gaussian theory, AR(1) with correlation 0.8, $n = "
    "1.5\\,d$, ridge 0.1. Squares: independent t entries. Discs: multivariate t, whose coordinates "
    "have the same tails; the line is the theory with scales. Bars are one standard error.",
    chapter="not_gaussian",
    seed=9102,
    columns={
        "ratio": "test error over the Gaussian theory",
    },
    missing=("standard_error",),
)
def draw_heavy_tails(data: Table) -> Figure:
    """Draw the ratio of errors over the degrees of freedom."""
    fig = Figure(figsize=(5.2, 3.4), layout="constrained")
    ax = fig.subplots()
    theory = data.where(witness="theory")
    theory_line(ax, theory["df"], theory["ratio"], "test", "theory with scales")
    for witness, kind, text in (
        ("multivariate", "test", "multivariate t"),
        ("independent", "ar1", "independent t entries"),
    ):
        rows = data.where(witness=witness)
        measured(ax, rows["df"], rows["ratio"], rows["standard_error"], kind, text)
    ax.axhline(1.0, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
    ax.set(xscale="log", xlabel="degrees of freedom", ylabel="test error / Gaussian theory")
    ax.set_xticks([3, 4, 6, 10, 30], ["3", "4", "6", "10", "30"])
    ax.minorticks_off()
    ax.legend(loc="upper right")
    return fig
