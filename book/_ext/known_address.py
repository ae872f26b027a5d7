"""What a book with a public address has besides: a site map, words for previews, a page for errors.

The address is Sphinx's own setting ``html_baseurl`` in ``_config.yml``. Where it is empty, nothing
here names another host; canonical links are Sphinx's own work.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

from docutils import nodes

LONGEST = 200  # letters of a description
PREVIEW = "_static/preview.png"


def address_of(config) -> str:
    """The address of the book without a slash at its end, or nothing."""
    return (config.html_baseurl or "").rstrip("/")


def home_of(app) -> str:
    """The address from which the pages of the book are named, with its slash, or nothing."""
    address = address_of(app.config)
    return f"{address}/" if address else ""


def github(repository: str) -> str:
    """Owner and name of a repository on GitHub, or nothing."""
    parts = urlsplit(repository.rstrip("/").removesuffix(".git"))
    place = PurePosixPath(parts.path)
    return "/".join(place.parts[1:]) if parts.netloc == "github.com" else ""


def is_launched(config) -> bool:
    """Tell whether repository and book are where Binder and Colab find them."""
    return bool(github(config.mssl_repository) and address_of(config))


def description(doctree: nodes.document) -> str:
    """Return the beginning of the first paragraph without formulas, cut between words."""
    plain = (p for p in doctree.findall(nodes.paragraph) if not list(p.findall(nodes.math)))
    words = " ".join(next((p.astext() for p in plain), "").split())
    if len(words) <= LONGEST:
        return words
    return words[:LONGEST].rpartition(" ")[0] + " …"


def preview(book: str, home: str, title: str, words: str, url: str) -> Iterator[tuple[str, str]]:
    """Properties of the Open Graph protocol: what others show where a page is linked."""
    yield "og:type", "article"
    yield "og:site_name", book
    yield "og:title", title
    yield "og:url", url
    yield "og:image", urljoin(home, PREVIEW)
    yield "og:image:alt", f"{book}: a grid with hidden cells"
    if words:
        yield "og:description", words


def add_preview(app, pagename, templatename, context, doctree) -> None:
    """Put the properties into the head of a page."""
    home = home_of(app)
    if not home or doctree is None:
        return
    title = app.env.titles[pagename].astext()
    url = urljoin(home, app.builder.get_target_uri(pagename))
    for name, content in preview(app.config.html_title, home, title, description(doctree), url):
        context["metatags"] += f'\n<meta property="{name}" content="{escape(content)}" />'


def missing_page(app) -> Iterator[tuple[str, dict, str]]:
    """The page that a server shows for an address that leads nowhere.

    It is shown at any depth, so its links start from the root of the book.
    """
    root = urlsplit(home_of(app)).path or "/"
    front = app.builder.get_target_uri(app.config.root_doc)
    body = (
        "<h1>There is no such page</h1>"
        "<p>It may have been moved, or the address may hold a slip.</p>"
        f'<p><a class="reference internal" href="{escape(front)}">To the first page of the '
        "book</a>; the search is at the left.</p>"
    )
    context = {"title": "Page not found", "body": body, "metatags": f'<base href="{root}" />'}
    yield "404", context, "page.html"


def write_site_map(app, exception) -> None:
    """List all pages for search engines."""
    home = home_of(app)
    if exception is not None or not home or app.builder.format != "html":
        return
    pages = sorted(urljoin(home, app.builder.get_target_uri(n)) for n in app.env.found_docs)
    rows = "".join(f"<url><loc>{escape(page)}</loc></url>\n" for page in pages)
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n',
        "utf-8",
    )


def setup(app):
    app.connect("html-collect-pages", missing_page)
    app.connect("html-page-context", add_preview)
    app.connect("build-finished", write_site_map)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
