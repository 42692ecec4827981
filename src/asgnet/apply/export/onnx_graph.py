"""The network as an ONNX graph: features and decoding in one file that takes prototypes as input.

    graph = to_onnx(net, tensors, 512)

The graph is traced from :class:`~asgnet.apply.export.graph.Graph`. Pictures, classes and prototypes may be of
any number, the pictures' sides any multiple of 32 from 96 on.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from asgnet.apply.export.graph import PER_PROTOTYPE, PICTURES, Graph, GraphOutput
from asgnet.errors import UsageError
from asgnet.model.default.network import DefaultNet
from asgnet.model.for_inference import channelwise, fold_batchnorm

OPSET = 18
PROBE = 64
"""Side of the picture that shows which normalisation follows which convolution."""


def to_onnx(net: DefaultNet, tensors: dict[str, Tensor], side: int) -> bytes:
    """The graph as an ONNX file.

    Args:
        net: in eval mode, on the CPU.
        tensors: of any classes, as :func:`~asgnet.apply.export.graph.tensors_of` what was fitted.
        side: of the pictures that it is traced with.

    Raises:
        UsageError: the installed torch or onnx cannot export it.
    """
    outputs = list(GraphOutput._fields)
    axes = {name: {0: "batch", 1: "classes"} for name in outputs}
    axes = {name: {0: "classes"} for name in tensors} | axes
    for name in PER_PROTOTYPE:
        axes[name][1] = f"{name.removesuffix('_valid')}_prototypes"
    axes[PICTURES] = {0: "batch", 2: "height", 3: "width"}
    for name in ("logits", "guide_map"):
        axes[name] |= {2: f"{name}_height", 3: f"{name}_width"}
    stream = io.BytesIO()
    try:
        with quietly(), torch.no_grad():
            torch.onnx.export(
                Graph(channelwise(folded(net))), example(tensors, side), stream,  # type: ignore[arg-type]
                dynamo=False,  # its successor cannot leave the pictures' size open
                input_names=[PICTURES, *tensors], output_names=outputs,
                opset_version=OPSET, dynamic_axes=axes,
            )  # fmt: skip
    except Exception as error:  # whatever a tracer, or its absence, raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UsageError(
            f"The graph cannot be exported here ({reason}); run pip install 'asgnet[torch]', "
            "or take the engine torch."
        ) from error
    return stream.getvalue()


def example(tensors: dict[str, Tensor], side: int) -> tuple[Tensor, ...]:
    """Inputs to trace a graph with: two pictures and twice the classes, so that none of these axes is one."""
    twice = [torch.cat([tensor, tensor]) for tensor in tensors.values()]
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
