"""The levels of a TIFF that is read in parts: tiles, strips, or rows that lie in the file as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.bombs import TILE, refuse_large_bombs
from asgnet.data.read.tiff import Tiff
from asgnet.errors import PictureError, note

ROWS = 4_000_000
"""Pixels of the rows that are read at a time where nothing divides them."""
_SHOWN = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR")


def levels_of(tiff: Tiff, stored: int) -> list[TiffLevel]:
    """The picture and its smaller copies, the largest first.

    Args:
        tiff: an open file.
        stored: its bytes.

    Raises:
        PictureError: it cannot be read in parts, or is a bomb.
    """
    page, name = tiff.page, tiff.name
    if page.photometric.name not in _SHOWN:
        raise PictureError(f"{name} has colours as {page.photometric.name}; save it as RGB.")
    if page.is_subsampled and page.compression not in (6, 7, 33007, 34892):
        raise PictureError(f"{name} has colours at half their size without JPEG; save it as RGB.")
    found: list[TiffLevel] = []
    for number, series in enumerate(tiff.series.levels):
        try:
            level = TiffLevel(tiff, series, stored)
        except Exception as error:  # tifffile raises anything about a damaged one
            if not number:
                raise
            note(f"{name}: its smaller copy {number} is damaged ({error}); the others are used.")
            continue
        if not found or level.size < found[-1].size:
            found.append(level)
    return found


class TiffLevel:
    """One resolution of a TIFF's picture: tiles, strips, or blocks of rows where nothing divides them.

    Args:
        tiff: the open file.
        series: tifffile's, of this level.
        stored: bytes of the file.
    """

    def __init__(self, tiff: Tiff, series: Any, stored: int) -> None:
        self._pages = _pages(tiff, series)
        page = self._page = self._pages[0].keyframe
        self.name, self.size = tiff.name, (int(page.imagelength), int(page.imagewidth))
        if page.dtype is None or page.dtype.kind not in "buif":
            raise PictureError(f"{tiff.name} holds {page.dtype or 'no numbers'}, no picture; save numbers.")
        separate = page.planarconfig == 2
        self._planes = int(page.samplesperpixel) if separate else 1
        self.channels = len(self._pages) * int(page.samplesperpixel)
        self._file, self._flat = page.parent.filehandle, bool(page.is_contiguous and not page.is_tiled)
        if page.is_tiled:
            self.segment = int(page.tilelength), int(page.tilewidth)
        elif self._flat:
            rows = max(ROWS // self.size[1], 1)
            self.segment = min(rows, self.size[0]), self.size[1]
        else:
            self.segment = min(int(page.rowsperstrip), self.size[0]), self.size[1]
        pixel = self.channels * page.dtype.itemsize
        refuse_large_bombs(tiff.name, self.size, self.segment, pixel, stored)
        self._most = 2 * self.segment[0] * self.segment[1] * pixel + (1 << 16)
        self._stored = stored

    def decode(self, row: int, column: int) -> NDArray:
        """As :meth:`asgnet.data.read.segments.Level.decode`."""
        parts = [self._rows(p, row) if self._flat else self._part(p, row, column) for p in self._pages]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def _part(self, page: Any, row: int, column: int) -> NDArray:
        """Tile or strip of a page ``h w c``."""
        rows, columns = (-(-whole // one) for whole, one in zip(self.size, self.segment, strict=True))
        planes = [
            self._decoded(page, (plane * rows + row) * columns + column, row, column)
            for plane in range(self._planes)
        ]
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)

    def _decoded(self, page: Any, index: int, row: int, column: int) -> NDArray:
        height, width = (
            min(one, whole - at * one)
            for one, whole, at in zip(self.segment, self.size, (row, column), strict=True)
        )
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not 0 <= count <= self._most or offset + count > self._stored:
            raise ValueError(f"{count} bytes at {offset}")
        data = None
        if count:
            self._file.seek(offset)
            data = self._file.read(count)
        keyframe = self._page
        tables = {"jpegtables": page.jpegtables} if page.jpegtables else {}
        header = {"jpegheader": keyframe.jpegheader} if keyframe.jpegheader else {}
        values, _, shape = keyframe.decode(data, index, **tables, **header)
        if values is None:  # nothing was written there
            return np.full((height, width, shape[-1]), keyframe.nodata, keyframe.dtype)
        return values[0, :height, :width]

    def _rows(self, page: Any, row: int) -> NDArray:
        """Rows of a page ``h w c`` that lie in the file as they are, plane after plane."""
        first = row * self.segment[0]
        height, width = min(self.segment[0], self.size[0] - first), self.size[1]
        samples = 1 if self._planes > 1 else self._page.samplesperpixel
        kind = np.dtype(self._page.dtype).newbyteorder(self._page.parent.byteorder)
        planes = []
        for plane in range(self._planes):
            at = (plane * self.size[0] + first) * width * samples * kind.itemsize
            self._file.seek(page.dataoffsets[0] + at)
            data = self._file.read(height * width * samples * kind.itemsize)
            values = np.frombuffer(data, kind).astype(self._page.dtype, copy=False)
            planes.append(values.reshape(height, width, samples))
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)


def _pages(tiff: Tiff, series: Any) -> Sequence[Any]:
    """The pages that hold the channels of a series' first frame."""
    inner = tiff.page.axes
    leading = [axis for axis in series.axes if axis not in inner]
    shape = dict(zip(series.axes, series.shape, strict=True))
    counts = [int(shape[axis]) for axis in leading]
    pages = series.pages
    if len(pages) != np.prod(counts, dtype=np.int64) or "C" in inner:
        raise PictureError(f"{tiff.name} keeps several planes as one block; {TILE}.")
    number = np.arange(len(pages)).reshape(counts)
    if "C" in leading:
        number = np.moveaxis(number, leading.index("C"), -1)[(0,) * (number.ndim - 1)]
    found = [pages[int(i)] for i in np.ravel(number)[: shape["C"] if "C" in leading else 1]]
    if any(page is None for page in found):
        raise PictureError(f"{tiff.name} lacks pages that it names; copy it again from its source.")
    return found
