"""The default network: ASGNet's prototypes and allocation, weighed as evidence by a small decoder.

The same four steps as the paper's network (encode, prototypes, allocate, decode) with the published faults
mended: one checkpoint for every number of shots, similarities of normalised features only, seeds with a
border, statistics that never drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.errors import UsageError
from asgnet.model.asgnet import ASGNet, Config
from asgnet.model.backbone import Backbone, lite0
from asgnet.model.decoder import Outputs, resize
from asgnet.model.evidence import Knowledge, Levels, evidence, learn, superpixels, to_grid
from asgnet.model.fine import Seen, fine_features
from asgnet.model.presence import Presence
from asgnet.model.weigh import Weigh

LEVELS = (1, 2, 3, 4, 5, 6)
APPEARANCE_LEVELS = (2, 3, 4)


class Found(NamedTuple):
    """About a query: evidence ``b e h w`` on the fine grid, guide map ``b h' w'`` on the prototype grid."""

    evidence: Tensor
    guide_map: Tensor


class EvidenceNet(ASGNet):
    """The default preset; see :class:`ASGNet` for the call.

    Args:
        backbone: frozen, with the six levels of :func:`~asgnet.model.backbone.lite0` in ``config.levels``.
        config: of this network.
    """

    def __init__(self, backbone: Backbone, config: Config) -> None:
        levels = Levels(tuple(backbone.channels), grid=3, fine=1, fused=(3, 4), read=5, shallow=3)
        super().__init__(backbone, Weigh(levels, config.channels), config, fused=APPEARANCE_LEVELS)
        self.levels = levels
        self.presence = Presence(levels, self.decoder.widths[-1])
        self.projection = nn.Conv2d(sum(levels.channels[i] for i in APPEARANCE_LEVELS), config.channels, 1)

    @classmethod
    def from_config(cls, config: Config) -> EvidenceNet:
        """On EfficientNet-Lite0, the only backbone whose levels have settled roles; the decoder is untrained.

        Raises:
            UsageError: another backbone or other levels.
            WeightsError: lite0's weights are not installed.
        """
        if config.backbone != "lite0" or tuple(config.levels) != LEVELS:
            raise UsageError(
                f"The decoder 'weigh' needs the backbone 'lite0' with the levels {LEVELS}, "
                f"not {config.backbone!r} with {tuple(config.levels)}."
            )
        return cls(lite0(config.levels, finest=8), config)

    def episode(
        self,
        query: Sequence[Tensor],
        supports: Sequence[Tensor],
        masks: Tensor,
        size: Sequence[int],
        auxiliary: bool = True,
    ) -> Outputs:
        """As :meth:`ASGNet.episode`: each round's answer is an output, the last the main one."""
        outputs = self.decide(query, self.learn(supports, masks), size)
        return outputs if auxiliary else outputs._replace(auxiliary=())

    def learn(self, supports: Sequence[Tensor], masks: Tensor) -> Knowledge:
        """Maps ``b k c h w`` per level and masks ``b k H W`` -> what they taught."""
        return learn(supports, masks, self.levels, self.config.area, self.config.most)

    def find(self, query: Sequence[Tensor], knowledge: Knowledge) -> Found:
        """Query maps ``b c h w`` per level -> the evidence and the guide map."""
        return Found(*evidence(query, knowledge, self.levels))

    def see(self, images: Tensor) -> Seen:
        """``b 3 H W`` normalised images -> maps, and features finer than theirs."""
        first, *maps = self.backbone.maps_at(images, (0, *self.backbone.indices))
        return Seen(tuple(self.backbone.coarsened(maps)), fine_features(images, first, maps[0]))

    @property
    def read(self) -> tuple[int, ...]:
        """Positions of the maps that the fine readout reads: those of the coarse one, without stride 4."""
        return tuple(range(1, self.levels.read))

    def superpixels(self, supports: Sequence[Tensor], masks: Tensor) -> Tensor:
        """Maps ``b c h w`` per level, masks ``b H W`` -> ``b h w`` each object pixel's superpixel, or -1."""
        return superpixels(supports, masks, self.levels, self.config.area, self.config.most)

    def decide(
        self,
        query: Sequence[Tensor],
        knowledge: Knowledge,
        size: Sequence[int] | None = None,
        appearance: float | Tensor = 1.0,
        found: Found | None = None,
    ) -> Outputs:
        """Weigh the evidence.

        Args:
            query: maps ``b c h w`` per level.
            knowledge: of the same b episodes.
            size: of the logits; by default the fine grid.
            appearance: trust in what objects look like in photographs, in [0, 1], one for all or ``b``: 0 and
                1 are one answer without and with it, in between the two answers' logits are mixed.
            found: the evidence, if at hand.
        """
        found = self.find(query, knowledge) if found is None else found
        fused = [query[i] for i in self.levels.fused]
        seen = self._appearance(query, found.evidence.shape[-2:])
        trust = torch.as_tensor(appearance, dtype=seen.dtype, device=seen.device).expand(seen.shape[0])  # b
        answers, traced = [], torch.jit.is_tracing()  # a traced graph serves every trust
        known = trust if torch.is_tensor(appearance) else torch.tensor(appearance)  # no GPU need tell
        if traced or bool((known > 0).any()):
            answers.append((trust, *self._judged(found.evidence, seen, fused, query, knowledge)))
        if traced or bool((known < 1).any()):
            unseen = torch.zeros_like(seen)
            answers.append((1 - trust, *self._judged(found.evidence, unseen, fused, query, knowledge)))
        logits = []
        for i in range(self.decoder.rounds):
            mixed = sum(weight[:, None, None, None] * rounds[i] for weight, rounds, _ in answers)
            both = torch.cat([torch.zeros_like(mixed), mixed], 1)  # b 2 h w
            logits.append(both if size is None else resize(both, size))
        presence = sum(weight * present for weight, _, present in answers)
        return Outputs(logits[-1], tuple(logits[:-1]), presence)

    def _judged(
        self,
        evidence: Tensor,
        seen: Tensor,
        fused: Sequence[Tensor],
        query: Sequence[Tensor],
        knowledge: Knowledge,
    ) -> tuple[list[Tensor], Tensor]:
        """The decoder's answers ``b 1 h w``, one per round, and the presence logit ``b`` of the last."""
        rounds, deep = self.decoder(evidence, seen, fused)
        return rounds, self.presence(rounds[-1], deep, query, knowledge)

    def _appearance(self, maps: Sequence[Tensor], fine: Sequence[int]) -> Tensor:
        grid = maps[self.levels.grid].shape[-2:]
        unit = [to_grid(F.normalize(maps[i], dim=1), grid) for i in APPEARANCE_LEVELS]
        return to_grid(self.projection(torch.cat(unit, 1)), fine)
