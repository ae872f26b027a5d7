"""One computation behind a figure, cut into units that are seeded and stored one by one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from mssl.figures.table import Table

__all__ = ["SCALES", "Run", "UnitStore", "source_digest"]

#: ``test`` is for the test suite, ``quick`` for the book, ``paper`` for print.
SCALES = ("test", "quick", "paper")

#: Folder, inside that of the figures, of the finished units.
PARTIAL = ".partial"

_Value = TypeVar("_Value")
_NUMERICAL_DEPENDENCIES = ("numpy", "scipy", "scikit-learn")


def _source_files(root: Path) -> list[Path]:
    """The package's Python files that a figure's data can depend on: all but checks of claims."""
    rooms = root / "chapters"
    checks = {*rooms.glob("*/claims.py"), *rooms.glob("*/claims/*.py"), *rooms.glob("ledger/*.py")}
    return sorted(set(root.rglob("*.py")) - checks)


@lru_cache(maxsize=1)
def _package_digest() -> str:
    """Digest of the package's source, claims apart, and of the numerical libraries' versions."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in _source_files(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    for name in _NUMERICAL_DEPENDENCIES:
        digest.update(f"{name}=={version(name)};".encode())
    return digest.hexdigest()


def source_digest(function: Callable | None = None, seed: int = 0) -> str:
    """Return a digest that changes whenever stored units could have become stale.

    Parameters
    ----------
    function : callable, optional
        A function from outside the package (a figure defined in a notebook or a test); the file
        that defines it, or its code when there is no file, is then part of the digest.
    seed : int
        Root of the random draws.

    Returns
    -------
    str
        Hexadecimal digest of the package's source and its numerical dependencies' versions.
    """
    digest = hashlib.sha256(f"{_package_digest()} {seed}".encode())
    code = getattr(function, "__code__", None)
    if code is not None:
        path = Path(code.co_filename)
        digest.update(path.read_bytes() if path.is_file() else code.co_code)
    return digest.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a path so that an interruption leaves the old file or the new one.

    There is never a half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class UnitStore:
    """Finished units of one figure at one scale, one CSV file each.

    Parameters
    ----------
    folder : Path
        ``DIR/.partial/NAME-SCALE-HASH``; the hash is that of the source, so that a changed source
        opens an empty folder and stale units are never read.
    """

    folder: Path

    @classmethod
    def at(cls, out: Path, name: str, scale: str, digest: str) -> UnitStore:
        """Return the store of one figure under `out`; nothing is made or dropped.

        `name`, `scale` and `digest` are those of the figure, of the run and of its source.
        """
        return cls(Path(out) / PARTIAL / f"{name}-{scale}-{digest[:16]}")

    @classmethod
    def open(cls, out: Path, name: str, scale: str, digest: str) -> UnitStore:
        """Return the store of one figure under `out` and drop those of older sources.

        `name`, `scale` and `digest` are as for :meth:`at`.
        """
        store = cls.at(out, name, scale, digest)
        for other in store.folder.parent.glob(f"{name}-{scale}-*"):
            if other != store.folder:
                shutil.rmtree(other, ignore_errors=True)
        return store

    def clear(self) -> None:
        """Forget all stored units."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, label: str, index: int, parameters: Mapping[str, object]) -> Path:
        """Return the file of one unit, named by its label, its index and its parameters."""
        text = json.dumps({key: repr(value) for key, value in parameters.items()}, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.folder / f"{label}-{index:04d}-{key}.csv"

    def load(self, path: Path) -> Table | None:
        """Return the unit stored at a path, or ``None`` when there is none or it cannot be read."""
        try:
            return Table.from_csv(path)
        except (OSError, ValueError):
            return None

    def save(self, path: Path, table: Table) -> None:
        """Store a finished unit, a `table`, at a path."""
        write_atomically(path, table.to_csv().encode("utf-8"))


@dataclass(frozen=True)
class Run:
    r"""What a figure's ``compute`` is given: its scale, its seed, and a way to run units.

    .. math::

        \text{data} = \bigcup_i \; \text{unit}(\text{parameters}_i,\ \text{rng}_i),
        \qquad \text{rng}_i \text{ a function of (seed, label, } i) \text{ alone}

    Parameters
    ----------
    scale : {"test", "quick", "paper"}
        How much is computed.
    seed : int
        Root of all random draws.
    store : UnitStore, optional
        Where finished units are kept; without it nothing touches the disk.
    progress : bool
        Whether to show a progress bar on standard error.
    name : str
        Shown in front of the bar.

    Raises
    ------
    ValueError
        If there is no such scale.

    Examples
    --------
    >>> run = Run("test", seed=1)
    >>> run.pick(test=2, quick=20, paper=200)
    2
    >>> def unit(rng, d):
    ...     return Table({"d": d, "mean": [rng.standard_normal(d).mean()]})
    >>> whole = run.map("mean", unit, [{"d": 10}, {"d": 1000}])
    >>> whole["d"]
    array([  10, 1000])
    """

    scale: str
    seed: int
    store: UnitStore | None = None
    progress: bool = False
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"Scale {self.scale!r} is unknown; choose one of {', '.join(SCALES)}.")

    def pick(self, *, test: _Value, quick: _Value, paper: _Value) -> _Value:
        """Return that of `test`, `quick` and `paper` which belongs to this run's scale."""
        return {"test": test, "quick": quick, "paper": paper}[self.scale]

    def rng(self, label: str, index: int = 0) -> np.random.Generator:
        """Return the generator of the unit `index` of a `label`.

        It is independent of all others and of their order.
        """
        key = (zlib.crc32(label.encode()), index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def map(
        self,
        label: str,
        unit: Callable[..., Table],
        parameters: Iterable[Mapping[str, object]],
    ) -> Table:
        """Run ``unit(rng, **p)`` for each ``p`` and join the tables in the order of ``p``.

        Parameters
        ----------
        label : str
            Names this family of units within the figure; part of seeds and file names.
        unit : callable
            ``unit(rng, **parameters) -> Table``.
        parameters : iterable of mapping
            One mapping a unit. Values need a ``repr`` that identifies them.

        Returns
        -------
        Table
            Bit for bit the same whether it was interrupted and resumed or not.
        """
        parameters = list(parameters)
        tables = []
        bar = tqdm(
            parameters,
            desc=f"{self.name} {label}".strip(),
            unit="unit",
            file=sys.stderr,
            disable=not self.progress,
            leave=False,
        )
        with bar:
            for index, values in enumerate(bar):
                tables.append(self._unit(label, unit, index, values))
        return Table.concat(tables)

    def _unit(
        self, label: str, unit: Callable[..., Table], index: int, values: Mapping[str, object]
    ) -> Table:
        """One unit, from the store where it has it."""
        if self.store is None:
            return unit(self.rng(label, index), **values)
        path = self.store.path(label, index, values)
        table = self.store.load(path)
        if table is None:
            table = unit(self.rng(label, index), **values)
            self.store.save(path, table)
        return table
