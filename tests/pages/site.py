"""The built book: its pages, what stands in them, and the browser that shows them.

The pages are those in ``_build/html``: run ``make book`` first.
"""

from __future__ import annotations

import functools
import shutil
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
]

# All but the redirect to the first page.
PAGES = sorted(
    page.relative_to(SITE).as_posix()
    for page in SITE.rglob("*.html")
    if "_static" not in page.parts and page != SITE / "index.html"
)
# Pages of code differ in nothing but their code.
SOURCES = [name for name in PAGES if name.startswith("_modules/mssl/")]
CHAPTERS = sorted(
    page for page in (ROOT / "book").glob("*.md") if "{code-cell}" in page.read_text("utf-8")
)

# Pages of hundreds of formulas take the browser half a minute each: two at every test, all others
# by `make long`.
OFTEN = ("book/one_coordinate.html", "book/vit_mae.html")


def often(names):
    """The pages as parameters, all but two of them marked as long."""
    return [n if n in OFTEN else pytest.param(n, marks=pytest.mark.long) for n in names]


built = pytest.mark.skipif(not PAGES, reason="there is no built book: run `make book` first")
browsed = pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(BROWSERS)} is installed")


class Page(HTMLParser):
    """The anchors, links, images and names of properties of one page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.images, self.metas = set(), [], [], {}
        self.canonical = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)
        if tag == "meta" and "property" in attributes:
            self.metas[attributes["property"]] = attributes.get("content")
        if tag == "link" and attributes.get("rel") == "canonical":
            self.canonical = attributes.get("href")


@functools.cache
def parsed(page: Path) -> Page:
    return Page(page.read_text("utf-8"))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


class Tab:
    """A browser tab that notes what a page asks of other hosts, and what goes wrong in it."""

    def __init__(self, page, site):
        self.page, self.site = page, site
        self.outside, self.complaints = [], []
        page.route(self.is_outside, self.refuse)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self.see)

    def open(self, name, width=1280, mode="light"):
        """Show a page once its formulas are set."""
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": width, "height": 900})
        self.outside.clear()
        self.complaints.clear()
        self.page.goto(f"{self.site}/{name}", wait_until="load")
        self.page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
        self.page.evaluate("() => document.fonts.ready.then(() => true)")
        self.show(width, mode)
        return self.page

    def show(self, width, mode):
        """Give the page that is open a width and a colour mode, and let it settle."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(
            "mode => Object.assign(document.documentElement.dataset, {mode, theme: mode})", mode
        )
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => done(true)))")
        self.page.wait_for_timeout(50)  # observers of sizes speak after a frame

    def is_outside(self, url):
        return not url.startswith((f"{self.site}/", "data:", "blob:", "about:"))

    def refuse(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def hear(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def see(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")
