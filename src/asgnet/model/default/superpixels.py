"""Superpixels of supports on a coarse grid: what belongs to the object, and how much to each part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import Levels, in_full_precision
from asgnet.model.paper.seeds import seed_masks
from asgnet.model.paper.sgc import cluster, slots


def part_of(mask: Tensor, grid: Sequence[int]) -> Tensor:
    """``b H W`` bool -> ``b h w`` in [0, 1]: how much of each grid pixel is inside."""
    return F.adaptive_avg_pool2d(mask.float()[:, None], tuple(grid))[:, 0]


def region_of(inside: Tensor) -> Tensor:
    """``b h w`` bool: pixels more than half inside, else the ones most inside, none for an empty mask."""
    region = inside > 0.5
    peak = inside.flatten(1).amax(1)[:, None, None]
    best = (inside >= 0.999 * peak) & (inside > 0)
    return torch.where(region.flatten(1).any(1)[:, None, None], region, best)


def superpixel_weights(fused: Tensor, inside: Tensor, area: int, most: int) -> tuple[Tensor, Tensor]:
    """SGC (paper section 3.2), whose soft association then pools features of any level alike.

    Args:
        fused: ``b c h w``, the features that are clustered.
        inside: ``b h w``, the object's inside of each pixel.
        area: object pixels per prototype.
        most: prototypes, at most.

    Returns:
        ``b n p`` weights that sum to 1 over the pixels of the region, and ``b n`` bool, the ones in use.
    """
    region = region_of(inside)
    seeds, valid = seed_masks(region.to(torch.uint8), area, most)
    centroids = cluster(fused, region, seeds, valid, soft_mask=inside)  # b n c
    used = slots(region, valid) & region.flatten(1).any(1)[:, None]
    apart = torch.cdist(centroids, fused.flatten(2).mT)  # b n p
    weights = torch.softmax(-apart.masked_fill(~region.flatten(1)[:, None], torch.finfo(apart.dtype).max), -1)
    average = inside.flatten(1) / inside.flatten(1).sum(1, keepdim=True).clamp(min=1e-6)
    alone = used.sum(1) <= 1
    first = torch.zeros_like(weights)
    first[:, 0] = average
    return torch.where(alone[:, None, None], first, weights) * used[..., None], used


@in_full_precision
@torch.no_grad()
def superpixels(maps: Sequence[Tensor], masks: Tensor, levels: Levels, config: DefaultConfig) -> Tensor:
    """``b h w`` int64 on the prototype grid: each object pixel's superpixel in its support, -1 elsewhere."""
    grid = maps[levels.grid].shape[-2:]
    is_object = part_of(masks == 1, grid)
    unit = [to_grid(F.normalize(maps[i], dim=1), grid) for i in levels.fused]
    fused = torch.cat(unit, 1) * (config.calibration.clustering_length / len(levels.fused) ** 0.5)
    weights, used = superpixel_weights(fused, is_object, config.area, config.most)
    label = weights.masked_fill(~used[..., None], -1).argmax(1).unflatten(1, grid)
    return torch.where(region_of(is_object), label, -1)
