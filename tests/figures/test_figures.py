"""Figures: exact data, equal bytes, honest resumption, and words for every picture."""

import argparse
import base64
import dataclasses
import operator
import os
import pickle
import re
import subprocess
import sys
import types
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mssl import __version__
from mssl.__main__ import main
from mssl.exceptions import ConvergenceError
from mssl.figures import (
    FIGURES,
    FigureDisplay,
    FigureRegistry,
    Run,
    Table,
    cli,
    display,
    figure,
    glue,
    render,
    show,
    table_of,
    write,
)
from mssl.figures.columns import described, meanings
from mssl.figures.runs import UnitStore, _source_files
from mssl.figures.style import KINDS, direct_label, measured, shade, theory_line
from mssl.figures.words import readable

ALT = "A line falls from the upper left to the lower right, with points on it."
CAPTION = "Means of normal numbers against how many there are, with their errors."


def make_registry(compute, **changes):
    """A registry of one figure, drawn from its table alone."""
    registry = FigureRegistry()
    words = {"title": "A figure", "alt": ALT, "caption": CAPTION, "chapter": "a", "seed": 7}

    @figure(
        changes.pop("name", "a_figure"),
        compute=compute,
        registry=registry,
        **{**words, **changes},
    )
    def draw(data):
        fig = Figure()
        ax = fig.subplots()
        theory_line(ax, data["d"], np.zeros(len(data)), "test")
        measured(ax, data["d"], data["mean"], data["mean"] ** 2, "test")
        return fig

    return registry


def mean_unit(rng, d):
    return Table({"d": d, "mean": [rng.standard_normal(d).mean()]})


def compute_means(run):
    return run.map("mean", mean_unit, [{"d": d} for d in (3, 10, 30, 100)])


# Tables -----------------------------------------------------------------------------------------


def awkward_floats():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**64, size=2000, dtype=np.uint64)
    special = [0.0, -0.0, 1.0, 1e22, 5e-324, 1.7976931348623157e308, np.inf, -np.inf, np.nan, 0.1]
    return np.concatenate([bits.view(np.float64), special])


def test_csv_keeps_every_bit(tmp_path):
    floats = awkward_floats()
    table = Table(
        {
            "value": floats,
            "count": np.arange(len(floats)) - 5,
            "word": [f'a,"{i}"\nb' for i in range(len(floats))],
        }
    )
    table.to_csv(tmp_path / "t.csv")
    again = Table.from_csv(tmp_path / "t.csv")
    assert again == table
    assert again.to_csv() == table.to_csv()
    number = ~np.isnan(floats)
    assert again["value"][number].tobytes() == floats[number].tobytes()
    assert [column.dtype.kind for column in again.columns.values()] == ["f", "i", "U"]


def test_lines_at_the_head_of_a_csv_are_for_people():
    table = Table({"word": ["#1", "b"], "x": [0.1, np.nan]})
    assert Table.from_csv("# what x is\n#\n" + table.to_csv()) == table
    with pytest.raises(ValueError, match="no data"):
        Table.from_csv("# nothing\n")


def test_data_say_what_they_are():
    entry = make_registry(compute_means).get("a_figure")
    table = entry.data("test")
    entry = dataclasses.replace(entry, columns={"mean": "mean of the draws, in their unit"})
    text = described(entry.seeded(11), table, "test")
    head = [line for line in text.splitlines() if line.startswith("# ")]
    assert "data of the figure a_figure" in head[0]
    assert head[1] == "# seed 11, scale test, licence BSD-3-Clause"
    assert "# mean: mean of the draws, in their unit" in head
    assert "# d: number of coordinates" in head
    assert Table.from_csv(text) == table


def test_a_table_is_immutable_and_pickles():
    values = np.array([1.0, 2.0])
    table = Table({"x": values})
    values[0] = 9.0
    assert table["x"][0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        table["x"][0] = 3.0
    with pytest.raises(TypeError):
        operator.setitem(table.columns, "y", values)
    assert pickle.loads(pickle.dumps(table)) == table


def test_tables_differ_by_name_value_and_type():
    table = Table({"x": [1, 2]})
    assert table != Table({"y": [1, 2]})
    assert table != Table({"x": [1, 3]})
    assert table != Table({"x": [1.0, 2.0]})


def test_rows_are_selected_and_joined_in_order():
    table = Table({"kind": ["b", "a", "b"], "x": [1, 2, 3]})
    assert table.unique("kind") == ["b", "a"]
    assert table.where(kind="b")["x"].tolist() == [1, 3]
    joined = Table.concat([rows for _, rows in table.groups("kind")])
    assert joined["x"].tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "at least one column"),
        ({"x": []}, "empty"),
        ({"x": [[1.0]]}, "one-dimensional"),
        ({"x": [1, 2], "y": [1, 2, 3]}, "same length"),
        ({"x": [1, 2], "y": [1]}, "same length"),
        ({"x": ["1", "nan"]}, "only numbers"),
        ({"x": [1j]}, "dtype"),
        ({"x": [True]}, "dtype"),
        ({"test error": [1.0]}, "plain word"),
        ({"x": np.array([2**64 - 1], dtype=np.uint64)}, "64-bit"),
    ],
)
def test_bad_tables(columns, message):
    with pytest.raises(ValueError, match=message):
        Table(columns)


def test_a_maker_fills_in_the_error_that_theory_does_not_have():
    overlaps = table_of("panel", "witness", "x", "standard_error")
    theory = overlaps(1, "theory", [1.0, 2.0])
    assert theory == Table(
        {"panel": [1, 1], "witness": ["theory"] * 2, "x": [1.0, 2.0], "standard_error": np.nan}
    )
    assert overlaps(1, "measured", [1.0], 0.5)["standard_error"].tolist() == [0.5]
    for values in ((1, "theory"), (1, "theory", 1.0, 2.0, 3.0)):
        with pytest.raises(ValueError, match="has the 4 columns panel, witness, x, standard_error"):
            overlaps(*values)
    with pytest.raises(ValueError, match="has the 2 columns"):
        table_of("standard_error", "x")(1.0)


def test_bad_requests_to_a_table():
    table = Table({"x": [1, 2]})
    with pytest.raises(ValueError, match="no column 'y'"):
        table["y"]
    with pytest.raises(ValueError, match="No row"):
        table.where(x=3)
    with pytest.raises(ValueError, match="share their columns"):
        Table.concat([table, Table({"y": [1]})])
    with pytest.raises(ValueError, match="no table"):
        Table.concat([])
    with pytest.raises(ValueError, match="Line 3"):
        Table.from_csv("x,y\n1,2\n3\n")
    with pytest.raises(ValueError, match="no data"):
        Table.from_csv("x,y\n")


# Runs -------------------------------------------------------------------------------------------


def test_a_unit_depends_on_seed_label_and_index_alone():
    def unit(rng):
        return Table({"x": [rng.random()]})

    three = Run("test", 5).map("a", unit, [{}] * 3)["x"]
    five = Run("quick", 5).map("a", unit, [{}] * 5)["x"]
    np.testing.assert_array_equal(three, five[:3])
    assert len(set(five)) == 5
    assert not set(five) & set(Run("test", 5).map("b", unit, [{}] * 5)["x"])
    assert not set(five) & set(Run("test", 6).map("a", unit, [{}] * 5)["x"])


def test_scale_is_checked():
    with pytest.raises(ValueError, match="test, quick, paper"):
        Run("huge", 1)
    assert [Run(s, 1).pick(test=1, quick=2, paper=3) for s in ("test", "quick", "paper")] == [
        1,
        2,
        3,
    ]


class Interrupting:
    """A compute that counts its units and is interrupted in one of them, once."""

    def __init__(self, stop_at=None):
        self.stop_at, self.calls = stop_at, 0

    def __call__(self, run):
        def unit(rng, d):
            if self.calls == self.stop_at:
                self.stop_at = None
                raise KeyboardInterrupt
            self.calls += 1
            return mean_unit(rng, d)

        return run.map("mean", unit, [{"d": d} for d in (3, 10, 30, 100)])


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).glob("a_figure.*")}


def run_cli(registry, *words):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run_figures(parser.parse_args(list(words)), registry)


def test_an_interrupted_run_resumes_to_the_same_bytes(tmp_path, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken folder"
    assert run_cli(make_registry(compute_means), "--out", str(whole)) == 0

    compute = Interrupting(stop_at=2)
    registry = make_registry(compute)
    capsys.readouterr()
    words = ("a_figure", "--out", str(broken), "--scale", "quick", "--force")
    assert run_cli(registry, *words) == 130
    assert compute.calls == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Interrupted at a_figure" in message
    assert f"finished parts are kept in '{broken / '.partial'}'" in message
    command = message.split("Resume with: ")[1]
    assert command == f"python -m mssl figures a_figure --out '{broken}' --scale quick"
    assert not files_of(broken)

    assert run_cli(registry, "a_figure", "--out", str(broken)) == 0
    assert compute.calls == 4  # the two finished units were not computed again
    assert files_of(broken) == files_of(whole)

    assert run_cli(registry, "--out", str(broken)) == 0
    assert compute.calls == 4
    assert run_cli(registry, "--out", str(broken), "--force") == 0
    assert compute.calls == 8
    assert files_of(broken) == files_of(whole)


def test_a_damaged_unit_is_computed_again(tmp_path):
    compute = Interrupting()
    registry = make_registry(compute)
    first = registry.get("a_figure").data("quick", out=tmp_path)
    damaged = sorted(tmp_path.rglob(".partial/*/*.csv"))[1]
    damaged.write_text("d,mean\n10")
    assert registry.get("a_figure").data("quick", out=tmp_path) == first
    assert compute.calls == 5


def test_units_of_another_source_seed_or_scale_are_not_used(tmp_path, monkeypatch):
    compute = Interrupting()
    make_registry(compute).get("a_figure").data("quick", out=tmp_path)
    make_registry(compute).get("a_figure").data("paper", out=tmp_path)
    assert compute.calls == 8
    make_registry(compute, seed=8).get("a_figure").data("quick", out=tmp_path)
    assert compute.calls == 12
    monkeypatch.setattr("mssl.figures.runs._package_digest", lambda: "another source")
    make_registry(compute, seed=8).get("a_figure").data("quick", out=tmp_path)
    assert compute.calls == 16
    # Only the newest store of each scale is kept.
    kept = sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / ".partial").iterdir())
    assert kept == ["a_figure-paper", "a_figure-quick"]


def test_a_check_of_a_claim_makes_no_unit_stale(tmp_path):
    sources = ["a.py", "symbolic/claims.py", "chapters/page/worlds.py", "chapters/page/figure.py"]
    checks = ["chapters/page/claims.py", "chapters/page/claims/one.py", "chapters/ledger/book.py"]
    for name in sources + checks:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert _source_files(tmp_path) == sorted(tmp_path / name for name in sources)


def test_the_store_tells_parameters_apart(tmp_path):
    store = UnitStore(tmp_path)
    paths = {
        store.path("a", 0, {"d": 1}),
        store.path("a", 0, {"d": 2}),
        store.path("b", 0, {"d": 1}),
    }
    assert len(paths) == 3
    assert store.path("a", 0, {"d": 1, "e": 2}) == store.path("a", 0, {"e": 2, "d": 1})


# The registry -----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["alt", "caption"])
@pytest.mark.parametrize("text", ["", "   ", None, "Too short.", "word " * 12, 7])
def test_a_figure_without_words_is_refused(what, text):
    with pytest.raises(ValueError, match="alt text" if what == "alt" else "caption"):
        make_registry(compute_means, **{what: text})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alt": CAPTION}, "repeats"),
        ({"title": ""}, "no title"),
        ({"chapter": " "}, "no chapter"),
        ({"name": "A Figure"}, "lower-case"),
        ({"name": "../figure"}, "lower-case"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
    ],
)
def test_bad_registrations(changes, message):
    with pytest.raises(ValueError, match=message):
        make_registry(compute_means, **changes)


def test_a_name_is_taken_once():
    registry = make_registry(compute_means)
    entry = registry.get("a_figure")
    with pytest.raises(ValueError, match="registered already"):
        registry.add(entry)
    assert registry.add(entry, replace=True) is entry
    assert len(registry) == 1
    assert "a_figure" in registry


def test_a_registry_opens_its_home_on_first_use(tmp_path, monkeypatch):
    registry = FigureRegistry("home_of_figures")
    entry = make_registry(compute_means).get("a_figure")
    shared = types.SimpleNamespace(registry=registry, entry=entry)
    monkeypatch.setitem(sys.modules, "shared_with_home", shared)
    with pytest.raises(ModuleNotFoundError, match="home_of_figures"):
        len(registry)
    (tmp_path / "home_of_figures.py").write_text(
        "from shared_with_home import entry, registry\nregistry.add(entry)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="registered already"):
        registry.add(entry)  # those at home come first
    assert registry.names == ("a_figure",)


def test_undeclared_nan_is_refused():
    def compute(run):
        return Table({"d": [1], "mean": [np.nan]})

    with pytest.raises(ValueError, match="'mean' of figure 'a_figure' holds NaN"):
        make_registry(compute).get("a_figure").data("test")
    allowed = make_registry(compute, missing=("mean",)).get("a_figure").data("test")
    assert np.isnan(allowed["mean"]).all()


def test_unknown_names_suggest_the_nearest(capsys, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'double_descent'"):
        FIGURES.get("duoble_descent")
    with pytest.raises(ValueError, match="no figure is registered"):
        FigureRegistry().get("x")
    assert main(["figures", "eror_vs_gama", "--out", str(tmp_path / "new")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: There is no figure 'eror_vs_gama'; did you mean 'error_vs_gamma'")
    assert err.endswith("? (--list shows all names)\n")
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="did you mean"):
        show("eror_vs_gama")


def test_only_close_names_are_suggested(capsys):
    assert main(["figures", "nope"]) == 2
    assert capsys.readouterr().err == (
        "error: There is no figure 'nope'. (--list shows all names)\n"
    )
    with pytest.raises(ValueError, match="did you mean 'marchenko_pastur'"):
        FIGURES.get("pastur")


# The command line -------------------------------------------------------------------------------


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"mssl {__version__}\n"


def test_a_reader_that_left_ends_the_command_quietly(monkeypatch, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["figures", "--list"]) == 141
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_sentence(monkeypatch, capfd):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["figures", "--list"]) == 1
    err = capfd.readouterr().err
    assert err.startswith("error: cannot write to the output")
    assert err.count("\n") == 1


def test_list_takes_names(capsys):
    assert main(["figures", "--list", "marchenko_pastur", "double_descent"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["marchenko_pastur", "double_descent"]
    assert main(["figures", "--list", "nope"]) == 2
    assert "no figure 'nope'" in capsys.readouterr().err


def test_the_folder_of_finished_parts_is_explained(capsys):
    with pytest.raises(SystemExit):
        main(["figures", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "DIR/.partial keeps the finished parts" in words
    assert "may be deleted whenever no run is under way" in words


def test_list_names_every_figure(capsys):
    assert main(["figures", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES.names)


def test_the_command_writes_four_files(tmp_path, capsys):
    assert run_cli(make_registry(compute_means), "--out", str(tmp_path / "deep" / "er")) == 0
    out, err = capsys.readouterr()
    written = [Path(line) for line in out.splitlines()]
    assert [path.suffix for path in written] == [".svg", ".pdf", ".png", ".csv"]
    assert all(path.stat().st_size > 0 for path in written)
    assert written[1].read_bytes().startswith(b"%PDF")
    assert written[2].read_bytes().startswith(b"\x89PNG")
    assert "a_figure mean" in err  # the progress bar


def test_another_seed_gives_other_draws_and_the_same_files(tmp_path, capsys):
    registry = make_registry(compute_means)
    for words in ((), ("--seed", "12"), ("--seed", "12", "--force")):
        assert run_cli(registry, "--out", str(tmp_path / "-".join(("x", *words))), *words) == 0
    one, other, again = (files_of(folder) for folder in sorted(tmp_path.iterdir()))
    assert one.keys() == other.keys()
    assert one["a_figure.csv"] != other["a_figure.csv"]
    assert other == again
    assert b"seed 12, scale quick" in other["a_figure.csv"]
    with pytest.raises(SystemExit):
        run_cli(registry, "--seed", "-1")
    assert "'-1' is no seed" in capsys.readouterr().err
    with pytest.raises(ValueError, match="seed of figure 'a_figure'"):
        registry.get("a_figure").seeded(-1)


def test_an_unusable_folder_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run_cli(make_registry(compute_means), "--out", str(tmp_path / "file")) == 2
    assert "cannot write to" in capsys.readouterr().err


def block_partial(out):
    (out / ".partial").write_text("")
    return ".partial"


def block_store(out):
    entry = make_registry(Interrupting()).get("a_figure")
    folder = UnitStore.at(out, "a_figure", "quick", entry.digest).folder
    folder.parent.mkdir()
    folder.write_text("")
    return folder.name


def block_picture(out):
    (out / "a_figure.svg").mkdir()
    return "a_figure.svg"


@pytest.mark.parametrize("block", [block_partial, block_store, block_picture])
def test_what_is_in_the_way_is_found_before_any_work(block, tmp_path, capsys):
    name = block(tmp_path)
    compute = Interrupting()
    before = sorted(tmp_path.rglob("*"))
    assert run_cli(make_registry(compute), "--out", str(tmp_path)) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: cannot write to ")
    assert f"{name}': " in err
    assert err.count("\n") == 1
    assert compute.calls == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_without_permission_is_found_before_any_work(tmp_path, capsys, monkeypatch):
    def refused(dir):  # as the superuser, who may run this, is refused nothing
        raise PermissionError(13, "Permission denied", f"{dir}/tmp")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    compute = Interrupting()
    assert run_cli(make_registry(compute), "--out", str(tmp_path)) == 2
    err = capsys.readouterr().err
    assert err == (
        f"error: cannot write to '{tmp_path}': Permission denied; choose another --out.\n"
    )
    assert compute.calls == 0


def test_a_file_that_fails_midway_is_one_sentence(tmp_path, capsys):
    def compute(run):
        raise OSError(28, "No space left on device")

    assert run_cli(make_registry(compute), "--out", str(tmp_path)) == 1
    err = capsys.readouterr().err
    assert err == "error: figure 'a_figure': [Errno 28] No space left on device\n"


def test_a_solver_that_gave_up_is_one_sentence(tmp_path, capsys):
    def compute(run):
        raise ConvergenceError("kappa did not converge; raise the ridge.")

    assert run_cli(make_registry(compute), "--out", str(tmp_path)) == 1
    assert "a_figure': kappa did not converge" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["figures", "--scale", "huge"]])
def test_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


# Bytes ------------------------------------------------------------------------------------------


def test_another_process_writes_the_same_bytes(tmp_path):
    name = "marchenko_pastur"
    entry = FIGURES.get(name)
    here, there = tmp_path / "here", tmp_path / "there"
    write(entry, entry.data("test"), here, scale="test")
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "SOURCE_DATE_EPOCH": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    subprocess.run(
        [sys.executable, "-m", "mssl", "figures", name, "--scale", "test", "--out", str(there)],
        check=True,
        env=environment,
        capture_output=True,
    )
    for ending in ("csv", "svg", "pdf", "png"):
        mine, theirs = (folder / f"{name}.{ending}" for folder in (here, there))
        assert mine.read_bytes() == theirs.read_bytes(), ending
    assert b"CreationDate" not in (here / f"{name}.pdf").read_bytes()
    assert b"<dc:date>" not in (here / f"{name}.svg").read_bytes()


def test_render_refuses_unknown_formats():
    with pytest.raises(ValueError, match="svg, pdf, png"):
        render(Figure(), "gif")


# Every figure of the book -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES.names)
def test_every_figure_is_drawn_from_its_file_alone(name, tmp_path):
    entry = FIGURES.get(name)
    data = entry.data("test")
    assert "" not in meanings(entry, data).values()
    assert set(entry.columns) <= set(data.names)
    (tmp_path / "data.csv").write_text(described(entry, data, "test"), "utf-8")
    again = Table.from_csv(tmp_path / "data.csv")
    assert again == data
    drawing = entry.figure(again)
    assert 10_000 < len(render(drawing, "svg")) < 400_000
    assert drawing.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert drawing.axes
    for ax in drawing.axes:
        assert ax.has_data()
        assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()


@pytest.mark.parametrize("entry", FIGURES, ids=lambda entry: entry.name)
def test_the_words_of_a_figure_can_be_read_without_tex(entry):
    for text in (entry.title, entry.caption):
        assert not re.search(r"[$\\{}]|_hat", readable(text))
        assert "_hat" not in text
    assert "$" not in entry.alt


@pytest.mark.parametrize("name", FIGURES.names)
def test_every_figure_has_its_own_words(name):
    entry = FIGURES.get(name)
    others = [other for other in FIGURES if other.name != name]
    assert entry.alt not in {other.alt for other in others}
    assert entry.caption not in {other.caption for other in others}
    assert entry.title not in {other.title for other in others}
    assert entry.seed not in {other.seed for other in others}
    assert len(entry.alt.split()) >= 25


# The page ---------------------------------------------------------------------------------------


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = {}
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.found[tag] = dict(attrs)

    def handle_data(self, data):
        self.text += data


def decode(uri, kind):
    head, _, content = uri.partition(";base64,")
    assert head == f"data:{kind}"
    return base64.b64decode(content)


def test_a_displayed_figure_carries_words_picture_and_data():
    alt = 'A line that says "a < b & c" falls from left to right, with points.'
    registry = make_registry(compute_means, alt=alt)
    entry = registry.get("a_figure")
    table = entry.data("test")
    bundle = FigureDisplay(entry, table)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    page = Elements()
    page.feed(bundle["text/html"])
    assert page.found["img"]["alt"] == alt
    assert decode(page.found["img"]["src"], "image/svg+xml").lstrip().startswith(b"<?xml")
    assert page.found["a"]["download"] == "a_figure.csv"
    assert Table.from_csv(decode(page.found["a"]["href"], "text/csv").decode()) == table
    assert page.found["figure"]["id"] == "figure-a-figure"
    assert CAPTION in page.text
    data = decode(page.found["a"]["href"], "text/csv").decode()
    assert data == described(entry, table, "quick")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert alt in bundle["text/plain"]
    assert not re.search(r'(src|href)="(?!data:)', bundle["text/html"])


def test_put_hands_formatted_text_to_the_page(monkeypatch):
    import myst_nb

    glued = {}
    monkeypatch.setattr(myst_nb, "glue", lambda name, value, display: glued.update({name: value}))
    glue("mean", 2 / 3)
    glue("count", 12, "d")
    glue("words", "1.0 ± 0.1", "")
    assert glued == {"mean": "0.667", "count": "12", "words": "1.0 ± 0.1"}


def test_put_is_silent_where_no_page_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "myst_nb", None)  # as if it were not installed
    glue("mean", 2 / 3)
    with pytest.raises(ValueError, match="format"):
        glue("mean", 2 / 3, "no format")


def test_display_and_show_compute_once(monkeypatch):
    compute = Interrupting()
    entry = make_registry(compute).get("a_figure")
    monkeypatch.setitem(FIGURES._figures, "a_figure", entry)
    first, second = display("a_figure", "test"), display("a_figure", "test")
    assert isinstance(show("a_figure", "test"), Figure)
    assert compute.calls == 4
    assert first.html() == second.html()


# Style ------------------------------------------------------------------------------------------


def test_theory_is_a_line_and_a_measurement_is_points():
    ax = Figure().subplots()
    theory_line(ax, [1, 2], [1, 2], "test")
    measured(ax, [1, 2], [1, 2], [0.1, 0.1], "test")
    line, points = ax.get_lines()
    assert line.get_marker() in ("None", None, "")
    assert line.get_linestyle() != "None"
    assert points.get_marker() == "o"
    assert points.get_linestyle() == "None"
    assert to_rgb(line.get_color()) == to_rgb(points.get_color())


def test_kinds_of_error_differ_in_more_than_colour():
    errors = [KINDS[name] for name in ("test", "train", "bayes", "loo", "gcv", "best_ridge")]
    assert len({kind.marker for kind in errors}) == len(errors)
    assert len({kind.color for kind in errors}) == len(errors)


def contrast_with_white(color):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_can_be_read_on_white(kind):
    ax = Figure().subplots()
    for level in (0.0, 1.0):
        direct_label(ax, 0.5, 0.5, "a label", kind, level=level)
    assert all(contrast_with_white(text.get_color()) >= 4.5 for text in ax.texts)


def test_bad_styles():
    with pytest.raises(ValueError, match="no kind 'tets'"):
        shade("tets", 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        shade("test", 1.5)
