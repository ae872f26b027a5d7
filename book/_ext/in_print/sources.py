"""The list of sources, put back into its own page."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex.nodes import thebibliography
from sphinx.transforms.post_transforms import SphinxPostTransform

PAGE = "book/references"


class PlaceSources(SphinxPostTransform):
    """Move the list, which Sphinx puts behind everything else, below its own heading."""

    default_priority = 800  # Sphinx gathers the entries at 750
    formats = ("latex",)

    def run(self, **kwargs) -> None:
        pages = [p for p in self.document.findall(addnodes.start_of_file) if p["docname"] == PAGE]
        for sources in list(self.document.findall(thebibliography)):
            for page in pages:
                section = next(iter(page.findall(nodes.section)))
                sources.parent.remove(sources)
                section += sources
