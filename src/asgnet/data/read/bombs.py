"""Small files that would cost much work, refused before they are decoded: what the header's size does not show."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from asgnet.errors import PictureError

MOST_SCANS = 100
"""Of a JPEG. Each goes over the whole picture again; cameras and editors write ten or so, 64 at most."""

MOST_IN_PARTS = 200_000_000_000
"""Pixels of a picture that is read in parts: days of work."""
MOST_SEGMENT = 64_000_000
"""Pixels of a tile or strip, which is decoded as a whole."""
MOST_SEGMENTS = 16_000_000
"""Tiles or strips of a picture: their list alone is in memory."""
MOST_RATIO = 5000
"""Decoded bytes for each byte of a file; a flat picture has a thousand with Deflate."""

_ICON = b"\0\0\1\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN, _END = 0xDA, 0xD9
_ONE_SCAN = (0xC0, 0xC1)
"""Frames that are over with a scan of all components; the others, progressive ones, may go on for ever."""
_ALONE = (0x01, 0xD8)
"""Markers without a segment."""
_TABLES = (0xC4, 0xC8, 0xCC)
"""Markers among those of frames that begin none."""
_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""The next one, whatever lies before it: in a scan's data 0xFF is followed by 0x00 or a restart (D0 to D7)."""


def refuse_bombs(stream: BinaryIO, name: str, most_pixels: int) -> None:
    """Refuse a file that costs more than the header says which Pillow will read.

    Args:
        stream: the file, at its beginning, and there again after.
        name: what to call it in messages.
        most_pixels: that it may have.

    Raises:
        PictureError: an icon with more pixels inside, a JPEG of too many scans.
    """
    signature = stream.read(4)
    if signature == _ICON:
        w, h = largest_in_icon(stream)
        if w * h > most_pixels:
            raise PictureError(too_large(name, w * h, most_pixels, f" ({w}×{h})"))
    stream.seek(0)
    if signature.startswith(b"\xff\xd8") and scans(stream.read(), MOST_SCANS) > MOST_SCANS:
        raise PictureError(
            f"{name} is a JPEG of more than {MOST_SCANS} scans, each of which goes over the whole picture; "
            "open it in an editor and save it anew."
        )
    stream.seek(0)


def refuse_large_bombs(
    name: str, size: tuple[int, int], segment: tuple[int, int], pixel: int, stored: int
) -> None:
    """Refuse a picture that would be read in parts, and is larger than its file can be meant to hold.

    Args:
        name: what to call it in messages.
        size: ``(h, w)``.
        segment: ``(h, w)`` of a tile or strip.
        pixel: bytes of a pixel, decoded.
        stored: bytes of the file.

    Raises:
        PictureError: too many pixels, tiles, or pixels in a tile, or too few bytes for them.
    """
    (h, w), (rows, columns) = size, segment
    if h * w > MOST_IN_PARTS:
        raise PictureError(too_large(name, h * w, MOST_IN_PARTS, f" ({w}×{h})"))
    if h * w * pixel > stored * MOST_RATIO:
        raise PictureError(
            f"{name} says that it has {h * w / 1e6:.0f} megapixels ({w}×{h}), but its {stored} bytes cannot "
            "hold them; copy it again from its source or leave it out."
        )
    if rows * columns > MOST_SEGMENT:
        raise PictureError(
            f"{name} has {h * w / 1e6:.0f} megapixels ({w}×{h}) in pieces of {rows * columns / 1e6:.0f}, too "
            f"large to be read one at a time; {TILE}."
        )
    if -(-h // rows) * -(-w // columns) > MOST_SEGMENTS:
        raise PictureError(f"{name} is cut into more than {MOST_SEGMENTS} pieces; {TILE} of 512×512.")


TILE = "write it anew in tiles, as gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co BIGTIFF=YES does"
"""The remedy for files that cannot be read in parts."""


def scans(data: bytes, most: int) -> int:
    """The scans that a decoder would go through in a JPEG, counted no further than the first above ``most``."""
    found, components, one_scan = 0, 0, False
    marker = _MARKER.search(data, 2)
    while marker is not None and found <= most:
        kind, after = marker[1][0], marker.end()
        if kind == _END:
            break
        if kind not in _ALONE and after + 8 <= len(data):
            (length,) = struct.unpack_from(">H", data, after)
            if 0xC0 <= kind <= 0xCF and kind not in _TABLES:
                one_scan, components = kind in _ONE_SCAN, data[after + 7]
            elif kind == _START_OF_SCAN:
                found += 1
                if one_scan and data[after + 2] == components:
                    break
            after += length
        marker = _MARKER.search(data, after)
    return found


def largest_in_icon(stream: BinaryIO) -> tuple[int, int]:
    """``(w, h)`` of the largest picture in an icon by the pictures' own headers: its list says 256 at most."""
    stream.seek(4)
    (count,) = struct.unpack("<H", stream.read(2).ljust(2, b"\0"))
    entries = stream.read(16 * count)
    largest = (0, 0)
    for at in range(0, len(entries) - 15, 16):
        stream.seek(struct.unpack_from("<I", entries, at + 12)[0])
        head = stream.read(24).ljust(24, b"\0")
        w, h = (
            struct.unpack_from(">II", head, 16)
            if head.startswith(_PNG)
            else struct.unpack_from("<ii", head, 4)
        )
        largest = max(largest, (abs(w), abs(h)), key=lambda size: size[0] * size[1])
    return largest


def too_large(name: str, pixels: int, most: int, size: str = "") -> str:
    """The sentence about a picture of too many pixels."""
    return (
        f"{name} has {pixels / 1e6:.0f} megapixels{size}, more than the {most / 1e6:.0f} that are read; "
        "shrink it or cut it into tiles."
    )
