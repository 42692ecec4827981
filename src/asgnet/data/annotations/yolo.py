"""YOLO's segmentation labels, in and out: a text file a picture, a line an outline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Region, polygon
from asgnet.data.annotations.skipped import Skipped
from asgnet.imaging.regions import polygons
from asgnet.types import Place

_BEYOND = 1.0
"""So many sides of the picture may an outline reach beyond it; one in pixels would be a speck up to there."""


def parse_yolo(text: str, names: Sequence[str] = ()) -> Annotations:
    """Lines ``index x y x y …``, x and y parts of the picture's sides.

    Behind the coordinates may stand a confidence and a track's number. Lines that are none are skipped.

    Args:
        text: the file's content.
        names: of the indices from 0; without them they are called ``class 0`` and so on.
    """
    regions: list[Region] = []
    skipped: list[Skipped] = []
    boxes = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            found = _outline(words, number, names)
        except ValueError as error:
            skipped.append(Skipped("", number, str(error)))
            continue
        if found is None:
            boxes += 1
        else:
            regions.append(found)
    left = (f"{boxes} lines with a box but no outline are not used.",) if boxes else ()
    pictures = (Annotated("", None, tuple(regions)),)
    return Annotations("YOLO labels", pictures, tuple(names), left, skipped=tuple(skipped))


def _outline(words: Sequence[str], number: int, names: Sequence[str]) -> Region | None:
    """A line's region; None if it is a box."""
    try:
        index, values = float(words[0]), np.array(words[1:], np.float64)
    except ValueError as error:
        raise ValueError(f"line {number} holds something else than numbers") from error
    if values.size in (4, 5):
        return None
    values = _without_scores(values)
    if index < 0 or index != int(index) or values.size < 6 or values.size % 2:
        raise ValueError(f"line {number} is no outline: index x y x y … with 3 points or more")
    if not (np.abs(values - 0.5) <= 0.5 + _BEYOND).all():
        raise ValueError(
            f"line {number} has what look like pixels where parts of the picture's sides (0 to 1) belong"
        )
    if names and index >= len(names):
        raise ValueError(f"line {number} has class {int(index)}, but there are {len(names)} names")
    return Region(_name(names, int(index)), polygon(values.reshape(-1, 2), relative=True))


def _without_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """An outline's coordinates without the confidence, the track's number, or both, that may stand behind them."""
    if values.size % 2:
        return values[:-1]
    inside = np.abs(values - 0.5) <= 0.5 + _BEYOND
    both = values.size >= 8 and inside[:-1].all() and not inside[-1] and values[-1] == int(values[-1])
    return values[:-2] if both else values


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if names else f"class {index}"


def yolo_lines(region: NDArray[np.bool_], index: int, simplify: float = 0, place: Place | None = None) -> str:
    """A region in YOLO's segmentation format: a line a polygon, ``index x y x y ...``, x and y in [0, 1].

    ``place`` says where the region lies, if it is a part of its picture.
    """
    place = place or Place((0, 0), region.shape)
    height, width = place.size
    lines = []
    for ring in polygons(region, simplify, place.at):
        values = (ring / (width, height)).clip(0, 1).ravel()
        lines.append(f"{index} " + " ".join(f"{v:.6f}" for v in values) + "\n")
    return "".join(lines)
