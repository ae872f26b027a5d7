"""Figures of the chapter on predicting one coordinate at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from mssl.datasets import patch_population
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table
from mssl.regression import MaskedRegression

__all__ = ["compute_receptive_fields", "draw_filters", "population_coef"]

CHAPTER = "one_coordinate"
RIDGE = 0.01
ALL = "all patches"


def population_coef(matrix: np.ndarray, ridge: float) -> np.ndarray:
    r"""Return what masked regression learns from infinitely many rows.

    .. math:: A = I - Q D^{-1}, \qquad Q = (\Sigma + \lambda I)^{-1}, \quad D = \mathrm{diag}(Q)

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        The population covariance.
    ridge : float

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k.
    """
    inverse = np.linalg.inv(matrix + ridge * np.eye(len(matrix)))
    coef = -inverse / np.diag(inverse)
    np.fill_diagonal(coef, 0.0)
    return coef


def _coef(rng, size: int, n: int, ridge: float) -> np.ndarray:
    """What is learned from n patches, or from the whole population at n = 0."""
    population = patch_population(size)
    if n == 0:
        return population_coef(population.dense(), ridge)
    return MaskedRegression(ridge=ridge).fit(population.sample(n, rng)).coef_


def _field(coef: np.ndarray, size: int, top: int, left: int, **labels: object) -> Table:
    """One column of the coefficient matrix as an image in long form."""
    pixel = np.arange(size * size)
    texts = {
        name: np.full(size * size, value) if isinstance(value, str) else value
        for name, value in labels.items()
    }
    return Table(
        {
            **texts,
            "target_row": np.full(size * size, top),
            "target_column": np.full(size * size, left),
            "row": pixel // size,
            "column": pixel % size,
            "weight": coef[:, top * size + left],
        }
    )


# What predicts a pixel --------------------------------------------------------------------------


def _fields_unit(rng, *, size, source, n, ridge) -> Table:
    coef = _coef(rng, size, n, ridge)
    middle = size // 2
    pixels = (("centre", middle, middle), ("edge", 0, middle), ("corner", 0, 0))
    return Table.concat(
        [_field(coef, size, top, left, source=source, pixel=name) for name, top, left in pixels]
    )


def compute_receptive_fields(run: Run) -> Table:
    """Columns of the coefficient matrix for three pixels, from few, many and all patches."""
    size = run.pick(test=5, quick=12, paper=12)
    d = size * size
    sources = [(f"n = {2 * d}", 2 * d), (f"n = {40 * d}", 40 * d), (ALL, 0)]
    return run.map(
        "fields",
        _fields_unit,
        [{"size": size, "source": s, "n": n, "ridge": RIDGE} for s, n in sources],
    )


def draw_filters(
    axes: Sequence[Axes], data: Table, name: str, limit: float | None = None
) -> AxesImage:
    """Draw weights as images, the hidden pixel outlined, one an axes for each value of a column.

    Parameters
    ----------
    axes : sequence of Axes
    data : Table
        With columns ``row``, ``column``, ``weight``, ``target_row`` and ``target_column``.
    name : str
        Column whose values tell the images apart; they become the titles.
    limit : float, optional
        Weight at the ends of the colour scale; the largest by default.

    Returns
    -------
    AxesImage
        The last image, for a colour bar.
    """
    limit = np.abs(data["weight"]).max() if limit is None else limit
    for ax, (title, rows) in zip(axes, data.groups(name), strict=True):
        image = np.zeros((rows["row"].max() + 1, rows["column"].max() + 1))
        image[rows["row"], rows["column"]] = rows["weight"]
        shown = ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
        corner = (rows["target_column"][0] - 0.5, rows["target_row"][0] - 0.5)
        ax.add_patch(
            Rectangle(corner, 1, 1, fill=False, edgecolor="black", linewidth=1.4, clip_on=False)
        )
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color="#bbbbbb")
    return shown


@figure(
    "receptive_fields",
    compute=compute_receptive_fields,
    title="What predicts a pixel",
    alt="A grid of small images: three rows for a pixel at the centre, at the edge and in the "
    "corner of a patch, three columns for few, many and all patches. Each image shows the "
    "weights of all other pixels in the prediction: noisy with few patches; with all patches "
    "strong and positive on the direct neighbours, negative two pixels away, and small elsewhere.",
    caption=f"Columns of the coefficient matrix as images, ridge {RIDGE:g}: the weights with which "
    "the outlined pixel is predicted from all other pixels of its patch. From left to right the "
    "number of training patches grows up to the whole population.",
    chapter=CHAPTER,
    seed=2001,
)
def draw_receptive_fields(data: Table) -> Figure:
    """Draw one row a pixel and one column a number of patches."""
    sources, pixels = data.unique("source"), data.unique("pixel")
    fig = Figure(figsize=(6.4, 6.2))
    axes = fig.subplots(len(pixels), len(sources), squeeze=False)
    # The population's largest weight, so that noise does not set the colours.
    limit = float(np.abs(data.where(source=sources[-1])["weight"]).max())
    for i, pixel in enumerate(pixels):
        shown = draw_filters(axes[i], data.where(pixel=pixel), "source", limit)
        axes[i, 0].set_ylabel(pixel)
        if i > 0:
            for ax in axes[i]:
                ax.set_title("")
    fig.colorbar(shown, ax=axes, shrink=0.6, label="weight", extend="both")
    return fig


# The ridge against the number of patches --------------------------------------------------------


def _ridge_unit(rng, *, size, source, n, ridges) -> Table:
    # One draw for all ridges, so that a row of the figure differs in the ridge alone.
    draw = rng.integers(2**63)
    middle = size // 2
    return Table.concat(
        [
            _field(
                _coef(np.random.default_rng(draw), size, n, ridge),
                size,
                middle,
                middle,
                source=source,
                setting=f"ridge {ridge:g}",
                ridge=ridge,
            )
            for ridge in ridges
        ]
    )


def compute_receptive_fields_ridge(run: Run) -> Table:
    """The column of the centre pixel over a grid of ridges and numbers of patches."""
    size = run.pick(test=5, quick=12, paper=12)
    d = size * size
    sources = [(f"n = {2 * d}", 2 * d), (f"n = {40 * d}", 40 * d), (ALL, 0)]
    return run.map(
        "ridge",
        _ridge_unit,
        [
            {"size": size, "source": s, "n": n, "ridges": (0.001, 0.03, 1.0, 30.0)}
            for s, n in sources
        ],
    )


@figure(
    "receptive_fields_ridge",
    compute=compute_receptive_fields_ridge,
    title="What the ridge does to a receptive field",
    alt="A grid of small images of the weights that predict the centre pixel: three rows for few, "
    "many and all patches, four columns for growing ridge. On the left the top row is noise and "
    "the bottom row a small cross with alternating signs. To the right all rows become alike: "
    "first a cross without negative weights, then a broad bright disc, then almost flat.",
    caption="The column of the centre pixel, by ridge (left to right) and number of patches (top "
    "to bottom). Each image has its own colour scale; the number below it is its largest absolute "
    "weight. All images of one row use the same patches.",
    chapter=CHAPTER,
    seed=2002,
)
def draw_receptive_fields_ridge(data: Table) -> Figure:
    """Draw one row a number of patches and one column a ridge, each image on its own scale."""
    sources, settings = data.unique("source"), data.unique("setting")
    fig = Figure(figsize=(6.4, 5.6))
    axes = fig.subplots(len(sources), len(settings), squeeze=False)
    for i, source in enumerate(sources):
        for j, setting in enumerate(settings):
            rows = data.where(source=source, setting=setting)
            limit = float(np.abs(rows["weight"]).max())
            draw_filters([axes[i, j]], rows, "setting", limit)
            axes[i, j].set_xlabel(f"{limit:.2g}", labelpad=2)
            if i > 0:
                axes[i, j].set_title("")
        axes[i, 0].set_ylabel(source)
    return fig


# Leave-one-out, pixel by pixel ------------------------------------------------------------------


def _loo_unit(rng, *, size, n, ridge, trials) -> Table:
    population = patch_population(size)
    sigma, eye = population.dense(), np.eye(population.d)
    values = {"test": [], "loo": [], "gcv": []}
    for generator in rng.spawn(trials):
        model = MaskedRegression(ridge=ridge).fit(population.sample(n, generator))
        residual_map = eye - model.coef_
        values["test"].append(np.einsum("jk,jk->k", residual_map, sigma @ residual_map))
        values["loo"].append(model.loo_error_by_feature_)
        values["gcv"].append(model.gcv_error_by_feature_)
    pixel = np.arange(population.d)
    return Table.concat(
        [
            Table(
                {
                    "kind": np.full(population.d, kind),
                    "row": pixel // size,
                    "column": pixel % size,
                    "error": np.mean(draws, axis=0),
                    "standard_error": np.std(draws, axis=0, ddof=1) / np.sqrt(trials),
                }
            )
            for kind, draws in values.items()
        ]
    )


def compute_loo_by_pixel(run: Run) -> Table:
    """Leave-one-out and GCV of each pixel beside its exact error over the population."""
    size = run.pick(test=5, quick=12, paper=12)
    setting = {
        "size": size,
        "n": 7 * size * size,
        "ridge": RIDGE,
        "trials": run.pick(test=2, quick=30, paper=400),
    }
    return run.map("pixels", _loo_unit, [setting])


@figure(
    "loo_by_pixel",
    compute=compute_loo_by_pixel,
    title="Leave-one-out tells the error of each pixel; GCV does not",
    alt="On the left a patch with the leave-one-out error of each pixel: highest in the four "
    "corners, raised along the edges, level inside. On the right leave-one-out and GCV against "
    "the true error, one point a pixel: leave-one-out scatters about the diagonal by no more "
    "than a few of its error bars, GCV lies far below it everywhere.",
    caption="Masked regression on patches of two photographs, seven patches a pixel, ridge "
    f"{RIDGE:g}, mean over independent draws of the training patches. Left: leave-one-out error "
    "pixel by pixel. Right: leave-one-out and GCV of each pixel against its exact error over all "
    "patches of the photographs, bars of one standard error; on the dashed line the two are equal.",
    chapter=CHAPTER,
    seed=2003,
)
def draw_loo_by_pixel(data: Table) -> Figure:
    """Draw the image of leave-one-out errors beside both estimates against the true error."""
    fig = Figure(figsize=(7.2, 3.3))
    left, right = fig.subplots(1, 2, width_ratios=(1.2, 1.0))
    loo, truth = data.where(kind="loo"), data.where(kind="test")
    image = np.empty((loo["row"].max() + 1, loo["column"].max() + 1))
    image[loo["row"], loo["column"]] = loo["error"]
    shown = left.imshow(image)
    left.set(title="leave-one-out error", xticks=[], yticks=[])
    left.spines[:].set_visible(False)
    fig.colorbar(shown, ax=left, shrink=0.8)
    ends = np.array([truth["error"].min(), truth["error"].max()])
    theory_line(right, ends, ends, "reference")
    for kind, name, place in (("gcv", "GCV", -14), ("loo", "leave-one-out", 22)):
        rows = data.where(kind=kind)
        measured(right, truth["error"], rows["error"], rows["standard_error"], kind)
        order = np.argsort(truth["error"])
        at = order[int(0.97 * len(order))]
        direct_label(
            right,
            truth["error"][at],
            rows["error"][at],
            name,
            kind,
            offset=(0, place),
            align="right" if kind == "loo" else "center",
        )
    right.set(xlabel="exact test error", ylabel="estimate", title="one point a pixel")
    right.set_ylim(bottom=0.0)
    return fig
