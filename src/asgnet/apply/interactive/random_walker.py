"""Carries a coarse prediction to a picture's edges, by skimage's random walker.

Where the prediction is sure it is kept, and the pixels between take the side that a random walk, slowed by
differences in colour, reaches first (Grady, "Random Walks for Image Segmentation", PAMI 2006).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from asgnet.imaging.resize import bilinear, resized
from asgnet.types import Picture

SIDE = 128
"""Of the grid that is walked on, in pixels."""
SURE = 0.99
"""Probability from which a pixel is kept as object, and below whose complement as background."""
SLOWED = 500.0
"""How strongly differences in colour slow the walk, ``beta`` of skimage.segmentation.random_walker."""


def follow_edges(picture: Picture, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """``h w`` logits of any size -> ``SIDE SIDE`` logits that follow the picture's edges.

    Args:
        picture: ``h w 3`` uint8.
        logits: as they are where nothing is sure, or the picture is of one colour.
    """
    from skimage.segmentation import random_walker

    fine = bilinear(logits, (SIDE, SIDE))
    likely = expit(fine)
    seeds = np.where(likely > SURE, 2, np.where(likely < 1 - SURE, 1, 0))
    colours = resized(picture, (SIDE, SIDE)) / 255
    if set(np.unique(seeds)) != {0, 1, 2} or not colours.std():
        return fine
    walked = random_walker(
        colours, seeds, SLOWED, mode="cg_j", tol=1e-3, channel_axis=-1, return_full_prob=True, prob_tol=1
    )
    return logit(walked[1].clip(1e-6, 1 - 1e-6)).astype(np.float32)
