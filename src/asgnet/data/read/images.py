"""Read pictures of any kind as ``h w 3`` uint8.

Everything here answers with plain arrays or with one sentence, a :class:`PictureError`. What had to be decided
for the user (first frame of an animation, 12-bit values) is said by an :class:`AsgnetWarning`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.data.read.decode import MOST_PIXELS, Source, decoded, refusals, upright
from asgnet.errors import PictureError, note
from asgnet.files import named
from asgnet.types import Picture


def read_picture(source: Source, *, most_pixels: int = MOST_PIXELS) -> Picture:
    """Read any picture as ``h w 3`` uint8, upright.

    Transparent pixels become white: that is the page they were cut out for, and no tool stores a meaningful
    colour under them. 16-bit values are divided by 65535 if they reach the upper half of that range, else by
    their maximum (12-bit cameras); float files beyond [0, 1] by their maximum. Colour profiles are not
    applied.

    Args:
        source: a path, a PIL image of any mode, a binary stream, or an array ``h w``, ``h w 1``, ``h w 3`` or
            ``h w 4`` of uint8, uint16, bool or floats in [0, 1].
        most_pixels: refuse larger pictures, before decoding.

    Raises:
        PictureError: missing, unreadable, damaged, too large, empty, or of an unsupported shape or dtype.
    """
    name = named(source)
    with refusals(name):
        if isinstance(source, np.ndarray):
            source = image_of_array(source, name)
        return _rgb(upright(decoded(source, name, most_pixels)), name)


def _rgb(image: Image.Image, name: str) -> Picture:
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bit(np.asarray(image), name))
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _eight_bit(values: NDArray, name: str) -> NDArray[np.uint8]:
    """16-bit, 32-bit or float values as uint8, the same for all channels."""
    whole = np.issubdtype(values.dtype, np.integer)
    values = np.nan_to_num(values.astype(np.float32), nan=0, posinf=0, neginf=0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    full = 65535.0 if whole and 32767 < high <= 65535 else 1.0 if not whole and high <= 1 else high
    if low < 0 or full not in (0.0, 1.0, 65535.0):
        note(f"{name} has values from {low:g} to {high:g}; {low:g} is shown as black and {full:g} as white.")
    return ((values - low) * (255 / ((full - low) or 1)) + 0.5).astype(np.uint8)


def image_of_array(array: NDArray, name: str) -> Image.Image:
    """``h w``, ``h w 1``, ``h w 3``, ``h w 4`` of uint8, bool, uint16 or floats in [0, 1] as a PIL image."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise PictureError(
            f"{name} is an array of shape {array.shape}, not h×w×3; put the channels last (np.moveaxis) "
            "and give one picture at a time."
        )
    if not array.size:
        raise PictureError(f"{name} has no pixels (shape {array.shape}); leave it out.")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = _eight_bit(array, name)
    elif np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # so written, NaN is refused too
            raise PictureError(f"{name} is a float array beyond [0, 1]; divide it by its white value.")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise PictureError(f"{name} is an array of {array.dtype}; convert it with .astype(np.uint8).")
    return Image.fromarray(np.ascontiguousarray(array))
