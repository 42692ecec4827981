"""What computes for a Segmenter: the network's graphs in an engine, and what it remembers of pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.engines.feature_cache import FeatureCache
from asgnet.apply.engines.features import Decoded, Features
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.mask_cells import Grids, sides_of
from asgnet.model.default.spatial_head import fused, levels_of, split_heads
from asgnet.model.default.support import SIDES, SupportStatistics, assembled, feed, superpixels
from asgnet.model.graph_files import Network
from asgnet.types import Mask, Picture

PIXEL_GRAMS = tuple(f"{side}_pixel_gram" for side in SIDES)


class Graphs(Protocol):
    """The network's graphs by name: encode, statistics, decode."""

    def run(
        self, name: str, feed: Mapping[str, NDArray], wanted: Sequence[str] | None = None
    ) -> dict[str, NDArray]:
        """A graph's outputs by name, at least the ``wanted`` ones."""


class _Once:
    """What is made at its first use, once for all threads; another process makes its own."""

    def __init__(self, make: Callable[[], Graphs]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._graphs: Graphs | None = None

    def __call__(self) -> Graphs:
        if self._graphs is None:
            with self._lock:
                if self._graphs is None:  # nobody else made them meanwhile
                    self._graphs = self._make()
        return self._graphs

    def __reduce__(self) -> tuple[type[_Once], tuple[Callable[[], Graphs]]]:
        return _Once, (self._make,)


class Backend:
    """A network and the engine that computes it; several Segmenters may share one.

    Args:
        network: which it is.
        graphs: makes its graphs; called at their first use.
        engine: the name of what computes; precision: its.
        side: the longer one of a picture at the usual working scale, in pixels.

    Attributes:
        feature_cache: see :meth:`with_feature_cache`; None: every picture is encoded anew.
    """

    def __init__(
        self, network: Network, graphs: Callable[[], Graphs], engine: str, precision: str, side: int
    ) -> None:
        self.network, self.engine, self.precision, self.side = network, engine, precision, side
        self.feature_cache: FeatureCache | None = None
        self._made = _Once(graphs)

    @property
    def fingerprint(self) -> str:
        """Of the weights."""
        return self.network.fingerprint

    @property
    def graphs(self) -> Graphs:
        """Made once, shared by all copies."""
        return self._made()

    @property
    def numbers(self) -> Calibration:
        """The network's tuned numbers."""
        return self.network.config.calibration

    def encode(self, picture: Picture) -> Features:
        """The backbone's features of a picture ``h w 3`` uint8, whose sides are multiples of 32."""
        return (
            self._encode(picture) if self.feature_cache is None else self.feature_cache(picture, self._encode)
        )

    def statistics(
        self, features: Features, mask: Mask, seed: int = 0
    ) -> tuple[SupportStatistics, NDArray[np.int32]]:
        """Of one support, and ``h w`` on the prototypes' grid: each object cell's superpixel, -1 elsewhere.

        Args:
            features: of the picture.
            mask: in {0, 1, 255}, of the picture's size as it was encoded.
            seed: of the pixels that are drawn for the pixel head.
        """
        grids = self._grids(features)
        sides = sides_of(mask, grids, self.network.config, seed)
        outputs = self.graphs.run("statistics", by_name(features) | feed(sides))
        parts = superpixels(outputs, sides[0], grids.cells)
        return assembled(outputs, sides, self.network.levels), parts

    def pixel_grams(self, features: Features, mask: Mask, seed: int = 0) -> tuple[NDArray, ...]:
        """Of :meth:`statistics` the pixel head's alone: object, background."""
        sides = sides_of(mask, self._grids(features), self.network.config, seed)
        outputs = self.graphs.run("statistics", by_name(features) | feed(sides), PIXEL_GRAMS)
        return tuple(outputs[name] * bool(len(s.pixels)) for name, s in zip(PIXEL_GRAMS, sides, strict=True))

    def decode(self, features: Features, classes: Mapping[str, NDArray]) -> Decoded:
        """What is found of n classes, see :data:`~asgnet.apply.concept.tensors.ClassFit.inputs`."""
        heads, weights, inputs = split_heads(classes)
        found = self.graphs.run("decode", {**by_name(features), **inputs})
        decoded = Decoded(*(found[name][0] for name in Decoded._fields))
        if not any(weights):
            return decoded
        levels = levels_of(features.fine, features.maps)
        return decoded._replace(logits=fused(decoded.logits, levels, heads, weights))

    def with_feature_cache(self, most: int | None = None) -> Backend:
        """The same network, each picture encoded once; its answers are the same, bit for bit.

        Args:
            most: how many pictures are kept, about 6 MB each, the latest asked for; None: all.
        """
        twin = copy(self)
        twin.feature_cache = FeatureCache(most)
        return twin

    @cached_property
    def blank(self) -> SupportStatistics:
        """Statistics of a blank picture: the shapes of this network's."""
        side = 96
        return self.statistics(
            self._encode(np.zeros((side, side, 3), np.uint8)), np.ones((side, side), np.uint8)
        )[0]

    def _encode(self, picture: Picture) -> Features:
        pixels = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        found = self.graphs.run("encode", {"pictures": pixels})
        return Features(
            tuple(v for k, v in found.items() if k.startswith("map_")),
            tuple(v for k, v in found.items() if k.startswith("fine_")),
        )

    def _grids(self, features: Features) -> Grids:
        maps, pixels = features.maps, features.fine[0]
        cells = maps[self.network.levels.grid]
        return Grids(*((int(m.shape[2]), int(m.shape[3])) for m in (cells, maps[-1], pixels)))


def by_name(features: Features) -> dict[str, NDArray]:
    """Features as graphs take them."""
    maps = {f"map_{i}": m for i, m in enumerate(features.maps)}
    return maps | {f"fine_{i}": m for i, m in enumerate(features.fine)}
