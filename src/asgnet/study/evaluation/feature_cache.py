"""A network that encodes every picture once, for studies that ask about the same ones again and again."""

from __future__ import annotations

import torch
from torch import Tensor

from asgnet.model.lru_cache import Recent
from asgnet.model.paper.asgnet import ASGNet, Encoded

KEPT_BYTES = 1 << 30
"""Of pictures' features, at most; one picture's are always kept."""


class EncodesOnce(ASGNet):
    """The same network, modules and tensors shared, that keeps what it encoded of the latest pictures.

    Args:
        net: any; its answers are this one's.
        most: pictures kept, if they fit in KEPT_BYTES; None: as many as fit.
    """

    def __init__(self, net: ASGNet, most: int | None = None) -> None:
        self.__dict__.update(net.__dict__)
        self._recent: Recent[Encoded] = Recent(most)

    def encode(self, images: Tensor) -> Encoded:
        """As :meth:`ASGNet.encode`."""
        encode = super().encode
        each = [self._recent(image[None], encode) for image in images]
        fit = max(KEPT_BYTES // _bytes(each[0]), 1)
        self._recent.most = fit if self._recent.most is None else min(self._recent.most, fit)
        low = [one.low for one in each if one.low is not None]
        return Encoded(torch.cat([one.features for one in each]), torch.cat(low) if low else None)


def _bytes(encoded: Encoded) -> int:
    return sum(part.numel() * part.element_size() for part in encoded if part is not None)
