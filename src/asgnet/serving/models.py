"""The server's one network, and the concepts that are ready to predict with."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cachetools import LRUCache

from asgnet.serving.store.concepts import Concepts
from asgnet.serving.store.kept import KeptConcept

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
    """

    def __init__(self, concepts: Concepts):
        self._concepts, self._lock = concepts, threading.Lock()
        self._ready: LRUCache[tuple[str, int], Segmenter] = LRUCache(HELD)
        self.base: Segmenter | None = None

    def load(self, load: Callable[[], Segmenter]) -> None:
        """Take the network."""
        self.base = load()

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

    def _loaded(self) -> Segmenter:
        if self.base is None:
            raise RuntimeError("no network is loaded; nothing is submitted before it is")
        return self.base
