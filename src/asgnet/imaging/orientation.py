"""EXIF's eight orientations, on arrays; and which one a mask was painted in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.regions import edge
from asgnet.types import Box, Picture

CLEARLY = 1.25
"""So many times as steep must a picture be along a turned mask's outline."""
_TURNS: dict[int, Callable[[NDArray], NDArray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def upright(array: NDArray, orientation: int) -> NDArray:
    """``h w …`` as it is stored -> as an orientation from 1 to 8 wants it seen; any other number is 1."""
    turn = _TURNS.get(orientation)
    return array if turn is None else turn(array)


def stored_part(
    box: Box, size: tuple[int, int], stored: tuple[int, int], orientation: int
) -> tuple[Box, tuple[int, int]]:
    """Where a part of an upright picture lies as it is stored, and at what size it is to be read there.

    Args:
        box: in the upright picture.
        size: ``(h', w')`` that the upright part is to have.
        stored: ``(h, w)`` of the picture as it is stored.
        orientation: that it is stored in; what :func:`upright` makes of the part stored there is the part.
    """
    rows, columns = (box[0], box[2]), (box[1], box[3])
    if orientation in (5, 6, 7, 8):
        rows, columns, size = columns, rows, (size[1], size[0])
    if orientation in (3, 4, 6, 7):
        rows = stored[0] - rows[1], stored[0] - rows[0]
    if orientation in (2, 3, 7, 8):
        columns = stored[1] - columns[1], stored[1] - columns[0]
    return (rows[0], columns[0], rows[1], columns[1]), size


def painted_unturned(mask: NDArray, picture: Picture, orientation: int) -> bool:
    """Was a mask painted on the pixels as they are stored? By its size, or by the edges along its outline.

    Args:
        mask: ``h w``, non-zero is the object.
        picture: ``h w 3``, upright.
        orientation: that it was stored in.
    """
    turned = upright(mask, orientation)
    if orientation not in _TURNS or turned.shape != picture.shape[:2]:
        return False
    if mask.shape != picture.shape[:2]:
        return True
    steep = np.hypot(*np.gradient(picture.mean(axis=-1)))
    outlines = [edge(m != 0, 1) for m in (turned, mask)]
    if not all(outline.any() for outline in outlines):
        return False
    along, against = (float(steep[outline].mean()) for outline in outlines)
    return along > CLEARLY * against
