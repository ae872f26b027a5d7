"""Every page as a reader's browser shows it: whole, quiet, and open to every reader.

A page is opened once and then seen at both widths and in both colour modes.
"""

from __future__ import annotations

import re

import pytest

from tests.pages.site import PAGES, SITE, SOURCES, browsed, built

axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

# Rules that axe does not apply unless asked.
RULES = (
    "focus-order-semantics",
    "label-content-name-mismatch",
    "p-as-heading",
    "table-fake-caption",
    "target-size",
    "td-has-header",
)
OPTIONS = {
    "preload": False,  # or axe fetches all style sheets once more
    "resultTypes": ["violations"],
    "rules": {rule: {"enabled": True} for rule in RULES},
}
# Letters of a formula are hidden from screen readers, which get MathML instead, and have the colour
# of the text around them.
LETTERS = ["mjx-math", "mjx-assistive-mml"]

# Text outside code in which TeX would stand if it had not been rendered.
RAW_TEX = r"""() => {
  const article = (document.querySelector('article') ?? document.body).cloneNode(true);
  article.querySelectorAll('pre, code, script, style, mjx-container').forEach(e => e.remove());
  return article.textContent.match(/\$\$|\\\(|\\\[|\\begin\{/g) ?? [];
}"""

# What reaches over the right edge, innermost first, when the page is wider than the screen.
TOO_WIDE = """() => {
  const root = document.scrollingElement, width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll('*')]
    .filter(e => e.getBoundingClientRect().right > width + 1)
    .slice(-5).map(e => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`)
    .concat([`page ${root.scrollWidth} > ${width}`]);
}"""

# Of pages of code, which differ in nothing but their code, the longest and the shortest, and one
# that holds all their kinds of words; `make long` opens the others too.
BY_LENGTH = sorted(SOURCES, key=lambda name: (SITE / name).stat().st_size)
OPEN_TO_ALL = [name for name in PAGES if name not in BY_LENGTH[1:-1]]
# The checks take a minute on a page with hundreds of formulas: `make long` has those.
QUICK = ("404.html", "book/cite.html", "book/rerun.html", "py-modindex.html", "search.html")


def violations(page, *outside):
    """What axe finds on the page that is open, besides in the elements ``outside``."""
    results = axe.run(page, {"exclude": [[selector] for selector in (*LETTERS, *outside)]}, OPTIONS)
    return [
        f"{found['id']}: {node['target']} {node['failureSummary']} {node['html'][:200]}"
        for found in results.response["violations"]
        for node in found["nodes"][:5]
    ]


def hold_open_to_all(browser):
    """Colours and structure of the whole page; at the other widths, of what stands around the text.

    The colours of the text do not depend on the width, nor its structure on the colours.
    """
    page = browser.page
    for mode, width, left_out in (
        ("light", 1280, ()),
        ("light", 400, ("article",)),
        ("dark", 400, ()),
        ("dark", 1280, ("article",)),
    ):
        browser.show(width, mode)
        assert violations(page, *left_out) == [], f"{mode}, {width} pixels wide"


# Icons that are not drawn; the theme puts a question mark for those that it does not know.
NO_ICON = """() => [...document.querySelectorAll('i[class*="fa-"], svg.svg-inline--fa')]
  .filter(icon => icon.querySelector(':scope > path') === null).map(icon => icon.outerHTML)"""


def hold_whole_and_quiet(browser):
    page = browser.page
    assert browser.outside == [], "the page asks another host"
    assert browser.complaints == [], "the page has errors"
    formulas = page.locator(".math").count()
    assert page.locator(".math > mjx-container").count() >= formulas, "TeX is not rendered"
    assert page.locator("mjx-merror").all_inner_texts() == [], "TeX is wrong"
    assert page.evaluate(RAW_TEX) == [], "TeX stands in the text"
    assert page.evaluate(NO_ICON) == [], "an icon is missing"
    assert page.locator(".output.stderr").all_inner_texts() == [], "a cell writes to stderr"
    browser.show(400, "light")
    assert page.evaluate(TOO_WIDE) == [], "the page scrolls sideways on a small screen"


@built
@browsed
@pytest.mark.parametrize(
    "name",
    [name if name in OPEN_TO_ALL else pytest.param(name, marks=pytest.mark.long) for name in PAGES],
)
def test_page_in_the_browser(name, browser):
    browser.open(name)
    hold_whole_and_quiet(browser)


@built
@browsed
@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in OPEN_TO_ALL],
)
def test_a_page_is_open_to_all(name, browser):
    browser.open(name)
    hold_open_to_all(browser)


@built
@browsed
def test_every_kind_of_word_in_code_can_be_read(browser):
    kinds = set()
    for name in SOURCES:
        kinds.update(re.findall(r'<span class="(\w{1,3})">', (SITE / name).read_text("utf-8")))
    assert len(kinds) > 20
    browser.open(BY_LENGTH[0])
    words = "".join(f'<span class="{kind}">word</span> ' for kind in sorted(kinds))
    browser.page.evaluate(
        "words => { document.querySelector('.highlight pre').innerHTML = words; }", words
    )
    hold_open_to_all(browser)


@built
@browsed
def test_a_fault_is_noticed(browser):
    page = browser.open(BY_LENGTH[0])
    page.evaluate("""() => { document.querySelector('article h1').insertAdjacentHTML('afterend',
        '<p style="color: #999; background: #fff">pale</p><img src="x"><button></button>'); }""")
    found = {violation.split(":")[0] for violation in violations(page)}
    assert {"color-contrast", "image-alt", "button-name"} <= found
