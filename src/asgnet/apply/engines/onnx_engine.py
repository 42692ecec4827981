"""The exported graph in onnxruntime."""

from __future__ import annotations

from torch import Tensor

from asgnet import quiet
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.feed import Feed, copied
from asgnet.apply.engines.graph import GraphOutput


class OnnxEngine:
    """The exported graph in onnxruntime.

    Args:
        graph: as :func:`asgnet.apply.engines.onnx_graph.to_onnx` returns.
        threads: of one prediction.
    """

    precision = "fp32"

    def __init__(self, graph: bytes, threads: int) -> None:
        onnxruntime = quiet.onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._feed = Feed()

    def __call__(self, pictures: Tensor, fit: ClassFit) -> GraphOutput:
        """As :meth:`TorchEngine.__call__`."""
        return copied(self._session.run(None, self._feed.with_pictures(pictures, fit)))
