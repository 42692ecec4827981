"""The network as an ONNX graph: features and decoding in one file that takes prototypes as input.

    graph = to_onnx(net, fit, 512)

The graph is traced from :class:`~asgnet.apply.engines.graph.Graph`. Pictures, classes and prototypes may be of
any number, the pictures' sides any multiple of 32 from 96 on.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

import asgnet
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.graph import PER_PROTOTYPE, PICTURES, Graph, GraphOutput, tensors_of
from asgnet.apply.engines.torch_engine import PROBE
from asgnet.errors import OutputError, UsageError
from asgnet.files import cache_folder, save_bytes
from asgnet.model.default.network import DefaultNet
from asgnet.model.for_inference import channelwise, fold_batchnorm

OPSET = 18
TRACED = ("apply/engines/graph.py", "apply/engines/fusion.py", "model")
"""Code that the graph is made from, beside the weights."""


def to_onnx(net: DefaultNet, fit: ClassFit, side: int) -> bytes:
    """The graph as an ONNX file.

    Args:
        net: in eval mode, on the CPU.
        fit: of any classes: an example of the graph's inputs.
        side: of the pictures that it is traced with.

    Raises:
        UsageError: the installed torch or onnx cannot export it.
    """
    outputs = list(GraphOutput._fields)
    axes = {name: {0: "batch", 1: "classes"} for name in outputs}
    axes = {name: {0: "classes"} for name in tensors_of(fit)} | axes
    for name in PER_PROTOTYPE:
        axes[name][1] = f"{name.removesuffix('_valid')}_prototypes"
    axes[PICTURES] = {0: "batch", 2: "height", 3: "width"}
    for name in ("logits", "guide_map"):
        axes[name] |= {2: f"{name}_height", 3: f"{name}_width"}
    stream = io.BytesIO()
    try:
        with quietly(), torch.no_grad():
            torch.onnx.export(
                Graph(channelwise(folded(net))), example(fit, side), stream,  # type: ignore[arg-type]
                dynamo=False,  # its successor cannot leave the pictures' size open
                input_names=[PICTURES, *tensors_of(fit)], output_names=outputs,
                opset_version=OPSET, dynamic_axes=axes,
            )  # fmt: skip
    except Exception as error:  # whatever a tracer, or its absence, raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UsageError(
            f"The graph cannot be exported here ({reason}); run pip install 'asgnet[onnx]', "
            "or take the engine torch."
        ) from error
    return stream.getvalue()


def cached_onnx(net: DefaultNet, fit: ClassFit, side: int, fingerprint: str) -> bytes:
    """:func:`to_onnx`, made once: kept in the user's cache for these weights, this code and this torch.

    Where the cache cannot be written it is made again every time. A damaged file is made anew.
    """
    made_of = (fingerprint, net.config.calibration, asgnet.__version__, torch.__version__, side, OPSET)
    digest = hashlib.sha256(repr(made_of).encode())
    for part in _code():
        digest.update(part.read_bytes())
    file = cache_folder() / "graphs" / f"{digest.hexdigest()[:32]}.onnx"
    graph = _cached(file)
    if graph is None:
        graph = to_onnx(net, fit, side)
        try:
            save_bytes(file, hashlib.sha256(graph).digest() + graph)
        except OutputError:
            return graph
    return graph


def example(fit: ClassFit, side: int) -> tuple[Tensor, ...]:
    """Inputs to trace a graph with: two pictures and twice the classes, so that none of these axes is one."""
    twice = [torch.cat([tensor, tensor]) for tensor in tensors_of(fit).values()]
    return torch.zeros(2, 3, side, side), *twice


def folded(net: DefaultNet) -> DefaultNet:
    """A copy of the network with its normalisations folded, as tracers take it."""
    return fold_batchnorm(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE)).to(
        memory_format=torch.contiguous_format
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Tracers warn of every size that they take for a constant; ``parity`` is what holds them to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _code() -> list[Path]:
    package = Path(asgnet.__file__).parent
    parts = [package / name for name in TRACED]
    return sorted(file for part in parts for file in ([part] if part.is_file() else part.rglob("*.py")))


def _cached(file: Path) -> bytes | None:
    """A graph of the cache; None if it is not there or not whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, graph = content[:32], content[32:]
    return graph if hashlib.sha256(graph).digest() == digest else None
