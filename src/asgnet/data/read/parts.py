"""Pictures that are read in parts: a box at a size, never the whole.

:func:`open_parts` is the door beside :func:`~asgnet.data.read.images.read_picture`, and takes files of any size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.decode import MOST_PIXELS, Source, identify, opened, orientation_of, refusals
from asgnet.data.read.geo_levels import driver_of, geo_levels
from asgnet.data.read.images import HEAD, read_picture
from asgnet.data.read.raw import Raw, decide, render
from asgnet.data.read.segments import MOST_KEPT, MOST_TILES_KEPT, KeptSegments, Level, resized_in_rows
from asgnet.data.read.tiff import MAGIC, Tiff, opened_tiff
from asgnet.data.read.tiff_levels import levels_of
from asgnet.errors import PictureError, note
from asgnet.files import named
from asgnet.imaging.orientation import stored_part, upright
from asgnet.imaging.resize import resized
from asgnet.types import Box, Picture, PictureParts, Rendering

SAMPLES, SAMPLE = 16, 64
"""So many squares across and down, each of so many pixels a side, tell the range of a picture's values."""
ENOUGH = 1.02
"""A smaller copy's sides are rounded down: so many times as large they would do."""
Values = Callable[[NDArray], NDArray]


@dataclass(frozen=True, eq=False)  # arrays have no one truth: each is itself
class ArrayParts:
    """The parts of a picture that is in memory as a whole.

    Attributes:
        picture: ``h w 3`` uint8.
    """

    picture: Picture

    @property
    def size(self) -> tuple[int, int]:  # noqa: D102
        height, width = self.picture.shape[:2]
        return height, width

    def read(self, box: Box, size: tuple[int, int]) -> Picture:  # noqa: D102
        top, left, bottom, right = box
        part = self.picture[top:bottom, left:right]
        return part.copy() if part.shape[:2] == size else resized(part, size)


class FileParts:
    """The parts of an open file.

    Args:
        name: for messages.
        levels: the picture and its smaller copies, the largest first.
        about: all that is known of its values, which are none of a part's.
        colours: what makes values of a part that are stored ``h w c`` such as are shown.
        rendering: how they are shown; None: as the picture itself suggests.
    """

    def __init__(
        self, name: str, levels: Sequence[Level], about: Raw, colours: Values, rendering: Rendering | None
    ) -> None:
        self._name, self._levels, self._about, self._colours = name, list(levels), about, colours
        tiled = self._levels[0].segment[1] < self._levels[0].size[1]
        self._kept = KeptSegments(MOST_TILES_KEPT if tiled else MOST_KEPT)
        self._asked = rendering or Rendering()

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)`` of the whole, upright."""
        h, w = self._levels[0].size
        return (w, h) if self._about.turn in (5, 6, 7, 8) else (h, w)

    def read(self, box: Box, size: tuple[int, int]) -> Picture:
        """As :meth:`asgnet.types.PictureParts.read`; small ones out of the file's smaller copies."""
        turn, stored = self._about.turn, self._levels[0].size
        there, to = stored_part(box, size, stored, turn)
        while True:
            level = self._fitting(there, to)
            try:
                return np.ascontiguousarray(upright(self._read(level, there, to), turn))
            except PictureError:
                raise
            except Exception as error:  # a damaged file makes decoders raise anything
                words = " ".join(str(error).split())[:100] or type(error).__name__
                if level is self._levels[0]:
                    raise PictureError(
                        f"{self._name} is damaged between rows {there[0]} and {there[2]} ({words}); copy it "
                        "again from its source or leave it out."
                    ) from error
                h, w = level.size
                note(f"{self._name}: its smaller copy of {w}×{h} is damaged; the next larger one is used.")
                self._levels.remove(level)

    def _fitting(self, box: Box, size: tuple[int, int]) -> Level:
        """The smallest level that shows a box at no less than this size."""
        shrunk = [to / (last - first) for to, first, last in zip(size, box[:2], box[2:], strict=True)]
        whole = self._levels[0].size

        def enough(level: Level) -> bool:
            return all(
                ENOUGH * own / side >= part for own, side, part in zip(level.size, whole, shrunk, strict=True)
            )

        return next((level for level in self._levels[:0:-1] if enough(level)), self._levels[0])

    def _read(self, level: Level, box: Box, size: tuple[int, int]) -> Picture:
        (h, w), (height, width) = self._levels[0].size, level.size
        top, left, bottom, right = (
            side * to / whole for side, to, whole in zip(box, (height, width) * 2, (h, w) * 2, strict=True)
        )
        outer = int(top), int(left), min(-int(-bottom // 1), height), min(-int(-right // 1), width)
        within = top - outer[0], left - outer[1], bottom - outer[0], right - outer[1]
        sides = outer[2] - outer[0], outer[3] - outer[1]

        def shown(first: int, last: int) -> Picture:
            return self._shown(level, (outer[0] + first, outer[1], outer[0] + last, outer[3]))

        if sides == size and within == (0, 0, *sides):
            return shown(0, sides[0])
        return resized_in_rows(shown, sides, size, level.segment[0], within)

    def _shown(self, level: Level, box: Box) -> Picture:
        raw = self._raw(self._kept.values(level, box))
        return raw.values if raw.plain and not self._asked.channels else render(raw, self._rendering)

    @cached_property
    def _rendering(self) -> Rendering:
        """The same for all parts."""
        asked = self._asked
        return decide([self._sampled()], asked.channels) if asked.values is None else asked

    def _raw(self, values: NDArray) -> Raw:
        about = self._about
        return Raw(about.name, self._colours(values), about.channels, about.undefined)

    def _sampled(self) -> Raw:
        """Values from all over the picture, side by side."""
        level = self._levels[0]
        rows, columns = (
            sorted({int(i * max(side - SAMPLE, 0) / (SAMPLES - 1)) for i in range(SAMPLES)})
            for side in level.size
        )
        h, w = (min(side, SAMPLE) for side in level.size)
        strips = [
            np.concatenate([self._kept.values(level, (y, x, y + h, x + w)) for x in columns], axis=1)
            for y in rows
        ]
        return self._raw(np.concatenate(strips))


@contextmanager
def open_parts(
    source: Source, rendering: Rendering | None = None, *, whole: int = MOST_PIXELS
) -> Iterator[PictureParts]:
    """Open any picture to read it in parts.

    Tiled and striped TIFFs, BigTIFFs and pyramids of any size are read through tifffile, large PNG, JPEG and
    JPEG 2000 through rasterio. Smaller pictures, and all others, are decoded as a whole.

    Args:
        source: as for :func:`~asgnet.data.read.images.read_picture`; large ones are paths.
        rendering: as there; what it leaves open is decided once, by squares from all over the picture.
        whole: pixels up to which a picture is decoded as a whole.

    Raises:
        PictureError: as there, or a picture that is too large and cannot be read in parts.
    """
    name = named(source)
    with ExitStack() as files:
        with refusals(name):
            parts = _file_parts(source, name, rendering, whole, files)
        yield parts or ArrayParts(read_picture(source, rendering=rendering))


def large_size(source: Source, whole: int = MOST_PIXELS) -> tuple[int, int] | None:
    """``(h, w)`` as stored of a file that :func:`open_parts` would read in parts; None for all others.

    Nothing is decoded, and what is wrong with a file is left to its reader.
    """
    if not isinstance(source, str | os.PathLike) or not os.path.isfile(source):
        return None
    try:
        with opened(source, named(source)) as stream:
            head = stream.read(HEAD)
            if head.startswith(MAGIC):
                with opened_tiff(stream, "") as tiff:
                    size, channels = _tiff_size(tiff)
            elif driver_of(head) is not None:
                stream.seek(0)
                image = identify(stream)
                size, channels = (image.height, image.width), 1
            else:
                return None
    except Exception:  # reading it says what is wrong
        return None
    return size if size[0] * size[1] * max(channels / 4, 1) > whole else None


def _tiff_size(tiff: Tiff) -> tuple[tuple[int, int], int]:
    shape = tiff.shape
    return (int(shape["Y"]), int(shape["X"])), int(shape.get("C", 1) * shape.get("S", 1))


def _file_parts(
    source: Source, name: str, rendering: Rendering | None, whole: int, files: ExitStack
) -> FileParts | None:
    if large_size(source, whole) is None:
        return None
    assert isinstance(source, str | os.PathLike)
    stream = files.enter_context(opened(source, name))
    stored, head = os.path.getsize(source), stream.read(HEAD)
    if head.startswith(MAGIC):
        tiff = files.enter_context(opened_tiff(stream, name))
        if tiff.frames > 1:
            note(f"{name} has several frames or pages; only the first is used.")
        about = Raw(name, np.empty(0), tiff.channels, None if tiff.plain else tiff.undefined, turn=tiff.turn)
        return FileParts(name, levels_of(tiff, stored), about, _tiff_colours(tiff), rendering)
    driver = driver_of(head)
    assert driver is not None
    stream.seek(0)
    about = Raw(name, np.empty(0), turn=orientation_of(identify(stream)))
    levels = geo_levels(os.fspath(source), name, driver, stored)
    for level in levels:
        files.callback(level.close)
    table = levels[0].palette
    colours = _shown_colours(levels[0].has_alpha) if table is None else lambda values: table[values[..., 0]]
    return FileParts(name, levels, about, colours, rendering)


def _tiff_colours(tiff: Tiff) -> Values:
    """What makes a TIFF's values such as :class:`~asgnet.data.read.raw.Raw` has them."""
    page = tiff.page
    if page.photometric.name == "PALETTE" and page.colormap is not None:
        table = (np.asarray(page.colormap) >> 8).astype(np.uint8).T  # n 3
        return lambda values: table[values[..., 0]]
    shown = _shown_colours(tiff.has_alpha)
    if page.photometric.name != "MINISWHITE" or page.dtype.kind not in "bu":
        return shown
    most = 1 if page.dtype.kind == "b" else np.iinfo(page.dtype).max
    return lambda values: shown(~values if values.dtype == bool else most - values)


def _shown_colours(has_alpha: bool) -> Values:
    """Bits as bytes; the last of 2 or 4 channels, if it says how transparent they are, is applied or dropped."""

    def colours(values: NDArray) -> NDArray:
        if values.dtype == bool:
            values = values.astype(np.uint8) * 255
        if not has_alpha or values.shape[2] not in (2, 4):
            return values
        if values.dtype != np.uint8:
            return values[..., :-1]
        part = values[..., -1:].astype(np.uint16)
        return ((values[..., :-1] * part + (255 - part) * 255 + 127) // 255).astype(np.uint8)

    return colours
