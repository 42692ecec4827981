"""The same function with fewer passes over memory: norms done by convolutions, or channel by channel."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Net = TypeVar("Net", bound=nn.Module)


@torch.no_grad()
def fold_batchnorm(net: Net, backbone: nn.Module, example: Tensor) -> Net:
    """A copy for inference of a network whose backbone's BatchNorms are folded into their convolutions.

    Which convolution a normalisation follows is seen in one pass, so it holds for any backbone. The network
    itself, what trains it and its state dict stay as they are.

    Args:
        net: in eval mode.
        backbone: the part of it to fold.
        example: ``b 3 H W``, any pictures that the backbone takes.

    Returns:
        the copy, in channels-last memory format.
    """
    names = {module: name for name, module in net.named_modules()}
    copied = copy.deepcopy(net).eval()
    # Looked at in the copy: the network itself may be at work in another thread.
    pairs = _followed(copied.get_submodule(names[backbone]), example)
    names = {module: name for name, module in copied.named_modules()}
    for convolution, norm in pairs:
        copied.set_submodule(names[norm], _fold(convolution, norm))
    return copied.to(memory_format=torch.channels_last)


class ChannelwiseNorm(nn.Module):
    """A GroupNorm that takes no map apart into groups.

    Engines that keep channels last turn every map around for a GroupNorm, and back. Here groups are averaged
    as means of their channels' means, a product of ``c`` by ``c``, and maps are only scaled and shifted.

    Args:
        norm: the one to do the work of, with weights.
    """

    same_group: Tensor

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        width = norm.num_channels // norm.num_groups
        same = torch.eye(norm.num_groups).repeat_interleave(width, 0).repeat_interleave(width, 1)
        self.register_buffer("same_group", (same / width).to(norm.weight))  # c c
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, maps: Tensor) -> Tensor:
        """``b c h w`` -> the same."""
        centred = maps - (maps.mean((2, 3)) @ self.same_group)[..., None, None]
        variance = centred.square().mean((2, 3)) @ self.same_group  # b c
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[..., None, None] + self.bias[:, None, None]


def channelwise(net: Net) -> Net:
    """The network, changed: every GroupNorm in it is a :class:`ChannelwiseNorm`."""
    norms = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.GroupNorm)]
    for name, module in norms:
        net.set_submodule(name, ChannelwiseNorm(module))
    return net


def _followed(backbone: nn.Module, example: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions whose output goes into a BatchNorm, each with it."""
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensors are kept, so that no id comes twice
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def note(module: nn.Module, taken: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            made[id(output)] = (module, output)
        elif isinstance(module, nn.BatchNorm2d) and id(taken[0]) in made:
            pairs.append((made[id(taken[0])][0], module))

    types = (nn.Conv2d, nn.BatchNorm2d)
    hooks = [m.register_forward_hook(note) for m in backbone.modules() if isinstance(m, types)]
    try:
        backbone(example)
    finally:
        for hook in hooks:
            hook.remove()
    return pairs


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Module:
    """The convolution takes over the norm's part; the rest (timm's keep an activation) comes back."""
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias,
        cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var), norm.eps, norm.weight, norm.bias,
    )  # fmt: skip
    return nn.Sequential(*(part for name, part in norm.named_children() if name in ("drop", "act")))
