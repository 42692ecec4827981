"""A Segmenter that looks at every picture once, for those who ask about the same ones again and again."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import Seen
from asgnet.model.recent import Recent

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


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
    if not isinstance(getattr(segmenter, "net", None), EvidenceNet):
        return twin  # what only resembles a Segmenter has nothing to remember
    twin.net = _SeesOnce(segmenter.net, most)
    if predictions and segmenter.engine == "torch":
        twin._answers = None  # made anew at the first prediction, from the net that remembers
    return twin


class _SeesOnce(EvidenceNet):
    """The same network, modules and tensors shared, that keeps its answers about single pictures."""

    def __init__(self, net: EvidenceNet, most: int | None) -> None:
        self.__dict__.update(net.__dict__)
        self._memory: Recent[Seen] = Recent(most)

    def see(self, images: Tensor) -> Seen:
        """As :meth:`EvidenceNet.see`."""
        if len(images) != 1 or torch.jit.is_tracing() or torch.compiler.is_compiling():
            return super().see(images)
        return self._memory(images, super().see)
