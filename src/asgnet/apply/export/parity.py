"""Whether what was exported predicts as the network does."""

from __future__ import annotations

import torch
from torch import Tensor

from asgnet.apply.export.graph import PER_PROTOTYPE, Graph, GraphEngine
from asgnet.errors import OutputError
from asgnet.model.default.network import DefaultNet

TOLERANCE = 1e-3
"""Largest difference of probabilities between the network and what was exported from it."""
LEAST, STRIDE = 96, 32
"""The least side of a picture, and what all sides are multiples of."""


def parity(net: DefaultNet, tensors: dict[str, Tensor], engine: GraphEngine, side: int) -> float:
    """Largest difference of a probability between a network in torch, fp32, and an engine.

    Asked are one picture and three, of ``side`` and of half of it, with the prototypes as they are and with
    more of them, for the classes fitted and for twice as many.

    Args:
        net: in eval mode, on the CPU.
        tensors: of classes fitted by it.
        engine: what is compared with it.
        side: a multiple of ``STRIDE``, at least ``LEAST``.
    """
    reference, worst = Graph(net), 0.0
    generator = torch.Generator().manual_seed(0)
    half = max(side // 2 // STRIDE * STRIDE, LEAST)
    for (count, height), one in zip(((1, side), (3, half)), (tensors, _more(tensors)), strict=True):
        pictures = _noise(count, height, side, generator)
        with torch.inference_mode():
            wanted = reference(pictures.float(), *one.values())
        got = engine(pictures, one)
        for found, expected in ((got.logits, wanted.logits), (got.presence, wanted.presence)):
            worst = max(worst, float((found.sigmoid() - expected.sigmoid()).abs().max()))
    return worst


def refuse_strangers(difference: float, what: str) -> None:
    """OutputError if what was exported does not predict as the network does."""
    if not difference < TOLERANCE:  # NaN is a stranger, too
        raise OutputError(
            f"{what} differs from the network by {difference:.2g} in probability, more than {TOLERANCE:g}; "
            "it was not written: try other versions of torch, onnx or the engine."
        )


def _noise(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """``b 3 h w`` uint8, smooth."""
    noise = torch.rand(count, 3, height // 8, width // 8, generator=generator)
    return (torch.nn.functional.interpolate(noise, (height, width), mode="bilinear") * 255).to(torch.uint8)


def _more(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Twice the classes, the second time fused otherwise, and one more prototype that is padding."""
    more = {}
    for name, tensor in tensors.items():
        if name in PER_PROTOTYPE:
            tensor = torch.cat([tensor, torch.zeros_like(tensor[:, :1])], 1)
        more[name] = torch.cat([tensor, 1 - tensor if name in ("trusts", "shares") else tensor])
    return more
