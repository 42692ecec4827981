"""A Segmenter that looks at every picture once, for those who ask about the same ones again and again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asgnet.apply.segmenter import Segmenter
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.model.lru_cache import Recent
from asgnet.types import Concept


def remembering(segmenter: Segmenter, most: int | None = None, predictions: bool = False) -> Segmenter:
    """A twin on the same network that keeps what the backbone answered about each picture.

    Its answers are the original's, bit for bit; fitting the twin leaves the original's fit alone. It holds
    about 6 MB a picture while it lives, and as much again with ``predictions``.

    Args:
        segmenter: any.
        most: how many pictures are kept, the latest asked for; by default all.
        predictions: remember for ``predict`` too, not only for ``fit`` and ``look``. With the engine torch
            alone: an exported graph does everything in one go.
    """
    twin = copy(segmenter)
    if not isinstance(getattr(segmenter, "net", None), DefaultNet):
        return twin  # what only resembles a Segmenter has nothing to remember
    twin.net = _SeesOnce(segmenter.net, most)
    if predictions and segmenter.engine == "torch":
        twin._answers = None  # made anew at the first prediction, from the net that remembers
    return twin


class _SeesOnce(DefaultNet):
    """The same network, modules and tensors shared, that keeps its answers about single pictures."""

    def __init__(self, net: DefaultNet, most: int | None) -> None:
        self.__dict__.update(net.__dict__)
        self._memory: Recent[FeatureMaps] = Recent(most)

    def encode(self, images: Tensor) -> FeatureMaps:
        """As :meth:`DefaultNet.encode`."""
        if len(images) != 1 or torch.jit.is_tracing() or torch.compiler.is_compiling():
            return super().encode(images)
        return self._memory(images, super().encode)


class FitsOnce(Segmenter):
    """A twin of a Segmenter that learns the same supports once, and answers as it does.

    It keeps no pictures in its Concepts, and knows no superpixels.

    Args:
        segmenter: any; it is left as it is.
        most: how many fits are kept, the latest asked for (about 1 MB each); None: all.
    """

    def __init__(self, segmenter: Segmenter, most: int | None = None) -> None:
        self.__dict__.update(segmenter.__dict__)
        self._most = most
        self._fits: OrderedDict[bytes, Concept] = OrderedDict()

    def fit(self, images: Any, masks: Any, **options: Any) -> FitsOnce:
        """As :meth:`Segmenter.fit`, of pictures and masks that are arrays."""
        key = _digest(images, masks, options)
        if key in self._fits:
            self._keep(self._fits[key])
        else:
            super().fit(images, masks, **{**options, "keep_pictures": False})
            assert self.concept is not None
            self._fits[key] = self.concept
        self._fits.move_to_end(key)
        if self._most is not None and len(self._fits) > self._most:
            self._fits.popitem(last=False)
        return self


def _digest(images: Any, masks: Any, options: Any) -> bytes:
    named = masks if isinstance(masks, Mapping) else {"": masks}
    digest = hashlib.sha256(repr((sorted(options.items()), list(named))).encode())
    for array in (*images, *(mask for own in named.values() for mask in own)):
        array = np.ascontiguousarray(array)
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.digest()
