"""An object's pixels as :func:`~asgnet.model.paper.sgc.cluster` works on them: batched, exact, without waiting.

Everything is a batched matrix product: beside the features themselves the largest tensor is ``b n p``, with p the
pixels of the largest object.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class MaskedFeatures(NamedTuple):
    """The pixels of b objects, p of the largest.

    Attributes:
        pixels: ``b p c+2``, features and scaled coordinates less their ``centre``.
        centre: ``b 1 c+2``. Distances do not change when the object's mean moves to the origin, and floats keep
            more digits there.
        square: ``b 1 p`` squared lengths, infinite where an object has no pixel.
    """

    pixels: Tensor
    centre: Tensor
    square: Tensor


def mask_features(features: Tensor, region: Tensor, compactness: float) -> MaskedFeatures:
    """The features ``b c h w`` inside the region ``b h w`` (paper eq. 2), with the coordinates over r."""
    return centred(*_gather(features, region, compactness))


def centred(pixels: Tensor, inside: Tensor) -> MaskedFeatures:
    """Pixels ``b p c+2``, of which ``b p`` are inside."""
    centre = _mean(pixels, inside)
    pixels = pixels - centre
    square = pixels.square().sum(-1).masked_fill(~inside, torch.inf)[:, None]
    return MaskedFeatures(pixels, centre, square)


def seed_features(features: Tensor, seeds: Tensor, compactness: float) -> Tensor:
    """``b n c+2`` features and scaled coordinates at the seeds."""
    batch = torch.arange(len(features), device=features.device)[:, None]
    at = features.permute(0, 2, 3, 1)[batch, seeds[..., 0], seeds[..., 1]]  # b n c
    return torch.cat([at, seeds.to(features.dtype) / compactness], -1)


def to_distances(centroids: Tensor, masked: MaskedFeatures) -> Tensor:
    """``b n p`` Euclidean distances of ``b n c+2`` centroids to the pixels (paper eq. 1), infinite beyond.

    ``|a|² + |b|² - 2ab`` loses the digits of small distances, and those count most (a seed *is* a
    pixel): the distance to each centroid's nearest pixel is taken again from the difference.
    """
    pixels = masked.pixels
    squared = (
        masked.square + centroids.square().sum(-1, keepdim=True) - 2 * centroids @ pixels.transpose(-2, -1)
    )
    nearest = squared.argmin(-1, keepdim=True)  # b n 1
    closest = pixels.gather(1, nearest.expand_as(centroids))  # b n c
    exact = (closest - centroids).square().sum(-1, keepdim=True)  # b n 1
    return squared.clamp(min=0).scatter(-1, nearest, exact).sqrt()


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
    pixels = features.flatten(2).gather(2, order[:, None].expand(-1, channels, -1)).transpose(-2, -1)  # b p c
    place = torch.stack([order // width, order % width], -1) / compactness  # b p 2
    return torch.cat([pixels, place.to(pixels.dtype)], 2) * inside[..., None], inside


def _mean(pixels: Tensor, inside: Tensor) -> Tensor:
    """``b 1 c`` mean of the pixels inside; a matrix product, for torch sums slowly along rows."""
    return inside[:, None].to(pixels.dtype) @ pixels / inside.sum(1).clamp(min=1)[:, None, None]
