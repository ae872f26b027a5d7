"""What the page needs to draw a live figure: its small table, with colours for both grounds."""

from __future__ import annotations

import json

from dark_colors import Role, on_dark

from mssl.figures.live import Live

_THIN = ("line", "points", "rule")


def table_for_page(live: Live) -> str:
    """Return the table of a live figure as JSON that may stand inside a script of the page.

    Examples
    --------
    >>> from mssl.figures.live import Axis, Choice, Panel, line
    >>> from mssl.figures.table import Table
    >>> rows = Table({"r": [1, 1, 2, 2], "x": [0, 1, 0, 1], "y": [0.0, 1.0, 0.0, 2.0]})
    >>> panel = Panel(Axis("x", 0, 1), Axis("y", 0, 2), [line(rows, "x", "y", "test")])
    >>> page = json.loads(table_for_page(Live([Choice("r", "r", [1, 2])], [panel])))
    >>> page["panels"][0]["marks"][0]["columns"]
    [[[0, 1]], [[0, 1], [0, 2]]]
    """
    table = live.table()
    for panel in table["panels"]:
        for mark in panel["marks"]:
            role = Role.MARK if mark["shape"] in _THIN else Role.AREA
            mark["dark"] = on_dark(mark["color"], role)
    # "</" inside a script would end it.
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
