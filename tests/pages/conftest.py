"""One server and one browser for all tests of pages."""

import functools
import threading
from http.server import ThreadingHTTPServer

import pytest

from tests.pages.site import ARGUMENTS, CHROMIUM, SITE, QuietHandler, Tab


@pytest.fixture(scope="session")
def site():
    """Serve the built book on the loopback interface; yield its address."""
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def browser(chromium, site):
    """One tab, with one cache, that reaches no host but the book's own."""
    return Tab(chromium.new_page(), site)


@pytest.fixture
def phone(chromium, site):
    """A tab of a small screen that is touched."""
    context = chromium.new_context(
        viewport={"width": 400, "height": 900}, has_touch=True, is_mobile=True
    )
    yield Tab(context.new_page(), site)
    context.close()
