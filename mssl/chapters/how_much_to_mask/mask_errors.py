"""Errors against the mask rate: the figure ``mask_errors``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import RATES, WORLDS
from mssl.covariance import AR1, Covariance, Diagonal, Scaled, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.masks import Bernoulli
from mssl.regression import hidden_error
from mssl.results import mean_and_error
from mssl.simulation import explicit_mask_moments, masked_risk_of, run_trials
from mssl.theory import SSRTheory

KINDS = ("test_error", "rescaled_error", "full_view_error", "train_error")

LOOKS = {
    "test_error": ("test", "at the training rate"),
    "rescaled_error": ("best_ridge", r"$q\hat A$, all others visible"),
    "full_view_error": ("ar1", r"$\hat A$, all others visible"),
    "train_error": ("train", "training, at its rate"),
}


def _explicit(model, n, ridges, rate, half, trials, rng):
    """Errors after training on drawn masks; 2 E(2M) - E(M) removes the term of order 1/M."""

    def errors(moments, X):
        rows = []
        for ridge in ridges:
            A = moments.solve(ridge)
            found = masked_risk_of(A, model, rate)
            found["train_error"] = hidden_error(A, X.T @ X / n, Bernoulli(rate))
            rows.append([found[kind].mean() for kind in KINDS])
        return np.array(rows)

    def trial(generator):
        X = model.sample(n, generator)
        first, second = (explicit_mask_moments(X, rate, half, generator) for _ in range(2))
        return 2 * errors(first + second, X) - (errors(first, X) + errors(second, X)) / 2

    return run_trials(trial, trials, rng, n_jobs=1)


_error_table = table_of("world", "witness", "kind", "rate", "error", "standard_error")
_twin_table = table_of("model", "rate", "ridge", "kind", "theory", "measured", "standard_error")


def _errors_unit(rng, *, world, d, n, ridge, half, trials, rates) -> Table:
    model, rows = WORLDS[world](d), []
    for rate in rates:
        risk = SSRTheory(model, n, ridge, rate).risk
        rows += [("theory", kind, rate, getattr(risk, kind), np.nan) for kind in KINDS]
    for rate in RATES:
        mean, spread = mean_and_error(_explicit(model, n, [ridge], rate, half, trials, rng))
        rows += [
            ("measured", k, rate, m, e) for k, m, e in zip(KINDS, mean[0], spread[0], strict=True)
        ]
    return _error_table(world, *zip(*rows, strict=True))


def _spiked_chain(d: int) -> Covariance:
    """A chain with unequal variances and one spike of strength 6."""
    rng = np.random.default_rng(0)
    scales, u = np.exp(rng.normal(0.0, 0.25, d)), rng.normal(size=(d, 1))
    return Spiked(Scaled(AR1(d, 0.6), scales), 6.0, u / np.linalg.norm(u))


def explicit_against_theory(
    d: int, *, half: int, trials: int, ridges=(0.01, 0.1, 1.0), seed: int = 21
) -> Table:
    """Theory and training on drawn masks: three models, the rates of RATES, several ridges.

    Parameters
    ----------
    d : int
        Number of coordinates, even; n = 1.5 d.
    half : int
        Masks a row are `half` and twice as many, extrapolated to infinitely many.
    trials : int
        Data sets for each model and rate; all ridges see the same rows and masks.
    ridges : sequence of float, default=(0.01, 0.1, 1.0)
    seed : int, default=21

    Returns
    -------
    Table
        Columns "model", "rate", "ridge", "kind", "theory", "measured", "standard_error".
    """
    models = {
        "chain": AR1(d, 0.6),
        "chain and spike": _spiked_chain(d),
        "two variances": Diagonal(np.tile([0.3, 3.0], d // 2)),
    }
    n, rng, rows = 3 * d // 2, np.random.default_rng(seed), []
    for name, model in models.items():
        for rate in RATES:
            mean, spread = mean_and_error(_explicit(model, n, ridges, rate, half, trials, rng))
            for i, ridge in enumerate(ridges):
                risk = SSRTheory(model, n, ridge, rate).risk
                rows += [
                    (name, rate, ridge, kind, getattr(risk, kind), mean[i, j], spread[i, j])
                    for j, kind in enumerate(KINDS)
                ]
    return _twin_table(*zip(*rows, strict=True))


def compute_mask_errors(run: Run) -> Table:
    """Theory over the rates, explicit masks at three of them."""
    d = run.pick(test=20, quick=100, paper=600)
    setting = {
        "d": d,
        "n": 3 * d // 2,
        "ridge": 0.1,
        "half": run.pick(test=4, quick=12, paper=32),
        "trials": run.pick(test=2, quick=6, paper=12),
        "rates": np.linspace(0.02, 0.9, run.pick(test=4, quick=15, paper=45)).tolist(),
    }
    return run.map("errors", _errors_unit, [{"world": w, **setting} for w in WORLDS])


@figure(
    "mask_errors",
    compute=compute_mask_errors,
    title="Errors against the mask rate",
    alt="Two panels, equal and unequal variances, with four curves over the mask rate. The error "
    "at the training rate and the training error rise towards the variance as the rate grows. With "
    "all others visible the rescaled predictor is best at a small or middle rate and changes "
    "slowly, while the predictor as it is becomes far worse at high rates. Points of explicit "
    "masks lie on all curves.",
    caption="Mean error per coordinate against the mask rate, ridge 0.1, $n = 1.5\\,d$, mean "
    "variance 1. Lines: theory. Points: training on masks that are really drawn, extrapolated to "
    "infinitely many masks; bars are one standard error. One curve leaves the left panel.",
    chapter="how_much_to_mask",
    seed=17002,
    missing=("standard_error",),
)
def draw_mask_errors(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(5.6, 3.6))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (world, rows) in zip(axes, data.groups("world"), strict=True):
        for kind, (look, label) in LOOKS.items():
            line = rows.where(witness="theory", kind=kind)
            theory_line(ax, line["rate"], line["error"], look, label)
            points = rows.where(witness="measured", kind=kind)
            measured(ax, points["rate"], points["error"], points["standard_error"], look)
        ax.set(title=world, xlabel="mask rate $p$", xlim=(0, 0.92), ylim=(0, 1.5))
    axes[0].set_ylabel("mean squared error")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig
