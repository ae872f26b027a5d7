"""Filling holes, method against method: the figure ``real_filling``."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import KNNImputer
from sklearn.linear_model import Ridge

from mssl.baselines import pca_precision
from mssl.chapters.real_data.worlds import NAMES, small_world
from mssl.data import DATA_SETS, real_data, split_rows
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import KINDS, colors
from mssl.figures.table import Table, table_of
from mssl.imputation import MaskedImputer, conditional_fill, drop_at_random, single_fill
from mssl.regression import MaskedRegression
from mssl.results import mean_and_error

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


def fill(method: str, train, X_missing, rate: float, *, max_iter: int = ROUNDS) -> list[np.ndarray]:
    """Fill the holes of some rows by one method, trained on complete rows.

    Parameters
    ----------
    method : str
        A key of ``FILLERS``, or "iterative_ridge": scikit-learn's IterativeImputer with ridge
        regressions of the penalty that leave-one-out finds on the complete rows.
    train : ndarray of shape (n, d)
        Complete rows.
    X_missing : ndarray of shape (n_test, d)
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
        return [_quietly(MaskedImputer(_FILL_RIDGES).fit, train).transform(X_missing)]
    if method == "all_rows":
        stack = np.vstack([train, X_missing])
        return [
            _quietly(MaskedImputer(_FILL_RIDGES, rounds=ROUNDS).fit, stack).transform(X_missing)
        ]
    if method == "single":
        models = (MaskedRegression(r, mask_rate=rate).fit(train - mean) for r in _FILL_RIDGES)
        return [single_fill(X_missing - mean, model.coef_) + mean for model in models]
    if method == "pca":
        ranks = [r for r in _RANKS if r < min(train.shape) - 1]
        inverses = (pca_precision(train - mean, rank) for rank in ranks)
        return [conditional_fill(X_missing - mean, q) + mean for q in inverses]
    if method == "neighbours":
        return [
            KNNImputer(n_neighbors=k, weights="distance").fit(train).transform(X_missing)
            for k in _NEIGHBOURS
        ]
    if method in ("iterative", "iterative_ridge"):
        estimator = None
        if method == "iterative_ridge":
            estimator = Ridge(n * _quietly(MaskedImputer(_FILL_RIDGES).fit, train).ridge_)
        imputer = _iterative_imputer(estimator, max_iter=max_iter, random_state=0)
        return [_quietly(imputer.fit_transform, np.vstack([train, X_missing]))[n:]]
    raise ValueError(f"There is no method {method!r}; there are {', '.join(FILLERS)}.")


def _iterative_imputer(estimator, **options):
    """The imputer, which scikit-learn gives out only after another import."""
    import_module("sklearn.experimental.enable_iterative_imputer")
    return import_module("sklearn.impute").IterativeImputer(estimator, **options)


def _quietly(function, *arguments):
    """Call without the warnings that a grid ends or that the rounds were not enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(*arguments)


_filling_table = table_of(
    "world", "rate", "d", "method", "splits", "error", "standard_error", "excess", "excess_error"
)


def _filling_unit(rng, *, name, rate, n_test, splits, slow_splits, max_iter, coordinates) -> Table:
    world = (
        real_data(name, size=round(coordinates**0.5)) if name == "patches" else small_world(name)
    )
    kept = np.sort(np.argsort(-world.diagonal(), kind="stable")[:coordinates])
    d = len(kept)
    errors = {method: [] for method in FILLERS}
    for split in range(splits):
        train, test = (part[:, kept] for part in split_rows(world, 3 * d, n_test, rng))
        X_missing = drop_at_random(test, rate, rng)
        hidden = np.isnan(X_missing)
        for method in FILLERS:
            if method == "iterative" and split >= slow_splits:
                continue
            answers = fill(method, train, X_missing, rate, max_iter=max_iter)
            errors[method].append(min(np.mean((a - test)[hidden] ** 2) for a in answers))
    own = np.array(errors["conditional"])
    rows = []
    for method, found in errors.items():
        mean, spread = mean_and_error(found)
        gap, gap_spread = mean_and_error(100.0 * (np.array(found) / own[: len(found)] - 1.0))
        rows.append((method, len(found), mean, spread, gap, gap_spread))
    return _filling_table(name, rate, d, *zip(*rows, strict=True))


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
    chapter="real_data",
    seed=9006,
    columns={
        "rate": "share of hidden entries",
        "excess": "error over that of conditional filling, minus 1, in per cent",
        "excess_error": "standard error of excess, in per cent",
    },
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
