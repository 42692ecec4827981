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
from asgnet.model.backbones.backbone import Backbone, lite0
from asgnet.model.backbones.lite0 import installed
from asgnet.model.config import Config
from asgnet.model.default.decoder import Decoder
from asgnet.model.default.evidence import Levels, SupportStatistics, evidence, learn, superpixels
from asgnet.model.default.grids import to_grid
from asgnet.model.default.imagenet import KNOWN, SCORES, ImageNetHead, likeness, lite0_kinds
from asgnet.model.default.pixel_head import FeatureMaps, fine_features
from asgnet.model.default.presence import Presence
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.decoder import Outputs, resize

LEVELS = (1, 2, 3, 4, 5, 6)
APPEARANCE_LEVELS = (2, 3, 4)


class Found(NamedTuple):
    """About a query: evidence ``b e h w`` on the fine grid, guide map ``b h' w'`` on the prototype grid."""

    evidence: Tensor
    guide_map: Tensor


class DefaultNet(ASGNet):
    """The default preset; see :class:`ASGNet` for the call.

    Args:
        backbone: frozen, with the six levels of :func:`~asgnet.model.backbones.backbone.lite0` in ``config.levels``.
        config: of this network.
        kinds: the classifier behind its deepest map; random by default.

    Attributes:
        known: ``m s``, how ``kinds`` scores typical things of the training pictures; zeros before training.
    """

    known: Tensor

    def __init__(self, backbone: Backbone, config: Config, kinds: ImageNetHead | None = None) -> None:
        levels = Levels(tuple(backbone.channels), grid=3, fine=1, fused=(3, 4), read=5, shallow=3)
        super().__init__(backbone, Decoder(levels, config.channels), config, fused=APPEARANCE_LEVELS)
        self.levels = levels
        self.presence = Presence(levels, self.decoder.widths[-1])
        self.kinds = ImageNetHead(levels.channels[-1]) if kinds is None else kinds
        self.register_buffer("known", torch.zeros(KNOWN, SCORES))
        self.projection = nn.Conv2d(sum(levels.channels[i] for i in APPEARANCE_LEVELS), config.channels, 1)

    @classmethod
    def from_config(cls, config: Config) -> DefaultNet:
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
        tensors = installed()
        return cls(lite0(config.levels, 8, tensors), config, lite0_kinds(tensors))

    def episode(
        self,
        query: Sequence[Tensor],
        supports: Sequence[Tensor],
        masks: Tensor,
        size: Sequence[int],
        auxiliary: bool = True,
    ) -> Outputs:
        """As :meth:`ASGNet.episode`: each round's answer is an output, the last the main one."""
        outputs = self.decide(query, self._learn(supports, masks), size)
        return outputs if auxiliary else outputs._replace(auxiliary=())

    def learn(self, supports: Sequence[Tensor], masks: Tensor) -> SupportStatistics:
        """Maps ``b k c h w`` per level and masks ``b k H W`` -> what they taught."""
        sides = torch.stack([masks == 1, masks == 0], 2)  # b k 2 H W
        kinds = self.kinds(supports[-1].flatten(0, 1), sides.flatten(0, 2)[:, None].float())
        kinds = kinds.unflatten(0, sides.shape[:3]) * sides.flatten(3).any(3)[..., None]  # b k 2 s
        return self._learn(supports, masks)._replace(kinds=F.normalize(kinds.sum(1), dim=2))

    def _learn(self, supports: Sequence[Tensor], masks: Tensor) -> SupportStatistics:
        return learn(supports, masks, self.levels, self.config.area, self.config.most)

    def likeness(self, query: Sequence[Tensor], knowledge: SupportStatistics, logits: Tensor) -> Tensor:
        """How alike in kind are what was found and what was shown? See :func:`~asgnet.model.default.imagenet.likeness`.

        Args:
            query: maps ``b c h w`` per level.
            knowledge: of the same b episodes, or of ``bn``.
            logits: ``bn h w``, object against background.

        Returns:
            ``bn``.
        """
        return likeness(self.kinds(query[-1], logits.sigmoid()[:, None]), knowledge.kinds, self.known)

    def find(self, query: Sequence[Tensor], knowledge: SupportStatistics) -> Found:
        """Query maps ``b c h w`` per level -> the evidence and the guide map of ``bn``, n classes a query."""
        return Found(*evidence(query, knowledge, self.levels))

    def see(self, images: Tensor) -> FeatureMaps:
        """``b 3 H W`` normalised images -> maps, and features finer than theirs."""
        first, *maps = self.backbone.maps_at(images, (0, *self.backbone.indices))
        return FeatureMaps(tuple(self.backbone.coarsened(maps)), fine_features(images, first, maps[0]))

    @property
    def read(self) -> tuple[int, ...]:
        """Positions of the maps that the fine readout reads: the coarse one's but stride 4, which is fine."""
        return tuple(range(1, self.levels.read))

    def superpixels(self, supports: Sequence[Tensor], masks: Tensor) -> Tensor:
        """Maps ``b c h w`` per level, masks ``b H W`` -> ``b h w`` each object pixel's superpixel, or -1."""
        return superpixels(supports, masks, self.levels, self.config.area, self.config.most)

    def decide(
        self,
        query: Sequence[Tensor],
        knowledge: SupportStatistics,
        size: Sequence[int] | None = None,
        appearance: float | Tensor = 1.0,
        found: Found | None = None,
    ) -> Outputs:
        """Decoder the evidence.

        Args:
            query: maps ``b c h w`` per level.
            knowledge: of the same b episodes, or of ``bn``: n classes for each query.
            size: of the logits; by default the fine grid.
            appearance: look at what objects look like in photographs, or not: 1 or 0, one for all or ``bn``.
            found: the evidence, if at hand.
        """
        found = self.find(query, knowledge) if found is None else found
        seen = self._appearance(query, found.evidence.shape[-2:])[:, None]  # b 1 a h w
        looked = torch.as_tensor(appearance, device=seen.device).expand(found.evidence.shape[0])
        looked = looked.reshape(seen.shape[0], -1, 1, 1, 1)
        seen = torch.where(looked > 0.5, seen, 0.0).flatten(0, 1)  # bn a h w
        rounds, deep = self.decoder(found.evidence, seen, [query[i] for i in self.levels.fused])
        presence = self.presence(rounds[-1], deep, query, knowledge)
        answers = [torch.cat([torch.zeros_like(one), one], 1) for one in rounds]  # b 2 h w
        logits = answers if size is None else [resize(one, size) for one in answers]
        return Outputs(logits[-1], tuple(logits[:-1]), presence)

    def _appearance(self, maps: Sequence[Tensor], fine: Sequence[int]) -> Tensor:
        grid = maps[self.levels.grid].shape[-2:]
        unit = [to_grid(F.normalize(maps[i], dim=1), grid) for i in APPEARANCE_LEVELS]
        return to_grid(self.projection(torch.cat(unit, 1)), fine)
