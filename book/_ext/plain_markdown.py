"""A page as plain Markdown: what Sphinx has resolved of it, with its numbers, for any Jupyter.

This is a walk of our own over the resolved page: sphinx-tojupyter is a second build that changes
the spaces of formulas and leaves hidden cells out, and sphinx-markdown-builder numbers nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes

# A block of Markdown, or the place of a code cell among the cells of the chapter.
Piece = str | int

BOX = '<div style="border-left: 3px solid #888; padding-left: 1em">'
REFERENCES = "book/references"
# What a page has for the reader of its source, or for its own looks, only.
SILENT = ("target", "comment", "substitution_definition", "index", "toctree", "compound", "meta")
# What would be Markdown if it came at the beginning of a line; formulas are passed over.
AT_LINE_START = re.compile(
    r"(?P<math>\$(?:[^$\\]|\\.)+\$)|^(?P<space> *)(?P<mark>[-+#>]|\d{1,9}(?=[.)]))(?=\s|[.)]\s|$)",
    re.MULTILINE,
)


def escaped(text: str) -> str:
    """Text without what Markdown would read as a sign."""
    text = re.sub(r"([\\`*\[<$~])", r"\\\1", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)
    return re.sub(r"&(?=#?\w+;)", "&amp;", text)


def escaped_lines(text: str) -> str:
    """Text none of whose lines begins like a list, a heading or a quotation."""

    def mend(match: re.Match[str]) -> str:
        if match["math"]:
            return match[0]
        mark = f"{match['mark']}\\" if match["mark"].isdigit() else f"\\{match['mark']}"
        return match["space"] + mark

    return AT_LINE_START.sub(mend, text)


def fenced(text: str, language: str = "") -> str:
    """Text as a block of code."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def boxed(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Rule off the text among some pieces; between code cells it takes several boxes."""
    for text, code in between_code(pieces):
        if text:
            yield "\n\n".join([BOX, *text, "</div>"])
        yield from code


def between_code(pieces: Iterable[Piece]) -> Iterator[tuple[list[str], list[int]]]:
    """Blocks of text in a row, or code cells in a row; the other list is empty."""
    for is_text, run in groupby(pieces, lambda piece: isinstance(piece, str)):
        row: list[Any] = list(run)
        yield (row, []) if is_text else ([], row)


@dataclass(frozen=True)
class Links:
    """Where the pages of a book are; nowhere as long as it has no address.

    Parameters
    ----------
    address : str
        That of the book, or nothing.
    docname : str
        The page from which links lead.
    """

    address: str
    docname: str

    def target(self, uri: str) -> str:
        """Page and anchor that a link of the page leads to: ``book/error.html#thm-test-error``."""
        parts = urlsplit(uri)
        page = f"{self.docname}.html"
        if parts.path:
            page = posixpath.normpath(posixpath.join(posixpath.dirname(self.docname), parts.path))
        return f"{page}#{parts.fragment}" if parts.fragment else page

    def absolute(self, uri: str) -> str | None:
        """Return the whole address of a link, or None if it has none."""
        parts = urlsplit(uri)
        if parts.scheme or parts.netloc:
            return uri
        return f"{self.address}/{self.target(uri)}" if self.address else None


class PlainMarkdown:
    """One page in plain Markdown.

    Parameters
    ----------
    env : BuildEnvironment
        Knows the numbers.
    links : Links
        Where the page is.
    hidden : sequence of (int, int)
        Line and place of the code cells that the page does not show.
    """

    def __init__(self, env, links: Links, hidden: Sequence[tuple[int, int]] = ()):
        self.links = links
        self.sections = env.toc_secnumbers.get(links.docname, {})
        self.numbers = env.toc_fignumbers.get(links.docname, {})
        self.hidden = list(hidden)
        self.level = 0
        self.in_table = False
        #: Anchors of the entries of the bibliography that the page cites.
        self.cited: set[str] = set()

    # Blocks

    def pieces(self, page: nodes.Element) -> list[Piece]:
        """Return all blocks and code cells of a resolved page, in its order."""
        found = list(self.flow(page.children))
        found += [place for _, place in self.hidden]
        places = [piece for piece in found if isinstance(piece, int)]
        if places != sorted(places):
            raise ValueError(f"The code cells of {self.links.docname} came out of order: {places}.")
        return found

    def flow(self, children: Iterable[nodes.Node]) -> Iterator[Piece]:
        """What stands one below the other, with hidden cells where they stand in the source."""
        for child in children:
            if isinstance(child, nodes.Element):
                yield from self.hidden_before(child)
            yield from self.block(child)

    def hidden_before(self, node: nodes.Element) -> Iterator[int]:
        while self.hidden:
            line, place = self.hidden[0]
            shown = node.get("cell_index")
            if not (place < shown if shown is not None else line < (node.line or 0)):
                return
            del self.hidden[0]
            yield place

    def block(self, node: nodes.Node) -> Iterator[Piece]:
        name = type(node).__name__
        if name in SILENT or not isinstance(node, nodes.Element):
            return
        if node.get("nb_element") == "cell_code":
            yield node["cell_index"]
        elif "realtype" in node:
            yield from self.claim(node)
        else:
            yield from self.handler("block", node)(node)

    def handler(self, kind: str, node: nodes.Element) -> Callable[[nodes.Element], Any]:
        """Return the method for a node: its own, or that of the nearest class above it."""
        for base in type(node).__mro__:
            if method := getattr(self, f"{kind}_{base.__name__}", None):
                return method
        raise AssertionError(f"no method for {type(node).__name__}")

    def blocks(self, parent) -> list[str]:
        """The text of something that holds no code cell, such as an item of a list."""
        parts = (piece for child in parent.children for piece in self.block(child))
        return [part for part in parts if isinstance(part, str) and part]

    def block_Element(self, node):
        yield from self.flow(node.children)

    def block_TextElement(self, node):
        if text := self.inlines(node).strip():
            yield escaped_lines(text)

    def block_section(self, node):
        deeper = isinstance(node.next_node(), nodes.title)  # what stands in a box has none
        self.level += deeper
        yield from self.flow(node.children)
        self.level -= deeper

    def block_title(self, node):
        anchors = ["", *(f"#{anchor}" for anchor in node.parent["ids"])]
        keys = [key for key in anchors[self.level > 1 :] if key in self.sections]
        number = ".".join(map(str, self.sections[keys[0]])) + ". " if keys else ""
        yield f"{'#' * min(self.level, 6)} {number}{self.inlines(node).strip()}"

    def block_container(self, node):
        if node.get("design_component") == "card-title":
            yield f"**{self.inlines(node).strip()}**"
        else:
            yield from self.flow(node.children)

    def block_rubric(self, node):
        yield f"**{self.inlines(node).strip()}**"

    block_dropdown_title = block_rubric

    def block_transition(self, node):
        yield "---"

    def block_math_block(self, node):
        body = node.astext().strip("\n")
        number = self.number("displaymath", node) if node.get("label") else ""
        if r"\\" in body and r"\begin" not in body:
            body = f"\\begin{{split}}\n{body}\n\\end{{split}}"  # as Sphinx does
        tag = f"\n\\tag{{{number}}}" if number else ""
        yield body if node.get("nowrap") else f"$$\n{body}{tag}\n$$"

    def block_literal_block(self, node):
        language = node.get("language", "")
        yield fenced(node.astext(), "" if language in ("default", "none") else language)

    block_doctest_block = block_literal_block

    def block_raw(self, node):
        if node.get("format") == "html" and "<script" not in node.astext():
            yield node.astext().strip()

    def block_block_quote(self, node):
        yield from boxed(self.flow(node.children))

    def block_bullet_list(self, node):
        yield self.items(node, ["-"] * len(node))

    def block_enumerated_list(self, node):
        first = node.get("start", 1)
        yield self.items(node, [f"{first + i}." for i in range(len(node))])

    def items(self, node: nodes.Element, marks: Sequence[str]) -> str:
        """A list; the items stand apart if one of them has several blocks."""
        written, apart = [], False
        for mark, item in zip(marks, node.children, strict=True):
            blocks = self.blocks(item)
            apart |= len(blocks) > 1
            indent = "\n" + " " * (len(mark) + 1)
            written.append(f"{mark} " + "\n\n".join(blocks).replace("\n", indent))
        text = ("\n\n" if apart else "\n").join(written)
        return re.sub(r"(?m)^ +$", "", text)

    def block_definition_list(self, node):
        for item in node.children:
            term = " ".join(self.inlines(part) for part in item if isinstance(part, nodes.term))
            meaning = [self.blocks(part) for part in item if isinstance(part, nodes.definition)]
            yield "\n\n".join([f"**{term}**", *(text for part in meaning for text in part)])

    def block_table(self, node):
        rows = [[self.cell(entry) for entry in row] for row in node.findall(nodes.row)]
        if next(iter(node.findall(nodes.thead)), None) is None:
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        for title in node.findall(nodes.title):
            yield f"**{self.caption('table', node)}{self.inlines(title)}**"
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def cell(self, entry: nodes.Element) -> str:
        self.in_table = True
        text = "<br>".join(self.blocks(entry)).replace("\n", " ")
        self.in_table = False
        return text

    def block_figure(self, node):
        for child in node.children:
            if isinstance(child, nodes.caption):
                yield f"**{self.caption('figure', node)}** {self.inlines(child)}".strip()
            else:
                yield from self.block(child)

    def block_image(self, node):
        yield self.inline_image(node)

    # Boxes

    def claim(self, node) -> Iterator[Piece]:
        """A theorem, definition or remark, with its number and title."""
        title, *rest = node.children
        number = self.number(node["countertype"], node)
        words = f"{node['realtype'].title()} {number}".strip() + self.inlines(title)
        yield from self.headed(words, rest)

    def headed(self, words: str, children: Sequence[nodes.Node]) -> Iterator[Piece]:
        end = "" if words.rstrip().endswith((".", "?", "!")) else "."
        yield from boxed(chain([f"**{words.strip()}{end}**"], self.flow(children)))

    def block_proof_node(self, node):
        pieces = [p for child in node.children for p in self.flow(child.children)]
        if isinstance(pieces[0], str):
            pieces[0] = f"*Proof.* {pieces[0].removeprefix('Proof. ')}"
        if isinstance(pieces[-1], str) and not pieces[-1].endswith(("$$", "```", "|", ">")):
            pieces[-1] += " ∎"
        else:
            pieces.append("∎")
        yield from pieces

    def block_exercise_enumerable_node(self, node):
        title, *rest = node.children
        words = f"Exercise {self.number('exercise', node)}"
        if subtitle := self.inlines(title).strip():
            words += f" {subtitle}"
        yield from self.headed(words, rest)

    def block_Admonition(self, node):
        title, rest = type(node).__name__.capitalize(), list(node.children)
        if rest and isinstance(rest[0], nodes.title):
            title = " ".join(self.inlines(rest.pop(0)).split())
        yield from self.headed(title, rest)

    # Numbers

    def number(self, kind: str, node: nodes.Element) -> str:
        """The number of a node, or nothing."""
        found = [self.numbers.get(kind, {}).get(anchor) for anchor in node["ids"]]
        return ".".join(map(str, next(filter(None, found), ())))

    def caption(self, kind: str, node: nodes.Element) -> str:
        number = self.number(kind, node)
        return f"{kind.capitalize()} {number}. " if number else ""

    # Within a line

    def inlines(self, parent: nodes.Element) -> str:
        return "".join(map(self.inline, parent.children))

    def inline(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            text = escaped(node.astext())
            return text.replace("|", r"\|") if self.in_table else text
        if isinstance(node, nodes.Element) and type(node).__name__ not in SILENT[1:]:
            return self.handler("inline", node)(node)
        return ""

    def inline_Element(self, node):
        if "bibtex-citation" not in node["classes"]:
            return self.inlines(node)
        # Round brackets: square ones are links in Markdown.
        parts = [
            child.astext().replace("[", "(").replace("]", ")")
            if isinstance(child, nodes.Text)
            else self.inline(child)
            for child in node.children
        ]
        return "".join(parts)

    def inline_emphasis(self, node):
        return f"*{self.inlines(node)}*"

    inline_title_reference = inline_emphasis

    def inline_strong(self, node):
        return f"**{self.inlines(node)}**"

    def inline_literal(self, node):
        text = node.astext().replace("\n", " ")
        fence = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
        return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"

    def inline_math(self, node):
        text = node.astext()
        if self.in_table:  # a bar would end the cell
            text = text.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"${text}$"

    def inline_subscript(self, node):
        return f"<sub>{self.inlines(node)}</sub>"

    def inline_superscript(self, node):
        return f"<sup>{self.inlines(node)}</sup>"

    def inline_raw(self, node):
        return node.astext() if node.get("format") == "html" else ""

    def inline_image(self, node):
        uri = self.links.absolute(node["uri"])
        words = escaped(node.get("alt", "picture"))
        return f"![{words}]({uri})" if uri else f"*Picture: {words}*"

    def inline_reference(self, node):
        uri = f"#{node['refid']}" if "refid" in node else node.get("refuri", "")
        page, _, anchor = self.links.target(uri).partition("#")
        if page == f"{REFERENCES}.html":
            self.cited.add(anchor)
        text, target = self.inlines(node), self.links.absolute(uri)
        if target:
            return f"[{text.strip()}]({target})"
        titles = (part for part in node.findall(nodes.inline) if self.names_title(part))
        return f"*{text.strip()}*" if next(titles, None) is not None and "*" not in text else text

    @staticmethod
    def names_title(node: nodes.Element) -> bool:
        return bool({"std-ref", "doc", "std-doc"} & set(node["classes"]))

    inline_number_reference = inline_reference

    def inline_download_reference(self, node):
        text = self.inlines(node)
        if not (self.links.address and "filename" in node):
            return text
        return f"[{text}]({self.links.address}/_downloads/{node['filename']})"
