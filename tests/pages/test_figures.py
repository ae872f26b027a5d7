"""The figures of the built book: numbered, with files that can be kept, on light and dark pages.

The pages are those in ``_build/html``: run ``make book`` first.
"""

import functools
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from dark_colors import GROUND, Role, contrast, on_dark
from figure_names import label_of, page_of
from figure_svg import for_page, short_path
from matplotlib.figure import Figure

from mssl.figures import FIGURES, Table, render
from mssl.figures.style import colors, histogram, measured, shade

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
FILES = SITE / "_static" / "figures"
GALLERY = SITE / "book" / "gallery.html"

built = pytest.mark.skipif(
    not GALLERY.is_file(), reason="there is no built book: run `make book` first"
)
everywhere = pytest.mark.parametrize("entry", FIGURES, ids=lambda entry: entry.name)

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
RULE = re.compile(r"#dark:target ([^{]*)\{(fill|stroke):(#[0-9a-f]{6})!important\}")


class Figures(HTMLParser):
    """What stands inside each figure of a page, by its identifier."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = {}, None
        self.twice = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "figure" and "mssl-figure" in (attributes.get("class") or ""):
            self.inside = attributes["id"]
            if self.inside in self.found:
                self.twice.append(self.inside)
            self.found[self.inside] = {"img": [], "a": [], "text": ""}
        elif self.inside and tag in ("img", "a"):
            self.found[self.inside][tag].append(attributes)

    def handle_endtag(self, tag):
        if tag == "figure":
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.found[self.inside]["text"] += data


@functools.cache
def figures_on(page):
    return Figures(page.read_text("utf-8"))


def shown(entry):
    return figures_on(SITE / f"{page_of(entry)}.html").found[label_of(entry.name)]


@functools.cache
def numbers():
    """The number of each figure."""
    return {
        entry.name: re.findall(r"Figure ([\d.]*\d)", shown(entry)["text"])[0] for entry in FIGURES
    }


@built
def test_every_figure_stands_once_in_the_book_and_has_a_number_of_its_own():
    labels = Counter(label for page in SITE.glob("book/*.html") for label in figures_on(page).found)
    assert labels == Counter(label_of(entry.name) for entry in FIGURES)
    assert [page for page in SITE.glob("book/*.html") if figures_on(page).twice] == []
    assert len(set(numbers().values())) == len(FIGURES)


@built
def test_figures_are_numbered_along_each_page():
    for page in SITE.glob("book/*.html"):
        labels = list(figures_on(page).found)
        named = {label_of(name): number for name, number in numbers().items()}
        last = [int(named[label].rpartition(".")[2]) for label in labels]
        assert last == list(range(1, len(labels) + 1)), page.name


@built
@everywhere
def test_a_figure_of_the_book_offers_files_that_can_be_read(entry):
    links = [unquote(urlsplit(link["href"]).path) for link in shown(entry)["a"]]
    names = {Path(link).name for link in links if "/_static/figures/" in link}
    assert {f"{entry.name}.pdf", f"{entry.name}.csv"} <= names
    assert any(name.endswith(".svg") for name in names)
    for name in names:
        data = (FILES / name).read_bytes()
        if name.endswith(".svg"):
            assert ElementTree.fromstring(data).tag == f"{SVG}svg"
        if name.endswith(".pdf"):
            assert data.startswith(b"%PDF-")
            assert data.rstrip().endswith(b"%%EOF")
    text = (FILES / f"{entry.name}.csv").read_text("utf-8")
    head = [line for line in text.splitlines() if line.startswith("# ")]
    explained = " ".join(head)
    assert f"# seed {entry.seed}, scale quick, licence" in explained
    assert [name for name in Table.from_csv(text).names if f"# {name}: " not in explained] == []


@built
@everywhere
def test_a_figure_waits_until_it_is_seen_and_has_a_picture_for_each_ground(entry):
    images = shown(entry)["img"]
    assert all(image["loading"] == "lazy" for image in images)
    assert all(len(image["alt"].split()) >= 25 for image in images)
    assert all(int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)
    light, dark = (
        [i["src"] for i in images if f"only-{ground}" in i["class"]] for ground in ("light", "dark")
    )
    assert [f"{source}#dark" for source in light] == dark
    assert len(light) * 2 == len(images)


@built
@everywhere
def test_the_words_of_a_figure_are_set(entry):
    text = shown(entry)["text"]
    assert "_hat" not in text.partition("Code")[0]
    assert "$" not in text.partition("Code")[0]
    assert f"python -m mssl figures {entry.name}" in " ".join(text.split())
    assert f"mssl/chapters/{entry.chapter}/" in text


@built
def test_every_figure_is_reached_from_the_gallery():
    page = GALLERY.read_text("utf-8")
    for entry in FIGURES:
        target = f"{entry.chapter}.html#{label_of(entry.name)}"
        assert page.count(f'href="{target}"') == 2, entry.name  # the picture and the number
        assert f"Figure {numbers()[entry.name]}<" in page


def contrast_on_dark(root):
    """Colours of a drawing, and what becomes of each on a dark page."""
    style = root.findtext(f"{SVG}style", "")
    return [
        (at, (re.findall(r"#[0-9a-f]{6}", at) or ["#000000"])[0], color)
        for at, _, color in RULE.findall(style)
    ]


@built
@everywhere
def test_nothing_sinks_into_the_dark_ground(entry):
    for file in FILES.glob(f"{entry.name}*.svg"):
        for at, before, after in contrast_on_dark(ElementTree.parse(file).getroot()):
            was, seen = contrast(before, "#ffffff"), contrast(after, GROUND)
            wanted = 4.49 if at.startswith(".text") and was > 1.5 else min(was, 2.2) * 0.9
            assert seen >= wanted, (file.name, at, after)


# In bytes; the notebooks offered for download come on top of the site.
LARGEST_PAGE, LARGEST_SITE = 1_000_000, 30_000_000


@built
@pytest.mark.parametrize("page", sorted(SITE.glob("book/*.html")), ids=lambda page: page.stem)
def test_a_page_is_light_before_its_pictures_come(page):
    size = len(page.read_bytes())
    assert size <= LARGEST_PAGE or page.stem == "api"


@built
def test_the_site_is_light():
    sizes = {file: file.stat().st_size for file in SITE.rglob("*") if file.is_file()}
    sizes = {file: size for file, size in sizes.items() if file.suffix != ".ipynb"}
    assert sum(sizes.values()) <= LARGEST_SITE


# Without a built book ---------------------------------------------------------------------------


def drawing():
    fig = Figure(figsize=(4, 3))
    left, right = fig.subplots(1, 2)
    left.imshow(np.eye(3))
    left.plot([1], [1], "x", color="#222222")
    left.set_title("an image")
    histogram(right, [0, 1], [1, 2], [1, 2], "test")
    measured(right, [0, 1], [1, 2], [0.1, 0.1], "train")
    right.set_title("bars")
    return render(fig, "svg", title="Two panels")


def test_a_drawing_for_the_page_is_the_same_but_for_its_rules():
    before, after = drawing(), for_page(drawing())
    assert len(after) < 0.9 * len(before)
    one, two = (ElementTree.fromstring(data) for data in (before, after))
    for tag in ("use", "path", "image", "clipPath"):
        assert len(list(one.iter(f"{SVG}{tag}"))) == len(list(two.iter(f"{SVG}{tag}"))), tag
    names = [element.get("id") for element in two.iter() if element.get("id")]
    assert len(names) == len(set(names))
    linked = re.findall(r'(?:href="#|url\(#)([^")]*)', after.decode())
    assert set(linked) <= set(names)
    assert two.get("id") == "dark"
    rules = two.findtext(f"{SVG}style", "")
    assert rules.count("{") == rules.count("#dark:target")  # none holds elsewhere


def test_markers_have_their_colours_where_rules_reach_them():
    root = ElementTree.fromstring(for_page(drawing()))
    used = {use.get(HREF, "")[1:] for use in root.iter(f"{SVG}use")}
    markers = [path for path in root.iter(f"{SVG}path") if path.get("id") in used]
    assert any("stroke-width" in path.get("style", "") for path in markers)
    assert [path for path in markers if "#" in path.get("style", "")] == []


def test_what_is_drawn_on_an_image_keeps_its_colour():
    root = ElementTree.fromstring(for_page(drawing()))
    kept = [group for group in root.iter(f"{SVG}g") if group.get("class") == "kept"]
    assert kept
    crosses = [use for group in kept for use in group.iter(f"{SVG}use")]
    assert any("#222222" in use.get("style", "") for use in crosses)
    texts = [group for group in root.iter(f"{SVG}g") if group.get("class") == "text"]
    assert len(texts) > 4  # the title of the image among them


def test_paths_keep_their_shape():
    assert short_path("M 1 2 \nL -3.14159 4e-3 \nQ 1 2 3 4 \nz") == "M1 2L-3.14 0Q1 2 3 4z"


@pytest.mark.parametrize("name", sorted(colors))
def test_a_family_of_shades_keeps_its_order_in_the_dark(name):
    for role in (Role.AREA, Role.MARK):
        seen = [contrast(on_dark(shade(name, level), role), GROUND) for level in (0, 0.5, 1)]
        assert sorted(seen) == seen
        assert len(set(seen)) == 3


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "color", ["#0072b2", "#222222", "#996900", "#e69f00", "#053061", "#bbbbbb"]
)
def test_colours_are_seen_in_the_dark(color, role):
    assert contrast(on_dark(color, role), GROUND) >= role.value - 0.05


def test_white_becomes_the_ground():
    assert {on_dark("#ffffff", role) for role in Role} == {GROUND}
