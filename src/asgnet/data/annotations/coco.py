"""COCO's instance JSON, in and out: many pictures, polygons and run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import MOST_POINT, Annotated, Annotations, Paint, Region
from asgnet.data.annotations.skipped import Skipped, skipping
from asgnet.errors import UsageError
from asgnet.imaging.regions import box, polygons
from asgnet.types import Place


def is_coco(content: Any) -> bool:
    """A dict with lists of pictures and annotations."""
    return isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    )


def is_coco_results(content: Any) -> bool:
    """A list of predictions as COCO's evaluation takes them."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(one, dict) and {"image_id", "category_id", "segmentation"} <= one.keys()
            for one in content
        )
    )


def parse_coco(content: dict[str, Any]) -> Annotations:
    """All pictures; crowds are ignored, boxes without an outline not used.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the categories are not as COCO has them.
    """
    skipped: list[Skipped] = []
    names = {str(one["id"]): str(one["name"]) for one in content.get("categories") or ()}
    regions: dict[str, list[Region]] = {}
    listed: list[tuple[str, str, tuple[int, int] | None]] = []
    for number, one in enumerate(content["images"], 1):
        with skipping(skipped, f"picture {number}", 0):
            listed.append((str(one["id"]), str(one["file_name"]), _size(one)))
            regions[str(one["id"])] = []
    left = 0
    crowds = _crowds(content["annotations"])
    files = {key: name for key, name, _ in listed}
    for number, one in enumerate(content["annotations"], 1):
        picture = str(one.get("image_id")) if isinstance(one, dict) else ""
        with skipping(skipped, files.get(picture, ""), number):
            if picture not in regions:
                raise ValueError(f"an annotation of a picture that is not listed ({one['image_id']!r:.30})")
            if not one.get("segmentation"):
                left += 1
                continue
            label = names.get(str(one["category_id"]), f"class {one['category_id']}")
            ignored = crowds.get(str(one["category_id"]), False) and bool(one.get("iscrowd"))
            regions[picture].append(Region(label, _painter(one["segmentation"]), ignored=ignored))
    pictures = tuple(Annotated(name, size, tuple(regions[key])) for key, name, size in listed)
    words = (f"{left} objects with a box but no outline are not used.",) if left else ()
    labels = tuple(dict.fromkeys(names.values()))
    return Annotations("COCO JSON", pictures, labels, words, skipped=tuple(skipped))


def parse_coco_results(content: list[dict[str, Any]]) -> Annotations:
    """Predictions of several pictures, which are called by their ids: ``139`` is about 000000000139.jpg."""
    regions: dict[str, list[Region]] = {}
    for one in content:
        region = Region(f"class {one['category_id']}", _painter(one["segmentation"]))
        regions.setdefault(str(one["image_id"]), []).append(region)
    pictures = tuple(Annotated(name, None, tuple(own)) for name, own in regions.items())
    return Annotations("COCO results", pictures)


def _crowds(annotations: Sequence[Any]) -> dict[str, bool]:
    """Of each category, whether ``iscrowd`` means a crowd.

    CVAT sets it for whatever was painted with a brush, and gives its annotations attributes, as COCO does not;
    a category of crowds alone would teach nothing either.
    """
    found: dict[str, bool] = {}
    for one in annotations:
        if isinstance(one, dict) and "category_id" in one:
            key = str(one["category_id"])
            single = not one.get("iscrowd") and "attributes" not in one
            found[key] = found.get(key, False) or single
    return found


def _size(picture: dict[str, Any]) -> tuple[int, int] | None:
    height, width = picture.get("height"), picture.get("width")
    return (int(height), int(width)) if height and width else None


def _painter(segmentation: Any) -> Paint:
    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        tidy = _tidied(segmentation)
        check_segmentation(tidy, size)
        return coco_region(tidy, size)

    return paint


def _tidied(segmentation: Any) -> Any:
    """The same as pycocotools takes it: rings in a list, whole counts; rings of two points enclose nothing."""
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), list):
        counts = segmentation["counts"]
        whole = all(isinstance(n, int | float) and n == int(n) for n in counts)
        return {**segmentation, "counts": [int(n) for n in counts]} if whole else segmentation
    if isinstance(segmentation, list) and segmentation and not isinstance(segmentation[0], list | dict | str):
        return [segmentation]
    if isinstance(segmentation, list) and all(isinstance(ring, list) for ring in segmentation):
        return [ring for ring in segmentation if len(ring) not in (2, 4)] or segmentation
    return segmentation


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
    if not whole or sum(lengths or ()) != size[0] * size[1]:
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


def coco_region(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """What a COCO ``segmentation`` covers, ``h w`` bool.

    Args:
        segmentation: a list of polygons, or an RLE, compressed or not.
        size: ``(h, w)`` of the picture.

    Raises:
        ValueError: it is neither.
    """
    from pycocotools import mask as rle

    if segmentation == []:
        return np.zeros(size, bool)
    try:
        if isinstance(segmentation, list):
            code = rle.merge(rle.frPyObjects(segmentation, *size))
        elif isinstance(segmentation["counts"], list):
            code = rle.frPyObjects(segmentation, *size)
        else:
            code = segmentation
        return rle.decode(code).astype(bool)
    except Exception as error:  # pycocotools raises bare ones
        raise ValueError(f"neither polygons nor an RLE: {segmentation!r:.60}") from error


def coco_annotation(
    region: NDArray[np.bool_],
    category: int,
    score: float | None,
    simplify: float | None = None,
    place: Place | None = None,
) -> dict[str, Any] | None:
    """A region as a COCO result, ready for ``json.dumps``; None if empty.

    Its segmentation is a compressed RLE, or, with a number to ``simplify``, the :func:`polygons` of it.
    ``place`` says where the region lies, if it is a part of its picture.
    """
    place = place or Place((0, 0), region.shape)
    edges = box(region)
    if edges is None:
        return None
    if simplify is None:
        segmentation: Any = {"size": list(place.size), "counts": _run_lengths(region, place)}
    else:
        rings = polygons(region, simplify, place.at)
        segmentation = [ring.ravel().round(2).tolist() for ring in rings]
    return {
        "category_id": category,
        "segmentation": segmentation,
        "area": int(np.count_nonzero(region)),
        "bbox": [edges[0] + place.at[1], edges[1] + place.at[0], *edges[2:]],
        "iscrowd": 0,
        "score": score,
    }


def _run_lengths(region: NDArray[np.bool_], place: Place) -> str:
    """A compressed RLE: lengths of runs down the picture's columns, of background and object by turns."""
    from pycocotools import mask as rle

    (top, left), (height, width) = place
    padded = np.zeros((region.shape[1], region.shape[0] + 2), np.int8)
    padded[:, 1:-1] = region.T
    steps = np.diff(padded, axis=1)
    starts, ends = (
        (columns + left) * height + rows + top
        for columns, rows in ((steps == 1).nonzero(), (steps == -1).nonzero())
    )
    apart = np.append(starts[1:] > ends[:-1], True)  # else the run goes on in the next column
    starts, ends = starts[np.append(True, apart[:-1])], ends[apart]
    bounds = np.stack([starts, ends], 1).ravel()
    counts = np.diff(np.concatenate([[0], bounds, [height * width]]))
    if height * width >= 1 << 32:
        raise UsageError("Run lengths of COCO count to 4 gigapixels; write --format coco-polygons.")
    code = rle.frPyObjects({"counts": counts.tolist(), "size": [height, width]}, height, width)
    return code["counts"].decode("ascii")


def coco_file(
    images: Sequence[dict[str, Any]],
    annotations: Sequence[Sequence[dict[str, Any]]],
    classes: Sequence[str],
) -> dict[str, Any]:
    """A COCO instance file's content.

    Args:
        images: ``file_name``, ``height``, ``width`` of every picture.
        annotations: of every picture those of :func:`coco_annotation`.
        classes: names in the order of their indices; ids count from 1, those of pictures and annotations too.
    """
    linked = [{**one, "image_id": i} for i, several in enumerate(annotations, 1) for one in several]
    return {
        "info": {"description": "Made by asgnet"},
        "images": [{"id": i, **image} for i, image in enumerate(images, 1)],
        "annotations": [{"id": i, **one} for i, one in enumerate(linked, 1)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes, 1)],
    }
