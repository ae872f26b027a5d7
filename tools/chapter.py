"""Begin a chapter: its page, its room of worlds, figure and claim, and its entries in the lists.

What is written runs as it stands: the figure draws, the claim is checked and the page builds. It is
there to be replaced, piece by piece.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGE = r"""
(ch:LABEL)=
# TITLE

Say what is asked and why the pages before do not answer it, and give one number: with $d/n = 1/2$
the test error is {glue:text}`LABEL-test`, the Bayes error {glue:text}`LABEL-bayes`.

```{admonition} What this chapter gives you
:class: aims
- Say with verbs what the reader can do afterwards, two to four times.
- **Before:** say here what must be known, with links to the pages that say it.
- **Time:** about {reading-time}`this page` minutes to read, up to {running-time}`this page` to run.
```

```{code-cell} ipython3
:tags: [remove-cell]

from mssl.chapters.NAME.worlds import RIDGE, world
from mssl.figures import data, display, glue
from mssl.theory import SSRTheory

theory = SSRTheory(world(200), 400, RIDGE)
glue("LABEL-test", theory.test_error)
glue("LABEL-bayes", theory.bayes_error)
```

## The model and its symbols

The $n$ rows of $X$ are independent and Gaussian with mean zero and covariance $\Sigma$ of size $d$;
$\gamma = d/n$, $S = X^\top X/n$, ridge $\lambda>0$. Name here what is new, and from where the rest
comes. Before the general case calculate an example by hand, with two or three coordinates.

## What is true

```{prf:proposition} The effective ridge of white noise
:label: prop-LABEL

For $\Sigma = I$ the effective ridge $\kappa$ is the positive root of

$$
\kappa^2 + (1-\gamma-\lambda)\,\kappa - \lambda = 0 .
$$ (eq-LABEL-kappa)
```

```{prf:proof}
Multiply $\lambda = \kappa\,\big(1-\frac\gamma{1+\kappa}\big)$ by $1+\kappa$. The product of the two
roots is $-\lambda<0$, so one of them is positive.
```

## What is seen

```{code-cell} ipython3
:tags: [remove-input]

display("FIGURE")
```

```{code-cell} ipython3
:tags: [remove-cell]

rows = data("FIGURE").where(witness="measured")
glue("LABEL-most", rows["ratio"].max(), ".1f")
```

Say what the figure shows, and where it departs from the theory. The largest $d/n$ that was
measured is {glue:text}`LABEL-most`.

## What to take away

- Say in a sentence each what the reader should remember.

## Notation used

| symbol | meaning |
|---|---|
| $n$, $d$, $\gamma$ | samples, coordinates, $d/n$ |
| $X$, $S$, $\Sigma$ | data, second moments of the sample, covariance |
| $\lambda$, $\kappa$ | ridge, effective ridge |
"""

ROOM = '"""The page *TITLE*."""\n'

WORLDS = '''"""The populations of the page."""

from __future__ import annotations

from mssl.covariance import AR1

__all__ = ["RIDGE", "world"]

#: The ridge of the page.
RIDGE = 0.1


def world(d: int) -> AR1:
    """Neighbours correlated by one half."""
    return AR1(d, 0.5)
'''

DRAWING = '''"""The test error against d/n: the figure ``FIGURE``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.NAME.worlds import RIDGE, world
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import log_ticks, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory

_rows = table_of("witness", "ratio", "error", "standard_error")


def _theory_unit(rng, *, d, ratios) -> Table:
    sizes = sorted({round(d / ratio) for ratio in ratios})
    errors = [SSRTheory(world(d), n, RIDGE).test_error for n in sizes]
    return _rows("theory", d / np.array(sizes), errors, np.nan)


def _measured_unit(rng, *, d, ratio, trials) -> Table:
    risk = simulate_risk(world(d), round(d / ratio), RIDGE, trials=trials, rng=rng, n_jobs=1)
    spread = risk.standard_error
    return _rows("measured", [ratio], risk.test_error, spread.test_error if spread else np.nan)


def compute_FIGURE(run: Run) -> Table:
    """Test error from theory, and measured at a few ratios."""
    d = run.pick(test=40, quick=120, paper=600)
    trials = run.pick(test=2, quick=6, paper=40)
    many = np.geomspace(0.2, 4.0, run.pick(test=10, quick=60, paper=120)).tolist()
    few = [{"d": d, "ratio": ratio, "trials": trials} for ratio in (0.25, 0.5, 1.0, 2.0, 4.0)]
    return Table.concat(
        [
            run.map("theory", _theory_unit, [{"d": d, "ratios": many}]),
            run.map("measured", _measured_unit, few),
        ]
    )


@figure(
    "FIGURE",
    compute=compute_FIGURE,
    title="TITLE: the test error",
    alt="A line rises from the left to a peak beyond d = n and then falls: the test error from "
    "theory against the number of coordinates for each row. Measured points lie on it. "
    "Page: TITLE.",
    caption="TITLE: test error of masked regression against d/n. "
    "Line: theory; points: mean of independent trials with one standard error.",
    chapter="NAME",
    seed=SEED,
    missing=("standard_error",),
)
def draw_FIGURE(data: Table) -> Figure:
    """Draw theory as a line and measurements as points."""
    fig = Figure(figsize=(5.2, 3.4))
    ax = fig.subplots()
    theory, found = data.where(witness="theory"), data.where(witness="measured")
    theory_line(ax, theory["ratio"], theory["error"], "test", "theory")
    measured(ax, found["ratio"], found["error"], found["standard_error"], "test", "measured")
    ax.set(xscale="log", xlabel="d/n", ylabel="test error")
    log_ticks(ax, "x")
    ax.legend()
    return fig
'''

CLAIMS = '''"""Checks of the claims of the page *TITLE*."""

from __future__ import annotations

import numpy as np

from mssl.chapters.ledger.checks import numerical
from mssl.covariance import Isotropic
from mssl.theory import SSRTheory


def check_kappa():
    """The root in closed form against the solver, below and above d = n."""
    d, found, expected = 60, [], []
    for n in (30, 120):
        for ridge in (0.01, 0.3, 10.0):
            b = 1 - d / n - ridge
            found.append(SSRTheory(Isotropic(d), n, ridge).kappa)
            expected.append((-b + np.hypot(b, 2 * np.sqrt(ridge))) / 2)
    return numerical(found, expected, "white noise, d = 60, two n and three ridges")


CLAIMS = {
    "prop-LABEL": check_kappa,
}
'''


def check_name(name: str, root: Path) -> None:
    """Raise ValueError for a name that no page can bear."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{,29}", name) or keyword.iskeyword(name):
        raise ValueError(
            f"NAME must be at most 30 lower-case letters, digits and underscores, such as "
            f"'two_masks', got {name!r}."
        )
    rooms = root / "mssl" / "chapters"
    for place in (root / "book" / f"{name}.md", rooms / name, rooms / f"{name}.py"):
        if place.exists():
            raise ValueError(f"{place.relative_to(root)} exists already; choose another NAME.")


def with_toc_entry(text: str, name: str, part: str | None) -> tuple[str, str]:
    """The table of contents with the page last in a part, and the page before it.

    The part is the last numbered one where none is named.
    """
    starts = list(re.finditer(r"^  - caption: (.*)\n", text, re.MULTILINE))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    parts = {start[1]: (start.start(), end) for start, end in zip(starts, ends, strict=True)}
    if part is None:
        part = [p for p, (a, b) in parts.items() if "    numbered: true\n" in text[a:b]][-1]
    if part not in parts:
        raise ValueError(f"_toc.yml has no part {part!r}; choose one of {', '.join(parts)}.")
    start, end = parts[part]
    pages = re.findall(r"      - file: book/(\S+)", text[start:end])
    body = text[start:end].rstrip("\n") + f"\n      - file: book/{name}\n"
    return text[:start] + body + text[end:], pages[-1]


def with_room(text: str, name: str, before: str) -> str:
    """The list of rooms with a new one after that of the page before it."""
    entry = f'    "{name}": ("{name}_example",),\n'
    room = re.search(rf'^    "{before}": \(.*?\),\n', text, re.MULTILINE | re.DOTALL)
    at = room.end() if room else text.index('    "landing": ')
    return text[:at] + entry + text[at:]


def next_seed(rooms: Path) -> int:
    """A seed in a thousand of its own, above all others of figures."""
    line = re.compile(r"^    seed=(\d+),$", re.MULTILINE)
    texts = (path.read_text("utf-8") for path in rooms.glob("*/*.py"))
    seeds = [int(seed) for text in texts for seed in line.findall(text)]
    return 1000 * (max(seeds) // 1000 + 1) + 1


def front_matter(root: Path) -> str:
    """The header of a page with cells, as the first page has it."""
    _, header, _ = (root / "book" / "landing.md").read_text("utf-8").split("---\n", 2)
    return f"---\n{header}---\n"


def begin(name: str, title: str, part: str | None = None, root: Path = ROOT) -> list[Path]:
    """Write the skeleton of a chapter.

    Parameters
    ----------
    name : str
        Name of the page and of its room.
    title : str
        Its heading.
    part : str, optional
        Caption of the part of the book at whose end it stands; the last numbered one by default.
    root : Path
        The folder of the project.

    Returns
    -------
    list of Path
        The files written or changed.

    Raises
    ------
    ValueError
        For a name that is taken or none, a title that is empty, or a part that does not exist;
        nothing is written then.
    """
    check_name(name, root)
    if not 0 < len(title.strip()) <= 55 or set(title) & set('"\\\n'):
        raise ValueError("The title must be a line of at most 55 characters, no quotes in it.")
    rooms, toc = root / "mssl" / "chapters", root / "_toc.yml"
    contents, before = with_toc_entry(toc.read_text("utf-8"), name, part)
    room = rooms / name
    words = {
        "FIGURE": f"{name}_example",
        "LABEL": name.replace("_", "-"),
        "NAME": name,
        "SEED": str(next_seed(rooms)),
        "TITLE": title.strip(),
    }

    def filled(skeleton: str) -> str:
        return re.sub(r"FIGURE|LABEL|NAME|SEED|TITLE", lambda m: words[m[0]], skeleton)

    files = {
        root / "book" / f"{name}.md": front_matter(root) + filled(PAGE),
        room / "__init__.py": filled(ROOM),
        room / "worlds.py": filled(WORLDS),
        room / f"{name}_example.py": filled(DRAWING),
        room / "claims.py": filled(CLAIMS),
        rooms / "__init__.py": with_room((rooms / "__init__.py").read_text("utf-8"), name, before),
        toc: contents,
    }
    room.mkdir()
    for path, text in files.items():
        path.write_text(text, "utf-8")
    return list(files)


def main(arguments: list[str]) -> int:
    """Begin a chapter from the command line; return 1 when it cannot be."""
    parser = argparse.ArgumentParser(prog="make chapter", description=__doc__)
    parser.add_argument("name", help="name of the page, such as two_masks")
    parser.add_argument("--title", help="its heading; made of the name by default")
    parser.add_argument("--part", help="part of the book at whose end it stands")
    options = parser.parse_args(arguments)
    title = options.title or options.name.replace("_", " ").capitalize()
    try:
        written = begin(options.name, title, options.part)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(*(path.relative_to(ROOT) for path in written), sep="\n")
    print("Now replace what is in them, and say on book/landing.md what the chapter is about.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
