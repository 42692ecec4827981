"""Similarity maps: how every pixel of a query compares with what the supports showed.

The default network does not hand raw features to its decoder, as the paper does: a decoder that has only seen
photographs narrows to them. Similarity maps mean the same in every domain: how well a pixel fits the object's SGC
prototypes and the background's at several feature levels (GPA, paper section 3.3), how a linear readout fitted
on the supports scores it, and how well all this separated the supports themselves. Every map is standardised by
its statistics on the supports, so its scale depends neither on the number of shots nor on the domain.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import Levels
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.precision import in_full_precision
from asgnet.model.paper.gpa import BELOW_COSINE


@in_full_precision
@torch.no_grad()
def similarity_maps(
    maps: Sequence[Tensor], statistics: PooledTensors, levels: Levels, limit: float
) -> tuple[Tensor, Tensor]:
    """How every pixel of a query compares with the supports.

    Args:
        maps: the backbone's maps, each ``b c h w``.
        statistics: of the same b episodes, or of ``bn``: n classes for each query.
        levels: roles of the maps.
        limit: standard deviations beyond which a map is cut.

    Returns:
        similarity maps: ``bn e h w`` on the fine grid; guide map: ``bn h w`` int64 on the prototype grid, the object
        prototype that fits best at the fused levels (paper eq. 7).
    """
    fine = maps[levels.fine].shape[-2:]
    raw = raw_maps(maps, statistics, levels, fine)
    standard = (raw - statistics.centre[..., None, None]) / statistics.spread[..., None, None]
    nearest = _nearest(maps, statistics, levels, fine) * 4 - 1
    episode = statistics.episode[..., None, None].expand(-1, -1, *fine)
    return torch.cat([standard.clamp(-limit, limit) / 2, nearest, episode], 1), guide_map(
        maps, statistics, levels
    )


def guide_map(maps: Sequence[Tensor], statistics: PooledTensors, levels: Levels) -> Tensor:
    """``bn h w`` int64: each pixel's object prototype, by cosine at the fused levels (paper eqs. 6-7)."""
    grid = maps[levels.grid].shape[-2:]
    each = []
    for i in levels.fused:
        fit = compare(statistics.object[..., levels.columns[i]], F.normalize(maps[i], dim=1).flatten(2))
        each.append(to_grid(fit.unflatten(2, maps[i].shape[-2:]), grid))
    return (
        torch.stack(each)
        .sum(0)
        .masked_fill(~statistics.object_valid[..., None, None], 2 * BELOW_COSINE)
        .argmax(1)
    )


def compare(vectors: Tensor, pixels: Tensor) -> Tensor:
    """``bn v c`` vectors, of n classes a picture, and ``b c p`` pixels -> ``bn v p``, a product a picture.

    Pixels come first in the product: engines share rows out among threads, and if there are fewer than columns
    then columns, whose number decides in which order onnxruntime sums.
    """
    pictures = pixels.shape[0]
    columns = vectors.reshape(pictures, -1, vectors.shape[-1]).transpose(1, 2)  # b c nv
    products = (pixels.transpose(1, 2) @ columns).transpose(1, 2)  # b nv p
    return products.reshape(vectors.shape[0], -1, pixels.shape[-1])


def raw_maps(
    maps: Sequence[Tensor], statistics: PooledTensors, levels: Levels, grid: Sequence[int]
) -> Tensor:
    """``bn e' h w`` raw maps on ``grid``: per level best object and background cosine, their difference, the
    means' difference; then the readouts.
    """
    found, scores = [], statistics.biases[..., None, None]
    for level, (m, columns) in enumerate(zip(maps, levels.columns, strict=True)):
        unit = F.normalize(m, dim=1).flatten(2)  # b c hw
        best = [
            _best(compare(prototypes[..., columns], unit), valid)
            for prototypes, valid in (
                (statistics.object, statistics.object_valid),
                (statistics.background, statistics.background_valid),
            )
        ]
        mean = compare(statistics.means[..., columns], unit)  # bn 2 hw
        stacked = torch.stack([*best, best[0] - best[1], mean[:, 0] - mean[:, 1]], 1)
        found.append(to_grid(stacked.unflatten(2, m.shape[-2:]), grid))
        if level < levels.read:
            score = compare(statistics.readouts[..., columns], unit)
            scores = scores + to_grid(score.unflatten(2, m.shape[-2:]), grid)
    return torch.cat([*found, scores], 1)


def _best(similarity: Tensor, valid: Tensor) -> Tensor:
    """``b n p`` -> ``b p``: the highest over the valid n; 0 where none is."""
    best = similarity.masked_fill(~valid[..., None], BELOW_COSINE).amax(1)
    return torch.where(valid.any(1)[:, None], best, 0.0)


def _nearest(
    maps: Sequence[Tensor], statistics: PooledTensors, levels: Levels, grid: Sequence[int]
) -> Tensor:
    """``bn 6 h w``: best cosine with object pixels, background pixels, their difference, per fused level."""
    found = []
    widths = [levels.channels[i] for i in levels.fused]
    for i, pixels in zip(levels.fused, statistics.pixels.split(widths, -1), strict=True):
        unit = F.normalize(maps[i], dim=1).flatten(2)  # b c hw
        both_sides = F.normalize(pixels, dim=-1)  # bn 2 m c
        fit = compare(both_sides.flatten(1, 2), unit)  # bn 2m hw
        similarity = fit.unflatten(1, both_sides.shape[1:3]).amax(2)  # bn 2 hw
        similarity = torch.where(statistics.seen[..., None], similarity, 0.0)
        both = torch.cat([similarity, similarity[:, :1] - similarity[:, 1:]], 1)
        found.append(to_grid(both.unflatten(2, maps[i].shape[-2:]), grid))
    return torch.cat(found, 1)
