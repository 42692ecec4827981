"""The backbone's features of supports: each view encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.inference.working_scale import working_picture, working_side
from asgnet.types import Picture


class SupportFeatures:
    """Features of k pictures, at any working scale of one view and in any light.

    Args:
        backend: encodes them.
        pictures: ``h w 3`` uint8 each, of any sizes.
    """

    def __init__(self, backend: Backend, pictures: Sequence[Picture]) -> None:
        self.backend, self.pictures = backend, pictures
        self._encoded: dict[tuple[int, Scale, float], Features] = {}

    def __call__(self, which: int, scale: Scale = USUAL, gamma: float = 1.0) -> Features:
        """Those of one picture.

        Args:
            which: its number.
            scale: of one view.
            gamma: above 1 it is shown darker, below brighter.
        """
        key = which, scale, gamma
        if key not in self._encoded:
            small = working_picture(self.pictures[which], working_side(self.backend.side, scale))
            self._encoded[key] = self.backend.encode(relit(small, gamma))
        return self._encoded[key]


def relit(picture: Picture, gamma: float) -> Picture:
    """A picture darker, where gamma is above 1, or brighter."""
    return (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)[picture]
