"""Live figures: one table for page and paper, axes that stay, numbers as far as they are seen."""

import json

import numpy as np
import pytest
from figure_live import table_for_page
from matplotlib.figure import Figure

from mssl.figures import FIGURES
from mssl.figures.live import (
    Axis,
    Choice,
    Live,
    Panel,
    band,
    bars,
    cells,
    line,
    points,
    rule,
    span,
    spread,
)
from mssl.figures.output import FigureDisplay
from mssl.figures.registry import FigureRegistry, figure
from mssl.figures.still import draw_still
from mssl.figures.table import Table

RIDGES, WORLDS = [0.1, 1.0, 10.0], ["chain", "photographs"]
LIVE = [entry for entry in FIGURES if entry.live]


def rows():
    """A line of three points for each ridge and world, told apart by their heights."""
    parts = [
        Table(
            {
                "ridge": ridge,
                "world": world,
                "x": [0.0, 0.5, 1.0],
                "y": np.array([1.0, 2.0, 3.0]) / 3 + 10 * i + j,
                "error": 0.0123456,
            }
        )
        for i, ridge in enumerate(RIDGES)
        for j, world in enumerate(WORLDS)
    ]
    return Table.concat(parts)


def panel(*marks, log=False):
    return Panel(Axis("x", 0.0, 1.0), Axis("height", 0.1 if log else 0.0, 30.0, log=log), marks)


def two_choices(**changes):
    choices = [Choice("ridge", "ridge λ", RIDGES, 1), Choice("world", "world", WORLDS, 1)]
    data = rows()
    marks = [
        line(data, "x", "y", "test", "theory"),
        line(data.where(ridge=0.1, world="chain"), "x", "y", "bayes", fixed=True),
        points(data.where(ridge=1.0), "x", "y", "error", "test", "theory"),
    ]
    return Live(choices, [panel(*marks)], **changes)


def test_frames_go_through_all_pairs_and_begin_in_the_middle():
    live = two_choices()
    assert len(live) == 6
    assert live.first == 3
    assert live.says(3) == "ridge λ: 1, world: photographs"
    assert live.says(4) == "ridge λ: 10, world: chain"
    (_, marks), = live.frame(3)  # fmt: skip
    assert marks[0][1][1].tolist() == (np.array([1.0, 2.0, 3.0]) / 3 + 11).tolist()


def test_the_table_says_each_thing_once_and_no_more_digits_than_are_seen():
    table = two_choices().table()
    moving, still, measured = table["panels"][0]["marks"]
    assert [len(column) for column in moving["columns"]] == [1, 6]
    assert moving["columns"][1][3] == [11.333, 11.667, 12]
    assert [len(column) for column in still["columns"]] == [1, 1]
    assert measured["columns"][0][0] == []  # at a ridge without a measurement
    assert measured["columns"][2][3] == [0.012, 0.012, 0.012]
    assert [choice["words"] for choice in table["choices"]] == [False, True]
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def test_a_logarithmic_axis_keeps_digits_where_values_are_small():
    axis = Axis("error", 1e-6, 10.0, log=True)
    assert axis.rounded([1.23456e-6, 3.0, np.nan, np.inf]) == [1.235e-6, 3, None, None]
    assert Axis("x", 0.0, 2.0).rounded([1.23456, -0.0]) == [1.2346, 0]


@pytest.mark.parametrize("axis", [Axis("x", 0.3, 7.9), Axis("x", 1e-3, 30.0, log=True)])
def test_numbers_of_an_axis_are_few_round_and_inside(axis):
    assert 3 <= len(axis.numbers) <= 7
    assert all(axis.low <= tick <= axis.high for tick in axis.numbers)
    assert all(len(f"{tick:g}") <= 5 for tick in axis.numbers)


def test_the_still_picture_is_the_first_frame_and_any_other_can_be_drawn():
    registry = FigureRegistry()

    @figure(
        "moving",
        compute=lambda run: rows(),
        title="A line",
        alt="A line that stands higher the larger the ridge and the later the world becomes.",
        caption="The height of the line is what the slider and the list have chosen.",
        chapter="test",
        seed=1,
        live=True,
        registry=registry,
    )
    def draw(data):
        return two_choices()

    entry = registry.get("moving")
    data = entry.data("test")

    def height(drawing):
        return drawing.axes[0].get_lines()[0].get_ydata()[-1]

    assert height(entry.figure(data)) == 12.0
    assert height(entry.figure(data, 4)) == 21.0
    assert height(entry.figure(data, 5)) == 22.0
    limits = {entry.figure(data, frame).axes[0].get_ylim() for frame in range(6)}
    assert limits == {(0.0, 30.0)}
    assert FigureDisplay(entry, data).html().count("<img") == 1


def test_every_kind_of_mark_is_drawn_on_paper_and_told_to_the_page():
    data = Table({"r": [1, 1, 2, 2], "a": [0.1, 0.4, 0.2, 0.5], "b": 0.6, "c": 0.9})
    marks = [
        bars(data, "a", "b", "c", "density", "bars"),
        band(data, "a", "b", "c", "test", "band"),
        span(data, "a", "b", "train", "span"),
        spread(data, "a", "b", "c", "test", "spread"),
        rule(data, "a", "reference", "rule", style="--"),
        line(data, "a", "b", "test", "line"),
        points(data, "a", "b", None, "oracle", "points"),
    ]
    live = Live([Choice("r", "r", [1, 2])], [panel(*marks)])
    for frame in (0, 1):
        (legend,) = draw_still(live, frame).legends
        assert [text.get_text() for text in legend.get_texts()] == [mark.name for mark in marks]
    told = live.table()["panels"][0]["marks"]
    assert [mark["shape"] for mark in told] == [mark.name for mark in marks]
    assert told[4]["style"] == "--"


def test_a_map_has_colours_and_a_drawing_of_its_own():
    drawn = []
    data = Table(
        {"t": [0] * 4 + [1] * 4, "share": [0.1, 1.0, 1.234567, 10.0] * 2, "area": 0, "at": 2}
    )
    scale = Axis("share", 0.1, 10.0, log=True)
    live = Live(
        [Choice("t", "time", [0, 1])],
        [Panel(Axis("x", 0, 1), scale, [cells(data, "share", "area", "at")])],
        still=lambda frame: drawn.append(frame) or Figure(),
    )
    draw_still(live, 1)
    assert drawn == [1]
    table = live.table()
    assert len(set(table["colors"])) > 30
    assert table["panels"][0]["marks"][0]["columns"][0] == [[0.1, 1, 1.23, 10]]
    assert two_choices().table()["colors"] == []


def test_the_words_of_a_table_cannot_end_its_script():
    live = two_choices(notes=["</script><b>"] * 6)
    text = table_for_page(live)
    assert "</" not in text
    assert json.loads(text)["notes"] == ["</script><b>"] * 6
    assert json.loads(text)["panels"][0]["marks"][0]["dark"] != live.table()["panels"][0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice("r", "ridge λ", [1.0]), "needs at least two"),
        (lambda: Choice("r", "ridge λ", [1.0, 2.0], 2), "begins with value 2"),
        (lambda: Choice("r", "ridge λ", [1.0, 2.0], texts=["one"]), "give one for each"),
        (lambda: Axis("x", 1.0, 1.0), "low end must be below"),
        (lambda: Axis("x", 0.0, 1.0, log=True), "must begin above zero"),
        (lambda: two_choices(notes=["one"]), "6 frames but 1 notes"),
        (lambda: Live([], []), "something to choose"),
        (
            lambda: Live(
                [Choice("ridge", "ridge λ", [3.0, 4.0])],
                [panel(line(rows(), "x", "y", "test", "theory"))],
            ),
            "'theory' has no row at any frame",
        ),
    ],
)
def test_bad_live_figures(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Those of the book ------------------------------------------------------------------------------


def test_the_book_has_live_figures_on_five_pages():
    assert len(LIVE) >= 6
    assert len({entry.chapter for entry in LIVE}) >= 5


@pytest.mark.parametrize("entry", LIVE, ids=lambda entry: entry.name)
def test_the_page_is_told_the_data_of_the_first_frame(entry):
    data = entry.data("test")
    live = entry.moving(data)
    assert live is not None
    table = json.loads(table_for_page(live))
    for choice in table["choices"]:
        assert len(choice["label"].split()) >= 2  # what it moves, with its symbol
        assert len(set(choice["texts"])) == len(choice["texts"])
    for (own, marks), told in zip(live.frame(live.first), table["panels"], strict=True):
        for (mark, columns), seen in zip(marks, told["marks"], strict=True):
            for k, values in enumerate(columns):
                column = seen["columns"][k]
                numbers = column[live.first if len(column) > 1 else 0]
                close(np.array(numbers, float), values, own, mark, k)


def close(told, values, own, mark, k):
    """Hold the numbers told to the page against the data, as far as the eye can see."""
    assert len(told) == len(values), mark
    finite = np.isfinite(values)
    assert np.array_equal(np.isfinite(told), finite)
    axis = own.x if k < {"bars": 2, "span": 2, "cells": 0}.get(mark.shape, 1) else own.y
    off = np.abs(told - values)[finite]
    if mark.shape == "points" and k == 2:
        assert np.all(off <= 0.051 * np.abs(values[finite]))
    elif axis.log:
        assert np.all(off <= 0.0051 * np.abs(values[finite]))
    else:
        assert np.all(off <= (axis.high - axis.low) / 2000)


@pytest.mark.parametrize("entry", LIVE, ids=lambda entry: entry.name)
def test_a_line_of_theory_meets_a_measurement_with_a_spread(entry):
    live = entry.moving(entry.data("test"))
    assert live is not None
    shapes = {mark.shape for part in live.panels for mark in part.marks}
    assert {"line", "points"} <= shapes or shapes == {"cells"}
    assert {"band", "spread", "cells"} & shapes
    assert entry.figure(entry.data("test"), len(live) - 1).axes
