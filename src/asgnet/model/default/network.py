"""The default network: ASGNet's prototypes and allocation as similarity maps, and a small decoder of those.

The same four steps as the paper's network (encode, learn, allocate, decode) with the published faults
mended: one checkpoint for every number of shots, similarities of normalised features only, seeds with a
border, statistics that never drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.errors import UsageError
from asgnet.model.backbones.backbone import Backbone, lite0
from asgnet.model.backbones.lite0 import installed
from asgnet.model.default.config import BACKBONE, LEVELS, DefaultConfig
from asgnet.model.default.decoder import Decoder
from asgnet.model.default.grids import to_grid
from asgnet.model.default.imagenet import SCORES, ImageNetHead, class_similarity, lite0_head
from asgnet.model.default.learn import learn
from asgnet.model.default.levels import Levels
from asgnet.model.default.pixel_head import FeatureMaps, fine_features
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.presence import Presence
from asgnet.model.default.similarity import similarity_maps
from asgnet.model.paper.resize import resize
from asgnet.model.steps import Outputs, check_episode

APPEARANCE_LEVELS = (2, 3, 4)
"""Positions of the maps that the query's appearance is projected from."""


class SimilarityMaps(NamedTuple):
    """How each pixel of b queries compares with the supports of n classes each.

    Attributes:
        maps: ``bn e h w`` on the fine grid, see :mod:`asgnet.model.default.similarity`.
        guide_map: ``bn h' w'`` int64 on the prototype grid.
        statistics: of the supports.
    """

    maps: Tensor
    guide_map: Tensor
    statistics: PooledTensors


class DefaultNet(nn.Module):
    """The default preset: one ``forward`` for whole episodes, and the four :class:`~asgnet.model.steps.FourSteps`.

    Args:
        backbone: frozen, with the six levels of :func:`~asgnet.model.backbones.backbone.lite0`.
        config: of this network.
        imagenet: the classifier behind its deepest map; random by default.

    Attributes:
        reference_bank: ``m s``, ImageNet logits of typical objects of training; zeros before it.
    """

    reference_bank: Tensor

    def __init__(
        self, backbone: Backbone, config: DefaultConfig, imagenet: ImageNetHead | None = None
    ) -> None:
        super().__init__()
        self.levels = levels = Levels(
            tuple(backbone.channels), grid=3, fine=1, fused=(3, 4), read=5, shallow=3
        )
        self.config = config
        self.backbone = backbone
        self.decoder = Decoder(levels, config.calibration, config.channels)
        self.presence = Presence(levels, self.decoder.widths[-1], config.calibration)
        self.imagenet = ImageNetHead(levels.channels[-1]) if imagenet is None else imagenet
        self.register_buffer("reference_bank", torch.zeros(config.calibration.reference_bank, SCORES))
        self.projection = nn.Conv2d(sum(levels.channels[i] for i in APPEARANCE_LEVELS), config.channels, 1)

    @classmethod
    def from_config(cls, config: DefaultConfig) -> DefaultNet:
        """With the backbone's weights; the decoder is untrained.

        Raises:
            UsageError: another backbone.
            WeightsError: lite0's weights are not installed.
        """
        if config.backbone != BACKBONE:
            raise UsageError(f"The default network needs the backbone {BACKBONE!r}, not {config.backbone!r}.")
        tensors = installed()
        return cls(lite0(LEVELS, 8, tensors), config, lite0_head(tensors))

    @overload
    def forward(self, query: Tensor, support_images: Tensor, support_masks: Tensor) -> Tensor: ...
    @overload
    def forward(
        self, query: Tensor, support_images: Tensor, support_masks: Tensor, auxiliary: bool
    ) -> Tensor | Outputs: ...
    def forward(
        self, query: Tensor, support_images: Tensor, support_masks: Tensor, auxiliary: bool = False
    ) -> Tensor | Outputs:
        """Segment each query given its supports; as :meth:`asgnet.model.paper.asgnet.ASGNet.forward`."""
        check_episode(query, support_images, support_masks)
        shots = support_images.shape[:2]
        supports = [m.unflatten(0, shots) for m in self.backbone(support_images.flatten(0, 1))]
        outputs = self.episode(self.backbone(query), supports, support_masks, query.shape[-2:], auxiliary)
        return outputs if auxiliary else outputs.logits

    def episode(
        self,
        query: Sequence[Tensor],
        supports: Sequence[Tensor],
        masks: Tensor,
        size: Sequence[int],
        auxiliary: bool = True,
    ) -> Outputs:
        """The call on the frozen backbone's maps, which a trainer may keep.

        Args:
            query: a map ``b c h w`` per level.
            supports: a map ``b k c h w`` per level.
            masks: ``b k H W`` in {0, 1, 255}.
            size: of the logits.
            auxiliary: the rounds before the last are outputs too.
        """
        queries = FeatureMaps(tuple(query), ())
        statistics = learn(supports, masks, self.levels, self.config)  # training needs no ImageNet logits
        outputs = self.decode(queries, self.allocate(queries, statistics), size)
        return outputs if auxiliary else outputs._replace(auxiliary=())

    def encode(self, images: Tensor) -> FeatureMaps:
        """``b 3 H W`` normalised images -> maps, and features finer than theirs."""
        first, *maps = self.backbone.maps_at(images, (0, *self.backbone.indices))
        return FeatureMaps(tuple(self.backbone.coarsened(maps)), self._fine(images, first, maps[0]))

    def learn(self, supports: FeatureMaps, masks: Tensor) -> PooledTensors:
        """Maps of ``bk`` supports and their masks ``b k H W`` in {0, 1, 255} -> their statistics."""
        maps = [m.unflatten(0, masks.shape[:2]) for m in supports.maps]
        return learn(maps, masks, self.levels, self.config, self.imagenet)

    def allocate(self, query: FeatureMaps, learned: PooledTensors) -> SimilarityMaps:
        """Maps of b queries, statistics of the same episodes or of ``bn``: n classes for each query."""
        limit = self.config.calibration.similarity_limit
        maps, guide = similarity_maps(query.maps, learned, self.levels, limit)
        return SimilarityMaps(maps, guide, learned)

    def decode(
        self,
        query: FeatureMaps,
        allocation: SimilarityMaps,
        size: Sequence[int] | None = None,
        appearance: float | Tensor = 1.0,
    ) -> Outputs:
        """The logits ``bn 2 H W`` and presence ``bn``.

        Args:
            query: maps of b queries.
            allocation: of the same queries, n classes for each.
            size: of the logits; by default the fine grid.
            appearance: use what objects look like in photographs, or not: 1 or 0, one for all or ``bn``.
        """
        maps = allocation.maps
        own = self._appearance(query.maps, maps.shape[-2:])[:, None]  # b 1 a h w
        used = torch.as_tensor(appearance, device=own.device).expand(maps.shape[0])
        used = used.reshape(own.shape[0], -1, 1, 1, 1)
        own = torch.where(used > 0.5, own, 0.0).flatten(0, 1)  # bn a h w
        rounds, deep = self.decoder(maps, own, [query.maps[i] for i in self.levels.fused])
        presence = self.presence(rounds[-1], deep, query.maps, allocation.statistics)
        logits = [torch.cat([torch.zeros_like(one), one], 1) for one in rounds]  # bn 2 h w
        if size is not None:
            logits = [resize(one, size) for one in logits]
        return Outputs(logits[-1], tuple(logits[:-1]), presence)

    def class_similarity(self, query: Sequence[Tensor], statistics: PooledTensors, logits: Tensor) -> Tensor:
        """Of what was found and what was shown, see :func:`~asgnet.model.default.imagenet.class_similarity`.

        Args:
            query: maps ``b c h w`` per level.
            statistics: of the same b episodes, or of ``bn``.
            logits: ``bn h w``, object against background.

        Returns:
            ``bn``.
        """
        found = self.imagenet(query[-1], logits.sigmoid()[:, None])
        least = self.config.calibration.class_similarity_least
        return class_similarity(found, statistics.imagenet_logits, self.reference_bank, least)

    @property
    def read(self) -> tuple[int, ...]:
        """Positions of the maps that the pixel head reads: the readouts' but stride 4, which is among the fine."""
        return tuple(range(1, self.levels.read))

    def _fine(self, images: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        return fine_features(images, first, second, self.config.calibration.pixel_surroundings)

    def _appearance(self, maps: Sequence[Tensor], fine: Sequence[int]) -> Tensor:
        grid = maps[self.levels.grid].shape[-2:]
        unit = [to_grid(F.normalize(maps[i], dim=1), grid) for i in APPEARANCE_LEVELS]
        return to_grid(self.projection(torch.cat(unit, 1)), fine)
