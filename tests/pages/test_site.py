"""What is in the files of the built book: links, pictures, notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from implementations import implementations

from tests.pages.site import CHAPTERS, PAGES, SITE, built, parsed


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
