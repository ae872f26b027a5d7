"""Figures of the chapter on rows that are not Gaussian and covariances that are not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from mssl.covariance import AR1, Covariance, Diagonal, Isotropic, Spiked
from mssl.datasets import patch_population
from mssl.distributions import (
    IndependentEntries,
    MultivariateT,
    Rademacher,
    SparseGaussian,
    StudentT,
    TwoClusters,
)
from mssl.estimation import estimate_best_ridge, estimate_risk, estimate_spikes
from mssl.figures.random_matrices import fitted_exponent
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.spectrum import kolmogorov_distance
from mssl.figures.style import colors, log_ticks, measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, elliptical_risk

__all__ = ["WORLDS", "world"]

CHAPTER = "not_gaussian"
RIDGE = 0.1


# The worlds -------------------------------------------------------------------------------------


def _clusters(covariance: Covariance, scales: tuple[float, float]) -> TwoClusters:
    d = covariance.d
    return TwoClusters(covariance, np.full(d, 2.0 / np.sqrt(d)), scales)


#: Name in figures and tables, and the world made from a covariance model.
WORLDS = {
    "gaussian": ("Gaussian", lambda c: c),
    "rademacher": ("random signs", lambda c: IndependentEntries(c, Rademacher())),
    "sparse": ("sparse, one in ten", lambda c: IndependentEntries(c, SparseGaussian(0.1))),
    "t3": ("independent t, 3 df", lambda c: IndependentEntries(c, StudentT(3.0))),
    "clusters": ("two clusters, equal scales", lambda c: _clusters(c, (1.0, 1.0))),
    "unequal": ("two clusters, scales 1 : 19", lambda c: _clusters(c, (0.1, 1.9))),
    "multivariate_t": ("multivariate t, 6 df", lambda c: MultivariateT(c, 6.0)),
}


def world(name: str, d: int):
    """Return one of ``WORLDS`` on an AR(1) process with correlation 0.8.

    Parameters
    ----------
    name : str
        A key of ``WORLDS``, or ``"patches"`` for image patches of d pixels.
    d : int

    Returns
    -------
    object
        With what :func:`mssl.simulation.simulate_risk` asks of a population.
    """
    if name == "patches":
        return patch_population(round(d**0.5))
    return WORLDS[name][1](AR1(d, 0.8))


def _covariance(population) -> Covariance:
    return getattr(population, "covariance", population)


def _scales(population) -> np.ndarray:
    scales = getattr(population, "scales", (1.0,))
    return np.asarray(scales() if callable(scales) else scales)


def exact_errors(X: np.ndarray, ridge: float, population) -> np.ndarray:
    r"""Test error of the fit to X by coordinate, :math:`(Q\Sigma Q)_{kk}/Q_{kk}^2`."""
    n, d = X.shape
    Q = np.linalg.inv(X.T @ X / n + ridge * np.eye(d))
    residual = Q / Q.diagonal()
    return np.einsum("ij,ij->j", residual, population.apply(residual))


def _measured_error(population, n, trials, rng) -> tuple[float, float]:
    """Mean test error over fresh samples of n rows, and its standard error."""
    errors = run_trials(
        lambda g: exact_errors(population.sample(n, g), RIDGE, population).mean(),
        trials,
        rng,
        n_jobs=1,
    )
    return mean_and_error(errors)


# Tables of the page -----------------------------------------------------------------------------


class FormMoments(NamedTuple):
    """Means and scatters of two forms, with their standard errors; each an array of two.

    The means are of Q_kk and (Q Sigma Q)_kk averaged over k, the scatters those of the same two
    entries at k = d/2.
    """

    mean: np.ndarray
    mean_error: np.ndarray
    scatter: np.ndarray
    scatter_error: np.ndarray


def resolvent_forms(law, d: int, n: int, ridge: float, draws: int, rng) -> FormMoments:
    """Measure forms of the resolvent of rows with independent entries, AR(1) with 0.8.

    Parameters
    ----------
    law : EntryLaw
    d, n : int
    ridge : float
    draws : int
    rng : int or numpy.random.Generator

    Returns
    -------
    FormMoments
    """
    covariance = AR1(d, 0.8)
    x = IndependentEntries(covariance, law).sample(draws * n, rng).reshape(draws, n, d)
    q = np.linalg.inv(x.transpose(0, 2, 1) @ x / n + ridge * np.eye(d))
    product = q @ covariance.dense() @ q
    means = [np.trace(m, axis1=1, axis2=2) / d for m in (q, product)]
    forms = [m[:, d // 2, d // 2] for m in (q, product)]
    mean, mean_error = mean_and_error(np.transpose(means))
    squares = (forms - np.mean(forms, axis=1, keepdims=True)) ** 2
    variance, error = mean_and_error(squares.T)
    scatter = np.sqrt(variance)
    return FormMoments(mean, mean_error, scatter, error / (2.0 * scatter))


def scaled_row_errors(
    covariance: Covariance, n: int, ridge: float, scales, trials: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Measure errors of fits to rows of fixed scales, each scale for an equal share of the rows.

    Parameters
    ----------
    covariance : Covariance
    n : int
    ridge : float
    scales : array_like of shape (n_scales,)
        Ascending; divided by their mean.
    trials : int
    rng : int or numpy.random.Generator

    Returns
    -------
    mean, standard_error : ndarray of shape (5,)
        Test, training, leave-one-out and GCV error, and the training error of the loudest rows.
    """
    tau = np.resize(np.asarray(scales, dtype=float), n)
    tau = tau / tau.mean()
    loud = tau == tau.max()

    def trial(generator):
        x = covariance.sample(n, generator) * np.sqrt(tau)[:, None]
        model = MaskedRegression(ridge=ridge).fit(x)
        residuals = x - x @ model.coef_
        return [
            exact_errors(x, ridge, covariance).mean(),
            model.train_error_,
            model.loo_error_,
            model.gcv_error_,
            np.mean(residuals[loud] ** 2),
        ]

    return mean_and_error(run_trials(trial, trials, rng, n_jobs=1))


#: Rows for which the eigenvalues and the outlier are compared with the theory of Gaussian rows.
SPECTRAL_WORLDS = {
    "Gaussian": lambda c: c,
    "random signs": lambda c: IndependentEntries(c, Rademacher()),
    "independent t, 5 df": lambda c: IndependentEntries(c, StudentT(5.0)),
    "multivariate t, 5 df": lambda c: MultivariateT(c, 5.0),
}


def spectrum_against_theory(d: int, n: int, ridge: float, trials: int, rng) -> Table:
    """Compare eigenvalues, outlier and overlaps of one factor with the theory of Gaussian rows.

    Parameters
    ----------
    d, n : int
    ridge : float
    trials : int
    rng : int
        The same seed for all worlds.

    Returns
    -------
    Table
        For each of ``SPECTRAL_WORLDS`` the Kolmogorov-Smirnov distance of the eigenvalues below
        the outlier, and the outlier and the right and left overlap over their predictions, each
        with its standard error.
    """
    u = np.full((d, 1), d**-0.5)
    noise = Diagonal(np.geomspace(0.25, 4.0, d))
    threshold = SSRTheory(Spiked(noise, [1.0], u), n, ridge).spikes[0].threshold
    covariance = Spiked(noise, [3.0 * threshold], u)
    theory = SSRTheory(covariance, n, ridge)
    spike = theory.spikes[0]

    def trial(generator, population):
        fit = MaskedRegression(ridge=ridge).fit(population.sample(n, generator))
        root = np.sqrt(fit.D_)
        values, vectors = np.linalg.eigh(fit.coef_ * (root / root[:, None]))
        w = vectors[:, -1]
        right, left = w * root, w / root
        overlaps = [(u[:, 0] @ v) ** 2 / (v @ v) for v in (right, left)]
        return [
            kolmogorov_distance(values[:-1], theory.spectrum.cdf),
            values[-1] / spike.eigenvalue,
            overlaps[0] / spike.right_overlap,
            overlaps[1] / spike.left_overlap,
        ]

    columns = {}
    for name, make in SPECTRAL_WORLDS.items():
        population = make(covariance)
        found = run_trials(lambda g, p=population: trial(g, p), trials, rng, n_jobs=1)
        columns[name] = mean_and_error(found)
    return Table(
        {
            "world": np.repeat(list(columns), 4),
            "quantity": np.tile(["law", "outlier", "right", "left"], len(columns)),
            "mean": np.concatenate([mean for mean, _ in columns.values()]),
            "standard_error": np.concatenate([error for _, error in columns.values()]),
        }
    )


# The gap against d ------------------------------------------------------------------------------


def _gap_unit(rng, *, name, d, trials) -> Table:
    population, n = world(name, d), 3 * d // 2
    mean, spread = _measured_error(population, n, trials, rng)
    plain = SSRTheory(_covariance(population), n, RIDGE).test_error
    scaled = elliptical_risk(_covariance(population), n, RIDGE, _scales(population)).test_error
    return Table(
        {
            "world": name,
            "d": d,
            "gap": [mean / plain - 1.0],
            "standard_error": [spread / plain],
            "scaled_theory": [scaled / plain - 1.0],
        }
    )


def compute_universality(run: Run) -> Table:
    """Relative gap between the measured test error and the Gaussian theory against d."""
    sizes = run.pick(
        test=((16, 4), (32, 4)),
        quick=((16, 160), (32, 100), (64, 60), (128, 30)),
        paper=((32, 4000), (64, 2000), (128, 1000), (256, 500), (512, 250)),
    )
    settings = [{"name": name, "d": d, "trials": trials} for name in WORLDS for d, trials in sizes]
    return run.map("gap", _gap_unit, settings)


GAP_KINDS = {
    "rademacher": "isotropic",
    "sparse": "power_law",
    "t3": "ar1",
    "clusters": "isotropic",
    "unequal": "pca",
    "multivariate_t": "test",
}


@figure(
    "universality",
    compute=compute_universality,
    title="Where the Gaussian theory holds",
    alt="Two panels against the number of coordinates. Left, on logarithmic axes, the relative gap "
    "between measured test error and Gaussian theory for independent entries: it falls along "
    "straight lines for sparse entries and random signs, and more slowly for entries with a "
    "t law of three degrees of freedom. Right, on a linear vertical axis: the gap of two clusters "
    "with equal scales is near zero, while those of the multivariate t and of two clusters with "
    "unequal scales stay level, on the lines of the theory with scales.",
    caption="Measured test error relative to the Gaussian theory, AR(1) with correlation 0.8, "
    "n = 1.5 d, ridge 0.1. Left: size of the gap for independent entries; dashed lines are power "
    "laws fitted to the points. Right: rows with a common scale or in clusters; solid lines "
    "are the theory with scales. Bars are one standard error.",
    chapter=CHAPTER,
    seed=9101,
)
def draw_universality(data: Table) -> Figure:
    fig = Figure(figsize=(6.2, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    for name in ("sparse", "t3", "rademacher"):
        rows = data.where(world=name)
        size = np.abs(rows["gap"])
        kind = GAP_KINDS[name]
        measured(left, rows["d"], size, rows["standard_error"], kind, WORLDS[name][0])
        power, _, prefactor = fitted_exponent(rows["d"], size, rows["standard_error"] / size)
        theory_line(left, rows["d"], prefactor * rows["d"] ** -power, kind, line="--")
    for name in ("unequal", "multivariate_t", "clusters"):
        rows = data.where(world=name)
        kind = GAP_KINDS[name]
        measured(right, rows["d"], rows["gap"], rows["standard_error"], kind, WORLDS[name][0])
        theory_line(right, rows["d"], rows["scaled_theory"], kind)
    left.set(xscale="log", yscale="log", xlabel="coordinates d", ylabel="size of the gap")
    right.set(xscale="log", xlabel="coordinates d", ylabel="gap")
    left.set_title("independent entries")
    right.set_title("shared scales, clusters")
    for ax in (left, right):
        ax.set_xticks(data.unique("d"), [str(d) for d in data.unique("d")])
        ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=2)
    return fig


# Degrees of freedom -----------------------------------------------------------------------------


def _df_unit(rng, *, d, n, df, trials) -> Table:
    covariance = AR1(d, 0.8)
    plain = SSRTheory(covariance, n, RIDGE).test_error
    found = []
    for label, population in (
        ("independent", IndependentEntries(covariance, StudentT(df))),
        ("multivariate", MultivariateT(covariance, df)),
    ):
        found.append((label, *_measured_error(population, n, trials, rng)))
    return Table(
        {
            "witness": [label for label, _, _ in found],
            "df": df,
            "ratio": [mean / plain for _, mean, _ in found],
            "standard_error": [spread / plain for _, _, spread in found],
        }
    )


def _df_theory(rng, *, d, n, dfs) -> Table:
    covariance = AR1(d, 0.8)
    plain = SSRTheory(covariance, n, RIDGE).test_error
    ratios = [
        elliptical_risk(covariance, n, RIDGE, MultivariateT(covariance, df).scales(5000)).test_error
        / plain
        for df in dfs
    ]
    return Table({"witness": "theory", "df": list(dfs), "ratio": ratios, "standard_error": np.nan})


def compute_heavy_tails(run: Run) -> Table:
    """Test error over that of the Gaussian theory against degrees of freedom, two kinds of t."""
    d = run.pick(test=16, quick=64, paper=256)
    n = 3 * d // 2
    few = (2.5, 3.0, 4.0, 6.0, 10.0, 30.0)
    many = tuple(float(v) for v in np.geomspace(2.4, 30.0, run.pick(test=4, quick=60, paper=90)))
    trials = run.pick(test=4, quick=24, paper=400)
    settings = [{"d": d, "n": n, "df": df, "trials": trials} for df in few]
    theory = run.map("theory", _df_theory, [{"d": d, "n": n, "dfs": many}])
    return Table.concat([theory, run.map("measured", _df_unit, settings)])


@figure(
    "heavy_tails",
    compute=compute_heavy_tails,
    title="The same tails, two outcomes",
    alt="Test error divided by the Gaussian theory against the degrees of freedom of a t law. With "
    "independent entries the points are at one from six degrees of freedom on and rise a little "
    "below. With one scale for each row they rise throughout as the degrees of freedom fall, along "
    "the curve of the theory with scales.",
    caption="Measured test error over the Gaussian theory, AR(1) with correlation 0.8, n = 1.5 d, "
    "ridge 0.1. Squares: independent t entries. Discs: multivariate t, whose coordinates have "
    "the same tails; the line is the theory with scales. Bars are one standard error.",
    chapter=CHAPTER,
    seed=9102,
    missing=("standard_error",),
)
def draw_heavy_tails(data: Table) -> Figure:
    fig = Figure(figsize=(5.2, 3.4), layout="constrained")
    ax = fig.subplots()
    theory = data.where(witness="theory")
    theory_line(ax, theory["df"], theory["ratio"], "test", "theory with scales")
    for witness, kind, text in (
        ("multivariate", "test", "multivariate t"),
        ("independent", "ar1", "independent t entries"),
    ):
        rows = data.where(witness=witness)
        measured(ax, rows["df"], rows["ratio"], rows["standard_error"], kind, text)
    ax.axhline(1.0, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
    ax.set(xscale="log", xlabel="degrees of freedom", ylabel="test error / Gaussian theory")
    ax.set_xticks([3, 4, 6, 10, 30], ["3", "4", "6", "10", "30"])
    ax.minorticks_off()
    ax.legend(loc="upper right")
    return fig


# One sample, all ridges -------------------------------------------------------------------------


SAMPLES = {
    "gaussian": ("Gaussian, n = {n}", 0.75),
    "multivariate_t": ("multivariate t, n = {n}", 1.5),
    "patches": ("patches, n = {n}", 3.0),
}


def _sample_unit(rng, *, name, d, ratio, points) -> Table:
    population, n = world(name, d), round(d * ratio)
    X = population.sample(n, rng)
    ridges = np.mean(X**2) * np.geomspace(1e-3, 3.0, points)
    best = estimate_best_ridge(X, ridges)
    found = best.estimate
    return Table(
        {
            "world": name,
            "n": n,
            "ridge": ridges,
            "test": [exact_errors(X, ridge, population).mean() for ridge in ridges],
            "loo": found.loo_error,
            "loo_standard_error": found.loo_standard_error,
            "gcv": found.gcv_error,
            "best": best.ridge,
            "low": best.low,
            "high": best.high,
        }
    )


def compute_estimated_errors(run: Run) -> Table:
    """Leave-one-out with its error bar, GCV and the true test error of one sample each."""
    d = run.pick(test=16, quick=64, paper=144)
    points = run.pick(test=5, quick=13, paper=25)
    settings = [
        {"name": name, "d": d, "ratio": ratio, "points": points}
        for name, (_, ratio) in SAMPLES.items()
    ]
    return run.map("sample", _sample_unit, settings)


@figure(
    "estimated_errors",
    compute=compute_estimated_errors,
    title="The error curve from one sample",
    alt="Three panels of test error against ridge, one sample each. The bars of the "
    "leave-one-out crosses reach the true error. Generalised cross-validation follows it "
    "for Gaussian rows, falls below it for the multivariate t and far below it at small ridges "
    "for image patches. A shaded band marks the ridges that cannot be told from the best.",
    caption="One sample of each world. Line: test error of the fit, computed from the covariance. "
    "Crosses: leave-one-out, with bars of 1.96 standard errors. Plus signs: generalised "
    "cross-validation. Shaded: ridges whose leave-one-out error is within one standard error of "
    "the difference from the best.",
    chapter=CHAPTER,
    seed=9103,
)
def draw_estimated_errors(data: Table) -> Figure:
    fig = Figure(figsize=(6.8, 3.2), layout="constrained")
    axes = fig.subplots(1, 3)
    for ax, (name, rows) in zip(axes, data.groups("world"), strict=True):
        first = ax is axes[0]
        step = np.sqrt(rows["ridge"][1] / rows["ridge"][0])  # half a step of the grid
        low, high = rows["low"][0] / step, rows["high"][0] * step
        ax.axvspan(low, high, color=colors["best_ridge"], alpha=0.15, linewidth=0)
        theory_line(ax, rows["ridge"], rows["test"], "test", "true test error" if first else None)
        measured(ax, rows["ridge"], rows["gcv"], None, "gcv", "GCV" if first else None)
        bars = 1.96 * rows["loo_standard_error"]
        measured(ax, rows["ridge"], rows["loo"], bars, "loo", "LOO, 95 % bars" if first else None)
        ax.set(xscale="log", yscale="log", xlabel="ridge")
        log_ticks(ax, "y")
        ax.set_title(SAMPLES[name][0].format(n=rows["n"][0]))
    axes[0].set_ylabel("error")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


# Coverage ---------------------------------------------------------------------------------------

COVERED = ("gaussian", "rademacher", "t3", "multivariate_t", "patches")
BARS = {
    "independent": ("LOO, rows as independent", "reference"),
    "loo": ("LOO, corrected", "loo"),
    "coordinate": ("LOO, corrected, one coordinate", "test"),
    "gcv": ("GCV", "gcv"),
}


def _coverage_unit(rng, *, name, d, ratio, trials) -> Table:
    population, n = world(name, d), round(d * ratio)
    inside = {bar: [] for bar in BARS}
    for generator in rng.spawn(trials):
        X = population.sample(n, generator)
        found, truth = estimate_risk(X, RIDGE), exact_errors(X, RIDGE, population)
        off = abs(found.loo_error[0] - truth.mean())
        half = 1.96 * found.loo_standard_error[0]
        inside["independent"].append(off <= half / found.inflation[0])
        inside["loo"].append(off <= half)
        inside["coordinate"].append(
            abs(found.loo_error_by_coordinate[0, 0] - truth[0])
            <= 1.96 * found.loo_standard_error_by_coordinate[0, 0]
        )
        inside["gcv"].append(
            abs(found.gcv_error[0] - truth.mean()) <= 1.96 * found.gcv_standard_error[0]
        )
    share = np.array([np.mean(hits) for hits in inside.values()])
    # Agresti and Coull's centre keeps the error bar away from zero when all or none are inside.
    centre = (share * trials + 2.0) / (trials + 4.0)
    return Table(
        {
            "world": name,
            "n": n,
            "d": d,
            "bar": list(inside),
            "coverage": share,
            "standard_error": np.sqrt(centre * (1.0 - centre) / (trials + 4.0)),
        }
    )


def compute_estimation_coverage(run: Run) -> Table:
    """Share of samples in which a 95 % interval holds the true test error of the fit."""
    d = run.pick(test=16, quick=36, paper=144)
    trials = run.pick(test=5, quick=150, paper=2000)
    settings = [
        {"name": name, "d": d, "ratio": ratio, "trials": trials}
        for ratio in (2.0 / 3.0, 2.0)
        for name in COVERED
    ]
    return run.map("coverage", _coverage_unit, settings)


@figure(
    "estimation_coverage",
    compute=compute_estimation_coverage,
    title="Coverage of the error bars",
    alt="Share of 95 per cent intervals that hold the true test error, for five worlds, fewer rows "
    "than coordinates on the left, more on the right. Intervals that treat the rows' losses as "
    "independent fall short. Corrected leave-one-out intervals are near the nominal value for "
    "Gaussian rows and random signs; those for one coordinate are short for heavy tails and image "
    "patches. Intervals from generalised cross-validation fall short for heavy tails and fail for "
    "patches.",
    caption="Coverage of intervals of 1.96 standard errors at ridge 0.1; the dashed line "
    "is the nominal 95 %. Left: two rows for three coordinates; right: two rows for one. Bars are "
    "one standard error of the share.",
    chapter=CHAPTER,
    seed=9104,
)
def draw_estimation_coverage(data: Table) -> Figure:
    fig = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    names = {**{key: text for key, (text, _) in WORLDS.items()}, "patches": "image patches"}
    for ax, (n, rows) in zip(axes, data.groups("n"), strict=True):
        for offset, (bar, (text, kind)) in zip(
            (-0.24, -0.08, 0.08, 0.24), BARS.items(), strict=True
        ):
            part = rows.where(bar=bar)
            ax.errorbar(
                part["coverage"],
                np.arange(len(part)) + offset,
                xerr=part["standard_error"],
                fmt={"reference": "v", "loo": "x", "test": "o", "gcv": "+"}[kind],
                color=colors[kind],
                linestyle="none",
                elinewidth=1.2,
                label=text if ax is axes[0] else None,
            )
        ax.axvline(0.95, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
        ax.set(xlabel="coverage", xlim=(-0.04, 1.04))
        ax.set_title(f"{n} rows, {rows['d'][0]} coordinates")
    axes[0].set_yticks(range(len(COVERED)), [names[name] for name in COVERED])
    axes[0].invert_yaxis()
    fig.legend(loc="outside lower center", ncols=2)
    return fig


# Detected spikes --------------------------------------------------------------------------------

FLIPS = 19  # the fewest that allow a level of five per cent


def _spike_unit(rng, *, name, d, ratio, strengths, trials) -> Table:
    n, u = round(d * ratio), np.full(d, d**-0.5)
    threshold = np.sqrt(d / n)  # of isotropic noise, whatever the ridge
    rows = []
    for strength in strengths:
        covariance = Spiked(Isotropic(d), [strength * threshold], u[:, None])
        population = MultivariateT(covariance, 6.0) if name == "multivariate_t" else covariance
        counts = np.array(
            [
                estimate_spikes(
                    population.sample(n, generator), RIDGE, generator, flips=FLIPS
                ).count
                for generator in rng.spawn(trials)
            ]
        )
        share = np.mean(counts >= 1)
        centre = (share * trials + 2.0) / (trials + 4.0)
        spread = np.sqrt(centre * (1 - centre) / (trials + 4.0))
        rows.append((strength, share, spread, np.mean(counts >= 2)))
    strength, share, spread, over = zip(*rows, strict=True)
    return Table(
        {
            "world": name,
            "n": n,
            "d": d,
            "strength": list(strength),
            "share": list(share),
            "standard_error": list(spread),
            "over": list(over),
        }
    )


def compute_spike_detection(run: Run) -> Table:
    """Share of samples in which a spike is found against its strength over the threshold."""
    settings = [
        {
            "name": name,
            "d": run.pick(test=10, quick=30, paper=100),
            "ratio": ratio,
            "strengths": (0.0, 1.0, 2.0, 4.0),
            "trials": run.pick(test=3, quick=40, paper=1000),
        }
        for ratio in (2.0 / 3.0, 2.0)
        for name in ("gaussian", "multivariate_t")
    ]
    return run.map("spikes", _spike_unit, settings)


@figure(
    "spike_detection",
    compute=compute_spike_detection,
    title="Found, missed, imagined",
    alt="Share of samples in which at least one spike is announced, against the strength of the "
    "spike in units of the threshold, fewer rows than coordinates on the left, more on the right. "
    "At strength zero the share is near the allowed level; for Gaussian rows it rises through the "
    "threshold and comes near one well above it; for the multivariate t it rises later and stays "
    "lower, most of all with few rows.",
    caption="Share of samples with a detected spike, by random signs at level 5 % (dashed), one "
    "signal spread over all coordinates, isotropic noise, ridge 0.1. The dotted line is the "
    "threshold of the Gaussian theory. Bars are one standard error.",
    chapter=CHAPTER,
    seed=9105,
)
def draw_spike_detection(data: Table) -> Figure:
    fig = Figure(figsize=(6.0, 3.2), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (n, rows) in zip(axes, data.groups("n"), strict=True):
        for name, kind in (("gaussian", "gaussian"), ("multivariate_t", "test")):
            part = rows.where(world=name)
            text = WORLDS[name][0] if ax is axes[0] else None
            shift = -0.04 if name == "gaussian" else 0.04
            measured(
                ax, part["strength"] + shift, part["share"], part["standard_error"], kind, text
            )
        ax.axhline(0.05, color=colors["reference"], linestyle="--", linewidth=1.0, zorder=0)
        ax.axvline(1.0, color=colors["bayes"], linestyle=":", linewidth=1.0, zorder=0)
        ax.set(xlabel="strength / threshold", ylim=(-0.05, 1.05))
        ax.set_title(f"{n} rows, {rows['d'][0]} coordinates")
    axes[0].set_ylabel("share of samples")
    fig.legend(loc="outside lower center", ncols=2)
    return fig
