"""Eigenvalues of matrices learned from real data: the figure ``real_spectra``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import kolmogorov_distance
from mssl.chapters.real_data.worlds import NAMES, small_world
from mssl.chapters.worlds import patch_scales
from mssl.data import DATA_SETS, PatchPopulation, split_moment
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import shade
from mssl.figures.table import Table, table_of
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.theory import SSRTheory

_SPECTRUM_RIDGE = {"patches": 0.05, "digits": 0.1, "prices": 2.0}


def _eigenvalues(X, ridge) -> np.ndarray:
    """Eigenvalues of the learned matrix, ascending; they are real."""
    model = MaskedRegression(ridge=ridge).fit(X)
    root = np.sqrt(model.D_)
    return np.linalg.eigvalsh(model.coef_ * root / root[:, None])


def _spectrum_unit(rng, *, name, trials) -> Table:
    world = small_world(name)
    n, ridge = 2 * world.d, _SPECTRUM_RIDGE[name]
    covariance = world.covariance
    spectrum = SSRTheory(covariance, n, ridge).spectrum
    scales = patch_scales(world.size) if isinstance(world, PatchPopulation) else world.scales
    real = [_eigenvalues(split_moment(world, n, rng)[0], ridge) for _ in range(trials)]
    gauss, scaled = [], []
    for _ in range(trials):
        rows = covariance.sample(n, rng)
        gauss.append(_eigenvalues(rows, ridge))
        rows = rows * np.sqrt(rng.choice(scales, size=n) / scales.mean())[:, None]
        scaled.append(_eigenvalues(rows, ridge))
    shown = real[0]
    at = np.linspace(min(shown[0], float(spectrum.edges[0])) - 0.1, 1.0, 120)
    rank = (np.arange(len(shown)) + 0.5) / len(shown)
    tables = [
        _spectrum_table(name, "theory", at, spectrum.cdf(at)),
        _spectrum_table(name, "measured", shown, rank),
    ]
    for witness, found in (("real", real), ("Gaussian", gauss), ("unequal", scaled)):
        distances = [kolmogorov_distance(values, spectrum.cdf) for values in found]
        mean, error = mean_and_error(distances)
        tables.append(_spectrum_table(name, f"distance {witness}", mean, error))
    return Table.concat(tables)


_spectrum_table = table_of("world", "witness", "x", "y")


def compute_real_spectra(run: Run) -> Table:
    """Eigenvalues of the learned matrices beside the law that the covariance predicts."""
    trials = run.pick(test=2, quick=8, paper=60)
    names = run.pick(test=("patches",), quick=DATA_SETS, paper=DATA_SETS)
    return run.map("spectrum", _spectrum_unit, [{"name": w, "trials": trials} for w in names])


@figure(
    "real_spectra",
    compute=compute_real_spectra,
    title="Eigenvalues of matrices learned from real data",
    alt="Three panels with the share of eigenvalues below a value. For digits and prices the "
    "points of one sample lie on the line of theory. For photographs they do not: far more "
    "eigenvalues than predicted crowd together at the lower end, and the others reach further up.",
    caption="Share of the eigenvalues of the learned matrix that lie below the value on the axis. "
    "Points: one training sample of two rows a coordinate. Line: the limit law with the covariance "
    "of the whole data set, rows taken as Gaussian. Photographs in patches of 5 by 5, digits of "
    "7 by 7 pixels.",
    chapter="real_data",
    seed=9002,
    columns={
        "x": "eigenvalue of the learned matrix; for the distances their mean",
        "y": "share of the eigenvalues below x; for the distances their standard error",
    },
)
def draw_real_spectra(data: Table) -> Figure:
    """Draw one panel a data set."""
    fig = Figure(figsize=(7.2, 3.2))
    axes = np.atleast_1d(fig.subplots(1, len(data.unique("world")), sharey=True))
    for ax, (name, rows) in zip(axes, data.groups("world"), strict=True):
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        # Points stand so close that they would hide a line beneath them: it is drawn over them.
        ax.plot(
            points["x"], points["y"], "o", color=shade("density", 0.0), markersize=4.5, zorder=2,
            label="one sample",
        )  # fmt: skip
        ax.plot(line["x"], line["y"], color="black", linewidth=1.3, zorder=3, label="limit law")
        ax.set(xlabel="eigenvalue", title=NAMES[name], ylim=(-0.02, 1.02))
    axes[0].set_ylabel("share below")
    axes[len(axes) // 2].legend(loc="upper left")  # where there is room
    return fig
