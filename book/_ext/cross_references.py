"""References that extensions put into a page, for Sphinx to resolve like those that are written."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes


def cross_reference(
    role: str, target: str, shown: nodes.Element, docname: str, *, own_words: bool = True
) -> addnodes.pending_xref:
    """Return a reference on the page ``docname``; a target that is not there is a warning.

    Parameters
    ----------
    role : str
        Domain and kind, such as ``py:class``.
    target : str
    shown : Element
        What is shown, unless the words are those of the target (``own_words=False``).
    docname : str
    own_words : bool
    """
    domain, kind = role.split(":")
    return addnodes.pending_xref(
        "",
        shown,
        refdomain=domain,
        reftype=kind,
        reftarget=target,
        refdoc=docname,
        refexplicit=own_words,
        refwarn=True,
    )
