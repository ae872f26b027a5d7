"""Eigenvalues for patches of photographs: the figure ``spectrum_patches``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.worlds import PATCH, patch_scales
from mssl.covariance import Covariance
from mssl.data import patch_population
from mssl.exceptions import ConvergenceError
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import measured, shade, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import simulate_spectrum
from mssl.theory import elliptical_risk

PATCH_N, PATCH_RIDGE = 300, 0.01


def scaled_rows_cdf(
    covariance: Covariance, n_samples: int, ridge: float, scales, points: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""Distribution of the eigenvalues of A_hat for rows :math:`x = \sqrt\tau\,g`.

    .. math::

        t = \mathrm{E}_\tau\frac{\tau}{1 + \tau\delta}, \qquad
        \delta = \frac1n \mathrm{Tr}\,\Sigma_D G, \qquad
        G = (t\Sigma_D + \lambda D - \zeta)^{-1}

    Parameters
    ----------
    covariance : Covariance
    n_samples : int
    ridge : float
        Positive.
    scales : array_like of shape (n_scales,)
        Equally likely values of :math:`\tau`; divided by their mean here.
    points : int
        Number of points of the grid.

    Returns
    -------
    a, cdf : ndarray of shape (points,)

    Raises
    ------
    ConvergenceError
        If the equation for t was not solved.

    Notes
    -----
    Heuristic: the derivation with equal scales, with the mean over :math:`\tau` in it. The
    density is taken one per cent above the real axis, which blurs it by as much; the result is
    scaled to total mass one.
    """
    tau = np.asarray(scales, dtype=float)
    tau = tau / tau.mean()
    t0 = elliptical_risk(covariance, n_samples, ridge, tau).t
    weights = covariance.resolvent(ridge, t0).diagonal
    root = np.sqrt(weights)
    sigma = root[:, None] * covariance.dense() * root
    floor = np.diag(ridge * weights)
    eye = np.eye(covariance.d)
    top = 2.0 * np.linalg.eigvalsh(sigma)[-1] + ridge * weights.max()
    bottom = 0.5 * ridge * weights.min()
    nu = np.geomspace(bottom, top, points)[::-1]
    t, density = complex(tau.mean(), -1e-3), np.empty(points)
    for i, x in enumerate(nu):
        for _ in range(200):
            g = np.linalg.inv(t * sigma + floor - (1.0 + 0.01j) * x * eye)
            sg = sigma @ g
            delta = np.trace(sg) / n_samples
            share = tau / (1.0 + tau * delta)
            value = share.mean()
            slope = (share**2).mean() * np.sum(sg * sg.T) / n_samples
            step = (value - t) / (1.0 - slope)
            new = t + step if (t + step).imag < 0 else 0.5 * (t + value)
            done = abs(new - t) < 1e-6 * abs(t)
            t = new
            if done:
                break
        else:
            raise ConvergenceError(f"The equation for t was not solved at zeta = {x:.6g}.")
        density[i] = np.trace(g).imag / np.pi / covariance.d
    nu, density = nu[::-1], density[::-1]
    mass = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(nu))])
    return 1.0 - 1.0 / nu, mass / mass[-1]


def _patch_theory(rng, *, size, points) -> Table:
    covariance = patch_population(size).covariance
    parts = []
    for witness, scales in (
        ("equal scales", np.ones(1)),
        ("unequal scales", patch_scales(size, 40)),
    ):
        a, cdf = scaled_rows_cdf(covariance, PATCH_N, PATCH_RIDGE, scales, points)
        parts.append(Table({"witness": witness, "a": a, "fraction": cdf, "standard_error": 0.0}))
    return Table.concat(parts)


def _patch_unit(rng, *, size, witness, trials) -> Table:
    population = patch_population(size)
    world = population if witness == "patches" else population.covariance
    values = simulate_spectrum(world, PATCH_N, PATCH_RIDGE, trials=trials, rng=rng, n_jobs=1)
    # The mean of the j-th smallest of d eigenvalues is read as the quantile (j - 1/2)/d.
    mean, error = mean_and_error(values)
    return Table(
        {
            "witness": np.full(population.d, witness),
            "a": mean,
            "fraction": (np.arange(population.d) + 0.5) / population.d,
            "standard_error": error,
        }
    )


def compute_spectrum_patches(run: Run) -> Table:
    """Eigenvalues of A_hat for patches and for Gaussian rows, against two theories."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    trials = run.pick(test=3, quick=16, paper=200)
    points = run.pick(test=60, quick=120, paper=600)
    return Table.concat(
        [
            run.map("theory", _patch_theory, [{"size": size, "points": points}]),
            run.map(
                "measured",
                _patch_unit,
                [{"size": size, "witness": w, "trials": trials} for w in ("patches", "Gaussian")],
            ),
        ]
    )


@figure(
    "spectrum_patches",
    compute=compute_spectrum_patches,
    title="Eigenvalues for patches of photographs",
    alt="Distribution functions of the eigenvalues of the learned matrix, which rise from zero "
    "near minus two to one at one. Squares of Gaussian data lie on the dashed line of the theory "
    "with equal scales. Round points of real patches lie apart from it, up to a tenth lower or "
    "higher, and much closer to the solid line of the theory with unequal scales.",
    caption="Fraction of the eigenvalues of the learned matrix below $a$, for patches of 12 by 12 "
    "pixels, $n = 300$, ridge 0.01. Dashed: theory from the covariance. Solid: theory with the "
    "scales of the patches. Points: means of the ordered eigenvalues over draws, every sixth, with "
    "one standard error.",
    chapter="spectrum",
    seed=5005,
)
def draw_spectrum_patches(data: Table) -> Figure:
    """Draw both theories as lines and both data sets as points."""
    fig = Figure(figsize=(5.2, 4.4))
    ax = fig.subplots()
    names = (
        ("equal scales", "Gaussian", "gaussian", "theory, equal scales", "Gaussian data"),
        ("unequal scales", "patches", "test", "theory, unequal scales", "real patches"),
    )
    for witness, seen, kind, theory_name, measured_name in names:
        line, points = data.where(witness=witness), data.where(witness=seen)
        theory_line(ax, line["a"], line["fraction"], kind, theory_name)
        pick = slice(2, None, 6)
        measured(ax, points["a"][pick], points["fraction"][pick], None, kind, measured_name)
        ax.errorbar(
            points["a"][pick],
            points["fraction"][pick],
            xerr=points["standard_error"][pick],
            fmt="none",
            color=shade(kind, 1.0),
            elinewidth=1.2,
            zorder=3,
        )
    low = min(data.where(witness="patches")["a"][0], data.where(witness="Gaussian")["a"][0])
    ax.set(xlabel="eigenvalue $a$", ylabel="fraction of the eigenvalues below $a$")
    ax.set_xlim(1.15 * low, 1.03)
    ax.set_ylim(0.0, 1.02)
    ax.legend(loc="upper left")
    return fig
