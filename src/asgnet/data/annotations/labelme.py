"""labelme's JSON: one file a picture, a list of shapes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.data.annotations.annotated import (
    Annotated,
    Annotations,
    Paint,
    Region,
    checked_points,
    ellipse,
    polygon,
)
from asgnet.data.annotations.skipped import Skipped, skipping
from asgnet.errors import PictureError

Points = list[tuple[float, float]]
OUTLINES = {"polygon", "rotation", "quadrilateral"}
"""Given by their corners; X-AnyLabeling calls a turned rectangle rotation."""
_LINES = {"line", "linestrip", "point", "points"}


def is_labelme(content: Any) -> bool:
    """A dict with a list of shapes."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def parse_labelme(content: dict[str, Any]) -> Annotations:
    """Polygons, rectangles, circles and masks; lines and points cover nothing and are left out.

    Raises:
        ValueError: the picture's size is none.
    """
    name = str(content.get("imagePath") or "")
    regions: list[Region] = []
    skipped: list[Skipped] = []
    left = 0
    for number, shape in enumerate(content["shapes"], 1):
        with skipping(skipped, name, number):
            label, points, kind = shape["label"], shape["points"], shape.get("shape_type") or "polygon"
            if kind in _LINES:
                left += 1
            else:
                regions.append(Region(_text(label), _painter(kind, points, shape.get("mask"))))
    height, width = content.get("imageHeight"), content.get("imageWidth")
    size = (int(height), int(width)) if height and width else None
    words = (f"{left} lines or points are not used: they cover no area.",) if left else ()
    return Annotations(
        "labelme JSON", (Annotated(name, size, tuple(regions)),), left=words, skipped=tuple(skipped)
    )


def _text(label: Any) -> str:
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"a shape with the label {label!r:.40}")
    return label.strip()


def _painter(kind: str, points: Any, mask: Any) -> Paint:
    corners = checked_points(points)
    if kind in OUTLINES:
        return polygon(corners)
    if kind == "rectangle" and len(corners) == 4:  # X-AnyLabeling writes all corners
        return polygon(_upright(corners))
    if len(corners) != 2:
        raise ValueError(f"a {kind!r:.30} of {len(corners)} points, not 2")
    (x0, y0), (x1, y1) = corners
    if kind == "rectangle":
        return polygon(_box((x0, y0), (x1, y1)))
    if kind == "circle":
        radius = float(np.hypot(x1 - x0, y1 - y0))
        return ellipse((x0, y0), (radius, radius))
    if kind == "mask" and isinstance(mask, str):
        return lambda size: _pasted(size, (int(x0), int(y0)), mask)
    raise ValueError(f"a shape of the kind {kind!r:.30}")


def _box(one: Sequence[float], other: Sequence[float]) -> Points:
    (x0, y0), (x1, y1) = one, other
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _upright(corners: NDArray[np.float64]) -> Points:
    """The corners of an upright rectangle in the order of an outline; four other points as given."""
    box = _box(corners.min(0), corners.max(0))
    given = [(x, y) for x, y in corners]
    return box if set(given) == set(box) else given


def _pasted(size: tuple[int, int], corner: tuple[int, int], encoded: str) -> NDArray[np.bool_]:
    """A small PNG, its upper left pixel at ``corner`` (x, y), cut off at the picture's edges."""
    from asgnet.data.read.decode import decoded, refusals

    try:
        with refusals("mask"):
            small = np.asarray(decoded(io.BytesIO(base64.b64decode(encoded, validate=True)), "mask"))
    except (PictureError, ValueError) as error:
        raise ValueError("a mask that is no PNG") from error
    region = np.zeros(size, bool)
    canvas = Image.fromarray(region)
    canvas.paste(Image.fromarray((small if small.ndim == 2 else small.max(-1)) != 0), corner)
    return np.array(canvas)
