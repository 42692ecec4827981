"""What the backbone made of the latest pictures, for those who ask about the same ones again and again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from cachetools import LRUCache
from torch import Tensor

from asgnet.model.default.pixel_head import FeatureMaps


class FeatureCache:
    """Features of single pictures by their pixels, about 6 MB each.

    Args:
        most: how many pictures are kept, the latest asked for; None: all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._kept: LRUCache[bytes, FeatureMaps] = LRUCache(math.inf if most is None else most)

    def __call__(self, picture: Tensor, encode: Callable[[Tensor], FeatureMaps]) -> FeatureMaps:
        """What ``encode`` makes of ``1 3 h w``, or made before of the same pixels."""
        key = hashlib.sha256(repr(tuple(picture.shape)).encode() + picture.cpu().numpy().tobytes()).digest()
        features = self._kept.get(key)
        if features is None:
            features = self._kept[key] = encode(picture)
        return features
