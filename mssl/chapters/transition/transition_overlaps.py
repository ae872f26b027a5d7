"""Eigenvalue, overlaps and score against the strength: the figure ``transition_overlaps``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.transition.drawing import LOOK, VECTORS
from mssl.chapters.transition.samples import second_moments, squared_cosines, top_eigenvectors
from mssl.chapters.transition.worlds import RIDGE, flat_direction, score_correlation
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory


def _strength_unit(rng, *, d, n, strength, trials) -> Table:
    base, u = two_level(d), flat_direction(d)
    model = Spiked(base, strength, u)

    def trial(generator):
        nu, w, weights = top_eigenvectors(second_moments(model.sample(n, generator)), RIDGE)
        cosines = squared_cosines(w, weights, u)
        right = np.sqrt(weights) * w[:, 0]
        score = strength * (u[:, 0] @ right) ** 2 / (right @ model.apply(right))
        return [1 - 1 / nu[0], *(cosines[v][0, 0] for v in VECTORS), score]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return Table(
        {
            "witness": "measured",
            "quantity": ["eigenvalue", *VECTORS, "score"],
            "strength": np.full(5, float(strength)),
            "value": mean,
            "standard_error": error,
        }
    )


def _strength_line(rng, *, d, n, strengths) -> Table:
    base, u = two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    rows = []
    for strength in sorted((*strengths, threshold)):
        theory = SSRTheory(Spiked(base, strength, u), n, RIDGE)
        spike = theory.spikes[0]
        rows += [
            ("eigenvalue", strength, spike.eigenvalue),
            ("score", strength, score_correlation(theory)),
        ]
        rows += [(v, strength, getattr(spike, f"{v}_overlap")) for v in VECTORS]
        best = strength * float(u[:, 0] @ (u[:, 0] / base.diagonal()))
        rows.append(("best score", strength, best / (1 + best)))
    return Table(
        {
            "witness": "line",
            "quantity": [r[0] for r in rows],
            "strength": [float(r[1]) for r in rows],
            "value": [float(r[2]) for r in rows],
            "standard_error": np.zeros(len(rows)),
        }
    )


def compute_transition_overlaps(run: Run) -> Table:
    """Largest eigenvalue, three overlaps and the score, from theory and measured."""
    d = run.pick(test=60, quick=300, paper=2000)
    trials = run.pick(test=3, quick=12, paper=40)
    strengths = run.pick(
        test=(0.3, 2.0),
        quick=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        paper=(0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0),
    )
    line = run.pick(
        test=(0.3, 1.0, 4.0),
        quick=(0.2, 0.4, *np.geomspace(0.6, 4.0, 48)),
        paper=tuple(np.linspace(0.2, 4.0, 60)),
    )
    n = 3 * d // 2
    points = run.map(
        "strengths",
        _strength_unit,
        [{"d": d, "n": n, "strength": s, "trials": trials} for s in strengths],
    )
    return Table.concat(
        [run.map("line", _strength_line, [{"d": d, "n": n, "strengths": line}]), points]
    )


@figure(
    "transition_overlaps",
    compute=compute_transition_overlaps,
    title="Eigenvalue, overlaps and score against the strength",
    alt="Three panels against the strength of the signal from 0.2 to 4. The largest eigenvalue "
    "stays at 0.85 up to the threshold near 0.59 and rises to 0.94. The overlaps are zero below "
    "it; above, that of the right eigenvector rises first and levels off at 0.6, that of the left "
    "one rises later and reaches three quarters. The squared correlation of the score rises to "
    "0.86, below the dashed line of the best linear score. Measured points lie on the lines, but "
    "above zero just below the threshold.",
    caption="Noise with variances 0.3 and 3, flat signal, $d/n = 2/3$, ridge 0.05. Lines: theory. "
    "Points: means over independent draws with one standard error. Top: largest eigenvalue of "
    "the learned matrix $\\hat A$. Middle: overlap of the signal with the right, left and "
    "symmetrised eigenvector. Bottom: squared correlation of the score with the factor; dashed, "
    "the best linear score.",
    chapter="transition",
    seed=6002,
    columns={
        "value": "largest eigenvalue, squared cosine or squared correlation",
    },
)
def draw_transition_overlaps(data: Table) -> Figure:
    """Draw the eigenvalue, the three overlaps and the score, one below the other."""
    fig = Figure(figsize=(5.2, 8.0))
    axes = fig.subplots(3, 1, sharex=True)
    line, seen = data.where(witness="line"), data.where(witness="measured")

    def both(ax, quantity, kind, level=1.0, style=None):
        curve, points = line.where(quantity=quantity), seen.where(quantity=quantity)
        theory_line(ax, curve["strength"], curve["value"], kind, level=level, line=style)
        measured(
            ax, points["strength"], points["value"], points["standard_error"], kind, level=level
        )

    both(axes[0], "eigenvalue", LOOK)
    axes[0].set_ylabel("largest eigenvalue")
    for name, (level, style) in VECTORS.items():
        both(axes[1], name, LOOK, level, style)
        end = line.where(quantity=name)
        words = "symmetrised" if name == "symmetric" else name
        direct_label(axes[1], end["strength"][-1], end["value"][-1], words, LOOK, level=level,
                     offset=(6, {"left": 5, "symmetric": -7}.get(name, 0)))  # fmt: skip
    axes[1].set_ylabel("overlap with signal")
    both(axes[2], "score", LOOK)
    best = line.where(quantity="best score")
    theory_line(axes[2], best["strength"], best["value"], "oracle", line="--")
    middle = int(np.argmin(np.abs(best["strength"] - 2.0)))
    direct_label(axes[2], best["strength"][middle], best["value"][middle], "best linear score",
                 "oracle", offset=(-6, 8), align="right")  # fmt: skip
    axes[2].set(xlabel="strength of the signal", ylabel="score: squared correlation")
    for ax in axes:
        ax.set_xlim(0, 4.9)
    return fig
