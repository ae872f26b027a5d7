"""Displayed formulas as LaTeX that fits between the margins and has the number of the web page."""

from __future__ import annotations

import re

_LINES = re.compile(r"\\\\|&")
_WORDS = re.compile(r"\\text\{[^{}]*\}")
_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)


def aligned(text: str) -> str:
    """Return a formula as one block: what has lines outside of any environment gets one.

    Examples
    --------
    >>> aligned("a = b")
    'a = b'
    >>> aligned(r"a &= b \\\\ c &= d")
    '\\\\begin{aligned}a &= b \\\\\\\\ c &= d\\\\end{aligned}'
    """
    # MathJax takes a name with an underscore as words; LaTeX would begin an index.
    text = _WORDS.sub(lambda found: re.sub(r"(?<!\\)_", r"\\_", found[0]), text)
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if len(parts) > 1:
        rows = r" \\ ".join(map(aligned, parts))
        return rf"\begin{{gathered}}{rows}\end{{gathered}}"
    block = " ".join(parts)
    outside = block
    while (inner := _ENVIRONMENT.sub("", outside)) != outside:
        outside = inner
    return rf"\begin{{aligned}}{block}\end{{aligned}}" if _LINES.search(outside) else block


def displayed(text: str, number: str = "", label: str = "") -> str:
    """Return a display that is made smaller where it is wider than the text.

    Parameters
    ----------
    text : str
        The formula.
    number : str
        Shown beside it, in parentheses; without one there is no number.
    label : str
        What references to it name.
    """
    tag = rf"\tag{{{number}}}" if number else ""
    mark = rf"\label{{{label}}}" if label else ""
    return (
        r"\begin{equation*}"
        rf"\fitdisplay{{{f'({number})' if number else ''}}}{{%" + f"\n{aligned(text)}%\n}}"
        rf"{tag}{mark}\end{{equation*}}"
    )
