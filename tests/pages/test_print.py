"""Pages on paper: printed from dark mode with grounds, they are white, whole and can be read."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.pages.site import browsed, built

pdfium = pytest.importorskip("pypdfium2")

PRINTED = (
    "book/landing.html",
    "book/one_coordinate.html",
    pytest.param("book/transition.html", marks=pytest.mark.long),
)

# On paper: the ground, headings that cannot be told from it, and what is cut or still scrolls.
ON_PAPER = """() => {
  const dark = colour => (colour.match(/[\\d.]+/g) ?? []).slice(0, 3).every(v => v < 140);
  const style = element => getComputedStyle(element);
  const shown = element => element.getClientRects().length > 0;
  const problems = [];
  if (style(document.body).backgroundColor !== 'rgb(255, 255, 255)') problems.push('ground');
  for (const heading of document.querySelectorAll('article :is(h1, h2, h3, h4)')) {
    if (shown(heading) && !dark(style(heading).color)) problems.push(heading.textContent);
  }
  const article = document.querySelector('article').getBoundingClientRect();
  for (const box of document.querySelectorAll('article :is(pre, table, div.math)')) {
    if (!shown(box)) continue;
    const inner = box.querySelector('mjx-math') ?? box;
    if (inner.getBoundingClientRect().right > article.right + 2) {
      problems.push(`cut: ${box.textContent.slice(0, 60)}`);
    }
    if (box.matches('pre') && box.scrollWidth > box.clientWidth + 1) problems.push('scrolls');
  }
  return problems;
}"""

WORDS = """() => [...document.querySelectorAll('article p')]
  .filter(p => p.getClientRects().length && !p.querySelector('.math, code, a'))
  .filter(p => !p.closest('pre, .mssl-live'))
  .map(p => p.innerText)"""


def letters(text):
    return re.sub(r"[^a-z]", "", text.lower())


@built
@browsed
@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_page_is_light_and_whole(name, browser):
    page = browser.open(name, mode="dark")
    paragraphs = page.evaluate(WORDS)
    assert len(paragraphs) > 5
    document = pdfium.PdfDocument(page.pdf(format="A4", print_background=True))
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"

    sheets = [document[i] for i in range(len(document))]
    text = letters("".join(sheet.get_textpage().get_text_bounded() for sheet in sheets))
    assert [p for p in paragraphs if letters(p) not in text] == []

    fullness = []
    for sheet in sheets:
        shades = sheet.render(scale=0.5, grayscale=True).to_numpy()
        # White, or on a sheet full of code the pale ground of its cells.
        assert np.bincount(shades.ravel()).argmax() > 240
        assert (shades < 128).mean() < 0.3
        assert (shades[:8] == 255).all()
        inked = (shades < 200).any(axis=1).nonzero()[0]
        fullness.append(inked.max() / len(shades) if len(inked) else 0.0)
    assert [(i, share) for i, share in enumerate(fullness[:-1]) if share < 0.6] == []
    document.close()


@built
@browsed
@pytest.mark.parametrize("name", PRINTED)
def test_nothing_is_cut_on_paper(name, browser):
    page = browser.open(name, width=690, mode="dark")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    try:
        page.wait_for_timeout(100)
        assert page.evaluate(ON_PAPER) == []
    finally:
        page.emulate_media(media="screen")
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
