"""How often a signal is announced, by its strength: the figure ``spike_detection``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.not_gaussian.worlds import RIDGE, WORLDS
from mssl.covariance import Isotropic, Spiked
from mssl.estimation import estimate_spikes
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, measured
from mssl.figures.table import Table, table_of
from mssl.rows import MultivariateT

FLIPS = 19  # the fewest that allow a level of five per cent


_share_table = table_of("world", "n", "d", "strength", "share", "standard_error", "over")


def _spike_unit(rng, *, name, d, ratio, strengths, trials) -> Table:
    n, u = round(d * ratio), np.full(d, d**-0.5)
    threshold = np.sqrt(d / n)  # of isotropic noise, whatever the ridge
    rows = []
    for strength in strengths:
        covariance = Spiked(Isotropic(d), [strength * threshold], u[:, None])
        population = MultivariateT(covariance, 6.0) if name == "multivariate_t" else covariance
        counts = np.array(
            [
                estimate_spikes(
                    population.sample(n, generator), RIDGE, generator, flips=FLIPS
                ).count
                for generator in rng.spawn(trials)
            ]
        )
        share = np.mean(counts >= 1)
        centre = (share * trials + 2.0) / (trials + 4.0)
        spread = np.sqrt(centre * (1 - centre) / (trials + 4.0))
        rows.append((strength, share, spread, np.mean(counts >= 2)))
    return _share_table(name, n, d, *zip(*rows, strict=True))


def compute_spike_detection(run: Run) -> Table:
    """Share of samples in which a spike is found against its strength over the threshold."""
    settings = [
        {
            "name": name,
            "d": run.pick(test=10, quick=30, paper=100),
            "ratio": ratio,
            "strengths": (0.0, 1.0, 2.0, 4.0),
            "trials": run.pick(test=3, quick=40, paper=1000),
        }
        for ratio in (2.0 / 3.0, 2.0)
        for name in ("gaussian", "multivariate_t")
    ]
    return run.map("spikes", _spike_unit, settings)


@figure(
    "spike_detection",
    compute=compute_spike_detection,
    title="How often a signal is announced, by its strength",
    alt="Share of samples in which at least one spike is announced, against the strength of the "
    "spike in units of the threshold, fewer rows than coordinates on the left, more on the right. "
    "At strength zero the share is near the allowed level; for Gaussian rows it rises through the "
    "threshold and comes near one well above it; for the multivariate t it rises later and stays "
    "lower, most of all with few rows.",
    caption="Share of samples with a detected spike, by random signs at level 5 % (dashed), one "
    "signal spread over all coordinates, isotropic noise, ridge 0.1. The dotted line is the "
    "threshold of the Gaussian theory. Bars are one standard error.",
    chapter="not_gaussian",
    seed=9105,
    columns={
        "share": "share of samples with a detected spike",
        "over": "share of samples with more than one detected spike",
    },
)
def draw_spike_detection(data: Table) -> Figure:
    """Draw the share of detections over the strength."""
    fig = Figure(figsize=(6.0, 3.2), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (n, rows) in zip(axes, data.groups("n"), strict=True):
        for name, kind in (("gaussian", "gaussian"), ("multivariate_t", "test")):
            part = rows.where(world=name)
            text = WORLDS[name][0] if ax is axes[0] else None
            shift = -0.04 if name == "gaussian" else 0.04
            measured(
                ax, part["strength"] + shift, part["share"], part["standard_error"], kind, text
            )
        ax.axhline(0.05, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
        ax.axvline(1.0, color=colors["bayes"], linestyle=":", linewidth=1.0, zorder=0)
        ax.set(xlabel="strength / threshold", ylim=(-0.05, 1.05))
        ax.set_title(f"{n} rows, {rows['d'][0]} coordinates")
    axes[0].set_ylabel("share of samples")
    fig.legend(loc="outside lower center", ncols=2)
    return fig
