"""The default decoder: a small U-Net that weighs the evidence, looks at its own answer, and weighs again.

It never sees the supports. Besides the evidence it gets a narrow projection of the query's features, its
*appearance*, which knows what objects look like in photographs. Appearance is dropped for half of the
training episodes, so the same weights also answer without it: far from photographs that is the better answer,
and fitting decides by measurement whether to look at it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.default.evidence import PER_LEVEL, Levels, compare
from asgnet.model.default.grids import to_grid

SELF_SUPPORT = 7
GROUPS = 8
AFFINITY = 15.0
"""Inverse temperature of the query's similarity to itself."""
COARSER = 2
"""In use the grid of all rounds but the last is so much coarser: they only tell the last what to look for."""


class Decoder(nn.Module):
    """Evidence to logits, in rounds: each round sees what the last one's answer implies for the query itself.

    Args:
        levels: roles of the backbone's maps.
        appearance: channels of the projected query features.
        widths: channels at the fine grid, at half and at a quarter of it.
        drop: share of the training episodes without appearance.
        rounds: how often the evidence is weighed.
    """

    def __init__(
        self,
        levels: Levels,
        appearance: int = 16,
        widths: Sequence[int] = (32, 64, 96),
        drop: float = 0.5,
        rounds: int = 2,
    ) -> None:
        super().__init__()
        self.levels, self.drop, self.rounds, self.widths = levels, drop, rounds, tuple(widths)
        fine, half, quarter = widths
        self.mix = _block(levels.count + appearance + SELF_SUPPORT, fine, size=1)
        self.fine = _block(fine, fine)
        self.down = nn.Sequential(_block(fine, half, stride=2), _block(half, half))
        self.deep = nn.Sequential(_block(half, quarter, stride=2), _block(quarter, quarter, dilation=2))
        self.wide = _block(quarter, quarter, dilation=3)
        self.whole = nn.Linear(quarter, quarter)
        self.up = _block(half + quarter, half)
        self.join = _block(fine + half, fine)
        self.out = nn.Conv2d(fine, 1, 1)
        self.direct = nn.Conv2d(levels.count, 1, 1, bias=False)
        self._start()

    def _start(self) -> None:
        """Training starts from the training-free answer: the deep levels' prototypes and the readout."""
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, -0.5)
        nn.init.zeros_(self.direct.weight)
        with torch.no_grad():
            for level in self.levels.fused:
                self.direct.weight[0, PER_LEVEL * level + 2] = 0.5
            self.direct.weight[0, PER_LEVEL * len(self.levels.channels)] = 0.3

    def forward(
        self, evidence: Tensor, appearance: Tensor, maps: Sequence[Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """Decoder.

        Args:
            evidence: ``bn e h w``, of n classes a query.
            appearance: ``bn a h w``; zeros for the answer without it.
            maps: the query's maps at the fused levels, each ``b c h' w'``.

        Returns:
            one ``bn 1 h w`` object logit per round, the last is the answer; ``bn q h' w'`` deep features of
            the last round, which :class:`~asgnet.model.default.presence.Presence` reads.
        """
        if self.training:
            keep = torch.rand(len(evidence), 1, 1, 1, device=evidence.device) > self.drop
            appearance = appearance * keep
        recalled = evidence.new_zeros(evidence.shape[0], SELF_SUPPORT, *evidence.shape[-2:])
        answers: list[Tensor] = []
        for number in range(self.rounds):
            if answers:
                recalled = self_support(answers[-1].sigmoid(), maps)
            seen = (evidence, appearance, recalled)
            if number < self.rounds - 1 and not self.training:
                seen = tuple(to_grid(x, [-(-side // COARSER) for side in x.shape[-2:]]) for x in seen)
            logits, deep = self._weigh(*seen)
            answers.append(to_grid(logits, evidence.shape[-2:]))
        return answers, deep

    def _weigh(self, evidence: Tensor, appearance: Tensor, recalled: Tensor) -> tuple[Tensor, Tensor]:
        """One round: ``b 1 h w`` logits and ``b q h' w'`` deep features."""
        fine = self.fine(self.mix(torch.cat([evidence, appearance, recalled], 1)))
        half = self.down(fine)
        deep = self.deep(half)
        deep = deep + self.wide(deep)
        deep = deep + self.whole(deep.mean((2, 3)))[..., None, None]
        half = self.up(torch.cat([half, to_grid(deep, half.shape[-2:])], 1))
        fine = self.join(torch.cat([fine, to_grid(half, fine.shape[-2:])], 1))
        return self.out(fine) + self.direct(evidence), deep


def self_support(probability: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """What an answer implies for its own query (self-support, Fan 2022: within a picture objects look alike).

    Args:
        probability: ``bn 1 h w`` in [0, 1], of n classes a query.
        maps: the query's maps ``b c h' w'`` at the fused levels, the first one's grid is used.

    Returns:
        ``bn 7 h w``, all but the last as 2x - 1: the answer; per level the cosine with the query's own object
        prototype and background prototype; the answer averaged over similar pixels; and by how much that
        average differs from the answer.
    """
    fine, grid = probability.shape[-2:], maps[0].shape[-2:]
    coarse = to_grid(probability, grid)  # bn 1 h' w'
    peak = coarse.flatten(1).amax(1)[:, None, None, None]
    sides = torch.cat([(coarse - 0.6 * peak).clamp(min=0), (0.4 - coarse).clamp(min=0)], 1)
    sides = sides.flatten(2)  # bn 2 p
    unit = [F.normalize(to_grid(m, grid), dim=1).flatten(2) for m in maps]  # b c p
    found = [probability * 2 - 1]
    for level in unit:
        own = F.normalize(compare(sides, level.transpose(1, 2)), dim=2, eps=1e-4)  # bn 2 c
        own = compare(own, level)  # bn 2 p
        found.append(to_grid(own.unflatten(2, grid), fine) * 2 - 1)
    joined = torch.cat(unit, 1) / len(unit) ** 0.5
    alike = torch.softmax((joined.transpose(1, 2) @ joined) * AFFINITY, -1)  # b p p, the same for all classes
    spread = compare(coarse.flatten(2), alike.transpose(1, 2)).view_as(coarse)
    found += [to_grid(spread, fine) * 2 - 1, to_grid(spread - coarse, fine)]
    return torch.cat(found, 1)


def _block(into: int, out: int, size: int = 3, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(into, out, size, stride, padding, dilation), nn.GroupNorm(GROUPS, out), nn.GELU()
    )
