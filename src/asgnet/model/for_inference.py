"""The same function with fewer passes over memory: norms done by convolutions, or channel by channel."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Net = TypeVar("Net", bound=nn.Module)
PLACE = "cpu", torch.float32
PLAIN = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Identity, nn.Sequential)
"""Layers that compute in the blocked layout; an empty ``Sequential`` is what folding leaves of a norm."""


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


class Blocked(nn.Module):
    """A folded backbone whose maps stay in oneDNN's blocked layout from the first convolution to the last.

    Args:
        backbone: on the CPU, of :data:`PLAIN` layers; its weights are changed.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                for name, own in list(module.named_parameters()):
                    setattr(module, name, nn.Parameter(own.detach().contiguous().to_mkldnn(), False))

    def forward(self, images: Tensor) -> list[Tensor]:
        """``b 3 H W`` -> the backbone's maps."""
        return [maps.to_dense() for maps in self.backbone(images.to_mkldnn())]


class FoldedOnce:
    """A frozen backbone's fast copy, made at its first use and again when the backbone has changed.

    No module, so that no state dict holds it; copies of a network make their own.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[object, ...], nn.Module] | None = None

    def __call__(self, backbone: nn.Module, example: Tensor) -> nn.Module:
        """The copy; the backbone itself where nothing is to fold. ``example``: see :func:`fold_batchnorm`."""
        state = *map(_version, (*backbone.parameters(), *backbone.buffers())), len(list(backbone.modules()))
        if self._made is None or self._made[0] != state:
            self._made = state, _fast(backbone, example)
        return self._made[1]

    def __deepcopy__(self, memo: dict[int, object]) -> FoldedOnce:
        return FoldedOnce()

    def __reduce__(self) -> tuple[type[FoldedOnce], tuple[()]]:
        return FoldedOnce, ()


def _fast(backbone: nn.Module, example: Tensor) -> nn.Module:
    if not any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules()):
        return backbone
    with torch.inference_mode(False):  # whoever asks first, the copy serves all
        folded = fold_batchnorm(backbone, backbone, example.clone())
    blocks = torch.backends.mkldnn.is_available() and (example.device.type, example.dtype) == PLACE
    plain = all(isinstance(module, PLAIN) for module in folded.modules() if not list(module.children()))
    return Blocked(folded) if blocks and plain else folded


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


def _version(tensor: Tensor) -> tuple[object, ...]:
    """What changes when a tensor is moved, cast or written to."""
    return tensor.data_ptr(), tensor.dtype, 0 if tensor.is_inference() else tensor._version


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
