"""Figures of the chapter on the spectrum of the learned matrix."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mssl.covariance import AR1, Blocks, Covariance, Diagonal, Isotropic
from mssl.datasets import patch_population
from mssl.exceptions import ConvergenceError
from mssl.figures.error import patch_scales, power_law
from mssl.figures.random_matrices import fitted_exponent
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, histogram, measured, shade, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.simulation_spectra import simulate_spectrum
from mssl.theory import SSRTheory, elliptical_risk, solve_kappa

__all__ = [
    "kolmogorov_distance",
    "learned_population",
    "reach_beyond_end",
    "resolvent_deviations",
    "scaled_rows_cdf",
    "two_level",
]

CHAPTER = "spectrum"
PATCH = 12


# The worlds -------------------------------------------------------------------------------------


def two_level(d: int) -> Diagonal:
    """Return uncorrelated coordinates with the variances 0.3 and 3, in turn.

    Parameters
    ----------
    d : int
        Even.

    Returns
    -------
    Diagonal

    Examples
    --------
    >>> two_level(4).diagonal()
    array([0.3, 3. , 0.3, 3. ])
    """
    return Diagonal(np.tile([0.3, 3.0], d // 2))


def _blocks(d: int, size: int, correlation: float) -> Blocks:
    return Blocks([size] * (d // size), correlation)


#: From the name of a panel to its world, d/n and ridge.
SETTINGS = {
    "white noise": (Isotropic, 2 / 3, 0.1),
    "AR(1), correlation 0.7": (lambda d: AR1(d, 0.7), 2 / 3, 0.1),
    "two variances": (two_level, 2 / 3, 0.1),
    "power law": (lambda d: power_law(d, 0.5), 2 / 3, 0.1),
    "blocks of six": (lambda d: _blocks(d, 6, 0.8), 1 / 6, 0.1),
    "two variances, n = d/4": (two_level, 4.0, 0.1),
}


def learned_population(covariance: Covariance, n_samples: int, ridge: float) -> np.ndarray:
    r"""Eigenvalues of the matrix that :math:`\hat A` approaches entry by entry.

    .. math:: A_\kappa = I - R\,\mathrm{diag}(R)^{-1}, \qquad R = (\Sigma + \kappa I)^{-1}

    Parameters
    ----------
    covariance : Covariance
    n_samples : int
    ridge : float

    Returns
    -------
    ndarray of shape (n_features,)
        Ascending.

    Examples
    --------
    >>> learned_population(Isotropic(3), 10, 0.1)
    array([0., 0., 0.])
    """
    resolvent = solve_kappa(covariance, n_samples, ridge).resolvent
    r = resolvent.apply(np.eye(covariance.d))
    root = np.sqrt(resolvent.diagonal)
    return np.sort(1.0 - np.linalg.eigvalsh(r / root / root[:, None]))


def kolmogorov_distance(values: np.ndarray, cdf) -> float:
    """Return the largest distance between the distribution of `values` and `cdf`.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Ascending.
    cdf : callable
        A continuous distribution function.

    Returns
    -------
    float

    Examples
    --------
    >>> kolmogorov_distance(np.array([0.25, 0.75]), lambda x: x)
    0.25
    """
    steps = np.arange(len(values) + 1) / len(values)
    at_values = cdf(values)
    return float(max(np.max(steps[1:] - at_values), np.max(at_values - steps[:-1])))


# Tables of the page -----------------------------------------------------------------------------


def resolvent_deviations(
    covariance: Covariance, n_samples: int, ridge: float, z: complex, limit, trials: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    r"""Deviation of :math:`(\hat A - z)^{-1}` from a limit, as root mean squares over draws.

    Parameters
    ----------
    covariance : Covariance
    n_samples : int
    ridge : float
    z : complex
        Not an eigenvalue of any draw.
    limit : ndarray of shape (n_features, n_features)
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    size, standard_error : ndarray of shape (4,)
        Entry (0, 1), entry (d/2, d/2), the form in the flat unit vector, and the trace over d.
    """
    d = covariance.d
    u = np.full(d, d**-0.5)

    def trial(generator):
        a = MaskedRegression(ridge=ridge).fit(covariance.sample(n_samples, generator)).coef_
        f = np.linalg.inv(a - z * np.eye(d)) - limit
        return np.abs([f[0, 1], f[d // 2, d // 2], u @ f @ u, np.trace(f) / d]) ** 2

    squares, errors = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    return np.sqrt(squares), errors / (2.0 * np.sqrt(squares))


def reach_beyond_end(d: int, gamma: float, ridge: float, trials: int, rng) -> tuple[float, float]:
    """How far the lowest eigenvalue of a draw of white noise lies beyond the end of the limit.

    Parameters
    ----------
    d : int
    gamma : float
        d/n.
    ridge : float
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    mean, standard_error : float
        Relative to the lowest point of the limit, an edge or an atom; negative inside.
    """
    n = round(d / gamma)
    law = SSRTheory(Isotropic(d), n, ridge).spectrum
    end = min([law.edges[0], *(atom.position for atom in law.atoms)])
    values = simulate_spectrum(Isotropic(d), n, ridge, trials=trials, rng=rng, n_jobs=1)
    mean, error = mean_and_error(values[:, 0] / end - 1.0)
    return float(mean), float(error)


# Histograms -------------------------------------------------------------------------------------


def _model_unit(rng, *, name, d, bins, points) -> Table:
    model, gamma, ridge = SETTINGS[name]
    world, n = model(d), round(d / gamma)
    theory = SSRTheory(world, n, ridge)
    values = simulate_spectrum(world, n, ridge, trials=1, rng=rng, n_jobs=1)[0]
    bulks = theory.edges.reshape(-1, 2)
    low, high = min(values[0], bulks[0, 0]), max(values[-1], bulks[-1, 1])
    edges = np.linspace(low, high, bins + 1)
    height = np.histogram(values, edges)[0] / (d * np.diff(edges))
    angle = np.linspace(0.0, np.pi, points)
    grid = np.concatenate([a + (b - a) * 0.5 * (1.0 - np.cos(angle)) for a, b in bulks])
    inside = ~np.isin(grid, bulks)  # at an edge itself the root is double and the density zero
    density = np.zeros(grid.size)
    density[inside] = theory.density(grid[inside])
    population = learned_population(world, n, ridge)
    ends = population[[0, -1]]
    if not theory.spectrum.atoms:
        distance = kolmogorov_distance(values, theory.spectrum.cdf)
    else:
        distance = np.nan  # an atom of the limit is a narrow bump of a sample
    parts = [
        ("theory", grid, grid, density),
        ("measured", edges[:-1], edges[1:], height),
        ("population", ends, ends, np.zeros(2)),
    ]
    for atom in theory.spectrum.atoms:
        parts.append(("atom", [atom.position], [atom.position], [atom.mass]))
    return Table.concat(
        [
            Table(
                {
                    "model": np.full(len(left), name),
                    "witness": witness,
                    "left": left,
                    "right": right,
                    "density": value,
                    "d": d,
                    "n": n,
                    "ridge": ridge,
                    "distance": distance,
                }
            )
            for witness, left, right, value in parts
        ]
    )


def compute_spectrum_models(run: Run) -> Table:
    """Eigenvalues of A_hat in one draw, and their limiting density, for six worlds."""
    d = run.pick(test=60, quick=600, paper=2400)
    bins = run.pick(test=10, quick=36, paper=80)
    points = run.pick(test=20, quick=90, paper=200)
    return run.map(
        "models",
        _model_unit,
        [{"name": name, "d": d, "bins": bins, "points": points} for name in SETTINGS],
    )


@figure(
    "spectrum_models",
    compute=compute_spectrum_models,
    title="Eigenvalues of the learned matrix",
    alt="Six histograms of the eigenvalues of the learned matrix, each filled to its edges by the "
    "line of the theory. White noise, where the ideal matrix is zero, spreads from about minus 3 "
    "to 0.84 with its mode near 0.8, and two unequal variances look nearly the same. An AR(1) "
    "process and a power law lean to 1. Blocks of six split into a wide bulk around zero and a "
    "small one near 0.9. With a quarter as many samples as coordinates there is a bulk near 1 and "
    "one below zero, and narrow bumps stand around the dotted lines of two atoms on the negative "
    "side.",
    caption="Eigenvalues of the learned matrix in one draw (bars) and their limiting density "
    "(line); ridge 0.1, d/n = 2/3 except for the blocks (1/6) and the last panel (4). Grey bars at "
    "the bottom: range of the eigenvalues of the matrix that A is close to entry by entry. Dotted: "
    "atoms of the limit.",
    chapter=CHAPTER,
    seed=5001,
    missing=("distance",),
)
def draw_spectrum_models(data: Table) -> Figure:
    """Draw one panel a world, in two columns."""
    fig = Figure(figsize=(5.6, 6.6))
    axes = fig.subplots(3, 2)
    for ax, (name, rows) in zip(axes.ravel(), data.groups("model"), strict=True):
        bars, line = rows.where(witness="measured"), rows.where(witness="theory")
        histogram(ax, bars["left"], bars["right"], bars["density"], "density")
        theory_line(ax, line["left"], line["density"], "density")
        top = max(bars["density"].max(), np.quantile(line["density"], 0.97))
        if "atom" in rows.unique("witness"):
            for place in rows.where(witness="atom")["left"]:
                ax.axvline(place, color="black", linestyle=":", linewidth=1.4, zorder=4)
        low, high = rows.where(witness="population")["left"]
        pad = 0.01 * (bars["right"][-1] - bars["left"][0])
        ax.fill_between([low - pad, high + pad], -0.055 * top, -0.015 * top, color="#666666")
        ax.set_ylim(-0.07 * top, 1.12 * top)
        ax.set_xlim(right=1.05)
        ax.set_title(name, fontsize="medium")
    for ax in axes[:, 0]:
        ax.set_ylabel("density")
    for ax in axes[-1]:
        ax.set_xlabel("eigenvalue $a$")
    return fig


# Edges ------------------------------------------------------------------------------------------

BLOCK = 4
EDGE_RHO = 0.5
EDGE_GAMMA, EDGE_RIDGE = 0.25, 0.05


def _edge_unit(rng, *, panel, x, d, gamma, ridge) -> Table:
    theory = SSRTheory(_blocks(d, BLOCK, EDGE_RHO), round(d / gamma), ridge)
    bulks = theory.edges.reshape(-1, 2)
    atoms = theory.spectrum.atoms
    places = [a.position for a in atoms]
    low, high = np.r_[bulks[:, 0], places], np.r_[bulks[:, 1], places]
    kind = np.r_[np.full(len(bulks), "bulk"), np.full(len(places), "atom")]
    return _edge_table(panel, x, d, kind, low, high, np.zeros_like(low), np.zeros_like(low))


def _edge_table(panel, x, d, kind, low, high, low_error, high_error) -> Table:
    return Table(
        {
            "panel": np.full(len(low), panel),
            "x": x,
            "d": d,
            "kind": kind,
            "low": low,
            "high": high,
            "low_error": low_error,
            "high_error": high_error,
        }
    )


def _edge_measured(rng, *, panel, x, d, gamma, ridge, trials) -> Table:
    n = round(d / gamma)
    world = _blocks(d, BLOCK, EDGE_RHO)
    bulks = SSRTheory(world, n, ridge).edges.reshape(-1, 2)
    values = simulate_spectrum(world, n, ridge, trials=trials, rng=rng, n_jobs=1)
    # The means over a block and the differences within a block make the upper and lower bulk.
    split = d - d // BLOCK
    if n < d:
        groups = [values[:, d - n :]]
    elif len(bulks) == 2:
        groups = [values[:, :split], values[:, split:]]
    else:
        groups = [values]
    low = np.array([g[:, 0].mean() for g in groups])
    high = np.array([g[:, -1].mean() for g in groups])
    scale = np.sqrt(trials)
    low_error = np.array([g[:, 0].std(ddof=1) / scale for g in groups])
    high_error = np.array([g[:, -1].std(ddof=1) / scale for g in groups])
    return _edge_table(panel, x, d, "measured", low, high, low_error, high_error)


def compute_spectrum_edges(run: Run) -> Table:
    """Bulks of A_hat for blocks of coordinates, against the ridge and against d/n."""
    d = run.pick(test=60, quick=240, paper=1800)
    trials = run.pick(test=3, quick=6, paper=20)
    points = run.pick(test=5, quick=22, paper=120)
    few = run.pick(test=2, quick=5, paper=9)

    def settings(panel, x):
        gamma, ridge = (EDGE_GAMMA, x) if panel == "ridge" else (x, EDGE_RIDGE)
        return {"panel": panel, "x": float(x), "d": d, "gamma": gamma, "ridge": ridge}

    theory = [settings("ridge", x) for x in np.geomspace(1e-3, 30.0, points)]
    theory += [settings("gamma", x) for x in np.geomspace(0.05, 4.0, points)]
    seen = [settings("ridge", x) for x in np.geomspace(2e-3, 15.0, few)]
    seen += [settings("gamma", x) for x in np.geomspace(0.07, 3.0, few)]
    seen = [{**s, "trials": trials} for s in seen]
    return Table.concat(
        [run.map("theory", _edge_unit, theory), run.map("measured", _edge_measured, seen)]
    )


@figure(
    "spectrum_edges",
    compute=compute_spectrum_edges,
    title="Where the bulks end",
    alt="Two panels with the bulks of eigenvalues as shaded bands. Against the ridge, a lower band "
    "around zero and an upper band near 0.8 both shrink towards zero as the ridge grows. Against "
    "d over n, both bands widen and merge near 0.8, where the lower end reaches about minus 4; for "
    "d above n one band near 1 remains, and below it the dashed line of an atom rises. Points of "
    "the measured extreme eigenvalues lie on the ends of the bands or a little inside.",
    caption="Bulks of the eigenvalues of the learned matrix (shaded between their edges) for "
    "blocks of four coordinates with correlation 0.5. Above: against the ridge, d/n = 1/4. Below: "
    "against d/n, ridge 0.05; dashed: the atom for n < d. Points: extreme eigenvalues of each "
    "bulk, means over draws with one standard error.",
    chapter=CHAPTER,
    seed=5002,
)
def draw_spectrum_edges(data: Table) -> Figure:
    """Draw bulks as bands, measured ends as points."""
    fig = Figure(figsize=(5.2, 6.2))
    axes = fig.subplots(2, 1)
    for ax, panel in zip(axes, ("ridge", "gamma"), strict=True):
        rows = data.where(panel=panel)
        _bands(ax, rows.where(kind="bulk"))
        if "atom" in rows.unique("kind"):
            atoms = rows.where(kind="atom")
            theory_line(ax, atoms["x"], atoms["low"], "reference", "atom")
        seen = rows.where(kind="measured")
        for end in ("low", "high"):
            measured(ax, seen["x"], seen[end], seen[f"{end}_error"], "density")
        ax.axhline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
        ax.set(xscale="log", ylabel="eigenvalue $a$")
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set(xlabel=r"ridge $\lambda$")
    axes[1].set(xlabel="d/n")
    axes[1].set_xticks([0.05, 0.1, 0.2, 0.5, 1, 2, 4], ["0.05", "0.1", "0.2", "0.5", "1", "2", "4"])
    axes[1].legend(loc="lower right")
    return fig


def _bands(ax, rows):
    """Shade the bulks; where their number changes along x, only the outer ends are joined."""
    columns = [
        (x, np.sort(np.stack([part["low"], part["high"]], axis=1), axis=0))
        for x, part in ((x, rows.where(x=x)) for x in rows.unique("x"))
    ]
    runs = [[columns[0]]]
    for column in columns[1:]:
        if len(column[1]) == len(runs[-1][-1][1]):
            runs[-1].append(column)
        else:
            outer = [(x, ends[[0, -1], [0, 1]][None]) for x, ends in (runs[-1][-1], column)]
            runs += [outer, [column]]
    for part in runs:
        x = [place for place, _ in part]
        for low, high in np.stack([ends for _, ends in part], axis=-1):
            ax.fill_between(x, low, high, color=shade("density", 0.0), linewidth=0, zorder=1)
            theory_line(ax, x, low, "density")
            theory_line(ax, x, high, "density")


# The curve whose extrema are the edges ----------------------------------------------------------

CURVE_D, CURVE_BLOCK, CURVE_RHO = 120, 4, 0.6
CURVE_GAMMA, CURVE_RIDGE = 0.2, 0.05


def _curve_unit(rng, *, points) -> Table:
    """All real solutions (t, zeta) for blocks, and the density of the eigenvalues of M."""
    d = CURVE_D
    n = round(d / CURVE_GAMMA)
    world = _blocks(d, CURVE_BLOCK, CURVE_RHO)
    theory = SSRTheory(world, n, CURVE_RIDGE)
    source = theory.spectrum.source
    weight = theory.equivalent.resolvent.diagonal[0] / theory.equivalent.shrinkage
    variances = weight * np.array([1.0 - CURVE_RHO, 1.0 - CURVE_RHO + CURVE_RHO * CURVE_BLOCK])
    share = np.array([1.0 - 1.0 / CURVE_BLOCK, 1.0 / CURVE_BLOCK]) * d / n
    floor = weight * CURVE_RIDGE
    t = np.linspace(0.4, 2.6, points)  # never exactly 1, where one root is infinite
    t = t[t != 1.0]
    # (t - 1)/t + sum_i share_i w_i/(t w_i + floor - zeta) = 0 is a quadratic in zeta.
    p, q = t * variances[0] + floor, t * variances[1] + floor
    level = (t - 1.0) / t
    c1, c2 = share * variances
    roots = np.array(
        [
            np.sort(np.roots([lv, -lv * (a + b) - c1 - c2, lv * a * b + c1 * b + c2 * a]).real)
            for lv, a, b in zip(level, p, q, strict=True)
        ]
    )
    bulks = source.edges.reshape(-1, 2)
    grid = np.geomspace(0.6 * bulks[0, 0], 1.7 * bulks[-1, 1], 2 * points)
    return Table.concat(
        [
            Table({"part": "lower roots", "zeta": roots[:, 0], "value": t}),
            Table({"part": "upper roots", "zeta": roots[:, 1], "value": t}),
            Table({"part": "density", "zeta": grid, "value": grid * source.density(grid)}),
            Table({"part": "edges", "zeta": source.edges, "value": _edge_roots(theory)}),
        ]
    )


def _edge_roots(theory):
    """The roots t at the edges; the package's s is t kappa/lambda."""
    return [e.root * theory.equivalent.shrinkage for e in theory.spectrum.source.edge_points]


def compute_spectrum_curve(run: Run) -> Table:
    """The real curve t against zeta of a world with two bulks, and its density."""
    points = run.pick(test=40, quick=600, paper=2000)
    return run.map("curve", _curve_unit, [{"points": points}])


@figure(
    "spectrum_curve",
    compute=compute_spectrum_curve,
    title="How to read the edges off a curve",
    alt="Two panels over the same axis of eigenvalues. Above, curves of t against zeta; their "
    "falling parts are thick and their rising parts thin, and dots mark the four places where "
    "zeta turns around. Below, the density of the eigenvalues, made of two bulks. The four dots "
    "stand exactly above the ends of the two bulks, and no thick part of the curve lies above a "
    "bulk.",
    caption="Above: the real solutions t between 0.4 and 2 in a world of correlated blocks; "
    "thick where t falls as zeta grows. Points: the places where zeta is stationary. Below: the "
    "density of the logarithms of the eigenvalues of M. A real number is outside the bulks exactly "
    "if a falling part of the curve stands over it.",
    chapter=CHAPTER,
    seed=5003,
)
def draw_spectrum_curve(data: Table) -> Figure:
    """Draw the curve above the density that it bounds."""
    fig = Figure(figsize=(5.2, 5.6))
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=(1.4, 1.0))
    edges = data.where(part="edges")
    for part in ("lower roots", "upper roots"):
        rows = data.where(part=part)
        t, zeta = rows["value"], rows["zeta"]
        for side in (t < 1.0, t > 1.0):  # at t = 1 one root passes through infinity
            falling = np.gradient(zeta[side], t[side]) < 0
            for keep, width in ((falling, 2.6), (~falling, 0.9)):
                upper.plot(
                    np.where(keep, zeta[side], np.nan),
                    t[side],
                    color=shade("density", 1.0),
                    linewidth=width,
                )
    upper.plot(edges["zeta"], edges["value"], "o", color="black", markersize=6, zorder=4)
    rows = data.where(part="density")
    lower.fill_between(rows["zeta"], rows["value"], color=shade("density", 0.0))
    theory_line(lower, rows["zeta"], rows["value"], "density")
    for ax in (upper, lower):
        for place in edges["zeta"]:
            ax.axvline(place, color="black", linestyle=":", linewidth=1.0, zorder=0)
    upper.set(ylabel="$t$", ylim=(0.4, 2.0), xscale="log")
    lower.set(xlabel=r"$\zeta$, an eigenvalue of $M$", ylabel=r"density of $\log\zeta$")
    lower.set_xticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
    lower.xaxis.set_minor_locator(NullLocator())
    lower.set_ylim(bottom=0.0)
    lower.set_xlim(rows["zeta"][0], rows["zeta"][-1])
    return fig


# How fast ---------------------------------------------------------------------------------------

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
    limit = theory.equivalent.resolvent.diagonal / theory.equivalent.shrinkage
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
    "two variances, d/n = 1/2 and ridge 0.2: the largest difference of the counting functions of "
    "the eigenvalues, the distance of the largest eigenvalue from the edge, and the root mean "
    "square relative error of an entry of D. Lines: fitted powers of d.",
    chapter=CHAPTER,
    seed=5004,
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


# Real patches -----------------------------------------------------------------------------------

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
    caption="Fraction of the eigenvalues of the learned matrix below a, for patches of 12 by 12 "
    "pixels, n = 300, ridge 0.01. Dashed: theory from the covariance. Solid: theory with the "
    "scales of the patches. Points: means of the ordered eigenvalues over draws, every sixth, with "
    "one standard error.",
    chapter=CHAPTER,
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
