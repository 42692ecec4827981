"""A picture's values out of equal segments, tiles or strips, of which the last few are kept decoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.types import Box, Picture

MOST_KEPT, MOST_TILES_KEPT = 256 << 20, 96 << 20
"""Bytes of decoded segments that are kept: a row of windows in a picture of 40,000 pixels; of tiles, which are decoded
alone, fewer."""
AT_ONCE = 4_000_000
"""Pixels that are shown and resized at a time, where a part has more than four times as many."""


class Level(Protocol):
    """A picture at one resolution, in segments."""

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)``."""

    @property
    def segment(self) -> tuple[int, int]:
        """``(h, w)`` of every segment but those at the lower and right border, which may be smaller."""

    def decode(self, row: int, column: int) -> NDArray:
        """A segment ``h w c``; whatever a damaged file makes a decoder raise."""


class KeptSegments:
    """The segments of levels, the last ones asked for kept.

    Args:
        most: bytes.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[tuple[int, int, int], NDArray] = OrderedDict()
        self._turn = threading.RLock()

    def values(self, level: Level, box: Box) -> NDArray:
        """``h w c`` of a box inside the level."""
        top, left, bottom, right = box
        rows, columns = level.segment
        found: NDArray | None = None
        for row in range(top // rows, -(-bottom // rows)):
            for column in range(left // columns, -(-right // columns)):
                part = self._segment(level, row, column)
                if found is None:
                    found = np.empty((bottom - top, right - left, part.shape[2]), part.dtype)
                own = row * rows, column * columns
                inner = part[max(top - own[0], 0) : bottom - own[0], max(left - own[1], 0) : right - own[1]]
                y, x = max(own[0] - top, 0), max(own[1] - left, 0)
                found[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
        assert found is not None  # boxes are not empty
        return found

    def _segment(self, level: Level, row: int, column: int) -> NDArray:
        key = id(level), row, column
        with self._turn:  # one reader a file: its place moves
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            part = level.decode(row, column)
            self._kept[key] = part
            self._bytes += part.nbytes
            while self._bytes > self._most and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
            return part


def resized_in_rows(
    shown: Callable[[int, int], Picture],
    size: tuple[int, int],
    to: tuple[int, int],
    step: int,
    within: tuple[float, float, float, float] | None = None,
) -> Picture:
    """:func:`asgnet.imaging.resize.resized` of a picture of which a few rows at a time are in memory.

    The values of large ones may differ by 1: columns are always resized before rows.

    Args:
        shown: first row and row behind the last -> these rows, ``r w 3`` uint8.
        size: ``(h, w)`` of the picture.
        to: ``(h', w')``.
        step: rows that are best asked for together, and at their multiples.
        within: first row, first column, and those behind the last, where not all of the picture is wanted.
    """
    top, left, bottom, right = within or (0, 0, *size)
    height, width = to
    bilinear = Image.Resampling.BILINEAR
    if size[0] * size[1] <= 4 * AT_ONCE:
        whole = Image.fromarray(shown(0, size[0]))
        return np.array(whole.resize((width, height), bilinear, box=(left, top, right, bottom)))
    narrow = np.empty((size[0], width, 3), np.uint8)
    for first, last in row_blocks(size, step):
        rows = Image.fromarray(shown(first, last))
        narrow[first:last] = np.asarray(
            rows.resize((width, last - first), bilinear, box=(left, 0, right, last - first))
        )
    return np.array(Image.fromarray(narrow).resize((width, height), bilinear, box=(0, top, width, bottom)))


def row_blocks(size: tuple[int, int], step: int) -> Iterator[tuple[int, int]]:
    """First row and row behind the last of blocks that are taken at a time, at multiples of ``step``."""
    rows = max(AT_ONCE // max(size[1], 1) // step, 1) * step
    for first in range(0, size[0], rows):
        yield first, min(first + rows, size[0])
