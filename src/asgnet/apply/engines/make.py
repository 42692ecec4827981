"""Makes the engine of a name. In fp32 their probabilities differ by less than 1e-3: a Concept serves them all."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.feature_cache import FeatureCache
from asgnet.apply.engines.graph import GraphOutput
from asgnet.apply.engines.onnx_engine import OnnxEngine
from asgnet.apply.engines.onnx_graph import cached_onnx
from asgnet.apply.engines.openvino_engine import OpenvinoEngine
from asgnet.apply.engines.torch_engine import TorchEngine
from asgnet.model.default.network import DefaultNet


class GraphEngine(Protocol):
    """What computes the graph."""

    def __call__(self, pictures: Tensor, fit: ClassFit) -> GraphOutput:
        """``b 3 h w`` uint8 and what was fitted -> :class:`GraphOutput`, on the CPU."""


def make_engine(
    net: DefaultNet,
    fit: ClassFit,
    engine: str,
    precision: str,
    side: int,
    fingerprint: str,
    features: FeatureCache | None = None,
) -> GraphEngine:
    """An engine that computes this network's graph.

    Args:
        net: in eval mode.
        fit: of any classes; the graph is traced with it.
        engine: as :func:`~asgnet.apply.engines.choose.choose_engine` returns.
        precision: as :func:`~asgnet.apply.engines.choose.choose_precision` returns.
        side: of the pictures.
        fingerprint: of the weights.
        features: remembers pictures, with torch alone: an exported graph does everything in one go.

    Raises:
        UsageError: the graph cannot be exported with what is installed.
    """
    if engine == "torch":
        return TorchEngine(net, precision, features)
    graph, threads = cached_onnx(net, fit, side, fingerprint), torch.get_num_threads()
    return OnnxEngine(graph, threads) if engine == "onnx" else OpenvinoEngine(graph, threads, precision)
