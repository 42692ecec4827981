"""What computes a Segmenter's answers: torch, or the exported graph in onnxruntime or OpenVINO.

All engines compute the same function with the same weights: in fp32 their probabilities differ by less than
1e-3, so a Concept serves every one of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from asgnet import quiet
from asgnet.apply.engines.graph import PER_PROTOTYPE, PICTURES, Graph, GraphOutput, tensors_of
from asgnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from asgnet.apply.concept.tensors import ClassFit
    from asgnet.model.default.network import DefaultNet

Engine = Literal["auto", "openvino", "onnx", "torch"]
Precision = Literal["auto", "fp32", "bf16"]

PACKAGES = {"openvino": ("openvino", "onnx"), "onnx": ("onnxruntime", "onnx")}
"""What an engine needs beside torch; the fastest first."""
PROBE = 64
OFTEN = 200
"""Asked so often, a size gets a graph of its own: by then that would have saved what compiling it takes."""
OWN = 2
"""Sizes that have one at a time, 130 MB each: what one camera makes upright and lying."""
Sizes = tuple[int, ...]
EVERY: Sizes = ()
MAKING = threading.Lock()
"""Held while an engine is made: torch's tracer belongs to the whole process."""


def choose_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UsageError: there is none here.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device {name!r}; take cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("No CUDA device is available here; take --device cpu.")
    return device


def choose_engine(engine: str, device: torch.device) -> str:
    """The engine meant: ``"auto"`` is the fastest that is installed, and torch on anything but a CPU.

    Raises:
        UsageError: no such engine, it is not installed, or it does not run on that device.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"There is no engine {engine!r}; take {', '.join(get_args(Engine))}.")
    if engine == "auto":
        usable = [name for name in PACKAGES if installed(name)]
        return usable[0] if usable and device.type == "cpu" else "torch"
    if engine != "torch" and device.type != "cpu":
        raise UsageError(f"The engine {engine!r} runs on the CPU, not on {device}; take the engine torch.")
    if not installed(engine):
        raise UsageError(f"The engine {engine!r} is not installed; run: pip install 'asgnet[{engine}]'")
    return engine


def installed(engine: str) -> bool:
    """All that an engine needs is there."""
    return all(find_spec(package) is not None for package in PACKAGES.get(engine, ()))


def choose_precision(precision: str, engine: str) -> str:
    """``"fp32"`` or ``"bf16"``; ``"auto"`` is bf16 where the engine computes faster in it on this processor.

    Raises:
        UsageError: no such precision, or not one of this engine.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"There is no precision {precision!r}; take {', '.join(get_args(Precision))}.")
    if precision == "bf16" and engine == "onnx":
        raise UsageError("onnxruntime has no bf16 on a CPU; take fp32, or the engine openvino or torch.")
    if precision == "auto":
        return "bf16" if engine == "openvino" and has_bf16() else "fp32"
    return precision


def has_bf16() -> bool:
    """The processor multiplies bf16 matrices in hardware (AMX or AVX512-BF16)."""
    able = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16"))
    return any(asked is not None and asked() for asked in able)


class TorchEngine:
    """The network in torch, its normalisations folded.

    Args:
        net: in eval mode, on its device.
        precision: ``"fp32"`` or ``"bf16"``.
        compiled: through ``torch.compile``, which needs a C++ compiler and a minute or two at first.
    """

    def __init__(self, net: DefaultNet, precision: str = "fp32", compiled: bool = False) -> None:
        from asgnet.model.for_inference import fused

        self.precision = precision
        self.device = net.backbone.mean.device
        graph = Graph(fused(net, net.backbone, torch.zeros(1, 3, PROBE, PROBE, device=self.device)))
        self._graph: Callable[..., GraphOutput] = torch.compile(graph) if compiled else graph

    def __call__(self, pictures: Tensor, learnt: ClassFit) -> GraphOutput:
        """``b 3 s s`` uint8 and what is learnt -> :class:`GraphOutput`, on the CPU."""
        pictures = pictures.to(self.device, torch.float32).contiguous(memory_format=torch.channels_last)
        low = torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), low:
            answer = self._graph(pictures, *tensors_of(learnt).values())
        return GraphOutput(answer.logits.float().cpu(), answer.presence.float().cpu(), answer.guide_map.cpu())


class OnnxEngine:
    """The exported graph in onnxruntime.

    Args:
        graph: as :func:`asgnet.apply.engines.export.to_onnx` answers.
        threads: of one prediction.
    """

    precision = "fp32"

    def __init__(self, graph: bytes, threads: int) -> None:
        onnxruntime = quiet.onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._feed = _Feed()

    def __call__(self, pictures: Tensor, learnt: ClassFit) -> GraphOutput:
        """As :meth:`TorchEngine.__call__`."""
        return _answer(self._session.run(None, self._feed.with_pictures(pictures, learnt)))


class Frequent:
    """Which sizes are worth a graph of their own: the first, for most folders have one, and what comes often.

    Attributes:
        own: those, at most ``OWN``.
    """

    def __init__(self) -> None:
        self.own: set[Sizes] = set()
        self._asked: Counter[Sizes] = Counter()

    def __call__(self, sizes: Sizes) -> bool:
        """Asked once more: is it one? It takes the place of one that was asked less than half as often."""
        self._asked[sizes] += 1
        if sizes not in self.own and (self._asked[sizes] >= OFTEN or self._asked.total() == 1):
            rarest = min(self.own, key=self._asked.__getitem__) if len(self.own) == OWN else None
            if rarest is None or 2 * self._asked[rarest] < self._asked[sizes]:
                self.own = self.own - {rarest} | {sizes}
        return sizes in self.own


class OpenvinoEngine:
    """The exported graph in OpenVINO: compiled for the first size, for what comes often, and for every size.

    What is compiled for every size answers any size at once, but takes a quarter longer.

    Args:
        graph: as for :class:`OnnxEngine`.
        threads: of one prediction.
        precision: ``"fp32"`` or ``"bf16"``.
    """

    def __init__(self, graph: bytes, threads: int, precision: str = "fp32") -> None:
        self.precision = precision
        self._openvino, self._graph = quiet.openvino(), graph
        self._core = self._openvino.Core()
        self._options = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._compiled: dict[Sizes, Any] = {}
        self._frequent, self._feed = Frequent(), _Feed()
        self._mine, self._choosing = threading.local(), threading.Lock()

    def __call__(self, pictures: Tensor, learnt: ClassFit) -> GraphOutput:
        """As :meth:`TorchEngine.__call__`; from several threads at once, too."""
        feed = self._feed.with_pictures(pictures, learnt)
        found = self._request((*pictures.shape, len(learnt.classes)), feed).infer(feed, share_inputs=True)
        return _answer([found[i] for i in range(len(GraphOutput._fields))])

    def _request(self, sizes: Sizes, feed: dict[str, Any]) -> Any:
        """A request, of this thread alone, of the graph that suits ``sizes`` best."""
        with self._choosing:
            key = sizes if self._frequent(sizes) else EVERY
            if key not in self._compiled:
                self._compiled[key] = self._compile(feed, own=key != EVERY)
            kept = {EVERY, *self._frequent.own}
            for given_up in self._compiled.keys() - kept:
                del self._compiled[given_up]
            graph = self._compiled[key]
        mine: dict[Sizes, tuple[Any, Any]] = self._mine.__dict__.setdefault("requests", {})
        if key not in mine or mine[key][0] is not graph:
            mine[key] = graph, graph.create_infer_request()
        for given_up in mine.keys() - kept:
            del mine[given_up]
        return mine[key][1]

    def _compile(self, feed: dict[str, Any], own: bool) -> Any:
        """For the sizes of ``feed``, only prototypes stay of any number; or for any sizes."""
        model = self._core.read_model(self._graph)
        if own:
            model.reshape({name: self._shape(name, array) for name, array in feed.items()})
        return self._core.compile_model(model, "CPU", self._options)

    def _shape(self, name: str, array: np.ndarray) -> Any:
        free = name in PER_PROTOTYPE
        return self._openvino.PartialShape([-1 if free and i == 1 else n for i, n in enumerate(array.shape)])


class _Feed:
    """Inputs of a graph by name; what is learnt is turned into arrays once, not for every picture."""

    def __init__(self) -> None:
        self._last: tuple[ClassFit, dict[str, np.ndarray]] | None = None

    def with_pictures(self, pictures: Tensor, learnt: ClassFit) -> dict[str, np.ndarray]:
        last = self._last
        if last is None or last[0] is not learnt:
            arrays = {name: np.ascontiguousarray(t.numpy()) for name, t in tensors_of(learnt).items()}
            self._last = last = (learnt, arrays)
        return {PICTURES: np.ascontiguousarray(pictures.float().numpy()), **last[1]}


def _answer(arrays: Sequence[np.ndarray]) -> GraphOutput:
    """Copies: an engine may use its memory again."""
    return GraphOutput(*(torch.from_numpy(np.array(array)) for array in arrays))


AnyEngine = TorchEngine | OnnxEngine | OpenvinoEngine


def make_engine(
    net: DefaultNet, learnt: ClassFit, engine: str, precision: str, side: int, fingerprint: str
) -> AnyEngine:
    """An engine that answers for this network.

    Args:
        net: in eval mode.
        learnt: by it, anything; the graph is traced with it.
        engine: as :func:`choose_engine` answers.
        precision: as :func:`choose_precision` answers.
        side: of the pictures.
        fingerprint: of the weights.

    Raises:
        UsageError: the graph cannot be exported with what is installed.
    """
    if engine == "torch":
        return TorchEngine(net, precision)
    from asgnet.apply.engines.export import cached_onnx

    graph, threads = cached_onnx(net, learnt, side, fingerprint), torch.get_num_threads()
    return OnnxEngine(graph, threads) if engine == "onnx" else OpenvinoEngine(graph, threads, precision)
