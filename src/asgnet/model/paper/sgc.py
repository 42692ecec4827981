"""SGC, superpixel-guided clustering: the object's features become a few prototypes (paper section 3.2).

No parameters and no gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from asgnet.model.paper.masked_features import MaskedFeatures, mask_features, seed_features, to_distances

AREA_EPSILON = 0.0005
"""Added to the soft mask's area, as published, so that an empty mask averages to zero."""


@torch.no_grad()
def cluster(
    features: Tensor,
    region: Tensor,
    seeds: Tensor,
    valid: Tensor,
    iterations: int = 5,
    compactness: float = 10.0,
    soft_mask: Tensor | None = None,
) -> Tensor:
    """Cluster each object's features into superpixel centroids (paper eqs. 1-4, algorithm 1).

    Args:
        features: ``b c h w``.
        region: ``b h w`` bool, the object's pixels.
        seeds: ``b n 2`` int (row, column), where the centroids start.
        valid: ``b n`` bool, the seeds in use.
        iterations: rounds of association and update; the paper takes 10 in training, 5 in test.
        compactness: r, grid pixels per unit of feature distance.
        soft_mask: ``b h w`` in [0, 1] for the masked average of small objects; by default the region.

    Returns:
        ``b n c`` prototypes in the slots of :func:`slots`, zero elsewhere. An object with fewer than two
        seeds (or an empty region) has one, its masked average in slot 0.
    """
    features = features.float() if features.dtype.itemsize < 4 else features
    masked = mask_features(features, region, compactness)  # eq. 2: F', and the coordinates
    centroids = refined(seed_features(features, seeds, compactness), masked, iterations)  # b n c+2
    prototypes = centroids[..., :-2]  # b n c
    alone = torch.zeros_like(prototypes)
    alone[:, 0] = masked_average(features, region if soft_mask is None else soft_mask)
    many = _clusters(region, valid)  # b
    return torch.where(many[:, None, None], prototypes * valid[..., None], alone)


def refined(centroids: Tensor, masked: MaskedFeatures, iterations: int) -> Tensor:
    """Algorithm 1: ``b n c+2`` centroids after rounds of association and update."""
    centroids = centroids - masked.centre
    for _ in range(iterations):
        distance = to_distances(centroids, masked)  # eq. 1: b n p
        association = torch.softmax(-distance, -1)  # eq. 3: exp(-D) over its sum, which cannot underflow
        centroids = association @ masked.pixels  # eq. 4
    return centroids + masked.centre


def slots(region: Tensor, valid: Tensor) -> Tensor:
    """``b n`` bool: the slots that :func:`cluster` fills, given ``b h w`` region and ``b n`` valid seeds."""
    first = torch.zeros_like(valid)
    first[:, 0] = True
    return torch.where(_clusters(region, valid)[:, None], valid, first)


def masked_average(features: Tensor, soft_mask: Tensor) -> Tensor:
    """``b c`` average of ``b c h w`` features under a ``b h w`` mask in [0, 1]; zero under an empty mask."""
    weights = soft_mask.to(features.dtype).flatten(1)  # b p
    total = (features.flatten(2) @ weights[..., None])[..., 0]  # b c
    return total / (weights.sum(1, keepdim=True) + AREA_EPSILON)


def _clusters(region: Tensor, valid: Tensor) -> Tensor:
    """``b`` bool: the object is clustered rather than averaged."""
    return (valid.sum(1) > 1) & region.flatten(1).any(1)
