"""Encode every picture once, for studies that run the same ones again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress

import torch
from cachetools import LRUCache
from torch import Tensor

from asgnet.model.paper.asgnet import Encoded

FEATURE_BYTES = 1 << 30
"""Of pictures' features, at most."""


class FeatureCache:
    """What ``encode`` makes of pictures, kept for the latest ones.

    Args:
        encode: ``b 3 H W`` normalised -> their features, as :meth:`ASGNet.encode`.
        most: pictures that are kept at most.
        most_bytes: of features that are kept.
    """

    def __init__(
        self, encode: Callable[[Tensor], Encoded], most: int = 1 << 20, most_bytes: int = FEATURE_BYTES
    ) -> None:
        self._encode = encode
        least = most_bytes // most  # what each counts for at least, so that no more than most fit
        self._kept: LRUCache[bytes, Encoded] = LRUCache(most_bytes, lambda one: max(_bytes(one), least))

    def __call__(self, images: Tensor) -> Encoded:
        """``b 3 H W`` -> as ``encode`` of each alone."""
        each = [self._one(image[None]) for image in images]
        low = [one.low for one in each if one.low is not None]
        return Encoded(torch.cat([one.features for one in each]), torch.cat(low) if low else None)

    def _one(self, image: Tensor) -> Encoded:
        key = hashlib.sha256(image.contiguous().cpu().numpy().tobytes()).digest()
        found = self._kept.get(key)
        if found is None:
            found = self._encode(image)
            with suppress(ValueError):  # too large to be kept
                self._kept[key] = found
        return found


def _bytes(encoded: Encoded) -> int:
    return sum(part.numel() * part.element_size() for part in encoded if part is not None)
