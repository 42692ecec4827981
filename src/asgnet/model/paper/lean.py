"""A network stripped for inference: the same answers from less work."""

from __future__ import annotations

import torch
from torch import nn

from asgnet.model.for_inference import fused
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.paper.decoder import FEM, Atrous
from asgnet.model.paper.winograd import Winograd, suits

PROBE = 64


def lean(net: ASGNet, winograd: bool | None = None, compiled: bool = False) -> ASGNet:
    """A copy of a network that only infers, in channels-last memory format.

    Normalisations are folded into convolutions, auxiliary classifiers are gone (so ``auxiliary`` outputs are
    empty), 3×3 convolutions need a quarter of the multiplications. The network itself stays as it is.

    Args:
        net: in any mode; the copy is in eval mode.
        winograd: compute 3×3 convolutions by :mod:`asgnet.model.paper.winograd`; by default on a CPU, unless
            compiled. Not for bf16, which has too few digits for it.
        compiled: backbone and decoder through ``torch.compile``, which needs a C++ compiler and takes a
            minute or two at the first pictures of each size.
    """
    device = net.backbone.mean.device
    copied = fused(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE, device=device))
    if isinstance(copied.decoder, FEM):
        copied.decoder.inner = nn.ModuleList()
    elif isinstance(copied.decoder, Atrous):
        copied.decoder.inner = None
    if winograd is None:
        winograd = device.type == "cpu" and not compiled  # a compiler fuses what is around torch's own
    if winograd:
        for name, module in [*copied.named_modules()]:
            if isinstance(module, nn.Conv2d) and suits(module):
                copied.set_submodule(name, Winograd(module))
    if compiled:
        copied.backbone.compile()
        copied.decoder.compile()
    return copied.requires_grad_(False).eval()
