"""How long a page takes: to read, from its own source; to run, from its last run.

Three roles give a number of minutes: ``reading-time`` for a page with all its proofs,
``first-reading-time`` without those that are folded, ``running-time`` for its cells. Their text is
*this page*, or the names of others, such as *error, spectrum*, whose times are added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

WORDS_A_MINUTE = 200
SECONDS_AN_EQUATION = 20
#: A run that is timed anew shall rarely change the page.
RUNNING_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60)

#: What is not read as prose.
CODE = {"code-cell", "code", "code-block", "literalinclude", "raw", "bibliography"}

FENCE = re.compile(r"^\s*(?P<ticks>`{3,}|:{3,})\s*(?:\{(?P<name>[\w:-]+)\})?(?P<rest>.*)$")
OPTION = re.compile(r"^:[\w-]+:")
INLINE = re.compile(r"\$[^$]+\$|\{[\w:-]+\}`[^`]+`|`[^`]+`")
LINK = re.compile(r"\]\([^)]*\)")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Length:
    """Words of prose and displayed equations."""

    words: int = 0
    equations: int = 0

    @property
    def minutes(self) -> float:
        return self.words / WORDS_A_MINUTE + self.equations * SECONDS_AN_EQUATION / 60

    def __add__(self, other: Length) -> Length:
        return Length(self.words + other.words, self.equations + other.equations)


@dataclass
class Fence:
    """An open directive."""

    ticks: str
    code: bool
    folded: bool


def count_words(line: str) -> int:
    """Count a formula in a line, a role, and a name in code as one word each."""
    plain = LINK.sub("]", INLINE.sub(" word ", line))
    return sum(any(map(str.isalnum, word)) for word in plain.split())


def body(text: str) -> list[str]:
    """Return the lines of a page without its header."""
    if text.startswith("---\n"):
        text = text.split("\n---\n", 1)[1]
    return text.splitlines()


def options_after(lines: list[str], index: int) -> list[str]:
    """Return the options of the directive that opens in a line."""
    end = index + 1
    while end < len(lines) and OPTION.match(lines[end]):
        end += 1
    return lines[index + 1 : end]


def pieces(text: str) -> Iterator[tuple[Length, bool]]:
    """Yield the lengths of the lines that are read, and whether they are folded at first.

    Code is not read, nor are solutions: they are for who has tried the exercise.
    """
    lines, index = body(text), 0
    fences: list[Fence] = []
    in_equation = in_solution = False
    while index < len(lines):
        line = lines[index]
        found = FENCE.match(line)
        index += 1
        if fences and found and closes(found, fences[-1]):
            fences.pop()
        elif fences and fences[-1].code:
            continue
        elif found:
            options = options_after(lines, index - 1)
            index += len(options)
            in_solution = solution_state(found["name"], in_solution)
            folded = any(fence.folded for fence in fences) or is_folded(found["name"], options)
            code = found["name"] is None or found["name"] in CODE
            fences.append(Fence(found["ticks"], code, folded))
        elif not in_solution:
            length, in_equation = measure(line, in_equation)
            yield length, any(fence.folded for fence in fences)


def closes(found: re.Match[str], fence: Fence) -> bool:
    bare = not found["name"] and not found["rest"].strip()
    return bare and found["ticks"].startswith(fence.ticks)


def solution_state(name: str | None, before: bool) -> bool:
    """Tell whether what follows a directive belongs to a solution."""
    return name == "solution-start" or (before and name != "solution-end")


def is_folded(name: str | None, options: list[str]) -> bool:
    return name == "prf:proof" and any(
        option.startswith(":class:") and "folded" in option.split() for option in options
    )


def measure(line: str, in_equation: bool) -> tuple[Length, bool]:
    """Return the length of one line, and whether the next one stands in a displayed equation."""
    if line.lstrip().startswith("$$"):
        return Length(equations=int(not in_equation)), not in_equation
    return Length(words=0 if in_equation else count_words(line)), in_equation


def lengths(text: str) -> tuple[Length, Length]:
    """Return what is read of a page at first, and what is folded."""
    seen, folded = Length(), Length()
    for length, is_hidden in pieces(text):
        if is_hidden:
            folded += length
        else:
            seen += length
    return seen, folded


def rounded(minutes: float) -> int:
    """Return a number that promises no more than is known."""
    return max(1, round(minutes)) if minutes < 12.5 else 5 * round(minutes / 5)


def reading_minutes(*texts: str, with_proofs: bool = True) -> int:
    """Return how long the sources of some pages take to read, in minutes.

    The sum of what each page says of itself.
    """
    total = 0
    for text in texts:
        seen, folded = lengths(text)
        total += rounded((seen + folded if with_proofs else seen).minutes)
    return total


def running_minutes(seconds: float) -> int:
    """Return how long a page takes to run, in minutes, from the ladder above."""
    return next((m for m in RUNNING_MINUTES if 60 * m >= seconds), RUNNING_MINUTES[-1])


class Duration(nodes.Inline, nodes.Element):
    """A number of minutes, known when all pages have been read."""


class MinutesRole(SphinxRole):
    """Leave a mark; a page knows how long it ran only after it has."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        names = [name.strip().removeprefix("book/") for name in self.text.split(",")]
        own = names in ([""], ["this page"])
        pages = [self.env.docname] if own else [f"book/{name}" for name in names]
        for page in pages:
            self.env.note_dependency(self.env.doc2path(page, False))
        mark = Duration(pages=pages, kind=self.name)
        self.set_source_info(mark)
        return [mark], []


class SayMinutes(SphinxPostTransform):
    """Put the numbers in place of the marks."""

    default_priority = 5

    def run(self, **kwargs) -> None:
        for mark in list(self.document.findall(Duration)):
            unknown = [page for page in mark["pages"] if page not in self.env.found_docs]
            if unknown:
                logger.warning("there is no page %s to tell the time of", unknown[0], location=mark)
            pages = [page for page in mark["pages"] if page not in unknown]
            mark.replace_self(nodes.Text(str(self.minutes(pages, mark["kind"]))))

    def minutes(self, pages: list[str], kind: str) -> int:
        if kind == "running-time":
            runs = [NbMetadataCollector.get_exec_data(self.env, page) or {} for page in pages]
            return running_minutes(sum(run.get("runtime") or 0.0 for run in runs))
        texts = [Path(self.env.doc2path(page)).read_text("utf-8") for page in pages]
        return reading_minutes(*texts, with_proofs=kind == "reading-time")


def setup(app):
    for name in ("reading-time", "first-reading-time", "running-time"):
        app.add_role(name, MinutesRole())
    app.add_node(Duration)
    app.add_post_transform(SayMinutes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
