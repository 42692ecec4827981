"""Write PNGs, whole or not at all."""

from __future__ import annotations

import io
import zlib

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
