"""What computes for a Segmenter: one network, where and how it runs, and what it remembers."""

from __future__ import annotations

import threading
from copy import copy
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.concept.tensors import ClassFit, expected_tensors
from asgnet.apply.engines.choose import Engine, Precision, choose_device, choose_engine, choose_precision
from asgnet.apply.engines.feature_cache import FeatureCache
from asgnet.apply.engines.graph import GraphOutput
from asgnet.apply.engines.make import GraphEngine, make_engine
from asgnet.apply.engines.torch_engine import TorchEngine
from asgnet.model.checkpoint import fingerprint
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import Picture

MAKING = threading.Lock()
"""Held while an engine is made: torch's tracer belongs to the whole process."""


class Backend:
    """A network and the engine that predicts with it; several Segmenters may share one.

    Args:
        net: put in eval mode, on the device.
        device: ``"cpu"`` or ``"cuda"``.
        engine: ``"torch"``, ``"onnx"``, ``"openvino"``, or ``"auto"``, the fastest installed.
        precision: of predicting: ``"fp32"``, ``"bf16"``, or ``"auto"``, what is fastest on this processor.
        side: the longer one of a picture at the usual working scale, in pixels.

    Attributes:
        device, engine, precision: the ones chosen.
        fingerprint: of the weights.
        graph_engine: what predicts; None until the first prediction makes it. It may be replaced at any time.
        feature_cache, prediction_cache: see :meth:`with_feature_cache`; None: every picture is encoded anew.

    Raises:
        UsageError: a device, engine or precision that is not there.
    """

    def __init__(self, net: DefaultNet, device: str, engine: Engine, precision: Precision, side: int) -> None:
        self.device = choose_device(device)
        self.engine = choose_engine(engine, self.device)
        self.precision = choose_precision(precision, self.engine)
        self.net = net.eval().to(self.device)
        self.side = side
        self.fingerprint = fingerprint(net)
        self.graph_engine: GraphEngine | None = None
        self.feature_cache: FeatureCache | None = None
        self.prediction_cache: FeatureCache | None = None

    def encode(self, picture: Picture) -> FeatureMaps:
        """The backbone's features of a picture ``h w 3`` uint8, whose sides are multiples of 32."""
        pixels = channels_first(picture)
        with torch.inference_mode():
            return (
                self._encode(pixels)
                if self.feature_cache is None
                else self.feature_cache(pixels, self._encode)
            )

    def predict(self, pictures: Tensor, fit: ClassFit) -> GraphOutput:
        """What the engine finds in ``b 3 h w`` uint8; it is made at the first prediction."""
        if self.graph_engine is None:
            with MAKING:
                if self.graph_engine is None:  # nobody else made it meanwhile
                    self.graph_engine = make_engine(
                        self.net, fit, self.engine, self.precision, self.side, self.fingerprint,
                        self.prediction_cache,
                    )  # fmt: skip
        return self.graph_engine(pictures, fit)

    def predict_in_torch(self) -> None:
        """Until another engine takes over: no exporting, so the first prediction does not wait."""
        self.graph_engine = TorchEngine(self.net, self.precision if self.engine == "torch" else "fp32")

    def with_feature_cache(self, most: int | None = None, predictions: bool = False) -> Backend:
        """The same network, each picture encoded once; its predictions are the same, bit for bit.

        It holds about 6 MB a picture while it lives, and as much again with ``predictions``.

        Args:
            most: how many pictures are kept, the latest asked for; None: all.
            predictions: remember for :meth:`predict`, too, not only for :meth:`encode`. With the engine
                torch alone: an exported graph does everything in one go.
        """
        twin = copy(self)
        twin.feature_cache = FeatureCache(most)
        if predictions and self.engine == "torch":
            twin.prediction_cache = FeatureCache(most)
            twin.graph_engine = None  # made anew, to remember
        return twin

    @cached_property
    def expected_tensors(self) -> dict[str, NDArray]:
        """A concept's tensors as this network makes them, see :func:`~asgnet.apply.concept.tensors.check_concept`."""
        return expected_tensors(self.net, self.device)

    def _encode(self, pixels: Tensor) -> FeatureMaps:
        features = self.net.encode(self.net.backbone.normalise(pixels.to(self.device)))
        return FeatureMaps(*(tuple(m.contiguous() for m in part) for part in features))


def channels_first(picture: Picture) -> Tensor:
    """``h w 3`` uint8 -> ``1 3 h w`` uint8."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
