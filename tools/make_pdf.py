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
OVERFULL = 5.0
#: Pages between two lines that say how far LaTeX is.
PAGES_TOLD = 50


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
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("The chapters could not be written as LaTeX; the warnings above say why.")


def notes():
    """Return what one run of LaTeX writes down for the next, by file."""
    files = [FOLDER / f"{NAME}.{ending}" for ending in ("aux", "toc", "lof", "out")]
    return {file: file.read_bytes() for file in files if file.is_file()}


def forget_half_notes():
    """Remove the notes of a run that was stopped, as LaTeX cannot read half of them."""
    if not pages(log()):
        for file in notes():
            file.unlink()


def typeset(count):
    """Run LaTeX once, and say on which page it is."""
    # The date of the sources, and a log whose lines are not broken.
    settings = os.environ | {"FORCE_SOURCE_DATE": "1", "max_print_line": "1000"}
    options = ["-interaction=nonstopmode", "-halt-on-error", "-no-pdf"]
    with subprocess.Popen(
        ["xelatex", *options, f"{NAME}.tex"],
        cwd=FOLDER,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as latex:
        page = 0
        for line in latex.stdout or ():
            for number in map(int, re.findall(r"\[(\d+)", line)):
                if number != page + 1:
                    continue  # no page, but a number of something else
                page = number
                if page % PAGES_TOLD == 0:
                    print(f"LaTeX, run {count}: page {page}", flush=True)
    if latex.returncode:
        sys.exit(f"LaTeX stopped with an error:\n\n{error_in(log())}")


def run_latex():
    """Run LaTeX until what it notes for its next run stays the same."""
    forget_half_notes()
    before = notes()
    for count in range(1, MOST_RUNS + 1):
        typeset(count)
        if (now := notes()) == before:
            return
        before = now
    print(f"References still move after {MOST_RUNS} runs.", file=sys.stderr)


def write_pdf():
    """Make the PDF from what LaTeX has set; a stopped run leaves the PDF of the last one."""
    part = FOLDER / f"{NAME}.part.pdf"
    command = ["xdvipdfmx", "-q", "-E", "-o", part.name, f"{NAME}.xdv"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"xdvipdfmx stopped with an error:\n\n{done.stderr[-2000:]}")
    part.replace(FOLDER / f"{NAME}.pdf")


def log():
    """Return what the last run of LaTeX said."""
    file = FOLDER / f"{NAME}.log"
    return file.read_text("utf-8", errors="replace") if file.is_file() else ""


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
        r"^(?:Missing character: .+|LaTeX Warning: .+ (?:undefined|too large) .+)$",
        text,
        re.MULTILINE,
    )
    lines = re.findall(r"^Overfull \\[hv]box .+$", text, re.MULTILINE)
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
    write_pdf()
    text = log()
    for fault in faults(text):
        print(fault, file=sys.stderr)
    print(f"{FOLDER / NAME}.pdf, {pages(text)} pages")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; the next `make pdf` begins where this one was.")
