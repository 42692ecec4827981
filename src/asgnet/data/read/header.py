"""What a file says of itself, before anything of it is decoded."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from asgnet.data.read.decode import MOST_PIXELS, Source, check_size, opened, refusals, undecoded
from asgnet.data.read.images import HEAD
from asgnet.data.read.others import reader_of
from asgnet.data.read.tiff import MAGIC
from asgnet.files import named


class Header(NamedTuple):
    """What a file says of itself.

    Attributes:
        format: Pillow's name of it, empty for what others read.
        size: ``(w, h)``, not turned upright; None: nothing says it but decoding.
        plain: its pixels are grey, of a palette or RGB, of 8 bits, none transparent.
    """

    format: str
    size: tuple[int, int] | None
    plain: bool


def read_header(source: Source, *, most_pixels: int = MOST_PIXELS) -> Header:
    """Read what a file says of itself; nothing is decoded.

    Raises:
        PictureError: missing, of an unknown format, too large, or a bomb.
    """
    name = named(source)
    with refusals(name), opened(source, name) as stream:
        head = stream.read(HEAD)
        if reader_of(head, name) is not None:
            return Header("", None, False)
        stream.seek(0)
        try:
            return _pillows(stream, name, most_pixels)
        except (SyntaxError, OSError):
            if head.startswith(MAGIC):  # tifffile may know it
                return Header("TIFF", None, False)
            raise


def _pillows(stream: BinaryIO, name: str, most_pixels: int) -> Header:
    with undecoded(stream, name, most_pixels) as image:
        check_size(image, name, most_pixels)
        plain = image.mode in ("1", "L", "P", "RGB") and not image.has_transparency_data
        return Header(image.format or "", image.size, plain)
