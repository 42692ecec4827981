"""The network's graphs in torch, on any device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from asgnet.model.default.graphs import (
    CLASS_INPUTS,
    FEATURES,
    Decoded,
    DecodeGraph,
    EncodeGraph,
    StatisticsGraph,
)
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.support import INPUTS, OUTPUTS, SIDES
from asgnet.model.for_inference import fold_batchnorm

PROBE = 64
"""Side of the picture that shows which normalisation follows which convolution."""


class TorchGraphs:
    """The graphs of a network, its normalisations folded.

    Args:
        net: in eval mode, on its device.
        precision: ``"fp32"`` or ``"bf16"``.
        threads: of everything in torch, from now on; 0: as it is.
    """

    def __init__(self, net: DefaultNet, precision: str = "fp32", threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        self.precision = precision
        self.device = net.backbone.mean.device
        folded = fold_batchnorm(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE, device=self.device))
        self._graphs = {
            "encode": (EncodeGraph(folded), ["pictures"], FEATURES),
            "statistics": (StatisticsGraph(folded), [*FEATURES, *_both(INPUTS)], _both(OUTPUTS)),
            "decode": (
                DecodeGraph(folded),
                [*FEATURES, *CLASS_INPUTS],
                Decoded._fields,
            ),
        }

    def run(
        self, name: str, feed: Mapping[str, NDArray], wanted: Sequence[str] | None = None
    ) -> dict[str, NDArray]:
        """As :meth:`OnnxGraphs.run`, but all outputs are computed."""
        graph, inputs, outputs = self._graphs[name]
        tensors = [torch.from_numpy(np.ascontiguousarray(feed[key])).to(self.device) for key in inputs]
        # Statistics are summed and solved with: they have no digits to lose.
        short = self.precision == "bf16" and name != "statistics"
        low = torch.autocast(self.device.type, torch.bfloat16, enabled=short)
        with torch.inference_mode(), low:
            found = graph(*tensors)
        return {
            key: (one.float() if one.is_floating_point() else one).cpu().numpy()
            for key, one in zip(outputs, found, strict=True)
            if wanted is None or key in wanted
        }


def _both(names: Sequence[str]) -> list[str]:
    return [f"{side}_{name}" for side in SIDES for name in names]
