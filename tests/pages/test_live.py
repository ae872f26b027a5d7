"""Live figures in the browser: drawn from their data, moved by keys and by touch, still on paper.

Formulas are left unset here, which makes the pages quick; other tests see to those.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from figure_live import table_for_page
from figure_names import label_of, page_of

from mssl.figures import FIGURES, Table
from tests.pages.site import SITE, browsed, built

LIVE = [entry for entry in FIGURES if entry.live]
FILES = SITE / "_static" / "figures"
LARGEST_TABLE = 40_000  # bytes

each = pytest.mark.parametrize("entry", LIVE, ids=lambda entry: entry.name)


class Reader:
    """A tab that shows one live figure after the other, without formulas."""

    def __init__(self, context, site):
        self.page, self.site, self.shown = context.new_page(), site, None
        self.complaints = []
        self.page.route("**/mathjax/**", lambda route: route.abort())
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, entry):
        name = page_of(entry)
        if name != self.shown:
            self.page.goto(f"{self.site}/{name}.html", wait_until="domcontentloaded")
            self.shown = name
        figure = self.page.locator(f"#{label_of(entry.name)}")
        figure.scroll_into_view_if_needed()
        return figure

    def show(self, width, mode):
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(
            "mode => Object.assign(document.documentElement.dataset, {mode, theme: mode})", mode
        )
        self.page.wait_for_timeout(100)  # the observer of sizes speaks after a frame


@pytest.fixture(scope="module")
def desk(chromium, site):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield Reader(context, site)
    context.close()


@pytest.fixture(scope="module")
def hand(chromium, site):
    """A small screen that is touched."""
    context = chromium.new_context(
        viewport={"width": 400, "height": 900}, has_touch=True, is_mobile=True
    )
    yield Reader(context, site)
    context.close()


@pytest.fixture(scope="module")
def scriptless(chromium, site):
    context = chromium.new_context(java_script_enabled=False)
    yield Reader(context, site)
    context.close()


def live_of(entry):
    """The figure as the file of its data, which readers download, has it."""
    live = entry.moving(Table.from_csv((FILES / f"{entry.name}.csv").read_text("utf-8")))
    assert live is not None
    return live


def table_in(entry):
    """The table that stands in the page beside a figure."""
    page = (SITE / f"{page_of(entry)}.html").read_text("utf-8")
    _, _, rest = page.partition(f'id="{label_of(entry.name)}"')
    found = re.search(r'<script type="application/json" class="mssl-table">(.*?)</script>', rest)
    assert found is not None
    return found[1]


@built
@each
def test_the_table_in_the_page_is_small_and_that_of_the_file(entry):
    text = table_in(entry)
    assert text == table_for_page(live_of(entry))
    assert len(text.encode()) < LARGEST_TABLE


# For each line of a panel its shape and its points, in shares of the panel from its lower left.
DRAWN = """figure => [...figure.querySelectorAll('.mssl-live svg.plot')].map(plot => {
  const [width, height] = ['width', 'height'].map(name => Number(plot.getAttribute(name)));
  return [...plot.querySelectorAll('[data-shape=line] path')].map(path =>
    [...path.getAttribute('d').matchAll(/[ML](-?[\\d.]+) (-?[\\d.]+)/g)]
      .map(([, x, y]) => [x / width, 1 - y / height]));
})"""


def share(axis, values):
    """Where values stand on an axis, from 0 at its low end to 1."""
    measure = np.log if axis.log else np.asarray
    low, high = measure(axis.low), measure(axis.high)
    return (measure(values) - low) / (high - low)


@built
@browsed
@each
def test_the_first_frame_is_drawn_where_the_data_are(entry, desk):
    figure = desk.open(entry)
    desk.show(1280, "light")
    assert desk.complaints == []
    assert figure.locator(".mssl-live > svg").is_visible()
    assert not figure.locator(".mssl-picture").is_visible()
    assert figure.locator(".mssl-live svg path, .mssl-live svg rect").count() > 20
    live = live_of(entry)
    for (panel, marks), drawn in zip(live.frame(live.first), figure.evaluate(DRAWN), strict=False):
        lines = [columns for mark, columns in marks if mark.shape == "line"]
        assert len(lines) == len(drawn)
        for (x, y), path in zip(lines, drawn, strict=True):
            wanted = np.column_stack([share(panel.x, x), share(panel.y, y)])
            inside = np.all((wanted >= 0) & (wanted <= 1), axis=1)
            assert len(wanted) == len(path)
            np.testing.assert_allclose(np.array(path)[inside], wanted[inside], atol=0.003)


@built
@browsed
@each
def test_keys_move_it_and_it_says_where_it_stands(entry, desk):
    figure = desk.open(entry)
    table = json.loads(table_in(entry))
    choice = table["choices"][0]
    slider = figure.get_by_label(choice["label"], exact=True)
    picture, output = figure.locator(".mssl-live > svg"), figure.locator(".mssl-control output")
    seen = {}
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End"):
        slider.press(key)
        at = int(slider.input_value())
        words = choice["texts"][at]
        assert output.inner_text() == words
        assert slider.get_attribute("aria-valuetext").startswith(words)
        assert f"{choice['label']}: {words}." in picture.get_attribute("aria-label")
        if table["notes"]:
            assert table["notes"][at] in picture.get_attribute("aria-label")
            assert figure.locator(".mssl-note").inner_text() == table["notes"][at]
        drawing = picture.inner_html()
        assert seen.setdefault(at, drawing) == drawing
    assert sorted(seen) == [0, 1, 2, len(choice["texts"]) - 1]
    assert len(set(seen.values())) == len(seen)
    # Axes stay where they are.
    axes = {
        tuple(re.findall(r'<path d="([^"]*)" class="axis"', drawing)) for drawing in seen.values()
    }
    assert len(axes) == 1
    assert desk.complaints == []


# Of a drawing: texts that reach over its edges, or are too small to be read.
UNREADABLE = """figure => {
  const room = figure.querySelector('.mssl-live > svg').getBoundingClientRect();
  return [...figure.querySelectorAll('.mssl-live text')].filter(text => {
    const box = text.getBoundingClientRect();
    return text.textContent && (box.left < room.left - 1 || box.right > room.right + 1 ||
      box.height < 12 || parseFloat(getComputedStyle(text).fontSize) < 12);
  }).map(text => text.textContent);
}"""


@built
@browsed
@each
def test_a_finger_moves_it_on_a_small_screen(entry, hand):
    figure = hand.open(entry)
    hand.show(400, "light")
    slider = figure.locator("input[type=range]").first
    box = slider.bounding_box()
    assert box["height"] >= 24
    before = figure.locator(".mssl-live > svg").inner_html()
    first = slider.input_value()
    slider.tap(
        position={"x": box["width"] * (0.9 if first == "0" else 0.05), "y": box["height"] / 2}
    )
    assert slider.input_value() != first
    assert figure.locator(".mssl-live > svg").inner_html() != before
    assert figure.evaluate(UNREADABLE) == []
    assert figure.locator(".mssl-live").bounding_box()["width"] <= 400
    assert figure.evaluate("figure => figure.scrollWidth <= figure.clientWidth")


@built
@browsed
@each
def test_colours_follow_the_page(entry, desk):
    figure = desk.open(entry)
    table = json.loads(table_in(entry))
    marks = [mark for panel in table["panels"] for mark in panel["marks"]]
    words = {}
    for mode, key in (("light", "color"), ("dark", "dark")):
        desk.show(1280, mode)
        drawn = figure.locator(".mssl-live > svg").evaluate(
            """svg => [...svg.querySelectorAll('g[data-shape]')].map(group =>
            getComputedStyle(group).getPropertyValue('--color'))"""
        )
        assert drawn == [mark[key] for mark in marks if mark["shape"] != "cells"]
        text = figure.locator(".mssl-live > svg text").first
        words[mode] = text.evaluate("text => getComputedStyle(text).fill")
    desk.show(1280, "light")
    assert words["light"] != words["dark"]


@built
@browsed
@each
def test_it_is_open_to_all(entry, desk):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    desk.open(entry)
    for mode in ("light", "dark"):
        desk.show(1280, mode)
        rules = {"target-size": {"enabled": True}}
        options = {"preload": False, "resultTypes": ["violations"], "rules": rules}
        context = {"include": [[f"#{label_of(entry.name)} .mssl-live"]]}
        assert axe.run(desk.page, context, options).response["violations"] == []
    desk.show(1280, "light")


@built
@browsed
@each
def test_without_scripts_and_on_paper_there_is_a_picture(entry, scriptless, desk):
    figure = scriptless.open(entry)
    assert figure.locator(".mssl-picture img.only-light").is_visible()
    assert figure.locator(".mssl-live").count() == 0
    figure = desk.open(entry)
    desk.page.emulate_media(media="print")
    try:
        assert figure.locator(".mssl-picture").is_visible()
        assert not figure.locator(".mssl-live").is_visible()
    finally:
        desk.page.emulate_media(media="screen")
