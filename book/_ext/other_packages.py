"""Links to the references of Python, NumPy, SciPy, scikit-learn, SymPy and Matplotlib.

Sphinx's own intersphinx makes them; it reads inventories that are made here from a text, so that
the build stays offline.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from cross_references import cross_reference
from docutils import nodes

LISTED = Path(__file__).with_name("inventories.txt")

# Types as docstrings put them, by what they mean.
TYPES = {
    "ndarray": "numpy.ndarray",
    "numpy.random.Generator": "numpy.random.Generator",
    "Generator": "numpy.random.Generator",
    "scipy.sparse.csr_array": "scipy.sparse.csr_array",
    "sympy expression": "sympy.core.expr.Expr",
    "sympy.Float": "sympy.core.numbers.Float",
    "sympy.Poly": "sympy.polys.polytools.Poly",
    "matplotlib.figure.Figure": "matplotlib.figure.Figure",
}
WORDS = re.compile(
    rf"(?<![\w.])({'|'.join(map(re.escape, sorted(TYPES, key=len, reverse=True)))})(?![\w.]\w)"
)


def packages(text: str) -> dict[str, tuple[str, list[tuple[str, ...]]]]:
    """By package, the address of its reference and its rows: name, kind, page."""
    found: dict[str, tuple[str, list[tuple[str, ...]]]] = {}
    rows: list[tuple[str, ...]] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            rows.append(tuple(line.split()))
        else:
            name, address = line.split()
            rows = []
            found[name] = (address, rows)
    return found


def inventory(package: str, rows: list[tuple[str, ...]]) -> bytes:
    """Return the rows in the format of ``objects.inv``, version 2."""
    head = f"# Sphinx inventory version 2\n# Project: {package}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    body = "".join(f"{name} py:{kind} 1 {page}#$ -\n" for name, kind, page in rows)
    return head.encode() + zlib.compress(body.encode())


def vendor(app, config) -> None:
    """Write the inventories and name them to intersphinx."""
    folder = Path(app.srcdir, "_build", "inventories")
    folder.mkdir(parents=True, exist_ok=True)
    for package, (address, rows) in packages(LISTED.read_text("utf-8")).items():
        file = folder / f"{package}.inv"
        file.write_bytes(inventory(package, rows))
        config.intersphinx_mapping[package] = (address, str(file))


def linked(text: str, docname: str) -> list[nodes.Node]:
    """Return the text of a type with references in place of the words that have a meaning."""
    pieces: list[nodes.Node] = []
    for i, piece in enumerate(WORDS.split(text)):
        if i % 2:
            shown = nodes.inline("", piece)
            pieces.append(cross_reference("py:class", TYPES[piece], shown, docname))
        elif piece:
            pieces.append(nodes.Text(piece))
    return pieces


def link_types(app, doctree) -> None:
    """Make references of the types in the descriptions of arguments and results."""
    for field in doctree.findall(nodes.field):
        for emphasis in list(field.findall(nodes.emphasis)):
            text = emphasis.astext()
            if WORDS.search(text):
                emphasis[:] = linked(text, app.env.docname)


def setup(app):
    app.setup_extension("sphinx.ext.intersphinx")
    app.connect("config-inited", vendor, priority=700)
    app.connect("doctree-read", link_types)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
