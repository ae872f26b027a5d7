"""What is learned from three kinds of data: the figure ``real_matrices``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.real_data.worlds import NAMES, chosen
from mssl.data import DATA_SETS, PatchPopulation, real_data, split_moment
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import colors
from mssl.figures.table import Table


def _matrix_unit(rng, *, name, n) -> Table:
    """The learned matrix, and the column of one coordinate of it."""
    world = real_data(name)
    train, _ = split_moment(world, n, rng)
    coef = chosen(train).coef_
    d = world.d
    row, column = np.divmod(np.arange(d * d), d)
    tables = [_matrix_table(name, "matrix", row, column, coef.ravel(), -1, -1)]
    if isinstance(world, PatchPopulation):
        places, width = np.arange(d), world.size
    else:
        places, width = world.places, world.shape[1]
    if name == "prices" and not isinstance(world, PatchPopulation):
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
    caption="Top: the learned matrix of each data set at the ridge of leave-one-out; red is "
    "positive, blue negative, and white zero. Bottom: one column of it, as the picture of the "
    "weights that predict the framed pixel, and for prices as the sorted weights that predict one "
    "share from the others.",
    chapter="real_data",
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
        axes[0, j].imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
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
        ax.imshow(image, cmap="RdBu_r", vmin=-top, vmax=top)
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
