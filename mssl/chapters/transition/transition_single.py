"""A single coordinate: the figure ``transition_single``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.transition.drawing import LOOK
from mssl.chapters.transition.worlds import single_threshold
from mssl.covariance import Isotropic, Spiked
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import simulate_eigenpairs
from mssl.theory import SSRTheory

SINGLE_RIDGE = 0.01

SINGLE_STRENGTHS = (10.0, 40.0)


def _single_lines(rng, *, gammas, ridges) -> Table:
    value = [single_threshold(g, r) for r in ridges for g in gammas]
    return _single_rows("threshold", np.repeat(ridges, len(gammas)), list(gammas) * len(ridges),
                        value, np.zeros(len(value)))  # fmt: skip


def _single_rows(witness, strength, gamma, value, error) -> Table:
    """`strength` is the ridge in the rows of the thresholds."""
    keep = np.isfinite(value)
    columns = {"strength": strength, "gamma": gamma, "value": value, "standard_error": error}
    return Table({"witness": witness, **{k: np.array(v)[keep] for k, v in columns.items()}})


def _single_overlaps(rng, *, d, strength, gammas) -> Table:
    value = []
    for gamma in gammas:
        model = Spiked(Isotropic(d), strength, np.eye(d)[:, :1])
        spike = SSRTheory(model, round(d / gamma), SINGLE_RIDGE).spikes[0]
        value.append(spike.symmetric_overlap)
    gammas = [d / round(d / g) for g in gammas]
    return _single_rows("line", [strength] * len(gammas), gammas, value, np.zeros(len(gammas)))


def _single_unit(rng, *, d, strength, gamma, trials) -> Table:
    n, one = round(d / gamma), np.eye(d)[:, :1]
    seen = simulate_eigenpairs(
        Spiked(Isotropic(d), strength, one), n, SINGLE_RIDGE, directions=one, trials=trials, rng=rng
    )
    assert seen.standard_error is not None  # of a simulation
    value, error = (e.symmetric_overlaps[0, 0] for e in (seen, seen.standard_error))
    return _single_rows("measured", [strength], [d / n], [value], [error])


def compute_transition_single(run: Run) -> Table:
    """Threshold and overlap of a single loud coordinate against d/n."""
    d = run.pick(test=60, quick=600, paper=3000)
    trials = run.pick(test=3, quick=16, paper=40)
    points = run.pick(
        test=(1.0, 7.0),
        quick=(1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 7.5, 10.0),
        paper=(0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0),
    )
    count = run.pick(test=3, quick=30, paper=120)
    line = tuple(np.geomspace(0.7, 12.0, count))
    fine = tuple(np.geomspace(0.7, 12.0, run.pick(test=20, quick=400, paper=800)))
    wide = run.pick(test=120, quick=1500, paper=6000)
    return Table.concat(
        [
            run.map("thresholds", _single_lines, [{"gammas": fine, "ridges": (SINGLE_RIDGE, 1.0)}]),
            run.map(
                "lines",
                _single_overlaps,
                [{"d": wide, "strength": s, "gammas": line} for s in SINGLE_STRENGTHS],
            ),
            run.map(
                "points",
                _single_unit,
                [
                    {"d": d, "strength": s, "gamma": g, "trials": trials}
                    for s in SINGLE_STRENGTHS
                    for g in points
                ],
            ),
        ]
    )


@figure(
    "transition_single",
    compute=compute_transition_single,
    title="A single coordinate",
    alt="Two panels against d/n from 0.7 to 12, on a logarithmic axis. Above, the threshold of a "
    "single coordinate: at ridge 0.01 there is none up to d/n of about 2.6, where the line comes "
    "down from infinity, to 8 at d/n of 4 and about 5.4 at 10; at ridge 1 it exists everywhere "
    "from 0.7 on and is lower; the line of PCA, the root of d/n, lies below both. Filled marks at "
    "strengths 10 and 40 lie above the first line and hollow ones below or left of it. Below, the "
    "squared cosine with the top eigenvector is zero on the left and rises once d/n passes the "
    "point where the threshold equals the strength; measured points follow the lines.",
    caption="One coordinate of white noise of variance 1 has variance 1 + strength. Above: the "
    "strength at which it leaves the bulk, masked regression at ridge 0.01 and 1 (theory), and "
    "PCA; marks at the two strengths of the lower panel, filled where the measured squared cosine "
    "exceeds 0.05. Dotted: the square of the golden ratio. Below: squared cosine of the coordinate "
    "with the top eigenvector of the symmetrised matrix at ridge 0.01, theory (lines) and means "
    "over draws with one standard error (points).",
    chapter="transition",
    seed=6006,
    columns={
        "value": "threshold for the first witness, squared cosines for the others",
    },
)
def draw_transition_single(data: Table) -> Figure:
    """Draw thresholds above and squared cosines below, against d/n."""
    fig = Figure(figsize=(5.2, 6.6))
    above, below = fig.subplots(2, 1, sharex=True)
    golden = (3.0 + np.sqrt(5.0)) / 2.0
    for (ridge, rows), level in zip(data.where(witness="threshold").groups("strength"), (1.0, 0.3),
                                    strict=True):  # fmt: skip
        theory_line(above, rows["gamma"], rows["value"], LOOK, f"ridge {ridge:g}", level=level,
                    line="-" if level == 1.0 else "--")  # fmt: skip
    gammas = data.where(witness="threshold")["gamma"]
    gammas = np.array([gammas.min(), gammas.max()])
    theory_line(above, gammas, np.sqrt(gammas), "pca")
    direct_label(above, 1.5, np.sqrt(1.5), "PCA", "pca", offset=(-4, 8), align="right")
    seen = data.where(witness="measured")
    for look, rows in (("full", seen["value"] > 0.05), ("none", seen["value"] <= 0.05)):
        above.plot(seen["gamma"][rows], seen["strength"][rows], "o", color="black",
                   fillstyle=look, markersize=6, zorder=4)  # fmt: skip
    above.set(yscale="log", ylim=(0.7, 100), ylabel="threshold")
    above.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    above.legend(loc="lower right")
    for strength, level in zip(SINGLE_STRENGTHS, (0.3, 1.0), strict=True):
        curve = data.where(witness="line", strength=strength)
        points = data.where(witness="measured", strength=strength)
        style = "--" if level < 1.0 else "-"
        theory_line(below, curve["gamma"], curve["value"], LOOK, f"strength {strength:g}",
                    level=level, line=style)  # fmt: skip
        measured(below, points["gamma"], points["value"], points["standard_error"], LOOK,
                 level=level)  # fmt: skip
    for ax in (above, below):
        ax.axvline(golden, color="#999999", linestyle=":", linewidth=1.4)
        ax.minorticks_off()
    below.legend(loc="upper left")
    below.set(xscale="log", xlabel="d/n", ylabel="squared cosine")
    ticks = (1, 2, 3, 4, 6, 10)
    below.set_xticks(ticks, [str(t) for t in ticks])
    below.minorticks_off()
    return fig
