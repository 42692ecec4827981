"""The graph in the file formats of other programs, and what runs each of them."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from asgnet import quiet
from asgnet.apply.engines.choose import choose_engine
from asgnet.apply.engines.onnx_graphs import OnnxGraphs
from asgnet.apply.engines.openvino_graphs import OpenvinoGraphs
from asgnet.apply.export.graph import PICTURES, Graph, GraphEngine, GraphOutput
from asgnet.apply.export.onnx_graph import example, folded, quietly
from asgnet.files import save_bytes
from asgnet.model.default.network import DefaultNet


def to_torchscript(net: DefaultNet, tensors: dict[str, Tensor], side: int) -> bytes:
    """The graph as TorchScript, for libtorch and Python without asgnet.

    Args: as :func:`~asgnet.apply.export.onnx_graph.to_onnx`, and so are the graph's inputs.
    """
    stream = io.BytesIO()
    with quietly(), torch.no_grad():
        graph = torch.jit.trace(Graph(folded(net)), example(tensors, side), check_trace=False)
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
        choose_engine(to, "cpu")
        graphs = (OnnxGraphs if to == "onnx" else OpenvinoGraphs)({"whole": graph})

        def run(pictures: Tensor, tensors: dict[str, Tensor]) -> GraphOutput:
            feed = {PICTURES: pictures.float()} | tensors
            found = graphs.run("whole", {name: one.numpy() for name, one in feed.items()})
            return GraphOutput(*(torch.from_numpy(found[name]) for name in GraphOutput._fields))

        return run
    with quietly():
        script = torch.jit.load(io.BytesIO(graph))
    return lambda pictures, tensors: GraphOutput(*script(pictures.float(), *tensors.values()))
