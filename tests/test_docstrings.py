"""Docstrings say what a reader needs: theorems that the book has, arguments, and errors."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from implementations import ROLE, implementations

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mssl"
LABEL = re.compile(r"\{prf:\w+\}.*\n(?::[\w-]+:.*\n)*?:label: (\S+)")
LABELS = {
    found for page in (ROOT / "book").glob("*.md") for found in LABEL.findall(page.read_text())
}
# Chapters are no library, and modules with an underscore are nobody's but the package's.
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if "chapters" not in path.parts and (path.name[0] != "_" or path.name == "__init__.py")
}
# What these raise is raised by whoever calls them.
CHECKS = ("validation.py", "vit/checks.py")
CONSTRUCTORS = ("__init__", "__post_init__")
Owner = ast.ClassDef | None


@dataclass(frozen=True)
class Public:
    """A function, method or constructor of the library, and the text that a reader has of it."""

    file: str
    owner: Owner
    node: ast.FunctionDef

    def __str__(self):
        return ".".join([self.file, *([self.owner.name] if self.owner else []), self.node.name])

    @property
    def text(self):
        constructs = self.owner and self.node.name in CONSTRUCTORS
        return ast.get_docstring(self.owner if constructs else self.node) or ""


def public_functions() -> Iterator[Public]:
    for file, tree in TREES.items():
        owners = [None, *(c for c in tree.body if isinstance(c, ast.ClassDef) and c.name[0] != "_")]
        for owner in owners:
            for node in (owner or tree).body:
                if isinstance(node, ast.FunctionDef) and not is_overload(node):
                    constructs = owner is not None and node.name in CONSTRUCTORS
                    if constructs or node.name[0] != "_":
                        yield Public(file, owner, node)


def is_overload(node):
    return any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)


PUBLIC = list(public_functions())


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, but not in functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from own_nodes(child)


def raised(node: ast.AST) -> Iterator[str]:
    """Classes of the errors that a function raises itself; it may raise again what it caught."""
    for child in own_nodes(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = ast.unparse(error).rpartition(".")[2]
            if name[0].isupper():
                yield name


def functions_of(file):
    return {n.name: n for n in TREES[file].body if isinstance(n, ast.FunctionDef)}


FUNCTIONS = {file: functions_of(file) for file in TREES}


def errors_of(function: Public) -> set[str]:
    """Errors of a function's own, of the private helpers of its file, and of checks, that it calls.

    A call whose errors may be caught counts for nothing.
    """
    found: set[str] = set()
    to_read: list[tuple[str, ast.AST]] = [(function.file, function.node)]
    for file, node in to_read:
        found |= set(raised(node))
        caught = {
            id(call)
            for part in own_nodes(node)
            if isinstance(part, ast.Try) and part.handlers
            for line in part.body
            for call in ast.walk(line)
        }
        for call in own_nodes(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                helper = helper_of(file, call.func.id)
                if helper and helper not in to_read and id(call) not in caught:
                    to_read.append(helper)
    return found


def helper_of(file, name):
    """Where a name that a file calls is defined, if it is one of its private helpers or a check."""
    if name in FUNCTIONS[file] and name[0] == "_":
        return file, FUNCTIONS[file][name]
    return next(((f, FUNCTIONS[f][name]) for f in CHECKS if name in FUNCTIONS[f]), None)


def arguments(function: Public) -> Iterator[str]:
    signature = function.node.args
    named = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
    static = any(ast.unparse(d) == "staticmethod" for d in function.node.decorator_list)
    bound = 1 if function.owner and not static else 0
    for argument in [*named[bound:], signature.vararg, signature.kwarg]:
        if argument is not None and argument.arg[0] != "_":
            yield argument.arg


def unsaid(names, text):
    return [name for name in names if not re.search(rf"(?<!\w){name}(?!\w)", text)]


def test_every_theorem_that_the_package_names_is_in_the_book():
    named = {
        label for file in PACKAGE.rglob("*.py") for label in ROLE.findall(file.read_text("utf-8"))
    }
    assert named
    assert named <= LABELS


def test_every_named_theorem_is_named_by_something_in_the_reference():
    # Or else the book could not name it back.
    named = {
        label for file in PACKAGE.rglob("*.py") for label in ROLE.findall(file.read_text("utf-8"))
    }
    assert named == set(implementations())


def test_every_public_name_has_a_sentence():
    without = []
    for file, tree in TREES.items():
        shown = names_shown(file)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_overload(node):
                summary = (ast.get_docstring(node) or "").partition("\n\n")[0]
                if node.name in shown and not re.search(r"\w.*[.:]$", summary, re.DOTALL):
                    without.append(f"{file}: {node.name}")
    assert not without


def names_shown(file):
    """Names that a module or its room shows to others."""
    room = file.rpartition("/")[0] + "/__init__.py"
    shown = set()
    for node in [*TREES[file].body, *(TREES[room].body if room in TREES else ())]:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            shown |= set(ast.literal_eval(node.value))
    return shown


def test_every_public_function_names_its_errors():
    silent = {str(f): errors for f in PUBLIC if (errors := unsaid(sorted(errors_of(f)), f.text))}
    assert not silent


def test_every_public_function_names_its_arguments():
    silent = {str(f): names for f in PUBLIC if (names := unsaid(arguments(f), f.text))}
    assert not silent


def test_every_public_dataclass_names_its_fields():
    silent = {}
    for file, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name in names_shown(file):
                fields = [
                    ast.unparse(part.target)
                    for part in node.body
                    if isinstance(part, ast.AnnAssign)
                ]
                public = [name for name in fields if name[0] != "_"]
                if names := unsaid(public, ast.get_docstring(node) or ""):
                    silent[f"{file}: {node.name}"] = names
    assert not silent
