"""Pictures as the network takes them: the whole in one view, or windows, a part of the picture at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.inference.working_scale import layout, stored_size
from asgnet.data.read import ArrayParts
from asgnet.imaging.resize import resized
from asgnet.types import Box, Picture, PictureParts


def encode(backend: Backend, picture: Picture, scale: Scale = USUAL) -> Features:
    """The backbone's features of a picture ``h w 3`` uint8 of any size, in one view.

    Args:
        backend: of the network.
        picture: of any size.
        scale: a working scale of one view.
    """
    return backend.encode(whole_view(ArrayParts(picture), backend.side, scale))


def whole_view(parts: PictureParts, side: int, scale: Scale) -> Picture:
    """A picture at a working scale of one view ``h w 3``, made of what a Concept would store of it."""
    height, width = parts.size
    size = layout(parts.size, side, scale, 0).size
    stored = stored_size(parts.size, side)
    if scale.zoom:
        stored = size
    small = parts.read((0, 0, height, width), stored)
    return small if stored == size else resized(small, size)


def view(parts: PictureParts, whole: Sequence[int], box: Box) -> Picture:
    """What is in a box of a picture that is resized to ``whole``, by reading no more than that.

    Args:
        parts: the picture.
        whole: ``(h, w)`` that it is resized to.
        box: in pixels of that.

    Returns:
        ``h' w' 3`` of the box's size; neighbouring boxes fit together without a seam.
    """
    ratios = [own / to for own, to in zip(parts.size, whole, strict=True)]
    less = max(int(min(ratios) / 2), 1)  # so much smaller a file may be read without a loss
    first, behind = _with_rim(box, ratios, parts.size, less)
    sides = [b - a for a, b in zip(first, behind, strict=True)]
    read = parts.read((*first, *behind), (-(-sides[0] // less), -(-sides[1] // less)))
    top, left, bottom, right = (
        (edge * ratio - start) * have / side
        for edge, ratio, start, have, side in zip(
            box, ratios * 2, first * 2, read.shape[:2] * 2, sides * 2, strict=True
        )
    )
    height, width = box[2] - box[0], box[3] - box[1]
    if ratios == [1, 1]:
        return np.ascontiguousarray(read[int(top) : int(bottom), int(left) : int(right)])
    inside = (left, top, min(right, read.shape[1]), min(bottom, read.shape[0]))
    return np.array(Image.fromarray(read).resize((width, height), Image.Resampling.BILINEAR, box=inside))


def _with_rim(
    box: Box, ratios: Sequence[float], size: Sequence[int], less: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first pixel and the one behind the last that a box is made of: whatever antialiasing reads."""
    rims = [math.ceil(max(ratio, 1)) + 1 for ratio in ratios]
    first = [
        max(math.floor(edge * ratio) - rim, 0) // less * less
        for edge, ratio, rim in zip(box[:2], ratios, rims, strict=True)
    ]
    behind = [
        min(-(-(math.ceil(edge * ratio) + rim) // less) * less, side)
        for edge, ratio, rim, side in zip(box[2:], ratios, rims, size, strict=True)
    ]
    return (first[0], first[1]), (behind[0], behind[1])
