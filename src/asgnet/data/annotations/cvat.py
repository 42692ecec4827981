"""CVAT's XML for images: polygons, boxes, ellipses, brush masks."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region, ellipse, polygon
from asgnet.data.annotations.skipped import Skipped, skipping

_LINES = ("polyline", "points", "skeleton", "cuboid")
_SHAPES = ("polygon", "box", "ellipse", "mask")


def parse_cvat(text: str) -> Annotations:
    """All pictures; lines, points, skeletons and cuboids are not used.

    Raises:
        ValueError: no XML, one with entities of its own, or another one than CVAT's.
    """
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise ValueError("a document type, which CVAT writes none of")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML ({error})") from error
    if root.tag != "annotations":
        raise ValueError(f"<{root.tag:.40}>, not <annotations>")
    skipped: list[Skipped] = []
    left = 0
    pictures = []
    for image in root.iter("image"):
        name, own = image.get("name", ""), []
        ordered = sorted(image, key=lambda shape: int(shape.get("z_order") or 0))
        for number, shape in enumerate(ordered, 1):
            if shape.tag in _LINES:
                left += 1
            if shape.tag not in _SHAPES:
                continue
            with skipping(skipped, name, number):
                own.append(Region(shape.attrib["label"], _painter(shape.tag, shape.attrib)))
        size = image.get("height"), image.get("width")
        known = (int(size[0]), int(size[1])) if size[0] and size[1] else None
        pictures.append(Annotated(name, known, tuple(own)))
    if not pictures:
        raise ValueError("no pictures; export the task as CVAT for images")
    words = (f"{left} lines, points or skeletons are not used: they cover no area.",) if left else ()
    labels = tuple(name.text for name in root.iterfind(".//labels/label/name") if name.text)
    return Annotations("CVAT XML", tuple(pictures), labels, words, skipped=tuple(skipped))


def _painter(kind: str, given: dict[str, str]) -> Paint:
    if kind == "polygon":
        return polygon([[float(v) for v in point.split(",")] for point in given["points"].split(";")])
    if kind == "box":
        x0, y0, x1, y1 = (float(given[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        return polygon(_turned(corners, corners.mean(0), float(given.get("rotation") or 0)))
    if kind == "ellipse":
        centre = float(given["cx"]), float(given["cy"])
        turn = np.deg2rad(float(given.get("rotation") or 0))
        return ellipse(centre, (float(given["rx"]), float(given["ry"])), turn)
    left, top, width, height = (int(float(given[key])) for key in ("left", "top", "width", "height"))
    lengths = [int(n) for n in given["rle"].split(",")]
    return lambda size: _pasted(size, (left, top), (height, width), lengths)


def _turned(points: NDArray, about: NDArray, degrees: float) -> NDArray:
    turn = np.deg2rad(degrees)
    way = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (points - about) @ way + about


def _pasted(
    size: tuple[int, int], corner: tuple[int, int], inner: tuple[int, int], lengths: list[int]
) -> Any:
    """Runs of background and object, row by row, of a mask whose upper left pixel is ``corner`` (x, y)."""
    if min(lengths, default=0) < 0 or sum(lengths) != inner[0] * inner[1]:
        raise ValueError("a run-length code that is damaged")
    (left, top), (height, width) = corner, inner
    if min(left, top) < 0 or left + width > size[1] or top + height > size[0]:
        raise ValueError("a mask that reaches beyond the picture")
    values = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    region = np.zeros(size, bool)
    region[top : top + height, left : left + width] = values.reshape(inner)
    return region
