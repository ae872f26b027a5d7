"""Figures of the chapter on the error of a masked predictor, and the one on the first page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from mssl.covariance import AR1, Circulant, Covariance, Isotropic, Scaled, Spiked
from mssl.datasets import border_distance, patch_population
from mssl.figures.one_coordinate import compute_receptive_fields, draw_filters
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, direct_label, log_ticks, measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression, MaskedRegressionCV
from mssl.results import Risk
from mssl.simulation import run_trials, simulate_risk
from mssl.theory import SSRTheory, elliptical_risk, optimal_ridge

__all__ = ["MODELS", "patch_scales", "power_law", "uneven_spiked"]

CHAPTER = "error"
PATCH = 12


# The worlds -------------------------------------------------------------------------------------


def power_law(d: int, exponent: float = 1.5) -> Circulant:
    r"""Return a stationary process on a ring whose spectrum falls like a power.

    .. math:: \sigma_f^2 \propto (1 + \min(f, d - f))^{-\alpha}, \qquad \Sigma_{kk} = 1

    Parameters
    ----------
    d : int
    exponent : float
        :math:`\alpha`.

    Returns
    -------
    Circulant

    Examples
    --------
    >>> float(power_law(10).diagonal()[0])
    1.0
    """
    frequency = np.minimum(np.arange(d), d - np.arange(d))
    row = np.fft.ifft((1.0 + frequency) ** -exponent).real
    row = 0.5 * (row + np.roll(row[::-1], 1))
    return Circulant(row / row[0])


def uneven_spiked(d: int) -> Spiked:
    r"""Return an AR(1) process of unequal variances with one common factor.

    .. math:: \Sigma = C\,(0.6^{|i-j|})\,C + 6\,u u^\top, \qquad
              C_{kk}^2 = e^{z_k/2},\ z_k \text{ evenly spread normal quantiles}

    Parameters
    ----------
    d : int

    Returns
    -------
    Spiked
    """
    # A fixed shuffle of even quantiles: the same world at every seed, and no two neighbours alike.
    rng = np.random.default_rng(600)
    log_variances = 0.5 * rng.permutation(_normal_quantiles(d))
    direction = rng.standard_normal((d, 1))
    return Spiked(
        Scaled(AR1(d, 0.6), np.exp(0.5 * log_variances)),
        [6.0],
        direction / np.linalg.norm(direction),
    )


def _normal_quantiles(d: int) -> np.ndarray:
    return ndtri((np.arange(d) + 0.5) / d)


#: Panel title and covariance of each world, by the name of its kind.
MODELS = {
    "isotropic": ("isotropic", Isotropic),
    "ar1": ("AR(1), correlation 0.8", lambda d: AR1(d, 0.8)),
    "power_law": ("power-law spectrum", power_law),
}


def _model(name: str, d: int) -> Covariance:
    return MODELS[name][1](d)


# Rows of the tables -----------------------------------------------------------------------------


def _rows(witness: str, risks: Iterable[tuple[dict, Risk]], kinds: tuple[str, ...]) -> Table:
    """One row for each kind of error of each result; theory has no standard error."""
    rows: list[dict] = []
    for labels, risk in risks:
        for kind in kinds:
            spread = risk.standard_error
            rows.append(
                {
                    **labels,
                    "witness": witness,
                    "kind": kind,
                    "error": getattr(risk, f"{kind}_error"),
                    "standard_error": getattr(spread, f"{kind}_error") if spread else np.nan,
                }
            )
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _sample_sizes(d: int, lowest: float, highest: float, points: int) -> list[int]:
    """Distinct n such that d/n is spread evenly on a logarithmic axis."""
    ratios = np.geomspace(lowest, highest, points)
    return sorted({max(2, round(d / ratio)) for ratio in ratios}, reverse=True)


def _log_axes(*axes) -> None:
    """Two minor ticks in a decade of every logarithmic axis; eight would say no more."""
    for ax in axes:
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log":
                axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
                axis.set_minor_formatter(NullFormatter())


def _draw_errors(ax, data: Table, x: str, kinds: Iterable[str], *, label: bool = False) -> None:
    """Theory as lines and measurements as points, for each kind of error in one panel."""
    names = {"test": "test", "train": "training", "bayes": "Bayes", "loo": "LOO", "gcv": "GCV"}
    for kind in kinds:
        rows = data.where(kind=kind)
        for witness, part in rows.groups("witness"):
            text = f"{names[kind]}, {witness}" if label else None
            if witness == "theory":
                theory_line(ax, part[x], part["error"], kind, text)
            else:
                measured(ax, part[x], part["error"], part["standard_error"], kind, text)


# Error against d/n ------------------------------------------------------------------------------


def _gamma_unit(rng, *, model, d, ridge, sizes, trials) -> Table:
    covariance = _model(model, d)
    results = []
    for n in sizes:
        labels = {"model": model, "gamma": d / n}
        results.append((labels, simulate_risk(covariance, n, ridge, trials=trials, rng=rng)))
    return _rows("measured", results, ("test", "train"))


def _gamma_theory(rng, *, model, d, ridge, sizes) -> Table:
    covariance = _model(model, d)
    results = [
        ({"model": model, "gamma": d / n}, SSRTheory(covariance, n, ridge).risk) for n in sizes
    ]
    return _rows("theory", results, ("test", "train", "bayes"))


def compute_error_vs_gamma(run: Run) -> Table:
    """Train and test error of three worlds against d/n, at one ridge."""
    d = run.pick(test=40, quick=120, paper=800)
    sizes = _sample_sizes(d, 0.1, 8.0, run.pick(test=8, quick=40, paper=120))
    few = _sample_sizes(d, 0.125, 8.0, run.pick(test=3, quick=9, paper=13))
    trials = run.pick(test=2, quick=6, paper=40)
    settings = [{"model": name, "d": d, "ridge": 0.05} for name in MODELS]
    return Table.concat(
        [
            run.map("theory", _gamma_theory, [{**s, "sizes": sizes} for s in settings]),
            run.map(
                "measured",
                _gamma_unit,
                [{**s, "sizes": few, "trials": trials} for s in settings],
            ),
        ]
    )


@figure(
    "error_vs_gamma",
    compute=compute_error_vs_gamma,
    title="Training and test error against d/n",
    alt="Three panels, for an isotropic world, an autoregressive process and a power-law spectrum, "
    "show errors on logarithmic axes against the number of coordinates per sample. Training error "
    "falls steadily towards zero. Test error starts near the Bayes error; it peaks at d = n in the "
    "isotropic world and rises all the way in the other two. Measured points lie on the lines.",
    caption="Mean squared error of masked regression at ridge 0.05. Lines are the deterministic "
    "equivalent, points the mean of independent trials with one standard error (smaller than the "
    "points where it cannot be seen); dotted: the Bayes error.",
    chapter=CHAPTER,
    seed=4001,
    missing=("standard_error",),
)
def draw_error_vs_gamma(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(7.2, 3.4))
    axes = fig.subplots(1, len(data.unique("model")), sharex=True, sharey=True)
    for ax, (name, rows) in zip(axes, data.groups("model"), strict=True):
        _draw_errors(ax, rows, "gamma", ("bayes", "train", "test"))
        ax.set(xscale="log", yscale="log", xlabel="d / n", title=MODELS[name][0])
    _log_axes(*axes)
    axes[0].set_ylabel("mean squared error")
    # Further down training errors vanish, and nothing is to be read.
    axes[0].set_ylim(bottom=max(1e-2, 0.8 * data["error"].min()))
    first = data.where(model=data["model"][0], witness="theory")
    for kind, text, place, shift in (
        ("test", "test", 0.5, (0, 14)),
        ("train", "training", 0.85, (-8, -10)),
        ("bayes", "Bayes", 1.25, (0, -9)),
    ):
        rows = first.where(kind=kind)
        at = np.argmin(np.abs(np.log(rows["gamma"]) - np.log(0.1) - place * np.log(10)))
        align = "center" if kind == "test" else ("right" if kind == "train" else "left")
        direct_label(
            axes[0], rows["gamma"][at], rows["error"][at], text, kind, offset=shift, align=align
        )
    return fig


# Error against the ridge ------------------------------------------------------------------------

GAMMAS = (0.5, 2.0)


def _ridge_theory(rng, *, model, d, gamma, ridges) -> Table:
    covariance = _model(model, d)
    n = round(d / gamma)
    results = [
        ({"model": model, "gamma": gamma, "ridge": ridge}, SSRTheory(covariance, n, ridge).risk)
        for ridge in ridges
    ]
    return _rows("theory", results, ("test", "train", "bayes"))


def _ridge_unit(rng, *, model, d, gamma, ridges, trials) -> Table:
    risks = simulate_risk(_model(model, d), round(d / gamma), ridges, trials=trials, rng=rng)
    results = [
        ({"model": model, "gamma": gamma, "ridge": ridge}, risk)
        for ridge, risk in zip(ridges, risks, strict=True)
    ]
    return _rows("measured", results, ("test", "train"))


def _grid(low: float, high: float, points: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.geomspace(low, high, points))


def compute_error_vs_ridge(run: Run) -> Table:
    """Train and test error of three worlds against the ridge, below and above d = n."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=6, paper=40)
    many = _grid(1e-3, 30.0, run.pick(test=8, quick=40, paper=120))
    few = _grid(1e-3, 30.0, run.pick(test=3, quick=8, paper=14))
    settings = [{"model": m, "d": d, "gamma": gamma} for gamma in GAMMAS for m in MODELS]
    return Table.concat(
        [
            run.map("theory", _ridge_theory, [{**s, "ridges": many} for s in settings]),
            run.map(
                "measured", _ridge_unit, [{**s, "ridges": few, "trials": trials} for s in settings]
            ),
        ]
    )


@figure(
    "error_vs_ridge",
    compute=compute_error_vs_ridge,
    title="Training and test error against the ridge",
    alt="Six panels show errors against the ridge: three worlds across, twice as many samples as "
    "coordinates above and half as many below. Training error rises with the ridge in all. Test "
    "error falls to the variance as the ridge grows in the isotropic world and has an "
    "interior minimum or plateau in the two correlated worlds; points lie on the lines.",
    caption="Mean squared error of masked regression against the ridge, for d/n = 0.5 (above) and "
    "d/n = 2 (below). Lines: theory; points: mean of independent trials with one standard error; "
    "dotted: the Bayes error.",
    chapter=CHAPTER,
    seed=4002,
    missing=("standard_error",),
)
def draw_error_vs_ridge(data: Table) -> Figure:
    """Draw a grid of panels, one column a world and one row a ratio d/n."""
    fig = Figure(figsize=(7.2, 5.2))
    gammas, models = data.unique("gamma"), data.unique("model")
    axes = fig.subplots(len(gammas), len(models), sharex=True, sharey=True, squeeze=False)
    for i, gamma in enumerate(gammas):
        for j, name in enumerate(models):
            ax = axes[i, j]
            rows = data.where(gamma=gamma, model=name)
            _draw_errors(ax, rows, "ridge", ("bayes", "train", "test"))
            ax.set(xscale="log", yscale="log")
            if i == 0:
                ax.set_title(MODELS[name][0])
        axes[i, 0].set_ylabel(f"error, d/n = {gamma:g}")
    for ax in axes[-1]:
        ax.set_xlabel("ridge")
    _log_axes(*axes.flat)
    axes[0, 0].set_ylim(bottom=max(1e-2, 0.8 * data["error"].min()))
    first = data.where(model=models[0], gamma=gammas[-1], witness="theory")
    for kind, text, at, shift, align in (
        ("test", "test", 0.15, (4, 9), "left"),
        ("train", "training", 0.7, (6, -8), "left"),
        ("bayes", "Bayes", 0.0, (0, -8), "left"),
    ):
        rows = first.where(kind=kind)
        at = round(at * (len(rows) - 1))
        direct_label(
            axes[-1, 0], rows["ridge"][at], rows["error"][at], text, kind, offset=shift, align=align
        )
    return fig


# Double descent and its cure --------------------------------------------------------------------

DESCENT_RIDGES = ("ridge 1e-6", "ridge 0.01", "ridge 0.1")
BEST = "best"


def _descent_ridge(covariance: Covariance, n: int, setting: str) -> float:
    if setting != BEST:
        return float(setting.removeprefix("ridge "))
    return optimal_ridge(covariance, n).ridge


def _descent_theory(rng, *, setting, d, sizes) -> Table:
    covariance = _model("ar1", d)
    results = []
    for n in sizes:
        ridge = _descent_ridge(covariance, n, setting)
        labels = {"setting": setting, "gamma": d / n, "ridge": ridge}
        results.append((labels, SSRTheory(covariance, n, ridge).risk))
    return _rows("theory", results, ("test", "bayes"))


def _descent_unit(rng, *, settings, d, n, trials) -> Table:
    covariance = _model("ar1", d)
    ridges = [_descent_ridge(covariance, n, setting) for setting in settings]
    risks = simulate_risk(covariance, n, ridges, trials=trials, rng=rng)
    results = [
        ({"setting": setting, "gamma": d / n, "ridge": ridge}, risk)
        for setting, ridge, risk in zip(settings, ridges, risks, strict=True)
    ]
    return _rows("measured", results, ("test",))


def compute_double_descent(run: Run) -> Table:
    """Test error of an AR(1) world against d/n at several ridges and at the best one."""
    d = run.pick(test=40, quick=120, paper=800)
    trials = run.pick(test=2, quick=8, paper=60)
    many = _sample_sizes(d, 0.2, 8.0, run.pick(test=8, quick=28, paper=180))
    # The peak itself, and its steep flanks.
    steep = (0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 1.0, 1.02, 1.04, 1.07, 1.1, 1.15, 1.2)
    many = sorted({*many, *(round(factor * d) for factor in steep)}, reverse=True)
    few = _sample_sizes(d, 0.25, 8.0, run.pick(test=3, quick=9, paper=15))
    settings = [*DESCENT_RIDGES, BEST]
    # The best ridge is a search at each n, and its curve is smooth: fewer n will do.
    smooth = _sample_sizes(d, 0.2, 8.0, run.pick(test=3, quick=14, paper=60))
    # Without a ridge the mean over trials at d = n is ruled by the worst of them.
    calm = {n: settings[1:] if 0.8 < d / n < 1.25 else settings for n in few}
    return Table.concat(
        [
            run.map(
                "theory",
                _descent_theory,
                [{"setting": s, "d": d, "sizes": smooth if s == BEST else many} for s in settings],
            ),
            run.map(
                "measured",
                _descent_unit,
                [{"settings": calm[n], "d": d, "n": n, "trials": trials} for n in few],
            ),
        ]
    )


@figure(
    "double_descent",
    compute=compute_double_descent,
    title="Double descent and its cure",
    alt="Test error of masked regression on an autoregressive process against d/n on logarithmic "
    "axes. With almost no ridge the error shoots up by orders of magnitude at d = n and comes "
    "down again beyond; ridges of 0.01 and 0.1 lower the peak; with the best ridge at "
    "each d/n the error rises monotonically and stays lowest.",
    caption="Test error against d/n for an AR(1) process with correlation 0.8: the lighter the "
    "blue, the smaller the ridge. Green: the ridge that theory finds best at each d/n. Lines: "
    "theory; points: mean of independent trials with one standard error, left out for the smallest "
    "ridge close to d = n, where one trial in many rules the mean; dotted: the Bayes error.",
    chapter=CHAPTER,
    seed=4003,
    missing=("standard_error",),
)
def draw_double_descent(data: Table) -> Figure:
    """Draw a family of curves, darker for larger ridges, and the best ridge."""
    fig = Figure(figsize=(6.4, 4.2))
    ax = fig.subplots()
    settings = data.unique("setting")
    fixed = [setting for setting in settings if setting != BEST]
    for setting, rows in data.where(kind="test").groups("setting"):
        kind = "best_ridge" if setting == BEST else "test"
        level = 1.0 if setting == BEST else fixed.index(setting) / max(len(fixed) - 1, 1)
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        theory_line(
            ax,
            line["gamma"],
            line["error"],
            kind,
            "best ridge" if setting == BEST else setting,
            level=level,
        )
        measured(ax, points["gamma"], points["error"], points["standard_error"], kind, level=level)
    bayes = data.where(kind="bayes", setting=settings[0])
    theory_line(ax, bayes["gamma"], bayes["error"], "bayes", "Bayes")
    ax.legend(loc="upper right")
    ax.set(xscale="log", yscale="log", xlabel="d / n", ylabel="test error")
    log_ticks(ax, "x")
    return fig


# Leave-one-out, generalised cross-validation and theory -----------------------------------------


def _loo_unit(rng, *, d, gamma, ridges, trials) -> Table:
    n = round(d / gamma)
    covariance = uneven_spiked(d)
    risks = simulate_risk(covariance, n, ridges, trials=trials, rng=rng)
    labels = [{"d": d, "gamma": gamma, "ridge": ridge} for ridge in ridges]
    # Between the measured ridges too, for a smooth line.
    between = np.geomspace(ridges[0], ridges[-1], 4 * len(ridges)).tolist()
    predicted = [
        ({"d": d, "gamma": gamma, "ridge": ridge}, SSRTheory(covariance, n, ridge).risk)
        for ridge in sorted({*ridges, *between})
    ]
    return Table.concat(
        [
            _rows("theory", predicted, ("test",)),
            _rows("measured", zip(labels, risks, strict=True), ("test", "loo", "gcv")),
        ]
    )


def compute_loo_gcv_theory(run: Run) -> Table:
    """Test error, its two estimates from the training rows, and its limit, against the ridge."""
    d = run.pick(test=40, quick=60, paper=600)
    trials = run.pick(test=2, quick=80, paper=100)
    ridges = _grid(1e-2, 10.0, run.pick(test=3, quick=6, paper=13))
    return run.map(
        "ridges",
        _loo_unit,
        [
            {"d": d, "gamma": gamma, "ridges": ridges, "trials": trials}
            for gamma in (2.0 / 3.0, 2.0)
        ],
    )


@figure(
    "loo_gcv_theory",
    compute=compute_loo_gcv_theory,
    title="Leave-one-out, cross-validation and theory on one picture",
    alt="Two columns, for d/n of two thirds and of two. Above, test error, its leave-one-out and "
    "its generalised cross-validation estimate lie on one U-shaped curve of theory against the "
    "ridge. Below, their differences from theory in percent: leave-one-out stays close to zero; "
    "test error and generalised cross-validation depart by one to three percent at the smallest "
    "ridge, downwards on the left and upwards on the right, and by less at larger ones.",
    caption="Above: error of masked regression on an AR(1) process of unequal variances with a "
    "common factor, from theory (line), as measured on the population (discs), by leave-one-out "
    "(crosses) and by generalised cross-validation (plus signs). Below: the differences from "
    "theory, with one standard error over independent trials; all ridges of a trial share its "
    "rows, so neighbouring points move together. The differences are those of a finite dimension "
    "and shrink as it grows.",
    chapter=CHAPTER,
    seed=4004,
    missing=("standard_error",),
)
def draw_loo_gcv_theory(data: Table) -> Figure:
    """Draw errors above and relative differences from theory below."""
    fig = Figure(figsize=(7.2, 4.8))
    gammas = data.unique("gamma")
    axes = fig.subplots(
        2, len(gammas), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    names = {"test": "test", "loo": "leave-one-out", "gcv": "GCV"}
    for j, gamma in enumerate(gammas):
        rows = data.where(gamma=gamma)
        line = rows.where(witness="theory", kind="test")
        above, below = axes[:, j]
        theory_line(above, line["ridge"], line["error"], "test", "theory")
        below.axhline(0.0, color=colors["test"], linewidth=1.2)
        for shift, kind in zip((1 / 1.12, 1.0, 1.12), ("loo", "test", "gcv"), strict=True):
            part = rows.where(witness="measured", kind=kind)
            predicted = line["error"][np.isin(line["ridge"], part["ridge"])]
            # Neighbouring points are moved apart along the ridge so that none hides another.
            at = part["ridge"] * shift
            measured(above, at, part["error"], part["standard_error"], kind, names[kind])
            relative = part["error"] / predicted - 1.0
            measured(below, at, relative, part["standard_error"] / predicted, kind)
        above.set(xscale="log", title=f"d/n = {gamma:.3g}")
        below.set_xlabel("ridge")
    axes[0, 0].set_ylabel("error")
    axes[1, 0].set_ylabel("difference")
    axes[1, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes[0, -1].legend(loc="best")
    _log_axes(*axes.flat)
    return fig


# The best ridge ---------------------------------------------------------------------------------

BEST_MODELS = ("ar1", "power_law")
# Set without looking at theory, and wide enough that the choice is inside; at an end it would warn.
LOO_GRID = _grid(3e-3, 30.0, 12)


def _best_theory(rng, *, model, d, sizes) -> Table:
    covariance = _model(model, d)
    best = [optimal_ridge(covariance, n) for n in sizes]
    return Table(
        {
            "model": model,
            "witness": "theory",
            "gamma": [d / n for n in sizes],
            "ridge": [point.ridge for point in best],
            "ridge_factor": np.full(len(sizes), np.nan),
            "error": [point.test_error for point in best],
            "standard_error": np.full(len(sizes), np.nan),
        }
    )


def _loo_ridge(fitted: MaskedRegressionCV) -> float:
    """Ridge of least leave-one-out error, between the points of the grid too, by a cubic spline."""
    logs = np.log(fitted.ridges)
    between = np.linspace(logs[0], logs[-1], 2001)
    return float(np.exp(between[np.argmin(CubicSpline(logs, fitted.loo_errors_)(between))]))


def _best_unit(rng, *, model, d, n, trials) -> Table:
    covariance = _model(model, d)

    def trial(generator):
        X = covariance.sample(n, generator)
        ridge = _loo_ridge(MaskedRegressionCV(ridges=LOO_GRID).fit(X))
        left = np.eye(d) - MaskedRegression(ridge=ridge).fit(X).coef_
        return np.log(ridge), np.mean(np.sum(left * covariance.apply(left), axis=0))

    logs, errors = np.array(run_trials(trial, trials, rng)).T
    root = np.sqrt(trials)
    return Table(
        {
            "model": model,
            "witness": "measured",
            "gamma": [d / n],
            "ridge": [np.exp(logs.mean())],
            "ridge_factor": [np.exp(logs.std(ddof=1) / root)],
            "error": [errors.mean()],
            "standard_error": [errors.std(ddof=1) / root],
        }
    )


def compute_best_ridge(run: Run) -> Table:
    """The ridge of least test error, from theory and chosen by leave-one-out, against d/n."""
    d = run.pick(test=40, quick=80, paper=600)
    trials = run.pick(test=2, quick=8, paper=40)
    many = _sample_sizes(d, 0.1, 8.0, run.pick(test=5, quick=18, paper=80))
    few = _sample_sizes(d, 0.125, 8.0, run.pick(test=2, quick=6, paper=11))
    return Table.concat(
        [
            run.map(
                "theory", _best_theory, [{"model": m, "d": d, "sizes": many} for m in BEST_MODELS]
            ),
            run.map(
                "measured",
                _best_unit,
                [{"model": m, "d": d, "n": n, "trials": trials} for m in BEST_MODELS for n in few],
            ),
        ]
    )


@figure(
    "best_ridge",
    compute=compute_best_ridge,
    title="The best ridge against d/n",
    alt="Two panels on logarithmic axes against d/n, each with curves for an autoregressive "
    "process and for a power-law spectrum. On the left the ridge of least test error rises with "
    "d/n, and the ridges that leave-one-out chooses on data lie around the curves. On the right "
    "the test error reached rises with d/n, points on the curves.",
    caption="Left: the ridge that minimises the test error, from theory (lines) and as "
    "leave-one-out chooses it from the training rows alone (points: geometric mean over trials, "
    "bars one standard error). Right: the test error it reaches.",
    chapter=CHAPTER,
    seed=4005,
    missing=("standard_error", "ridge_factor"),
)
def draw_best_ridge(data: Table) -> Figure:
    """Draw the best ridge on the left and its error on the right."""
    fig = Figure(figsize=(7.2, 3.6))
    left, right = fig.subplots(1, 2, sharex=True)
    for model, rows in data.groups("model"):
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        theory_line(left, line["gamma"], line["ridge"], model)
        low = points["ridge"] * (1.0 - 1.0 / points["ridge_factor"])
        high = points["ridge"] * (points["ridge_factor"] - 1.0)
        measured(left, points["gamma"], points["ridge"], np.stack([low, high]), model)
        theory_line(right, line["gamma"], line["error"], model)
        measured(right, points["gamma"], points["error"], points["standard_error"], model)
        at = len(line) // 2
        direct_label(
            left,
            line["gamma"][at],
            line["ridge"][at],
            MODELS[model][0].split(",")[0],
            model,
            offset=(-8, 8) if model == "ar1" else (8, -10),
            align="right" if model == "ar1" else "left",
        )
    left.set(xscale="log", yscale="log", xlabel="d / n", title="best ridge")
    right.set(xscale="log", yscale="log", xlabel="d / n", title="test error at the best ridge")
    for ax in (left, right):
        log_ticks(ax, "x")
    log_ticks(right, "y")
    return fig


# Real patches -----------------------------------------------------------------------------------


@cache
def patch_scales(size: int = PATCH, levels: int = 200, stride: int = 7) -> np.ndarray:
    r"""Return how unequal in scale the patches are, as equally likely values.

    .. math:: \tau = \frac1d\, x^\top \Sigma^{-1} x

    Parameters
    ----------
    size : int
        Side of a patch.
    levels : int
        Number of values; each is the mean of :math:`\tau` over an equal share of the patches.
    stride : int
        Every so many of the population's patches are looked at; neighbours are almost the same.

    Returns
    -------
    ndarray of shape (levels,)
        Increasing, of mean one.
    """
    population = patch_population(size)
    precision = np.linalg.inv(population.dense())
    tau = np.concatenate(
        [
            np.einsum("ij,ij->i", block @ precision, block) / population.d
            for block in (whole[::stride] for whole in population.blocks())
        ]
    )
    tau.sort()
    values = np.array([part.mean() for part in np.array_split(tau, levels)])
    return values / values.mean()


WITNESSES = ("theory from the covariance", "theory with unequal scales", "patches", "Gaussian")


def _patch_theory(rng, *, size, pairs) -> Table:
    covariance, scales = patch_population(size).covariance, patch_scales(size)
    plain = [SSRTheory(covariance, n, ridge) for n, ridge in pairs]
    scaled = [elliptical_risk(covariance, n, ridge, scales) for n, ridge in pairs]
    return Table.concat(
        [
            Table(
                {
                    "witness": witness,
                    "n": [n for n, _ in pairs],
                    "ridge": [ridge for _, ridge in pairs],
                    "error": [point.test_error for point in points],
                    "standard_error": np.full(len(pairs), np.nan),
                    "bayes_error": plain[0].bayes_error,
                }
            )
            for witness, points in ((WITNESSES[0], plain), (WITNESSES[1], scaled))
        ]
    )


def _patch_unit(rng, *, size, witness, n, ridges, trials) -> Table:
    population = patch_population(size)
    world = population if witness == WITNESSES[2] else population.covariance
    risks = simulate_risk(world, n, ridges, trials=trials, rng=rng)
    return Table(
        {
            "witness": witness,
            "n": np.full(len(ridges), n),
            "ridge": list(ridges),
            "error": [risk.test_error for risk in risks],
            "standard_error": [risk.standard_error.test_error for risk in risks],
            "bayes_error": [risk.bayes_error for risk in risks],
        }
    )


def _patch_errors(run: Run, panel: str, pairs, measured_at) -> Table:
    """Both theories at `pairs` of n and ridge, both measurements at an n with its ridges."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    trials = run.pick(test=2, quick=5, paper=100)
    theory = run.map(f"theory-{panel}", _patch_theory, [{"size": size, "pairs": pairs}])
    settings = [
        {"size": size, "witness": witness, "n": n, "ridges": ridges, "trials": trials}
        for witness in WITNESSES[2:]
        for n, ridges in measured_at
    ]
    table = Table.concat([theory, run.map(f"measured-{panel}", _patch_unit, settings)])
    return Table({"panel": np.full(len(table), panel), **table.columns})


def patch_errors_by_samples(run: Run) -> Table:
    """Test error on real patches against the number of them, at ridge 0.01."""
    d = run.pick(test=5, quick=PATCH, paper=PATCH) ** 2
    many = np.geomspace(d, 40 * d, run.pick(test=4, quick=30, paper=60)).round().astype(int)
    few = np.geomspace(d, 40 * d, run.pick(test=2, quick=6, paper=9)).round().astype(int)
    pairs = tuple((int(n), 0.01) for n in many)
    return _patch_errors(run, "samples", pairs, [(int(n), (0.01,)) for n in few])


def patch_errors_by_ridge(run: Run) -> Table:
    """Test error on real patches against the ridge, at three patches a pixel."""
    n = 3 * run.pick(test=5, quick=PATCH, paper=PATCH) ** 2
    many = _grid(1e-4, 1.0, run.pick(test=4, quick=30, paper=60))
    few = _grid(1e-4, 1.0, run.pick(test=2, quick=7, paper=9))
    return _patch_errors(run, "ridge", tuple((n, ridge) for ridge in many), [(n, few)])


def compute_patches_error(run: Run) -> Table:
    """Test error on real patches: against n at one ridge, and against the ridge at one n."""
    return Table.concat([patch_errors_by_samples(run), patch_errors_by_ridge(run)])


def _draw_patch_errors(ax, rows: Table, x: str, *, names: bool) -> None:
    """One panel: both theories, both measurements and the Bayes error."""
    plain, scaled, patches, gaussian = (rows.where(witness=w) for w in WITNESSES)
    text = (
        (
            "theory, equal scales",
            "theory, unequal scales",
            "real patches",
            "Gaussian, same covariance",
        )
        if names
        else (None,) * 4
    )
    theory_line(ax, plain[x], plain["error"], "gaussian", text[0])
    measured(ax, gaussian[x], gaussian["error"], gaussian["standard_error"], "gaussian", text[3])
    theory_line(ax, scaled[x], scaled["error"], "test", text[1])
    measured(ax, patches[x], patches["error"], patches["standard_error"], "test", text[2])
    theory_line(ax, plain[x], plain["bayes_error"], "bayes", "Bayes" if names else None)
    ax.set(xscale="log", yscale="log")
    log_ticks(ax, "y")
    if x == "n":
        log_ticks(ax, "x")


@figure(
    "patches_error",
    compute=compute_patches_error,
    title="Theory meets real patches",
    alt="Test error on image patches, against the number of patches on the left and against the "
    "ridge on the right, on logarithmic axes. The theory that knows only the covariance runs "
    "along the errors measured on Gaussian data and well below those measured on real patches; "
    "the theory that also knows how unequal the patches are in scale runs through the latter, "
    "but falls short of them at the smallest ridges.",
    caption="Test error of masked regression on patches of two photographs, in units of the mean "
    "variance of a pixel; left at ridge 0.01, right with three patches a pixel. Dashed: "
    "theory from the population covariance alone, with Gaussian data of that covariance as "
    "squares. Solid: theory that also takes the spread of scales between patches, with real "
    "patches as discs. Bars are one standard error, the dotted line is the Bayes error.",
    chapter=CHAPTER,
    seed=4006,
    missing=("standard_error",),
)
def draw_patches_error(data: Table) -> Figure:
    """Draw the error against n on the left and against the ridge on the right."""
    fig = Figure(figsize=(7.2, 3.9))
    left, right = fig.subplots(1, 2, sharey=True)
    _draw_patch_errors(left, data.where(panel="samples"), "n", names=True)
    _draw_patch_errors(right, data.where(panel="ridge"), "ridge", names=False)
    left.set(xlabel="patches n", ylabel="test error")
    right.set(xlabel="ridge")
    left.legend(loc="upper right", fontsize=10)
    return fig


# Cross-validation on real patches ---------------------------------------------------------------


def _patch_cv_theory(rng, *, size, n, ridges) -> Table:
    covariance, scales = patch_population(size).covariance, patch_scales(size)
    rows = []
    for ridge in ridges:
        risk = elliptical_risk(covariance, n, ridge, scales)
        delta = covariance.resolvent(ridge, risk.t).sigma_trace / n
        # Each row has leverage of its own; GCV divides by the square of the mean of one minus it.
        room = np.mean(1.0 / (1.0 + scales * delta))
        errors = {"test": risk.test_error, "gcv": risk.train_error / room**2}
        rows += [(ridge, kind, error) for kind, error in errors.items()]
    ridge, kind, error = zip(*rows, strict=True)
    return Table(
        {
            "witness": "theory",
            "kind": kind,
            "ridge": ridge,
            "error": error,
            "standard_error": np.full(len(rows), np.nan),
        }
    )


def _patch_cv_unit(rng, *, size, n, ridges, trials) -> Table:
    risks = simulate_risk(patch_population(size), n, ridges, trials=trials, rng=rng)
    results = [({"ridge": r}, risk) for r, risk in zip(ridges, risks, strict=True)]
    table = _rows("measured", results, ("test", "loo", "gcv"))
    columns = ("witness", "kind", "ridge", "error", "standard_error")
    return Table({name: table[name] for name in columns})


def compute_patches_cv(run: Run) -> Table:
    """Test error on patches and its two estimates from the training rows, against the ridge."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    n = 3 * size * size
    many = _grid(1e-3, 1.0, run.pick(test=4, quick=25, paper=60))
    few = _grid(1e-3, 1.0, run.pick(test=3, quick=9, paper=13))
    trials = run.pick(test=2, quick=12, paper=100)
    return Table.concat(
        [
            run.map("theory", _patch_cv_theory, [{"size": size, "n": n, "ridges": many}]),
            run.map(
                "measured",
                _patch_cv_unit,
                [{"size": size, "n": n, "ridges": few, "trials": trials}],
            ),
        ]
    )


@figure(
    "patches_cv",
    compute=compute_patches_cv,
    title="Leave-one-out and cross-validation on real patches",
    alt="Errors on image patches against the ridge on logarithmic axes. Measured test errors and "
    "leave-one-out errors lie together on a curve with its minimum between ridge 0.01 and 0.1. "
    "Generalised cross-validation lies far below, rises steadily with the ridge, and joins the "
    "others only at ridge one.",
    caption="Test error on real patches (discs) and its two estimates from the training patches: "
    "leave-one-out (crosses) and generalised cross-validation (plus signs), three patches a pixel. "
    "Lines: theory with the spread of scales between patches, for the test error and for "
    "generalised cross-validation. Bars are one standard error over independent trials.",
    chapter=CHAPTER,
    seed=4009,
    missing=("standard_error",),
)
def draw_patches_cv(data: Table) -> Figure:
    """Draw the test error and its estimates in one panel."""
    fig = Figure(figsize=(6.4, 4.0))
    ax = fig.subplots()
    names = {"test": "test", "loo": "leave-one-out", "gcv": "GCV"}
    for kind, rows in data.where(witness="theory").groups("kind"):
        theory_line(ax, rows["ridge"], rows["error"], kind, f"{names[kind]}, theory")
    # Neighbouring points are moved apart along the ridge so that none hides another.
    for kind, shift in (("test", 1.0), ("loo", 1.12), ("gcv", 1.0)):
        rows = data.where(witness="measured", kind=kind)
        at = rows["ridge"] * shift
        measured(ax, at, rows["error"], rows["standard_error"], kind, names[kind])
    ax.set(xscale="log", yscale="log", xlabel="ridge", ylabel="error")
    log_ticks(ax, "y")
    ax.legend(loc="lower right")
    return fig


# Errors by coordinate ---------------------------------------------------------------------------


def _by_coordinate_unit(rng, *, size, n, ridge, trials) -> Table:
    population = patch_population(size)
    covariance = population.covariance
    risk = simulate_risk(population, n, ridge, trials=trials, rng=rng)
    predicted = elliptical_risk(covariance, n, ridge, patch_scales(size))
    pixel = np.arange(population.d)
    blank = np.full(population.d, np.nan)
    return Table.concat(
        [
            Table(
                {
                    "witness": witness,
                    "kind": kind,
                    "row": pixel // size,
                    "column": pixel % size,
                    "border_distance": border_distance(size),
                    "error": values,
                    "standard_error": spread,
                }
            )
            for witness, kind, values, spread in (
                (
                    "measured",
                    "test",
                    risk.test_error_by_coordinate,
                    risk.standard_error.test_error_by_coordinate,
                ),
                ("theory", "test", predicted.test_error_by_coordinate, blank),
                ("theory", "bayes", risk.bayes_error_by_coordinate, blank),
            )
        ]
    )


def compute_error_by_coordinate(run: Run) -> Table:
    """Error of each pixel of a patch: measured, from theory, and the least possible."""
    size = run.pick(test=5, quick=PATCH, paper=PATCH)
    setting = {
        "size": size,
        "n": 7 * size * size,
        "ridge": 0.01,
        "trials": run.pick(test=2, quick=30, paper=400),
    }
    return run.map("pixels", _by_coordinate_unit, [setting])


@figure(
    "error_by_coordinate",
    compute=compute_error_by_coordinate,
    title="Which pixels are hard to predict",
    alt="Two images of a patch show the test error of each pixel, measured and from theory; both "
    "are brightest at the four corners, less bright along the edges and dark inside. A third "
    "panel plots the error against the distance from the border: it falls from the outermost "
    "ring to the second and is nearly level further in, for measurement, theory and Bayes error.",
    caption="Test error pixel by pixel at ridge 0.01 with seven patches a pixel: measured on real "
    "patches (left), from theory with the spread of scales between patches (middle), and both as "
    "the mean over rings of pixels at equal distance from the border (right), where the "
    "dotted line is the Bayes error. A pixel inside has neighbours on all sides.",
    chapter=CHAPTER,
    seed=4007,
    missing=("standard_error",),
)
def draw_error_by_coordinate(data: Table) -> Figure:
    """Draw two images with one colour scale, and the means over rings."""
    fig = Figure(figsize=(7.2, 2.8))
    first, second, third = fig.subplots(1, 3, width_ratios=(1, 1, 1.2))
    test = data.where(kind="test")
    low, high = test["error"].min(), test["error"].max()
    for ax, witness in ((first, "measured"), (second, "theory")):
        rows = test.where(witness=witness)
        image = np.empty((rows["row"].max() + 1, rows["column"].max() + 1))
        image[rows["row"], rows["column"]] = rows["error"]
        shown = ax.imshow(image, vmin=low, vmax=high)
        ax.set(title=witness, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    fig.colorbar(shown, ax=[first, second], shrink=0.75, label="test error")
    for kind, witness in (("bayes", "theory"), ("test", "theory"), ("test", "measured")):
        rows = data.where(kind=kind, witness=witness)
        rings = sorted(rows.unique("border_distance"))
        parts = [rows.where(border_distance=ring) for ring in rings]
        means = [part["error"].mean() for part in parts]
        if witness == "theory":
            theory_line(third, rings, means, kind)
        else:
            measured(third, rings, means, None, kind)
        if witness == "theory":
            text = "Bayes" if kind == "bayes" else "test"
            direct_label(third, rings[-1], means[-1], text, kind, offset=(0, 10), align="right")
    third.set(xlabel="pixels to the border", title="mean over rings")
    third.set_ylim(bottom=0.0)
    return fig


# The first page ---------------------------------------------------------------------------------


def compute_landing_headline(run: Run) -> Table:
    """Receptive fields of three pixels, and the error on real patches against n."""
    fields = compute_receptive_fields(run).where(source="all patches")
    errors = patch_errors_by_samples(run)
    n_fields, n_errors = len(fields), len(errors)
    nothing = np.full

    return Table.concat(
        [
            Table(
                {
                    "panel": nothing(n_fields, "field"),
                    "witness": fields["pixel"],
                    "row": fields["row"],
                    "column": fields["column"],
                    "target_row": fields["target_row"],
                    "target_column": fields["target_column"],
                    "weight": fields["weight"],
                    "n": nothing(n_fields, -1),
                    "error": nothing(n_fields, np.nan),
                    "standard_error": nothing(n_fields, np.nan),
                    "bayes_error": nothing(n_fields, np.nan),
                }
            ),
            Table(
                {
                    "panel": nothing(n_errors, "error"),
                    "witness": errors["witness"],
                    "row": nothing(n_errors, -1),
                    "column": nothing(n_errors, -1),
                    "target_row": nothing(n_errors, -1),
                    "target_column": nothing(n_errors, -1),
                    "weight": nothing(n_errors, np.nan),
                    "n": errors["n"],
                    "error": errors["error"],
                    "standard_error": errors["standard_error"],
                    "bayes_error": errors["bayes_error"],
                }
            ),
        ]
    )


@figure(
    "landing_headline",
    compute=compute_landing_headline,
    title="A masked predictor of image patches, and its error",
    alt="On the left, three small images show the weights with which a pixel at the centre, at "
    "the edge and in the corner of a patch is predicted from the others: strong and positive on "
    "its direct neighbours, weakly negative two pixels away. On the right, the test error falls "
    "with the number of patches towards the Bayes error, measured points on the line of theory.",
    caption="Left: what masked regression learns from two photographs, as the weights that "
    "predict one hidden pixel (outlined) from all others. Right: its test error against the "
    "number of patches, theory as lines and measurements as points: real patches need a theory "
    "that knows how unequal they are in scale (solid), Gaussian data do not (dashed).",
    chapter="landing",
    seed=4008,
    missing=("standard_error", "weight", "error", "bayes_error"),
)
def draw_landing_headline(data: Table) -> Figure:
    """Draw three filters in a column beside the error against n."""
    fig = Figure(figsize=(7.2, 4.2))
    mosaic = fig.subplot_mosaic([["a", "e"], ["b", "e"], ["c", "e"]], width_ratios=(1.0, 3.4))
    filters = data.where(panel="field")
    draw_filters([mosaic[key] for key in "abc"], filters, "witness")
    errors = data.where(panel="error")
    ax = mosaic["e"]
    _draw_patch_errors(ax, errors, "n", names=True)
    ax.set(xlabel="patches n", title="test error on patches of photographs")
    ax.legend(loc="upper right")
    return fig
