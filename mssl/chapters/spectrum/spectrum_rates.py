"""How fast the spectrum becomes deterministic: the figure ``spectrum_rates``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import fitted_exponent, kolmogorov_distance
from mssl.chapters.worlds import two_level
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import simulate_spectrum
from mssl.theory import SSRTheory

#: Name of each quantity, its look, and whether its label stands above the line.
RATES = {
    "counting": ("counting function", "density", True),
    "edge": ("top eigenvalue", "train", False),
    "entry": ("$D_{kk}$, relative", "reference", True),
}


def _rate_unit(rng, *, d, gamma, ridge, trials) -> Table:
    world, n = two_level(d), round(d / gamma)
    theory = SSRTheory(world, n, ridge)
    values = simulate_spectrum(world, n, ridge, trials=trials, rng=rng, n_jobs=1)
    counting = np.array([kolmogorov_distance(v, theory.spectrum.cdf) for v in values])
    top = np.abs(values[:, -1] - theory.edges[-1])
    limit = theory.solution.resolvent.diagonal / theory.solution.rho
    entry = []
    for _ in range(max(4, trials // 4)):
        x = world.sample(n, rng)
        diagonal = np.diag(np.linalg.inv(x.T @ x / n + ridge * np.eye(d)))
        entry.append(np.sqrt(np.mean((diagonal / limit - 1.0) ** 2)))
    samples = {"counting": counting, "edge": top, "entry": np.array(entry)}
    distance, error = zip(*map(mean_and_error, samples.values()), strict=True)
    return Table(
        {
            "quantity": list(samples),
            "d": np.full(len(samples), d),
            "distance": distance,
            "standard_error": error,
        }
    )


def compute_spectrum_rates(run: Run) -> Table:
    """Distance between the eigenvalues of one draw and the limit, against d."""
    trials = run.pick(
        test={20: 6, 40: 6},
        quick={32: 200, 64: 120, 128: 60, 256: 32, 512: 12},
        paper={32: 2000, 64: 1000, 128: 500, 256: 200, 512: 100, 1024: 40, 2048: 12},
    )
    return run.map(
        "sizes",
        _rate_unit,
        [{"d": d, "gamma": 0.5, "ridge": 0.2, "trials": count} for d, count in trials.items()],
    )


@figure(
    "spectrum_rates",
    compute=compute_spectrum_rates,
    title="How fast the spectrum becomes deterministic",
    alt="Three rows of points on logarithmic axes against the dimension d, each with a straight "
    "line fitted to it. The diagonal of D falls slowest, with slope about minus one half. The "
    "largest eigenvalue falls faster, with slope about minus three quarters, and the distance of "
    "the counting function fastest, with slope about minus 0.8.",
    caption="Distance between one draw and the limit, mean over draws with one standard error, for "
    "two variances, $d/n = 1/2$ and ridge 0.2: the largest difference of the counting functions of "
    "the eigenvalues, the distance of the largest eigenvalue from the edge, and the root mean "
    "square relative error of an entry of $D$. Lines: fitted powers of $d$.",
    chapter="spectrum",
    seed=5004,
    columns={
        "distance": "mean distance from the limit",
    },
)
def draw_spectrum_rates(data: Table) -> Figure:
    """Draw three distances against d with their fitted powers."""
    fig = Figure(figsize=(5.2, 4.2))
    ax = fig.subplots()
    for quantity, (words, kind, above) in RATES.items():
        rows = data.where(quantity=quantity)
        d, distance = rows["d"].astype(float), rows["distance"]
        exponent, spread, prefactor = fitted_exponent(
            d, distance, rows["standard_error"] / distance
        )
        theory_line(ax, d, prefactor * d**-exponent, kind)
        measured(ax, d, distance, rows["standard_error"], kind)
        anchor = d[len(d) // 4] if above else d[len(d) // 2]
        direct_label(
            ax,
            anchor,
            prefactor * anchor**-exponent,
            f"{words}: $d^{{-{exponent:.2f} \\pm {spread:.2f}}}$",
            kind,
            offset=(8, 10) if above else (-4, -14),
            align="left" if above else "right",
        )
    ax.set(xscale="log", yscale="log", xlabel="d", ylabel="distance from the limit")
    ax.set_xticks(data.unique("d"), [str(d) for d in data.unique("d")])
    ax.minorticks_off()
    return fig
