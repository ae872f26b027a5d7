"""What the resolvent is close to: the figure ``resolvent_row``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.covariance import AR1
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import run_trials
from mssl.theory import solve_kappa


def _row_unit(rng, *, d, n, ridge, rho, reach, trials) -> Table:
    covariance = AR1(d, rho)
    middle = d // 2
    unit = np.zeros(d)
    unit[middle] = 1.0
    window = slice(middle - reach, middle + reach + 1)
    equivalent = solve_kappa(covariance, n, ridge)
    limit = (equivalent.resolvent.apply(unit) / equivalent.rho)[window]
    plain = covariance.resolvent(ridge).apply(unit)[window]

    def trial(generator):
        x = covariance.sample(n, generator)
        return np.linalg.solve(x.T @ x / n + ridge * np.eye(d), unit)[window]

    rows = np.array(run_trials(trial, trials, rng))
    spread = rows.std(axis=0, ddof=1)
    zero = np.zeros(2 * reach + 1)
    lag = np.arange(-reach, reach + 1)
    return Table.concat(
        [
            Table({"witness": witness, "lag": lag, "entry": entry, "spread": deviation})
            for witness, entry, deviation in (
                ("equivalent", limit, zero),
                ("population", plain, zero),
                ("measured", rows.mean(axis=0), spread / np.sqrt(trials)),
            )
        ]
    )


def compute_resolvent_row(run: Run) -> Table:
    """One row of Q, averaged over draws, its equivalent, and the inverse of the population."""
    d = run.pick(test=30, quick=200, paper=800)
    trials = run.pick(test=5, quick=40, paper=200)
    setting = {"d": d, "n": d, "ridge": 0.2, "rho": 0.6, "reach": 6, "trials": trials}
    return run.map("row", _row_unit, [setting])


@figure(
    "resolvent_row",
    compute=compute_resolvent_row,
    title="What the resolvent is close to",
    alt="A row of the resolvent around its diagonal entry. The measured points lie on the line of "
    "the deterministic equivalent, with a peak of about 2.2 at lag zero and negative neighbours. "
    "The dashed line of the inverse of the population covariance plus the ridge has the same "
    "shape but a much lower peak, and misses every point near the diagonal.",
    caption="Entries of a middle row of $Q$ for an AR(1) process with correlation 0.6, $d = n$ and "
    "ridge 0.2. Points: means over independent draws, with one standard error. Line: the "
    "deterministic equivalent. Dashed: the inverse of the population covariance plus the ridge, "
    "which is where $Q$ would go if $d$ stayed fixed.",
    chapter="random_matrices",
    seed=3003,
)
def draw_resolvent_row(data: Table) -> Figure:
    """Draw the row with both candidates for its limit."""
    fig = Figure(figsize=(5.2, 3.6))
    ax = fig.subplots()
    rows = {witness: data.where(witness=witness) for witness in data.unique("witness")}
    theory_line(
        ax,
        rows["population"]["lag"],
        rows["population"]["entry"],
        "reference",
        r"$(\Sigma + \lambda I)^{-1}$",
    )
    theory_line(ax, rows["equivalent"]["lag"], rows["equivalent"]["entry"], "density", "equivalent")
    seen = rows["measured"]
    measured(ax, seen["lag"], seen["entry"], seen["spread"], "density", "measured")
    ax.axhline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    ax.set(xlabel="column minus row", ylabel="entry of Q")
    ax.legend(loc="upper right")
    return fig
