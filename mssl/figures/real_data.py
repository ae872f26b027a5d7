"""Figures of the chapter that meets real data: patches, handwritten digits and share prices."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.exceptions import ConvergenceWarning

# Only after this import does scikit-learn give out IterativeImputer.
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import Ridge

from mssl.baselines import pca_precision
from mssl.covariance import Dense
from mssl.datasets import PatchPopulation
from mssl.figures.error import patch_scales
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, colors, measured, theory_line
from mssl.figures.table import Table
from mssl.imputation import MaskedImputer, conditional_fill, punch_holes, single_fill
from mssl.learning_curve import learning_curve
from mssl.real_data import (
    DATA_SETS,
    digits,
    held_out_error,
    prices,
    real_data,
    split_moment,
    split_rows,
)
from mssl.regression import MaskedRegression, MaskedRegressionCV
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.theory import SSRTheory, elliptical_risk

__all__ = ["FILLERS", "GRID", "NAMES", "fill", "row_scales", "small_world"]

CHAPTER = "real_data"
NAMES = {
    "patches": "photographs",
    "patches_full": "photographs, 12 x 12",
    "digits": "digits",
    "digits_full": "digits, 28 x 28",
    "prices": "prices",
}
#: The ridges that leave-one-out chooses from, two to a factor of ten.
GRID = tuple(np.geomspace(1e-4, 1e2, 13).round(8).tolist())


def _world(name: str):
    if name == "patches_full":
        return real_data("patches", size=12)
    return digits(pool=1) if name == "digits_full" else real_data(name)


@cache
def row_scales(name: str, levels: int = 200) -> np.ndarray:
    """Return how unequal in scale the rows of a data set are, as equally likely values.

    Parameters
    ----------
    name : {"patches", "digits", "prices"}
    levels : int
        Number of values.

    Returns
    -------
    ndarray of shape (levels,)
        Increasing, of mean one.
    """
    world = real_data(name)
    if isinstance(world, PatchPopulation):
        return patch_scales(world.size, levels)
    values = np.array([part.mean() for part in np.array_split(np.sort(world.scales), levels)])
    return values / values.mean()


def _log_ticks(ax, axis: str, ticks) -> None:
    low, high = sorted(getattr(ax, f"get_{axis}lim")())
    shown = [t for t in ticks if low <= t <= high]
    getattr(ax, f"set_{axis}ticks")(shown, [f"{t:g}" for t in shown])
    ax.minorticks_off()


# What is learned ----------------------------------------------------------------------------------


def _matrix_unit(rng, *, name, n) -> Table:
    """The learned matrix, and the column of one coordinate of it."""
    world = real_data(name)
    train, _ = split_moment(world, n, rng)
    coef = _chosen(train).coef_
    d = world.d
    row, column = np.divmod(np.arange(d * d), d)
    tables = [_matrix_table(name, "matrix", row, column, coef.ravel(), -1, -1)]
    if isinstance(world, PatchPopulation):
        places, width = np.arange(d), world.size
    else:
        places, width = world.places, world.shape[1]
    if name == "prices":
        best = int(np.argmax(np.sum(coef * (world.moment @ coef), axis=0)))
        weights = np.sort(np.delete(coef[:, best], best))[::-1]
        order = np.arange(d - 1)
        tables.append(_matrix_table(name, "column", 0 * order, order, weights, 0, best))
    else:
        y, x = np.divmod(places, width)
        middle = (width - 1) // 2
        best = int(np.argmin((y - middle) ** 2 + (x - middle) ** 2))
        tables.append(_matrix_table(name, "column", y, x, coef[:, best], y[best], x[best]))
    return Table.concat(tables)


def _matrix_table(name, part, row, column, weight, target_row, target_column) -> Table:
    return Table(
        {
            "world": name,
            "part": part,
            "row": row,
            "column": column,
            "target_row": int(target_row),
            "target_column": int(target_column),
            "weight": np.round(weight, 5),
        }
    )


def _chosen(train) -> MaskedRegressionCV:
    """Masked regression at the ridge of leave-one-out; an end of the grid is an answer here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return MaskedRegressionCV(ridges=GRID).fit(train)


def compute_real_matrices(run: Run) -> Table:
    """Learned matrices of the three data sets at the ridge of leave-one-out."""
    n = run.pick(test=200, quick=1000, paper=1000)
    return run.map("matrix", _matrix_unit, [{"name": name, "n": n} for name in DATA_SETS])


@figure(
    "real_matrices",
    compute=compute_real_matrices,
    title="What is learned from three kinds of data",
    alt="Two rows of three pictures. Above, the learned matrices: bands along the diagonal for "
    "photographs and digits, where neighbours in the picture predict each other, and a pale "
    "texture with a few strong spots for prices. Below, single columns: a pixel of a photograph "
    "leans on its direct neighbours, a pixel of a digit on its neighbours with weaker weights "
    "around, and a share on very few others with large weights among many small ones.",
    caption="Top: the learned matrix of each data set at the ridge of leave-one-out; blue is "
    "positive, red negative, and white zero. Bottom: one column of it, as the picture of the "
    "weights that predict the framed pixel, and for prices as the sorted weights that predict one "
    "share from the others.",
    chapter=CHAPTER,
    seed=9001,
)
def draw_real_matrices(data: Table) -> Figure:
    """Draw matrices above and one column of each below."""
    fig = Figure(figsize=(7.2, 5.2))
    axes = fig.subplots(2, 3)
    for j, (name, rows) in enumerate(data.groups("world")):
        part = rows.where(part="matrix")
        d = int(part["row"].max()) + 1
        matrix = part["weight"].reshape(d, d)
        top = np.quantile(np.abs(matrix), 0.998)
        axes[0, j].imshow(matrix, cmap="RdBu", vmin=-top, vmax=top)
        axes[0, j].set(title=f"{NAMES[name]}, d = {d}", xticks=[], yticks=[])
        axes[0, j].spines[:].set_visible(True)
        column = rows.where(part="column")
        ax = axes[1, j]
        if name == "prices":
            ax.bar(column["column"], column["weight"], width=1.0, color=colors["test"])
            ax.axhline(0.0, color="#444444", linewidth=0.8)
            ax.set(xlabel="other shares, sorted", ylabel="weight")
            continue
        image = np.full((column["row"].max() + 1, column["column"].max() + 1), np.nan)
        image[column["row"], column["column"]] = column["weight"]
        top = np.abs(column["weight"]).max()
        ax.imshow(image, cmap="RdBu", vmin=-top, vmax=top)
        y, x = column["target_row"][0], column["target_column"][0]
        ax.plot(
            [x - 0.5, x + 0.5, x + 0.5, x - 0.5, x - 0.5],
            [y - 0.5, y - 0.5, y + 0.5, y + 0.5, y - 0.5],
            color="black",
            linewidth=1.5,
        )
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel("weights of one column")
    return fig


# Spectra ------------------------------------------------------------------------------------------


@cache
def small_world(name: str):
    """Return a data set at the smaller size of the costly figures.

    Parameters
    ----------
    name : {"patches", "digits", "prices"}

    Returns
    -------
    PatchPopulation or RealTable
        Patches of 5 x 5 pixels, digits of 7 x 7 pixels, all prices.
    """
    if name == "patches":
        return real_data(name, size=5)
    return digits(pool=4) if name == "digits" else prices()


_SPECTRUM_RIDGE = {"patches": 0.05, "digits": 0.1, "prices": 2.0}


def _eigenvalues(X, ridge) -> np.ndarray:
    """Eigenvalues of the learned matrix, ascending; they are real."""
    model = MaskedRegression(ridge=ridge).fit(X)
    root = np.sqrt(model.D_)
    return np.linalg.eigvalsh(model.coef_ * root / root[:, None])


def _distance(values, cdf) -> float:
    """Largest distance of two distribution functions."""
    order = np.sort(values)
    exact = cdf(order)
    steps = np.arange(len(order) + 1) / len(order)
    return float(max(np.max(steps[1:] - exact), np.max(exact - steps[:-1])))


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
        distances = [_distance(values, spectrum.cdf) for values in found]
        mean, error = mean_and_error(distances)
        tables.append(_spectrum_table(name, f"distance {witness}", mean, error))
    return Table.concat(tables)


def _spectrum_table(name, witness, x, y) -> Table:
    return Table({"world": name, "witness": witness, "x": np.atleast_1d(x), "y": np.atleast_1d(y)})


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
    chapter=CHAPTER,
    seed=9002,
)
def draw_real_spectra(data: Table) -> Figure:
    """Draw one panel a data set."""
    fig = Figure(figsize=(7.2, 3.2))
    axes = np.atleast_1d(fig.subplots(1, len(data.unique("world")), sharey=True))
    for ax, (name, rows) in zip(axes, data.groups("world"), strict=True):
        line, points = rows.where(witness="theory"), rows.where(witness="measured")
        theory_line(ax, line["x"], line["y"], "density")
        measured(ax, points["x"], points["y"], None, "density")
        ax.set(xlabel="eigenvalue", title=NAMES[name], ylim=(-0.02, 1.02))
    axes[0].set_ylabel("share below")
    return fig


# Errors -------------------------------------------------------------------------------------------

PLAIN, SCALED, CURVE = "theory, covariance", "theory, unequal scales", "theory, from all rows"
FIXED_RIDGE = {"patches": 0.03, "digits": 0.1, "prices": 1.0}


def _whole_table(world, rng) -> np.ndarray:
    return world.sample(5000, rng) if isinstance(world, PatchPopulation) else world.rows


def _theory_unit(rng, *, name, panel, pairs) -> Table:
    world, scales = real_data(name), row_scales(name)
    rows = _whole_table(world, rng)
    plain = [SSRTheory(world.covariance, n, ridge).test_error for n, ridge in pairs]
    scaled = [elliptical_risk(world.covariance, n, r, scales).test_error for n, r in pairs]
    if panel == "ridge":
        curve = learning_curve(rows, pairs[0][0], [r for _, r in pairs]).test_errors
    else:
        curve = [learning_curve(rows, n, [r]).test_errors[0] for n, r in pairs]
    return Table.concat(
        _error_table(name, panel, witness, pairs, error, np.nan)
        for witness, error in ((PLAIN, plain), (SCALED, scaled), (CURVE, curve))
    )


def _error_table(name, panel, witness, pairs, error, standard_error) -> Table:
    return Table(
        {
            "world": name,
            "panel": panel,
            "witness": witness,
            "n": [n for n, _ in pairs],
            "ridge": [ridge for _, ridge in pairs],
            "error": error,
            "standard_error": standard_error,
        }
    )


def _measured_unit(rng, *, name, panel, n, ridges, trials) -> Table:
    world = real_data(name)

    def trial(generator):
        train, moment = split_moment(world, n, generator)
        return [held_out_error(MaskedRegression(r).fit(train).coef_, moment) for r in ridges]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _error_table(name, panel, "measured", [(n, r) for r in ridges], mean, error)


def _control_unit(rng, *, name, n, ridges, trials) -> Table:
    """The same procedure on Gaussian tables with as many rows: what not knowing Sigma does."""
    world = real_data(name)

    def trial(generator):
        table = world.covariance.sample(len(world.rows), generator)
        own = Dense(table.T @ table / len(table))
        train, rest = table[:n], table[n:]
        moment = rest.T @ rest / len(rest)
        return [
            held_out_error(MaskedRegression(r).fit(train).coef_, moment)
            / SSRTheory(own, n, r).test_error
            for r in ridges
        ]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _error_table(name, "control", "Gaussian table", [(n, r) for r in ridges], mean, error)


def compute_real_error(run: Run) -> Table:
    """Held-out error of each data set and three theories of it, against n and the ridge."""
    trials = run.pick(test=2, quick=16, paper=100)
    # Every measured point is also a point of the lines, so that the two compare exactly.
    lines, points = run.pick(test=3, quick=11, paper=41), run.pick(test=2, quick=6, paper=9)
    theory, seen, control = [], [], []
    for name in run.pick(test=("prices",), quick=DATA_SETS, paper=DATA_SETS):
        world = real_data(name)
        d, fixed = world.d, FIXED_RIDGE[name]
        sizes = d * np.geomspace(0.5, 8.0, lines)
        pairs = tuple((round(n), fixed) for n in sizes)
        theory.append({"name": name, "panel": "samples", "pairs": pairs})
        ridges = np.geomspace(fixed / 100, fixed * 10, lines).tolist()
        pairs = tuple((2 * d, ridge) for ridge in ridges)
        theory.append({"name": name, "panel": "ridge", "pairs": pairs})
        for n in d * np.geomspace(0.5, 8.0, points):
            seen.append({"name": name, "panel": "samples", "n": round(n), "ridges": (fixed,)})
        few = tuple(np.geomspace(fixed / 100, fixed * 10, points).tolist())
        seen.append({"name": name, "panel": "ridge", "n": 2 * d, "ridges": few})
        if not isinstance(world, PatchPopulation):
            spread = (fixed / 10, fixed)
            control.append({"name": name, "n": 2 * d, "ridges": spread})
    return Table.concat(
        [
            run.map("theory", _theory_unit, theory),
            run.map("measured", _measured_unit, [{**s, "trials": trials} for s in seen]),
            run.map("control", _control_unit, [{**s, "trials": trials} for s in control]),
        ]
    )


@figure(
    "real_error",
    compute=compute_real_error,
    title="Held-out error of three real data sets against theory",
    alt="Three rows, one a data set, with the held-out error against the number of rows on the "
    "left and against the ridge on the right. In every panel the points lie above the dashed line "
    "of the theory that knows only the covariance. For photographs they follow the solid line with "
    "unequal scales, and the line from all rows stays near the dashed one. For digits and prices "
    "they lie on the line from all rows, above it at the smallest ridges.",
    caption="Held-out error of masked regression: against the number of rows at a fixed ridge "
    "(left) and against the ridge at two rows a coordinate (right). Points: mean over random "
    "splits with one standard error. Dashed: theory with the covariance of the whole data set. "
    "Solid blue: the same with the rows' unequal scales. Solid orange-red: foretold from "
    "leave-one-out on all rows, without a covariance.",
    chapter=CHAPTER,
    seed=9003,
    missing=("standard_error",),
)
def draw_real_error(data: Table) -> Figure:
    """Draw one row a data set."""
    worlds = data.unique("world")
    fig = Figure(figsize=(7.2, 2.5 * len(worlds) + 0.6))
    axes = fig.subplots(len(worlds), 2, sharey="row", squeeze=False)
    looks = {PLAIN: "gaussian", SCALED: "test", CURVE: "loo"}
    for line, name in zip(axes, worlds, strict=True):
        for ax, panel, x in zip(line, ("samples", "ridge"), ("n", "ridge"), strict=True):
            rows = data.where(world=name, panel=panel)
            for witness, kind in looks.items():
                part = rows.where(witness=witness)
                theory_line(ax, part[x], part["error"], kind)
            seen = rows.where(witness="measured")
            measured(ax, seen[x], seen["error"], seen["standard_error"], "test")
            ax.set(xscale="log", yscale="log")
            _log_ticks(ax, "y", (0.03, 0.04, 0.06, 0.08, 0.3, 0.4, 0.5, 0.8, 1.0, 1.2, 1.5))
            if panel == "samples":
                _log_ticks(ax, "x", (20, 50, 100, 200, 500, 1000))
                ax.set_ylabel(f"{NAMES[name]}\nheld-out error")
    axes[-1, 0].set_xlabel("training rows n")
    axes[-1, 1].set_xlabel("ridge")
    names = {PLAIN: "covariance", SCALED: "unequal scales", CURVE: "from all rows"}
    handles = [
        Line2D([], [], color=colors[looks[w]], linestyle=KINDS[looks[w]].line, label=names[w])
        for w in looks
    ]
    handles.append(
        Line2D([], [], color=colors["test"], marker="o", linestyle="none", label="measured")
    )
    fig.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return fig


# The ridge that leave-one-out chooses -------------------------------------------------------------


def _choice_unit(rng, *, name, ratio, trials) -> Table:
    world = _world(name)
    n = round(ratio * world.d)

    def trial(generator):
        train, moment = split_moment(world, n, generator)
        models = [MaskedRegression(r).fit(train) for r in GRID]
        errors = np.array([held_out_error(model.coef_, moment) for model in models])
        picks = [
            np.argmin([model.loo_error_ for model in models]),
            np.argmin([model.gcv_error_ for model in models]),
        ]
        return [*errors[picks], *errors]

    # Small problems lose more by switching threads than they gain.
    jobs = 1 if world.d < 200 else -1
    outcomes = np.array(run_trials(trial, trials, rng, n_jobs=jobs))
    chosen, errors = outcomes[:, :2], outcomes[:, 2:]
    costs = 100.0 * (chosen / errors.min(axis=1, keepdims=True) - 1.0)
    mean, error = mean_and_error(costs)
    fixed = errors[:, np.argmin(errors.mean(axis=0))]
    fixed_mean, fixed_error = mean_and_error(100.0 * (chosen - fixed[:, None]) / fixed.mean())
    return Table(
        {
            "world": name,
            "ratio": float(ratio),
            "n": n,
            "kind": ["loo", "gcv"],
            "trials": trials,
            "cost": mean,
            "standard_error": error,
            "worst": costs.max(axis=0),
            "fixed_cost": fixed_mean,
            "fixed_standard_error": fixed_error,
        }
    )


def compute_real_choice(run: Run) -> Table:
    """How much the ridge of leave-one-out costs against the best ridge in hindsight."""
    trials = run.pick(test=2, quick=5, paper=100)
    # Photographs with few rows scatter most, and cost least.
    more = {"patches": {0.5: 30, 1.0: 10}}
    rest = {"patches": 5, "digits": 1, "prices": 3}
    units = [
        {"name": name, "ratio": ratio, "trials": trials * more.get(name, {}).get(ratio, rest[name])}
        for name in run.pick(test=("prices",), quick=DATA_SETS, paper=DATA_SETS)
        for ratio in run.pick(test=(1.0,), quick=(0.5, 1.0, 2.0, 4.0), paper=(0.5, 1.0, 2.0, 4.0))
    ]
    full = run.pick(test=(), quick=(), paper=(0.5, 1.0, 2.0, 4.0))
    units += [{"name": "digits_full", "ratio": r, "trials": 20} for r in full]
    larger = run.pick(
        test={}, quick={0.5: 30, 1.0: 10, 2.0: 5}, paper={0.5: 600, 1.0: 200, 2.0: 100, 4.0: 100}
    )
    units += [{"name": "patches_full", "ratio": r, "trials": n} for r, n in larger.items()]
    return run.map("choice", _choice_unit, units)


@figure(
    "real_choice",
    compute=compute_real_choice,
    title="What it costs to choose the ridge by leave-one-out",
    alt="The excess of the held-out error at the ridge of leave-one-out over that at the best "
    "ridge of the grid, in per cent, by data set, against rows per coordinate. Nearly all "
    "means are close to zero. Those of photographs fall with the number of rows; with half a row "
    "a coordinate the mean for patches of 8 x 8 lies about the dashed line at two per cent, that "
    "for 12 x 12 below it.",
    caption="Excess held-out error, in per cent, of the ridge that leave-one-out chooses over the "
    "best ridge of the grid in hindsight, split by split. Points: mean over random splits with one "
    "standard error, moved apart along the axis. Dashed: two per cent.",
    chapter=CHAPTER,
    seed=9004,
)
def draw_real_choice(data: Table) -> Figure:
    """Draw the cost of the choice against rows per coordinate."""
    fig = Figure(figsize=(6.4, 3.8))
    ax = fig.subplots()
    looks = {
        "patches": "masked_regression",
        "patches_full": "isotropic",
        "digits": "pca",
        "digits_full": "factor_analysis",
        "prices": "correlation_pca",
    }
    rows = data.where(kind="loo")
    for k, (name, part) in enumerate(rows.groups("world")):
        at = part["ratio"] * 1.07 ** (k - 1.5)
        measured(ax, at, part["cost"], part["standard_error"], looks[name], NAMES[name])
    ax.axhline(2.0, color=colors["reference"], linestyle="--", linewidth=1.2)
    ax.set(xscale="log", xlabel="rows per coordinate n/d", ylabel="excess error in %")
    ax.set_ylim(bottom=-0.1)
    _log_ticks(ax, "x", (0.5, 1.0, 2.0, 4.0))
    ax.legend(loc="upper right")
    return fig


# Days in order ------------------------------------------------------------------------------------


def _order_unit(rng, *, n, starts, ahead) -> Table:
    """Leave-one-out against the error on the next days, and on random days."""
    world = prices()
    total = len(world.rows)
    last = total - n - ahead
    begins = np.linspace(0, last, starts).astype(int)
    outcomes = {"in order": [], "shuffled": []}
    for begin in begins:
        mixed = world.shuffled(rng)
        for kind, rows in (("in order", world.rows[begin:]), ("shuffled", mixed)):
            model = _chosen(rows[:n])
            test = np.mean(model.residual(rows[n : n + ahead]) ** 2)
            outcomes[kind].append((model.loo_error_, test, np.log(test / model.loo_error_)))
    rows = []
    for kind, found in outcomes.items():
        mean, error = mean_and_error(found)
        rows.append((kind, *mean, error[2]))
    kind, loo, test, ratio, error = zip(*rows, strict=True)
    return Table(
        {
            "n": n,
            "kind": kind,
            "loo_error": loo,
            "test_error": test,
            "log_ratio": ratio,
            "standard_error": error,
        }
    )


def compute_real_order(run: Run) -> Table:
    """Error on later days over leave-one-out, with the days in order and shuffled."""
    starts = run.pick(test=2, quick=12, paper=60)
    sizes = run.pick(test=(100,), quick=(60, 120, 250, 500), paper=(60, 90, 120, 180, 250, 500))
    units = [{"n": n, "starts": starts, "ahead": 125} for n in sizes]
    return run.map("order", _order_unit, units)


@figure(
    "real_order",
    compute=compute_real_order,
    title="Leave-one-out when days come in order",
    alt="Ratio of the error on other days to the leave-one-out error against the number of "
    "training days. With shuffled days the points scatter about one. With days in order they "
    "scatter more, and lie higher for many training days than for few.",
    caption="Error of prices on 125 days that were not trained on, over the leave-one-out error at "
    "its own best ridge (geometric mean). Discs: training days in a row, tested on the days that "
    "follow. Squares: the same with the days shuffled. Bars are one standard error over windows, "
    "which overlap for large n. Dashed: one.",
    chapter=CHAPTER,
    seed=9005,
)
def draw_real_order(data: Table) -> Figure:
    """Draw ratios with days in order and shuffled."""
    fig = Figure(figsize=(6.4, 3.6))
    ax = fig.subplots()
    for kind, look, shift in (("in order", "test", 0.97), ("shuffled", "train", 1.03)):
        rows = data.where(kind=kind)
        ratio = np.exp(rows["log_ratio"])
        error = ratio * rows["standard_error"]
        measured(ax, rows["n"] * shift, ratio, error, look, f"days {kind}")
    ax.axhline(1.0, color=colors["reference"], linestyle="--", linewidth=1.2)
    ax.set(xscale="log", xlabel="training days n", ylabel="test error / leave-one-out")
    _log_ticks(ax, "x", (60, 120, 250, 500))
    ax.legend(loc="upper left")
    return fig


# Filling holes ------------------------------------------------------------------------------------

#: Names of the ways to fill holes, in the order of the figure.
FILLERS = {
    "conditional": "masked, conditional",
    "all_rows": "masked, all rows",
    "single": "masked, one map",
    "pca": "PCA",
    "neighbours": "KNNImputer",
    "iterative": "IterativeImputer",
}
_RANKS = (1, 2, 4, 7, 11, 16, 24)
_NEIGHBOURS = (3, 5, 10, 20)
_FILL_RIDGES = tuple(np.geomspace(1e-3, 30.0, 10).tolist())
ROUNDS = 5


def fill(method: str, train, holed, rate: float, *, max_iter: int = ROUNDS) -> list[np.ndarray]:
    """Fill the holes of some rows by one method, trained on complete rows.

    Parameters
    ----------
    method : str
        A key of ``FILLERS``, or "iterative_ridge": scikit-learn's IterativeImputer with ridge
        regressions of the penalty that leave-one-out finds on the complete rows.
    train : ndarray of shape (n, d)
        Complete rows.
    holed : ndarray of shape (n_test, d)
        NaN marks a hole.
    rate : float
        Share of the holes, for "single" alone.
    max_iter : int
        Rounds of scikit-learn's IterativeImputer.

    Returns
    -------
    list of ndarray of shape (n_test, d)
        One answer, or one for each value of a parameter that the method does not choose itself.
    """
    mean = train.mean(axis=0)
    n = len(train)
    if method == "conditional":
        return [_quietly(MaskedImputer(_FILL_RIDGES).fit, train).transform(holed)]
    if method == "all_rows":
        stack = np.vstack([train, holed])
        return [_quietly(MaskedImputer(_FILL_RIDGES, rounds=ROUNDS).fit, stack).transform(holed)]
    if method == "single":
        models = (MaskedRegression(r, mask_rate=rate).fit(train - mean) for r in _FILL_RIDGES)
        return [single_fill(holed - mean, model.coef_) + mean for model in models]
    if method == "pca":
        ranks = [r for r in _RANKS if r < min(train.shape) - 1]
        inverses = (pca_precision(train - mean, rank) for rank in ranks)
        return [conditional_fill(holed - mean, q) + mean for q in inverses]
    if method == "neighbours":
        return [
            KNNImputer(n_neighbors=k, weights="distance").fit(train).transform(holed)
            for k in _NEIGHBOURS
        ]
    if method in ("iterative", "iterative_ridge"):
        estimator = None
        if method == "iterative_ridge":
            estimator = Ridge(n * _quietly(MaskedImputer(_FILL_RIDGES).fit, train).ridge_)
        imputer = IterativeImputer(estimator, max_iter=max_iter, random_state=0)
        return [_quietly(imputer.fit_transform, np.vstack([train, holed]))[n:]]
    raise ValueError(f"There is no method {method!r}; there are {', '.join(FILLERS)}.")


def _quietly(function, *arguments):
    """Call without the warnings that a grid ends or that the rounds were not enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(*arguments)


def _filling_unit(rng, *, name, rate, n_test, splits, slow_splits, max_iter, coordinates) -> Table:
    world = (
        real_data(name, size=round(coordinates**0.5)) if name == "patches" else small_world(name)
    )
    kept = np.sort(np.argsort(-world.diagonal(), kind="stable")[:coordinates])
    d = len(kept)
    errors = {method: [] for method in FILLERS}
    for split in range(splits):
        train, test = (part[:, kept] for part in split_rows(world, 3 * d, n_test, rng))
        holed = punch_holes(test, rate, rng)
        hidden = np.isnan(holed)
        for method in FILLERS:
            if method == "iterative" and split >= slow_splits:
                continue
            answers = fill(method, train, holed, rate, max_iter=max_iter)
            errors[method].append(min(np.mean((a - test)[hidden] ** 2) for a in answers))
    own = np.array(errors["conditional"])
    rows = []
    for method, found in errors.items():
        mean, spread = mean_and_error(found)
        gap, gap_spread = mean_and_error(100.0 * (np.array(found) / own[: len(found)] - 1.0))
        rows.append((method, len(found), mean, spread, gap, gap_spread))
    method, count, mean, spread, gap, gap_spread = zip(*rows, strict=True)
    return Table(
        {
            "world": name,
            "rate": rate,
            "d": d,
            "method": method,
            "splits": count,
            "error": mean,
            "standard_error": spread,
            "excess": gap,
            "excess_error": gap_spread,
        }
    )


def compute_real_filling(run: Run) -> Table:
    """Errors of filled holes, method by method, on the same splits and holes."""
    common = {
        "n_test": run.pick(test=20, quick=80, paper=200),
        "splits": run.pick(test=2, quick=6, paper=40),
        "slow_splits": run.pick(test=2, quick=3, paper=40),
        "max_iter": run.pick(test=2, quick=ROUNDS, paper=ROUNDS),
        "coordinates": run.pick(test=9, quick=25, paper=81),
    }
    return run.map(
        "filling",
        _filling_unit,
        [
            {"name": name, "rate": rate, **common}
            for name in DATA_SETS
            for rate in run.pick(test=(0.3,), quick=(0.3,), paper=(0.1, 0.3, 0.5))
        ],
    )


@figure(
    "real_filling",
    compute=compute_real_filling,
    title="Filling holes, method against method",
    alt="Three panels of points, one a data set, with the excess error in per cent of five ways to "
    "fill holes over the conditional filling of masked regression. Learning from all rows lies "
    "left of zero for photographs and digits. One fixed map lies far right of zero for photographs "
    "and near it elsewhere. For prices all but the nearest neighbours are close together.",
    caption="Excess error on hidden entries, in per cent, over masked regression with conditional "
    "filling (dashed), on the same splits and the same holes, three complete rows a coordinate; "
    "mean over splits with one standard error of the paired difference. PCA's rank, the number of "
    "neighbours and the ridge of the one map are the best in hindsight. IterativeImputer, which is "
    "slow, saw fewer of the splits.",
    chapter=CHAPTER,
    seed=9006,
)
def draw_real_filling(data: Table) -> Figure:
    """Draw one panel a data set, one line a method."""
    fig = Figure(figsize=(7.2, 3.8))
    axes = fig.subplots(1, 3, sharey=True)
    methods = [m for m in FILLERS if m != "conditional"]
    looks = ("test", "train", "best_ridge")
    rates = data.unique("rate")
    for ax, (name, rows) in zip(axes, data.groups("world"), strict=True):
        for k, (rate, part) in enumerate(rows.groups("rate")):
            place = {m: i for i, m in enumerate(methods)}
            part = [part.where(method=m) for m in methods]
            at = np.array([place[p["method"][0]] for p in part]) + 0.25 * (k - (len(rates) - 1) / 2)
            excess = np.array([p["excess"][0] for p in part])
            error = np.array([p["excess_error"][0] for p in part])
            color, marker = colors[looks[k]], KINDS[looks[k]].marker
            ax.errorbar(
                excess, at, xerr=error, fmt=marker, color=color, markeredgecolor="white",
                markeredgewidth=0.6, elinewidth=1.2, label=f"{100 * rate:g} % hidden",
            )  # fmt: skip
        ax.axvline(0.0, color=colors["reference"], linestyle="--", linewidth=1.2)
        ax.set(title=NAMES[name], ylim=(len(methods) - 0.5, -0.5))
    axes[0].set_yticks(range(len(methods)), [FILLERS[m] for m in methods])
    axes[1].set_xlabel("excess error in %")
    if len(rates) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=len(rates))
    return fig
