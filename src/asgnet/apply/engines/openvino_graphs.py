"""The network's graphs in OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet import quiet


class OpenvinoGraphs:
    """The graphs of :data:`~asgnet.model.graph_files.GRAPHS` by name, each compiled for every size.

    Args:
        files: their ONNX files.
        threads: of one run; 0: one a core.
        precision: ``"fp32"`` or ``"bf16"``.
    """

    def __init__(self, files: Mapping[str, bytes], threads: int = 0, precision: str = "fp32") -> None:
        openvino = quiet.openvino()
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._graphs = {
            name: core.compile_model(core.read_model(graph), "CPU", options) for name, graph in files.items()
        }
        self._mine = threading.local()

    def run(
        self, name: str, feed: Mapping[str, NDArray], wanted: Sequence[str] | None = None
    ) -> dict[str, NDArray]:
        """As :meth:`OnnxGraphs.run`, but all outputs are computed."""
        requests: dict[str, Any] = self._mine.__dict__.setdefault("requests", {})
        if name not in requests:
            requests[name] = self._graphs[name].create_infer_request()
        found = requests[name].infer(dict(feed), share_inputs=True)
        return {
            key: np.array(array)  # a copy: its memory is used again
            for key, array in ((output.any_name, found[output]) for output in self._graphs[name].outputs)
            if wanted is None or key in wanted
        }
