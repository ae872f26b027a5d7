"""Make requirements.txt from pyproject.toml, and environment.yml from requirements.txt.

Pins that still fit pyproject.toml are kept; ``--upgrade`` looks for newer ones.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
CONDA = ROOT / "environment.yml"

CONDA_HEADER = """\
# Made from requirements.txt by `make lock`; do not edit.
name: mssl
channels:
  - conda-forge
dependencies:
  - python>=3.11
  - pip
  - pip:
"""


def compile_lock(extra_arguments: list[str]) -> None:
    """Resolve pyproject.toml for every platform and Python >= 3.11, with hashes.

    Index addresses stay out of the file, so that it installs from wherever the reader's pip looks.
    """
    command = ["uv", "pip", "compile", "pyproject.toml"]
    for extra in ("book", "data", "dev", "tables"):
        command += ["--extra", extra]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    command += ["--custom-compile-command", "make lock", "--output-file", LOCK.name]
    subprocess.run([sys.executable, "-m", *command, *extra_arguments], cwd=ROOT, check=True)


def pins(lock: str) -> list[str]:
    """Return the requirements of a lock file, ``name==version ; marker``, without their hashes."""
    lines = (line.rstrip(" \\") for line in lock.splitlines())
    return [line for line in lines if line and not line.lstrip().startswith(("#", "--hash"))]


def conda_environment(lock: str) -> str:
    """Return the text of environment.yml that carries the pins of a lock file."""
    entries = [*pins(lock), "-e ."]
    return CONDA_HEADER + "".join(f'      - "{entry}"\n' for entry in entries)


if __name__ == "__main__":
    compile_lock(sys.argv[1:])
    CONDA.write_text(conda_environment(LOCK.read_text("utf-8")), "utf-8")
