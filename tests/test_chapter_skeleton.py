"""`make chapter` in a copy of the project: what it writes draws, is checked and builds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tool import tool

ROOT = Path(__file__).resolve().parents[1]
NAME, TITLE = "two_masks", "Two masks at once"

LOOK = f"""
from pathlib import Path
from mssl.chapters import PAGES
from mssl.chapters.ledger import checks_of, claims
from mssl.figures import FIGURES, Table, render

entry = FIGURES.get("{NAME}_example")
data = entry.data("test")
assert entry.chapter == "{NAME}"
assert entry.seed not in {{other.seed for other in FIGURES if other is not entry}}
assert len(entry.alt.split()) >= 25
assert 10_000 < len(render(entry.figure(Table.from_csv(data.to_csv())), "svg")) < 400_000
assert list(data.unique("witness")) == ["theory", "measured"]
found = {{claim.label for claim in claims("book") if claim.page == "{NAME}"}}
checks = checks_of("{NAME}")
assert set(checks) == found != set()
assert all(check().passed for check in checks.values())
assert len(checks_of()) == len(claims("book"))
assert list(PAGES)[-2:] == ["{NAME}", "landing"]
print("seen")
"""


def run(folder, *command):
    """Run Python in a copy of the project, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copied(folder):
    """What belongs to the book and its package, in another place."""
    for part in ("mssl", "book", "tools"):
        ignored = shutil.ignore_patterns("__pycache__", "mathjax")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for name in (
        "_config.yml",
        "_toc.yml",
        "pyproject.toml",
        "requirements.txt",
        "README.md",
        "LICENSE",
    ):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("project"))
    written = run(folder, "tools/chapter.py", NAME, "--title", TITLE).splitlines()[:-1]
    assert all((folder / path).is_file() for path in written)
    return folder


def test_its_figure_draws_and_its_claim_holds(copy):
    assert run(copy, "-c", LOOK).strip() == "seen"


def test_it_is_written_as_the_house_writes(copy):
    run(copy, "-m", "ruff", "check", "--no-cache", "mssl/chapters")
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", "mssl/chapters")


def test_it_stands_last_in_its_part(copy):
    before, after = ((root / "_toc.yml").read_text("utf-8") for root in (ROOT, copy))
    entry = f"      - file: book/{NAME}\n"
    assert after.replace(entry, "") == before
    assert f"{entry}  - caption: Appendix\n" in after


@pytest.mark.long
def test_its_page_builds_without_a_warning(copy, tmp_path):
    """The page alone; of the others only the one that the book's own extension reads is there."""
    folder = shutil.copytree(copy, tmp_path / "book")
    for page in (folder / "book").glob("*.md"):
        if page.stem not in (NAME, "api"):
            page.unlink()
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/{NAME}\n", "utf-8")
    config = (folder / "_config.yml").read_text("utf-8")
    start = "exclude_patterns:\n"
    (folder / "_config.yml").write_text(config.replace(start, f"{start}  - book/api.md\n"), "utf-8")
    start = "from jupyter_book.cli.main import main; main()"
    run(folder, "-c", start, "build", ".", "-W", "-n", "--keep-going")
    html = (folder / "_build" / "html" / "book" / f"{NAME}.html").read_text("utf-8")
    assert f'id="fig-{NAME}-example"'.replace("_", "-") in html
    assert re.search(r"the test error is.*?0\.\d{3}.*?the Bayes error.*?0\.\d{3}", html, re.DOTALL)


@pytest.mark.parametrize(
    ("name", "title", "part", "message"),
    [
        ("Two", TITLE, None, "NAME must be .* lower-case letters, .* got 'Two'"),
        ("import", TITLE, None, "NAME must be"),
        ("n" * 31, TITLE, None, "at most 30"),
        ("error", TITLE, None, r"book/error\.md exists already"),
        ("claims", TITLE, None, r"book/claims\.md exists already"),
        ("ledger", TITLE, None, "mssl/chapters/ledger exists already"),
        ("worlds", TITLE, None, r"mssl/chapters/worlds\.py exists already"),
        (NAME, "", None, "The title must be a line"),
        (NAME, 'a "word"', None, "no quotes"),
        (NAME, TITLE, "Masks", "no part 'Masks'; choose one of Masked regression, Attention"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(name, title, part, message):
    chapter = tool("chapter", ROOT)
    with pytest.raises(ValueError, match=message):
        chapter.begin(name, title, part)
    assert not (ROOT / "mssl" / "chapters" / NAME).exists()


def test_a_part_can_be_named():
    chapter = tool("chapter", ROOT)
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    text, before = chapter.with_toc_entry(toc, NAME, "Masked regression")
    assert before == "real_data"
    assert f"book/real_data\n      - file: book/{NAME}\n  - caption: Attention\n" in text
    rooms = (ROOT / "mssl" / "chapters" / "__init__.py").read_text("utf-8")
    listed = chapter.with_room(rooms, NAME, before)
    assert f'    ),\n    "{NAME}": ("{NAME}_example",),\n    "vit_images"' in listed
