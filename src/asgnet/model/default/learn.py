"""Supports become statistics: superpixel prototypes, readouts, pixels to compare with.

All of it is on the prototype grid and at every level of the backbone (SGC, paper section 3.2, at the fused ones);
then the similarity maps of the supports themselves give the scale of the query's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import PER_LEVEL, Levels, in_full_precision
from asgnet.model.default.memory_bank import fill
from asgnet.model.default.readout import SMALL, fit_readouts
from asgnet.model.default.similarity import raw_maps
from asgnet.model.default.superpixels import part_of, superpixel_weights
from asgnet.model.default.support_statistics import SupportStatistics, repeat


@in_full_precision
@torch.no_grad()
def learn(maps: Sequence[Tensor], masks: Tensor, levels: Levels, config: DefaultConfig) -> SupportStatistics:
    """The statistics of the supports: all that a query needs of them.

    Args:
        maps: the backbone's maps, each ``b k c h w``.
        masks: ``b k H W`` in {0, 1, 255}; 255 counts for neither side.
        levels: roles of the maps.
        config: numbers of prototypes, and the calibration.
    """
    batch, shots = masks.shape[:2]
    grid = maps[levels.grid].shape[-2:]
    flat = masks.flatten(0, 1)
    is_object = part_of(flat == 1, grid)  # bk h w
    is_background = (part_of(flat != 255, grid) - is_object).clamp(min=0)
    unit = [to_grid(F.normalize(m.flatten(0, 1), dim=1), grid) for m in maps]  # bk c h w
    fused = torch.cat([unit[i] for i in levels.fused], 1) * (
        config.calibration.clustering_length / len(levels.fused) ** 0.5
    )
    every = torch.cat(unit, 1).flatten(2).mT  # bk p C
    sides = [superpixel_weights(fused, side, config.area, config.most) for side in (is_object, is_background)]
    prototypes = [
        levels.unit(weights @ every).unflatten(0, (batch, shots)).flatten(1, 2) for weights, _ in sides
    ]
    valid = [used.unflatten(0, (batch, shots)).flatten(1, 2) for _, used in sides]
    on_object, on_background = (x.reshape(batch, -1) for x in (is_object, is_background))  # b kp
    pooled = every.reshape(batch, -1, every.shape[2])  # b kp C
    means = levels.unit(torch.stack([on_object, on_background], 1) @ pooled)  # b 2 C
    readouts, biases = _fit_readouts(
        pooled, on_object, on_background, levels, config.calibration.readout_penalty
    )
    columns = levels.columns
    fused_pixels = torch.cat([pooled[..., columns[i]] for i in levels.fused], -1)  # b kp D
    pixels, seen = fill(fused_pixels, on_object, on_background, shots, config.calibration.memory_bank)
    statistics = SupportStatistics(
        *prototypes, *valid, means, readouts, biases, pixels, seen, *(pooled.new_zeros(0),) * 3,
        kinds=pooled.new_zeros(batch, 2, 0),
    )  # fmt: skip
    own = raw_maps([m.flatten(0, 1) for m in maps], repeat(statistics, shots), levels, grid)  # bk e h w
    own = own.unflatten(0, (batch, shots)).transpose(1, 2).flatten(2)  # b e kp
    return statistics._replace(
        **_separation(own, on_object, on_background, levels, shots, config.calibration.similarity_limit)
    )


def _fit_readouts(
    pooled: Tensor, on_object: Tensor, on_background: Tensor, levels: Levels, penalty: float
) -> tuple[Tensor, Tensor]:
    """Readouts on all of the first levels, on the shallow and on the deep of them: ``b r C``, ``b r``."""
    width, shallow = sum(levels.channels[: levels.read]), sum(levels.channels[: levels.shallow])
    selections = (slice(0, width), slice(0, shallow), slice(shallow, width))
    weights, biases = fit_readouts(pooled[..., :width], on_object, on_background, selections, penalty)
    return F.pad(weights, (0, pooled.shape[-1] - width)), biases


def _separation(
    own: Tensor, on_object: Tensor, on_background: Tensor, levels: Levels, shots: int, limit: float
) -> dict[str, Tensor]:
    """Of maps ``b e kp`` on the supports: centre and spread with either side weighing the same, and the
    episode statistics.
    """
    sides = [side / side.sum(1, keepdim=True).clamp(min=SMALL) for side in (on_object, on_background)]
    both = (sides[0] + sides[1]) / (sides[0] + sides[1]).sum(1, keepdim=True).clamp(min=1e-6)
    centre, variance = _spread(own, both)
    (high, above), (low, below) = (_spread(own, side) for side in sides)
    separation = ((high - low) / (above + below + 1e-6).sqrt()).clamp(-limit, limit) / 3  # b e
    width = PER_LEVEL * len(levels.channels)
    inside, outside = (side.sum(1, keepdim=True) for side in (on_object, on_background))  # b 1
    episode = [
        separation[:, 2:width:PER_LEVEL],
        separation[:, 3:width:PER_LEVEL],
        torch.full_like(on_object[:, :1], 1 / shots),
        (inside / (inside + outside).clamp(min=SMALL)).sqrt(),
    ]
    return {"centre": centre, "spread": variance.clamp(min=1e-8).sqrt(), "facts": torch.cat(episode, 1)}


def _spread(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance ``b e`` of ``b e p`` values under ``b p`` weights."""
    mean = (values @ weights[..., None])[..., 0]
    return mean, ((values - mean[..., None]).square() @ weights[..., None])[..., 0]
