"""The VGG Image Annotator's JSON, a project or an export: outlines and shapes with attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region, ellipse, polygon
from asgnet.data.annotations.skipped import Skipped, skipping

_LABELS = ("label", "name", "class", "type", "category", "object")
_LINES = ("point", "polyline", "line")


def is_via(content: Any) -> bool:
    """Pictures by key, each with a file name and regions."""
    return bool(_pictures(content))


def parse_via(content: Any) -> Annotations:
    """All pictures; points and lines are not used."""
    skipped: list[Skipped] = []
    left = 0
    pictures = []
    for one in _pictures(content):
        name, own = str(one["filename"]), []
        regions = one["regions"]
        for number, region in enumerate(regions.values() if isinstance(regions, dict) else regions, 1):
            with skipping(skipped, name, number):
                shape = region["shape_attributes"]
                if shape["name"] in _LINES:
                    left += 1
                    continue
                own.append(Region(_label(region.get("region_attributes") or {}), _painter(shape)))
        pictures.append(Annotated(name, None, tuple(own)))
    words = (f"{left} points or lines are not used: they cover no area.",) if left else ()
    return Annotations("VIA JSON", tuple(pictures), left=words, skipped=tuple(skipped))


def _pictures(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict) and isinstance(content.get("_via_img_metadata"), dict):
        content = content["_via_img_metadata"]
    found = list(content.values()) if isinstance(content, dict) else []
    fits = all(isinstance(one, dict) and {"filename", "regions"} <= one.keys() for one in found)
    return found if fits else []


def _label(attributes: dict[str, Any]) -> str:
    """The attribute that is called like a label, else the only one; of a checkbox the one that is set."""
    value = next((attributes[key] for key in _LABELS if attributes.get(key)), None)
    if value is None:
        value = next((one for one in attributes.values() if one), "object")
    if isinstance(value, dict):
        value = next((key for key, one in value.items() if one), "object")
    return str(value).strip() or "object"


def _painter(shape: dict[str, Any]) -> Paint:
    kind = shape["name"]
    if kind == "polygon":
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        return polygon(np.array([xs, ys], np.float64).T)
    if kind == "rect":
        x, y, w, h = (float(shape[key]) for key in ("x", "y", "width", "height"))
        return polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    if kind in ("circle", "ellipse"):
        centre = float(shape["cx"]), float(shape["cy"])
        radii = (float(shape["r"]),) * 2 if kind == "circle" else (float(shape["rx"]), float(shape["ry"]))
        return ellipse(centre, (radii[0], radii[1]), float(shape.get("theta") or 0))
    raise ValueError(f"a shape of the kind {kind!r:.30}")
