"""Pictures and what was fitted to what is found, in one graph: what is exported for programs without asgnet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asgnet.apply.concept.tensors import ClassFit
from asgnet.model.default.graphs import DecodeGraph, EncodeGraph
from asgnet.model.default.network import DefaultNet

PER_PROTOTYPE = ("object", "object_valid", "background", "background_valid")
"""Inputs with a second axis of any length."""
PICTURES = "pictures"
NAMES = {
    "use_appearance": "trusts",
    "fusion_weight": "shares",
    "head_weights": "readout_weights",
    "head_bias": "readout_bias",
}
"""Inputs whose names other programs rely on since the first version."""


class GraphOutput(NamedTuple):
    """About b pictures and n classes.

    Attributes:
        logits: ``b n h w``, object against background, before calibration.
        presence: ``b n`` logits, see :func:`~asgnet.model.default.fusion.presence_logit`.
        guide_map: ``b n h' w'`` int64.
    """

    logits: Tensor
    presence: Tensor
    guide_map: Tensor


GraphEngine = Callable[[Tensor, dict[str, Tensor]], GraphOutput]
"""What computes an exported graph: ``b 3 h w`` uint8 and :func:`tensors_of` what was fitted."""


class Graph(nn.Module):
    """Pictures and what was fitted -> :class:`GraphOutput`; prototypes are an input, so one graph serves all.

    Args:
        net: in eval mode.
    """

    def __init__(self, net: DefaultNet) -> None:
        super().__init__()
        self.encode, self.decode = EncodeGraph(net), DecodeGraph(net)

    def forward(self, pictures: Tensor, *tensors: Tensor) -> GraphOutput:
        """``b 3 H W`` pixel values in [0, 255] and :func:`tensors_of` what was fitted."""
        return GraphOutput(*self.decode(*self.encode(pictures), *tensors)[:3])


def tensors_of(fit: ClassFit) -> dict[str, Tensor]:
    """All that a graph takes beside pictures: each ``n …`` with one entry per class, by name, in order."""
    return {NAMES.get(name, name): torch.from_numpy(array) for name, array in fit.inputs.items()}
