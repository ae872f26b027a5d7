"""Training and test error against the ridge: the figure ``error_vs_ridge``."""

from __future__ import annotations

from matplotlib.figure import Figure

from mssl.chapters.error.drawing import draw_errors, log_axes
from mssl.chapters.error.worlds import MODELS, model_of, ridge_grid, risk_rows
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory

GAMMAS = (0.5, 2.0)


def _ridge_theory(rng, *, model, d, gamma, ridges) -> Table:
    covariance = model_of(model, d)
    n = round(d / gamma)
    results = [
        ({"model": model, "gamma": gamma, "ridge": ridge}, SSRTheory(covariance, n, ridge).risk)
        for ridge in ridges
    ]
    return risk_rows("theory", results, ("test", "train", "bayes"))


def _ridge_unit(rng, *, model, d, gamma, ridges, trials) -> Table:
    risks = simulate_risk(model_of(model, d), round(d / gamma), ridges, trials=trials, rng=rng)
    results = [
        ({"model": model, "gamma": gamma, "ridge": ridge}, risk)
        for ridge, risk in zip(ridges, risks, strict=True)
    ]
    return risk_rows("measured", results, ("test", "train"))


def compute_error_vs_ridge(run: Run) -> Table:
    """Train and test error of three worlds against the ridge, below and above d = n."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=6, paper=40)
    many = ridge_grid(1e-3, 30.0, run.pick(test=8, quick=40, paper=120))
    few = ridge_grid(1e-3, 30.0, run.pick(test=3, quick=8, paper=14))
    settings = [{"model": m, "d": d, "gamma": gamma} for gamma in GAMMAS for m in MODELS]
    return Table.concat(
        [
            run.map("theory", _ridge_theory, [{**s, "ridges": many} for s in settings]),
            run.map(
                "measured", _ridge_unit, [{**s, "ridges": few, "trials": trials} for s in settings]
            ),
        ]
    )


@figure(
    "error_vs_ridge",
    compute=compute_error_vs_ridge,
    title="Training and test error against the ridge",
    alt="Six panels show errors against the ridge: three worlds across, twice as many samples as "
    "coordinates above and half as many below. Training error rises with the ridge in all. Test "
    "error falls to the variance as the ridge grows in the isotropic world and has an "
    "interior minimum or plateau in the two correlated worlds; points lie on the lines.",
    caption="Mean squared error of masked regression against the ridge, for $d/n = 0.5$ (above) "
    "and $d/n = 2$ (below). Lines: theory; points: mean of independent trials with one standard "
    "error; dotted: the Bayes error.",
    chapter="error",
    seed=4002,
    missing=("standard_error",),
)
def draw_error_vs_ridge(data: Table) -> Figure:
    """Draw a grid of panels, one column a world and one row a ratio d/n."""
    fig = Figure(figsize=(7.2, 5.2))
    gammas, models = data.unique("gamma"), data.unique("model")
    axes = fig.subplots(len(gammas), len(models), sharex=True, sharey=True, squeeze=False)
    for i, gamma in enumerate(gammas):
        for j, name in enumerate(models):
            ax = axes[i, j]
            rows = data.where(gamma=gamma, model=name)
            draw_errors(ax, rows, "ridge", ("bayes", "train", "test"))
            ax.set(xscale="log", yscale="log")
            if i == 0:
                ax.set_title(MODELS[name][0])
        axes[i, 0].set_ylabel(f"error, d/n = {gamma:g}")
    for ax in axes[-1]:
        ax.set_xlabel("ridge")
    log_axes(*axes.flat)
    axes[0, 0].set_ylim(bottom=max(1e-2, 0.8 * data["error"].min()))
    first = data.where(model=models[0], gamma=gammas[-1], witness="theory")
    for kind, text, at, shift, align in (
        ("test", "test", 0.15, (4, 9), "left"),
        ("train", "training", 0.7, (6, -8), "left"),
        ("bayes", "Bayes", 0.0, (0, -8), "left"),
    ):
        rows = first.where(kind=kind)
        at = round(at * (len(rows) - 1))
        direct_label(
            axes[-1, 0], rows["ridge"][at], rows["error"][at], text, kind, offset=shift, align=align
        )
    return fig
