"""The command line of the package: ``python -m mssl``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        return _run(argv)
    except KeyboardInterrupt:  # in the imports, before there is anything to resume
        print("\nInterrupted before anything was computed.", file=sys.stderr)
        return 130


def _run(argv: Sequence[str] | None) -> int:
    from mssl.figures import cli

    parser = argparse.ArgumentParser(
        prog="python -m mssl", description="Masked self-supervised learning in high dimension."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    figures = commands.add_parser("figures", help="write every figure of the book, with its data")
    cli.add_arguments(figures)
    return cli.run_figures(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
