"""Pictures and label maps at another size. Pixel centres stay where they are in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.types import Picture


def resized(picture: Picture, size: Sequence[int]) -> Picture:
    """``h w 3`` uint8 -> ``h' w' 3``: bilinear, and antialiased where it shrinks.

    Args:
        picture: uint8.
        size: ``(h', w')``.
    """
    return np.array(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def nearest(labels: NDArray, size: Sequence[int]) -> NDArray:
    """``h w`` of any dtype -> ``h' w'``: each new pixel takes the old one under its centre, no new values.

    Args:
        labels: a mask, class indices, or any other map.
        size: ``(h', w')``.
    """
    rows, columns = (
        (2 * np.arange(to) + 1) * n // (2 * to) for n, to in zip(labels.shape, size, strict=True)
    )
    return labels[:, columns][rows]  # in two steps: five times as fast as in one
