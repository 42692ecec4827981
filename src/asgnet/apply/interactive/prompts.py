"""Prompts: what a person says about an object without painting it. A box, points on it, points beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from asgnet.apply.interactive.windows import Window
from asgnet.errors import UsageError
from asgnet.types import Mask

Point = tuple[float, float, bool]
"""x, y, on the object or beside it."""
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""

COUNTED = "count x from its left edge and y from its upper one, as it is displayed"


@dataclass(frozen=True)
class Prompts:
    """Checked prompts in a picture of ``size`` (h, w); at least a box or an inside point.

    Attributes:
        inside, outside: ``n 2`` (x, y) in pixels.
        box: x0, y0, x1, y1 within the picture, or None.
        size: (h, w) of the picture.
    """

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    box: Box | None
    size: tuple[int, int]

    def constrained(self, logits: NDArray[np.float32]) -> Mask:
        """``h w`` logits of the picture's size -> the mask, in which every prompt is kept to.

        Without a box only the connected pieces that a click touches are kept.
        """
        mask = logits > 0
        clicked = np.zeros(self.size, bool)
        clicked[self._pixels(self.inside)] = True
        within = self._within()
        if not (mask & within).any() and self.box is not None:
            mask = logits > np.median(logits[within])  # something in the box stands out
            mask = mask if (mask & within).any() else within
        mask = (mask & within) | clicked
        if self.box is None:
            numbers, _ = label(mask)
            kept = np.unique(numbers[clicked])
            mask = np.isin(numbers, kept)
        mask[self._pixels(self.outside)] = False
        return mask.astype(np.uint8)

    def seen(self, window: Window, size: tuple[int, int]) -> Prompts:
        """The same in a window of the picture that is drawn with ``size`` (h, w) pixels.

        Points beyond the window are left out.
        """
        height, width = window.size
        start, scale = np.array(window[:2]), np.array((size[1] / width, size[0] / height))
        on, off = ((points - start) * scale for points in (self.inside, self.outside))
        on, off = (points[((points >= 0) & (points <= size[::-1])).all(1)] for points in (on, off))
        box = self.box and (*(self.box[:2] - start) * scale, *(self.box[2:] - start) * scale)
        return Prompts(on, off, box, size)

    def obeyed(self, mask: Mask) -> Mask:
        """A mask of the picture's size, changed in place, in which every prompt is kept to."""
        if self.box is not None:
            mask *= self._within()
        mask[self._pixels(self.inside)] = 1
        mask[self._pixels(self.outside)] = 0
        return mask

    def _within(self) -> NDArray[np.bool_]:
        within = np.ones(self.size, bool)
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            rows, columns = np.arange(self.size[0]) + 0.5, np.arange(self.size[1]) + 0.5
            within = np.outer((rows > y0) & (rows < y1), (columns > x0) & (columns < x1))
            within[self._pixels(np.array([[(x0 + x1) / 2, (y0 + y1) / 2]]))] = True
        return within

    def _pixels(self, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of points."""
        columns, rows = np.floor(points).astype(np.int64).T
        return rows.clip(max=self.size[0] - 1), columns.clip(max=self.size[1] - 1)


def read_prompts(points: Iterable[Point], box: Box | None, size: tuple[int, int]) -> Prompts:
    """Check prompts for a picture of ``size`` (h, w).

    Raises:
        UsageError: neither a box nor an inside point, something that is no point or box, or beyond the
            picture.
    """
    height, width = size
    sides: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for point in points:
        x, y, inside = _numbers(point, 3, "point", "(x, y, inside)")
        if not (0 <= x <= width and 0 <= y <= height):
            raise UsageError(
                f"The point ({x:g}, {y:g}) lies beyond the picture of {width}×{height} pixels; {COUNTED}."
            )
        sides[bool(inside)].append((x, y))
    if box is not None:
        x0, y0, x1, y1 = _numbers(box, 4, "box", "(x0, y0, x1, y1)")
        shown = f"The box ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
        if not (x0 < x1 and y0 < y1):
            raise UsageError(f"{shown} is empty; give its left, upper, right and lower edge.")
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise UsageError(f"{shown} lies beyond the picture of {width}×{height} pixels; {COUNTED}.")
        box = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
        astray = [p for p in sides[True] if not (box[0] <= p[0] <= box[2] and box[1] <= p[1] <= box[3])]
        if astray:
            raise UsageError(
                f"The point ({astray[0][0]:g}, {astray[0][1]:g}) is to be object but lies beyond the box; "
                "make the box larger, or leave the point out."
            )
    elif not sides[True]:
        raise UsageError("Give a box, or at least one point inside the object.")
    on, off = (np.array(sides[side], np.float64).reshape(-1, 2) for side in (True, False))
    return Prompts(on, off, box, (height, width))


def _numbers(given: Any, count: int, what: str, form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in given)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise UsageError(f"A {what} is {form} in pixels, not {given!r:.60}.")
    return numbers
