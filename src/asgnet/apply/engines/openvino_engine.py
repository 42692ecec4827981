"""The exported graph in OpenVINO."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np
from torch import Tensor

from asgnet import quiet
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.feed import Feed, copied
from asgnet.apply.engines.graph import PER_PROTOTYPE, GraphOutput

OFTEN = 200
"""Asked so often, a size gets a graph of its own: by then that would have saved what compiling it takes."""
OWN = 2
"""Sizes that have one at a time, 130 MB each: what one camera makes upright and lying."""
Sizes = tuple[int, ...]
EVERY: Sizes = ()


class OpenvinoEngine:
    """The exported graph in OpenVINO: compiled for the first size, for what comes often, and for every size.

    What is compiled for every size takes any size at once, but takes a quarter longer.

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
        self._frequent, self._feed = Frequent(), Feed()
        self._mine, self._choosing = threading.local(), threading.Lock()

    def __call__(self, pictures: Tensor, fit: ClassFit) -> GraphOutput:
        """As :meth:`TorchEngine.__call__`; from several threads at once, too."""
        feed = self._feed.with_pictures(pictures, fit)
        found = self._request((*pictures.shape, len(fit.classes)), feed).infer(feed, share_inputs=True)
        return copied([found[i] for i in range(len(GraphOutput._fields))])

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
