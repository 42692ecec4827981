"""Proposed masks for pictures that arrive again and again while somebody clicks: looked at once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from asgnet.serving.uploads import picture_of
from asgnet.types import Mask

if TYPE_CHECKING:
    from asgnet.apply.interactive.propose import Proposer
    from asgnet.apply.segmenter import Segmenter


class Proposals:
    """Proposers of the last few pictures.

    Args:
        held: how many pictures stay; each takes some 20 MB.
    """

    def __init__(self, held: int = 6):
        self._held, self._lock = held, threading.Lock()
        self._known: OrderedDict[bytes, tuple[Proposer, threading.Lock]] = OrderedDict()

    def propose(
        self,
        segmenter: Segmenter,
        data: bytes,
        name: str,
        points: Iterable[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        most_pixels: int,
    ) -> Mask:
        """``h w`` in {0, 1}: as :meth:`asgnet.apply.interactive.propose.Proposer.propose`; to be called by a worker.

        Raises:
            PictureError: the picture cannot be read.
            UsageError: neither a box nor a point inside the object, or one that lies outside the picture.
        """
        from asgnet.apply.interactive.propose import Proposer

        key = hashlib.sha256(data).digest()
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = (Proposer(segmenter, picture_of(data, name, most_pixels)), threading.Lock())
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            while len(self._known) > self._held:
                self._known.popitem(last=False)
        proposer, alone = known
        with alone:
            return proposer.propose(points=list(points), box=box)
