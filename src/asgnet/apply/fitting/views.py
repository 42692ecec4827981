"""Other views of a support: turned, larger or smaller, in other light, as pictures to come may show the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from asgnet.apply.inference.working_scale import LEAST, STRIDE
from asgnet.imaging.resize import on_grid, resized
from asgnet.types import Mask, Picture

SCALES, GAMMA, CONTRAST, TINT = (0.7, 1.4), 0.4, 0.2, 0.07
"""Sizes, as ratios; light, as e-folds of gamma; contrast and each colour, as ratios to either side of 1."""


def views(
    picture: Picture, mask: Mask, size: Sequence[int], count: int, random: np.random.Generator
) -> Iterator[tuple[Picture, Mask]]:
    """So many views in network pixels; the first half of them upright, every other one mirrored.

    Args:
        picture: ``h w 3`` uint8, as it is kept.
        mask: ``h w`` in {0, 1, 255}.
        size: ``(h, w)`` at which the network works on it.
        count: of views.
        random: draws them.
    """
    for number in range(count):
        ratio = np.exp(random.uniform(*np.log(SCALES)))
        turns = int(random.integers(4)) if number >= count / 2 else 0
        to = [max(round(side * ratio / STRIDE) * STRIDE, LEAST) for side in size]
        shown, painted = _relit(resized(picture, to), random), on_grid(mask, to)
        if number % 2:
            shown, painted = shown[:, ::-1], painted[:, ::-1]
        yield np.ascontiguousarray(np.rot90(shown, turns)), np.ascontiguousarray(np.rot90(painted, turns))


def _relit(picture: Picture, random: np.random.Generator) -> Picture:
    """In another light."""
    gamma = np.exp(random.uniform(-GAMMA, GAMMA))
    contrast = 1 + random.uniform(-CONTRAST, CONTRAST)
    tints = 1 + random.uniform(-TINT, TINT, 3)
    light = (picture.astype(np.float32) / 255) ** np.float32(gamma)
    mean = light.mean()
    light = ((light - mean) * contrast + mean).clip(0, 1) * tints
    return (light.clip(0, 1) * 255).astype(np.uint8)
