"""Intersection over union of a mask that was found and the true one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.types import IGNORE, Mask


class Overlap(NamedTuple):
    """Pixels in both and in either of what was found and what is true, for the object and the background."""

    intersection: int
    union: int
    background_intersection: int
    background_union: int

    @property
    def iou(self) -> float:
        """Intersection over union of the object; 1 where neither has any pixel."""
        return ratio(self.intersection, self.union)


def ratio(intersection: float, union: float) -> float:
    """Intersection over union; nothing to find and nothing found is 1."""
    return float(intersection / union) if union else 1.0


def overlap(found: NDArray, truth: Mask) -> Overlap:
    """Count one picture's pixels.

    Args:
        found: ``h w``, non-zero where the object was found.
        truth: ``h w`` in {0, 1, 255}; pixels of value 255 count neither way.

    Raises:
        ValueError: two sizes.
    """
    same_size(found, truth)
    counted = truth != IGNORE
    found, there = (found != 0) & counted, truth == 1
    both, either = int(np.count_nonzero(found & there)), int(np.count_nonzero(found | there))
    valid = int(np.count_nonzero(counted))
    return Overlap(both, either, valid - either, valid - both)


def iou(found: NDArray, truth: Mask) -> float:
    """Intersection over union of the object, see :func:`overlap`; 1 where neither has any pixel."""
    return overlap(found, truth).iou


def same_size(found: NDArray, truth: NDArray) -> None:
    """Refuse arrays of two shapes with a ValueError."""
    if found.shape != truth.shape:
        raise ValueError(f"The prediction is {found.shape} and the truth {truth.shape}.")
