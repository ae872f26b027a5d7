"""Every page of the built book, as a reader's browser shows it.

The pages are those in ``_build/html``: run ``make book`` first.
"""

from __future__ import annotations

import functools
import json
import shutil
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from implementations import implementations

ROOT = Path(__file__).resolve().parents[1]
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
CHAPTERS = sorted(
    page for page in (ROOT / "book").glob("*.md") if "{code-cell}" in page.read_text("utf-8")
)

built = pytest.mark.skipif(not PAGES, reason="there is no built book: run `make book` first")
browsed = pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(BROWSERS)} is installed")


class Page(HTMLParser):
    """The anchors, links and images of one page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.images = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)


@functools.cache
def parsed(page: Path) -> Page:
    return Page(page.read_text("utf-8"))


def broken(page: Path, link: str) -> bool:
    """Tell whether a link within the book leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    path = unquote(parts.path)
    target = page if not path else (page.parent / path).resolve()
    if not target.is_file():
        return True
    anchor = unquote(parts.fragment)
    return bool(anchor) and target.suffix == ".html" and anchor not in parsed(target).anchors


@built
@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_book_lead_somewhere(name):
    page = SITE / name
    links = parsed(page).links
    assert links
    assert [link for link in links if broken(page, link)] == []


@built
@pytest.mark.parametrize("name", PAGES)
def test_images_say_in_words_what_they_show(name):
    silent = [image for image in parsed(SITE / name).images if not (image.get("alt") or "").strip()]
    assert silent == []


@built
def test_theorems_and_code_lead_to_each_other():
    api = SITE / "book" / "api.html"
    for label, names in implementations().items():
        (page,) = (p for p in SITE.glob("book/*.html") if label in parsed(p).anchors)
        assert {f"api.html#{name}" for name in names} <= set(parsed(page).links), label
        assert f"{page.name}#{label}" in parsed(api).links


@built
def test_the_first_page_is_reached_from_the_root():
    assert "book/landing.html" in (SITE / "index.html").read_text("utf-8")


@built
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_notebook_offered_for_download_was_executed(chapter):
    link = f"_sources/book/{chapter.stem}.ipynb"
    assert f"../{link}" in parsed(SITE / "book" / f"{chapter.stem}.html").links
    notebook = json.loads((SITE / link).read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert cells
    assert all(cell["execution_count"] for cell in cells)
    assert outputs
    assert all(output["output_type"] != "error" for output in outputs)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def site():
    """Serve the built book on the loopback interface; yield its address."""
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(site):
    """One tab, with one cache, that reaches no host but the book's own."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield Tab(chromium.new_page(), site)
        chromium.close()


class Tab:
    """A browser tab that notes what a page asks of other hosts, and what goes wrong in it."""

    def __init__(self, page, site):
        self.page, self.site = page, site
        self.outside, self.complaints = [], []
        page.route(self.is_outside, self.refuse)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self.see)

    def open(self, name):
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.outside.clear()
        self.complaints.clear()
        self.page.goto(f"{self.site}/{name}", wait_until="load")
        self.page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
        self.page.evaluate("() => document.fonts.ready.then(() => true)")

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


@built
@browsed
@pytest.mark.parametrize("name", PAGES)
def test_page_in_the_browser(name, browser):
    browser.open(name)
    page = browser.page
    assert browser.outside == [], "the page asks another host"
    assert browser.complaints == [], "the page has errors"
    formulas = page.locator(".math").count()
    assert page.locator(".math > mjx-container").count() >= formulas, "TeX is not rendered"
    assert page.locator("mjx-merror").all_inner_texts() == [], "TeX is wrong"
    assert page.evaluate(RAW_TEX) == [], "TeX stands in the text"
    assert page.locator(".output.stderr").all_inner_texts() == [], "a cell writes to stderr"
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate(TOO_WIDE) == [], "the page scrolls sideways on a small screen"
