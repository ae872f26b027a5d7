"""The rooms of the book's pages: what lives where, and what their worlds and measures are."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mssl import chapters
from mssl.chapters.courses import largest_gap
from mssl.chapters.error.worlds import uneven_spiked
from mssl.chapters.how_near_the_limit.limit_overlaps import below_at_paper_scale
from mssl.chapters.how_near_the_limit.limit_sizes import sizes_at_paper_scale
from mssl.chapters.how_near_the_limit.limit_worlds import worlds_at_paper_scale
from mssl.chapters.measures import fitted_exponent
from mssl.chapters.one_coordinate.worlds import population_coef
from mssl.chapters.random_matrices.marchenko_pastur import marchenko_pastur_density
from mssl.chapters.transition.transition_rounding import rounding_at_paper_scale
from mssl.chapters.worlds import patch_scales, power_law
from mssl.covariance import AR1
from mssl.figures import FIGURES, Table

HOME = Path(chapters.__file__).parent
BOOK = HOME.parents[1] / "book"


def test_every_figure_lives_in_the_room_of_its_page():
    homes = [(entry.chapter, entry.draw.__module__) for entry in FIGURES]
    expected = [
        (page, f"mssl.chapters.{page}.{file}")
        for page, files in chapters.PAGES.items()
        for file in files
    ]
    assert homes == expected
    for page in chapters.PAGES:
        assert (BOOK / f"{page}.md").is_file()


def test_every_file_with_a_figure_is_listed():
    found = {
        (path.parent.name, path.stem)
        for path in HOME.glob("*/*.py")
        if "\n@figure(" in path.read_text("utf-8")
    }
    assert found == {(page, file) for page, files in chapters.PAGES.items() for file in files}


def test_figures_of_the_book_load_on_first_use_and_claims_not_at_all():
    code = (
        "import sys, mssl.figures as f; early = 'mssl.chapters' in sys.modules; "
        "print(early, len(f.FIGURES) > 70, any('claims' in name for name in sys.modules "
        "if name.startswith('mssl.chapters')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True", "False"]


def test_the_stored_run_is_one_of_its_figure():
    stored, made = rounding_at_paper_scale(), FIGURES.get("transition_rounding").data("test")
    assert list(stored.columns) == list(made.columns)
    assert set(stored["quantity"]) == set(made["quantity"])
    assert stored["d"].max() == 4000
    assert stored["trials"].max() == 2000


@pytest.mark.parametrize(
    ("name", "stored", "key"),
    [
        ("limit_overlaps", below_at_paper_scale, "method"),
        ("limit_sizes", sizes_at_paper_scale, "setting"),
        ("limit_worlds", worlds_at_paper_scale, "world"),
    ],
)
def test_the_stored_runs_of_the_limit_are_those_of_their_figures(name, stored, key):
    table, made = stored(), FIGURES.get(name).data("test")
    assert list(table.columns) == list(made.columns)
    assert set(made[key]) <= set(table[key]) or set(table[key]) <= set(made[key])


def test_no_file_of_a_chapter_is_long():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in HOME.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize("gamma", [0.1, 0.5, 2.0, 5.0])
def test_marchenko_pastur_mass_and_mean(gamma):
    low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2
    angle = (np.arange(20_000) + 0.5) * np.pi / 20_000
    s = low + (high - low) * 0.5 * (1 - np.cos(angle))
    weight = marchenko_pastur_density(s, gamma) * (high - low) * 0.5 * np.sin(angle)
    step = np.pi / 20_000
    assert np.sum(weight) * step == pytest.approx(min(1.0, 1.0 / gamma), abs=1e-7)
    assert np.sum(weight * s) * step == pytest.approx(1.0, abs=1e-7)


def test_fitted_exponent_covers_the_truth():
    rng = np.random.default_rng(1)
    d = np.array([50.0, 100.0, 200.0, 400.0])
    scores = []
    for _ in range(400):
        error = 2.0 * d**-0.5 * np.exp(0.05 * rng.standard_normal(4))
        exponent, spread, _ = fitted_exponent(d, error, np.full(4, 0.05))
        scores.append((exponent - 0.5) / spread)
    assert abs(np.mean(scores)) < 4 / np.sqrt(400)
    assert np.std(scores) == pytest.approx(1.0, abs=4 / np.sqrt(800))


def test_patch_scales_have_mean_one():
    scales = patch_scales(5, 50)
    assert scales.shape == (50,)
    assert scales.mean() == pytest.approx(1.0)
    assert np.all(np.diff(scales) > 0)
    # Flat sky against flowers: the reason why equal scales do not describe patches.
    assert np.mean(scales**2) > 2


def test_largest_gap_looks_at_late_times_of_all_settings():
    column = {"setting": ["a"] * 4 + ["b"] * 4, "witness": ["free", "free", "theory", "theory"] * 2}
    time = [0.0, 1.0] * 4
    runs = Table({**column, "time": time, "x": [9.0, 1.1, 1.0, 1.0, 9.0, 0.8, 1.0, 1.0]})
    assert largest_gap(runs, "free", "x", after=0.5) == pytest.approx(20.0)
    assert largest_gap(runs, "free", "x", after=-1.0) == pytest.approx(800.0)
    assert largest_gap(runs, "theory", "x", against="free", after=0.5) == pytest.approx(25.0)


def test_population_coef_is_the_minimiser():
    covariance, ridge = AR1(9, 0.6), 0.2
    sigma = covariance.dense()
    coef = population_coef(sigma, ridge)
    gradient = (sigma + ridge * np.eye(9)) @ coef - sigma
    np.fill_diagonal(gradient, 0.0)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-12)
    np.testing.assert_array_equal(np.diag(coef), 0.0)


def test_worlds_of_the_figures():
    np.testing.assert_allclose(power_law(50).diagonal(), 1.0)
    frequency = np.minimum(np.arange(50), 50 - np.arange(50))
    spectrum = power_law(50, 2.0).eigenvalues
    np.testing.assert_allclose(spectrum / spectrum[0], (1.0 + frequency) ** -2.0)
    sigma = uneven_spiked(60).dense()
    assert np.linalg.eigvalsh(sigma)[0] > 0
    np.testing.assert_array_equal(sigma, uneven_spiked(60).dense())
    assert np.diag(sigma).max() > 3 * np.diag(sigma).min()


AIMED = sorted(p.stem for p in BOOK.glob("*.md") if ":class: aims" in p.read_text("utf-8"))


def test_the_book_says_what_its_chapters_give():
    known = {*chapters.PAGES, "claims", "notation"}
    assert {"one_coordinate", "transition", "vit_mae"} <= set(AIMED) <= known


@pytest.mark.parametrize("page", AIMED)
def test_a_chapter_says_below_its_question_what_it_gives(page):
    text = (BOOK / f"{page}.md").read_text("utf-8")
    _, question, box = re.split(
        r"^# .+\n|^```\{admonition\} .+\n:class: aims\n", text, maxsplit=2, flags=re.MULTILINE
    )
    assert "```" not in question
    assert set(re.findall(r"^#.*", question, re.MULTILINE)) <= {"## The question"}
    lines = [line for line in box.split("\n```")[0].splitlines() if line.startswith("- ")]
    assert 2 <= len([line for line in lines if not line.startswith("- **")]) <= 4
    before, time = lines[-2:]
    assert before.startswith("- **Before:** ")
    assert time.startswith("- **Time:** ")
    assert "reading-time}`" in time
    assert not re.search(r"\d", time), "minutes are counted, not typed"
