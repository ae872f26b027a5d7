"""Make .venv hold exactly what requirements.txt says, and the package itself.

A stamp, written last, names everything the environment was made from. An environment without that
stamp (interrupted, made by hand, moved, or from an older lock) is made again, never repaired.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"
PYTHON = VENV / "bin" / "python"


def fingerprint():
    """Return a digest of the lock, the project file, the interpreter and the place."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    digest.update(f"{sys.version}\n{sys.base_prefix}\n{ROOT}".encode())
    return digest.hexdigest()


def pip(*arguments):
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def main():
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.exists():
        return
    if sys.prefix != sys.base_prefix:
        # Started from inside a virtual environment, perhaps from the one about to be removed.
        outside = vars(sys)["_base_executable"]
        os.execv(outside, [outside, __file__])
    if VENV.exists():
        print("The .venv here was not made from this lock: it is replaced.", flush=True)
    print("Setting up .venv (once; a minute or two) ...", flush=True)
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "Python could not make a virtual environment; "
            "on Debian and Ubuntu the package python3-venv is missing."
        )
    pip("--require-hashes", "-r", "requirements.txt")
    pip("--no-deps", "--no-build-isolation", "-e", ".")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Setting up .venv failed: {' '.join(error.cmd[1:])}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next make starts the environment afresh.")
