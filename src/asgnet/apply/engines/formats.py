"""The graph in the file formats of other programs, and what runs each of them."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from asgnet import quiet
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.choose import choose_engine
from asgnet.apply.engines.graph import Graph, GraphOutput, tensors_of
from asgnet.apply.engines.make import GraphEngine
from asgnet.apply.engines.onnx_engine import OnnxEngine
from asgnet.apply.engines.onnx_graph import example, folded, quietly
from asgnet.apply.engines.openvino_engine import OpenvinoEngine
from asgnet.files import save_bytes
from asgnet.model.default.network import DefaultNet


def to_torchscript(net: DefaultNet, fit: ClassFit, side: int) -> bytes:
    """The graph as TorchScript, for libtorch and Python without asgnet.

    Args: as :func:`~asgnet.apply.engines.onnx_graph.to_onnx`, and so are the graph's inputs.
    """
    stream = io.BytesIO()
    with quietly(), torch.no_grad():
        graph = torch.jit.trace(Graph(folded(net)), example(fit, side), check_trace=False)
        torch.jit.save(torch.jit.freeze(graph.eval()), stream)
    return stream.getvalue()


def save_openvino(onnx: bytes, path: Path) -> None:
    """An ONNX graph as OpenVINO's ``path`` (.xml) and the weights beside it (.bin).

    Raises:
        OutputError: they cannot be written.
    """
    openvino = quiet.openvino()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "graph.xml"
        openvino.save_model(openvino.Core().read_model(onnx), made, compress_to_fp16=False)
        save_bytes(path.with_suffix(".bin"), made.with_suffix(".bin").read_bytes())
        save_bytes(path, made.read_bytes())


def runner(graph: bytes, to: str) -> GraphEngine:
    """What runs an exported graph where it is meant to run: ``"onnx"``, ``"openvino"`` or ``"torch"``.

    Raises:
        UsageError: that is not installed.
    """
    if to != "torch":
        choose_engine(to, torch.device("cpu"))
        return (OnnxEngine if to == "onnx" else OpenvinoEngine)(graph, torch.get_num_threads())
    with quietly():
        script = torch.jit.load(io.BytesIO(graph))

    def run(pictures: Tensor, fit: ClassFit) -> GraphOutput:
        return GraphOutput(*script(pictures.float(), *tensors_of(fit).values()))

    return run
