"""The exported graph with 8-bit convolutions: static quantisation on a handful of pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asgnet import quiet
from asgnet.errors import UsageError

FROZEN = ("net.backbone.", "net.imagenet.")
"""Where the weights lie that become 8-bit; the decoder's are few and exact."""
TYPES = ["Conv", "Gemm"]


def quantised(onnx: bytes, feeds: Sequence[dict[str, np.ndarray]]) -> bytes:
    """An ONNX graph whose frozen layers compute in 8 bits, as QDQ nodes that every runtime reads.

    Args:
        onnx: as :func:`asgnet.apply.export.onnx_graph.to_onnx` answers.
        feeds: inputs by name, a handful: the ranges of the activations are measured on them.

    Raises:
        UsageError: onnxruntime is not installed.
    """
    try:
        quantization: Any = quiet.onnxruntime("quantization")
    except ImportError as error:
        raise UsageError("8 bits need onnx; run: pip install 'asgnet[torch]'") from error

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(feeds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(onnx)
        logging.disable(logging.WARNING)  # it advises what the exporter has done already
        quantization.quantize_static(
            before, after, Reader(),
            quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=_frozen(onnx), op_types_to_quantize=TYPES,
        )  # fmt: skip
        logging.disable(logging.NOTSET)
        return after.read_bytes()


def _frozen(onnx: bytes) -> list[str]:
    import onnx as form

    graph: Any = form.load_from_string(onnx).graph
    return [
        node.name
        for node in graph.node
        if node.op_type in TYPES and any(name.startswith(FROZEN) for name in node.input)
    ]
