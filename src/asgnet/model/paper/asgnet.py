"""ASGNet: encode, cluster supports into prototypes, allocate them to the query, decode (paper figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.errors import UsageError
from asgnet.model.backbones.backbone import Backbone, lite0, published_resnet
from asgnet.model.default.config import DefaultConfig
from asgnet.model.for_inference import FoldedOnce
from asgnet.model.paper.aspp import ASPP
from asgnet.model.paper.config import Config
from asgnet.model.paper.fem import FEM
from asgnet.model.paper.gpa import Allocation, allocate
from asgnet.model.paper.resize import resize
from asgnet.model.paper.seeds import seed_masks
from asgnet.model.paper.sgc import cluster, slots
from asgnet.model.presets import preset_config
from asgnet.model.steps import Outputs, check_episode

if TYPE_CHECKING:
    from asgnet.model.default.network import DefaultNet

PROBE = 64
"""Side of the picture that shows which normalisation follows which convolution."""

ALMOST_ONE = 1 - 1e-5
"""A bilinear mask value that means "exactly 1": interpolation weights may add up to a little less."""


class Encoded(NamedTuple):
    """Features of pictures.

    Attributes:
        features: ``b c h w``, what prototypes are made of and compared with.
        low: ``b l h' w'``, the backbone's first level, for decoders that refine with it; else None.
    """

    features: Tensor
    low: Tensor | None = None


class Prototypes(NamedTuple):
    """What the supports of ``b`` episodes come to.

    Attributes:
        vectors: ``b n c``, n = k · most; padding is zero.
        valid: ``b n`` bool.
    """

    vectors: Tensor
    valid: Tensor


class ASGNet(nn.Module):
    """The network. One ``forward`` segments a batch of episodes; its four :class:`~asgnet.model.steps.FourSteps` can
    be called one by one, so that supports are learned once and any number of queries decoded.

    Args:
        backbone: frozen features; the decoder's ``low`` is its first level.
        decoder: :class:`~asgnet.model.paper.fem.FEM` or :class:`~asgnet.model.paper.aspp.ASPP`.
        config: the rest; ``config.backbone`` and ``config.decoder`` only say how the two were made.
        fused: which of the backbone's levels are projected, by position; the first gives the grid.
    """

    train_iterations = 10
    eval_iterations = 5

    def __init__(
        self, backbone: Backbone, decoder: nn.Module, config: Config, fused: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.fused = tuple(range(len(backbone.channels))) if fused is None else tuple(fused)
        joined = sum(backbone.channels[i] for i in self.fused)
        self.projection = nn.Sequential(nn.Conv2d(joined, config.channels, 1, bias=False), nn.Dropout2d(0.5))
        self.decoder = decoder
        self._folded = FoldedOnce()

    @classmethod
    def from_config(cls, config: Config) -> ASGNet:
        """Compose the parts that a configuration names. All but lite0 starts random.

        Raises:
            UsageError: a backbone or level that does not exist, or a decoder that does not fit it.
            WeightsError: lite0's weights are not installed.
        """
        backbone, fused = _backbone(config)
        return cls(backbone, _decoder(config, backbone), config, fused)

    @classmethod
    def from_preset(cls, name: str, inner: bool = True) -> ASGNet | DefaultNet:
        """A network by name: ``paper-r50``, ``paper-r101``, ``paper-r50-aspp``, ``light`` or ``default``.

        The paper presets compute the published function, quirks included; ``light`` is the paper's network
        on EfficientNet-Lite0 with the published faults mended; ``default`` is a
        :class:`~asgnet.model.default.network.DefaultNet`, its decoder untrained; trained weights come from
        :func:`asgnet.model.checkpoint.pretrained`.

        Args:
            name: the preset.
            inner: with auxiliary classifiers, which only training of the paper's networks needs.

        Raises:
            UsageError: unknown name.
        """
        config = preset_config(name)
        if isinstance(config, DefaultConfig):
            from asgnet.model.default.network import DefaultNet

            return DefaultNet.from_config(config)
        return cls.from_config(replace(config, inner=inner))

    @overload
    def forward(self, query: Tensor, support_images: Tensor, support_masks: Tensor) -> Tensor: ...
    @overload
    def forward(
        self, query: Tensor, support_images: Tensor, support_masks: Tensor, auxiliary: bool
    ) -> Tensor | Outputs: ...
    def forward(
        self, query: Tensor, support_images: Tensor, support_masks: Tensor, auxiliary: bool = False
    ) -> Tensor | Outputs:
        """Segment each query given its supports.

        Args:
            query: ``b 3 H W``, normalised (see :meth:`Backbone.normalise`).
            support_images: ``b k 3 H' W'``, normalised; any k.
            support_masks: ``b k H'' W''`` in {0, 1, 255}: background, object, ignore; any size, any dtype.
            auxiliary: return :class:`Outputs`, the auxiliary classifiers' logits included.

        Returns:
            Logits ``b 2 H W``: background, object.

        Raises:
            UsageError: tensors whose shapes do not belong together.
        """
        check_episode(query, support_images, support_masks)
        learned = self.learn(self.encode(support_images.flatten(0, 1)), support_masks)
        queries = self.encode(query)
        outputs = self.decode(queries, self.allocate(queries, learned), query.shape[-2:], auxiliary)
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
            auxiliary: compute the auxiliary classifiers' logits too.
        """
        queries = self.project(query)
        learned = self.learn(self.project([m.flatten(0, 1) for m in supports]), masks)
        return self.decode(queries, self.allocate(queries, learned), size, auxiliary)

    def encode(self, images: Tensor) -> Encoded:
        """``b 3 H W`` normalised images -> their features.

        Outside training a copy of the frozen backbone computes, its normalisations folded into its convolutions,
        and a CPU takes one picture at a time: the maps of several do not fit into its caches.
        """
        if self.training or images.requires_grad or torch.is_autocast_enabled(images.device.type):
            return self.project(self.backbone(images))
        backbone = self._folded(self.backbone, self.backbone.mean.new_zeros(1, 3, PROBE, PROBE))
        alone = images.device.type == "cpu"
        each = [self.project(backbone(part)) for part in (images.split(1) if alone else (images,))]
        if len(each) == 1:
            return each[0]
        low = [one.low for one in each if one.low is not None]
        return Encoded(torch.cat([one.features for one in each]), torch.cat(low) if low else None)

    def project(self, maps: Sequence[Tensor]) -> Encoded:
        """The backbone's maps (frozen, so they may be cached) -> features ``b c h w``."""
        grid = maps[self.fused[0]].shape[-2:]
        features = self.projection(torch.cat([resize(maps[i], grid) for i in self.fused], 1))
        if self.config.length:
            features = F.normalize(features, dim=1) * self.config.length
        return Encoded(features, maps[0] if isinstance(self.decoder, ASPP) else None)

    @torch.no_grad()
    def learn(self, supports: Encoded, masks: Tensor) -> Prototypes:
        """SGC on every support, the prototypes of an episode's shots pooled.

        Args:
            supports: features ``bk c h w``.
            masks: ``b k H W`` in {0, 1, 255}.
        """
        features, config = supports.features, self.config
        seeded, region, soft = grid_masks(masks.flatten(0, 1), features.shape[-2:], config.region)
        seeds, valid = seed_masks(
            seeded, config.area, config.most, config.rounding, config.border, config.zero_is_padding
        )
        iterations = self.train_iterations if self.training else self.eval_iterations
        prototypes = cluster(features, region, seeds, valid, iterations, soft_mask=soft)  # bk most c
        pooled = (x.unflatten(0, masks.shape[:2]).flatten(1, 2) for x in (prototypes, slots(region, valid)))
        return Prototypes(*pooled)

    def allocate(self, query: Encoded, learned: Prototypes) -> Allocation:
        """GPA: the features ``b c h w`` of queries and an episode's prototypes each."""
        vectors = learned.vectors.to(query.features.dtype)
        return allocate(query.features, vectors, learned.valid, self.config.reduce)

    def decode(
        self, query: Encoded, allocation: Allocation, size: Sequence[int], auxiliary: bool = False
    ) -> Outputs:
        """Query features and how the prototypes fit them -> logits ``b 2 H W`` at ``size``."""
        guided = torch.cat([query.features, allocation.guide_feature], 1)  # b 2c h w
        outputs = self.decoder(guided, allocation.probability_map, query.low, auxiliary)
        return outputs._replace(logits=resize(outputs.logits, size))


def grid_masks(
    masks: Tensor, grid: Sequence[int], region: Literal["exact", "area"]
) -> tuple[Tensor, Tensor, Tensor]:
    """What an object's mask is on the feature grid.

    Args:
        masks: ``b H W`` in {0, 1, 255}; only 1 is object.
        grid: (h, w).
        region: see :class:`Config`.

    Returns:
        ``b h w`` bool where seeds are placed, ``b h w`` bool where features are clustered, ``b h w`` float in
        [0, 1] to average the small ones with.
    """
    inside = masks == 1
    weights = inside.float()[:, None]
    if region == "area":
        soft = F.adaptive_avg_pool2d(weights, (grid[0], grid[1]))[:, 0]
        return soft >= 0.5, soft >= 0.5, soft
    soft = resize(weights, grid)[:, 0]
    rows, columns = (
        torch.arange(to, device=masks.device) * of // to for to, of in zip(grid, masks.shape[1:], strict=True)
    )
    return inside[:, rows[:, None], columns], soft >= ALMOST_ONE, soft


def _backbone(config: Config) -> tuple[Backbone, tuple[int, ...] | None]:
    """The backbone, and which of its levels are projected: of a published one stages 3 and 2, else all."""
    if _published(config):
        return published_resnet(int(config.backbone.removeprefix("published-"))), (2, 1)
    if config.backbone == "lite0":
        return lite0(config.levels), None
    return Backbone(config.backbone, indices=config.levels or None), None


def _decoder(config: Config, backbone: Backbone) -> FEM | ASPP:
    if config.decoder == "fem":
        return FEM(2 * config.channels, config.hidden, published=config.published_scales, inner=config.inner)
    if not _published(config):
        raise UsageError(f"The aspp decoder needs a published backbone, not {config.backbone!r}; take fem.")
    return ASPP(2 * config.channels, backbone.channels[0], config.hidden, inner=config.inner)


def _published(config: Config) -> bool:
    return config.backbone.startswith("published-")
