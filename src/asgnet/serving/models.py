"""The server's one network, and the concepts that are ready to predict with."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cachetools import LRUCache

from asgnet.serving.store.concepts import Concepts, KeptConcept

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter

HELD = 8
"""Concepts that stay ready to predict with."""


class Models:
    """Segmenters that all have one network.

    Args:
        concepts: where concepts are kept.

    Attributes:
        base: the loaded Segmenter, without a concept; None until :meth:`load`.
        warming: the thread that makes the wanted engine; None if torch is the wanted one.
    """

    def __init__(self, concepts: Concepts):
        self._concepts, self._lock = concepts, threading.Lock()
        self._ready: LRUCache[tuple[str, int], Segmenter] = LRUCache(HELD)
        self.base: Segmenter | None = None
        self.warming: threading.Thread | None = None

    def load(self, load: Callable[[], Segmenter]) -> None:
        """Take the network; another engine than torch is made in the background, torch predicts until then."""
        segmenter = load()
        wanted = segmenter.with_backend(copy.copy(segmenter.backend))
        segmenter.backend.predict_in_torch()
        self.base = segmenter
        if segmenter.engine != "torch":
            self.warming = threading.Thread(
                target=self._warm, args=(wanted,), name="asgnet-warming", daemon=True
            )
            self.warming.start()

    def _warm(self, wanted: Segmenter) -> None:
        """Make the engine that is wanted, once for all concepts."""
        import numpy as np

        pixels = np.full((64, 64, 3), 40, np.uint8)
        pixels[16:48, 16:48] = 220
        wanted.fit(pixels, pixels[..., 0] > 128, adapt=False)
        for height in (48, 64):  # 4:3 gets a graph of its own, and after it there is one for every size
            wanted.predict(pixels[:height])
        self._loaded().backend.graph_engine = (
            wanted.backend.graph_engine
        )  # every Segmenter here has that backend

    def another(self) -> Segmenter:
        """A Segmenter of its own with the same network."""
        return copy.copy(self._loaded())

    def hold(self, kept: KeptConcept, segmenter: Segmenter) -> None:
        """Keep a Segmenter that holds this version of a concept ready; older versions are forgotten."""
        segmenter.forget_supports()
        with self._lock:
            for old in [key for key in self._ready if key[0] == kept.id]:
                del self._ready[old]
            self._ready[kept.id, kept.version] = segmenter

    def ready(self, kept: KeptConcept) -> Segmenter:
        """A Segmenter that holds this version of a concept.

        Raises:
            ReplacedError: the concept was deleted, or learned anew, meanwhile.
            WeightsError: it was fitted with other weights than the server's.
        """
        with self._lock:
            found = self._ready.get((kept.id, kept.version))
        if found is None:
            found = self.another()
            found.concept = self._concepts.load(kept)
            self.hold(kept, found)
        return found

    def stop(self) -> None:
        """Return when no engine is being made any more."""
        if self.warming is not None:
            self.warming.join()

    def _loaded(self) -> Segmenter:
        if self.base is None:
            raise RuntimeError("no network is loaded; nothing is submitted before it is")
        return self.base
