"""A drawing as a small SVG file for two grounds: ``x.svg`` on light pages, ``x.svg#dark`` on dark.

The colours for a dark page stand as rules in the file itself, which hold only while its address
ends in ``#dark``; everywhere else the drawing is the one that Matplotlib made.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dark_colors import GROUND, Role, on_dark

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"

_COLOR = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_STEP = re.compile(rf"[A-Za-z]|{_NUMBER.pattern}")
_PLACE = re.compile(r"translate\((\S+) (\S+?)\)")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_DROPPED = {"metadata"}
# Beginnings of selectors, of which later ones win, and what they select.
_ROLES = {"": Role.AREA, "use": Role.MARK, ".area ": Role.AREA, ".text ": Role.TEXT}
_AREAS = ("FillBetweenPolyCollection", "PolyCollection", "QuadMesh")

ElementTree.register_namespace("", SVG[1:-1])
ElementTree.register_namespace("xlink", HREF[1:].split("}")[0])


def for_page(drawing: bytes) -> bytes:
    """Return the SVG of a drawing with colours for dark pages, and without what nobody sees."""
    root = ElementTree.fromstring(drawing)
    _keep_on_images(root)
    _mark_kinds(root)
    _leave_colors_to_uses(root)
    _shrink(root)
    rules = dark_rules(root)
    style = ElementTree.Element(f"{SVG}style")
    style.text = "".join(
        f"#dark:target {selector}{{{declaration}!important}}" for selector, declaration in rules
    )
    root.set("id", "dark")
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def dark_rules(root: ElementTree.Element) -> list[tuple[str, str]]:
    """Selectors and declarations that redraw a marked drawing for a dark page."""
    rules = {"": f"fill:{on_dark('#000000', Role.TEXT)}"}  # what has no colour is black
    for kind, elements in _by_kind(root).items():
        for element in elements:
            for what, color in _COLOR.findall(element.get("style", "")):
                role = Role.MARK if what == "stroke" and kind == "" else _ROLES[kind]
                at = f'{kind}[style*="{what}: {color}"]:not(.kept,.kept *)'
                rules[at] = f"{what}:{on_dark(color, role)}"
    return list(rules.items())


def _by_kind(root: ElementTree.Element) -> dict[str, list[ElementTree.Element]]:
    """All elements, then those of narrower kinds, by the beginnings of their selectors."""
    found = {kind: [] for kind in _ROLES}
    found[""] = list(root.iter())
    found["use"] = list(root.iter(f"{SVG}use"))
    for group in root.iter(f"{SVG}g"):
        kind = f".{group.get('class')} "
        if kind in found:
            found[kind] += list(group.iter())
    return found


def _keep_on_images(root: ElementTree.Element) -> None:
    """Mark what is drawn over an image, which keeps its colours as the image does."""
    for axes in root.iter(f"{SVG}g"):
        if not axes.get("id", "").startswith("axes_"):
            continue
        images = [_box(image) for image in axes.iter(f"{SVG}image")]
        for part in axes if images else ():
            name = part.get("id", "")
            if name.startswith(("line2d_", "patch_", "LineCollection", "PathCollection")) or (
                name.startswith(("text_", "legend_"))
                and any(_inside(_place(part), box) for box in images)
            ):
                part.set("class", "kept")
                part.set("style", "fill: #000000")


def _box(image: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of an image, which Matplotlib draws upside down."""
    x, width, height = (float(image.get(key, 0)) for key in ("x", "width", "height"))
    top = -float(image.get("y", 0))
    return x, x + width, top, top + height


def _place(part: ElementTree.Element) -> tuple[float, float] | None:
    """Where the first text of a group is written."""
    for element in part.iter():
        if found := _PLACE.search(element.get("transform", "")):
            return float(found[1]), float(found[2])
    return None


def _inside(place: tuple[float, float] | None, box: tuple[float, float, float, float]) -> bool:
    left, right, top, bottom = box
    return place is not None and left <= place[0] <= right and top <= place[1] <= bottom


def _mark_kinds(root: ElementTree.Element) -> None:
    for group in root.iter(f"{SVG}g"):
        name = group.get("id", "")
        if group.get("class") != "kept" and name.startswith(("text_", *_AREAS)):
            group.set("class", "text" if name.startswith("text_") else "area")


def _leave_colors_to_uses(root: ElementTree.Element) -> None:
    """Take away colours of markers that each use repeats: no rule reaches what is only used."""
    uses: dict[str, list[str]] = {}
    for use in root.iter(f"{SVG}use"):
        uses.setdefault(use.get(HREF, "")[1:], []).append(use.get("style", ""))
    for drawn in root.iter(f"{SVG}path"):
        style, found = drawn.get("style", ""), uses.get(drawn.get("id", ""), [])
        colors = [match[0] for match in _COLOR.finditer(style)]
        if found and colors and all(color in use for color in colors for use in found):
            rest = [part for part in style.split("; ") if part not in colors]
            drawn.set("style", "; ".join(rest))


def _shrink(root: ElementTree.Element) -> None:
    """Drop what nobody sees: spaces, digits beyond a hundredth of a point, names, empty groups."""
    wanted = set()
    for element in root.iter():
        wanted.add(element.get(HREF, "").removeprefix("#"))
        wanted.update(name for value in element.attrib.values() for name in _named(value))
    for element in root.iter():
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)
        if "d" in element.attrib:
            element.set("d", short_path(element.get("d", "")))
        for key in ("x", "y", "width", "height"):
            if key in element.attrib and element.tag in (f"{SVG}use", f"{SVG}rect"):
                element.set(key, short_number(element.get(key, "")))
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
        element[:] = [child for old in element for child in _flat(old)]


def _named(value: str) -> list[str]:
    return _REFERENCE.findall(value)


def _flat(element: ElementTree.Element) -> list[ElementTree.Element]:
    """The element itself, nothing, or, of a group that says nothing, what is in it."""
    if element.tag.rpartition("}")[2] in _DROPPED:
        return []
    says = set(element.attrib) - {"id"}
    if element.tag == f"{SVG}g" and not says:
        return [child for old in element for child in _flat(old)]
    return [element]


def short_number(text: str) -> str:
    """Return a length to a hundredth of a point.

    Examples
    --------
    >>> short_number("12.3456"), short_number("-0.001"), short_number("7")
    ('12.35', '0', '7')
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    short = f"{float(text):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def short_path(path: str) -> str:
    """Return the steps of a path to a hundredth of a point.

    Examples
    --------
    >>> short_path("M 12.3456 -7.25 \\nL 3 4.0001 \\nz")
    'M12.35-7.25L3 4z'
    """
    short = ""
    for step in _STEP.findall(path):
        text = step if step.isalpha() else short_number(step)
        bare = not short or short[-1].isalpha() or text[0] == "-" or step.isalpha()
        short += text if bare else f" {text}"
    return short


__all__ = ["GROUND", "dark_rules", "for_page", "short_number", "short_path"]
