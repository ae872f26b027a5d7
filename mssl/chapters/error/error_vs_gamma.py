"""Training and test error against d/n: the figure ``error_vs_gamma``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.error.drawing import draw_errors, log_axes
from mssl.chapters.error.worlds import MODELS, model_of, risk_rows, sample_sizes
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label
from mssl.figures.table import Table
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory


def _gamma_unit(rng, *, model, d, ridge, sizes, trials) -> Table:
    covariance = model_of(model, d)
    results = []
    for n in sizes:
        labels = {"model": model, "gamma": d / n}
        results.append((labels, simulate_risk(covariance, n, ridge, trials=trials, rng=rng)))
    return risk_rows("measured", results, ("test", "train"))


def _gamma_theory(rng, *, model, d, ridge, sizes) -> Table:
    covariance = model_of(model, d)
    results = [
        ({"model": model, "gamma": d / n}, SSRTheory(covariance, n, ridge).risk) for n in sizes
    ]
    return risk_rows("theory", results, ("test", "train", "bayes"))


def compute_error_vs_gamma(run: Run) -> Table:
    """Train and test error of three worlds against d/n, at one ridge."""
    d = run.pick(test=40, quick=120, paper=800)
    sizes = sample_sizes(d, 0.1, 8.0, run.pick(test=8, quick=40, paper=120))
    few = sample_sizes(d, 0.125, 8.0, run.pick(test=3, quick=9, paper=13))
    trials = run.pick(test=2, quick=6, paper=40)
    settings = [{"model": name, "d": d, "ridge": 0.05} for name in MODELS]
    return Table.concat(
        [
            run.map("theory", _gamma_theory, [{**s, "sizes": sizes} for s in settings]),
            run.map(
                "measured",
                _gamma_unit,
                [{**s, "sizes": few, "trials": trials} for s in settings],
            ),
        ]
    )


@figure(
    "error_vs_gamma",
    compute=compute_error_vs_gamma,
    title="Training and test error against $d/n$",
    alt="Three panels, for an isotropic world, an autoregressive process and a power-law spectrum, "
    "show errors on logarithmic axes against the number of coordinates per sample. Training error "
    "falls steadily towards zero. Test error starts near the Bayes error; it peaks at d = n in the "
    "isotropic world and rises all the way in the other two. Measured points lie on the lines.",
    caption="Mean squared error of masked regression at ridge 0.05. Lines are the deterministic "
    "equivalent, points the mean of independent trials with one standard error (smaller than the "
    "points where it cannot be seen); dotted: the Bayes error.",
    chapter="error",
    seed=4001,
    missing=("standard_error",),
)
def draw_error_vs_gamma(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(7.2, 3.4))
    axes = fig.subplots(1, len(data.unique("model")), sharex=True, sharey=True)
    for ax, (name, rows) in zip(axes, data.groups("model"), strict=True):
        draw_errors(ax, rows, "gamma", ("bayes", "train", "test"))
        ax.set(xscale="log", yscale="log", xlabel="d / n", title=MODELS[name][0])
    log_axes(*axes)
    axes[0].set_ylabel("mean squared error")
    # Further down training errors vanish, and nothing is to be read.
    axes[0].set_ylim(bottom=max(1e-2, 0.8 * data["error"].min()))
    first = data.where(model=data["model"][0], witness="theory")
    for kind, text, place, shift in (
        ("test", "test", 0.5, (0, 14)),
        ("train", "training", 0.85, (-8, -10)),
        ("bayes", "Bayes", 1.25, (0, -9)),
    ):
        rows = first.where(kind=kind)
        at = np.argmin(np.abs(np.log(rows["gamma"]) - np.log(0.1) - place * np.log(10)))
        align = "center" if kind == "test" else ("right" if kind == "train" else "left")
        direct_label(
            axes[0], rows["gamma"][at], rows["error"][at], text, kind, offset=shift, align=align
        )
    return fig
