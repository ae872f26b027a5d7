"""The notebooks that the built book offers: readable without plugins, and run without the checkout.

The book is that in ``_build/html``: run ``make book`` first.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from tests.test_environment import PINS, PROJECT

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
NOTEBOOKS = sorted(SITE.glob("_sources/book/*.ipynb"))
RUNNER = Path(__file__).with_name("run_notebook.py")
WHEELS = sorted(SITE.glob("mssl-*.whl"))
QUICK = "vit_images"

pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="there is no built book: run `make book`")
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

# What only MyST reads: roles, directives, fences with colons, labels.
RAW = re.compile(
    r"\{(?:prf:|eq\}|glue|ref\}|numref\}|doc\}|cite|term\}|math\}|code-cell)|^:::|^`{3,}\{"
    r"|^\([\w:-]+\)=$|^:label:",
    re.MULTILINE,
)
DISPLAYED = re.compile(r'<div class="math notranslate nohighlight"[^>]*>(.*?)</div>', re.DOTALL)
NUMBER = re.compile(r'<span class="eqno">\(([\d.]+)\)')
INLINE = re.compile(r'<span class="math notranslate nohighlight">\\\((.*?)\\\)</span>', re.DOTALL)
GLUED = re.compile(r'([^<>]{0,40})<span class="pasted-text">([^<>]*)</span>([^<>]{0,12})')
THEOREM = re.compile(
    r'<p class="admonition-title"><span class="caption-number">([A-Z]\w+ [\d.]+) </span>'
)


def page_of(path: Path) -> str:
    """The text of the page that offers a notebook, without its outputs."""
    page = (SITE / "book" / f"{path.stem}.html").read_text("utf-8")
    page = page[page.index("<article") : page.index("</article>")]
    return re.sub(r'(?s)<div class="output .*?</div>', "", page)


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def captions(path: Path) -> str:
    """The captions of the figures, which are outputs of the cells that show them."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "\n\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)


def flat(text: str) -> str:
    """Text without line breaks and indentation, which differ within lists."""
    return " ".join(text.split())


def unwrapped(formula: str) -> str:
    """A displayed formula without what Sphinx, or the notebook, puts around it."""
    body = html.unescape(re.sub(r"<[^>]*>", "", formula)).strip()
    body = body.removeprefix("\\[").removesuffix("\\]").strip()
    return flat(body.removeprefix("\\begin{split}").removesuffix("\\end{split}"))


@each
def test_a_notebook_is_valid_and_says_where_it_comes_from(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    first, second = notebook.cells[:2]
    assert "This notebook is the page" in first.source
    assert WHEELS[0].name in second.source
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@each
def test_a_notebook_needs_no_plugin(path):
    assert RAW.findall(prose(path)) == []


@each
def test_displayed_formulas_are_those_of_the_page_with_their_numbers(path):
    page = []
    for found in DISPLAYED.findall(page_of(path)):
        number = next(iter(NUMBER.findall(found)), "")
        page.append((number, unwrapped(found.split("</span>")[-1])))
    notebook = []
    for found in re.findall(r"(?s)^ *\$\$\n(.*?)\n *\$\$$", prose(path), re.MULTILINE):
        tag = re.search(r"\n *\\tag\{([\d.]+)\}$", found)
        body = found[: tag.start()] if tag else found
        notebook.append((tag[1] if tag else "", unwrapped(body)))
    assert notebook == page


@each
def test_formulas_within_the_text_are_those_of_the_page(path):
    text = flat(f"{prose(path)}\n\n{captions(path)}")
    page = {flat(html.unescape(found)) for found in INLINE.findall(page_of(path))}
    assert {formula for formula in page if f"${formula}$" not in text} == set()


@each
def test_the_numbers_of_the_text_stand_in_their_places(path):
    text = flat(prose(path).replace("\\", ""))
    found = ["".join(parts) for parts in GLUED.findall(page_of(path))]
    source = (ROOT / "book" / f"{path.stem}.md").read_text("utf-8")
    assert len(found) == source.count("{glue:text}")
    places = [flat(html.unescape(place).replace("\\", "")) for place in found]
    assert [place for place in places if place not in text] == []


@each
def test_theorems_bear_their_numbers(path):
    text = prose(path)
    assert [name for name in THEOREM.findall(page_of(path)) if f"**{name}" not in text] == []


@each
def test_the_code_is_that_of_the_chapter_in_its_order(path):
    source = (ROOT / "book" / f"{path.stem}.md").read_text("utf-8")
    cells = re.findall(r"(?s)^```\{code-cell\}[^\n]*\n(.*?)^```$", source, re.MULTILINE)
    wanted = [re.sub(r"\A(?::\w+:[^\n]*\n)*\s*", "", cell).strip() for cell in cells]
    found = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [cell.strip() for cell in found[1:]] == wanted


@each
def test_each_figure_is_there_once_with_its_caption(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not any("scrapbook" in output.get("metadata", {}) for output in outputs)
    for output, follower in zip(outputs, [*outputs[1:], None], strict=True):
        kinds = set(output.get("data", {}))
        assert "image/svg+xml" not in "".join(map(str, output.get("data", {}).values()))
        if "image/png" in kinds:
            assert "text/html" not in kinds
            assert follower is not None
            assert follower["data"]["text/markdown"].startswith("**")


def test_the_wheel_stands_beside_the_book_with_all_data():
    (wheel,) = WHEELS
    names = zipfile.ZipFile(wheel).namelist()
    assert "mssl/chapters/transition/rounding_paper.csv" in names
    kinds = {".csv", ".mplstyle", ".typed"}
    data = {p.relative_to(ROOT).as_posix() for p in (ROOT / "mssl").rglob("*") if p.suffix in kinds}
    assert data <= set(names)
    assert not any("__pycache__" in name or name.startswith(("tests", "book")) for name in names)
    page = (SITE / "book" / "rerun.html").read_text("utf-8")
    assert f'href="../{wheel.name}"' in page
    assert page.count(f"./{wheel.name}") >= 2


def test_no_chapter_reads_a_file_of_the_checkout():
    for page in (ROOT / "book").glob("*.md"):
        code = re.findall(r"(?s)^```\{code-cell\}.*?^```$", page.read_text("utf-8"), re.MULTILINE)
        assert not re.search(r"\bopen\(|\bPath\(|_static|loadtxt|from_csv|read_csv", "".join(code))


@pytest.mark.parametrize("page", sorted((ROOT / "book").glob("*.md")), ids=lambda page: page.stem)
def test_a_chapter_imports_only_what_its_first_cell_installs(page):
    text = page.read_text("utf-8")
    code = "".join(re.findall(r"(?s)^```\{code-cell\}.*?^```$", text, re.MULTILINE))
    imported = set(re.findall(r"(?m)^ *(?:import|from) (\w+)", code))
    extra = re.search(r"^extra: (\S+)$", text, re.MULTILINE)
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = list(PROJECT["project"]["dependencies"])
    for name in extra[1].split(",") if extra else ():
        wanted += extras[name]
    allowed = {re.split(r"[<>=]", line)[0] for line in wanted} | {"mssl", "sklearn", "IPython"}
    assert imported <= allowed | sys.stdlib_module_names


def run(python: Path | str, path: Path, **environment: str) -> dict:
    """Run a notebook with some Python that knows nothing of this checkout."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER"))}
    done = subprocess.run(
        [str(python), str(RUNNER), str(path)],
        cwd=path.parent,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["folder"] == str(path.parent)
    assert report["stderr"] == []
    return report


def downloaded(path: Path, folder: Path) -> Path:
    """Take a notebook to a folder, as a download does."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def test_a_quick_chapter_runs_from_the_wheel(tmp_path):
    """With the libraries of this environment, but neither the checkout's package nor MyST-NB."""
    site, reader = tmp_path / "site", tmp_path / "reader"
    zipfile.ZipFile(WHEELS[0]).extractall(site)
    (site / "myst_nb.py").write_text("raise ModuleNotFoundError('No module named myst_nb')\n")
    reader.mkdir()
    notebook = downloaded(SITE / "_sources" / "book" / f"{QUICK}.ipynb", reader)
    report = run(sys.executable, notebook, PYTHONPATH=str(site))
    assert Path(report["package"]).is_relative_to(site)
    assert report["outputs"] > 0
    assert [file.name for file in reader.iterdir()] == [notebook.name]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A folder with the wheel, and an environment with a kernel and nothing of the book."""
    home = tmp_path_factory.mktemp("reader")
    folder, pins = home / "notebooks", home / "pins.txt"
    folder.mkdir()
    (folder / WHEELS[0].name).write_bytes(WHEELS[0].read_bytes())
    pins.write_text("".join(f"{pin}\n" for pin in PINS))
    uv = [sys.executable, "-m", "uv"]
    python = home / "venv" / "bin" / "python"
    subprocess.run([*uv, "venv", "--seed", "--python", sys.executable, home / "venv"], check=True)
    install = [*uv, "pip", "install", "--python", python, "--constraint", pins]
    subprocess.run([*install, "ipykernel", "nbclient"], check=True)
    return folder, python, pins


# Those that need more than the package come last, as they install it.
BY_NEED = sorted(NOTEBOOKS, key=lambda path: path.read_text("utf-8").count("find_spec("))


@pytest.mark.long
@pytest.mark.parametrize("path", BY_NEED, ids=lambda path: path.stem)
def test_a_notebook_installs_the_package_and_runs(path, reader):
    folder, python, pins = reader
    # The first cell asks pip, which asks this file for versions.
    report = run(python, downloaded(path, folder), PIP_CONSTRAINT=str(pins))
    assert Path(report["package"]).is_relative_to(python.parents[1])
    assert not any(Path(place).is_relative_to(ROOT) for place in report["searched"] if place)
    assert report["outputs"] > 0
