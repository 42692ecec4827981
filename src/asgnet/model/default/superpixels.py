"""Superpixels of supports on a coarse grid: what belongs to the object, and how much to each part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.paper.seeds import seed_masks
from asgnet.model.paper.sgc import cluster, slots


def share_of(mask: Tensor, grid: Sequence[int]) -> Tensor:
    """``b H W`` bool -> ``b h w``: the share of each grid pixel."""
    return F.adaptive_avg_pool2d(mask.float()[:, None], tuple(grid))[:, 0]


def region_of(share: Tensor) -> Tensor:
    """``b h w`` bool: pixels more than half inside, else the ones most inside, none for an empty mask."""
    region = share > 0.5
    peak = share.flatten(1).amax(1)[:, None, None]
    best = (share >= 0.999 * peak) & (share > 0)
    return torch.where(region.flatten(1).any(1)[:, None, None], region, best)


def weigh_superpixels(fused: Tensor, share: Tensor, area: int, most: int) -> tuple[Tensor, Tensor]:
    """SGC (paper section 3.2), whose soft association then pools features of any level alike.

    Args:
        fused: ``b c h w``, the features that are clustered.
        share: ``b h w``, the object's share of each pixel.
        area: object pixels per prototype.
        most: prototypes, at most.

    Returns:
        ``b n p`` weights that sum to 1 over the pixels of the region, and ``b n`` bool, the ones in use.
    """
    region = region_of(share)
    seeds, valid = seed_masks(region.to(torch.uint8), area, most)
    centroids = cluster(fused, region, seeds, valid, soft_mask=share)  # b n c
    used = slots(region, valid) & region.flatten(1).any(1)[:, None]
    apart = torch.cdist(centroids, fused.flatten(2).mT)  # b n p
    weights = torch.softmax(-apart.masked_fill(~region.flatten(1)[:, None], torch.finfo(apart.dtype).max), -1)
    average = share.flatten(1) / share.flatten(1).sum(1, keepdim=True).clamp(min=1e-6)
    alone = used.sum(1) <= 1
    first = torch.zeros_like(weights)
    first[:, 0] = average
    return torch.where(alone[:, None, None], first, weights) * used[..., None], used
