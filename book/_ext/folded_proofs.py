"""Proofs of class ``folded`` are shown when the reader asks for them.

The idea of such a proof stands in the text before it. A browser without scripts opens a proof too,
and print shows all.
"""

from __future__ import annotations

from docutils import nodes
from sphinx_proof.nodes import proof_node

OPEN = (
    '<details class="folded-proof"><summary><span class="when-closed">Show the proof</span>'
    '<span class="when-open">Hide the proof</span></summary>\n'
)


def is_folded(node: nodes.Element) -> bool:
    return any("folded" in child["classes"] for child in node.findall(nodes.admonition))


def open_fold(translator, node: nodes.Element) -> None:
    if is_folded(node):
        translator.body.append(OPEN)


def close_fold(translator, node: nodes.Element) -> None:
    if is_folded(node):
        translator.body.append("</details>\n")


def setup(app):
    app.setup_extension("sphinx_proof")
    app.add_node(proof_node, override=True, html=(open_fold, close_fold))
    app.add_css_file("folded_proofs.css")
    app.add_js_file("folded_proofs.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
