"""Windows of a picture: where the prompt network looks, so that small things are seen large."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.imaging.resize import resized
from asgnet.model.prompts.channels import GRID, WINDOW
from asgnet.types import Picture

MARGIN = 0.25
"""On each side of what is looked at, in parts of its own sides."""
LEAST = 32
"""Pixels of a window's sides: what is smaller shows nothing but pixels."""
ELONGATED = 2.0
"""A window's longer side is at most so many times its shorter one: it is seen as a square."""


class Window(NamedTuple):
    """Columns x0 to x1 and rows y0 to y1 of a picture."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    def of(self, picture: Picture) -> Picture:
        """``256 256 3``."""
        return resized(np.ascontiguousarray(picture[self.y0 : self.y1, self.x0 : self.x1]), (WINDOW, WINDOW))

    def to_window(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture in pixels of the window."""
        height, width = self.size
        return (x - self.x0) * WINDOW / width, (y - self.y0) * WINDOW / height

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Parts of the window's sides, in [0, 1], to a point of the picture."""
        height, width = self.size
        return self.x0 + x * width, self.y0 + y * height

    def seen(self, maps: NDArray[np.float32], other: Window) -> NDArray[np.float32]:
        """What a map of another window, ``h w``, shows of this one, ``64 64``; 0 beyond it."""
        rows, columns = maps.shape
        height, width = other.size
        extent = (
            (self.x0 - other.x0) * columns / width,
            (self.y0 - other.y0) * rows / height,
            (self.x1 - other.x0) * columns / width,
            (self.y1 - other.y0) * rows / height,
        )
        size = 2 * GRID, 2 * GRID
        image = Image.fromarray(maps).transform(
            size, Image.Transform.EXTENT, extent, Image.Resampling.BILINEAR
        )
        return np.asarray(image).reshape(GRID, 2, GRID, 2).mean((1, 3))

    def holds(self, other: Window) -> bool:
        """The other lies in this one."""
        return self.x0 <= other.x0 and self.y0 <= other.y0 and self.x1 >= other.x1 and self.y1 >= other.y1


def window_around(
    box: tuple[float, float, float, float], size: tuple[int, int], margin: float = MARGIN
) -> Window:
    """A window around a box in a picture of ``size`` (h, w), within the picture."""
    x0, y0, x1, y1 = box
    sides = [max((high - low) * (1 + 2 * margin), LEAST) for low, high in ((x0, x1), (y0, y1))]
    least = max(sides) / ELONGATED
    spans = []
    for low, high, side, length in zip((x0, y0), (x1, y1), sides, size[::-1], strict=True):
        extent = min(round(max(side, least)), length)
        start = min(max(round((low + high - extent) / 2), 0), length - extent)
        spans.append((start, start + extent))
    (left, right), (upper, lower) = spans
    return Window(left, upper, right, lower)


def bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the object; None where there is none."""
    columns, rows = (np.nonzero(mask.any(axis))[0] for axis in (0, 1))
    if not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
