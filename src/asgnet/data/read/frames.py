"""Videos, animations and pictures of several pages, frame by frame.

Animations and pages are read by Pillow, planes and times of deep TIFFs by tifffile; videos by PyAV, which the
extra ``asgnet[video]`` brings.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from asgnet.data.folder import is_url, plain_path, read_source, store_of
from asgnet.data.read.bombs import too_large
from asgnet.data.read.decode import MOST_PIXELS, opened, refusals, undecoded
from asgnet.data.read.images import read_picture
from asgnet.data.read.raw import decide, render
from asgnet.data.read.tiff import opened_tiff
from asgnet.errors import PictureError, note
from asgnet.files import PathLike, named
from asgnet.types import Picture, Rendering

VIDEOS = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv"),
        *(".webm", ".wmv"),
    )
)
"""Endings that make a file a video."""
_TIFFS = (".tif", ".tiff")
_PAGED = frozenset((".apng", ".avif", ".gif", ".tif", ".tiff", ".webp"))
FRAMED = VIDEOS | _PAGED
"""Endings of files that may have several frames or pages."""


class Frame(NamedTuple):
    """A frame, and in a video when it is shown, in seconds."""

    picture: Picture
    time: float | None


def is_video(path: PathLike) -> bool:
    """Is a file a video, by its ending?"""
    return _ending(path) in VIDEOS


def frame_count(path: PathLike) -> int | None:
    """How many frames or pages a file has; None for a plain picture, which has one.

    Raises:
        PictureError: a video that cannot be read, or no PyAV to read it with.
    """
    if is_video(path):
        with refusals(named(path)), _video(path) as container:
            stream = container.streams.video[0]
            found = sum(1 for packet in container.demux(stream) if packet.size)
            if found < stream.frames:  # what its head promises; 0 if it says nothing
                note(f"{named(path)} is cut off: {found} of its {stream.frames} frames are there.")
            return found
    regular = is_url(path) or os.path.isfile(plain_path(path))  # opening a pipe would wait for ever
    if regular and _ending(path) in _PAGED:
        with (
            suppress(Exception),
            undecoded(_stream(path), named(path)) as image,
        ):  # reading it says what is wrong
            count = _planes(path) or int(getattr(image, "n_frames", 1))
            return count if count > 1 else None
    return None


def _planes(path: PathLike) -> int | None:
    """The frames of a TIFF that is no plain photograph: planes and times, but not channels nor smaller copies."""
    if _ending(path) not in _TIFFS:
        return None
    name = named(path)
    with suppress(Exception), opened(_stream(path), name) as stream, opened_tiff(stream, name) as tiff:
        return None if tiff.plain and len(tiff.series.levels) == 1 else tiff.frames
    return None


class FrameReader:
    """Reads frames of files, quickly if they are asked for in order; keeps one file open.

    Args:
        rendering: of deep values; None: decided by each file's first frame.
    """

    def __init__(self, rendering: Rendering | None = None) -> None:
        self._rendering = rendering
        self._path = ""
        self._frames: Iterator[Frame] = iter(())
        self._next = 0

    def read(self, path: PathLike, index: int) -> Frame:
        """Frame ``index``, counted from 0.

        Raises:
            PictureError: it cannot be read, or the file ends before.
        """
        name = named(path)
        with refusals(name):
            if os.fspath(path) != self._path or index < self._next:
                self._frames = _video_frames(path) if is_video(path) else _pages(path, self._rendering)
                self._path, self._next = os.fspath(path), 0
            for frame in self._frames:
                self._next += 1
                if self._next > index:
                    return frame() if callable(frame) else frame
        self._path = ""
        raise PictureError(f"{name} ends before frame {index}; the file is cut short.")


def _pages(path: PathLike, how: Rendering | None) -> Iterator[Any]:
    if _planes(path) is not None:
        with opened(_stream(path), named(path)) as stream, opened_tiff(stream, named(path)) as tiff:
            how = decide([tiff.frame(0, MOST_PIXELS)]) if how is None else how
            for index in range(tiff.frames):
                yield lambda i=index: Frame(render(tiff.frame(i, MOST_PIXELS), how), None)
        return
    with undecoded(_stream(path), named(path)) as image:
        for index in range(getattr(image, "n_frames", 1)):
            yield lambda i=index: Frame(_page(image, i, named(path)), None)


def _page(image: Image.Image, index: int, name: str) -> Picture:
    image.seek(index)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise PictureError(too_large(f"Frame {index} of {name}", width * height, MOST_PIXELS))
    return read_picture(image.copy())  # a copy has no further frames, of which reading would tell


def _video_frames(path: PathLike) -> Iterator[Any]:
    with _video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if stream.width * stream.height > MOST_PIXELS:
            raise PictureError(too_large(named(path), stream.width * stream.height, MOST_PIXELS))
        for frame in container.decode(stream):
            yield lambda f=frame: Frame(_upright(f), None if f.time is None else round(float(f.time), 4))


def _upright(frame: Any) -> Picture:
    turns = round(getattr(frame, "rotation", 0) / 90)
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _video(path: PathLike) -> Any:
    av, name = _pyav(path), named(path)
    if is_url(path):
        store, inside = store_of(os.fspath(path))
        container = av.open(store.open(inside, "rb"))
    else:
        if not Path(plain_path(path)).exists():
            raise PictureError(f"{name} does not exist; check the path.")
        if not Path(plain_path(path)).is_file():
            raise PictureError(f"{name} is no file but a folder, a pipe or a device; name a video.")
        container = av.open(plain_path(path))
    if not container.streams.video:
        container.close()
        raise PictureError(f"{name} holds no video; leave it out.")
    return container


def _pyav(path: PathLike) -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise PictureError(
            f"{named(path)} is a video, which takes PyAV to read: pip install 'asgnet[video]'."
        ) from error
    return av


def _stream(path: PathLike) -> Any:
    return io.BytesIO(read_source(path)) if is_url(path) else plain_path(path)


def _ending(path: PathLike) -> str:
    return os.path.splitext(os.fspath(path))[1].lower()
