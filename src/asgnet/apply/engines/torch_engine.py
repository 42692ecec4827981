"""The network in torch, its normalisations folded."""

from __future__ import annotations

import torch
from torch import Tensor

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.feature_cache import FeatureCache
from asgnet.apply.engines.graph import Graph, GraphOutput, tensors_of
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.model.for_inference import fold_batchnorm

PROBE = 64
"""Side of the picture that shows which normalisation follows which convolution."""


class TorchEngine:
    """The network in torch.

    Args:
        net: in eval mode, on its device.
        precision: ``"fp32"`` or ``"bf16"``.
        features: remembers single pictures; None: every picture is encoded anew.
    """

    def __init__(
        self, net: DefaultNet, precision: str = "fp32", features: FeatureCache | None = None
    ) -> None:
        self.precision = precision
        self.device = net.backbone.mean.device
        self._graph = Graph(
            fold_batchnorm(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE, device=self.device))
        )
        self._features = features

    def __call__(self, pictures: Tensor, fit: ClassFit) -> GraphOutput:
        """``b 3 s s`` uint8 and what was fitted -> :class:`GraphOutput`, on the CPU."""
        low = torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), low:
            if self._features is None or len(pictures) != 1:
                features = self._encode(pictures)
            else:
                features = self._features(pictures, self._encode)
            output = self._graph.predict(features, *tensors_of(fit).values())
        return GraphOutput(output.logits.float().cpu(), output.presence.float().cpu(), output.guide_map.cpu())

    def _encode(self, pictures: Tensor) -> FeatureMaps:
        pixels = pictures.to(self.device, torch.float32).contiguous(memory_format=torch.channels_last)
        return self._graph.encode(pixels)
