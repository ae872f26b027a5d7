"""Pages in plain Markdown, from nodes made by hand."""

from types import SimpleNamespace

import pytest
from docutils import nodes
from installing import requirement, wheel_name
from nbformat.v4 import new_output
from packaging.requirements import Requirement
from plain_markdown import Links, PlainMarkdown, escaped, escaped_lines, fenced
from plain_notebooks import linked, opening, plain_outputs

from mssl import __version__

PAGE = "book/page"


def plain(address="", hidden=(), **numbers):
    env = SimpleNamespace(
        toc_secnumbers={PAGE: {"": (3,), "#second": (3, 1)}}, toc_fignumbers={PAGE: numbers}
    )
    return PlainMarkdown(env, Links(address, PAGE), hidden)


def test_the_package_is_asked_for_where_it_is():
    assert requirement("") == f"./{wheel_name()}"
    assert requirement("", "data") == f"./{wheel_name()}[data]"
    home = "https://book.example"
    assert requirement(home, "data") == f"mssl[data] @ {home}/{wheel_name()}"
    Requirement(requirement(home, "data"))
    assert wheel_name().split("-")[1] == __version__


@pytest.mark.parametrize(("address", "extra"), [("", ""), ("https://book.example", "data,tables")])
def test_the_first_cells_say_where_the_notebook_is_from(address, extra):
    words, code = opening("Title", "Book", Links(address, PAGE), extra)
    page = f"[Title]({address}/{PAGE}.html)" if address else "*Title*"
    assert words.source.startswith(f"This notebook is the page {page} of the book *Book*")
    assert ("download the file" in words.source) is not bool(address)
    assert f'%pip install --quiet "{requirement(address, extra)}"' in code.source
    assert code.source.count("find_spec(") == (4 if extra else 1)


FIGURE = (
    "<figure><img src='data:,'><figcaption><strong>Errors.</strong> At \\(a &lt; b\\). "
    '<a download="a.csv" href="data:,">Data</a></figcaption></figure>'
)


def test_a_figure_is_kept_as_png_with_its_caption():
    data = {"text/html": FIGURE, "image/png": "iVBO", "text/plain": "Errors."}
    picture, caption = plain_outputs(new_output("display_data", data), Links("", PAGE))
    assert set(picture.data) == {"image/png", "text/plain"}
    assert caption.data["text/markdown"] == "**Errors.** At $a < b$."


def test_links_in_tables_lead_to_the_book_or_nowhere():
    page = "<td><a href='error.html#thm'>Theorem</a></td>"
    assert linked(page, Links("", PAGE)) == "<td>Theorem</td>"
    assert linked(page, Links("https://book.example", PAGE)) == (
        '<td><a href="https://book.example/book/error.html#thm">Theorem</a></td>'
    )


def paragraph(*children, line=None):
    node = nodes.paragraph("", "", *children)
    node.line = line
    return node


def document(*children):
    section = nodes.section("", nodes.title("", "Title"), *children, ids=["first"])
    return nodes.section("", section)


def text(*children, **settings):
    return plain(**settings).pieces(document(*children))[1:]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a*b* [c] `d`", r"a\*b\* \[c] \`d\`"),
        ("_a_ but snake_case", r"\_a\_ but snake_case"),
        ("x < y & z", r"x \< y & z"),
        ("&lt;", "&amp;lt;"),
        ("5 $", r"5 \$"),
    ],
)
def test_text_stays_text(given, wanted):
    assert escaped(given) == wanted


def test_no_line_becomes_a_list_by_chance():
    assert escaped_lines("1. a\n- b\n+ c\n3) d\n1.5\n-1") == (
        "1\\. a\n\\- b\n\\+ c\n3\\) d\n1.5\n-1"
    )
    assert escaped_lines("$a\n- b$") == "$a\n- b$"


def test_a_fence_is_longer_than_those_within():
    assert fenced("```\na\n```\n", "md") == "````md\n```\na\n```\n````"


def test_headings_have_the_numbers_of_the_page():
    inner = nodes.section("", nodes.title("", "Second"), ids=["second"])
    assert plain().pieces(document(inner)) == ["# 3. Title", "## 3.1. Second"]


def test_formulas_keep_their_bytes_and_get_their_numbers():
    block = nodes.math_block("", "\na  =\n b ,\n", ids=["equation-a"], label="a", nowrap=False)
    rows = nodes.math_block("", "a \\\\ b", ids=[], nowrap=False)
    found = text(
        block, rows, paragraph(nodes.math("", "x_1\n < y")), displaymath={"equation-a": (3, 2)}
    )
    assert found == [
        "$$\na  =\n b ,\n\\tag{3.2}\n$$",
        "$$\n\\begin{split}\na \\\\ b\n\\end{split}\n$$",
        "$x_1\n < y$",
    ]


def test_a_theorem_stands_in_a_box_and_a_code_cell_does_not():
    cell = nodes.container("", nb_element="cell_code", cell_index=4)
    claim = nodes.admonition(
        "",
        nodes.title("", " (Name)"),
        nodes.section("", paragraph(nodes.Text("Before.")), cell, paragraph(nodes.Text("After."))),
        ids=["thm-a"],
        realtype="theorem",
        countertype="theorem",
    )
    first, code, last = text(claim, theorem={"thm-a": (3, 1)})
    assert str(first).splitlines()[2:] == ["**Theorem 3.1 (Name).**", "", "Before.", "", "</div>"]
    assert code == 4
    assert str(last).splitlines()[2:] == ["After.", "", "</div>"]


def test_hidden_cells_stand_where_they_stood():
    shown = nodes.container("", nb_element="cell_code", cell_index=3)
    before, after = paragraph(nodes.Text("a"), line=5), paragraph(nodes.Text("b"), line=15)
    found = text(before, after, shown, hidden=[(10, 1), (20, 2), (40, 4)])
    assert found == ["a", 1, "b", 2, 3, 4]


def test_cells_out_of_order_are_refused():
    cells = [nodes.container("", nb_element="cell_code", cell_index=i) for i in (2, 1)]
    with pytest.raises(
        ValueError, match=r"The code cells of book/page came out of order: \[2, 1\]"
    ):
        text(*cells)


def reference(uri, words, *classes):
    inner = nodes.inline("", words, classes=list(classes))
    return nodes.reference("", "", inner, refuri=uri, internal=True)


def test_links_are_words_without_an_address_and_whole_with_one():
    links = [
        reference("other.html#eq", "(4.1)"),
        nodes.Text(", "),
        reference("other.html", "Other", "std-ref"),
        nodes.Text(", "),
        nodes.reference("", "there", refuri="https://example.org/a"),
    ]
    assert text(paragraph(*[link.deepcopy() for link in links])) == [
        "(4.1), *Other*, [there](https://example.org/a)"
    ]
    home = "https://book.example/book"
    equation, title = f"[(4.1)]({home}/other.html#eq)", f"[Other]({home}/other.html)"
    assert text(paragraph(*links), address="https://book.example") == [
        f"{equation}, {title}, [there](https://example.org/a)"
    ]


def test_citations_are_in_round_brackets_and_counted():
    markdown = plain()
    cited = reference("references.html#id7", "Allen, 1974")
    citation = nodes.inline("", "[", cited, nodes.Text("]"), classes=["bibtex-citation"])
    assert markdown.pieces(document(paragraph(citation)))[1:] == ["(Allen, 1974)"]
    assert markdown.cited == {"id7"}


def entry(*children):
    return nodes.entry("", nodes.paragraph("", "", *children))


def test_a_bar_does_not_end_a_cell_of_a_table():
    head = nodes.thead("", nodes.row("", entry(nodes.Text("a|b")), entry(nodes.Text("c"))))
    norm = entry(nodes.math("", r"\|x\| + |y|"))
    body = nodes.tbody("", nodes.row("", norm, entry(nodes.Text("two\nlines"))))
    table = nodes.table("", nodes.tgroup("", head, body))
    assert text(table) == [
        "| a\\|b | c |\n| --- | --- |\n| $\\Vert x\\Vert  + \\vert y\\vert $ | two lines |"
    ]


def test_lists_stand_apart_if_an_item_has_several_blocks():
    def item(*words):
        return nodes.list_item("", *(paragraph(nodes.Text(word)) for word in words))

    assert text(nodes.bullet_list("", item("a"), item("b\nc"))) == ["- a\n- b\n  c"]
    assert text(nodes.enumerated_list("", item("a", "b"), item("c"), start=2)) == [
        "2. a\n\n   b\n\n3. c"
    ]
