"""What stands around the text: citation, address, times, links to the outside, the workflow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import citing
import installing
import known_address
import launching
import mended_pages
import numbers_in_prose
import pytest
import yaml
from docutils import nodes
from pybtex.database import parse_string

from tests.pages.site import CHAPTERS, PAGES, ROOT, SITE, built, parsed

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text("utf-8"))


def people(work):
    return [a.get("name") or f"{a['given-names']} {a['family-names']}" for a in work["authors"]]


def entry(text):
    (found,) = parse_string(text, "bibtex").entries.values()
    return found


def names(persons):
    parts = ([*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names] for p in persons)
    return [" ".join(part).strip("{}") for part in parts]


@pytest.mark.parametrize("work", [CITATION, *CITATION["references"]], ids=lambda w: w["title"])
def test_bibtex_says_what_the_citation_file_says(work):
    made = entry(citing.bibtex(work, "https://example.org/book/", "2026"))
    assert names(made.persons["author"]) == people(work)
    assert made.fields["title"] == work["title"]
    assert made.fields["year"] == str(work.get("year", 2026))
    assert made.fields.get("url") == work.get("url", "https://example.org/book/")
    assert made.fields.get("booktitle", "") == work.get("collection-title", "")
    assert f"arXiv:{made.fields.get('eprint', '')}" in [
        "arXiv:",
        *(i["value"] for i in work.get("identifiers", [])),
    ]
    assert "url" not in entry(citing.bibtex(work)).fields


def test_the_citation_file_agrees_with_the_bibliography():
    listed = parse_string((ROOT / "book" / "references.bib").read_text("utf-8"), "bibtex").entries
    by_number = {e.fields["eprint"]: e for e in listed.values() if "eprint" in e.fields}
    for work in CITATION["references"]:
        known = by_number[citing.arxiv(work)]
        assert names(known.persons["author"]) == people(work)
        assert known.fields["title"] == work["title"]
        assert known.fields["year"] == str(work["year"])
        assert known.fields.get("booktitle", "") == work.get("collection-title", "")


def test_the_citation_file_has_the_shape_of_its_format():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "license", "type"} <= set(CITATION)
    assert CITATION["type"] in ("software", "dataset")
    for work in (CITATION, *CITATION["references"]):
        assert work["authors"]
        assert all(set(a) in ({"name"}, {"family-names", "given-names"}) for a in work["authors"])
        assert all(set(i) == {"type", "value"} for i in work.get("identifiers", []))


@built
def test_the_page_shows_how_to_cite():
    page = re.sub(r"<[^>]+>", "", (SITE / "book" / "cite.html").read_text("utf-8"))
    for work in CITATION["references"]:
        assert citing.key(work) in page
        assert citing.arxiv(work) in page
    assert f"{{{{{CITATION['authors'][0]['name']}}}}}" in page


@built
def test_the_times_of_all_chapters_are_shown():
    page = (SITE / "book" / "execution_times.html").read_text("utf-8")
    rows = re.findall(r'href="(\w+)\.html"[^<]*>[^<]*</a></p></td>\s*<td><p>([\d.]+)</p>', page)
    assert sorted(name for name, _ in rows) == [chapter.stem for chapter in CHAPTERS]
    assert all(float(time) > 0 for _, time in rows)


@built
def test_without_an_address_no_page_names_one():
    assert not CONFIG["html"]["baseurl"]
    assert not (SITE / "sitemap.xml").exists()
    for name in PAGES:
        assert parsed(SITE / name).canonical is None
        assert parsed(SITE / name).metas == {}


@built
def test_every_page_has_the_icon():
    icon = re.compile(r'<link rel="icon" href="[./]*_static/logo.svg')
    assert [name for name in PAGES if not icon.search((SITE / name).read_text("utf-8"))] == []


class Project:
    """What the extension asks of Sphinx, for a book with an address."""

    class config:
        html_baseurl = "https://example.org/book"
        html_title = "The book"
        root_doc = "book/landing"

    class builder:
        format = "html"
        get_target_uri = staticmethod("{}.html".format)

    def __init__(self, outdir):
        self.outdir = outdir
        title = nodes.title("", "Errors & risks")
        self.env = type("env", (), {"found_docs": {"book/error"}, "titles": {"book/error": title}})


def test_with_an_address_there_are_previews_and_a_site_map(tmp_path):
    app, context = Project(tmp_path), {"metatags": ""}
    page = nodes.document(None, None)
    page += nodes.paragraph("", "", nodes.math("", "x"))
    page += nodes.paragraph("", "Words " * 100)
    known_address.add_preview(app, "book/error", "page.html", context, page)
    metas = type(parsed(ROOT / "README.md"))(context["metatags"]).metas
    assert metas["og:title"] == "Errors & risks"
    assert metas["og:url"] == "https://example.org/book/book/error.html"
    assert metas["og:image"] == "https://example.org/book/_static/preview.png"
    assert (ROOT / "book" / "_static" / "preview.png").is_file()
    assert metas["og:description"].startswith("Words")
    assert len(metas["og:description"]) <= known_address.LONGEST + 2

    known_address.write_site_map(app, None)
    (place,) = ET.parse(tmp_path / "sitemap.xml").iterfind(".//{*}loc")
    assert place.text == metas["og:url"]
    ((_, missing, _),) = known_address.missing_page(app)
    assert 'href="/book/"' in missing["metatags"]


def test_a_list_in_a_list_belongs_to_an_item():
    head = "<h1>All modules for which code is available</h1>"
    page = f"{head}<ul><li>a</li>\n<ul><li>b</li></ul></ul></article>"
    assert "<ul><li>a\n<ul><li>b</li></ul></li></ul></article>" in mended_pages.mend(page)


def test_only_the_hyphen_of_a_number_becomes_a_minus_sign():
    text = numbers_in_prose.with_minus("from -0.5 to -.25 or (-3), 1e-05, in 2026-01, row-wise")
    minus = "\N{MINUS SIGN}"
    assert text == f"from {minus}0.5 to {minus}.25 or ({minus}3), 1e-05, in 2026-01, row-wise"


@built
def test_numbers_in_the_prose_have_true_minus_signs():
    seen = []
    for chapter in CHAPTERS:
        text = (SITE / "book" / f"{chapter.stem}.html").read_text("utf-8")
        seen += re.findall(r'<span class="pasted-text">([^<]*)', text)
    assert len(seen) > 100
    assert [number for number in seen if numbers_in_prose.with_minus(number) != number] == []
    assert any("\N{MINUS SIGN}" in number for number in seen)


LINK = re.compile(
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.,;:~%()<>@!$&'*+=/-]*)?(\?[\w=&%.-]*)?(#[\w.%:()-]*)?"
)
SHAPES = {
    "doi.org": r"/10\.\d{4,9}/\S+",
    "arxiv.org": r"/(abs|pdf)/(\d{4}\.\d{4,5}|[a-z-]+/\d{7})(v\d+)?",
}


def well_formed(link):
    parts = urlsplit(link)
    shape = SHAPES.get(parts.netloc.removeprefix("www.").removeprefix("dx."), ".*")
    return bool(LINK.fullmatch(link) and re.fullmatch(shape, parts.path))


@built
def test_links_to_the_outside_are_well_formed():
    links = {link for name in PAGES for link in parsed(SITE / name).links}
    outside = {link for link in links if urlsplit(link).scheme not in ("", "data")}
    assert len(outside) > 20
    assert [link for link in sorted(outside) if not well_formed(link)] == []
    assert not well_formed("https://doi.org/10.1/x")
    assert not well_formed("http://example.org")
    assert not well_formed("https://example.org/a b")


def test_the_workflow_builds_tests_and_deploys():
    triggers = WORKFLOW[True]  # YAML reads the key "on" as a truth
    assert triggers["push"] == {"branches": ["main"]}
    build, deploy, notebooks = (WORKFLOW["jobs"][name] for name in ("build", "deploy", "notebooks"))
    assert (deploy["needs"], notebooks["needs"]) == ("build", "deploy")
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert notebooks["permissions"] == {"contents": "write"}
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in (build, deploy, notebooks):
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    steps = [step for job in (build, deploy, notebooks) for step in job["steps"]]
    uses = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in uses)
    tested = next(step["run"] for step in build["steps"] if "run" in step)
    assert (ROOT / tested).stat().st_mode & 0o111
    assert "make test" in (ROOT / tested).read_text("utf-8")
    paths = {
        s["uses"].partition("@")[0]: s["with"]["path"] for s in build["steps"][2:] if "with" in s
    }
    assert ROOT / paths["actions/upload-pages-artifact"] == SITE


def test_the_branch_for_binder_and_colab_gets_what_the_buttons_open(tmp_path):
    build = WORKFLOW["jobs"]["build"]["steps"]
    gather = next(step["run"] for step in build if "notebooks" in step.get("run", ""))
    site = tmp_path / "_build" / "html"
    chapter = site / "_sources" / "book" / "transition.ipynb"
    wheel = site / "mssl-0.1.0-py3-none-any.whl"
    for file in (chapter, wheel):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    shutil.copytree(ROOT / ".binder", tmp_path / ".binder")
    subprocess.run(["sh", "-ec", gather], cwd=tmp_path, check=True)
    sent = next(s["with"] for s in build if s.get("uses", "").startswith("actions/upload-artifact"))
    branch = tmp_path / sent["path"]
    assert sent["include-hidden-files"] is True
    links = list(launching.launchers("owner/name", "book/transition"))
    opened = {unquote(link["url"]).rpartition("/")[2] for link in links}
    assert opened == {chapter.name}
    assert all(f"/{launching.BRANCH}" in link["url"] for link in links)
    assert (branch / chapter.name).is_file()
    assert (branch / ".binder" / "postBuild").stat().st_mode & 0o111

    # What Binder installs: the wheel where there is one, the sources otherwise.
    pip = tmp_path / "bin" / "python"
    pip.parent.mkdir()
    pip.write_text('#!/bin/sh\nfor last; do :; done; echo "$last"\n', "utf-8")
    pip.chmod(0o755)
    for folder, package in ((branch, wheel.name), (tmp_path, ".")):
        said = subprocess.run(
            [".binder/postBuild"],
            cwd=folder,
            env={**os.environ, "PATH": f"{pip.parent}:{os.environ['PATH']}"},
            check=True,
            capture_output=True,
            text=True,
        )
        assert said.stdout.strip() == f"./{package}[data,tables]"


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/owner/name", "owner/name"),
        ("https://github.com/owner/name.git", "owner/name"),
        ("https://github.com/owner/name/", "owner/name"),
        ("https://example.org/owner/name", ""),
        ("", ""),
    ],
)
def test_only_a_repository_on_github_is_launched(repository, place):
    assert known_address.github(repository) == place


@pytest.mark.parametrize(
    ("repository", "address", "page", "labels"),
    [
        ("https://github.com/o/n", "https://o.github.io/n/", "book/error", ["launch", "other"]),
        ("https://github.com/o/n", "", "book/error", ["other"]),
        ("", "https://o.github.io/n/", "book/error", ["other"]),
        ("https://github.com/o/n", "https://o.github.io/n/", "book/cite", ["other"]),
    ],
)
def test_launch_buttons_stand_where_both_addresses_and_code_are(repository, address, page, labels):
    app = SimpleNamespace(
        config=SimpleNamespace(mssl_repository=repository, html_baseurl=address),
        env=SimpleNamespace(metadata={"book/error": {"kernelspec": {"name": "python3"}}}),
    )
    context = {"header_buttons": [{"label": "other-buttons"}]}
    launching.offer_launchers(app, page, "page.html", context, None)
    found = context["header_buttons"]
    assert [group["label"].partition("-")[0] for group in found] == labels
    app.config.myst_substitutions = {}
    installing.say_first_cell(app, app.config)
    assert ("Binder" in app.config.myst_substitutions["first_cell"]) == bool(repository and address)
    if len(found) == 2:
        assert all(well_formed(button["url"]) for button in found[0]["buttons"])
