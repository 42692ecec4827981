"""TIFFs that are no plain photograph: deep values, many channels, planes, OME's and ImageJ's axes.

tifffile reads them. What Pillow shows as it is (8 bits of grey, colours or a palette) is left to it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.bombs import too_large
from asgnet.data.read.raw import Raw
from asgnet.errors import PictureError, note
from asgnet.imaging.orientation import upright

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_FRAMES = 1_000_000
_NODATA, _ORIENTATION = 42113, 274
_GEO = (33550, 33922, 34264, 34735, 34736, 34737)
"""GeoTIFF's: pixel scale, tie points, transformation, keys and their numbers and texts."""
_ALPHA = (1, 2)
"""Values of ExtraSamples that mean transparency."""
_PHOTOGRAPHS = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR", "SEPARATED", "CIELAB")


class Tiff:
    """An open file's first series of pages: frames ``h w c``.

    Args:
        file: tifffile's.
        name: for messages.
    """

    def __init__(self, file: Any, name: str) -> None:
        self.name, self.series, self.page = name, file.series[0], file.pages[0]
        self.axes = self.series.axes
        self.shape = dict(zip(self.axes, self.series.shape, strict=True))
        self._outer = [axis for axis in self.axes if axis not in "YXSC"]
        self.channels = _names(file)

    @property
    def frames(self) -> int:
        """Pages, planes or times; one picture has 1."""
        return int(np.prod([self.shape[axis] for axis in self._outer], dtype=np.int64))

    @property
    def plain(self) -> bool:
        """Pillow shows every bit of it."""
        page = self.page
        deep = page.dtype is None or page.dtype.itemsize > 1 or page.dtype.kind not in "ub"
        strange = "C" in self.axes or page.samplesperpixel not in (1, 3, 4) or page.planarconfig != 1
        extra = page.samplesperpixel == 4 and not self.has_alpha and page.photometric.name != "SEPARATED"
        return not deep and not strange and not extra and page.photometric.name in _PHOTOGRAPHS

    def frame(self, index: int, most_pixels: int) -> Raw:
        """One frame; PictureError if it is too large."""
        h, w = self.shape["Y"], self.shape["X"]
        channels = self.shape.get("C", 1) * self.shape.get("S", 1)
        if h * w * max(channels / 4, 1) > most_pixels:
            raise PictureError(too_large(self.name, h * w, most_pixels, f" ({w}×{h}, {channels} channels)"))
        values = self._values(index)
        if self.has_alpha and values.shape[2] in (2, 4):
            values = values[..., :-1]
        if self.page.photometric.name == "MINISWHITE" and values.dtype.kind in "bu":
            values = (1 if values.dtype == bool else np.iinfo(values.dtype).max) - values
        turn = self.turn
        return Raw(self.name, upright(values, turn), self.channels, self.undefined, turn=turn)

    def _values(self, index: int) -> NDArray:
        """``h w c``."""
        axes, pages = self.axes, self.series.pages
        inner = self.page.axes
        leading = [axis for axis in axes if axis not in inner]
        counts = [self.shape[axis] for axis in leading]
        if not leading or len(pages) != np.prod(counts) or any(p is None for p in pages[:1]):
            values = self.series.asarray()
            picked = np.unravel_index(index, [self.shape[a] for a in self._outer]) if self._outer else ()
            at = dict(zip(self._outer, picked, strict=True))
            values = values[tuple(at.get(axis, slice(None)) for axis in axes)]
            return _channels_last(values, "".join(a for a in axes if a not in at))
        number = np.arange(len(pages)).reshape(counts)
        if "C" in leading:
            number = np.moveaxis(number, leading.index("C"), -1)
        wanted = number.reshape(self.frames, -1)[index]
        parts = [_channels_last(pages[int(i)].asarray(), inner) for i in wanted]
        return np.concatenate(parts, axis=2)

    @property
    def turn(self) -> int:
        """The orientation that it is stored in."""
        return _tag(self.page, _ORIENTATION) or 1

    @property
    def has_alpha(self) -> bool:
        """One of its channels says how transparent it is."""
        return any(int(kind) in _ALPHA for kind in self.page.extrasamples or ())

    @property
    def undefined(self) -> float | None:
        """The value that stands for nothing."""
        try:
            return float(str(_tag(self.page, _NODATA)).strip("\0 "))
        except ValueError:
            return None


def geo_tags(source: Any) -> list[Any]:
    """A TIFF's place on the earth, as tags for another one of the same size; empty for what has none.

    Args:
        source: any; what is no path to a TIFF has none.
    """
    import tifffile

    try:
        if not isinstance(source, str | os.PathLike) or not os.path.isfile(source):
            return []
        with tifffile.TiffFile(source) as file:
            page: Any = file.pages[0]
            if _tag(page, _ORIENTATION) not in (None, 1):
                return []  # it is written upright
            found = (page.tags.get(code) for code in _GEO)
            return [
                (tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in found if tag is not None
            ]
    except Exception:  # a damaged one is nowhere
        return []


def read_deep_tiff(stream: BinaryIO, name: str, most_pixels: int) -> Raw | None:
    """The first frame of what Pillow would not show as it is; None if it would, or knows better what is wrong."""
    try:
        with opened_tiff(stream, name) as tiff:
            if tiff.plain:
                return None
            if tiff.frames > 1:
                note(f"{name} has several frames or pages; only the first is used.")
            return tiff.frame(0, most_pixels)
    except _NoTiffError:
        return None


class _NoTiffError(Exception):
    """tifffile cannot open it: Pillow says what is wrong."""


@contextmanager
def opened_tiff(stream: BinaryIO, name: str) -> Iterator[Tiff]:
    """A TIFF; what tifffile raises while it is read comes through.

    Raises:
        PictureError: it holds no picture, pages are missing, or it takes imagecodecs to read.
    """
    import tifffile

    stream.seek(0)
    with _complaints() as said:
        try:
            file = tifffile.TiffFile(stream)
            found = Tiff(file, name)
        except Exception as error:  # a damaged file makes tifffile raise anything
            raise _NoTiffError from error
        if not {"Y", "X"} <= set(found.axes) or not 0 < found.frames <= MOST_FRAMES:
            raise PictureError(f"{name} holds no picture but {found.axes or 'nothing'}; leave it out.")
        if said and (file.is_imagej or file.is_ome or not found.plain):
            raise ValueError(said[0])  # what is missing would be taken for one channel, one plane
        try:
            yield found
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise PictureError(
                f"{name} is compressed in a way that takes imagecodecs to read: pip install "
                "'asgnet[microscopy]'."
            ) from error


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What tifffile logs in this thread about pages that are missing; nothing of it is printed."""
    said: list[str] = []
    thread = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if record.thread == thread and ("invalid page offset" in message or "corrupted" in message):
                said.append(message)

    logger, listener = logging.getLogger("tifffile"), Listener()
    logger.addHandler(listener)
    try:
        yield said
    finally:
        logger.removeHandler(listener)


def _channels_last(values: NDArray, axes: str) -> NDArray:
    """Axes of Y, X and any of C and S -> ``h w c``."""
    order = [axes.index(axis) for axis in "YXCS" if axis in axes]
    values = values.transpose(order)
    return values.reshape(*values.shape[:2], -1)


def _tag(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _names(file: Any) -> tuple[str, ...]:
    """Names of the channels, by OME or ImageJ; GDAL's are in its own tag."""
    import re

    if file.is_ome:
        return tuple(re.findall(r'<Channel\b[^>]*?\bName="([^"]*)"', file.ome_metadata or ""))
    if file.is_imagej:
        labels = (file.imagej_metadata or {}).get("Labels") or ()
        return tuple(str(label) for label in labels)
    described = _tag(file.pages[0], 42112)  # GDAL_METADATA
    found = re.findall(r'<Item name="DESCRIPTION" sample="(\d+)"[^>]*>([^<]*)<', str(described or ""))
    names = [""] * (max((int(i) for i, _ in found if int(i) < 4096), default=-1) + 1)
    for place, name in found:
        if int(place) < len(names):
            names[int(place)] = name
    return tuple(names)
