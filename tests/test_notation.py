r"""Every symbol of a displayed formula is explained on its page, and a change of meaning is named.

A symbol is a letter, Latin or Greek, with its accents and its alphabet: ``\hat A`` is not ``A``.
Its indices are symbols of their own. It is explained if

- the symbol table that closes the page names it, or
- a formula in the text above explains it, as in "let $c = \Sigma Rb$" or "the weights $w_i$" (that
  a product or a trace contains it is not enough), or
- the sentence of the display goes on behind it and does so, or
- this or an earlier display defines it, to the left of an equality sign.

What a proof or an exercise explains is forgotten at its end. Only indices and the number pi need no
word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[1] / "book"
FREE = {"i", "j", "k", "l", r"\pi"}
ACCENTS = "hat|bar|tilde|dot|widehat|widetilde|mathcal|mathbb|mathbf|mathsf"
GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|vartheta|kappa|lambda|mu|nu|xi|pi|"
    "rho|varrho|sigma|tau|upsilon|phi|varphi|chi|psi|omega|ell|Gamma|Delta|Theta|Lambda|Xi|Pi|"
    "Sigma|Upsilon|Phi|Psi|Omega"
)

# Words, structure, lengths and the exponential hold letters that are no symbols.
WORDS = re.compile(
    r"\\(?:text|mathrm|operatorname)\*?(?:\{[^{}]*\}|\s*[A-Za-z])|\\(?:begin|end)\{[^{}]*\}"
    r"|\\\\\[\d+pt\]|^:label:.*$|(?<![A-Za-z\\])e(?=\^(?!\\top|\*))",
    re.MULTILINE,
)
TOKEN = re.compile(r"\\(?P<command>[A-Za-z]+)|(?P<letter>[A-Za-z])|[^\s{]")
RELATION = re.compile(
    r":?=|[<>]|\\(?:[lg]eq?|neq?|in|to|simeq|approx|sim|succeq?|preceq?|subset|longrightarrow|"
    r"propto|ll|gg|mid|mapsto)(?![A-Za-z])"
)
ORDER = re.compile(r"[<>]|\\(?:[lg]e|ne)(?![A-Za-z])")
ROW = re.compile(r",(?![^(]*\))(?![^{]*\})|;|\\q?quad")
BARE = re.compile(
    rf"\s*(?:\\(?:{ACCENTS})(?![A-Za-z])\s*\{{?\s*)*(?:\\[A-Za-z]+|[A-Za-z])\}}?'*\s*"
    r"(?:[_^](?:\{(?:[^{}]|\{[^{}]*\})*\}|\\?[A-Za-z0-9*+-]+)'*)*\s*(?:\([^()]*\))?[\s.!\\]*"
)
CUT = re.compile(r"\\\\|&(?!\s*=)|\\q?quad|,|;|\n")
RUNNING = re.compile(
    r"\\(?:sum|prod|max|min|sup|lim|inf|int|oint)_(\{[^{}]*\}|[A-Za-z])"
    r"|\\mathrm(?:\{d\}| ?d)\s*(\\?[A-Za-z]+)"
)
FORMULA = re.compile(
    r"^[ \t]*\$\$\n?(?P<dollars>.*?)\$\$|^(?P<fence>`{3,})\{math\}\n(?P<fenced>.*?)^(?P=fence)\s*$"
    r"|(?<![\$\\])\$(?P<inline>[^$]+?)\$(?!\$)",
    re.DOTALL | re.MULTILINE,
)
CODE = re.compile(
    r"^(`{3,})(?:\{code-cell\}|bash|python).*?^\1\s*$",
    re.DOTALL | re.MULTILINE,
)
LOCAL = re.compile(
    r"^(`{3,})\{prf:proof\}.*?^\1\s*$|^`{3,}\{exercise-start\}.*?^`{3,}\{solution-end\}",
    re.DOTALL | re.MULTILINE,
)


def symbols(tex: str) -> list[str]:
    """List the symbols of a formula in their order, accents before the letter."""
    found, accents = [], ""
    for token in TOKEN.finditer(WORDS.sub(" ", tex)):
        command, letter = token["command"] or "", token["letter"]
        if re.fullmatch(ACCENTS, command):
            accents += token[0] + " "
            continue
        if letter or re.fullmatch(GREEK, command):
            found.append(accents + token[0])
        accents = ""
    return found


def head(tex: str) -> list[str]:
    """List what a formula in the text explains: the bare symbols before its first relation.

    A bare symbol may carry indices, exponents and arguments, as in ``f(x)``; several may stand in a
    row. In a chain of inequalities every lone symbol counts, as in ``0 < a < b``.
    """
    sides = RELATION.split(tex)
    found = [s for item in ROW.split(sides[0]) if BARE.fullmatch(item) for s in symbols(item)]
    if ORDER.search(tex):
        found += [side[0] for side in map(symbols, sides) if len(side) == 1]
    return found


def defined(tex: str) -> list[str]:
    """List the symbols that a display explains itself, by equality or as running variables."""
    sides = (part.split("=")[0] for part in CUT.split(tex) if "=" in part)
    found = [symbol for side in sides for symbol in symbols(side)[:1]]
    return found + [s for run in RUNNING.finditer(tex) for s in symbols(run[1] or run[2])]


def afterwards(text: str) -> list[str]:
    """List what the rest of the sentence behind a display explains."""
    text = re.sub(r"^\s*(\(eq-[\w-]+\))?\s*", "", text)
    if not re.match(r"[a-z(]|\$|Here |In the ", text):
        return []
    sentence = re.split(r"\n\n|[.:]\s", text, maxsplit=1)[0]
    return [symbol for tex in re.findall(r"\$([^$]+)\$", sentence) for symbol in head(tex)]


def section(text: str, title: str) -> str:
    """Return what stands under a heading of a page."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def table(text: str, explains: Callable[[str], list[str]] = symbols) -> set[str]:
    """Return the symbols in the first column of the table that closes a page."""
    rows = re.findall(r"^\|(.*?)\|", section(text, "Notation used"), re.MULTILINE)
    return {s for row in rows for tex in re.findall(r"\$([^$]+)\$", row) for s in explains(tex)}


@dataclass
class Reader:
    """Reads a page from top to bottom and notes which symbols it has not been told about."""

    text: str
    known: set[str] = field(init=False)
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.text = CODE.sub(lambda code: "\n" * code[0].count("\n"), self.text)
        self.known = table(self.text) | FREE
        locals_ = list(LOCAL.finditer(self.text))
        outside, within = self.known, None
        for formula in FORMULA.finditer(self.text):
            around = next((s for s in locals_ if s.start() < formula.start() < s.end()), None)
            if around is not within:
                outside = self.known if within is None else outside
                self.known, within = set(outside), around
            self.read(formula)

    def read(self, formula):
        if formula["inline"] is not None:
            self.known.update(head(formula["inline"]))
            return
        tex = formula["dollars"] or formula["fenced"]
        self.known.update(defined(tex))
        told = self.known | set(afterwards(self.text[formula.end() :]))
        line = self.text.count("\n", 0, formula.start()) + 1
        self.unknown += [f"line {line}: {s}" for s in dict.fromkeys(symbols(tex)) if s not in told]


def words(name: str) -> str:
    """Read a page of the book."""
    return (BOOK / f"{name}.md").read_text("utf-8")


PAGES = sorted(page.stem for page in BOOK.glob("*.md") if "$$" in page.read_text("utf-8"))
ATTENTION = [name for name in PAGES if name.startswith("vit_")]
REGRESSION = [name for name in PAGES if name not in (*ATTENTION, "bridge")]  # the bridge is both


@pytest.mark.parametrize("name", PAGES)
def test_every_symbol_of_a_display_is_explained(name):
    text = words(name)
    assert table(text), "the page has no table of its symbols"
    assert Reader(text).unknown == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Let $c = ab$.\n\n$$\nx = ac\n$$\n", ["line 3: a"]),
        ("The trace $uv$.\n\n$$\nu_i\n$$\n", ["line 3: u"]),
        ("$$\nx = \\hat A\n$$ (eq-a)\n\nwith a matrix $\\hat A$.", []),
        ("```{prf:proof}\nLet $q = 1$.\n```\n\n$$\nx = q\n$$\n", ["line 5: q"]),
        ("$$\ns = \\sum_m e^{-m}\n$$\n\n## Notation used\n\n| $s$ | sum |\n", []),
    ],
)
def test_what_is_not_explained_is_noticed(text, unknown):
    assert Reader(text).unknown == unknown


def letters(part: list[str]) -> set[str]:
    """Return the letters without accents for which the tables of some pages have a line."""
    named = (table(words(name), lambda tex: head(tex)[:1]) for name in part)
    return {symbol for symbol in set().union(*named) if " " not in symbol}


def test_letters_that_change_their_meaning_between_the_parts_are_named():
    said = section(words("notation"), "Letters with more than one meaning")
    column = re.findall(r"^\|(.*?)\|", said, re.MULTILINE)
    named = symbols(" ".join(re.findall(r"\$[^$]+\$", said.split("|")[0] + " ".join(column))))
    assert letters(REGRESSION) & letters(ATTENTION) - set(named) == set()
