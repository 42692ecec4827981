"""What statistics need of a painted mask: how much of each cell it covers, where superpixels start, which
pixels stand for it. Plain numpy, so that it serves the network and its graphs alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.averages import cell_means
from asgnet.model.default.config import DefaultConfig
from asgnet.model.paper.seeds import count_prototypes, place_seeds
from asgnet.types import IGNORE, Mask

Cells = NDArray[np.int64]


class Side(NamedTuple):
    """The object, or the background, of one support; cells are numbered along rows.

    Attributes:
        share: ``p`` float32 in [0, 1], of each cell.
        region: ``r`` cells that are clustered: those more than half inside, else the ones most inside.
        seeds: ``n`` cells where superpixels start; fewer than two: one prototype, the average.
        sample: ``s`` cells that stand for this side.
        pixels: ``q`` pixels of the pixel head's grid.
        deep: ``p'`` float32, the share of each cell of the deepest grid.
    """

    share: NDArray[np.float32]
    region: Cells
    seeds: Cells
    sample: Cells
    pixels: Cells
    deep: NDArray[np.float32]


class Grids(NamedTuple):
    """``(h, w)`` of the prototypes' cells, of the deepest map's, and of the pixel head's pixels."""

    cells: tuple[int, int]
    deep: tuple[int, int]
    pixels: tuple[int, int]


def sides_of(mask: Mask, grids: Grids, config: DefaultConfig, seed: int = 0) -> tuple[Side, Side]:
    """Object and background of one support.

    Args:
        mask: ``H W`` in {0, 1, 255}; 255 counts for neither side.
        grids: of the support's features.
        config: numbers of prototypes and of pixels.
        seed: of the pixels that are drawn for the pixel head.
    """
    inside, counted = (part.astype(np.float32) for part in (mask == 1, mask != IGNORE))
    share, valid = cell_means(inside, grids.cells), cell_means(counted, grids.cells)
    deep, deep_valid = cell_means(inside, grids.deep), cell_means(counted, grids.deep)
    pixels, sure = (
        cell_means(inside, grids.pixels),
        cell_means(counted, grids.pixels) > config.calibration.pixel_valid,
    )
    random = np.random.default_rng(seed)
    return (
        _side(share, deep, sure & (pixels > 0.5), config, random),
        _side((valid - share).clip(0), (deep_valid - deep).clip(0), sure & (pixels <= 0.5), config, random),
    )


def _side(
    share: NDArray[np.float32],
    deep: NDArray[np.float32],
    pixels: NDArray[np.bool_],
    config: DefaultConfig,
    random: np.random.Generator,
) -> Side:
    region = share > 0.5
    if not region.any():
        region = (share >= 0.999 * share.max()) & (share > 0)
    seeds = place_seeds(region, count_prototypes(region, config.area, config.most))
    drawn = _drawn(np.flatnonzero(pixels), config.calibration.pixel_samples // 2, random)
    return Side(
        share.ravel(),
        np.flatnonzero(region),
        np.ravel_multi_index(tuple(seeds.T), share.shape).astype(np.int64),
        evenly(np.flatnonzero(share), config.calibration.support_sample),
        drawn,
        deep.ravel(),
    )


def _drawn(values: Cells, most: int, random: np.random.Generator) -> Cells:
    """At most ``most`` of ``n`` values, one at random from each of as many equal parts of the list."""
    if len(values) <= most:
        return values
    return values[((np.arange(most) + random.random(most)) * (len(values) / most)).astype(np.int64)]


def evenly(values: NDArray, most: int) -> NDArray:
    """At most ``most`` of ``n`` values, evenly spaced."""
    if len(values) <= most:
        return values
    return values[np.arange(most) * len(values) // most]
