"""The book as a PDF: what it is made of, and, where LaTeX is installed, what stands in it."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
import yaml
from docutils import nodes
from in_print.formulas import aligned, displayed
from in_print.left_out import PAGES as LEFT_OUT
from in_print.left_out import is_set, unprinted
from in_print.tables import BETWEEN, TableParser, table_of
from sphinx import addnodes

from tests.pages.site import ROOT
from tests.tool import tool

PDF = ROOT / "_build" / "latex" / "book.pdf"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
NUMBERED = [
    chapter["file"] for part in TOC["parts"] if part.get("numbered") for chapter in part["chapters"]
]
PRINTED = [
    name
    for name in [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
    if name not in LEFT_OUT
]
A4 = 595.276, 841.89  # points
# Square points of the largest map or photograph in a figure; a figure as a whole is larger.
LARGEST_BITMAP = 65_000

FRAME = """<div><style>th {top: 1}</style><table border="1" class="dataframe"><thead>
<tr><th></th><th colspan="2">theory</th></tr><tr><th>rows</th><th></th><th></th></tr></thead>
<tbody><tr><th rowspan="2">24</th><td>0.5 &plusmn; 0.1</td>
<td><a href='error.html#thm-test-error'>Theorem</a>: \\(E_k\\)<br><small>two</small></td></tr>
<tr><td>1</td><td>2</td></tr></tbody></table></div>"""


def test_a_formula_gets_lines_only_where_it_has_some():
    inner = r"\begin{aligned} a &= b \\ &= c \end{aligned}"
    cases = r"x = \begin{cases} 1 & a \\ \begin{matrix} 0 & 1 \end{matrix} & b \end{cases}"
    assert aligned("\n a = b\n") == "a = b"
    assert aligned(inner) == inner
    assert aligned(cases) == cases
    assert aligned(r"a &= b \\ c &= d") == r"\begin{aligned}a &= b \\ c &= d\end{aligned}"
    assert aligned(r"x \text{(a_b)}") == r"x \text{(a\_b)}"
    assert aligned("a\n\nb") == r"\begin{gathered}a \\ b\end{gathered}"


def test_a_display_has_the_number_of_the_page_or_none():
    numbered = displayed("a = b", "3.1", "equation:book/error:eq-a")
    assert r"\fitdisplay{(3.1)}{%" in numbered
    assert r"\tag{3.1}\label{equation:book/error:eq-a}" in numbered
    assert "\\tag" not in displayed("a = b")
    assert "\\label" not in displayed("a = b")


def test_a_table_of_a_cell_keeps_its_spans_links_and_formulas():
    table = table_of(TableParser(FRAME).rows)
    text = [entry.astext() for entry in table.findall(nodes.entry)]
    # The second row of the head names the rows, and stays; the style is no cell. A number and its
    # error are not broken into two lines.
    assert text == [
        *["", "theory", "rows", "", "", "24", "0.5\xa0±\xa00.1", "Theorem: E_k: two", "1", "2"]
    ]
    entries = list(table.findall(nodes.entry))
    assert [entry.get("morecols", 0) for entry in entries][:2] == [0, 1]
    assert [entry.get("morerows", 0) for entry in entries][5] == 1
    (link,) = table.findall(nodes.reference)
    assert link["refuri"] == "%book/error#thm-test-error"
    assert [node.astext() for node in table.findall(nodes.math)] == ["E_k"]


def test_a_column_is_as_wide_as_its_longest_cell():
    table = table_of(TableParser(FRAME).rows)
    # The cell over two rows moves the cells of the second row to the right.
    widths = [column["colwidth"] - BETWEEN for column in table.findall(nodes.colspec)]
    assert widths == [4, 9, len("Theorem: E_k: two")]


def test_pages_and_functions_that_are_not_printed_have_no_links():
    assert is_set("%book/error#thm-test-error")
    assert is_set("%book/api#the-house")
    assert is_set("https://example.org")
    for left_out in ("gallery", "api#mssl.SSRTheory", "api#module-mssl.theory"):
        assert not is_set(f"%book/{left_out}")
    assert not is_set("headline.svg")


def test_of_the_reference_only_the_map_is_printed():
    house, theory = nodes.section(ids=["the-house"]), nodes.section(ids=["theory"])
    title = nodes.section("", house, theory, ids=["the-package"])
    page = addnodes.start_of_file("", title, docname="book/api")
    assert unprinted(page) == [theory]
    page["docname"] = "book/error"
    assert unprinted(page) == []
    page["docname"] = "book/gallery"
    assert unprinted(page) == [page]


def test_half_of_the_notes_of_a_stopped_run_are_forgotten(tmp_path, monkeypatch):
    make_pdf = tool("make_pdf")
    monkeypatch.setattr(make_pdf, "FOLDER", tmp_path)
    aux, log = tmp_path / "book.aux", tmp_path / "book.log"
    aux.write_text("\\newlabel{a}")
    log.write_text("Output written on book.xdv (2 pages, 99 bytes).")
    make_pdf.forget_half_notes()
    assert aux.is_file()
    log.write_text("This is XeTeX")
    make_pdf.forget_half_notes()
    assert not aux.is_file()


def test_the_log_is_read_for_what_a_reader_would_stumble_over():
    log = (
        "Overfull \\hbox (3.1pt too wide) in paragraph at lines 1--2\n"
        "Overfull \\hbox (12.5pt too wide) in paragraph at lines 3--4\n"
        "Overfull \\vbox (33.0pt too high) has occurred while \\output is active []\n"
        "LaTeX Warning: Float too large for page by 5.0pt on input line 9.\n"
        "Missing character: There is no x in font y!\n"
        "LaTeX Warning: Reference `a' on page 3 undefined on input line 7.\n"
        "Output written on book.xdv (412 pages, 99 bytes).\n"
    )
    make_pdf = tool("make_pdf")
    assert [" ".join(fault.split()[:2]) for fault in make_pdf.faults(log)] == [
        *["LaTeX Warning:", "Missing character:", "LaTeX Warning:"],
        *["Overfull \\hbox", "Overfull \\vbox"],
    ]
    assert make_pdf.pages(log) == 412


def test_what_is_missing_is_said_before_any_work(tmp_path):
    # With nothing on the path there is no LaTeX.
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_pdf.py")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "apt-get install --no-install-recommends texlive-xetex" in done.stderr


def test_readme_and_contributing_name_the_packages():
    wanted = "apt-get install --no-install-recommends texlive-xetex fonts-texgyre"
    for name in ("README.md", "CONTRIBUTING.md"):
        assert wanted in (ROOT / name).read_text("utf-8")


typeset = pytest.mark.skipif(shutil.which("xelatex") is None, reason="LaTeX is not installed")


@pytest.fixture(scope="module")
def book():
    """The PDF, made now if it was not made before."""
    pdfium = pytest.importorskip("pypdfium2")
    if not PDF.is_file():
        subprocess.run([sys.executable, str(ROOT / "tools" / "make_pdf.py")], check=True)
    document = pdfium.PdfDocument(PDF)
    yield document
    document.close()


def tight(text):
    """A text without spaces, breaks of words, ligatures and apostrophes."""
    return re.sub(r"[\s\ufffe\u00ad\u2010'\u2019-]|\x02", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def text(book):
    return tight("".join(page.get_textpage().get_text_bounded() for page in book))


def source(name):
    return (ROOT / f"{name}.md").read_text("utf-8")


def words_before_a_symbol(heading):
    return tight(re.split(r"[$`{]", heading)[0])


@pytest.mark.long
@typeset
@pytest.mark.parametrize("name", PRINTED)
def test_every_page_is_a_chapter(name, book, text):
    (title,) = re.findall(r"^# (.+)$", source(name).split("\n```")[0], re.MULTILINE)
    assert words_before_a_symbol(title) in text
    bookmarks = {tight(entry.get_title()) for entry in book.get_toc()}
    number = f"{NUMBERED.index(name) + 1}" if name in NUMBERED else ""
    assert number + tight(title) in bookmarks


@pytest.mark.long
@typeset
@pytest.mark.parametrize("name", NUMBERED)
def test_claims_have_the_numbers_of_the_web(name, text):
    found = Counter()
    claims = re.findall(
        r"^`+\{prf:(theorem|proposition|lemma|corollary)\} *(.*)$", source(name), re.MULTILINE
    )
    missing = []
    for kind, title in claims:
        found[kind] += 1
        heading = f"{kind.title()}{NUMBERED.index(name) + 1}.{found[kind]}"
        heading += f"({words_before_a_symbol(title)}" if title else ""
        if heading not in text:
            missing.append(heading)
    assert missing == []


@pytest.mark.long
@typeset
@pytest.mark.parametrize("name", NUMBERED)
def test_figures_and_exercises_have_their_numbers(name, text):
    chapter = NUMBERED.index(name) + 1
    shown = set(re.findall(r"^display\([\"'](\w+)[\"']\)", source(name), re.MULTILINE))
    kinds = {"Figure": len(shown), "Exercise": source(name).count("{exercise-start}")}
    wanted = [f"{kind}{chapter}.{i}" for kind, n in kinds.items() for i in range(1, n + 1)]
    assert [number for number in wanted if number not in text] == []


@pytest.mark.long
@typeset
def test_no_reference_is_left_open(text):
    assert "??" not in text
    assert "Undefined" not in text
    make_pdf = tool("make_pdf")
    assert make_pdf.faults(make_pdf.log()) == []


@pytest.mark.long
@typeset
def test_links_within_the_book_lead_to_a_page(book):
    raw = pytest.importorskip("pypdfium2.raw")
    lost, found = Counter(), 0
    for number, page in enumerate(book, 1):
        place, link = ctypes.c_int(0), raw.FPDF_LINK()
        while raw.FPDFLink_Enumerate(page.raw, ctypes.byref(place), ctypes.byref(link)):
            found += 1
            kind = raw.FPDFAction_GetType(raw.FPDFLink_GetAction(link))
            if kind != raw.PDFACTION_URI and not raw.FPDFLink_GetDest(book.raw, link):
                lost[number] += 1
    assert found > 1000
    assert lost == {}


@pytest.mark.long
@typeset
def test_the_pdf_says_what_it_is(book):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    said = book.get_metadata_dict()
    assert (said["Title"], said["Author"]) == (config["title"], config["author"])


@pytest.mark.long
@typeset
def test_no_page_is_empty(book):
    words = [len(page.get_textpage().get_text_bounded().split()) for page in book]
    assert [number for number, count in enumerate(words, 1) if count < 2] == []


@pytest.mark.long
@typeset
def test_figures_are_drawn_not_painted(book):
    raw = pytest.importorskip("pypdfium2.raw")
    for number, page in enumerate(book, 1):
        assert page.get_size() == pytest.approx(A4, abs=0.5)
        for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
            left, bottom, right, top = image.get_bounds()
            area = (right - left) * (top - bottom)
            assert area < LARGEST_BITMAP, f"a bitmap fills page {number}"
