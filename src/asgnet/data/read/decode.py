"""Open a picture file, whatever it holds.

What comes out is decoded and of a size that was checked before; whatever a file can provoke becomes one
sentence, a :class:`PictureError`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from asgnet.data.read.bombs import refuse_bombs, too_large
from asgnet.errors import PictureError, note
from asgnet.files import PathLike

Source = PathLike | Image.Image | NDArray | BinaryIO

MOST_PIXELS = 100_000_000
"""Larger pictures are refused from their header, before anything is decoded."""

# Pillow knows more, but some of it runs other programs (EPS) or is no picture; HEIF needs the user's plugin.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "HEIF"),
    *("JPEG2000", "ICO", "PCX", "SGI", "QOI", "DDS", "TGA"),
)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGED = "is damaged or cut short ({}); copy it again from its source or leave it out"


def decoded(source: Source, name: str, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """The first frame, decoded, its size checked before; not yet turned upright.

    To be called inside :func:`refusals`, which knows what a damaged file makes Pillow raise.
    """
    if isinstance(source, Image.Image):
        check_size(source, name, most_pixels)
        _note_frames(source, name)
        source.load()
        return source
    with undecoded(source, name, most_pixels) as image:
        check_size(image, name, most_pixels)
        _note_frames(image, name)
        image.load()
    return image


@contextmanager
def undecoded(source: Source, name: str, most_pixels: int = MOST_PIXELS) -> Iterator[Image.Image]:
    """A file of a known format, open, nothing of it decoded; no bomb, but of any number of frames."""
    with opened(source, name) as stream:
        refuse_bombs(stream, name, most_pixels)
        yield identify(stream)


def opened(source: Any, name: str) -> BinaryIO:
    """A file or stream to read from its beginning; PictureError for what is none, or empty."""
    if hasattr(source, "read"):
        data = source.read()
        stream: BinaryIO = io.BytesIO(data)
        empty = not data
    elif isinstance(source, str | bytes | os.PathLike):
        if "\0" in os.fsdecode(source):
            raise FileNotFoundError(errno.ENOENT, "no such file")
        status = os.stat(source)
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{name} is a folder, not a picture; name a picture inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"{name} is a pipe or a device; save the picture to a file and name that.")
        stream, empty = open(source, "rb"), not status.st_size  # noqa: SIM115 (the caller closes it)
    else:
        raise PictureError(
            f"A {type(source).__name__} is not a picture; give a path, a PIL image or an h×w×3 uint8 array."
        )
    if empty:
        stream.close()
        raise PictureError(f"{name} is an empty file; copy it again from its source or leave it out.")
    return stream


def identify(stream: BinaryIO) -> Image.Image:
    """What ``Image.open`` does, but leaving the size limit to us: its own is one global for all threads."""
    prefix = stream.read(16)
    Image.preinit()
    if not any(kind in Image.OPEN and _accepts(kind, prefix) for kind in _FORMATS):
        Image.init()
    damage: Exception = UnidentifiedImageError()
    for kind in _FORMATS:
        if kind in Image.OPEN and _accepts(kind, prefix):
            stream.seek(0)
            try:
                return Image.OPEN[kind][0](stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error) as error:
                # TGA has no signature, so its refusal says nothing; that of others means a broken header.
                damage = damage if Image.OPEN[kind][1] is None else error
    raise damage


def _accepts(kind: str, prefix: bytes) -> bool:
    accept = Image.OPEN[kind][1]
    try:
        return accept is None or accept(prefix) is True
    except (struct.error, IndexError):  # a file of a few bytes
        return False


def check_size(image: Image.Image, name: str, most_pixels: int) -> None:
    """PictureError for no pixels, or too many."""
    w, h = image.size
    if not w or not h:
        raise PictureError(f"{name} has no pixels ({w}×{h}); leave it out.")
    if w * h > most_pixels:
        raise PictureError(too_large(name, w * h, most_pixels, f" ({w}×{h})"))


def _note_frames(image: Image.Image, name: str) -> None:
    several = False
    with suppress(Exception):  # a broken second frame is no reason to lose the first
        # An MPO is a photograph with a preview or a depth map behind it: one picture.
        several = image.format != "MPO" and getattr(image, "is_animated", False) and image.tell() == 0
    if several:
        note(f"{name} has several frames or pages; only the first is used.")


def orientation_of(image: Image.Image) -> int:
    """EXIF's, 1 to 8; 1 where there is none."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF is common and says nothing against the picture
        return 1


def upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation wants it seen."""
    turn = _TURNS.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn whatever a file can provoke into one sentence about it."""
    try:
        yield
    except PictureError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError(f"{name} does not exist; check the path.") from error
    except PermissionError as error:
        raise PictureError(f"{name} cannot be opened: permission denied; make it readable.") from error
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a known format; open it in a viewer and save it as PNG or JPEG."
        ) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise PictureError(too_large(name, int(pixels[0]) if pixels else 0, MOST_PIXELS)) from error
    except MemoryError as error:
        raise PictureError(f"{name} does not fit into memory; shrink it and try again.") from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise anything
        if isinstance(error, OSError) and error.errno is not None:
            raise PictureError(f"{name} cannot be opened: {error.strerror}; check the path.") from error
        reason = repr(" ".join(str(error).split())[:100])[1:-1] or type(error).__name__
        raise PictureError(f"{name} {_DAMAGED.format(reason)}.") from error
