"""The data behind a figure: a small immutable table in long form, exact as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Table", "table_of"]

_INTEGER = re.compile(r"[+-]?\d+")


def _is_number(text: str) -> bool:
    """Whether a CSV cell would be read back as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_column(name: str, values: object) -> np.ndarray:
    """Return ``values`` as a read-only int64, float64 or text vector, or say what is wrong."""
    column = np.atleast_1d(np.asarray(values))
    if column.ndim != 1:
        raise ValueError(
            f"Column {name!r} has shape {column.shape}; a column is one-dimensional, so flatten it."
        )
    if column.size == 0:
        raise ValueError(f"Column {name!r} is empty; a table needs at least one row.")
    if column.dtype.kind in "iu":
        if column.dtype.kind == "u" and int(column.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"Column {name!r} does not fit in 64-bit integers; use floats.")
        column = column.astype(np.int64)
    elif column.dtype.kind == "f":
        column = column.astype(np.float64)
    elif column.dtype.kind == "U" or (
        column.dtype.kind == "O" and all(isinstance(v, str) for v in column)
    ):
        column = column.astype(str)
        if all(_is_number(text) for text in column):
            raise ValueError(
                f"Text column {name!r} holds only numbers, which CSV cannot tell from a number "
                "column; store numbers, or words."
            )
    else:
        raise ValueError(
            f"Column {name!r} has dtype {column.dtype}; a column holds integers, floats or text."
        )
    column = column.copy()
    column.flags.writeable = False
    return column


def _write_cell(value: object) -> str:
    """One cell: the shortest text that reads back as exactly the same value."""
    return value if isinstance(value, str) else repr(value)


def _read_column(cells: list[str]) -> np.ndarray:
    """Type a column from its cells: integers, else floats, else text."""
    if all(_INTEGER.fullmatch(cell) for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    if all(_is_number(cell) for cell in cells):
        return np.array([float(cell) for cell in cells], dtype=np.float64)
    return np.array(cells, dtype=str)


@dataclass(frozen=True, eq=False)
class Table:
    r"""Named columns of equal length, one observation a row, that survive CSV bit by bit.

    .. math::

        \mathrm{read}(\mathrm{write}(T)) = T

    Parameters
    ----------
    columns : mapping of str to array_like of shape (n_rows,)
        Integers, floats or text. A scalar is repeated to the length of the others.

    Raises
    ------
    ValueError
        If a column is empty, not one-dimensional, of another type, or the lengths differ.

    Notes
    -----
    Floats are written by ``repr``, the shortest decimal that reads back as the same double, so
    the file on disk is the data and not a rounding of it. Arrays are read-only.

    Examples
    --------
    >>> table = Table({"witness": ["theory", "measured"], "ridge": 0.1, "error": [0.5, 0.75]})
    >>> print(table.to_csv(), end="")
    witness,ridge,error
    theory,0.1,0.5
    measured,0.1,0.75
    >>> Table.from_csv(table.to_csv()) == table
    True
    >>> table.where(witness="theory")["error"]
    array([0.5])
    """

    if TYPE_CHECKING:  # what may be passed; the field below holds what it was made into

        def __init__(self, columns: Mapping[str, ArrayLike]) -> None: ...

    columns: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("A table needs at least one column.")
        for name in self.columns:
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"Column name {name!r} is not a plain word such as 'test_error'.")
        arrays = {name: _as_column(name, values) for name, values in self.columns.items()}
        length = max(column.size for column in arrays.values())
        for name, column in arrays.items():
            if column.size == length:
                continue
            if np.ndim(self.columns[name]) != 0:
                raise ValueError(
                    f"Column {name!r} has {column.size} rows but another has {length}; "
                    "all columns must have the same length."
                )
            column = np.full(length, column[0])
            column.flags.writeable = False
            arrays[name] = column
        object.__setattr__(self, "columns", MappingProxyType(arrays))

    # MappingProxyType cannot be pickled, and joblib pickles what it returns.
    def __reduce__(self) -> tuple[type[Table], tuple[dict[str, np.ndarray]]]:
        return Table, (dict(self.columns),)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return next(iter(self.columns.values())).size

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.columns:
            raise ValueError(f"There is no column {name!r}; there are {', '.join(self.names)}.")
        return self.columns[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        return self.names == other.names and all(
            mine.dtype.kind == theirs.dtype.kind
            and np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
            for mine, theirs in zip(self.columns.values(), other.columns.values(), strict=True)
        )

    def where(self, **equal: object) -> Table:
        """Return the rows whose columns equal the given values.

        Raises
        ------
        ValueError
            If no row is left, since an empty curve is always a mistake in a figure.
        """
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            keep &= self[name] == value
        if not keep.any():
            raise ValueError(f"No row of the table has {equal}.")
        return Table({name: column[keep] for name, column in self.columns.items()})

    def unique(self, name: str) -> list:
        """Return the distinct values of the column `name` in order of first appearance."""
        return list(dict.fromkeys(self[name].tolist()))

    def groups(self, name: str) -> Iterator[tuple[Any, Table]]:
        """Yield ``(value, rows)`` for each distinct value of the column `name`.

        ValueError if there is no such column.
        """
        for value in self.unique(name):
            yield value, self.where(**{name: value})

    @classmethod
    def concat(cls, tables: Iterable[Table]) -> Table:
        """Return the rows of several tables with the same columns, one after the other.

        ValueError if there is no table, or their columns differ.
        """
        tables = list(tables)
        if not tables:
            raise ValueError("There is no table to join.")
        for table in tables[1:]:
            if table.names != tables[0].names:
                raise ValueError(
                    f"Cannot join columns {table.names} to {tables[0].names}; "
                    "tables of one figure share their columns."
                )
        return cls(
            {name: np.concatenate([table[name] for table in tables]) for name in tables[0].names}
        )

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the table as CSV text with a header line, and write it to ``path`` if given."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.names)
        for row in zip(*(column.tolist() for column in self.columns.values()), strict=True):
            writer.writerow([_write_cell(value) for value in row])
        text = buffer.getvalue()
        if path is not None:
            Path(path).write_bytes(text.encode("utf-8"))
        return text

    @classmethod
    def from_csv(cls, source: str | Path) -> Table:
        """Read a table from CSV text (a ``str``) or from a file (a ``Path``), the `source`.

        Lines at its head that begin with ``#`` are skipped.

        Raises
        ------
        ValueError
            If a line has another number of cells than the header, or there is no line but that.
        """
        text = source.read_bytes().decode("utf-8") if isinstance(source, Path) else source
        while text.startswith("#"):  # which no name of a column does
            text = text.partition("\n")[2]
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if len(rows) < 2:
            raise ValueError("The CSV has no data: it needs a header line and at least one row.")
        header, body = rows[0], rows[1:]
        for number, row in enumerate(body, start=2):
            if len(row) != len(header):
                raise ValueError(
                    f"Line {number} of the CSV has {len(row)} cells; the header has {len(header)}."
                )
        return cls({name: _read_column([row[j] for row in body]) for j, name in enumerate(header)})


def table_of(*names: str) -> Callable[..., Table]:
    """Return a maker of tables with these columns, which takes their values in this order.

    Parameters
    ----------
    *names : str
        The columns. When ``standard_error`` is the last, it may be left out, as theory has none: it
        is NaN then.

    Returns
    -------
    callable
        ``make(*values) -> Table``; a value is a column, or a scalar for all rows.

    Raises
    ------
    ValueError
        By the maker, when it is given too few or too many values.

    Examples
    --------
    >>> overlaps = table_of("witness", "strength", "overlap", "standard_error")
    >>> print(overlaps("theory", [1.0, 2.0], [0.0, 0.5]).to_csv(), end="")
    witness,strength,overlap,standard_error
    theory,1.0,0.0,nan
    theory,2.0,0.5,nan
    """

    def make(*values: ArrayLike) -> Table:
        if len(values) == len(names) - 1 and names[-1] == "standard_error":
            values = (*values, np.nan)
        if len(values) != len(names):
            raise ValueError(
                f"The table has the {len(names)} columns {', '.join(names)}, but {len(values)} "
                "values were given; give one for each."
            )
        return Table(dict(zip(names, values, strict=True)))

    return make
