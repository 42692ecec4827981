"""The pixel head: a linear prediction at stride 2, for what the decoder's grid cannot draw.

Threads, cracks, letters and stains need pixels, not objects. The pixel head is a ridge regression in closed form,
as in :mod:`asgnet.model.default.readout`, on colours, the first blocks' features and the levels above, all at
stride 2. Far from photographs it often predicts better than the decoder; on objects the decoder does. Its fusion
weight is found on the supports by leave-one-out (:mod:`asgnet.apply.fitting.rules.adaptation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.grids import average, mean_around, to_grid
from asgnet.model.default.similarity import compare


class FeatureMaps(NamedTuple):
    """Pictures of one size through the backbone, most often one (b = 1).

    Attributes:
        maps: what :class:`~asgnet.model.default.network.DefaultNet` works on, each ``b c h w``.
        fine: what is finer than the maps, see :func:`fine_features`; the first gives the pixel head's grid.
            Empty where only the maps are needed.
    """

    maps: tuple[Tensor, ...]
    fine: tuple[Tensor, ...]


class PixelHead(NamedTuple):
    """Weights ``n d`` and bias ``n`` of n classes, by :func:`levels_of`."""

    weights: Tensor
    bias: Tensor


def fine_features(
    images: Tensor, first: Tensor, second: Tensor, surroundings: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Two blocks' directions, and colours: each pixel's, the local mean and the difference of both.

    Args:
        images: ``b 3 H W`` normalised to about [-1, 1].
        first: ``b c h w``, the block at stride 2.
        second: ``b c' h/2 w/2``, the block at stride 4.
        surroundings: cells of stride 4 to each side, over which the local mean is taken.

    Returns:
        ``b c h w``, ``b c' h/2 w/2`` and ``b 9 h w``.
    """
    colour = average(images, first.shape[-2:])
    around = to_grid(mean_around(average(images, second.shape[-2:]), surroundings), first.shape[-2:])
    colours = torch.cat([colour / 2, around / 2, colour - around], 1)
    return F.normalize(first, dim=1), F.normalize(second, dim=1), colours


def pixel_scores(features: FeatureMaps, head: PixelHead, read: Sequence[int]) -> Tensor:
    """``b n h w`` scores of b pictures for n classes: near +1 on the object, near -1 beside it.

    Linear, so every level is scored on its own grid and only the score is enlarged.
    """
    levels = levels_of(features, read)
    scores, grid = head.bias[:, None, None], levels[0].shape[-2:]
    for weights, level in zip(head.weights.split([m.shape[1] for m in levels], 1), levels, strict=True):
        count = level.shape[0]  # not len(), which tracers take for a constant
        one = compare(weights.expand(count, *weights.shape), level.flatten(2))  # b n hw
        scores = scores + to_grid(one.unflatten(2, level.shape[-2:]), grid)
    return scores


def levels_of(features: FeatureMaps, read: Sequence[int]) -> list[Tensor]:
    """What the pixel head is a linear function of, each ``b c h w``; no grid is finer than the first."""
    return [*features.fine, *(F.normalize(features.maps[i], dim=1) for i in read)]


def pixel_columns(features: FeatureMaps, read: Sequence[int], chosen: Tensor) -> Tensor:
    """``d p``: one picture's levels, enlarged to the finest grid, at p pixels of it.

    Only the chosen pixels are interpolated, which is most of the time of fitting.
    """
    finest, *_ = levels = levels_of(features, read)
    height, width = finest.shape[-2:]
    rows, columns = chosen // width, chosen % width
    place = torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], -1) * 2 - 1  # p 2
    return torch.cat([_at(level, place, chosen, (height, width)) for level in levels])


def _at(level: Tensor, place: Tensor, chosen: Tensor, grid: tuple[int, int]) -> Tensor:
    """``1 c h w`` -> ``c p``: at pixels of a grid, by number, or by ``p 2`` in [-1, 1] of coarser levels."""
    if tuple(level.shape[-2:]) == grid:
        return level[0].flatten(1)[:, chosen]
    at = F.grid_sample(level, place[None, None], "bilinear", padding_mode="border", align_corners=False)
    return at[0, :, 0]
