"""Read pictures of any kind as ``h w 3`` uint8.

Everything here answers with plain arrays or with one sentence, a :class:`PictureError`. What had to be decided
for the user (first frame of an animation, the range of deep values) is said by an :class:`AsgnetWarning`.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.data.read.decode import MOST_PIXELS, Source, decoded, opened, orientation_of, refusals, upright
from asgnet.data.read.others import reader_of
from asgnet.data.read.raw import Raw, decide, render
from asgnet.data.read.tiff import MAGIC, read_deep_tiff
from asgnet.errors import PictureError, note
from asgnet.files import PathLike, named
from asgnet.types import Picture, Rendering

HEAD = 132
"""Bytes at a file's beginning that tell its kind."""
_PNG = b"\x89PNG"
_STRIP = 4_000_000
"""Pixels that are converted at a time."""


def read_picture(
    source: Source, *, most_pixels: int = MOST_PIXELS, rendering: Rendering | None = None
) -> Picture:
    """Read any picture as ``h w 3`` uint8, upright.

    Transparent pixels become white: that is the page they were cut out for, and no tool stores a meaningful
    colour under them. Values of more than 8 bits, or of other channels than three, are shown as the
    ``rendering`` says. Colour profiles are not applied.

    Args:
        source: a path, a PIL image of any mode, a binary stream, or an array ``h w``, ``h w 1``, ``h w 3`` or
            ``h w 4`` of uint8, uint16, bool or floats in [0, 1].
        most_pixels: refuse larger pictures, before decoding.
        rendering: decided for pictures that belong together; None: for this picture alone.

    Raises:
        PictureError: missing, unreadable, damaged, too large, empty, or of an unsupported shape or dtype.
    """
    raw = read_raw(source, most_pixels=most_pixels)
    return render(raw, decide([raw]) if rendering is None else rendering)


def read_raw(source: Source, *, most_pixels: int = MOST_PIXELS) -> Raw:
    """A picture whose values are still to be shown, see :class:`~asgnet.data.read.raw.Raw`.

    Args:
        source: as for :func:`read_picture`.
        most_pixels: refuse larger pictures.

    Raises:
        PictureError: as :func:`read_picture`.
    """
    name = named(source)
    with refusals(name):
        if isinstance(source, np.ndarray):
            return _raw_of_array(source, name)
        if isinstance(source, Image.Image):
            return _raw(decoded(source, name, most_pixels), name)
        with opened(source, name) as stream:
            return _read(stream, name, most_pixels)


def begins_like_a_picture(path: PathLike) -> bool:
    """Has a file a signature of the common kinds? It is not read further."""
    try:
        if not os.path.isfile(path):  # opening a pipe would wait for ever
            return False
        with open(path, "rb") as stream:
            head = stream.read(HEAD)
    except OSError:
        return False
    return head.startswith((_PNG, b"\xff\xd8\xff", *MAGIC)) or head[128:] == b"DICM"


def _read(stream: BinaryIO, name: str, most_pixels: int) -> Raw:
    head = stream.read(HEAD)
    other = reader_of(head, name)
    if other is not None:
        return other(stream, name, most_pixels)
    deep = read_deep_tiff(stream, name, most_pixels) if head.startswith(MAGIC) else None
    if deep is not None:
        return deep
    stream.seek(0)
    image = decoded(stream, name, most_pixels)
    if image.mode == "RGB" and head.startswith(_PNG) and head[24] == 16:
        note(
            f"{name} has 16 bits a colour, of which only the upper 8 are read; save it as TIFF to keep them."
        )
    return _raw(image, name)


def _raw(image: Image.Image, name: str) -> Raw:
    turn, image = orientation_of(image), upright(image)
    if image.mode[0] in "IF":
        return Raw(name, np.asarray(image)[..., None], turn=turn)
    width, height = image.size
    rows = max(_STRIP // width, 1)
    values = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):  # as a whole it would take several copies of the picture at a time
        values[top : top + rows] = np.asarray(_rgb(image.crop((0, top, width, min(top + rows, height)))))
    return Raw(name, values, turn=turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _raw_of_array(array: NDArray, name: str) -> Raw:
    """``h w``, ``h w 1``, ``h w 3``, ``h w 4`` of uint8, bool, uint16 or floats in [0, 1]."""
    if array.dtype == np.uint16:
        _check_shape(array, name)
        array = array.reshape(*array.shape[:2], -1)
        return Raw(name, array[..., :3] if array.shape[2] == 4 else array)
    return _raw(image_of_array(array, name), name)


def image_of_array(array: NDArray, name: str) -> Image.Image:
    """``h w``, ``h w 1``, ``h w 3``, ``h w 4`` of uint8, bool or floats in [0, 1] as a PIL image."""
    _check_shape(array, name)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # so written, NaN is refused too
            raise PictureError(f"{name} is a float array beyond [0, 1]; divide it by its white value.")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise PictureError(f"{name} is an array of {array.dtype}; convert it with .astype(np.uint8).")
    return Image.fromarray(np.ascontiguousarray(array))


def _check_shape(array: NDArray, name: str) -> None:
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"{name} is an array of shape {array.shape}, not h×w×3; put the channels last (np.moveaxis) "
            "and give one picture at a time."
        )
    if not array.size:
        raise PictureError(f"{name} has no pixels (shape {array.shape}); leave it out.")
