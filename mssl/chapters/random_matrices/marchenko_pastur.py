"""Eigenvalues of a sample covariance: the figure ``marchenko_pastur``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import histogram, theory_line
from mssl.figures.table import Table


def marchenko_pastur_density(s: np.ndarray, gamma: float) -> np.ndarray:
    r"""Density of the non-zero eigenvalues of S for white data of unit variance.

    .. math::

        \rho(s) = \frac{\sqrt{(s_+ - s)(s - s_-)}}{2\pi\gamma s}, \qquad
        s_\pm = (1 \pm \sqrt\gamma)^2

    Parameters
    ----------
    s : ndarray of shape (n_points,)
    gamma : float
        d/n, positive.

    Returns
    -------
    ndarray of shape (n_points,)
        Integrates to min(1, 1/gamma); the rest is an atom at zero.

    Examples
    --------
    >>> marchenko_pastur_density(np.array([-1.0, 1.0, 5.0]), 1.0).round(6)
    array([0.      , 0.275664, 0.      ])
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive, got {gamma!r}.")
    s = np.asarray(s, dtype=float)
    low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2
    inside = (s > low) & (s < high)
    density = np.zeros_like(s)
    density[inside] = np.sqrt((high - s[inside]) * (s[inside] - low)) / (
        2 * np.pi * gamma * s[inside]
    )
    return density


def _spectrum_unit(rng, *, d, gamma, bins, points) -> Table:
    n = round(d / gamma)
    x = rng.standard_normal((n, d))
    # The non-zero eigenvalues of S are those of the smaller Gram matrix.
    gram = (x @ x.T if n < d else x.T @ x) / n
    eigenvalues = np.linalg.eigvalsh(gram)
    low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2
    edges = np.linspace(min(low, eigenvalues[0]), max(high, eigenvalues[-1]), bins + 1)
    height = np.histogram(eigenvalues, edges)[0] / (d * np.diff(edges))
    # Closer points near the edges, where the density is a square root.
    grid = low + (high - low) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, points)))
    return Table.concat(
        [
            Table(
                {
                    "gamma": np.full(len(left), gamma),
                    "witness": witness,
                    "left": left,
                    "right": right,
                    "density": density,
                    "zero_mass": np.full(len(left), max(0.0, 1.0 - 1.0 / gamma)),
                }
            )
            for witness, left, right, density in (
                ("theory", grid, grid, marchenko_pastur_density(grid, gamma)),
                ("measured", edges[:-1], edges[1:], height),
            )
        ]
    )


def compute_marchenko_pastur(run: Run) -> Table:
    """Eigenvalues of one sample covariance of white data, at three ratios d/n."""
    d = run.pick(test=60, quick=400, paper=3000)
    bins = run.pick(test=8, quick=30, paper=60)
    points = run.pick(test=30, quick=200, paper=400)
    return run.map(
        "spectra",
        _spectrum_unit,
        [{"d": d, "gamma": gamma, "bins": bins, "points": points} for gamma in (0.1, 0.5, 2.0)],
    )


@figure(
    "marchenko_pastur",
    compute=compute_marchenko_pastur,
    title="Eigenvalues of a sample covariance",
    alt="Three histograms, one below the other, of the eigenvalues of the sample covariance of "
    "white noise, for d/n of one tenth, one half and two. A dotted line marks the only population "
    "eigenvalue, one. The histograms spread around it, from about 0.5 to 1.7, from 0.1 to 2.9 and "
    "from 0.2 to 5.8, and fill the area under the Marchenko-Pastur density, drawn as a line.",
    caption="Eigenvalues of $S$ for one draw of white noise (bars) and the density of Marchenko "
    "and Pastur (line). Every population eigenvalue is 1 (dotted). For $d/n = 2$ the bars have "
    "total area one half: the other half of the eigenvalues are zero and are not drawn.",
    chapter="random_matrices",
    seed=3001,
)
def draw_marchenko_pastur(data: Table) -> Figure:
    """Draw one panel for each ratio, on one scale of eigenvalues."""
    gammas = data.unique("gamma")
    fig = Figure(figsize=(5.2, 5.6))
    axes = fig.subplots(len(gammas), 1, sharex=True)
    for ax, (gamma, rows) in zip(axes, data.groups("gamma"), strict=True):
        bars, line = rows.where(witness="measured"), rows.where(witness="theory")
        histogram(ax, bars["left"], bars["right"], bars["density"], "density")
        theory_line(ax, line["left"], line["density"], "density")
        ax.axvline(1.0, color="black", linestyle=":", linewidth=1.4, zorder=4)
        ax.set_ylim(bottom=0.0)
        words = f"d/n = {gamma:g}"
        if rows["zero_mass"][0] > 0:
            words += f"\nand {rows['zero_mass'][0]:.0%} at zero"
        ax.text(0.98, 0.9, words, transform=ax.transAxes, ha="right", va="top")
        ax.set_ylabel("density")
    axes[-1].set_xlabel("eigenvalue of S")
    axes[-1].set_xlim(left=0.0)
    return fig
