"""Errors against the mask rate: the figure ``mask_errors``."""

from __future__ import annotations

import numpy as np

from mssl.chapters.how_much_to_mask.worlds import RATES, WORLDS
from mssl.covariance import AR1, Covariance, Diagonal, Scaled, Spiked
from mssl.figures.live import Axis, Choice, Live, Panel, line, points, spread
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table, table_of
from mssl.masks import Bernoulli
from mssl.regression import hidden_error
from mssl.results import mean_and_error
from mssl.simulation import explicit_mask_moments, masked_risk_of, run_trials, simulate_risk
from mssl.theory import SSRTheory

KINDS = ("test_error", "rescaled_error", "full_view_error", "train_error")

# More rates at which single draws are looked at, without drawing masks.
DRAWN_RATES = (0.3, 0.85)

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0)

LOOKS = {
    "test_error": ("test", "at the training rate"),
    "rescaled_error": ("best_ridge", "qÂ, all others visible"),
    "full_view_error": ("ar1", "Â, all others visible"),
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


_error_table = table_of(
    "world", "witness", "kind", "ridge", "rate", "error", "low", "high", "standard_error"
)
_twin_table = table_of("model", "rate", "ridge", "kind", "theory", "measured", "standard_error")


def _errors_unit(rng, *, world, d, n, ridges, half, trials, rates) -> Table:
    model, rows, nothing = WORLDS[world](d), [], (np.nan, np.nan)
    for rate in rates:
        for ridge in ridges:
            risk = SSRTheory(model, n, ridge, rate).risk
            rows += [("theory", k, ridge, rate, getattr(risk, k), *nothing, np.nan) for k in KINDS]
    for rate in RATES:
        means, errors = mean_and_error(_explicit(model, n, ridges, rate, half, trials, rng))
        for ridge, mean, error in zip(ridges, means, errors, strict=True):
            rows += [
                ("measured", k, ridge, rate, m, *nothing, e)
                for k, m, e in zip(KINDS, mean, error, strict=True)
            ]
    for rate in (*RATES, *DRAWN_RATES):
        risks = simulate_risk(model, n, ridges, mask_rate=rate, trials=trials, rng=rng)
        for ridge, risk in zip(ridges, risks, strict=True):
            for kind in KINDS:
                mean, error = getattr(risk, kind), getattr(risk.standard_error, kind)
                factor = np.exp(2.0 * np.sqrt(trials) * error / mean)
                ends = (mean / factor, mean * factor)
                rows.append(("draws", kind, ridge, rate, mean, *ends, error))
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
        "ridges": RIDGES,
        "half": run.pick(test=4, quick=12, paper=32),
        "trials": run.pick(test=2, quick=6, paper=12),
        "rates": np.linspace(0.02, 0.9, run.pick(test=4, quick=15, paper=45)).tolist(),
    }
    return run.map("errors", _errors_unit, [{"world": w, **setting} for w in WORLDS])


def _note(rows: Table) -> str:
    """The best rate of the rescaled predictor in each world, on the grid of the lines."""
    words = []
    for world, own in rows.groups("world"):
        least = int(np.argmin(own["error"]))
        most = "at most " if least == 0 else ""
        words.append(f"{most}{own['rate'][least]:.2f} with {world} ({own['error'][least]:.2f})")
    return f"Mask rate of the least error of qÂ: {', '.join(words)}."


@figure(
    "mask_errors",
    compute=compute_mask_errors,
    title="Errors against the mask rate",
    alt="Two panels, equal and unequal variances, with four curves over the mask rate that follow "
    "a slider on the ridge. The error at the training rate and the training error rise towards the "
    "variance as the rate grows. With all others visible the rescaled predictor is best at a small "
    "or middle rate and changes slowly, while the predictor as it is becomes far worse at high "
    "rates. Points of explicit masks lie on all curves.",
    caption="Mean error per coordinate against the mask rate $p = 1 - q$, $n = 1.5\\,d$, mean "
    "variance 1; the slider sets the ridge, which is 0.1 at first. Lines: theory. Points: training "
    "on masks that are really drawn, extrapolated to infinitely many masks, with one standard "
    "error. Shaded bars: where single draws of the rows lie, two standard deviations to either "
    "side. One curve leaves the left panel.",
    chapter="how_much_to_mask",
    seed=17002,
    missing=("standard_error", "low", "high"),
    columns={
        "low": "lower end of where single draws lie, two standard deviations below the mean",
        "high": "upper end of where single draws lie, two standard deviations above the mean",
    },
    live=True,
)
def live_mask_errors(data: Table) -> Live:
    """One panel a world; a slider on the ridge."""
    panels = []
    for world, rows in data.groups("world"):
        marks = []
        for witness in ("draws", "theory", "measured"):
            for kind, (look, name) in LOOKS.items():
                own = rows.where(witness=witness, kind=kind)
                if witness == "draws":
                    marks.append(spread(own, "rate", "low", "high", look, name))
                elif witness == "theory":
                    marks.append(line(own, "rate", "error", look, name))
                else:
                    marks.append(points(own, "rate", "error", "standard_error", look, name))
        x = Axis("mask rate p", 0.0, 0.92, ticks=(0, 0.2, 0.4, 0.6, 0.8))
        panels.append(Panel(x, Axis("mean squared error", 0.0, 1.5), marks, title=world))
    ridges = data.unique("ridge")
    theory = data.where(witness="theory", kind="rescaled_error")
    notes = [_note(theory.where(ridge=ridge)) for ridge in ridges]
    return Live([Choice("ridge", "ridge λ", ridges, ridges.index(0.1))], panels, notes, columns=2,
                size=(6.4, 4.2))  # fmt: skip
