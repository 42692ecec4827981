"""The default decoder: a small U-Net over the similarity maps, run again on what its own prediction implies.

It never sees the supports. Besides the similarity maps it gets a narrow projection of the query's features, its
*appearance*, by which it knows what objects look like in photographs. Appearance is dropped for half of the
training episodes, so the same weights also predict without it: far from photographs that is better, and fitting
decides by leave-one-out whether to use it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.grids import to_grid
from asgnet.model.default.levels import PER_LEVEL, Levels
from asgnet.model.default.similarity import compare

SELF_SUPPORT = 7
"""Channels of :func:`self_support`."""
GROUPS = 8
"""Of every GroupNorm."""


class Decoder(nn.Module):
    """Similarity maps to logits, in rounds: each round sees what the last one's prediction implies.

    Args:
        levels: roles of the backbone's maps.
        calibration: similarity of the query to itself, and the grid of the rounds before the last.
        appearance: channels of the projected query features.
        widths: channels at the fine grid, at half and at a quarter of it.
        drop: part of the training episodes without appearance.
        rounds: how many.
    """

    def __init__(
        self,
        levels: Levels,
        calibration: Calibration,
        appearance: int = 16,
        widths: Sequence[int] = (32, 64, 96),
        drop: float = 0.5,
        rounds: int = 2,
    ) -> None:
        super().__init__()
        self.levels, self.calibration = levels, calibration
        self.drop, self.rounds, self.widths = drop, rounds, tuple(widths)
        fine, half, quarter = widths
        self.mix = _block(levels.similarity_channels + appearance + SELF_SUPPORT, fine, size=1)
        self.fine = _block(fine, fine)
        self.down = nn.Sequential(_block(fine, half, stride=2), _block(half, half))
        self.deep = nn.Sequential(_block(half, quarter, stride=2), _block(quarter, quarter, dilation=2))
        self.wide = _block(quarter, quarter, dilation=3)
        self.whole = nn.Linear(quarter, quarter)
        self.up = _block(half + quarter, half)
        self.join = _block(fine + half, fine)
        self.out = nn.Conv2d(fine, 1, 1)
        self.linear_skip = nn.Conv2d(levels.similarity_channels, 1, 1, bias=False)
        self._start()

    def _start(self) -> None:
        """Training starts from the training-free prediction: the deep levels' prototypes and the readout."""
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.constant_(self.out.bias, -0.5)
        nn.init.zeros_(self.linear_skip.weight)
        with torch.no_grad():
            for level in self.levels.fused:
                self.linear_skip.weight[0, PER_LEVEL * level + 2] = 0.5
            self.linear_skip.weight[0, PER_LEVEL * len(self.levels.channels)] = 0.3

    def forward(
        self, similarity: Tensor, appearance: Tensor, maps: Sequence[Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """The rounds.

        Args:
            similarity: ``bn e h w``, of n classes a query.
            appearance: ``bn a h w``; zeros to predict without it.
            maps: the query's maps at the fused levels, each ``b c h' w'``.

        Returns:
            one ``bn 1 h w`` object logit per round, the last is the prediction; ``bn q h' w'`` deep features of
            the last round, which :class:`~asgnet.model.default.presence.Presence` reads.
        """
        if self.training:
            keep = torch.rand(len(similarity), 1, 1, 1, device=similarity.device) > self.drop
            appearance = appearance * keep
        implied = similarity.new_zeros(similarity.shape[0], SELF_SUPPORT, *similarity.shape[-2:])
        rounds: list[Tensor] = []
        for number in range(self.rounds):
            if rounds:
                implied = self_support(rounds[-1].sigmoid(), maps, self.calibration)
            inputs: tuple[Tensor, ...] = (similarity, appearance, implied)
            if number < self.rounds - 1 and not self.training:  # it only tells the last where to look
                inputs = tuple(to_grid(x, self._coarser(x.shape[-2:])) for x in inputs)
            logits, deep = self._round(*inputs)
            rounds.append(to_grid(logits, similarity.shape[-2:]))
        return rounds, deep

    def _coarser(self, grid: Sequence[int]) -> list[int]:
        return [-(-side // self.calibration.coarser_rounds) for side in grid]

    def _round(self, similarity: Tensor, appearance: Tensor, implied: Tensor) -> tuple[Tensor, Tensor]:
        """One round: ``b 1 h w`` logits and ``b q h' w'`` deep features."""
        fine = self.fine(self.mix(torch.cat([similarity, appearance, implied], 1)))
        half = self.down(fine)
        deep = self.deep(half)
        deep = deep + self.wide(deep)
        deep = deep + self.whole(deep.mean((2, 3)))[..., None, None]
        half = self.up(torch.cat([half, to_grid(deep, half.shape[-2:])], 1))
        fine = self.join(torch.cat([fine, to_grid(half, fine.shape[-2:])], 1))
        return self.out(fine) + self.linear_skip(similarity), deep


def self_support(probability: Tensor, maps: Sequence[Tensor], calibration: Calibration) -> Tensor:
    """What a prediction implies for its own query (self-support, Fan 2022: within a picture objects look alike).

    Args:
        probability: ``bn 1 h w`` in [0, 1], of n classes a query.
        maps: the query's maps ``b c h' w'`` at the fused levels, the first one's grid is used.
        calibration: which pixels are object and background of their own, and how similar ones count.

    Returns:
        ``bn 7 h w``, all but the last as 2x - 1: the prediction; per level the cosine with the query's own object
        prototype and background prototype; the prediction averaged over similar pixels; and by how much that
        average differs from it.
    """
    fine, grid = probability.shape[-2:], maps[0].shape[-2:]
    coarse = to_grid(probability, grid)  # bn 1 h' w'
    peak = coarse.flatten(1).amax(1)[:, None, None, None]
    own_object = (coarse - calibration.self_object * peak).clamp(min=0)
    own_background = (calibration.self_background - coarse).clamp(min=0)
    sides = torch.cat([own_object, own_background], 1).flatten(2)  # bn 2 p
    unit = [F.normalize(to_grid(m, grid), dim=1).flatten(2) for m in maps]  # b c p
    found = [probability * 2 - 1]
    for level in unit:
        own = F.normalize(compare(sides, level.transpose(1, 2)), dim=2, eps=1e-4)  # bn 2 c
        own = compare(own, level)  # bn 2 p
        found.append(to_grid(own.unflatten(2, grid), fine) * 2 - 1)
    joined = torch.cat(unit, 1) / len(unit) ** 0.5
    affinity = (joined.transpose(1, 2) @ joined) * calibration.self_similarity
    near = torch.softmax(affinity, -1)  # b p p, the same for all classes
    spread = compare(coarse.flatten(2), near.transpose(1, 2)).view_as(coarse)
    found += [to_grid(spread, fine) * 2 - 1, to_grid(spread - coarse, fine)]
    return torch.cat(found, 1)


def _block(into: int, out: int, size: int = 3, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(into, out, size, stride, padding, dilation), nn.GroupNorm(GROUPS, out), nn.GELU()
    )
