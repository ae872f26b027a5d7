"""How to cite the book and its papers: BibTeX, made from CITATION.cff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"
# By the type that CITATION.cff states: of BibTeX, and of the place of publication in it.
KINDS = {
    "article": ("misc", ""),
    "conference-paper": ("inproceedings", "booktitle"),
    "software": ("misc", ""),
}
LONG = 5  # letters of a word that tells a title from others


def citation() -> dict:
    """Return what CITATION.cff says."""
    return yaml.safe_load(CITATION.read_text("utf-8"))


def name(author: Mapping[str, str]) -> str:
    """Return an author as BibTeX wants it; a group stays one name."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"


def arxiv(work: Mapping) -> str:
    """Return the number that a work has at arXiv, or nothing."""
    values = (identifier["value"] for identifier in work.get("identifiers", ()))
    return next((v.removeprefix("arXiv:") for v in values if v.startswith("arXiv:")), "")


def fields(work: Mapping, address: str = "", year: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a BibTeX entry that are known of a work."""
    place = KINDS[work["type"]][1]
    known = {
        "author": " and ".join(map(name, work["authors"])),
        "title": work["title"],
        place: work.get("collection-title", ""),
        "year": str(work.get("year", year)),
        "version": work.get("version", ""),
        "doi": work.get("doi", ""),
        "eprint": arxiv(work),
        "archiveprefix": "arXiv" if arxiv(work) else "",
        "url": work.get("url", address),
    }
    return ((key, value) for key, value in known.items() if key and value)


def key(work: Mapping, year: str = "") -> str:
    """Return a key for a work: its first author, its year, the first long word of its title."""
    first = work["authors"][0]
    names = first.get("family-names", first.get("name", "")).removeprefix("The ").split()
    words = (word for word in work["title"].split() if len(word) >= LONG)
    return f"{names[0]}{work.get('year', year)}{next(words)}".lower()


def bibtex(work: Mapping, address: str = "", year: str = "") -> str:
    """Return the BibTeX entry of a work."""
    rows = list(fields(work, address, year))
    width = max(len(field) for field, _ in rows)
    lines = [f"  {field:{width}} = {{{value}}}" for field, value in rows]
    return f"@{KINDS[work['type']][0]}{{{key(work, year)},\n" + ",\n".join(lines) + "\n}"


class Citation(SphinxDirective):
    """The entry of the book (``book``), or those of the works it is about (``references``)."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(CITATION))
        said = citation()
        if self.arguments[0] == "book":
            year = self.config.copyright.split(",")[0]
            entries = [bibtex(said, self.config.html_baseurl, year)]
        else:
            entries = [bibtex(work) for work in said["references"]]
        return [nodes.literal_block(entry, entry, language="bibtex") for entry in entries]


def setup(app):
    app.add_directive("citation", Citation)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
