"""A Segmenter that learns the same supports once, for studies that ask about the same ones again and again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from cachetools import LRUCache

from asgnet.apply.concept.file import Concept
from asgnet.apply.segmenter import Segmenter
from asgnet.types import Picture, Prediction


class CachedFits:
    """Fits and predicts as a Segmenter does; its Concepts keep no pictures.

    Args:
        segmenter: any; what it has learned stays.
        most: how many fits are kept, the latest asked for (about 1 MB each); None: all.
    """

    def __init__(self, segmenter: Segmenter, most: int | None = None) -> None:
        self._segmenter = copy(segmenter)
        self._fits: LRUCache[bytes, Concept] = LRUCache(math.inf if most is None else most)

    @property
    def concept(self) -> Concept | None:
        """What was learned."""
        return self._segmenter.concept

    def fit(self, images: Any, masks: Any, **options: Any) -> CachedFits:
        """As :meth:`Segmenter.fit`, of pictures and masks that are arrays."""
        key = _digest(images, masks, options)
        concept = self._fits.get(key)
        if concept is None:
            self._segmenter.fit(images, masks, **{**options, "keep_pictures": False})
            assert self.concept is not None
            self._fits[key] = self.concept
        else:
            self._segmenter.concept = concept
        return self

    def predict(self, image: Picture) -> Prediction:
        """As :meth:`Segmenter.predict`, of one picture."""
        return self._segmenter.predict(image)


def _digest(images: Any, masks: Any, options: Any) -> bytes:
    named = masks if isinstance(masks, Mapping) else {"": masks}
    digest = hashlib.sha256(repr((sorted(options.items()), list(named))).encode())
    for array in (*images, *(mask for own in named.values() for mask in own)):
        array = np.ascontiguousarray(array)
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.digest()
