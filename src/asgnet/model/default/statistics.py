"""The statistics of one support: all that fitting needs of it, and nothing of other supports.

Those of several are pooled by :mod:`asgnet.model.default.pooling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import Levels
from asgnet.model.paper.masked_features import centred
from asgnet.model.paper.sgc import refined

COMPACTNESS = 10.0
ITERATIONS = 5


class SideStatistics(NamedTuple):
    """Of the object, or of the background, of one support; C is all levels' channels side by side.

    Attributes:
        prototypes: ``n C``, one a seed, unit length within each level.
        labels: ``r``, which prototype each cell of the region belongs to most.
        total: ``C``, sum over the cells under their share.
        gram: ``w+1 w+1``, sum of the cells' outer products under their share, of the first w channels and a one.
        sample: ``s C``, features of the cells that stand for this side.
    """

    prototypes: Tensor
    labels: Tensor
    total: Tensor
    gram: Tensor
    sample: Tensor


def cell_features(maps: Sequence[Tensor], grid: Sequence[int]) -> Tensor:
    """``1 c h w`` per level -> ``p C`` on a grid, of unit length within each level."""
    unit = [to_grid(F.normalize(m.float(), dim=1), grid) for m in maps]
    return torch.cat(unit, 1)[0].flatten(1).T


def side_statistics(
    cells: Tensor,
    columns: int,
    share: Tensor,
    region: Tensor,
    seeds: Tensor,
    sample: Tensor,
    levels: Levels,
    length: float,
) -> SideStatistics:
    """Of one side of one support.

    Args:
        cells: ``p C``, see :func:`cell_features`.
        columns: cells in a row.
        share: ``p``, of each cell.
        region: ``r``, cells that are clustered, at least one.
        seeds: ``n``, cells where superpixels start, at least one.
        sample: ``s``, cells that stand for the side.
        levels: roles of the maps.
        length: of the features that are clustered.
    """
    scale = length / len(levels.fused) ** 0.5
    inside = cells[region]  # r C
    fused = inside[:, levels.fused_columns] * scale
    pixels = torch.cat([fused, _place(region, columns)], 1)  # r D+2
    start = cells[seeds][:, levels.fused_columns] * scale
    start = torch.cat([start, _place(seeds, columns)], 1)  # n D+2
    every = torch.ones_like(region, dtype=torch.bool)
    centroids = refined(start[None], centred(pixels[None], every[None]), ITERATIONS)[0, :, :-2]  # n D
    apart = (centroids[:, None] - fused).square().sum(-1).sqrt()  # n r
    weights = torch.softmax(-apart, -1)
    extended = F.pad(cells[:, : levels.read_width], (0, 1), value=1.0)  # p w+1
    return SideStatistics(
        unit_levels(weights @ inside, levels),
        weights.argmax(0),
        share @ cells,
        (extended * share[:, None]).T @ extended,
        cells[sample],
    )


def unit_levels(vectors: Tensor, levels: Levels) -> Tensor:
    """``n C`` vectors, each level's part scaled to unit length."""
    return torch.cat([F.normalize(part, dim=-1) for part in vectors.split(levels.channels, -1)], -1)


def _place(cells: Tensor, columns: int) -> Tensor:
    """``n 2``: row and column of cells, scaled so that one distance covers features and place."""
    return torch.stack([cells // columns, cells % columns], -1).float() / COMPACTNESS
