"""A slider over the frames of a moving figure, in a static page and without any library."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from string import Template

__all__ = ["slider"]

_CONTROL = Template(
    """$pictures
<div class="mssl-slider">
<input type="range" min="0" max="$last" step="1" value="$first" aria-label="Frame"
 aria-valuetext="$label" style="width:100%">
<output style="display:block;text-align:center">$label</output>
</div>
<script>
(function () {
  var figure = document.getElementById("$identifier");
  var labels = $labels;
  var input = figure.querySelector("input[type=range]");
  var output = figure.querySelector("output");
  var frames = figure.querySelectorAll("img");
  function turn() {
    var shown = Number(input.value);
    frames.forEach(function (frame, index) { frame.hidden = index !== shown; });
    output.textContent = labels[shown];
    input.setAttribute("aria-valuetext", labels[shown]);
  }
  input.addEventListener("input", turn);
  turn();  // browsers restore a slider's last place on reload
})();
</script>"""
)


def slider(identifier: str, pictures: str, labels: Sequence[str], first: int) -> str:
    """Return HTML in which a slider chooses one of several pictures.

    Parameters
    ----------
    identifier : str
        Identifier of the element that holds all this.
    pictures : str
        One HTML image a frame, all but that of index `first` hidden.
    labels : sequence of str
        What the slider says at each frame.
    first : int
        Index of the frame shown at the start, and always where scripts are off.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no label, and so no frame.
    """
    if not labels:
        raise ValueError("A moving figure needs at least one frame; frames(data) gave none.")
    # "</" inside a script would end it.
    texts = json.dumps(list(labels), ensure_ascii=False).replace("</", "<\\/")
    return _CONTROL.substitute(
        identifier=identifier,
        pictures=pictures,
        last=len(labels) - 1,
        first=first,
        label=html.escape(labels[first]),
        labels=texts,
    )
