"""The network as one file: features and decoding in a graph that takes prototypes as input.

    graph = to_onnx(segmenter.net, learnt, SIDE)

The graph is traced from :class:`~asgnet.apply.engines.graph.Graph`. Pictures, classes and prototypes may be of
any number, the pictures' sides any multiple of 32 from 96 on. Whatever is exported answers as the network
does, to within ``TOLERANCE``, or it is not written.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import asgnet
from asgnet import quiet
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.graph import PER_PROTOTYPE, PICTURES, Graph, GraphOutput, tensors_of
from asgnet.apply.engines.quantise import mean_iou, quantised
from asgnet.apply.inference.grid import seen_size
from asgnet.errors import OutputError, UsageError
from asgnet.files import cache_folder, save_bytes
from asgnet.model.default.network import DefaultNet
from asgnet.model.for_inference import channelwise, fused

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Picture

OPSET = 18
TOLERANCE = 1e-3
"""Largest difference of probabilities between the network and what was exported from it."""
PROBE = 64
TRACED = ("apply/answer.py", "apply/adapt.py", "model")
"""Code that the graph is made from, beside the weights."""


def to_onnx(net: DefaultNet, learnt: ClassFit, side: int) -> bytes:
    """The graph as an ONNX file.

    Args:
        net: in eval mode, on the CPU.
        learnt: by it, anything: an example of the graph's inputs.
        side: of the pictures that it is traced with.

    Raises:
        UsageError: the installed torch or onnx cannot export it.
    """
    outputs = list(GraphOutput._fields)
    first = {name: {0: "batch", 1: "classes"} for name in outputs}
    free = {name: {0: "classes"} for name in tensors_of(learnt)} | first
    for name in PER_PROTOTYPE:
        free[name][1] = f"{name.removesuffix('_valid')}_prototypes"
    free[PICTURES] = {0: "batch", 2: "height", 3: "width"}
    for name in ("logits", "guide_map"):
        free[name] |= {2: f"{name}_height", 3: f"{name}_width"}
    stream = io.BytesIO()
    try:
        with _quietly(), torch.no_grad():
            torch.onnx.export(
                Graph(channelwise(_folded(net))), example(learnt, side), stream,
                dynamo=False,  # its successor cannot leave the pictures' size open
                input_names=[PICTURES, *tensors_of(learnt)], output_names=outputs,
                opset_version=OPSET, dynamic_axes=free,
            )  # fmt: skip
    except Exception as error:  # whatever a tracer, or its absence, raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UsageError(
            f"The graph cannot be exported here ({reason}); run pip install 'asgnet[onnx]', "
            "or take the engine torch."
        ) from error
    return stream.getvalue()


def to_torchscript(net: DefaultNet, learnt: ClassFit, side: int) -> bytes:
    """The graph as TorchScript, for libtorch and Python without asgnet; inputs as :func:`to_onnx`."""
    stream = io.BytesIO()
    with _quietly(), torch.no_grad():
        graph = torch.jit.trace(Graph(_folded(net)), example(learnt, side), check_trace=False)
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


def example(learnt: ClassFit, side: int) -> tuple[Tensor, ...]:
    """Inputs to trace a graph with: two pictures and twice the classes, so that none of these axes is one."""
    twice = [torch.cat([tensor, tensor]) for tensor in tensors_of(learnt).values()]
    return torch.zeros(2, 3, side, side), *twice


def cached_onnx(net: DefaultNet, learnt: ClassFit, side: int, fingerprint: str) -> bytes:
    """:func:`to_onnx`, made once: kept in the user's cache for these weights, this code and this torch.

    Where the cache cannot be written it is made again every time. A damaged file is made anew.
    """
    digest = hashlib.sha256(repr((fingerprint, asgnet.__version__, torch.__version__, side, OPSET)).encode())
    for part in _code():
        digest.update(part.read_bytes())
    file = cache_folder() / "graphs" / f"{digest.hexdigest()[:32]}.onnx"
    graph = _kept(file)
    if graph is None:
        graph = to_onnx(net, learnt, side)
        try:
            save_bytes(file, hashlib.sha256(graph).digest() + graph)
        except OutputError:
            return graph
    return graph


def parity(
    net: DefaultNet, learnt: ClassFit, answers: Callable[[Tensor, ClassFit], GraphOutput], side: int
) -> float:
    """Largest difference of a probability between a network in torch, fp32, and another engine.

    Asked are one picture and three, of ``side`` and of a smaller one, with the prototypes as they are and
    with more of them, for the classes learnt and for twice as many.

    Args:
        net: in eval mode, on the CPU.
        learnt: by it.
        answers: the engine.
        side: a multiple of 32.
    """
    reference, worst = Graph(net), 0.0
    generator = torch.Generator().manual_seed(0)
    sizes = ((1, side, side), (3, *seen_size((1, 2), side)))
    for (count, height, width), known in zip(sizes, (learnt, _more(learnt)), strict=True):
        noise = torch.rand(count, 3, height // 8, width // 8, generator=generator)
        pictures = torch.nn.functional.interpolate(noise, (height, width), mode="bilinear") * 255
        pictures = pictures.to(torch.uint8)
        with torch.inference_mode():
            wanted = reference(pictures.float(), *tensors_of(known).values())
        got = answers(pictures, known)
        for one, other in zip(got[:2], wanted[:2], strict=True):
            worst = max(worst, float((one.sigmoid() - other.sigmoid()).abs().max()))
    return worst


def refuse_strangers(difference: float, what: str) -> None:
    """OutputError if what was exported does not answer as the network does."""
    if not difference < TOLERANCE:  # NaN is a stranger, too
        raise OutputError(
            f"{what} differs from the network by {difference:.2g} in probability, more than {TOLERANCE:g}; "
            "it was not written: try other versions of torch, onnx or the engine."
        )


def _more(learnt: ClassFit) -> ClassFit:
    """Twice the classes, and one more prototype that is padding."""
    tensors = {}
    for name, tensor in learnt.knowledge._asdict().items():
        if name in PER_PROTOTYPE:
            tensor = torch.cat([tensor, torch.zeros_like(tensor[:, :1])], 1)
        tensors[name] = torch.cat([tensor, tensor])
    return ClassFit(
        learnt.classes * 2,
        type(learnt.knowledge)(**tensors),
        learnt.adaptations * 2,
        type(learnt.readout)(*(torch.cat([t, t]) for t in learnt.readout)),
        torch.cat([learnt.trusts, 1 - learnt.trusts]),
        torch.cat([learnt.shares, 1 - learnt.shares]),
    )


def _folded(net: DefaultNet) -> DefaultNet:
    return fused(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE)).to(memory_format=torch.contiguous_format)


@contextmanager
def _quietly() -> Iterator[None]:
    """Tracers warn of every size that they take for a constant; :func:`parity` is what holds them to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _code() -> Sequence[Path]:
    package = Path(asgnet.__file__).parent
    parts = [package / name for name in TRACED]
    return sorted(file for part in parts for file in ([part] if part.is_file() else part.glob("*.py")))


def _kept(file: Path) -> bytes | None:
    """A graph of the cache; None if it is not there or not whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, graph = content[:32], content[32:]
    return graph if hashlib.sha256(graph).digest() == digest else None


def export(segmenter: Segmenter, to: str, path: Path, int8: bool = False) -> dict[str, Any]:
    """Write a Segmenter's network as one file that needs no asgnet; the demo's pictures are its examples.

    Args:
        segmenter: on the CPU; what it has learnt stays.
        to: ``"onnx"``, ``"openvino"`` (``path`` is the .xml; the weights lie beside it, .bin) or ``"torch"``
            (TorchScript).
        path: the file.
        int8: the backbone's convolutions in 8 bits, measured on the demo's pictures.

    Returns:
        plain facts: what was written, and how far it is from the network: the largest ``difference`` of a
        probability; in 8 bits instead ``iou`` and ``iou_fp32`` on the demo's scenes.

    Raises:
        OutputError: it differs from the network by more than ``TOLERANCE``, or cannot be written.
        UsageError: something is not installed, or 8 bits of TorchScript are asked for.
    """
    from asgnet.apply.examples.samples import SCENES
    from asgnet.apply.segmenter import SIDE, Segmenter

    if to == "torch" and int8:
        raise UsageError("8 bits are for onnx and openvino; take --to onnx, or leave --int8 out.")
    plain = Segmenter(segmenter.net)
    scenes = [scene() for scene in SCENES]
    plain.fit(scenes[0].support.image, scenes[0].support.mask, adapt=False)
    learnt = next(iter(plain._learnt.values()))
    facts: dict[str, Any] = {"to": to, "file": str(path), "fingerprint": segmenter.fingerprint, "int8": int8}
    graph = to_torchscript(plain.net, learnt, SIDE) if to == "torch" else to_onnx(plain.net, learnt, SIDE)
    if int8:
        feeds = [_feed(plain, scene.query, learnt) for scene in scenes]
        graph = quantised(graph, feeds)
        facts["iou_fp32"], facts["iou"] = (mean_iou(s, SCENES) for s in (plain, _answering(plain, graph, to)))
    else:
        facts["difference"] = parity(plain.net, learnt, runner(graph, to), SIDE)
        refuse_strangers(facts["difference"], str(path))
    if to == "openvino":
        save_openvino(graph, path)
    else:
        save_bytes(path, graph)
    return facts


def runner(graph: bytes, to: str) -> Callable[[Tensor, ClassFit], GraphOutput]:
    """What runs an exported graph where it is meant to run.

    Raises:
        UsageError: that is not installed.
    """
    from asgnet.apply.engines.runtimes import OnnxEngine, OpenvinoEngine, choose_engine

    if to != "torch":
        choose_engine(to, torch.device("cpu"))
        return (OnnxEngine if to == "onnx" else OpenvinoEngine)(graph, torch.get_num_threads())
    with _quietly():
        script = torch.jit.load(io.BytesIO(graph))
    return lambda pictures, learnt: GraphOutput(*script(pictures.float(), *tensors_of(learnt).values()))


def _answering(segmenter: Segmenter, graph: bytes, to: str) -> Segmenter:
    """A Segmenter that asks this graph."""
    from asgnet.apply.segmenter import Segmenter

    other = Segmenter(segmenter.net)
    other._answers = runner(graph, to)
    return other


def _feed(segmenter: Segmenter, picture: Picture, learnt: ClassFit) -> dict[str, Any]:
    pictures = segmenter._prepare(picture).float()
    return {name: t.numpy() for name, t in {PICTURES: pictures, **tensors_of(learnt)}.items()}
