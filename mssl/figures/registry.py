"""The list of figures: what each computes, how it is drawn, and what it says in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from mssl.figures.live import Live
from mssl.figures.runs import Run, UnitStore, source_digest
from mssl.figures.still import draw_still
from mssl.figures.style import STYLE_SHEET
from mssl.figures.table import Table

__all__ = ["FIGURES", "FigureRegistry", "RegisteredFigure", "figure"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MIN_WORDS = 8
_Drawn = TypeVar("_Drawn", Figure, Live)


def _require_prose(name: str, what: str, text: object) -> None:
    """Refuse a text that is missing or too short to tell anything."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"Figure {name!r} has no {what}; write it as a full sentence.")
    if len(text.split()) < _MIN_WORDS or not text.strip().endswith((".", "?", "!")):
        raise ValueError(
            f"The {what} of figure {name!r} is {text!r}; it must be a full sentence of at least "
            f"{_MIN_WORDS} words that ends with a full stop."
        )


@dataclass(frozen=True)
class RegisteredFigure:
    """One figure: compute and draw apart, with the words that go with it.

    Parameters
    ----------
    name : str
        Lower-case identifier; also the name of its files.
    title : str
        A short title.
    alt : str
        What a reader who cannot see the figure must be told: at least a full sentence.
    caption : str
        What stands below the figure: at least a full sentence.
    chapter : str
        The chapter it belongs to, as the chapter's file name without its ending.
    seed : int
        Root of all random draws of the figure.
    compute : callable
        ``compute(run) -> Table`` with ``run`` a :class:`~mssl.figures.runs.Run`.
    draw : callable
        ``draw(data) -> matplotlib Figure``, from the table alone; of a live figure it returns a
        ``mssl.figures.live.Live``.
    missing : tuple of str
        Columns in which NaN is allowed (such as the standard error of a theory value).
    live : bool
        Whether a reader of the page can move it. The page then draws it from its data; everywhere
        else its first frame is the picture.
    columns : mapping of str to str, optional
        What a column of the data means, and its unit, where it is not what
        ``mssl.figures.columns.COLUMNS`` says of that name.

    Raises
    ------
    ValueError
        If one of the words is missing or too short, or the name or the seed is not usable.
    """

    name: str
    title: str
    alt: str
    caption: str
    chapter: str
    seed: int
    compute: Callable[[Run], Table] = field(repr=False)
    draw: Callable[[Table], Figure | Live] = field(repr=False)
    missing: tuple[str, ...] = ()
    live: bool = False
    columns: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"Figure name {self.name!r} must be lower-case letters, digits and underscores, "
                "such as 'double_descent'."
            )
        for what in ("title", "chapter"):
            if not isinstance(getattr(self, what), str) or not getattr(self, what).strip():
                raise ValueError(f"Figure {self.name!r} has no {what}.")
        _require_prose(self.name, "alt text", self.alt)
        _require_prose(self.name, "caption", self.caption)
        if self.alt.strip() in (self.caption.strip(), self.title.strip()):
            raise ValueError(
                f"The alt text of figure {self.name!r} repeats its caption or title; say what can "
                "be seen."
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"The seed of figure {self.name!r} must be a non-negative integer.")

    def data(
        self,
        scale: str = "quick",
        *,
        out: str | Path | None = None,
        progress: bool = False,
        force: bool = False,
    ) -> Table:
        """Compute the figure's data.

        Parameters
        ----------
        scale : {"test", "quick", "paper"}, default="quick"
            How much is computed.
        out : path, optional
            Folder below which finished units are stored and found again.
        progress : bool, default=False
            Show a progress bar on standard error.
        force : bool
            Forget stored units first.

        Returns
        -------
        Table

        Raises
        ------
        ValueError
            If the scale is unknown, or a column that was not declared ``missing`` holds NaN.
        """
        run = Run(scale, self.seed)  # refuses an unknown scale before a folder is made
        store = None
        if out is not None:
            store = UnitStore.open(Path(out), self.name, scale, self.digest)
            if force:
                store.clear()
        run = Run(scale, self.seed, store=store, progress=progress, name=self.name)
        table = self.compute(run)
        for name, column in table.columns.items():
            if column.dtype.kind == "f" and name not in self.missing and np.isnan(column).any():
                raise ValueError(
                    f"Column {name!r} of figure {self.name!r} holds NaN; declare it missing or "
                    "mend the computation."
                )
        return table

    def figure(self, data: Table, frame: int | None = None) -> Figure:
        """Draw the figure from its `data`, in the style of the book.

        Of a live figure it draws one `frame`, or the first one.
        """
        with matplotlib.rc_context(fname=STYLE_SHEET):
            drawn = self.draw(data)
            return draw_still(drawn, frame) if isinstance(drawn, Live) else drawn

    def moving(self, data: Table) -> Live | None:
        """Return what a live figure shows at each place of its sliders, from its `data`.

        None for a figure that stands still.
        """
        drawn = self.draw(data) if self.live else None
        return drawn if isinstance(drawn, Live) else None

    def seeded(self, seed: int | None) -> RegisteredFigure:
        """Return the same figure with other random draws, of this `seed`; itself for ``None``."""
        return self if seed is None else replace(self, seed=seed)

    @property
    def digest(self) -> str:
        """Changes whenever data that was stored for this figure could be stale."""
        return source_digest(self.compute, self.seed)


class FigureRegistry:
    """A mapping from names to figures, in order of registration.

    Parameters
    ----------
    home : str, optional
        Name of the package that registers its figures here when it is imported, which happens on
        first use.

    Examples
    --------
    >>> registry = FigureRegistry()
    >>> len(registry)
    0
    """

    def __init__(self, home: str | None = None) -> None:
        self._registered: dict[str, RegisteredFigure] = {}
        self._home = home

    @property
    def _figures(self) -> dict[str, RegisteredFigure]:
        """What is registered, those at home included."""
        if self._home is not None:
            home, self._home = self._home, None  # they register themselves here
            try:
                import_module(home)
            except BaseException:
                self._home = home
                raise
        return self._registered

    def __iter__(self) -> Iterator[RegisteredFigure]:
        return iter(self._figures.values())

    def __len__(self) -> int:
        return len(self._figures)

    def __contains__(self, name: object) -> bool:
        return name in self._figures

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all figures, in order of registration."""
        return tuple(self._figures)

    def add(self, entry: RegisteredFigure, *, replace: bool = False) -> RegisteredFigure:
        """Register a figure, and return the `entry`.

        ValueError if its name is taken, unless `replace` is true.
        """
        if entry.name in self._figures and not replace:
            raise ValueError(
                f"A figure named {entry.name!r} is registered already; choose another name, or "
                "pass replace=True to redefine it."
            )
        self._figures[entry.name] = entry
        return entry

    def get(self, name: str) -> RegisteredFigure:
        """Return a figure by name.

        ValueError for an unknown name; its message has those close to it.
        """
        if name in self._figures:
            return self._figures[name]
        if not self._figures:
            raise ValueError(f"There is no figure {name!r}; no figure is registered.")
        near = self._near(str(name))
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise ValueError(f"There is no figure {name!r}{hint}")

    def _near(self, name: str) -> list[str]:
        """Up to three names that are spelt much like another one, or contain it."""
        near = difflib.get_close_matches(name, self._figures, n=3)
        whole = [known for known in self._figures if len(name) >= 4 and name in known]
        return (near or whole)[:3]


#: All figures of the book.
FIGURES = FigureRegistry("mssl.chapters")


def figure(
    name: str,
    *,
    compute: Callable[[Run], Table],
    title: str,
    alt: str,
    caption: str,
    chapter: str,
    seed: int,
    missing: tuple[str, ...] = (),
    live: bool = False,
    columns: Mapping[str, str] | None = None,
    registry: FigureRegistry | None = None,
    replace: bool = False,
) -> Callable[[Callable[[Table], _Drawn]], Callable[[Table], _Drawn]]:
    """Register the decorated function as the drawing of a figure.

    Parameters
    ----------
    name, compute, title, alt, caption, chapter, seed, missing, live, columns
        As in :class:`~mssl.figures.registry.RegisteredFigure`.
    registry : FigureRegistry, optional
        Where to register; the book's own by default.
    replace : bool
        Whether the name may be taken (for a notebook cell that is run twice).

    Returns
    -------
    callable
        A decorator that returns the drawing function unchanged.

    Raises
    ------
    ValueError
        As :class:`RegisteredFigure` and :meth:`FigureRegistry.add`, by the decorator.
    """

    def decorate(draw: Callable[[Table], _Drawn]) -> Callable[[Table], _Drawn]:
        (FIGURES if registry is None else registry).add(
            RegisteredFigure(
                name=name,
                title=title,
                alt=alt,
                caption=caption,
                chapter=chapter,
                seed=seed,
                compute=compute,
                draw=draw,
                missing=tuple(missing),
                live=live,
                columns=dict(columns or {}),
            ),
            replace=replace,
        )
        return draw

    return decorate
