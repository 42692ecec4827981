"""COCO's instance JSON as examples: many pictures, polygons and run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import MOST_POINT, Annotated, Annotations, Paint, Region
from asgnet.data.annotations.regions import coco_region


def is_coco(content: Any) -> bool:
    """A dict with lists of pictures and annotations."""
    return isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    )


def parse_coco(content: dict[str, Any]) -> Annotations:
    """All pictures; crowds are ignored, boxes without an outline left out.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: something is not as COCO has it.
    """
    names = {one["id"]: str(one["name"]) for one in content.get("categories", [])}
    regions: dict[Any, list[Region]] = {one["id"]: [] for one in content["images"]}
    left = 0
    for one in content["annotations"]:
        if one["image_id"] not in regions:
            raise ValueError(f"an annotation of a picture that is not listed ({one['image_id']!r:.30})")
        if not one.get("segmentation"):
            left += 1
            continue
        label = names.get(one["category_id"], f"class {one['category_id']}")
        painter = _painter(one["segmentation"])
        regions[one["image_id"]].append(Region(label, painter, ignored=bool(one.get("iscrowd"))))
    pictures = tuple(
        Annotated(str(one["file_name"]), _size(one), tuple(regions[one["id"]])) for one in content["images"]
    )
    words = (f"{left} objects with a box but no outline were left out.",) if left else ()
    return Annotations("COCO JSON", pictures, tuple(dict.fromkeys(names.values())), words)


def _size(picture: dict[str, Any]) -> tuple[int, int] | None:
    height, width = picture.get("height"), picture.get("width")
    return (int(height), int(width)) if height and width else None


def _painter(segmentation: Any) -> Paint:
    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        check_segmentation(segmentation, size)
        return coco_region(segmentation, size)

    return paint


def check_segmentation(segmentation: Any, size: tuple[int, int]) -> None:
    """Refuse with a ValueError what pycocotools would take at its word and read or write out of bounds."""
    if isinstance(segmentation, list):
        for ring in segmentation:
            values = np.asarray(ring, np.float64)  # ValueError for what are no numbers
            if values.ndim != 1 or values.size < 6 or values.size % 2:
                raise ValueError("an outline that is no list x y x y … of 3 points or more")
            if not (np.abs(values) < MOST_POINT).all():
                raise ValueError("an outline with points that are not finite, or far off")
        return
    if not isinstance(segmentation, dict) or list(segmentation.get("size", ())) != list(size):
        raise ValueError(f"a run-length code of another size than {size[1]}×{size[0]}")
    counts = segmentation.get("counts")
    lengths = _lengths(counts) if isinstance(counts, str | bytes) else counts
    whole = isinstance(lengths, list) and all(isinstance(n, int) and n >= 0 for n in lengths)
    if not whole or sum(lengths) != size[0] * size[1]:
        raise ValueError("a run-length code that is damaged")


def _lengths(text: str | bytes) -> list[int]:
    """The runs of a compressed code: five bits a character, low ones first, each less the last but one."""
    codes = text if isinstance(text, bytes) else text.encode("ascii")
    runs: list[int] = []
    value = shift = 0
    for code in codes:
        bits = code - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("a run-length code that is damaged")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("a run-length code that is cut short")
    return runs
