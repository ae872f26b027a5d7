"""Two signals at an angle: the figure ``transition_several``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.transition.drawing import LOOK
from mssl.chapters.transition.samples import second_moments, squared_cosines, top_eigenvectors
from mssl.chapters.transition.worlds import RIDGE, flat_direction, top_edge
from mssl.chapters.worlds import two_level
from mssl.covariance import Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory


def _angle_model(d, strengths, angle) -> Spiked:
    """Two signals at an angle; the second axis splits each noise level in halves."""
    first = flat_direction(d)[:, 0]
    other = first * np.tile([1.0, 1.0, -1.0, -1.0], d // 4)
    second = np.cos(angle) * first + np.sin(angle) * other
    return Spiked(two_level(d), strengths, np.column_stack([first, second]))


_angle_table = table_of("witness", "degrees", "quantity", "eigenvector", "value", "standard_error")


def _angle_rows(witness, degrees, values, errors) -> Table:
    """Rows for each entry of values and errors, (place, own, other) by (first, second)."""
    quantity, eigenvector = np.repeat(("place", "own", "other"), 2), np.tile((1, 2), 3)
    return _angle_table(
        witness, float(degrees), quantity, eigenvector, np.ravel(values), np.ravel(errors)
    )


def _angle_unit(rng, *, d, n, strengths, degrees, trials) -> Table:
    model = _angle_model(d, strengths, np.deg2rad(degrees))
    x = model.directions

    def trial(generator):
        nu, w, weights = top_eigenvectors(second_moments(model.sample(n, generator)), RIDGE, 2)
        cosines = squared_cosines(w, weights, x)["left"]
        return [nu, cosines[:, 0], cosines[:, 1]]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _angle_rows("measured", degrees, mean, error)


def _angle_line(rng, *, d, n, strengths, degrees) -> Table:
    model = _angle_model(d, strengths, np.deg2rad(degrees))
    theory = SSRTheory(model, n, RIDGE)
    edge, _ = top_edge(theory)
    values = np.zeros((3, 2))
    values[0] = edge
    found = [o for o in theory.outliers if o.side == "above"]
    for k, outlier in enumerate(found):
        values[:, k] = [outlier.position, *(outlier.overlap(u, "left") for u in model.directions.T)]
    return _angle_rows("theory", degrees, values, np.zeros((3, 2)))


def compute_transition_several(run: Run) -> Table:
    """Two signals at an angle: the two largest eigenvalues and what their eigenvectors hold."""
    d = run.pick(test=60, quick=300, paper=1600)
    trials = run.pick(test=3, quick=16, paper=30)
    fixed = {"d": d, "n": 3 * d // 2, "strengths": (3.0, 1.5)}
    lines = run.pick(
        test=(0.0, 45.0, 90.0),
        quick=(0.0, 10.0, 20.0, 30.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 75.0, 90.0),
        paper=tuple(np.linspace(0.0, 90.0, 46)),
    )
    points = run.pick(
        test=(30.0, 90.0),
        quick=(0.0, 30.0, 50.0, 60.0, 75.0, 90.0),
        paper=tuple(np.arange(0.0, 91.0, 10.0)),
    )
    return Table.concat(
        [
            run.map("line", _angle_line, [{**fixed, "degrees": a} for a in lines]),
            run.map(
                "angles", _angle_unit, [{**fixed, "degrees": a, "trials": trials} for a in points]
            ),
        ]
    )


@figure(
    "transition_several",
    compute=compute_transition_several,
    title="Two signals at an angle",
    alt="Two panels against the angle between two signals of strength 3 and 1.5. Above, the two "
    "largest eigenvalues: the first falls from 17.4 to 12.8 as the angle grows from 0 to 90 "
    "degrees; the second stays at the edge of the bulk, 6.6, up to about 45 degrees and then "
    "rises. Below, the overlap of the first left eigenvector with the stronger signal stays near "
    "0.7 and its overlap with the weaker one falls to zero; the second eigenvector's overlap with "
    "the weaker signal rises from zero after 45 degrees.",
    caption="Two signals of strength 3 and 1.5 in noise of variances 0.3 and 3, $d/n = 2/3$, ridge "
    "0.05. The stronger one has equal entries; the direction of the weaker one is turned from it "
    "towards the vector with the signs $+,+,-,-,\\dots$. Above: $1/(1 - a)$ for the two largest "
    "eigenvalues $a$ of $\\hat A$. Below: overlaps of the two left eigenvectors with the two "
    "signals. Lines: theory. Points: means over draws with one standard error. Below the angle at "
    "which it appears, the second eigenvector is noise.",
    chapter="transition",
    seed=6003,
    columns={
        "value": "1/(1 - a) for the quantity place, squared cosines for the others",
    },
)
def draw_transition_several(data: Table) -> Figure:
    """Draw both eigenvalues and the overlaps of both eigenvectors against the angle."""
    fig = Figure(figsize=(5.2, 6.2))
    above, below = fig.subplots(2, 1, sharex=True)
    line, seen = data.where(witness="theory"), data.where(witness="measured")

    def both(ax, level, style, **which):
        curve, points = line.where(**which), seen.where(**which)
        theory_line(ax, curve["degrees"], curve["value"], LOOK, level=level, line=style)
        measured(
            ax, points["degrees"], points["value"], points["standard_error"], LOOK, level=level
        )
        return curve

    for k, level in ((1, 1.0), (2, 0.2)):
        curve = both(above, level, "-", quantity="place", eigenvector=k)
        direct_label(above, curve["degrees"][0], curve["value"][0], f"{k}.", LOOK,
                     level=level, offset=(22, 9))  # fmt: skip
    above.set_ylabel("1/(1 $-$ eigenvalue)")
    for k, quantity, level, style, words, at, offset in (
        (1, "own", 1.0, "-", "first with stronger", 65, (0, 12)),
        (1, "other", 1.0, "--", "first with weaker", 40, (-8, -8)),
        (2, "other", 0.2, "--", "second with weaker", 90, (-4, 12)),
    ):
        curve = both(below, level, style, quantity=quantity, eigenvector=k)
        at = int(np.argmin(np.abs(curve["degrees"] - at)))
        direct_label(below, curve["degrees"][at], curve["value"][at], words, LOOK, level=level,
                     offset=offset, align="right" if offset[0] else "center")  # fmt: skip
    below.set(
        xlabel="angle between the signals (degrees)",
        ylabel="overlap, left",
        xticks=range(0, 91, 15),
    )
    return fig
