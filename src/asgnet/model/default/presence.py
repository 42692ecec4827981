"""Is the object in the picture at all? A small head reads the prediction and compares it with the supports.

Its gradient never reaches the decoder: learning presence does not change masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import Levels
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.similarity import compare

EMPTY = 1e-6
"""Least part of the picture that counts as area."""
COSINES = 5
"""Comparisons a level."""


class Presence(nn.Module):
    """The decoder's prediction and the picture's features -> a logit.

    Args:
        levels: roles of the backbone's maps; those from the first fused one on are compared.
        deep: channels of the decoder's deep features.
        calibration: which of the pixels stand for the prediction and for the picture.
    """

    def __init__(self, levels: Levels, deep: int, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration
        self.levels, self.compared = levels, tuple(range(levels.fused[0], len(levels.channels)))
        self.centres = nn.ParameterList(nn.Parameter(torch.zeros(levels.channels[i])) for i in self.compared)
        self.head = nn.Sequential(
            nn.Linear(2 * deep + 5 + COSINES * len(self.compared), 64), nn.GELU(), nn.Linear(64, 1)
        )

    def forward(
        self, logits: Tensor, deep: Tensor, query: Sequence[Tensor], statistics: PooledTensors
    ) -> Tensor:
        """``bn`` logits, of n classes a picture.

        Args:
            logits: ``bn 1 h w``, the decoder's prediction.
            deep: ``bn q h' w'``, its deep features.
            query: the picture's maps ``b c h w`` per level.
            statistics: of the supports, for the bn.
        """
        logits, deep = logits.detach(), deep.detach()
        ranked = logits.flatten(1).sort(1, descending=True).values
        top = mean_of_first(ranked, self.calibration.presence_strongest)[:, None]
        extent = ranked.sigmoid().mean(1, keepdim=True).clamp(min=EMPTY).sqrt()
        found = [deep.mean((2, 3)), deep.amax((2, 3)), top, ranked[:, :1], extent, statistics.episode[:, -2:]]
        cosines = [
            self._cosines(query[i], statistics, self.levels.columns[i], centre, logits)
            for i, centre in zip(self.compared, self.centres, strict=True)
        ]
        return self.head(torch.cat([*found, *cosines], 1))[:, 0]

    def _cosines(
        self, level: Tensor, statistics: PooledTensors, own: slice, centre: Tensor, logits: Tensor
    ) -> Tensor:
        """``bn 5`` cosines: of what was found with the object, its nearest prototype and the background; of
        the most similar pixels with the object; of object and background. All beside the level's centre.
        """
        pixels = F.normalize(F.normalize(level, dim=1).flatten(2).transpose(1, 2) - centre, dim=-1)  # b p c
        sides = F.normalize(statistics.means[..., own] - centre, dim=-1)  # bn 2 c
        prototypes = F.normalize(statistics.object[..., own] - centre, dim=-1)  # bn m c
        coarse = to_grid(logits, level.shape[-2:]).flatten(2)  # bn 1 p
        found = F.normalize(compare(torch.softmax(coarse, 2), pixels), dim=-1)  # bn 1 c
        to_sides = (found @ sides.transpose(1, 2))[:, 0]  # bn 2
        each = (found @ prototypes.transpose(1, 2))[:, 0]  # bn m
        to_parts = each.masked_fill(~statistics.object_valid, -1).amax(1)  # bn
        similar = compare(sides[:, :1], pixels.transpose(1, 2))[:, 0].sort(1, descending=True).values  # bn p
        most = mean_of_first(similar, self.calibration.presence_similar)
        apart = (sides[:, 0] * sides[:, 1]).sum(1)
        return torch.cat([to_sides, torch.stack([to_parts, most, apart], 1)], 1)


def mean_of_first(ranked: Tensor, part: int) -> Tensor:
    """``b n`` -> ``b``: the mean of the first ``n // part``, at least one; n stays open in a traced graph."""
    place = torch.arange(ranked.shape[1], device=ranked.device)
    counted = (place < ranked.shape[1] // part) | (place == 0)  # n
    return (ranked * counted).sum(1) / counted.sum()
