"""Double descent, and how the best ridge removes it: the figure ``double_descent``."""

from __future__ import annotations

from matplotlib.figure import Figure

from mssl.chapters.error.worlds import model_of, risk_rows, sample_sizes
from mssl.covariance import Covariance
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory, optimal_ridge

DESCENT_RIDGES = ("ridge 1e-6", "ridge 0.01", "ridge 0.1")

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
    return risk_rows("theory", results, ("test", "bayes"))


def _descent_unit(rng, *, settings, d, n, trials) -> Table:
    covariance = model_of("ar1", d)
    ridges = [_descent_ridge(covariance, n, setting) for setting in settings]
    risks = simulate_risk(covariance, n, ridges, trials=trials, rng=rng)
    results = [
        ({"setting": setting, "gamma": d / n, "ridge": ridge}, risk)
        for setting, ridge, risk in zip(settings, ridges, risks, strict=True)
    ]
    return risk_rows("measured", results, ("test",))


def compute_double_descent(run: Run) -> Table:
    """Test error of an AR(1) world against d/n at several ridges and at the best one."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=8, paper=60)
    many = sample_sizes(d, 0.2, 8.0, run.pick(test=8, quick=28, paper=180))
    # The peak itself, and its steep flanks.
    steep = (0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 1.0, 1.02, 1.04, 1.07, 1.1, 1.15, 1.2)
    many = sorted({*many, *(round(factor * d) for factor in steep)}, reverse=True)
    few = sample_sizes(d, 0.25, 8.0, run.pick(test=3, quick=9, paper=15))
    settings = [*DESCENT_RIDGES, BEST]
    # The best ridge is a search at each n, and its curve is smooth: fewer n will do.
    smooth = sample_sizes(d, 0.2, 8.0, run.pick(test=3, quick=14, paper=60))
    # Without a ridge the mean over trials at d = n is ruled by the worst of them.
    calm = {n: settings[1:] if 0.8 < d / n < 1.25 else settings for n in few}
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


@figure(
    "double_descent",
    compute=compute_double_descent,
    title="Double descent, and how the best ridge removes it",
    alt="Test error of masked regression on an autoregressive process against d/n on logarithmic "
    "axes. With almost no ridge the error shoots up by orders of magnitude at d = n and comes "
    "down again beyond; ridges of 0.01 and 0.1 lower the peak; with the best ridge at "
    "each d/n the error rises monotonically and stays lowest.",
    caption="Test error against $d/n$ for an AR(1) process with correlation 0.8: the fainter the "
    "blue, the smaller the ridge. Green: the ridge that theory finds best at each $d/n$. Lines: "
    "theory; points: mean of independent trials with one standard error, left out for the smallest "
    "ridge close to $d = n$, where a rare trial decides the mean; dotted: the Bayes error.",
    chapter="error",
    seed=4003,
    missing=("standard_error",),
)
def draw_double_descent(data: Table) -> Figure:
    """Draw a family of curves, darker for larger ridges, and the best ridge."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    settings = data.unique("setting")
    fixed = [setting for setting in settings if setting != BEST]
    for setting, rows in data.where(kind="test").groups("setting"):
        kind = "best_ridge" if setting == BEST else "test"
        level = 1.0 if setting == BEST else fixed.index(setting) / max(len(fixed) - 1, 1)
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        theory_line(
            ax,
            line["gamma"],
            line["error"],
            kind,
            "best ridge" if setting == BEST else setting,
            level=level,
        )
        measured(ax, points["gamma"], points["error"], points["standard_error"], kind, level=level)
    bayes = data.where(kind="bayes", setting=settings[0])
    theory_line(ax, bayes["gamma"], bayes["error"], "bayes", "Bayes")
    ax.legend(loc="upper right")
    ax.set(xscale="log", yscale="log", xlabel="d / n", ylabel="test error")
    log_ticks(ax, "x")
    return fig
