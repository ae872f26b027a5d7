"""The transition at finite size: the figure ``transition_rounding``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import fitted_exponent
from mssl.chapters.transition.drawing import LOOK
from mssl.chapters.transition.samples import (
    second_moments,
    squared_cosines,
    top_eigenvectors,
    with_signal,
)
from mssl.chapters.transition.worlds import RIDGE, flat_direction
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory


def rounding_at_paper_scale() -> Table:
    """Return the data of the figure at the scale "paper", stored as they take two hours to make."""
    return Table.from_csv(Path(__file__).with_name("rounding_paper.csv"))


def _rounding_unit(rng, *, d, ratios, trials) -> Table:
    n, base, u = 3 * d // 2, two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold

    def trial(generator):
        # The same noise and factor at every strength: differences between strengths are sharper.
        noise, factor = base.sample(n, generator), generator.standard_normal((n, 1))
        s, b, power = second_moments(noise), noise.T @ factor / n, np.mean(factor**2)
        found = []
        for ratio in ratios:
            nu, w, weights = top_eigenvectors(with_signal(s, b, power, u, ratio * threshold), RIDGE)
            found.append([squared_cosines(w, weights, u)["right"][0, 0], nu[0]])
        return found

    seen = np.array(run_trials(trial, trials, rng))
    mean, error = mean_and_error(seen[:, :, 0])
    scatter = seen[:, :, 1].std(axis=0, ddof=1)
    k = len(ratios)
    return Table(
        {
            "quantity": ["overlap"] * k + ["scatter"] * k,
            "d": np.full(2 * k, d),
            "trials": np.full(2 * k, trials),
            "ratio": list(ratios) * 2,
            "value": [*mean, *scatter],
            "standard_error": [*error, *(scatter / np.sqrt(2 * (trials - 1)))],
        }
    )


def _rounding_line(rng, *, d, ratios) -> Table:
    n, base, u = 3 * d // 2, two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    value = [
        SSRTheory(Spiked(base, r * threshold, u), n, RIDGE).spikes[0].right_overlap for r in ratios
    ]
    return Table({"quantity": "line", "d": d, "trials": 0, "ratio": list(ratios), "value": value,
                  "standard_error": np.zeros(len(ratios))})  # fmt: skip


def compute_transition_rounding(run: Run) -> Table:
    """Overlap and scatter of the largest eigenvalue around the threshold, at several sizes."""
    sizes = run.pick(
        test={60: 8, 120: 8},
        quick={126: 120, 250: 60, 500: 24, 1000: 8},
        paper={250: 2000, 500: 1000, 1000: 400, 2000: 120, 4000: 30},
    )
    ratios = run.pick(
        test=(0.5, 1.0, 2.0),
        quick=(0.5, 1.0, 1.3, 2.0),
        paper=(0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0),
    )
    line = {
        "d": 1000,
        "ratios": run.pick(
            test=(0.5, 1.0, 1.5, 2.0),
            quick=(0.5, *(1.0 + np.linspace(0.0, 1.0, 25) ** 2)),
            paper=tuple(np.linspace(0.5, 2.0, 61)),
        ),
    }
    return Table.concat(
        [
            run.map("line", _rounding_line, [line]),
            run.map(
                "sizes",
                _rounding_unit,
                [{"d": d, "ratios": ratios, "trials": t} for d, t in sizes.items()],
            ),
        ]
    )


@figure(
    "transition_rounding",
    compute=compute_transition_rounding,
    title="The transition at finite size",
    alt="Two panels. Above, overlap against strength over threshold, from one half to two: the "
    "line of the limit is zero up to one and then rises with a corner; the measured points of "
    "several sizes lie above zero at and below the threshold and come closer to the line as d "
    "grows. Below, on logarithmic axes, the overlap at the threshold and at half the threshold, "
    "and the scatter of the largest eigenvalue, fall as powers of d, with the exponents written "
    "below the panel.",
    caption="The corner at the threshold is rounded at finite $d$. Above: right overlap, the limit "
    "(line) and means over draws at several sizes (points, stronger for larger $d$). Below: "
    "overlap at the threshold and at half of it, and the standard deviation of the largest "
    "eigenvalue of $M$ at the threshold, with fitted powers of $d$. Bars are one standard error.",
    chapter="transition",
    seed=6005,
    columns={
        "ratio": "strength of the signal over the threshold",
        "value": "squared cosine, or standard deviation of the largest eigenvalue of M",
    },
)
def draw_transition_rounding(data: Table) -> Figure:
    """Draw the rounded corner above and the powers of d below."""
    fig = Figure(figsize=(5.2, 7.4))
    above, below = fig.subplots(2, 1)
    line, seen = data.where(quantity="line"), data.where(quantity="overlap")
    theory_line(above, line["ratio"], line["value"], LOOK)
    sizes = seen.unique("d")
    for k, (d, rows) in enumerate(seen.groups("d")):
        level = k / max(len(sizes) - 1, 1)
        measured(
            above,
            rows["ratio"],
            rows["value"],
            rows["standard_error"],
            LOOK,
            f"d = {d}",
            level=level,
        )
    above.legend(loc="upper left")
    above.set(xlabel="strength over threshold", ylabel="overlap with signal")
    scatter = data.where(quantity="scatter")
    for rows, kind, words in (
        (scatter.where(ratio=1.0), "reference", "scatter of eigenvalue at threshold"),
        (seen.where(ratio=1.0), LOOK, "overlap at threshold"),
        (seen.where(ratio=0.5), LOOK, "overlap at half of it"),
    ):
        d, value = rows["d"].astype(float), rows["value"]
        exponent, spread, prefactor = fitted_exponent(d, value, rows["standard_error"] / value)
        level = 0.3 if words.endswith("of it") else 1.0
        power = f"{words}: $d^{{-{exponent:.2f} \\pm {spread:.2f}}}$"
        theory_line(below, d, prefactor * d**-exponent, kind, power, level=level)
        measured(below, d, value, rows["standard_error"], kind, level=level)
    below.set(xscale="log", yscale="log", xlabel="d", ylabel="value")
    below.legend(loc="upper left", bbox_to_anchor=(-0.12, -0.16))
    below.set_xticks(sizes, [str(d) for d in sizes])
    below.minorticks_off()
    return fig
