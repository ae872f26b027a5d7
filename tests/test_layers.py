"""Imports point one way: chapters, figures, experiments and theory, then what they share."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Each line imports the lines below it, and itself only where `TOGETHER` says so.
LAYERS = (
    ("chapters",),
    ("figures",),
    ("estimation", "baselines", "imputation", "theory", "symbolic", "vit",
     "simulation", "data", "weighted_pca"),
    ("regression", "rows"),
    ("masks", "covariance", "results"),
    ("_eigenpairs", "validation"),
    ("exceptions", "_types"),
)  # fmt: skip
FLOOR = {part: floor for floor, parts in enumerate(LAYERS) for part in parts}
# Pairs of one layer of which the first may import the second.
TOGETHER = {
    ("vit", "symbolic"),
}


def modules(folder):
    return [file for file in sorted((ROOT / folder).rglob("*.py")) if file.parts]


def imported(file):
    """Full names of all modules that a file imports, anywhere in it."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            start = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def part(name):
    """The part of the package that a module is in, or None."""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "mssl" and len(pieces) > 1 and pieces[1] in FLOOR else None


def arrows():
    for file in modules("mssl"):
        own = part(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for name in imported(file):
            if own and part(name) not in (None, own):
                yield own, part(name), file.relative_to(ROOT).as_posix()


def test_every_part_has_its_floor():
    parts = {path.parent.name for path in (ROOT / "mssl").glob("*/__init__.py")}
    parts |= {path.stem for path in (ROOT / "mssl").glob("*.py")} - {"__init__", "__main__"}
    assert parts <= set(FLOOR)


def test_imports_point_down():
    up = {(a, b, file) for a, b, file in arrows() if FLOOR[b] < FLOOR[a]}
    beside = {(a, b, file) for a, b, file in arrows() if FLOOR[b] == FLOOR[a]}
    assert not up
    assert not {(a, b, file) for a, b, file in beside if (a, b) not in TOGETHER}


def test_there_is_no_circle():
    below = {}
    for a, b, _ in arrows():
        below.setdefault(a, set()).add(b)

    def walk(name, path):
        assert name not in path, " -> ".join([*path, name])
        for other in below.get(name, ()):
            walk(other, [*path, name])

    for name in list(below):
        walk(name, [])


@pytest.mark.parametrize("one", ["theory", "simulation", "symbolic"])
def test_the_three_witnesses_know_nothing_of_each_other(one):
    others = {"theory", "simulation", "symbolic"} - {one}
    assert not {(a, b) for a, b, _ in arrows() if a == one and b in others}


def test_the_package_imports_no_test():
    assert not [file for file in modules("mssl") for n in imported(file) if n.startswith("tests")]


def test_the_book_imports_no_test():
    code = re.compile(r"^```\{code-cell\}.*?^```", re.DOTALL | re.MULTILINE)
    found = {file.name for file in modules("book") for n in imported(file) if n.startswith("tests")}
    for page in (ROOT / "book").glob("*.md"):
        if re.search(r"(from|import) tests\b", " ".join(code.findall(page.read_text("utf-8")))):
            found.add(page.name)
    assert not found


@pytest.mark.parametrize(("folder", "most"), [("mssl", 500), ("mssl/chapters", 400)])
def test_no_file_is_long(folder, most):
    lengths = {file: file.read_text("utf-8").count("\n") for file in modules(folder)}
    assert lengths
    assert not {str(file): length for file, length in lengths.items() if length > most}
