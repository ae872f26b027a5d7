"""Set the book as one PDF, by the LaTeX of this machine: _build/latex/book.pdf.

With --check it only says, in one sentence, what is missing.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "latex"
NAME = "book"

#: Packages of Debian and Ubuntu, and a file that tells whether each is there.
PACKAGES = {
    "texlive-xetex": "xelatex",
    "texlive-latex-extra": "tcolorbox.sty",
    "texlive-latex-recommended": "unicode-math.sty",
    "fonts-texgyre": "texgyrepagella-regular.otf",
    "fonts-texgyre-math": "texgyrepagella-math.otf",
    "fonts-dejavu-core": "DejaVuSansMono.ttf",
}
#: As often as page numbers and references may move.
MOST_RUNS = 5
#: Points by which a line may reach into the margin.
OVERFULL = 10.0


def is_there(file: str) -> bool:
    """Tell whether LaTeX finds a file, or the shell a command."""
    if "." not in file:
        return shutil.which(file) is not None
    finder = shutil.which("kpsewhich")
    found = finder and subprocess.run([finder, file], capture_output=True, text=True).stdout
    return bool(found)


def missing():
    """Return the packages that are not installed."""
    return [package for package, file in PACKAGES.items() if not is_there(file)]


def complaint(packages):
    """Return what to do about packages that are not there."""
    return (
        "The PDF is set by LaTeX, of which something is missing here; on Debian and Ubuntu "
        f"`apt-get install --no-install-recommends {' '.join(packages)}` brings it."
    )


def write_latex():
    """Run Sphinx; chapters that the book has run before are not run again."""
    book = Path(sys.executable).with_name("jupyter-book")
    command = [str(book), "build", ".", "--builder", "latex", "-W", "-n", "--keep-going"]
    subprocess.run(command, cwd=ROOT, check=True)


def notes():
    """Return what one run of LaTeX writes down for the next."""
    files = (FOLDER / f"{NAME}.{ending}" for ending in ("aux", "toc", "lof", "out"))
    return [file.read_bytes() if file.is_file() else b"" for file in files]


def run(*command):
    # The date of the sources, and a log whose lines are not broken.
    settings = os.environ | {"FORCE_SOURCE_DATE": "1", "max_print_line": "1000"}
    done = subprocess.run(
        command, cwd=FOLDER, env=settings, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode:
        sys.exit(f"{command[0]} stopped with an error:\n\n{error_in(log())}")


def run_latex():
    """Run LaTeX until what it notes for its next run stays the same."""
    before = notes()
    for _ in range(MOST_RUNS):
        run("xelatex", "-interaction=nonstopmode", "-halt-on-error", "-no-pdf", f"{NAME}.tex")
        if (now := notes()) == before:
            break
        before = now
    run("xdvipdfmx", "-q", "-E", f"{NAME}.xdv")


def log():
    return (FOLDER / f"{NAME}.log").read_text("utf-8", errors="replace")


def error_in(text):
    """Return the first error in a log, with its line."""
    found = re.search(r"^! .*?^l\.\d+[^\n]*\n[^\n]*", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else text[-2000:]


def faults(text):
    """Return what a reader would stumble over, from the log of the last run.

    >>> faults("Overfull \\\\hbox (12.5pt too wide) in paragraph at lines 3--4")
    ['Overfull \\\\hbox (12.5pt too wide) in paragraph at lines 3--4']
    >>> faults("Overfull \\\\hbox (2.5pt too wide) in paragraph at lines 3--4")
    []
    """
    found = re.findall(
        r"^(?:Missing character: .+|LaTeX Warning: .+ undefined .+)$", text, re.MULTILINE
    )
    lines = re.findall(r"^Overfull \\hbox .+$", text, re.MULTILINE)
    return found + [line for line in lines if float(line.split("(")[1].split("pt")[0]) > OVERFULL]


def pages(text):
    """Return how many pages LaTeX wrote."""
    found = re.search(r"Output written on .*?\((\d+) pages?", text)
    return int(found[1]) if found else 0


def main():
    if packages := missing():
        sys.exit(complaint(packages))
    if "--check" in sys.argv:
        return
    write_latex()
    run_latex()
    text = log()
    for fault in faults(text):
        print(fault, file=sys.stderr)
    print(f"{FOLDER / NAME}.pdf, {pages(text)} pages")


if __name__ == "__main__":
    main()
