"""The words of a figure as plain text, where mathematics cannot be set."""

from __future__ import annotations

import re

__all__ = ["MATHEMATICS", "readable"]

#: Mathematics in the words of a figure, between dollar signs.
MATHEMATICS = re.compile(r"\$([^$]+)\$")
# How TeX is written without TeX; of every other command the name is left.
_SIGNS = {r"\hat A": "Â", r"\,": " ", r"\times": "x"}


def readable(text: str) -> str:
    r"""Return a text with its mathematics, which stands between dollar signs, as plain letters.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        On one line.

    Examples
    --------
    >>> readable(r"Eigenvalues of $\hat A$ for $d/n = 2/3$.")
    'Eigenvalues of Â for d/n = 2/3.'
    """

    def plain(match: re.Match[str]) -> str:
        formula = match[1]
        for sign, letter in _SIGNS.items():
            formula = formula.replace(sign, letter)
        return formula.replace("\\", "")

    return " ".join(MATHEMATICS.sub(plain, text).split())
