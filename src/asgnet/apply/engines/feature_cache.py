"""What the backbone made of the latest pictures, for those who ask about the same ones again and again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from cachetools import LRUCache

from asgnet.apply.engines.features import Features
from asgnet.types import Picture


class FeatureCache:
    """Features of single pictures by their pixels, about 6 MB each.

    Args:
        most: how many pictures are kept, the latest asked for; None: all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._kept: LRUCache[bytes, Features] = LRUCache(math.inf if most is None else most)

    def __call__(self, picture: Picture, encode: Callable[[Picture], Features]) -> Features:
        """What ``encode`` makes of ``h w 3``, or made before of the same pixels."""
        key = hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest()
        features = self._kept.get(key)
        if features is None:
            features = self._kept[key] = encode(picture)
        return features
