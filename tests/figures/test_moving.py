"""Moving figures: one picture a frame, one shown, words for each."""

import dataclasses
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from mssl.figures.moving import slider
from mssl.figures.output import FigureDisplay
from mssl.figures.registry import FigureRegistry, figure
from mssl.figures.table import Table


def moving_entry():
    registry = FigureRegistry()

    def compute(run):
        return Table({"strength": np.array([0.5, 1.0, 2.0])})

    def frames(data):
        return [f"strength {value:g}" for value in data["strength"]]

    @figure(
        "moving",
        compute=compute,
        title="A dot",
        alt="A dot that stands higher the stronger the signal becomes.",
        caption="The height of the dot is the strength that the slider has chosen.",
        chapter="test",
        seed=1,
        frames=frames,
        registry=registry,
    )
    def draw(data, frame=1):
        drawing = Figure(figsize=(2, 2))
        drawing.subplots().plot([0], [data["strength"][frame]], "o")
        return drawing

    return registry.get("moving")


def test_a_moving_figure_shows_one_frame_and_words_for_each():
    entry = moving_entry()
    page = FigureDisplay(entry, entry.data("test")).html()
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 3
    assert ["hidden" in image for image in images] == [True, False, True]
    assert len({source for image in images for source in re.findall(r'src="([^"]*)"', image)}) == 3
    assert "Frame: strength 0.5." in images[0]
    assert 'max="2"' in page
    assert 'value="1"' in page
    assert "http" not in re.sub(r"data:[^\"]*", "", page)


def test_a_moving_figure_may_begin_with_another_frame():
    entry = dataclasses.replace(moving_entry(), first=lambda data: len(data) - 1)
    page = FigureDisplay(entry, entry.data("test")).html()
    hidden = ["hidden" in image for image in re.findall(r"<img[^>]*>", page)]
    assert hidden == [True, True, False]
    assert 'value="2"' in page


def test_the_still_picture_is_the_default_frame():
    entry = moving_entry()
    data = entry.data("test")
    assert entry.figure(data).axes[0].lines[0].get_ydata() == [1.0]
    assert entry.figure(data, 2).axes[0].lines[0].get_ydata() == [2.0]


def test_labels_cannot_end_the_script_and_frames_are_needed():
    assert (
        "</script>" not in slider("x", "", ["</script><b>"], 0).split("labels = ")[1].split("\n")[0]
    )
    with pytest.raises(ValueError, match="needs at least one frame"):
        slider("x", "", [], 0)
