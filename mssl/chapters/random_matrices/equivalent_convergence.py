"""How fast the deterministic equivalent becomes exact: the figure ``equivalent_convergence``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.measures import fitted_exponent
from mssl.covariance import Diagonal
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import run_trials
from mssl.theory import solve_kappa

#: Name of each quantity, and its look.
QUANTITIES = {
    "entry_spread": ("one entry of Q", "reference"),
    "trace_spread": ("trace of Q over d", "density"),
    "entry_bias": ("$Q_{kk}$", "density"),
    "sandwich_bias": (r"$(Q\Sigma Q)_{kk}$", "train"),
}

PANELS = {
    "scatter between draws": ("entry_spread", "trace_spread"),
    "distance of the mean": ("sandwich_bias", "entry_bias"),
}


def _controlled_mean(values: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each column and its standard error, given controls whose expectation is zero."""
    trials, count = controls.shape
    design = np.column_stack([np.ones(trials), controls])
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ coefficients
    variance = np.sum(residual**2, axis=0) / (trials - count - 1)
    return coefficients[0], np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])


def _convergence_unit(rng, *, d, gamma, ridge, trials) -> Table:
    n, half = round(d / gamma), d // 2
    variances = np.repeat([0.5, 2.0], half)
    covariance = Diagonal(variances)
    equivalent = solve_kappa(covariance, n, ridge)
    r = equivalent.resolvent
    q_limit = r.diagonal / equivalent.rho
    sandwich_limit = r.sigma_sandwich / equivalent.rho**2 * equivalent.dkappa_dridge
    # E (S^2)_kk of Gaussian rows, from the covariance of two quadratic forms.
    square_mean = variances**2 + (variances * variances.sum() + variances**2) / n

    def groups(v):
        return v.reshape(2, half).mean(axis=1)

    def trial(generator):
        x = covariance.sample(n, generator)
        s = x.T @ x / n
        q = np.linalg.inv(s + ridge * np.eye(d))
        sandwich = np.einsum("ij,j,ij->i", q, variances, q)
        crossing = np.diagonal(q, half)  # entries that join the two groups; their mean is zero
        outcome = [groups(np.diag(q))[1], groups(sandwich)[1], np.mean(crossing**2)]
        known = [groups(np.diag(s) - variances), groups(np.sum(s * s, axis=1) - square_mean)]
        return np.concatenate([outcome, [np.diag(q).mean()], *known])

    seen = np.array(run_trials(trial, trials, rng))
    # The mean lies within 1/n of its limit, the scatter of one draw is as large: without the
    # controls, whose expectation is known exactly, ten times more draws would be needed.
    (q_mean, sandwich_mean), (q_error, sandwich_error) = _controlled_mean(seen[:, :2], seen[:, 4:])
    size = np.sqrt(q_limit[0] * q_limit[-1])
    rms = np.sqrt(seen[:, 2].mean())
    rms_error = seen[:, 2].std(ddof=1) / np.sqrt(trials) / (2 * rms)
    scatter = seen[:, 3].std(ddof=1)
    found = {
        "entry_spread": (rms / size, rms_error / size),
        "trace_spread": (scatter / q_limit.mean(), scatter / q_limit.mean() / np.sqrt(2 * trials)),
        "entry_bias": (q_mean / q_limit[-1] - 1, q_error / q_limit[-1]),
        "sandwich_bias": (
            sandwich_mean / sandwich_limit[-1] - 1,
            sandwich_error / sandwich_limit[-1],
        ),
    }
    return Table(
        {
            "quantity": list(found),
            "d": np.full(len(found), d),
            "n": np.full(len(found), n),
            "trials": np.full(len(found), trials),
            "relative_deviation": [abs(value) for value, _ in found.values()],
            "standard_error": [error for _, error in found.values()],
        }
    )


def compute_equivalent_convergence(run: Run) -> Table:
    """Scatter around the deterministic equivalent, and distance of the mean from it, against d."""
    trials = run.pick(
        test={16: 120, 32: 120},
        quick={16: 2000, 32: 1500, 64: 800, 128: 300, 256: 80},
        paper={16: 20000, 32: 20000, 64: 10000, 128: 5000, 256: 2000, 512: 600},
    )
    return run.map(
        "sizes",
        _convergence_unit,
        [{"d": d, "gamma": 0.5, "ridge": 0.5, "trials": count} for d, count in trials.items()],
    )


@figure(
    "equivalent_convergence",
    compute=compute_equivalent_convergence,
    title="How fast the deterministic equivalent becomes exact",
    alt="Two panels on logarithmic axes, deviations against the dimension d. Above, the scatter "
    "between draws: points for one entry of the resolvent fall with slope near minus one half, "
    "points for its normalised trace with slope near minus one. Below, the distance of the mean "
    "from the equivalent: points for a diagonal entry and for the two-resolvent product both fall "
    "with slope near minus one. The fitted exponents stand beside the points.",
    caption="Relative deviations from the deterministic equivalent for a diagonal covariance with "
    "variances 1/2 and 2, $d/n = 1/2$ and ridge 1/2. One entry: between coordinates of different "
    "variance. Diagonal entries: coordinates of variance 2. Points: over independent draws, with "
    "one standard error; the means with control variates. Lines: fitted powers of $d$, with the "
    "exponents beside them.",
    chapter="random_matrices",
    seed=3002,
    columns={
        "relative_deviation": "deviation from the deterministic equivalent over its value",
    },
)
def draw_equivalent_convergence(data: Table) -> Figure:
    """Draw deviations with their fitted powers, scatter above and bias below."""
    fig = Figure(figsize=(5.2, 6.0))
    axes = fig.subplots(2, 1, sharex=True)
    for ax, (title, members) in zip(axes, PANELS.items(), strict=True):
        for quantity, upper in zip(members, (True, False), strict=True):
            rows = data.where(quantity=quantity)
            words, kind = QUANTITIES[quantity]
            d, error = rows["d"].astype(float), rows["relative_deviation"]
            exponent, spread, prefactor = fitted_exponent(d, error, rows["standard_error"] / error)
            theory_line(ax, d, prefactor * d**-exponent, kind)
            measured(ax, d, error, rows["standard_error"], kind)
            # Above the upper line at the right, below the lower one at the left: free of points.
            direct_label(
                ax,
                d[-1] if upper else d[0],
                1.3 * prefactor * d[1] ** -exponent if upper else 0.8 * error[-2],
                f"{words}: $d^{{-{exponent:.3f} \\pm {spread:.3f}}}$",
                kind,
                offset=(0, 0),
                align="right" if upper else "left",
            )
        ax.set(xscale="log", yscale="log", ylabel="relative deviation", title=title)
        ax.margins(y=0.15)
    axes[-1].set_xlabel("d")
    axes[-1].set_xticks(data.unique("d"), [str(d) for d in data.unique("d")])
    axes[-1].minorticks_off()
    return fig
