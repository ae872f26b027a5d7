"""Formulas on a small screen, under the keyboard, and in the cards of references."""

from __future__ import annotations

import pytest

from tests.pages.site import CHAPTERS, browsed, built, often

# Display equations that are wider than their place; what is wrong with each.
CUT = """() => {
  const problems = [];
  let wide = 0;
  for (const box of document.querySelectorAll('div.math > mjx-container')) {
    if (box.closest('details:not([open])')) continue;
    const more = box.scrollWidth - box.clientWidth;
    if (more <= 4) {
      if (box.matches('[tabindex="0"], .more-right')) problems.push('marked, but whole');
      continue;
    }
    wide += 1;
    const edge = box.getBoundingClientRect();
    const place = box.parentElement.getBoundingClientRect();
    if (!box.matches('.more-right[tabindex="0"][role][aria-label]')) problems.push('no sign');
    if (getComputedStyle(box).backgroundImage === 'none') problems.push('no shadow');
    if (place.right > innerWidth + 1) problems.push('beyond the screen');
    const number = box.parentElement.querySelector('.eqno')?.getBoundingClientRect();
    if (number && (number.left < edge.right - 1 || number.right > innerWidth + 1)) {
      problems.push('number over the formula or out of sight');
    }
  }
  return {wide, problems};
}"""

STOPS = """() => [...document.querySelectorAll('mjx-container[tabindex="0"]')]
  .filter(box => box.scrollWidth <= box.clientWidth + 4).length"""

pages = pytest.mark.parametrize("name", often(f"book/{page.stem}.html" for page in CHAPTERS))


@built
@browsed
@pages
def test_no_formula_is_cut_without_a_sign(name, browser):
    page = browser.open(name, width=400)
    assert page.evaluate(CUT)["problems"] == []
    page.evaluate("() => document.querySelectorAll('details').forEach(box => { box.open = true; })")
    browser.show(400, "light")
    assert page.evaluate(CUT)["problems"] == []
    browser.show(1280, "light")
    assert page.evaluate(CUT)["problems"] == []
    assert page.evaluate(STOPS) == 0


@built
@browsed
def test_a_formula_scrolls_by_keyboard_and_its_shadow_moves(browser):
    page = browser.open("book/random_matrices.html", width=400)
    assert page.evaluate(CUT)["wide"] > 20
    box = page.locator("div.math > mjx-container.more-right").first
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("box => box.scrollLeft > 1", arg=box.element_handle())
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    page.wait_for_timeout(100)
    assert "more-left" in page.evaluate("() => document.activeElement.className")
    assert "more-right" not in page.evaluate("() => document.activeElement.className")


def reference(page, target):
    """The first reference whose address is as the selector ``target`` says."""
    return page.locator(f".bd-article a.reference.internal[href{target}]").first


REFERENCES = (
    ("*='random_matrices.html#equation-'", ".math mjx-container"),
    ("^='#equation-'", ".math mjx-container"),
    ("*='.html#thm-'", ".proof.theorem"),
    ("*='references.html#id'", ".citation"),
    ("*='api.html#mssl.'", "dt.sig"),
)


@built
@browsed
@pytest.mark.parametrize(("target", "shown"), REFERENCES)
def test_a_reference_shows_its_target(target, shown, browser):
    page = browser.open("book/error.html")
    link = reference(page, target)
    link.hover()
    card = page.locator("#preview-card")
    card.locator(shown).first.wait_for(state="visible")
    box = card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    assert link.get_attribute("aria-describedby") == "preview-card"
    assert page.locator("#preview-card [id]").count() == 0
    page.keyboard.press("Escape")
    assert card.is_hidden()
    link.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    card.locator(shown).first.wait_for(state="visible")
    assert browser.complaints == []


@built
@browsed
def test_a_page_that_scrolls_beneath_the_mouse_leaves_the_card_of_the_keyboard(browser):
    page = browser.open("book/error.html")
    link = reference(page, "*='references.html#id'")
    link.hover()
    card = page.locator("#preview-card")
    card.locator(".citation").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")  # the key tells the browser that focus is to be seen
    link.focus()
    card.locator(".citation").wait_for(state="visible")
    page.evaluate("() => scrollBy(0, 100)")
    page.wait_for_timeout(600)  # more than the time after which a mouse elsewhere closes it
    assert card.is_visible()
    box = link.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 200)
    page.mouse.move(box["x"] + 5, box["y"] + 250)
    card.wait_for(state="hidden")


@built
@browsed
def test_the_first_tap_shows_and_the_second_follows(phone):
    page = phone.open("book/error.html", width=400)
    link = page.locator(
        ".bd-article a.reference.internal[href*='random_matrices.html#equation-']"
    ).first
    link.scroll_into_view_if_needed()
    link.tap()
    page.locator("#preview-card .math mjx-container").first.wait_for(state="visible")
    assert "error.html" in page.url
    link.tap()
    page.wait_for_url("**/random_matrices.html#equation-*")


@built
@browsed
def test_a_reference_without_scripts_is_a_link(chromium, site):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/book/error.html")
    reference(page, "*='random_matrices.html#'").click()
    page.wait_for_url("**/random_matrices.html#*")
    context.close()
