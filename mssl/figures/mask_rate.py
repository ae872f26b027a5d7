"""Figures of the chapter on how much to mask."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from mssl.covariance import AR1, Blocks, Circulant, Covariance, Diagonal, Scaled, Spiked
from mssl.datasets import patch_population
from mssl.figures.one_coordinate import draw_filters
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, histogram, measured, theory_line
from mssl.figures.table import Table
from mssl.masking import Bernoulli, ImageSquares, OneAtATime, best_predictor, hidden_error
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.simulation_masking import (
    explicit_mask_moments,
    masked_risk_of,
    measure_diagonal_replacement,
)
from mssl.theory import (
    SSRTheory,
    diagonal_replacement_bound,
    optimal_masking,
    optimal_ridge,
    solve_masked,
)
from mssl.theory.masked_noise import local_threshold, masked_noise_curve, spread_threshold
from mssl.theory.noise_curves import Noise, threshold

__all__ = [
    "FIELD_RIDGE",
    "RATES",
    "equal_world",
    "explicit_against_theory",
    "fitted_laws",
    "one_factor_rate",
    "patch_laws",
    "unequal_world",
]

CHAPTER = "how_much_to_mask"
#: The rates of the simulations: those of BERT and of masked autoencoders, and one between.
RATES = (0.15, 0.5, 0.75)


def equal_world(d: int) -> Covariance:
    """A stationary chain, every coordinate of variance 1."""
    return AR1(d, 0.8)


def unequal_world(d: int) -> Covariance:
    """The same chain in units that differ from coordinate to coordinate."""
    scales = np.exp(np.random.default_rng(2).normal(0.0, 0.7, d))
    return Scaled(AR1(d, 0.8), scales / np.sqrt(np.mean(scales**2)))


WORLDS = {"equal variances": equal_world, "unequal variances": unequal_world}


# Receptive fields --------------------------------------------------------------------------------

#: Ridge of the predictors of patches.
FIELD_RIDGE = 0.01


def patch_laws(size: int) -> dict:
    """Three laws of masks on square patches."""
    return {
        "one pixel": OneAtATime(),
        "each with 75 %": Bernoulli(0.75),
        "a square": ImageSquares((size, size), max(2, 5 * size // 12)),
    }


@lru_cache(maxsize=2)
def fitted_laws(size: int = 12) -> dict[str, np.ndarray]:
    """The best predictor of each law from the population of patches."""
    S = patch_population(size).dense()
    return {name: best_predictor(S, law, FIELD_RIDGE) for name, law in patch_laws(size).items()}


def compute_mask_fields(run: Run) -> Table:
    """The column of the centre pixel, law by law."""
    size = run.pick(test=5, quick=12, paper=12)
    row, column = np.divmod(np.arange(size * size), size)
    centre = size // 2
    return Table.concat(
        Table(
            {
                "law": name,
                "row": row,
                "column": column,
                "weight": A[:, centre * size + centre],
                "target_row": centre,
                "target_column": centre,
            }
        )
        for name, A in fitted_laws(size).items()
    )


@figure(
    "mask_fields",
    compute=compute_mask_fields,
    title="What predicts a pixel, by law of masks",
    alt="Three small images of the weights that predict the centre pixel of a patch. Hiding one "
    "pixel at a time gives a small cross with alternating signs; hiding each with probability 75 "
    "per cent gives a broad smooth blob without negative weights beside it; hiding a square gives "
    "a cross with long arms, weak everywhere off the row and the column of the pixel.",
    caption="The column of the centre pixel (outlined) of the best linear predictor, from the "
    f"whole population of patches, ridge {FIELD_RIDGE:g}, for three laws of masks; the square has "
    "a side of five pixels. Each image has its own colour scale: blue is positive, red negative.",
    chapter=CHAPTER,
    seed=17001,
)
def draw_mask_fields(data: Table) -> Figure:
    """Draw one image a law."""
    fig = Figure(figsize=(5.6, 2.2))
    axes = fig.subplots(1, 3)
    for ax, (name, rows) in zip(axes, data.groups("law"), strict=True):
        flipped = Table({**rows.columns, "weight": -rows["weight"]})
        draw_filters([ax], flipped, "law", float(np.abs(rows["weight"]).max()))
        ax.set_title(name)
        ax.set_xlabel(f"max {np.abs(rows['weight']).max():.2f}")
    return fig


# Errors against explicit masks -------------------------------------------------------------------

KINDS = ("test_error", "rescaled_error", "full_view_error", "train_error")
LOOKS = {
    "test_error": ("test", "at the training rate"),
    "rescaled_error": ("best_ridge", r"$q\hat A$, all others visible"),
    "full_view_error": ("ar1", r"$\hat A$, all others visible"),
    "train_error": ("train", "training, at its rate"),
}


def _explicit(model, n, ridges, rate, half, trials, rng):
    """Errors after training on drawn masks; 2 E(2M) - E(M) removes the term of order 1/M."""

    def errors(moments, X):
        rows = []
        for ridge in ridges:
            A = moments.solve(ridge)
            found = masked_risk_of(A, model, rate)
            found["train_error"] = hidden_error(A, X.T @ X / n, Bernoulli(rate))
            rows.append([found[kind].mean() for kind in KINDS])
        return np.array(rows)

    def trial(generator):
        X = model.sample(n, generator)
        first, second = (explicit_mask_moments(X, rate, half, generator) for _ in range(2))
        return 2 * errors(first + second, X) - (errors(first, X) + errors(second, X)) / 2

    return run_trials(trial, trials, rng, n_jobs=1)


def _errors_unit(rng, *, world, d, n, ridge, half, trials, rates) -> Table:
    model, rows = WORLDS[world](d), []
    for rate in rates:
        risk = SSRTheory(model, n, ridge, rate).risk
        rows += [("theory", kind, rate, getattr(risk, kind), np.nan) for kind in KINDS]
    for rate in RATES:
        mean, spread = mean_and_error(_explicit(model, n, [ridge], rate, half, trials, rng))
        rows += [
            ("measured", k, rate, m, e) for k, m, e in zip(KINDS, mean[0], spread[0], strict=True)
        ]
    names = ("witness", "kind", "rate", "error", "standard_error")
    return Table(
        {"world": world, **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))}
    )


def _spiked_chain(d: int) -> Covariance:
    """A chain with unequal variances and one spike of strength 6."""
    rng = np.random.default_rng(0)
    scales, u = np.exp(rng.normal(0.0, 0.25, d)), rng.normal(size=(d, 1))
    return Spiked(Scaled(AR1(d, 0.6), scales), 6.0, u / np.linalg.norm(u))


def explicit_against_theory(
    d: int, *, half: int, trials: int, ridges=(0.01, 0.1, 1.0), seed: int = 21
) -> Table:
    """Theory and training on drawn masks: three models, the rates of RATES, several ridges.

    Parameters
    ----------
    d : int
        Number of coordinates, even; n = 1.5 d.
    half : int
        Masks a row are `half` and twice as many, extrapolated to infinitely many.
    trials : int
        Data sets for each model and rate; all ridges see the same rows and masks.
    ridges : sequence of float, default=(0.01, 0.1, 1.0)
    seed : int, default=21

    Returns
    -------
    Table
        Columns "model", "rate", "ridge", "kind", "theory", "measured", "standard_error".
    """
    models = {
        "chain": AR1(d, 0.6),
        "chain and spike": _spiked_chain(d),
        "two variances": Diagonal(np.tile([0.3, 3.0], d // 2)),
    }
    n, rng, rows = 3 * d // 2, np.random.default_rng(seed), []
    for name, model in models.items():
        for rate in RATES:
            mean, spread = mean_and_error(_explicit(model, n, ridges, rate, half, trials, rng))
            for i, ridge in enumerate(ridges):
                risk = SSRTheory(model, n, ridge, rate).risk
                rows += [
                    (name, rate, ridge, kind, getattr(risk, kind), mean[i, j], spread[i, j])
                    for j, kind in enumerate(KINDS)
                ]
    names = ("model", "rate", "ridge", "kind", "theory", "measured", "standard_error")
    return Table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def compute_mask_errors(run: Run) -> Table:
    """Theory over the rates, explicit masks at three of them."""
    d = run.pick(test=20, quick=100, paper=600)
    setting = {
        "d": d,
        "n": 3 * d // 2,
        "ridge": 0.1,
        "half": run.pick(test=4, quick=12, paper=32),
        "trials": run.pick(test=2, quick=6, paper=12),
        "rates": np.linspace(0.02, 0.9, run.pick(test=4, quick=15, paper=45)).tolist(),
    }
    return run.map("errors", _errors_unit, [{"world": w, **setting} for w in WORLDS])


@figure(
    "mask_errors",
    compute=compute_mask_errors,
    title="Errors against the mask rate",
    alt="Two panels, equal and unequal variances, with four curves over the mask rate. The error "
    "at the training rate and the training error rise towards the variance as the rate grows. With "
    "all others visible the rescaled predictor is best at a small or middle rate and changes "
    "slowly, while the predictor as it is becomes far worse at high rates. Points of explicit "
    "masks lie on all curves.",
    caption="Mean error per coordinate against the mask rate, ridge 0.1, n = 1.5 d, mean "
    "variance 1. Lines: theory. Points: training on masks "
    "that are really drawn, extrapolated to infinitely many masks; bars are one standard error. "
    "One curve leaves the left panel.",
    chapter=CHAPTER,
    seed=17002,
    missing=("standard_error",),
)
def draw_mask_errors(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(5.6, 3.6))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (world, rows) in zip(axes, data.groups("world"), strict=True):
        for kind, (look, label) in LOOKS.items():
            line = rows.where(witness="theory", kind=kind)
            theory_line(ax, line["rate"], line["error"], look, label)
            points = rows.where(witness="measured", kind=kind)
            measured(ax, points["rate"], points["error"], points["standard_error"], look)
        ax.set(title=world, xlabel="mask rate $p$", xlim=(0, 0.92), ylim=(0, 1.5))
    axes[0].set_ylabel("mean squared error")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


# Convergence in the number of masks --------------------------------------------------------------


def _convergence_unit(rng, *, d, n, rate, counts, draws, ridge) -> Table:
    X = equal_world(d).sample(n, rng)
    exact = MaskedRegression(ridge, rate).fit(X).coef_
    size = np.linalg.norm(exact)
    means, errors = [], []
    for count in counts:
        away = [
            np.linalg.norm(explicit_mask_moments(X, rate, count, rng).solve(ridge) - exact) / size
            for _ in range(draws)
        ]
        mean, error = mean_and_error(away)
        means.append(mean)
        errors.append(error)
    # The law M^(-1/2), through the last point.
    reference = means[-1] * np.sqrt(counts[-1] / np.array(counts))
    return Table(
        {
            "rate": rate,
            "masks": counts,
            "distance": means,
            "standard_error": errors,
            "reference": reference,
        }
    )


def compute_mask_convergence(run: Run) -> Table:
    """Distance of the matrix of explicit masks from the closed form."""
    d = run.pick(test=10, quick=40, paper=100)
    last = run.pick(test=4, quick=10, paper=12)
    setting = {
        "d": d,
        "n": 3 * d // 2,
        "counts": [2**k for k in range(0, last + 1, 2)],
        "draws": run.pick(test=2, quick=4, paper=20),
        "ridge": 0.1,
    }
    return run.map("masks", _convergence_unit, [{"rate": r, **setting} for r in RATES])


@figure(
    "mask_convergence",
    compute=compute_mask_convergence,
    title="Many masks approach the closed form",
    alt="Distance between the matrix trained on drawn masks and the closed form against the number "
    "of masks for a sample, on logarithmic axes. For each of three rates the points follow a "
    "straight line of slope minus one half from about four masks on; higher rates lie higher.",
    caption="Relative Frobenius distance of training on M drawn masks a sample from the closed "
    "form on the same samples (AR(1), ridge 0.1, n = 1.5 d). Lines: slope -1/2 through the last "
    "point. Points: means over draws of the masks, bars one standard error.",
    chapter=CHAPTER,
    seed=17003,
)
def draw_mask_convergence(data: Table) -> Figure:
    """Draw one line a rate."""
    fig = Figure(figsize=(4.4, 3.3))
    ax = fig.subplots()
    for (rate, rows), look in zip(data.groups("rate"), ("gaussian", "test", "train"), strict=True):
        theory_line(ax, rows["masks"], rows["reference"], look, line="--")
        measured(ax, rows["masks"], rows["distance"], rows["standard_error"], look, f"p = {rate:g}")
    ax.set(xscale="log", yscale="log", xlabel="masks for each sample, $M$")
    ax.set_ylabel("relative distance")
    ax.legend()
    return fig


# Best rates --------------------------------------------------------------------------------------


def one_factor_rate(d: int, gamma: float, rho: float) -> float:
    r"""Best mask rate without a ridge when all correlations are rho, to leading order in d.

    .. math:: \frac{\tau}{\sqrt d} \to \big(\gamma\rho(1 - \rho)^3\big)^{1/4}
    """
    tau = (gamma * rho * (1.0 - rho) ** 3) ** 0.25 * np.sqrt(d)
    return tau / (1.0 + tau)


def _family_unit(rng, *, d, n, ridges, rates) -> Table:
    model, rows = unequal_world(d), []
    for ridge in ridges:
        for rate in rates:
            if rate == 0.0:
                error = SSRTheory(model, n, ridge).test_error
            else:
                error = solve_masked(model, n, ridge, rate)[1].evaluate("rescaled")
            rows.append((f"ridge {ridge:g}", rate, error))
    rows.append(("no masks", 0.0, optimal_ridge(model, n).test_error))
    pair = optimal_masking(model, n)
    rows.append(("best pair", pair.mask_rate, pair.error))
    curve, x, y = map(list, zip(*rows, strict=True))
    return Table({"panel": "error", "curve": curve, "x": x, "y": y})


FACTOR, CHAINS = 0.5, (0.5, 0.8, 0.95)


def _rates_unit(rng, *, d, ratios) -> Table:
    rows = []
    worlds = {"one factor": Blocks([d], FACTOR)}
    distance = np.minimum(np.arange(d), d - np.arange(d))
    for rho in CHAINS:
        worlds[f"chain {rho:g}"] = Circulant(rho**distance)
    for name, model in worlds.items():
        for ratio in ratios:
            # Equal variances: the best rate replaces the best ridge, tau = lambda*.
            best = optimal_ridge(model, round(ratio * d)).ridge
            rows.append((name, ratio, best / (1.0 + best)))
    rows += [("one factor, formula", r, one_factor_rate(d, 1 / r, FACTOR)) for r in ratios]
    curve, x, y = map(list, zip(*rows, strict=True))
    return Table({"panel": "rate", "curve": curve, "x": x, "y": y})


def compute_mask_best(run: Run) -> Table:
    """Error over the rate for several ridges, and best rates over n/d."""
    d = run.pick(test=24, quick=120, paper=400)
    points = run.pick(test=4, quick=13, paper=40)
    left = run.map(
        "family",
        _family_unit,
        [
            {
                "d": d,
                "n": 2 * d,
                "ridges": (0.0, 0.1, 0.5),
                "rates": [0.0, 0.01, 0.03, *np.linspace(0.06, 0.9, points).tolist()],
            }
        ],
    )
    size = run.pick(test=24, quick=144, paper=144)
    ratios = np.geomspace(0.3, 8.0, run.pick(test=3, quick=9, paper=25)).tolist()
    return Table.concat([left, run.map("rates", _rates_unit, [{"d": size, "ratios": ratios}])])


@figure(
    "mask_best",
    compute=compute_mask_best,
    title="The best mask rate",
    alt="Left: error of the rescaled predictor against the mask rate for three ridges in a world "
    "of unequal variances. The curve of ridge zero dips lowest, at a small rate, below a "
    "dashed line that no ridge without masks passes; large ridges gain nothing. Right: best rate "
    "against the number of samples per coordinate for four worlds. All fall; the one-factor world "
    "stays far above the three chains, and among the chains the rate falls with the correlation.",
    caption="All from theory. Left: chain with unequal variances, n = 2 d; the dashed line is the "
    "best error without masks over all ridges, the diamond the best pair. Right: best rate without "
    "a ridge, d = 144, for chains of three correlations and for one factor that all coordinates "
    "share (correlation one half); dotted: the formula for many coordinates.",
    chapter=CHAPTER,
    seed=17004,
)
def draw_mask_best(data: Table) -> Figure:
    """Draw errors on the left and rates on the right."""
    fig = Figure(figsize=(5.8, 3.3))
    left, right = fig.subplots(1, 2)
    rows = data.where(panel="error")
    curves = [c for c in rows.unique("curve") if c.startswith("ridge")]
    for curve, look in zip(curves, ("test", "train", "ar1"), strict=True):
        own = rows.where(curve=curve)
        theory_line(left, own["x"], own["y"], look, curve)
    plain = rows.where(curve="no masks")["y"][0]
    theory_line(left, [0, 0.9], [plain, plain], "reference", "best ridge, no masks")
    best = rows.where(curve="best pair")
    measured(left, best["x"], best["y"], None, "best_ridge", "best pair")
    top = 1.6 * best["y"][0]
    left.set(xlabel="mask rate $p$", ylabel=r"error of $q\hat A$", ylim=(0.9 * best["y"][0], top))
    rows = data.where(panel="rate")
    looks = {"one factor": ("best_ridge", "-"), "one factor, formula": ("best_ridge", ":")}
    for curve, line in zip([f"chain {r:g}" for r in CHAINS], ("-", "--", "-."), strict=True):
        looks[curve] = ("test", line)
    for curve, (look, line) in looks.items():
        own = rows.where(curve=curve)
        theory_line(right, own["x"], own["y"], look, line=line)
        if "formula" not in curve:
            k = 0 if curve in ("chain 0.8", "chain 0.95") else len(own) // 2
            shift = 4.0 if k == 0 else 9.0
            direct_label(right, own["x"][k], own["y"][k], curve, look, offset=(2.0, shift))
    right.set(xscale="log", ylim=(0, 1), xlabel="samples per coordinate")
    right.set_ylabel("best mask rate, no ridge")
    right.set_xticks([0.3, 1, 3, 8], ["0.3", "1", "3", "8"])
    right.minorticks_off()
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


# Thresholds --------------------------------------------------------------------------------------

NOISE_RATIO = 10.0


def _threshold_unit(rng, *, rates) -> Table:
    noise, rows = Noise.two_levels(NOISE_RATIO), []
    for gamma, panel in ((2 / 3, "spread, n = 1.5 d"), (2.0, "spread, n = d/2")):
        for ridge in (0.01, 0.1, 1.0):
            for rate in rates:
                value = spread_threshold(noise, gamma, ridge, rate) / np.sqrt(gamma)
                rows.append((panel, f"ridge {ridge:g}", rate, value))
        for rate in rates:
            value = threshold("correlation_pca", noise, gamma) / np.sqrt(gamma)
            rows.append((panel, "correlation PCA", rate, value))
            rows.append((panel, "PCA", rate, threshold("pca", noise, gamma) / np.sqrt(gamma)))
    for size in (2, 4, 8):
        for rate in rates:
            value = local_threshold(size, 2 / 3, rate) / np.sqrt(2 / 3)
            rows.append(("local, n = 1.5 d", f"{size} coordinates", rate, value))
    panel, curve, rate, value = map(list, zip(*rows, strict=True))
    return Table({"panel": panel, "curve": curve, "rate": rate, "threshold": value})


def compute_mask_threshold(run: Run) -> Table:
    """Thresholds over the rate."""
    points = run.pick(test=5, quick=40, paper=100)
    rates = np.concatenate([[0.0, 0.01, 0.02], np.linspace(0.04, 0.96, points)]).tolist()
    return run.map("threshold", _threshold_unit, [{"rates": rates}])


@figure(
    "mask_threshold",
    compute=compute_mask_threshold,
    title="The threshold against the mask rate",
    alt="Three panels of thresholds over the mask rate. In the first two, a spread signal, the "
    "curves of three ridges fall from rate zero to a shallow minimum near one half and rise again "
    "towards rate one; with fewer samples than coordinates the fall at small rates is steep. All "
    "lie between the line of correlation PCA below and that of PCA above. In the third, a local "
    "signal without a ridge, all curves rise with the rate, that of two coordinates most.",
    caption="Threshold divided by the square root of d/n, from theory, noise of variance 1 and "
    "10 on halves of the coordinates. First two panels: flat signal, three ridges. Third: signal "
    "on few quiet coordinates, ridge 0. Logarithmic vertical axes.",
    chapter=CHAPTER,
    seed=17005,
)
def draw_mask_threshold(data: Table) -> Figure:
    """Draw one panel a setting."""
    fig = Figure(figsize=(5.8, 3.4))
    axes = fig.subplots(1, 3)
    spread = {
        "ridge 0.01": ("masked_regression", 0.2, "-"),
        "ridge 0.1": ("masked_regression", 0.6, "--"),
        "ridge 1": ("masked_regression", 1.0, "-."),
        "correlation PCA": ("correlation_pca", 1.0, ":"),
        "PCA": ("pca", 1.0, ":"),
    }
    local = {
        "2 coordinates": ("ar1", 1.0, "-"),
        "4 coordinates": ("ar1", 1.0, "--"),
        "8 coordinates": ("ar1", 1.0, "-."),
    }
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        for curve, (look, level, line) in (local if "local" in panel else spread).items():
            own = rows.where(curve=curve)
            theory_line(ax, own["rate"], own["threshold"], look, curve, level=level, line=line)
        ticks = [1, 2, 5, 10] if "local" in panel else [2, 3, 5, 10]
        ax.set(yscale="log", title=panel, xlabel="mask rate $p$", xlim=(0, 1))
        ax.set_yticks(ticks, [str(t) for t in ticks])
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.minorticks_off()
    axes[0].set_ylabel(r"$\theta_c/\sqrt{d/n}$")
    handles, labels = axes[0].get_legend_handles_labels()
    more = axes[2].get_legend_handles_labels()
    fig.legend(handles + more[0], labels + more[1], loc="outside lower center", ncols=3)
    return fig


# Overlaps ----------------------------------------------------------------------------------------

READINGS = {"right": 1.0, "symmetric": 0.0, "left": -1.0}
SETTINGS = {
    "spread, n = 1.5 d": (1.5, 0, 3.5),
    "spread, n = d/2": (0.5, 0, 7.0),
    "pair, n = 1.5 d": (1.5, 2, 5.0),
}
OVERLAP_RIDGE = 0.05


def _signal(d: int, size: int) -> np.ndarray:
    u = np.zeros(d)
    u[slice(None) if size == 0 else slice(0, 2 * size, 2)] = 1.0
    return u / np.linalg.norm(u)


def _predicted_overlap(model, noise, n, size, strength, rate):
    if size:
        spike = SSRTheory(model, n, OVERLAP_RIDGE, rate or None).spikes[0]
        return max(spike.right_overlap, spike.left_overlap, spike.symmetric_overlap)
    curve = masked_noise_curve(noise, model.d / n, OVERLAP_RIDGE, rate)
    strengths, overlaps = curve.spread_signal()
    return max(np.interp(strength, strengths, o, left=0.0) for o in overlaps.values())


def _overlap_unit(rng, *, panel, d, trials, rates, points) -> Table:
    ratio, size, strength = SETTINGS[panel]
    n, u, noise = round(ratio * d), _signal(d, size), Noise.two_levels(NOISE_RATIO)
    model = Spiked(Diagonal(np.tile([1.0, NOISE_RATIO], d // 2)), strength, u[:, None])
    rows = [
        ("theory", rate, _predicted_overlap(model, noise, n, size, strength, rate), np.nan)
        for rate in (points if size else rates)
    ]

    def trial(generator):
        X, found = model.sample(n, generator), []
        for rate in points:
            fit = MaskedRegression(OVERLAP_RIDGE, rate or None).fit(X)
            root = np.sqrt(fit.D_)
            B = fit.coef_ * root / root[:, None]
            w = np.linalg.eigh(0.5 * (B + B.T))[1][:, -1]
            vectors = [w * fit.D_ ** (0.5 * power) for power in READINGS.values()]
            found.append([(v @ u) ** 2 / (v @ v) for v in vectors])
        return found

    mean, error = mean_and_error(run_trials(trial, trials, rng, n_jobs=1))
    best = mean.argmax(axis=1)
    for i, rate in enumerate(points):
        rows.append(("measured", rate, mean[i, best[i]], error[i, best[i]]))
    witness, rate, overlap, spread = map(list, zip(*rows, strict=True))
    return Table(
        {
            "panel": panel,
            "witness": witness,
            "rate": rate,
            "overlap": overlap,
            "standard_error": spread,
        }
    )


def compute_mask_overlap(run: Run) -> Table:
    """Best overlap over the rate: theory and simulation."""
    setting = {
        "d": run.pick(test=40, quick=200, paper=800),
        "trials": run.pick(test=2, quick=6, paper=20),
        "rates": np.linspace(0.0, 0.95, run.pick(test=4, quick=30, paper=60)).tolist(),
        "points": run.pick(
            test=(0.0, 0.5),
            quick=(0.0, 0.15, 0.5, 0.75, 0.9),
            paper=(0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 0.9),
        ),
    }
    return run.map("overlap", _overlap_unit, [{"panel": p, **setting} for p in SETTINGS])


@figure(
    "mask_overlap",
    compute=compute_mask_overlap,
    title="What the leading eigenvector sees, by mask rate",
    alt="Three panels of squared cosine between the leading eigenvector and the signal over the "
    "mask rate. For a spread signal the line is a flat hill, highest between a tenth and three "
    "quarters; with fewer samples than coordinates it climbs steeply from rate zero. For a signal "
    "on two coordinates it falls with the rate, to zero at high rates. Points follow the lines, "
    "rounded where the theory has a corner.",
    caption="Best of the three overlaps with the signal, noise of variance 1 and 10, ridge 0.05. "
    "Lines: limit theory. Points: means over simulated data sets with one standard error.",
    chapter=CHAPTER,
    seed=17006,
    missing=("standard_error",),
)
def draw_mask_overlap(data: Table) -> Figure:
    """Draw one panel a signal."""
    fig = Figure(figsize=(5.8, 2.7))
    axes = fig.subplots(1, 3, sharey=True)
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        line, points = (rows.where(witness=w) for w in ("theory", "measured"))
        theory_line(ax, line["rate"], line["overlap"], "masked_regression", "theory")
        error = points["standard_error"]
        measured(ax, points["rate"], points["overlap"], error, "masked_regression", "simulation")
        ax.set(title=panel, xlabel="mask rate $p$", xlim=(-0.03, 1), ylim=(0, 1))
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes[0].set_ylabel("overlap")
    axes[0].legend(loc="upper left")
    return fig


# Spectrum ----------------------------------------------------------------------------------------


def _spectrum_unit(rng, *, rate, d, points, bins) -> Table:
    n, ridge = 3 * d // 2, 0.05
    u = _signal(d, 0)
    model = Spiked(Diagonal(np.tile([1.0, NOISE_RATIO], d // 2)), 8.0, u[:, None])
    theory = SSRTheory(model, n, ridge, rate or None)
    low, high = theory.edges[0], theory.edges[-1]
    a = np.linspace(low, high, points + 2)[1:-1]
    fit = MaskedRegression(ridge, rate or None).fit(model.sample(n, rng))
    root = np.sqrt(fit.D_)
    B = fit.coef_ * root / root[:, None]
    values = np.linalg.eigvalsh(0.5 * (B + B.T))
    counts, ends = np.histogram(values, bins=bins)
    height = counts / d / np.diff(ends)
    parts = [
        ("theory", a, a, theory.density(a)),
        ("measured", ends[:-1], ends[1:], height),
        ("outlier", *[np.array([theory.spikes[0].eigenvalue])] * 2, np.zeros(1)),
    ]
    return Table.concat(
        Table({"rate": rate, "witness": w, "left": x, "right": y, "height": h})
        for w, x, y, h in parts
    )


def compute_mask_spectrum(run: Run) -> Table:
    """Density of the eigenvalues at three rates."""
    setting = {
        "d": run.pick(test=40, quick=300, paper=1200),
        "points": run.pick(test=20, quick=100, paper=400),
        "bins": run.pick(test=8, quick=32, paper=60),
    }
    return run.map("spectrum", _spectrum_unit, [{"rate": r, **setting} for r in (0.0, 0.5, 0.75)])


@figure(
    "mask_spectrum",
    compute=compute_mask_spectrum,
    title="Eigenvalues against the mask rate",
    alt="Three panels with histograms of the eigenvalues of the learned matrix at growing mask "
    "rate and a line through each. One coordinate at a time gives a long tail to the left and "
    "eigenvalues below one; at the higher rates the tail is gone, the bulk spans about one unit "
    "to either side of zero, and one eigenvalue, marked by an arrow, stands apart beyond one.",
    caption="Density of the eigenvalues: bars of one simulated data set, lines from theory; arrow: "
    "predicted place of the signal's eigenvalue. Noise of variance 1 and 10, flat signal of "
    "strength 8, ridge 0.05, n = 1.5 d.",
    chapter=CHAPTER,
    seed=17007,
)
def draw_mask_spectrum(data: Table) -> Figure:
    """Draw one panel a rate."""
    fig = Figure(figsize=(5.8, 2.6))
    axes = fig.subplots(1, 3)
    for ax, (rate, rows) in zip(axes, data.groups("rate"), strict=True):
        bars, line = rows.where(witness="measured"), rows.where(witness="theory")
        histogram(ax, bars["left"], bars["right"], bars["height"], "density", "one draw")
        theory_line(ax, line["left"], line["height"], "density", "theory")
        place, top = rows.where(witness="outlier")["left"][0], line["height"].max()
        ax.annotate("", (place, 0.02 * top), (place, 0.3 * top), arrowprops={"arrowstyle": "->"})
        name = "one at a time" if rate == 0 else f"p = {rate:g}"
        ax.set(title=name, xlabel="eigenvalue $a$", ylim=(0, 1.15 * top))
    axes[0].set_ylabel("density")
    axes[0].legend(loc="upper left", fontsize="small")
    return fig


# diag(S) for diag(Sigma) -------------------------------------------------------------------------

QUANTITIES = {
    "variance": ("reference", "a variance, largest change"),
    "coefficient": ("test", "matrix, operator norm"),
    "error": ("ar1", "mean test error"),
}


def _diagonal_unit(rng, *, n, trials) -> Table:
    model, ridge, rate = unequal_world(n // 2), 0.1, 0.5
    bound = diagonal_replacement_bound(model.diagonal(), n, ridge, rate)
    seen = measure_diagonal_replacement(model, n, ridge, rate, trials=trials, rng=rng, n_jobs=1)
    rows = [("bound", k, getattr(bound, k)) for k in ("variance", "coefficient")]
    rows += [("measured", k, abs(getattr(seen, k))) for k in QUANTITIES]
    witness, quantity, value = map(list, zip(*rows, strict=True))
    return Table({"n": n, "witness": witness, "quantity": quantity, "change": value})


def compute_mask_diagonal(run: Run) -> Table:
    """Bound and measurement over n at fixed d/n."""
    sizes = run.pick(test=(20, 40), quick=(60, 120, 240, 480), paper=(60, 120, 240, 480, 960, 1920))
    trials = run.pick(test=2, quick=4, paper=10)
    return run.map("diagonal", _diagonal_unit, [{"n": n, "trials": trials} for n in sizes])


@figure(
    "mask_diagonal",
    compute=compute_mask_diagonal,
    title="What the replacement of the sample variances costs",
    alt="Relative changes against the number of samples, on logarithmic axes. Two lines, the "
    "bounds on a variance and on the matrix, fall. The points of the variances lie close to their "
    "bound, at most by a factor of two below it; those of the matrix lie far below theirs. Points "
    "of the mean test error lie far lower still.",
    caption="Relative change when the population's variances take the place of the sample's in "
    "the masks' penalty; d = n/2, rate one half, ridge 0.1. Lines: bounds that hold with "
    "probability 95 per cent at least. Points: the largest over the trials, and for the error the "
    "absolute mean over the trials.",
    chapter=CHAPTER,
    seed=17008,
)
def draw_mask_diagonal(data: Table) -> Figure:
    """Draw bounds as lines and measurements as points."""
    fig = Figure(figsize=(4.6, 3.4))
    ax = fig.subplots()
    for quantity, (look, label) in QUANTITIES.items():
        points = data.where(witness="measured", quantity=quantity)
        measured(ax, points["n"], points["change"], None, look, label)
        if quantity != "error":
            line = data.where(witness="bound", quantity=quantity)
            theory_line(ax, line["n"], line["change"], look)
    sizes = data.unique("n")
    ax.set(xscale="log", yscale="log", xlabel="samples $n$ ($d = n/2$)", ylabel="relative change")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=1)
    return fig
