"""Label Studio's export (JSON and JSON-MIN): brush strokes, polygons, rectangles, ellipses.

Coordinates are per cent of the picture's sides. A task's newest annotation that was not cancelled counts,
else its newest prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asgnet.data.annotations.annotated import (
    Annotated,
    Annotations,
    Paint,
    Region,
    checked_points,
    ellipse,
    polygon,
)
from asgnet.data.annotations.brush import brush_region
from asgnet.data.annotations.skipped import Skipped, skipping

_ANSWERS = ("annotations", "completions", "predictions")
_KINDS = ("brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "labels")


def is_labelstudio(content: Any) -> bool:
    """A list of tasks, or one task."""
    tasks = content if isinstance(content, list) else [content]
    return bool(tasks) and all(isinstance(t, dict) and (_is_task(t) or _least(t)) for t in tasks)


def parse_labelstudio(content: Any) -> Annotations:
    """All tasks; those without an answer have no regions.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: something is not as Label Studio writes it.
    """
    tasks = content if isinstance(content, list) else [content]
    left: list[str] = []
    skipped: list[Skipped] = []
    pictures = []
    for number, task in enumerate(tasks, 1):
        with skipping(skipped, f"task {number}", 0):
            pictures.append(_task(task, left, skipped))
    return Annotations(
        "Label Studio JSON", tuple(pictures), left=tuple(dict.fromkeys(left)), skipped=tuple(skipped)
    )


def _is_task(task: dict[str, Any]) -> bool:
    return isinstance(task.get("data"), dict) and any(isinstance(task.get(key), list) for key in _ANSWERS)


def _least(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A JSON-MIN task's results: of all lists those with a picture's size in them."""
    lists = [value for value in task.values() if isinstance(value, list)]
    return [one for several in lists for one in several if isinstance(one, dict) and "original_width" in one]


def _task(task: dict[str, Any], left: list[str], skipped: list[Skipped]) -> Annotated:
    full = _is_task(task)
    results = _answer(task) if full else [{**one, "value": one} for one in _least(task)]
    data = task["data"] if full else task
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    name = texts.get("image") or next((value for key, value in texts.items() if "." in value[-6:]), "")
    regions: list[Region] = []
    size = None
    for number, result in enumerate(results, 1):
        with skipping(skipped, name, number):
            value = result.get("value", {})
            labels = next((value[kind] for kind in _KINDS if value.get(kind)), None)
            if labels is None:
                continue  # a relation, a rating, a text
            if result.get("image_rotation"):
                raise ValueError("a picture that was turned while it was annotated")
            size = int(result["original_height"]), int(result["original_width"])
            paint = _painter(value, size)
            if paint is None:
                left.append("Key points are not used: they cover no area.")
            else:
                regions += [Region(str(label), paint) for label in labels]
    return Annotated(name, size, tuple(regions))


def _answer(task: dict[str, Any]) -> list[dict[str, Any]]:
    for key in _ANSWERS:
        answers = [a for a in task.get(key) or [] if isinstance(a, dict) and not a.get("was_cancelled")]
        if answers:
            newest = max(enumerate(answers), key=lambda a: (str(a[1].get("updated_at", "")), a[0]))[1]
            return newest["result"]
    return []


def _painter(value: dict[str, Any], size: tuple[int, int]) -> Paint | None:
    height, width = size
    if "rle" in value:
        return lambda _: brush_region(value["rle"], size)
    if "points" in value:
        return polygon(checked_points(value["points"]) / 100, relative=True)
    if "x" not in value:
        return None
    x, y = float(value["x"]) / 100 * width, float(value["y"]) / 100 * height
    turn = np.deg2rad(float(value.get("rotation") or 0))
    if "radiusX" in value:
        radii = float(value["radiusX"]) / 100 * width, float(value["radiusY"]) / 100 * height
        return ellipse((x, y), radii, turn)
    if "height" not in value:
        return None
    across, down = float(value["width"]) / 100 * width, float(value["height"]) / 100 * height
    corners = np.array([(0, 0), (across, 0), (across, down), (0, down)])
    turned = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return polygon(turned + np.array([x, y]))  # turned about its upper left corner
