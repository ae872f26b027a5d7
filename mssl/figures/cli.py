"""The command ``python -m mssl figures``."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from mssl.exceptions import ConvergenceError
from mssl.figures.output import prepare, write
from mssl.figures.registry import FIGURES, FigureRegistry
from mssl.figures.runs import PARTIAL, SCALES
from mssl.figures.words import readable

__all__ = ["add_arguments", "run_figures"]

_INTERRUPTED = 130  # What a shell reports for a program that Ctrl-C ended.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``figures`` to a parser."""
    parser.epilog = (
        f"DIR/{PARTIAL} keeps the finished parts of each figure, so that an interrupted or "
        "repeated run does not compute them again. It may be deleted whenever no run is under "
        "way; nothing but their computing time is lost."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to make; all by default")
    parser.add_argument(
        "--out", default="figures", metavar="DIR", help="folder to write to (default: figures)"
    )
    parser.add_argument(
        "--scale",
        choices=SCALES,
        default="quick",
        help="sizes and numbers of trials (default: quick, as in the book)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help="root of the random draws (default: of each figure its own, as in the book)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the figures, or those named, and stop"
    )
    parser.add_argument(
        "--force", action="store_true", help="compute again what an earlier run has stored"
    )


def _seed(text: str) -> int:
    """Read a seed, or say what one is."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 on.")
    return int(text)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def run_figures(arguments: argparse.Namespace, registry: FigureRegistry = FIGURES) -> int:
    """Make figures of a registry as the arguments say; return the exit code.

    Returns
    -------
    int
        0 when all is written, 1 when a solver did not converge or a file could not be read or
        written, 2 for a wrong request, 130 after an interruption.
    """
    try:
        entries = [registry.get(name) for name in dict.fromkeys(arguments.names)] or list(registry)
    except ValueError as error:
        return _fail(f"{error} (--list shows all names)")
    entries = [entry.seeded(arguments.seed) for entry in entries]
    if arguments.list:
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            print(f"{entry.name:<{width}}  {entry.chapter}: {readable(entry.title)}")
        return 0
    out = Path(arguments.out)
    try:
        prepare(entries, arguments.scale, out)
    except OSError as error:
        return _fail(f"cannot write to {error.filename!r}: {error.strerror}; choose another --out.")
    current = None
    try:
        for current in entries:
            table = current.data(arguments.scale, out=out, progress=True, force=arguments.force)
            for path in write(current, table, out, scale=arguments.scale):
                print(path)
    except KeyboardInterrupt:
        # Without --force, which would throw away what is to be resumed.
        words = ["python", "-m", "mssl", "figures", *arguments.names]
        words += ["--out", str(out), "--scale", arguments.scale]
        words += [] if arguments.seed is None else ["--seed", str(arguments.seed)]
        print(
            f"\nInterrupted at {current.name if current else 'the start'}; finished parts are "
            f"kept in {str(out / PARTIAL)!r}. Resume with: {shlex.join(words)}",
            file=sys.stderr,
        )
        return _INTERRUPTED
    except BrokenPipeError:
        raise  # whoever reads the names of the files has left, which is no failure
    except (ConvergenceError, OSError) as error:
        where = f"figure {current.name!r}: " if current else ""
        print(f"error: {where}{error}", file=sys.stderr)
        return 1
    return 0
