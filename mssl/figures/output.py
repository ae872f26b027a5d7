"""From a drawn figure to bytes, to files, and to the page; the same bytes every time."""

from __future__ import annotations

import base64
import errno
import html
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from mssl.figures.columns import described
from mssl.figures.registry import FIGURES, RegisteredFigure
from mssl.figures.runs import PARTIAL, UnitStore, write_atomically
from mssl.figures.style import STYLE_SHEET
from mssl.figures.table import Table
from mssl.figures.words import readable
from mssl.validation import require_writable

__all__ = ["FORMATS", "FigureDisplay", "data", "display", "glue", "render", "show", "write"]

#: Formats of one figure on disk, besides its data.
FORMATS = ("svg", "pdf", "png")

# A date inside a file would make every build differ from the one before.
_UNDATED: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}


def render(drawing: Figure, file_format: str, *, title: str | None = None) -> bytes:
    """Return a drawing as the bytes of a file that carries no date and no random identifier.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
        What is written.
    file_format : {"svg", "pdf", "png"}
        As what.
    title : str, optional
        Written into the file's metadata.

    Returns
    -------
    bytes
        Equal for equal drawings.

    Raises
    ------
    ValueError
        If there is no such format.
    """
    if file_format not in FORMATS:
        raise ValueError(f"Format {file_format!r} is unknown; choose one of {', '.join(FORMATS)}.")
    metadata = dict(_UNDATED[file_format])
    if title is not None:
        metadata["Title"] = title
    buffer = io.BytesIO()
    with matplotlib.rc_context(fname=STYLE_SHEET):
        drawing.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def _files(name: str, out: Path) -> dict[str, Path]:
    """Return the files of a figure by their format."""
    return {ending: out / f"{name}.{ending}" for ending in (*FORMATS, "csv")}


def prepare(entries: Iterable[RegisteredFigure], scale: str, out: Path) -> None:
    """Make the folder of figures and see that all that is to be written there can be.

    Parameters
    ----------
    entries : iterable of RegisteredFigure
    scale : {"test", "quick", "paper"}
    out : Path
        The folder.

    Raises
    ------
    OSError
        An IsADirectoryError or another, with the file or folder that is in the way as its
        ``filename``.
    """
    if not os.path.lexists(out):
        out.mkdir(parents=True)
    require_writable(out)
    inner = {out / PARTIAL: None}  # a dictionary as an ordered set
    for entry in entries:
        for path in _files(entry.name, out).values():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        inner[UnitStore.at(out, entry.name, scale, entry.digest).folder] = None
    for folder in inner:
        if os.path.lexists(folder):
            require_writable(folder)


def write(entry: RegisteredFigure, table: Table, out: str | Path, *, scale: str) -> list[Path]:
    """Write ``NAME.svg``, ``NAME.pdf``, ``NAME.png`` and ``NAME.csv`` of one figure.

    Parameters
    ----------
    entry : RegisteredFigure
        The figure.
    table : Table
        The figure's data.
    out : path
        The folder; made when it does not exist.
    scale : {"test", "quick", "paper"}
        That of the data, told at the head of the CSV.

    Returns
    -------
    list of Path
        The four files.

    Raises
    ------
    OSError
        If the folder or a file cannot be written.
    """
    out = Path(out)
    contents = {"csv": described(entry, table, scale).encode("utf-8")}
    for file_format in FORMATS:
        # A fresh drawing for each format: saving may change the state of the layout.
        drawing = entry.figure(table)
        contents[file_format] = render(drawing, file_format, title=readable(entry.title))
    files = _files(entry.name, out)
    for ending, path in files.items():
        write_atomically(path, contents[ending])
    return list(files.values())


@cache
def _cached_data(entry: RegisteredFigure, scale: str) -> Table:
    return entry.data(scale)


def data(name: str, scale: str = "quick", seed: int | None = None) -> Table:
    """Return the data of a registered figure, computed once a process.

    Parameters
    ----------
    name : str
        The figure's name.
    scale : {"test", "quick", "paper"}, default="quick"
        How much is computed.
    seed : int, optional
        Root of the random draws, to see other ones; the figure's own by default.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If there is no such figure or scale, or the seed is no non-negative integer.
    """
    return _cached_data(FIGURES.get(name).seeded(seed), scale)


def show(name: str, scale: str = "quick", seed: int | None = None) -> Figure:
    """Return a registered figure as a Matplotlib figure, its data computed once a process.

    Takes the same `name`, `scale` and `seed` as :func:`data`, and raises ValueError like it.
    """
    return FIGURES.get(name).figure(data(name, scale, seed))


@dataclass(frozen=True)
class FigureDisplay:
    """A figure for a page: picture, alternative text, caption and a link to its data.

    Shown as the value of a notebook cell. A web page gets HTML with the picture inside it, so
    that no other file is asked for; LaTeX gets a PNG; a terminal gets the words.

    Parameters
    ----------
    entry : RegisteredFigure
        The figure.
    table : Table
        Its data.
    scale : {"test", "quick", "paper"}
        That of the data.
    """

    entry: RegisteredFigure
    table: Table
    scale: str = "quick"

    def html(self) -> str:
        """Return the figure as one self-contained HTML element; a live one at its first frame."""
        rows = _base64(described(self.entry, self.table, self.scale).encode("utf-8"))
        name = self.entry.name
        identifier = f"figure-{name.replace('_', '-')}"
        title, caption = (
            html.escape(" ".join(text.split())) for text in (self.entry.title, self.entry.caption)
        )
        return (
            f'<figure class="mssl-figure" id="{identifier}">\n{self._picture()}\n'
            f"<figcaption><strong>{title}.</strong> {caption} "
            f'<a download="{name}.csv" href="data:text/csv;base64,{rows}">'
            f"Data of this figure (CSV)</a></figcaption>\n</figure>"
        )

    def _picture(self) -> str:
        """Return the picture as an HTML image."""
        drawing = self.entry.figure(self.table)
        width, height = (round(96 * inches) for inches in drawing.get_size_inches())
        content = _base64(render(drawing, "svg", title=readable(self.entry.title)))
        alt = html.escape(" ".join(self.entry.alt.split()))
        return (
            f'<img src="data:image/svg+xml;base64,{content}" alt="{alt}" width="{width}" '
            f'height="{height}" style="max-width:100%;height:auto;background:#fff">'
        )

    def __repr__(self) -> str:
        return f"{readable(self.entry.title)}. {readable(self.entry.caption)} [{self.entry.alt}]"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        drawing = self.entry.figure(self.table)
        return {
            "text/html": self.html(),
            "image/png": _base64(_small(render(drawing, "png"))),
            "text/plain": repr(self),
        }


def display(name: str, scale: str = "quick", seed: int | None = None) -> FigureDisplay:
    """Return a registered figure with alt text, caption and data, to end a notebook cell with.

    Parameters
    ----------
    name : str
        The figure's name.
    scale : {"test", "quick", "paper"}, default="quick"
        How much is computed.
    seed : int, optional
        Root of the random draws, to see other ones; the figure's own by default.

    Returns
    -------
    FigureDisplay

    Raises
    ------
    ValueError
        If there is no such figure or scale.
    """
    return FigureDisplay(FIGURES.get(name).seeded(seed), data(name, scale, seed), scale)


def glue(name: str, value: float | str, form: str = ".3f") -> None:
    """Make a computed number available to the prose of a page, as ``{glue:text}`name```.

    Where MyST-NB is not installed no page is being made, and nothing happens: the notebook of a
    chapter, whose prose holds the numbers already, runs with the package alone.

    Parameters
    ----------
    name : str
        Name within the page.
    value : number or str
        What the prose shows.
    form : str, default=".3f"
        Format specification; "" leaves a text as it is.
    """
    text = format(value, form)
    try:
        from myst_nb import glue as keep  # a dependency of the book, not of the package
    except ModuleNotFoundError:
        return
    keep(name, text, display=False)


def _small(picture: bytes) -> bytes:
    """Return a PNG with at most 256 colours, a third of the size: notebooks are full of them."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        # Without dithering, which would speckle plain areas.
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
