"""Proposed masks for pictures that arrive again and again while somebody clicks: encoded once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cachetools import LRUCache

from asgnet.serving.decoding import Decoder
from asgnet.types import Mask

if TYPE_CHECKING:
    from asgnet.apply.interactive.propose import Proposer
    from asgnet.apply.segmenter import Segmenter


class Proposals:
    """Proposers of the last few pictures.

    Args:
        held: how many pictures stay; each takes some 20 MB beside its pixels.
    """

    def __init__(self, held: int = 6):
        self._lock = threading.Lock()
        self._held: LRUCache[bytes, tuple[Proposer, threading.Lock]] = LRUCache(held)

    def propose(
        self,
        segmenter: Segmenter,
        data: bytes,
        name: str,
        points: Iterable[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        decoder: Decoder,
    ) -> Mask:
        """``h w`` in {0, 1}: as :meth:`asgnet.apply.interactive.propose.Proposer.propose`; to be called by a worker.

        Raises:
            PictureError: the picture cannot be read.
            UsageError: neither a box nor a point inside the object, or one that lies outside the picture.
        """
        from asgnet.apply.interactive.propose import Proposer

        key = hashlib.sha256(data).digest()
        with self._lock:
            held = self._held.get(key)
        if held is None:
            with decoder.picture(data, name) as picture:
                held = (Proposer(segmenter, picture), threading.Lock())
            with self._lock:
                held = self._held.setdefault(key, held)
        proposer, alone = held
        with alone:
            return proposer.propose(points=list(points), box=box)
