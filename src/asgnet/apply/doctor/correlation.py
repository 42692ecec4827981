"""How well what one example sees in another's picture correlates with what is painted there, and where best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID = 96
"""Side of the grid that correlations are measured on, whatever the pictures' sizes."""
LogOdds = NDArray[np.float32]
"""``GRID GRID``: log odds of the object in one picture, as another example sees it."""

_REACH = 1 / 3
"""Masks are moved by up to this share of the side."""
_LEAST_SHIFT = 3
"""In cells: a mask that lies nearer is not moved."""
LEAST = 0.35
"""Correlation below which nothing is said of a mask's place."""


def correlation(log_odds: LogOdds, painted: LogOdds, counted: NDArray[np.bool_]) -> float:
    """Correlation of what was seen with what was painted, in [-1, 1]; 0 where either is all the same.

    Args:
        log_odds: ``h w``.
        painted: ``h w``, the share of each cell that is painted.
        counted: ``h w``, the cells that are compared.
    """
    seen, own = log_odds[counted], painted[counted]
    if not len(own) or seen.std() < 1e-6 or own.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(seen, own)[0, 1])


def best_shift(
    log_odds: LogOdds, painted: LogOdds, counted: NDArray[np.bool_]
) -> tuple[tuple[float, float], float]:
    """Where the mask would fit best: how far it lies from there (down, right), and the correlation gained.

    Returns:
        The shift as shares of the sides, and the gain; 0 where none is convincing: too near, at the end of
        the reach, or without correlation there, too.
    """
    correlations = _at_every_shift(log_odds, painted, counted)  # 2r+1 2r+1
    reach = correlations.shape[0] // 2
    down, right = (int(n) - reach for n in np.unravel_index(correlations.argmax(), correlations.shape))
    best, here = float(correlations.max()), float(correlations[reach, reach])
    far = max(abs(down), abs(right))
    gain = best - max(here, -0.2) if _LEAST_SHIFT <= far < reach and best > LEAST else 0.0
    return (-down / GRID, -right / GRID), gain


def on_small_grid(values: NDArray) -> LogOdds:
    """``h w`` values averaged on ``GRID GRID`` float32."""
    from PIL import Image

    image = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(image.resize((GRID, GRID), Image.Resampling.BOX))


def _at_every_shift(log_odds: LogOdds, painted: LogOdds, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Correlation with the mask moved by every (down, right) within reach, ``2r+1 2r+1``."""
    side = len(log_odds)
    size = [2 * side, 2 * side]
    weight = counted.astype(float)
    count = max(weight.sum(), 1)
    level = (log_odds * weight).sum() / count
    centred = np.where(counted, log_odds - level, 0.0)
    deviation = max(float(np.sqrt((centred**2).sum() / count)), 1e-6)

    def with_mask(seen: NDArray, mask: NDArray) -> NDArray:
        moved = np.fft.irfft2(np.fft.rfft2(seen, size) * np.fft.rfft2(mask, size).conj(), size)
        return moved / count

    mean, square = with_mask(weight, painted), with_mask(weight, painted**2)
    own = np.sqrt(np.maximum(square - mean**2, 1e-9))
    correlations = with_mask(centred, painted) / (own * deviation)
    correlations[mean < 0.6 * (painted * weight).sum() / count] = -1  # most of it would leave the picture
    steps = np.arange(-int(side * _REACH), int(side * _REACH) + 1)
    return correlations[np.ix_(steps % size[0], steps % size[1])]
