"""The files of a large picture, each written a few rows at a time; those of outlines and measures from its pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.output.formats import MOST_INSTANCES, OUTLINES, coco_entry, coco_polygon_entry
from asgnet.apply.output.large.result import LargeResult
from asgnet.apply.output.measure import class_rows, object_rows
from asgnet.apply.output.overlays import class_palette, overlay_jpeg, voc_palette
from asgnet.data.folder import Folder
from asgnet.data.png import png_parts
from asgnet.data.read import geo_tags
from asgnet.data.tiled import write_tiled
from asgnet.errors import OutputError, UsageError
from asgnet.types import Picture

COARSE = 4096
"""Longer side of a large picture's overlay."""
NEVER = {"explain": "an explained picture", "labelstudio": "Label Studio's brush strokes"}
"""What is not written for large pictures."""


def check_kinds(name: str, kinds: set[str]) -> None:
    """UsageError if one of them, files or entries, is never written for large pictures."""
    for kind in sorted(kinds & set(NEVER)):
        raise UsageError(
            f"{name!r} is too large for {NEVER[kind]}; leave that format out, or shrink the picture."
        )


def write_large(result: LargeResult, folder: Folder, kind: str, name: str) -> None:
    """Write one of a large picture's files.

    Args:
        result: what was found.
        folder: of the results.
        kind: of the file, as in :data:`asgnet.apply.output.formats.WRITERS`.
        name: of the file in the folder.

    Raises:
        OutputError: it cannot be written, or cannot hold so many objects.
    """
    if kind in OUTLINES:
        folder.save(name, OUTLINES[kind](result))
    elif kind == "overlay":
        folder.save(name, overlay_jpeg(*coarse(result), result.name))
    elif kind == "tiff":
        palette = class_palette(len(result.classes)) if len(result.classes) > 1 else None
        tags = geo_tags(result.name)
        folder.save_with(name, lambda path: write_tiled(path, _mask(result), result.size, tags, palette))
    else:
        rows, palette = _ROWS[kind](result)
        folder.save_parts(name, png_parts(rows, result.size, palette))


def coarse(result: LargeResult, side: int = COARSE) -> tuple[Picture, NDArray[np.uint8]]:
    """Picture and mask ``h w`` with the longer side at most at ``side``."""
    height, width = result.size
    scale = min(side / max(height, width), 1)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    rows, columns = (
        (2 * np.arange(n) + 1) * whole // (2 * n) for n, whole in zip(size, (height, width), strict=True)
    )
    small = np.empty(size, np.uint8)
    top = 0
    for mask in result.masks():
        those = (rows >= top) & (rows < top + len(mask))
        small[those] = mask[rows[those] - top][:, columns]
        top += len(mask)
    return result.parts.read((0, 0, height, width), size), small


Rows = tuple[Iterator[NDArray], NDArray[np.uint8] | None]


def _mask(result: LargeResult) -> Iterator[NDArray[np.uint8]]:
    """0 and 255; several classes by their numbers."""
    several = len(result.classes) > 1
    return (mask if several else mask * np.uint8(255) for mask in result.masks())


def _mask_rows(result: LargeResult) -> Rows:
    return _mask(result), class_palette(len(result.classes)) if len(result.classes) > 1 else None


def _cutout_rows(result: LargeResult) -> Rows:
    def rows() -> Iterator[NDArray]:
        top = 0
        for mask in result.masks():
            picture = result.colours((top, 0, top + len(mask), mask.shape[1]))
            yield np.dstack([picture, (mask > 0).astype(np.uint8) * 255])
            top += len(mask)

    return rows(), None


def _numbered_rows(result: LargeResult, most: int, palette: NDArray[np.uint8] | None) -> Rows:
    count = len(result.found.areas)
    if count > most:
        raise OutputError(
            f"{count} objects do not fit into a PNG that counts to {most}; give a larger --min-area."
        )
    kind = np.uint8 if most < 256 else np.uint16
    return (numbers.astype(kind) for _, numbers in result.numbered()), palette


_ROWS: dict[str, Callable[[LargeResult], Rows]] = {
    "png": _mask_rows,
    "voc": lambda result: (result.masks(), voc_palette()),
    "voc_objects": lambda result: _numbered_rows(result, 254, voc_palette()),
    "instances": partial(_numbered_rows, most=MOST_INSTANCES, palette=None),
    "probability": lambda result: (result.probability(), None),
    "cutout": _cutout_rows,
}


def _measures(result: LargeResult) -> dict[str, Any]:
    return {"rows": object_rows(result.objects, result.colours, result.pixel_size, name=result.name)}


def _counts(result: LargeResult) -> dict[str, Any]:
    table, scale = result.found, result.pixel_size
    rows = [
        {"class": result.classes[number - 1], "area": area * scale.side**2}
        for number, area in zip(table.classes.tolist(), table.areas.tolist(), strict=True)
    ]
    known = result.separations
    ratios = {
        name: known[name].ratios if name in known and not known[name].divides else None
        for name in result.classes
    }
    pixels = result.size[0] * result.size[1]
    return {"rows": class_rows(rows, result.presences, ratios, pixels, scale, result.name)}


LARGE_ENTRIES: dict[str, Callable[[LargeResult], dict[str, Any]]] = {
    "coco": coco_entry,
    "coco-polygons": coco_polygon_entry,
    "measures": _measures,
    "counts": _counts,
    "measures-parquet": _measures,
    "counts-parquet": _counts,
}
"""As :data:`asgnet.apply.output.formats.ENTRIES`."""
