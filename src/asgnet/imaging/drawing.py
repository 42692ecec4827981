"""Masks and label maps drawn into a picture.

Pictures are ``h w 3`` uint8 throughout; masks ``h w`` bool; label maps ``h w`` int.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.colours import OBJECT, PAPER, colours
from asgnet.imaging.regions import edge
from asgnet.types import Picture


def rounded(labels: NDArray[np.int32], radius: float = 6.0) -> NDArray[np.int32]:
    """A label map without the steps of a coarse grid; where it is negative it stays as it is."""
    from scipy.ndimage import gaussian_filter

    known = np.unique(labels[labels >= 0])
    if len(known) < 2:
        return labels
    weights = [gaussian_filter((labels == label).astype(np.float32), radius) for label in known]
    smooth = known[np.argmax(weights, axis=0)].astype(np.int32)
    return np.where(labels < 0, labels, smooth)


def tint(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int], strength: float = 0.45) -> Picture:
    """The picture with the mask's pixels pulled towards a colour."""
    out = image.copy()
    out[mask] = (image[mask] * (1 - strength) + np.asarray(colour) * strength).round().astype(np.uint8)
    return out


def fade(image: Picture, strength: float = 0.7, around: NDArray[np.bool_] | None = None) -> Picture:
    """The picture in pale grey, but for a mask, so that colours drawn over it stand out."""
    grey = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    out = (grey * (1 - strength) + 255 * strength).round().astype(np.uint8)
    return out if around is None else np.where(around[..., None], image, out)


def outline(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int], thickness: int = 3) -> Picture:
    """The picture with the mask's outline drawn over a white seam of a pixel."""
    out = image.copy()
    out[edge(mask, thickness + 1)] = PAPER
    out[edge(mask, thickness)] = colour
    return out


def outlined(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int] = OBJECT) -> Picture:
    """The picture with the mask lightly tinted and outlined."""
    return outline(tint(image, mask, colour, 0.35), mask, colour)


def spotlight(image: Picture, mask: NDArray[np.bool_], colour: Sequence[int] = OBJECT) -> Picture:
    """The object in its own colours with an outline, all else faded."""
    return outline(fade(image, 0.6, mask), mask, colour)


def coloured(labels: NDArray[np.integer], image: Picture, where: NDArray[np.bool_]) -> Picture:
    """Label maps in the prototypes' colours: full where ``where`` holds, a breath of them elsewhere.

    Labels below 0 stay uncoloured.
    """
    flat = colours(int(labels.max(initial=0)) + 1)[np.maximum(labels, 0)]
    strength = np.where(where, 0.8, 0.14)[..., None] * (labels >= 0)[..., None]
    shade = (flat * (0.7 + 0.5 * image.mean(-1, keepdims=True) / 255)).clip(0, 255)
    shade = np.where(where[..., None], shade, flat)
    return (fade(image).astype(float) * (1 - strength) + shade * strength).round().astype(np.uint8)
