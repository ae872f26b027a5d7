"""Checks of the arguments that many functions share, each ending in one clear sentence."""

from __future__ import annotations

import numbers
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ._types import Array

__all__ = [
    "UNDERFLOW",
    "as_generator",
    "covariance_model",
    "data_matrix",
    "finite_vector",
    "first_few",
    "mask_number",
    "no_masked_entries",
    "non_negative",
    "open_unit",
    "positive",
    "positive_integer",
    "positive_vector",
    "real_array",
    "real_copy",
    "real_number",
    "require_writable",
    "ridge_of_method",
    "squares_in_range",
    "true_or_false",
    "unit_columns",
]


T = TypeVar("T")

UNDERFLOW = np.finfo(float).tiny / np.finfo(float).eps  # squares below this have lost digits


def positive_integer(value: object, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`, or raise ValueError that calls it `name`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}.")
    return int(value)


def non_negative(value: object, name: str) -> float:
    """Return `value` as a finite float that is at least 0, or raise ValueError about `name`."""
    number = real_number(value, name)
    if not np.isfinite(number) or number < 0:
        raise ValueError(f"{name} must be finite and not negative, got {number:g}.")
    return number


def open_unit(value: object, name: str, *, zero_allowed: bool = False) -> float:
    """Return `value` as a float in (0, 1), or raise ValueError about `name`.

    With `zero_allowed` the interval is [0, 1).
    """
    number = non_negative(value, name)
    if not number < 1.0 or (number == 0.0 and not zero_allowed):
        interval = "[0, 1)" if zero_allowed else "(0, 1)"
        advice = "below 1" if zero_allowed else "strictly between 0 and 1"
        raise ValueError(f"{name} must lie in {interval}, got {number:g}; take one {advice}.")
    return number


def mask_number(n_masks: object, mask_rate: float | None) -> int | None:
    """Return the number of masks to draw for each sample, or None for the mean over all masks.

    `n_masks` may be None or infinity as well; a number needs a `mask_rate` above 0. ValueError for
    anything else.
    """
    if n_masks is None or (isinstance(n_masks, float) and n_masks == np.inf):
        return None
    number = positive_integer(n_masks, "n_masks")
    if not mask_rate:
        raise ValueError(
            f"mask_rate must be positive for n_masks = {number}: masks of rate 0 hide nothing."
        )
    return number


def real_number(value: object, name: str) -> float:
    """Return `value` as a float, or raise ValueError about `name`."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a real number, got {value!r}.")
    return float(value)


def positive(value: object, name: str) -> float:
    """Return `value` as a finite float above 0, or raise ValueError about `name`."""
    number = real_number(value, name)
    if not np.isfinite(number) or number <= 0:
        raise ValueError(f"{name} must be positive and finite, got {number:g}.")
    return number


def real_copy(values: Any, name: str) -> np.ndarray:
    """Return a copy of `values` as a float array of any shape.

    ValueError about `name` unless they are real numbers; complex ones are refused as well.
    """
    if hasattr(values, "dtype") and np.iscomplexobj(values):
        raise ValueError(f"{name} must be real, but its entries are complex; take the real part.")
    return np.array(real_array(values, name))


def covariance_model(
    value: T, name: str = "covariance", needs: tuple[str, ...] = ("resolvent",)
) -> T:
    """Return `value` if it has `d` and the methods in `needs`, or raise ValueError about `name`."""
    methods = all(callable(getattr(value, method, None)) for method in needs)
    if not methods or not isinstance(getattr(value, "d", None), numbers.Integral):
        kind = value.__name__ if isinstance(value, type) else type(value).__name__
        raise ValueError(
            f"{name} must be a model from mssl.covariance, got {kind}; "
            "wrap a matrix in Dense(matrix)."
        )
    return value


def data_matrix(X: object, least: int = 2) -> np.ndarray:
    """Return X as a finite float matrix of at least `least` (1 or 2) rows and columns.

    ValueError for anything else, and for a masked array that hides entries.
    """
    no_masked_entries(X)
    X = real_array(X, "X")
    if X.ndim != 2 or min(X.shape) < least:
        size = " of at least two rows and two columns" if least > 1 else ""
        raise ValueError(f"X must be a matrix, an array of two axes{size}, got shape {X.shape}.")
    if not np.isfinite(X).all():
        rows = first_few(np.flatnonzero(~np.isfinite(X).all(axis=1)))
        raise ValueError(f"X must be finite, but rows {rows} hold NaN or infinite entries.")
    return X


def no_masked_entries(X: object, name: str = "X") -> None:
    """ValueError about `name` if X is a numpy masked array that hides entries.

    Reading it as numbers would take whatever stands under the mask for data. A mask that hides
    nothing is fine.
    """
    if not isinstance(X, np.ma.MaskedArray):
        return
    hidden = int(np.count_nonzero(np.ma.getmaskarray(X)))
    if hidden:
        raise ValueError(
            f"{name} is a masked array that hides {hidden} of its entries, and what stands under a "
            f"mask is not data; pass rows without masked entries, or {name}.filled(numpy.nan) to "
            "what takes NaN for a hole, such as MaskedImputer."
        )


def finite_vector(values: object, name: str) -> np.ndarray:
    """Return `values` as a read-only one-dimensional float array.

    ValueError about `name` if it is empty, or holds NaN or infinity.
    """
    array = real_copy(values, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty vector, got shape {array.shape}.")
    if not np.isfinite(array).all():
        where = first_few(np.flatnonzero(~np.isfinite(array)))
        raise ValueError(f"{name} must be finite, but entries {where} are NaN or infinite.")
    array.flags.writeable = False
    return array


def positive_vector(values: object, name: str, *, zero_allowed: bool = False) -> np.ndarray:
    """Return `values` as a read-only vector of positive numbers, 0 among them if `zero_allowed`.

    ValueError about `name` if it is no such vector.
    """
    array = finite_vector(values, name)
    bad = array < 0 if zero_allowed else array <= 0
    if bad.any():
        word = "non-negative" if zero_allowed else "positive"
        where = first_few(np.flatnonzero(bad))
        raise ValueError(f"{name} must be {word}, but entries {where} are not.")
    return array


def unit_columns(directions: object, d: int, name: str = "directions") -> np.ndarray:
    """Return `directions` as a read-only (d, r) array.

    ValueError about `name` unless its columns have length 1.
    """
    array = real_copy(directions, name)
    if array.ndim != 2 or array.shape[0] != d:
        raise ValueError(
            f"{name} must have shape (d, r) with d = {d}, got {array.shape}; "
            "a single direction u goes in as u[:, None]."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but some entries are NaN or infinite.")
    lengths = np.linalg.norm(array, axis=0)
    off = np.flatnonzero(np.abs(lengths - 1.0) > 1e-8)
    if off.size:
        raise ValueError(
            f"{name} must have columns of length 1, but column {off[0]} has length "
            f"{lengths[off[0]]:.6g}; divide it by its norm and put the square into the strength."
        )
    array.flags.writeable = False
    return array


def real_array(values: object, name: str) -> np.ndarray:
    """Return `values` as a float array of any shape, or raise ValueError about `name`."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        kind = type(values).__name__
        raise ValueError(
            f"{name} must be real numbers in one array, but a {kind} was given that cannot be "
            "read as such."
        ) from None


def true_or_false(value: object, name: str) -> bool:
    """Return `value` as a bool, or raise ValueError about `name`.

    What merely counts as true, such as 'no', is refused.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def ridge_of_method(method: object, ridge: object, methods: tuple[str, ...]) -> float:
    """The ridge of masked regression, 0 for other methods, which take none.

    ValueError for a `method` that is none of `methods`, a ridge that is missing or out of range,
    and one that is given where it has no meaning.
    """
    if not isinstance(method, str) or method not in methods:
        got = repr(method) if isinstance(method, str) else type(method).__name__
        raise ValueError(f"method must be one of {methods}, got {got}.")
    if method == "masked_regression":
        if ridge is None:
            raise ValueError("ridge must be given for method='masked_regression'.")
        return non_negative(ridge, "ridge")
    if ridge is not None:
        raise ValueError(f"ridge has no meaning for method={method!r}; leave it out.")
    return 0.0


def require_writable(folder: Path) -> None:
    """Raise OSError, with the folder as its file name, unless a file can be made in a folder."""
    try:
        # Permission bits alone tell neither of a disk that is read-only nor of the superuser.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from None


def first_few(indices: Iterable[int]) -> str:
    """Name the first five of `indices` and say how many more there are."""
    indices = [int(index) for index in indices]
    more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
    return f"{indices[:5]}{more}"


def as_generator(rng: object) -> np.random.Generator:
    """Return a Generator from `rng`, which is one or an integer seed.

    ValueError for anything else: unseeded randomness is refused.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, numbers.Integral) and not isinstance(rng, bool):
        return np.random.default_rng(positive_integer(rng, "a seed given as rng", minimum=0))
    raise ValueError(
        f"rng must be a numpy.random.Generator or an integer seed, got {rng!r}; "
        "use numpy.random.default_rng(0)."
    )


def squares_in_range(X: Array, energies: Array, ridge: float) -> None:
    """ValueError if squares of X, whose means by feature are `energies`, leave the range of floats.

    That is overflow, underflow, and features without variation where nothing penalises them, at a
    `ridge` of 0.
    """
    if not np.isfinite(energies).all():
        raise ValueError("the squares of X overflow; rescale X to values of moderate size.")
    small = np.flatnonzero(energies < UNDERFLOW)
    seen = X[:, small].any(axis=0)
    if ridge == 0.0 and not seen.all():
        raise ValueError(
            f"features {first_few(small[~seen])} are zero in every sample, which makes X'X "
            "singular at ridge = 0; drop them or use ridge > 0."
        )
    # A tiny feature among others is harmless if the ridge is not tiny too: it predicts nothing.
    if (ridge < UNDERFLOW and small.size) or (small.size == len(energies) and seen.any()):
        raise ValueError(
            f"the squares of X underflow in features {first_few(small)}; rescale X (and the "
            "ridge) to values of moderate size."
        )
