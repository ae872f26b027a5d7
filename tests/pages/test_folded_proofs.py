"""Long proofs are folded, and open by a button, by a link into them, and for print."""

import pytest

from tests.pages.site import PAGES, SITE, browsed, built, often

FOLDED = [name for name in PAGES if 'class="folded-proof"' in (SITE / name).read_text("utf-8")]


@built
@browsed
@pytest.mark.parametrize("name", often(FOLDED))
def test_folded_proofs_open_by_button_by_link_and_for_print(name, browser):
    page, proofs = browser.open(name), "details.folded-proof"
    count = "(e) => e.filter(d => d.open).length"
    number = page.locator(proofs).count()
    assert page.eval_on_selector_all(proofs, count) == 0
    page.get_by_role("button", name="Open all proofs").click()
    assert page.eval_on_selector_all(proofs, count) == number
    page.get_by_role("button", name="Fold all proofs").click()
    assert page.eval_on_selector_all(proofs, count) == 0
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.eval_on_selector_all(proofs, count) == number
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.eval_on_selector_all(proofs, count) == 0
    inside = page.evaluate(f"() => document.querySelector('{proofs} [id^=equation-]')?.id")
    if inside:
        page.evaluate(f"() => {{ location.hash = '{inside}'; }}")
        page.wait_for_function(f"() => document.querySelector('{proofs}[open]')")
        assert page.locator(f"[id='{inside}']").is_visible()
