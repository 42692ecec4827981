"""The object tinted and outlined in its picture, and the colours that classes have."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.errors import OutputError, UsageError
from asgnet.imaging.regions import window
from asgnet.types import IGNORE, Picture

# Okabe & Ito (2008), colours that all kinds of eyes can tell apart; those rare in photographs first.
_COLOURS = np.array(
    [
        [213, 94, 0],
        [86, 180, 233],
        [240, 228, 66],
        [204, 121, 167],
        [0, 158, 115],
        [0, 114, 178],
        [230, 159, 0],
    ]
)
_JPEG_SIDE = 65_500


def overlay(picture: Picture, mask: NDArray, alpha: float = 0.45) -> Picture:
    """The picture with the object filled translucently and outlined, ``h w 3`` uint8.

    Args:
        picture: ``h w 3`` uint8.
        mask: ``h w`` bool, or int with a class an index.
        alpha: share of the colour in the fill, in [0, 1].

    Raises:
        UsageError: mask and picture differ in size.
    """
    if mask.shape != picture.shape[:2]:
        raise UsageError(
            f"The mask is {mask.shape} and the picture {picture.shape[:2]} (h, w); give its own."
        )
    out = picture.copy()
    thickness = max(1, round(min(mask.shape) / 240))
    counted = np.bincount(mask.ravel().astype(np.int64), minlength=1)
    classes: list[int] = (np.flatnonzero(counted[1:]) + 1).tolist()
    for index in classes:
        region = mask == index if mask.dtype != bool else mask
        box = window(region)
        if box is None:
            continue
        top, bottom, left, right = box
        # One pixel of surroundings, so that the window's border is none of the object's.
        around = slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1)
        region, view = region[around], out[around]
        colour = class_palette(int(index))[index]
        blend = (np.arange(256)[:, None] * (1 - alpha) + colour * alpha + 0.5).astype(np.uint8)  # 256 3
        for channel in range(3):
            plane = view[..., channel]
            np.copyto(plane, blend[:, channel][plane], where=region)
        view[region & ~_eroded(region, thickness)] = colour
    return out


def class_palette(classes: int) -> NDArray[np.uint8]:
    """Colours of class indices, ``256 3`` uint8: black for 0, white for 255 and for what is not used.

    Seven that all kinds of eyes can tell apart; beyond them those of PASCAL VOC, whose bits spell the index.
    """
    palette = voc_palette()
    palette[1 : len(_COLOURS) + 1] = _COLOURS
    palette[min(classes, IGNORE - 1) + 1 :] = 255
    return palette


def voc_palette() -> NDArray[np.uint8]:
    """The colours of PASCAL VOC's devkit, ``256 3`` uint8: their bits spell the index."""
    index = np.arange(256)
    bits = [[((index >> (3 * j + c)) & 1) << (7 - j) for c in range(3)] for j in range(3)]
    return np.sum(bits, axis=0).T.astype(np.uint8)


def overlay_jpeg(picture: Picture, mask: NDArray, name: str = "") -> bytes:
    """:func:`overlay` as a JPEG; ``name`` is the picture's, for messages.

    Raises:
        UsageError: mask and picture differ in size.
        OutputError: it is larger than a JPEG can be.
    """
    if max(mask.shape) > _JPEG_SIDE:
        raise OutputError(
            f"The overlay of {name!r} ({mask.shape[1]}×{mask.shape[0]}) is larger than a JPEG can be; "
            "leave the overlay out."
        )
    return jpeg_bytes(overlay(picture, mask), quality=90)


def jpeg_bytes(picture: Picture, quality: int) -> bytes:
    """A picture as a JPEG."""
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="JPEG", quality=quality)
    return encoded.getvalue()


def _eroded(region: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    for _ in range(steps):
        inner = region.copy()
        inner[1:] &= region[:-1]
        inner[:-1] &= region[1:]
        inner[:, 1:] &= region[:, :-1]
        inner[:, :-1] &= region[:, 1:]
        region = inner
    return region
