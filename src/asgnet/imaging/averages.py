"""Averages of maps: over the cells of a coarser grid, and over what lies around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def cell_means(values: Array, grid: Sequence[int]) -> Array:
    """``… H W`` averaged over the cells of a grid ``h w``; where sides do not divide, cells overlap."""
    (height, width), (h, w) = values.shape[-2:], grid
    if height % h == 0 and width % w == 0:
        return values.reshape(*values.shape[:-2], h, height // h, w, width // w).mean((-3, -1))
    edges = [(0, 0)] * (values.ndim - 2) + [(1, 0), (1, 0)]
    sums = np.pad(values, edges).cumsum(-2, np.float64).cumsum(-1)
    (top, bottom), (left, right) = (
        (np.arange(to) * side // to, -(-(np.arange(to) + 1) * side // to))
        for side, to in ((height, h), (width, w))
    )
    rows = sums[..., bottom, :] - sums[..., top, :]
    counts = (bottom - top)[:, None] * (right - left)
    return ((rows[..., right] - rows[..., left]) / counts).astype(np.float32)


MANY = 1024
"""From so many cells a side on, sums are as exact and faster than products of matrices."""


def mean_around(maps: Array, radius: int) -> Array:
    """``… h w`` averaged over windows of at most ``radius`` cells to each side, which end at the border."""
    if max(maps.shape[-2:]) >= MANY:
        return _running_mean(_running_mean(maps.swapaxes(-1, -2), radius).swapaxes(-1, -2), radius)
    rows, columns = (_near(side, radius) for side in maps.shape[-2:])
    return np.asarray(rows @ maps @ columns.T, np.float32)


def _running_mean(maps: Array, radius: int) -> Array:
    """``… w``, the same along the last axis."""
    sums = np.pad(maps.cumsum(-1, np.float64), [(0, 0)] * (maps.ndim - 1) + [(1, 0)])
    at = np.arange(maps.shape[-1])
    low, high = (at - radius).clip(0), (at + radius + 1).clip(max=maps.shape[-1])
    return ((sums[..., high] - sums[..., low]) / (high - low)).astype(np.float32)


def _near(side: int, radius: int) -> Array:
    """``side side``: times a column, the mean of what is at most ``radius`` away."""
    at = np.arange(side)
    near = (abs(at[:, None] - at) <= radius).astype(np.float32)
    return near / near.sum(1, keepdims=True)
