"""YOLO's segmentation labels, in and out: a text file a picture, a line an outline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Region, polygon
from asgnet.imaging.regions import polygons

_BEYOND = 1.0
"""So many sides of the picture may an outline reach beyond it; one in pixels would be a speck up to there."""


def parse_yolo(text: str, names: Sequence[str] = ()) -> Annotations:
    """Lines ``index x y x y …``, x and y parts of the picture's sides.

    Args:
        text: the file's content.
        names: of the indices from 0; without them they are called ``class 0`` and so on.

    Raises:
        ValueError: a line is none, or an index has no name.
    """
    regions, boxes = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            index, values = int(words[0]), np.array(words[1:], np.float64)
        except ValueError as error:
            raise ValueError(f"line {number} holds something else than numbers") from error
        if values.size == 4:
            boxes += 1
            continue
        if index < 0 or values.size < 6 or values.size % 2:
            raise ValueError(f"line {number} is no outline: index x y x y … with 3 points or more")
        if not (np.abs(values - 0.5) <= 0.5 + _BEYOND).all():
            raise ValueError(
                f"line {number} has what look like pixels where parts of the picture's sides (0 to 1) belong"
            )
        if names and index >= len(names):
            raise ValueError(f"line {number} has class {index}, but there are {len(names)} names")
        regions.append(Region(_name(names, index), polygon(values.reshape(-1, 2), relative=True)))
    left = (f"{boxes} lines with a box but no outline were left out.",) if boxes else ()
    return Annotations("YOLO labels", (Annotated("", None, tuple(regions)),), tuple(names), left)


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if names else f"class {index}"


def yolo_lines(region: NDArray[np.bool_], index: int, simplify: float = 0) -> str:
    """A region in YOLO's segmentation format: a line a polygon, ``index x y x y ...``, x and y in [0, 1]."""
    height, width = region.shape
    lines = []
    for ring in polygons(region, simplify):
        values = (ring / (width, height)).clip(0, 1).ravel()
        lines.append(f"{index} " + " ".join(f"{v:.6f}" for v in values) + "\n")
    return "".join(lines)
