"""Numbers that cells compute, in the prose: with a true minus sign."""

from __future__ import annotations

import re

from docutils import nodes

HYPHEN_OF_A_NUMBER = re.compile(r"(?<![\w.\N{MINUS SIGN}-])-(?=\.?\d)")


def with_minus(text: str) -> str:
    """Return a text whose negative numbers begin with a minus sign, not with a hyphen."""
    return HYPHEN_OF_A_NUMBER.sub("\N{MINUS SIGN}", text)


def set_minus_signs(app, doctree, docname) -> None:
    """Mend the texts that ``{glue:text}`` has put into a chapter."""
    for inline in doctree.findall(nodes.inline):
        if "pasted-text" in inline["classes"]:
            for text in list(inline.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(with_minus(str(text))))


def setup(app):
    app.connect("doctree-resolved", set_minus_signs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
