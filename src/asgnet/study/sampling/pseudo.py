"""Objects that are no class: everything of a colour, so that training knows more than its classes.

The idea of self-supervised episodes is MaskSplit's (Amac 2022); the regions here are found by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.types import IGNORE

RADIUS = (15.0, 60.0)
BLUR = (0.5, 3.0)
VOID = 1.15
"""Colours between one and 1.15 times the radius are ignored: a colour object has no sharp edge."""
SHARE = (0.005, 0.85)
MARGIN = 8


def pseudo_masks(
    rng: np.random.Generator, thumbs: Sequence[NDArray[np.uint8]]
) -> tuple[NDArray[np.uint8], ...] | None:
    """A colour seen in the first support, looked up in the query and all supports.

    Args:
        rng: draws pixel, radius, blur and how much each channel counts.
        thumbs: the query's thumbnail, then the supports', each ``s s 3``.

    Returns:
        ``s s`` in {0, 1, 255} each; None where the object covers too little or nearly all of one.
    """
    from scipy.ndimage import gaussian_filter

    images = []
    for thumb in thumbs:
        blur = rng.uniform(*BLUR)
        images.append(gaussian_filter(thumb.astype(np.float32), (blur, blur, 0)))
    y, x = rng.integers(MARGIN, len(images[1]) - MARGIN, 2)
    colour = images[1][y, x]
    channels = rng.uniform(0.3, 1, 3) if rng.random() < 0.5 else np.ones(3)
    radius = rng.uniform(*RADIUS)
    masks = []
    for image in images:
        distance = np.sqrt(np.square((image - colour) * channels).sum(-1))
        mask = (distance < radius).astype(np.uint8)
        mask[(distance >= radius) & (distance < VOID * radius)] = IGNORE
        masks.append(mask)
    low, high = SHARE
    shares = [float((mask == 1).mean()) for mask in masks]
    if shares[0] < low / 2 or not all(low <= share <= high for share in shares[1:]):
        return None
    return tuple(masks)
