"""A Segmenter that looks at every picture once, for those who ask about the same ones again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from asgnet.model.fine import Seen

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


def remembering(segmenter: Segmenter, most: int | None = None) -> Segmenter:
    """A twin on the same network that keeps what the backbone answered about each picture.

    Fitting the twin leaves the original's fit alone. It holds some megabytes a picture while it lives.

    Args:
        segmenter: any.
        most: how many pictures are kept, the latest; by default all.
    """
    twin = copy(segmenter)
    if hasattr(segmenter, "_see"):  # what only resembles a Segmenter has nothing to remember
        twin._see = _Memory(segmenter._see, most)  # type: ignore[method-assign]
    return twin


class _Memory:
    """Answers about a batch of pictures, each asked for once."""

    def __init__(self, see: Callable[[Tensor], Seen], most: int | None) -> None:
        self.see, self.most = see, most
        self.known: dict[str, Seen] = {}

    def __call__(self, pictures: Tensor) -> Seen:
        """``b 3 s s`` uint8 -> as the Segmenter sees them."""
        each = []
        for picture in pictures:
            key = hashlib.sha256(picture.contiguous().cpu().numpy().tobytes()).hexdigest()
            if key not in self.known:
                self.known[key] = self.see(picture[None])
            each.append(self.known[key])
            if self.most is not None and len(self.known) > self.most:
                del self.known[next(iter(self.known))]
        maps = tuple(torch.cat(level) for level in zip(*(e.maps for e in each), strict=True))
        return Seen(maps, torch.cat([e.fine for e in each]))
