"""Double descent, and how the best ridge removes it: the figure ``double_descent``."""

from __future__ import annotations

import numpy as np

from mssl.chapters.error.worlds import SPREAD, model_of, risk_rows, sample_sizes, with_spread
from mssl.covariance import Covariance
from mssl.figures.live import Axis, Choice, Live, Panel, line, points, spread
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory, optimal_ridge

RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0)
# Below this ridge the mean over trials at d = n is ruled by the worst of them.
CALM = 0.01
# Always shown, to compare with.
SHOWN = (1e-6, 0.01, 0.1)

BEST = "best"


def _descent_ridge(covariance: Covariance, n: int, setting: str) -> float:
    if setting != BEST:
        return float(setting.removeprefix("ridge "))
    return optimal_ridge(covariance, n).ridge


def _descent_theory(rng, *, setting, d, sizes) -> Table:
    covariance = model_of("ar1", d)
    results = []
    for n in sizes:
        ridge = _descent_ridge(covariance, n, setting)
        labels = {"setting": setting, "gamma": d / n, "ridge": ridge}
        results.append((labels, SSRTheory(covariance, n, ridge).risk))
    return with_spread(risk_rows("theory", results, ("test", "bayes")), 1)


def _descent_unit(rng, *, settings, d, n, trials) -> Table:
    covariance = model_of("ar1", d)
    ridges = [_descent_ridge(covariance, n, setting) for setting in settings]
    risks = simulate_risk(covariance, n, ridges, trials=trials, rng=rng)
    results = [
        ({"setting": setting, "gamma": d / n, "ridge": ridge}, risk)
        for setting, ridge, risk in zip(settings, ridges, risks, strict=True)
    ]
    return with_spread(risk_rows("measured", results, ("test",)), trials)


def compute_double_descent(run: Run) -> Table:
    """Test error of an AR(1) world against d/n at several ridges and at the best one."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=8, paper=60)
    many = sample_sizes(d, 0.2, 8.0, run.pick(test=8, quick=28, paper=180))
    # The peak itself, and its steep flanks.
    steep = (0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 1.0, 1.02, 1.04, 1.07, 1.1, 1.15, 1.2)
    many = sorted({*many, *(round(factor * d) for factor in steep)}, reverse=True)
    few = sample_sizes(d, 0.25, 8.0, run.pick(test=3, quick=9, paper=15))
    settings = [*(f"ridge {ridge:g}" for ridge in RIDGES), BEST]
    # The best ridge is a search at each n, and its curve is smooth: fewer n will do.
    smooth = sample_sizes(d, 0.2, 8.0, run.pick(test=3, quick=14, paper=60))
    large = settings[RIDGES.index(CALM) :]
    calm = {n: large if 0.8 < d / n < 1.25 else settings for n in few}
    return Table.concat(
        [
            run.map(
                "theory",
                _descent_theory,
                [{"setting": s, "d": d, "sizes": smooth if s == BEST else many} for s in settings],
            ),
            run.map(
                "measured",
                _descent_unit,
                [{"settings": calm[n], "d": d, "n": n, "trials": trials} for n in few],
            ),
        ]
    )


def _note(rows: Table) -> str:
    """Where the curve of one ridge has its highest peak, if it has one."""
    order = np.argsort(rows["gamma"])
    gamma, error = rows["gamma"][order], rows["error"][order]
    inner = error[1:-1]
    peaks = 1 + np.flatnonzero((inner > error[:-2]) & (inner > error[2:]))
    if not peaks.size:
        return f"No peak: the test error rises all the way to {error[-1]:.2f}."
    peak = peaks[np.argmax(error[peaks])]
    return f"Peak of the test error: {error[peak]:.3g} at d/n = {gamma[peak]:.2f}."


@figure(
    "double_descent",
    compute=compute_double_descent,
    title="Double descent, and how the best ridge removes it",
    alt="Test error of masked regression on an autoregressive process against d/n on logarithmic "
    "axes, which follows a slider on the ridge. With almost no ridge the error shoots up by orders "
    "of magnitude at d = n and comes down again beyond; ridges of 0.01 and 0.1 lower the peak, "
    "until it is gone; with the best ridge at each d/n the error rises monotonically and stays "
    "lowest.",
    caption="Test error against $d/n$ for an AR(1) process, correlation 0.8. Blue: at the ridge "
    "of the slider, 1e-6 at first; faint: at the ridges 1e-6, 0.01 and 0.1. Green: the "
    "ridge that theory finds best at each $d/n$. Lines: theory; points: mean of independent trials "
    "with one standard error; shaded bars: where single draws of this size lie, two standard "
    "deviations to either side. There are no points for the smallest ridges close to $d = n$, "
    "where a rare trial decides the mean. Dotted: the Bayes error.",
    chapter="error",
    seed=4003,
    missing=("standard_error", "low", "high"),
    columns=SPREAD,
    live=True,
)
def live_double_descent(data: Table) -> Live:
    """One curve that the slider moves between a few that stay."""
    kept = data["setting"] != BEST
    moving = Table({name: column[kept] for name, column in data.columns.items()})
    theory, seen = (
        moving.where(kind="test", witness=witness) for witness in ("theory", "measured")
    )
    best_line, best_seen = (
        data.where(kind="test", setting=BEST, witness=w) for w in ("theory", "measured")
    )
    ridges = theory.unique("ridge")
    bayes = data.where(kind="bayes", setting=data["setting"][0])
    top = min(100.0, 1.3 * theory["error"].max())
    marks = [
        *(
            line(theory.where(ridge=r), "gamma", "error", "test", "ridges 1e-6, 0.01, 0.1",
                 level=0.0, fixed=True)
            for r in SHOWN
        ),
        line(bayes, "gamma", "error", "bayes", "Bayes error", fixed=True),
        line(best_line, "gamma", "error", "best_ridge", "best ridge at each d/n", fixed=True),
        points(best_seen, "gamma", "error", "standard_error", "best_ridge",
               "best ridge at each d/n", fixed=True),
        spread(seen, "gamma", "low", "high", "test", "ridge of the slider"),
        line(theory, "gamma", "error", "test", "ridge of the slider"),
        points(seen, "gamma", "error", "standard_error", "test", "ridge of the slider"),
    ]  # fmt: skip
    x = Axis("d/n, coordinates a sample", 0.19, 8.7, log=True)
    y = Axis("test error", 0.8 * bayes["error"].min(), top, log=True)
    choice = Choice(
        "ridge", "ridge λ", ridges, texts=[f"{ridge:g}".replace("e-0", "e-") for ridge in ridges]
    )
    notes = [_note(theory.where(ridge=ridge)) for ridge in ridges]
    return Live([choice], [Panel(x, y, marks)], notes)
