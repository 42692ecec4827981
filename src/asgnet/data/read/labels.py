"""Read class indices as they are, or the colours that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.decode import MOST_PIXELS, decoded, refusals
from asgnet.errors import DataError
from asgnet.files import PathLike, named
from asgnet.types import IGNORE, Picture

VOID = (224, 224, 192)
"""VOC's colour of what counts for nobody."""


def read_labels(
    source: PathLike | BinaryIO,
    colours: Sequence[tuple[int, int, int]] = (),
    *,
    most_pixels: int = MOST_PIXELS,
) -> NDArray[np.uint8]:
    """Read class indices as ``h w`` uint8, untouched: palette indices or grey values, no EXIF turn.

    Args:
        source: the file, or a stream of it.
        colours: of the classes from 1 on, for files that hold those instead of indices, as CVAT writes them;
            black is background, VOC's colour of the void is 255.
        most_pixels: refuse larger ones, before decoding.

    Raises:
        PictureError: missing or unreadable.
        DataError: the file holds colours (or others than those) or values beyond 255: no class indices.
    """
    name = named(source)
    with refusals(name):
        image = decoded(source, name, most_pixels)
        values = np.array(image)
    if values.ndim == 3 and colours:
        return _labels_of_colours(np.asarray(image.convert("RGB")), colours, name)
    if values.ndim != 2 or values.dtype.kind == "f" or values.min() < 0 or values.max() > 255:
        raise DataError(
            f"{name} (mode {image.mode}) holds no class indices from 0 to 255; give a palette or grey PNG."
        )
    return values.astype(np.uint8, copy=False)


def _labels_of_colours(
    picture: Picture, colours: Sequence[tuple[int, int, int]], name: str
) -> NDArray[np.uint8]:
    values = (picture.astype(np.uint32) << (16, 8, 0)).sum(-1)  # h w: one number a colour
    labels = np.zeros(values.shape, np.uint8)
    strange = values != 0
    for index, (red, green, blue) in ((IGNORE, VOID), *enumerate(colours, 1)):
        here = values == (red << 16) + (green << 8) + blue
        labels[here] = index
        strange &= ~here
    if strange.any():
        red, green, blue = picture[strange][0].tolist()
        raise DataError(
            f"{name} has the colour {red},{green},{blue}, which the list of classes does not have."
        )
    return labels
