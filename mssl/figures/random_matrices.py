"""Figures of the chapter on random matrices."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.covariance import AR1, Diagonal
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, histogram, measured, theory_line
from mssl.figures.table import Table
from mssl.simulation import run_trials
from mssl.theory import solve_kappa

__all__ = ["fitted_exponent", "marchenko_pastur_density"]

CHAPTER = "random_matrices"


# Marchenko and Pastur ---------------------------------------------------------------------------


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
    caption="Eigenvalues of S for one draw of white noise (bars) and the density of Marchenko and "
    "Pastur (line). Every population eigenvalue is 1 (dotted). For d/n = 2 the bars have total "
    "area one half: the other half of the eigenvalues are zero and are not drawn.",
    chapter=CHAPTER,
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


# What the resolvent is close to -----------------------------------------------------------------


def _row_unit(rng, *, d, n, ridge, rho, reach, trials) -> Table:
    covariance = AR1(d, rho)
    middle = d // 2
    unit = np.zeros(d)
    unit[middle] = 1.0
    window = slice(middle - reach, middle + reach + 1)
    equivalent = solve_kappa(covariance, n, ridge)
    limit = (equivalent.resolvent.apply(unit) / equivalent.shrinkage)[window]
    plain = covariance.resolvent(ridge).apply(unit)[window]

    def trial(generator):
        x = covariance.sample(n, generator)
        return np.linalg.solve(x.T @ x / n + ridge * np.eye(d), unit)[window]

    rows = np.array(run_trials(trial, trials, rng))
    spread = rows.std(axis=0, ddof=1)
    zero = np.zeros(2 * reach + 1)
    lag = np.arange(-reach, reach + 1)
    return Table.concat(
        [
            Table({"witness": witness, "lag": lag, "entry": entry, "spread": deviation})
            for witness, entry, deviation in (
                ("equivalent", limit, zero),
                ("population", plain, zero),
                ("measured", rows.mean(axis=0), spread / np.sqrt(trials)),
            )
        ]
    )


def compute_resolvent_row(run: Run) -> Table:
    """One row of Q, averaged over draws, its equivalent, and the inverse of the population."""
    d = run.pick(test=30, quick=200, paper=800)
    trials = run.pick(test=5, quick=40, paper=200)
    setting = {"d": d, "n": d, "ridge": 0.2, "rho": 0.6, "reach": 6, "trials": trials}
    return run.map("row", _row_unit, [setting])


@figure(
    "resolvent_row",
    compute=compute_resolvent_row,
    title="What the resolvent is close to",
    alt="A row of the resolvent around its diagonal entry. The measured points lie on the line of "
    "the deterministic equivalent, with a peak of about 2.2 at lag zero and negative neighbours. "
    "The dashed line of the inverse of the population covariance plus the ridge has the same "
    "shape but a much lower peak, and misses every point near the diagonal.",
    caption="Entries of a middle row of Q for an AR(1) process with correlation 0.6, d = n and "
    "ridge 0.2. Points: means over independent draws, with one standard error. Line: the "
    "deterministic equivalent. Dashed: the inverse of the population covariance plus the ridge, "
    "which is where Q would go if d stayed fixed.",
    chapter=CHAPTER,
    seed=3003,
)
def draw_resolvent_row(data: Table) -> Figure:
    """Draw the row with both candidates for its limit."""
    fig = Figure(figsize=(5.2, 3.6))
    ax = fig.subplots()
    rows = {witness: data.where(witness=witness) for witness in data.unique("witness")}
    theory_line(
        ax,
        rows["population"]["lag"],
        rows["population"]["entry"],
        "reference",
        r"$(\Sigma + \lambda I)^{-1}$",
    )
    theory_line(ax, rows["equivalent"]["lag"], rows["equivalent"]["entry"], "density", "equivalent")
    seen = rows["measured"]
    measured(ax, seen["lag"], seen["entry"], seen["spread"], "density", "measured")
    ax.axhline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    ax.set(xlabel="column minus row", ylabel="entry of Q")
    ax.legend(loc="upper right")
    return fig


# How fast equivalents become exact --------------------------------------------------------------

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


def fitted_exponent(
    d: np.ndarray, error: np.ndarray, relative_error: np.ndarray
) -> tuple[float, float, float]:
    r"""Fit a power law by weighted least squares on logarithms.

    .. math:: \log \varepsilon = \log c - \beta \log d

    Parameters
    ----------
    d, error : ndarray of shape (n_points,)
    relative_error : ndarray of shape (n_points,)
        Standard error of ``error`` divided by it.

    Returns
    -------
    exponent, standard_error, prefactor : float
        :math:`\beta`, its standard error and c.

    Examples
    --------
    >>> d = np.array([10.0, 100.0, 1000.0])
    >>> exponent, _, prefactor = fitted_exponent(d, 3.0 / d, np.full(3, 0.1))
    >>> round(exponent, 9), round(prefactor, 9)
    (1.0, 3.0)
    """
    design = np.stack([np.ones(len(d)), -np.log(d)], axis=1) / relative_error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    log_prefactor, exponent = covariance @ design.T @ (np.log(error) / relative_error)
    return float(exponent), float(np.sqrt(covariance[1, 1])), float(np.exp(log_prefactor))


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
    q_limit = r.diagonal / equivalent.shrinkage
    sandwich_limit = r.sigma_sandwich / equivalent.shrinkage**2 * equivalent.dkappa_dridge
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
    "variances 1/2 and 2, d/n = 1/2 and ridge 1/2. One entry: between coordinates of different "
    "variance. Diagonal entries: coordinates of variance 2. Points: over independent draws, with "
    "one standard error; the means with control variates. Lines: fitted powers of d, with the "
    "exponents beside them.",
    chapter=CHAPTER,
    seed=3002,
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
