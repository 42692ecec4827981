"""Batches of episodes: every support's statistics by the network, pooled in numpy as everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.levels import Levels
from asgnet.model.default.mask_cells import Grids, sides_of
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.pooling import PooledStatistics, pooled
from asgnet.model.default.precision import in_full_precision
from asgnet.model.default.statistics import cell_features, side_statistics
from asgnet.model.default.support import OUTPUTS, SIDES, SupportStatistics, assembled, feed


@in_full_precision
@torch.no_grad()
def learn(
    maps: Sequence[Tensor],
    masks: Tensor,
    levels: Levels,
    config: DefaultConfig,
    classifier: nn.Module | None = None,
) -> PooledTensors:
    """Pooled statistics of b episodes.

    Args:
        maps: the backbone's maps, each ``b k c h w``.
        masks: ``b k H W`` in {0, 1, 255}; 255 counts for neither side.
        levels: roles of the maps.
        config: area and number of prototypes.
        classifier: behind the deepest map; None: its logits are left out.
    """
    episodes = []
    for b in range(len(masks)):
        one_by_one = (
            _statistics([m[b, i : i + 1] for m in maps], masks[b, i], levels, config, classifier)
            for i in range(masks.shape[1])
        )
        episodes.append(pooled(list(one_by_one), levels, config.calibration))
    return stacked(episodes, masks.device)


def stacked(episodes: Sequence[PooledStatistics], device: torch.device) -> PooledTensors:
    """Several side by side; missing prototypes are padding, which is not valid."""
    columns = []
    for arrays in zip(*episodes, strict=True):
        most = np.max([a.shape for a in arrays], axis=0)
        padded = [
            np.pad(a, [(0, to - n) for n, to in zip(a.shape, [1, *most[1:]], strict=True)]) for a in arrays
        ]
        columns.append(torch.from_numpy(np.concatenate(padded)).to(device))
    return PooledTensors(*columns)


def _statistics(
    maps: Sequence[Tensor], mask: Tensor, levels: Levels, config: DefaultConfig, classifier: nn.Module | None
) -> SupportStatistics:
    """Of one support, without what the pixel head needs."""
    (h, w), (deep_h, deep_w) = maps[levels.grid].shape[-2:], maps[-1].shape[-2:]
    grid, deep = (h, w), (deep_h, deep_w)
    sides = sides_of(mask.cpu().numpy(), Grids(grid, deep, deep), config)
    cells = cell_features(maps, grid)
    inputs = {name: torch.from_numpy(array).to(cells.device) for name, array in feed(sides).items()}
    outputs: dict[str, NDArray] = {}
    length = config.calibration.clustering_length
    for name in SIDES:
        share, region, seeds, sample = (
            inputs[f"{name}_{key}"] for key in ("share", "region", "seeds", "sample")
        )
        made = side_statistics(cells, w, share, region, seeds, sample, levels, length)
        found = [*made, cells.new_zeros(1, 1)]
        share = inputs[f"{name}_deep"].view(1, 1, *deep)
        found.append(cells.new_zeros(0) if classifier is None else classifier(maps[-1], share)[0])
        outputs |= {f"{name}_{key}": one.cpu().numpy() for key, one in zip(OUTPUTS, found, strict=True)}
    return assembled(outputs, sides, levels)
