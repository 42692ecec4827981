"""Connected pieces of masks; pieces are connected by sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label


def pieces(region: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The pieces of ``h w``, numbered from 1."""
    return label(region)[0]


def small_pieces(region: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """The pieces of ``h w`` that have fewer than ``least`` pixels."""
    numbers, _ = label(region)
    small = np.bincount(numbers.ravel()) < least
    small[0] = False  # what is not in the region
    return small[numbers] if small.any() else np.zeros_like(region)
