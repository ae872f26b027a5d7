"""Overlap of the leading eigenvector with the signal, by mask rate: the figure ``mask_overlap``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import NOISE_RATIO, unit_signal
from mssl.covariance import Diagonal, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory
from mssl.theory.masked_noise import masked_noise_curve
from mssl.theory.noise_curves import Noise

READINGS = {"right": 1.0, "symmetric": 0.0, "left": -1.0}

SETTINGS = {
    "spread, n = 1.5 d": (1.5, 0, 3.5),
    "spread, n = d/2": (0.5, 0, 7.0),
    "pair, n = 1.5 d": (1.5, 2, 5.0),
}

OVERLAP_RIDGE = 0.05


def _predicted_overlap(model, noise, n, size, strength, rate):
    if size:
        spike = SSRTheory(model, n, OVERLAP_RIDGE, rate or None).spikes[0]
        return max(spike.right_overlap, spike.left_overlap, spike.symmetric_overlap)
    curve = masked_noise_curve(noise, model.d / n, OVERLAP_RIDGE, rate)
    strengths, overlaps = curve.spread_signal()
    return max(np.interp(strength, strengths, o, left=0.0) for o in overlaps.values())


_overlap_table = table_of("panel", "witness", "rate", "overlap", "standard_error")


def _overlap_unit(rng, *, panel, d, trials, rates, points) -> Table:
    ratio, size, strength = SETTINGS[panel]
    n, u, noise = round(ratio * d), unit_signal(d, size), Noise.two_levels(NOISE_RATIO)
    model = Spiked(Diagonal(np.tile([1.0, NOISE_RATIO], d // 2)), strength, u[:, None])
    rows = [
        ("theory", rate, _predicted_overlap(model, noise, n, size, strength, rate), np.nan)
        for rate in (points if size else rates)
    ]

    def trial(generator):
        X, found = model.sample(n, generator), []
        for rate in points:
            fit = MaskedRegression(OVERLAP_RIDGE, rate or None).fit(X)
            root = np.sqrt(fit.D_)
            B = fit.coef_ * root / root[:, None]
            w = np.linalg.eigh(0.5 * (B + B.T))[1][:, -1]
            vectors = [w * fit.D_ ** (0.5 * power) for power in READINGS.values()]
            found.append([(v @ u) ** 2 / (v @ v) for v in vectors])
        return found

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    best = mean.argmax(axis=1)
    for i, rate in enumerate(points):
        rows.append(("measured", rate, mean[i, best[i]], error[i, best[i]]))
    return _overlap_table(panel, *zip(*rows, strict=True))


def compute_mask_overlap(run: Run) -> Table:
    """Best overlap over the rate: theory and simulation."""
    setting = {
        "d": run.pick(test=40, quick=200, paper=800),
        "trials": run.pick(test=2, quick=6, paper=20),
        "rates": np.linspace(0.0, 0.95, run.pick(test=4, quick=30, paper=60)).tolist(),
        "points": run.pick(
            test=(0.0, 0.5),
            quick=(0.0, 0.15, 0.5, 0.75, 0.9),
            paper=(0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 0.9),
        ),
    }
    return run.map("overlap", _overlap_unit, [{"panel": p, **setting} for p in SETTINGS])


@figure(
    "mask_overlap",
    compute=compute_mask_overlap,
    title="Overlap of the leading eigenvector with the signal, by mask rate",
    alt="Three panels of squared cosine between the leading eigenvector and the signal over the "
    "mask rate. For a spread signal the line is a flat hill, highest between a tenth and three "
    "quarters; with fewer samples than coordinates it climbs steeply from rate zero. For a signal "
    "on two coordinates it falls with the rate, to zero at high rates. Points follow the lines, "
    "rounded where the theory has a corner.",
    caption="Best of the three overlaps with the signal, noise of variance 1 and 10, ridge 0.05. "
    "Lines: limit theory. Points: means over simulated data sets with one standard error.",
    chapter="how_much_to_mask",
    seed=17006,
    missing=("standard_error",),
)
def draw_mask_overlap(data: Table) -> Figure:
    """Draw one panel a signal."""
    fig = Figure(figsize=(5.8, 2.7))
    axes = fig.subplots(1, 3, sharey=True)
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        line, points = (rows.where(witness=w) for w in ("theory", "measured"))
        theory_line(ax, line["rate"], line["overlap"], "masked_regression", "theory")
        error = points["standard_error"]
        measured(ax, points["rate"], points["overlap"], error, "masked_regression", "simulation")
        ax.set(title=panel, xlabel="mask rate $p$", xlim=(-0.03, 1), ylim=(0, 1))
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes[0].set_ylabel("overlap")
    axes[0].legend(loc="upper left")
    return fig
