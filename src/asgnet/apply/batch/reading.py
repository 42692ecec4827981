"""A picture's pixels, and what tells whether its file is still the one that an earlier run saw."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from asgnet.apply.batch.plan import PictureTask, RunOptions
from asgnet.data.folder import Remote, is_url, plain_path, read_source, store_of
from asgnet.data.read import VIDEOS, FrameReader, large_size, read_picture, read_pixel_size
from asgnet.data.results import ManifestEntry
from asgnet.errors import OutputError, PictureError, note
from asgnet.imaging.units import PIXELS, PixelSize
from asgnet.types import Picture, Rendering

WHOLE = 64_000_000
"""Pixels from which on a picture is read, found and written in parts: a whole one takes 12 bytes for each."""
_MARKS = ("size", "ETag", "etag", "generation", "mtime", "LastModified", "created")


class LoadedPicture(NamedTuple):
    """A picture read, if it lacks anything of what is asked for; and what an earlier run left in ``entry``.

    A ``large`` one is read in parts, later.
    """

    picture: Picture | None
    entry: ManifestEntry | None = None
    digest: str = ""
    version: str = ""
    time: float | None = None
    pixel_size: PixelSize = PIXELS
    large: bool = False


@dataclass
class PictureReader:
    """Reads pictures and frames one after another, and each file's SHA-256 once.

    Attributes:
        rendering: of deep values and other channels, the concept's.
        options: of the run.
    """

    rendering: Rendering | None = None
    options: RunOptions = field(default_factory=RunOptions)
    _said: bool = False
    _last: tuple[str, str, str] = ("", "", "")  # of the last file with many frames: path, version, digest

    def read(self, task: PictureTask, entry: ManifestEntry | None) -> LoadedPicture:
        """A picture, unless an earlier run's ``entry`` has all of it and it is still the same file.

        Raises:
            PictureError: it cannot be read.
            OutputError: it has changed since it was finished.
        """
        path, version = task.picture, version_of(task.picture)
        if entry is not None and task.complete and version and version == entry.get("version"):
            return LoadedPicture(None, entry)
        framed = task.frame is not None or os.path.splitext(path)[1].lower() in VIDEOS
        data = read_source(path) if is_url(path) and not framed else None
        digest = self._digest(path, version) if data is None else hashlib.sha256(data).hexdigest()
        if entry is not None and entry["sha256"] != digest:
            raise OutputError(
                f"{path!r} has changed since it was segmented; give --overwrite to do it again."
            )
        if task.complete:
            return LoadedPicture(None, entry)
        if framed:
            frame = self._frames.read(path, task.frame or 0)
            size = self._pixel_size(path, path)
            return LoadedPicture(frame.picture, entry, digest, version, frame.time, size)
        if data is None and large_size(path, WHOLE) is not None:
            size = self._pixel_size(path, path)
            return LoadedPicture(None, entry, digest, version, pixel_size=size, large=True)
        picture = read_picture(path if data is None else Remote(data, path), rendering=self.rendering)
        size = self._pixel_size(path, path if data is None else Remote(data, path))
        return LoadedPicture(picture, entry, digest, version, pixel_size=size)

    def _pixel_size(self, path: str, source: Any) -> PixelSize:
        """As the run's options have it, else the file's tags; pixels where both say nothing, or nobody asks."""
        given = PixelSize.parse(self.options.pixel_size) if self.options.pixel_size else None
        if not self.options.in_units:
            return given or PIXELS
        if given is None:
            return read_pixel_size(source, name=path) or PIXELS
        with suppress(PictureError):  # pixels that are not square: the options know better
            tagged = read_pixel_size(source, name=path)
            if tagged and not self._said and not 0.99 <= tagged.metres / given.metres <= 1.01:
                self._said = True  # once, not of each of thousands of pictures
                note(
                    f"{path!r} says that a pixel is {tagged.side:g} {tagged.unit} wide, --pixel-size that it is "
                    f"{self.options.pixel_size}; the latter is used, here and for all others."
                )
        return given

    @cached_property
    def _frames(self) -> FrameReader:
        return FrameReader(self.rendering)

    def _digest(self, path: str, version: str) -> str:
        if not version or self._last[:2] != (path, version):
            self._last = (path, version, _file_digest(path))
        return self._last[2]


def version_of(path: str) -> str:
    """What changes whenever a file does: size and time, or what its store says; empty if not to be had."""
    try:
        if not is_url(path):
            status = os.stat(plain_path(path))
            return f"{status.st_size} {status.st_mtime_ns}"
        store, inside = store_of(path)
        info = store.info(inside)
        return " ".join(str(info[mark]) for mark in _MARKS if info.get(mark) is not None)
    except Exception:  # reading it will say why
        return ""


def _file_digest(path: str) -> str:
    """SHA-256 of a file; empty if it cannot be read (reading it as a picture will say why).

    Only regular files are opened: a pipe would keep us waiting for ever.
    """
    try:
        if is_url(path):
            store, inside = store_of(path)
            with store.open(inside, "rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except Exception:
        return ""
