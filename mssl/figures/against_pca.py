"""Figures of the chapter that holds masked regression against principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mssl.baselines import (
    factor_precision,
    hidden_error,
    leading_directions,
    pca_precision,
)
from mssl.covariance import AR1, Blocks, Circulant, Covariance, Dense, Diagonal, Scaled, Spiked
from mssl.datasets import patch_population
from mssl.figures.error import power_law
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors, direct_label, measured, shade, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import optimal_ridge
from mssl.theory.noise_curves import Noise, noise_curve, threshold

__all__ = [
    "GAMMAS",
    "RIDGE",
    "WORLDS",
    "map_grid",
    "map_marks",
    "noisy_patches",
    "reconstruction_world",
    "winners",
]

CHAPTER = "against_pca"
#: d/n on either side of n = d.
GAMMAS = (2.0 / 3.0, 2.0)
#: The ridge of masked regression in the maps, in units of the quiet noise.
RIDGE = 0.1
#: Ratio of loud to quiet noise where it does not vary.
RATIO = 10.0
#: Overlaps closer than this count as equal, and below FAINT nothing is seen.
TIE, FAINT = 0.02, 0.1

METHODS = ("masked_regression", "correlation_pca", "pca")
NAMES = {
    "masked_regression": "masked regression",
    "correlation_pca": "correlation PCA",
    "pca": "PCA",
    "factor_analysis": "factor analysis",
    "oracle": "oracle",
}
CALLS = {
    "masked_regression": "regression",
    "correlation_pca": "correlation",
    "pca": "pca",
    "factor_analysis": "factor",
}


def _curve(method, noise, gamma, ridge=RIDGE):
    return noise_curve(method, noise, gamma, ridge if method == "masked_regression" else None)


def _best(overlaps) -> np.ndarray:
    return np.max(list(overlaps.values()), axis=0)


def _levels(d: int, ratio: float) -> np.ndarray:
    """Noise that is quiet on even and loud on odd coordinates."""
    return np.where(np.arange(d) % 2 == 0, 1.0, ratio)


def _flat(d: int, on=None) -> np.ndarray:
    u = np.zeros(d)
    u[slice(None) if on is None else on] = 1.0
    return u / np.linalg.norm(u)


def _measure(world: Covariance, u, n, methods, trials, rng, ridge=RIDGE) -> dict[str, np.ndarray]:
    """Best squared cosine of the first direction of each method with u, of every trial."""

    def trial(generator):
        X = world.sample(n, generator)
        found = []
        for method in methods:
            option = {"ridge": ridge} if method == "masked_regression" else {}
            found.append(leading_directions(X, CALLS[method], **option)[0].overlaps(u).max())
        return found

    columns = np.array(run_trials(trial, trials, rng)).T
    return dict(zip(methods, columns, strict=True))


# Thresholds against the ratio of the noise -------------------------------------------------------

RIDGES = (1e-3, 0.1, 10.0)


def _threshold_unit(rng, *, gamma, ratios) -> Table:
    rows = []
    for ratio in ratios:
        noise = Noise.two_levels(ratio)
        unit = np.sqrt(gamma)
        for method in METHODS[1:]:
            rows.append((method, 0.0, ratio, threshold(method, noise, gamma) / unit))
        for ridge in RIDGES:
            value = threshold("masked_regression", noise, gamma, ridge) / unit
            rows.append(("masked_regression", ridge, ratio, value))
    method, ridge, ratio, value = zip(*rows, strict=True)
    return Table(
        {"gamma": gamma, "method": method, "ridge": ridge, "ratio": ratio, "threshold": value}
    )


def compute_threshold_ratio(run: Run) -> Table:
    """Thresholds of a flat signal for all methods against the ratio of loud to quiet noise."""
    ratios = tuple(np.geomspace(1.0, 100.0, run.pick(test=5, quick=41, paper=81)).tolist())
    return run.map("theory", _threshold_unit, [{"gamma": g, "ratios": ratios} for g in GAMMAS])


@figure(
    "threshold_ratio",
    compute=compute_threshold_ratio,
    title="Threshold against the noise ratio",
    alt="Two panels on logarithmic axes, for fewer and for more coordinates than samples. The "
    "threshold of PCA rises in proportion to the noise ratio. That of correlation PCA levels off "
    "at two. Masked regression lies between them: on correlation PCA for the smallest ridge when "
    "samples outnumber coordinates, between the two otherwise, and nearer PCA for a large ridge.",
    caption="Threshold of a flat signal over the threshold at r = 1, when half of the coordinates "
    "have noise of variance 1 and half of variance r. All lines are theory; for masked regression "
    "the darker the line, the smaller the ridge (0.001, 0.1, 10). The line of correlation PCA is "
    "also that of whitening with the known variances.",
    chapter=CHAPTER,
    seed=7001,
)
def draw_threshold_ratio(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 3.7))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (gamma, rows) in zip(axes, data.groups("gamma"), strict=True):
        for method, part in rows.groups("method"):
            for k, (_, line) in enumerate(part.groups("ridge")):
                level = 1.0 - 0.45 * k
                theory_line(ax, line["ratio"], line["threshold"], method, level=level)
        ax.set(xscale="log", yscale="log", xlabel="noise ratio r", title=f"d/n = {gamma:.3g}")
        ax.set_yticks([1, 2, 5, 10, 20, 50], [f"{v}" for v in (1, 2, 5, 10, 20, 50)])
        ax.set_xticks([1, 10, 100], ["1", "10", "100"])
        ax.minorticks_off()
        ax.set_ylim(0.9, 130)
    axes[0].set_ylabel(r"threshold / $\sqrt{d/n}$")
    first = data.where(gamma=data["gamma"][0])

    def at(method, ridge, ratio):
        line = first.where(method=method, ridge=ridge)
        k = int(np.argmin(np.abs(np.log(line["ratio"] / ratio))))
        return line["ratio"][k], line["threshold"][k]

    direct_label(axes[0], *at("pca", 0.0, 12), "PCA", "pca", offset=(-8, 6), align="right")
    direct_label(
        axes[0], *at("correlation_pca", 0.0, 100), "correlation PCA", "correlation_pca",
        offset=(0, -12), align="right",
    )  # fmt: skip
    direct_label(
        axes[0], *at("masked_regression", 0.1, 100), "masked regression", "masked_regression",
        offset=(0, 12), align="right",
    )  # fmt: skip
    return fig


# Overlap against strength ------------------------------------------------------------------------


def _overlap_theory(rng, *, gamma, ratio, strengths) -> Table:
    rows = []
    for method in METHODS:
        strength, overlaps = _curve(method, Noise.two_levels(ratio), gamma).spread_signal()
        value = np.interp(strengths, strength, _best(overlaps), left=0.0)
        rows.append(_strength_table(gamma, "theory", method, strengths, value, np.nan))
    return Table.concat(rows)


def _strength_table(panel, witness, method, strength, overlap, error) -> Table:
    return Table(
        {
            "panel": panel,
            "witness": witness,
            "method": method,
            "strength": strength,
            "overlap": overlap,
            "standard_error": error,
        }
    )


def _overlap_measured(rng, *, gamma, ratio, d, strength, trials) -> Table:
    u = _flat(d)
    world = Spiked(Diagonal(_levels(d, ratio)), strength, u[:, None])
    methods = (*METHODS, "factor_analysis")
    found = _measure(world, u, round(d / gamma), methods, trials, rng)
    return Table.concat(
        _strength_table(gamma, "measured", m, strength, *mean_and_error(found[m])) for m in methods
    )


def compute_overlap_methods(run: Run) -> Table:
    """Overlap of each method with a flat signal in unequal noise, against its strength."""
    d = run.pick(test=40, quick=140, paper=1000)
    trials = run.pick(test=2, quick=4, paper=30)
    few = {
        GAMMAS[0]: np.geomspace(0.7, 24.0, run.pick(test=3, quick=5, paper=10)),
        GAMMAS[1]: np.geomspace(1.6, 40.0, run.pick(test=3, quick=5, paper=10)),
    }
    many = np.geomspace(0.5, 50.0, run.pick(test=20, quick=200, paper=400))
    return Table.concat(
        [
            run.map(
                "theory",
                _overlap_theory,
                [{"gamma": g, "ratio": RATIO, "strengths": many} for g in GAMMAS],
            ),
            run.map(
                "measured",
                _overlap_measured,
                [
                    {"gamma": g, "ratio": RATIO, "d": d, "strength": float(s), "trials": trials}
                    for g in GAMMAS
                    for s in few[g]
                ],
            ),
        ]
    )


@figure(
    "overlap_methods",
    compute=compute_overlap_methods,
    title="Overlap against strength in unequal noise",
    alt="Two panels show the overlap with a flat signal against its strength. For more samples "
    "than coordinates masked regression and correlation PCA rise together and PCA far later. For "
    "fewer samples correlation PCA rises first, masked regression second and PCA last. Points of "
    "factor analysis lie near those of correlation PCA, and measured points lie on the lines.",
    caption="Squared cosine between the first direction of each method and a flat signal, noise of "
    "variance 1 on half of the coordinates and 10 on the others, ridge 0.1. Of filter, eigenvector "
    "and pattern each method is credited with the best. Lines are theory, points the mean over "
    "independent trials with one standard error. Factor analysis has no line: it is measured only.",
    chapter=CHAPTER,
    seed=7002,
    missing=("standard_error",),
)
def draw_overlap_methods(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (gamma, rows) in zip(axes, data.groups("panel"), strict=True):
        _draw_overlaps(ax, rows)
        ax.set(xlabel="strength", title=f"d/n = {gamma:.3g}")
    axes[0].set_ylabel("overlap with the signal")
    _method_legend(fig, (*METHODS, "factor_analysis"))
    return fig


def _draw_overlaps(ax, rows: Table) -> None:
    for witness, part in rows.groups("witness"):
        for method, line in part.groups("method"):
            if witness == "theory":
                theory_line(ax, line["strength"], line["overlap"], method)
            else:
                measured(ax, line["strength"], line["overlap"], line["standard_error"], method)
    ax.set(xscale="log", ylim=(-0.02, 1.02))
    low, high = rows["strength"].min(), rows["strength"].max()
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50) if low * 0.99 <= t <= high * 1.01]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


_SYMBOLS = {"masked_regression": "o", "correlation_pca": "D", "pca": "s", "factor_analysis": "^"}


def _method_legend(fig, methods: Sequence[str], lines: bool = True) -> None:
    handles = [
        Line2D(
            [], [], color=colors[m], marker=_SYMBOLS.get(m, "v"),
            linestyle="-" if lines and m in METHODS else "none", label=NAMES[m],
        )
        for m in methods
    ]  # fmt: skip
    columns = 2 if len(handles) == 4 else len(handles)
    fig.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2)


# Overlap against the ridge -----------------------------------------------------------------------

READINGS = ("right", "symmetric", "left")


def _ridge_theory(rng, *, gamma, strength, ridges) -> Table:
    noise = Noise.two_levels(RATIO)
    rows = []
    for ridge in ridges:
        grown, overlaps = _curve("masked_regression", noise, gamma, ridge).spread_signal()
        for which in READINGS:
            value = float(np.interp(strength, grown, overlaps[which], left=0.0))
            rows.append(("masked_regression", which, ridge, value))
    for method in METHODS[1:]:
        grown, overlaps = _curve(method, noise, gamma).spread_signal()
        value = float(np.interp(strength, grown, _best(overlaps), left=0.0))
        rows += [(method, "best", ridge, value) for ridge in (ridges[0], ridges[-1])]
    method, which, ridge, value = zip(*rows, strict=True)
    return Table(
        {
            "gamma": gamma,
            "strength": strength,
            "witness": "theory",
            "method": method,
            "which": which,
            "ridge": ridge,
            "overlap": value,
            "standard_error": np.nan,
        }
    )


def _ridge_measured(rng, *, gamma, strength, ridges, d, trials) -> Table:
    u = _flat(d)
    world = Spiked(Diagonal(_levels(d, RATIO)), strength, u[:, None])

    def trial(generator):
        X = world.sample(round(d / gamma), generator)
        found = [leading_directions(X, "regression", ridge=r)[0].overlaps(u) for r in ridges]
        return found

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    rows = [
        ("masked_regression", which, ridge, mean[i, j], error[i, j])
        for i, ridge in enumerate(ridges)
        for j, which in enumerate(READINGS)
    ]
    best = optimal_ridge(world, round(d / gamma)).ridge
    rows.append(("masked_regression", "best for prediction", best, 0.0, np.nan))
    method, which, ridge, value, error = zip(*rows, strict=True)
    return Table(
        {
            "gamma": gamma,
            "strength": strength,
            "witness": "measured",
            "method": method,
            "which": which,
            "ridge": ridge,
            "overlap": value,
            "standard_error": error,
        }
    )


def compute_overlap_ridge(run: Run) -> Table:
    """Overlap of masked regression against its ridge, beside the methods without one."""
    d = run.pick(test=40, quick=240, paper=1000)
    trials = run.pick(test=2, quick=4, paper=30)
    many = tuple(np.geomspace(1e-3, 1e3, run.pick(test=5, quick=41, paper=121)).tolist())
    few = tuple(np.geomspace(3e-3, 3e2, run.pick(test=2, quick=6, paper=11)).tolist())
    settings = [{"gamma": GAMMAS[0], "strength": 4.0}, {"gamma": GAMMAS[1], "strength": 10.0}]
    return Table.concat(
        [
            run.map("theory", _ridge_theory, [{**s, "ridges": many} for s in settings]),
            run.map(
                "measured",
                _ridge_measured,
                [{**s, "ridges": few, "d": d, "trials": trials} for s in settings],
            ),
        ]
    )


@figure(
    "overlap_ridge",
    compute=compute_overlap_ridge,
    title="Overlap against the ridge",
    alt="Two panels show the overlap of masked regression with a flat signal against the ridge, "
    "for filter, eigenvector and pattern, beside horizontal lines of correlation PCA and PCA. The "
    "curves start flat, near correlation PCA for more samples than coordinates and below it for "
    "fewer, and fall to zero, where PCA is, near a ridge of one or ten. A vertical line marks the "
    "ridge that predicts best; it lies to the right of the fall.",
    caption="Squared cosine with a flat signal (strength 4 and 10) against the ridge, in noise of "
    "variances 1 and 10. Solid: filter; dashed: eigenvector; dotted: pattern of masked regression. "
    "Lines are theory, points measurements with one standard error. Grey: the ridge of the "
    "least test error, where nothing is detected.",
    chapter=CHAPTER,
    seed=7003,
    missing=("standard_error",),
)
def draw_overlap_ridge(data: Table) -> Figure:
    """Draw one panel a ratio d/n."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    styles = {"right": "-", "symmetric": "--", "left": ":"}
    for ax, (gamma, rows) in zip(axes, data.groups("gamma"), strict=True):
        theory = rows.where(witness="theory")
        for method in METHODS[1:]:
            line = theory.where(method=method)
            theory_line(ax, line["ridge"], line["overlap"], method)
        own = rows.where(method="masked_regression")
        for k, which in enumerate(READINGS):
            line = own.where(witness="theory", which=which)
            level = 1.0 - 0.3 * k
            theory_line(
                ax, line["ridge"], line["overlap"], "masked_regression",
                line=styles[which], level=level,
            )  # fmt: skip
            points = own.where(witness="measured", which=which)
            measured(
                ax, points["ridge"], points["overlap"], points["standard_error"],
                "masked_regression", level=level,
            )  # fmt: skip
        chosen = own.where(which="best for prediction")["ridge"][0]
        ax.axvline(chosen, color=colors["reference"], linewidth=1.2, zorder=1)
        ax.set(
            xscale="log", xlabel="ridge", ylim=(-0.02, 1.02),
            title=f"d/n = {gamma:.3g}, strength {rows['strength'][0]:g}",
        )  # fmt: skip
        ax.set_xlim(7e-4, 8e3)
        ax.set_xticks([1e-2, 1, 1e2], ["0.01", "1", "100"])
        ax.minorticks_off()
    axes[0].set_ylabel("overlap with the signal")
    styles_shown = [("filter", "-", 1.0), ("eigenvector", "--", 0.7), ("pattern", ":", 0.4)]
    handles = [
        Line2D([], [], color=shade("masked_regression", level), linestyle=line, label=name)
        for name, line, level in styles_shown
    ]
    handles += [Line2D([], [], color=colors[m], label=NAMES[m]) for m in METHODS[1:]]
    handles.append(Line2D([], [], color=colors["reference"], label="best for prediction"))
    fig.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return fig


# Maps: who wins where ----------------------------------------------------------------------------


def _map_table(panel, witness, x, strength, found, errors=None) -> Table:
    return Table.concat(
        Table(
            {
                "panel": panel,
                "witness": witness,
                "method": method,
                "x": x,
                "strength": strength,
                "overlap": found[method],
                "standard_error": errors[method] if errors else np.nan,
            }
        )
        for method in METHODS
    )


def _map_measured(rng, *, panel, gamma, ratio, size, x, strength, d, trials) -> Table:
    """Measured overlaps at one place of a map; size 0 stands for a flat signal."""
    u = _flat(d, slice(0, 2 * size, 2) if size else None)
    world = Spiked(Diagonal(_levels(d, ratio)), strength, u[:, None])
    values = _measure(world, u, round(d / gamma), METHODS, trials, rng)
    pairs = {m: mean_and_error(values[m]) for m in METHODS}
    return _map_table(
        panel, "measured", x, strength,
        {m: p[0] for m, p in pairs.items()}, {m: p[1] for m, p in pairs.items()},
    )  # fmt: skip


def _noise_map(rng, *, panel, gamma, ratios, strengths) -> Table:
    tables = []
    for ratio in ratios:
        found = {}
        for method in METHODS:
            grown, overlaps = _curve(method, Noise.two_levels(ratio), gamma).spread_signal()
            found[method] = np.interp(strengths, grown, _best(overlaps), left=0.0)
            tables.append(_border(panel, method, ratio, grown[0]))
        tables.append(_map_table(panel, "theory", ratio, np.array(strengths), found))
    return Table.concat(tables)


def _border(panel, method, x, strength) -> Table:
    """A threshold: the strength from which a method sees anything, infinite if it never does."""
    return Table(
        {
            "panel": panel,
            "witness": "threshold",
            "method": method,
            "x": [float(x)],
            "strength": float(strength),
            "overlap": 0.0,
            "standard_error": np.nan,
        }
    )


def _panel(gamma: float, ratio: float | None = None) -> str:
    return f"d/n = {gamma:.3g}" + ("" if ratio is None else f", r = {ratio:g}")


def compute_map_noise(run: Run) -> Table:
    """Overlaps of three methods with a flat signal, over noise ratio and strength."""
    points = run.pick(test=6, quick=32, paper=80)
    ratios = tuple(np.geomspace(1.0, 30.0, points).tolist())
    strengths = tuple(np.geomspace(0.5, 50.0, points).tolist())
    d = run.pick(test=40, quick=150, paper=800)
    trials = run.pick(test=2, quick=3, paper=20)
    marks_x = (1.0, 2.5, 7.0, 20.0)[:: run.pick(test=3, quick=1, paper=1)]
    marks_y = (1.2, 3.0, 8.0, 25.0)[:: run.pick(test=3, quick=1, paper=1)]
    return Table.concat(
        [
            run.map(
                "theory",
                _noise_map,
                [
                    {"panel": _panel(g), "gamma": g, "ratios": ratios, "strengths": strengths}
                    for g in GAMMAS
                ],
            ),
            run.map(
                "measured",
                _map_measured,
                [
                    {
                        "panel": _panel(g), "gamma": g, "ratio": x, "size": 0, "x": x,
                        "strength": y, "d": d, "trials": trials,
                    }
                    for g in GAMMAS
                    for x in marks_x
                    for y in marks_y
                ],
            ),
        ]
    )  # fmt: skip


def winners(overlaps: np.ndarray, errors: np.ndarray | None = None) -> np.ndarray:
    """Which methods share the first place: a bit for each; 0 where nobody sees the signal.

    Parameters
    ----------
    overlaps : ndarray of shape (3, ...)
    errors : ndarray of shape (3, ...), optional
        Standard errors; a gap of less than two of them is a tie too.

    Returns
    -------
    ndarray of int
        Sum of 1, 2 and 4 for masked regression, correlation PCA and PCA.
    """
    best = overlaps.max(axis=0)
    band = np.full(best.shape, TIE)
    if errors is not None:
        band = np.maximum(band, 2.0 * np.hypot(errors, np.take_along_axis(
            errors, np.argmax(overlaps, axis=0)[None], axis=0)))  # fmt: skip
    code = ((overlaps >= best - band) * np.array([1, 2, 4]).reshape(-1, *[1] * best.ndim)).sum(0)
    return np.where(best < FAINT, 0, code)


def _blend(code: int, strength: float) -> str:
    """Colour of a set of methods, mixed with white."""
    if code == 0:
        return "#ffffff"
    if code == 7:
        rgb = np.full(3, 0.55)
    else:
        rgb = np.mean([to_rgb(colors[m]) for k, m in enumerate(METHODS) if code >> k & 1], axis=0)
    return to_hex(strength * rgb + (1 - strength))


_WINNERS = {
    0: "nobody",
    1: "masked regression",
    2: "correlation PCA",
    3: "masked, correlation",
    4: "PCA",
    5: "masked, PCA",
    6: "correlation, PCA",
    7: "all three",
}


def map_grid(rows: Table):
    """Axes and overlaps of the theory part of a map, of shape (3, n_y, n_x)."""
    theory = rows.where(witness="theory")
    x, y = np.array(theory.unique("x")), np.array(theory.unique("strength"))
    values = np.stack(
        [theory.where(method=m)["overlap"].reshape(len(x), len(y)).T for m in METHODS]
    )
    return x, y, values


def map_marks(rows: Table):
    """Places, overlaps and standard errors of the measured part of a map."""
    points = [rows.where(witness="measured", method=m) for m in METHODS]
    overlaps = np.stack([p["overlap"] for p in points])
    errors = np.stack([p["standard_error"] for p in points])
    return points[0]["x"], points[0]["strength"], overlaps, errors


def _draw_map(ax, rows: Table, codes: set[int]) -> None:
    x, y, values = map_grid(rows)
    code = winners(values)
    seen = sorted(set(code.ravel().tolist()))
    codes.update(seen)
    picture = np.array([[to_rgb(_blend(c, 0.45)) for c in row] for row in code])
    ax.pcolormesh(x, y, picture, shading="nearest", rasterized=True, zorder=0)
    styles = {"masked_regression": "-", "correlation_pca": "--", "pca": "-."}
    borders = rows.where(witness="threshold")
    for method, line in borders.groups("method"):
        theory_line(ax, line["x"], line["strength"], method, line=styles[method])
    px, py, overlaps, errors = map_marks(rows)
    for a, b, c in zip(px, py, winners(overlaps, errors), strict=True):
        codes.add(int(c))
        marker = {1: "o", 2: "D", 4: "s", 0: "x"}.get(int(c), "h")
        ax.plot(
            a, b, marker, markersize=8, markeredgecolor="white" if c else "#444444",
            markeredgewidth=0.9 if c else 1.6, color=_blend(c, 1.0), zorder=3, clip_on=False,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", ylim=(0.5, 50.0))


def _map_legend(fig, codes: set[int]) -> None:
    handles = []
    for c in sorted(codes):
        marker = {1: "o", 2: "D", 4: "s", 0: "x"}.get(c, "h")
        handles.append(
            Line2D(
                [], [], linestyle="none", marker=marker, markersize=8, label=_WINNERS[c],
                color="#444444" if c == 0 else _blend(c, 1.0),
            )
        )  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.0)


@figure(
    "map_noise",
    compute=compute_map_noise,
    title="Who sees a flat signal in unequal noise",
    alt="Two maps over noise ratio and strength. For more samples than coordinates masked "
    "regression ties with correlation PCA over most of the plane, all three tie at equal noise and "
    "at great strength, and below a line nobody sees the signal. For fewer samples correlation PCA "
    "alone wins a wide band. PCA wins nowhere alone. Measured marks have the colour beneath them "
    "except near borders.",
    caption="Colour: the method or methods with the largest overlap with a flat signal (within "
    "0.02), ridge 0.1, as theory predicts; white: no overlap reaches 0.1. Lines are thresholds: "
    "solid masked regression, dashed correlation PCA, dash-dotted PCA. Marks: the winner in "
    "simulation (within 0.02 or two standard errors).",
    chapter=CHAPTER,
    seed=7004,
    missing=("standard_error",),
)
def draw_map_noise(data: Table) -> Figure:
    """Draw one map a ratio d/n."""
    fig = Figure(figsize=(7.2, 4.6))
    axes = fig.subplots(1, 2, sharey=True)
    codes: set[int] = set()
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        _draw_map(ax, rows, codes)
        ax.set(xlabel="noise ratio r", title=panel)
        ax.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
        ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
    axes[0].set_ylabel("strength of the signal")
    _map_legend(fig, codes)
    return fig


def _local_map(rng, *, panel, gamma, ratio, sizes, strengths) -> Table:
    curves = {m: _curve(m, Noise.two_levels(ratio), gamma) for m in METHODS}
    strengths = np.array(strengths)
    tables = []
    for size in sizes:
        found = {m: _best(c.local_signal(strengths, size)[1]) for m, c in curves.items()}
        fine = np.geomspace(0.1, 1e3, 2000)
        for method, curve in curves.items():
            # Whether a signal leaves the bulk is decided at the edge, the first two points.
            edge = replace(curve, position=curve.position[:2], root=curve.root[:2], p=curve.p[:2])
            seen = np.isfinite(edge.local_signal(fine, size)[0])
            border = fine[np.argmax(seen)] if seen.any() else np.inf
            tables.append(_border(panel, method, size, border))
        tables.append(_map_table(panel, "theory", float(size), strengths, found))
    return Table.concat(tables)


LOCAL_PANELS = ((GAMMAS[0], RATIO), (GAMMAS[1], RATIO), (GAMMAS[0], 1.0))


def compute_map_local(run: Run) -> Table:
    """Overlaps of three methods with a signal on few coordinates, over number and strength."""
    sizes = run.pick(test=(1, 2, 8), quick=_SIZES, paper=_SIZES)
    strengths = tuple(np.geomspace(0.5, 50.0, run.pick(test=6, quick=60, paper=120)).tolist())
    d = run.pick(test=40, quick=150, paper=1200)
    trials = run.pick(test=2, quick=3, paper=20)
    marks_x = run.pick(test=(2,), quick=(1, 3, 10), paper=(1, 2, 4, 8, 16))
    marks_y = run.pick(test=(8.0,), quick=(1.2, 3.0, 8.0, 25.0), paper=(1.2, 3.0, 8.0, 25.0))
    settings = [{"panel": _panel(g, r), "gamma": g, "ratio": r} for g, r in LOCAL_PANELS]
    return Table.concat(
        [
            run.map(
                "theory",
                _local_map,
                [{**s, "sizes": sizes, "strengths": strengths} for s in settings],
            ),
            run.map(
                "measured",
                _map_measured,
                [
                    {**s, "size": x, "x": float(x), "strength": y, "d": d, "trials": trials}
                    for s in settings
                    for x in marks_x
                    for y in marks_y
                ],
            ),
        ]
    )


_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20)


@figure(
    "map_local",
    compute=compute_map_local,
    title="Who sees a signal on few coordinates",
    alt="Three maps over the number of coordinates that carry the signal and its strength. In "
    "unequal noise with more samples than coordinates masked regression wins alone for small "
    "supports of two or more; PCA wins on a single coordinate once it is strong enough. With fewer "
    "samples masked regression wins strong signals and correlation PCA weak ones. In equal noise "
    "PCA wins or ties everywhere.",
    caption="As the map before, for a signal that is flat on few quiet coordinates. Left, middle: "
    "noise of variances 1 and 10, on either side of n = d. Right: equal noise, where standardising "
    "and masking can only harm. Ridge 0.1; marks are simulations.",
    chapter=CHAPTER,
    seed=7005,
    missing=("standard_error",),
)
def draw_map_local(data: Table) -> Figure:
    """Draw one map a setting."""
    fig = Figure(figsize=(7.6, 4.6))
    axes = fig.subplots(1, 3, sharey=True)
    codes: set[int] = set()
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        _draw_map(ax, rows, codes)
        ax.set_title(panel.replace(", ", ",\n"))
        ax.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
    axes[1].set_xlabel("coordinates that carry the signal")
    axes[0].set_ylabel("strength of the signal")
    _map_legend(fig, codes)
    return fig


# Stationary and power-law worlds -----------------------------------------------------------------

_ALPHA = 1.0


def _ring(d: int, rho: float = 0.6):
    """A stationary process on a ring whose correlation falls like rho to the distance."""
    distance = np.minimum(np.arange(d), d - np.arange(d))
    return Circulant(rho**distance)


def _uneven(d: int) -> Diagonal:
    """Independent noise whose variances fall like a power, with mean one."""
    variances = (1.0 + np.arange(d)) ** -_ALPHA + 0.05
    return Diagonal(variances / variances.mean())


STATIONARY = {
    "AR(1) on a ring": _ring,
    "power-law spectrum": lambda d: power_law(d, 0.5),
    "power-law variances": _uneven,
}


def _levels_of(world, d) -> Noise:
    if isinstance(world, Diagonal):
        return Noise(world.diagonal(), np.full(d, 1.0 / d))
    values = np.linalg.eigvalsh(world.dense())
    # A shuffle of the eigenvalues of a stationary process: u holds the same of each mode.
    return Noise(np.maximum(values, 1e-9), np.full(d, 1.0 / d))


def _signs(d: int) -> np.ndarray:
    return np.random.default_rng(5).choice([-1.0, 1.0], d) / np.sqrt(d)


def _stationary_theory(rng, *, panel, d, gamma, strengths) -> Table:
    noise = _levels_of(STATIONARY[panel](d), d)
    tables = []
    for method in METHODS:
        # In a stationary world D is a multiple of the identity: the three methods are one.
        used = method if panel == "power-law variances" else "pca"
        grown, overlaps = _curve(used, noise, gamma, 0.02).spread_signal()
        value = np.interp(strengths, grown, _best(overlaps), left=0.0)
        tables.append(_strength_table(panel, "theory", method, strengths, value, np.nan))
    return Table.concat(tables)


def _stationary_measured(rng, *, panel, d, gamma, strength, trials) -> Table:
    u = _signs(d)
    world = Spiked(STATIONARY[panel](d), strength, u[:, None])
    found = _measure(world, u, round(d / gamma), METHODS, trials, rng, ridge=0.02)
    return Table.concat(
        _strength_table(panel, "measured", m, strength, *mean_and_error(found[m])) for m in METHODS
    )


def compute_stationary(run: Run) -> Table:
    """Overlaps in two stationary worlds and one of unequal variances."""
    d = run.pick(test=40, quick=160, paper=800)
    trials = run.pick(test=2, quick=4, paper=30)
    strengths = np.geomspace(0.5, 40.0, run.pick(test=10, quick=120, paper=240))
    few = np.geomspace(1.0, 30.0, run.pick(test=2, quick=4, paper=9))
    settings = [{"panel": name, "d": d, "gamma": GAMMAS[0]} for name in STATIONARY]
    return Table.concat(
        [
            run.map(
                "theory", _stationary_theory, [{**s, "strengths": strengths} for s in settings]
            ),
            run.map(
                "measured",
                _stationary_measured,
                [{**s, "strength": float(t), "trials": trials} for s in settings for t in few],
            ),
        ]
    )


@figure(
    "stationary",
    compute=compute_stationary,
    title="Stationary processes: a tie",
    alt="Three panels show overlap against strength. In the two stationary worlds the lines of "
    "masked regression, correlation PCA and PCA fall on one another, and so do the measured points "
    "up to their errors. In the third, with independent noise of power-law variances, correlation "
    "PCA and masked regression rise long before PCA.",
    caption="Squared cosine with a signal of random signs, d/n = 2/3, ridge 0.02, mean variance 1. "
    "Left and middle: stationary processes, where the three methods have the same eigenvectors in "
    "the limit. Right: independent noise with the variances of a power law. Lines are theory, "
    "points measurements with one standard error.",
    chapter=CHAPTER,
    seed=7006,
    missing=("standard_error",),
)
def draw_stationary(data: Table) -> Figure:
    """Draw one panel a world."""
    fig = Figure(figsize=(7.6, 3.7))
    axes = fig.subplots(1, 3, sharey=True)
    for ax, (panel, rows) in zip(axes, data.groups("panel"), strict=True):
        for method, width, line in (("pca", 6.0, "-"), ("correlation_pca", 3.5, "-"),
                                    ("masked_regression", 1.5, "-")):  # fmt: skip
            part = rows.where(witness="theory", method=method)
            ax.plot(part["strength"], part["overlap"], line, color=colors[method], linewidth=width)
        for k, method in enumerate(("pca", "correlation_pca", "masked_regression")):
            part = rows.where(witness="measured", method=method)
            shift = 1.0 + 0.07 * (k - 1)
            measured(ax, part["strength"] * shift, part["overlap"], part["standard_error"], method)
        ax.set(xscale="log", ylim=(-0.02, 1.02), title=panel)
        ax.title.set_fontsize(11)
        ax.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
        ax.minorticks_off()
    axes[1].set_xlabel("strength of the signal")
    axes[0].set_ylabel("overlap with the signal")
    _method_legend(fig, METHODS)
    return fig


# A global factor and local ones ------------------------------------------------------------------

SIZE = 10


def _order_theory(rng, *, ratio, gamma, shared) -> Table:
    noise = Noise.two_levels(ratio)
    tables = []
    for method in METHODS:
        curve = _curve(method, noise, gamma)
        strength = curve.spread_signal()[0]
        place = curve.local_signal(SIZE * np.array(shared), SIZE)[0]
        place = np.where(np.isnan(place), curve.position[0], place)
        # Strength of a flat factor whose eigenvalue is that of the local ones.
        border = np.exp(np.interp(place, curve.position, np.log(strength)))
        tables.append(_order_table(ratio, "theory", method, shared, border, np.nan))
    return Table.concat(tables)


def _order_table(ratio, witness, method, shared, border, error) -> Table:
    return Table(
        {
            "ratio": ratio,
            "witness": witness,
            "method": method,
            "shared": shared,
            "strength": border,
            "standard_error": error,
        }
    )


def _order_measured(rng, *, ratio, gamma, shared, method, d, trials, guess) -> Table:
    """Bisection for the strength at which the flat factor becomes the first direction."""
    n = round(d / gamma)
    # Signs that cancel in the group: the two factors are orthogonal, as they are in the limit.
    u = _flat(d) * np.where(np.arange(d) // 2 % 2 == 0, 1.0, -1.0)
    group = _flat(d, slice(0, 2 * SIZE, 2))
    quiet = Spiked(Diagonal(_levels(d, ratio)), SIZE * shared, group[:, None])
    option = {"ridge": RIDGE} if method == "masked_regression" else {}

    def trial(generator):
        X, scores = quiet.sample(n, generator), generator.standard_normal(n)
        low, high = np.log(guess / 4.0), np.log(guess * 4.0)
        for _ in range(7):  # the bracket shrinks to 2 %
            middle = 0.5 * (low + high)
            data = X + np.exp(0.5 * middle) * np.outer(scores, u)
            first = leading_directions(data, CALLS[method], **option)[0]
            global_first = first.overlaps(u)[1] > first.overlaps(group)[1]
            low, high = (low, middle) if global_first else (middle, high)
        return np.exp(0.5 * (low + high))

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _order_table(ratio, "measured", method, shared, mean, error)


def compute_global_local(run: Run) -> Table:
    """The strength from which a flat factor comes before local ones."""
    d = run.pick(test=80, quick=180, paper=1000)
    trials = run.pick(test=2, quick=2, paper=16)
    shared = np.geomspace(0.1, 10.0, run.pick(test=5, quick=60, paper=120))
    few = run.pick(test=(3.0,), quick=(0.4, 1.3, 4.0), paper=(0.3, 0.6, 1.2, 2.5, 5.0))
    theory = run.map(
        "theory",
        _order_theory,
        [{"ratio": r, "gamma": GAMMAS[0], "shared": shared} for r in (1.0, RATIO)],
    )
    settings = []
    for ratio in (1.0, RATIO):
        for method in METHODS:
            line = theory.where(ratio=ratio, method=method)
            for c in few:
                guess = float(np.exp(np.interp(c, line["shared"], np.log(line["strength"]))))
                if guess < 1.01 * line["strength"][0]:
                    continue  # the local factor is inside the bulk: there is no order to measure
                settings.append(
                    {
                        "ratio": ratio, "gamma": GAMMAS[0], "shared": c, "method": method,
                        "d": d, "trials": trials, "guess": guess,
                    }
                )  # fmt: skip
    return Table.concat([theory, run.map("measured", _order_measured, settings)])


@figure(
    "global_local",
    compute=compute_global_local,
    title="Which factor comes first",
    alt="Two panels, for equal and unequal noise, show the strength that a global factor needs "
    "to come before a local one, against the variance that the local group shares. The line of "
    "correlation PCA levels off. Those of PCA and masked regression go on rising; in equal noise "
    "they nearly coincide. In unequal noise the line of PCA is level for weak local factors and "
    "then rises; that of masked regression lies below its level part and above its rising part. "
    "Measured points lie near the lines.",
    caption="Ten quiet coordinates share a variance (horizontal axis); a global factor runs "
    "through all coordinates. Above its line, a method has the global factor as first direction; "
    "below, the local one. d/n = 2/3, ridge 0.1. Lines are theory, points the mean of "
    "bisections on simulated data with one standard error.",
    chapter=CHAPTER,
    seed=7007,
    missing=("standard_error",),
)
def draw_global_local(data: Table) -> Figure:
    """Draw one panel a noise ratio."""
    fig = Figure(figsize=(7.2, 3.9))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (ratio, rows) in zip(axes, data.groups("ratio"), strict=True):
        for method in METHODS:
            line = rows.where(witness="theory", method=method)
            theory_line(ax, line["shared"], line["strength"], method)
            points = rows.where(witness="measured", method=method)
            measured(ax, points["shared"], points["strength"], points["standard_error"], method)
        title = "equal noise" if ratio == 1 else f"noise ratio {ratio:g}"
        ax.set(xscale="log", yscale="log", xlabel="variance shared in a group", title=title)
        ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        ax.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        ax.minorticks_off()
    axes[0].set_ylabel("strength of the global factor")
    axes[0].text(0.12, 40, "global factor first", color="#444444")
    axes[0].text(9.5, 1.0, "local factor first", color="#444444", ha="right")
    _method_legend(fig, METHODS)
    return fig


# Reconstruction of a hidden coordinate -----------------------------------------------------------


def _spread_factor(d: int) -> Covariance:
    return Spiked(Diagonal(_levels(d, RATIO)), 20.0, _flat(d)[:, None])


def _equal_factor(d: int) -> Covariance:
    return Spiked(Diagonal(np.ones(d)), 10.0, _flat(d)[:, None])


def _local_factors(d: int) -> Covariance:
    groups = d // 4
    scales = np.where(np.arange(groups) % 2 == 0, 1.0, np.sqrt(RATIO))
    return Scaled(Blocks([4] * groups, 0.8, 1.0), np.repeat(scales, 4))


#: World of each panel of the comparison of reconstruction errors.
WORLDS = {
    "one factor, equal noise": _equal_factor,
    "one factor, unequal noise": _spread_factor,
    "groups of four": _local_factors,
    "AR(1), correlation 0.8": lambda d: AR1(d, 0.8),
    "power-law spectrum": power_law,
    "photographs": lambda d: patch_population(round(np.sqrt(d))),
}


def reconstruction_world(name: str, d: int):
    """One of the worlds of the comparison, at d coordinates."""
    return WORLDS[name](d)


RECONSTRUCTION = ("masked_regression", "pca", "correlation_pca", "factor_analysis")


# Fine enough not to miss a method's best rank, such as the number of the groups of four.
_RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18)
#: For factor analysis, whose fits are slow.
_FACTOR_RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 36, 48)


def _reconstruction_unit(rng, *, world, d, n, ranks, trials) -> Table:
    population = reconstruction_world(world, d)
    best = float(np.mean(1.0 / population.resolvent(0.0).diagonal))
    ridges = np.geomspace(1e-3, 30.0, 19)

    def trial(generator):
        X = population.sample(n, generator)
        S = X.T @ X / n

        def error(q):
            return float(np.mean(hidden_error(q, population)))

        def regression(ridge):
            return error(np.linalg.inv(S + ridge * np.eye(S.shape[0])))

        allowed = [r for r in ranks if r < min(X.shape)]
        own = [regression(r) for r in ridges]
        left_out = [MaskedRegression(ridge=r).fit(X).loo_error_ for r in ridges]
        chosen = ridges[int(np.argmin(left_out))]
        rows = {"masked_regression": (min(own), ridges[int(np.argmin(own))])}
        rows["chosen"] = (regression(chosen), chosen)
        for method in ("pca", "correlation_pca"):
            options = {"standardize": method == "correlation_pca"}
            errors = [error(pca_precision(X, r, **options)) for r in [0, *allowed]]
            rows[method] = (min(errors), [0, *allowed][int(np.argmin(errors))])
        # Without a factor the model is that of independent coordinates.
        errors = [error(pca_precision(X, 0, standardize=True))]
        tried = [0]
        for r in (r for r in allowed if r in _FACTOR_RANKS and r <= n // 2):
            errors.append(error(factor_precision(X, r)))
            tried.append(r)
            if n > d and errors[-1] > 1.15 * min(errors):
                break  # past the minimum; fits with many factors are slow
        rows["factor_analysis"] = (min(errors), tried[int(np.argmin(errors))])
        plain = [error(pca_precision(X, r, noise=False)) for r in allowed]
        rows["fill_in"] = (min(plain), allowed[int(np.argmin(plain))])
        return rows

    outcomes = run_trials(trial, trials, rng)
    tables = []
    for method in outcomes[0]:
        mean, spread = mean_and_error([o[method][0] / best for o in outcomes])
        tables.append(
            Table(
                {
                    "world": world,
                    "n": n,
                    "method": method,
                    "error": [mean],
                    "standard_error": spread,
                    "setting": float(np.median([o[method][1] for o in outcomes])),
                }
            )
        )
    return Table.concat(tables)


def compute_reconstruction(run: Run) -> Table:
    """Error of a hidden coordinate over the Bayes error, six worlds, five methods."""
    d = run.pick(test=16, quick=36, paper=144)
    trials = run.pick(test=2, quick=2, paper=20)
    ranks = run.pick(test=(1, 2), quick=_RANKS, paper=(*_RANKS, 24, 32, 36, 40, 48, 64))
    settings = [
        {"world": w, "d": d, "n": n, "ranks": ranks, "trials": trials}
        for w in WORLDS
        for n in (2 * d, d // 2)
    ]
    return run.map("measured", _reconstruction_unit, settings)


@figure(
    "reconstruction",
    compute=compute_reconstruction,
    title="Error of a hidden coordinate",
    alt="Two panels, for twice as many samples as coordinates and half as many, list six worlds "
    "from top to bottom and show the error of a hidden coordinate as a multiple of the Bayes error "
    "for each method. With one factor the others come closer to the Bayes error than masked "
    "regression. In groups of four correlation PCA and factor analysis are ahead of it with many "
    "samples and behind with few. In the autoregressive world, in the power-law world and on "
    "photographs masked regression is ahead.",
    caption="Test error of predicting a coordinate from all others over that of the best linear "
    "predictor. Ridge and rank are the best on a grid for each method, judged on the test error "
    "itself. Mean over independent trials with one standard error, mostly smaller than the marks.",
    chapter=CHAPTER,
    seed=7008,
)
def draw_reconstruction(data: Table) -> Figure:
    """Draw one panel a sample size, one row a world."""
    fig = Figure(figsize=(7.4, 4.6))
    sizes = data.unique("n")
    axes = fig.subplots(1, len(sizes), sharey=True)
    worlds = data.unique("world")
    for ax, n in zip(axes, sizes, strict=True):
        rows = data.where(n=n)
        for k, method in enumerate(RECONSTRUCTION):
            part = rows.where(method=method)
            place = np.arange(len(worlds)) + 0.16 * (k - 1.5)
            ax.errorbar(
                part["error"], place, xerr=part["standard_error"], fmt=_SYMBOLS[method],
                color=colors[method], markeredgecolor="white", markeredgewidth=0.6, zorder=3,
            )  # fmt: skip
        ax.axvline(1.0, color=colors["oracle"], linestyle=":", linewidth=1.5)
        ax.set(xscale="log", xlabel="error / Bayes error", title="n = 2d" if n == max(sizes) else
               "n = d/2")  # fmt: skip
        top = rows["error"].max()
        ticks = [t for t in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50) if t < 1.1 * top]
        if top > 4:
            ticks = [t for t in ticks if t in (1, 2, 5, 10, 20, 50)]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        for edge in np.arange(len(worlds) - 1) + 0.5:
            ax.axhline(edge, color="#dddddd", linewidth=0.8, zorder=0)
    axes[0].set_yticks(np.arange(len(worlds)), worlds)
    axes[0].invert_yaxis()
    _method_legend(fig, RECONSTRUCTION, lines=False)
    return fig


# Photographs with unequal noise ------------------------------------------------------------------

PATCH = 12
_LOUD = (0.02, 4.0)


class _NoisyPatches:
    """Patches plus independent Gaussian noise; offers what a population offers."""

    def __init__(self, variances):
        self.patches = patch_population(PATCH)
        self.variances = np.asarray(variances, dtype=float)
        self.d = self.patches.d

    def covariance(self) -> Dense:
        return Dense(self.patches.dense() + np.diag(self.variances))

    def sample(self, n, rng):
        clean = self.patches.sample(n, rng)
        return clean + rng.standard_normal((n, self.d)) * np.sqrt(self.variances)


@lru_cache(maxsize=1)
def noisy_patches() -> _NoisyPatches:
    """Patches with loud noise on a fixed random half of the pixels and faint noise elsewhere."""
    loud = np.random.default_rng(17).permutation(PATCH * PATCH) < PATCH * PATCH // 2
    return _NoisyPatches(np.where(loud, _LOUD[1], _LOUD[0]))


SHOWN = 4


def _patch_unit(rng, *, n, trials, ridge) -> Table:
    """How much of the clean patches' leading directions each method's directions hold."""
    world = noisy_patches()
    clean = np.linalg.eigh(world.patches.dense())[1][:, ::-1][:, :SHOWN]
    methods = (*METHODS, "factor_analysis")

    def held(vectors):
        basis = np.linalg.qr(np.stack(vectors, axis=1))[0]
        return np.sum((clean.T @ basis) ** 2, axis=1)

    def trial(generator):
        X = world.sample(n, generator)
        shares, vectors = [], []
        for method in methods:
            option = {"ridge": ridge} if method == "masked_regression" else {}
            found = leading_directions(X, CALLS[method], count=SHOWN, **option)
            readings = ("pattern", "symmetric", "filter")
            shares.append([held([getattr(f, r) for f in found]) for r in readings])
            vectors.append(np.stack([f.pattern / np.linalg.norm(f.pattern) for f in found]))
        return np.array(shares), np.array(vectors)

    outcomes = run_trials(trial, trials, rng)
    shares = np.array([o[0] for o in outcomes])
    pictures = outcomes[0][1]
    pixel = np.arange(PATCH * PATCH)
    tables = []
    for k in range(SHOWN):
        tables.append(_patch_table("clean", k, pixel, clean[:, k], 1.0, np.nan, 1.0))
        for i, method in enumerate(methods):
            share, error = mean_and_error(shares[:, i, 0, k])
            best = float(shares[:, i, :, k].mean(axis=0).max())
            sign = np.sign(pictures[i, k] @ clean[:, k]) or 1.0
            picture = sign * pictures[i, k]
            tables.append(_patch_table(method, k, pixel, picture, share, error, best))
    return Table.concat(tables)


def _patch_table(method, k, pixel, values, share, error, best) -> Table:
    return Table(
        {
            "method": method,
            "direction": k + 1,
            "pixel": pixel,
            "value": values,
            "share": share,
            "standard_error": error,
            "best_reading": best,
        }
    )


def compute_patches_noise(run: Run) -> Table:
    """Leading directions of noisy patches, beside those of the clean population."""
    n = run.pick(test=200, quick=432, paper=432)
    return run.map(
        "measured",
        _patch_unit,
        [{"n": n, "trials": run.pick(test=2, quick=4, paper=40), "ridge": 0.05}],
    )


@figure(
    "patches_noise",
    compute=compute_patches_noise,
    title="What each method sees in noisy photographs",
    alt="Five rows of four small pictures: the leading directions of clean patches, smooth waves, "
    "then those learned from noisy patches by masked regression, correlation PCA, PCA and factor "
    "analysis. Each picture carries the share of the clean direction that the learned ones hold. "
    "All hold the first. Masked regression and factor analysis show the next two waves under some "
    "noise; the pictures of PCA and correlation PCA are dominated by single loud pixels from the "
    "second on.",
    caption="Patterns of the first four directions learned from patches of 12 by 12 pixels, with "
    "noise of variance 4 on a random half of the pixels and 0.02 on the rest (mean variance of a "
    "clean pixel: 1). Numbers: the part of each clean direction that lies in the span of the four "
    "learned patterns, mean over trials. 432 patches, ridge 0.05.",
    chapter=CHAPTER,
    seed=7009,
    missing=("standard_error",),
)
def draw_patches_noise(data: Table) -> Figure:
    """Draw one row a method and one column a direction."""
    fig = Figure(figsize=(5.6, 7.2))
    order = ["clean", *METHODS, "factor_analysis"]
    axes = fig.subplots(len(order), 1)
    step = PATCH + 2  # two empty columns between pictures
    centres = step * np.arange(SHOWN) + 0.5 * (PATCH - 1)
    for i, method in enumerate(order):
        strip = np.full((PATCH, SHOWN * step - 2), np.nan)
        labels = []
        for k in range(SHOWN):
            rows = data.where(method=method, direction=k + 1)
            image = rows["value"].reshape(PATCH, PATCH)
            strip[:, k * step : k * step + PATCH] = image / np.abs(image).max()
            labels.append(f"{rows['share'][0]:.2f}" if i else f"{k + 1}")
        ax = axes[i]
        ax.imshow(strip, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
        ax.spines[:].set_visible(False)
        ax.set_xticks(centres, labels)
        ax.set_yticks([])
        ax.tick_params(length=0, top=False, bottom=False)
        if not i:
            ax.xaxis.tick_top()
        name = {"clean": "clean", "masked_regression": "masked\nregression",
                "correlation_pca": "correlation\nPCA", "pca": "PCA",
                "factor_analysis": "factor\nanalysis"}[method]  # fmt: skip
        ax.set_ylabel(name)
    return fig
