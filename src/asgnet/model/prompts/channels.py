"""Prompts as the channels that the prompt network reads, in numpy for training and use alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WINDOW = 256
"""Pixels of a window's sides as the backbone sees it."""
GRID = WINDOW // 4
"""Of the channels."""
RADIUS = 5
"""Of a click's disc, in pixels of the window."""
CHANNELS = 5
"""On the object, beside it, within the box, the ellipse in the box, the probability before."""
READ = ("map_1", "map_2", "map_3", "map_4", "map_5", "fine_1", "fine_2")
"""The features that the network reads beside them, by their names in the graphs."""

Array = NDArray[np.float32]


def prompt_channels(
    clicks: Iterable[tuple[float, float, bool]],
    box: tuple[float, float, float, float] | None,
    before: Array | None,
) -> Array:
    """``5 64 64`` in [0, 1].

    Args:
        clicks: x, y, on the object; in pixels of the window.
        box: x0, y0, x1, y1 in the same.
        before: the probability that the last answer gave, ``64 64``.
    """
    channels = np.zeros((CHANNELS, GRID, GRID), np.float32)
    centres = np.arange(GRID, dtype=np.float32) * 4 + 2
    y, x = centres[:, None], centres[None]
    for px, py, on in clicks:
        disc = ((RADIUS + 2 - np.hypot(x - px, y - py)) / 4).clip(0, 1)  # its share of a cell, nearly
        channels[0 if on else 1] = np.maximum(channels[0 if on else 1], disc)
    if box is not None:
        x0, y0, x1, y1 = box
        across, down = _overlap(x0, x1), _overlap(y0, y1)
        channels[2] = down[:, None] * across[None]
        apart = np.hypot((x - (x0 + x1) / 2) / max(x1 - x0, 4), (y - (y0 + y1) / 2) / max(y1 - y0, 4))
        channels[3] = apart < 0.3  # of the sides
    if before is not None:
        channels[4] = before
    return channels


def _overlap(low: float, high: float) -> Array:
    """``64``: the share of each cell that lies between."""
    start = np.arange(GRID, dtype=np.float32) * 4
    return ((np.minimum(start + 4, high) - np.maximum(start, low)) / 4).clip(0, 1)
