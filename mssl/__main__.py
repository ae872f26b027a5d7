"""The command line of the package: ``python -m mssl``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

# What a shell reports for a program that Ctrl-C, or a reader that left, has ended.
_INTERRUPTED, _UNREAD = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv`, by default that of the process, names; return its exit code."""
    try:
        try:
            return _run(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # at exit it would be too late to answer an error
    except KeyboardInterrupt:  # in the imports, before there is anything to resume
        print("\nInterrupted before anything was computed.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _UNREAD
    except OSError as error:
        _drop_output()
        print(f"error: cannot write to the output: {error.strerror}.", file=sys.stderr)
        return 1


def _drop_output() -> None:
    """Send what is left in the buffer nowhere, as the flush at exit would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _run(argv: Sequence[str] | None) -> int:
    from mssl import __version__
    from mssl.figures import cli

    parser = argparse.ArgumentParser(
        prog="python -m mssl", description="Masked self-supervised learning in high dimension."
    )
    parser.add_argument("--version", action="version", version=f"mssl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    figures = commands.add_parser("figures", help="write every figure of the book, with its data")
    cli.add_arguments(figures)
    return cli.run_figures(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
