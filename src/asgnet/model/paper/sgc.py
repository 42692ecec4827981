"""SGC, superpixel-guided clustering: the object's features become a few prototypes (paper section 3.2).

No parameters and no gradient. Everything is a batched matrix product: beside the features themselves the
largest tensor is ``b n p``, with p the pixels of the largest object.
"""

from __future__ import annotations

import torch
from torch import Tensor

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

    The association ``exp(-D)`` normalised over pixels is a softmax: it cannot underflow to 0/0.

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
    many = _clusters(region, valid)  # b
    average = masked_average(features, region if soft_mask is None else soft_mask)  # b c
    pixels, inside = _gather(features, region, compactness)  # b p c+2, b p
    centre = _mean(pixels, inside)
    # Distances do not change when the object's mean moves to the origin; float32 keeps more digits there.
    pixels = pixels - centre
    centroids = _start(features, seeds, compactness) - centre  # b n c+2
    square = pixels.square().sum(-1).masked_fill(~inside, torch.inf)[:, None]  # b 1 p
    for _ in range(iterations):
        distance = _distance(centroids, pixels, square)  # b n p, infinite outside
        association = torch.softmax(-distance, -1)  # b n p; over pixels, per centroid
        centroids = association @ pixels
    prototypes = (centroids + centre)[..., :-2]  # b n c
    alone = torch.zeros_like(prototypes)
    alone[:, 0] = average
    return torch.where(many[:, None, None], prototypes * valid[..., None], alone)


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


def _gather(features: Tensor, region: Tensor, compactness: float) -> tuple[Tensor, Tensor]:
    """The region's pixels first: ``b p c+2``, zero beyond, and ``b p`` bool, p the largest region or more.

    The last two channels are (row, column) / r, so that one distance covers both terms.
    """
    channels, width = features.shape[1], features.shape[3]
    region = region.flatten(1)  # b hw
    # A GPU takes all of the grid along: asking it how many pixels there are would mean waiting for it.
    most = max(int(region.sum(1).max()), 1) if region.device.type == "cpu" else region.shape[1]
    order = region.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]  # b p
    inside = region.gather(1, order)  # b p
    pixels = features.flatten(2).gather(2, order[:, None].expand(-1, channels, -1)).mT  # b p c
    place = torch.stack([order // width, order % width], -1) / compactness  # b p 2
    return torch.cat([pixels, place.to(pixels.dtype)], 2) * inside[..., None], inside


def _mean(pixels: Tensor, inside: Tensor) -> Tensor:
    """``b 1 c`` mean of the pixels inside; a matrix product, for torch sums slowly along rows."""
    return inside[:, None].to(pixels.dtype) @ pixels / inside.sum(1).clamp(min=1)[:, None, None]


def _distance(centroids: Tensor, pixels: Tensor, square: Tensor) -> Tensor:
    """``b n p`` Euclidean distances of ``b n c`` centroids to ``b p c`` pixels of squared length ``b 1 p``.

    ``|a|² + |b|² - 2ab`` loses the digits of small distances, and the smallest weighs most (a seed *is* a
    pixel): the distance to each centroid's nearest pixel is taken again from the difference.
    """
    squared = square + centroids.square().sum(-1, keepdim=True) - 2 * centroids @ pixels.mT
    nearest = squared.argmin(-1, keepdim=True)  # b n 1
    closest = pixels.gather(1, nearest.expand_as(centroids))  # b n c
    exact = (closest - centroids).square().sum(-1, keepdim=True)  # b n 1
    return squared.clamp(min=0).scatter(-1, nearest, exact).sqrt()


def _start(features: Tensor, seeds: Tensor, compactness: float) -> Tensor:
    """``b n c+2`` features and scaled coordinates at the seeds."""
    batch = torch.arange(len(features), device=features.device)[:, None]
    at = features.permute(0, 2, 3, 1)[batch, seeds[..., 0], seeds[..., 1]]  # b n c
    return torch.cat([at, seeds.to(features.dtype) / compactness], -1)
