"""Put the map of the package into README.md and book/api.md, from the first lines of its modules.

With ``--check`` nothing is written, and pages whose map is not that of the modules are named.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "book/api.md")
START, END = "<!-- map: written by `make map` -->", "<!-- end of the map -->"


def first_line(module: Path) -> str:
    """What a module says that it is."""
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    if not docstring:
        raise ValueError(f"{module.relative_to(ROOT)} has no docstring; its first line is needed.")
    return docstring.splitlines()[0].replace("``", "`")


def parts() -> dict[str, str]:
    """The first lines of all public parts of the package, by their place."""
    package = ROOT / "mssl"
    found = {f"mssl/{m.parent.name}/": first_line(m) for m in package.glob("*/__init__.py")}
    modules = (module for module in package.glob("*.py") if not module.name.startswith("_"))
    found |= {f"mssl/{module.name}": first_line(module) for module in modules}
    return dict(sorted(found.items()))


def house_map() -> str:
    """The map as a table in Markdown, between the two lines that mark it."""
    rows = "".join(f"| `{place}` | {what} |\n" for place, what in parts().items())
    return f"{START}\n\n| where | what |\n|---|---|\n{rows}\n{END}"


def with_map(text: str) -> str:
    """The text of a page with the map in its place."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return before + house_map() + after


def main(arguments: list[str]) -> int:
    """Write the maps, or check them; return the number of pages that were wrong."""
    wrong = 0
    for page in PAGES:
        path = ROOT / page
        text = path.read_text("utf-8")
        if with_map(text) == text:
            continue
        if "--check" in arguments:
            print(f"The map in {page} is not that of the modules: run `make map`.")
            wrong += 1
        else:
            path.write_text(with_map(text), "utf-8")
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
