"""Checks of the arguments that many functions share, each ending in one clear sentence."""

from __future__ import annotations

import numbers

import numpy as np

__all__ = [
    "as_generator",
    "data_matrix",
    "finite_vector",
    "non_negative",
    "open_unit",
    "positive_integer",
    "positive_vector",
    "unit_columns",
]


def positive_integer(value, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`, or raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}.")
    return int(value)


def non_negative(value, name: str) -> float:
    """Return `value` as a finite float that is at least 0, or raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a real number, got {value!r}.")
    value = float(value)
    if not np.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be finite and not negative, got {value:g}.")
    return value


def open_unit(value, name: str, *, zero_allowed: bool = False) -> float:
    """Return `value` as a float in (0, 1), or [0, 1) if zero is allowed, or raise ValueError."""
    number = non_negative(value, name)
    if not number < 1.0 or (number == 0.0 and not zero_allowed):
        interval = "[0, 1)" if zero_allowed else "(0, 1)"
        advice = "below 1" if zero_allowed else "strictly between 0 and 1"
        raise ValueError(f"{name} must lie in {interval}, got {number:g}; take one {advice}.")
    return number


def data_matrix(X, least: int = 2) -> np.ndarray:
    """Return X as a finite float matrix of at least `least` (1 or 2) rows and columns, or raise."""
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or min(X.shape) < least:
        size = " of at least two rows and two columns" if least > 1 else ""
        raise ValueError(f"X must be a matrix, an array of two axes{size}, got shape {X.shape}.")
    if not np.isfinite(X).all():
        rows = np.flatnonzero(~np.isfinite(X).all(axis=1))[:5].tolist()
        raise ValueError(f"X must be finite, but rows {rows} hold NaN or infinite entries.")
    return X


def finite_vector(values, name: str) -> np.ndarray:
    """Return `values` as a read-only one-dimensional float array without NaN or infinity."""
    array = np.array(values, dtype=float)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty vector, got shape {array.shape}.")
    if not np.isfinite(array).all():
        where = np.flatnonzero(~np.isfinite(array))[:5].tolist()
        raise ValueError(f"{name} must be finite, but entries {where} are NaN or infinite.")
    array.flags.writeable = False
    return array


def positive_vector(values, name: str, *, zero_allowed: bool = False) -> np.ndarray:
    """Return `values` as a read-only vector of positive (or non-negative) numbers."""
    array = finite_vector(values, name)
    bad = array < 0 if zero_allowed else array <= 0
    if bad.any():
        word = "non-negative" if zero_allowed else "positive"
        where = np.flatnonzero(bad)[:5].tolist()
        raise ValueError(f"{name} must be {word}, but entries {where} are not.")
    return array


def unit_columns(directions, d: int, name: str = "directions") -> np.ndarray:
    """Return `directions` as a read-only (d, r) array whose columns have length 1."""
    array = np.array(directions, dtype=float)
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


def as_generator(rng) -> np.random.Generator:
    """Return a Generator from a Generator or an integer seed; refuse unseeded randomness."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, numbers.Integral) and not isinstance(rng, bool):
        return np.random.default_rng(int(rng))
    raise ValueError(
        f"rng must be a numpy.random.Generator or an integer seed, got {rng!r}; "
        "use numpy.random.default_rng(0)."
    )
