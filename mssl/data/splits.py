"""Real data by name, and how they are cut into rows to learn from and rows to test on."""

from __future__ import annotations

import numpy as np

from ..validation import as_generator, positive_integer, real_copy
from .patches import PatchPopulation, patch_population
from .tables import RealTable, digits, prices

__all__ = ["DATA_SETS", "held_out_error", "real_data", "split_moment", "split_rows"]

#: Names that :func:`real_data` knows.
DATA_SETS = ("patches", "digits", "prices")


def real_data(name: str, size: int = 8) -> RealTable | PatchPopulation:
    """Return one of the book's real data sets by name.

    Parameters
    ----------
    name : {"patches", "digits", "prices"}
        One of ``DATA_SETS``.
    size : int, default=8
        Side of a patch, for "patches" alone.

    Returns
    -------
    RealTable or PatchPopulation

    Raises
    ------
    ValueError
        If there is no data set of that name, or no patches of that size.
    ModuleNotFoundError
        If the package that brings the data is not installed.

    Examples
    --------
    >>> real_data("patches", size=4)
    PatchPopulation(size=4)
    """
    if name not in DATA_SETS:
        raise ValueError(f"There is no data set {name!r}; there are {', '.join(DATA_SETS)}.")
    if name == "patches":
        return patch_population(size)
    return digits() if name == "digits" else prices()


def _known(world) -> None:
    """Raise ValueError unless rows can be drawn from `world`."""
    if not isinstance(world, RealTable | PatchPopulation):
        raise ValueError(
            "world must be a RealTable or a PatchPopulation, such as real_data('patches'), got "
            f"{type(world).__name__}."
        )


def split_rows(
    world: RealTable | PatchPopulation,
    n_samples: int,
    n_test: int,
    rng: np.random.Generator | int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw training rows and other rows to test on.

    Parameters
    ----------
    world : RealTable or PatchPopulation
        From a table rows are drawn without replacement, from the patches with.
    n_samples, n_test : int
        Numbers of training rows and of test rows.
    rng : Generator or int
        Source of randomness, or its seed.

    Returns
    -------
    train : ndarray of shape (n_samples, n_features)
    test : ndarray of shape (n_test, n_features)

    Raises
    ------
    ValueError
        If `world` is none of the two, a number is not positive, or a table has fewer rows.
    """
    n, n_test = positive_integer(n_samples, "n_samples"), positive_integer(n_test, "n_test")
    _known(world)
    if isinstance(world, PatchPopulation):
        rows = world.sample(n + n_test, rng)
    elif n + n_test > len(world.rows):
        raise ValueError(
            f"{n} + {n_test} rows were asked for, but {world.name} has only {len(world.rows)}."
        )
    else:
        rows = world.rows[as_generator(rng).permutation(len(world.rows))[: n + n_test]]
    return rows[:n], rows[n:]


def split_moment(
    world: RealTable | PatchPopulation, n_samples: int, rng: np.random.Generator | int
) -> tuple[np.ndarray, np.ndarray]:
    r"""Draw training rows, and give the second moments of all that is left over.

    .. math:: \tilde S = \frac{1}{N-n}\Big(N\Sigma_N - \sum_{i\ \text{in training}} x_ix_i^\top\Big)

    Parameters
    ----------
    world : RealTable or PatchPopulation
        From a table rows are drawn without replacement, from the patches with.
    n_samples : int
        Number of training rows, at least 2 and below the number of rows of a table.
    rng : Generator or int
        Source of randomness, or its seed.

    Returns
    -------
    train : ndarray of shape (n_samples, n_features)
    moment : ndarray of shape (n_features, n_features)
        For patches that of the whole population, whose size makes the difference negligible.

    Raises
    ------
    ValueError
        If `world` is none of the two, or n_samples is out of its range.
    """
    n = positive_integer(n_samples, "n_samples", minimum=2)
    _known(world)
    if isinstance(world, PatchPopulation):
        return world.sample(n, rng), world.dense()
    total = len(world.rows)
    if n >= total:
        raise ValueError(
            f"n_samples is {n}, but {world.name} has {total} rows and some must be left over."
        )
    train = world.rows[as_generator(rng).permutation(total)[:n]]
    return train, (total * world.moment - train.T @ train) / (total - n)


def held_out_error(coef: np.ndarray, moment: np.ndarray) -> float:
    r"""Mean squared error of a masked predictor on rows with given second moments.

    .. math:: \frac1d \mathrm{Tr}\,(I - A)^\top \tilde S\,(I - A)

    Parameters
    ----------
    coef : ndarray of shape (d, d)
        A, whose column k predicts coordinate k.
    moment : ndarray of shape (d, d)
        :math:`\tilde S`, for example of :func:`split_moment`.

    Returns
    -------
    float
        In the units of the moments.

    Raises
    ------
    ValueError
        If the two are not finite, real, square matrices of one size.

    Examples
    --------
    >>> held_out_error(np.zeros((2, 2)), np.diag([1.0, 3.0]))
    2.0
    """
    coef, moment = real_copy(coef, "coef"), real_copy(moment, "moment")
    if moment.ndim != 2 or not coef.shape == moment.shape == moment.shape[::-1]:
        raise ValueError(
            "coef and moment must be square matrices of one size, got shapes "
            f"{coef.shape} and {moment.shape}."
        )
    if not (np.isfinite(coef).all() and np.isfinite(moment).all()):
        raise ValueError("coef and moment must be finite, but they hold NaN or infinite entries.")
    residual = np.eye(len(moment)) - coef
    return float(np.einsum("ij,ij->", residual, moment @ residual) / len(moment))
