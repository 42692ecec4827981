"""Write PNGs, whole or not at all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from asgnet.files import PathLike, save_bytes


def save_png(path: PathLike, image: NDArray | Image.Image, palette: ArrayLike | None = None) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: where; missing folders are made.
        image: ``h w`` bool (written as 0 and 255), uint8 or uint16; ``h w 3`` or ``h w 4`` uint8; or PIL's.
        palette: ``n 3`` colours of the values of an ``h w`` uint8 image, n <= 256.

    Raises:
        OutputError: as :func:`asgnet.files.atomic_path`.
    """
    save_bytes(path, png_bytes(image, palette))


def png_bytes(image: NDArray | Image.Image, palette: ArrayLike | None = None) -> bytes:
    """What :func:`save_png` writes."""
    if not isinstance(image, Image.Image):
        image = image.astype(np.uint8) * 255 if image.dtype == bool else np.ascontiguousarray(image)
        image = Image.fromarray(image)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    # Encoded in memory: Pillow forgets the errno of a full disk when it writes by itself.
    # 16-bit values seldom repeat: looking for runs alone takes two thirds of the time for the same size.
    runs = zlib.Z_RLE if image.mode.startswith("I") else zlib.Z_DEFAULT_STRATEGY
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", compress_level=1, compress_type=runs)
    return encoded.getvalue()


def png_parts(
    rows: Iterable[NDArray], size: tuple[int, int], palette: NDArray[np.uint8] | None = None
) -> Iterator[bytes]:
    """A PNG piece by piece, of which a few rows at a time are in memory.

    Args:
        rows: ``r w`` uint8 or uint16, or ``r w 4`` uint8, from top to bottom.
        size: ``(h, w)`` of all.
        palette: as for :func:`save_png`.
    """
    compressor: zlib._Compress | None = None
    for part in rows:
        if compressor is None:
            kind = 3 if palette is not None else 6 if part.ndim == 3 else 0
            yield b"\x89PNG\r\n\x1a\n"
            head = struct.pack(">IIBBBBB", size[1], size[0], part.dtype.itemsize * 8, kind, 0, 0, 0)
            yield _chunk(b"IHDR", head)
            if palette is not None:
                yield _chunk(b"PLTE", palette.tobytes())
            runs = zlib.Z_RLE if part.dtype.itemsize == 2 else zlib.Z_DEFAULT_STRATEGY
            compressor = zlib.compressobj(1, zlib.DEFLATED, 15, 9, runs)
        plain = part.astype(part.dtype.newbyteorder(">")).reshape(len(part), -1).view(np.uint8)
        data = compressor.compress(np.pad(plain, ((0, 0), (1, 0))).tobytes())  # 0: rows are not filtered
        if data:
            yield _chunk(b"IDAT", data)
    assert compressor is not None  # pictures have rows
    yield _chunk(b"IDAT", compressor.flush())
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
