"""How long a page takes is counted in its own source."""

from pathlib import Path

import pytest
from reading_time import (
    RUNNING_MINUTES,
    Length,
    count_words,
    lengths,
    reading_minutes,
    rounded,
    running_minutes,
)

BOOK = Path(__file__).parents[1] / "book"

PAGE = """---
jupytext: header that nobody reads
---

(ch:page)=
# One title

Four words of prose.

```{code-cell} ipython3
:tags: [hide-input]

print("this is code and not read")
```

$$
x = \\text{five words that are not}
$$ (eq-one)

```{prf:theorem} Name
:label: thm-one

Here $a$ is
{eq}`eq-one`.
```

````{prf:proof}
:class: folded

Two words

$$
y = 1
$$

```{code-cell} ipython3
nothing
```
and more.
````

```{exercise-start}
:label: ex-one
```
Try.
```{exercise-end}
```

````{solution-start} ex-one
:class: dropdown
````
Not for now.

$$
z = 2
$$
````{solution-end}
````

Last.
"""


def test_what_is_read_and_what_is_folded():
    # Label and title: 1 + 2; prose 4; theorem 3 + 1; exercise 1; last 1.
    assert lengths(PAGE) == (Length(13, 1), Length(4, 1))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", 0),
        ("one two", 2),
        ("a formula $x = y + z$ is one", 5),
        ("see {prf:ref}`thm-one` and {ref}`ch:one` - twice", 5),
        ("| table | of `four_words here` cells |", 4),
        ("[a link](https://example.org/with/words)", 2),
    ],
)
def test_words(line, words):
    assert count_words(line) == words


def test_minutes_are_words_and_equations():
    assert Length(200, 3).minutes == pytest.approx(2.0)
    page = "word " * 2000 + "\n\n$$\nx\n$$\n" * 9
    assert reading_minutes(page) == 15  # 13 minutes
    assert reading_minutes(page, page) == 30  # the sum of what each page says of itself
    folded = f"```{{prf:proof}}\n:class: folded\n\n{page.replace('`', '')}\n```\n"
    assert reading_minutes(page + folded) == 25
    assert reading_minutes(page + folded, with_proofs=False) == 15


def test_rounding_promises_no_more_than_is_known():
    assert [rounded(m) for m in (0.1, 1.4, 12.4, 12.6, 37.4, 37.6)] == [1, 1, 12, 15, 35, 40]
    assert [running_minutes(s) for s in (0, 60, 61, 200, 10**9)] == [1, 1, 2, 5, 60]
    assert list(RUNNING_MINUTES) == sorted(RUNNING_MINUTES)


@pytest.mark.parametrize("page", sorted(BOOK.glob("*.md")), ids=lambda page: page.stem)
def test_every_fence_of_the_book_is_closed_and_most_of_it_is_read(page):
    text = page.read_text("utf-8")
    seen, folded = lengths(text + "\n\nfive words at the end\n")
    before = lengths(text)
    assert (seen, folded) == (before[0] + Length(5, 0), before[1])
    assert 0.2 * len(text.split()) <= sum(length.words for length in before) < len(text.split())
